/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <holdfast/options.h>

#include "document.h"

/* How a run finds out which rooms have changed; see firestore.7. */
enum detection { DETECT_GROUP, DETECT_EACH };

enum sign_in { SIGN_IN_ACCOUNT, SIGN_IN_REFRESH, SIGN_IN_PASSWORD };

/* The numbers that secrets have in the table, for host->secret. */
struct secrets {
	uint32_t api_key, refresh_token, password;
};

#define MEDIA_FIELDS 16

struct room_fields {
	struct field name, kind, topic, created, members, count;
};

struct message_fields {
	struct field id, text, sender, sent, updated, edited, deleted, kind, reply_to, thread, reactions;
	struct field media[MEDIA_FIELDS];
	unsigned media_count;
};

/* Names of what stands beside a medium's URL. */
struct media_names {
	const char *name, *mime, *size, *width, *height, *duration;
};

struct contact_fields {
	struct field id, name, email, phone, organization, title, note, url;
};

/* The options, checked; text is settings' own. */
struct settings {
	const char *project, *database;
	const char *firestore, *token_endpoint, *secure_token, *identity, *storage;
	enum sign_in sign_in;
	const char *key_file, *email, *token_store;
	bool has_refresh_token;
	int64_t page_size, read_budget, look_back_ns;
	const char *rooms, *rooms_member_field, *user;
	struct room_fields room;
	const char *messages, *room_field;
	bool room_reference;
	enum detection detection;
	struct message_fields message;
	struct media_names media;
	const char *people, *room_people;
	struct field person_id, person_name;
	const char *contacts;
	struct contact_fields contact;
	char **strings;
};

extern const struct hf_option settings_options[];
extern const struct secrets settings_secrets;

/* Checks and copies.  HF_EINVAL names the option and says what is wrong with it.  *ret is freed by the caller. */
int settings_make(const struct hf_value *values, uint32_t count, struct settings **ret, struct hf_error *err);
/* NULL is fine. */
void settings_free(struct settings *settings);

#endif

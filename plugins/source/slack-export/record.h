/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORD_H
#define RECORD_H

#include <holdfast/source.h>

/* More of them in one message are left to its raw value. */
#define RECORD_REACTIONS   512
#define RECORD_SENDERS     4096
#define RECORD_ATTACHMENTS 256

/* Turns Slack's JSON objects into records, whose pointers lead into their text and into this. */
struct record {
	const struct hf_host_json *json;
	struct hf_reaction reactions[RECORD_REACTIONS];
	struct hf_text senders[RECORD_SENDERS];
	struct hf_attachment attachments[RECORD_ATTACHMENTS];
	uint64_t sender_count;
};

/* A room with what else its object tells. */
struct record_room {
	struct hf_room room;
	struct hf_json_value members; /* an array, or HF_JSON_NONE */
};

/* HF_ECORRUPT with the reason when the text is no such object.  kind: of the room. */
int record_message(struct record *record, const char *text, size_t size, struct hf_message *ret_message,
    struct hf_error *err);
int record_room(const struct hf_host_json *json, const char *text, size_t size, const char *kind,
    struct record_room *ret_room, struct hf_error *err);
/* ret_team may be NULL. */
int record_user(const struct hf_host_json *json, const char *text, size_t size,
    struct hf_participant *ret_user, struct hf_text *ret_team, struct hf_error *err);
/* A string or number as text; data NULL for everything else and for "". */
struct hf_text record_text(const struct hf_json_value *value);

#endif

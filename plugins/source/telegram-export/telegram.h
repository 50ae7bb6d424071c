/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TELEGRAM_H
#define TELEGRAM_H

#include <holdfast/files.h>

#include "../../common/feed.h"
#include "../../common/query.h"
#include "index.h"
#include "record.h"

/* An export that is open. */
struct telegram {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	const struct hf_host_files *files; /* NULL: this host does not offer it */
	char *path;   /* of result.json */
	char *folder; /* that it and the media lie in */
	struct zone zone;
	struct index index;
	struct record record;
	struct people people; /* of the chat that was read last */
};

/* An enumeration under way. */
struct run {
	struct telegram *telegram;
	const struct hf_record_sink *sink;
	uint64_t failed;
	struct people met; /* whom telegram_people has told */
};

/* Tells a failed item at a place in the file. */
int telegram_failed(struct run *run, uint64_t offset, const struct hf_error *why, struct hf_error *err);
int telegram_stopping(const struct telegram *telegram, struct hf_error *err);
/* Gets the index up to date. */
int telegram_index(struct run *run, struct hf_error *err);

/* people.c: who is known to the account, and its address book as vCards. */
int telegram_account(struct run *run, struct hf_error *err);
int telegram_people(struct run *run, struct hf_error *err);
int telegram_contacts(struct run *run, struct hf_error *err);

/* messages.c */
int telegram_rooms(struct run *run, struct hf_error *err);
/* The rooms' parts are their chats, ctx is the struct telegram. */
extern const struct query_ops telegram_query_ops;

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SOURCE_H
#define SOURCE_H

#include "query.h"

#include <holdfast/files.h>

/* The options' place in the table. */
enum option {
	OPTION_PATH, OPTION_COPY, OPTION_TIME, OPTION_MEDIA_FOLDER, OPTION_OPTIONAL, OPTION_VIEWS,
	OPTION_QUERY_TIMEOUT, OPTION_SERVICE, OPTION_ID, OPTION_NAME, OPTION_LOOK_BACK, OPTION_ORDERED, OPTION_QUERIES
};

enum which {
	QUERY_ACCOUNT, QUERY_ROOMS, QUERY_PARTICIPANTS, QUERY_PEOPLE, QUERY_MESSAGES, QUERY_ATTACHMENTS,
	QUERY_REACTIONS, QUERY_CONTACTS, QUERY_VERSION, QUERY_COUNT
};

#define OPTION_COUNT (OPTION_QUERIES + QUERY_COUNT)

/* More of them in one message are left to its raw value. */
#define REACTIONS_MAX   512
#define SENDERS_MAX     4096
#define ATTACHMENTS_MAX 256

/* A record's raw value: what an archive takes of one. */
#define RAW_MAX (7u << 20)

struct source {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_files *files; /* NULL: the host has none */
	char *texts[OPTION_COUNT]; /* NULL: not set */
	int64_t numbers[OPTION_COUNT];
	enum time_format time;
	uint64_t fingerprint; /* of the options that say what a record is like */
	struct database *database; /* NULL: not opened yet */
	struct query queries[QUERY_COUNT];
	struct text raw;
	struct pool pool; /* what the record under way points to */
	struct hf_reaction reactions[REACTIONS_MAX];
	struct hf_text senders[SENDERS_MAX];
	uint64_t sender_count;
	struct hf_attachment attachments[ATTACHMENTS_MAX];
};

/* An enumeration under way. */
struct run {
	struct source *source;
	const struct hf_record_sink *sink;
	uint64_t pushed;
	uint64_t failed;
};

/* One record, or a part of what was asked for, that cannot be read.  where: which, behind the query's name. */
int run_failed(struct run *run, const char *where, const struct hf_error *why, struct hf_error *err);
/* HF_ESTOPPING once the host says so; looks at it from time to time. */
int run_go_on(struct run *run, struct hf_error *err);
/* Whether the rest can be read although this went wrong. */
bool is_item_failure(int code);

/* A message from the row of QUERY_MESSAGES, with what the queries of attachments and reactions have of it. */
int record_message(struct source *source, const struct hf_text *room, struct hf_message *ret, struct hf_error *err);
/* From the row of their query; the account's from QUERY_ACCOUNT. */
int record_account(struct source *source, struct hf_account *ret, struct hf_error *err);
int record_room(struct source *source, struct hf_room *ret, struct hf_error *err);
int record_participant(struct source *source, enum which which, struct hf_participant *ret, struct hf_error *err);
int record_contact(struct source *source, struct hf_contact *ret, struct hf_error *err);
/* The fields of each query, for query_open. */
extern const char *const *const record_fields[QUERY_COUNT];
/* The field of a message that says how far reading has come. */
const struct cell *record_cursor(const struct source *source);

int messages_enumerate(struct run *run, const struct hf_query *query, struct hf_error *err);

#endif

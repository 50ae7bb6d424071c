/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>

#include <holdfast/source.h>

#include "../../common/zone.h"

/* More of them in one message are left to its raw value. */
#define RECORD_REACTIONS   512
#define RECORD_SENDERS     4096
#define RECORD_ATTACHMENTS 4
#define RECORD_TOPICS      4096

/* Turns Telegram's JSON objects into records, whose pointers lead into their text and into this. */
struct record {
	const struct hf_host_json *json;
	const struct zone *zone; /* of times that are told by the wall clock only */
	struct hf_reaction reactions[RECORD_REACTIONS];
	struct hf_text senders[RECORD_SENDERS];
	struct hf_attachment attachments[RECORD_ATTACHMENTS];
	uint64_t sender_count;
	char *text; /* pieces put together */
	size_t text_capacity;
	char *mended;
	size_t mended_capacity;
	int64_t topics[RECORD_TOPICS]; /* messages that began a topic, of the chat that is being read */
	size_t topic_count;
	uint64_t mends; /* messages that had to be mended */
};

void record_release(struct record *record);
/* Forgets the topics: another chat follows. */
void record_begin(struct record *record);
/*
 * HF_ECORRUPT with the reason when the text is no message.  ret_name gets the sender's name.  Control characters,
 * which Telegram Desktop spells \x1B against the rules of JSON, are spelled \u001B.
 */
int record_message(struct record *record, const char *text, size_t size, struct hf_message *ret_message,
    struct hf_text *ret_name, struct hf_error *err);

#endif

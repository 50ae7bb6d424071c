/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>

#include <holdfast/source.h>

/* More of them in one message are left to its raw value. */
#define RECORD_REACTIONS   512
#define RECORD_SENDERS     4096
#define RECORD_ATTACHMENTS 256

/* A message with more is read in another way, which takes longer. */
#define RECORD_MEMBERS 64

/* Turns lines of JSON into records, whose pointers lead into the line and into this. */
struct record {
	const struct hf_host_json *json;
	struct hf_reaction reactions[RECORD_REACTIONS];
	struct hf_text senders[RECORD_SENDERS];
	struct hf_attachment attachments[RECORD_ATTACHMENTS];
	uint64_t sender_count;
	uint64_t unread_times; /* times that were there and not understood; for the caller to reset */
};

/* HF_ECORRUPT with the reason when the line is no such record; the fields are those of holdfast-jsonl(7). */
int record_message(struct record *record, const char *line, size_t size, struct hf_message *ret_message,
    struct hf_error *err);
/* ret_members: the list of member ids, an array or HF_JSON_NONE. */
int record_room(struct record *record, const char *line, size_t size, struct hf_room *ret_room,
    struct hf_json_value *ret_members, struct hf_error *err);
int record_participant(const struct hf_host_json *json, const char *line, size_t size,
    struct hf_participant *ret_participant, struct hf_error *err);
/* The text of a string or number; data NULL for everything else. */
struct hf_text record_text(const struct hf_json_value *value);
/*
 * A text as UTF-8.  Decodes into *buffer, which it makes larger as needed (*capacity bytes, to be freed
 * by the caller), only where that is necessary.  NULL: out of memory.
 */
const char *record_utf8(const struct hf_host_json *json, const struct hf_text *text, char **buffer,
    size_t *capacity, size_t *ret_size);
/* Nanoseconds since 1970 of an RFC 3339 time, or HF_NO_TIME. */
int64_t record_time(const struct hf_json_value *value);

#endif

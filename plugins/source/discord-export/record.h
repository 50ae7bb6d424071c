/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORD_H
#define RECORD_H

#include <holdfast/source.h>

/* More of them in one message are left to its raw value. */
#define RECORD_REACTIONS   256
#define RECORD_SENDERS     8192
#define RECORD_ATTACHMENTS 64
#define RECORD_PATHS       32768

/* Turns the JSON objects of DiscordChatExporter into records, whose pointers lead into their text and into this. */
struct record {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	const char *folder;  /* of the file, below the export's folder; "": that itself */
	const char *channel; /* its id */
	struct hf_reaction reactions[RECORD_REACTIONS];
	struct hf_text senders[RECORD_SENDERS];
	struct hf_attachment attachments[RECORD_ATTACHMENTS];
	uint64_t sender_count;
	char paths[RECORD_PATHS];
	size_t path_size;
};

/* HF_ECORRUPT with the reason when the text is no message.  ret_name gets the author's name. */
int record_message(struct record *record, const char *text, size_t size, struct hf_message *ret_message,
    struct hf_text *ret_name, struct hf_error *err);

#endif

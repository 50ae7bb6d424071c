/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARTS_H
#define PARTS_H

#include <holdfast/error.h>

#include "../../common/digest.h"
#include "stamp.h"

/* The longest message. */
#define PARTS_MAX (1u << 20)

/* Reads up to size bytes: how many, 0 at the end, or a negative code. */
typedef int64_t (*parts_read_fn)(void *ctx, void *data, size_t size, struct hf_error *err);

/* Parts a text into its messages, each of which is one line that begins with a stamp and those that follow it. */
struct parts {
	parts_read_fn read;
	void *ctx;
	struct digest *digest; /* gets all bytes; NULL: none */
	char *data;
	size_t capacity;
	size_t start; /* of the message */
	size_t at;    /* of the line that is looked at next */
	size_t end;
	uint64_t line;      /* of the message that was handed out last, from 1 */
	uint64_t next_line; /* of the one at start */
	uint64_t at_line;
	bool last;
	bool inside;   /* at is in the middle of a line */
	bool skipping; /* a message was too long: its other lines are passed */
};

#define PARTS_MESSAGE 1 /* a message */
#define PARTS_OTHER   2 /* lines before the first message */
#define PARTS_LONG    3 /* a message longer than PARTS_MAX, of which the beginning is handed out */

int parts_open(struct parts *parts, parts_read_fn read, void *ctx, struct hf_error *err);
void parts_close(struct parts *parts);
/* One of the above with the text, without the end of its last line, good until the next call; 0; or negative. */
int parts_next(struct parts *parts, const char **ret_text, size_t *ret_size, struct hf_error *err);

#endif

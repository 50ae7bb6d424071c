/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>
#include <stddef.h>

#include <holdfast/host.h>

#include "digest.h"

/* The longest value that is handed out whole; memory stays near WALK_SIZE but for those that need more. */
#define WALK_SIZE 131072u
#define WALK_MAX  (8u << 20)
/* The longest name of a member that is told; longer ones come as "". */
#define WALK_NAME 256u

/* Reads up to size bytes at offset: how many, 0 at the end, or a negative code. */
typedef int64_t (*walk_read_fn)(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err);

/*
 * Walks through a JSON document of any size: into the containers that are wanted, past all else, and hands out the
 * values that are records.  It looks at brackets and quotes only, so that whatever is wrong inside of one value
 * concerns that value alone; who takes a value has it validated.  Errors say what is wrong and at which byte.
 */
struct walk {
	const struct hf_host_json *json;
	walk_read_fn read;
	void *ctx;
	struct digest *digest; /* gets all bytes that are passed; NULL: none */
	char *data;
	size_t capacity;
	size_t start; /* of what was not passed yet */
	size_t end;
	uint64_t offset; /* of data in the document */
	bool last;       /* nothing follows in the document */
	char name[WALK_NAME];
};

int walk_open(struct walk *walk, const struct hf_host_json *json, walk_read_fn read, void *ctx,
    struct hf_error *err);
void walk_close(struct walk *walk);
/* Where the next byte lies, and going there. */
uint64_t walk_tell(const struct walk *walk);
void walk_seek(struct walk *walk, uint64_t offset);
/* The next byte that is no white space, without passing it (1 for a NUL); 0 at the end; or a negative code. */
int walk_peek(struct walk *walk, struct hf_error *err);
/* Passes a byte order mark at the start. */
int walk_begin(struct walk *walk, struct hf_error *err);
/* Passes open, '{' or '['. */
int walk_enter(struct walk *walk, char open, struct hf_error *err);
/*
 * Passes what stands before the next member or element: 1 when there is one, 0 after the container's end, which is
 * passed too, or a negative code.  *first is true before the first one.
 */
int walk_next(struct walk *walk, char close, bool *first, struct hf_error *err);
/* Passes a member's name and ':'.  The name is as it is spelled between its quotes, good until the next name. */
int walk_name(struct walk *walk, struct hf_text *ret_name, struct hf_error *err);
/*
 * Passes the next value and hands it out, good until the next call.  HF_ERANGE: it is longer than max, at most
 * WALK_MAX, and nothing was passed.
 */
int walk_value(struct walk *walk, size_t max, const char **ret_text, size_t *ret_size, struct hf_error *err);
/* Passes the next value, of any length. */
int walk_skip(struct walk *walk, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/*
 * Growing bytes with a hard limit.  Appending past max or without memory sets failed and adds
 * nothing more, so that a writer of many small pieces checks once, with buffer_status.
 */
struct buffer {
	uint8_t *data;
	size_t size; /* bytes in use */
	size_t capacity;
	size_t max;
	int failed; /* 0, HF_ENOMEM or HF_ERANGE */
};

#define BUFFER_INIT(max_size) {NULL, 0, 0, (max_size), 0}

/* Makes room for more bytes; HF_OK, HF_ENOMEM or HF_ERANGE, which is also kept in failed. */
int buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_byte(struct buffer *buffer, uint8_t byte);
HF_PRINTF(2, 3) void buffer_appendf(struct buffer *buffer, const char *fmt, ...);
/* HF_OK, or what went wrong since the last clear, told in err as "what: reason". */
int buffer_status(const struct buffer *buffer, const char *what, struct hf_error *err);
/* A NUL-terminated view, good until the next change; NULL without memory. */
const char *buffer_string(struct buffer *buffer);
/* Forgets the content and failed, keeps the memory. */
void buffer_clear(struct buffer *buffer);
/* Frees the memory; the buffer can be used again. */
void buffer_release(struct buffer *buffer);
/* The same for secrets: overwrites first. */
void buffer_wipe(struct buffer *buffer);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_BYTES_H
#define LIB_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <holdfast/stream.h>

/*
 * Growing bytes with a hard limit.  What does not fit, and what there is no memory for, sets failed and adds
 * nothing more, so that a writer of many pieces looks once, with bytes_status.
 */
struct bytes {
	char *data;
	size_t size;
	size_t capacity;
	size_t max;
	int failed; /* HF_OK, HF_ENOMEM or HF_ERANGE */
};

/* clang-format off */
#define BYTES_INIT(max_size) {NULL, 0, 0, (max_size), HF_OK}
/* clang-format on */

/* Makes room for more bytes; false, and failed set, where that cannot be. */
bool bytes_reserve(struct bytes *bytes, size_t more);
void bytes_put(struct bytes *bytes, const void *data, size_t size);
void bytes_string(struct bytes *bytes, const char *string);
void bytes_char(struct bytes *bytes, char c);
HF_PRINTF(2, 3) void bytes_format(struct bytes *bytes, const char *fmt, ...);
/* A NUL-terminated view, good until the next change; NULL when something failed. */
const char *bytes_text(struct bytes *bytes);
/* HF_OK, or what went wrong since the last clear, told as "what: reason". */
int bytes_status(const struct bytes *bytes, const char *what, struct hf_error *err);
/* A sink that appends; over the limit it answers HF_ERANGE. */
struct hf_sink bytes_sink(struct bytes *bytes);
/* Forgets the content and failed, keeps the memory. */
void bytes_clear(struct bytes *bytes);
void bytes_release(struct bytes *bytes);

#endif

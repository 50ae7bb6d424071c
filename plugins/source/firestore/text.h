/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEXT_H
#define TEXT_H

#include <holdfast/host.h>

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes that grow up to max.  What does not fit, or finds no memory, is left out and failed says so, so that
 * one look at the end is enough.  A NUL stands behind the bytes once anything was put.
 */
struct text {
	char *data;
	size_t size;
	size_t capacity;
	size_t max;
	int failed; /* HF_OK, HF_ERANGE or HF_ENOMEM */
};

#define TEXT_INIT(max_) {NULL, 0, 0, (max_), HF_OK}

void text_put(struct text *text, const void *data, size_t size);
void text_string(struct text *text, const char *string);
HF_PRINTF(2, 3)
void text_printf(struct text *text, const char *fmt, ...);
/* UTF-8 as a JSON string with its quotes. */
void text_json(struct text *text, const char *data, size_t size);
/* Every byte that is not unreserved (RFC 3986) as %XX; keep: other bytes that stay. */
void text_url(struct text *text, const char *data, size_t size, const char *keep);
/* Base64 (RFC 4648), url: in the URL-safe alphabet and without padding. */
void text_base64(struct text *text, const void *data, size_t size, bool url);
/* HF_OK, or the failure with what it was that is too long. */
int text_status(const struct text *text, const char *what, struct hf_error *err);
/* Empties it, and forgets a failure. */
void text_clear(struct text *text);
void text_release(struct text *text);
/* The same for what held a secret. */
void text_wipe(struct text *text);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OUT_H
#define OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <holdfast/source.h>

/* What the host lends. */
struct tools {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
};

/*
 * Text under construction, mostly JSON, up to a hard limit.  What does not fit sets failed and adds
 * nothing more, so that a writer of many pieces looks once, with out_status.
 */
struct out {
	const struct tools *tools;
	char *data;
	size_t size;
	size_t capacity;
	size_t max;
	int failed; /* HF_OK, HF_ENOMEM, HF_ERANGE or HF_ECORRUPT */
};

#define OUT_INIT(tools, max_size) {(tools), NULL, 0, 0, (max_size), HF_OK}

bool out_grow(struct out *out, size_t more);

/* Makes room for more bytes; false, and failed set, where that cannot be. */
static inline bool
out_reserve(struct out *out, size_t more)
{
	return (out->failed == HF_OK && more <= out->capacity - out->size) || out_grow(out, more);
}

/* Inline, so that the many short literals become a store or two. */
static inline void
out_put(struct out *out, const char *data, size_t size)
{
	if (size == 0 || !out_reserve(out, size))
		return;
	memcpy(out->data + out->size, data, size);
	out->size += size;
}

/* A string literal. */
#define out_literal(out, literal) out_put((out), (literal), sizeof(literal) - 1)
void out_string(struct out *out, const char *string);
void out_other_text(struct out *out, const struct hf_text *text);
void out_other_id(struct out *out, const struct hf_text *id);

/* Text that can stand between quotes as it is. */
static inline void
out_plain(struct out *out, const struct hf_text *text)
{
	char *to;

	if (text->size >= out->max) {
		out->failed = out->failed == HF_OK ? HF_ERANGE : out->failed;
		return;
	}
	if (!out_reserve(out, (size_t)text->size + 2))
		return;
	to = out->data + out->size;
	*to++ = '"';
	memcpy(to, text->data, (size_t)text->size);
	to[text->size] = '"';
	out->size += (size_t)text->size + 2;
}

/* A JSON string; text->data must not be NULL. */
static inline void
out_text(struct out *out, const struct hf_text *text)
{
	if (text->flags & HF_TEXT_PLAIN)
		out_plain(out, text);
	else
		out_other_text(out, text);
}

/* The text itself, decoded to UTF-8. */
void out_utf8(struct out *out, const struct hf_text *text);
/* The JSON string of an id: one spelling for each id, whatever the provider's is. */
static inline void
out_id(struct out *out, const struct hf_text *id)
{
	if (id->flags & HF_TEXT_PLAIN)
		out_plain(out, id);
	else
		out_other_id(out, id);
}

/* A time as a JSON string. */
void out_time(struct out *out, int64_t ns);
void out_number(struct out *out, int64_t number);
/* A JSON value on one line, without white space between tokens. */
void out_json(struct out *out, const struct hf_blob *json);
/* HF_OK, or what went wrong, told as "what: reason". */
int out_status(const struct out *out, const char *what, struct hf_error *err);
/* A sink that appends to out; over its limit it answers HF_ERANGE. */
struct hf_sink out_sink(struct out *out);
void out_clear(struct out *out);
void out_release(struct out *out);

#endif

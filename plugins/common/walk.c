/* SPDX-License-Identifier: BSD-2-Clause */
#include "walk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int
walk_open(struct walk *walk, const struct hf_host_json *json, walk_read_fn read, void *ctx, struct hf_error *err)
{
	memset(walk, 0, sizeof(*walk));
	walk->json = json;
	walk->read = read;
	walk->ctx = ctx;
	walk->capacity = WALK_SIZE;
	walk->data = malloc(walk->capacity);
	return walk->data != NULL ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

void
walk_close(struct walk *walk)
{
	free(walk->data);
	walk->data = NULL;
}

uint64_t
walk_tell(const struct walk *walk)
{
	return walk->offset + walk->start;
}

void
walk_seek(struct walk *walk, uint64_t offset)
{
	walk->offset = offset;
	walk->start = walk->end = 0;
	walk->last = false;
}

static int
broken(const struct walk *walk, const char *why, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "%s (at byte %" PRIu64 ")", why, walk_tell(walk));
}

static int
cut_off(const struct walk *walk, struct hf_error *err)
{
	return broken(walk, "the file ends in the middle", err);
}

static void
pass(struct walk *walk, size_t size)
{
	if (walk->digest != NULL)
		digest_add(walk->digest, walk->data + walk->start, size);
	walk->start += size;
}

static int
resize(struct walk *w, size_t capacity, struct hf_error *err)
{
	char *data = realloc(w->data, capacity);

	if (data == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	w->data = data;
	w->capacity = capacity;
	return HF_OK;
}

/* Reads more behind what is there; makes the buffer larger when one value fills it. */
static int
fill(struct walk *w, struct hf_error *err)
{
	int64_t n;
	int r = HF_OK;

	memmove(w->data, w->data + w->start, w->end - w->start);
	w->offset += w->start;
	w->end -= w->start;
	w->start = 0;
	if (w->end == w->capacity)
		r = resize(w, w->capacity < WALK_MAX / 2 ? w->capacity * 2 + WALK_SIZE : WALK_MAX + WALK_SIZE, err);
	else if (w->capacity > 4 * WALK_SIZE && w->end < WALK_SIZE / 2)
		r = resize(w, WALK_SIZE, err);
	if (r != HF_OK)
		return r;
	n = w->read(w->ctx, w->offset + w->end, w->data + w->end, w->capacity - w->end, err);
	if (n < 0)
		return (int)n;
	w->end += (size_t)n;
	w->last = n == 0;
	return HF_OK;
}

int
walk_peek(struct walk *w, struct hf_error *err)
{
	size_t i;
	int r;

	for (;;) {
		for (i = w->start; i < w->end; i++) {
			char c = w->data[i];

			if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
				pass(w, i - w->start);
				return c == 0 ? 1 : (unsigned char)c;
			}
		}
		pass(w, w->end - w->start);
		if (w->last)
			return 0;
		r = fill(w, err);
		if (r != HF_OK)
			return r;
	}
}

int
walk_begin(struct walk *w, struct hf_error *err)
{
	int r = HF_OK;

	while (r == HF_OK && !w->last && w->end - w->start < 3)
		r = fill(w, err);
	if (r == HF_OK && w->end - w->start >= 3 && memcmp(w->data + w->start, "\xef\xbb\xbf", 3) == 0)
		pass(w, 3);
	return r;
}

int
walk_enter(struct walk *w, char open, struct hf_error *err)
{
	int c = walk_peek(w, err);

	if (c < 0)
		return c;
	if (c == 0)
		return cut_off(w, err);
	if (c != open)
		return broken(w, open == '[' ? "no JSON array" : "no JSON object", err);
	pass(w, 1);
	return HF_OK;
}

int
walk_next(struct walk *w, char close, bool *first, struct hf_error *err)
{
	bool was_first = *first;
	int c = walk_peek(w, err);

	if (c < 0)
		return c;
	if (c == 0)
		return cut_off(w, err);
	*first = false;
	if (c == close) {
		pass(w, 1);
		return 0;
	}
	if (was_first)
		return 1;
	if (c != ',')
		return broken(w, "no ',' between two values", err);
	pass(w, 1);
	c = walk_peek(w, err);
	if (c == 0)
		return cut_off(w, err);
	return c < 0 ? c : 1;
}

/* How far a value was looked at. */
struct span {
	size_t size; /* bytes that belong to it for sure */
	unsigned depth;
	bool begun;
	bool string;
	bool escape;
	bool scalar; /* a number or a word, which ends with what does not belong to it */
};

/* A byte that ends a number or word. */
static bool
is_end(char c)
{
	return c == ',' || c == ']' || c == '}' || c == ':' || c == '"' || c == ' ' || c == '\t' || c == '\n' ||
	    c == '\r';
}

/* Goes on through a string in text; where it ended, or size. */
static size_t
through_string(struct span *span, const char *text, size_t i, size_t size)
{
	const char *quote = NULL, *escape;
	size_t end = 0;

	while (i < size) {
		if (span->escape) {
			span->escape = false;
			i++;
			continue;
		}
		if (i > end || end == 0) {
			quote = memchr(text + i, '"', size - i);
			end = quote != NULL ? (size_t)(quote - text) : size;
		}
		escape = memchr(text + i, '\\', end - i);
		if (escape != NULL) {
			span->escape = true;
			i = (size_t)(escape - text) + 1;
		} else if (quote == NULL) {
			return size;
		} else {
			span->string = false;
			return end + 1;
		}
	}
	return i;
}

/* Goes on through a value whose text begins at text; true when its end was found, at span->size. */
static bool
span_run(struct span *span, const char *text, size_t size)
{
	size_t i = span->size;

	while (i < size) {
		char c = text[i];

		if (span->string) {
			i = through_string(span, text, i, size);
		} else if (span->scalar) {
			if (is_end(c))
				break;
			i++;
			continue;
		} else if (c == '"') {
			span->string = true;
			i++;
		} else if (c == '{' || c == '[') {
			span->depth++;
			i++;
		} else if (c == '}' || c == ']') {
			span->depth--;
			i++;
		} else if (!span->begun) {
			span->scalar = true;
		} else {
			i++;
			continue;
		}
		span->begun = true;
		if (span->depth == 0 && !span->string && !span->scalar) {
			span->size = i;
			return true;
		}
	}
	span->size = i;
	return span->scalar && i < size;
}

/* Whether a value can begin with the byte. */
static int
check_first(struct walk *w, struct hf_error *err)
{
	int c = walk_peek(w, err);

	if (c < 0)
		return c;
	if (c == 0)
		return cut_off(w, err);
	if (c == ',' || c == ':' || c == ']' || c == '}')
		return broken(w, "a value is missing", err);
	return HF_OK;
}

/* The end of the document is the end of a number or word too. */
static bool
ends_here(const struct walk *w, const struct span *span)
{
	return w->last && span->scalar;
}

int
walk_value(struct walk *w, size_t max, const char **ret_text, size_t *ret_size, struct hf_error *err)
{
	struct span span = {0, 0, false, false, false, false};
	bool whole;
	int r = check_first(w, err);

	if (r != HF_OK)
		return r;
	for (;;) {
		whole = span_run(&span, w->data + w->start, w->end - w->start) || ends_here(w, &span);
		if (span.size > max)
			return hf_error_set(err, HF_ERANGE, 0, "longer than %zu KiB (at byte %" PRIu64 ")", max >> 10,
			    walk_tell(w));
		if (whole)
			break;
		if (w->last)
			return cut_off(w, err);
		r = fill(w, err);
		if (r != HF_OK)
			return r;
	}
	*ret_text = w->data + w->start;
	*ret_size = span.size;
	pass(w, span.size);
	return HF_OK;
}

int
walk_skip(struct walk *w, struct hf_error *err)
{
	struct span span = {0, 0, false, false, false, false};
	bool whole;
	int r = check_first(w, err);

	while (r == HF_OK) {
		whole = span_run(&span, w->data + w->start, w->end - w->start) || ends_here(w, &span);
		pass(w, span.size);
		span.size = 0;
		if (whole)
			return HF_OK;
		if (w->last)
			return cut_off(w, err);
		r = fill(w, err);
	}
	return r;
}

int
walk_name(struct walk *w, struct hf_text *ret_name, struct hf_error *err)
{
	const char *text;
	size_t size;
	int c = walk_peek(w, err), r;

	if (c < 0)
		return c;
	if (c != 0 && c != '"')
		return broken(w, "no member's name", err);
	r = walk_value(w, WALK_MAX, &text, &size, err);
	if (r != HF_OK)
		return r;
	/* The buffer may move while ':' is looked for. */
	size = size - 2 <= sizeof(w->name) ? size - 2 : 0;
	memcpy(w->name, text + 1, size);
	c = walk_peek(w, err);
	if (c < 0)
		return c;
	if (c != ':')
		return c == 0 ? cut_off(w, err) : broken(w, "no ':' behind a member's name", err);
	pass(w, 1);
	*ret_name = (struct hf_text){w->name, size, HF_TEXT_JSON, 0};
	return HF_OK;
}

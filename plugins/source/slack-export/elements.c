/* SPDX-License-Identifier: BSD-2-Clause */
#include "elements.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int
elements_open(struct elements *elements, const struct hf_host_json *json, struct stream *stream,
    struct hf_error *err)
{
	memset(elements, 0, sizeof(*elements));
	elements->json = json;
	elements->stream = stream;
	elements->capacity = ELEMENTS_SIZE;
	elements->data = malloc(elements->capacity);
	if (elements->data == NULL) {
		elements_close(elements);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	return HF_OK;
}

void
elements_close(struct elements *elements)
{
	stream_close(elements->stream);
	free(elements->data);
	elements->stream = NULL;
	elements->data = NULL;
}

static int
resize(struct elements *e, size_t capacity, struct hf_error *err)
{
	char *data = realloc(e->data, capacity);

	if (data == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", stream_path(e->stream));
	e->data = data;
	e->capacity = capacity;
	return HF_OK;
}

/* Reads until the buffer is full or the file is over; makes it larger when one element fills it. */
static int
fill(struct elements *e, struct hf_error *err)
{
	int64_t n = 1;
	int r = HF_OK;

	memmove(e->data, e->data + e->start, e->end - e->start);
	e->end -= e->start;
	e->start = 0;
	if (e->end == e->capacity && e->capacity >= ELEMENTS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "element %" PRIu64 " is longer than %u MiB", e->number + 1,
		    ELEMENTS_MAX >> 20);
	if (e->end == e->capacity)
		r = resize(e, e->capacity * 2, err);
	else if (e->capacity > 4 * ELEMENTS_SIZE && e->end < ELEMENTS_SIZE / 2)
		r = resize(e, ELEMENTS_SIZE, err);
	while (r == HF_OK && n > 0 && e->end < e->capacity) {
		n = stream_read(e->stream, e->data + e->end, e->capacity - e->end, err);
		if (n < 0)
			return (int)n;
		e->end += (size_t)n;
		e->last = n == 0;
	}
	return r;
}

/* The next byte that is no white space, without taking it; 0 at the end of the file, or negative. */
static int
peek(struct elements *e, struct hf_error *err)
{
	int r;

	for (;;) {
		while (e->start < e->end) {
			char c = e->data[e->start];

			if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
				return (unsigned char)c == 0 ? 1 : (unsigned char)c;
			e->start++;
		}
		if (e->last)
			return 0;
		r = fill(e, err);
		if (r != HF_OK)
			return r;
	}
}

static int
broken(struct elements *e, const char *why, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "%s (at element %" PRIu64 ")", why, e->number + 1);
}

/* Takes '[' before the first element, ',' before the others.  1: an element follows, 0: the array is over. */
static int
pass_separator(struct elements *e, struct hf_error *err)
{
	int c;

	if (e->number == 0) {
		c = peek(e, err);
		/* A byte order mark that a program left there. */
		if (c == 0xef && e->end - e->start >= 3 && memcmp(e->data + e->start, "\xef\xbb\xbf", 3) == 0) {
			e->start += 3;
			c = peek(e, err);
		}
		if (c < 0)
			return c;
		if (c != '[')
			return broken(e, c == 0 ? "the file is empty" : "the file is no JSON array", err);
		e->start++;
	}
	c = peek(e, err);
	if (c < 0)
		return c;
	if (c == ']') {
		e->start++;
		c = peek(e, err);
		return c > 0 ? broken(e, "something follows the end of the array", err) : c;
	}
	if (e->number == 0)
		return 1;
	if (c != ',')
		return broken(e, c == 0 ? "the file ends in the middle" : "no ',' between two elements", err);
	e->start++;
	return 1;
}

int
elements_next(struct elements *e, const char **ret_text, size_t *ret_size, struct hf_error *err)
{
	int64_t size;
	int r = pass_separator(e, err);

	if (r <= 0)
		return r;
	r = peek(e, err);
	if (r < 0)
		return r;
	for (;;) {
		size = e->json->measure(e->data + e->start, e->end - e->start, err);
		if (size < 0)
			return HF_ECORRUPT;
		if (size > 0)
			break;
		if (e->last)
			return broken(e, "the file ends in the middle", err);
		r = fill(e, err);
		if (r != HF_OK)
			return r;
	}
	*ret_text = e->data + e->start;
	*ret_size = (size_t)size;
	e->start += (size_t)size;
	e->number++;
	return 1;
}

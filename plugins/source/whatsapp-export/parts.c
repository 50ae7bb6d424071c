/* SPDX-License-Identifier: BSD-2-Clause */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_SIZE 65536u

int
parts_open(struct parts *parts, parts_read_fn read, void *ctx, struct hf_error *err)
{
	memset(parts, 0, sizeof(*parts));
	parts->read = read;
	parts->ctx = ctx;
	parts->next_line = parts->at_line = 1;
	parts->capacity = PARTS_SIZE;
	parts->data = malloc(parts->capacity);
	return parts->data != NULL ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

void
parts_close(struct parts *parts)
{
	free(parts->data);
	parts->data = NULL;
}

/* Reads more behind what is there, in a larger buffer where a message fills it. */
static int
fill(struct parts *p, struct hf_error *err)
{
	char *data;
	int64_t n;

	memmove(p->data, p->data + p->start, p->end - p->start);
	p->at -= p->start;
	p->end -= p->start;
	p->start = 0;
	if (p->end == p->capacity) {
		data = realloc(p->data, p->capacity * 2 + PARTS_SIZE);
		if (data == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		p->data = data;
		p->capacity = p->capacity * 2 + PARTS_SIZE;
	}
	n = p->read(p->ctx, p->data + p->end, p->capacity - p->end, err);
	if (n < 0)
		return (int)n;
	if (p->digest != NULL)
		digest_add(p->digest, p->data + p->end, (size_t)n);
	p->end += (size_t)n;
	p->last = n == 0;
	return HF_OK;
}

/* Hands out what lies before at. */
static int
hand_out(struct parts *p, int what, const char **ret_text, size_t *ret_size)
{
	size_t size = p->at - p->start;

	*ret_text = p->data + p->start;
	if (size > 0 && (*ret_text)[size - 1] == '\n')
		size--;
	if (size > 0 && (*ret_text)[size - 1] == '\r')
		size--;
	*ret_size = size;
	p->start = p->at;
	p->line = p->next_line;
	p->next_line = p->at_line;
	return what;
}

static bool
begins_message(const struct parts *p, size_t at, size_t size)
{
	struct stamp stamp;

	return stamp_read(p->data + at, size, &stamp) > 0;
}

/* What the text from start to at is. */
static int
kind_of(const struct parts *p)
{
	return begins_message(p, p->start, p->at - p->start) ? PARTS_MESSAGE : PARTS_OTHER;
}

int
parts_next(struct parts *p, const char **ret_text, size_t *ret_size, struct hf_error *err)
{
	const char *newline;
	size_t line;
	int r;

	for (;;) {
		newline = p->at < p->end ? memchr(p->data + p->at, '\n', p->end - p->at) : NULL;
		line = newline != NULL ? (size_t)(newline - p->data) + 1 - p->at : p->end - p->at;
		if (newline == NULL && !p->last && p->end - p->start <= PARTS_MAX) {
			r = fill(p, err);
			if (r != HF_OK)
				return r;
			continue;
		}
		if (line > 0 && !p->inside && (p->at > p->start || p->skipping) && begins_message(p, p->at, line)) {
			if (!p->skipping)
				return hand_out(p, kind_of(p), ret_text, ret_size);
			p->skipping = false;
			p->start = p->at;
			p->next_line = p->at_line;
		}
		p->at += line;
		p->at_line += newline != NULL;
		p->inside = newline == NULL;
		if (p->at - p->start > PARTS_MAX || (p->skipping && line > 0)) {
			/* A message that is too long is told once. */
			if (!p->skipping) {
				p->skipping = true;
				return hand_out(p, PARTS_LONG, ret_text, ret_size);
			}
			p->start = p->at;
			p->next_line = p->at_line;
		}
		if (p->last && p->at == p->end) {
			if (p->start == p->end)
				return 0;
			return hand_out(p, kind_of(p), ret_text, ret_size);
		}
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "out.h"

#include <stdlib.h>

#define FIRST_CAPACITY 4096

void
out_clear(struct out *out)
{
	out->size = 0;
	out->failed = HF_OK;
}

void
out_release(struct out *out)
{
	free(out->data);
	out->data = NULL;
	out->capacity = 0;
	out_clear(out);
}

bool
out_grow(struct out *out, size_t more)
{
	size_t capacity = out->capacity == 0 ? FIRST_CAPACITY : out->capacity;
	char *data;

	if (out->failed != HF_OK)
		return false;
	if (more <= out->capacity - out->size)
		return true;
	if (more > out->max - out->size) {
		out->failed = HF_ERANGE;
		return false;
	}
	while (capacity - out->size < more)
		capacity *= 2;
	if (capacity > out->max)
		capacity = out->max;
	data = realloc(out->data, capacity);
	if (data == NULL) {
		out->failed = HF_ENOMEM;
		return false;
	}
	out->data = data;
	out->capacity = capacity;
	return true;
}

void
out_string(struct out *out, const char *string)
{
	out_put(out, string, strlen(string));
}

void
out_other_text(struct out *out, const struct hf_text *text)
{
	/* Escapes are rare: the room that the writer may need at worst is taken only when it is. */
	size_t more = (size_t)text->size + 2;
	uint64_t n = 0;

	if (text->size >= out->max)
		out->failed = out->failed == HF_OK ? HF_ERANGE : out->failed;
	while (n == 0 && out_reserve(out, more)) {
		n = out->tools->write->text(text, out->data + out->size, out->capacity - out->size);
		more = out->capacity - out->size + 1;
	}
	out->size += (size_t)n;
}

void
out_utf8(struct out *out, const struct hf_text *text)
{
	if (text->encoding != HF_TEXT_JSON || text->size == 0 ||
	    memchr(text->data, '\\', (size_t)text->size) == NULL) {
		out_put(out, text->data, (size_t)text->size);
		return;
	}
	if (out_reserve(out, (size_t)text->size))
		out->size += (size_t)out->tools->json->decode(text->data, text->size, out->data + out->size);
}

/* The id that a provider has spelled with escapes. */
static void
put_decoded(struct out *out, const struct hf_text *id)
{
	struct out decoded = OUT_INIT(out->tools, out->max);
	struct hf_text text;

	out_utf8(&decoded, id);
	text = (struct hf_text){decoded.data, decoded.size, HF_TEXT_UTF8, 0};
	if (decoded.failed == HF_OK)
		out_text(out, &text);
	else
		out->failed = decoded.failed;
	out_release(&decoded);
}

void
out_other_id(struct out *out, const struct hf_text *id)
{
	if (id->encoding == HF_TEXT_JSON && memchr(id->data, '\\', (size_t)id->size) != NULL)
		put_decoded(out, id);
	else
		out_text(out, id);
}

void
out_time(struct out *out, int64_t ns)
{
	if (!out_reserve(out, HF_TIME_SIZE + 2))
		return;
	out->data[out->size++] = '"';
	out->size += (size_t)out->tools->write->time(ns, out->data + out->size);
	out->data[out->size++] = '"';
}

/* Not by snprintf: sizes, widths and counts are so many that it was 1 % of a first backup. */
void
out_number(struct out *out, int64_t number)
{
	char text[20], *p = text + sizeof(text);
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do
		*--p = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (number < 0)
		*--p = '-';
	out_put(out, p, (size_t)(text + sizeof(text) - p));
}

void
out_json(struct out *out, const struct hf_blob *json)
{
	uint64_t n;

	if (json->size >= out->max)
		out->failed = out->failed == HF_OK ? HF_ERANGE : out->failed;
	if (!out_reserve(out, (size_t)json->size))
		return;
	n = out->tools->write->compact(json->data, json->size, out->data + out->size, json->size);
	/* No JSON value holds one, and a line must not break. */
	if (n == 0 || memchr(out->data + out->size, '\n', (size_t)n) != NULL)
		out->failed = HF_ECORRUPT;
	else
		out->size += (size_t)n;
}

int
out_status(const struct out *out, const char *what, struct hf_error *err)
{
	if (out->failed == HF_ERANGE)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", what, out->max);
	if (out->failed == HF_ECORRUPT)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: the source's raw value is not JSON", what);
	if (out->failed != HF_OK)
		return hf_error_set(err, out->failed, 0, "%s: out of memory", what);
	return HF_OK;
}

static int
write_out(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct out *out = ctx;

	if (size > out->max)
		out->failed = HF_ERANGE;
	else
		out_put(out, data, (size_t)size);
	return out_status(out, "a stored document", err);
}

struct hf_sink
out_sink(struct out *out)
{
	return (struct hf_sink){sizeof(struct hf_sink), 0, out, write_out};
}

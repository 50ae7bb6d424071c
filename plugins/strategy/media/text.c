/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>

static bool
reserve(struct text *text, size_t more)
{
	size_t capacity = text->capacity == 0 ? 1024 : text->capacity;
	char *data;

	if (text->failed != HF_OK)
		return false;
	if (more > text->max - text->size) {
		text->failed = HF_ERANGE;
		return false;
	}
	if (more <= text->capacity - text->size)
		return true;
	while (capacity - text->size < more)
		capacity *= 2;
	data = realloc(text->data, capacity);
	if (data == NULL) {
		text->failed = HF_ENOMEM;
		return false;
	}
	text->data = data;
	text->capacity = capacity;
	return true;
}

void
text_put(struct text *text, const void *data, size_t size)
{
	if (size == 0 || !reserve(text, size))
		return;
	memcpy(text->data + text->size, data, size);
	text->size += size;
}

void
text_string(struct text *text, const char *string)
{
	text_put(text, string, strlen(string));
}

void
text_number(struct text *text, int64_t number)
{
	char digits[24];

	text_put(text, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, number));
}

void
text_json(struct text *text, const struct tools *tools, const struct hf_text *value)
{
	uint64_t n = 0;

	if (value->size > text->max / 8) {
		text->failed = text->failed == HF_OK ? HF_ERANGE : text->failed;
		return;
	}
	if (reserve(text, 6 * (size_t)value->size + 2))
		n = tools->write->text(value, text->data + text->size, text->capacity - text->size);
	text->size += (size_t)n;
}

static void
put_name(struct text *text, const char *name)
{
	text_string(text, ",\"");
	text_string(text, name);
	text_string(text, "\":");
}

void
text_member(struct text *text, const struct tools *tools, const char *name, const struct hf_text *value)
{
	if (value->data == NULL)
		return;
	put_name(text, name);
	text_json(text, tools, value);
}

void
text_time(struct text *text, const struct tools *tools, const char *name, int64_t ns)
{
	char time[HF_TIME_SIZE];

	if (ns == HF_NO_TIME)
		return;
	put_name(text, name);
	text_string(text, "\"");
	text_put(text, time, (size_t)tools->write->time(ns, time));
	text_string(text, "\"");
}

void
text_value(struct text *text, const char *name, const struct hf_json_value *value)
{
	bool quoted = value->type == HF_JSON_STRING;

	if (value->type == HF_JSON_NONE)
		return;
	put_name(text, name);
	if (quoted)
		text_string(text, "\"");
	text_put(text, value->data, (size_t)value->size);
	if (quoted)
		text_string(text, "\"");
}

void
text_decoded(struct text *text, const struct tools *tools, const struct hf_text *value)
{
	if (value->data == NULL || value->size == 0 || !reserve(text, (size_t)value->size))
		return;
	if (value->encoding == HF_TEXT_JSON) {
		text->size += (size_t)tools->json->decode(value->data, value->size, text->data + text->size);
		return;
	}
	memcpy(text->data + text->size, value->data, (size_t)value->size);
	text->size += (size_t)value->size;
}

const char *
text_c(struct text *text)
{
	if (!reserve(text, 1))
		return NULL;
	text->data[text->size] = '\0';
	return text->data;
}

int
text_status(const struct text *text, const char *what, struct hf_error *err)
{
	if (text->failed == HF_OK)
		return HF_OK;
	if (text->failed == HF_ERANGE)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", what, text->max);
	return hf_error_set(err, text->failed, 0, "%s: out of memory", what);
}

static int
sink_write(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct text *text = ctx;

	if (size > text->max)
		text->failed = HF_ERANGE;
	else
		text_put(text, data, (size_t)size);
	return text_status(text, "what is stored", err);
}

struct hf_sink
text_sink(struct text *text)
{
	return (struct hf_sink){(uint32_t)sizeof(struct hf_sink), 0, text, sink_write};
}

void
text_clear(struct text *text)
{
	text->size = 0;
	text->failed = HF_OK;
}

void
text_release(struct text *text)
{
	free(text->data);
	text->data = NULL;
	text->capacity = 0;
	text_clear(text);
}

int64_t
value_number(const struct hf_json_value *value, int64_t other)
{
	int64_t n = 0;
	uint64_t i;

	if (value->type != HF_JSON_NUMBER || value->size > 18)
		return other;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return other;
		n = n * 10 + (value->data[i] - '0');
	}
	return n;
}

int64_t
value_time(const struct tools *tools, const struct hf_json_value *value)
{
	return value->type == HF_JSON_STRING ? tools->write->parse_time(value->data, value->size) : HF_NO_TIME;
}

bool
value_is(const struct hf_json_value *value, const char *string)
{
	size_t size = strlen(string);

	return value->type == HF_JSON_STRING && value->size == size && memcmp(value->data, string, size) == 0;
}

void
hex_put(const uint8_t *data, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < size; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * size] = '\0';
}

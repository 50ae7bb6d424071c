/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>

void
text_number(struct bytes *text, int64_t number)
{
	char digits[24];

	bytes_put(text, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, number));
}

void
text_json(struct bytes *text, const struct tools *tools, const struct hf_text *value)
{
	uint64_t n = 0;

	if (value->size > text->max / 8) {
		text->failed = text->failed == HF_OK ? HF_ERANGE : text->failed;
		return;
	}
	if (bytes_reserve(text, 6 * (size_t)value->size + 2))
		n = tools->write->text(value, text->data + text->size, text->capacity - text->size);
	text->size += (size_t)n;
}

static void
put_name(struct bytes *text, const char *name)
{
	bytes_string(text, ",\"");
	bytes_string(text, name);
	bytes_string(text, "\":");
}

void
text_member(struct bytes *text, const struct tools *tools, const char *name, const struct hf_text *value)
{
	if (value->data == NULL)
		return;
	put_name(text, name);
	text_json(text, tools, value);
}

void
text_time(struct bytes *text, const struct tools *tools, const char *name, int64_t ns)
{
	char time[HF_TIME_SIZE];

	if (ns == HF_NO_TIME)
		return;
	put_name(text, name);
	bytes_string(text, "\"");
	bytes_put(text, time, (size_t)tools->write->time(ns, time));
	bytes_string(text, "\"");
}

void
text_value(struct bytes *text, const char *name, const struct hf_json_value *value)
{
	bool quoted = value->type == HF_JSON_STRING;

	if (value->type == HF_JSON_NONE)
		return;
	put_name(text, name);
	if (quoted)
		bytes_string(text, "\"");
	bytes_put(text, value->data, (size_t)value->size);
	if (quoted)
		bytes_string(text, "\"");
}

void
text_decoded(struct bytes *text, const struct tools *tools, const struct hf_text *value)
{
	if (value->data == NULL || value->size == 0 || !bytes_reserve(text, (size_t)value->size))
		return;
	if (value->encoding == HF_TEXT_JSON) {
		text->size += (size_t)tools->json->decode(value->data, value->size, text->data + text->size);
		return;
	}
	memcpy(text->data + text->size, value->data, (size_t)value->size);
	text->size += (size_t)value->size;
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

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <holdfast/source.h>

#include "common/bytes.h"

/* What the host lends for JSON. */
struct tools {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
};

/* Each appends to text. */
void text_number(struct bytes *text, int64_t number);
/* A JSON string with its quotes, of text in either encoding; data must not be NULL. */
void text_json(struct bytes *text, const struct tools *tools, const struct hf_text *value);
/* ,"name":"value", nothing where data is NULL. */
void text_member(struct bytes *text, const struct tools *tools, const char *name, const struct hf_text *value);
/* ,"name":"RFC 3339", nothing for HF_NO_TIME. */
void text_time(struct bytes *text, const struct tools *tools, const char *name, int64_t ns);
/* ,"name":value as it is spelled: a string with its quotes, anything else as it is; nothing where there is none. */
void text_value(struct bytes *text, const char *name, const struct hf_json_value *value);
/* The bytes of text in either encoding. */
void text_decoded(struct bytes *text, const struct tools *tools, const struct hf_text *value);

/* A string value as text; data NULL where it is none. */
static inline struct hf_text
value_text(const struct hf_json_value *value)
{
	if (value->type != HF_JSON_STRING)
		return (struct hf_text){NULL, 0, HF_TEXT_UTF8, 0};
	return (struct hf_text){value->data, value->size, HF_TEXT_JSON, 0};
}

/* A whole number from 0 on, or other. */
int64_t value_number(const struct hf_json_value *value, int64_t other);
/* In nanoseconds, or HF_NO_TIME. */
int64_t value_time(const struct tools *tools, const struct hf_json_value *value);
bool value_is(const struct hf_json_value *value, const char *string);
void hex_put(const uint8_t *data, size_t size, char *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <holdfast/source.h>

/* What the host lends for JSON. */
struct tools {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
};

/*
 * Text under construction up to a limit.  What does not fit sets failed and adds nothing more, so that a writer of
 * many pieces looks once, with text_status.
 */
struct text {
	char *data;
	size_t size, capacity, max;
	int failed; /* HF_OK, HF_ENOMEM, HF_ERANGE */
};

#define TEXT_INIT(max_size) {NULL, 0, 0, (max_size), HF_OK}

void text_put(struct text *text, const void *data, size_t size);
void text_string(struct text *text, const char *string);
void text_number(struct text *text, int64_t number);
/* A JSON string with its quotes, of text in either encoding; data must not be NULL. */
void text_json(struct text *text, const struct tools *tools, const struct hf_text *value);
/* ,"name":"value", nothing where data is NULL. */
void text_member(struct text *text, const struct tools *tools, const char *name, const struct hf_text *value);
/* ,"name":"RFC 3339", nothing for HF_NO_TIME. */
void text_time(struct text *text, const struct tools *tools, const char *name, int64_t ns);
/* ,"name":value as it is spelled: a string with its quotes, anything else as it is; nothing where there is none. */
void text_value(struct text *text, const char *name, const struct hf_json_value *value);
/* The bytes of text in either encoding. */
void text_decoded(struct text *text, const struct tools *tools, const struct hf_text *value);
/* NUL-terminated, good until the next change; NULL after a failure. */
const char *text_c(struct text *text);
int text_status(const struct text *text, const char *what, struct hf_error *err);
/* Appends what is written to it. */
struct hf_sink text_sink(struct text *text);
void text_clear(struct text *text);
void text_release(struct text *text);

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

/* SPDX-License-Identifier: BSD-2-Clause */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000ll

struct hf_text
value_text_or_empty(const struct hf_json_value *value)
{
	struct hf_text text = {NULL, 0, HF_TEXT_UTF8, 0};

	if (value->type == HF_JSON_STRING || value->type == HF_JSON_NUMBER) {
		text.data = value->data;
		text.size = value->size;
		text.encoding = value->type == HF_JSON_STRING ? HF_TEXT_JSON : HF_TEXT_UTF8;
		/* A number's spelling is plain too. */
		if ((value->flags & HF_JSON_PLAIN) || value->type == HF_JSON_NUMBER)
			text.flags = HF_TEXT_PLAIN;
	}
	return text;
}

struct hf_text
value_text(const struct hf_json_value *value)
{
	struct hf_text text = value_text_or_empty(value);

	if (text.size == 0)
		text.data = NULL;
	return text;
}

struct hf_text
value_of_string(const char *string)
{
	struct hf_text text = {string, strlen(string), HF_TEXT_UTF8, 0};

	return text;
}

struct hf_text
value_either(struct hf_text a, struct hf_text b)
{
	return a.data != NULL ? a : b;
}

bool
value_is(const struct hf_json_value *value, const char *string)
{
	return value->type == HF_JSON_STRING && value->size == strlen(string) &&
	    memcmp(value->data, string, (size_t)value->size) == 0;
}

bool
value_text_is(const struct hf_text *text, const char *string)
{
	return text->data != NULL && text->size == strlen(string) &&
	    memcmp(text->data, string, (size_t)text->size) == 0;
}

int64_t
value_number(const struct hf_json_value *value, int64_t fallback)
{
	int64_t n = 0;
	uint64_t i;

	if ((value->type != HF_JSON_NUMBER && value->type != HF_JSON_STRING) || value->size == 0)
		return fallback;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9' || n > (INT64_MAX - 9) / 10)
			return fallback;
		n = n * 10 + (value->data[i] - '0');
	}
	return n;
}

int64_t
value_unix_time(const struct hf_json_value *value)
{
	int64_t seconds = value_number(value, 0);

	return seconds == 0 || seconds > INT64_MAX / NS_PER_S ? HF_NO_TIME : seconds * NS_PER_S;
}

bool
value_open(const struct hf_host_json *json, const struct hf_json_value *value, const char *const *names,
    uint32_t count, struct hf_json_value *values)
{
	return value->type == HF_JSON_OBJECT &&
	    json->object(value->data, value->size, names, count, values, NULL) == HF_OK;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t
days_of(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2), era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int
days_in_month(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

int64_t
value_civil_time(int64_t year, int month, int day, int hour, int minute, int second)
{
	/* What fits into 64 bits of nanoseconds. */
	if (year < 1680 || year > 2260 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
	    hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return HF_NO_TIME;
	return (days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * NS_PER_S;
}

char *
value_copy(const struct hf_host_json *json, const struct hf_text *text, size_t *ret_size)
{
	char *copy = malloc((size_t)text->size + 1);
	size_t size = (size_t)text->size;

	if (copy == NULL)
		return NULL;
	if (text->encoding == HF_TEXT_JSON)
		size = (size_t)json->decode(text->data, text->size, copy);
	else if (size > 0)
		memcpy(copy, text->data, size);
	copy[size] = '\0';
	if (ret_size != NULL)
		*ret_size = size;
	return copy;
}

/* How long the UTF-8 character is that begins at p, with left bytes (RFC 3629); 0: it is none. */
static size_t
character(const unsigned char *p, size_t left)
{
	unsigned c = p[0];
	size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, i;

	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || size > left)
		return 0;
	for (i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
	    (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return size;
}

bool
value_is_utf8(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	for (; size > 0; p += n, size -= n) {
		n = character(p, size);
		if (n == 0)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

/* Room for more bytes and a NUL. */
static bool
grow(struct text *text, size_t more)
{
	size_t capacity = text->capacity == 0 ? FIRST_CAPACITY : text->capacity;
	char *data;

	if (text->failed != HF_OK)
		return false;
	if (more > text->max || text->size > text->max - more) {
		text->failed = HF_ERANGE;
		return false;
	}
	while (capacity <= text->size + more)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
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
	if (!grow(text, size))
		return;
	if (size > 0)
		memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

void
text_string(struct text *text, const char *string)
{
	text_put(text, string, strlen(string));
}

void
text_printf(struct text *text, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		text->failed = text->failed == HF_OK ? HF_ERANGE : text->failed;
	else
		text_put(text, line, (size_t)n);
}

void
text_json(struct text *text, const char *data, size_t size)
{
	size_t i, from = 0;
	unsigned char c;

	text_put(text, "\"", 1);
	for (i = 0; i < size; i++) {
		c = (unsigned char)data[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_put(text, data + from, i - from);
		from = i + 1;
		if (c < 0x20)
			text_printf(text, "\\u%04x", c);
		else
			text_printf(text, "\\%c", c);
	}
	text_put(text, data + from, size - from);
	text_put(text, "\"", 1);
}

void
text_url(struct text *text, const char *data, size_t size, const char *keep)
{
	size_t i;
	unsigned char c;

	for (i = 0; i < size; i++) {
		c = (unsigned char)data[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c != '\0' && (strchr("-._~", c) != NULL || strchr(keep, c) != NULL)))
			text_put(text, data + i, 1);
		else
			text_printf(text, "%%%02X", c);
	}
}

void
text_base64(struct text *text, const void *data, size_t size, bool url)
{
	static const char alphabets[2][65] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};
	const char *alphabet = alphabets[url];
	const unsigned char *p = data;
	char four[4];
	size_t i, left;
	unsigned long bits;

	for (i = 0; i < size; i += 3) {
		left = size - i;
		bits = (unsigned long)p[i] << 16 | (left > 1 ? (unsigned long)p[i + 1] << 8 : 0) |
		    (left > 2 ? p[i + 2] : 0);
		four[0] = alphabet[bits >> 18 & 63];
		four[1] = alphabet[bits >> 12 & 63];
		four[2] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		four[3] = left > 2 ? alphabet[bits & 63] : '=';
		text_put(text, four, url && left < 3 ? left + 1 : 4);
	}
}

int
text_status(const struct text *text, const char *what, struct hf_error *err)
{
	if (text->failed == HF_ERANGE)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", what, text->max);
	if (text->failed != HF_OK)
		return hf_error_set(err, text->failed, 0, "%s: out of memory", what);
	return HF_OK;
}

void
text_clear(struct text *text)
{
	text->size = 0;
	text->failed = HF_OK;
	if (text->data != NULL)
		text->data[0] = '\0';
}

void
text_release(struct text *text)
{
	free(text->data);
	text->data = NULL;
	text->capacity = 0;
	text_clear(text);
}

void
text_wipe(struct text *text)
{
	if (text->data != NULL)
		OPENSSL_cleanse(text->data, text->capacity);
	text_release(text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/error.h>

#define FIRST_CAPACITY 1024u

#define CHUNK_SIZE 4096u
#define POOL_MAX   (8u << 20)

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

/* Makes room for size more bytes. */
static bool
reserve(struct text *text, size_t size)
{
	size_t capacity = text->capacity == 0 ? FIRST_CAPACITY : text->capacity;
	char *data;

	if (text->failed != HF_OK)
		return false;
	if (size <= text->capacity - text->size)
		return true;
	if (size > text->max - text->size) {
		text->failed = HF_ERANGE;
		return false;
	}
	while (capacity - text->size < size)
		capacity *= 2;
	if (capacity > text->max)
		capacity = text->max;
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
text_byte(struct text *text, char byte)
{
	text_put(text, &byte, 1);
}

void
text_int(struct text *text, int64_t number)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%" PRId64, number);
	text_string(text, digits);
}

void
text_real(struct text *text, double number)
{
	char digits[40];

	if (number - number != 0.0) {
		text_string(text, number > 0 ? "9e999" : "-9e999");
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%.15g", number);
	if (strtod(digits, NULL) != number)
		(void)snprintf(digits, sizeof(digits), "%.17g", number);
	/* So that it is read as a real again. */
	if (strpbrk(digits, ".e") == NULL)
		(void)strncat(digits, ".0", sizeof(digits) - strlen(digits) - 1);
	text_string(text, digits);
}

void
text_json(struct text *text, const char *utf8, size_t size)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char escape[8];
	const char *found;
	size_t i, from = 0;
	unsigned char c;

	text_byte(text, '"');
	for (i = 0; i < size; i++) {
		c = (unsigned char)utf8[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_put(text, utf8 + from, i - from);
		from = i + 1;
		for (found = escapes; *found != '\0' && *found != (char)c; found += 2)
			;
		if (*found != '\0')
			(void)snprintf(escape, sizeof(escape), "\\%c", found[1]);
		else
			(void)snprintf(escape, sizeof(escape), "\\u%04x", c);
		text_string(text, escape);
	}
	text_put(text, utf8 + from, size - from);
	text_byte(text, '"');
}

void
text_base64(struct text *text, const void *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *bytes = data;
	char four[4];
	uint32_t bits;
	size_t i, n;

	for (i = 0; i < size; i += 3) {
		n = size - i < 3 ? size - i : 3;
		bits = (uint32_t)bytes[i] << 16;
		if (n > 1)
			bits |= (uint32_t)bytes[i + 1] << 8;
		if (n > 2)
			bits |= bytes[i + 2];
		four[0] = digits[bits >> 18];
		four[1] = digits[bits >> 12 & 63];
		four[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
		four[3] = n > 2 ? digits[bits & 63] : '=';
		text_put(text, four, sizeof(four));
	}
}

size_t
utf8_character(const char *utf8, size_t size)
{
	static const struct {
		unsigned char first, last, low, high; /* of the first byte, and of the second */
		size_t size;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const unsigned char *c = (const unsigned char *)utf8;
	size_t i, k;

	for (i = 0; size > 0 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (c[0] < forms[i].first || c[0] > forms[i].last)
			continue;
		if (size < forms[i].size || (forms[i].size > 1 && (c[1] < forms[i].low || c[1] > forms[i].high)))
			return 0;
		for (k = 2; k < forms[i].size; k++)
			if ((c[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].size;
	}
	return 0;
}

bool
utf8_is_valid(const char *utf8, size_t size)
{
	size_t i = 0, n;

	while (i < size) {
		if ((unsigned char)utf8[i] < 0x80) {
			i++;
			continue;
		}
		n = utf8_character(utf8 + i, size - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

struct chunk {
	struct chunk *next;
	size_t size;
	max_align_t data[];
};

void *
pool_take(struct pool *pool, size_t size)
{
	size_t align = sizeof(max_align_t), usual = CHUNK_SIZE;
	struct chunk *chunk = pool->chunks;
	void *taken;

	if (size > POOL_MAX)
		return NULL;
	size = (size + align - 1) / align * align;
	if (chunk == NULL || size > chunk->size - pool->used) {
		if (size > usual)
			usual = size;
		if (usual > POOL_MAX - pool->total)
			return NULL;
		chunk = malloc(sizeof(*chunk) + usual);
		if (chunk == NULL)
			return NULL;
		chunk->size = usual;
		chunk->next = pool->chunks;
		pool->chunks = chunk;
		pool->total += usual;
		pool->used = 0;
	}
	taken = (char *)chunk->data + pool->used;
	pool->used += size;
	return taken;
}

void
pool_clear(struct pool *pool)
{
	struct chunk *chunk, *kept = NULL;

	while ((chunk = pool->chunks) != NULL) {
		pool->chunks = chunk->next;
		if (kept == NULL && chunk->size == CHUNK_SIZE)
			kept = chunk;
		else
			free(chunk);
	}
	if (kept != NULL)
		kept->next = NULL;
	pool->chunks = kept;
	pool->used = 0;
	pool->total = kept == NULL ? 0 : kept->size;
}

void
pool_release(struct pool *pool)
{
	pool_clear(pool);
	free(pool->chunks);
	pool->chunks = NULL;
	pool->total = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "typedstream.h"

#include "text.h"

#include <stdint.h>
#include <string.h>

/* Version 4, and the system that wrote it; then a string of 11 bytes. */
#define HEADER      "\x04\x0bstreamtyped"
#define HEADER_SIZE 13

/* A new string follows (0x84), of one byte: the type "+", which is that of bytes with a length. */
#define BYTES_TYPE      "\x84\x01+"
#define BYTES_TYPE_SIZE 3

/* Between the class's name and the type: its version, and references to what came before. */
#define CLASS_GAP 12

/* Numbers of more than a byte are told by one of these, and follow in little-endian order. */
#define NUMBER_16 0x81
#define NUMBER_32 0x82

static const unsigned char *
find(const unsigned char *data, size_t size, const char *what, size_t what_size)
{
	const unsigned char *at = data, *end = data + size;

	while ((size_t)(end - at) >= what_size) {
		at = memchr(at, (unsigned char)what[0], (size_t)(end - at) - what_size + 1);
		if (at == NULL)
			return NULL;
		if (memcmp(at, what, what_size) == 0)
			return at;
		at++;
	}
	return NULL;
}

static bool
read_bytes(const unsigned char *at, const unsigned char *end, const char **ret, size_t *ret_size)
{
	size_t left = (size_t)(end - at), size;

	if (left >= 1 && at[0] < 0x80) {
		size = at[0];
		at += 1;
	} else if (left >= 3 && at[0] == NUMBER_16) {
		size = (size_t)at[1] | (size_t)at[2] << 8;
		at += 3;
	} else if (left >= 5 && at[0] == NUMBER_32) {
		size = (size_t)at[1] | (size_t)at[2] << 8 | (size_t)at[3] << 16 | (size_t)at[4] << 24;
		at += 5;
	} else {
		return false;
	}
	if (size > (size_t)(end - at) || !utf8_is_valid((const char *)at, size))
		return false;
	*ret = (const char *)at;
	*ret_size = size;
	return true;
}

bool
typedstream_text(const void *data, size_t size, const char **ret, size_t *ret_size)
{
	static const char name[] = "NSString";
	const unsigned char *at = data, *end, *type;

	if (size < HEADER_SIZE || memcmp(at, HEADER, HEADER_SIZE) != 0)
		return false;
	end = at + size;
	at = find(at + HEADER_SIZE, size - HEADER_SIZE, name, sizeof(name) - 1);
	if (at == NULL)
		return false;
	at += sizeof(name) - 1;
	type = find(at, (size_t)(end - at) < CLASS_GAP ? (size_t)(end - at) : CLASS_GAP, BYTES_TYPE, BYTES_TYPE_SIZE);
	return type != NULL && read_bytes(type + BYTES_TYPE_SIZE, end, ret, ret_size);
}

static void
call(sqlite3_context *context, int count, sqlite3_value **values)
{
	const void *data;
	const char *text;
	size_t size;

	(void)count;
	if (sqlite3_value_type(values[0]) != SQLITE_BLOB)
		return;
	data = sqlite3_value_blob(values[0]);
	if (data != NULL && typedstream_text(data, (size_t)sqlite3_value_bytes(values[0]), &text, &size))
		sqlite3_result_text(context, text, (int)size, SQLITE_TRANSIENT);
}

int
typedstream_register(sqlite3 *db)
{
	return sqlite3_create_function_v2(db, "typedstream_text", 1,
	    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, call, NULL, NULL, NULL);
}

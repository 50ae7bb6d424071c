/* SPDX-License-Identifier: BSD-2-Clause */
#include "cursor.h"

#include <stdlib.h>
#include <string.h>

#define ROW_HEAD (2 + 16 + 1) /* "F ", the fingerprint, a space */

bool
cursor_open(struct cursor *cursor, const struct hf_blob *blob)
{
	size_t size = strlen(CURSOR_HEAD);

	memset(cursor, 0, sizeof(*cursor));
	if (blob->size < size || memcmp(blob->data, CURSOR_HEAD, size) != 0 ||
	    ((const char *)blob->data)[blob->size - 1] != '\n')
		return false;
	cursor->at = (const char *)blob->data + size;
	cursor->end = (const char *)blob->data + blob->size;
	return true;
}

static const char *
line_end(const struct cursor *cursor, const char *at)
{
	return (const char *)memchr(at, '\n', (size_t)(cursor->end - at)) + 1;
}

void
cursor_next(struct cursor *cursor)
{
	const char *end;
	char digits[17];

	cursor->has_row = false;
	/* Lines that are none are passed over: their files are read again. */
	while (cursor->at < cursor->end) {
		end = line_end(cursor, cursor->at);
		if (end - cursor->at > ROW_HEAD && cursor->at[0] == 'F' && cursor->at[1] == ' ')
			break;
		cursor->at = end;
	}
	if (cursor->at >= cursor->end)
		return;
	end = line_end(cursor, cursor->at);
	memcpy(digits, cursor->at + 2, 16);
	digits[16] = '\0';
	cursor->fingerprint = strtoull(digits, NULL, 16);
	cursor->path = cursor->at + ROW_HEAD;
	cursor->path_size = (size_t)(end - cursor->path - 1);
	cursor->ids = end;
	while (end < cursor->end && *end == ' ')
		end = line_end(cursor, end);
	cursor->ids_end = end;
	cursor->at = end;
	cursor->has_row = true;
}

bool
cursor_next_id(const struct cursor *cursor, const char **pos, struct hf_text *ret_id)
{
	const char *at = *pos == NULL ? cursor->ids : *pos, *end;

	if (at >= cursor->ids_end)
		return false;
	end = line_end(cursor, at);
	*ret_id = (struct hf_text){at + 1, (uint64_t)(end - at - 2), HF_TEXT_UTF8, 0};
	*pos = end;
	return true;
}

/* The bytes of a character of UTF-8 above U+007F, or 0 (RFC 3629). */
static size_t
long_character(const unsigned char *data, size_t left)
{
	size_t n = data[0] < 0xc2 ? 0 : data[0] < 0xe0 ? 2 : data[0] < 0xf0 ? 3 : data[0] < 0xf5 ? 4 : 0, i;

	if (n == 0 || n > left)
		return 0;
	for (i = 1; i < n; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((data[0] == 0xe0 && data[1] < 0xa0) || (data[0] == 0xed && data[1] > 0x9f) ||
	    (data[0] == 0xf0 && data[1] < 0x90) || (data[0] == 0xf4 && data[1] > 0x8f))
		return 0;
	return n;
}

void
cursor_encode(const char *text, size_t size, struct bytes *out)
{
	const unsigned char *data = (const unsigned char *)text;
	size_t i, n;

	for (i = 0; i < size; i += n) {
		n = data[i] < 0x80 ? 1 : long_character(data + i, size - i);
		if (n > 1 || (n == 1 && data[i] > ' ' && data[i] < 0x7f && data[i] != '%' && data[i] != '#')) {
			bytes_put(out, text + i, n);
		} else {
			bytes_format(out, "%%%02X", data[i]);
			n = 1;
		}
	}
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void
cursor_decode(const char *text, size_t size, struct bytes *out)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] == '%' && i + 2 < size && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
			bytes_char(out, (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
			i += 2;
		} else {
			bytes_char(out, text[i]);
		}
	}
}

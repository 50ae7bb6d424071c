/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "progress/escape.h"

#include <inttypes.h>
#include <stdbool.h>

/* One code point of at most size bytes; its length, or 0 where the bytes are no UTF-8 (RFC 3629). */
static size_t
decode(const uint8_t *text, size_t size, uint32_t *ret)
{
	static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length, i;
	uint32_t point;

	if (text[0] < 0x80)
		length = 1;
	else if (text[0] >= 0xc2 && text[0] < 0xe0)
		length = 2;
	else if (text[0] >= 0xe0 && text[0] < 0xf0)
		length = 3;
	else if (text[0] >= 0xf0 && text[0] < 0xf5)
		length = 4;
	else
		return 0;
	if (length > size)
		return 0;
	point = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));
	for (i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret = point;
	return length;
}

static bool
dangerous(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) || /* C0, DEL, C1 */
	    point == 0x061c || point == 0x200e || point == 0x200f || /* direction marks */
	    (point >= 0x2028 && point <= 0x202e) || /* line and paragraph separators, bidi embeddings */
	    (point >= 0x2066 && point <= 0x206f) || /* bidi isolates, deprecated formats */
	    point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
	    (point >= 0xe0000 && point <= 0xe007f); /* invisible tags */
}

void
escape_text(struct buffer *out, const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;
	uint32_t point = 0;
	size_t length;

	while (size > 0) {
		length = decode(bytes, size, &point);
		if (length == 0)
			buffer_appendf(out, "\\x%02x", bytes[0]);
		else if (point == '\\')
			buffer_append_string(out, "\\\\");
		else if (dangerous(point) && point < 0x80)
			buffer_appendf(out, "\\x%02" PRIx32, point);
		else if (dangerous(point))
			buffer_appendf(out, "\\u{%" PRIx32 "}", point);
		else
			buffer_append(out, bytes, length);
		bytes += length == 0 ? 1 : length;
		size -= length == 0 ? 1 : length;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* What cards name, and what iconv is asked for: never a name that a card made up. */
static const struct {
	const char *name, *iconv_name;
} known[] = {
    {"ISO-8859-1", "CP1252"}, {"LATIN1", "CP1252"}, {"WINDOWS-1252", "CP1252"}, {"CP1252", "CP1252"},
    {"ISO-8859-2", "ISO-8859-2"}, {"ISO-8859-3", "ISO-8859-3"}, {"ISO-8859-4", "ISO-8859-4"},
    {"ISO-8859-5", "ISO-8859-5"}, {"ISO-8859-6", "ISO-8859-6"}, {"ISO-8859-7", "ISO-8859-7"},
    {"ISO-8859-8", "ISO-8859-8"}, {"ISO-8859-9", "ISO-8859-9"}, {"ISO-8859-13", "ISO-8859-13"},
    {"ISO-8859-15", "ISO-8859-15"}, {"WINDOWS-1250", "CP1250"}, {"WINDOWS-1251", "CP1251"},
    {"WINDOWS-1253", "CP1253"}, {"WINDOWS-1254", "CP1254"}, {"WINDOWS-1255", "CP1255"},
    {"WINDOWS-1256", "CP1256"}, {"WINDOWS-1257", "CP1257"}, {"WINDOWS-1258", "CP1258"}, {"KOI8-R", "KOI8-R"},
    {"KOI8-U", "KOI8-U"}, {"SHIFT_JIS", "CP932"}, {"SHIFT-JIS", "CP932"}, {"X-SJIS", "CP932"}, {"SJIS", "CP932"},
    {"CP932", "CP932"}, {"WINDOWS-31J", "CP932"}, {"EUC-JP", "EUC-JP"}, {"ISO-2022-JP", "ISO-2022-JP"},
    {"GB2312", "GBK"}, {"GBK", "GBK"}, {"GB18030", "GB18030"}, {"BIG5", "BIG5"}, {"EUC-KR", "EUC-KR"},
    {"KS_C_5601-1987", "EUC-KR"}, {"TIS-620", "TIS-620"},
};

/* The bytes of a character of UTF-8 at data, or 0 where there is none (RFC 3629). */
static size_t
utf8_length(const unsigned char *data, size_t left)
{
	size_t n, i;

	if (data[0] < 0x80)
		return 1;
	n = data[0] < 0xc2 ? 0 : data[0] < 0xe0 ? 2 : data[0] < 0xf0 ? 3 : data[0] < 0xf5 ? 4 : 0;
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

static bool
is_utf8(const char *text, size_t size)
{
	size_t at = 0, n;

	while (at < size) {
		n = utf8_length((const unsigned char *)text + at, size - at);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

static void
put_utf8(const char *text, size_t size, struct bytes *out)
{
	size_t at = 0, n;

	while (at < size) {
		n = utf8_length((const unsigned char *)text + at, size - at);
		if (n == 0)
			bytes_string(out, REPLACEMENT);
		else
			bytes_put(out, text + at, n);
		at += n == 0 ? 1 : n;
	}
}

static void
convert(iconv_t how, const char *text, size_t size, struct bytes *out)
{
	char *from = (char *)(uintptr_t)text, piece[256], *to;
	size_t left = size, room;

	while (left > 0) {
		to = piece;
		room = sizeof(piece);
		if (iconv(how, &from, &left, &to, &room) == (size_t)-1 && errno != E2BIG) {
			bytes_put(out, piece, sizeof(piece) - room);
			bytes_string(out, REPLACEMENT);
			from++;
			left--;
			(void)iconv(how, NULL, NULL, NULL, NULL);
			continue;
		}
		bytes_put(out, piece, sizeof(piece) - room);
	}
}

static const char *
find_name(const char *name, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == size && strncasecmp(known[i].name, name, size) == 0)
			return known[i].iconv_name;
	}
	return NULL;
}

void
charset_decode(const char *name, size_t name_size, const char *text, size_t size, struct bytes *out)
{
	const char *iconv_name = name_size == 0 ? NULL : find_name(name, name_size);
	iconv_t how;

	if (iconv_name == NULL && is_utf8(text, size)) {
		bytes_put(out, text, size);
		return;
	}
	how = iconv_open("UTF-8", iconv_name == NULL ? "CP1252" : iconv_name);
	if (how == (iconv_t)-1) {
		put_utf8(text, size, out);
		return;
	}
	convert(how, text, size, out);
	(void)iconv_close(how);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/json.h"

#include <json-c/json.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ONES  0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* Names that get a bit each in the table of first bytes; more are looked through one by one. */
#define NAME_BITS 64

/* One pass over text.  why stays NULL while all is well. */
struct scan {
	const char *begin;
	const char *p;
	const char *end;
	const char *why;
	unsigned depth;
	unsigned depth_max;
	bool cut; /* the text ended where more had to follow */
};

static bool
scan_fail(struct scan *s, const char *why)
{
	if (s->why == NULL)
		s->why = why;
	return false;
}

static bool
scan_cut(struct scan *s)
{
	s->cut = true;
	return scan_fail(s, "it ends in the middle of a value");
}

static inline void
skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

/*
 * How long the UTF-8 sequence at p is (2 to 4; its first byte is 0x80 or more).  0: not UTF-8; -1: cut
 * off.  The ranges are those of the Unicode Standard, table 3-7.
 */
static int
utf8_length(const char *p, const char *end)
{
	unsigned char c = (unsigned char)*p, low = 0x80, high = 0xbf;
	int i, n;

	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
	} else if (c >= 0xe0 && c <= 0xef) {
		n = 3;
		if (c == 0xe0)
			low = 0xa0;
		else if (c == 0xed)
			high = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		if (c == 0xf0)
			low = 0x90;
		else if (c == 0xf4)
			high = 0x8f;
	} else {
		return 0;
	}
	for (i = 1; i < n; i++) {
		if (end - p <= i)
			return -1;
		c = (unsigned char)p[i];
		if (c < low || c > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

bool
json_is_utf8(const char *text, size_t size)
{
	const char *p = text, *end = text + size;
	int n;

	while (p < end) {
		if ((unsigned char)*p < 0x80) {
			p++;
			continue;
		}
		n = utf8_length(p, end);
		if (n <= 0)
			return false;
		p += n;
	}
	return true;
}

/*
 * Of eight bytes those that do not stand for themselves in a string, their high bit set: all but
 * printable ASCII, '"' and '\'.  The lowest is exact: borrows only reach the bytes above a true hit.
 */
static inline uint64_t
special_bytes(const char *p)
{
	uint64_t x, quote, backslash;

	memcpy(&x, p, 8);
	quote = x ^ (ONES * '"');
	backslash = x ^ (ONES * '\\');
	return (((x - ONES * 0x20) & ~x) | ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | x) &
	    HIGHS;
}

/* Skips bytes that stand for themselves in a string: printable ASCII but for '"' and '\'. */
static inline const char *
skip_plain(const char *p, const char *end)
{
	const char *begin = p;
	uint64_t hit;

	while (end - p >= 8) {
		hit = special_bytes(p);
		if (hit == 0) {
			p += 8;
			continue;
		}
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		return p + ((unsigned)__builtin_ctzll(hit) >> 3);
#else
		break;
#endif
	}
	/* The last bytes once more together with some that are known. */
	if (p < end && end - begin >= 8 && special_bytes(end - 8) == 0)
		return end;
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
scan_escape(struct scan *s)
{
	int i;

	if (s->end - s->p < 2)
		return scan_cut(s);
	switch (s->p[1]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		s->p += 2;
		return true;
	case 'u':
		for (i = 2; i < 6; i++) {
			if (s->end - s->p <= i)
				return scan_cut(s);
			if (hex_digit(s->p[i]) < 0)
				return scan_fail(s, "\\u without four hexadecimal digits");
		}
		s->p += 6;
		return true;
	}
	return scan_fail(s, "an escape that JSON does not know");
}

/* Runs to the first '"' that ends a string, or to s->end. */
static bool
scan_inside(struct scan *s)
{
	unsigned char c;
	int n;

	for (;;) {
		s->p = skip_plain(s->p, s->end);
		if (s->p == s->end)
			return true;
		c = (unsigned char)*s->p;
		if (c == '"')
			return true;
		if (c == '\\') {
			if (!scan_escape(s))
				return false;
		} else if (c < 0x20) {
			return scan_fail(s, "a control character inside a string");
		} else {
			do {
				n = utf8_length(s->p, s->end);
				if (n < 0)
					return scan_cut(s);
				if (n == 0)
					return scan_fail(s, "bytes that are not UTF-8");
				s->p += n;
			} while (s->p < s->end && (unsigned char)*s->p >= 0x80);
		}
	}
}

/* At the opening quote; leaves p after the closing one. */
static inline bool
scan_string(struct scan *s)
{
	s->p++;
	if (!scan_inside(s))
		return false;
	if (s->p == s->end)
		return scan_cut(s);
	s->p++;
	return true;
}

static bool
scan_digits(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	if (s->p > start)
		return true;
	return s->p == s->end ? scan_cut(s) : scan_fail(s, "a number without digits where some must be");
}

static bool
scan_number(struct scan *s)
{
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!scan_digits(s))
		return false;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!scan_digits(s))
			return false;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!scan_digits(s))
			return false;
	}
	return true;
}

static bool
scan_word(struct scan *s, const char *word, size_t size)
{
	size_t left = (size_t)(s->end - s->p);

	if (memcmp(s->p, word, left < size ? left : size) != 0)
		return scan_fail(s, "a word that is not true, false or null");
	if (left < size)
		return scan_cut(s);
	s->p += size;
	return true;
}

static uint32_t scan_value(struct scan *s);

/* After an element: HF_JSON_NONE is failure, else whether a comma or the closing byte came. */
static inline int
scan_separator(struct scan *s, char closing)
{
	skip_space(s);
	if (s->p == s->end)
		return scan_cut(s) ? 0 : -1;
	if (*s->p == ',') {
		s->p++;
		skip_space(s);
		return 1;
	}
	if (*s->p == closing) {
		s->p++;
		return 0;
	}
	(void)scan_fail(s, closing == '}' ? "no ',' or '}' after a member" : "no ',' or ']' after an element");
	return -1;
}

/* At the bracket; steps inside.  1: something follows, 0: it was empty and is passed, -1: failed. */
static inline int
scan_enter(struct scan *s, char closing)
{
	if (s->depth >= s->depth_max) {
		(void)scan_fail(s, "nested too deeply");
		return -1;
	}
	s->p++;
	skip_space(s);
	if (s->p < s->end && *s->p == closing) {
		s->p++;
		return 0;
	}
	s->depth++;
	return 1;
}

/* A member's name and colon; the name without its quotes is in *ret_name, *ret_size. */
static inline bool
scan_name(struct scan *s, const char **ret_name, size_t *ret_size)
{
	if (s->p == s->end)
		return scan_cut(s);
	if (*s->p != '"')
		return scan_fail(s, "a member's name that is not in quotes");
	*ret_name = s->p + 1;
	if (!scan_string(s))
		return false;
	*ret_size = (size_t)(s->p - 1 - *ret_name);
	skip_space(s);
	if (s->p == s->end)
		return scan_cut(s);
	if (*s->p != ':')
		return scan_fail(s, "no ':' after a member's name");
	s->p++;
	skip_space(s);
	return true;
}

static bool
scan_object(struct scan *s)
{
	const char *name;
	size_t size;
	int more = scan_enter(s, '}');

	if (more <= 0)
		return more == 0;
	do {
		if (!scan_name(s, &name, &size) || scan_value(s) == HF_JSON_NONE)
			return false;
		more = scan_separator(s, '}');
	} while (more > 0);
	s->depth--;
	return more == 0;
}

static bool
scan_array(struct scan *s)
{
	int more = scan_enter(s, ']');

	if (more <= 0)
		return more == 0;
	do {
		if (scan_value(s) == HF_JSON_NONE)
			return false;
		more = scan_separator(s, ']');
	} while (more > 0);
	s->depth--;
	return more == 0;
}

/* Passes one value and says its type; HF_JSON_NONE: failed.  Recursion ends at depth_max. */
static uint32_t
scan_value(struct scan *s)
{
	if (s->p == s->end) {
		(void)scan_cut(s);
		return HF_JSON_NONE;
	}
	switch (*s->p) {
	case '"':
		return scan_string(s) ? HF_JSON_STRING : HF_JSON_NONE;
	case '{':
		return scan_object(s) ? HF_JSON_OBJECT : HF_JSON_NONE;
	case '[':
		return scan_array(s) ? HF_JSON_ARRAY : HF_JSON_NONE;
	case 't':
		return scan_word(s, "true", 4) ? HF_JSON_TRUE : HF_JSON_NONE;
	case 'f':
		return scan_word(s, "false", 5) ? HF_JSON_FALSE : HF_JSON_NONE;
	case 'n':
		return scan_word(s, "null", 4) ? HF_JSON_NULL : HF_JSON_NONE;
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return scan_number(s) ? HF_JSON_NUMBER : HF_JSON_NONE;
	}
	(void)scan_fail(s, "something that begins no JSON value");
	return HF_JSON_NONE;
}

static int
scan_error(const struct scan *s, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "not valid JSON: at byte %llu: %s",
	    (unsigned long long)(s->p - s->begin), s->why);
}

static inline void
value_set(struct hf_json_value *value, uint32_t type, const char *start, const char *end)
{
	unsigned quote = type == HF_JSON_STRING;

	value->data = start + quote;
	value->size = (uint64_t)(end - start) - 2 * quote;
	value->type = type;
	value->reserved = 0;
}

/* Which of the wanted names may begin with a byte, one bit each. */
struct wanted {
	const char *const *names;
	uint32_t count;
	uint64_t by_first[32];
};

static inline void
wanted_value(const struct wanted *w, const char *name, size_t size, struct hf_json_value *values,
    uint32_t type, const char *start, const char *end)
{
	uint64_t bits = size > 0 ? w->by_first[(unsigned char)name[0] & 31] : w->by_first[0];
	uint32_t i;

	for (; bits != 0; bits &= bits - 1) {
		i = (uint32_t)__builtin_ctzll(bits);
		if (strncmp(w->names[i], name, size) == 0 && w->names[i][size] == '\0')
			value_set(&values[i], type, start, end);
	}
	for (i = NAME_BITS; i < w->count; i++)
		if (strncmp(w->names[i], name, size) == 0 && w->names[i][size] == '\0')
			value_set(&values[i], type, start, end);
}

static bool
slice_members(struct scan *s, const struct wanted *w, struct hf_json_value *values)
{
	const char *name, *start;
	uint32_t type;
	size_t size;
	int more;

	if (s->p == s->end || *s->p != '{')
		return s->p == s->end ? scan_cut(s) : scan_fail(s, "not an object");
	more = scan_enter(s, '}');
	if (more <= 0)
		return more == 0;
	do {
		if (!scan_name(s, &name, &size))
			return false;
		start = s->p;
		type = scan_value(s);
		if (type == HF_JSON_NONE)
			return false;
		wanted_value(w, name, size, values, type, start, s->p);
		more = scan_separator(s, '}');
	} while (more > 0);
	return more == 0;
}

int
json_slice_object(const char *text, uint64_t size, const char *const *names, uint32_t count,
    struct hf_json_value *values, struct hf_error *err)
{
	struct scan s = {text, text, text + size, NULL, 0, JSON_DEPTH_MAX, false};
	struct wanted w;
	uint32_t i;

	w.names = names;
	w.count = count;
	memset(w.by_first, 0, sizeof(w.by_first));
	for (i = 0; i < count && i < NAME_BITS; i++)
		w.by_first[(unsigned char)names[i][0] & 31] |= 1ull << i;
	if (count > 0)
		memset(values, 0, count * sizeof(*values));
	skip_space(&s);
	if (!slice_members(&s, &w, values))
		return scan_error(&s, err);
	skip_space(&s);
	if (s.p != s.end) {
		(void)scan_fail(&s, "something after the end of the object");
		return scan_error(&s, err);
	}
	return HF_OK;
}

int
json_next(const struct hf_json_value *container, uint64_t *pos, struct hf_json_value *name,
    struct hf_json_value *value, struct hf_error *err)
{
	struct scan s = {container->data, NULL, container->data + container->size, NULL, 0, JSON_DEPTH_MAX,
	    false};
	bool object = container->type == HF_JSON_OBJECT;
	const char *start = NULL;
	uint32_t type;
	size_t size = 0;
	int more;

	if ((!object && container->type != HF_JSON_ARRAY) || container->size < 2 || *pos > container->size)
		return hf_error_set(err, HF_EINVAL, 0, "a JSON value that is no array or object has no elements");
	s.p = container->data + *pos;
	more = *pos == 0 ? scan_enter(&s, object ? '}' : ']') : scan_separator(&s, object ? '}' : ']');
	/* After the last element *pos stays before the closing bracket, so that asking again is safe. */
	if (more <= 0)
		return more == 0 ? 0 : scan_error(&s, err);
	s.depth = 0;
	if (object && !scan_name(&s, &start, &size))
		return scan_error(&s, err);
	if (name != NULL) {
		memset(name, 0, sizeof(*name));
		if (object)
			value_set(name, HF_JSON_STRING, start - 1, start + size + 1);
	}
	start = s.p;
	type = scan_value(&s);
	if (type == HF_JSON_NONE)
		return scan_error(&s, err);
	value_set(value, type, start, s.p);
	*pos = (uint64_t)(s.p - s.begin);
	return 1;
}

int64_t
json_measure(const char *data, uint64_t size, struct hf_error *err)
{
	struct scan s = {data, data, data + size, NULL, 0, JSON_DEPTH_MAX, false};
	uint32_t type;

	skip_space(&s);
	type = scan_value(&s);
	if (type == HF_JSON_NONE)
		return s.cut ? 0 : scan_error(&s, err);
	/* A number at the very end may go on. */
	if (type == HF_JSON_NUMBER && s.p == s.end)
		return 0;
	return (int64_t)(s.p - s.begin);
}

/* The code unit of the \uXXXX at p, or -1 when there is none. */
static int32_t
unicode_escape(const char *p, const char *end)
{
	int32_t unit = 0;
	int i, digit;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++) {
		digit = hex_digit(p[i]);
		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* The code point at the \u escape p, U+FFFD for a lone surrogate; *ret_size is what it takes. */
static uint32_t
escaped_point(const char *p, const char *end, size_t *ret_size)
{
	int32_t unit = unicode_escape(p, end), low;

	*ret_size = 6;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		low = unicode_escape(p + 6, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*ret_size = 12;
			return 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
		}
	}
	if (unit >= 0xd800 && unit <= 0xdfff)
		return 0xfffd;
	return (uint32_t)unit;
}

static char *
put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | (c >> 6));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | (c >> 12));
		*out++ = (char)(0x80 | ((c >> 6) & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | (c >> 18));
		*out++ = (char)(0x80 | ((c >> 12) & 0x3f));
		*out++ = (char)(0x80 | ((c >> 6) & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

uint64_t
json_decode(const char *text, uint64_t size, char *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *p = text, *end = text + size, *q, *known;
	char *o = out;
	size_t taken;

	while (p < end) {
		q = memchr(p, '\\', (size_t)(end - p));
		if (q == NULL)
			q = end;
		memmove(o, p, (size_t)(q - p));
		o += q - p;
		p = q;
		if (p == end)
			break;
		if (unicode_escape(p, end) >= 0) {
			o = put_utf8(o, escaped_point(p, end, &taken));
			p += taken;
			continue;
		}
		/* A backslash that ends the text is no JSON; it stands for itself. */
		if (end - p < 2) {
			*o++ = *p++;
			continue;
		}
		known = p[1] != '\0' ? strchr(from, p[1]) : NULL;
		*o++ = known != NULL ? to[known - from] : p[1];
		p += 2;
	}
	return (uint64_t)(o - out);
}

const struct hf_host_json json_host_extension = {
	.struct_size = sizeof(struct hf_host_json),
	.object = json_slice_object,
	.next = json_next,
	.decode = json_decode,
	.measure = json_measure,
};

static void
put_escaped(struct buffer *buffer, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *known = c != '\0' ? strchr(from, c) : NULL;

	if (known != NULL) {
		buffer_append_byte(buffer, '\\');
		buffer_append_byte(buffer, (uint8_t)to[known - from]);
	} else {
		buffer_appendf(buffer, "\\u%04x", c);
	}
}

void
json_put_string(struct buffer *buffer, const char *text, size_t size)
{
	const char *p = text, *run = text, *end = text;
	int n;

	buffer_append_byte(buffer, '"');
	if (size > 0)
		end = text + size;
	while (p < end) {
		p = skip_plain(p, end);
		if (p == end)
			break;
		if ((unsigned char)*p >= 0x80) {
			n = utf8_length(p, end);
			if (n > 0) {
				p += n;
				continue;
			}
		}
		buffer_append(buffer, run, (size_t)(p - run));
		if ((unsigned char)*p >= 0x80)
			buffer_append_string(buffer, "\xef\xbf\xbd");
		else
			put_escaped(buffer, (unsigned char)*p);
		run = ++p;
	}
	buffer_append(buffer, run, (size_t)(end - run));
	buffer_append_byte(buffer, '"');
}

/* Copies the inside of a JSON string, lone surrogates as \ufffd. */
static void
put_spelled(struct buffer *buffer, const char *text, size_t size)
{
	const char *p = text, *run = text, *end = text + size;
	size_t taken;

	while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (unicode_escape(p, end) < 0) {
			p += 2;
			continue;
		}
		if (escaped_point(p, end, &taken) == 0xfffd && strncmp(p + 2, "fffd", 4) != 0) {
			buffer_append(buffer, run, (size_t)(p - run));
			buffer_append_string(buffer, "\\ufffd");
			run = p + taken;
		}
		p += taken;
	}
	buffer_append(buffer, run, (size_t)(end - run));
}

/*
 * Appends text that is the same in both encodings, as most is: UTF-8 without quote, backslash or
 * control character.  False, and nothing appended, for other text.
 */
static bool
put_unescaped(struct buffer *buffer, const char *text, size_t size)
{
	const char *p = text, *end = text + size;
	int n = 1;

	while ((p = skip_plain(p, end)) < end && (unsigned char)*p >= 0x80 && (n = utf8_length(p, end)) > 0)
		p += n;
	if (p < end)
		return false;
	if (buffer_reserve(buffer, size + 2) != HF_OK)
		return true;
	buffer->data[buffer->size] = '"';
	memcpy(buffer->data + buffer->size + 1, text, size);
	buffer->data[buffer->size + size + 1] = '"';
	buffer->size += size + 2;
	return true;
}

void
json_put_text(struct buffer *buffer, const struct hf_text *text)
{
	struct scan s = {text->data, text->data, NULL, NULL, 0, 0, false};

	if (text->data == NULL) {
		buffer_append_string(buffer, "null");
		return;
	}
	if (put_unescaped(buffer, text->data, (size_t)text->size))
		return;
	s.end = text->data + text->size;
	/* A source that hands over something else under this name must not break the record. */
	if (text->encoding != HF_TEXT_JSON || !scan_inside(&s) || s.p != s.end) {
		json_put_string(buffer, text->data, (size_t)text->size);
		return;
	}
	buffer_append_byte(buffer, '"');
	put_spelled(buffer, text->data, (size_t)text->size);
	buffer_append_byte(buffer, '"');
}

/* The first '"' or '\\' from p on, or end: what matters in a string that is known to be one. */
static inline const char *
find_quote(const char *p, const char *end)
{
	uint64_t x, quote, backslash, hit;

	while (end - p >= 8) {
		memcpy(&x, p, 8);
		quote = x ^ (ONES * '"');
		backslash = x ^ (ONES * '\\');
		hit = (((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash)) & HIGHS;
		if (hit == 0) {
			p += 8;
			continue;
		}
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		return p + ((unsigned)__builtin_ctzll(hit) >> 3);
#else
		break;
#endif
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* At a string's opening quote; returns what follows its closing one. */
static inline const char *
pass_string(const char *p, const char *end)
{
	p = find_quote(p + 1, end);
	while (end - p >= 2 && *p == '\\')
		p = find_quote(p + 2, end);
	return p < end ? p + 1 : end;
}

void
json_put_compact(struct buffer *buffer, const char *text, size_t size)
{
	const char *p = text, *run = text, *end;

	if (size == 0)
		return;
	end = text + size;
	while (p < end) {
		if (*p == '"') {
			p = pass_string(p, end);
		} else if ((unsigned char)*p > ' ') {
			p++;
		} else {
			buffer_append(buffer, run, (size_t)(p - run));
			while (p < end && (unsigned char)*p <= ' ')
				p++;
			run = p;
		}
	}
	buffer_append(buffer, run, (size_t)(end - run));
}

static unsigned long
line_of(const struct scan *s)
{
	unsigned long line = 1;
	const char *p;

	for (p = s->begin; p < s->p; p++)
		line += *p == '\n';
	return line;
}

int
json_parse(const void *data, size_t size, const char *what, struct json_object **ret_object,
    struct hf_error *err)
{
	struct scan s = {data, data, NULL, NULL, 0, JSON_PARSE_DEPTH, false};
	struct json_tokener *tokener;
	struct json_object *object;
	enum json_tokener_error error;

	if (size > JSON_PARSE_SIZE_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: larger than %u MiB", what, JSON_PARSE_SIZE_MAX >> 20);
	if (size == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: empty, where JSON was expected", what);
	/* json-c takes more than JSON (NaN, for one), so the slicer's rules hold first. */
	s.end = s.begin + size;
	skip_space(&s);
	if (scan_value(&s) != HF_JSON_NONE) {
		skip_space(&s);
		if (s.p != s.end)
			(void)scan_fail(&s, "something after the end of the value");
	}
	if (s.why != NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: line %lu: not valid JSON: %s", what, line_of(&s), s.why);
	/* json-c counts its own level for a scalar inside the innermost container. */
	tokener = json_tokener_new_ex(JSON_PARSE_DEPTH + 1);
	if (tokener == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", what);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, data, (int)size);
	error = json_tokener_get_error(tokener);
	/* A number at the top is only known to be over when something follows. */
	if (error == json_tokener_continue) {
		object = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
	}
	json_tokener_free(tokener);
	if (error != json_tokener_success) {
		json_object_put(object);
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: %s", what, json_tokener_error_desc(error));
	}
	*ret_object = object;
	return HF_OK;
}

/* The member, where it is of that type. */
static int
get_member(struct json_object *object, const char *name, const char *what, enum json_type type,
    struct json_object **ret_value, struct hf_error *err)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object))
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: not a JSON object", what);
	if (!json_object_object_get_ex(object, name, &value) || value == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s: \"%s\" is missing", what, name);
	if (!json_object_is_type(value, type))
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: \"%s\" is of type %s where %s was expected", what, name,
		    json_type_to_name(json_object_get_type(value)), json_type_to_name(type));
	*ret_value = value;
	return HF_OK;
}

int
json_get_string(struct json_object *object, const char *name, const char *what, const char **ret_string,
    struct hf_error *err)
{
	struct json_object *value;
	const char *string;
	int r = get_member(object, name, what, json_type_string, &value, err);

	if (r != HF_OK)
		return r;
	string = json_object_get_string(value);
	if (strlen(string) != (size_t)json_object_get_string_len(value))
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: \"%s\" has U+0000 in it", what, name);
	*ret_string = string;
	return HF_OK;
}

int
json_get_int64(struct json_object *object, const char *name, const char *what, int64_t *ret_number,
    struct hf_error *err)
{
	struct json_object *value;
	int64_t number;
	int r = get_member(object, name, what, json_type_int, &value, err);

	if (r != HF_OK)
		return r;
	/* json-c holds what does not fit at the nearest limit. */
	number = json_object_get_int64(value);
	if (number == INT64_MIN || json_object_get_uint64(value) > (uint64_t)INT64_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: \"%s\" does not fit 64 bits", what, name);
	*ret_number = number;
	return HF_OK;
}

int
json_get_bool(struct json_object *object, const char *name, const char *what, bool *ret_bool,
    struct hf_error *err)
{
	struct json_object *value;
	int r = get_member(object, name, what, json_type_boolean, &value, err);

	if (r == HF_OK)
		*ret_bool = json_object_get_boolean(value) != 0;
	return r;
}

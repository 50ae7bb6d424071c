/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/json.h"

#include <json-c/json.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Names that get a bit each in the table of first bytes; more are looked through one by one. */
#define NAME_BITS 64

/* A call for each of a message's tokens costs more than the code that it saves. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/*
 * One pass over text.  What passes something takes where it begins and returns what follows it, or NULL
 * after it has said in p and why where and what is wrong.
 */
struct scan {
	const char *begin;
	const char *end;
	const char *p;
	const char *why; /* NULL while all is well */
	unsigned depth;
	unsigned depth_max;
	bool cut;   /* the text ended where more had to follow */
	bool loose; /* white space was passed */
	bool escaped; /* a backslash was passed */
};

static const char *
scan_fail(struct scan *s, const char *p, const char *why)
{
	if (s->why == NULL) {
		s->p = p;
		s->why = why;
	}
	return NULL;
}

static const char *
scan_cut(struct scan *s, const char *p)
{
	s->cut = true;
	return scan_fail(s, p, "it ends in the middle of a value");
}

ALWAYS_INLINE const char *
skip_space(struct scan *s, const char *p)
{
	while (p < s->end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
		s->loose = true;
		p++;
	}
	return p;
}

static inline bool
is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/*
 * How long the UTF-8 sequence at p is (2 to 4; its first byte is 0x80 or more).  0: not UTF-8; -1: cut
 * off.  The ranges are those of the Unicode Standard, table 3-7.
 */
static int
utf8_length_slow(const char *p, const char *end)
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

/* The same; what has no special ranges and is whole is seen at once. */
static inline int
utf8_length(const char *p, const char *end)
{
	unsigned char c = (unsigned char)*p;

	if (end - p >= 4) {
		if (c >= 0xc2 && c <= 0xdf && is_tail(p[1]))
			return 2;
		if (c > 0xe0 && c <= 0xef && c != 0xed && is_tail(p[1]) && is_tail(p[2]))
			return 3;
		if (c > 0xf0 && c < 0xf4 && is_tail(p[1]) && is_tail(p[2]) && is_tail(p[3]))
			return 4;
	}
	return utf8_length_slow(p, end);
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

static const char *
pass_escape(struct scan *s, const char *p)
{
	int i;

	s->escaped = true;
	if (s->end - p < 2)
		return scan_cut(s, p);
	switch (p[1]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
		return p + 2;
	case 'u':
		for (i = 2; i < 6; i++) {
			if (s->end - p <= i)
				return scan_cut(s, p);
			if (hex_digit(p[i]) < 0)
				return scan_fail(s, p, "\\u without four hexadecimal digits");
		}
		return p + 6;
	}
	return scan_fail(s, p, "an escape that JSON does not know");
}

/* Passes characters from U+0080 on and the spaces between them: words of most of the world's scripts. */
static inline const char *
pass_utf8(struct scan *s, const char *p)
{
	int n;

	do {
		n = *p == ' ' ? 1 : utf8_length(p, s->end);
		if (n < 0)
			return scan_cut(s, p);
		if (n == 0)
			return scan_fail(s, p, "bytes that are not UTF-8");
		p += n;
	} while (p < s->end && ((unsigned char)*p >= 0x80 || *p == ' '));
	return p;
}

/* Goes on where plain text inside a string has ended: to the '"' that ends the string, or to the end. */
static const char *
pass_rest(struct scan *s, const char *p)
{
	unsigned char c;

	while (p != NULL && p < s->end) {
		c = (unsigned char)*p;
		if (c == '"')
			return p;
		if (c == '\\')
			p = pass_escape(s, p);
		else if (c >= 0x80)
			p = pass_utf8(s, p);
		else if (c < 0x20)
			return scan_fail(s, p, "a control character inside a string");
		else
			p = bytes_skip_plain(p + 1, s->end);
	}
	return p;
}

ALWAYS_INLINE const char *
pass_inside(struct scan *s, const char *p)
{
	p = bytes_skip_plain(p, s->end);
	return p < s->end && *p == '"' ? p : pass_rest(s, p);
}

/* From the opening quote to what follows the closing one. */
ALWAYS_INLINE const char *
pass_string(struct scan *s, const char *p)
{
	p = pass_inside(s, p + 1);
	if (p == NULL)
		return NULL;
	return p < s->end ? p + 1 : scan_cut(s, p);
}

static const char *
pass_digits(struct scan *s, const char *p)
{
	const char *start = p;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	if (p > start)
		return p;
	return p == s->end ? scan_cut(s, p) : scan_fail(s, p, "a number without digits where some must be");
}

static const char *
pass_number(struct scan *s, const char *p)
{
	if (*p == '-')
		p++;
	if (p < s->end && *p == '0')
		p++;
	else
		p = pass_digits(s, p);
	if (p != NULL && p < s->end && *p == '.')
		p = pass_digits(s, p + 1);
	if (p != NULL && p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		p = pass_digits(s, p);
	}
	return p;
}

static const char *
pass_word(struct scan *s, const char *p, const char *word, size_t size)
{
	size_t left = (size_t)(s->end - p);

	if (memcmp(p, word, left < size ? left : size) != 0)
		return scan_fail(s, p, "a word that is not true, false or null");
	return left < size ? scan_cut(s, p) : p + size;
}

/* After an element.  *ret_more: a comma came and another element follows, else the closing byte. */
ALWAYS_INLINE const char *
pass_separator(struct scan *s, const char *p, char closing, bool *ret_more)
{
	p = skip_space(s, p);
	if (p == s->end)
		return scan_cut(s, p);
	*ret_more = *p == ',';
	if (*ret_more)
		return skip_space(s, p + 1);
	if (*p == closing)
		return p + 1;
	return scan_fail(s, p, closing == '}' ? "no ',' or '}' after a member" : "no ',' or ']' after an element");
}

/* At the bracket; steps inside.  *ret_more: something follows, else it was empty and is passed. */
static inline const char *
pass_opening(struct scan *s, const char *p, char closing, bool *ret_more)
{
	if (s->depth >= s->depth_max)
		return scan_fail(s, p, "nested too deeply");
	p = skip_space(s, p + 1);
	*ret_more = p == s->end || *p != closing;
	if (!*ret_more)
		return p + 1;
	s->depth++;
	return p;
}

/* A member's name and colon; the name without its quotes is in *ret_name, *ret_size. */
ALWAYS_INLINE const char *
pass_name(struct scan *s, const char *p, const char **ret_name, size_t *ret_size)
{
	if (p == s->end)
		return scan_cut(s, p);
	if (*p != '"')
		return scan_fail(s, p, "a member's name that is not in quotes");
	*ret_name = p + 1;
	p = pass_string(s, p);
	if (p == NULL)
		return NULL;
	*ret_size = (size_t)(p - 1 - *ret_name);
	p = skip_space(s, p);
	if (p == s->end)
		return scan_cut(s, p);
	if (*p != ':')
		return scan_fail(s, p, "no ':' after a member's name");
	return skip_space(s, p + 1);
}

static const char *pass_other(struct scan *s, const char *p, uint32_t *ret_type);

/* Passes one value and says its type. */
ALWAYS_INLINE const char *
pass_value(struct scan *s, const char *p, uint32_t *ret_type)
{
	if (p == s->end)
		return scan_cut(s, p);
	if (*p != '"')
		return pass_other(s, p, ret_type);
	*ret_type = HF_JSON_STRING;
	return pass_string(s, p);
}

static const char *
pass_object(struct scan *s, const char *p)
{
	const char *name;
	uint32_t type;
	size_t size;
	bool more = false;

	p = pass_opening(s, p, '}', &more);
	if (p == NULL || !more)
		return p;
	do {
		p = pass_name(s, p, &name, &size);
		if (p != NULL)
			p = pass_value(s, p, &type);
		if (p != NULL)
			p = pass_separator(s, p, '}', &more);
	} while (p != NULL && more);
	s->depth--;
	return p;
}

static const char *
pass_array(struct scan *s, const char *p)
{
	uint32_t type;
	bool more = false;

	p = pass_opening(s, p, ']', &more);
	if (p == NULL || !more)
		return p;
	do {
		p = pass_value(s, p, &type);
		if (p != NULL)
			p = pass_separator(s, p, ']', &more);
	} while (p != NULL && more);
	s->depth--;
	return p;
}

/* A value that is no string.  Recursion ends at depth_max. */
static const char *
pass_other(struct scan *s, const char *p, uint32_t *ret_type)
{
	switch (*p) {
	case '{':
		*ret_type = HF_JSON_OBJECT;
		return pass_object(s, p);
	case '[':
		*ret_type = HF_JSON_ARRAY;
		return pass_array(s, p);
	case 't':
		*ret_type = HF_JSON_TRUE;
		return pass_word(s, p, "true", 4);
	case 'f':
		*ret_type = HF_JSON_FALSE;
		return pass_word(s, p, "false", 5);
	case 'n':
		*ret_type = HF_JSON_NULL;
		return pass_word(s, p, "null", 4);
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		*ret_type = HF_JSON_NUMBER;
		return pass_number(s, p);
	}
	return scan_fail(s, p, "something that begins no JSON value");
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
	value->flags = 0;
}

/* Which of the wanted names may begin with a byte, one bit each. */
struct wanted {
	const char *const *names;
	uint32_t count;
	uint64_t by_first[32];
};

/* Whether a name is wanted, which ends with a NUL.  Names of members hold none. */
static inline bool
is_name(const char *wanted, const char *name, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (wanted[i] != name[i])
			return false;
	return wanted[size] == '\0';
}

static inline void
wanted_value(const struct wanted *w, const char *name, size_t size, struct hf_json_value *values,
    uint32_t type, const char *start, const char *end)
{
	uint64_t bits = size > 0 ? w->by_first[(unsigned char)name[0] & 31] : w->by_first[0];
	uint32_t i;

	for (; bits != 0; bits &= bits - 1) {
		i = (uint32_t)__builtin_ctzll(bits);
		if (is_name(w->names[i], name, size))
			value_set(&values[i], type, start, end);
	}
	for (i = NAME_BITS; i < w->count; i++)
		if (is_name(w->names[i], name, size))
			value_set(&values[i], type, start, end);
}

static const char *
slice_members(struct scan *s, const char *p, const struct wanted *w, struct hf_json_value *values)
{
	const char *name, *start;
	uint32_t type = HF_JSON_NONE;
	size_t size;
	bool more = false;

	if (p == s->end || *p != '{')
		return p == s->end ? scan_cut(s, p) : scan_fail(s, p, "not an object");
	p = pass_opening(s, p, '}', &more);
	while (p != NULL && more) {
		p = pass_name(s, p, &name, &size);
		if (p == NULL)
			break;
		start = p;
		p = pass_value(s, p, &type);
		if (p == NULL)
			break;
		wanted_value(w, name, size, values, type, start, p);
		p = pass_separator(s, p, '}', &more);
	}
	return p;
}

/* After the object that ends at end only white space may follow. */
static int
slice_end(struct scan *s, const char *end, struct hf_error *err)
{
	if (end != NULL) {
		end = skip_space(s, end);
		if (end == s->end)
			return HF_OK;
		(void)scan_fail(s, end, "something after the end of the object");
	}
	return scan_error(s, err);
}

int
json_slice_object(const char *text, uint64_t size, const char *const *names, uint32_t count,
    struct hf_json_value *values, struct hf_error *err)
{
	struct scan s = {.begin = text, .end = text + size, .depth_max = JSON_DEPTH_MAX};
	struct wanted w;
	uint32_t i;

	w.names = names;
	w.count = count;
	memset(w.by_first, 0, sizeof(w.by_first));
	for (i = 0; i < count && i < NAME_BITS; i++)
		w.by_first[(unsigned char)names[i][0] & 31] |= 1ull << i;
	if (count > 0)
		memset(values, 0, count * sizeof(*values));
	return slice_end(&s, slice_members(&s, skip_space(&s, text), &w, values), err);
}

/* Lists the members of the object at p; *ret_count: how many there are, also where fewer are listed. */
static const char *
list_members(struct scan *s, const char *p, struct hf_json_member *members, uint64_t capacity,
    uint64_t *ret_count)
{
	const char *name, *start;
	uint32_t type = HF_JSON_NONE;
	uint64_t count = 0;
	size_t size;
	bool more;

	if (p == s->end || *p != '{')
		return p == s->end ? scan_cut(s, p) : scan_fail(s, p, "not an object");
	p = pass_opening(s, p, '}', &more);
	while (p != NULL && more) {
		p = pass_name(s, p, &name, &size);
		if (p == NULL)
			break;
		start = p;
		s->escaped = false;
		p = pass_value(s, p, &type);
		if (p == NULL)
			break;
		if (count < capacity) {
			value_set(&members[count].name, HF_JSON_STRING, name - 1, name + size + 1);
			value_set(&members[count].value, type, start, p);
			if (type == HF_JSON_STRING && !s->escaped)
				members[count].value.flags = HF_JSON_PLAIN;
		}
		count++;
		p = pass_separator(s, p, '}', &more);
	}
	*ret_count = count;
	return p;
}

int64_t
json_members(const char *text, uint64_t size, struct hf_json_member *members, uint64_t capacity,
    struct hf_json_value *ret_whole, struct hf_error *err)
{
	struct scan s = {.begin = text, .end = text + size, .depth_max = JSON_DEPTH_MAX};
	const char *start = skip_space(&s, text), *end;
	uint64_t count = 0;
	bool loose;
	int r;

	s.loose = false;
	end = list_members(&s, start, members, capacity, &count);
	loose = s.loose;
	r = slice_end(&s, end, err);
	if (r != HF_OK)
		return r;
	value_set(ret_whole, HF_JSON_OBJECT, start, end);
	if (!loose)
		ret_whole->flags = HF_JSON_COMPACT;
	return (int64_t)count;
}

int
json_next(const struct hf_json_value *container, uint64_t *pos, struct hf_json_value *name,
    struct hf_json_value *value, struct hf_error *err)
{
	struct scan s = {.begin = container->data, .end = container->data + container->size,
	    .depth_max = JSON_DEPTH_MAX};
	bool object = container->type == HF_JSON_OBJECT, more;
	const char *p, *start = NULL;
	uint32_t type = HF_JSON_NONE;
	size_t size = 0;

	if ((!object && container->type != HF_JSON_ARRAY) || container->size < 2 || *pos > container->size)
		return hf_error_set(err, HF_EINVAL, 0, "a JSON value that is no array or object has no elements");
	p = container->data + *pos;
	p = *pos == 0 ? pass_opening(&s, p, object ? '}' : ']', &more) :
	                pass_separator(&s, p, object ? '}' : ']', &more);
	if (p == NULL)
		return scan_error(&s, err);
	/* After the last element *pos stays before the closing bracket, so that asking again is safe. */
	if (!more)
		return 0;
	s.depth = 0;
	if (object && (p = pass_name(&s, p, &start, &size)) == NULL)
		return scan_error(&s, err);
	if (name != NULL) {
		memset(name, 0, sizeof(*name));
		if (object)
			value_set(name, HF_JSON_STRING, start - 1, start + size + 1);
	}
	start = p;
	p = pass_value(&s, p, &type);
	if (p == NULL)
		return scan_error(&s, err);
	value_set(value, type, start, p);
	*pos = (uint64_t)(p - s.begin);
	return 1;
}

int64_t
json_measure(const char *data, uint64_t size, struct hf_error *err)
{
	struct scan s = {.begin = data, .end = data + size, .depth_max = JSON_DEPTH_MAX};
	uint32_t type = HF_JSON_NONE;
	const char *p = pass_value(&s, skip_space(&s, data), &type);

	if (p == NULL)
		return s.cut ? 0 : scan_error(&s, err);
	/* A number at the very end may go on. */
	if (type == HF_JSON_NUMBER && p == s.end)
		return 0;
	return (int64_t)(p - data);
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
	.members = json_members,
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
		p = bytes_skip_plain(p, end);
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

bool
json_is_unescaped(const char *text, size_t size)
{
	const char *p = text, *end = text + size;
	int n;

	while ((p = bytes_skip_plain(p, end)) < end && (unsigned char)*p >= 0x80) {
		do {
			n = *p == ' ' ? 1 : utf8_length(p, end);
			if (n <= 0)
				return false;
			p += n;
		} while (p < end && ((unsigned char)*p >= 0x80 || *p == ' '));
	}
	return p == end;
}

void
json_put_text(struct buffer *buffer, const struct hf_text *text)
{
	struct scan s = {.begin = text->data, .end = text->data};

	if (text->data == NULL) {
		buffer_append_string(buffer, "null");
		return;
	}
	if (json_is_unescaped(text->data, (size_t)text->size)) {
		if (buffer_reserve(buffer, (size_t)text->size + 2) == HF_OK)
			buffer->size += json_quote(text->data, (size_t)text->size, (char *)buffer->data + buffer->size);
		return;
	}
	s.end += text->size;
	/* A source that hands over something else under this name must not break the record. */
	if (text->encoding != HF_TEXT_JSON || pass_inside(&s, text->data) != s.end) {
		json_put_string(buffer, text->data, (size_t)text->size);
		return;
	}
	buffer_append_byte(buffer, '"');
	put_spelled(buffer, text->data, (size_t)text->size);
	buffer_append_byte(buffer, '"');
}

/* At a string's opening quote; returns what follows its closing one. */
static inline const char *
skip_string(const char *p, const char *end)
{
	p = bytes_find_quote(p + 1, end);
	while (end - p >= 2 && *p == '\\')
		p = bytes_find_quote(p + 2, end);
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
			p = skip_string(p, end);
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
	struct scan s = {.begin = data, .end = data, .depth_max = JSON_PARSE_DEPTH};
	const char *p;
	uint32_t type;
	struct json_tokener *tokener;
	struct json_object *object;
	enum json_tokener_error error;

	if (size > JSON_PARSE_SIZE_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: larger than %u MiB", what, JSON_PARSE_SIZE_MAX >> 20);
	if (size == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: empty, where JSON was expected", what);
	/* json-c takes more than JSON (NaN, for one), so the slicer's rules hold first. */
	s.end += size;
	p = pass_value(&s, skip_space(&s, data), &type);
	if (p != NULL && skip_space(&s, p) != s.end)
		(void)scan_fail(&s, skip_space(&s, p), "something after the end of the value");
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

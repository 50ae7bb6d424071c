/* SPDX-License-Identifier: BSD-2-Clause */
#include "cell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include <holdfast/source.h>

#define NS_PER_S 1000000000ll

/* Seconds from 1970 to 2001-01-01, where Apple begins. */
#define APPLE_EPOCH 978307200ll
/* More than this many seconds since 2001 are nanoseconds: until 2017 the same column had seconds. */
#define APPLE_SECONDS_MAX 100000000000ll

static const char *const format_names[] = {"unix-s", "unix-ms", "unix-us", "unix-ns", "apple", "iso"};

int
time_format_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++)
		if (strcmp(name, format_names[i]) == 0)
			return (int)i;
	return -1;
}

static void
put_bytes(const struct cell *cell, const char *kind, struct text *out)
{
	text_string(out, "{\"");
	text_string(out, kind);
	text_string(out, "\":\"");
	text_base64(out, cell->data, cell->size);
	text_string(out, "\"}");
}

void
cell_json(const struct cell *cell, struct text *out)
{
	switch (cell->type) {
	case SQLITE_INTEGER:
		text_int(out, cell->integer);
		break;
	case SQLITE_FLOAT:
		text_real(out, cell->real);
		break;
	case SQLITE_TEXT:
		if (utf8_is_valid(cell->data, cell->size))
			text_json(out, cell->data, cell->size);
		else
			put_bytes(cell, "text_base64", out);
		break;
	case SQLITE_BLOB:
		put_bytes(cell, "base64", out);
		break;
	default:
		text_string(out, "null");
	}
}

static bool
put_hex(const struct cell *cell, struct pool *pool, struct hf_text *ret)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = pool_take(pool, cell->size * 2 + 1);
	size_t i;

	if (hex == NULL)
		return false;
	for (i = 0; i < cell->size; i++) {
		hex[2 * i] = digits[(unsigned char)cell->data[i] >> 4];
		hex[2 * i + 1] = digits[(unsigned char)cell->data[i] & 15];
	}
	*ret = (struct hf_text){hex, cell->size * 2, HF_TEXT_UTF8, 0};
	return true;
}

/* Text with U+FFFD for each byte that is not UTF-8. */
static bool
put_repaired(const struct cell *cell, struct pool *pool, struct hf_text *ret)
{
	char *text = pool_take(pool, cell->size * 3 + 1);
	size_t i, n, size = 0;

	if (text == NULL)
		return false;
	for (i = 0; i < cell->size; i += n > 0 ? n : 1) {
		n = utf8_character(cell->data + i, cell->size - i);
		memcpy(text + size, n > 0 ? cell->data + i : "\xef\xbf\xbd", n > 0 ? n : 3);
		size += n > 0 ? n : 3;
	}
	*ret = (struct hf_text){text, size, HF_TEXT_UTF8, 0};
	return true;
}

static bool
put_number(const struct cell *cell, struct pool *pool, struct hf_text *ret)
{
	char *digits = pool_take(pool, 40);
	struct text text = TEXT_INIT(40);

	if (digits == NULL)
		return false;
	if (cell->type == SQLITE_INTEGER)
		text_int(&text, cell->integer);
	else
		text_real(&text, cell->real);
	if (text.failed == HF_OK) {
		memcpy(digits, text.data, text.size);
		*ret = (struct hf_text){digits, text.size, HF_TEXT_UTF8, HF_TEXT_PLAIN};
	}
	text_release(&text);
	return ret->data == digits;
}

static bool
take(const struct cell *cell, bool repair, struct pool *pool, struct hf_text *ret)
{
	*ret = (struct hf_text){NULL, 0, HF_TEXT_UTF8, 0};
	if (cell->type == SQLITE_NULL)
		return true;
	if (cell->type == SQLITE_INTEGER || cell->type == SQLITE_FLOAT)
		return put_number(cell, pool, ret);
	if (utf8_is_valid(cell->data, cell->size)) {
		*ret = (struct hf_text){cell->size > 0 ? cell->data : "", cell->size, HF_TEXT_UTF8, 0};
		return true;
	}
	return cell->type == SQLITE_TEXT && repair ? put_repaired(cell, pool, ret) : put_hex(cell, pool, ret);
}

bool
cell_text(const struct cell *cell, struct pool *pool, struct hf_text *ret)
{
	return take(cell, true, pool, ret);
}

bool
cell_id(const struct cell *cell, struct pool *pool, struct hf_text *ret)
{
	if (!take(cell, false, pool, ret))
		return false;
	if (ret->size == 0)
		ret->data = NULL;
	return true;
}

/* ---- times ---- */

static int64_t
scaled(int64_t number, int64_t unit, int64_t offset_ns)
{
	int64_t limit = (INT64_MAX - APPLE_EPOCH * NS_PER_S) / unit;

	if (number == 0 || number > limit || number < -limit)
		return HF_NO_TIME;
	return number * unit + offset_ns;
}

static int64_t
unit_of(enum time_format format)
{
	switch (format) {
	case TIME_UNIX_MS:
		return 1000000;
	case TIME_UNIX_US:
		return 1000;
	case TIME_UNIX_NS:
		return 1;
	default:
		return NS_PER_S;
	}
}

static int64_t
apple_time(int64_t number)
{
	bool seconds = number < APPLE_SECONDS_MAX && number > -APPLE_SECONDS_MAX;

	return scaled(number, seconds ? NS_PER_S : 1, APPLE_EPOCH * NS_PER_S);
}

/* A double of today's seconds tells no less than a microsecond apart. */
static int64_t
real_time(double number, enum time_format format)
{
	int64_t unit = unit_of(format), whole, parts;
	double limit = (double)(INT64_MAX / 2 / unit);

	if (!(number < limit && number > -limit))
		return HF_NO_TIME;
	if (format == TIME_APPLE && (number > (double)APPLE_SECONDS_MAX || number < -(double)APPLE_SECONDS_MAX))
		return apple_time((int64_t)number);
	whole = (int64_t)number;
	if ((double)whole > number)
		whole--;
	if (whole == 0 && number == 0)
		return HF_NO_TIME;
	parts = (int64_t)((number - (double)whole) * (double)unit / 1000.0 + 0.5) * 1000;
	return whole * unit + (unit >= 1000 ? parts : 0) + (format == TIME_APPLE ? APPLE_EPOCH * NS_PER_S : 0);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar: years begin with March, so that leap days end them. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* Exactly so many digits; -1: there are others. */
static int64_t
digits(const char **at, const char *end, int count)
{
	int64_t number = 0;

	for (; count > 0; count--, (*at)++) {
		if (*at == end || **at < '0' || **at > '9')
			return -1;
		number = number * 10 + (**at - '0');
	}
	return number;
}

static bool
skip(const char **at, const char *end, const char *any)
{
	if (*at == end || **at == '\0' || strchr(any, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* "Z", "+01:00", "-0530" or nothing, which is UTC; in seconds east of it. */
static bool
read_zone(const char **at, const char *end, int64_t *ret)
{
	int64_t sign, hours, minutes = 0;

	*ret = 0;
	while (skip(at, end, " "))
		;
	if (*at == end || skip(at, end, "Zz"))
		return *at == end;
	sign = **at == '-' ? -1 : 1;
	if (!skip(at, end, "+-"))
		return false;
	hours = digits(at, end, 2);
	(void)skip(at, end, ":");
	if (*at != end)
		minutes = digits(at, end, 2);
	*ret = sign * (hours * 3600 + minutes * 60);
	return *at == end && hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

/* "2026-11-23", "2026-11-23 06:00", "2026-11-23T06:00:00.25+01:00" */
static int64_t
iso_time(const char *at, size_t size)
{
	const char *end = at + size;
	int64_t year, month, day, hour = 0, minute = 0, second = 0, ns = 0, unit = NS_PER_S / 10, zone = 0;

	year = digits(&at, end, 4);
	if (year < 0 || !skip(&at, end, "-"))
		return HF_NO_TIME;
	month = digits(&at, end, 2);
	if (month < 1 || month > 12 || !skip(&at, end, "-"))
		return HF_NO_TIME;
	day = digits(&at, end, 2);
	if (day < 1 || day > 31)
		return HF_NO_TIME;
	if (skip(&at, end, "Tt ")) {
		hour = digits(&at, end, 2);
		if (hour < 0 || hour > 23 || !skip(&at, end, ":"))
			return HF_NO_TIME;
		minute = digits(&at, end, 2);
		if (minute < 0 || minute > 59)
			return HF_NO_TIME;
		if (skip(&at, end, ":"))
			second = digits(&at, end, 2);
		if (second < 0 || second > 60)
			return HF_NO_TIME;
		if (skip(&at, end, ".,"))
			for (; at != end && *at >= '0' && *at <= '9'; at++, unit /= 10)
				ns += unit * (*at - '0');
		if (!read_zone(&at, end, &zone))
			return HF_NO_TIME;
	}
	if (at != end || year < 1700 || year > 2200)
		return HF_NO_TIME;
	return (days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone) * NS_PER_S + ns;
}

int64_t
cell_time(const struct cell *cell, enum time_format format)
{
	switch (cell->type) {
	case SQLITE_INTEGER:
		return format == TIME_APPLE ? apple_time(cell->integer) : scaled(cell->integer, unit_of(format), 0);
	case SQLITE_FLOAT:
		return real_time(cell->real, format);
	case SQLITE_TEXT:
		return iso_time(cell->data, cell->size);
	default:
		return HF_NO_TIME;
	}
}

/* ---- numbers ---- */

int64_t
cell_number(const struct cell *cell, int64_t fallback)
{
	if (cell->type == SQLITE_INTEGER && cell->integer >= 0)
		return cell->integer;
	if (cell->type == SQLITE_FLOAT && cell->real >= 0 && cell->real < 9e18)
		return (int64_t)cell->real;
	return fallback;
}

bool
cell_is_true(const struct cell *cell)
{
	switch (cell->type) {
	case SQLITE_INTEGER:
		return cell->integer != 0;
	case SQLITE_FLOAT:
		return cell->real != 0;
	case SQLITE_TEXT:
		return cell->size > 0 && !(cell->size == 1 && cell->data[0] == '0');
	default:
		return false;
	}
}

int
cell_compare(const struct cell *a, const struct cell *b)
{
	int rank_a = a->type == SQLITE_TEXT, rank_b = b->type == SQLITE_TEXT, order;
	double x, y;

	if (rank_a != rank_b)
		return rank_a - rank_b;
	if (rank_a) {
		order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
		return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
	}
	if (a->type == SQLITE_INTEGER && b->type == SQLITE_INTEGER)
		return (a->integer > b->integer) - (a->integer < b->integer);
	x = a->type == SQLITE_INTEGER ? (double)a->integer : a->real;
	y = b->type == SQLITE_INTEGER ? (double)b->integer : b->real;
	return (x > y) - (x < y);
}

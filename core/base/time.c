/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <holdfast/error.h>

#define NS 1000000000

int64_t
time_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS + ts.tv_nsec;
}

/*
 * Days since 1970-01-01 of a proleptic Gregorian date; Howard Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms".
 */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, doe;
	int yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = (int)(y - era * 400);
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = (int64_t)yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void
civil_from_days(int64_t z, int *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

static char *
put_digits(char *p, uint32_t value, int digits)
{
	int i;

	for (i = digits - 1; i >= 0; i--, value /= 10)
		p[i] = (char)('0' + value % 10);
	return p + digits;
}

/* Two digits and a byte after them. */
static inline char *
put_pair(char *p, uint32_t value, char after)
{
	p[0] = (char)('0' + value / 10);
	p[1] = (char)('0' + value % 10);
	p[2] = after;
	return p + 3;
}

/* A fraction of a second with as many digits as it needs. */
static char *
put_fraction(char *p, uint32_t ns)
{
	int digits = 9;

	/* Most clocks of the world tell milliseconds. */
	if (ns % 1000000 == 0) {
		ns /= 1000000;
		digits = 3;
	}
	for (; ns % 10 == 0; digits--)
		ns /= 10;
	*p++ = '.';
	return put_digits(p, ns, digits);
}

/* "2026-11-23T" */
#define DAY_SIZE ((size_t)11)

static void
format_day(int64_t days, char out[DAY_SIZE])
{
	int y, m, d;

	civil_from_days(days, &y, &m, &d);
	out = put_pair(out, (uint32_t)y / 100, '0');
	out = put_pair(out - 1, (uint32_t)y % 100, '-');
	out = put_pair(out, (uint32_t)m, '-');
	(void)put_pair(out, (uint32_t)d, 'T');
}

size_t
time_format(int64_t ns, char out[TIME_RFC3339_SIZE])
{
	/* One message after the other is of the same day. */
	static _Thread_local int64_t last = INT64_MIN;
	static _Thread_local char last_text[DAY_SIZE];
	int64_t seconds = ns / NS, days;
	int32_t fraction = (int32_t)(ns % NS), rest;
	char *p = out;

	if (fraction < 0) {
		fraction += NS;
		seconds--;
	}
	days = seconds / 86400;
	rest = (int32_t)(seconds % 86400);
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	if (days != last) {
		format_day(days, last_text);
		last = days;
	}
	memcpy(p, last_text, DAY_SIZE);
	p += DAY_SIZE;
	p = put_pair(p, (uint32_t)rest / 3600, ':');
	p = put_pair(p, (uint32_t)rest / 60 % 60, ':');
	p = put_pair(p, (uint32_t)rest % 60, 'Z');
	p = fraction != 0 ? put_fraction(p - 1, (uint32_t)fraction) : p - 1;
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}

/* Reads count digits at *p; false where there are fewer. */
static bool
get_digits(const char **p, const char *end, int count, int *ret)
{
	int value = 0;

	for (; count > 0; count--, (*p)++) {
		if (*p == end || **p < '0' || **p > '9')
			return false;
		value = value * 10 + (**p - '0');
	}
	*ret = value;
	return true;
}

static bool
get_byte(const char **p, const char *end, char byte)
{
	if (*p == end || **p != byte)
		return false;
	(*p)++;
	return true;
}

static bool
get_zone(const char **p, const char *end, int *ret_minutes)
{
	int hours, minutes, sign;

	if (*p == end)
		return false;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		*ret_minutes = 0;
		return true;
	}
	sign = **p == '-' ? -1 : 1;
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!get_digits(p, end, 2, &hours) || !get_byte(p, end, ':') || !get_digits(p, end, 2, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return hours < 24 && minutes < 60;
}

static int
days_in_month(int y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[m - 1] + (m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0));
}

int
time_parse(const char *text, size_t size, int64_t *ret_ns)
{
	const char *p = text, *end = text + size;
	int y, mo, d, h, mi, s, zone, digits;
	int64_t seconds, ns;
	int32_t fraction = 0;

	if (!get_digits(&p, end, 4, &y) || !get_byte(&p, end, '-') || !get_digits(&p, end, 2, &mo) ||
	    !get_byte(&p, end, '-') || !get_digits(&p, end, 2, &d))
		return HF_EINVAL;
	if (!get_byte(&p, end, 'T') && !get_byte(&p, end, 't') && !get_byte(&p, end, ' '))
		return HF_EINVAL;
	if (!get_digits(&p, end, 2, &h) || !get_byte(&p, end, ':') || !get_digits(&p, end, 2, &mi) ||
	    !get_byte(&p, end, ':') || !get_digits(&p, end, 2, &s))
		return HF_EINVAL;
	if (get_byte(&p, end, '.')) {
		for (digits = 0; p < end && *p >= '0' && *p <= '9'; digits++, p++)
			if (digits < 9)
				fraction = fraction * 10 + (*p - '0');
		if (digits == 0)
			return HF_EINVAL;
		for (; digits < 9; digits++)
			fraction *= 10;
	}
	if (!get_zone(&p, end, &zone) || p != end)
		return HF_EINVAL;
	if (mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || h > 23 || mi > 59 || s > 60)
		return HF_EINVAL;
	seconds = days_from_civil(y, mo, d) * 86400 + h * INT64_C(3600) + mi * INT64_C(60) + s -
	    (int64_t)zone * 60;
	if (__builtin_mul_overflow(seconds, (int64_t)NS, &ns) || __builtin_add_overflow(ns, (int64_t)fraction, &ns))
		return HF_ERANGE;
	*ret_ns = ns;
	return HF_OK;
}

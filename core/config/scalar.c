/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/scalar.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/nearest.h"
#include "config/problem.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first where one divides the other: formatting takes the first that fits. */
static const struct unit size_units[] = {
    {"GiB", INT64_C(1) << 30},
    {"GB", 1000000000},
    {"MiB", 1 << 20},
    {"MB", 1000000},
    {"KiB", 1 << 10},
    {"kB", 1000},
    {"B", 1},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)},
    {"min", INT64_C(60000000000)},
    {"s", 1000000000},
    {"ms", 1000000},
    {NULL, 0},
};

int
scalar_bool(const char *text, bool quoted, int64_t *ret, struct hf_error *err)
{
	struct problem_word word;
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return hf_error_set(err, HF_EINVAL, 0, "%s is neither true nor false",
		    text[0] != '\0' ? problem_quote(&word, text) : "nothing");
	if (quoted)
		return hf_error_set(
		    err, HF_EINVAL, 0, "\"%s\" in quotes is text; write it without quotes", text);
	*ret = yes;
	return HF_OK;
}

/* Digits from *text on, at most max digits; moves *text behind them.  False past INT64_MAX. */
static bool
take_digits(const char **text, int64_t *ret)
{
	int64_t value = 0;
	int digit;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		digit = **text - '0';
		if (value > (INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

int
scalar_int(const char *text, int64_t *ret, struct hf_error *err)
{
	struct problem_word word;
	bool minus = text[0] == '-';
	const char *p = text + minus;
	int64_t value = 0;

	if (!take_digits(&p, &value))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s is too large a number", problem_quote(&word, text));
	if (p == text + minus || *p != '\0')
		return hf_error_set(err, HF_EINVAL, 0, "%s is not a whole number",
		    text[0] != '\0' ? problem_quote(&word, text) : "nothing");
	*ret = minus ? -value : value;
	return HF_OK;
}

/* "B, kB or MB" in text, from small to large. */
static void
list_units(const struct unit *units, char *text, size_t size)
{
	size_t n, used = 0;

	for (n = 0; units[n].name != NULL; n++)
		;
	text[0] = '\0';
	for (; n > 0 && used < size; n--)
		used += (size_t)snprintf(
		    text + used, size - used, "%s%s", units[n - 1].name,
		    n > 2 ? ", " : n == 2 ? " or " : "");
}

static int
unit_error(const char *text, const char *written, const struct unit *units, const char *example,
    struct hf_error *err)
{
	struct problem_word word, word2;
	struct nearest nearest = NEAREST_INIT(written);
	struct nearest_hint hint;
	const struct unit *unit;
	char known[64];

	list_units(units, known, sizeof(known));
	if (*written == '\0')
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s has no unit; write for example %s (units: %s)", problem_quote(&word, text),
		    example, known);
	for (unit = units; unit->name != NULL; unit++)
		nearest_offer(&nearest, unit->name);
	return hf_error_set(err, HF_EINVAL, 0, "%s has the unknown unit %s (units: %s)%s",
	    problem_quote(&word, text), problem_quote(&word2, written), known,
	    nearest_hint(&hint, nearest.best));
}

/* Digits after the point, at most three, as thousandths; false where there are none or more. */
static bool
take_thousandths(const char **text, int64_t *ret)
{
	int64_t value = 0;
	int n;

	for (n = 0; **text >= '0' && **text <= '9'; n++, (*text)++)
		value = n < 3 ? value * 10 + (**text - '0') : value;
	if (n == 0 || n > 3)
		return false;
	for (; n < 3; n++)
		value *= 10;
	*ret = value;
	return true;
}

static int
parse_units(const char *text, const struct unit *units, const char *example, int64_t *ret,
    struct hf_error *err)
{
	struct problem_word word;
	const struct unit *unit;
	const char *p = text;
	int64_t whole = 0, thousandths = 0, rest;

	if (*p < '0' || *p > '9')
		return hf_error_set(err, HF_EINVAL, 0, "%s is not a number with a unit, such as %s",
		    *p != '\0' ? problem_quote(&word, text) : "nothing", example);
	if (!take_digits(&p, &whole))
		goto large;
	if (*p == '.') {
		p++;
		if (!take_thousandths(&p, &thousandths))
			return hf_error_set(err, HF_EINVAL, 0,
			    "%s needs one to three digits after the point", problem_quote(&word, text));
	}
	while (*p == ' ')
		p++;
	for (unit = units; unit->name != NULL && strcmp(unit->name, p) != 0; unit++)
		;
	if (unit->name == NULL)
		return unit_error(text, p, units, example, err);
	if (thousandths != 0 && unit[1].name == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s is finer than a whole %s",
		    problem_quote(&word, text), unit->name);
	rest = thousandths * unit->factor / 1000;
	if (whole > (INT64_MAX - rest) / unit->factor)
		goto large;
	*ret = whole * unit->factor + rest;
	return HF_OK;
large:
	return hf_error_set(err, HF_EINVAL, 0, "%s is too large", problem_quote(&word, text));
}

int
scalar_size(const char *text, int64_t *ret_bytes, struct hf_error *err)
{
	return parse_units(text, size_units, "100 MB", ret_bytes, err);
}

int
scalar_duration(const char *text, int64_t *ret_ns, struct hf_error *err)
{
	return parse_units(text, duration_units, "30 s", ret_ns, err);
}

static const char *
format_units(int64_t value, const struct unit *units, char out[SCALAR_FORMAT_SIZE])
{
	const struct unit *unit, *best = NULL;

	for (unit = units; unit->name != NULL; unit++) {
		if (value % unit->factor == 0 && (best == NULL || unit->factor > best->factor))
			best = unit;
	}
	if (value == 0)
		best = units == size_units ? &size_units[6] : &duration_units[3];
	if (best == NULL) /* finer than a millisecond, which no file can say */
		best = &duration_units[4];
	(void)snprintf(
	    out, SCALAR_FORMAT_SIZE, "%lld %s", (long long)(value / best->factor), best->name);
	return out;
}

const char *
scalar_format_size(int64_t bytes, char out[SCALAR_FORMAT_SIZE])
{
	return format_units(bytes, size_units, out);
}

const char *
scalar_format_duration(int64_t ns, char out[SCALAR_FORMAT_SIZE])
{
	return format_units(ns, duration_units, out);
}

const char *
scalar_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *entry;

	if (home != NULL && home[0] == '/')
		return home;
	entry = getpwuid(getuid());
	return entry != NULL && entry->pw_dir[0] == '/' ? entry->pw_dir : NULL;
}

int
scalar_path(const char *text, const char *folder, char **ret, struct hf_error *err)
{
	struct problem_word word;
	const char *home;
	char *path;

	if (text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "an empty path");
	if (text[0] == '$' && (text[1] == '{' || (text[1] >= 'A' && text[1] <= 'Z')))
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: variables are not replaced, ~/ is; write ./%s for a file of that name",
		    problem_quote(&word, text), word.text);
	if (text[0] == '~') {
		if (text[1] != '\0' && text[1] != '/')
			return hf_error_set(err, HF_EINVAL, 0,
			    "%s: only ~/ is replaced, not another user's home; write the path out, or "
			    "./%s for a file of that name",
			    problem_quote(&word, text), word.text);
		home = scalar_home();
		if (home == NULL)
			return hf_error_set(err, HF_EINVAL, 0,
			    "%s: your home is not known; set HOME or write the path out",
			    problem_quote(&word, text));
		path = text[1] == '\0' || text[2] == '\0' ? strdup(home) : path_join(home, text + 2);
	} else if (text[0] == '/') {
		path = strdup(text);
	} else {
		path = path_join(folder, text);
	}
	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	*ret = path;
	return HF_OK;
}

bool
scalar_is_name(const char *text)
{
	size_t n;

	if (text[0] < 'a' || text[0] > 'z')
		return false;
	n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return n <= 32 && text[n] == '\0';
}

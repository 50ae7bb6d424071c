/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/options.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

#define NAME_MAX_SIZE 96 /* an option's name with its ending */

struct unit {
	const char *name;
	int64_t factor;
};

/* The first that divides a number is the one it is printed in, so the order is the largest first. */
static const struct unit size_units[] = {{"GiB", INT64_C(1) << 30}, {"GB", 1000000000},
    {"MiB", 1 << 20}, {"MB", 1000000}, {"KiB", 1 << 10}, {"kB", 1000}, {"B", 1}, {NULL, 0}};
static const struct unit duration_units[] = {{"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)}, {"min", INT64_C(60000000000)}, {"s", 1000000000}, {"ms", 1000000},
    {NULL, 0}};

const char *
options_type_name(uint32_t type)
{
	switch (type) {
	case HF_OPTION_STRING:
		return "string";
	case HF_OPTION_BOOL:
		return "bool";
	case HF_OPTION_INT:
		return "int";
	case HF_OPTION_SIZE:
		return "size";
	case HF_OPTION_DURATION:
		return "duration";
	case HF_OPTION_PATH:
		return "path";
	default:
		return "?";
	}
}

static const struct unit *
units_of(uint32_t type)
{
	return type == HF_OPTION_SIZE ? size_units : type == HF_OPTION_DURATION ? duration_units : NULL;
}

void
options_format(uint32_t type, int64_t number, char *out, size_t size)
{
	const struct unit *unit = units_of(type);

	if (unit == NULL) {
		(void)snprintf(out, size, "%" PRId64, number);
		return;
	}
	if (number == 0) {
		(void)snprintf(out, size, "0 %s", type == HF_OPTION_SIZE ? "B" : "s");
		return;
	}
	while (unit[1].name != NULL && number % unit->factor != 0)
		unit++;
	(void)snprintf(out, size, "%" PRId64 " %s", number / unit->factor, unit->name);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads a whole decimal number and where it ends: no sign but "-", no leading zeros, which other readers
 * of YAML take for octal.  HF_ERANGE when it does not fit.
 */
static int
parse_number(const char *text, const char **ret_end, int64_t *ret_number)
{
	bool negative = text[0] == '-';
	const char *p = text + negative;
	uint64_t n = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	bool fits = true;

	if (!is_digit(*p) || (p[0] == '0' && is_digit(p[1])))
		return HF_EINVAL;
	for (; is_digit(*p); p++) {
		if (n > (limit - (uint64_t)(*p - '0')) / 10)
			fits = false;
		else
			n = n * 10 + (uint64_t)(*p - '0');
	}
	*ret_end = p;
	if (!fits)
		return HF_ERANGE;
	*ret_number = negative ? (n == 0 ? 0 : -(int64_t)(n - 1) - 1) : (int64_t)n;
	return HF_OK;
}

static int
parse_with_unit(
    const char *text, const struct unit *units, const char *allowed, int64_t *ret_number, struct hf_error *err)
{
	const char *end = text;
	int64_t n;
	int rc;

	rc = parse_number(text, &end, &n);
	if (rc == HF_EINVAL || (rc == HF_OK && n < 0))
		return hf_error_set(err, HF_EINVAL, 0, "is not a whole number with a unit, as in %s", allowed);
	while (*end == ' ')
		end++;
	for (; units->name != NULL; units++) {
		if (strcmp(units->name, end) == 0)
			break;
	}
	if (units->name == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s, as in %s",
		    *end == '\0' ? "has no unit" : "has an unknown unit", allowed);
	if (rc == HF_ERANGE || n > INT64_MAX / units->factor)
		return hf_error_set(err, HF_EINVAL, 0, "is too large");
	*ret_number = n * units->factor;
	return HF_OK;
}

int
options_value(uint32_t type, const char *text, int64_t *ret_number, struct hf_error *err)
{
	const char *end = text;
	int64_t n;
	int rc;

	switch (type) {
	case HF_OPTION_STRING:
		return HF_OK;
	case HF_OPTION_PATH:
		if (text[0] == '\0')
			return hf_error_set(err, HF_EINVAL, 0, "is an empty path");
		return HF_OK;
	case HF_OPTION_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return hf_error_set(err, HF_EINVAL, 0, "is neither true nor false");
		*ret_number = text[0] == 't';
		return HF_OK;
	case HF_OPTION_INT:
		rc = parse_number(text, &end, &n);
		if (rc == HF_EINVAL || *end != '\0')
			return hf_error_set(err, HF_EINVAL, 0, "is not a whole number");
		if (rc != HF_OK)
			return hf_error_set(err, HF_EINVAL, 0, "is too large");
		*ret_number = n;
		return HF_OK;
	case HF_OPTION_SIZE:
		return parse_with_unit(
		    text, size_units, "100 MB (B, kB, MB, GB, KiB, MiB, GiB)", ret_number, err);
	case HF_OPTION_DURATION:
		return parse_with_unit(text, duration_units, "30 s (ms, s, min, h, d)", ret_number, err);
	default:
		return hf_error_set(err, HF_ENOTSUP, 0, "is of a type this holdfast does not know");
	}
}

static const char *
home(void)
{
	const char *path = getenv("HOME");
	const struct passwd *user;

	if (path != NULL && path[0] == '/')
		return path;
	user = getpwuid(getuid());
	return user != NULL && user->pw_dir != NULL && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

int
options_path(const char *text, const char *base, char **ret_path, struct hf_error *err)
{
	const char *start = base;
	char *path;

	if (text[0] == '~') {
		if (text[1] != '\0' && text[1] != '/')
			return hf_error_set(err, HF_EINVAL, 0,
			    "starts with another user's \"~\": write that folder out, or ./~ for a file of "
			    "that name");
		if ((start = home()) == NULL)
			return hf_error_set(err, HF_EINVAL, 0, "starts with \"~\", and there is no home folder");
		for (text++; *text == '/'; text++)
			continue;
	} else if (text[0] == '/')
		start = NULL;
	if (start == NULL || text[0] == '\0')
		path = strdup(start == NULL ? text : start);
	else
		path = path_join(start, text);
	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	*ret_path = path;
	return HF_OK;
}

static const char *const secret_endings[] = {NULL, "_file", "_command"};

void
options_offer(struct nearest *nearest, const struct hf_option *table)
{
	char name[NAME_MAX_SIZE];
	const struct hf_option *option;
	struct nearest trial;
	uint32_t way;

	for (option = table; option != NULL && option->name != NULL; option++) {
		if (!(option->flags & HF_OPTION_SECRET)) {
			nearest_offer(nearest, option->name);
			continue;
		}
		/* The table's own string has to stay the candidate: it is what outlives this call. */
		for (way = OPTION_SECRET_FILE; way <= OPTION_SECRET_COMMAND; way++) {
			(void)snprintf(name, sizeof(name), "%s%s", option->name, secret_endings[way]);
			trial = *nearest;
			nearest_offer(&trial, name);
			if (trial.best == name) {
				nearest->best = option->name;
				nearest->distance = trial.distance;
			}
		}
	}
}

/* The option a name is written for; *ret_way is how, for secrets. */
static const struct hf_option *
find(const struct hf_option *table, const char *name, uint32_t *ret_way)
{
	const struct hf_option *option;
	size_t size;
	uint32_t way;

	*ret_way = 0;
	for (option = table; option != NULL && option->name != NULL; option++) {
		if (!(option->flags & HF_OPTION_SECRET)) {
			if (strcmp(option->name, name) == 0)
				return option;
			continue;
		}
		size = strlen(option->name);
		if (strncmp(option->name, name, size) != 0)
			continue;
		if (name[size] == '\0')
			return option;
		for (way = OPTION_SECRET_FILE; way <= OPTION_SECRET_COMMAND; way++) {
			if (strcmp(name + size, secret_endings[way]) == 0) {
				*ret_way = way;
				return option;
			}
		}
	}
	return NULL;
}

static int
unknown(const struct hf_option *table, const char *name, struct hf_error *err)
{
	struct nearest nearest = NEAREST_INIT(name);
	const struct hf_option *option;

	options_offer(&nearest, table);
	if (nearest.best == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is not an option here", name);
	for (option = table; strcmp(option->name, nearest.best) != 0; option++)
		continue;
	if (option->flags & HF_OPTION_SECRET)
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"%s\" is not an option here; did you mean \"%s_file\" or \"%s_command\"?", name,
		    nearest.best, nearest.best);
	return hf_error_set(
	    err, HF_EINVAL, 0, "\"%s\" is not an option here; did you mean \"%s\"?", name, nearest.best);
}

static int
check_range(const struct hf_option *option, const char *text, int64_t n, struct hf_error *err)
{
	char min[40], max[40];

	if ((option->min == 0 && option->max == 0) || option->type == HF_OPTION_BOOL ||
	    option->type == HF_OPTION_STRING || option->type == HF_OPTION_PATH)
		return HF_OK;
	if (n >= option->min && n <= option->max)
		return HF_OK;
	options_format(option->type, option->min, min, sizeof(min));
	options_format(option->type, option->max, max, sizeof(max));
	return hf_error_set(err, HF_EINVAL, 0, "%s: \"%s\" is outside of %s to %s", option->name, text, min, max);
}

/* Takes one value into place at. */
static int
take(const struct hf_option *option, const char *base, uint32_t way, const char *text, struct options *options,
    uint32_t at, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct hf_value *value = &options->values[at];
	bool path = option->type == HF_OPTION_PATH || way == OPTION_SECRET_FILE;
	int rc;

	if (path)
		rc = options_value(HF_OPTION_PATH, text, NULL, &why);
	else
		rc = options_value(option->type, text, &value->number, &why);
	if (rc == HF_OK && path)
		rc = options_path(text, base, &options->strings[at], &why);
	if (rc != HF_OK)
		return hf_error_set(err, rc, 0, "%s%s: \"%s\" %s", option->name,
		    way != 0 ? secret_endings[way] : "", text, why.msg);
	if (way == 0 && (rc = check_range(option, text, value->number, err)) != HF_OK)
		return rc;
	if (!path && (way != 0 || option->type == HF_OPTION_STRING) &&
	    (options->strings[at] = strdup(text)) == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	if (way != 0) {
		options->secrets[at].way = way;
		options->secrets[at].text = options->strings[at];
	} else
		value->text = options->strings[at];
	value->set = 1;
	return HF_OK;
}

static int
take_text(const struct hf_option *table, const char *base, const struct option_text *text,
    struct options *options, struct hf_error *err)
{
	const struct hf_option *option;
	uint32_t at, way;

	option = find(table, text->name, &way);
	if (option == NULL)
		return unknown(table, text->name, err);
	if ((option->flags & HF_OPTION_SECRET) && way == 0)
		/* The value stays out of the message: it may be the secret. */
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: a secret does not belong into the configuration: write %s_file or %s_command instead",
		    option->name, option->name, option->name);
	at = (uint32_t)(option - table);
	if (options->values[at].set && options->secrets[at].way != way)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: both %s_file and %s_command are given; keep one", option->name, option->name,
		    option->name);
	if (options->values[at].set)
		return hf_error_set(err, HF_EINVAL, 0, "%s: is given twice", text->name);
	return take(option, base, way, text->text, options, at, err);
}

/* Defaults, and what is required and not there. */
static int
complete(const struct hf_option *table, const char *base, struct options *options, struct hf_error *err)
{
	const struct hf_option *option;
	uint32_t at;
	int rc;

	for (at = 0; at < options->count; at++) {
		option = &table[at];
		if (options->values[at].set)
			continue;
		if (option->default_value != NULL && !(option->flags & HF_OPTION_SECRET)) {
			if ((rc = take(option, base, 0, option->default_value, options, at, err)) != HF_OK)
				return rc;
			continue;
		}
		if (!(option->flags & HF_OPTION_REQUIRED))
			continue;
		if (option->flags & HF_OPTION_SECRET)
			return hf_error_set(err, HF_EINVAL, 0, "%s_file or %s_command is missing (%s)",
			    option->name, option->name, option->help != NULL ? option->help : "a secret");
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is missing (%s)", option->name,
		    option->help != NULL ? option->help : options_type_name(option->type));
	}
	return HF_OK;
}

int
options_parse(const struct hf_option *table, const char *base, const struct option_text *texts, size_t count,
    struct options **ret_options, size_t *ret_bad, struct hf_error *err)
{
	struct options *options;
	uint32_t n = 0;
	size_t i = count;
	int rc;

	while (table != NULL && table[n].name != NULL)
		n++;
	if ((options = calloc(1, sizeof(*options))) == NULL ||
	    (options->values = calloc(n + 1, sizeof(*options->values))) == NULL ||
	    (options->secrets = calloc(n + 1, sizeof(*options->secrets))) == NULL ||
	    (options->strings = calloc(n + 1, sizeof(*options->strings))) == NULL) {
		rc = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		goto fail;
	}
	for (options->count = 0; options->count < n; options->count++)
		options->values[options->count].type = table[options->count].type;
	for (i = 0; i < count; i++) {
		if ((rc = take_text(table, base, &texts[i], options, err)) != HF_OK)
			goto fail;
	}
	if ((rc = complete(table, base, options, err)) != HF_OK)
		goto fail;
	*ret_options = options;
	return HF_OK;
fail:
	options_free(options);
	if (ret_bad != NULL)
		*ret_bad = i;
	return rc;
}

void
options_free(struct options *options)
{
	uint32_t i;

	if (options == NULL)
		return;
	for (i = 0; options->strings != NULL && i < options->count; i++)
		free(options->strings[i]);
	free(options->values);
	free(options->secrets);
	free(options->strings);
	free(options);
}

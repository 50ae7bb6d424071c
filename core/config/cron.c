/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/cron.h"

#include <string.h>
#include <strings.h>

#include "config/problem.h"

struct cron_field {
	const char *what;
	unsigned min;
	unsigned max;
	const char *names; /* three letters each, from min on; NULL: numbers only */
};

static const struct cron_field cron_fields[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"weekday", 0, 7, "sunmontuewedthufrisat"},
};

#define CRON_FIELDS (sizeof(cron_fields) / sizeof(cron_fields[0]))

static const struct {
	const char *name;
	const char *text;
} cron_nicknames[] = {
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

/* A number, or a name where the field has them; moves *p behind it. */
static bool
cron_value(const struct cron_field *field, const char **p, unsigned *ret)
{
	unsigned value = 0;
	size_t i, digits = strspn(*p, "0123456789");

	if (digits > 0 && digits <= 4) {
		for (; digits > 0; digits--, (*p)++)
			value = value * 10 + (unsigned)(**p - '0');
		*ret = value;
		return true;
	}
	for (i = 0; digits == 0 && field->names != NULL && field->names[3 * i] != '\0'; i++) {
		if (strncasecmp(*p, field->names + 3 * i, 3) == 0) {
			*p += 3;
			*ret = field->min + (unsigned)i;
			return true;
		}
	}
	return false;
}

/* One of the comma-separated parts: "*", "a" or "a-b", each with an optional "/step". */
static bool
cron_part(const struct cron_field *field, const char **p, uint64_t *bits)
{
	unsigned from = field->min, to = field->max, step = 1;
	bool range = true;

	if (**p == '*') {
		(*p)++;
	} else {
		if (!cron_value(field, p, &from))
			return false;
		range = **p == '-';
		to = from;
		if (range) {
			(*p)++;
			if (!cron_value(field, p, &to))
				return false;
		}
	}
	if (**p == '/') {
		(*p)++;
		/* A step after a single value has no meaning that all crons share. */
		if (!range || **p < '0' || **p > '9' || !cron_value(field, p, &step) || step == 0)
			return false;
	}
	if (from < field->min || to > field->max || from > to)
		return false;
	for (; from <= to; from += step)
		*bits |= UINT64_C(1) << from;
	return true;
}

static bool
cron_field_parse(const struct cron_field *field, const char *text, uint64_t *bits)
{
	const char *p = text;

	for (*bits = 0; cron_part(field, &p, bits); p++) {
		if (*p == '\0')
			return true;
		if (*p != ',')
			return false;
	}
	return false;
}

/* Copies one word of the text; false where it is longer than any field can be. */
static bool
cron_take_word(const char **text, char *word, size_t size)
{
	size_t n = strcspn(*text, " \t");

	if (n >= size)
		return false;
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n;
	*text += strspn(*text, " \t");
	return true;
}

static bool
cron_ever_fires(const struct cron *cron)
{
	static const uint8_t lengths[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned month;

	if (cron->days_any || !cron->weekdays_any)
		return true;
	for (month = 1; month <= 12; month++) {
		if ((cron->months >> month & 1) != 0 &&
		    (cron->days & ((UINT64_C(1) << (lengths[month] + 1)) - 1)) != 0)
			return true;
	}
	return false;
}

static int
cron_parse_fields(const char *text, struct cron *cron, struct hf_error *err)
{
	struct problem_word quoted, quoted2;
	uint64_t bits[CRON_FIELDS];
	const char *p = text + strspn(text, " \t");
	char word[256];
	size_t i;

	for (i = 0; i < CRON_FIELDS; i++) {
		if (*p == '\0')
			return hf_error_set(err, HF_EINVAL, 0,
			    "\"%s\" has %zu of the five fields of cron: minute hour day month weekday",
			    problem_quote(&quoted, text), i);
		if (i == 2 || i == 4)
			*(i == 2 ? &cron->days_any : &cron->weekdays_any) = *p == '*';
		if (!cron_take_word(&p, word, sizeof(word)) ||
		    !cron_field_parse(&cron_fields[i], word, &bits[i]))
			return hf_error_set(err, HF_EINVAL, 0,
			    "\"%s\": the %s \"%s\" is not *, %u to %u, a-b, */n or a list of these",
			    problem_quote(&quoted, text), cron_fields[i].what,
			    problem_quote(&quoted2, word), cron_fields[i].min, cron_fields[i].max);
	}
	if (*p != '\0')
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"%s\" has more than the five fields of cron: minute hour day month weekday",
		    problem_quote(&quoted, text));
	cron->minutes = bits[0];
	cron->hours = (uint32_t)bits[1];
	cron->days = (uint32_t)bits[2];
	cron->months = (uint16_t)bits[3];
	/* Sunday is 0 and 7. */
	cron->weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f);
	return HF_OK;
}

int
cron_parse(const char *text, struct cron *ret, struct hf_error *err)
{
	struct problem_word quoted;
	struct cron cron = {0};
	const char *fields = text;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(cron_nicknames) / sizeof(cron_nicknames[0]); i++) {
		if (strcmp(text, cron_nicknames[i].name) == 0)
			fields = cron_nicknames[i].text;
	}
	if (fields[0] == '@')
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"%s\" is not one of @hourly, @daily, @weekly, @monthly, @yearly",
		    problem_quote(&quoted, text));
	rc = cron_parse_fields(fields, &cron, err);
	if (rc != HF_OK)
		return rc;
	if (!cron_ever_fires(&cron))
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is a date that never comes",
		    problem_quote(&quoted, text));
	*ret = cron;
	return HF_OK;
}

bool
cron_matches_day(const struct cron *cron, int month, int day, int weekday)
{
	bool on_day = (cron->days >> day & 1) != 0;
	bool on_weekday = (cron->weekdays >> weekday & 1) != 0;

	if ((cron->months >> month & 1) == 0)
		return false;
	if (cron->days_any || cron->weekdays_any)
		return on_day && on_weekday;
	return on_day || on_weekday;
}

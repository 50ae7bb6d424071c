/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_CRON_H
#define CONFIG_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include <holdfast/error.h>

/*
 * A schedule in cron's syntax (POSIX crontab, with the names, steps and @daily of Vixie cron): one
 * bit for each minute, hour, day, month and weekday at which it fires.
 */
struct cron {
	uint64_t minutes;  /* bits 0..59 */
	uint32_t hours;    /* bits 0..23 */
	uint32_t days;     /* bits 1..31 */
	uint16_t months;   /* bits 1..12 */
	uint8_t weekdays;  /* bits 0..6, Sunday 0 */
	bool days_any;     /* the day field starts with "*" */
	bool weekdays_any; /* if neither is any, one of the two has to match; else both */
};

/*
 * Reads "minute hour day month weekday", or @hourly, @daily, @midnight, @weekly, @monthly, @yearly,
 * @annually.  HF_EINVAL with a sentence for anything else, and for a date that never comes
 * ("0 0 30 2 *").
 */
int cron_parse(const char *text, struct cron *ret, struct hf_error *err);
/* Whether it fires on that day (day 1..31, month 1..12, weekday 0..6); the time is not looked at. */
bool cron_matches_day(const struct cron *cron, int month, int day, int weekday);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone.h"

#include <sys/stat.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "value.h"

#define NS_PER_S 1000000000ll

/* Chats are not older than this, and offsets beyond the last known change stay as they are: 1990 to 2060. */
#define FIRST 631152000ll
#define LAST  2840140800ll
/* No two changes lie nearer. */
#define STEP (7 * 86400ll)

/* From a moment on: that many seconds east of UTC. */
struct zone_span {
	int64_t from;
	int64_t east;
};

static const char *const folders[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "+01:00", "-0330" */
static bool
offset_of(const char *name, int64_t *ret_east)
{
	size_t minutes = strlen(name) == 6 && name[3] == ':' ? 4 : 3;
	int64_t east;

	if ((name[0] != '+' && name[0] != '-') || strlen(name) != minutes + 2 || !is_digit(name[1]) ||
	    !is_digit(name[2]) || !is_digit(name[minutes]) || !is_digit(name[minutes + 1]))
		return false;
	east = ((name[1] - '0') * 10 + name[2] - '0') * 3600ll +
	    ((name[minutes] - '0') * 10 + name[minutes + 1] - '0') * 60ll;
	if (east > 18 * 3600ll || name[minutes] > '5')
		return false;
	*ret_east = name[0] == '-' ? -east : east;
	return true;
}

/* What a name of the zone database may be, so that it cannot lead out of it. */
static bool
is_zone_name(const char *name)
{
	size_t i;

	if (name[0] == '\0' || name[0] == '/' || strlen(name) > 100 || strstr(name, "..") != NULL)
		return false;
	for (i = 0; name[i] != '\0'; i++)
		if (!is_digit(name[i]) && !(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z') &&
		    strchr("/_+-", name[i]) == NULL)
			return false;
	return true;
}

int
zone_check(const char *name, struct hf_error *err)
{
	int64_t east;

	if (name == NULL || name[0] == '\0' || offset_of(name, &east))
		return HF_OK;
	if (!is_zone_name(name) || name[0] == '+' || name[0] == '-')
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"timezone\" must be UTC, an offset as +01:00, or a name as Europe/Berlin");
	return HF_OK;
}

static bool
is_known(const char *name)
{
	char path[200];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

/* Seconds east of UTC at a moment, in the zone that TZ names. */
static int64_t
east_at(int64_t at)
{
	time_t t = (time_t)at;
	struct tm local;
	int64_t ns;

	if (localtime_r(&t, &local) == NULL)
		return 0;
	ns = value_civil_time(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min,
	    local.tm_sec);
	return ns / NS_PER_S - at;
}

static int
add_span(struct zone *zone, int64_t from, int64_t east)
{
	struct zone_span *spans = realloc(zone->spans, (zone->count + 1) * sizeof(*spans));

	if (spans == NULL)
		return HF_ENOMEM;
	zone->spans = spans;
	spans[zone->count].from = from;
	spans[zone->count].east = east;
	zone->count++;
	return HF_OK;
}

/* Finds every change of the offset. */
static int
find_spans(struct zone *zone)
{
	int64_t at = FIRST, east = east_at(at), next, low, high, middle;
	int r = add_span(zone, INT64_MIN, east);

	for (; r == HF_OK && at < LAST; at += STEP) {
		next = east_at(at + STEP);
		if (next == east)
			continue;
		for (low = at, high = at + STEP; high - low > 1;) {
			middle = low + (high - low) / 2;
			if (east_at(middle) == east)
				low = middle;
			else
				high = middle;
		}
		east = next;
		r = add_span(zone, high, east);
	}
	return r;
}

/* The spans of a zone by its name, with TZ set to it meanwhile. */
static int
find_named(struct zone *zone, const char *name)
{
	const char *before = getenv("TZ");
	char *saved = before != NULL ? strdup(before) : NULL, value[128];
	int r;

	if (before != NULL && saved == NULL)
		return HF_ENOMEM;
	(void)snprintf(value, sizeof(value), ":%s", name);
	r = setenv("TZ", value, 1) == 0 ? HF_OK : HF_ENOMEM;
	tzset();
	if (r == HF_OK)
		r = find_spans(zone);
	if (saved != NULL)
		(void)setenv("TZ", saved, 1);
	else
		(void)unsetenv("TZ");
	tzset();
	free(saved);
	return r;
}

int
zone_open(const char *name, struct zone *zone, struct hf_error *err)
{
	int64_t east = 0;
	int r = zone_check(name, err);

	zone->spans = NULL;
	zone->count = 0;
	if (r != HF_OK)
		return r;
	if (name == NULL || name[0] == '\0') {
		tzset();
		r = find_spans(zone);
	} else if (strcmp(name, "UTC") == 0 || offset_of(name, &east)) {
		r = add_span(zone, INT64_MIN, east);
	} else if (!is_known(name)) {
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"timezone\": this machine does not know the zone %.100s; an offset as +01:00 is always possible",
		    name);
	} else {
		r = find_named(zone, name);
	}
	if (r != HF_OK)
		zone_close(zone);
	return r == HF_OK ? HF_OK : hf_error_set(err, r, 0, "out of memory");
}

void
zone_close(struct zone *zone)
{
	free(zone->spans);
	zone->spans = NULL;
	zone->count = 0;
}

int64_t
zone_utc(const struct zone *zone, int64_t local_ns)
{
	size_t low = 0, high = zone->count, middle;
	int64_t local;

	if (local_ns == INT64_MIN || zone->count == 0)
		return local_ns;
	local = local_ns / NS_PER_S;
	/* The last span that began, by its own clock and by that of the one before. */
	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (local >= zone->spans[middle].from + zone->spans[middle].east &&
		    local >= zone->spans[middle].from + zone->spans[middle - 1].east)
			low = middle;
		else
			high = middle;
	}
	return local_ns - zone->spans[low].east * NS_PER_S;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "facts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "os.h"

#define MEMORY_STEP (UINT64_C(16) << 20)
#define SERIAL_MIN  8 /* digits; a FAT volume has eight, as in 1234-ABCD */

static void
copy(char out[FACT_SIZE], const char *text)
{
	(void)snprintf(out, FACT_SIZE, "%s", text);
}

/* ---- disks ---- */

/* Hexadecimal digits and dashes, such as a volume's number or UUID. */
static bool
is_serial(const char *text, size_t size)
{
	size_t i, digits = 0, decimals = 0;

	for (i = 0; i < size; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			decimals++;
		else if (text[i] != '-' && !(text[i] >= 'a' && text[i] <= 'f') && !(text[i] >= 'A' && text[i] <= 'F'))
			return false;
		digits += text[i] != '-';
	}
	/* Words such as "facade-beef" have no decimal digit. */
	return digits >= SERIAL_MIN && decimals > 0;
}

void
facts_mask(char *path)
{
	char *to = path;
	const char *at = path;
	size_t size;

	while (*at != '\0') {
		size = strcspn(at, "/");
		if (is_serial(at, size)) {
			*to++ = '*';
		} else {
			memmove(to, at, size);
			to += size;
		}
		at += size;
		if (*at == '/')
			*to++ = *at++;
	}
	*to = '\0';
}

uint64_t
facts_step(uint64_t size)
{
	uint64_t step = 1;

	while (step <= size / 32)
		step *= 2;
	return step;
}

bool
facts_size_varies(const struct fact_disk *disk)
{
	return strcmp(disk->type, "zfs") == 0;
}

/* The disks, and what each is mounted from, which is not told. */
struct collecting {
	struct facts *facts;
	char sources[FACT_DISKS][FACT_SIZE];
};

/* Subvolumes and bind mounts have the source in common, ZFS datasets the part of it before the first "/". */
static struct fact_disk *
find_disk(struct collecting *collecting, const struct os_disk *disk)
{
	size_t size = strcmp(disk->type, "zfs") == 0 ? strcspn(disk->source, "/") : strlen(disk->source), i;
	char source[FACT_SIZE];

	(void)snprintf(source, sizeof(source), "%.*s", size < FACT_SIZE ? (int)size : FACT_SIZE - 1, disk->source);
	for (i = 0; i < collecting->facts->disk_count; i++) {
		if (strcmp(collecting->sources[i], source) == 0)
			return &collecting->facts->disks[i];
	}
	if (i == FACT_DISKS)
		return NULL;
	copy(collecting->sources[i], source);
	collecting->facts->disk_count++;
	return &collecting->facts->disks[i];
}

/* Of several mounts of the same thing the one with the shortest path is told. */
static void
add_disk(void *ctx, const struct os_disk *from)
{
	struct collecting *collecting = ctx;
	struct fact_disk *disk;
	uint64_t step = facts_step(from->size);

	if (from->size == 0)
		return;
	disk = find_disk(collecting, from);
	if (disk == NULL || (disk->mount[0] != '\0' && strlen(disk->mount) <= strlen(from->mount)))
		return;
	copy(disk->mount, from->mount);
	(void)snprintf(disk->type, sizeof(disk->type), "%s", from->type);
	disk->size = facts_size_varies(disk) ? from->size / step * step : from->size;
	disk->free = (from->free > from->size ? from->size : from->free) / step * step;
}

static int
compare_disks(const void *a, const void *b)
{
	const struct fact_disk *one = a, *other = b;
	int order = strcmp(one->mount, other->mount);

	return order != 0 ? order : one->size < other->size ? -1 : one->size > other->size;
}

/* ---- settings ---- */

/* Text that may come from the environment: only what names of locales and time zones are made of. */
static bool
is_name(const char *text)
{
	return text != NULL && text[0] != '\0' && strlen(text) < FACT_SIZE &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+./@,:<>") == strlen(text);
}

/* Of the system, so that a run from cron tells the same as one from a terminal. */
static void
find_locale(char out[FACT_SIZE])
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *value;
	size_t i;

	os_locale(out);
	if (!is_name(out))
		out[0] = '\0';
	for (i = 0; out[0] == '\0' && i < sizeof(variables) / sizeof(variables[0]); i++) {
		value = getenv(variables[i]);
		if (is_name(value))
			copy(out, value);
	}
	if (out[0] == '\0')
		copy(out, "C");
}

/* "/usr/share/zoneinfo/Europe/Berlin" to "Europe/Berlin". */
static const char *
zone_of(const char *text)
{
	const char *at = strstr(text, "zoneinfo/");

	return at != NULL ? at + strlen("zoneinfo/") : text[0] == ':' ? text + 1 : text;
}

static void
find_time_zone(char out[FACT_SIZE])
{
	char link[FACT_SIZE];
	ssize_t n = readlink("/etc/localtime", link, sizeof(link) - 1);
	const char *value = getenv("TZ");

	out[0] = '\0';
	link[n > 0 ? n : 0] = '\0';
	if (n > 0 && strstr(link, "zoneinfo/") != NULL)
		value = link;
	if (value != NULL && is_name(zone_of(value)))
		copy(out, zone_of(value));
}

void
facts_collect(struct facts *facts)
{
	struct collecting collecting = {.facts = facts};
	struct utsname name;
	size_t i;

	memset(facts, 0, sizeof(*facts));
	if (uname(&name) >= 0) {
		copy(facts->system, name.sysname);
		copy(facts->kernel, name.release);
		copy(facts->machine, name.machine);
	}
	os_distribution(facts->distribution);
	os_processor(facts->processor);
	facts->processors = os_processors();
	/* What the kernel has taken for itself differs from release to release. */
	facts->memory = (os_memory() + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP;
	find_locale(facts->locale);
	find_time_zone(facts->time_zone);
	os_disks(add_disk, &collecting);
	for (i = 0; i < facts->disk_count; i++)
		facts_mask(facts->disks[i].mount);
	if (facts->disk_count > 1)
		qsort(facts->disks, facts->disk_count, sizeof(facts->disks[0]), compare_disks);
}

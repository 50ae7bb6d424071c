/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZONE_H
#define ZONE_H

#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/* A time zone's offsets from UTC, for exports that tell the wall clock's time only. */
struct zone {
	struct zone_span *spans;
	size_t count;
};

/*
 * name: NULL for the machine's zone, "UTC", an offset as "+01:00", or a name of the zone database as
 * "Europe/Berlin".  HF_EINVAL: there is no such zone.  Not while another thread asks for local time: the
 * environment's TZ is changed for a moment.
 */
int zone_open(const char *name, struct zone *zone, struct hf_error *err);
void zone_close(struct zone *zone);
/* HF_EINVAL as zone_open has it, but without reading any file. */
int zone_check(const char *name, struct hf_error *err);
/*
 * Nanoseconds since 1970 of a wall clock's time, which is given as if it were UTC's.  Of an hour that comes
 * twice the first is taken.  HF_NO_TIME stays what it is.
 */
int64_t zone_utc(const struct zone *zone, int64_t local_ns);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stddef.h>
#include <stdint.h>

/* Times are nanoseconds since 1970-01-01T00:00:00Z, which covers the years 1678 to 2261. */
#define TIME_RFC3339_SIZE 40

/* The wall clock: a label, never a timeout. */
int64_t time_now(void);
/* A clock that also counts while the machine sleeps, where the system has one: for leases and timeouts. */
int64_t time_boot(void);
/* Writes "2026-11-23T06:00:00.5Z": UTC, up to 9 fraction digits without trailing zeros.  Returns the length. */
size_t time_format(int64_t ns, char out[TIME_RFC3339_SIZE]);
/* Reads RFC 3339 of any zone.  Returns HF_OK, HF_EINVAL for other text, HF_ERANGE beyond int64_t. */
int time_parse(const char *text, size_t size, int64_t *ret_ns);

#endif

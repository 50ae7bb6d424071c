/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_PLURAL_H
#define BASE_PLURAL_H

#include <stdint.h>

/* The ending of a noun behind a count: "1 file", "2 files". */
static inline const char *
plural_s(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* The same where the ending is another: "1 entry", "2 entries"; also for verbs. */
static inline const char *
plural(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_FIRSTS_H
#define ARCHIVE_FIRSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The ids that a new log has, to tell when one comes again.  It holds a fingerprint of each, so that it
 * costs next to nothing, and of the first FIRSTS_MAX only, so that memory has a bound; who needs to be sure
 * asks a struct seen.
 */
struct firsts;

#define FIRSTS_MAX 98304u /* in 1 MiB */

/* NULL without memory. */
struct firsts *firsts_new(void);
void firsts_free(struct firsts *firsts);
/* What stands for an id in the calls below; never 0. */
uint64_t firsts_print(const struct firsts *firsts, const char *id, size_t size);
bool firsts_has(const struct firsts *firsts, uint64_t print);
void firsts_add(struct firsts *firsts, uint64_t print);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_FIRSTS_H
#define ARCHIVE_FIRSTS_H

#include <stdbool.h>
#include <stddef.h>

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
bool firsts_has(const struct firsts *firsts, const char *id, size_t size);
void firsts_add(struct firsts *firsts, const char *id, size_t size);

#endif

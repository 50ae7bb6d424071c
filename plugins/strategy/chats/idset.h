/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IDSET_H
#define IDSET_H

#include "out.h"

/* More rooms of one account than any service has, in 16 bytes each. */
#define IDSET_MAX 900000u

/* Which ids there were so far. */
struct idset {
	uint64_t (*slots)[2]; /* the beginning of the id's SHA-256; both 0: free */
	size_t count;
	size_t capacity; /* a power of two */
};

/* HF_OK, or HF_EEXIST when the id is in the set already; HF_ERANGE: it is full. */
int idset_add(struct idset *set, const struct tools *tools, const char *id, size_t size, struct hf_error *err);
void idset_release(struct idset *set);

#endif

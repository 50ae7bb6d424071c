/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_IDSET_H
#define REPOSITORY_IDSET_H

#include "repository/repository.h"

/*
 * A set of ids, 8 bytes of each: SHA-256 sums are spread evenly, so that two of a million ids are taken
 * for one with a chance of 1 in 10^7.  A zeroed struct is an empty set.
 */
struct id_set {
	uint64_t *slots; /* 0: free */
	size_t capacity; /* a power of two */
	size_t count;
};

/* *ret_new: it was not in the set before.  HF_ENOMEM, or HF_ERANGE beyond 16 Mi ids. */
int id_set_add(struct id_set *set, const struct repository_id *id, bool *ret_new, struct hf_error *err);
bool id_set_has(const struct id_set *set, const struct repository_id *id);
void id_set_release(struct id_set *set);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/idset.h"

#include <stdlib.h>
#include <string.h>

#define ID_SET_MAX ((size_t)16 << 20)

static uint64_t
key_of(const struct repository_id *id)
{
	uint64_t key;

	memcpy(&key, id->bytes, sizeof(key));
	return key == 0 ? 1 : key;
}

static size_t
find_slot(const struct id_set *set, uint64_t key)
{
	/* The low bits of a SHA-256 are as good a hash as any. */
	size_t i = (size_t)key & (set->capacity - 1);

	while (set->slots[i] != 0 && set->slots[i] != key)
		i = (i + 1) & (set->capacity - 1);
	return i;
}

static int
grow(struct id_set *set, struct hf_error *err)
{
	struct id_set larger = {NULL, set->capacity == 0 ? 1024 : set->capacity * 2, set->count};
	size_t i;

	if (set->count >= ID_SET_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %zu ids", ID_SET_MAX);
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (larger.slots == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory for %zu ids", set->count);
	for (i = 0; i < set->capacity; i++) {
		if (set->slots[i] != 0)
			larger.slots[find_slot(&larger, set->slots[i])] = set->slots[i];
	}
	free(set->slots);
	*set = larger;
	return HF_OK;
}

int
id_set_add(struct id_set *set, const struct repository_id *id, bool *ret_new, struct hf_error *err)
{
	size_t slot;
	int r;

	if (set->count >= set->capacity / 4 * 3 && (r = grow(set, err)) != HF_OK)
		return r;
	slot = find_slot(set, key_of(id));
	*ret_new = set->slots[slot] == 0;
	if (*ret_new) {
		set->slots[slot] = key_of(id);
		set->count++;
	}
	return HF_OK;
}

bool
id_set_has(const struct id_set *set, const struct repository_id *id)
{
	return set->count > 0 && set->slots[find_slot(set, key_of(id))] != 0;
}

void
id_set_release(struct id_set *set)
{
	free(set->slots);
	memset(set, 0, sizeof(*set));
}

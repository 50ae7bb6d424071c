/* SPDX-License-Identifier: BSD-2-Clause */
#include "idset.h"

#include <stdlib.h>

#define FIRST_CAPACITY 256
#define LAST_CAPACITY  (1u << 20)

/* The slot of a key: its own, or the free one where it belongs. */
static uint64_t *
find_slot(uint64_t (*slots)[2], size_t capacity, const uint64_t key[2])
{
	size_t i = (size_t)key[0] & (capacity - 1);

	while ((slots[i][0] != 0 || slots[i][1] != 0) && (slots[i][0] != key[0] || slots[i][1] != key[1]))
		i = (i + 1) & (capacity - 1);
	return slots[i];
}

static int
grow(struct idset *set, struct hf_error *err)
{
	size_t capacity = set->capacity == 0 ? FIRST_CAPACITY : set->capacity * 2, i;
	uint64_t (*slots)[2] = calloc(capacity, sizeof(*slots));

	if (slots == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the list of rooms: out of memory");
	for (i = 0; i < set->capacity; i++)
		if (set->slots[i][0] != 0 || set->slots[i][1] != 0)
			memcpy(find_slot(slots, capacity, set->slots[i]), set->slots[i], sizeof(*slots));
	free(set->slots);
	set->slots = slots;
	set->capacity = capacity;
	return HF_OK;
}

int
idset_add(struct idset *set, const struct tools *tools, const char *id, size_t size, struct hf_error *err)
{
	uint64_t key[4], *slot;
	int r = tools->write->sha256(id, size, (uint8_t *)key, err);

	if (r != HF_OK)
		return r;
	if (set->count >= IDSET_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %u rooms in one account", IDSET_MAX);
	if (set->count >= set->capacity / 4 * 3 && set->capacity < LAST_CAPACITY)
		r = grow(set, err);
	if (r != HF_OK)
		return r;
	slot = find_slot(set->slots, set->capacity, key);
	if (slot[0] != 0 || slot[1] != 0)
		return hf_error_set(err, HF_EEXIST, 0, "another room has the same id");
	memcpy(slot, key, 2 * sizeof(*key));
	set->count++;
	return HF_OK;
}

void
idset_release(struct idset *set)
{
	free(set->slots);
	memset(set, 0, sizeof(*set));
}

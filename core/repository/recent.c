/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/recent.h"

#include <stdlib.h>
#include <string.h>

/* Open addressing with linear probing; what is removed leaves no trace behind. */
struct member {
	uint8_t used, tree;
	uint8_t id[HASH_SIZE];
};

struct recent {
	struct member *slots;
	size_t mask; /* slots - 1, a power of two less one */
	size_t count, capacity;
};

int
recent_new(size_t capacity, struct recent **ret, struct hf_error *err)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	size_t slots = 16;

	while (slots < capacity + capacity / 2)
		slots *= 2;
	if (recent != NULL)
		recent->slots = calloc(slots, sizeof(*recent->slots));
	if (recent == NULL || recent->slots == NULL) {
		recent_free(recent);
		return hf_error_set(err, HF_ENOMEM, 0, "writing to the repository: out of memory");
	}
	recent->mask = slots - 1;
	recent->capacity = capacity;
	*ret = recent;
	return HF_OK;
}

void
recent_free(struct recent *recent)
{
	if (recent == NULL)
		return;
	free(recent->slots);
	free(recent);
}

static size_t
home_of(const struct recent *recent, const uint8_t *id)
{
	return ((size_t)id[0] | (size_t)id[1] << 8 | (size_t)id[2] << 16) & recent->mask;
}

/* The slot that holds the blob, or the free one where it would go. */
static size_t
find(const struct recent *recent, enum blob_type type, const struct repository_id *id)
{
	const struct member *member;
	size_t slot = home_of(recent, id->bytes);

	for (;; slot = (slot + 1) & recent->mask) {
		member = &recent->slots[slot];
		if (!member->used || (member->tree == (type == BLOB_TREE) && memcmp(member->id, id->bytes,
		    HASH_SIZE) == 0))
			return slot;
	}
}

bool
recent_has(const struct recent *recent, enum blob_type type, const struct repository_id *id)
{
	return recent->slots[find(recent, type, id)].used;
}

int
recent_add(struct recent *recent, enum blob_type type, const struct repository_id *id)
{
	struct member *member;

	if (recent->count == recent->capacity)
		return HF_ERANGE;
	member = &recent->slots[find(recent, type, id)];
	if (member->used)
		return HF_OK;
	member->used = 1;
	member->tree = type == BLOB_TREE;
	memcpy(member->id, id->bytes, HASH_SIZE);
	recent->count++;
	return HF_OK;
}

void
recent_remove(struct recent *recent, enum blob_type type, const struct repository_id *id)
{
	size_t hole = find(recent, type, id), slot, home;

	if (!recent->slots[hole].used)
		return;
	recent->count--;
	/* Whoever was pushed past the hole moves into it, so that no search ends too early. */
	for (slot = (hole + 1) & recent->mask; recent->slots[slot].used; slot = (slot + 1) & recent->mask) {
		home = home_of(recent, recent->slots[slot].id);
		if (((slot - home) & recent->mask) >= ((slot - hole) & recent->mask)) {
			recent->slots[hole] = recent->slots[slot];
			hole = slot;
		}
	}
	recent->slots[hole].used = 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/firsts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOTS_MIN 1024u
#define SLOTS_MAX 131072u /* FIRSTS_MAX fill three quarters */

struct firsts {
	uint64_t seed; /* so that nobody can make ids that fall together */
	uint64_t *slots; /* 0: free */
	size_t slot_count, count;
};

struct firsts *
firsts_new(void)
{
	struct firsts *firsts = calloc(1, sizeof(*firsts));

	if (firsts == NULL)
		return NULL;
	firsts->slot_count = SLOTS_MIN;
	firsts->slots = calloc(firsts->slot_count, sizeof(*firsts->slots));
	if (firsts->slots == NULL || random_bytes(&firsts->seed, sizeof(firsts->seed), NULL) != HF_OK) {
		firsts_free(firsts);
		return NULL;
	}
	return firsts;
}

void
firsts_free(struct firsts *firsts)
{
	if (firsts == NULL)
		return;
	free(firsts->slots);
	free(firsts);
}

/* Multiplies eight bytes at a time into 64 bits. */
uint64_t
firsts_print(const struct firsts *firsts, const char *id, size_t size)
{
	uint64_t sum = firsts->seed ^ size, part;

	for (; size >= sizeof(part); id += sizeof(part), size -= sizeof(part)) {
		memcpy(&part, id, sizeof(part));
		sum = (sum ^ part) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	part = 0;
	memcpy(&part, id, size);
	sum = (sum ^ part) * 0x9e3779b97f4a7c15ull;
	sum ^= sum >> 29;
	sum *= 0xbf58476d1ce4e5b9ull;
	sum ^= sum >> 32;
	return sum == 0 ? 1 : sum;
}

/* The slot where a fingerprint is, or the free one where it would go. */
static size_t
find(const uint64_t *slots, size_t slot_count, uint64_t print)
{
	size_t slot = (size_t)print & (slot_count - 1);

	while (slots[slot] != 0 && slots[slot] != print)
		slot = (slot + 1) & (slot_count - 1);
	return slot;
}

static bool
grow(struct firsts *firsts)
{
	size_t slot_count = firsts->slot_count * 2, i;
	uint64_t *slots = calloc(slot_count, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (i = 0; i < firsts->slot_count; i++)
		if (firsts->slots[i] != 0)
			slots[find(slots, slot_count, firsts->slots[i])] = firsts->slots[i];
	free(firsts->slots);
	firsts->slots = slots;
	firsts->slot_count = slot_count;
	return true;
}

bool
firsts_has(const struct firsts *firsts, uint64_t print)
{
	return firsts->slots[find(firsts->slots, firsts->slot_count, print)] != 0;
}

void
firsts_add(struct firsts *firsts, uint64_t print)
{
	size_t slot = find(firsts->slots, firsts->slot_count, print);

	if (firsts->slots[slot] != 0)
		return;
	if (firsts->count >= firsts->slot_count / 4 * 3) {
		if (firsts->slot_count == SLOTS_MAX || !grow(firsts))
			return;
		slot = find(firsts->slots, firsts->slot_count, print);
	}
	firsts->slots[slot] = print;
	firsts->count++;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PEOPLE_H
#define PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

#include <holdfast/source.h>

/* The most people of a room that are remembered, and bytes of their ids and names. */
#define PEOPLE_MAX   20000u
#define PEOPLE_BYTES (2u << 20)

/* Who was met in the messages of a room: ids with the names that came last. */
struct people {
	const struct hf_host_json *json;
	struct person *persons;
	size_t count, capacity;
	uint32_t *slots; /* numbers of persons from 1, by hash; 0: free */
	size_t slot_count;
	size_t bytes;
	bool full; /* there were more than are remembered */
	const void *room; /* whose they are; NULL: nobody's */
	bool unchanged;   /* the room was not read, as it is what it was */
};

void people_init(struct people *people, const struct hf_host_json *json);
/* Forgets them all; whose they are is unknown then. */
void people_clear(struct people *people);
/* id and name (which may be missing) are copied.  HF_ENOMEM. */
int people_add(struct people *people, const struct hf_text *id, const struct hf_text *name, struct hf_error *err);
bool people_has(const struct people *people, const struct hf_text *id);
/*
 * In the order in which they were met.  HF_ENOTSUP: the room is unchanged, so what is known of it is still so, or it
 * has more people than are remembered.
 */
int people_push(const struct people *people, const struct hf_record_sink *sink, struct hf_error *err);

#endif

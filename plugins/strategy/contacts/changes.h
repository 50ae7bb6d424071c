/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHANGES_H
#define CHANGES_H

#include <holdfast/source.h>

#include "common/bytes.h"
#include "spool.h"

/* A card that the source pushed, or said is gone.  All else of it is in the spool. */
struct change {
	uint64_t at; /* in the spool; also tells which of two came later */
	union {
		size_t at;      /* in ids */
		const char *id; /* once it is sealed: its size in two bytes, and then itself */
	} id;
};

/*
 * What a source pushed, in the order of the ids once it is sealed.  While the source keeps to that order itself there
 * is nothing in memory but one id; the list is made when an id comes that is not behind the one before.
 */
struct changes {
	struct spool spool;
	bool listed;
	struct bytes last; /* the id that came last, while there is no list */
	struct bytes ids;
	struct change *list;
	size_t capacity;
	uint64_t count;
	uint64_t next; /* to be taken */
	/* The next one, looked at already: its head and id. */
	struct change_head {
		uint32_t revision_size;
		uint32_t card_size;
		int64_t updated_ns;
		uint32_t id_size;
		uint32_t deleted;
	} head;
	struct bytes id;
};

/* One change as it is read again. */
struct change_card {
	struct bytes id;
	bool deleted;
	bool has_revision;
	struct bytes revision;
	struct bytes card;
	int64_t updated_ns;
};

int changes_open(struct changes *changes, struct hf_error *err);
void changes_release(struct changes *changes);
/* Forgets all of them. */
int changes_clear(struct changes *changes, struct hf_error *err);
/* id and revision are UTF-8; card NULL: it was deleted. */
int changes_add(struct changes *changes, const struct hf_text *id, const struct hf_text *revision,
    const struct bytes *card, int64_t updated_ns, struct hf_error *err);
/* Sorts them; of several with one id the last counts. */
int changes_seal(struct changes *changes, struct hf_error *err);
/* The next one's id, good until it is taken; false: there are no more. */
bool changes_peek(const struct changes *changes, struct hf_text *ret_id);
/* Takes the next one. */
int changes_take(struct changes *changes, struct change_card *card, struct hf_error *err);

#endif

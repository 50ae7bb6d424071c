/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHANGES_H
#define CHANGES_H

#include <holdfast/source.h>

#include "common/bytes.h"
#include "spool.h"

/* A card that the source pushed, or said is gone.  Its bytes are in the spool. */
struct change {
	uint64_t at;    /* in the spool; also tells which of two came later */
	const char *id; /* once it is sealed */
	uint32_t id_at;
	uint16_t id_size;
	bool deleted;
};

/* What a source pushed, in the order of the ids once it is sealed. */
struct changes {
	struct spool spool;
	struct bytes ids;
	struct change *list;
	size_t count, capacity;
	size_t next; /* to be taken */
};

/* One change as it is read again. */
struct change_card {
	struct hf_text id;
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
void changes_seal(struct changes *changes);
/* The next one's id without its bytes; false: there are no more. */
bool changes_peek(const struct changes *changes, struct hf_text *ret_id);
/* Takes the next one. */
int changes_take(struct changes *changes, struct change_card *card, struct hf_error *err);

#endif

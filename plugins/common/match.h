/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_MATCH_H
#define LIB_MATCH_H

#include <holdfast/host.h>

#include "bytes.h"

/*
 * The cards of a place where a backup's cards are to be put back, found by their UID, or where they have none by
 * what they say.
 */
struct match_entry {
	uint64_t uid[2];     /* of its hash; zeros: it has none */
	uint64_t content[2]; /* of what it says */
	uint32_t where_at;   /* NUL-terminated strings in the texts */
	uint32_t version_at;
	bool put;            /* a card of the backup is there */
};

struct match {
	const struct hf_host_write *write;
	struct bytes texts;
	struct match_entry *list;
	size_t count, capacity;
};

struct match_found {
	const char *where;   /* as it was added */
	const char *version;
	bool same;           /* it says the same */
	bool put;            /* and was told to match_set: it is not to be replaced by another card with its UID */
};

void match_init(struct match *match, const struct hf_host_write *write);
void match_release(struct match *match);
int match_add(struct match *match, const char *card, size_t size, const char *where, const char *version,
    struct hf_error *err);
/*
 * Of several cards with one UID the one that says the same, else one that was not put there.  HF_ENOTFOUND: there is no
 * such card.  Strings are good until the next add.
 */
int match_find(const struct match *match, const char *card, size_t size, struct match_found *ret, struct hf_error *err);
/* Tells it that the card has been put there, or is there already. */
int match_set(struct match *match, const char *card, size_t size, const char *where, const char *version,
    struct hf_error *err);

/*
 * Appends card with the media properties of before, which a backup does not have: replacing a card takes no
 * picture away.  HF_ENOMEM, HF_ERANGE.
 */
int match_merge(const char *card, size_t size, const char *before, size_t before_size, struct bytes *out,
    struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CARDS_H
#define CARDS_H

#include <stdint.h>
#include <stdio.h>

#include <holdfast/source.h>

#include "common/bytes.h"

enum card_fault { CARD_WHOLE, CARD_NO_BEGIN, CARD_NO_END, CARD_JUNK };

/* A card in a file, or what stands there instead of one. */
struct card_range {
	uint32_t at, size;
	uint32_t line; /* 1 is the first */
	enum card_fault fault;
};

/* One file of cards, opened and looked through. */
struct cards {
	FILE *file; /* of UTF-8, or bytes that are no UTF-16 */
	struct card_range *list;
	size_t count, capacity;
};

#define CARDS_FILE_MAX UINT32_MAX /* bytes, of UTF-8 */
#define CARDS_CARD_MAX (16u << 20)

/*
 * Looks through what fd is open to, which it takes over, for its cards in their order.  A card inside of a card is
 * part of it.  What is wrong is in the list: text outside of cards, an END without BEGIN, and a BEGIN whose END is
 * missing.  UTF-16 becomes UTF-8; a byte order mark belongs to no card.  HF_ERANGE: it is longer than CARDS_FILE_MAX.
 */
int cards_open(int fd, struct cards *ret, struct hf_error *err);
/* What is wrong there; NULL: nothing. */
const char *cards_fault(const struct card_range *range);
void cards_close(struct cards *cards);
/* Reads one card into out, instead of what is in it.  HF_ERANGE: it is longer than CARDS_CARD_MAX. */
int cards_read(struct cards *cards, const struct card_range *range, struct bytes *out, struct hf_error *err);

#endif

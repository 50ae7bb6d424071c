/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CARD_H
#define CARD_H

#include "text.h"

#include <holdfast/stream.h>

/* What a card is made from; data NULL: not known. */
struct card {
	struct hf_text id;
	struct hf_text name; /* as it is shown */
	struct hf_text family;
	struct hf_text given;
	struct hf_text phone; /* several are each on a line of their own */
	struct hf_text email;
	struct hf_text address; /* of a chat: a URI, or what the system calls its users by; the same */
	struct hf_text organization;
	struct hf_text note;
};

/* Appends a vCard 4.0 (RFC 6350). */
void card_put(const struct card *card, struct text *out);

#endif

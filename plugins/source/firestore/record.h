/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECORD_H
#define RECORD_H

#include <holdfast/source.h>

#include "service.h"

#define RECORD_ATTACHMENTS 1024
#define RECORD_REACTIONS   64
#define RECORD_SENDERS     1024

/* Makes records of documents; what they point to lies in the document and in here. */
struct record {
	const struct service *service;
	struct hf_attachment attachments[RECORD_ATTACHMENTS];
	struct hf_reaction reactions[RECORD_REACTIONS];
	struct hf_text senders[RECORD_SENDERS];
	size_t attachment_count, reaction_count, sender_count;
};

void record_message(struct record *record, const struct document *document, struct hf_message *ret_message);
void record_room(const struct service *service, const struct document *document, struct hf_room *ret_room);
void record_person(const struct service *service, const struct document *document, struct hf_participant *ret_person);
/* A contact as a vCard (RFC 2426, so that all can read it) into card; its id, decoded, into id. */
int record_contact(const struct service *service, const struct document *document, struct text *id, struct text *card,
    struct hf_contact *ret_contact, struct hf_error *err);

#endif

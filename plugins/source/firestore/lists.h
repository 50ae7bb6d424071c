/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LISTS_H
#define LISTS_H

#include "pager.h"
#include "record.h"

/*
 * The members of rooms, as their documents have them: kept while they are listed, since each room is asked for its
 * own later, and a request for each is what nobody wants to pay for.
 */
struct members {
	struct text ids; /* "room\0" and what the field has, for each room: see lists.c */
	bool cut;        /* there was no room for all of them */
};

#define MEMBERS_MAX (4u << 20)

void members_init(struct members *members);
void members_release(struct members *members);

/* All rooms; their members are kept in members. */
int lists_rooms(struct service *service, struct members *members, const struct hf_record_sink *sink,
    struct hf_error *err);
/* All people of the app.  HF_ENOTSUP: there is no such collection. */
int lists_people(struct service *service, const struct hf_record_sink *sink, struct hf_error *err);
/* The people of one room.  HF_ENOTSUP: they are not known. */
int lists_members(struct service *service, const struct members *members, const struct hf_text *room,
    const struct hf_record_sink *sink, struct hf_error *err);
/* All contacts, as vCards.  HF_ENOTSUP: there is no such collection. */
int lists_contacts(struct service *service, const struct hf_record_sink *sink, struct hf_error *err);

#endif

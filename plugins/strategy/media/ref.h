/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REF_H
#define REF_H

#include "text.h"

/*
 * A reference to media: an attachment in a message of a room.  In the list of what is to be done, and in the index
 * but for its state, it is a JSON object: {"room":..,"folder":..,"message":..,"sent_at":..,"attachment":{..}}.
 */

#define REF_LINE_MAX (1u << 20) /* longer references are told and left out */

/* The members of an attachment, as the schema of records names them. */
enum { A_ID, A_KIND, A_NAME, A_MIME, A_URL, A_PATH, A_MISSING, A_SIZE, A_COUNT };

struct ref {
	struct hf_json_value room, message, sent_at, attachment; /* strings but for the last */
	struct hf_json_value members[A_COUNT];
	char folder[HF_COMPONENT_SIZE]; /* of the room */
	int64_t sent_ns;                /* HF_NO_TIME */
	int64_t size;                   /* that is announced; -1 */
	uint8_t key[32];                /* of the attachment: whether it is the same one */
	uint8_t same[32];               /* of the source's id and the address: the same bytes wherever it is told */
	bool has_same;                  /* it has both */
	int64_t ordinal;                /* the key is of its place in the message; else 0 */
	bool retry;                     /* it comes from the index */
};

/* Takes an attachment's JSON; the values lie in it.  ordinal: its place in the message. */
int ref_take_attachment(struct ref *ref, const struct tools *tools, const struct hf_json_value *attachment,
    int64_t ordinal, struct hf_error *err);
/* Takes a line of the list, or of the index; ref points into it. */
int ref_take(struct ref *ref, const struct tools *tools, const char *line, size_t size, struct hf_error *err);
/* The line of the list, without newline. */
void ref_put(struct bytes *out, const struct tools *tools, const struct ref *ref);
/* "room", "message", "sent_at" and "attachment", each after a comma. */
void ref_put_members(struct bytes *out, const struct ref *ref);
/* The attachment that a source tells of as JSON. */
void ref_put_attachment(struct bytes *out, const struct tools *tools, const struct hf_attachment *attachment);
/*
 * Where it is stored, "ROOM/MESSAGE-NAME".  variant 0 has no more in it; 1 and 2 have the beginning of the key, or
 * all of it, for names that another attachment has taken.
 */
#define REF_VARIANTS 3u
int ref_path(const struct ref *ref, const struct tools *tools, unsigned variant, struct bytes *out,
    struct hf_error *err);
/* For the source; points into ref. */
void ref_attachment(const struct ref *ref, struct hf_attachment *ret);
/* The folder of a room: its name in chats, but for those that are taken. */
void ref_folder(const char *component, char out[HF_COMPONENT_SIZE]);

#endif

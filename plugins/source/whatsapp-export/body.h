/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>

#include <holdfast/source.h>

#include "stamp.h"

/* How many of the last messages are looked at for ones that say the same in the same minute. */
#define BODY_RECENT 8192u

/* Turns a message's lines into a record, whose pointers lead into them and into this. */
struct body {
	const struct hf_host_write *write;
	const char *place; /* of the chat's files below the export's folder, "" or with a '/' at its end */
	struct hf_attachment attachment;
	char *buffer; /* of all the texts that are made */
	size_t capacity;
	struct recent *recent; /* two tables of BODY_RECENT */
	size_t newest;         /* the table that is filled */
	size_t filled;
};

/* HF_ENOMEM */
int body_init(struct body *body, const struct hf_host_write *write, struct hf_error *err);
void body_release(struct body *body);
/* Another text begins: what was said before is forgotten. */
void body_begin(struct body *body, const char *place);
/*
 * text begins with a stamp of stamp_size bytes; sent_ns is when it was sent.  HF_EINVAL: it is not UTF-8; the record
 * is there all the same, with U+FFFD in place of what is not.
 */
int body_message(struct body *body, const char *text, size_t size, size_t stamp_size, const struct stamp *stamp,
    int64_t sent_ns, struct hf_message *ret_message, struct hf_error *err);
/* Who wrote a message, without marks; size 0: it is of the system.  Where the body begins in *ret_body. */
void body_author(const char *text, size_t size, size_t stamp_size, const char **ret_author, size_t *ret_size,
    size_t *ret_body);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CURSOR_H
#define CURSOR_H

#include <stdint.h>

#include <holdfast/source.h>

#include "common/bytes.h"

/*
 * What the last run saw: lines of text, "F FINGERPRINT PATH" for each file in the order of the paths as they are
 * encoded, and after it " ID" for each card in it, the part of its id that follows the path.  All of it is encoded:
 * no line holds a space, a control character or anything that is no UTF-8 inside of a word.
 */
struct cursor {
	const char *at, *end; /* behind the row under way */
	bool has_row;
	uint64_t fingerprint;
	const char *path;     /* encoded */
	size_t path_size;
	const char *ids;      /* its lines */
	const char *ids_end;
};

#define CURSOR_HEAD "holdfast.vcard/1\n"

/* false: it is none of ours, or damaged at its start. */
bool cursor_open(struct cursor *cursor, const struct hf_blob *blob);
/* Steps to the next row; has_row tells whether there is one. */
void cursor_next(struct cursor *cursor);
/* The next id of the row, *pos being NULL at first. */
bool cursor_next_id(const struct cursor *cursor, const char **pos, struct hf_text *ret_id);

/* Appends text with every byte that could end a word, "%", "#" and what is no UTF-8 as %XX. */
void cursor_encode(const char *text, size_t size, struct bytes *out);
/* What cursor_encode has made, back into bytes. */
void cursor_decode(const char *text, size_t size, struct bytes *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_VCARD_H
#define LIB_VCARD_H

#include "bytes.h"

/*
 * Reading one vCard property by property, whatever its version: 2.1 (versit, 1996), 3.0 (RFC 2426) and 4.0
 * (RFC 6350), with what is found in practice: lines that end with CRLF, LF or CR, folds, quoted-printable soft line
 * breaks, base64 that ends with an empty line or is not indented, cards inside of cards.
 */

#define VCARD_21 21
#define VCARD_30 30 /* also where the card does not say */
#define VCARD_40 40

/* Some bytes of a card, or of the reader that is at it. */
struct vcard_text {
	const char *data;
	size_t size;
};

/* One property.  group, name, params and value are valid until the next call for this reader. */
struct vcard_property {
	struct vcard_text raw;    /* as it stands in the card, with all of its lines and their ends */
	struct vcard_text group;  /* "item1" of "item1.TEL" */
	struct vcard_text name;   /* "TEL" in the card's own spelling */
	struct vcard_text params; /* ";TYPE=HOME", unfolded */
	struct vcard_text value;  /* unfolded, soft line breaks taken out; encoded as it is */
	struct vcard_text nested; /* a card inside of the card, or of an AGENT, as it stands; data NULL: none */
	bool quoted_printable;
	bool base64;
	bool media;  /* PHOTO, LOGO, SOUND or KEY; its value is not read */
	bool broken; /* a line without a colon: all of it is in value */
};

struct vcard_reader {
	const char *at, *end;
	int version;
	char line_end; /* '\n', or '\r' where there is no other */
	bool flat;     /* cards inside are read as properties, too */
	bool started;
	struct bytes line;
};

/* data has to live as long as the reader.  flat: BEGIN and END of inner cards are properties like others. */
void vcard_open(struct vcard_reader *reader, const char *data, size_t size, bool flat);
/* 1: the next property (BEGIN, END and VERSION are ones, too); 0: there are no more; HF_ENOMEM. */
int vcard_next(struct vcard_reader *reader, struct vcard_property *property, struct hf_error *err);
void vcard_close(struct vcard_reader *reader);

/* Whether text is that word, in any case. */
bool vcard_is(const struct vcard_text *text, const char *word);
/* The value of a parameter, the first one: "utf-8" of ";CHARSET=utf-8", without its quotes.  data NULL: none. */
struct vcard_text vcard_param(const struct vcard_property *property, const char *name);
/*
 * Walks the parameters: 1 and the next one, whose name is empty where it is a bare value as in vCard 2.1; 0 after
 * the last.  *pos is 0 at first.  The value keeps its quotes.
 */
int vcard_next_param(const struct vcard_text *params, size_t *pos, struct vcard_text *name, struct vcard_text *value);

/*
 * Whether it begins with BEGIN:VCARD, ends with END:VCARD and nothing is outside of them but white space.
 * HF_ECORRUPT with what is wrong.
 */
int vcard_check(const char *data, size_t size, struct hf_error *err);
/*
 * Appends the card without its PHOTO, LOGO, SOUND and KEY properties, all else as it is: an AGENT that is a card in
 * more than 1 MiB of text, or within three others, too.  HF_ENOMEM, HF_ERANGE.
 */
int vcard_strip(const char *data, size_t size, struct bytes *out, struct hf_error *err);
/* Appends the same properties alone, as they are.  HF_ENOMEM, HF_ERANGE. */
int vcard_media(const char *data, size_t size, struct bytes *out, struct hf_error *err);
/* Appends the card's UID; nothing where it has none. */
int vcard_uid(const char *data, size_t size, struct bytes *out, struct hf_error *err);
/*
 * Appends one line for each property whose content counts, in the order of the card: without media, REV, PRODID,
 * folds and differences of case that mean nothing.  Two cards with the same lines in any order say the same.
 */
typedef int (*vcard_line_fn)(void *ctx, const char *line, size_t size, struct hf_error *err);
int vcard_lines(const char *data, size_t size, vcard_line_fn fn, void *ctx, struct hf_error *err);

#endif

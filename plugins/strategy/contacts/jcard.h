/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef JCARD_H
#define JCARD_H

#include "common/bytes.h"

/*
 * Appends a vCard of any version as one jCard (RFC 7095) on one line: ["vcard",[["version",{},"text","4.0"],..]].
 * Text is decoded: quoted-printable, CHARSET, escapes.  What vCard 4.0 has no word for keeps its own name; lines that
 * are no properties are "x-holdfast-line", and cards inside of the card are "agent".  Media properties are left out.
 * HF_ENOMEM, HF_ERANGE.
 */
int jcard_put(const char *card, size_t size, struct bytes *out, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHARSET_H
#define CHARSET_H

#include "common/bytes.h"

/*
 * Appends text of a character set as UTF-8, U+FFFD for what is no character.  name: as a CHARSET parameter has it;
 * size 0 or not known: UTF-8 when the text is that, else windows-1252, which older programs wrote.
 */
void charset_decode(const char *name, size_t name_size, const char *text, size_t size, struct bytes *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROGRESS_ESCAPE_H
#define PROGRESS_ESCAPE_H

#include "base/buffer.h"

/*
 * Appends untrusted text so that it can neither drive a terminal nor start a line of its own: valid UTF-8
 * stays, control characters (C0, DEL, C1), bytes that are no UTF-8, line separators and the characters
 * that change the direction of text become \xNN or \u{N}, and a backslash \\.
 */
void escape_text(struct buffer *out, const char *text, size_t size);

#endif

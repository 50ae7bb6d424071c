/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TYPEDSTREAM_H
#define TYPEDSTREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

/*
 * The text of an NSAttributedString that NSArchiver wrote, as iMessage's attributedBody has it: the first NSString in
 * the stream.  False: there is none, or it is no such stream.  *ret points into data, valid UTF-8.
 */
bool typedstream_text(const void *data, size_t size, const char **ret, size_t *ret_size);

/* Makes it the SQL function typedstream_text(BLOB); NULL where there is no text. */
int typedstream_register(sqlite3 *db);

#endif

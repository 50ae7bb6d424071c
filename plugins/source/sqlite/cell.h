/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CELL_H
#define CELL_H

#include "text.h"

#include <holdfast/stream.h>

/* One value of a row; type is SQLite's.  data is SQLite's until the statement takes its next step. */
struct cell {
	int type;
	int64_t integer;
	double real;
	const char *data;
	size_t size;
};

/* What a number in a column of times counts.  Text is a date as ISO 8601 has it, whatever the format. */
enum time_format { TIME_UNIX_S, TIME_UNIX_MS, TIME_UNIX_US, TIME_UNIX_NS, TIME_APPLE, TIME_ISO };

/* Of "unix-s", "unix-ms", ...; -1: there is none of that name. */
int time_format_of(const char *name);

/* The cell as a JSON value.  Bytes, and text that is not UTF-8, are an object with their base64. */
void cell_json(const struct cell *cell, struct text *out);
/*
 * As text: numbers in digits, bytes that are no UTF-8 in hexadecimal; in text U+FFFD for what is not UTF-8.  NULL:
 * data NULL.  Points into the cell or the pool.  False: out of memory.
 */
bool cell_text(const struct cell *cell, struct pool *pool, struct hf_text *ret);
/*
 * The same for an identifier, which must be told from others: text that is not UTF-8 is in hexadecimal, too, and ""
 * is none.
 */
bool cell_id(const struct cell *cell, struct pool *pool, struct hf_text *ret);
/* Nanoseconds since 1970, or HF_NO_TIME: NULL, 0, or not a time that can be told. */
int64_t cell_time(const struct cell *cell, enum time_format format);
/* A number that is not negative; else fallback. */
int64_t cell_number(const struct cell *cell, int64_t fallback);
/* Whether SQL would take it as true: a number that is not 0. */
bool cell_is_true(const struct cell *cell);
/* Order as SQLite sorts: numbers, then text. */
int cell_compare(const struct cell *a, const struct cell *b);

#endif

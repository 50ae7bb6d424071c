/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In which order a date's three numbers come. */
enum order { ORDER_UNKNOWN, ORDER_DMY, ORDER_MDY, ORDER_YMD };

/* The date and time that a message begins with, "[16/03/2022, 15:20:25] " or "3/16/22, 3:20 PM - ". */
struct stamp {
	int date[3]; /* as they come */
	int hour;    /* of 24 */
	int minute;
	int second;       /* 0 where it is not told */
	enum order order; /* ORDER_UNKNOWN: day and month, or month and day, and the year */
};

/*
 * Reads the stamp at the start of a line: how many bytes it is with what stands between it and what follows, or 0
 * when the line does not begin with one.
 */
size_t stamp_read(const char *line, size_t size, struct stamp *ret_stamp);
/* The year, four digits; order as stamp_order has it. */
int stamp_year(const struct stamp *stamp);
/* The wall clock's time as if it were UTC's, in nanoseconds; INT64_MIN when there is no such day or no order. */
int64_t stamp_local(const struct stamp *stamp, enum order order);

/*
 * The UTF-8 character at text, and its bytes in *ret_size; U+FFFD and 1 where there is none.  size is not 0.
 */
uint32_t stamp_character(const char *text, size_t size, size_t *ret_size);
/* Whether a character is a mark that shows nothing: of direction, or of the order of bytes. */
bool stamp_is_mark(uint32_t c);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/* A longer line is passed over; memory stays near LINES_SIZE but for lines that need more. */
#define LINES_SIZE 262144u
#define LINES_MAX  (16u << 20)

/* What lines_next found: a line, or one that was too long to hold. */
#define LINES_ONE  1
#define LINES_LONG 2

/* Reads a file line by line. */
struct lines {
	const char *path; /* for messages */
	int fd;
	char *data;
	size_t capacity;
	size_t start; /* of what was not handed out yet */
	size_t end;
	uint64_t base;   /* where data[0] lies in the file */
	uint64_t number; /* of the line handed out last, from 1 */
	uint64_t offset; /* where that line begins */
	bool last;       /* nothing follows in the file */
	bool open_end;   /* the line handed out last had no newline */
};

/*
 * Takes fd over, also when it fails.  offset and number: where reading begins, and how many lines lie
 * before it.  A byte order mark at the start of the file is passed over.
 */
int lines_open(struct lines *lines, int fd, const char *path, uint64_t offset, uint64_t number,
    struct hf_error *err);
void lines_close(struct lines *lines);
/*
 * LINES_ONE and a line without its newline, good until the next call; LINES_LONG for a line of LINES_MAX
 * or more; 0 at the end; or a negative code.
 */
int lines_next(struct lines *lines, const char **ret_line, size_t *ret_size, struct hf_error *err);
/* Where the line after the one handed out last begins. */
uint64_t lines_tell(const struct lines *lines);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROGRESS_TERMINAL_H
#define PROGRESS_TERMINAL_H

#include <stdio.h>

#include "progress/progress.h"

/* Shows a job to a person: a bar of one line on a terminal, plain lines elsewhere. */
struct terminal;

/*
 * Draws to stream, which the caller keeps.  result_follows: the caller tells the result of each job that has one,
 * so the items that failed get lines only where a job ends without.  NULL without memory.
 */
struct terminal *terminal_new(FILE *stream, bool result_follows);
/* Tells of the items that failed and wait for a result: there will be none. */
void terminal_tell_failures(struct terminal *terminal);
/* Clears the bar and frees. */
void terminal_free(struct terminal *terminal);
/* The observer to give to a supervisor; as long as the terminal lives. */
struct observer terminal_observer(struct terminal *terminal);
/* Takes the bar away so that somebody else can write a line; the next progress draws it again. */
void terminal_clear(struct terminal *terminal);
/* One line of a bar, without line end, at most columns wide. */
void terminal_format(const struct progress *progress, int64_t now, unsigned columns, char *out, size_t size);

#endif

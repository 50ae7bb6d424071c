/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_JOURNAL_H
#define ARCHIVE_JOURNAL_H

#include "base/buffer.h"

/*
 * An append-only file of lines that a crash may cut anywhere: each line carries a checksum over
 * itself and all lines before it, and reading stops at the first that does not fit.
 */
struct journal;

#define JOURNAL_LINE_MAX (4u << 20) /* bytes */
#define JOURNAL_DROP     1 /* from a journal_fn: this line and all after it are of no use */

typedef int (*journal_fn)(void *ctx, const char *line, size_t size, struct hf_error *err);

/* Opens or makes it, hands each whole line to fn, and cuts off what follows the last one taken. */
int journal_open(const char *path, journal_fn fn, void *ctx, struct journal **ret, struct hf_error *err);
/* Only hands the lines of a file on; HF_ENOTFOUND: there is none.  JOURNAL_DROP of fn ends it. */
int journal_read(const char *path, journal_fn fn, void *ctx, struct hf_error *err);
/* Adds a line, HF_EINVAL if a newline is in it or it is too long; in memory until the sync. */
int journal_add(struct journal *journal, const char *line, size_t size, struct hf_error *err);
/* Writes what was added once it is much, so that it takes no memory; it is not on disk yet. */
int journal_flush(struct journal *journal, struct hf_error *err);
/* Everything added is on disk when it returns.  After a failure the journal only fails. */
int journal_sync(struct journal *journal, struct hf_error *err);
void journal_close(struct journal *journal);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdio.h>

#include <holdfast/stream.h>

/*
 * A file without a name in $TMPDIR or /tmp, for what may be too much for memory: written from its start on, then
 * read.  Zeroed: not open.
 */
struct spool {
	FILE *file;
	uint64_t size;
};

int spool_open(struct spool *spool, struct hf_error *err);
void spool_close(struct spool *spool);
/* Appends; where something was read before, after a seek to its end. */
int spool_put(struct spool *spool, const void *data, size_t size, struct hf_error *err);
/* Empties it. */
int spool_clear(struct spool *spool, struct hf_error *err);
/* The next read begins at. */
int spool_seek(struct spool *spool, uint64_t at, struct hf_error *err);
/* Reads all of size bytes. */
int spool_get(struct spool *spool, void *data, size_t size, struct hf_error *err);
struct hf_sink spool_sink(struct spool *spool);
/* Its bytes, for who reads them more than once. */
struct hf_reader spool_reader(struct spool *spool);

#endif

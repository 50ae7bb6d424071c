/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZIPFILE_H
#define ZIPFILE_H

#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/*
 * Files in a zip, which libarchive reads.  To reach an entry without passing all others, it is started at the
 * entry's header.
 */
struct zip_stream;

/* The size of an entry that does not tell it. */
#define ZIP_NO_SIZE UINT64_MAX

/* Told of each entry: where its local header begins, and its bytes when unpacked; nonzero: stop and return it. */
typedef int (*zip_entry_fn)(void *ctx, const char *name, uint64_t offset, uint64_t size, struct hf_error *err);

/* fd stays the caller's.  HF_ECORRUPT: no zip, or not a whole one. */
int zip_list(int fd, const char *path, zip_entry_fn fn, void *ctx, struct hf_error *err);

/* Reads an entry from its start to its end.  fd and path stay the caller's and are needed until it is closed. */
int zip_stream_open(int fd, uint64_t offset, const char *path, struct zip_stream **ret_stream, struct hf_error *err);
/* How many bytes, 0 at the end, or a negative code. */
int64_t zip_stream_read(struct zip_stream *stream, void *data, size_t size, struct hf_error *err);
void zip_stream_close(struct zip_stream *stream);

#endif

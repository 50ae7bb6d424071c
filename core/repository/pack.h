/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_PACK_H
#define REPOSITORY_PACK_H

#include "repository/repository-internal.h"

/* Pack files (REPOSITORY_FORMAT.md section 7): sealed blobs, sealed header, its length in 4 bytes. */

/* Beside the sealed header: the length field. */
#define PACK_LENGTH_SIZE 4u
#define PACK_HEADER_MAX  ((size_t)16 << 20)

/* The plaintext of a header for blobs that follow each other from offset 0. */
int pack_header_write(const struct index_blob *blobs, size_t count, struct buffer *out, struct hf_error *err);
/*
 * Reads a header's plaintext; blobs gets struct index_blob one after the other, with the offsets the
 * header implies and the pack's id.  HF_ECORRUPT: no header; body_size, if not UINT64_MAX, differs.
 */
int pack_header_read(const struct repository_id *pack, const void *header, size_t size, uint64_t body_size,
    struct buffer *blobs, struct hf_error *err);
/* The size of a whole pack file with these blobs. */
uint64_t pack_file_size(const struct index_blob *blobs, size_t count);

#endif

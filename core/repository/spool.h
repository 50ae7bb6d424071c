/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_SPOOL_H
#define REPOSITORY_SPOOL_H

#include "repository/repository-internal.h"

/*
 * A pack in the making: a local file with its blobs so far, hashed as they are written, so that it
 * costs no memory and is never read twice but to send it.
 */
struct spool {
	enum blob_type type;
	int fd;
	char *path;
	uint64_t body;          /* bytes of blobs */
	uint64_t size;          /* the same, and of the header once closed */
	bool closed;            /* id is set, the file is a whole pack */
	bool dirty;             /* written since the last sync */
	struct repository_id id;
	struct hash *hash;
	struct buffer pending; /* not written to the file yet */
	struct buffer blobs;   /* struct index_blob; their pack is set when closed */
};

/* Opens or makes the file; its content is dropped until spool_resume. */
int spool_open(struct spool *spool, enum blob_type type, const char *path, struct hf_error *err);
void spool_release(struct spool *spool);
size_t spool_count(const struct spool *spool);

/* Takes up the file's blobs again, each opened and checked.  HF_ECORRUPT: they are not there whole. */
int spool_resume(struct spool *spool, const struct index_blob *blobs, size_t count, struct seal *seal,
    struct compressor *compressor, struct hf_error *err);
/* Adds a stored blob at the end; the blob's offset is set. */
int spool_append(struct spool *spool, struct index_blob *blob, const void *stored, struct hf_error *err);
/* Appends the plaintext of the blob with this id; HF_ENOTFOUND. */
int spool_load(struct spool *spool, const struct repository_id *id, struct seal *seal, struct compressor *compressor,
    struct buffer *out, struct hf_error *err);
/* Writes what is pending; with sync also to the disk. */
int spool_flush(struct spool *spool, bool sync, struct hf_error *err);
/* Adds the sealed header: the file is a pack now, and id its name. */
int spool_close(struct spool *spool, struct seal *seal, struct hf_error *err);
/* Puts the closed pack into the storage. */
int spool_store(struct spool *spool, const struct repository_storage *storage, struct hf_error *err);
/* Empties the file for the next pack. */
int spool_reset(struct spool *spool, struct hf_error *err);

#endif

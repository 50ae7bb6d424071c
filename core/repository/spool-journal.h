/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_SPOOL_JOURNAL_H
#define REPOSITORY_SPOOL_JOURNAL_H

#include "repository/repository-internal.h"

/*
 * What a writer has spooled and stored, in a file that survives a crash: records that each carry a
 * checksum over themselves and the one before, so that reading stops surely where writing did.
 *
 * record: type, u32le size, payload, 8 bytes of SHA-256(checksum before, type, size, payload)
 */
enum journal_type {
	JOURNAL_START = 1,  /* "holdfast-spool-1", repository id */
	JOURNAL_BLOB,       /* a blob at the end of its spool file */
	JOURNAL_CHECKPOINT, /* the spool files are on disk up to here */
	JOURNAL_STORED      /* a spool file became a pack of the storage and is empty again */
};

struct spool_journal;

/* Writes a new journal next to path; spool_journal_commit puts it there. */
int spool_journal_create(const char *path, const struct repository_id *repository, struct spool_journal **ret,
    struct hf_error *err);
/* Syncs the new journal and gives it its name. */
int spool_journal_commit(struct spool_journal *journal, struct hf_error *err);
void spool_journal_close(struct spool_journal *journal);

int spool_journal_add_blob(struct spool_journal *journal, const struct index_blob *blob, struct hf_error *err);
int spool_journal_add_stored(struct spool_journal *journal, enum blob_type type, const struct repository_id *pack,
    uint64_t size, struct hf_error *err);
/* Adds a checkpoint.  Everything before is on disk when this returns HF_OK. */
int spool_journal_checkpoint(struct spool_journal *journal, struct hf_error *err);
/* Writes and syncs what was added. */
int spool_journal_sync(struct spool_journal *journal, struct hf_error *err);
/* Whether there is anything since the last sync. */
bool spool_journal_is_dirty(const struct spool_journal *journal);

/* A pack that was stored. */
struct spool_journal_pack {
	struct repository_id id;
	enum blob_type type;
	uint64_t size;
	size_t first, count; /* its blobs in stored_blobs */
};

/* What a journal says: packs stored, and the blobs that each spool file holds for sure. */
struct spool_journal_state {
	struct buffer packs;        /* struct spool_journal_pack */
	struct buffer stored_blobs; /* struct index_blob */
	struct buffer spooled[2];   /* struct index_blob, by blob type */
};

#define SPOOL_JOURNAL_STATE_INIT \
	{BUFFER_INIT(SIZE_MAX), BUFFER_INIT(SIZE_MAX), {BUFFER_INIT(SIZE_MAX), BUFFER_INIT(SIZE_MAX)}}

/* HF_ENOTFOUND: no journal.  HF_ECORRUPT: not one, or of another repository. */
int spool_journal_read(const char *path, const struct repository_id *repository, struct spool_journal_state *state,
    struct hf_error *err);
void spool_journal_state_release(struct spool_journal_state *state);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_H
#define REPOSITORY_H

#include <stdbool.h>
#include <stdint.h>

#include <holdfast/storage.h>

#include "base/buffer.h"
#include "base/hash.h"

/*
 * A restic repository, format version 2 (version 1 is read).  This layer knows files and trees, not
 * chats; below it are only objects.  Not thread-safe: one thread at a time uses a repository.
 */

struct repository;

struct repository_id {
	uint8_t bytes[HASH_SIZE];
};

/* The storage plugin's calls with the handle they belong to; the owner of both outlives the repository. */
struct repository_storage {
	const struct hf_storage_ops *ops;
	void *handle;
};

struct repository_options {
	/* A folder of this machine for caches and spools; every file in it can be made again. */
	const char *cache_directory;
	const char *password; /* not kept */
	size_t password_size;
};

/* Makes a new repository; HF_EEXIST if config, a key or a snapshot is there already. */
int repository_init(const struct repository_storage *storage, const struct repository_options *options,
    struct repository_id *ret_id, struct hf_error *err);
/* HF_ENOTFOUND: no repository there.  HF_EAUTH: no key opens with this password. */
int repository_open(const struct repository_storage *storage, const struct repository_options *options,
    struct repository **ret, struct hf_error *err);
void repository_close(struct repository *repository);
/* The id in its config: the same as long as the repository lives. */
const struct repository_id *repository_id(const struct repository *repository);
uint64_t repository_polynomial(const struct repository *repository);

/* ---- locks (lock.c) ---- */

/*
 * Takes the shared lock and refreshes it every 5 minutes in a thread of its own.  HF_EBUSY with who
 * holds the exclusive one.  SIGHUP is ignored from here on (restic sends it to lock holders).
 */
int repository_lock(struct repository *repository, struct hf_error *err);
/*
 * The same, but that two who take their locks at the same time may not have seen each other yet when it returns.
 * Reading may begin, and counts only once repository_lock_held has said so; what was found missing before may be
 * what the other one deletes.
 */
int repository_lock_begin(struct repository *repository, struct hf_error *err);
void repository_unlock(struct repository *repository);
bool repository_is_locked(const struct repository *repository);
/*
 * HF_OK while the lock is proved to be held; called before each write to the storage.  Waits, after
 * repository_lock_begin, until that can be said; then HF_EBUSY as above.
 */
int repository_lock_held(struct repository *repository, struct hf_error *err);
/*
 * The same, and the lock is still there: before the snapshot, which says that all it needs is there.  Who removes
 * somebody's lock may have deleted that.
 */
int repository_lock_prove(struct repository *repository, struct hf_error *err);

/* ---- reading (blob.c, index.c) ---- */

enum blob_type { BLOB_DATA = 0, BLOB_TREE = 1 };

/* Reads all index files, through the cache.  Call after listing snapshots (REPOSITORY_FORMAT.md section 13). */
int repository_load_index(struct repository *repository, struct hf_error *err);
bool repository_has_blob(struct repository *repository, enum blob_type type, const struct repository_id *id);
/* The plaintext's size; HF_ENOTFOUND when it is not indexed. */
int repository_blob_size(struct repository *repository, enum blob_type type, const struct repository_id *id,
    uint64_t *ret_size, struct hf_error *err);
/* Appends the plaintext, checked against its id; another copy is tried where one is damaged. */
int repository_load_blob(struct repository *repository, enum blob_type type, const struct repository_id *id,
    struct buffer *out, struct hf_error *err);

/* ---- writing (writer.c, pack.c) ---- */

/*
 * A writer spools packs in a folder of its own.  The folder outlives a crash: opening it again goes
 * on after the last checkpoint.  The lock was taken before; nothing is stored that it is not proved to be held.
 */
struct repository_writer;

struct repository_writer_stats {
	uint64_t data_blobs, tree_blobs; /* new ones */
	uint64_t bytes_added;            /* plaintext */
	uint64_t bytes_sealed;           /* the same as spooled, before it is stored */
	uint64_t bytes_stored;           /* packs and index, as stored */
};

int repository_writer_open(struct repository *repository, const char *spool_directory,
    struct repository_writer **ret, struct hf_error *err);
/* Keeps the spool for the next open, unless the writer was finished. */
void repository_writer_close(struct repository_writer *writer);
/* Stores a blob unless it is known; ret_id is its id.  Known means: indexed, or saved by this writer. */
int repository_save_blob(struct repository_writer *writer, enum blob_type type, const void *data, size_t size,
    struct repository_id *ret_id, bool *ret_new, struct hf_error *err);
/* Cuts content as restic does and saves each piece; ids are appended to out (32 bytes each). */
int repository_save_content(struct repository_writer *writer, const void *data, size_t size,
    struct buffer *out_ids, struct hf_error *err);
/*
 * The same for what a reader gives, from where it stands to its end.  Needs memory for one chunk, not for the
 * file.  ret_size: how much it was.  What the reader fails with is returned as it is.
 */
int repository_save_stream(struct repository_writer *writer, const struct hf_reader *data, struct buffer *out_ids,
    uint64_t *ret_size, struct hf_error *err);
/*
 * Appends the plaintext of a blob that this writer has saved and that no pack in the storage has yet; HF_ENOTFOUND:
 * it is not one of those, so repository_load_blob may have it.
 */
int repository_writer_load_blob(struct repository_writer *writer, enum blob_type type,
    const struct repository_id *id, struct buffer *out, struct hf_error *err);
/*
 * From now on each blob that is saved, known before or not, is noted in blobs: BLOB_NOTE_SIZE bytes, its type
 * and its id.  NULL: no longer.  The buffer's limit is one to what can be saved.
 */
#define BLOB_NOTE_SIZE ((size_t)HASH_SIZE + 1)
void repository_writer_note(struct repository_writer *writer, struct buffer *blobs);
/* Whether a blob is known: indexed, or saved by this writer, before a crash too. */
bool repository_writer_has_blob(struct repository_writer *writer, enum blob_type type,
    const struct repository_id *id);
/* Makes everything saved so far survive a crash: spool and journal are on disk when it returns. */
int repository_writer_checkpoint(struct repository_writer *writer, struct hf_error *err);
/* Stores what is spooled as packs and writes the index: everything saved is now in the repository. */
int repository_writer_finish(struct repository_writer *writer, struct hf_error *err);
void repository_writer_stats(const struct repository_writer *writer, struct repository_writer_stats *ret);

/* ---- trees (tree.c) ---- */

enum node_type { NODE_FILE, NODE_DIR, NODE_SYMLINK, NODE_OTHER };

/* One entry of a tree, as far as holdfast writes and restores it.  Owned by whom passes it. */
struct node {
	enum node_type type;
	const char *name; /* decoded raw bytes */
	size_t name_size;
	uint32_t mode;    /* permission bits 07777 */
	int64_t mtime_ns, atime_ns, ctime_ns;
	uint32_t uid, gid;
	uint64_t size;
	uint64_t links, inode, device_id; /* 0: not written */
	const uint8_t *content;           /* ids of data blobs, 32 bytes each */
	size_t content_count;
	struct repository_id subtree; /* NODE_DIR */
	const char *link_target;      /* NODE_SYMLINK */
	size_t link_target_size;
};

/* Builds a tree blob in restic's canonical form.  Names must come in ascending order of their bytes. */
void tree_begin(struct buffer *tree);
int tree_add(struct buffer *tree, const struct node *node, struct hf_error *err);
void tree_end(struct buffer *tree);

/* Called for each node, in order; what node points to is good until it returns.  Nonzero: stop and return it. */
typedef int (*tree_fn)(void *ctx, const struct node *node, struct hf_error *err);
/* Reads a tree blob of any writer; names with "/", "." or ".." and broken order are HF_ECORRUPT. */
int tree_walk(const void *data, size_t size, tree_fn fn, void *ctx, struct hf_error *err);

/* ---- snapshots (snapshot.c) ---- */

struct snapshot {
	struct repository_id id; /* set by list */
	struct repository_id tree;
	struct repository_id parent;
	bool has_parent;
	int64_t time_ns;
	char hostname[256];
	char username[256];
	char program_version[64];
	char **paths; /* NULL-terminated lists, freed by snapshot_release */
	char **tags;
};

void snapshot_release(struct snapshot *snapshot);
int repository_save_snapshot(struct repository *repository, const struct snapshot *snapshot,
    struct repository_id *ret_id, struct hf_error *err);
typedef int (*snapshot_fn)(void *ctx, const struct snapshot *snapshot, struct hf_error *err);
/* All snapshots, oldest first.  One that cannot be read is an error that names it. */
int repository_list_snapshots(struct repository *repository, snapshot_fn fn, void *ctx, struct hf_error *err);
/* "latest", or an id or its unique beginning.  HF_ENOTFOUND, or HF_EINVAL when more than one begins so. */
int repository_find_snapshot(struct repository *repository, const char *name, struct snapshot *ret,
    struct hf_error *err);
/* The newest snapshot that carries the tag; HF_ENOTFOUND. */
int repository_newest_snapshot(struct repository *repository, const char *tag, struct snapshot *ret,
    struct hf_error *err);

/* ---- restore and check (restore.c, check.c) ---- */

struct restore_stats {
	uint64_t files, directories, bytes;
	uint64_t failed;
};

/* One line for a person: a problem found, or something restored. */
typedef void (*repository_report_fn)(void *ctx, int level, const char *path, const char *msg);

/*
 * Restores what is at path ("/" for all) into target, under its whole path.  Files appear whole under their name or
 * not at all; nothing is followed or written outside target.  Goes on after a file that fails;
 * HF_ECORRUPT or HF_EIO at the end when any did.
 */
int repository_restore(struct repository *repository, const struct snapshot *snapshot, const char *path,
    const char *target, repository_report_fn report, void *ctx, struct restore_stats *ret, struct hf_error *err);
/* Finds the node at path in a snapshot; buffers of the node live in storage, which the caller releases. */
int repository_find_node(struct repository *repository, const struct repository_id *tree, const char *path,
    struct node *ret, struct buffer *storage, struct hf_error *err);
/* Pushes a file node's content. */
int repository_dump(struct repository *repository, const struct node *node, const struct hf_sink *sink,
    struct hf_error *err);

/*
 * For reading a repository whose index is damaged or in part gone, after repository_load_index failed:
 * takes what can be read of it, and the headers of packs that no readable index file names.
 * *ret_added: how many such packs there were.
 */
int repository_salvage_index(struct repository *repository, repository_report_fn report, void *ctx,
    uint64_t *ret_added, struct hf_error *err);

/*
 * This machine remembers each snapshot it saw, and repository_check tells of one that is gone.  Forgets
 * those: somebody took them away on purpose.
 */
int repository_forget_missing(struct repository *repository, uint64_t *ret_forgotten, struct hf_error *err);

struct check_stats {
	uint64_t packs, blobs, snapshots, trees, errors, warnings;
};

/* Checks structure, and with read_data every pack's bytes.  Deletes nothing. HF_ECORRUPT if errors were found. */
int repository_check(struct repository *repository, bool read_data, repository_report_fn report, void *ctx,
    struct check_stats *ret, struct hf_error *err);

#endif

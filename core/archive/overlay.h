/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_OVERLAY_H
#define ARCHIVE_OVERLAY_H

#include "repository/repository.h"

/* What a run puts at one path of the snapshot; everything it does not name stays as it was. */
enum change_type { CHANGE_FILE, CHANGE_TREE, CHANGE_REMOVE };

struct change {
	char *path; /* relative, "a/b" */
	enum change_type type;
	uint64_t size;      /* CHANGE_FILE */
	uint8_t *content;   /* CHANGE_FILE: ids, 32 bytes each */
	size_t content_count;
	struct repository_id tree; /* CHANGE_TREE */
	int64_t mtime_ns;
	size_t sequence;
};

/* The changes of one folder, in any order; of the same path the last one counts. */
struct changes {
	struct change *list;
	size_t count, capacity;
	size_t added; /* ever */
	size_t settled; /* the first so many are in order, each path once */
};

int changes_add_file(struct changes *changes, const char *path, uint64_t size, const uint8_t *content,
    size_t content_count, int64_t mtime_ns, struct hf_error *err);
int changes_add_tree(struct changes *changes, const char *path, const struct repository_id *tree,
    int64_t mtime_ns, struct hf_error *err);
int changes_add_removal(struct changes *changes, const char *path, struct hf_error *err);
void changes_release(struct changes *changes);
/* Brings them into order, and leaves the last of each path; the functions below want that. */
void changes_settle(struct changes *changes);
/* The change of just this path, of which size bytes count; NULL: there is none. */
const struct change *changes_find(const struct changes *changes, const char *path, size_t size);
/* Which ones lie below a folder ("": all); an empty range where there are none. */
void changes_below(const struct changes *changes, const char *path, size_t *ret_first, size_t *ret_end);

/*
 * Saves the tree that comes of applying changes to the tree before (NULL: an empty one).  Subtrees
 * without a change are taken over by their id.  ret_mtime_ns: the newest time inside.
 */
int overlay_save(struct repository *repository, struct repository_writer *writer,
    const struct repository_id *before, struct changes *changes, struct repository_id *ret_tree,
    int64_t *ret_mtime_ns, struct hf_error *err);

#endif

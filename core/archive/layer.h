/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_LAYER_H
#define ARCHIVE_LAYER_H

#include <holdfast/strategy.h>

#include "archive/overlay.h"

/* The folders in one folder of a saved tree, kept because its children are asked for one after the other. */
struct listing {
	struct repository_id tree;
	bool valid;
	struct buffer names;
	struct listing_child *children;
	size_t count, capacity;
	char *path;   /* of the folder; NULL: not known */
	size_t added; /* how many changes there were by then */
};

/* Names lie in the listing's buffer. */
struct listing_child {
	size_t name_at, name_size;
	struct repository_id tree;
};

#define LISTING_INIT {{{0}}, false, BUFFER_INIT(256u << 20), NULL, 0, 0, NULL, 0}
void listing_release(struct listing *listing);

/* A tree with the changes of a run laid over it, for who looks at it before it is saved. */
struct layer {
	struct repository *repository;
	struct repository_writer *writer;
	struct changes *changes;          /* brought into order when needed */
	const struct repository_id *base; /* NULL: no tree */
	struct listing *listing;
};

/* What lies at a path. */
struct layer_node {
	bool is_folder;
	bool has_tree;             /* a folder that is not only made of changes */
	struct repository_id tree; /* without what is changed deeper in it */
	bool changed_inside;       /* there are such changes */
	uint64_t size;             /* of a file */
};

/*
 * Appends a blob that was saved by this run or before it.  HF_ECORRUPT where the repository does not have it: what is
 * lost must not look like what never was.
 */
int layer_load(const struct layer *layer, enum blob_type type, const struct repository_id *id, struct buffer *out,
    struct hf_error *err);
/*
 * path is relative, "" the root.  HF_ENOTFOUND.  content (or NULL): gets the ids of a file's blobs appended.
 */
int layer_find(const struct layer *layer, const char *path, struct layer_node *ret, struct buffer *content,
    struct hf_error *err);
/* The same for a folder, when others beside it are asked for next. */
int layer_find_folder(const struct layer *layer, const char *path, struct repository_id *ret, struct hf_error *err);
/* Names in ascending order of their bytes; HF_ENOTFOUND: no such folder. */
int layer_list(const struct layer *layer, const char *path, hf_entry_fn fn, void *ctx, struct hf_error *err);
/* Appends a file's bytes; HF_ERANGE: more than max. */
int layer_read(const struct layer *layer, const char *path, size_t max, struct buffer *out, struct hf_error *err);

#endif

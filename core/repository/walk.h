/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_WALK_H
#define REPOSITORY_WALK_H

#include "repository/repository.h"

/* Below this many levels a snapshot is not followed: one descriptor and one small list a level. */
#define WALK_DEPTH_MAX 512u
/* A directory's tree, and a piece of a file, of more bytes than this is refused. */
#define WALK_TREE_MAX ((size_t)64 << 20)
#define WALK_BLOB_MAX ((size_t)64 << 20)

/* A directory on the way.  What it points to is good until the call returns. */
struct walk_directory {
	const char *path; /* from the walk's own beginning, "/" first */
	const char *name; /* last component; "" for the directory where the walk begins */
	struct repository_id tree;
	uint32_t mode;
	int64_t mtime_ns;
	unsigned depth; /* 0: where the walk begins */
};

#define WALK_SKIP 1 /* from enter: nothing below this directory, and no leave for it */

/*
 * What a walk calls.  Nonzero (for enter: but WALK_SKIP) ends the walk, which returns it.  Of each
 * directory all nodes come first, in order, then each of its directories; its tree is not kept for
 * that, so memory holds one tree and the directory lists of the levels above.
 */
struct walk_ops {
	int (*enter)(void *ctx, const struct walk_directory *directory, struct hf_error *err);
	/* path: of the node.  Directories are nodes too. */
	int (*node)(void *ctx, const char *path, const struct node *node, struct hf_error *err);
	int (*leave)(void *ctx, const struct walk_directory *directory, struct hf_error *err);
	/* The directory cannot be read, or not to its end.  HF_OK: go on with what is known of it. */
	int (*failed)(void *ctx, const struct walk_directory *directory, const struct hf_error *why,
	    struct hf_error *err);
};

/* Walks the tree; start tells the first directory.  Depth and sizes are bounded whoever wrote it. */
int repository_walk(struct repository *repository, const struct walk_directory *start,
    const struct walk_ops *ops, void *ctx, struct hf_error *err);

#endif

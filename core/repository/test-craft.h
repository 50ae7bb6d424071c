/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_CRAFT_H
#define TEST_CRAFT_H

#include "repository/test-place.h"

/* Makes packs, trees and snapshots by hand, right ones and wrong ones, for the unit tests of this directory. */
struct craft {
	struct repository *repository;
	struct buffer body;
	struct index_blob blobs[64];
	size_t count;
	struct repository_id pack; /* after craft_pack */
};

void craft_open(struct craft *craft, struct repository *repository);
/* Adds a blob to the pack under way, compressed or not. */
struct repository_id craft_blob(struct craft *craft, enum blob_type type, const void *data, size_t size, bool compress);
/* A tree from JSON text: "{\"nodes\":[...]}". */
struct repository_id craft_tree(struct craft *craft, const char *json);
/* Ends the pack and writes its index file; twist (or NULL) may make the index lie. */
void craft_pack(struct craft *craft, void (*twist)(struct index_blob *blobs, size_t count));
/* Stores a snapshot of the tree. */
struct repository_id craft_snapshot(struct craft *craft, const struct repository_id *tree);

/* JSON of a file node with one blob; size as given.  In static memory, three at a time. */
const char *craft_file(const char *name, const struct repository_id *blob, unsigned long long size);
const char *craft_directory(const char *name, const struct repository_id *tree);
const char *craft_link(const char *name, const char *target);

/* What was reported, one line each: "LEVEL PATH: MESSAGE". */
void craft_report(void *ctx, int level, const char *path, const char *msg);

#endif

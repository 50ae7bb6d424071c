/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_INDEX_H
#define REPOSITORY_INDEX_H

#include "repository/repository-internal.h"

/*
 * Making an index: from scratch or on top of a cache file, one pack after the other, in bounded
 * memory.  repository_load_index does it from the storage; the tests do it directly.
 */
struct index_builder;

/* directory: for temporary files and the cache; NULL: a temporary directory, and no cache. */
int index_builder_new(const char *directory, const struct repository_id *repository, struct index_builder **ret,
    struct hf_error *err);
void index_builder_free(struct index_builder *builder);
/* Parses the JSON text of an index file (REPOSITORY_FORMAT.md section 8). */
int index_builder_add_json(struct index_builder *builder, const struct repository_id *source, const void *json,
    size_t size, struct hf_error *err);
/* Whether the cache already holds what the index file says. */
bool index_builder_has_source(struct index_builder *builder, const struct repository_id *source);
/* Uses the cache file only if it was made from nothing but these index files, in order of their ids. */
int index_builder_use_cache(struct index_builder *builder, const uint8_t *sources, size_t count,
    struct hf_error *err);
/* The builder is gone in any case. */
int index_builder_finish(struct index_builder *builder, struct index **ret, struct hf_error *err);

struct index_file;
struct index_file_writer;
struct sorter;

/* An index without anything in it.  directory: where files without a name go; NULL: the system's. */
int index_new(const char *directory, const struct repository_id *repository, struct index **ret,
    struct hf_error *err);
/* Gives the index its file, which is the index's from then on. */
void index_use_file(struct index *index, struct index_file *file);
/* Writes old's records (NULL: none) and the sorter's in order, then old's packs. */
int index_merge(struct index_file *old, struct sorter *added, struct index_file_writer *writer,
    struct hf_error *err);
/* Blobs that index_find knows, copies counted. */
uint64_t index_blob_count(const struct index *index);

#endif

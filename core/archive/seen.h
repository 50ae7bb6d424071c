/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_SEEN_H
#define ARCHIVE_SEEN_H

#include <stdbool.h>

#include "repository/repository.h"

/*
 * What a log holds: for each record id the newest content and where its line lies.  Sorted runs on
 * disk with a small table in memory, so it takes the same memory for a log of any length.
 */
struct seen;

#define SEEN_HASH_SIZE 16

struct seen_entry {
	uint8_t id[SEEN_HASH_SIZE];
	uint8_t content[SEEN_HASH_SIZE];
	uint32_t file;   /* number of the log file */
	uint32_t offset; /* of the line in it */
};

/* Starts empty; run files are made in directory and have no name there. */
int seen_new(const char *directory, struct seen **ret, struct hf_error *err);
/*
 * Starts with what seen_save wrote to path, if that stands for the same tree.  HF_ENOTFOUND when it
 * is missing, of another tree or damaged: the caller then fills an empty one from the log itself.
 */
int seen_load(struct seen *seen, const char *path, const struct repository_id *tree, struct hf_error *err);
/* A later entry of the same id takes the place of an earlier one. */
int seen_add(struct seen *seen, const struct seen_entry *entry, struct hf_error *err);
/* After many were added, so that finding is fast. */
int seen_settle(struct seen *seen, struct hf_error *err);
/* Found or not in *ret_found. */
int seen_find(struct seen *seen, const uint8_t id[SEEN_HASH_SIZE], struct seen_entry *ret, bool *ret_found,
    struct hf_error *err);
/* Writes everything to path for a later seen_load; not durable, since it can be made again. */
int seen_save(struct seen *seen, const char *path, const struct repository_id *tree, struct hf_error *err);
void seen_free(struct seen *seen);

#endif

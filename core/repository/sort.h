/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_SORT_H
#define REPOSITORY_SORT_H

#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/*
 * Sorts any number of equally long records by their bytes (memcmp) in bounded memory: runs that do
 * not fit go to a nameless file and are merged while they are read back.
 */
struct sorter;

#define SORT_RECORD_MAX 96

/* memory: bytes for records; directory: where the file goes if one is needed. */
int sorter_new(size_t record_size, size_t memory, const char *directory, struct sorter **ret,
    struct hf_error *err);
void sorter_free(struct sorter *sorter);
int sorter_add(struct sorter *sorter, const uint8_t *record, struct hf_error *err);
/* After the last add.  Then sorter_next gives each record: 1, or 0 after the last; good until the next call. */
int sorter_finish(struct sorter *sorter, struct hf_error *err);
int sorter_next(struct sorter *sorter, const uint8_t **ret, struct hf_error *err);

/* The directory, or the system's for temporary files when it is NULL. */
const char *sort_directory(const char *directory);
/* An open file without a name in directory. */
int sort_temporary_file(const char *directory, int *ret_fd, struct hf_error *err);
/* Sorts records in memory. */
void sort_records(uint8_t *records, size_t count, size_t record_size);

#endif

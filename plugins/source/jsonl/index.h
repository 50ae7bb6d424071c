/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INDEX_H
#define INDEX_H

#include <sys/stat.h>

#include <holdfast/source.h>

/* 16 bytes a line; what lies beyond is not found. */
#define INDEX_MAX 1000000u

/* A file of up to this many bytes is kept in memory. */
#define INDEX_HELD_MAX (2u << 20)

struct index_entry {
	uint64_t hash; /* of the id */
	uint64_t offset;
};

/* Where the line of each id begins in rooms.jsonl or participants.jsonl; of several, the last counts. */
struct index {
	const struct hf_host_json *json;
	const char *path; /* for messages */
	int fd;           /* -1: not loaded, or there is no such file */
	struct stat state;
	struct index_entry *entries;
	size_t count;
	size_t capacity;
	char *held; /* the whole file, or NULL */
	size_t held_size;
	char *line;
	size_t line_capacity;
	char *id;
	size_t id_capacity;
};

/* Told of each line that has no id: its number and why; nonzero: stop and return it. */
typedef int (*index_broken_fn)(void *ctx, uint64_t number, const struct hf_error *why, struct hf_error *err);

void index_init(struct index *index, const struct hf_host_json *json, const char *path);
/* Reads the whole file, which is taken over as fd; -1: an empty index. */
int index_load(struct index *index, int fd, index_broken_fn broken, void *ctx, struct hf_error *err);
/*
 * The last line with that id (UTF-8), good until the next call, and where it lies.  1: found, 0: not
 * there, or a negative code.
 */
int index_find(struct index *index, const char *id, size_t size, const char **ret_line, size_t *ret_size,
    uint64_t *ret_offset, struct hf_error *err);
void index_release(struct index *index);

#endif

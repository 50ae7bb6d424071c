/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ROOMS_H
#define ROOMS_H

#include <holdfast/host.h>

#include "export.h"

/* The files that list conversations, and what kind those are. */
#define ROOM_FILES 4u
extern const struct room_file {
	const char *name;
	const char *kind;
} room_files[ROOM_FILES];

/* One listed conversation: where it is listed and where its days lie. */
struct room {
	char *id;     /* UTF-8 */
	char *folder; /* NULL: it has none */
	uint32_t file;
	uint64_t number; /* of the element in that file, from 1 */
};

/* All listed conversations, each id once. */
struct rooms {
	struct room *rooms; /* by id */
	size_t count;
	size_t capacity;
	struct room **by_folder;
};

/* Told of each element that is no conversation; nonzero: stop and return it. */
typedef int (*rooms_broken_fn)(void *ctx, const char *path, uint64_t number, const struct hf_error *why,
    struct hf_error *err);

/* Reads the lists.  A list that is not whole is an error: its other rooms would be taken for gone. */
int rooms_load(struct rooms *rooms, const struct hf_host_json *json, struct export *export,
    rooms_broken_fn broken, void *ctx, struct hf_error *err);
const struct room *rooms_find(const struct rooms *rooms, const char *id, size_t size);
/* The room that the element of a list stands for; NULL where another one with its id counts. */
const struct room *rooms_listed(const struct rooms *rooms, const struct hf_host_json *json,
    const struct hf_text *id, uint32_t file, uint64_t number);
bool rooms_use_folder(const struct rooms *rooms, const char *folder);
void rooms_release(struct rooms *rooms);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INDEX_H
#define INDEX_H

#include <holdfast/host.h>

#include "../../common/digest.h"
#include "../../common/state.h"
#include "../../common/walk.h"

/* The most chats that are kept in memory, at some 150 bytes each. */
#define INDEX_CHATS_MAX 50000u

/* Where a chat lies in result.json. */
struct chat {
	char *id;            /* "user1", "chat2", "channel3", as the messages name their senders */
	const char *kind;    /* of the room; NULL: not known */
	uint64_t object;     /* offset of its '{' */
	uint64_t messages;   /* of the '[' of its messages; 0: there are none */
	uint64_t end;        /* behind its messages, as far as they go */
	uint64_t count;      /* of them */
	uint8_t digest[DIGEST_SIZE]; /* of the bytes from messages to end */
	bool cut;            /* the file is not whole and ends in this chat */
};

/* What can be wrong with a part of the file. */
typedef int (*index_broken_fn)(void *ctx, uint64_t offset, const struct hf_error *why, struct hf_error *err);

/* Where everything lies in a result.json, found in one pass. */
struct index {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	int fd; /* -1: nothing is loaded */
	char *path;
	struct state state;
	struct chat *chats; /* by id, those of the same id as they lie in the file */
	size_t count, capacity;
	uint64_t personal;   /* offset of the object; 0: none */
	uint64_t contacts;   /* of the list */
	uint64_t frequent;   /* of the list */
	bool settled; /* the file was not written so late that it may change again unseen */
	bool broken;  /* something was told while it was read */
	struct digest digest;
};

void index_init(struct index *index, const struct hf_host_json *json, const struct hf_host_write *write);
/*
 * Reads the file, unless it is the one that is loaded and nothing was to be told of it.  fd is taken over.  broken is
 * told of each chat that has no id, and of the place where a file that is not whole ends: what lies before it is
 * there.
 */
int index_load(struct index *index, int fd, const char *path, index_broken_fn broken, void *ctx,
    struct hf_error *err);
/* Whether the file that is loaded is still as it was. */
bool index_is_current(const struct index *index);
/* The chats with an id: how many, the first in *ret_first. */
size_t index_find(const struct index *index, const char *id, size_t size, const struct chat **ret_first);
void index_release(struct index *index);
/* Begins to walk at an offset; to be ended with walk_close. */
int index_walk(const struct index *index, uint64_t offset, struct walk *walk, struct hf_error *err);

#endif

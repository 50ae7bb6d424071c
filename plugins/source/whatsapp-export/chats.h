/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHATS_H
#define CHATS_H

#include <holdfast/host.h>

#include "../../common/state.h"
#include "../../common/zipfile.h"
#include "parts.h"

/* The most texts that are kept in memory, at some 300 bytes each. */
#define CHATS_MAX 20000u

/* What is found out about the order of a text's dates. */
struct evidence {
	uint64_t messages;
	uint64_t unknown; /* dates that can be read both ways */
	uint64_t dmy;     /* dates that can only be read one way, with '/' between the numbers */
	uint64_t mdy;
	uint64_t dmy_back; /* steps back in time, read one way and the other */
	uint64_t mdy_back;
};

/* A text with a chat, or a part of it. */
struct chat {
	char *name;     /* of the room */
	char *path;     /* of the text, or of the zip that it is in, below the folder */
	char *entry;    /* its name in the zip; NULL: it is a file */
	uint64_t offset; /* of the entry */
	struct state state; /* of the file, or the zip */
	uint64_t size;  /* of the text; 0: not known */
	struct evidence evidence;
	uint8_t digest[DIGEST_SIZE];
};

/* A thing that is wrong with a file; nonzero: stop and return it. */
typedef int (*chats_broken_fn)(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err);

/* All chats in a folder, a zip or a text. */
struct chats {
	const struct hf_host_write *write;
	char *path;   /* as it was given */
	char *folder; /* that paths count from */
	char *only;   /* the one file in it; NULL: all */
	const char *label; /* the one chat's name as it was given; NULL: none was */
	int fd;       /* of the folder */
	struct chat *chats; /* by name, of one name the older file first */
	size_t count, capacity;
	bool loaded;
	struct digest digest;
};

void chats_init(struct chats *chats, const struct hf_host_write *write);
int chats_open(struct chats *chats, const char *path, const char *label, struct hf_error *err);
/* Finds all chats and reads each of them once.  HF_EINVAL: there is none. */
int chats_load(struct chats *chats, chats_broken_fn broken, void *ctx, struct hf_error *err);
size_t chats_find(const struct chats *chats, const char *name, size_t size, const struct chat **ret_first);
bool chats_is_current(const struct chats *chats, const struct chat *chat);
void chats_release(struct chats *chats);

/* A text that is being read. */
struct opened {
	int fd;
	uint64_t offset;
	struct zip_stream *zip; /* NULL: a file */
	char path[1024];        /* for messages */
	struct parts parts;
};

int chats_read(const struct chats *chats, const struct chat *chat, struct opened *opened, struct hf_error *err);
void chats_close(struct opened *opened);

/* Opens a zip below the folder by its path, if it is one. */
int chats_open_zip(const struct chats *chats, const char *path, int *ret_fd, struct state *ret_state,
    struct hf_error *err);

#endif

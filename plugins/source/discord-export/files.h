/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILES_H
#define FILES_H

#include <holdfast/host.h>

#include "../../common/state.h"
#include "../../common/walk.h"

/* The most files that are kept in memory, at some 300 bytes each. */
#define FILES_MAX 50000u

/* A file with messages of a channel, or a part of them. */
struct file {
	char *channel;     /* id */
	char *path;        /* below the export's folder */
	struct state state;
	uint64_t messages; /* offset of their '['; 0: the file ends before */
	int64_t exported_ns; /* 0: not told */
	char first[24];    /* id of the first message; "": there is none */
};

/* A thing that is wrong with a file; nonzero: stop and return it. */
typedef int (*files_broken_fn)(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err);

/* What DiscordChatExporter wrote into a folder and those in it, or into one file. */
struct files {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	char *folder;
	char *only; /* the one file in it; NULL: all */
	int fd;     /* of the folder; -1: not open */
	struct file *files; /* by channel; of one channel in the order in which they are to be read */
	size_t count, capacity;
	bool loaded;
	bool html;     /* there are exports in another format */
};

void files_init(struct files *files, const struct hf_host_json *json, const struct hf_host_write *write);
/* HF_ENOTFOUND, HF_EPERM, HF_EINVAL: neither a folder nor a file. */
int files_open(struct files *files, const char *path, struct hf_error *err);
/* Looks at the head of every file.  HF_EINVAL: there is no export at all. */
int files_load(struct files *files, files_broken_fn broken, void *ctx, struct hf_error *err);
/* The files of a channel: how many, the first in *ret_first. */
size_t files_find(const struct files *files, const char *channel, size_t size, const struct file **ret_first);
/* Whether a file is still what it was when it was loaded. */
bool files_is_current(const struct files *files, const struct file *file);
void files_release(struct files *files);

/* A file that is being read. */
struct opened {
	int fd;
	char path[1024]; /* for messages */
	struct walk walk;
};

int files_read(const struct files *files, const struct file *file, struct opened *opened, struct hf_error *err);
void files_close(struct opened *opened);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdint.h>
#include <sys/stat.h>

#include <holdfast/source.h>

#include "common/bytes.h"

/* A file that may hold cards. */
struct folder_file {
	uint64_t fingerprint; /* of its inode, size and times; 0: too young to be told from a later state, or no file */
	union {
		size_t at;        /* in paths, until all are listed */
		const char *text; /* its path as cursor_encode makes it, and where that is another the path */
	} name;
};

/* The files of an account in the order of their names. */
struct folder {
	const char *root;
	bool is_file; /* root is one */
	struct bytes paths;
	struct folder_file *list;
	size_t count, capacity;
	bool incomplete; /* some folder could not be looked at */
};

/* Told what is passed over: HF_OK to go on. */
typedef int (*folder_failed_fn)(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err);

/*
 * Lists root, a file or a folder: all in it and in the folders below whose name ends in .vcf or .vcard and does not
 * begin with a dot.  Symbolic links to folders are not followed.  HF_EPERM and HF_ENOTFOUND are about root itself.
 */
int folder_open(const char *root, folder_failed_fn failed, void *ctx, struct folder *ret, struct hf_error *err);
void folder_close(struct folder *folder);
/* Its path below the folder; "" where the folder is a file itself. */
const char *folder_path(const struct folder_file *file);
/* Opens a file below the folder; HF_EPERM where it is no regular file, such as a symbolic link. */
int folder_open_file(const struct folder *folder, const char *path, int *ret_fd, struct stat *ret_stat,
    struct hf_error *err);
/* A number that differs when the file was changed or is another one; never 0. */
uint64_t folder_fingerprint(const struct stat *st);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_TARGET_H
#define REPOSITORY_TARGET_H

#include <sys/types.h>

#include "repository/repository.h"

/*
 * Writing into a folder that others may change meanwhile.  Everything goes by the descriptor of the
 * directory and one name in it; symbolic links are never followed, so nothing outside is reached.
 */

/* One component: not empty, no "/", not "." or "..", at most 255 bytes. */
bool target_name_is_sane(const char *name);
/* Opens name in the directory, never through a symbolic link; -1 and errno, as openat. */
int target_openat(int directory, const char *name, int flags, mode_t mode);
/* The same for systems with nothing better than O_NOFOLLOW. */
int target_openat_plain(int directory, const char *name, int flags, mode_t mode);

/* Makes the folder a person named, and its parents, and opens it. */
int target_open(const char *path, int *ret_directory, struct hf_error *err);
/* Makes or opens a directory in a directory; one that is there is made writable for the time being. */
int target_enter(int directory, const char *name, int *ret_directory, struct hf_error *err);
/* Sets mode (permissions, and the sticky bit of a directory) and time of an open file or directory. */
int target_set_attributes(int fd, uint32_t mode, int64_t mtime_ns, struct hf_error *err);
/* Makes a symbolic link; one that is there already with the same target is left. */
int target_symlink(int directory, const char *name, const char *link, int64_t mtime_ns, struct hf_error *err);
/* What is in the way of a file: HF_OK if nothing or a file, whose size comes back (-1: nothing). */
int target_look(int directory, const char *name, int64_t *ret_size, struct hf_error *err);

/* A file on its way: invisible under its name until commit. */
struct target_file {
	int directory;
	int fd;
	char temporary[64];
};

int target_file_create(struct target_file *file, int directory, const char *name, struct hf_error *err);
/* Durable under its name when this returns HF_OK (after target_sync of the directory). Closes it. */
int target_file_commit(struct target_file *file, const char *name, uint32_t mode, int64_t mtime_ns,
    struct hf_error *err);
void target_file_discard(struct target_file *file);
/* Makes the names in a directory durable. */
int target_sync(int directory, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"

#define PATH_COMPONENT_MAX 255

/*
 * Encodes any bytes as one safe path component (DESIGN.md section 3): [a-z0-9._-] as is, every other
 * byte %XX, no leading "." or "-"; over 200 bytes cut, with "~" and 32 hex digits of its SHA-256 after.
 * Different names give different components.  out holds PATH_COMPONENT_MAX + 1.
 */
int path_encode(const char *name, size_t size, char *out, struct hf_error *err);
/* "a/b" into a NUL-terminated string the caller frees; NULL without memory. */
char *path_join(const char *directory, const char *name);
/* Makes a directory and its parents, 0700 whatever the umask; each new one's parent is fsynced. */
int path_make_directories(const char *path, struct hf_error *err);
/* Makes directory entries durable. */
int path_sync_directory(const char *path, struct hf_error *err);
/* Reads a whole file of at most max bytes. */
int path_read(const char *path, size_t max, struct buffer *out, struct hf_error *err);
/* Replaces a file: temporary name, fsync, rename, fsync of the directory. */
int path_write(const char *path, const void *data, size_t size, mode_t mode, struct hf_error *err);
/* Writes all of data; EINTR and short writes are dealt with. */
int path_write_all(int fd, const void *data, size_t size, const char *what, struct hf_error *err);

#endif

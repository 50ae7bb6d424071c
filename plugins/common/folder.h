/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_FOLDER_H
#define LIB_FOLDER_H

#include <stdbool.h>

#include <holdfast/error.h>

/* The longest path below a folder that is looked at, with its NUL; deeper files are passed over. */
#define FOLDER_PATH 1024u

/*
 * Told of an entry: its name in the folder that is open as fd, and its path below the folder where the look began.
 * Nonzero: stop and return it.
 */
typedef int (*folder_entry_fn)(void *ctx, int fd, const char *name, const char *path, struct hf_error *err);

/*
 * Gives fn each entry of the folder that is open as fd, "." and ".." too, in the order in which the system has them.
 * fd is taken over.  top and path, which is below top or "", name the folder in errors.  HF_EIO.
 */
int folder_each(int fd, const char *top, const char *path, folder_entry_fn fn, void *ctx, struct hf_error *err);
/* The same for the folder that is open as parent, or one in it; the descriptor stays the caller's. */
int folder_each_in(int parent, const char *name, const char *top, folder_entry_fn fn, void *ctx, struct hf_error *err);
/* Whether a name has more before an ending such as ".json", in capitals or not. */
bool folder_ends_with(const char *name, const char *end);

#endif

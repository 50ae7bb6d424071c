/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STATE_H
#define STATE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

#include <holdfast/error.h>

/* What identifies the content of a file as far as the system tells. */
struct state {
	int64_t size;
	int64_t mtime_ns;
	int64_t ctime_ns;
	uint64_t inode;
};

struct state state_of(const struct stat *st);
bool state_same(const struct state *a, const struct state *b);
int state_read(int fd, const char *path, struct state *ret_state, struct hf_error *err);
/* Whether a file below an open folder is still in this state.  flags: of fstatat. */
bool state_is_current(int folder, const char *name, int flags, const struct state *state);
/* Whether a file in this state, read from now on, can change and look the same afterwards. */
bool state_is_racy(const struct state *state);
/* Mixes a state into a hash, which begins with STATE_HASH. */
#define STATE_HASH 14695981039346656037ull
void state_hash(uint64_t *hash, const struct state *state);
void state_hash_number(uint64_t *hash, uint64_t number);
/*
 * Opens a plain file below folder (AT_FDCWD: anywhere); path names it in errors.  HF_ENOTFOUND, HF_EPERM,
 * HF_EINVAL (no plain file), HF_EIO.  flags: more of open's, as O_NOFOLLOW.
 */
int state_open_file(int folder, const char *name, int flags, const char *path, int *ret_fd, struct hf_error *err);
/* Reads up to size bytes at offset: how many, 0 at the end, or a negative code. */
int64_t state_pread(int fd, const char *path, uint64_t offset, void *data, size_t size, struct hf_error *err);

#endif

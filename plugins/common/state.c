/* SPDX-License-Identifier: BSD-2-Clause */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A file changed this shortly before it was read may change again within the same time stamp. */
#define RACY_NS 2000000000ll

static int64_t
ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

struct state
state_of(const struct stat *st)
{
	struct state state;

	state.size = (int64_t)st->st_size;
	state.mtime_ns = ns_of(&st->st_mtim);
	state.ctime_ns = ns_of(&st->st_ctim);
	state.inode = (uint64_t)st->st_ino;
	return state;
}

bool
state_same(const struct state *a, const struct state *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode;
}

int
state_read(int fd, const char *path, struct state *ret_state, struct hf_error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	*ret_state = state_of(&st);
	return HF_OK;
}

bool
state_is_current(int folder, const char *name, int flags, const struct state *state)
{
	struct state now;
	struct stat st;

	if (fstatat(folder, name, &st, flags) != 0)
		return false;
	now = state_of(&st);
	return state_same(&now, state);
}

bool
state_is_racy(const struct state *state)
{
	struct timespec now;
	int64_t limit;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return true;
	limit = ns_of(&now) - RACY_NS;
	return state->mtime_ns >= limit || state->ctime_ns >= limit;
}

void
state_hash_number(uint64_t *hash, uint64_t number)
{
	int i;

	/* FNV-1a */
	for (i = 0; i < 64; i += 8)
		*hash = (*hash ^ ((number >> i) & 255)) * 1099511628211ull;
}

void
state_hash(uint64_t *hash, const struct state *state)
{
	state_hash_number(hash, (uint64_t)state->size);
	state_hash_number(hash, (uint64_t)state->mtime_ns);
	state_hash_number(hash, (uint64_t)state->ctime_ns);
	state_hash_number(hash, state->inode);
}

/* With O_NOFOLLOW no folder on the way may be a symbolic link either: it may have become one since it was listed. */
static int
open_below(int folder, const char *name, int flags)
{
	const char *slash = (flags & O_NOFOLLOW) != 0 ? strchr(name, '/') : NULL;
	char part[NAME_MAX + 1];
	int fd, below, error;

	if (slash == NULL)
		return openat(folder, name, flags);
	if ((size_t)(slash - name) >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, name, (size_t)(slash - name));
	part[slash - name] = '\0';
	below = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0) {
		/* It is there, and no folder: that is not the same as not being there. */
		errno = errno == ENOTDIR ? ELOOP : errno;
		return -1;
	}
	fd = open_below(below, slash + 1, flags);
	error = errno;
	(void)close(below);
	errno = error;
	return fd;
}

int
state_open_file(int folder, const char *name, int flags, const char *path, int *ret_fd, struct hf_error *err)
{
	struct stat st;
	int fd, r = HF_OK;

	/* O_NONBLOCK: a FIFO must not hold the job up before it is seen to be no plain file. */
	fd = open_below(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return hf_error_set(err, HF_ENOTFOUND, errno, "%s: %s", path, strerror(errno));
	if (fd < 0)
		return hf_error_set(err, errno == EACCES || errno == ELOOP ? HF_EPERM : HF_EIO, errno, "%s: %s", path,
		    strerror(errno));
	if (fstat(fd, &st) != 0)
		r = hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = hf_error_set(err, HF_EINVAL, 0, "%s: not a plain file", path);
	if (r != HF_OK)
		(void)close(fd);
	else
		*ret_fd = fd;
	return r;
}

int64_t
state_pread(int fd, const char *path, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	ssize_t n;

	do
		n = pread(fd, data, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	return n;
}

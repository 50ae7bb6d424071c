/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define TEMPORARY_TRIES 8u

static int
failed(const char *what, struct hf_error *err)
{
	int saved = errno, code = HF_EIO;

	if (saved == ENOSPC || saved == EDQUOT)
		code = HF_ENOSPC;
	else if (saved == EACCES || saved == EPERM || saved == EROFS)
		code = HF_EPERM;
	else if (saved == ENOENT)
		code = HF_ENOTFOUND;
	return hf_error_set(err, code, saved, "cannot %s: %s", what, strerror(saved));
}

bool
target_name_is_sane(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size <= PATH_COMPONENT_MAX && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0;
}

int
target_openat_plain(int directory, const char *name, int flags, mode_t mode)
{
	if (!target_name_is_sane(name)) {
		errno = EINVAL;
		return -1;
	}
	return openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

int
target_open(const char *path, int *ret_directory, struct hf_error *err)
{
	int fd, r;

	r = path_make_directories(path, err);
	if (r != HF_OK)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	*ret_directory = fd;
	return HF_OK;
}

int
target_enter(int directory, const char *name, int *ret_directory, struct hf_error *err)
{
	struct stat st;
	int fd;

	if (mkdirat(directory, name, 0700) != 0 && errno != EEXIST)
		return failed("make the directory", err);
	fd = target_openat(directory, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == EMLINK))
		return hf_error_set(err, HF_EEXIST, errno,
		    "something that is not a directory has this name in the target; it is not followed or replaced");
	if (fd < 0)
		return failed("open the directory", err);
	/* An earlier restore may have left it read-only; leaving it sets the final mode. */
	if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		(void)fchmod(fd, (st.st_mode & 07777) | 0700);
	*ret_directory = fd;
	return HF_OK;
}

static void
times_of(int64_t mtime_ns, struct timespec ts[2])
{
	int64_t seconds = mtime_ns / 1000000000, rest = mtime_ns % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	ts[0].tv_sec = ts[1].tv_sec = (time_t)seconds;
	ts[0].tv_nsec = ts[1].tv_nsec = (long)rest;
}

int
target_set_attributes(int fd, uint32_t mode, int64_t mtime_ns, struct hf_error *err)
{
	struct timespec ts[2];

	/* Owners are not restored, so neither are the bits that lend an owner's rights. */
	times_of(mtime_ns, ts);
	if (fchmod(fd, mode & 01777) != 0)
		return failed("set the mode", err);
	if (futimens(fd, ts) != 0)
		return failed("set the time", err);
	return HF_OK;
}

/* Whether name is a symbolic link to exactly this. */
static bool
is_link_to(int directory, const char *name, const char *link)
{
	size_t size = strlen(link);
	char *there = malloc(size + 1);
	bool same = false;
	ssize_t n;

	if (there != NULL) {
		n = readlinkat(directory, name, there, size + 1);
		same = n == (ssize_t)size && memcmp(there, link, size) == 0;
	}
	free(there);
	return same;
}

int
target_symlink(int directory, const char *name, const char *link, int64_t mtime_ns, struct hf_error *err)
{
	struct timespec ts[2];

	if (symlinkat(link, directory, name) != 0) {
		if (errno != EEXIST)
			return failed("make the symbolic link", err);
		if (!is_link_to(directory, name, link))
			return hf_error_set(err, HF_EEXIST,
			    EEXIST, "something else has this name in the target; it is left");
	}
	times_of(mtime_ns, ts);
	(void)utimensat(directory, name, ts, AT_SYMLINK_NOFOLLOW);
	return HF_OK;
}

int
target_look(int directory, const char *name, int64_t *ret_size, struct hf_error *err)
{
	struct stat st;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			return failed("look at the target", err);
		*ret_size = -1;
		return HF_OK;
	}
	if (!S_ISREG(st.st_mode))
		return hf_error_set(err, HF_EEXIST, 0, "%s has this name in the target; it is not followed or replaced",
		    S_ISLNK(st.st_mode) ? "a symbolic link" : S_ISDIR(st.st_mode) ? "a directory" : "a special file");
	*ret_size = st.st_size;
	return HF_OK;
}

/*
 * The temporary name is made from the name, so that what a kill left behind is found and removed
 * by the next restore.  The lock tells it from the file of a restore that is running.
 */
static int
claim_temporary(int directory, const char *temporary)
{
	struct stat st;
	int fd = target_openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 && errno == EEXIST) {
		fd = target_openat(directory, temporary, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlinkat(directory, temporary, 0);
		(void)close(fd);
		fd = target_openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
	}
	if (fd < 0)
		return -1;
	/* Another restore may take a new file for a left one until this holds the lock. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 || st.st_nlink == 0) {
		(void)close(fd);
		errno = EEXIST;
		return -1;
	}
	return fd;
}

int
target_file_create(struct target_file *file, int directory, const char *name, struct hf_error *err)
{
	uint8_t sum[HASH_SIZE];
	char hex[17];
	unsigned i;
	int r;

	r = hash_bytes(name, strlen(name), sum, err);
	if (r != HF_OK)
		return r;
	hex_encode(sum, 8, hex);
	file->directory = directory;
	for (i = 0; i < TEMPORARY_TRIES; i++) {
		(void)snprintf(file->temporary, sizeof(file->temporary), ".holdfast-%s-%u.part", hex, i);
		file->fd = claim_temporary(directory, file->temporary);
		if (file->fd >= 0)
			return HF_OK;
		if (errno != EEXIST && errno != ELOOP && errno != EACCES)
			break;
	}
	return failed("make a temporary file", err);
}

int
target_file_commit(struct target_file *file, const char *name, uint32_t mode, int64_t mtime_ns,
    struct hf_error *err)
{
	int r;

	/* Some systems let nobody but root set a file's sticky bit, which means nothing on a file. */
	r = target_set_attributes(file->fd, mode & 0777, mtime_ns, err);
	if (r == HF_OK && fsync(file->fd) != 0)
		r = failed("make the file durable", err);
	if (r == HF_OK && renameat(file->directory, file->temporary, file->directory, name) != 0)
		r = failed("give the file its name", err);
	if (r != HF_OK) {
		target_file_discard(file);
		return r;
	}
	/* Its data is synced, so there is nothing close could still lose. */
	(void)close(file->fd);
	file->fd = -1;
	return HF_OK;
}

void
target_file_discard(struct target_file *file)
{
	/* Unlinked while the lock is held: it can be no other restore's. */
	if (file->fd >= 0) {
		(void)unlinkat(file->directory, file->temporary, 0);
		(void)close(file->fd);
	}
	file->fd = -1;
}

int
target_sync(int directory, struct hf_error *err)
{
	if (fsync(directory) != 0 && errno != EINVAL)
		return failed("make the directory durable", err);
	return HF_OK;
}

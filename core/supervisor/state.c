/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "config/scalar.h"
#include "job/job.h"

int
state_prepare(const char *directory, struct hf_error *err)
{
	struct stat status;
	int fd, r = path_make_directories(directory, err);

	if (r != HF_OK)
		return r;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0) {
		r = hf_error_set(err, errno == EACCES ? HF_EPERM : HF_EIO, errno, "state directory %s: %s", directory,
		    strerror(errno));
	} else if (status.st_uid != geteuid()) {
		r = hf_error_set(err, HF_EPERM, 0, "state directory %s belongs to user %lu, not to you; set "
		    "HOLDFAST_STATE_DIR to a directory of your own", directory, (unsigned long)status.st_uid);
	} else if ((status.st_mode & 077) != 0) {
		r = hf_error_set(err, HF_EPERM, 0, "state directory %s is open to other users (mode %03o); run "
		    "\"chmod 700\" on it", directory, (unsigned)(status.st_mode & 0777));
	}
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int
state_path(char **ret, struct hf_error *err)
{
	const char *base = getenv("HOLDFAST_STATE_DIR");
	char *path = NULL;

	if (base != NULL && base[0] != '\0') {
		if (base[0] != '/')
			return hf_error_set(err, HF_EINVAL, 0, "HOLDFAST_STATE_DIR is \"%s\"; it must be an absolute "
			    "path", base);
		path = strdup(base);
	} else if ((base = getenv("XDG_STATE_HOME")) != NULL && base[0] == '/') {
		path = path_join(base, "holdfast");
	} else if ((base = scalar_home()) != NULL) {
		path = path_join(base, ".local/state/holdfast");
	} else {
		return hf_error_set(err, HF_EINVAL, 0, "you have no home directory; set HOLDFAST_STATE_DIR");
	}
	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "state directory: out of memory");
	*ret = path;
	return HF_OK;
}

int
state_directory(char **ret, struct hf_error *err)
{
	char *path;
	int r = state_path(&path, err);

	if (r != HF_OK)
		return r;
	r = state_prepare(path, err);
	if (r != HF_OK) {
		free(path);
		return r;
	}
	*ret = path;
	return HF_OK;
}

/* The number that a holder wrote into its lock file, for a message only. */
static long
holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

static int
lock(const char *directory, const char *name, const char *what, int *ret_fd, struct hf_error *err)
{
	char *path = path_join(directory, name), text[32];
	int fd = -1, n, r = HF_OK;

	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			r = hf_error_set(err, HF_EBUSY, 0, "%s (process %ld) uses %s", what, holder(fd), directory);
		else
			r = hf_error_set(err, HF_EIO, errno, "%s: cannot be locked: %s", path, strerror(errno));
	} else {
		n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
		if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
			r = hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	}
	if (r == HF_OK)
		*ret_fd = fd;
	else if (fd >= 0)
		(void)close(fd);
	free(path);
	return r;
}

int
state_lock(const char *directory, int *ret_fd, struct hf_error *err)
{
	return lock(directory, "lock", "another holdfast", ret_fd, err);
}

int
worker_lock(const char *directory, int *ret_fd, struct hf_error *err)
{
	return lock(directory, "worker.lock", "a worker of an earlier run", ret_fd, err);
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
state_forget_job(const char *job_directory, struct hf_error *err)
{
	if (nftw(job_directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
		return HF_OK;
	return hf_error_set(err, HF_EIO, errno, "%s: cannot be removed: %s", job_directory, strerror(errno));
}

int
state_sweep_jobs(const char *directory, bool (*wanted)(void *ctx, const char *id), void *ctx, struct hf_error *err)
{
	char *jobs = path_join(directory, "jobs"), *path;
	DIR *dir = jobs == NULL ? NULL : opendir(jobs);
	const struct dirent *entry;
	int r = HF_OK;

	if (dir == NULL) {
		if (jobs == NULL || errno != ENOENT)
			r = hf_error_set(err, HF_EIO, errno, "%s/jobs: cannot be read", directory);
		free(jobs);
		return r;
	}
	while (r == HF_OK && (entry = readdir(dir)) != NULL) {
		if (!job_id_valid(entry->d_name) || wanted(ctx, entry->d_name))
			continue;
		path = path_join(jobs, entry->d_name);
		r = path == NULL ? hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", jobs) : state_forget_job(path,
		    err);
		free(path);
	}
	(void)closedir(dir);
	free(jobs);
	return r;
}

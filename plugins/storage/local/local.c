/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

/*
 * Objects as files in a folder, in the layout that restic calls "local" (and "default"):
 * config, keys/ID, locks/ID, snapshots/ID, index/ID and data/XX/ID.
 */

#include <holdfast/plugin.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE 64 /* hex digits of an object's name */
#define COPY_SIZE ((size_t)128 << 10)

/* Longest path: the folder, "/snapshots/", a name and what a temporary file adds. */
#define ROOT_MAX 3800
#define PATH_SIZE 4096

/* Blobs are read a few hundred bytes at a time from the same few packs. */
#define PACKS_OPEN 8

struct open_object {
	int fd; /* -1: none */
	uint64_t size;
	char name[NAME_SIZE + 1];
};

struct local {
	char root[ROOT_MAX + 1];
	bool group; /* the repository's config is readable for the group: so is everything new */
	pthread_mutex_t mutex;
	struct open_object packs[PACKS_OPEN]; /* open and not in use; the one used last comes first */
};

enum { OPTION_PATH };

static const struct hf_option options[] = {
    {(uint32_t)sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
        "the folder that holds the repository", NULL, 0, 0},
    {(uint32_t)sizeof(struct hf_option), 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

/* ---- errors ---- */

static int
system_code(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return HF_ENOTFOUND;
	case EEXIST:
		return HF_EEXIST;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return HF_ENOSPC;
	case EACCES:
	case EPERM:
	case EROFS:
		return HF_EPERM;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return HF_ENOMEM;
	default:
		return HF_EIO;
	}
}

static int
system_error(const char *path, struct hf_error *err)
{
	int error = errno;

	return hf_error_set(err, system_code(error), error, "%.400s: %s", path, strerror(error));
}

/* ---- paths ---- */

/* The folder of a type below the root, with a slash before it; NULL: no such type. */
static const char *
type_folder(uint32_t type)
{
	switch (type) {
	case HF_OBJECT_KEY:
		return "/keys";
	case HF_OBJECT_LOCK:
		return "/locks";
	case HF_OBJECT_SNAPSHOT:
		return "/snapshots";
	case HF_OBJECT_INDEX:
		return "/index";
	case HF_OBJECT_DATA:
		return "/data";
	default:
		return NULL;
	}
}

static bool
is_object_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == NAME_SIZE && name[NAME_SIZE] == '\0';
}

/* Where an object lies, and in directory (both PATH_SIZE) the folder it lies in. */
static int
object_path(const struct local *local, const struct hf_object_key *key, char *path, char *directory,
    struct hf_error *err)
{
	const char *folder = type_folder(key->type);

	if (key->type == HF_OBJECT_CONFIG && strcmp(key->name, "config") == 0) {
		(void)snprintf(directory, PATH_SIZE, "%s", local->root);
		(void)snprintf(path, PATH_SIZE, "%s/config", local->root);
		return HF_OK;
	}
	if (folder == NULL || !is_object_name(key->name))
		return hf_error_set(err, HF_EINVAL, 0, "not an object's name: type %u, \"%.80s\"",
		    (unsigned)key->type, key->name);
	if (key->type == HF_OBJECT_DATA)
		(void)snprintf(directory, PATH_SIZE, "%s/data/%.2s", local->root, key->name);
	else
		(void)snprintf(directory, PATH_SIZE, "%s%s", local->root, folder);
	(void)snprintf(path, PATH_SIZE, "%.4000s/%s", directory, key->name);
	return HF_OK;
}

/* ---- open packs ---- */

/* Whoever takes a pack has it alone until he gives it back: no thread meets another's descriptor. */
static bool
take_pack(struct local *local, const char *name, struct open_object *ret)
{
	size_t i;

	(void)pthread_mutex_lock(&local->mutex);
	for (i = 0; i < PACKS_OPEN; i++) {
		if (local->packs[i].fd < 0 || strcmp(local->packs[i].name, name) != 0)
			continue;
		*ret = local->packs[i];
		memmove(&local->packs[i], &local->packs[i + 1], (PACKS_OPEN - 1 - i) * sizeof(*ret));
		local->packs[PACKS_OPEN - 1].fd = -1;
		break;
	}
	(void)pthread_mutex_unlock(&local->mutex);
	return i < PACKS_OPEN;
}

static void
give_pack_back(struct local *local, const struct open_object *pack)
{
	int oldest;

	(void)pthread_mutex_lock(&local->mutex);
	oldest = local->packs[PACKS_OPEN - 1].fd;
	memmove(&local->packs[1], &local->packs[0], (PACKS_OPEN - 1) * sizeof(*pack));
	local->packs[0] = *pack;
	(void)pthread_mutex_unlock(&local->mutex);
	if (oldest >= 0)
		(void)close(oldest);
}

/* What a name stands for is about to change. */
static void
forget_pack(struct local *local, const struct hf_object_key *key)
{
	struct open_object pack;

	if (key->type == HF_OBJECT_DATA && take_pack(local, key->name, &pack))
		(void)close(pack.fd);
}

/* ---- directories ---- */

static int
sync_directory(const char *path, struct hf_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = HF_OK;

	if (fd < 0)
		return system_error(path, err);
	/* EINVAL: a file system that has no such thing. */
	if (fsync(fd) != 0 && errno != EINVAL)
		r = system_error(path, err);
	(void)close(fd);
	return r;
}

/* The folder that path lies in, into parent (PATH_SIZE). */
static void
parent_of(const char *path, char *parent)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		(void)snprintf(parent, PATH_SIZE, ".");
	else
		(void)snprintf(parent, PATH_SIZE, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Makes one directory; *made (may be NULL) says that it was not there.  Its parent is not synced. */
static int
make_one(const struct local *local, const char *path, bool *made, struct hf_error *err)
{
	mode_t mode = local->group ? 0770 : 0700;
	struct stat st;

	if (mkdir(path, mode) == 0) {
		/* The umask may have taken bits away, which the group needs. */
		if (local->group && chmod(path, mode) != 0)
			return system_error(path, err);
		if (made != NULL)
			*made = true;
		return HF_OK;
	}
	if (errno != EEXIST)
		return system_error(path, err);
	if (stat(path, &st) != 0)
		return system_error(path, err);
	if (!S_ISDIR(st.st_mode))
		return hf_error_set(err, HF_EEXIST, 0, "%.400s: not a folder", path);
	return HF_OK;
}

/* Makes one directory and its entry in the parent durable. */
static int
make_directory(const struct local *local, const char *path, struct hf_error *err)
{
	char parent[PATH_SIZE];
	bool made = false;
	int r;

	r = make_one(local, path, &made, err);
	if (r != HF_OK || !made)
		return r;
	parent_of(path, parent);
	return sync_directory(parent, err);
}

/* Makes a directory and all before it. */
static int
make_directories(const struct local *local, const char *path, struct hf_error *err)
{
	char part[PATH_SIZE];
	size_t i;
	int r;

	(void)snprintf(part, sizeof(part), "%s", path);
	for (i = 1; part[i] != '\0'; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		r = access(part, F_OK) == 0 ? HF_OK : make_directory(local, part, err);
		if (r != HF_OK)
			return r;
		part[i] = '/';
	}
	return make_directory(local, part, err);
}

static int
local_create(void *handle, struct hf_error *err)
{
	static const char *const folders[] = {"keys", "locks", "snapshots", "index", "data"};
	struct local *local = handle;
	char path[PATH_SIZE];
	unsigned i;
	int r;

	r = make_directories(local, local->root, err);
	for (i = 0; r == HF_OK && i < sizeof(folders) / sizeof(folders[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", local->root, folders[i]);
		r = make_one(local, path, NULL, err);
	}
	if (r == HF_OK)
		r = sync_directory(local->root, err);
	for (i = 0; r == HF_OK && i < 256; i++) {
		(void)snprintf(path, sizeof(path), "%s/data/%02x", local->root, i);
		r = make_one(local, path, NULL, err);
	}
	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "%s/data", local->root);
	return sync_directory(path, err);
}

/* ---- putting ---- */

/* A name beside the final one that no listing shows; O_EXCL finds the free one. */
static int
open_temporary(const struct local *local, const char *path, char *temporary, struct hf_error *err)
{
	struct timespec now;
	unsigned tries;
	int fd = -1;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	for (tries = 0; tries < 100; tries++) {
		(void)snprintf(temporary, PATH_SIZE, "%.4000s-tmp-%lx%lx%x", path, (unsigned long)getpid(),
		    (unsigned long)now.tv_nsec, tries);
		fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, local->group ? 0660 : 0600);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	return fd >= 0 ? fd : system_error(temporary, err);
}

static int
write_all(int fd, const char *data, size_t size, const char *path, struct hf_error *err)
{
	ssize_t n;

	for (; size > 0; data += n, size -= (size_t)n) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return system_error(path, err);
	}
	return HF_OK;
}

static int
copy_reader(int fd, const struct hf_reader *data, const char *path, struct hf_error *err)
{
	uint64_t left = data->length;
	char *part = malloc(COPY_SIZE);
	int64_t n = 0;
	int r = HF_OK;

	if (part == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%.400s: out of memory", path);
	while (r == HF_OK && left > 0) {
		n = data->read(data->ctx, part, left < COPY_SIZE ? left : COPY_SIZE, err);
		if (n < 0)
			r = (int)n;
		else if (n == 0 || (uint64_t)n > left)
			r = hf_error_set(err, HF_EINVAL, 0, "%.400s: the data ended early", path);
		else {
			r = write_all(fd, part, (size_t)n, path, err);
			left -= (uint64_t)n;
		}
	}
	free(part);
	return r;
}

static int
fill_temporary(const struct local *local, int fd, const struct hf_reader *data, const char *path,
    struct hf_error *err)
{
	int r;

	r = copy_reader(fd, data, path, err);
	if (r == HF_OK && local->group && fchmod(fd, 0660) != 0)
		r = system_error(path, err);
	if (r == HF_OK && fsync(fd) != 0)
		r = system_error(path, err);
	if (close(fd) != 0 && r == HF_OK && errno != EINTR)
		r = system_error(path, err);
	return r;
}

/* Gives the temporary file its final name. */
static int
publish(const char *temporary, const char *path, uint32_t flags, struct hf_error *err)
{
	if ((flags & HF_PUT_NOREPLACE) == 0)
		return rename(temporary, path) == 0 ? HF_OK : system_error(path, err);
	if (link(temporary, path) == 0) {
		(void)unlink(temporary);
		return HF_OK;
	}
	/* FAT and its kin have no links.  Looking first leaves a gap there, of which only "init" knows. */
	if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK) {
		if (access(path, F_OK) == 0)
			errno = EEXIST;
		else if (errno == ENOENT && rename(temporary, path) == 0)
			return HF_OK;
	}
	return system_error(path, err);
}

static int
put_once(const struct local *local, const char *path, const char *directory, const struct hf_reader *data,
    uint32_t flags, struct hf_error *err)
{
	char temporary[PATH_SIZE];
	int fd, r;

	fd = open_temporary(local, path, temporary, err);
	if (fd < 0)
		return fd;
	r = fill_temporary(local, fd, data, temporary, err);
	if (r == HF_OK)
		r = publish(temporary, path, flags, err);
	if (r != HF_OK) {
		(void)unlink(temporary);
		return r;
	}
	/* Objects never change.  A file system without modes may refuse: nothing is lost. */
	(void)chmod(path, local->group ? 0440 : 0400);
	return sync_directory(directory, err);
}

static int
local_put(void *handle, const struct hf_object_key *key, const struct hf_reader *data, const uint8_t *sha256,
    uint32_t flags, struct hf_error *err)
{
	struct local *local = handle;
	char path[PATH_SIZE], directory[PATH_SIZE];
	struct stat st;
	int r;

	(void)sha256;
	r = object_path(local, key, path, directory, err);
	if (r != HF_OK)
		return r;
	forget_pack(local, key);
	/* The root is never made here: where a disk is not mounted, nothing must go to the place below. */
	if (stat(directory, &st) != 0 && errno == ENOENT && strcmp(directory, local->root) != 0) {
		if (key->type == HF_OBJECT_DATA) {
			char data_directory[PATH_SIZE];

			parent_of(directory, data_directory);
			r = make_directory(local, data_directory, err);
		}
		if (r == HF_OK)
			r = make_directory(local, directory, err);
		if (r != HF_OK)
			return r;
	}
	return put_once(local, path, directory, data, flags, err);
}

/* ---- getting ---- */

static int
open_object(const char *path, int *ret_fd, uint64_t *ret_size, struct hf_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r;
	struct stat st;

	if (fd < 0)
		return system_error(path, err);
	if (fstat(fd, &st) != 0) {
		r = system_error(path, err);
		(void)close(fd);
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(fd);
		return hf_error_set(err, HF_ECORRUPT, 0, "%.400s: not a regular file", path);
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return HF_OK;
}

static int
push_range(int fd, uint64_t offset, uint64_t length, const char *path, const struct hf_sink *sink,
    struct hf_error *err)
{
	size_t size = length < COPY_SIZE ? (size_t)length : COPY_SIZE, want;
	char *part = malloc(size);
	int r = HF_OK;
	ssize_t n;

	if (part == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%.400s: out of memory", path);
	while (r == HF_OK && length > 0) {
		want = length < size ? (size_t)length : size;
		n = pread(fd, part, want, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = system_error(path, err);
		else if (n == 0)
			r = hf_error_set(err, HF_ERANGE, 0, "%.400s: shorter than it was a moment ago", path);
		else {
			r = sink->write(sink->ctx, part, (uint64_t)n, err);
			offset += (uint64_t)n;
			length -= (uint64_t)n;
		}
	}
	free(part);
	return r;
}

static int
local_get(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
    const struct hf_sink *sink, struct hf_error *err)
{
	char path[PATH_SIZE], directory[PATH_SIZE];
	struct open_object object = {-1, 0, ""};
	int r;

	r = object_path(handle, key, path, directory, err);
	if (r == HF_OK && (key->type != HF_OBJECT_DATA || !take_pack(handle, key->name, &object)))
		r = open_object(path, &object.fd, &object.size, err);
	if (r != HF_OK)
		return r;
	if (offset > object.size || length > object.size - offset)
		r = hf_error_set(err, HF_ERANGE, 0,
		    "%.300s: only %llu byte%s, where %llu from offset %llu are wanted", path,
		    (unsigned long long)object.size, object.size == 1 ? "" : "s", (unsigned long long)length,
		    (unsigned long long)offset);
	else {
		if (length == 0)
			length = object.size - offset;
		if (length > 0)
			r = push_range(object.fd, offset, length, path, sink, err);
	}
	if (r == HF_OK && key->type == HF_OBJECT_DATA) {
		memcpy(object.name, key->name, NAME_SIZE);
		give_pack_back(handle, &object);
	} else {
		(void)close(object.fd);
	}
	return r;
}

static int
local_stat(void *handle, const struct hf_object_key *key, uint64_t *ret_size, struct hf_error *err)
{
	char path[PATH_SIZE], directory[PATH_SIZE];
	struct stat st;
	int r;

	r = object_path(handle, key, path, directory, err);
	if (r != HF_OK)
		return r;
	if (lstat(path, &st) != 0)
		return system_error(path, err);
	if (!S_ISREG(st.st_mode))
		return hf_error_set(err, HF_ECORRUPT, 0, "%.400s: not a regular file", path);
	*ret_size = (uint64_t)st.st_size;
	return HF_OK;
}

static int
local_remove(void *handle, const struct hf_object_key *key, struct hf_error *err)
{
	char path[PATH_SIZE], directory[PATH_SIZE];
	int r;

	r = object_path(handle, key, path, directory, err);
	if (r != HF_OK)
		return r;
	forget_pack(handle, key);
	return unlink(path) == 0 ? HF_OK : system_error(path, err);
}

/* ---- listing ---- */

/* Passes one entry on; prefix (may be NULL): what the name must begin with to be found again. */
static int
list_entry(DIR *dir, const char *path, const char *name, const char *prefix, hf_list_fn fn, void *ctx,
    struct hf_error *err)
{
	struct stat st;

	if (!is_object_name(name) || (prefix != NULL && strncmp(name, prefix, 2) != 0))
		return HF_OK;
	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? HF_OK : system_error(path, err); /* removed meanwhile */
	if (!S_ISREG(st.st_mode))
		return HF_OK;
	return fn(ctx, name, (uint64_t)st.st_size, err);
}

/* HF_ENOTFOUND only when the directory itself is not there. */
static int
list_directory(const char *path, const char *prefix, hf_list_fn fn, void *ctx, struct hf_error *err)
{
	struct dirent *entry;
	int r = HF_OK;
	DIR *dir;

	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOTDIR ? hf_error_set(err, HF_EIO, ENOTDIR, "%.400s: not a folder", path) :
		                          system_error(path, err);
	while (r == HF_OK) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			/* A short list would look like lost objects, so an error is an error. */
			if (errno != 0)
				r = hf_error_set(err, HF_EIO, errno, "%.400s: %s", path, strerror(errno));
			break;
		}
		r = list_entry(dir, path, entry->d_name, prefix, fn, ctx, err);
	}
	(void)closedir(dir);
	return r;
}

static int
list_data(const char *path, hf_list_fn fn, void *ctx, struct hf_error *err)
{
	char part[PATH_SIZE], prefix[3];
	unsigned i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < 256; i++) {
		(void)snprintf(prefix, sizeof(prefix), "%02x", i);
		(void)snprintf(part, sizeof(part), "%.4000s/%s", path, prefix);
		r = list_directory(part, prefix, fn, ctx, err);
		if (r == HF_ENOTFOUND && access(part, F_OK) != 0 && errno == ENOENT)
			r = HF_OK; /* made when the first object goes there */
	}
	return r;
}

static int
local_list(void *handle, uint32_t type, hf_list_fn fn, void *ctx, struct hf_error *err)
{
	const struct local *local = handle;
	const char *folder = type_folder(type);
	char path[PATH_SIZE];
	struct stat st;

	if (type == HF_OBJECT_CONFIG) {
		(void)snprintf(path, sizeof(path), "%s/config", local->root);
		if (lstat(path, &st) != 0)
			return errno == ENOENT ? HF_OK : system_error(path, err);
		return fn(ctx, "config", (uint64_t)st.st_size, err);
	}
	if (folder == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "no such type of object: %u", (unsigned)type);
	(void)snprintf(path, sizeof(path), "%s%s", local->root, folder);
	if (stat(path, &st) != 0 && errno == ENOENT) {
		/* A missing folder is an empty one only in a repository: else a disk may not be mounted. */
		(void)snprintf(path, sizeof(path), "%s/config", local->root);
		return lstat(path, &st) == 0 ? HF_OK : system_error(path, err);
	}
	return type == HF_OBJECT_DATA ? list_data(path, fn, ctx, err) : list_directory(path, NULL, fn, ctx, err);
}

/* ---- the component ---- */

static int
local_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	const struct hf_value *path;

	if (count <= OPTION_PATH || !values[OPTION_PATH].set || values[OPTION_PATH].text == NULL ||
	    values[OPTION_PATH].text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "storage local: path is missing");
	path = &values[OPTION_PATH];
	if (path->text[0] != '/')
		return hf_error_set(err, HF_EINVAL, 0, "storage local: path is not absolute: %.300s", path->text);
	if (strlen(path->text) > ROOT_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "storage local: path is longer than %d bytes", ROOT_MAX);
	return HF_OK;
}

static int
local_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	char path[PATH_SIZE];
	struct local *local;
	struct stat st;
	size_t size, i;
	int r;

	(void)host;
	r = local_configure(values, count, err);
	if (r != HF_OK)
		return r;
	local = calloc(1, sizeof(*local));
	if (local == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "storage local: out of memory");
	size = strlen(values[OPTION_PATH].text);
	while (size > 1 && values[OPTION_PATH].text[size - 1] == '/')
		size--;
	memcpy(local->root, values[OPTION_PATH].text, size);
	(void)snprintf(path, sizeof(path), "%s/config", local->root);
	local->group = stat(path, &st) == 0 && (st.st_mode & S_IRGRP) != 0;
	for (i = 0; i < PACKS_OPEN; i++)
		local->packs[i].fd = -1;
	r = pthread_mutex_init(&local->mutex, NULL);
	if (r != 0) {
		free(local);
		return hf_error_set(err, HF_ENOMEM, r, "storage local: %s", strerror(r));
	}
	*ret_handle = local;
	return HF_OK;
}

static void
local_close(void *handle)
{
	struct local *local = handle;
	size_t i;

	for (i = 0; i < PACKS_OPEN; i++) {
		if (local->packs[i].fd >= 0)
			(void)close(local->packs[i].fd);
	}
	(void)pthread_mutex_destroy(&local->mutex);
	free(local);
}

static int
local_properties(void *handle, struct hf_storage_props *ret_props, struct hf_error *err)
{
	(void)handle;
	(void)err;
	ret_props->max_connections = 2;
	ret_props->atomic_replace = HF_YES;
	ret_props->flaky_errors = HF_NO;
	ret_props->list_consistent = HF_YES;
	ret_props->max_object_size = 0;
	return HF_OK;
}

static const struct hf_storage_ops ops = {(uint32_t)sizeof(struct hf_storage_ops), 0, local_configure,
    local_open, local_close, local_create, local_properties, local_put, local_get, local_list, local_stat,
    local_remove};

static const struct hf_component component = {(uint32_t)sizeof(struct hf_component), HF_KIND_STORAGE, "local",
    "a folder of this machine or a mounted disk", 0, HF_THREAD_PARALLEL, options, &ops, NULL};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("local", "storage", "0.1.0", "BSD-2-Clause", components);

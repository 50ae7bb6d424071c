/* SPDX-License-Identifier: BSD-2-Clause */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "cursor.h"

#define DEPTH_MAX 16
#define PATHS_MAX (256u << 20)
#define YOUNG_NS  (2 * INT64_C(1000000000)) /* in which a file can be changed again with the same time */

struct walk {
	struct folder *folder;
	folder_failed_fn failed;
	void *ctx;
	struct bytes path; /* of the folder under way, with a "/" at its end */
	int64_t now_ns;
};

static int
error_of(int error, const char *path, struct hf_error *err)
{
	int code = HF_EIO;

	if (error == ENOENT || error == ENOTDIR)
		code = HF_ENOTFOUND;
	else if (error == EACCES || error == EPERM || error == ELOOP || error == EMLINK)
		code = HF_EPERM;
	else if (error == ENOMEM)
		code = HF_ENOMEM;
	return hf_error_set(err, code, error, "%s%s%s", path, path[0] == '\0' ? "" : ": ", strerror(error));
}

static int64_t
time_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

uint64_t
folder_fingerprint(const struct stat *st)
{
	const uint64_t parts[] = {(uint64_t)st->st_ino, (uint64_t)st->st_size, (uint64_t)time_of(&st->st_mtim),
	    (uint64_t)time_of(&st->st_ctim)};
	uint64_t hash = 14695981039346656037ull;
	size_t i;

	for (i = 0; i < 8 * sizeof(parts) / sizeof(parts[0]); i++)
		hash = (hash ^ (parts[i / 8] >> i % 8 * 8 & 0xff)) * 1099511628211ull;
	return hash == 0 ? 1 : hash;
}

static bool
is_young(const struct walk *walk, const struct stat *st)
{
	return time_of(&st->st_mtim) >= walk->now_ns - YOUNG_NS || time_of(&st->st_ctim) >= walk->now_ns - YOUNG_NS;
}

static bool
has_cards(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && (strcasecmp(dot, ".vcf") == 0 || strcasecmp(dot, ".vcard") == 0);
}

static int
tell(struct walk *walk, const char *name, int code, int error, const char *reason, struct hf_error *err)
{
	struct bytes path = BYTES_INIT(64u << 10);
	struct hf_error why = HF_ERROR_INIT;
	const char *text;
	int r;

	walk->folder->incomplete = true;
	bytes_put(&path, walk->path.data, walk->path.size);
	bytes_string(&path, name);
	text = bytes_text(&path);
	(void)hf_error_set(&why, code, error, "%s", reason);
	r = walk->failed(walk->ctx, text == NULL ? name : text, &why, err);
	bytes_release(&path);
	return r;
}

static int
add_file(struct walk *walk, const char *name, const struct stat *st, struct hf_error *err)
{
	struct folder *folder = walk->folder;
	size_t capacity = folder->capacity == 0 ? 64 : folder->capacity + folder->capacity / 2;
	struct folder_file *list, *file;

	if (folder->count == folder->capacity) {
		list = realloc(folder->list, capacity * sizeof(*list));
		if (list == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the list of files: out of memory");
		folder->list = list;
		folder->capacity = capacity;
	}
	file = &folder->list[folder->count++];
	*file = (struct folder_file){NULL, NULL, 0, folder->paths.size, 0};
	if (S_ISREG(st->st_mode) && !is_young(walk, st))
		file->fingerprint = folder_fingerprint(st);
	bytes_put(&folder->paths, walk->path.data, walk->path.size);
	bytes_put(&folder->paths, name, strlen(name) + 1);
	file->name_at = folder->paths.size;
	cursor_encode(walk->path.data, walk->path.size, &folder->paths);
	cursor_encode(name, strlen(name), &folder->paths);
	bytes_char(&folder->paths, '\0');
	return bytes_status(&folder->paths, "the list of files", err);
}

static int walk_folder(struct walk *walk, int fd, int depth, struct hf_error *err);

static int
walk_below(struct walk *walk, int parent, const char *name, int depth, struct hf_error *err)
{
	size_t size = walk->path.size;
	int r, fd;

	if (depth == DEPTH_MAX)
		return tell(walk, name, HF_ERANGE, 0, "more folders in folders than this", err);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tell(walk, name, errno == EACCES ? HF_EPERM : HF_EIO, errno, strerror(errno), err);
	bytes_string(&walk->path, name);
	bytes_char(&walk->path, '/');
	r = bytes_status(&walk->path, "a path", err);
	if (r == HF_OK)
		r = walk_folder(walk, fd, depth + 1, err);
	else
		(void)close(fd);
	walk->path.size = size;
	return r;
}

static int
walk_entry(struct walk *walk, int fd, const char *name, int depth, struct hf_error *err)
{
	struct stat st;

	if (name[0] == '.')
		return HF_OK;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? HF_OK : tell(walk, name, HF_EIO, errno, strerror(errno), err);
	if (S_ISDIR(st.st_mode))
		return walk_below(walk, fd, name, depth, err);
	return has_cards(name) ? add_file(walk, name, &st, err) : HF_OK;
}

/* Takes fd over. */
static int
walk_folder(struct walk *walk, int fd, int depth, struct hf_error *err)
{
	DIR *stream = fdopendir(fd);
	struct dirent *entry;
	int r = HF_OK;

	if (stream == NULL) {
		r = error_of(errno, "", err);
		(void)close(fd);
		return r;
	}
	while (r == HF_OK && (errno = 0, entry = readdir(stream)) != NULL)
		r = walk_entry(walk, fd, entry->d_name, depth, err);
	/* A listing that breaks off says nothing of what it left out. */
	if (r == HF_OK && errno != 0)
		r = tell(walk, "", HF_EIO, errno, strerror(errno), err);
	(void)closedir(stream);
	return r;
}

static int
compare_files(const void *a, const void *b)
{
	const struct folder_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
list_root(struct walk *walk, struct hf_error *err)
{
	struct folder *folder = walk->folder;
	struct stat st;
	int fd;

	if (stat(folder->root, &st) != 0)
		return error_of(errno, folder->root, err);
	if (S_ISREG(st.st_mode)) {
		folder->is_file = true;
		return add_file(walk, "", &st, err);
	}
	if (!S_ISDIR(st.st_mode))
		return hf_error_set(err, HF_EINVAL, 0, "%s: neither a file nor a folder", folder->root);
	fd = open(folder->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_of(errno, folder->root, err) : walk_folder(walk, fd, 0, err);
}

int
folder_open(const char *root, folder_failed_fn failed, void *ctx, struct folder *ret, struct hf_error *err)
{
	struct folder folder = {root, false, BYTES_INIT(PATHS_MAX), NULL, 0, 0, false};
	struct walk walk = {&folder, failed, ctx, BYTES_INIT(64u << 10), 0};
	struct timespec now;
	size_t i;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	walk.now_ns = time_of(&now);
	r = list_root(&walk, err);
	bytes_release(&walk.path);
	for (i = 0; i < folder.count; i++) {
		folder.list[i].path = folder.paths.data + folder.list[i].path_at;
		folder.list[i].name = folder.paths.data + folder.list[i].name_at;
	}
	if (folder.count > 1)
		qsort(folder.list, folder.count, sizeof(*folder.list), compare_files);
	if (r == HF_OK)
		*ret = folder;
	else
		folder_close(&folder);
	return r;
}

void
folder_close(struct folder *folder)
{
	bytes_release(&folder->paths);
	free(folder->list);
	folder->list = NULL;
	folder->count = folder->capacity = 0;
}

/* ---- opening what was listed ---- */

/* Walks down component by component, so that none of them can have become a link. */
static int
open_below(int top, const char *path, int *ret_fd, struct hf_error *err)
{
	char name[NAME_MAX + 1];
	const char *slash;
	struct stat st;
	int fd = top, next, error;

	for (; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		/* It was a name of a folder's listing. */
		(void)snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		error = errno;
		(void)close(fd);
		if (next < 0)
			return error_of(error, "", err);
		fd = next;
	}
	/* It is looked at first: opening a device can already do something. */
	if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return hf_error_set(err, HF_EPERM, 0, S_ISLNK(st.st_mode) ? "a symbolic link is not followed"
		                                                          : "not a regular file");
	}
	next = openat(fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	error = errno;
	(void)close(fd);
	if (next < 0)
		return error_of(error, "", err);
	*ret_fd = next;
	return HF_OK;
}

int
folder_open_file(const struct folder *folder, const struct folder_file *file, int *ret_fd, struct stat *ret_stat,
    struct hf_error *err)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (folder->is_file ? O_NONBLOCK : O_DIRECTORY);
	int fd = open(folder->root, flags), r = HF_OK;

	if (fd < 0)
		return error_of(errno, folder->root, err);
	if (!folder->is_file) {
		r = open_below(fd, file->path, &fd, err);
		if (r != HF_OK)
			return r;
	}
	if (fstat(fd, ret_stat) != 0)
		r = error_of(errno, "", err);
	else if (!S_ISREG(ret_stat->st_mode))
		r = hf_error_set(err, HF_EPERM, 0, "not a regular file");
	if (r == HF_OK)
		*ret_fd = fd;
	else
		(void)close(fd);
	return r;
}

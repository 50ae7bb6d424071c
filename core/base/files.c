/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/files.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

#define PATH_TEXT_MAX 4096u
#define PIECE_SIZE    (64u << 10)

/* What stands behind an open file's reader. */
struct opened {
	struct hf_reader reader;
	int fd;
	struct stat st; /* when it was opened */
	uint64_t at;    /* where the next read begins */
	char name[];    /* for messages */
};

static int
failed(const char *path, int error, struct hf_error *err)
{
	int code = HF_EIO;

	if (error == ENOENT || error == ENOTDIR)
		code = HF_ENOTFOUND;
	else if (error == EACCES || error == EPERM || error == ELOOP || error == EMLINK)
		code = HF_EPERM;
	else if (error == ENOMEM)
		code = HF_ENOMEM;
	else if (error == ENAMETOOLONG || error == EILSEQ)
		code = HF_EINVAL;
	return hf_error_set(err, code, error, "%s: %s", path, strerror(error));
}

/* ---- the reader ---- */

static int64_t
file_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct opened *file = ctx;
	uint64_t left = file->reader.length - file->at;
	size_t wanted = size < left ? (size_t)size : (size_t)left;
	ssize_t n;

	if (wanted > SSIZE_MAX)
		wanted = SSIZE_MAX;
	if (wanted == 0)
		return 0;
	do {
		n = pread(file->fd, data, wanted, (off_t)file->at);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed(file->name, errno, err);
	if (n == 0)
		return hf_error_set(err, HF_EIO, 0, "%s: it became shorter while it was read", file->name);
	file->at += (uint64_t)n;
	return n;
}

static int
file_rewind(void *ctx, struct hf_error *err)
{
	struct opened *file = ctx;

	(void)err;
	file->at = 0;
	return HF_OK;
}

/* ---- opening ---- */

/* The bytes of a path: NUL-terminated into out, which holds PATH_TEXT_MAX + 1. */
static int
path_text(const struct hf_text *path, char *out, struct hf_error *err)
{
	uint64_t size;

	if (path == NULL || path->data == NULL || path->size == 0)
		return hf_error_set(err, HF_EINVAL, 0, "the path of a file is empty");
	if (path->size > PATH_TEXT_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "the path of a file is longer than %u bytes", PATH_TEXT_MAX);
	if (path->encoding == HF_TEXT_JSON) {
		size = json_decode(path->data, path->size, out);
	} else {
		size = path->size;
		memcpy(out, path->data, size);
	}
	out[size] = '\0';
	return memchr(out, '\0', size) != NULL ? hf_error_set(err, HF_EINVAL, 0, "a NUL in the path of a file") : HF_OK;
}

/*
 * Opens what one component names.  It is looked at first, since opening a device can already do something; what
 * takes its place in between is found out afterwards.
 */
static int
open_component(int folder, const char *name, bool last, const char *path, int *ret_fd, struct hf_error *err)
{
	struct stat st;
	int fd, flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (last ? 0 : O_DIRECTORY);

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return failed(path, errno, err);
	if (S_ISLNK(st.st_mode))
		return hf_error_set(err, HF_EPERM, 0, "%s: a symbolic link is not followed", path);
	if (last ? !S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode))
		return hf_error_set(err, last ? HF_EPERM : HF_ENOTFOUND, 0, "%s: %s", path,
		    last ? "not a regular file" : "there is no such folder");
	fd = openat(folder, name, flags);
	if (fd < 0)
		return failed(path, errno, err);
	*ret_fd = fd;
	return HF_OK;
}

/* Walks down from folder, which it does not close; path is cut into its components. */
static int
walk(int folder, const char *path, int *ret_fd, struct hf_error *err)
{
	char name[NAME_MAX + 1];
	const char *at = path;
	int fd, next = -1, r = HF_OK;
	size_t size;

	if (*path == '/')
		return hf_error_set(err, HF_EPERM, 0, "%s: an absolute path", path);
	for (fd = folder; r == HF_OK && *at != '\0'; at += size + (at[size] == '/')) {
		size = strcspn(at, "/");
		if (size == 0 || (size == 1 && at[0] == '.'))
			continue;
		if (size == 2 && at[0] == '.' && at[1] == '.')
			r = hf_error_set(err, HF_EPERM, 0, "%s: a path with \"..\"", path);
		else if (size > NAME_MAX)
			r = hf_error_set(err, HF_EINVAL, 0, "%s: a name is longer than %d bytes", path, NAME_MAX);
		if (r != HF_OK)
			break;
		memcpy(name, at, size);
		name[size] = '\0';
		r = open_component(fd, name, at[size] == '\0', path, &next, err);
		if (r != HF_OK)
			break;
		if (fd != folder)
			(void)close(fd);
		fd = next;
	}
	if (r == HF_OK && (fd == folder || path[strlen(path) - 1] == '/'))
		r = hf_error_set(err, HF_EPERM, 0, "%s: not a regular file", path);
	if (r == HF_OK)
		*ret_fd = fd;
	else if (fd != folder)
		(void)close(fd);
	return r;
}

static int64_t
time_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* ctime is in it: a file can be changed and given its old mtime back. */
static void
put_version(const struct stat *st, char *out, size_t size)
{
	(void)snprintf(out, size, "%jx-%jx-%jx-%jx", (uintmax_t)st->st_ino, (uintmax_t)st->st_size,
	    (uintmax_t)time_of(&st->st_mtim), (uintmax_t)time_of(&st->st_ctim));
}

static int
open_at(int folder, const char *path, struct opened **ret, struct hf_error *err)
{
	size_t size = strlen(path) + 1;
	struct opened *file = calloc(1, sizeof(*file) + size);
	int r;

	if (file == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	memcpy(file->name, path, size);
	r = walk(folder, path, &file->fd, err);
	if (r != HF_OK) {
		free(file);
		return r;
	}
	if (fstat(file->fd, &file->st) != 0)
		r = failed(path, errno, err);
	else if (!S_ISREG(file->st.st_mode))
		r = hf_error_set(err, HF_EPERM, 0, "%s: not a regular file", path);
	if (r != HF_OK) {
		(void)close(file->fd);
		free(file);
		return r;
	}
	file->reader = (struct hf_reader){(uint32_t)sizeof(file->reader), 0, file, file_read, file_rewind,
	    (uint64_t)file->st.st_size};
	*ret = file;
	return HF_OK;
}

static int
open_below(const char *folder, const struct hf_text *path, struct opened **ret, struct hf_error *err)
{
	char text[PATH_TEXT_MAX + 1];
	int fd, r = path_text(path, text, err);

	if (r != HF_OK)
		return r;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failed(folder, errno, err);
	r = open_at(fd, text, ret, err);
	(void)close(fd);
	return r;
}

static int
files_open(void *host_ctx, const char *folder, const struct hf_text *path, struct hf_file *ret_file,
    struct hf_error *err)
{
	struct opened *file;
	int r = open_below(folder, path, &file, err);

	(void)host_ctx;
	if (r != HF_OK)
		return r;
	ret_file->reader = &file->reader;
	ret_file->mtime_ns = time_of(&file->st.st_mtim);
	put_version(&file->st, ret_file->version, sizeof(ret_file->version));
	return HF_OK;
}

static void
close_opened(struct opened *file)
{
	(void)close(file->fd);
	free(file);
}

static void
files_close(struct hf_file *file)
{
	if (file->reader == NULL)
		return;
	close_opened(file->reader->ctx);
	file->reader = NULL;
}

/* ---- answering a request for media ---- */

/* Whether it is still what it was when it was opened. */
static int
check_unchanged(const struct opened *file, struct hf_error *err)
{
	char before[64], after[64];
	struct stat st;

	if (fstat(file->fd, &st) != 0)
		return failed(file->name, errno, err);
	put_version(&file->st, before, sizeof(before));
	put_version(&st, after, sizeof(after));
	return strcmp(before, after) == 0
	           ? HF_OK
	           : hf_error_set(err, HF_EIO, 0, "%s: it was changed while it was read", file->name);
}

/* Begins where the last one left off when the file is the same. */
static int
push_begin(struct opened *file, const struct hf_media_request *request, const struct hf_media_exchange *exchange,
    struct hf_error *err)
{
	struct hf_media_info info = {.struct_size = (uint32_t)sizeof(info), .size = (int64_t)file->reader.length};
	char version[64];

	put_version(&file->st, version, sizeof(version));
	info.validator.data = version;
	info.validator.size = strlen(version);
	if (request->validator.data != NULL && request->validator.size == info.validator.size &&
	    memcmp(request->validator.data, version, info.validator.size) == 0 &&
	    request->offset <= file->reader.length)
		info.offset = request->offset;
	file->at = info.offset;
	return exchange->begin(exchange->ctx, request->token, &info, err);
}

static int
push_bytes(struct opened *file, const struct hf_media_request *request, const struct hf_media_exchange *exchange,
    struct hf_error *err)
{
	unsigned char *data = malloc(PIECE_SIZE);
	int64_t n = 0;
	int r = HF_OK;

	if (data == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", file->name);
	while (r == HF_OK && (n = file_read(file, data, PIECE_SIZE, err)) > 0)
		r = exchange->write(exchange->ctx, request->token, data, (uint64_t)n, err);
	free(data);
	return r == HF_OK && n < 0 ? (int)n : r;
}

static int
files_push(void *host_ctx, const char *folder, const struct hf_text *path, const struct hf_media_request *request,
    const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct opened *file = NULL;
	int r = open_below(folder, path, &file, &why);

	(void)host_ctx;
	if (r == HF_OK)
		r = push_begin(file, request, exchange, &why);
	if (r == HF_OK)
		r = push_bytes(file, request, exchange, &why);
	if (r == HF_OK)
		r = check_unchanged(file, &why);
	if (file != NULL)
		close_opened(file);
	return exchange->end(exchange->ctx, request->token, r, r == HF_OK ? NULL : &why, err);
}

const struct hf_host_files files_host_extension = {(uint32_t)sizeof(files_host_extension), 0, files_open,
    files_close, files_push};

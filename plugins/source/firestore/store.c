/* SPDX-License-Identifier: BSD-2-Clause */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_MAX 8192
#define PATH_SIZE 4096

static int
failed(const char *path, struct hf_error *err)
{
	int saved = errno;

	return hf_error_set(err, saved == ENOENT ? HF_ENOTFOUND : saved == ENOSPC ? HF_ENOSPC : HF_EIO, saved,
	    "%s: %s", path, strerror(saved));
}

int
store_read(const char *path, struct text *ret_newest, struct text *ret_before, struct hf_error *err)
{
	char data[STORE_MAX];
	size_t size = 0, line;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	if (fd < 0)
		return failed(path, err);
	while (size < sizeof(data) && n != 0) {
		n = read(fd, data + size, sizeof(data) - size);
		if (n < 0 && errno != EINTR) {
			(void)failed(path, err);
			(void)close(fd);
			return HF_EIO;
		}
		size += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	line = size == 0 ? 0 : (size_t)((const char *)memchr(data, '\n', size) == NULL ? size :
	    (size_t)((const char *)memchr(data, '\n', size) - data));
	text_put(ret_newest, data, line);
	if (line + 1 < size && data[size - 1] == '\n')
		text_put(ret_before, data + line + 1, size - line - 2);
	return HF_OK;
}

static bool
write_all(int fd, const struct text *text)
{
	size_t done = 0;
	ssize_t n;

	while (done < text->size) {
		n = write(fd, text->data + done, text->size - done);
		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return write(fd, "\n", 1) == 1;
}

/* So that the new name is there after a power cut. */
static bool
sync_folder(const char *path)
{
	char folder[PATH_SIZE];
	const char *slash = strrchr(path, '/');
	int fd;
	bool ok;

	(void)snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path),
	    slash == NULL ? "." : path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

int
store_write(const char *path, const struct text *newest, const struct text *before, struct hf_error *err)
{
	char temporary[PATH_SIZE];
	bool ok;
	int fd, n = snprintf(temporary, sizeof(temporary), "%s.new", path);

	if (n < 0 || (size_t)n >= sizeof(temporary))
		return hf_error_set(err, HF_EINVAL, 0, "\"token_store\": the path is too long");
	if (unlink(temporary) != 0 && errno != ENOENT)
		return failed(temporary, err);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return failed(temporary, err);
	ok = write_all(fd, newest) && write_all(fd, before) && fsync(fd) == 0;
	if (close(fd) != 0)
		ok = false;
	if (!ok || rename(temporary, path) != 0 || !sync_folder(path)) {
		(void)failed(path, err);
		(void)unlink(temporary);
		return HF_EIO;
	}
	return HF_OK;
}

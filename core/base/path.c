/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define ENCODED_MAX 200

static int
system_error(const char *path, struct hf_error *err)
{
	int saved = errno, code = HF_EIO;

	if (saved == ENOENT || saved == ENOTDIR)
		code = HF_ENOTFOUND;
	else if (saved == EACCES || saved == EPERM || saved == EROFS)
		code = HF_EPERM;
	else if (saved == ENOSPC || saved == EDQUOT)
		code = HF_ENOSPC;
	else if (saved == ENOMEM)
		code = HF_ENOMEM;
	return hf_error_set(err, code, saved, "%s: %s", path, strerror(saved));
}

static int
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

int
path_encode(const char *name, size_t size, char *out, struct hf_error *err)
{
	uint8_t sum[HASH_SIZE];
	size_t i, length = 0;
	int r;

	if (size == 0)
		return hf_error_set(err, HF_EINVAL, 0, "an empty name cannot become a file name");
	for (i = 0; i < size && length <= ENCODED_MAX; i++) {
		if (is_plain(name[i]) && !(i == 0 && (name[i] == '.' || name[i] == '-')))
			out[length++] = name[i];
		else
			length += (size_t)snprintf(out + length, 4, "%%%02X",
			    (unsigned char)name[i]);
	}
	if (i < size || length > ENCODED_MAX) {
		r = hash_bytes(name, size, sum, err);
		if (r != HF_OK)
			return r;
		/* "~" is encoded elsewhere, so a cut name equals no other. */
		for (length = ENCODED_MAX - 33; out[length - 1] == '%' || out[length - 2] == '%'; length--)
			;
		out[length++] = '~';
		hex_encode(sum, 16, out + length);
		return HF_OK;
	}
	out[length] = '\0';
	return HF_OK;
}

char *
path_join(const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = malloc(size);

	if (path != NULL)
		(void)snprintf(path, size, "%s/%s", directory, name);
	return path;
}

int
path_sync_directory(const char *path, struct hf_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = HF_OK;

	if (fd < 0)
		return system_error(path, err);
	/* Some file systems cannot sync a directory and say EINVAL: nothing can be done there. */
	if (fsync(fd) != 0 && errno != EINVAL)
		r = system_error(path, err);
	(void)close(fd);
	return r;
}

/* The directory that path lies in, to be freed; "." and "/" where there is no other. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	if (slash == path)
		return strdup("/");
	return strndup(path, (size_t)(slash - path));
}

int
path_make_directories(const char *path, struct hf_error *err)
{
	struct stat st;
	char *parent;
	int r;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? HF_OK : hf_error_set(err, HF_EEXIST, ENOTDIR, "%s: not a directory", path);
	if (errno != ENOENT)
		return system_error(path, err);
	parent = parent_of(path);
	if (parent == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	r = path_make_directories(parent, err);
	if (r == HF_OK && mkdir(path, 0700) != 0 && errno != EEXIST)
		r = system_error(path, err);
	if (r == HF_OK)
		r = path_sync_directory(parent, err);
	free(parent);
	return r;
}

int
path_read(const char *path, size_t max, struct buffer *out, struct hf_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = HF_OK;
	size_t start = out->size;
	uint8_t part[16384];
	ssize_t n;

	if (fd < 0)
		return system_error(path, err);
	while (r == HF_OK && (n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = system_error(path, err);
		else if ((size_t)n > max - (out->size - start))
			r = hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", path, max);
		else {
			buffer_append(out, part, (size_t)n);
			r = buffer_status(out, path, err);
		}
	}
	(void)close(fd);
	return r;
}

int
path_write_all(int fd, const void *data, size_t size, const char *what, struct hf_error *err)
{
	const uint8_t *p = data;
	ssize_t n;

	while (size > 0) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return system_error(what, err);
		p += n;
		size -= (size_t)n;
	}
	return HF_OK;
}

int
path_write(const char *path, const void *data, size_t size, mode_t mode, struct hf_error *err)
{
	size_t length = strlen(path) + sizeof("-tmp-XXXXXX");
	char *temporary = malloc(length), *parent = parent_of(path);
	int fd = -1, r;

	if (temporary == NULL || parent == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		goto out;
	}
	(void)snprintf(temporary, length, "%s-tmp-XXXXXX", path);
	fd = mkstemp(temporary);
	if (fd < 0) {
		r = system_error(temporary, err);
		goto out;
	}
	r = path_write_all(fd, data, size, temporary, err);
	if (r == HF_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		r = system_error(temporary, err);
	if (close(fd) != 0 && r == HF_OK)
		r = system_error(temporary, err);
	if (r == HF_OK && rename(temporary, path) != 0)
		r = system_error(path, err);
	if (r != HF_OK)
		(void)unlink(temporary);
	else
		r = path_sync_directory(parent, err);
out:
	free(temporary);
	free(parent);
	return r;
}

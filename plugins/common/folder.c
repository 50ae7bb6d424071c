/* SPDX-License-Identifier: BSD-2-Clause */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static int
unread(const char *top, const char *path, struct hf_error *err)
{
	return hf_error_set(err, HF_EIO, errno, "%s%s%s: %s", top, path[0] != '\0' ? "/" : "", path, strerror(errno));
}

int
folder_each(int fd, const char *top, const char *path, folder_entry_fn fn, void *ctx, struct hf_error *err)
{
	char below[FOLDER_PATH];
	struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int r = HF_OK, n;

	if (dir == NULL) {
		r = unread(top, path, err);
		(void)close(fd);
		return r;
	}
	while (r == HF_OK) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			if (errno != 0)
				r = unread(top, path, err);
			break;
		}
		n = snprintf(below, sizeof(below), "%s%s%s", path, path[0] != '\0' ? "/" : "", entry->d_name);
		if (n > 0 && (size_t)n < sizeof(below))
			r = fn(ctx, fd, entry->d_name, below, err);
	}
	(void)closedir(dir);
	return r;
}

int
folder_each_in(int parent, const char *name, const char *top, folder_entry_fn fn, void *ctx, struct hf_error *err)
{
	const char *path = strcmp(name, ".") == 0 ? "" : name;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? folder_each(fd, top, path, fn, ctx, err) : unread(top, path, err);
}

bool
folder_ends_with(const char *name, const char *end)
{
	size_t size = strlen(name), length = strlen(end);

	return size > length && strcasecmp(name + size - length, end) == 0;
}

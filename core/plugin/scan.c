/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "holdfast-"
#define SUFFIX ".so"

static int64_t
mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

bool
scan_same_file(const struct plugin_file *file, const struct stat *st)
{
	return file->dev == (uint64_t)st->st_dev && file->ino == (uint64_t)st->st_ino &&
	    file->size == (uint64_t)st->st_size && file->mtime_ns == mtime_ns(st);
}

/* One component of the way to a plugin. */
static int
trusted_component(const char *path, bool last, struct hf_error *err)
{
	const char *what = last ? "file" : "directory";
	struct stat st;
	bool writable;

	if (lstat(path, &st) != 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s",
		    path, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return hf_error_set(
		    err, HF_EPERM, 0, "%s: is a symbolic link where none was before", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return hf_error_set(err, HF_EPERM, 0,
		    "%s: the %s belongs to user %lu; plugins and presets are taken from root and from "
		    "the user that runs holdfast (%lu)",
		    path, what, (unsigned long)st.st_uid, (unsigned long)geteuid());
	writable = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
	/*
	 * In a sticky directory of root's nobody can replace another user's entry, and the next
	 * component has to be root's or ours.
	 */
	if (writable && S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) && st.st_uid == 0)
		return HF_OK;
	if (writable)
		return hf_error_set(err, HF_EPERM, 0,
		    "%s: other users may write to this %s; nothing is taken from it (chmod go-w)",
		    path, what);
	return HF_OK;
}

int
scan_trusted(const char *path, struct hf_error *err)
{
	char prefix[PATH_MAX];
	size_t i, size = strlen(path);
	int rc;

	if (path[0] != '/' || size >= sizeof(prefix))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: is not an absolute path of usable length", path);
	if ((rc = trusted_component("/", false, err)) != HF_OK)
		return rc;
	for (i = 1; i <= size; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(prefix, path, i);
		prefix[i] = '\0';
		if (i > 1 && (rc = trusted_component(prefix, i == size, err)) != HF_OK)
			return rc;
	}
	return HF_OK;
}

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "out of memory while looking for plugins");
}

static int
refuse(struct plugin_scan *scan, const char *path, const char *reason, struct hf_error *err)
{
	struct plugin_refused *more, *entry;

	if (scan->refused_count >= SCAN_FILES_MAX)
		return HF_OK;
	more = realloc(scan->refused, (scan->refused_count + 1) * sizeof(*more));
	if (more == NULL)
		return no_memory(err);
	scan->refused = more;
	entry = &more[scan->refused_count];
	entry->path = strdup(path);
	entry->reason = strdup(reason);
	if (entry->path == NULL || entry->reason == NULL) {
		free(entry->path);
		free(entry->reason);
		return no_memory(err);
	}
	scan->refused_count++;
	return HF_OK;
}

/* The NAME of "holdfast-NAME.so"; false when the file name has another form. */
static bool
name_of(const char *file, char name[NAME_MAX + 1])
{
	size_t size = strlen(file);
	size_t around = sizeof(PREFIX) - 1 + sizeof(SUFFIX) - 1;

	if (size <= around || size > NAME_MAX || strncmp(file, PREFIX, sizeof(PREFIX) - 1) != 0 ||
	    strcmp(file + size - (sizeof(SUFFIX) - 1), SUFFIX) != 0)
		return false;
	memcpy(name, file + sizeof(PREFIX) - 1, size - around);
	name[size - around] = '\0';
	return true;
}

static const struct plugin_file *
find_name(const struct plugin_scan *scan, const char *name)
{
	size_t i;

	for (i = 0; i < scan->file_count; i++) {
		if (strcmp(scan->files[i].name, name) == 0)
			return &scan->files[i];
	}
	return NULL;
}

/* Opens the real path and reads its note; *file gets all but path and name. */
static int
examine(const char *real, const char *shown, struct plugin_file *file, struct plugin_note *note,
    struct hf_error *err)
{
	struct stat st;
	int fd, rc;

	if ((rc = scan_trusted(real, err)) != HF_OK)
		return rc;
	/* O_NONBLOCK: a FIFO under a plugin's name must not hang the search. */
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", shown, strerror(errno));
	if (fstat(fd, &st) != 0)
		rc = hf_error_set(err, HF_EIO, errno, "%s: %s", shown, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = hf_error_set(err, HF_ECORRUPT, 0, "%s: it is not a regular file", shown);
	else if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		rc =
		    hf_error_set(err, HF_EPERM, 0, "%s: other users may write to this file", shown);
	else
		rc = note_read(fd, shown, note, err);
	(void)close(fd);
	if (rc != HF_OK)
		return rc;
	file->dev = (uint64_t)st.st_dev;
	file->ino = (uint64_t)st.st_ino;
	file->size = (uint64_t)st.st_size;
	file->mtime_ns = mtime_ns(&st);
	return HF_OK;
}

/* Checks one "holdfast-NAME.so" and says in why what is wrong with it. */
static int
check_file(const struct plugin_scan *scan, const char *path, const char *name,
    struct plugin_file *file, struct hf_error *why)
{
	const struct plugin_file *earlier;
	struct plugin_note note;
	char *real;
	int rc;

	if (!plugin_name_valid(name))
		return hf_error_set(why, HF_EINVAL, 0,
		    "%s: \"%s\" cannot be a plugin's name: 1 to 32 of a-z, 0-9 and "
		    "\"-\", a letter first",
		    path, name);
	real = realpath(path, NULL);
	if (real == NULL)
		return hf_error_set(why, errno == ENOMEM ? HF_ENOMEM : HF_EIO, errno, "%s: %s",
		    path, strerror(errno));
	if ((rc = examine(real, path, file, &note, why)) != HF_OK)
		goto fail;
	if (strcmp(note.name, name) != 0) {
		rc = hf_error_set(why, HF_EINVAL, 0,
		    "%s: the plugin in it is named \"%s\", so the file should be " PREFIX
		    "%s" SUFFIX,
		    path, note.name, note.name);
		goto fail;
	}
	if ((earlier = find_name(scan, name)) != NULL) {
		rc = hf_error_set(why, HF_EEXIST, 0, "%s: %s was found first, and has the same name",
		    path, earlier->path);
		goto fail;
	}
	file->path = real;
	memcpy(file->name, note.name, sizeof(file->name));
	memcpy(file->version, note.version, sizeof(file->version));
	file->kinds = note.kinds;
	return HF_OK;
fail:
	free(real);
	return rc;
}

static int
add_file(struct plugin_scan *scan, const char *path, const char *name, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct plugin_file file = {0}, *more;
	int rc;

	rc = check_file(scan, path, name, &file, &why);
	if (rc == HF_ENOMEM)
		return no_memory(err);
	if (rc != HF_OK)
		return refuse(scan, path, why.msg, err);
	more = realloc(scan->files, (scan->file_count + 1) * sizeof(*more));
	if (more == NULL) {
		free(file.path);
		return no_memory(err);
	}
	scan->files = more;
	scan->files[scan->file_count++] = file;
	return HF_OK;
}

static int
by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory that look like a plugin's, sorted so that every run sees the same. */
static int
read_names(const char *directory, char ***ret_names, size_t *ret_count, struct hf_error *err)
{
	char name[NAME_MAX + 1], **names = NULL, **more;
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir;
	int rc;

	dir = opendir(directory);
	if (dir == NULL)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s",
		    directory, strerror(errno));
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			break;
		if (!name_of(entry->d_name, name))
			continue;
		if (count == SCAN_FILES_MAX) {
			rc = hf_error_set(err, HF_ERANGE, 0, "%s: more than %d plugin files",
			    directory, SCAN_FILES_MAX);
			goto fail;
		}
		more = realloc(names, (count + 1) * sizeof(*more));
		if (more != NULL)
			names = more;
		if (more == NULL || (names[count] = strdup(entry->d_name)) == NULL) {
			rc = no_memory(err);
			goto fail;
		}
		count++;
	}
	if (errno != 0) {
		rc = hf_error_set(err, HF_EIO, errno, "%s: %s", directory, strerror(errno));
		goto fail;
	}
	(void)closedir(dir);
	if (count > 1)
		qsort(names, count, sizeof(*names), by_string);
	*ret_names = names;
	*ret_count = count;
	return HF_OK;
fail:
	(void)closedir(dir);
	while (count > 0)
		free(names[--count]);
	free(names);
	return rc;
}

static int
scan_directory(struct plugin_scan *scan, const char *directory, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	char name[NAME_MAX + 1], path[PATH_MAX], **names = NULL;
	size_t i, count = 0;
	int n, rc;

	/* A relative path would take plugins from wherever the program is started. */
	if (directory[0] != '/') {
		(void)hf_error_set(&why, HF_EINVAL, 0,
		    "%s: a plugin directory has to be an absolute path",
		    directory[0] == '\0' ? "\"\"" : directory);
		return refuse(scan, directory, why.msg, err);
	}
	rc = read_names(directory, &names, &count, &why);
	if (rc == HF_ENOMEM)
		return no_memory(err);
	if (rc != HF_OK)
		return refuse(scan, directory, why.msg, err);
	for (i = 0; i < count; i++) {
		n = snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		if (rc == HF_OK && n > 0 && (size_t)n < sizeof(path) && name_of(names[i], name))
			rc = add_file(scan, path, name, err);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct plugin_file *)a)->name, ((const struct plugin_file *)b)->name);
}

int
scan_directories(const char *directories, struct plugin_scan **ret_scan, struct hf_error *err)
{
	struct plugin_scan *scan;
	char *list = NULL, *at, *next;
	int rc;

	if ((scan = calloc(1, sizeof(*scan))) == NULL || (list = strdup(directories)) == NULL ||
	    (scan->directories = strdup(directories)) == NULL) {
		rc = no_memory(err);
		goto fail;
	}
	for (at = list; at != NULL; at = next) {
		next = strchr(at, ':');
		if (next != NULL)
			*next++ = '\0';
		if ((rc = scan_directory(scan, at, err)) != HF_OK)
			goto fail;
	}
	if (scan->file_count > 1)
		qsort(scan->files, scan->file_count, sizeof(*scan->files), by_name);
	free(list);
	*ret_scan = scan;
	return HF_OK;
fail:
	free(list);
	scan_free(scan);
	return rc;
}

int
scan_open(struct plugin_scan **ret_scan, struct hf_error *err)
{
	const char *directories = secure_getenv("HOLDFAST_PLUGIN_PATH");

	if (directories == NULL || directories[0] == '\0')
		directories = PLUGINDIR;
	return scan_directories(directories, ret_scan, err);
}

void
scan_free(struct plugin_scan *scan)
{
	size_t i;

	if (scan == NULL)
		return;
	for (i = 0; i < scan->file_count; i++)
		free(scan->files[i].path);
	for (i = 0; i < scan->refused_count; i++) {
		free(scan->refused[i].path);
		free(scan->refused[i].reason);
	}
	free(scan->files);
	free(scan->refused);
	free(scan->directories);
	free(scan);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "export.h"
#include "zip.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/folder.h"
#include "../../common/state.h"

struct export {
	char *path;
	int fd;          /* of the folder, or of the zip */
	struct zip *zip; /* NULL: a folder */
};

struct stream {
	char *path;
	int fd;                  /* a plain file, else -1 */
	struct zip_stream *zip;
};

/* Adds a file's state to that of the days. */
static void
add_state(struct days *days, const struct stat *st)
{
	const struct state state = state_of(st);

	state_hash(&days->state, &state);
	if (state_is_racy(&state))
		days->settled = false;
}

static bool
has_top_file(int folder)
{
	struct stat st;
	size_t i;

	for (i = 0; i < ZIP_TOP_COUNT; i++)
		if (fstatat(folder, zip_top_names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

/* What lies in a folder, to tell what is wrong with it. */
struct finds {
	char zip[256];    /* the first by name; "": none */
	char export[256]; /* a folder that has what this one lacks */
	bool folder;
	bool enough; /* with a folder: nothing more is to be found out */
};

static bool
is_before(const char *name, const char *other)
{
	return strlen(name) < 256 && (other[0] == '\0' || strcmp(name, other) < 0);
}

static void
note_folder(struct finds *finds, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (has_top_file(fd) && is_before(name, finds->export))
		(void)snprintf(finds->export, sizeof(finds->export), "%s", name);
	(void)close(fd);
}

static int
note_entry(void *ctx, int parent, const char *name, const char *path, struct hf_error *err)
{
	struct finds *finds = ctx;
	struct stat st;

	(void)path;
	(void)err;
	if (name[0] == '.' || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return HF_OK;
	if (S_ISDIR(st.st_mode)) {
		finds->folder = true;
		note_folder(finds, parent, name);
	} else if (folder_ends_with(name, ".zip") && is_before(name, finds->zip)) {
		(void)snprintf(finds->zip, sizeof(finds->zip), "%s", name);
	}
	return finds->enough && finds->folder ? HF_ESTOP : HF_OK;
}

/* Looks through a folder; where it is an export, only until its first folder is found. */
static int
look_into(const struct export *export, bool is_export, struct finds *finds, struct hf_error *err)
{
	int r;

	memset(finds, 0, sizeof(*finds));
	finds->enough = is_export;
	r = folder_each_in(export->fd, ".", export->path, note_entry, finds, err);
	return r == HF_ESTOP ? HF_OK : r;
}

/* A folder that holds something else must not pass for an export without messages. */
static int
check_folder(const struct export *export, struct hf_error *err)
{
	bool is_export = has_top_file(export->fd);
	struct finds finds;
	char hint[600] = "";
	int r = look_into(export, is_export, &finds, err);

	if (r != HF_OK || (is_export && finds.folder))
		return r;
	if (finds.zip[0] != '\0')
		(void)snprintf(hint, sizeof(hint), "; there is %s in it: give its path", finds.zip);
	else if (finds.export[0] != '\0')
		(void)snprintf(hint, sizeof(hint), "; there is one in its folder %s: give that one's path",
		    finds.export);
	if (is_export)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: not a whole Slack export: it has lists, but no folder with a channel's messages%s",
		    export->path, hint);
	return hf_error_set(err, HF_EINVAL, 0, "%s: not a Slack export: none of " ZIP_TOP_NAMES " in it%s",
	    export->path, hint);
}

int
export_open(const char *path, struct export **ret_export, struct hf_error *err)
{
	struct export *export = calloc(1, sizeof(*export));
	struct stat st;
	int r;

	if (export == NULL || (export->path = strdup(path)) == NULL) {
		free(export);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	}
	export->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (export->fd < 0 || fstat(export->fd, &st) != 0) {
		r = hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO, errno,
		    "%s: %s; \"path\" must be the zip that Slack made, or a folder it was unpacked to", path,
		    strerror(errno));
		goto fail;
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		r = hf_error_set(err, HF_EINVAL, 0, "%s: neither a folder nor a file", path);
		goto fail;
	}
	if (S_ISREG(st.st_mode)) {
		r = zip_open(export->fd, path, &export->zip, err);
	} else {
		r = check_folder(export, err);
	}
	if (r != HF_OK)
		goto fail;
	*ret_export = export;
	return HF_OK;
fail:
	export_close(export);
	return r;
}

void
export_close(struct export *export)
{
	if (export == NULL)
		return;
	zip_close(export->zip);
	if (export->fd >= 0)
		(void)close(export->fd);
	free(export->path);
	free(export);
}

bool
export_is_folder_name(const char *name, size_t size)
{
	if (size == 0 || size > 255 || memchr(name, '/', size) != NULL || memchr(name, '\0', size) != NULL)
		return false;
	return !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

static int
stream_new(const char *folder, const char *name, struct stream **ret_stream, struct hf_error *err)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	size_t size = strlen(folder) + strlen(name) + 2;

	if (stream != NULL)
		stream->path = malloc(size);
	if (stream == NULL || stream->path == NULL) {
		free(stream);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", name);
	}
	(void)snprintf(stream->path, size, "%s/%s", folder, name);
	stream->fd = -1;
	*ret_stream = stream;
	return HF_OK;
}

/* Opens a plain file below the export's folder. */
static int
open_plain(struct export *export, const char *name, struct stream *stream, struct hf_error *err)
{
	struct stat st;

	/* What somebody else packed must not lead out of it, nor hold the job up as a FIFO does. */
	stream->fd = openat(export->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (stream->fd < 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO, errno,
		    "%s: %s", stream->path, strerror(errno));
	if (fstat(stream->fd, &st) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", stream->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return hf_error_set(err, HF_EINVAL, 0, "%s: not a plain file", stream->path);
	return HF_OK;
}

static int
open_stream(struct export *export, const char *name, uint64_t offset, struct stream **ret_stream,
    struct hf_error *err)
{
	struct stream *stream = NULL;
	int r = stream_new(export->path, name, &stream, err);

	if (r != HF_OK)
		return r;
	if (export->zip != NULL)
		r = zip_stream_open(export->fd, offset, stream->path, &stream->zip, err);
	else
		r = open_plain(export, name, stream, err);
	if (r != HF_OK)
		stream_close(stream);
	else
		*ret_stream = stream;
	return r;
}

int
export_file(struct export *export, const char *name, struct stream **ret_stream, struct hf_error *err)
{
	uint64_t offset = 0;
	int r;

	*ret_stream = NULL;
	if (export->zip != NULL && !zip_file(export->zip, name, &offset))
		return HF_OK;
	r = open_stream(export, name, offset, ret_stream, err);
	return r == HF_ENOTFOUND ? HF_OK : r;
}

static int
compare_days(const void *a, const void *b)
{
	const struct day *x = a, *y = b;

	return x->date < y->date ? -1 : x->date > y->date;
}

static int
add_day(struct days *days, size_t *capacity, const struct day *day, struct hf_error *err)
{
	struct day *grown;

	if (days->count == *capacity) {
		*capacity = *capacity == 0 ? 64 : *capacity * 2;
		grown = realloc(days->days, *capacity * sizeof(*grown));
		if (grown == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		days->days = grown;
	}
	days->days[days->count++] = *day;
	days->bytes += day->size;
	return HF_OK;
}

/* The days of a folder that are being listed. */
struct listing {
	struct days *days;
	size_t capacity;
	const char *folder;
};

static int
list_day(void *ctx, int fd, const char *name, const char *path, struct hf_error *err)
{
	struct listing *listing = ctx;
	struct day day = {0, 0, 0, 0};
	struct stat st;

	(void)path;
	day.date = zip_date(name, strlen(name));
	if (day.date == 0)
		return HF_OK;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s/%s: %s", listing->folder, name, strerror(errno));
	day.size = (uint64_t)st.st_size;
	return add_day(listing->days, &listing->capacity, &day, err);
}

/* "2016-01-31.json" */
static void
name_of_date(uint32_t date, char name[32])
{
	(void)snprintf(name, 32, "%04u-%02u-%02u.json", date / 10000, date / 100 % 100, date % 100);
}

/* The state of each file, in order, so that the hash does not hang on the order of the folder. */
static int
state_of_files(struct days *days, int folder, const char *path, struct hf_error *err)
{
	char name[32];
	struct stat st;
	size_t i;

	for (i = 0; i < days->count; i++) {
		name_of_date(days->days[i].date, name);
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return hf_error_set(err, HF_EIO, errno, "%s/%s: %s", path, name, strerror(errno));
		state_hash_number(&days->state, days->days[i].date);
		add_state(days, &st);
	}
	return HF_OK;
}

static int
folder_days(struct export *export, const char *folder, struct days *days, struct hf_error *err)
{
	struct listing listing = {days, 0, folder};
	int fd, copy, r;

	fd = openat(export->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return HF_OK;
		return hf_error_set(err, HF_EIO, errno, "%s/%s: %s", export->path, folder, strerror(errno));
	}
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	r = copy >= 0 ? folder_each(copy, folder, "", list_day, &listing, err)
	              : hf_error_set(err, HF_EIO, errno, "%s/%s: %s", export->path, folder, strerror(errno));
	if (r == HF_OK && days->count > 0)
		qsort(days->days, days->count, sizeof(days->days[0]), compare_days);
	if (r == HF_OK)
		r = state_of_files(days, fd, folder, err);
	(void)close(fd);
	return r;
}

static int
zip_days(struct export *export, const char *folder, struct days *days, struct hf_error *err)
{
	const struct day *found;
	size_t count, capacity = 0, i;
	struct stat st;
	int r = HF_OK;

	if (fstat(export->fd, &st) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", export->path, strerror(errno));
	add_state(days, &st);
	count = zip_folder(export->zip, folder, &found);
	for (i = 0; i < count && r == HF_OK; i++)
		r = add_day(days, &capacity, &found[i], err);
	return r;
}

int
export_days(struct export *export, const char *folder, struct days *ret_days, struct hf_error *err)
{
	struct days days = {NULL, 0, 0, 14695981039346656037ull, true};
	int r = HF_OK;

	if (export_is_folder_name(folder, strlen(folder)))
		r = export->zip != NULL ? zip_days(export, folder, &days, err) : folder_days(export, folder, &days,
		    err);
	if (r != HF_OK)
		days_release(&days);
	else
		*ret_days = days;
	return r;
}

void
days_release(struct days *days)
{
	free(days->days);
	days->days = NULL;
	days->count = 0;
}

int
export_day(struct export *export, const char *folder, const struct day *day, struct stream **ret_stream,
    struct hf_error *err)
{
	char date[32], name[300];

	name_of_date(day->date, date);
	(void)snprintf(name, sizeof(name), "%s/%s", folder, date);
	return open_stream(export, name, day->offset, ret_stream, err);
}

bool
export_has_folder(struct export *export, const char *folder)
{
	const struct day *days;
	struct stat st;

	if (!export_is_folder_name(folder, strlen(folder)))
		return false;
	if (export->zip != NULL)
		return zip_folder(export->zip, folder, &days) > 0;
	return fstatat(export->fd, folder, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Who is told of folders. */
struct folders {
	export_folder_fn fn;
	void *ctx;
};

static int
tell_folder(void *ctx, int parent, const char *name, const char *path, struct hf_error *err)
{
	const struct folders *folders = ctx;
	struct stat st;

	(void)path;
	if (name[0] == '.' || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
		return HF_OK;
	return folders->fn(folders->ctx, name, err);
}

int
export_folders(struct export *export, export_folder_fn fn, void *ctx, struct hf_error *err)
{
	struct folders folders = {fn, ctx};

	if (export->zip != NULL)
		return zip_folders(export->zip, fn, ctx, err);
	return folder_each_in(export->fd, ".", export->path, tell_folder, &folders, err);
}

int64_t
stream_read(struct stream *stream, void *data, size_t size, struct hf_error *err)
{
	ssize_t n;

	if (stream->zip != NULL)
		return zip_stream_read(stream->zip, data, size, err);
	do
		n = read(stream->fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", stream->path, strerror(errno));
	return n;
}

const char *
stream_path(const struct stream *stream)
{
	return stream->path;
}

void
stream_close(struct stream *stream)
{
	if (stream == NULL)
		return;
	zip_stream_close(stream->zip);
	if (stream->fd >= 0)
		(void)close(stream->fd);
	free(stream->path);
	free(stream);
}

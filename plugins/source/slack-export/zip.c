/* SPDX-License-Identifier: BSD-2-Clause */
#include "zip.h"

#include <archive.h>
#include <archive_entry.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536u

/* A local file header: signature, 22 bytes, length of name, length of extra field, both (APPNOTE 4.3.7). */
#define HEADER_SIZE 30u
#define HEADER_MAX  (HEADER_SIZE + 65535u + 65535u)

#define FOLDERS_MAX 200000u

const char *const zip_top_names[ZIP_TOP_COUNT] = {"channels.json", "groups.json", "dms.json", "mpims.json",
    "users.json"};

struct folder {
	char *name;
	uint32_t number; /* as the days have it before they are sorted */
	size_t first;    /* of its days */
	size_t count;
};

struct zip {
	const char *path;
	int fd;
	struct day *days;
	size_t day_count, day_capacity;
	struct folder *folders;
	size_t folder_count, folder_capacity;
	struct {
		bool found;
		uint64_t offset;
	} top[ZIP_TOP_COUNT];
	char *top_folder; /* "", or "NAME/" where all lies in a folder */
	size_t deepest;   /* length of the longest name of a folder that has an entry */
};

struct zip_stream {
	struct archive *archive;
	const char *path;
	int fd;
	uint64_t offset;
	char block[BLOCK];
};

uint32_t
zip_date(const char *name, size_t size)
{
	static const char pattern[] = "dddd-dd-dd.json";
	uint32_t date = 0;
	size_t i;

	if (size != sizeof(pattern) - 1)
		return 0;
	for (i = 0; i < size; i++) {
		if (pattern[i] != 'd' || i > 9) {
			if (name[i] != pattern[i])
				return 0;
		} else if (name[i] < '0' || name[i] > '9') {
			return 0;
		} else {
			date = date * 10 + (uint32_t)(name[i] - '0');
		}
	}
	return date;
}

static unsigned
le16(const unsigned char *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

/* Reads exactly size bytes at offset. */
static bool
read_at(int fd, void *data, size_t size, uint64_t offset)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = pread(fd, (char *)data + have, size - have, (off_t)(offset + have));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/*
 * Where the local header lies that ends at data, and the name in it, which the caller frees.  libarchive
 * tells where an entry's data begin, not where its header does.
 */
static char *
find_header(int fd, uint64_t data, unsigned char *window, size_t window_size, uint64_t *ret_offset)
{
	static const unsigned char signature[] = {'P', 'K', 3, 4};
	size_t size = data < window_size ? (size_t)data : window_size, at, name_size;
	char *name;

	if (size < HEADER_SIZE || !read_at(fd, window, size, data - size))
		return NULL;
	for (at = size - HEADER_SIZE + 1; at-- > 0;) {
		if (memcmp(window + at, signature, 4) != 0)
			continue;
		name_size = le16(window + at + 26);
		if (at + HEADER_SIZE + name_size + le16(window + at + 28) != size)
			continue;
		name = malloc(name_size + 1);
		if (name == NULL)
			return NULL;
		memcpy(name, window + at + HEADER_SIZE, name_size);
		name[name_size] = '\0';
		*ret_offset = data - size + at;
		return name;
	}
	return NULL;
}

/* Makes room for one more. */
static void *
grow(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t wanted = *capacity == 0 ? 64 : *capacity + *capacity / 2;
	void *grown;

	if (count < *capacity)
		return array;
	grown = realloc(array, wanted * size);
	if (grown != NULL)
		*capacity = wanted;
	return grown;
}

/* The number of a folder, a new one where it is not among the last ones. */
static int
folder_number(struct zip *zip, const char *name, size_t size, uint32_t *ret_number, struct hf_error *err)
{
	struct folder *folders;
	size_t i;

	for (i = zip->folder_count; i > 0 && zip->folder_count - i < 64; i--)
		if (strlen(zip->folders[i - 1].name) == size && memcmp(zip->folders[i - 1].name, name, size) == 0) {
			*ret_number = zip->folders[i - 1].number;
			return HF_OK;
		}
	if (zip->folder_count == FOLDERS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: more than %u folders; unpack it and name the folder",
		    zip->path, FOLDERS_MAX);
	folders = grow(zip->folders, zip->folder_count, &zip->folder_capacity, sizeof(*folders));
	if (folders == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	zip->folders = folders;
	memset(&folders[zip->folder_count], 0, sizeof(*folders));
	folders[zip->folder_count].name = strndup(name, size);
	if (folders[zip->folder_count].name == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	folders[zip->folder_count].number = (uint32_t)zip->folder_count;
	*ret_number = (uint32_t)zip->folder_count++;
	return HF_OK;
}

static int
add_day(struct zip *zip, const char *name, size_t folder_size, struct day *day, struct hf_error *err)
{
	struct day *days;
	int r;

	if (zip->day_count == EXPORT_DAYS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: more than %u day files; unpack it and name the folder",
		    zip->path, EXPORT_DAYS_MAX);
	r = folder_number(zip, name, folder_size, &day->folder, err);
	if (r != HF_OK)
		return r;
	days = grow(zip->days, zip->day_count, &zip->day_capacity, sizeof(*days));
	if (days == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	zip->days = days;
	days[zip->day_count++] = *day;
	return HF_OK;
}

/* Notes a file at the top.  The shortest path wins: a room may have a folder with such a file too. */
static int
add_top(struct zip *zip, const char *name, size_t folder_size, uint64_t offset, struct hf_error *err)
{
	const char *base = name + folder_size;
	char *folder;
	size_t i;

	for (i = 0; i < ZIP_TOP_COUNT && strcmp(base, zip_top_names[i]) != 0; i++)
		;
	if (i == ZIP_TOP_COUNT || (zip->top_folder != NULL && strlen(zip->top_folder) < folder_size))
		return HF_OK;
	if (zip->top_folder == NULL || strlen(zip->top_folder) > folder_size) {
		folder = strndup(name, folder_size);
		if (folder == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
		free(zip->top_folder);
		zip->top_folder = folder;
		memset(zip->top, 0, sizeof(zip->top));
	} else if (strncmp(zip->top_folder, name, folder_size) != 0) {
		return hf_error_set(err, HF_EINVAL, 0, "%s: holds more than one export; unpack it and name one folder",
		    zip->path);
	}
	zip->top[i].found = true;
	zip->top[i].offset = offset;
	return HF_OK;
}

static int
add_entry(struct zip *zip, const char *name, uint64_t offset, uint64_t size, struct hf_error *err)
{
	struct day day = {0, 0, offset, size};
	const char *base = strrchr(name, '/');

	base = base == NULL ? name : base + 1;
	/* The doubles that macOS adds. */
	if (strncmp(base, "._", 2) == 0 || strncmp(name, "__MACOSX/", 9) == 0)
		return HF_OK;
	if (*base == '\0' && (size_t)(base - name) > zip->deepest)
		zip->deepest = (size_t)(base - name);
	day.date = zip_date(base, strlen(base));
	if (day.date != 0 && base > name)
		return add_day(zip, name, (size_t)(base - 1 - name), &day, err);
	return add_top(zip, name, (size_t)(base - name), offset, err);
}

static int
archive_failed(struct archive *archive, const char *path, struct hf_error *err)
{
	const char *why = archive_error_string(archive);

	return hf_error_set(err, HF_ECORRUPT, 0, "%s: %s", path, why != NULL ? why : "not a whole zip file");
}

/* What failed while the zip was opened. */
static int
open_failed(struct archive *archive, const char *path, struct hf_error *err)
{
	const char *why = archive_error_string(archive);

	return hf_error_set(err, HF_ECORRUPT, 0, "%s is not a zip, or an incomplete download%s%s", path,
	    why != NULL ? ": " : "", why != NULL ? why : "");
}

/* A zip of something else must not pass for an export without messages. */
static int
check_export(const struct zip *zip, struct hf_error *err)
{
	if (zip->top_folder == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: not a Slack export: none of " ZIP_TOP_NAMES " in it",
		    zip->path);
	if (zip->day_count == 0 && zip->deepest <= strlen(zip->top_folder))
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: not a whole Slack export: it has lists, but no folder with a channel's messages", zip->path);
	return HF_OK;
}

static int
add_entries(struct zip *zip, struct archive *archive, struct hf_error *err)
{
	struct archive_entry *entry;
	unsigned char *window;
	uint64_t offset, data;
	char *name;
	int r = HF_OK, got;

	window = malloc(HEADER_MAX);
	if (window == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	while (r == HF_OK) {
		got = archive_read_next_header(archive, &entry);
		if (got == ARCHIVE_EOF)
			break;
		/* A warning is about a name in another character set; names are taken from the header itself. */
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN) {
			r = open_failed(archive, zip->path, err);
			break;
		}
		data = (uint64_t)archive_filter_bytes(archive, 0);
		/* Extra fields are short, nearly always: look near first. */
		name = find_header(zip->fd, data, window, 1024, &offset);
		if (name == NULL)
			name = find_header(zip->fd, data, window, HEADER_MAX, &offset);
		if (name == NULL) {
			r = hf_error_set(err, HF_ECORRUPT, 0, "%s: an entry's header is not before its data",
			    zip->path);
			break;
		}
		r = add_entry(zip, name, offset,
		    archive_entry_size_is_set(entry) ? (uint64_t)archive_entry_size(entry) : 0,
		    err);
		free(name);
	}
	free(window);
	return r;
}

static int
compare_folders(const void *a, const void *b)
{
	return strcmp(((const struct folder *)a)->name, ((const struct folder *)b)->name);
}

static int
compare_days(const void *a, const void *b)
{
	const struct day *x = a, *y = b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Sorts folders by name, makes those one that were met twice, and days by folder and date. */
static int
sort_all(struct zip *zip, struct hf_error *err)
{
	uint32_t *ranks;
	size_t i, kept = 0;

	if (zip->folder_count == 0)
		return HF_OK;
	ranks = malloc(zip->folder_count * sizeof(*ranks));
	if (ranks == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", zip->path);
	qsort(zip->folders, zip->folder_count, sizeof(zip->folders[0]), compare_folders);
	for (i = 0; i < zip->folder_count; i++) {
		if (i > 0 && strcmp(zip->folders[i].name, zip->folders[kept - 1].name) == 0) {
			ranks[zip->folders[i].number] = (uint32_t)(kept - 1);
			free(zip->folders[i].name);
			continue;
		}
		ranks[zip->folders[i].number] = (uint32_t)kept;
		zip->folders[kept++] = zip->folders[i];
	}
	zip->folder_count = kept;
	for (i = 0; i < zip->day_count; i++)
		zip->days[i].folder = ranks[zip->days[i].folder];
	free(ranks);
	qsort(zip->days, zip->day_count, sizeof(zip->days[0]), compare_days);
	for (i = zip->day_count; i-- > 0;) {
		zip->folders[zip->days[i].folder].first = i;
		zip->folders[zip->days[i].folder].count++;
	}
	return HF_OK;
}

int
zip_open(int fd, const char *path, struct zip **ret_zip, struct hf_error *err)
{
	struct zip *zip = calloc(1, sizeof(*zip));
	struct archive *archive = archive_read_new();
	int r;

	if (zip == NULL || archive == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		goto out;
	}
	zip->path = path;
	zip->fd = fd;
	if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, BLOCK) != ARCHIVE_OK) {
		r = open_failed(archive, path, err);
		goto out;
	}
	r = add_entries(zip, archive, err);
	if (r == HF_OK)
		r = check_export(zip, err);
	if (r == HF_OK)
		r = sort_all(zip, err);
out:
	if (archive != NULL)
		(void)archive_read_free(archive);
	if (r != HF_OK)
		zip_close(zip);
	else
		*ret_zip = zip;
	return r;
}

void
zip_close(struct zip *zip)
{
	size_t i;

	if (zip == NULL)
		return;
	for (i = 0; i < zip->folder_count; i++)
		free(zip->folders[i].name);
	free(zip->folders);
	free(zip->days);
	free(zip->top_folder);
	free(zip);
}

bool
zip_file(const struct zip *zip, const char *name, uint64_t *ret_offset)
{
	size_t i;

	for (i = 0; i < ZIP_TOP_COUNT; i++)
		if (strcmp(name, zip_top_names[i]) == 0 && zip->top[i].found) {
			*ret_offset = zip->top[i].offset;
			return true;
		}
	return false;
}

/* The order of a folder's name against that of one in the top folder. */
static int
compare_name(const struct zip *zip, const char *name, const char *folder)
{
	size_t top = strlen(zip->top_folder);
	int order = strncmp(name, zip->top_folder, top);

	return order != 0 ? order : strcmp(name + top, folder);
}

size_t
zip_folder(const struct zip *zip, const char *folder, const struct day **ret_days)
{
	size_t low = 0, high = zip->folder_count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = compare_name(zip, zip->folders[middle].name, folder);
		if (order == 0) {
			*ret_days = zip->days + zip->folders[middle].first;
			return zip->folders[middle].count;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

int
zip_folders(const struct zip *zip, export_folder_fn fn, void *ctx, struct hf_error *err)
{
	size_t top = strlen(zip->top_folder), i;
	const char *name;
	int r = HF_OK;

	for (i = 0; i < zip->folder_count && r == HF_OK; i++) {
		name = zip->folders[i].name;
		if (strncmp(name, zip->top_folder, top) == 0 && export_is_folder_name(name + top, strlen(name + top)))
			r = fn(ctx, name + top, err);
	}
	return r;
}

static la_ssize_t
on_read(struct archive *archive, void *ctx, const void **ret_data)
{
	struct zip_stream *stream = ctx;
	ssize_t n;

	do
		n = pread(stream->fd, stream->block, sizeof(stream->block), (off_t)stream->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(archive, errno, "%s", strerror(errno));
		return -1;
	}
	stream->offset += (uint64_t)n;
	*ret_data = stream->block;
	return n;
}

int
zip_stream_open(int fd, uint64_t offset, const char *path, struct zip_stream **ret_stream,
    struct hf_error *err)
{
	struct zip_stream *stream = malloc(sizeof(*stream));
	struct archive_entry *entry;
	int r;

	if (stream == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	stream->archive = archive_read_new();
	stream->path = path;
	stream->fd = fd;
	stream->offset = offset;
	if (stream->archive == NULL) {
		free(stream);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	}
	r = archive_read_support_format_zip_streamable(stream->archive);
	if (r == ARCHIVE_OK)
		r = archive_read_open(stream->archive, stream, NULL, on_read, NULL);
	if (r == ARCHIVE_OK)
		r = archive_read_next_header(stream->archive, &entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
		r = archive_failed(stream->archive, path, err);
		zip_stream_close(stream);
		return r;
	}
	*ret_stream = stream;
	return HF_OK;
}

int64_t
zip_stream_read(struct zip_stream *stream, void *data, size_t size, struct hf_error *err)
{
	la_ssize_t n = archive_read_data(stream->archive, data, size);

	return n >= 0 ? (int64_t)n : archive_failed(stream->archive, stream->path, err);
}

void
zip_stream_close(struct zip_stream *stream)
{
	if (stream == NULL)
		return;
	(void)archive_read_free(stream->archive);
	free(stream);
}

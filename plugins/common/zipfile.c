/* SPDX-License-Identifier: BSD-2-Clause */
#include "zipfile.h"

#include <archive.h>
#include <archive_entry.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 65536u

/* A local file header: signature, 22 bytes, length of name, length of extra field, both (APPNOTE 4.3.7). */
#define HEADER_SIZE 30u
#define HEADER_MAX  (HEADER_SIZE + 65535u + 65535u)

struct zip_stream {
	struct archive *archive;
	const char *path;
	int fd;
	uint64_t offset;
	char block[BLOCK];
};

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

static int
list_entries(struct archive *archive, int fd, const char *path, zip_entry_fn fn, void *ctx, struct hf_error *err)
{
	struct archive_entry *entry;
	unsigned char *window;
	uint64_t offset, data;
	char *name;
	int r = HF_OK, got;

	window = malloc(HEADER_MAX);
	if (window == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	while (r == HF_OK) {
		got = archive_read_next_header(archive, &entry);
		if (got == ARCHIVE_EOF)
			break;
		/* A warning is about a name in another character set; names are taken from the header itself. */
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN) {
			r = open_failed(archive, path, err);
			break;
		}
		data = (uint64_t)archive_filter_bytes(archive, 0);
		/* Extra fields are short, nearly always: look near first. */
		name = find_header(fd, data, window, 1024, &offset);
		if (name == NULL)
			name = find_header(fd, data, window, HEADER_MAX, &offset);
		if (name == NULL) {
			r = hf_error_set(err, HF_ECORRUPT, 0, "%s: an entry's header is not before its data",
			    path);
			break;
		}
		r = fn(ctx, name, offset,
		    archive_entry_size_is_set(entry) ? (uint64_t)archive_entry_size(entry) : ZIP_NO_SIZE, err);
		free(name);
	}
	free(window);
	return r;
}

int
zip_list(int fd, const char *path, zip_entry_fn fn, void *ctx, struct hf_error *err)
{
	struct archive *archive = archive_read_new();
	int r;

	if (archive == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, BLOCK) != ARCHIVE_OK)
		r = open_failed(archive, path, err);
	else
		r = list_entries(archive, fd, path, fn, ctx, err);
	(void)archive_read_free(archive);
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

/* SPDX-License-Identifier: BSD-2-Clause */
#include "fetch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../../common/media.h"
#include "../../common/value.h"

#define ENTRIES_MAX 200000u
#define BLOCK       65536u

struct entry {
	char *name;
	uint64_t offset;
	uint64_t size;
};

/* The zip that was asked for last, with the names of all that is in it. */
struct zip {
	char *path; /* NULL: none */
	int fd;
	struct state state;
	struct entry *entries; /* by name */
	size_t count, capacity;
};

struct fetching {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_files *files;
	const struct chats *chats;
	const struct hf_media_exchange *exchange;
	struct zip zip;
	char *block;
};

static void
close_zip(struct zip *zip)
{
	size_t i;

	if (zip->path == NULL)
		return;
	for (i = 0; i < zip->count; i++)
		free(zip->entries[i].name);
	free(zip->entries);
	free(zip->path);
	(void)close(zip->fd);
	memset(zip, 0, sizeof(*zip));
}

static int
add_entry(void *ctx, const char *name, uint64_t offset, uint64_t size, struct hf_error *err)
{
	struct zip *zip = ctx;
	size_t capacity = zip->capacity == 0 ? 256 : zip->capacity * 2;
	struct entry *grown;

	if (zip->count == ENTRIES_MAX)
		return hf_error_set(err, HF_ENOTSUP, 0, "%s: more than %u files; unpack it and name the folder",
		    zip->path, ENTRIES_MAX);
	if (zip->count == zip->capacity) {
		grown = realloc(zip->entries, capacity * sizeof(*grown));
		if (grown == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		zip->entries = grown;
		zip->capacity = capacity;
	}
	zip->entries[zip->count].name = strdup(name);
	if (zip->entries[zip->count].name == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	zip->entries[zip->count].offset = offset;
	zip->entries[zip->count].size = size;
	zip->count++;
	return HF_OK;
}

static int
compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int
open_zip(struct fetching *f, const char *path, struct hf_error *err)
{
	struct zip *zip = &f->zip;
	int fd, r;

	if (zip->path != NULL && strcmp(zip->path, path) == 0)
		return HF_OK;
	close_zip(zip);
	r = chats_open_zip(f->chats, path, &fd, &zip->state, err);
	if (r != HF_OK)
		return r;
	zip->fd = fd;
	zip->path = strdup(path);
	if (zip->path == NULL) {
		(void)close(fd);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	r = zip_list(fd, path, add_entry, zip, err);
	if (r != HF_OK)
		close_zip(zip);
	else
		qsort(zip->entries, zip->count, sizeof(zip->entries[0]), compare_entries);
	return r;
}

static int
push_bytes(struct fetching *f, const struct hf_media_request *request, struct zip_stream *stream,
    struct hf_error *err)
{
	int64_t n;
	int r = HF_OK;

	while (r == HF_OK && (n = zip_stream_read(stream, f->block, BLOCK, err)) != 0) {
		if (n < 0)
			return (int)n;
		r = f->exchange->write(f->exchange->ctx, request->token, f->block, (uint64_t)n, err);
	}
	return r;
}

/* Pushes an entry from its start on: a zip has no other place to begin at. */
static int
push_entry(struct fetching *f, const struct hf_media_request *request, const struct entry *entry,
    struct hf_error *err)
{
	struct hf_media_info info;
	struct zip_stream *stream;
	char version[80];
	int r;

	(void)snprintf(version, sizeof(version), "%" PRIu64 "-%" PRId64 "-%" PRId64 "-%" PRIu64, f->zip.state.inode,
	    f->zip.state.size, f->zip.state.mtime_ns, entry->offset);
	memset(&info, 0, sizeof(info));
	info.struct_size = sizeof(info);
	info.size = entry->size == ZIP_NO_SIZE || entry->size > INT64_MAX ? -1 : (int64_t)entry->size;
	info.validator = value_of_string(version);
	r = zip_stream_open(f->zip.fd, entry->offset, f->zip.path, &stream, err);
	if (r != HF_OK)
		return r;
	r = f->exchange->begin(f->exchange->ctx, request->token, &info, err);
	if (r == HF_OK)
		r = push_bytes(f, request, stream, err);
	zip_stream_close(stream);
	return r;
}

/* Where the name of a zip ends in a path; 0: there is none in it. */
static size_t
zip_part(const char *path)
{
	const char *slash;

	for (slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
		if (slash - path > 4 && strncasecmp(slash - 4, ".zip", 4) == 0)
			return (size_t)(slash - path);
	return 0;
}

/* A path that leads out of the folder, or nowhere. */
static bool
is_bad_path(const char *path)
{
	return path[0] == '/' || strncmp(path, "../", 3) == 0 || strstr(path, "/../") != NULL;
}

static int
push_zipped(struct fetching *f, const struct hf_media_request *request, char *path, size_t part,
    struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct entry key = {path + part + 1, 0, 0}, *entry = NULL;
	int r;

	path[part] = '\0';
	r = is_bad_path(path) ? hf_error_set(&why, HF_EPERM, 0, "%s: leads out of the export", path)
	                      : open_zip(f, path, &why);
	if (r == HF_OK && f->zip.count > 0)
		entry = bsearch(&key, f->zip.entries, f->zip.count, sizeof(key), compare_entries);
	if (r == HF_OK && entry == NULL)
		r = hf_error_set(&why, HF_ENOTFOUND, 0, "%s has no %.200s", path, key.name);
	if (r == HF_OK)
		r = push_entry(f, request, entry, &why);
	return f->exchange->end(f->exchange->ctx, request->token, r, &why, err);
}

static int
push_one(struct fetching *f, const struct hf_media_request *request, struct hf_error *err)
{
	const struct hf_text *place = &request->attachment->path;
	size_t part, size;
	char *path;
	int r;

	if (place->data == NULL)
		return media_refuse(request, f->exchange, err);
	path = value_copy(f->json, place, &size);
	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	part = strlen(path) == size ? zip_part(path) : 0;
	if (part > 0)
		r = push_zipped(f, request, path, part, err);
	else
		r = f->files->push(f->host->ctx, f->chats->folder, place, request, f->exchange, err);
	free(path);
	return r;
}

int
fetch_media(const struct hf_host *host, const struct hf_host_json *json, const struct hf_host_files *files,
    const struct chats *chats, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct fetching f = {.host = host, .json = json, .files = files, .chats = chats, .exchange = exchange};
	struct hf_media_request request;
	int r = HF_OK;

	if (files == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_FILES);
	f.block = malloc(BLOCK);
	if (f.block == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	while (r == HF_OK) {
		memset(&request, 0, sizeof(request));
		request.struct_size = sizeof(request);
		r = exchange->next(exchange->ctx, &request, err);
		if (r == HF_ENOTFOUND) {
			r = HF_OK;
			break;
		}
		if (r == HF_OK)
			r = push_one(&f, &request, err);
		if (r == HF_OK && host->stop_requested(host->ctx) != 0)
			r = hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	}
	close_zip(&f.zip);
	free(f.block);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "repository/index-file.h"
#include "repository/sort.h"

/* Index files are below 8 MiB by convention; old ones are larger. */
#define INDEX_JSON_MAX ((size_t)64 << 20)
#define SORT_MEMORY    ((size_t)2 << 20)
#define SOURCES_MAX    ((size_t)8 << 20) /* bytes of ids: 262,144 index files */
#define CACHE_NAME     "index"

/* No stored blob is shorter. */
#define BLOB_LENGTH_MIN SEAL_OVERHEAD

struct index_builder {
	char *directory; /* NULL: no cache */
	struct repository_id repository;
	struct index_file *cache; /* NULL: from scratch */
	struct index *index;
	struct sorter *sorter;
	int packs_fd; /* ids of packs that the cache does not have; -1: none yet */
	uint32_t packs;
	struct buffer sources; /* ids of all index files used, beside the cache's */
	struct buffer pending; /* pack ids not written to packs_fd yet */
};

#define PENDING_MAX ((size_t)32 << 10)

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "index: out of memory");
}

int
index_builder_new(const char *directory, const struct repository_id *repository, struct index_builder **ret,
    struct hf_error *err)
{
	struct index_builder *builder = calloc(1, sizeof(*builder));
	int r;

	if (builder == NULL)
		return no_memory(err);
	builder->packs_fd = -1;
	builder->repository = *repository;
	builder->sources.max = SOURCES_MAX;
	builder->pending.max = PENDING_MAX;
	if (directory != NULL) {
		r = path_make_directories(directory, err);
		if (r != HF_OK)
			goto fail;
		builder->directory = strdup(directory);
		if (builder->directory == NULL) {
			r = no_memory(err);
			goto fail;
		}
	}
	r = index_new(directory, repository, &builder->index, err);
	if (r != HF_OK)
		goto fail;
	*ret = builder;
	return HF_OK;
fail:
	index_builder_free(builder);
	return r;
}

void
index_builder_free(struct index_builder *builder)
{
	if (builder == NULL)
		return;
	if (builder->packs_fd >= 0)
		(void)close(builder->packs_fd);
	index_file_close(builder->cache);
	index_free(builder->index);
	sorter_free(builder->sorter);
	buffer_release(&builder->sources);
	buffer_release(&builder->pending);
	free(builder->directory);
	free(builder);
}

/* ---- the cache ---- */

/* Whether each source of the cache is in the sorted list. */
static int
cache_is_current(struct index_builder *builder, const uint8_t *sources, size_t count, bool *ret,
    struct hf_error *err)
{
	uint32_t i, n = index_file_sources(builder->cache);
	const uint8_t *id;
	size_t at = 0;
	int r;

	*ret = false;
	for (i = 0; i < n; i++) {
		r = index_file_source(builder->cache, i, &id, err);
		if (r != HF_OK)
			return r;
		while (at < count && memcmp(sources + at * HASH_SIZE, id, HASH_SIZE) < 0)
			at++;
		if (at == count || memcmp(sources + at * HASH_SIZE, id, HASH_SIZE) != 0)
			return HF_OK;
	}
	*ret = true;
	return HF_OK;
}

int
index_builder_use_cache(struct index_builder *builder, const uint8_t *sources, size_t count, struct hf_error *err)
{
	bool current = false;
	char *path;
	int r;

	if (builder->directory == NULL)
		return HF_OK;
	path = path_join(builder->directory, CACHE_NAME);
	if (path == NULL)
		return no_memory(err);
	r = index_file_open(path, builder->repository.bytes, &builder->cache, err);
	free(path);
	if (r == HF_OK)
		r = cache_is_current(builder, sources, count, &current, err);
	if (r != HF_OK || !current) {
		/* Damaged, missing or out of date: made again from the index files. */
		index_file_close(builder->cache);
		builder->cache = NULL;
	}
	return r == HF_ENOMEM ? r : HF_OK;
}

/* Whether the cache was made from this index file, among others. */
static bool
cache_has_source(struct index_file *cache, const uint8_t id[HASH_SIZE])
{
	uint32_t low = 0, high = cache == NULL ? 0 : index_file_sources(cache), middle;
	const uint8_t *found;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (index_file_source(cache, middle, &found, NULL) != HF_OK)
			return false;
		order = memcmp(found, id, HASH_SIZE);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
index_builder_has_source(struct index_builder *builder, const struct repository_id *source)
{
	return cache_has_source(builder->cache, source->bytes);
}

/* ---- parsing ---- */

static int
flush_pending(struct index_builder *builder, struct hf_error *err)
{
	int r = HF_OK;

	if (builder->packs_fd < 0)
		r = sort_temporary_file(sort_directory(builder->directory), &builder->packs_fd, err);
	if (r == HF_OK)
		r = path_write_all(builder->packs_fd, builder->pending.data, builder->pending.size, "index cache", err);
	buffer_clear(&builder->pending);
	return r;
}

static int
add_pack(struct index_builder *builder, const uint8_t id[HASH_SIZE], uint32_t *ret_number, struct hf_error *err)
{
	uint32_t first = builder->cache == NULL ? 0 : index_file_packs(builder->cache);
	int r;

	if (builder->pending.size == PENDING_MAX) {
		r = flush_pending(builder, err);
		if (r != HF_OK)
			return r;
	}
	buffer_append(&builder->pending, id, HASH_SIZE);
	if (builder->packs >= UINT32_MAX / 2 - first - 1)
		return hf_error_set(err, HF_ERANGE, 0, "the repository has more packs than holdfast can count");
	*ret_number = first + builder->packs++;
	return buffer_status(&builder->pending, "index", err);
}

/* A whole number below 4 GiB; -1: not one. */
static int64_t
number_of(const struct hf_json_value *value)
{
	int64_t n = 0;
	uint64_t i;

	if (value->type == HF_JSON_NONE)
		return 0;
	if (value->type != HF_JSON_NUMBER || value->size > 10)
		return -1;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return -1;
		n = n * 10 + (value->data[i] - '0');
	}
	return n <= UINT32_MAX ? n : -1;
}

static bool
is_string(const struct hf_json_value *value, const char *wanted)
{
	return value->type == HF_JSON_STRING && value->size == strlen(wanted) &&
	       memcmp(value->data, wanted, value->size) == 0;
}

static int
malformed(const char *what, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "damaged index: %s", what);
}

static int
add_blob(struct index_builder *builder, uint32_t pack, const struct hf_json_value *text, struct hf_error *err)
{
	static const char *const names[] = {"id", "type", "offset", "length", "uncompressed_length"};
	struct hf_json_value values[5];
	struct index_record record = {.pack = pack};
	uint8_t encoded[INDEX_RECORD_SIZE];
	int64_t offset, length, plain;
	int r;

	if (text->type != HF_JSON_OBJECT)
		return malformed("a blob is not an object", err);
	r = json_slice_object(text->data, text->size, names, 5, values, err);
	if (r != HF_OK)
		return r;
	if (values[0].type != HF_JSON_STRING ||
	    hex_decode(values[0].data, values[0].size, record.id, HASH_SIZE) != HF_OK)
		return malformed("a blob's id is not 64 hex digits", err);
	record.tree = is_string(&values[1], "tree");
	if (!record.tree && !is_string(&values[1], "data"))
		return malformed("a blob is neither data nor tree", err);
	offset = number_of(&values[2]);
	length = number_of(&values[3]);
	plain = number_of(&values[4]);
	if (offset < 0 || length < BLOB_LENGTH_MIN || plain < 0 || offset + length > UINT32_MAX)
		return malformed("a blob's place is out of range", err);
	record.offset = (uint32_t)offset;
	record.length = (uint32_t)length;
	record.plain_length = (uint32_t)plain;
	index_record_encode(&record, encoded);
	return sorter_add(builder->sorter, encoded, err);
}

static int
add_pack_object(struct index_builder *builder, const struct hf_json_value *text, struct hf_error *err)
{
	static const char *const names[] = {"id", "blobs"};
	struct hf_json_value values[2], name, element;
	uint8_t id[HASH_SIZE];
	uint32_t number = 0;
	uint64_t pos = 0;
	int r;

	if (text->type != HF_JSON_OBJECT)
		return malformed("a pack is not an object", err);
	r = json_slice_object(text->data, text->size, names, 2, values, err);
	if (r != HF_OK)
		return r;
	if (values[0].type != HF_JSON_STRING || hex_decode(values[0].data, values[0].size, id, HASH_SIZE) != HF_OK)
		return malformed("a pack's id is not 64 hex digits", err);
	if (values[1].type == HF_JSON_NULL)
		return HF_OK;
	if (values[1].type != HF_JSON_ARRAY)
		return malformed("a pack has no list of blobs", err);
	r = add_pack(builder, id, &number, err);
	if (r != HF_OK)
		return r;
	while ((r = json_next(&values[1], &pos, &name, &element, err)) > 0) {
		r = add_blob(builder, number, &element, err);
		if (r != HF_OK)
			return r;
	}
	return r;
}

int
index_builder_add_json(struct index_builder *builder, const struct repository_id *source, const void *json,
    size_t size, struct hf_error *err)
{
	/* "supersedes" and "packs_to_delete" are nobody's blobs (section 8): not read. */
	static const char *const names[] = {"packs"};
	struct hf_json_value packs, name, element;
	uint64_t pos = 0;
	int r;

	if (builder->sorter == NULL) {
		r = sorter_new(INDEX_RECORD_SIZE, SORT_MEMORY, sort_directory(builder->directory),
		    &builder->sorter, err);
		if (r != HF_OK)
			return r;
	}
	buffer_append(&builder->sources, source->bytes, HASH_SIZE);
	r = buffer_status(&builder->sources, "the list of index files", err);
	if (r == HF_OK)
		r = json_slice_object(json, size, names, 1, &packs, err);
	if (r != HF_OK || packs.type == HF_JSON_NONE || packs.type == HF_JSON_NULL)
		return r;
	if (packs.type != HF_JSON_ARRAY)
		return malformed("\"packs\" is not a list", err);
	while ((r = json_next(&packs, &pos, &name, &element, err)) > 0) {
		r = add_pack_object(builder, &element, err);
		if (r != HF_OK)
			return r;
	}
	return r;
}

/* ---- finishing ---- */

static int
write_new_packs(struct index_builder *builder, struct index_file_writer *writer, struct hf_error *err)
{
	uint8_t ids[128 * HASH_SIZE];
	off_t at = 0;
	ssize_t n, i;
	size_t left;
	int r = HF_OK;

	while (r == HF_OK && builder->packs_fd >= 0) {
		n = pread(builder->packs_fd, ids, sizeof(ids), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_set(err, HF_EIO, errno, "index cache: %s", strerror(errno));
		if (n == 0)
			break;
		for (i = 0; r == HF_OK && i < n; i += HASH_SIZE)
			r = index_file_add_pack(writer, ids + i, err);
		at += n;
	}
	for (left = 0; r == HF_OK && left < builder->pending.size; left += HASH_SIZE)
		r = index_file_add_pack(writer, builder->pending.data + left, err);
	return r;
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, HASH_SIZE);
}

/* The cache's sources and the new ones, sorted. */
static int
write_sources(struct index_builder *builder, struct index_file_writer *writer, struct hf_error *err)
{
	uint32_t i, n = builder->cache == NULL ? 0 : index_file_sources(builder->cache);
	const uint8_t *id;
	size_t at;
	int r;

	for (i = 0; i < n; i++) {
		r = index_file_source(builder->cache, i, &id, err);
		if (r != HF_OK)
			return r;
		buffer_append(&builder->sources, id, HASH_SIZE);
	}
	r = buffer_status(&builder->sources, "the list of index files", err);
	if (r != HF_OK || builder->sources.size == 0)
		return r;
	qsort(builder->sources.data, builder->sources.size / HASH_SIZE, HASH_SIZE, compare_ids);
	for (at = 0; r == HF_OK && at < builder->sources.size; at += HASH_SIZE)
		r = index_file_add_source(writer, builder->sources.data + at, err);
	return r;
}

/* Writes the cache's content and what was added to a new file. */
static int
write_file(struct index_builder *builder, struct index_file **ret, struct hf_error *err)
{
	const char *directory = sort_directory(builder->directory);
	struct index_file_writer *writer;
	char *path = NULL;
	int r;

	if (builder->directory != NULL) {
		path = path_join(builder->directory, CACHE_NAME);
		if (path == NULL)
			return no_memory(err);
	}
	r = index_file_create(directory, builder->repository.bytes, &writer, err);
	if (r != HF_OK)
		goto done;
	if ((r = sorter_finish(builder->sorter, err)) != HF_OK ||
	    (r = index_merge(builder->cache, builder->sorter, writer, err)) != HF_OK ||
	    (r = write_new_packs(builder, writer, err)) != HF_OK ||
	    (r = write_sources(builder, writer, err)) != HF_OK) {
		index_file_abandon(writer);
		goto done;
	}
	r = index_file_finish(writer, path, ret, err);
done:
	free(path);
	return r;
}

int
index_builder_finish(struct index_builder *builder, struct index **ret, struct hf_error *err)
{
	struct index_file *file = NULL;
	int r = HF_OK;

	if (builder->sorter == NULL) {
		file = builder->cache;
		builder->cache = NULL;
	} else
		r = write_file(builder, &file, err);
	if (r == HF_OK) {
		index_use_file(builder->index, file);
		*ret = builder->index;
		builder->index = NULL;
	}
	index_builder_free(builder);
	return r;
}

/* ---- from the storage ---- */

static int
list_index(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	struct buffer *ids = ctx;
	uint8_t id[HASH_SIZE];

	(void)size;
	if (hex_decode(name, strlen(name), id, HASH_SIZE) != HF_OK)
		return HF_OK; /* a stray file: ignored */
	buffer_append(ids, id, HASH_SIZE);
	return buffer_status(ids, "the list of index files", err);
}

static int
add_source(struct repository *repository, struct index_builder *builder, const struct repository_id *id,
    struct buffer *json, struct hf_error *err)
{
	char name[HASH_HEX_SIZE], reason[sizeof(err->msg)];
	int r;

	hex_encode(id->bytes, HASH_SIZE, name);
	buffer_clear(json);
	r = object_load_json(repository, HF_OBJECT_INDEX, name, INDEX_JSON_MAX, json, err);
	if (r != HF_OK)
		return r;
	r = index_builder_add_json(builder, id, json->data, json->size, err);
	if (r == HF_OK || err == NULL)
		return r;
	(void)snprintf(reason, sizeof(reason), "%.380s", err->msg);
	return hf_error_set(err, r, err->os_errno, "index/%s: %s", name, reason);
}

static int
build(struct repository *repository, const struct buffer *ids, bool with_cache, struct index **ret,
    struct hf_error *err)
{
	struct buffer json = BUFFER_INIT(INDEX_JSON_MAX);
	struct index_builder *builder;
	struct repository_id id;
	size_t at;
	int r;

	r = index_builder_new(repository->cache_directory, &repository->id, &builder, err);
	if (r != HF_OK)
		return r;
	if (with_cache)
		r = index_builder_use_cache(builder, ids->data, ids->size / HASH_SIZE, err);
	for (at = 0; r == HF_OK && at < ids->size; at += HASH_SIZE) {
		memcpy(id.bytes, ids->data + at, HASH_SIZE);
		if (!index_builder_has_source(builder, &id))
			r = add_source(repository, builder, &id, &json, err);
	}
	buffer_release(&json);
	if (r == HF_OK)
		return index_builder_finish(builder, ret, err);
	index_builder_free(builder);
	return r;
}

int
repository_load_index(struct repository *repository, struct hf_error *err)
{
	struct buffer ids = BUFFER_INIT(SOURCES_MAX);
	struct index *index = NULL;
	int r;

	r = repository->storage.ops->list(repository->storage.handle, HF_OBJECT_INDEX, list_index, &ids, err);
	if (r != HF_OK)
		goto done;
	if (ids.size > 0)
		qsort(ids.data, ids.size / HASH_SIZE, HASH_SIZE, compare_ids);
	r = build(repository, &ids, true, &index, err);
	if (r != HF_OK && r != HF_ENOMEM && r != HF_ENOSPC) {
		/* The cache may have been damaged behind its header; the index files themselves decide. */
		log_message(HF_LOG_DEBUG, "the index cache could not be used; it is made again");
		r = build(repository, &ids, false, &index, err);
	}
	if (r == HF_OK) {
		index_free(repository->index);
		repository->index = index;
	}
done:
	buffer_release(&ids);
	return r;
}

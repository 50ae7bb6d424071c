/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <stdlib.h>
#include <string.h>

#include "repository/check.h"
#include "repository/index.h"
#include "repository/pack.h"

/*
 * The index is only a list of what the packs' headers say.  Where an index file is damaged or gone, the
 * headers of the packs that no good index file names take its place.
 */

#define INDEX_MAX  ((size_t)64 << 20)
#define LOST_MAX   ((size_t)64 << 20)
#define FIRST_READ 651u /* the length field, and a header of 15 compressed blobs */

struct salvage {
	struct repository *repository;
	repository_report_fn report;
	void *report_ctx;
	int level;
	struct index *index;
	const struct check_object *packs; /* all that the storage has, by id */
	size_t count;
	size_t next;
	uint64_t added;
	struct buffer lost; /* numbers (size_t) of the packs that the index does not name */
};

/* ---- index files ---- */

static int
add_index_file(struct salvage *salvage, struct index_builder *builder, const struct repository_id *id,
    struct buffer *json, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	int r;

	hex_encode(id->bytes, HASH_SIZE, name);
	buffer_clear(json);
	r = object_load_json(salvage->repository, HF_OBJECT_INDEX, name, INDEX_MAX, json, &why);
	if (r == HF_OK)
		r = index_builder_add_json(builder, id, json->data, json->size, &why);
	if (r == HF_OK)
		return HF_OK;
	if (check_is_fatal(r)) {
		if (err != NULL)
			*err = why;
		return r;
	}
	salvage->report(salvage->report_ctx, salvage->level, object_path(HF_OBJECT_INDEX, name, path),
	    check_without_path(path, why.msg));
	return HF_OK;
}

static int
load_index_files(struct salvage *salvage, const struct buffer *files, struct hf_error *err)
{
	struct buffer json = BUFFER_INIT(INDEX_MAX);
	struct index_builder *builder;
	struct check_object file;
	size_t at;
	int r;

	/* No cache: it would hide what is wrong in the storage. */
	r = index_builder_new(NULL, &salvage->repository->id, &builder, err);
	if (r != HF_OK)
		return r;
	for (at = 0; r == HF_OK && at < files->size; at += sizeof(file)) {
		memcpy(&file, files->data + at, sizeof(file));
		r = add_index_file(salvage, builder, &file.id, &json, err);
	}
	buffer_release(&json);
	if (r == HF_OK)
		return index_builder_finish(builder, &salvage->index, err);
	index_builder_free(builder);
	return r;
}

/* ---- packs that no index file names ---- */

static int
lose_packs(struct salvage *salvage, const struct repository_id *until, struct hf_error *err)
{
	while (salvage->next < salvage->count &&
	    (until == NULL || memcmp(salvage->packs[salvage->next].id.bytes, until->bytes, HASH_SIZE) < 0)) {
		buffer_append(&salvage->lost, &salvage->next, sizeof(salvage->next));
		salvage->next++;
	}
	return buffer_status(&salvage->lost, "list of packs", err);
}

static int
pass_pack(void *ctx, const struct repository_id *pack, const struct index_blob *blobs, size_t count,
    struct hf_error *err)
{
	struct salvage *salvage = ctx;
	int r;

	(void)blobs;
	(void)count;
	r = lose_packs(salvage, pack, err);
	if (r == HF_OK && salvage->next < salvage->count &&
	    memcmp(salvage->packs[salvage->next].id.bytes, pack->bytes, HASH_SIZE) == 0)
		salvage->next++;
	return r;
}

static int
append_part(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct buffer *out = ctx;

	buffer_append(out, data, (size_t)size);
	return buffer_status(out, "pack header", err);
}

static int
read_end(struct salvage *salvage, const char *name, const struct check_object *pack, size_t size,
    struct buffer *out, struct hf_error *err)
{
	const struct repository_storage *storage = &salvage->repository->storage;
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, out, append_part};
	struct hf_object_key key = {HF_OBJECT_DATA, 0, name};

	buffer_clear(out);
	return storage->ops->get(storage->handle, &key, pack->size - size, size, &sink, err);
}

/* The sealed header without its length field. */
static int
read_header(struct salvage *salvage, const char *name, const struct check_object *pack, struct buffer *out,
    struct hf_error *err)
{
	size_t want = pack->size < FIRST_READ ? (size_t)pack->size : FIRST_READ, length;
	const uint8_t *end;
	int r;

	if (pack->size < PACK_LENGTH_SIZE + SEAL_OVERHEAD || pack->size > UINT32_MAX)
		return hf_error_set(err, HF_ECORRUPT, 0, "no size for a pack");
	r = read_end(salvage, name, pack, want, out, err);
	if (r != HF_OK)
		return r;
	end = out->data + out->size - PACK_LENGTH_SIZE;
	length = (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
	if (length < SEAL_OVERHEAD || length > PACK_HEADER_MAX || length > pack->size - PACK_LENGTH_SIZE)
		return hf_error_set(err, HF_ECORRUPT, 0, "it has no header");
	if (length + PACK_LENGTH_SIZE > want) {
		r = read_end(salvage, name, pack, length + PACK_LENGTH_SIZE, out, err);
		if (r != HF_OK)
			return r;
	}
	out->size -= PACK_LENGTH_SIZE;
	memmove(out->data, out->data + out->size - length, length);
	out->size = length;
	return HF_OK;
}

static int
add_from_header(struct salvage *salvage, const struct check_object *pack, const char *name, struct hf_error *err)
{
	struct buffer sealed = BUFFER_INIT(PACK_HEADER_MAX + PACK_LENGTH_SIZE), header = BUFFER_INIT(PACK_HEADER_MAX);
	struct buffer blobs = BUFFER_INIT((size_t)64 << 20);
	int r;

	r = read_header(salvage, name, pack, &sealed, err);
	if (r == HF_OK)
		r = seal_open(salvage->repository->seal, sealed.data, sealed.size, &header, err);
	if (r == HF_OK)
		r = pack_header_read(&pack->id, header.data, header.size, pack->size - PACK_LENGTH_SIZE - sealed.size,
		    &blobs, err);
	if (r == HF_OK)
		r = index_add_pack(salvage->index, &pack->id, (const struct index_blob *)(const void *)blobs.data,
		    blobs.size / sizeof(struct index_blob), err);
	buffer_release(&sealed);
	buffer_release(&header);
	buffer_release(&blobs);
	return r;
}

static int
add_lost_packs(struct salvage *salvage, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	size_t at, number;
	int r;

	for (at = 0; at < salvage->lost.size; at += sizeof(number)) {
		memcpy(&number, salvage->lost.data + at, sizeof(number));
		hex_encode(salvage->packs[number].id.bytes, HASH_SIZE, name);
		r = add_from_header(salvage, &salvage->packs[number], name, &why);
		if (check_is_fatal(r)) {
			if (err != NULL)
				*err = why;
			return r;
		}
		if (r == HF_OK)
			salvage->added++;
		else
			salvage->report(salvage->report_ctx, salvage->level, object_path(HF_OBJECT_DATA, name, path),
			    why.msg);
	}
	return HF_OK;
}

/* ---- all of it ---- */

int
index_load_readable(struct repository *repository, int level, repository_report_fn report, void *ctx,
    struct hf_error *err)
{
	struct salvage salvage = {.repository = repository, .report = report, .report_ctx = ctx, .level = level};
	struct buffer files = BUFFER_INIT(0);
	int r;

	r = check_list(repository, HF_OBJECT_INDEX, &files, err);
	if (r == HF_OK)
		r = load_index_files(&salvage, &files, err);
	buffer_release(&files);
	if (r == HF_OK) {
		index_free(repository->index);
		repository->index = salvage.index;
	}
	return r;
}

int
repository_salvage_index(struct repository *repository, repository_report_fn report, void *ctx,
    uint64_t *ret_added, struct hf_error *err)
{
	struct salvage salvage = {.repository = repository, .report = report, .report_ctx = ctx,
	    .level = HF_LOG_WARNING, .lost = BUFFER_INIT(LOST_MAX)};
	struct buffer packs = BUFFER_INIT(0);
	int r;

	r = index_load_readable(repository, HF_LOG_WARNING, report, ctx, err);
	if (r == HF_OK)
		r = check_list(repository, HF_OBJECT_DATA, &packs, err);
	salvage.index = repository->index;
	salvage.packs = (const struct check_object *)(const void *)packs.data;
	salvage.count = packs.size / sizeof(struct check_object);
	if (r == HF_OK)
		r = index_each_pack(salvage.index, pass_pack, &salvage, err);
	if (r == HF_OK)
		r = lose_packs(&salvage, NULL, err);
	if (r == HF_OK)
		r = add_lost_packs(&salvage, err);
	buffer_release(&packs);
	buffer_release(&salvage.lost);
	if (r == HF_OK)
		*ret_added = salvage.added;
	return r;
}

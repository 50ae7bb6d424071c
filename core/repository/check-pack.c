/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "repository/check.h"
#include "repository/walk.h"

#define ENTRY_PLAIN      37u /* bytes of a header entry: REPOSITORY_FORMAT.md section 7 */
#define ENTRY_COMPRESSED 41u
#define HEADER_MAX       ((size_t)16 << 20)
#define PROBLEMS_MAX     ((size_t)64 << 10) /* bytes of problems kept of one pack */

struct pack_list {
	struct check *check;
	const struct check_object *objects; /* listed packs, by id */
	size_t count;
	size_t next; /* the first that the index has not come to */
};

/* One pack while it is looked at. */
struct pack {
	struct check *check;
	const struct repository_id *id;
	const struct index_blob *blobs;
	size_t count;
	char path[OBJECT_PATH_SIZE];
	uint64_t body;        /* bytes of its blobs */
	size_t header_size;   /* plain */
	bool laid_out;        /* blobs follow each other from 0 on */
	struct buffer found;  /* problems, each with a NUL */
	struct buffer bad;    /* ids of damaged blobs */
	size_t done;          /* blobs read */
	struct buffer part;   /* the blob under way, then the header */
	struct buffer plain;
	struct hash *hash;
};

static uint32_t
read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

HF_PRINTF(2, 3)
static void
found(struct pack *pack, const char *fmt, ...)
{
	char msg[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	/* Past the limit nothing is added: a pack with that many problems needs no longer list. */
	buffer_append(&pack->found, msg, strlen(msg) + 1);
}

static void
add_bad(struct pack *pack, const struct index_blob *blob)
{
	buffer_append(&pack->bad, blob, sizeof(*blob));
}

static size_t
entry_size(const struct index_blob *blob)
{
	return blob->entry.plain_length != 0 ? ENTRY_COMPRESSED : ENTRY_PLAIN;
}

/* What the index alone tells. */
static void
lay_out(struct pack *pack)
{
	size_t i;

	pack->laid_out = true;
	for (i = 0; i < pack->count; i++) {
		const struct index_entry *entry = &pack->blobs[i].entry;

		if (entry->offset != pack->body)
			pack->laid_out = false;
		if (entry->length < SEAL_OVERHEAD)
			found(pack, "the index gives a blob %u bytes, fewer than sealing needs", entry->length);
		pack->body += entry->length;
		pack->header_size += entry_size(&pack->blobs[i]);
	}
	if (!pack->laid_out)
		found(pack, "the index has gaps or overlaps between its blobs");
}

static void
warn_if_mixed(struct pack *pack)
{
	size_t i;

	for (i = 1; i < pack->count; i++) {
		if (pack->blobs[i].entry.type != pack->blobs[0].entry.type) {
			check_report(pack->check, HF_LOG_WARNING, pack->path, "it mixes data and trees");
			return;
		}
	}
}

/* ---- the header ---- */

static void
hex_of(const struct repository_id *id, char out[HASH_HEX_SIZE])
{
	hex_encode(id->bytes, HASH_SIZE, out);
}

/* Compares one entry; returns its size, 0 if it does not match. */
static size_t
compare_entry(const struct index_blob *blob, const uint8_t *p, size_t left)
{
	unsigned type = blob->entry.type == BLOB_TREE ? 1u : 0u;
	size_t size = entry_size(blob);

	if (size == ENTRY_COMPRESSED)
		type += 2;
	if (left < size || p[0] != type || read_u32(p + 1) != blob->entry.length)
		return 0;
	if (size == ENTRY_COMPRESSED && read_u32(p + 5) != blob->entry.plain_length)
		return 0;
	return memcmp(p + size - HASH_SIZE, blob->id.bytes, HASH_SIZE) == 0 ? size : 0;
}

static void
compare_header(struct pack *pack, const struct buffer *header)
{
	size_t i, at = 0, size;
	char hex[HASH_HEX_SIZE];

	for (i = 0; i < pack->count; i++) {
		size = compare_entry(&pack->blobs[i], header->data + at, header->size - at);
		if (size == 0) {
			hex_of(&pack->blobs[i].id, hex);
			found(pack, "its header and the index differ at entry %zu, blob %s", i, hex);
			return;
		}
		at += size;
	}
	if (at != header->size)
		found(pack, "its header lists more blobs than the index");
}

/* tail: the sealed header and its length field. */
static void
check_tail(struct pack *pack, const struct buffer *tail)
{
	struct buffer header = BUFFER_INIT(HEADER_MAX);
	struct hf_error why = HF_ERROR_INIT;

	if (tail->size < 4 + SEAL_OVERHEAD || read_u32(tail->data + tail->size - 4) != tail->size - 4)
		found(pack, "its header has not the length that follows from the index");
	else if (seal_open(pack->check->repository->seal, tail->data, tail->size - 4, &header, &why) != HF_OK)
		found(pack, "its header does not open: %s", why.msg);
	else
		compare_header(pack, &header);
	buffer_release(&header);
}

static int
append_part(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct buffer *out = ctx;

	buffer_append(out, data, (size_t)size);
	return buffer_status(out, "pack header", err);
}

static int
read_tail(struct pack *pack, struct hf_error *err)
{
	const struct repository_storage *storage = &pack->check->repository->storage;
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &pack->part, append_part};
	struct hf_object_key key = {HF_OBJECT_DATA, 0, pack->path + sizeof("data/") - 1};
	int r;

	buffer_clear(&pack->part);
	r = storage->ops->get(storage->handle, &key, pack->body, pack->header_size + SEAL_OVERHEAD + 4, &sink, err);
	if (r == HF_OK)
		check_tail(pack, &pack->part);
	return r;
}

/* ---- the content ---- */

static void
open_blob(struct pack *pack)
{
	const struct index_blob *blob = &pack->blobs[pack->done++];
	struct hf_error why = HF_ERROR_INIT;
	char hex[HASH_HEX_SIZE];
	int r;

	buffer_clear(&pack->plain);
	r = blob_open(pack->check->repository->seal, pack->check->compressor, &blob->id, &blob->entry, pack->part.data,
	    pack->part.size, &pack->plain, &why);
	buffer_clear(&pack->part);
	if (r == HF_OK)
		return;
	hex_of(&blob->id, hex);
	found(pack, "%s blob %s: %s", blob->entry.type == BLOB_TREE ? "tree" : "data", hex, why.msg);
	add_bad(pack, blob);
}

/* Takes the pack's bytes as they come: blob by blob, then the header. */
static int
take_content(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct pack *pack = ctx;
	const uint8_t *p = data;
	size_t want, part;
	int r;

	r = hash_update(pack->hash, data, (size_t)size, err);
	while (r == HF_OK && size > 0) {
		if (!pack->laid_out)
			return HF_OK;
		want = pack->done < pack->count ? pack->blobs[pack->done].entry.length :
		    pack->header_size + SEAL_OVERHEAD + 4 + 1;
		/* One byte more than the header has tells that the pack is too long. */
		part = want - pack->part.size;
		if (part > size)
			part = (size_t)size;
		buffer_append(&pack->part, p, part);
		r = buffer_status(&pack->part, "blob", err);
		if (r == HF_OK && pack->done < pack->count && pack->part.size == want)
			open_blob(pack);
		else if (r == HF_OK && part == 0)
			return HF_OK;
		p += part;
		size -= part;
	}
	return r;
}

static int
read_content(struct pack *pack, struct hf_error *err)
{
	const struct repository_storage *storage = &pack->check->repository->storage;
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, pack, take_content};
	struct hf_object_key key = {HF_OBJECT_DATA, 0, pack->path + sizeof("data/") - 1};
	uint8_t sum[HASH_SIZE];
	int r;

	pack->done = 0;
	buffer_clear(&pack->part);
	r = hash_reset(pack->hash, err);
	if (r == HF_OK)
		r = storage->ops->get(storage->handle, &key, 0, 0, &sink, err);
	if (r == HF_OK)
		r = hash_sum(pack->hash, sum, err);
	if (r != HF_OK)
		return r;
	if (memcmp(sum, pack->id->bytes, HASH_SIZE) != 0)
		found(pack, "damaged: its content does not match its name");
	if (pack->laid_out && pack->done < pack->count)
		found(pack, "it ends before its blobs do");
	else if (pack->laid_out && pack->count > 0)
		check_tail(pack, &pack->part);
	return HF_OK;
}

/* ---- what follows from it ---- */

/* Whether a blob can be read from another pack. */
static bool
other_copy_is_good(struct pack *pack, const struct index_blob *blob)
{
	struct buffer plain = BUFFER_INIT(WALK_BLOB_MAX);
	struct index_entry entry;
	unsigned which;
	bool good = false;

	for (which = 0; index_find(pack->check->repository->index, blob->entry.type, &blob->id, which, &entry, NULL) ==
	    HF_OK; which++) {
		if (memcmp(entry.pack.bytes, pack->id->bytes, HASH_SIZE) == 0)
			continue;
		good = repository_load_blob(pack->check->repository, blob->entry.type, &blob->id, &plain, NULL)
		    == HF_OK;
		break;
	}
	buffer_release(&plain);
	return good;
}

static int
keep_bad(struct pack *pack, struct hf_error *err)
{
	struct index_blob blob;
	size_t at;
	bool is_new;
	int r = HF_OK;

	for (at = 0; r == HF_OK && at < pack->bad.size; at += sizeof(blob)) {
		memcpy(&blob, pack->bad.data + at, sizeof(blob));
		if (!other_copy_is_good(pack, &blob))
			r = id_set_add(&pack->check->bad_blobs, &blob.id, &is_new, err);
	}
	return r;
}

static void
report_found(struct pack *pack)
{
	const char *p = (const char *)pack->found.data;
	size_t left = pack->found.size, size;

	for (; left > 0; p += size, left -= size) {
		size = strlen(p) + 1;
		check_report(pack->check, HF_LOG_ERROR, pack->path, "%s", p);
	}
}

/*
 * Looks at the pack once.  What the storage says of it (absent, short, unreadable) is a problem of the
 * pack; HF_OK unless the check cannot go on.
 */
static int
look_once(struct pack *pack, const struct check_object *object, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	uint64_t expected;
	size_t i;
	int r = HF_OK;

	buffer_clear(&pack->found);
	buffer_clear(&pack->bad);
	pack->body = 0;
	pack->header_size = 0;
	lay_out(pack);
	expected = pack->body + pack->header_size + SEAL_OVERHEAD + 4;
	if (object->size != expected)
		found(pack, "it has %llu bytes, the index makes it %llu", (unsigned long long)object->size,
		    (unsigned long long)expected);
	if (pack->check->read_data)
		r = read_content(pack, &why);
	else if (object->size == expected && pack->laid_out)
		r = read_tail(pack, &why);
	if (r == HF_OK)
		return HF_OK;
	if (check_is_fatal(r)) {
		*err = why;
		return r;
	}
	found(pack, "cannot be read: %s", why.msg);
	for (i = pack->check->read_data ? pack->done : 0; i < pack->count; i++)
		add_bad(pack, &pack->blobs[i]);
	return HF_OK;
}

/* Several index files may list a pack alike, which is harmless: their blobs are counted once. */
static size_t
drop_doubles(struct check *check, const char *path, struct index_blob *blobs, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++) {
		if (kept == 0 || memcmp(&blobs[kept - 1].id, &blobs[i].id, HASH_SIZE) != 0 ||
		    blobs[kept - 1].entry.offset != blobs[i].entry.offset ||
		    blobs[kept - 1].entry.length != blobs[i].entry.length ||
		    blobs[kept - 1].entry.plain_length != blobs[i].entry.plain_length ||
		    blobs[kept - 1].entry.type != blobs[i].entry.type)
			blobs[kept++] = blobs[i];
	}
	if (kept < count)
		check_report(check, HF_LOG_WARNING, path, "more than one index file lists it");
	return kept;
}

static int
check_pack(struct check *check, const struct check_object *object, const struct index_blob *given, size_t count,
    struct hf_error *err)
{
	struct index_blob *blobs = malloc(count * sizeof(*blobs) + 1);
	struct pack pack = {.check = check, .id = &object->id, .blobs = blobs, .count = count,
	    .found = BUFFER_INIT(PROBLEMS_MAX), .bad = BUFFER_INIT(SIZE_MAX), .plain = BUFFER_INIT(WALK_BLOB_MAX),
	    .part = BUFFER_INIT(WALK_BLOB_MAX + HEADER_MAX)};
	char name[HASH_HEX_SIZE];
	int r;

	if (blobs == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	memcpy(blobs, given, count * sizeof(*blobs));
	hex_of(&object->id, name);
	(void)object_path(HF_OBJECT_DATA, name, pack.path);
	pack.count = drop_doubles(check, pack.path, blobs, count);
	check->stats.blobs += pack.count;
	r = hash_new(&pack.hash, err);
	if (r == HF_OK)
		r = look_once(&pack, object, err);
	/* A second time, before a pack is called damaged that only travelled badly. */
	if (r == HF_OK && pack.found.size > 0)
		r = look_once(&pack, object, err);
	if (r == HF_OK) {
		warn_if_mixed(&pack);
		report_found(&pack);
		r = keep_bad(&pack, err);
	}
	hash_free(pack.hash);
	buffer_release(&pack.found);
	buffer_release(&pack.bad);
	buffer_release(&pack.plain);
	buffer_release(&pack.part);
	free(blobs);
	return r;
}

/* The index knows it and the storage has it not. */
static int
missing_pack(struct check *check, const struct repository_id *id, const struct index_blob *blobs, size_t count,
    struct hf_error *err)
{
	struct pack pack = {.check = check, .id = id, .bad = BUFFER_INIT(SIZE_MAX)};
	char name[HASH_HEX_SIZE];
	size_t i;
	int r;

	hex_of(id, name);
	(void)object_path(HF_OBJECT_DATA, name, pack.path);
	check_report(check, HF_LOG_ERROR, pack.path, "missing, with %zu blob%s", count, plural_s(count));
	for (i = 0; i < count; i++)
		add_bad(&pack, &blobs[i]);
	r = keep_bad(&pack, err);
	buffer_release(&pack.bad);
	return r;
}

/* A pack in no index: what a run left that was cut off before its index, or an index file is gone. */
static int
unindexed_pack(struct check *check, const struct check_object *object, struct hf_error *err)
{
	struct pack pack = {.check = check, .id = &object->id, .found = BUFFER_INIT(PROBLEMS_MAX)};
	struct hf_error why = HF_ERROR_INIT;
	char name[HASH_HEX_SIZE];
	int r = HF_OK;

	hex_of(&object->id, name);
	(void)object_path(HF_OBJECT_DATA, name, pack.path);
	check_report(check, HF_LOG_INFO, pack.path,
	    "in no index: left by a backup that was cut off; a later one stores its data again");
	if (check->read_data) {
		r = hash_new(&pack.hash, err);
		if (r == HF_OK && (r = read_content(&pack, &why)) != HF_OK) {
			if (check_is_fatal(r))
				*err = why;
			else {
				found(&pack, "cannot be read: %s", why.msg);
				r = HF_OK;
			}
		}
		report_found(&pack);
		hash_free(pack.hash);
	}
	buffer_release(&pack.found);
	buffer_release(&pack.part);
	return r;
}

static int
pass_unindexed(struct pack_list *list, const struct repository_id *until, struct hf_error *err)
{
	int r = HF_OK;

	while (r == HF_OK && list->next < list->count &&
	    (until == NULL || memcmp(list->objects[list->next].id.bytes, until->bytes, HASH_SIZE) < 0))
		r = unindexed_pack(list->check, &list->objects[list->next++], err);
	return r;
}

static int
indexed_pack(void *ctx, const struct repository_id *id, const struct index_blob *blobs, size_t count,
    struct hf_error *err)
{
	struct pack_list *list = ctx;
	struct check *check = list->check;
	int r;

	r = pass_unindexed(list, id, err);
	if (r != HF_OK)
		return r;
	check->stats.packs++;
	if (list->next == list->count || memcmp(list->objects[list->next].id.bytes, id->bytes, HASH_SIZE) != 0)
		return missing_pack(check, id, blobs, count, err);
	return check_pack(check, &list->objects[list->next++], blobs, count, err);
}

int
check_packs(struct check *check, struct hf_error *err)
{
	struct buffer objects = BUFFER_INIT(0);
	struct pack_list list = {check, NULL, 0, 0};
	int r;

	r = check_list(check->repository, HF_OBJECT_DATA, &objects, err);
	list.objects = (const struct check_object *)(const void *)objects.data;
	list.count = objects.size / sizeof(struct check_object);
	if (r == HF_OK)
		r = index_each_pack(check->repository->index, indexed_pack, &list, err);
	if (r == HF_OK)
		r = pass_unindexed(&list, NULL, err);
	buffer_release(&objects);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/index.h"

#include <stdlib.h>
#include <string.h>

#include "repository/index-file.h"
#include "repository/sort.h"

/*
 * The index of a run: a sorted file (index-file.h) and, for what this run adds, a small table in
 * memory that is merged into a new file when it is full.  So its memory is the same for any repository.
 */
#define TABLE_RECORDS ((size_t)32768)
#define TABLE_SLOTS   ((size_t)65536)
#define NO_SLOT       UINT32_MAX

#define SORT_MEMORY ((size_t)2 << 20)

/* A pack's blobs for index_each_pack: pack id, offset, length, plain length, type, 3 bytes zero, blob id. */
#define LOCATED_SIZE 80

struct index {
	char *directory;
	struct repository_id repository;
	struct index_file *file; /* NULL: nothing but the table */
	uint8_t *records;        /* the table: encoded records; allocated with the first */
	uint32_t *slots;
	size_t count;
	struct buffer packs; /* ids of the table's packs; numbers go on from the file's */
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "index: out of memory");
}

int
index_new(const char *directory, const struct repository_id *repository, struct index **ret, struct hf_error *err)
{
	struct index *index = calloc(1, sizeof(*index));

	if (index == NULL)
		return no_memory(err);
	index->directory = strdup(sort_directory(directory));
	index->repository = *repository;
	index->packs.max = TABLE_RECORDS * HASH_SIZE;
	if (index->directory == NULL) {
		index_free(index);
		return no_memory(err);
	}
	*ret = index;
	return HF_OK;
}

void
index_free(struct index *index)
{
	if (index == NULL)
		return;
	index_file_close(index->file);
	free(index->records);
	free(index->slots);
	buffer_release(&index->packs);
	free(index->directory);
	free(index);
}

static uint64_t
file_records(const struct index *index)
{
	return index->file == NULL ? 0 : index_file_records(index->file);
}

static uint32_t
file_packs(const struct index *index)
{
	return index->file == NULL ? 0 : index_file_packs(index->file);
}

uint64_t
index_blob_count(const struct index *index)
{
	return file_records(index) + index->count;
}

static int
pack_id(struct index *index, uint32_t number, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	uint32_t first = file_packs(index);
	const uint8_t *id;
	int r;

	if (number >= first) {
		if ((size_t)(number - first) * HASH_SIZE >= index->packs.size)
			return hf_error_set(err, HF_ECORRUPT, 0, "the index names a pack that it does not list");
		memcpy(out, index->packs.data + (size_t)(number - first) * HASH_SIZE, HASH_SIZE);
		return HF_OK;
	}
	r = index_file_pack(index->file, number, &id, err);
	if (r == HF_OK)
		memcpy(out, id, HASH_SIZE);
	return r;
}

/* ---- finding ---- */

static size_t
slot_of(const uint8_t id[HASH_SIZE])
{
	/* Not the bytes that sort the file: those of one stretch of it are alike. */
	return ((size_t)id[HASH_SIZE - 2] << 8 | id[HASH_SIZE - 1]) % TABLE_SLOTS;
}

static int
entry_of(struct index *index, const struct index_record *record, struct index_entry *ret, struct hf_error *err)
{
	struct index_entry entry = {.offset = record->offset, .length = record->length,
	    .plain_length = record->plain_length, .type = record->tree ? BLOB_TREE : BLOB_DATA};
	int r = pack_id(index, record->pack, entry.pack.bytes, err);

	if (r == HF_OK)
		*ret = entry;
	return r;
}

/* The which-th copy in the table: HF_OK, or HF_ENOTFOUND with *which less by the copies passed. */
static int
find_in_table(struct index *index, enum blob_type type, const struct repository_id *id, unsigned *which,
    struct index_entry *ret, struct hf_error *err)
{
	struct index_record record;
	size_t slot;

	if (index->count == 0)
		return HF_ENOTFOUND;
	for (slot = slot_of(id->bytes); index->slots[slot] != NO_SLOT; slot = (slot + 1) % TABLE_SLOTS) {
		index_record_decode(index->records + index->slots[slot] * (size_t)INDEX_RECORD_SIZE, &record);
		if (memcmp(record.id, id->bytes, HASH_SIZE) != 0 || record.tree != (type == BLOB_TREE))
			continue;
		if (*which == 0)
			return entry_of(index, &record, ret, err);
		--*which;
	}
	return HF_ENOTFOUND;
}

static int
find_in_file(struct index *index, enum blob_type type, const struct repository_id *id, unsigned *which,
    struct index_entry *ret, struct hf_error *err)
{
	struct index_record record;
	const uint8_t *bytes;
	uint64_t number;
	int r;

	if (index->file == NULL)
		return HF_ENOTFOUND;
	r = index_file_search(index->file, id->bytes, &number, err);
	for (; r == HF_OK && number < index_file_records(index->file); number++) {
		r = index_file_record(index->file, number, &bytes, err);
		if (r != HF_OK)
			break;
		index_record_decode(bytes, &record);
		if (memcmp(record.id, id->bytes, HASH_SIZE) != 0)
			break;
		if (record.tree != (type == BLOB_TREE))
			continue;
		if (*which == 0)
			return entry_of(index, &record, ret, err);
		--*which;
	}
	return r == HF_OK ? HF_ENOTFOUND : r;
}

int
index_find(struct index *index, enum blob_type type, const struct repository_id *id, unsigned which,
    struct index_entry *ret, struct hf_error *err)
{
	char hex[HASH_HEX_SIZE];
	int r;

	r = find_in_table(index, type, id, &which, ret, err);
	if (r == HF_ENOTFOUND)
		r = find_in_file(index, type, id, &which, ret, err);
	if (r != HF_ENOTFOUND || err == NULL)
		return r;
	hex_encode(id->bytes, HASH_SIZE, hex);
	return hf_error_set(err, HF_ENOTFOUND, 0, "%s blob %s is not in the index",
	    type == BLOB_TREE ? "tree" : "data", hex);
}

/* ---- merging ---- */

/* Where sorted records come from: 1 and a record, 0 at the end, or an error. */
struct source {
	int (*next)(struct source *source, const uint8_t **ret, struct hf_error *err);
	struct index_file *file;
	struct sorter *sorter;
	const uint8_t *records;
	uint64_t pos, count;
	const uint8_t *record; /* NULL: at the end */
	uint8_t kept[INDEX_RECORD_SIZE];
};

static int
next_of_file(struct source *source, const uint8_t **ret, struct hf_error *err)
{
	int r;

	if (source->pos == source->count)
		return 0;
	r = index_file_record(source->file, source->pos, ret, err);
	source->pos++;
	return r == HF_OK ? 1 : r;
}

static int
next_of_memory(struct source *source, const uint8_t **ret, struct hf_error *err)
{
	(void)err;
	if (source->pos == source->count)
		return 0;
	*ret = source->records + source->pos++ * INDEX_RECORD_SIZE;
	return 1;
}

static int
next_of_sorter(struct source *source, const uint8_t **ret, struct hf_error *err)
{
	return sorter_next(source->sorter, ret, err);
}

static int
source_advance(struct source *source, struct hf_error *err)
{
	const uint8_t *record;
	int r = source->next(source, &record, err);

	if (r < 0)
		return r;
	source->record = NULL;
	if (r > 0) {
		memcpy(source->kept, record, INDEX_RECORD_SIZE);
		source->record = source->kept;
	}
	return HF_OK;
}

/* Writes the records of both in order, each different one once. */
static int
merge_records(struct source *a, struct source *b, struct index_file_writer *writer, struct hf_error *err)
{
	struct source *least;
	uint8_t last[INDEX_RECORD_SIZE];
	bool any = false;
	int r;

	if ((r = source_advance(a, err)) != HF_OK || (r = source_advance(b, err)) != HF_OK)
		return r;
	while (a->record != NULL || b->record != NULL) {
		if (a->record == NULL)
			least = b;
		else if (b->record == NULL)
			least = a;
		else
			least = memcmp(a->record, b->record, INDEX_RECORD_SIZE) <= 0 ? a : b;
		if (!any || memcmp(last, least->record, INDEX_RECORD_SIZE) != 0) {
			memcpy(last, least->record, INDEX_RECORD_SIZE);
			any = true;
			r = index_file_add_record(writer, last, err);
			if (r != HF_OK)
				return r;
		}
		r = source_advance(least, err);
		if (r != HF_OK)
			return r;
	}
	return HF_OK;
}

static void
source_from_file(struct source *source, struct index_file *file)
{
	memset(source, 0, sizeof(*source));
	source->next = next_of_file;
	source->file = file;
	source->count = file == NULL ? 0 : index_file_records(file);
}

static int
copy_packs(struct index_file *from, struct index_file_writer *writer, struct hf_error *err)
{
	uint32_t i, count = from == NULL ? 0 : index_file_packs(from);
	uint8_t id[HASH_SIZE];
	const uint8_t *found;
	int r = HF_OK;

	for (i = 0; i < count && r == HF_OK; i++) {
		r = index_file_pack(from, i, &found, err);
		if (r != HF_OK)
			break;
		memcpy(id, found, HASH_SIZE);
		r = index_file_add_pack(writer, id, err);
	}
	return r;
}

/* ---- adding ---- */

/* Merges the full table into a new nameless file. */
static int
flush_table(struct index *index, struct hf_error *err)
{
	struct index_file_writer *writer;
	struct index_file *file;
	struct source old, table;
	size_t i;
	int r;

	r = index_file_create(index->directory, index->repository.bytes, &writer, err);
	if (r != HF_OK)
		return r;
	/* The slots name records by their place, which sorting changes. */
	memset(index->slots, 0xff, TABLE_SLOTS * sizeof(*index->slots));
	sort_records(index->records, index->count, INDEX_RECORD_SIZE);
	source_from_file(&old, index->file);
	memset(&table, 0, sizeof(table));
	table.next = next_of_memory;
	table.records = index->records;
	table.count = index->count;
	r = merge_records(&old, &table, writer, err);
	if (r == HF_OK)
		r = copy_packs(index->file, writer, err);
	for (i = 0; r == HF_OK && i < index->packs.size; i += HASH_SIZE)
		r = index_file_add_pack(writer, index->packs.data + i, err);
	if (r != HF_OK) {
		index_file_abandon(writer);
		return r;
	}
	r = index_file_finish(writer, NULL, &file, err);
	if (r != HF_OK)
		return r;
	index_file_close(index->file);
	index->file = file;
	index->count = 0;
	buffer_clear(&index->packs);
	return HF_OK;
}

static int
table_reserve(struct index *index, struct hf_error *err)
{
	if (index->records == NULL)
		index->records = malloc(TABLE_RECORDS * INDEX_RECORD_SIZE);
	if (index->slots == NULL) {
		index->slots = malloc(TABLE_SLOTS * sizeof(*index->slots));
		if (index->slots != NULL)
			memset(index->slots, 0xff, TABLE_SLOTS * sizeof(*index->slots));
	}
	return index->records != NULL && index->slots != NULL ? HF_OK : no_memory(err);
}

static void
record_of(const struct index_blob *blob, uint32_t pack, uint8_t out[INDEX_RECORD_SIZE])
{
	struct index_record record = {.pack = pack, .tree = blob->entry.type == BLOB_TREE,
	    .offset = blob->entry.offset, .length = blob->entry.length, .plain_length = blob->entry.plain_length};

	memcpy(record.id, blob->id.bytes, HASH_SIZE);
	index_record_encode(&record, out);
}

/* Adds the pack to the table's list; its number. */
static int
table_add_pack(struct index *index, const struct repository_id *pack, uint32_t *ret_number, struct hf_error *err)
{
	buffer_append(&index->packs, pack->bytes, HASH_SIZE);
	*ret_number = file_packs(index) + (uint32_t)(index->packs.size / HASH_SIZE) - 1;
	return buffer_status(&index->packs, "index", err);
}

int
index_add_pack(struct index *index, const struct repository_id *pack, const struct index_blob *blobs,
    size_t count, struct hf_error *err)
{
	uint32_t number = 0;
	size_t i, slot;
	int r;

	r = table_reserve(index, err);
	for (i = 0; r == HF_OK && i < count; i++) {
		if (index->count == TABLE_RECORDS) {
			r = flush_table(index, err);
			if (r != HF_OK)
				break;
		}
		/* After a flush the pack is in the file's list too; twice costs 32 bytes. */
		if (i == 0 || index->count == 0) {
			r = table_add_pack(index, pack, &number, err);
			if (r != HF_OK)
				break;
		}
		record_of(&blobs[i], number, index->records + index->count * INDEX_RECORD_SIZE);
		for (slot = slot_of(blobs[i].id.bytes); index->slots[slot] != NO_SLOT; slot = (slot + 1) % TABLE_SLOTS)
			;
		index->slots[slot] = (uint32_t)index->count++;
	}
	return r;
}

/* ---- pack by pack ---- */

static void
big_endian(uint32_t value, uint8_t out[4])
{
	out[0] = (uint8_t)(value >> 24);
	out[1] = (uint8_t)(value >> 16);
	out[2] = (uint8_t)(value >> 8);
	out[3] = (uint8_t)value;
}

static uint32_t
from_big_endian(const uint8_t in[4])
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static int
locate(struct index *index, const uint8_t *bytes, struct sorter *sorter, struct hf_error *err)
{
	uint8_t located[LOCATED_SIZE] = {0};
	struct index_record record;
	int r;

	index_record_decode(bytes, &record);
	r = pack_id(index, record.pack, located, err);
	if (r != HF_OK)
		return r;
	big_endian(record.offset, located + 32);
	big_endian(record.length, located + 36);
	big_endian(record.plain_length, located + 40);
	located[44] = (uint8_t)record.tree;
	memcpy(located + 48, record.id, HASH_SIZE);
	return sorter_add(sorter, located, err);
}

static int
locate_all(struct index *index, struct sorter *sorter, struct hf_error *err)
{
	uint8_t record[INDEX_RECORD_SIZE];
	const uint8_t *found;
	uint64_t i;
	size_t n;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < file_records(index); i++) {
		r = index_file_record(index->file, i, &found, err);
		if (r != HF_OK)
			return r;
		memcpy(record, found, sizeof(record));
		r = locate(index, record, sorter, err);
	}
	for (n = 0; r == HF_OK && n < index->count; n++)
		r = locate(index, index->records + n * INDEX_RECORD_SIZE, sorter, err);
	return r;
}

/* The blobs of one pack, gathered for the callback. */
struct gathered {
	struct repository_id pack;
	struct buffer blobs; /* struct index_blob */
};

static int
give_pack(struct gathered *gathered, index_pack_fn fn, void *ctx, struct hf_error *err)
{
	int r = HF_OK;

	if (gathered->blobs.size > 0)
		r = fn(ctx, &gathered->pack, (const struct index_blob *)(const void *)gathered->blobs.data,
		    gathered->blobs.size / sizeof(struct index_blob), err);
	buffer_clear(&gathered->blobs);
	return r;
}

static int
give_all(struct sorter *sorter, struct gathered *gathered, index_pack_fn fn, void *ctx, struct hf_error *err)
{
	uint8_t last[LOCATED_SIZE] = {0};
	struct index_blob blob;
	const uint8_t *located;
	bool any = false;
	int r;

	while ((r = sorter_next(sorter, &located, err)) > 0) {
		if (any && memcmp(last, located, LOCATED_SIZE) == 0) /* the pack listed twice */
			continue;
		if (!any || memcmp(last, located, HASH_SIZE) != 0) {
			r = give_pack(gathered, fn, ctx, err);
			if (r != HF_OK)
				return r;
			memcpy(gathered->pack.bytes, located, HASH_SIZE);
		}
		memcpy(last, located, LOCATED_SIZE);
		any = true;
		memset(&blob, 0, sizeof(blob));
		blob.entry.pack = gathered->pack;
		blob.entry.offset = from_big_endian(located + 32);
		blob.entry.length = from_big_endian(located + 36);
		blob.entry.plain_length = from_big_endian(located + 40);
		blob.entry.type = located[44] ? BLOB_TREE : BLOB_DATA;
		memcpy(blob.id.bytes, located + 48, HASH_SIZE);
		buffer_append(&gathered->blobs, &blob, sizeof(blob));
		r = buffer_status(&gathered->blobs, "the blobs of one pack", err);
		if (r != HF_OK)
			return r;
	}
	return r < 0 ? r : give_pack(gathered, fn, ctx, err);
}

int
index_each_pack(struct index *index, index_pack_fn fn, void *ctx, struct hf_error *err)
{
	struct gathered gathered = {.blobs = BUFFER_INIT((size_t)64 << 20)};
	struct sorter *sorter;
	int r;

	r = sorter_new(LOCATED_SIZE, SORT_MEMORY, index->directory, &sorter, err);
	if (r != HF_OK)
		return r;
	r = locate_all(index, sorter, err);
	if (r == HF_OK)
		r = sorter_finish(sorter, err);
	if (r == HF_OK)
		r = give_all(sorter, &gathered, fn, ctx, err);
	buffer_release(&gathered.blobs);
	sorter_free(sorter);
	return r;
}

/* ---- what index-load.c builds with ---- */

void
index_use_file(struct index *index, struct index_file *file)
{
	index_file_close(index->file);
	index->file = file;
}

int
index_merge(struct index_file *old, struct sorter *added, struct index_file_writer *writer, struct hf_error *err)
{
	struct source a, b;
	int r;

	source_from_file(&a, old);
	memset(&b, 0, sizeof(b));
	b.next = next_of_sorter;
	b.sorter = added;
	r = merge_records(&a, &b, writer, err);
	if (r == HF_OK)
		r = copy_packs(old, writer, err);
	return r;
}

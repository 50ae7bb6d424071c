/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <string.h>

static int
damaged(const struct repository_id *id, const char *reason, struct hf_error *err)
{
	char hex[HASH_HEX_SIZE];

	hex_encode(id->bytes, HASH_SIZE, hex);
	return hf_error_set(err, HF_ECORRUPT, 0, "blob %s is damaged: %s", hex, reason);
}

static int
open_compressed(struct seal *seal, struct compressor *compressor, const struct repository_id *id,
    const struct index_entry *entry, const void *stored, size_t size, struct buffer *out, struct hf_error *err)
{
	struct buffer packed = BUFFER_INIT(size);
	size_t before = out->size;
	int r;

	r = seal_open(seal, stored, size, &packed, err);
	if (r == HF_OK)
		r = compressor_unpack(compressor, packed.data, packed.size, entry->plain_length, out, err);
	/* restic does not check this length and restores wrongly where it is wrong. */
	if (r == HF_OK && out->size - before != entry->plain_length)
		r = damaged(id, "its length is not what the index says", err);
	buffer_release(&packed);
	return r;
}

int
blob_open(struct seal *seal, struct compressor *compressor, const struct repository_id *id,
    const struct index_entry *entry, const void *stored, size_t size, struct buffer *out, struct hf_error *err)
{
	size_t before = out->size;
	uint8_t sum[HASH_SIZE];
	int r;

	if (size != entry->length)
		return damaged(id, "its stored length is not what the index says", err);
	if (entry->plain_length != 0)
		r = open_compressed(seal, compressor, id, entry, stored, size, out, err);
	else
		r = seal_open(seal, stored, size, out, err);
	if (r == HF_OK)
		r = hash_bytes(out->data + before, out->size - before, sum, err);
	if (r == HF_OK && memcmp(sum, id->bytes, HASH_SIZE) != 0)
		r = damaged(id, "its content does not match its id", err);
	if (r != HF_OK)
		out->size = before;
	return r;
}

static int
need_index(const struct repository *repository, struct hf_error *err)
{
	if (repository->index != NULL)
		return HF_OK;
	return hf_error_set(err, HF_EINVAL, 0, "the repository's index is not loaded");
}

bool
repository_has_blob(struct repository *repository, enum blob_type type, const struct repository_id *id)
{
	struct index_entry entry;

	return repository->index != NULL && index_find(repository->index, type, id, 0, &entry, NULL) == HF_OK;
}

int
repository_blob_size(struct repository *repository, enum blob_type type, const struct repository_id *id,
    uint64_t *ret_size, struct hf_error *err)
{
	struct index_entry entry;
	int r = need_index(repository, err);

	if (r == HF_OK)
		r = index_find(repository->index, type, id, 0, &entry, err);
	if (r != HF_OK)
		return r;
	if (entry.plain_length == 0 && entry.length < SEAL_OVERHEAD)
		return damaged(id, "its stored length is not what the index says", err);
	*ret_size = entry.plain_length != 0 ? entry.plain_length : entry.length - SEAL_OVERHEAD;
	return HF_OK;
}

static int
append(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct buffer *out = ctx;

	if (size > SIZE_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "the storage gave more than was asked for");
	buffer_append(out, data, (size_t)size);
	return buffer_status(out, "a stored blob", err);
}

static int
load_copy(struct repository *repository, const struct repository_id *id, const struct index_entry *entry,
    struct buffer *out, struct hf_error *err)
{
	struct buffer stored = BUFFER_INIT(entry->length);
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &stored, append};
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_DATA, 0, name};
	int r;

	hex_encode(entry->pack.bytes, HASH_SIZE, name);
	r = repository->storage.ops->get(repository->storage.handle, &key, entry->offset, entry->length, &sink, err);
	if (r == HF_OK)
		r = blob_open(repository->seal, repository->compressor, id, entry, stored.data, stored.size, out, err);
	buffer_release(&stored);
	return r;
}

int
repository_load_blob(struct repository *repository, enum blob_type type, const struct repository_id *id,
    struct buffer *out, struct hf_error *err)
{
	struct index_entry entry;
	unsigned which;
	int r, first = HF_OK;

	r = need_index(repository, err);
	if (r == HF_OK && repository->compressor == NULL)
		r = compressor_new(&repository->compressor, err);
	if (r != HF_OK)
		return r;
	for (which = 0; (r = index_find(repository->index, type, id, which, &entry, which == 0 ? err : NULL)) == HF_OK;
	     which++) {
		/* What went wrong with the first copy is told if no other is better. */
		r = load_copy(repository, id, &entry, out, which == 0 ? err : NULL);
		if (r == HF_OK)
			return HF_OK;
		if (which == 0)
			first = r;
		if (r != HF_ECORRUPT && r != HF_ENOTFOUND && r != HF_ERANGE)
			break;
	}
	/* An indexed blob that is not in the storage is damage, not absence. */
	if (first == HF_ENOTFOUND || first == HF_ERANGE)
		return hf_error_set(err, HF_ECORRUPT, 0, "a pack that the index names is missing or too short "
		    "(DAMAGE in holdfast(1) tells what to do)");
	return first != HF_OK ? first : r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/pack.h"

#include <string.h>

#define ENTRY_RAW        37u
#define ENTRY_COMPRESSED 41u
#define TYPE_TREE        1u
#define TYPE_COMPRESSED  2u

static void
put_u32le(struct buffer *out, uint32_t value)
{
	uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};

	buffer_append(out, bytes, sizeof(bytes));
}

static uint32_t
get_u32le(const uint8_t *in)
{
	return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

int
pack_header_write(const struct index_blob *blobs, size_t count, struct buffer *out, struct hf_error *err)
{
	uint8_t type;
	size_t i;

	for (i = 0; i < count; i++) {
		type = blobs[i].entry.type == BLOB_TREE ? TYPE_TREE : 0;
		if (blobs[i].entry.plain_length != 0)
			type |= TYPE_COMPRESSED;
		buffer_append_byte(out, type);
		put_u32le(out, blobs[i].entry.length);
		if (blobs[i].entry.plain_length != 0)
			put_u32le(out, blobs[i].entry.plain_length);
		buffer_append(out, blobs[i].id.bytes, HASH_SIZE);
	}
	return buffer_status(out, "pack header", err);
}

uint64_t
pack_file_size(const struct index_blob *blobs, size_t count)
{
	uint64_t size = SEAL_OVERHEAD + PACK_LENGTH_SIZE;
	size_t i;

	for (i = 0; i < count; i++)
		size += blobs[i].entry.length +
		        (uint64_t)(blobs[i].entry.plain_length != 0 ? ENTRY_COMPRESSED : ENTRY_RAW);
	return size;
}

static int
damaged(const char *reason, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "damaged pack header: %s", reason);
}

/* One entry at p; returns its size, 0 when it is none. */
static size_t
read_entry(const uint8_t *p, size_t left, struct index_blob *blob)
{
	size_t size, at = 5;

	if (p[0] > (TYPE_TREE | TYPE_COMPRESSED))
		return 0;
	size = p[0] & TYPE_COMPRESSED ? ENTRY_COMPRESSED : ENTRY_RAW;
	if (left < size)
		return 0;
	blob->entry.type = p[0] & TYPE_TREE ? BLOB_TREE : BLOB_DATA;
	blob->entry.length = get_u32le(p + 1);
	blob->entry.plain_length = 0;
	if (p[0] & TYPE_COMPRESSED) {
		blob->entry.plain_length = get_u32le(p + at);
		at += 4;
	}
	memcpy(blob->id.bytes, p + at, HASH_SIZE);
	return blob->entry.length >= SEAL_OVERHEAD ? size : 0;
}

int
pack_header_read(const struct repository_id *pack, const void *header, size_t size, uint64_t body_size,
    struct buffer *blobs, struct hf_error *err)
{
	const uint8_t *p = header;
	struct index_blob blob;
	uint64_t offset = 0;
	size_t at, n, before = blobs->size;

	if (size == 0)
		return damaged("it is empty", err);
	memset(&blob, 0, sizeof(blob));
	blob.entry.pack = *pack;
	for (at = 0; at < size; at += n) {
		n = read_entry(p + at, size - at, &blob);
		if (n == 0 || offset + blob.entry.length > UINT32_MAX) {
			blobs->size = before;
			return damaged("an entry makes no sense", err);
		}
		blob.entry.offset = (uint32_t)offset;
		offset += blob.entry.length;
		buffer_append(blobs, &blob, sizeof(blob));
	}
	if (body_size != UINT64_MAX && offset != body_size) {
		blobs->size = before;
		return damaged("its blobs do not fill the pack", err);
	}
	return buffer_status(blobs, "pack header", err);
}

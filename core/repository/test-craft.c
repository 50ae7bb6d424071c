/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/pack.h"
#include "repository/test-craft.h"

#include <stdlib.h>

static void
must(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "craft: %s\n", what);
		abort();
	}
}

void
craft_open(struct craft *craft, struct repository *repository)
{
	memset(craft, 0, sizeof(*craft));
	craft->repository = repository;
	craft->body.max = (size_t)64 << 20;
}

struct repository_id
craft_blob(struct craft *craft, enum blob_type type, const void *data, size_t size, bool compress)
{
	struct index_blob *blob = &craft->blobs[craft->count++];
	struct buffer packed = BUFFER_INIT((size_t)64 << 20);
	struct compressor *compressor;
	size_t before = craft->body.size;

	must(craft->count <= 64, "too many blobs");
	memset(blob, 0, sizeof(*blob));
	must(hash_bytes(data, size, blob->id.bytes, NULL) == HF_OK, "hash");
	blob->entry.type = type;
	blob->entry.offset = (uint32_t)before;
	if (compress) {
		must(compressor_new(&compressor, NULL) == HF_OK, "compressor");
		must(compressor_pack(compressor, data, size, &packed, NULL) == HF_OK, "compress");
		compressor_free(compressor);
		blob->entry.plain_length = (uint32_t)size;
		data = packed.data;
		size = packed.size;
	}
	must(seal_append(craft->repository->seal, data, size, &craft->body, NULL) == HF_OK, "seal");
	blob->entry.length = (uint32_t)(craft->body.size - before);
	buffer_release(&packed);
	return blob->id;
}

struct repository_id
craft_tree(struct craft *craft, const char *json)
{
	return craft_blob(craft, BLOB_TREE, json, strlen(json), true);
}

static void
put_index(struct craft *craft)
{
	struct buffer json = BUFFER_INIT(100000);
	char hex[HASH_HEX_SIZE], name[HASH_HEX_SIZE];
	size_t i;

	hex_encode(craft->pack.bytes, HASH_SIZE, hex);
	buffer_appendf(&json, "{\"packs\":[{\"id\":\"%s\",\"blobs\":[", hex);
	for (i = 0; i < craft->count; i++) {
		const struct index_entry *entry = &craft->blobs[i].entry;

		hex_encode(craft->blobs[i].id.bytes, HASH_SIZE, hex);
		buffer_appendf(&json, "%s{\"id\":\"%s\",\"type\":\"%s\",\"offset\":%u,\"length\":%u", i > 0 ? "," : "", hex,
		    entry->type == BLOB_TREE ? "tree" : "data", entry->offset, entry->length);
		if (entry->plain_length != 0)
			buffer_appendf(&json, ",\"uncompressed_length\":%u", entry->plain_length);
		buffer_append_byte(&json, '}');
	}
	buffer_append_string(&json, "]}]}");
	test_place_put_json(craft->repository, HF_OBJECT_INDEX, buffer_string(&json), name);
	buffer_release(&json);
}

void
craft_pack(struct craft *craft, void (*twist)(struct index_blob *blobs, size_t count))
{
	struct buffer header = BUFFER_INIT(100000);
	size_t before = craft->body.size, length, i;
	char name[HASH_HEX_SIZE];

	must(pack_header_write(craft->blobs, craft->count, &header, NULL) == HF_OK, "header");
	must(seal_append(craft->repository->seal, header.data, header.size, &craft->body, NULL) == HF_OK, "seal");
	buffer_release(&header);
	length = craft->body.size - before;
	for (i = 0; i < 4; i++)
		buffer_append_byte(&craft->body, (uint8_t)(length >> (8 * i)));
	must(hash_bytes(craft->body.data, craft->body.size, craft->pack.bytes, NULL) == HF_OK, "hash");
	hex_encode(craft->pack.bytes, HASH_SIZE, name);
	must(object_save(craft->repository, HF_OBJECT_DATA, name, craft->body.data, craft->body.size, NULL) == HF_OK,
	    "put");
	if (twist != NULL)
		twist(craft->blobs, craft->count);
	put_index(craft);
	buffer_release(&craft->body);
	craft->count = 0;
}

struct repository_id
craft_snapshot(struct craft *craft, const struct repository_id *tree)
{
	char hex[HASH_HEX_SIZE], json[300], name[HASH_HEX_SIZE];
	struct repository_id id;

	hex_encode(tree->bytes, HASH_SIZE, hex);
	(void)snprintf(json, sizeof(json),
	    "{\"time\":\"2026-11-23T06:00:00Z\",\"tree\":\"%s\",\"paths\":[\"/\"],\"hostname\":\"h\"}", hex);
	test_place_put_json(craft->repository, HF_OBJECT_SNAPSHOT, json, name);
	must(hex_decode(name, HASH_HEX_SIZE - 1, id.bytes, HASH_SIZE) == HF_OK, "id");
	return id;
}

#define TIMES "\"mtime\":\"2020-02-02T02:02:02.5Z\",\"atime\":\"2020-02-02T02:02:02Z\"," \
	      "\"ctime\":\"2020-02-02T02:02:02Z\",\"uid\":0,\"gid\":0"

static char *
next_text(void)
{
	static char texts[8][1200];
	static unsigned next;

	return texts[next++ % 8];
}

const char *
craft_file(const char *name, const struct repository_id *blob, unsigned long long size)
{
	char hex[HASH_HEX_SIZE], *out = next_text();

	hex_encode(blob->bytes, HASH_SIZE, hex);
	(void)snprintf(out, 1200, "{\"name\":\"%s\",\"type\":\"file\",\"mode\":416," TIMES
	    ",\"size\":%llu,\"content\":[\"%s\"]}", name, size, hex);
	return out;
}

const char *
craft_directory(const char *name, const struct repository_id *tree)
{
	char hex[HASH_HEX_SIZE], *out = next_text();

	hex_encode(tree->bytes, HASH_SIZE, hex);
	(void)snprintf(out, 1200, "{\"name\":\"%s\",\"type\":\"dir\",\"mode\":2147483997," TIMES
	    ",\"content\":null,\"subtree\":\"%s\"}", name, hex);
	return out;
}

const char *
craft_link(const char *name, const char *target)
{
	char *out = next_text();

	(void)snprintf(out, 1200, "{\"name\":\"%s\",\"type\":\"symlink\",\"mode\":134218239," TIMES
	    ",\"linktarget\":\"%s\",\"content\":null}", name, target);
	return out;
}

void
craft_report(void *ctx, int level, const char *path, const char *msg)
{
	struct buffer *out = ctx;

	if (out != NULL)
		buffer_appendf(out, "%d %s: %s\n", level, path, msg);
}

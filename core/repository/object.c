/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <json.h>

/* The first byte of an unpacked file whose JSON is compressed (format section 5). */
#define UNPACKED_ZSTD 0x02

/* Deeper nesting than any file of the format has. */
#define PARSE_DEPTH 16

const char *
object_path(uint32_t type, const char *name, char out[OBJECT_PATH_SIZE])
{
	static const char *const folders[] = {"?/", "", "keys/", "locks/", "snapshots/", "index/", "data/"};

	(void)snprintf(out, OBJECT_PATH_SIZE, "%s%.64s", folders[type <= HF_OBJECT_DATA ? type : 0], name);
	return out;
}

struct limited {
	struct buffer *out;
	size_t left;
	const char *path;
};

static int
limited_write(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct limited *limited = ctx;

	if (size > limited->left)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than such a file may be", limited->path);
	limited->left -= (size_t)size;
	buffer_append(limited->out, data, (size_t)size);
	return buffer_status(limited->out, limited->path, err);
}

int
object_get(const struct repository_storage *storage, uint32_t type, const char *name, size_t max,
    struct buffer *out, struct hf_error *err)
{
	struct hf_object_key key = {type, 0, name};
	char path[OBJECT_PATH_SIZE];
	struct limited limited = {out, max, object_path(type, name, path)};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &limited, limited_write};

	return storage->ops->get(storage->handle, &key, 0, 0, &sink, err);
}

/* HF_OK when the bytes' SHA-256 is the name. */
static int
name_matches(const char *name, const void *data, size_t size, struct hf_error *err)
{
	uint8_t sum[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	int r;

	r = hash_bytes(data, size, sum, err);
	if (r != HF_OK)
		return r;
	hex_encode(sum, sizeof(sum), hex);
	return strcmp(hex, name) == 0 ? HF_OK : HF_ECORRUPT;
}

int
object_get_checked(const struct repository_storage *storage, uint32_t type, const char *name, size_t max,
    struct buffer *out, struct hf_error *err)
{
	char path[OBJECT_PATH_SIZE];
	size_t before = out->size;
	int r, tries;

	for (tries = 0; tries < 2; tries++) {
		r = object_get(storage, type, name, max, out, err);
		if (r == HF_OK && type != HF_OBJECT_CONFIG)
			r = name_matches(name, out->size > before ? out->data + before : (const uint8_t *)"",
			    out->size - before, err);
		if (r == HF_OK)
			return HF_OK;
		out->size = before;
		if (r != HF_ECORRUPT)
			return r;
	}
	return hf_error_set(err, HF_ECORRUPT, 0, "%s: damaged: its content does not match its name",
	    object_path(type, name, path));
}

int
object_load(struct repository *repository, uint32_t type, const char *name, size_t max, struct buffer *out,
    struct hf_error *err)
{
	return object_get_checked(&repository->storage, type, name, max, out, err);
}

static int
need_compressor(struct repository *repository, struct hf_error *err)
{
	if (repository->compressor != NULL)
		return HF_OK;
	return compressor_new(&repository->compressor, err);
}

/* Puts the object's name before what went wrong. */
static int
name_error(struct hf_error *err, int code, uint32_t type, const char *name)
{
	char path[OBJECT_PATH_SIZE], reason[sizeof(err->msg)];

	if (err == NULL)
		return code;
	memcpy(reason, err->msg, sizeof(reason));
	return hf_error_set(err, code, err->os_errno, "%s: %.380s", object_path(type, name, path), reason);
}

static int
unpack_json(struct repository *repository, const struct buffer *plain, size_t max, struct buffer *out,
    struct hf_error *err)
{
	size_t before = out->size;
	int r;

	if (plain->size == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "empty");
	if (plain->data[0] == '{' || plain->data[0] == '[') {
		if (plain->size > max)
			return hf_error_set(err, HF_ERANGE, 0, "longer than %zu bytes", max);
		buffer_append(out, plain->data, plain->size);
		return buffer_status(out, "its content", err);
	}
	if (plain->data[0] != UNPACKED_ZSTD)
		return hf_error_set(err, HF_ECORRUPT, 0, "neither JSON nor of a version that holdfast knows");
	r = need_compressor(repository, err);
	if (r == HF_OK)
		r = compressor_unpack(repository->compressor, plain->data + 1, plain->size - 1, max, out, err);
	if (r != HF_OK)
		out->size = before;
	return r;
}

int
object_load_json(struct repository *repository, uint32_t type, const char *name, size_t max, struct buffer *out,
    struct hf_error *err)
{
	struct buffer stored = BUFFER_INIT(max > SIZE_MAX - 4096 ? SIZE_MAX : max + 4096);
	struct buffer plain = BUFFER_INIT(stored.max);
	int r;

	r = object_load(repository, type, name, stored.max, &stored, err);
	if (r != HF_OK)
		goto done;
	r = seal_open(repository->seal, stored.data, stored.size, &plain, err);
	buffer_release(&stored);
	if (r == HF_OK)
		r = unpack_json(repository, &plain, max, out, err);
	if (r != HF_OK)
		r = name_error(err, r, type, name);
done:
	buffer_release(&stored);
	buffer_release(&plain);
	return r;
}

struct memory {
	const uint8_t *data;
	size_t size, at;
};

static int64_t
memory_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct memory *memory = ctx;
	size_t part = memory->size - memory->at;

	(void)err;
	if (size < part)
		part = (size_t)size;
	if (part > 0)
		memcpy(data, memory->data + memory->at, part);
	memory->at += part;
	return (int64_t)part;
}

static int
memory_rewind(void *ctx, struct hf_error *err)
{
	struct memory *memory = ctx;

	(void)err;
	memory->at = 0;
	return HF_OK;
}

int
object_put(const struct repository_storage *storage, uint32_t type, const char *name, const void *data,
    size_t size, const uint8_t *sha256, uint32_t flags, struct hf_error *err)
{
	struct hf_object_key key = {type, 0, name};
	struct memory memory = {data, size, 0};
	struct hf_reader reader = {
	    (uint32_t)sizeof(reader), 0, &memory, memory_read, memory_rewind, (uint64_t)size};
	uint8_t sum[HASH_SIZE];
	int r;

	if (sha256 == NULL) {
		r = hash_bytes(data, size, sum, err);
		if (r != HF_OK)
			return r;
		sha256 = sum;
	}
	return storage->ops->put(storage->handle, &key, &reader, sha256, flags, err);
}

int
object_save(struct repository *repository, uint32_t type, const char *name, const void *data, size_t size,
    struct hf_error *err)
{
	return object_put(&repository->storage, type, name, data, size, NULL, 0, err);
}

static int
pack_json(struct repository *repository, const void *json, size_t size, struct buffer *plain, struct hf_error *err)
{
	int r;

	if (repository->version < 2) {
		buffer_append(plain, json, size);
		return buffer_status(plain, "JSON", err);
	}
	r = need_compressor(repository, err);
	if (r != HF_OK)
		return r;
	buffer_append_byte(plain, UNPACKED_ZSTD);
	return compressor_pack(repository->compressor, json, size, plain, err);
}

int
object_save_json(struct repository *repository, uint32_t type, const void *json, size_t size,
    struct repository_id *ret_id, struct hf_error *err)
{
	struct buffer plain = BUFFER_INIT(SIZE_MAX), sealed = BUFFER_INIT(SIZE_MAX);
	struct repository_id id;
	char name[HASH_HEX_SIZE];
	int r;

	r = pack_json(repository, json, size, &plain, err);
	if (r == HF_OK)
		r = seal_append(repository->seal, plain.data, plain.size, &sealed, err);
	buffer_release(&plain);
	if (r == HF_OK)
		r = hash_bytes(sealed.data, sealed.size, id.bytes, err);
	if (r == HF_OK) {
		hex_encode(id.bytes, sizeof(id.bytes), name);
		r = object_put(&repository->storage, type, name, sealed.data, sealed.size, id.bytes, 0, err);
	}
	buffer_release(&sealed);
	if (r == HF_OK)
		*ret_id = id;
	return r;
}

int
object_parse(const char *what, const void *text, size_t size, struct json_object **ret, struct hf_error *err)
{
	struct json_tokener *tokener;
	struct json_object *object;
	enum json_tokener_error error;
	const char *rest = text;
	size_t end;

	if (size > INT_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: too long", what);
	tokener = json_tokener_new_ex(PARSE_DEPTH);
	if (tokener == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", what);
	object = json_tokener_parse_ex(tokener, text, (int)size);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (end < size && (rest[end] == ' ' || rest[end] == '\t' || rest[end] == '\r' || rest[end] == '\n'))
		end++;
	if (error == json_tokener_success && end == size && json_object_is_type(object, json_type_object)) {
		*ret = object;
		return HF_OK;
	}
	json_object_put(object);
	return hf_error_set(err, HF_ECORRUPT, 0, "%s: not a JSON object%s%s", what,
	    error == json_tokener_success ? "" : ": ",
	    error == json_tokener_success ? "" : json_tokener_error_desc(error));
}

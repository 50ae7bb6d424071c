/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "repository/repository-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#define CONFIG_NAME "config"
#define CONFIG_MAX  ((size_t)1 << 20)

/* What restic's chunker wants (format section 4). */
#define POLYNOMIAL_DEGREE 53

static int
refuse_object(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	char path[OBJECT_PATH_SIZE];
	const uint32_t *type = ctx;

	(void)size;
	return hf_error_set(err, HF_EEXIST, 0,
	    "there is something of a repository already: %s; use it, or name another place",
	    object_path(*type, name, path));
}

/* HF_EEXIST when any part of a repository is there. */
static int
check_vacant(const struct repository_storage *storage, struct hf_error *err)
{
	static const uint32_t types[] = {HF_OBJECT_KEY, HF_OBJECT_SNAPSHOT};
	struct hf_object_key config = {HF_OBJECT_CONFIG, 0, CONFIG_NAME};
	uint64_t size;
	uint32_t type;
	size_t i;
	int r;

	r = storage->ops->stat(storage->handle, &config, &size, err);
	if (r == HF_OK)
		return hf_error_set(err, HF_EEXIST, 0, "there is a repository already");
	if (r != HF_ENOTFOUND)
		return r;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		type = types[i];
		r = storage->ops->list(storage->handle, type, refuse_object, &type, err);
		if (r != HF_OK && r != HF_ENOTFOUND) /* not found: no place for objects yet */
			return r;
	}
	return HF_OK;
}

static int
put_config(const struct repository_storage *storage, const struct key_set *key, const struct repository_id *id,
    uint64_t polynomial, struct hf_error *err)
{
	struct buffer sealed = BUFFER_INIT(CONFIG_MAX);
	struct seal *seal = NULL;
	char json[256], hex[HASH_HEX_SIZE];
	int r, n;

	hex_encode(id->bytes, sizeof(id->bytes), hex);
	n = snprintf(json, sizeof(json), "{\"version\":2,\"id\":\"%s\",\"chunker_polynomial\":\"%llx\"}", hex,
	    (unsigned long long)polynomial);
	r = seal_new(key, &seal, err);
	if (r == HF_OK)
		r = seal_append(seal, json, (size_t)n, &sealed, err);
	if (r == HF_OK)
		r = object_put(storage, HF_OBJECT_CONFIG, CONFIG_NAME, sealed.data, sealed.size, NULL,
		    HF_PUT_NOREPLACE, err);
	seal_free(seal);
	buffer_release(&sealed);
	return r;
}

int
repository_init(const struct repository_storage *storage, const struct repository_options *options,
    struct repository_id *ret_id, struct hf_error *err)
{
	struct repository_id id;
	struct key_set key;
	uint64_t polynomial = 0;
	int r;

	if (options->password_size == 0)
		return hf_error_set(err, HF_EINVAL, 0, "the password is empty: a repository needs one");
	r = check_vacant(storage, err);
	if (r == HF_OK)
		r = storage->ops->create(storage->handle, err);
	if (r == HF_OK)
		r = random_bytes(id.bytes, sizeof(id.bytes), err);
	if (r == HF_OK)
		r = polynomial_random(&polynomial, err);
	if (r == HF_OK)
		r = random_bytes(&key, sizeof(key), err);
	/* The config last: what has one is whole. */
	if (r == HF_OK)
		r = key_create(storage, options, &key, err);
	if (r == HF_OK)
		r = put_config(storage, &key, &id, polynomial, err);
	explicit_bzero(&key, sizeof(key));
	if (r == HF_OK)
		*ret_id = id;
	return r;
}

static int
parse_polynomial(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i;
	int digit;

	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			digit = text[i] - '0';
		else if (text[i] >= 'a' && text[i] <= 'f')
			digit = text[i] - 'a' + 10;
		else if (text[i] >= 'A' && text[i] <= 'F')
			digit = text[i] - 'A' + 10;
		else
			return HF_EINVAL;
		if (value >> 60 != 0)
			return HF_EINVAL;
		value = value << 4 | (uint64_t)digit;
	}
	*ret = value;
	return i > 0 ? HF_OK : HF_EINVAL;
}

static int
read_config_members(struct repository *repository, struct json_object *config, struct hf_error *err)
{
	struct json_object *member;
	int64_t version;

	if (!json_object_object_get_ex(config, "version", &member) || !json_object_is_type(member, json_type_int))
		return hf_error_set(err, HF_ECORRUPT, 0, "config: no version");
	version = json_object_get_int64(member);
	if (version != 1 && version != 2)
		return hf_error_set(err, HF_ENOTSUP, 0,
		    "config: repository format version %lld; this holdfast knows 1 and 2", (long long)version);
	repository->version = (uint32_t)version;
	if (!json_object_object_get_ex(config, "id", &member) || !json_object_is_type(member, json_type_string) ||
	    hex_decode(json_object_get_string(member), (size_t)json_object_get_string_len(member),
	        repository->id.bytes, sizeof(repository->id.bytes)) != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "config: its id is not 64 hex digits");
	if (!json_object_object_get_ex(config, "chunker_polynomial", &member) ||
	    !json_object_is_type(member, json_type_string) ||
	    parse_polynomial(json_object_get_string(member), &repository->polynomial) != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "config: chunker_polynomial is not a hex number");
	if (repository->polynomial >> POLYNOMIAL_DEGREE != 1 ||
	    !polynomial_is_irreducible(repository->polynomial))
		return hf_error_set(err, HF_ECORRUPT, 0,
		    "config: chunker_polynomial %llx is not irreducible of degree 53",
		    (unsigned long long)repository->polynomial);
	/* append_only of rustic needs nothing: holdfast deletes nothing but its own locks. */
	return HF_OK;
}

/* The config object has no hash in its name, no version byte and no compression. */
static int
read_config(struct repository *repository, struct hf_error *err)
{
	struct buffer sealed = BUFFER_INIT(CONFIG_MAX), plain = BUFFER_INIT(CONFIG_MAX);
	struct json_object *config = NULL;
	int r;

	r = object_load(repository, HF_OBJECT_CONFIG, CONFIG_NAME, CONFIG_MAX, &sealed, err);
	if (r != HF_OK)
		goto done;
	r = seal_open(repository->seal, sealed.data, sealed.size, &plain, err);
	if (r == HF_ECORRUPT)
		r = hf_error_set(err, HF_ECORRUPT, 0,
		    "config: damaged, or of another repository: the key does not open it");
	if (r == HF_OK)
		r = object_parse("config", plain.data, plain.size, &config, err);
	if (r == HF_OK)
		r = read_config_members(repository, config, err);
done:
	json_object_put(config);
	buffer_release(&sealed);
	buffer_release(&plain);
	return r;
}

static int
make_cache_path(struct repository *repository, const char *directory, struct hf_error *err)
{
	char hex[HASH_HEX_SIZE];

	if (directory == NULL)
		return HF_OK;
	hex_encode(repository->id.bytes, sizeof(repository->id.bytes), hex);
	repository->cache_directory = path_join(directory, hex);
	if (repository->cache_directory == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	return HF_OK;
}

int
repository_open(const struct repository_storage *storage, const struct repository_options *options,
    struct repository **ret, struct hf_error *err)
{
	struct hf_object_key config = {HF_OBJECT_CONFIG, 0, CONFIG_NAME};
	struct hf_error why = HF_ERROR_INIT;
	struct repository *repository;
	uint64_t size;
	int r;

	r = storage->ops->stat(storage->handle, &config, &size, &why);
	/* The storage's own words name the place. */
	if (r == HF_ENOTFOUND)
		return hf_error_set(err, HF_ENOTFOUND, 0,
		    "there is no repository: %.400s; if it is on a disk that is not mounted, mount it",
		    why.msg);
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	repository = calloc(1, sizeof(*repository));
	if (repository == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	repository->storage = *storage;
	r = key_open(storage, options, &repository->key, err);
	if (r == HF_OK)
		r = seal_new(&repository->key, &repository->seal, err);
	if (r == HF_OK)
		r = read_config(repository, err);
	if (r == HF_OK)
		r = make_cache_path(repository, options->cache_directory, err);
	if (r != HF_OK) {
		repository_close(repository);
		return r;
	}
	*ret = repository;
	return HF_OK;
}

void
repository_close(struct repository *repository)
{
	if (repository == NULL)
		return;
	repository_unlock(repository);
	index_free(repository->index);
	compressor_free(repository->compressor);
	seal_free(repository->seal);
	free(repository->cache_directory);
	explicit_bzero(repository, sizeof(*repository));
	free(repository);
}

const struct repository_id *
repository_id(const struct repository *repository)
{
	return &repository->id;
}

uint64_t
repository_polynomial(const struct repository *repository)
{
	return repository->polynomial;
}

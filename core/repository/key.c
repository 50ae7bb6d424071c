/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"
#include "repository/origin.h"
#include "repository/key-derivation.h"
#include "repository/repository-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>
#include <openssl/evp.h>

/* A key file is a few hundred bytes. */
#define KEY_FILE_MAX ((size_t)64 << 10)
/* Each key tried costs a derivation; restic itself stops at 20. */
#define KEY_COUNT_MAX 100u

/* restic's choice of N and r: 32 MiB. */
#define CREATE_N 32768u
#define CREATE_R 8u

static int
out_of_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "key: out of memory");
}

/* ---- base64 and JSON ---- */

/* Decodes a member of base64 into at most max bytes; HF_ECORRUPT when absent or malformed. */
static int
read_base64(struct json_object *object, const char *name, uint8_t *out, size_t max, size_t *ret_size)
{
	struct json_object *member;
	const char *text;
	size_t size, padding = 0;
	uint8_t *bytes;
	int n;

	if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_string))
		return HF_ECORRUPT;
	text = json_object_get_string(member);
	size = (size_t)json_object_get_string_len(member);
	if (size == 0 || size % 4 != 0 || size > KEY_FILE_MAX)
		return HF_ECORRUPT;
	/* The library takes white space and "-" to some degree: only the standard alphabet passes here. */
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != size)
		return HF_ECORRUPT;
	while (padding < 2 && text[size - 1 - padding] == '=')
		padding++;
	if (memchr(text, '=', size - padding) != NULL)
		return HF_ECORRUPT;
	bytes = malloc(size / 4 * 3);
	if (bytes == NULL)
		return HF_ENOMEM;
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size);
	if (n < 0 || (size_t)n < padding || (size_t)n - padding > max) {
		free(bytes);
		return HF_ECORRUPT;
	}
	*ret_size = (size_t)n - padding;
	memcpy(out, bytes, *ret_size);
	explicit_bzero(bytes, size / 4 * 3);
	free(bytes);
	return HF_OK;
}

/* The same for exactly size bytes. */
static int
read_base64_exactly(struct json_object *object, const char *name, uint8_t *out, size_t size)
{
	size_t got = 0;
	int r = read_base64(object, name, out, size, &got);

	return r == HF_OK && got != size ? HF_ECORRUPT : r;
}

/* out holds 4 * ((size + 2) / 3) + 1. */
static void
write_base64(const uint8_t *data, size_t size, char *out)
{
	(void)EVP_EncodeBlock((unsigned char *)out, data, (int)size);
}

/* ---- the master key ---- */

static bool
is_zero(const uint8_t *data, size_t size)
{
	uint8_t any = 0;

	while (size > 0)
		any |= data[--size];
	return any == 0;
}

static int
read_master_members(struct json_object *object, struct key_set *master)
{
	struct json_object *mac;
	int r;

	if (!json_object_object_get_ex(object, "mac", &mac) || !json_object_is_type(mac, json_type_object))
		return HF_ECORRUPT;
	r = read_base64_exactly(mac, "k", master->mac_k, sizeof(master->mac_k));
	if (r == HF_OK)
		r = read_base64_exactly(mac, "r", master->mac_r, sizeof(master->mac_r));
	if (r == HF_OK)
		r = read_base64_exactly(object, "encrypt", master->encrypt, sizeof(master->encrypt));
	if (r == HF_OK && (is_zero(master->encrypt, sizeof(master->encrypt)) ||
	    is_zero(master->mac_k, sizeof(master->mac_k)) || is_zero(master->mac_r, sizeof(master->mac_r))))
		r = HF_ECORRUPT;
	return r;
}

/* Overwrites a text in place, as far as the library keeps it there. */
static void
wipe_member(struct json_object *object, const char *name)
{
	struct json_object *member;

	/* A text of the same length goes into the same memory. */
	if (json_object_object_get_ex(object, name, &member) && json_object_is_type(member, json_type_string)) {
		static const char blank[64];
		int size = json_object_get_string_len(member);

		if (size <= (int)sizeof(blank))
			(void)json_object_set_string_len(member, blank, size);
	}
}

static void
wipe_master(struct json_object *object)
{
	struct json_object *mac;

	if (object == NULL)
		return;
	if (json_object_object_get_ex(object, "mac", &mac) && json_object_is_type(mac, json_type_object)) {
		wipe_member(mac, "k");
		wipe_member(mac, "r");
	}
	wipe_member(object, "encrypt");
}

static int
read_master(const char *path, const struct buffer *plain, struct key_set *ret, struct hf_error *err)
{
	struct json_object *object = NULL;
	struct key_set master;
	int r;

	r = object_parse(path, plain->data, plain->size, &object, err);
	if (r != HF_OK)
		return r;
	r = read_master_members(object, &master);
	if (r == HF_OK)
		*ret = master;
	else
		r = hf_error_set(err, r, 0, "%s: the master key in it is not valid", path);
	wipe_master(object);
	json_object_put(object);
	explicit_bzero(&master, sizeof(master));
	return r;
}

static void
split_user_key(const uint8_t derived[DERIVED_SIZE], struct key_set *ret)
{
	memcpy(ret->encrypt, derived, 32);
	memcpy(ret->mac_k, derived + 32, 16);
	memcpy(ret->mac_r, derived + 48, 16);
}

/* ---- opening ---- */

struct key_file {
	struct derivation derivation;
	uint8_t data[1024]; /* the sealed master key: about 200 bytes */
	size_t data_size;
};

static int
read_number(struct json_object *object, const char *name, uint64_t *ret)
{
	struct json_object *member;
	int64_t value;

	if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_int))
		return HF_ECORRUPT;
	value = json_object_get_int64(member);
	if (value < 1)
		return HF_ECORRUPT;
	*ret = (uint64_t)value;
	return HF_OK;
}

static int
read_key_members(const char *path, struct json_object *object, struct key_file *file, struct hf_error *err)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, "kdf", &member) || !json_object_is_type(member, json_type_string) ||
	    strcmp(json_object_get_string(member), "scrypt") != 0)
		return hf_error_set(err, HF_ENOTSUP, 0, "%s: its kdf is not \"scrypt\"", path);
	if (read_number(object, "N", &file->derivation.n) != HF_OK ||
	    read_number(object, "r", &file->derivation.r) != HF_OK ||
	    read_number(object, "p", &file->derivation.p) != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: N, r or p is not a positive number", path);
	if (read_base64_exactly(object, "salt", file->derivation.salt, sizeof(file->derivation.salt)) != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: its salt is not 64 bytes of base64", path);
	if (read_base64(object, "data", file->data, sizeof(file->data), &file->data_size) != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: its data is not a sealed key", path);
	return derivation_check(&file->derivation, path, err);
}

static int
read_key_file(const struct repository_storage *storage, const char *name, const char *path,
    struct key_file *ret, struct hf_error *err)
{
	struct buffer bytes = BUFFER_INIT(KEY_FILE_MAX);
	struct json_object *object = NULL;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = object_get_checked(storage, HF_OBJECT_KEY, name, KEY_FILE_MAX, &bytes, err);
	if (r == HF_OK)
		r = object_parse(path, bytes.data, bytes.size, &object, err);
	if (r == HF_OK)
		r = read_key_members(path, object, ret, err);
	json_object_put(object);
	buffer_release(&bytes);
	return r;
}

/* HF_EAUTH: the password is not this key's. */
static int
open_key_file(const char *path, const struct key_file *file, const struct repository_options *options,
    struct key_set *ret, struct hf_error *err)
{
	struct buffer plain = BUFFER_INIT(sizeof(file->data));
	uint8_t derived[DERIVED_SIZE];
	struct seal *seal = NULL;
	struct key_set user;
	int r;

	r = derivation_run(&file->derivation, options->password, options->password_size, path, derived, err);
	if (r != HF_OK)
		return r;
	split_user_key(derived, &user);
	r = seal_new(&user, &seal, err);
	if (r == HF_OK) {
		r = seal_open(seal, file->data, file->data_size, &plain, err);
		if (r == HF_ECORRUPT)
			r = file->data_size < SEAL_OVERHEAD ?
			    hf_error_set(err, HF_ECORRUPT, 0, "%s: its data is too short", path) : HF_EAUTH;
	}
	if (r == HF_OK)
		r = read_master(path, &plain, ret, err);
	seal_free(seal);
	buffer_wipe(&plain);
	explicit_bzero(&user, sizeof(user));
	explicit_bzero(derived, sizeof(derived));
	return r;
}

struct names {
	struct repository_id ids[KEY_COUNT_MAX];
	size_t count;
};

static int
add_name(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	struct names *names = ctx;

	(void)size;
	if (names->count == KEY_COUNT_MAX)
		return hf_error_set(err, HF_ERANGE, 0,
		    "the repository has more than %u keys: holdfast tries no more than that", KEY_COUNT_MAX);
	if (hex_decode(name, strlen(name), names->ids[names->count].bytes, HASH_SIZE) == HF_OK)
		names->count++;
	return HF_OK;
}

static int
compare_names(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct repository_id));
}

int
key_open(const struct repository_storage *storage, const struct repository_options *options,
    struct key_set *ret_master, struct hf_error *err)
{
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	struct key_file file;
	struct names names;
	size_t i;
	int r;

	names.count = 0;
	r = storage->ops->list(storage->handle, HF_OBJECT_KEY, add_name, &names, err);
	if (r != HF_OK)
		return r;
	if (names.count == 0)
		return hf_error_set(err, HF_ECORRUPT, 0,
		    "the repository has no key left: without one nobody can open it; restore keys/ from a copy");
	qsort(names.ids, names.count, sizeof(names.ids[0]), compare_names);
	for (i = 0; i < names.count; i++) {
		hex_encode(names.ids[i].bytes, HASH_SIZE, name);
		(void)object_path(HF_OBJECT_KEY, name, path);
		r = read_key_file(storage, name, path, &file, err);
		if (r == HF_ENOTFOUND) /* removed since the listing: a password was changed */
			continue;
		if (r == HF_OK)
			r = open_key_file(path, &file, options, ret_master, err);
		if (r != HF_EAUTH)
			return r;
	}
	if (names.count == 1)
		return hf_error_set(err, HF_EAUTH, 0, "wrong password: it does not open the repository's key");
	return hf_error_set(err, HF_EAUTH, 0, "wrong password: it opens none of the repository's %zu keys",
	    names.count);
}

/* ---- making ---- */

static int
seal_master(const uint8_t derived[DERIVED_SIZE], const struct key_set *master, struct buffer *out,
    struct hf_error *err)
{
	char json[256], encrypt[48], k[28], r_text[28];
	struct seal *seal = NULL;
	struct key_set user;
	int r, n;

	write_base64(master->encrypt, sizeof(master->encrypt), encrypt);
	write_base64(master->mac_k, sizeof(master->mac_k), k);
	write_base64(master->mac_r, sizeof(master->mac_r), r_text);
	n = snprintf(json, sizeof(json), "{\"mac\":{\"k\":\"%s\",\"r\":\"%s\"},\"encrypt\":\"%s\"}", k, r_text,
	    encrypt);
	split_user_key(derived, &user);
	r = seal_new(&user, &seal, err);
	if (r == HF_OK)
		r = seal_append(seal, json, (size_t)n, out, err);
	seal_free(seal);
	explicit_bzero(&user, sizeof(user));
	explicit_bzero(json, sizeof(json));
	explicit_bzero(encrypt, sizeof(encrypt));
	explicit_bzero(k, sizeof(k));
	explicit_bzero(r_text, sizeof(r_text));
	return r;
}

/* Adds a text member; a NULL text or value is an error like any other. */
static int
add_member(struct json_object *object, const char *name, struct json_object *value)
{
	if (value == NULL || json_object_object_add(object, name, value) != 0) {
		json_object_put(value);
		return HF_ENOMEM;
	}
	return HF_OK;
}

/* In restic's order of members. */
static int
add_members(struct json_object *object, const struct derivation *derivation, const struct buffer *sealed)
{
	char now[TIME_RFC3339_SIZE], text[ORIGIN_NAME_SIZE], base64[1024];
	int r;

	(void)time_format(time_now(), now);
	r = add_member(object, "created", json_object_new_string(now));
	if (r == HF_OK)
		r = add_member(object, "username", json_object_new_string(origin_username(text)));
	if (r == HF_OK)
		r = add_member(object, "hostname", json_object_new_string(origin_hostname(text)));
	if (r == HF_OK)
		r = add_member(object, "kdf", json_object_new_string("scrypt"));
	if (r == HF_OK)
		r = add_member(object, "N", json_object_new_int64((int64_t)derivation->n));
	if (r == HF_OK)
		r = add_member(object, "r", json_object_new_int64((int64_t)derivation->r));
	if (r == HF_OK)
		r = add_member(object, "p", json_object_new_int64((int64_t)derivation->p));
	write_base64(derivation->salt, sizeof(derivation->salt), base64);
	if (r == HF_OK)
		r = add_member(object, "salt", json_object_new_string(base64));
	write_base64(sealed->data, sealed->size, base64);
	if (r == HF_OK)
		r = add_member(object, "data", json_object_new_string(base64));
	return r;
}

static int
put_key_file(const struct repository_storage *storage, const struct derivation *derivation,
    const struct buffer *sealed, struct hf_error *err)
{
	struct json_object *object = json_object_new_object();
	const char *text = NULL;
	uint8_t sum[HASH_SIZE];
	char name[HASH_HEX_SIZE];
	size_t size = 0;
	int r;

	if (object != NULL && add_members(object, derivation, sealed) == HF_OK)
		text = json_object_to_json_string_length(object,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	if (text == NULL) {
		json_object_put(object);
		return out_of_memory(err);
	}
	r = hash_bytes(text, size, sum, err);
	if (r == HF_OK) {
		hex_encode(sum, sizeof(sum), name);
		r = object_put(storage, HF_OBJECT_KEY, name, text, size, sum, 0, err);
	}
	json_object_put(object);
	return r;
}

int
key_create(const struct repository_storage *storage, const struct repository_options *options,
    const struct key_set *master, struct hf_error *err)
{
	struct buffer sealed = BUFFER_INIT(512);
	struct derivation derivation = {.n = CREATE_N, .r = CREATE_R, .p = 0};
	uint8_t derived[DERIVED_SIZE];
	int r;

	r = random_bytes(derivation.salt, sizeof(derivation.salt), err);
	if (r == HF_OK)
		r = derivation_choose(&derivation, options->password, options->password_size, derived, err);
	if (r == HF_OK)
		r = seal_master(derived, master, &sealed, err);
	explicit_bzero(derived, sizeof(derived));
	if (r == HF_OK)
		r = put_key_file(storage, &derivation, &sealed, err);
	buffer_release(&sealed);
	return r;
}

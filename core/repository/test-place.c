/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "repository/key-derivation.h"
#include "repository/test-place.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <holdfast/plugin.h>
#include <openssl/evp.h>

const struct hf_plugin *holdfast_plugin_v1(void); /* the local storage, linked in */

static void
must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

void
test_place_open(struct test_place *place)
{
	struct hf_error err = HF_ERROR_INIT;
	struct hf_value value = {HF_OPTION_PATH, 1, 0, place->path};
	char here[900], file[2000];

	memset(place, 0, sizeof(*place));
	(void)umask(077);
	must(getcwd(here, sizeof(here)) != NULL, "getcwd");
	(void)snprintf(place->directory, sizeof(place->directory), "%s/test-place-XXXXXX", here);
	must(mkdtemp(place->directory) != NULL, "mkdtemp");
	(void)snprintf(place->path, sizeof(place->path), "%s/repository", place->directory);
	(void)snprintf(file, sizeof(file), "%s/password", place->directory);
	must(path_write(file, TEST_PASSWORD, strlen(TEST_PASSWORD), 0600, NULL) == HF_OK, "password");
	place->storage.ops = holdfast_plugin_v1()->components[0]->ops;
	must(place->storage.ops->open(NULL, &value, 1, &place->storage.handle, &err) == HF_OK, "open");
	place->options.password = TEST_PASSWORD;
	place->options.password_size = strlen(TEST_PASSWORD);
	place->options.cache_directory = place->directory;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
test_place_close(struct test_place *place)
{
	place->storage.ops->close(place->storage.handle);
	(void)nftw(place->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct repository *
test_place_repository(struct test_place *place)
{
	struct hf_error err = HF_ERROR_INIT;
	struct repository *repository;
	struct repository_id id;

	must(repository_init(&place->storage, &place->options, &id, &err) == HF_OK, err.msg);
	must(repository_open(&place->storage, &place->options, &repository, &err) == HF_OK, err.msg);
	return repository;
}

void
test_place_add_key(struct test_place *place, const struct key_set *master, unsigned p, const char *password)
{
	struct buffer sealed = BUFFER_INIT(1000);
	struct derivation derivation = {.n = 1024, .r = 8, .p = p};
	uint8_t derived[DERIVED_SIZE];
	char json[1000], encrypt[48], k[28], r[28], salt[100], data[600], name[HASH_HEX_SIZE];
	struct key_set user;
	struct seal *seal;
	int n;

	must(random_bytes(derivation.salt, SALT_SIZE, NULL) == HF_OK, "random");
	must(derivation_run(&derivation, password, strlen(password), "key", derived, NULL) == HF_OK, "derivation");
	memcpy(user.encrypt, derived, 32);
	memcpy(user.mac_k, derived + 32, 16);
	memcpy(user.mac_r, derived + 48, 16);
	(void)EVP_EncodeBlock((unsigned char *)encrypt, master->encrypt, 32);
	(void)EVP_EncodeBlock((unsigned char *)k, master->mac_k, 16);
	(void)EVP_EncodeBlock((unsigned char *)r, master->mac_r, 16);
	n = snprintf(json, sizeof(json), "{\"mac\":{\"k\":\"%s\",\"r\":\"%s\"},\"encrypt\":\"%s\"}", k, r, encrypt);
	must(seal_new(&user, &seal, NULL) == HF_OK, "seal");
	must(seal_append(seal, json, (size_t)n, &sealed, NULL) == HF_OK, "seal");
	seal_free(seal);
	(void)EVP_EncodeBlock((unsigned char *)salt, derivation.salt, SALT_SIZE);
	(void)EVP_EncodeBlock((unsigned char *)data, sealed.data, (int)sealed.size);
	buffer_release(&sealed);
	n = snprintf(json, sizeof(json),
	    "{\"kdf\":\"scrypt\",\"N\":1024,\"r\":8,\"p\":%u,\"salt\":\"%s\",\"data\":\"%s\",\"more\":[1]}", p, salt,
	    data);
	test_place_put_raw(place, HF_OBJECT_KEY, json, (size_t)n, name);
}

struct repository *
test_place_weak_repository(struct test_place *place)
{
	static const char config[] = "{\"version\":2,\"id\":"
	    "\"5956a3f67a6230d4a92cefb29529f10196c7d92582ec305fd71ff6d331d6271b\","
	    "\"chunker_polynomial\":\"25b468838dcb75\",\"unknown\":{\"a\":[1]}}\n";
	struct buffer sealed = BUFFER_INIT(1000);
	struct hf_error err = HF_ERROR_INIT;
	struct repository *repository;
	struct key_set master;
	struct seal *seal;

	must(place->storage.ops->create(place->storage.handle, &err) == HF_OK, err.msg);
	must(random_bytes(&master, sizeof(master), NULL) == HF_OK, "random");
	test_place_add_key(place, &master, 1, TEST_PASSWORD);
	must(seal_new(&master, &seal, NULL) == HF_OK, "seal");
	must(seal_append(seal, config, strlen(config), &sealed, NULL) == HF_OK, "seal");
	seal_free(seal);
	must(object_put(&place->storage, HF_OBJECT_CONFIG, "config", sealed.data, sealed.size, NULL, 0, &err) ==
	    HF_OK, err.msg);
	buffer_release(&sealed);
	must(repository_open(&place->storage, &place->options, &repository, &err) == HF_OK, err.msg);
	return repository;
}

struct seen {
	unsigned count;
	char name[HASH_HEX_SIZE];
};

static int
see(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	struct seen *seen = ctx;

	(void)size;
	(void)err;
	seen->count++;
	(void)snprintf(seen->name, sizeof(seen->name), "%s", name);
	return HF_OK;
}

unsigned
test_place_count(struct test_place *place, uint32_t type)
{
	struct seen seen = {0, ""};

	must(place->storage.ops->list(place->storage.handle, type, see, &seen, NULL) == HF_OK, "list");
	return seen.count;
}

bool
test_place_first(struct test_place *place, uint32_t type, char name[HASH_HEX_SIZE])
{
	struct seen seen = {0, ""};

	must(place->storage.ops->list(place->storage.handle, type, see, &seen, NULL) == HF_OK, "list");
	(void)snprintf(name, HASH_HEX_SIZE, "%s", seen.name);
	return seen.count > 0;
}

void
test_place_put_json(struct repository *repository, uint32_t type, const char *json, char name[HASH_HEX_SIZE])
{
	struct repository_id id;

	must(object_save_json(repository, type, json, strlen(json), &id, NULL) == HF_OK, "put");
	hex_encode(id.bytes, sizeof(id.bytes), name);
}

void
test_place_put_raw(struct test_place *place, uint32_t type, const void *data, size_t size, char name[HASH_HEX_SIZE])
{
	uint8_t sum[HASH_SIZE];

	must(hash_bytes(data, size, sum, NULL) == HF_OK, "hash");
	hex_encode(sum, sizeof(sum), name);
	must(object_put(&place->storage, type, name, data, size, sum, 0, NULL) == HF_OK, "put");
}

void
test_place_file(struct test_place *place, const char *object, char *out)
{
	(void)snprintf(out, 4096, "%s/%s", place->path, object);
}

bool
test_restic_is_there(void)
{
	return system("restic version >/dev/null 2>&1") == 0;
}

int
test_restic(struct test_place *place, const char *command, struct buffer *out)
{
	char line[8192], part[4096];
	int status;
	FILE *pipe;
	size_t n;

	(void)snprintf(line, sizeof(line), "restic --no-cache -q -r '%s' -p '%s/password' %s", place->path,
	    place->directory, command);
	pipe = popen(line, "r");
	must(pipe != NULL, "popen");
	while ((n = fread(part, 1, sizeof(part), pipe)) > 0)
		if (out != NULL)
			buffer_append(out, part, n);
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "repository/key-derivation.h"
#include "repository/test-place.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static void
test_vector(void)
{
	struct derivation d = {.n = 1024, .r = 8, .p = 1};
	uint8_t out[DERIVED_SIZE];
	char hex[2 * DERIVED_SIZE + 1];
	uint8_t i;

	for (i = 0; i < SALT_SIZE; i++)
		d.salt[i] = i;
	CU_ASSERT_EQUAL_FATAL(derivation_run(&d, "pw", 2, "key", out, NULL), HF_OK);
	hex_encode(out, sizeof(out), hex);
	CU_ASSERT_STRING_EQUAL(hex, "8aa466ca457043893231e4ec8f190d87baaffdff6ffed5956e8d7689445c8b91"
	    "10b757407c5302a5133c9ba3e8557700" "b9f789cd5a34fc75e7d308e58f0e5533");
}

static int
check(uint64_t n, uint64_t r, uint64_t p)
{
	struct derivation d = {.n = n, .r = r, .p = p};

	return derivation_check(&d, "key", NULL);
}

static void
test_limits(void)
{
	/* What restic and rustic write, and restic's own extremes. */
	CU_ASSERT_EQUAL(check(32768, 8, 10), HF_OK);
	CU_ASSERT_EQUAL(check(131072, 8, 1), HF_OK);
	CU_ASSERT_EQUAL(check(1u << 20, 8, 1), HF_OK);
	CU_ASSERT_EQUAL(check(2, 1, 1), HF_OK);
	CU_ASSERT_EQUAL(check(1u << 21, 8, 1), HF_ERANGE);
	CU_ASSERT_EQUAL(check(0, 8, 1), HF_ERANGE);
	CU_ASSERT_EQUAL(check(1, 8, 1), HF_ERANGE);
	CU_ASSERT_EQUAL(check(32767, 8, 1), HF_ERANGE);
	CU_ASSERT_EQUAL(check(32768, 0, 1), HF_ERANGE);
	CU_ASSERT_EQUAL(check(32768, 8, 0), HF_ERANGE);
	CU_ASSERT_EQUAL(check(2, 1u << 29, 2), HF_ERANGE);
	CU_ASSERT_EQUAL(check(2, 1u << 15, 1u << 15), HF_ERANGE);
	CU_ASSERT_EQUAL(check(UINT64_C(1) << 63, UINT64_C(1) << 63, UINT64_C(1) << 63), HF_ERANGE);
	CU_ASSERT_EQUAL(check(UINT64_C(1) << 63, 1, 1), HF_ERANGE);
	CU_ASSERT_EQUAL(check(1u << 20, 8, 1u << 10), HF_ERANGE); /* hours */
}

/* The child's 32 MiB are not this process's. */
static void
test_memory(void)
{
	struct derivation d = {.n = 32768, .r = 8, .p = 1};
	struct rusage before, after;
	uint8_t out[DERIVED_SIZE];

	memset(d.salt, 1, sizeof(d.salt));
	CU_ASSERT_EQUAL(getrusage(RUSAGE_SELF, &before), 0);
	CU_ASSERT_EQUAL(derivation_run(&d, "pw", 2, "key", out, NULL), HF_OK);
	CU_ASSERT_EQUAL(derivation_choose(&d, "pw", 2, out, NULL), HF_OK);
	CU_ASSERT(d.p >= 3 && d.p <= 16);
	CU_ASSERT_EQUAL(getrusage(RUSAGE_SELF, &after), 0);
	CU_ASSERT(after.ru_maxrss - before.ru_maxrss < 8192);
}

static int
open_with(struct test_place *place, const char *password, struct key_set *ret, struct hf_error *err)
{
	struct repository_options options = place->options;

	options.password = password;
	options.password_size = strlen(password);
	return key_open(&place->storage, &options, ret, err);
}

static void
test_several(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct key_set master, got;
	struct test_place place;

	test_place_open(&place);
	CU_ASSERT_EQUAL_FATAL(place.storage.ops->create(place.storage.handle, &err), HF_OK);
	CU_ASSERT_EQUAL(open_with(&place, "one", &got, &err), HF_ECORRUPT); /* no key at all */
	CU_ASSERT_EQUAL(random_bytes(&master, sizeof(master), NULL), HF_OK);
	test_place_add_key(&place, &master, 1, "one");
	test_place_add_key(&place, &master, 3, "two");
	test_place_add_key(&place, &master, 2, "drei \xc3\xa4");
	memset(&got, 0, sizeof(got));
	CU_ASSERT_EQUAL(open_with(&place, "one", &got, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&got, &master, sizeof(got)), 0);
	memset(&got, 0, sizeof(got));
	CU_ASSERT_EQUAL(open_with(&place, "two", &got, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&got, &master, sizeof(got)), 0);
	memset(&got, 0, sizeof(got));
	CU_ASSERT_EQUAL(open_with(&place, "drei \xc3\xa4", &got, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&got, &master, sizeof(got)), 0);
	CU_ASSERT_EQUAL(open_with(&place, "two ", &got, &err), HF_EAUTH);
	CU_ASSERT_EQUAL(open_with(&place, "", &got, &err), HF_EAUTH);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "3 keys"));
	test_place_close(&place);
}

#define SALT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define DATA "QEFCQ0RFRkdISUpLTE1OT8sbs1P4esiK4xQRrvk0wy5NELy45g92W5A7b5p9zw1g"

static void
test_hostile(void)
{
	static const struct {
		const char *json;
		int code;
	} keys[] = {
	    {"", HF_ECORRUPT},
	    {"null", HF_ECORRUPT},
	    {"[]", HF_ECORRUPT},
	    {"{", HF_ECORRUPT},
	    {"{}", HF_ENOTSUP},
	    {"{\"kdf\":\"argon2\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}", HF_ENOTSUP},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"AAEC\",\"data\":\"" DATA "\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "AAEC\",\"data\":\"" DATA "\"}",
	        HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":7,\"data\":\"" DATA "\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"AAEC\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"====\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"A!EC\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":\"2\",\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}",
	        HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":-2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}", HF_ECORRUPT},
	    {"{\"kdf\":\"scrypt\",\"N\":3,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}", HF_ERANGE},
	    {"{\"kdf\":\"scrypt\",\"N\":2097152,\"r\":8,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}",
	        HF_ERANGE},
	    /* Of little memory, and dear. */
	    {"{\"kdf\":\"scrypt\",\"N\":1048576,\"r\":1,\"p\":128,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}",
	        HF_ERANGE},
	    {"{\"kdf\":\"scrypt\",\"N\":99999999999999999999999,\"r\":8,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA
	     "\"}", HF_ERANGE},
	    /* Nothing wrong but the password. */
	    {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}", HF_EAUTH},
	};
	struct hf_error err = HF_ERROR_INIT;
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	struct hf_object_key key = {HF_OBJECT_KEY, 0, name};
	struct test_place place;
	struct key_set got;
	size_t i;
	int r;

	test_place_open(&place);
	CU_ASSERT_EQUAL_FATAL(place.storage.ops->create(place.storage.handle, &err), HF_OK);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		test_place_put_raw(&place, HF_OBJECT_KEY, keys[i].json, strlen(keys[i].json), name);
		r = open_with(&place, "x", &got, &err);
		CU_ASSERT_EQUAL(r, keys[i].code);
		if (r != keys[i].code)
			printf("[%zu: %d %s]", i, r, err.msg);
		if (r != HF_EAUTH)
			CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, object_path(HF_OBJECT_KEY, name, path)));
		CU_ASSERT_EQUAL(place.storage.ops->remove(place.storage.handle, &key, &err), HF_OK);
	}
	test_place_close(&place);
}

/* What restic makes: p above 1, and a second key. */
static void
test_restic_keys(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct key_set one, two;
	struct test_place place;
	char command[3000];

	if (!test_restic_is_there())
		return;
	test_place_open(&place);
	CU_ASSERT_EQUAL_FATAL(test_restic(&place, "init", NULL), 0);
	(void)snprintf(command, sizeof(command), "key add --new-password-file '%s/new'", place.directory);
	{
		char file[2000];
		FILE *new;

		(void)snprintf(file, sizeof(file), "%s/new", place.directory);
		new = fopen(file, "w");
		CU_ASSERT_PTR_NOT_NULL_FATAL(new);
		(void)fputs("other\n", new);
		(void)fclose(new);
	}
	CU_ASSERT_EQUAL(test_restic(&place, command, NULL), 0);
	CU_ASSERT_EQUAL(test_place_count(&place, HF_OBJECT_KEY), 2);
	CU_ASSERT_EQUAL(open_with(&place, TEST_PASSWORD, &one, &err), HF_OK);
	CU_ASSERT_EQUAL(open_with(&place, "other", &two, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&one, &two, sizeof(one)), 0);
	CU_ASSERT_EQUAL(open_with(&place, "neither", &two, &err), HF_EAUTH);
	test_place_close(&place);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"vector", test_vector}, {"limits", test_limits}, {"memory", test_memory},
	    {"several", test_several}, {"hostile", test_hostile}, {"restic's", test_restic_keys}, CU_TEST_INFO_NULL};

	return unit_run("key", tests);
}

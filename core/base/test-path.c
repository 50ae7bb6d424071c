/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/hash.h"
#include "base/path.h"
#include "base/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
encoded(const char *name, const char *wanted)
{
	char out[PATH_COMPONENT_MAX + 1];

	CU_ASSERT_EQUAL(path_encode(name, strlen(name), out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(out, wanted);
}

static void
test_encode(void)
{
	char out[PATH_COMPONENT_MAX + 1];

	encoded("general", "general");
	encoded("C0JG", "%430%4A%47");
	encoded("..", "%2E.");
	encoded("-rf", "%2Drf");
	encoded("a/b\\c", "a%2Fb%5Cc");
	encoded("a\n\x7f", "a%0A%7F");
	CU_ASSERT_EQUAL(path_encode("", 0, out, NULL), HF_EINVAL);
}

static void
test_encode_long(void)
{
	char a[400], one[PATH_COMPONENT_MAX + 1], two[PATH_COMPONENT_MAX + 1];
	size_t size;

	memset(a, 'X', sizeof(a));
	for (size = 60; size < sizeof(a); size++) {
		a[size - 1] = 'Y';
		CU_ASSERT_EQUAL(path_encode(a, size, one, NULL), HF_OK);
		a[size - 1] = 'X';
		CU_ASSERT_EQUAL(path_encode(a, size, two, NULL), HF_OK);
		CU_ASSERT_STRING_NOT_EQUAL(one, two);
		CU_ASSERT(strlen(one) <= 200);
	}
}

static void
test_files(void)
{
	char dir[] = "test-path-XXXXXX", *deep, *file;
	struct buffer b = BUFFER_INIT(100);
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	deep = path_join(dir, "a/b/c");
	file = path_join(dir, "a/b/c/file");
	CU_ASSERT_EQUAL(path_make_directories(deep, NULL), HF_OK);
	CU_ASSERT_EQUAL(path_make_directories(deep, NULL), HF_OK);
	CU_ASSERT_EQUAL(path_write(file, "one", 3, 0600, NULL), HF_OK);
	CU_ASSERT_EQUAL(path_write(file, "three", 5, 0600, NULL), HF_OK);
	CU_ASSERT_EQUAL(path_read(file, 5, &b, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&b), "three");
	CU_ASSERT_EQUAL(path_read(file, 4, &b, &err), HF_ERANGE);
	CU_ASSERT_EQUAL(path_make_directories(file, NULL), HF_EEXIST);
	CU_ASSERT_EQUAL(path_read(dir, 4, &b, &err), HF_EIO);
	CU_ASSERT_EQUAL(path_read("no-such-file", 4, &b, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(unlink(file), 0);
	CU_ASSERT_EQUAL(rmdir(deep), 0);
	free(deep);
	deep = path_join(dir, "a/b");
	CU_ASSERT_EQUAL(rmdir(deep), 0);
	free(deep);
	deep = path_join(dir, "a");
	CU_ASSERT_EQUAL(rmdir(deep), 0);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
	free(deep);
	free(file);
	buffer_release(&b);
}

static void
test_hash(void)
{
	uint8_t sum[HASH_SIZE], again[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	struct hash *h;

	CU_ASSERT_EQUAL_FATAL(hash_new(&h, NULL), HF_OK);
	CU_ASSERT_EQUAL(hash_update(h, "hello ", 6, NULL), HF_OK);
	CU_ASSERT_EQUAL(hash_sum(h, sum, NULL), HF_OK);
	CU_ASSERT_EQUAL(hash_update(h, "world\n", 6, NULL), HF_OK);
	CU_ASSERT_EQUAL(hash_sum(h, sum, NULL), HF_OK);
	hex_encode(sum, HASH_SIZE, hex);
	CU_ASSERT_STRING_EQUAL(hex, "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447");
	CU_ASSERT_EQUAL(hash_bytes("hello world\n", 12, again, NULL), HF_OK);
	CU_ASSERT_EQUAL(memcmp(sum, again, HASH_SIZE), 0);
	CU_ASSERT_EQUAL(hex_decode(hex, 64, again, 32), HF_OK);
	CU_ASSERT_EQUAL(memcmp(sum, again, HASH_SIZE), 0);
	CU_ASSERT_EQUAL(hex_decode(hex, 63, again, 32), HF_EINVAL);
	hex[3] = 'G';
	CU_ASSERT_EQUAL(hex_decode(hex, 64, again, 32), HF_EINVAL);
	hash_free(h);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"encode", test_encode}, {"encode long", test_encode_long},
	    {"files", test_files}, {"hash", test_hash}, CU_TEST_INFO_NULL};

	return unit_run("path", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

/* The vectors of the format's specification, made with an independent implementation. */
static void
vector_key(struct key_set *key, uint8_t iv[16])
{
	uint8_t i;

	for (i = 0; i < 32; i++)
		key->encrypt[i] = i;
	for (i = 0; i < 16; i++) {
		key->mac_k[i] = (uint8_t)(0x20 + i);
		key->mac_r[i] = (uint8_t)(0x30 + i);
		iv[i] = (uint8_t)(0x40 + i);
	}
}

static void
test_vectors(void)
{
	struct buffer out = BUFFER_INIT(1000), plain = BUFFER_INIT(1000);
	struct key_set key;
	struct seal *seal;
	uint8_t iv[16];
	char hex[200];

	vector_key(&key, iv);
	CU_ASSERT_EQUAL_FATAL(seal_new(&key, &seal, NULL), HF_OK);
	CU_ASSERT_EQUAL(seal_append_iv(seal, iv, "hello repository", 16, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(out.size, 48);
	hex_encode(out.data, out.size, hex);
	CU_ASSERT_STRING_EQUAL(hex,
	    "404142434445464748494a4b4c4d4e4fcb1bb353f87ac88ae31411aef934c32e4d10cbb8e60f765b903b6f9a7dcf0d60");
	CU_ASSERT_EQUAL(seal_open(seal, out.data, out.size, &plain, NULL), HF_OK);
	CU_ASSERT_EQUAL(plain.size, 16);
	CU_ASSERT_EQUAL(memcmp(plain.data, "hello repository", 16), 0);
	buffer_clear(&out);
	CU_ASSERT_EQUAL(seal_append_iv(seal, iv, "", 0, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(out.size, 32);
	hex_encode(out.data + 16, 16, hex);
	CU_ASSERT_STRING_EQUAL(hex, "859469c07743c7e45b318d151d3d87e9");
	buffer_clear(&plain);
	CU_ASSERT_EQUAL(seal_open(seal, out.data, out.size, &plain, NULL), HF_OK);
	CU_ASSERT_EQUAL(plain.size, 0);
	seal_free(seal);
	buffer_release(&out);
	buffer_release(&plain);
}

/* Every size around the pieces comes back, two seals of the same bytes differ, both append. */
static void
test_round_trip(void)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 16383, 16384, 16385, 100000, 1000003};
	struct buffer out = BUFFER_INIT(4u << 20), plain = BUFFER_INIT(4u << 20);
	struct key_set key;
	struct seal *seal;
	uint8_t iv[16], *data = malloc(1000003);
	size_t i;

	vector_key(&key, iv);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL(random_bytes(data, 1000003, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(seal_new(&key, &seal, NULL), HF_OK);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buffer_clear(&out);
		buffer_clear(&plain);
		buffer_append_byte(&plain, 'x');
		CU_ASSERT_EQUAL(seal_append(seal, data, sizes[i], &out, NULL), HF_OK);
		CU_ASSERT_EQUAL(seal_append(seal, data, sizes[i], &out, NULL), HF_OK);
		CU_ASSERT_EQUAL_FATAL(out.size, 2 * (sizes[i] + SEAL_OVERHEAD));
		CU_ASSERT_NOT_EQUAL(memcmp(out.data, out.data + sizes[i] + SEAL_OVERHEAD, 16), 0);
		CU_ASSERT_EQUAL(
		    seal_open(seal, out.data + sizes[i] + SEAL_OVERHEAD, sizes[i] + SEAL_OVERHEAD, &plain, NULL),
		    HF_OK);
		CU_ASSERT_EQUAL_FATAL(plain.size, sizes[i] + 1);
		CU_ASSERT_EQUAL(memcmp(plain.data + 1, data, sizes[i]), 0);
	}
	seal_free(seal);
	free(data);
	buffer_release(&out);
	buffer_release(&plain);
}

static void
test_damage(void)
{
	struct buffer out = BUFFER_INIT(1000), plain = BUFFER_INIT(1000);
	struct hf_error err = HF_ERROR_INIT;
	struct key_set key;
	struct seal *seal;
	uint8_t iv[16], zero[48] = {0};
	size_t i;

	vector_key(&key, iv);
	CU_ASSERT_EQUAL_FATAL(seal_new(&key, &seal, NULL), HF_OK);
	CU_ASSERT_EQUAL(seal_append_iv(seal, iv, "hello repository", 16, &out, NULL), HF_OK);
	for (i = 0; i < out.size; i++) {
		out.data[i] ^= 0x10;
		CU_ASSERT_EQUAL(seal_open(seal, out.data, out.size, &plain, &err), HF_ECORRUPT);
		out.data[i] ^= 0x10;
	}
	for (i = 0; i < out.size; i++)
		CU_ASSERT_EQUAL(seal_open(seal, out.data, i, &plain, &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(seal_open(seal, zero, sizeof(zero), &plain, &err), HF_ECORRUPT);
	buffer_clear(&out);
	CU_ASSERT_EQUAL(seal_append_iv(seal, zero, "hello repository", 16, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL(seal_open(seal, out.data, out.size, &plain, &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(plain.size, 0);
	out.max = 60;
	CU_ASSERT_EQUAL(seal_append(seal, "hello repository", 16, &out, &err), HF_ERANGE);
	seal_free(seal);
	buffer_release(&out);
	buffer_release(&plain);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"vectors", test_vectors}, {"round trip", test_round_trip},
	    {"damage", test_damage}, CU_TEST_INFO_NULL};

	return unit_run("seal", tests);
}

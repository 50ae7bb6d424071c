/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

static struct compressor *compressor;

static uint8_t *
sample(size_t size)
{
	uint8_t *data = malloc(size + 1);
	uint32_t x = 12345;
	size_t i;

	for (i = 0; data != NULL && i < size; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (uint8_t)("abcdefgh"[(x >> 20) & 7]);
	}
	return data;
}

static void
test_sizes(void)
{
	static const size_t sizes[] = {0, 1, 12, 255, 256, 4096, 131072, 305000, 1048576, 1048577, 3000000};
	struct buffer packed = BUFFER_INIT(SIZE_MAX), plain = BUFFER_INIT(SIZE_MAX);
	uint8_t *data = sample(3000000);
	size_t i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buffer_clear(&packed);
		buffer_clear(&plain);
		CU_ASSERT_EQUAL(compressor_pack(compressor, data, sizes[i], &packed, NULL), HF_OK);
		CU_ASSERT_EQUAL(ZSTD_getFrameContentSize(packed.data, packed.size), sizes[i]);
		CU_ASSERT_EQUAL(ZSTD_findFrameCompressedSize(packed.data, packed.size), packed.size);
		CU_ASSERT_EQUAL(compressor_unpack(compressor, packed.data, packed.size, sizes[i], &plain, NULL), HF_OK);
		CU_ASSERT_EQUAL(plain.size, sizes[i]);
		CU_ASSERT(plain.size == 0 || memcmp(plain.data, data, plain.size) == 0);
		CU_ASSERT_EQUAL(compressor_compare(compressor, packed.data, packed.size, data, sizes[i], NULL), HF_OK);
		CU_ASSERT_EQUAL(
		    compressor_compare(compressor, packed.data, packed.size, data, sizes[i] + 1, NULL), HF_ECORRUPT);
		if (sizes[i] == 0)
			continue;
		CU_ASSERT_EQUAL(
		    compressor_compare(compressor, packed.data, packed.size, data, sizes[i] - 1, NULL), HF_ECORRUPT);
		data[sizes[i] - 1] ^= 1;
		CU_ASSERT_EQUAL(
		    compressor_compare(compressor, packed.data, packed.size, data, sizes[i], NULL), HF_ECORRUPT);
		data[sizes[i] - 1] ^= 1;
		/* Too much for max, cut short, followed by something else. */
		CU_ASSERT_EQUAL(
		    compressor_unpack(compressor, packed.data, packed.size, sizes[i] - 1, &plain, NULL), HF_ECORRUPT);
		CU_ASSERT_EQUAL(
		    compressor_unpack(compressor, packed.data, packed.size - 1, sizes[i], &plain, NULL), HF_ECORRUPT);
		CU_ASSERT_EQUAL(compressor_compare(compressor, packed.data, packed.size - 1, data, sizes[i], NULL),
		    HF_ECORRUPT);
		buffer_append(&packed, "rubbish!", 8);
		CU_ASSERT_EQUAL(
		    compressor_unpack(compressor, packed.data, packed.size, sizes[i], &plain, NULL), HF_ECORRUPT);
		CU_ASSERT_EQUAL(plain.size, sizes[i]);
	}
	buffer_release(&packed);
	buffer_release(&plain);
	free(data);
}

static void
test_window(void)
{
	struct buffer packed = BUFFER_INIT(SIZE_MAX);
	uint8_t *data = sample(3000000);

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL(compressor_pack(compressor, data, 3000000, &packed, NULL), HF_OK);
	/* Frame header: no single segment, window descriptor (log - 10) << 3 for 512 KiB at most, no checksum. */
	CU_ASSERT_EQUAL(packed.data[4] & 0x24, 0);
	CU_ASSERT((packed.data[5] >> 3) + 10 <= 19);
	buffer_release(&packed);
	free(data);
}

/* Frames as other writers make them: no content size, checksum, several, skippable. */
static void
test_foreign(void)
{
	static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'};
	struct buffer packed = BUFFER_INIT(SIZE_MAX), plain = BUFFER_INIT(SIZE_MAX);
	size_t size = 700000, half = 300000;
	uint8_t *data = sample(size), *part = malloc(ZSTD_compressBound(size));
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n, i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_PTR_NOT_NULL_FATAL(part);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(c, part, ZSTD_compressBound(size), data, half);
	buffer_append(&packed, part, n);
	buffer_append(&packed, skippable, sizeof(skippable));
	n = ZSTD_compress2(c, part, ZSTD_compressBound(size), data + half, size - half);
	buffer_append(&packed, part, n);
	CU_ASSERT_EQUAL(compressor_unpack(compressor, packed.data, packed.size, size, &plain, NULL), HF_OK);
	CU_ASSERT_EQUAL(plain.size, size);
	CU_ASSERT_EQUAL(memcmp(plain.data, data, size), 0);
	CU_ASSERT_EQUAL(compressor_compare(compressor, packed.data, packed.size, data, size, NULL), HF_OK);
	/* The checksum sees every flipped bit; nothing may crash. */
	for (i = 0; i < packed.size; i += 997) {
		packed.data[i] ^= 0x10;
		buffer_clear(&plain);
		if (compressor_unpack(compressor, packed.data, packed.size, size, &plain, NULL) == HF_OK)
			CU_ASSERT(plain.size <= size);
		packed.data[i] ^= 0x10;
	}
	(void)ZSTD_freeCCtx(c);
	free(part);
	free(data);
	buffer_release(&packed);
	buffer_release(&plain);
}

static void
test_hostile(void)
{
	/* 2^60 bytes promised; a 1 GiB window; nothing at all. */
	static const uint8_t promised[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0};
	static const uint8_t window[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 1, 0, 0};
	struct buffer plain = BUFFER_INIT(SIZE_MAX);

	CU_ASSERT_EQUAL(
	    compressor_unpack(compressor, promised, sizeof(promised), 1000, &plain, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(compressor_unpack(compressor, window, sizeof(window), 1000, &plain, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(compressor_unpack(compressor, "", 0, 1000, &plain, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(compressor_unpack(compressor, "{\"a\":1}", 7, 1000, &plain, NULL), HF_ECORRUPT);
	CU_ASSERT(plain.capacity < 1 << 20);
	buffer_release(&plain);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"sizes", test_sizes}, {"window", test_window}, {"foreign frames", test_foreign},
	    {"hostile", test_hostile}, CU_TEST_INFO_NULL};
	int r;

	if (compressor_new(&compressor, NULL) != HF_OK)
		return 99;
	r = unit_run("compress", tests);
	compressor_free(compressor);
	return r;
}

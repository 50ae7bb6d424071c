/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "repository/pack.h"

#include <stdlib.h>
#include <string.h>

static void
test_vector(void)
{
	static const char wanted[] = "0235000000"
	                             "0c000000a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";
	struct index_blob blob = {.entry = {.length = 53, .plain_length = 12, .type = BLOB_DATA}};
	struct buffer header = BUFFER_INIT(1000);
	char hex[100];

	CU_ASSERT_EQUAL(hash_bytes("hello world\n", 12, blob.id.bytes, NULL), HF_OK);
	CU_ASSERT_EQUAL(pack_header_write(&blob, 1, &header, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(header.size, 41);
	hex_encode(header.data, header.size, hex);
	CU_ASSERT_STRING_EQUAL(hex, wanted);
	CU_ASSERT_EQUAL(pack_file_size(&blob, 1), 53 + 41 + 36);
	buffer_release(&header);
}

static void
test_round(void)
{
	struct index_blob blobs[4], *read;
	struct buffer header = BUFFER_INIT(1000), out = BUFFER_INIT(10000);
	struct repository_id pack = {{9}};
	uint32_t offset = 0;
	unsigned i;

	memset(blobs, 0, sizeof(blobs));
	for (i = 0; i < 4; i++) {
		blobs[i].entry.type = i & 1 ? BLOB_TREE : BLOB_DATA;
		blobs[i].entry.plain_length = i & 2 ? 0x01020304 : 0;
		blobs[i].entry.length = 100 + i;
		blobs[i].id.bytes[5] = (uint8_t)i;
	}
	CU_ASSERT_EQUAL(pack_header_write(blobs, 4, &header, NULL), HF_OK);
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, header.size, 406, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(out.size, 4 * sizeof(*read));
	read = (struct index_blob *)(void *)out.data;
	for (i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(read[i].entry.offset, offset);
		CU_ASSERT_EQUAL(read[i].entry.length, 100 + i);
		CU_ASSERT_EQUAL(read[i].entry.plain_length, blobs[i].entry.plain_length);
		CU_ASSERT_EQUAL(read[i].entry.type, blobs[i].entry.type);
		CU_ASSERT_EQUAL(memcmp(read[i].id.bytes, blobs[i].id.bytes, HASH_SIZE), 0);
		CU_ASSERT_EQUAL(memcmp(read[i].entry.pack.bytes, pack.bytes, HASH_SIZE), 0);
		offset += 100 + i;
	}
	/* Hostile headers. */
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, header.size, 407, &out, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, header.size - 1, UINT64_MAX, &out, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, 0, UINT64_MAX, &out, NULL), HF_ECORRUPT);
	header.data[0] = 4;
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, header.size, UINT64_MAX, &out, NULL), HF_ECORRUPT);
	header.data[0] = 0;
	header.data[1] = 31; /* shorter than a seal */
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, header.size, UINT64_MAX, &out, NULL), HF_ECORRUPT);
	header.data[4] = 0xff; /* beyond 4 GiB with the others */
	header.data[3] = header.data[2] = 0xff;
	CU_ASSERT_EQUAL(pack_header_read(&pack, header.data, header.size, UINT64_MAX, &out, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(out.size, 4 * sizeof(*read));
	buffer_release(&header);
	buffer_release(&out);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"vector", test_vector}, {"round", test_round}, CU_TEST_INFO_NULL};

	return unit_run("pack", tests);
}

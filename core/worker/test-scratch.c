/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/unit.h"
#include "plugin/host.h"
#include "worker/scratch.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char top[] = "test-scratch-XXXXXX";
static struct host *host;
static const struct hf_host_scratch *const api = &scratch_host_extension;

static void *
ctx(void)
{
	return host_table(host)->ctx;
}

static uint8_t
byte_at(uint64_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

static int
append(struct hf_scratch *scratch, uint64_t from, size_t size)
{
	uint8_t *data = malloc(size + 1);
	size_t i;
	int r;

	if (data == NULL)
		abort();
	for (i = 0; i < size; i++)
		data[i] = byte_at(from + i);
	r = api->append(scratch, data, size, NULL);
	free(data);
	return r;
}

static struct hf_scratch *
must_open(const char *name, uint64_t wanted)
{
	struct hf_error err = HF_ERROR_INIT;
	struct hf_scratch *scratch = NULL;
	uint64_t size = 0;

	CU_ASSERT_EQUAL_FATAL(api->open(ctx(), name, &scratch, &size, &err), HF_OK);
	CU_ASSERT_EQUAL(size, wanted);
	return scratch;
}

static bool
holds(struct hf_scratch *scratch, uint64_t size)
{
	uint8_t wanted[32], sum[32];
	uint8_t *all = malloc((size_t)size + 1);
	uint64_t i_sum;
	struct hf_reader reader;
	uint8_t data[5000];
	uint64_t at = 0;
	int64_t n, i;

	if (all == NULL)
		abort();
	for (i_sum = 0; i_sum < size; i_sum++)
		all[i_sum] = byte_at(i_sum);
	(void)hash_bytes(all, (size_t)size, wanted, NULL);
	free(all);
	if (api->sha256(scratch, sum, NULL) != HF_OK || memcmp(sum, wanted, 32) != 0)
		return false;
	if (api->reader(scratch, &reader, NULL) != HF_OK || reader.length != size)
		return false;
	while ((n = reader.read(reader.ctx, data, sizeof(data), NULL)) > 0) {
		for (i = 0; i < n; i++, at++)
			if (data[i] != byte_at(at))
				return false;
	}
	return n == 0 && at == size && reader.rewind(reader.ctx, NULL) == HF_OK &&
	    (size == 0 || (reader.read(reader.ctx, data, 1, NULL) == 1 && data[0] == byte_at(0)));
}

static int
take(void *to, const void *data, uint64_t size, struct hf_error *err)
{
	(void)err;
	buffer_append(to, data, (size_t)size);
	return HF_OK;
}

static bool
noted(struct hf_scratch *scratch, const char *wanted)
{
	struct buffer out = BUFFER_INIT(10000);
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &out, take};
	int r = api->note(scratch, &sink, NULL);
	bool good = wanted == NULL ? r == HF_ENOTFOUND : r == HF_OK && strcmp(buffer_string(&out), wanted) == 0;

	buffer_release(&out);
	return good;
}

static void
path_of(const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/family/%s", top, name);
}

static void
test_names(void)
{
	struct hf_scratch *scratch;
	uint64_t size;

	CU_ASSERT_EQUAL(api->open(ctx(), "", &scratch, &size, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(api->open(ctx(), "../x", &scratch, &size, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(api->open(ctx(), ".x", &scratch, &size, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(api->open(ctx(), "A", &scratch, &size, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(api->open(ctx(), "a23456789012345678901234567890123456789012345678901234567890123456", &scratch,
	    &size, NULL), HF_EINVAL);
}

static void
test_small(void)
{
	struct hf_scratch *scratch = must_open("small", 0);
	char path[100];
	struct stat st;

	path_of("small", path, sizeof(path));
	CU_ASSERT(noted(scratch, NULL));
	CU_ASSERT_EQUAL(append(scratch, 0, 5000), HF_OK);
	CU_ASSERT(holds(scratch, 5000));
	CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
	api->remove(scratch);
	CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
	scratch = must_open("small", 0);
	CU_ASSERT_EQUAL(api->set_note(scratch, "etag", 4, NULL), HF_OK);
	CU_ASSERT_EQUAL(append(scratch, 0, 7), HF_OK);
	CU_ASSERT_EQUAL(api->set_note(scratch, "etag", 4, NULL), HF_EINVAL);
	api->close(scratch);
	scratch = must_open("small", 7);
	CU_ASSERT(noted(scratch, "etag"));
	CU_ASSERT(holds(scratch, 7));
	CU_ASSERT_EQUAL(append(scratch, 7, 200000), HF_OK);
	CU_ASSERT(holds(scratch, 200007));
	api->close(scratch);
	scratch = must_open("small", 200007);
	CU_ASSERT(holds(scratch, 200007));
	api->remove(scratch);
	api->close(NULL);
	api->remove(NULL);
	CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
}

static void
test_truncate(void)
{
	static const uint64_t sizes[] = {300000, 262144, 200001, 65537, 65536, 65535, 1};
	struct hf_scratch *scratch = must_open("cut", 0);
	size_t i;

	CU_ASSERT_EQUAL(api->set_note(scratch, "one", 3, NULL), HF_OK);
	CU_ASSERT_EQUAL(append(scratch, 0, 300000), HF_OK);
	CU_ASSERT_EQUAL(api->truncate(scratch, 300001, NULL), HF_EINVAL);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CU_ASSERT_EQUAL(api->truncate(scratch, sizes[i], NULL), HF_OK);
		CU_ASSERT(holds(scratch, sizes[i]));
		CU_ASSERT_EQUAL(append(scratch, sizes[i], (size_t)(300000 - sizes[i])), HF_OK);
		CU_ASSERT(holds(scratch, 300000));
		CU_ASSERT_EQUAL(api->truncate(scratch, sizes[i], NULL), HF_OK);
		api->close(scratch);
		scratch = must_open("cut", sizes[i]);
		CU_ASSERT(noted(scratch, "one"));
	}
	CU_ASSERT_EQUAL(api->truncate(scratch, 0, NULL), HF_OK);
	CU_ASSERT(holds(scratch, 0));
	CU_ASSERT(noted(scratch, NULL));
	CU_ASSERT_EQUAL(api->set_note(scratch, "two", 3, NULL), HF_OK);
	CU_ASSERT_EQUAL(append(scratch, 0, 70000), HF_OK);
	api->close(scratch);
	scratch = must_open("cut", 70000);
	CU_ASSERT(noted(scratch, "two"));
	api->remove(scratch);
}

/* A copy of a file, cut and changed everywhere, gives a beginning of what was appended, or nothing. */
static void
test_damage(void)
{
	struct hf_scratch *scratch = must_open("whole", 0);
	struct buffer file = BUFFER_INIT(1u << 20);
	char path[100], other[100];
	uint8_t piece[4096];
	struct stat st;
	uint64_t size;
	size_t at, n;
	FILE *f;

	CU_ASSERT_EQUAL(api->set_note(scratch, "tag", 3, NULL), HF_OK);
	CU_ASSERT_EQUAL(append(scratch, 0, 150000), HF_OK);
	api->close(scratch);
	path_of("whole", path, sizeof(path));
	path_of("bad", other, sizeof(other));
	f = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buffer_append(&file, piece, n);
	(void)fclose(f);
	for (at = 0; at < file.size; at += at < 200 ? 1 : 3001) {
		int change;

		for (change = 0; change < 2; change++) {
			f = fopen(other, "w");
			CU_ASSERT_PTR_NOT_NULL_FATAL(f);
			if (change)
				file.data[at] ^= 1;
			(void)fwrite(file.data, 1, change ? file.size : at, f);
			(void)fclose(f);
			if (change)
				file.data[at] ^= 1;
			CU_ASSERT_EQUAL_FATAL(api->open(ctx(), "bad", &scratch, &size, NULL), HF_OK);
			CU_ASSERT(size == 0 || size == 65536 || size == 131072 || (size == 150000 && change && at == 7));
			CU_ASSERT(holds(scratch, size));
			CU_ASSERT_EQUAL(append(scratch, size, 100000), HF_OK);
			CU_ASSERT(holds(scratch, size + 100000));
			api->close(scratch);
			scratch = must_open("bad", size + 100000);
			CU_ASSERT(holds(scratch, size + 100000));
			api->remove(scratch);
		}
	}
	CU_ASSERT_NOT_EQUAL(stat(other, &st), 0);
	buffer_release(&file);
	api->remove(must_open("whole", 150000));
}

int
main(void)
{
	CU_TestInfo tests[] = {{"names", test_names}, {"small", test_small}, {"truncate", test_truncate},
	    {"damage", test_damage}, CU_TEST_INFO_NULL};
	struct host_services services = {.scratch = top};
	char line[100];
	int r;

	if (mkdtemp(top) == NULL || host_open("family", &services, NULL, NULL, &host, NULL) != HF_OK)
		return 99;
	r = unit_run("scratch", tests);
	host_free(host);
	(void)snprintf(line, sizeof(line), "rm -rf ./%s", top);
	return system(line) != 0 ? 99 : r;
}

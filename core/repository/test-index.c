/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "base/unit.h"
#include "repository/index-file.h"
#include "repository/index.h"
#include "repository/sort.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "test-index-XXXXXX";
static const struct repository_id repository = {{7}};

static struct repository_id
id_of(unsigned kind, unsigned number)
{
	struct repository_id id;
	unsigned from[2] = {kind, number};

	(void)hash_bytes(from, sizeof(from), id.bytes, NULL);
	return id;
}

enum { KIND_BLOB, KIND_PACK, KIND_SOURCE };

#define BLOBS_A_PACK 50u

static struct index_blob
blob_of(unsigned number)
{
	struct index_blob blob = {id_of(KIND_BLOB, number), {.offset = number % BLOBS_A_PACK * 1000, .length = 1000,
	    .plain_length = number % 3 == 0 ? 0 : 2000 + number, .type = number % 5 == 0 ? BLOB_TREE : BLOB_DATA}};

	blob.entry.pack = id_of(KIND_PACK, number / BLOBS_A_PACK);
	return blob;
}

/* An index file's text for packs [first, last). */
static void
json_of(struct buffer *out, unsigned first, unsigned last)
{
	char hex[HASH_HEX_SIZE];
	struct index_blob blob;
	unsigned p, b;

	buffer_clear(out);
	buffer_append_string(out, "{\"supersedes\":[],\"packs\":[");
	for (p = first; p < last; p++) {
		blob = blob_of(p * BLOBS_A_PACK);
		hex_encode(blob.entry.pack.bytes, HASH_SIZE, hex);
		buffer_appendf(out, "%s{\"id\":\"%s\",\"blobs\":[", p == first ? "" : ",", hex);
		for (b = 0; b < BLOBS_A_PACK; b++) {
			blob = blob_of(p * BLOBS_A_PACK + b);
			hex_encode(blob.id.bytes, HASH_SIZE, hex);
			buffer_appendf(out, "%s{\"id\":\"%s\",\"type\":\"%s\",\"offset\":%u,\"length\":%u", b == 0 ? "" : ",", hex,
			    blob.entry.type == BLOB_TREE ? "tree" : "data", blob.entry.offset, blob.entry.length);
			if (blob.entry.plain_length != 0)
				buffer_appendf(out, ",\"uncompressed_length\":%u", blob.entry.plain_length);
			buffer_append_string(out, "}");
		}
		buffer_append_string(out, "]}");
	}
	buffer_append_string(out, "]}");
}

/* Loads sources 0 .. count - 1, each of packs_each packs; parsed counts those not found in the cache. */
static struct index *
load(unsigned count, unsigned packs_each, unsigned *parsed)
{
	struct buffer json = BUFFER_INIT((size_t)64 << 20), ids = BUFFER_INIT(1 << 20);
	struct index_builder *builder;
	struct index *index = NULL;
	struct repository_id id;
	unsigned i;

	for (i = 0; i < count; i++) {
		id = id_of(KIND_SOURCE, i);
		buffer_append(&ids, id.bytes, HASH_SIZE);
	}
	{
		/* The list must be sorted: insertion sort is enough here. */
		uint8_t *d = ids.data, swap[HASH_SIZE];
		unsigned j;

		for (i = 1; i < count; i++) {
			for (j = i; j > 0 && memcmp(d + (j - 1) * HASH_SIZE, d + j * HASH_SIZE, HASH_SIZE) > 0; j--) {
				memcpy(swap, d + j * HASH_SIZE, HASH_SIZE);
				memcpy(d + j * HASH_SIZE, d + (j - 1) * HASH_SIZE, HASH_SIZE);
				memcpy(d + (j - 1) * HASH_SIZE, swap, HASH_SIZE);
			}
		}
	}
	*parsed = 0;
	CU_ASSERT_EQUAL_FATAL(index_builder_new(directory, &repository, &builder, NULL), HF_OK);
	CU_ASSERT_EQUAL(index_builder_use_cache(builder, ids.data, count, NULL), HF_OK);
	for (i = 0; i < count; i++) {
		id = id_of(KIND_SOURCE, i);
		if (index_builder_has_source(builder, &id))
			continue;
		++*parsed;
		json_of(&json, i * packs_each, (i + 1) * packs_each);
		CU_ASSERT_EQUAL(index_builder_add_json(builder, &id, json.data, json.size, NULL), HF_OK);
	}
	CU_ASSERT_EQUAL(index_builder_finish(builder, &index, NULL), HF_OK);
	buffer_release(&json);
	buffer_release(&ids);
	return index;
}

static void
expect_blobs(struct index *index, unsigned first, unsigned last, unsigned step)
{
	struct index_entry entry;
	struct index_blob blob;
	unsigned i, wrong = 0;

	for (i = first; i < last; i += step) {
		blob = blob_of(i);
		memset(&entry, 0, sizeof(entry));
		if (index_find(index, blob.entry.type, &blob.id, 0, &entry, NULL) != HF_OK ||
		    memcmp(entry.pack.bytes, blob.entry.pack.bytes, HASH_SIZE) != 0 || entry.offset != blob.entry.offset ||
		    entry.length != blob.entry.length || entry.plain_length != blob.entry.plain_length)
			wrong++;
		if (index_find(index, blob.entry.type == BLOB_TREE ? BLOB_DATA : BLOB_TREE, &blob.id, 0, &entry, NULL) !=
		        HF_ENOTFOUND ||
		    index_find(index, blob.entry.type, &blob.id, 1, &entry, NULL) != HF_ENOTFOUND)
			wrong++;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	for (i = 0; i < 1000; i++) {
		blob = blob_of(100000000 + i);
		if (index_find(index, BLOB_DATA, &blob.id, 0, &entry, NULL) != HF_ENOTFOUND)
			wrong++;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
remove_cache(void)
{
	char *path = path_join(directory, "index");

	(void)unlink(path);
	free(path);
}

static void
test_empty(void)
{
	struct index_entry entry;
	struct repository_id id = id_of(KIND_BLOB, 1);
	struct index *index;
	unsigned parsed;

	remove_cache();
	index = load(0, 0, &parsed);
	CU_ASSERT_EQUAL(index_find(index, BLOB_DATA, &id, 0, &entry, NULL), HF_ENOTFOUND);
	index_free(index);
}

static void
test_cache(void)
{
	struct index *index;
	unsigned parsed;

	remove_cache();
	index = load(3, 10, &parsed);
	CU_ASSERT_EQUAL(parsed, 3);
	CU_ASSERT_EQUAL(index_blob_count(index), 1500);
	expect_blobs(index, 0, 1500, 1);
	index_free(index);
	/* The same again: nothing is parsed. */
	index = load(3, 10, &parsed);
	CU_ASSERT_EQUAL(parsed, 0);
	expect_blobs(index, 0, 1500, 1);
	index_free(index);
	/* Two more: only they are. */
	index = load(5, 10, &parsed);
	CU_ASSERT_EQUAL(parsed, 2);
	expect_blobs(index, 0, 2500, 1);
	index_free(index);
	/* One gone: all anew, and its blobs are unknown. */
	index = load(4, 10, &parsed);
	CU_ASSERT_EQUAL(parsed, 4);
	CU_ASSERT_EQUAL(index_blob_count(index), 2000);
	expect_blobs(index, 0, 2000, 1);
	index_free(index);
}

/* More than a sorter's memory holds, so that runs are merged. */
static void
test_large(void)
{
	struct index *index;
	unsigned parsed;

	remove_cache();
	index = load(4, 800, &parsed);
	CU_ASSERT_EQUAL(index_blob_count(index), 160000);
	expect_blobs(index, 0, 160000, 37);
	index_free(index);
	index = load(5, 800, &parsed);
	CU_ASSERT_EQUAL(parsed, 1);
	expect_blobs(index, 0, 200000, 37);
	index_free(index);
}

/* One damaged byte anywhere in the cache: never a wrong answer. */
static void
test_damaged_cache(void)
{
	char *path = path_join(directory, "index");
	struct index_entry entry;
	struct index_blob blob;
	struct index *index;
	unsigned parsed, i, wrong = 0, noticed = 0;
	struct stat st;
	uint8_t byte;
	off_t at;
	int fd, r;

	remove_cache();
	index = load(3, 10, &parsed);
	index_free(index);
	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	for (at = 1; at < st.st_size; at += 509) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
		byte ^= 0x41;
		CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
		index = load(3, 10, &parsed);
		if (parsed > 0)
			noticed++;
		for (i = 0; index != NULL && i < 1500; i += 97) {
			blob = blob_of(i);
			r = index_find(index, blob.entry.type, &blob.id, 0, &entry, NULL);
			if (r == HF_ECORRUPT)
				noticed++;
			else if (r != HF_OK || memcmp(entry.pack.bytes, blob.entry.pack.bytes, HASH_SIZE) != 0 ||
			         entry.offset != blob.entry.offset)
				wrong++;
		}
		index_free(index);
		byte ^= 0x41;
		CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
		(void)close(fd);
		/* Removed or made again: either way the next has it whole. */
		index = load(3, 10, &parsed);
		expect_blobs(index, 0, 1500, 500);
		index_free(index);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(noticed > 0);
	/* Cut short. */
	CU_ASSERT_EQUAL(truncate(path, st.st_size - 4096), 0);
	index = load(3, 10, &parsed);
	CU_ASSERT_EQUAL(parsed, 3);
	expect_blobs(index, 0, 1500, 1);
	index_free(index);
	free(path);
}

static void
test_add(void)
{
	struct index_blob blobs[BLOBS_A_PACK];
	struct repository_id pack;
	struct index_entry entry;
	struct index *index;
	unsigned parsed, p, b;

	remove_cache();
	index = load(1, 10, &parsed);
	/* More than the table holds, so that it is merged into the file twice. */
	for (p = 10; p < 1600; p++) {
		for (b = 0; b < BLOBS_A_PACK; b++)
			blobs[b] = blob_of(p * BLOBS_A_PACK + b);
		CU_ASSERT_EQUAL(index_add_pack(index, &blobs[0].entry.pack, blobs, BLOBS_A_PACK, NULL), HF_OK);
	}
	CU_ASSERT_EQUAL(index_blob_count(index), 80000);
	expect_blobs(index, 0, 80000, 41);
	/* A second copy of a blob in another pack. */
	blobs[0] = blob_of(3);
	blobs[0].entry.offset = 77;
	pack = id_of(KIND_PACK, 5000000);
	CU_ASSERT_EQUAL(index_add_pack(index, &pack, blobs, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(index_find(index, blobs[0].entry.type, &blobs[0].id, 0, &entry, NULL), HF_OK);
	CU_ASSERT_EQUAL(entry.offset, 77);
	CU_ASSERT_EQUAL(index_find(index, blobs[0].entry.type, &blobs[0].id, 1, &entry, NULL), HF_OK);
	CU_ASSERT_EQUAL(entry.offset, 3000);
	CU_ASSERT_EQUAL(index_find(index, blobs[0].entry.type, &blobs[0].id, 2, &entry, NULL), HF_ENOTFOUND);
	index_free(index);
	/* What was added is of this run only: the cache does not know it. */
	index = load(1, 10, &parsed);
	CU_ASSERT_EQUAL(parsed, 0);
	CU_ASSERT_EQUAL(index_blob_count(index), 500);
	index_free(index);
}

struct seen {
	unsigned packs, blobs, wrong;
	struct repository_id last;
};

static int
see_pack(void *ctx, const struct repository_id *pack, const struct index_blob *blobs, size_t count,
    struct hf_error *err)
{
	struct seen *seen = ctx;
	size_t i;

	(void)err;
	if (seen->packs > 0 && memcmp(seen->last.bytes, pack->bytes, HASH_SIZE) >= 0)
		seen->wrong++;
	seen->last = *pack;
	seen->packs++;
	seen->blobs += (unsigned)count;
	if (count != BLOBS_A_PACK)
		seen->wrong++;
	for (i = 0; i < count; i++) {
		if (blobs[i].entry.offset != i * 1000 || memcmp(blobs[i].entry.pack.bytes, pack->bytes, HASH_SIZE) != 0)
			seen->wrong++;
	}
	return HF_OK;
}

static void
test_each_pack(void)
{
	struct buffer json = BUFFER_INIT((size_t)64 << 20);
	struct repository_id again = id_of(KIND_SOURCE, 77777);
	struct index_builder *builder;
	struct seen seen = {0};
	struct index *index;
	unsigned i;

	remove_cache();
	CU_ASSERT_EQUAL_FATAL(index_builder_new(NULL, &repository, &builder, NULL), HF_OK);
	CU_ASSERT_EQUAL(index_builder_use_cache(builder, NULL, 0, NULL), HF_OK);
	json_of(&json, 0, 800);
	for (i = 0; i < 2; i++) /* the same packs listed twice are one */
		CU_ASSERT_EQUAL(index_builder_add_json(builder, &again, json.data, json.size, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(index_builder_finish(builder, &index, NULL), HF_OK);
	CU_ASSERT_EQUAL(index_each_pack(index, see_pack, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.packs, 800);
	CU_ASSERT_EQUAL(seen.blobs, 40000);
	CU_ASSERT_EQUAL(seen.wrong, 0);
	index_free(index);
	buffer_release(&json);
}

#define ID "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define PACK(blobs) "{\"packs\":[{\"id\":" ID ",\"blobs\":[" blobs "]}]}"

static void
test_json(void)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {{"{}", HF_OK}, {"{\"packs\":[]}\n", HF_OK}, {"{\"packs\":null}", HF_OK}, {PACK(""), HF_OK},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":0,\"length\":33}"), HF_OK},
	    {"{\"packs\":[],\"packs_to_delete\":[{\"id\":" ID ",\"blobs\":[{\"id\":" ID
	     ",\"type\":\"data\",\"offset\":0,\"length\":33}]}]}",
	        HF_OK},
	    {"", HF_ECORRUPT}, {"[]", HF_ECORRUPT}, {"{\"packs\":{}}", HF_ECORRUPT}, {"{\"packs\":[1]}", HF_ECORRUPT},
	    {"{\"packs\":[{}]}", HF_ECORRUPT}, {"{\"packs\":[{\"id\":\"aa\",\"blobs\":[]}]}", HF_ECORRUPT},
	    {"{\"packs\":[{\"id\":" ID "}]}", HF_ECORRUPT}, {PACK("1"), HF_ECORRUPT}, {PACK("{}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"odd\",\"offset\":0,\"length\":33}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":0}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":0,\"length\":31}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":-1,\"length\":33}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":4294967295,\"length\":33}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":99999999999999999999,\"length\":33}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":1e3,\"length\":33}"), HF_ECORRUPT},
	    {PACK("{\"id\":" ID ",\"type\":\"data\",\"offset\":0,\"length\":33,\"uncompressed_length\":\"5\"}"),
	        HF_ECORRUPT},
	    {"{\"packs\":[", HF_ECORRUPT}};
	struct repository_id source = id_of(KIND_SOURCE, 1);
	struct index_builder *builder;
	struct index *index;
	size_t i;

	remove_cache();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(index_builder_new(directory, &repository, &builder, NULL), HF_OK);
		if (index_builder_add_json(builder, &source, cases[i].text, strlen(cases[i].text), NULL) != cases[i].result)
			CU_FAIL(cases[i].text);
		if (cases[i].result != HF_OK)
			index_builder_free(builder);
		else {
			CU_ASSERT_EQUAL(index_builder_finish(builder, &index, NULL), HF_OK);
			CU_ASSERT_EQUAL(index_blob_count(index), i == 4 ? 1 : 0);
			index_free(index);
		}
	}
}

static void
test_sorter(void)
{
	uint8_t record[80], last[80];
	const uint8_t *next;
	struct sorter *sorter;
	unsigned i, count, wrong;
	int r;

	CU_ASSERT_EQUAL_FATAL(sorter_new(80, 64 * 1024, directory, &sorter, NULL), HF_OK);
	memset(record, 0, sizeof(record));
	for (i = 0; i < 20000; i++) {
		(void)hash_bytes(&i, sizeof(i), record, NULL);
		CU_ASSERT_EQUAL(sorter_add(sorter, record, NULL), HF_OK);
	}
	CU_ASSERT_EQUAL(sorter_finish(sorter, NULL), HF_OK);
	for (count = wrong = 0; (r = sorter_next(sorter, &next, NULL)) > 0; count++) {
		if (count > 0 && memcmp(last, next, 80) >= 0)
			wrong++;
		memcpy(last, next, 80);
	}
	CU_ASSERT_EQUAL(r, 0);
	CU_ASSERT_EQUAL(count, 20000);
	CU_ASSERT_EQUAL(wrong, 0);
	sorter_free(sorter);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"empty", test_empty}, {"cache", test_cache}, {"large", test_large},
	    {"damaged cache", test_damaged_cache}, {"adding", test_add}, {"each pack", test_each_pack},
	    {"index files", test_json}, {"sorter", test_sorter}, CU_TEST_INFO_NULL};
	int r;

	if (mkdtemp(directory) == NULL)
		return 99;
	r = unit_run("index", tests);
	remove_cache();
	return rmdir(directory) == 0 ? r : 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"
#include "base/unit.h"
#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

static void
test_empty(void)
{
	struct buffer tree = BUFFER_INIT(1000);
	uint8_t sum[HASH_SIZE];
	char hex[HASH_HEX_SIZE];

	tree_begin(&tree);
	tree_end(&tree);
	CU_ASSERT_EQUAL(hash_bytes(tree.data, tree.size, sum, NULL), HF_OK);
	hex_encode(sum, sizeof(sum), hex);
	CU_ASSERT_STRING_EQUAL(hex, "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8");
	buffer_release(&tree);
}

struct seen {
	int count;
	struct node node; /* pointers into the arrays */
	char name[300], target[300];
	uint8_t content[320];
	bool has_content;
};

static int
keep(void *ctx, const struct node *node, struct hf_error *err)
{
	struct seen *seen = ctx;

	(void)err;
	seen->count++;
	seen->node = *node;
	memcpy(seen->name, node->name, node->name_size < sizeof(seen->name) ? node->name_size : 0);
	if (node->link_target != NULL && node->link_target_size < sizeof(seen->target))
		memcpy(seen->target, node->link_target, node->link_target_size);
	seen->has_content = node->content != NULL;
	if (node->content_count <= 10 && node->content_count > 0)
		memcpy(seen->content, node->content, node->content_count * 32);
	return HF_OK;
}

/* Writes a node with the name, looks for its JSON spelling, reads the name back. */
static void
name_is(const char *name, size_t size, const char *json)
{
	struct buffer tree = BUFFER_INIT(10000);
	struct node node = {.type = NODE_FILE, .name = name, .name_size = size};
	struct seen seen = {0};

	tree_begin(&tree);
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_OK);
	tree_end(&tree);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&tree), json));
	CU_ASSERT_EQUAL(tree_walk(tree.data, tree.size, keep, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.count, 1);
	CU_ASSERT_EQUAL(seen.node.name_size, size);
	CU_ASSERT_EQUAL(memcmp(seen.name, name, size), 0);
	buffer_release(&tree);
}

static void
test_names(void)
{
	name_is("a\"b\\c", 5, "\"name\":\"a\\\\\\\"b\\\\\\\\c\"");
	name_is("\t", 1, "\"name\":\"\\\\t\"");
	name_is("\x01\x7f", 2, "\"name\":\"\\\\x01\\\\x7f\"");
	name_is("\xff", 1, "\"name\":\"\\\\xff\"");
	name_is("\xc2\xa0", 2, "\"name\":\"\\\\u00a0\"");
	name_is("\xe2\x80\x8b", 3, "\"name\":\"\\\\u200b\"");
	name_is("\xe6\x97\xa5\xe6\x9c\xac", 6, "\"name\":\"\xe6\x97\xa5\xe6\x9c\xac\"");
	name_is("a<b>&c", 6, "\"name\":\"a\\u003cb\\u003e\\u0026c\"");
	name_is("\a\b\f\n\r\v", 6, "\"name\":\"\\\\a\\\\b\\\\f\\\\n\\\\r\\\\v\"");
	name_is("\xf3\xa0\x80\x81", 4, "\"name\":\"\\\\U000e0001\"");
	name_is("\xf0\x9f\x98\x80", 4, "\"name\":\"\xf0\x9f\x98\x80\"");
	name_is("\xed\xa0\x80", 3, "\"name\":\"\\\\xed\\\\xa0\\\\x80\"");
	name_is("\xc0\xaf\xe2\x82", 4, "\"name\":\"\\\\xc0\\\\xaf\\\\xe2\\\\x82\"");
	name_is("000001.jsonl", 12, "\"name\":\"000001.jsonl\"");
}

static void
mode_is(enum node_type type, uint32_t mode, const char *json)
{
	struct buffer tree = BUFFER_INIT(10000);
	struct node node = {.type = type, .name = "x", .name_size = 1, .mode = mode, .link_target = "t",
	    .link_target_size = 1};
	struct seen seen = {0};

	tree_begin(&tree);
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_OK);
	tree_end(&tree);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&tree), json));
	CU_ASSERT_EQUAL(tree_walk(tree.data, tree.size, keep, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.node.mode, mode);
	CU_ASSERT_EQUAL(seen.node.type, type);
	buffer_release(&tree);
}

static void
test_modes(void)
{
	mode_is(NODE_FILE, 0644, "\"mode\":420,");
	mode_is(NODE_DIR, 0755, "\"mode\":2147484141,");
	mode_is(NODE_DIR, 01777, "\"mode\":2148532735,");
	mode_is(NODE_SYMLINK, 0777, "\"mode\":134218239,");
	mode_is(NODE_FILE, 04755, "\"mode\":8389101,");
	mode_is(NODE_FILE, 0, "\"type\":\"file\",\"mtime\"");
}

static void
test_canonical(void)
{
	struct buffer tree = BUFFER_INIT(10000);
	uint8_t ids[64];
	struct node file = {.type = NODE_FILE, .name = "f", .name_size = 1, .mode = 0644,
	    .mtime_ns = INT64_C(1500000000), .atime_ns = 0, .ctime_ns = -1, .uid = 1000, .gid = UINT32_MAX, .size = 12,
	    .links = 2, .inode = UINT64_MAX, .device_id = 3, .content = ids, .content_count = 2};
	struct node dir = {.type = NODE_DIR, .name = "d", .name_size = 1, .mode = 0755, .size = 4096, .links = 7};
	struct node link = {.type = NODE_SYMLINK, .name = "l", .name_size = 1, .mode = 0777,
	    .link_target = "a\xff<\n\x08", .link_target_size = 5, .links = 1};
	struct seen seen = {0};

	memset(ids, 0xab, 32);
	memset(ids + 32, 0xcd, 32);
	memset(dir.subtree.bytes, 0x11, 32);
	tree_begin(&tree);
	CU_ASSERT_EQUAL(tree_add(&tree, &dir, NULL), HF_OK);
	CU_ASSERT_EQUAL(tree_add(&tree, &file, NULL), HF_OK);
	tree_end(&tree);
	CU_ASSERT_STRING_EQUAL(buffer_string(&tree),
	    "{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\",\"mode\":2147484141,\"mtime\":\"1970-01-01T00:00:00Z\","
	    "\"atime\":\"1970-01-01T00:00:00Z\",\"ctime\":\"1970-01-01T00:00:00Z\",\"uid\":0,\"gid\":0,"
	    "\"content\":null,\"subtree\":\"1111111111111111111111111111111111111111111111111111111111111111\"},"
	    "{\"name\":\"f\",\"type\":\"file\",\"mode\":420,\"mtime\":\"1970-01-01T00:00:01.5Z\","
	    "\"atime\":\"1970-01-01T00:00:00Z\",\"ctime\":\"1969-12-31T23:59:59.999999999Z\",\"uid\":1000,"
	    "\"gid\":4294967295,\"inode\":18446744073709551615,\"device_id\":3,\"size\":12,\"links\":2,\"content\":["
	    "\"abababababababababababababababababababababababababababababababab\","
	    "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"]}]}\n");
	CU_ASSERT_EQUAL(tree_walk(tree.data, tree.size, keep, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.count, 2);
	CU_ASSERT_EQUAL(seen.node.inode, UINT64_MAX);
	CU_ASSERT_EQUAL(seen.node.ctime_ns, -1);
	CU_ASSERT_EQUAL(seen.node.gid, UINT32_MAX);
	CU_ASSERT_EQUAL(seen.node.content_count, 2);
	CU_ASSERT_EQUAL(memcmp(seen.content, ids, 64), 0);

	buffer_clear(&tree);
	tree_begin(&tree);
	CU_ASSERT_EQUAL(tree_add(&tree, &link, NULL), HF_OK);
	tree_end(&tree);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&tree), "\"links\":1,\"linktarget\":\"a\\ufffd\\u003c\\n\\u0008\","
	    "\"linktarget_raw\":\"Yf88Cgg=\",\"content\":null}"));
	CU_ASSERT_EQUAL(tree_walk(tree.data, tree.size, keep, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.node.link_target_size, 5);
	CU_ASSERT_EQUAL(memcmp(seen.target, link.link_target, 5), 0);
	buffer_release(&tree);
}

static void
test_refused(void)
{
	struct buffer tree = BUFFER_INIT(10000);
	struct node node = {.type = NODE_FILE, .name = "", .name_size = 0};

	tree_begin(&tree);
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_EINVAL);
	node.name = "..";
	node.name_size = 2;
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_EINVAL);
	node.name_size = 1;
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_EINVAL);
	node.name = "a/b";
	node.name_size = 3;
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_EINVAL);
	node.name = "a\0b";
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_EINVAL);
	node.name = "abc";
	node.type = NODE_OTHER;
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_ENOTSUP);
	buffer_release(&tree);
}

static int
walk_text(const char *text, struct seen *seen)
{
	return tree_walk(text, strlen(text), keep, seen, NULL);
}

static void
test_foreign(void)
{
	struct seen seen = {0};

	CU_ASSERT_EQUAL(walk_text("{\"nodes\":[]}", &seen), HF_OK);
	CU_ASSERT_EQUAL(walk_text("{\"nodes\":null}\n", &seen), HF_OK);
	CU_ASSERT_EQUAL(seen.count, 0);
	CU_ASSERT_EQUAL(walk_text(" { \"x\" : [1,{}] , \"nodes\" : [ {\"type\":\"file\",\"name\":\"a\",\"content\":[],"
	                          "\"future\":{\"a\":[]}, \"mtime\":\"2026-11-23T08:00:00.25+02:00\"} ] } \n",
	                    &seen), HF_OK);
	CU_ASSERT_EQUAL(seen.count, 1);
	CU_ASSERT_EQUAL(seen.node.mtime_ns % 1000000000, 250000000);
	CU_ASSERT(seen.has_content);
	/* A file without content list differs from an empty one; minimal nodes; year 1. */
	CU_ASSERT_EQUAL(walk_text("{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"content\":null,"
	                          "\"mtime\":\"0001-01-01T00:00:00Z\",\"ctime\":\"9999-01-01T00:00:00Z\"}]}", &seen),
	    HF_OK);
	CU_ASSERT(!seen.has_content);
	CU_ASSERT_EQUAL(seen.node.mtime_ns, INT64_MIN);
	CU_ASSERT_EQUAL(seen.node.ctime_ns, INT64_MAX);
	CU_ASSERT_EQUAL(walk_text("{\"nodes\":[{\"name\":\"p\",\"type\":\"fifo\"},{\"name\":\"q\",\"type\":\"new\"}]}",
	                    &seen), HF_OK);
	CU_ASSERT_EQUAL(seen.node.type, NODE_OTHER);
	/* Octal, x, u, U escapes, in Go's and in JSON's spelling. */
	CU_ASSERT_EQUAL(
	    walk_text("{\"nodes\":[{\"name\":\"\\\\101\\\\x42\\\\u0043\\\\U00000044\\u0045\\\\377\",\"type\":\"file\","
	              "\"content\":[]}]}", &seen), HF_OK);
	CU_ASSERT_EQUAL(memcmp(seen.name, "ABCDE\xff", 6), 0);
	CU_ASSERT_EQUAL(seen.node.name_size, 6);
}

static void
test_damaged(void)
{
	static const char *const texts[] = {"", "null", "[]", "{}", "{\"nodes\":{}}", "{\"nodes\":[1]}",
	    "{\"nodes\":[{}]}", "{\"nodes\":[{\"name\":\"a\"}]}", "{\"nodes\":[{\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"\",\"type\":\"file\"}]}", "{\"nodes\":[{\"name\":\".\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"..\",\"type\":\"dir\"}]}", "{\"nodes\":[{\"name\":\"a/b\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"\\\\x2e\\\\x2e\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"\\\\x2f\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"a\\\\x00\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"a\\\\\",\"type\":\"file\"}]}", "{\"nodes\":[{\"name\":\"a\\\\'\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"\\\\400\",\"type\":\"file\"}]}", "{\"nodes\":[{\"name\":\"\\\\08\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"\\\\ud800\",\"type\":\"file\"}]}", "{\"nodes\":[{\"name\":\"\\\\q\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"\\\\U00110000\",\"type\":\"file\"}]}", "{\"nodes\":[{\"name\":\"a\\\"\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"a\\n\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"b\",\"type\":\"file\"},{\"name\":\"a\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\"},{\"name\":\"a\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"ab\",\"type\":\"file\"},{\"name\":\"a\",\"type\":\"file\"}]}",
	    "{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\"}]}", "{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\",\"subtree\":\"11\"}]}",
	    "{\"nodes\":[{\"name\":\"l\",\"type\":\"symlink\"}]}", "{\"nodes\":[{\"name\":\"l\",\"type\":\"symlink\",\"linktarget\":\"\"}]}",
	    "{\"nodes\":[{\"name\":\"l\",\"type\":\"symlink\",\"linktarget\":\"a\",\"linktarget_raw\":\"=\"}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"content\":[1]}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"content\":[\"zz\"]}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"uid\":-1}]}", "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"uid\":4294967296}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"size\":18446744073709551616}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"size\":1.5}]}", "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"size\":\"1\"}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"mtime\":\"2026-11-23 08:00:00\"}]}",
	    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"mtime\":5}]}", "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\"}]"};
	struct seen seen = {0};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (walk_text(texts[i], &seen) != HF_ECORRUPT)
			CU_FAIL(texts[i]);
	}
	CU_ASSERT(seen.count <= 4); /* the first of two names, and no damaged one */
}

static int
stop(void *ctx, const struct node *node, struct hf_error *err)
{
	(void)node;
	(void)err;
	++*(int *)ctx;
	return HF_ESTOP;
}

static void
test_stop(void)
{
	int count = 0;
	const char *text = "{\"nodes\":[{\"name\":\"a\",\"type\":\"fifo\"},{\"name\":\"b\",\"type\":\"fifo\"}]}";

	CU_ASSERT_EQUAL(tree_walk(text, strlen(text), stop, &count, NULL), HF_ESTOP);
	CU_ASSERT_EQUAL(count, 1);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"empty", test_empty}, {"names", test_names}, {"modes", test_modes},
	    {"canonical form", test_canonical}, {"refused", test_refused}, {"foreign", test_foreign},
	    {"damaged", test_damaged}, {"stop", test_stop}, CU_TEST_INFO_NULL};

	return unit_run("tree", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/seen.h"
#include "archive/test-random.h"
#include "base/path.h"
#include "base/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than the table and all runs hold, so that runs are merged. */
#define MANY 400000u

static char directory[64];
static uint64_t state;

static void
begin(void)
{
	(void)snprintf(directory, sizeof(directory), "test-seen-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
}

static void
id_of(unsigned number, uint8_t id[SEEN_HASH_SIZE])
{
	uint8_t sum[HASH_SIZE];

	(void)hash_bytes(&number, sizeof(number), sum, NULL);
	memcpy(id, sum, SEEN_HASH_SIZE);
}

static int
add(struct seen *seen, unsigned number, uint32_t value)
{
	struct seen_entry entry;

	memset(&entry, 0, sizeof(entry));
	id_of(number, entry.id);
	memset(entry.content, (int)value, SEEN_HASH_SIZE);
	entry.file = value;
	entry.offset = number;
	return seen_add(seen, &entry, NULL);
}

/* The value of a number; 0: not found. */
static uint32_t
find(struct seen *seen, unsigned number)
{
	uint8_t id[SEEN_HASH_SIZE];
	struct seen_entry entry;
	bool found = false;

	id_of(number, id);
	CU_ASSERT_EQUAL(seen_find(seen, id, &entry, &found, NULL), HF_OK);
	if (!found)
		return 0;
	if (entry.offset != number || memcmp(entry.id, id, sizeof(id)) != 0 || entry.content[3] != (uint8_t)entry.file)
		CU_FAIL("another entry was found");
	return entry.file;
}

/* Against a plain array, with what was saved and loaded in between. */
static void
test_model(void)
{
	static uint32_t model[MANY];
	struct repository_id tree = {{1}};
	struct seen *seen;
	unsigned i, n, round;
	char path[100];

	begin();
	(void)snprintf(path, sizeof(path), "%s/list", directory);
	memset(model, 0, sizeof(model));
	state = 3;
	for (round = 0; round < 3; round++) {
		CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
		CU_ASSERT_EQUAL(seen_load(seen, path, &tree, NULL), round == 0 ? HF_ENOTFOUND : HF_OK);
		for (i = 0; i < MANY / 2; i++) {
			n = test_random(&state) % MANY;
			model[n] = 1 + test_random(&state) % 1000;
			CU_ASSERT_EQUAL_FATAL(add(seen, n, model[n]), HF_OK);
			if (i % 16 == 0) {
				n = test_random(&state) % MANY;
				if (find(seen, n) != model[n])
					CU_FAIL_FATAL("not what was added last");
			}
		}
		if (round == 1)
			CU_ASSERT_EQUAL(seen_settle(seen, NULL), HF_OK);
		for (n = 0; n < MANY; n += 5)
			if (find(seen, n) != model[n])
				CU_FAIL_FATAL("not what was added last");
		tree.bytes[5] = (uint8_t)round;
		CU_ASSERT_EQUAL(seen_save(seen, path, &tree, NULL), HF_OK);
		/* It goes on after a save, too. */
		for (n = 0; n < MANY; n += 7)
			if (find(seen, n) != model[n])
				CU_FAIL_FATAL("not what was added last");
		seen_free(seen);
	}
	CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen_load(seen, path, &tree, NULL), HF_OK);
	for (n = 0; n < MANY; n++)
		if (find(seen, n) != model[n])
			CU_FAIL_FATAL("not what was saved");
	seen_free(seen);
	CU_ASSERT_EQUAL(unlink(path), 0);
	/* Nothing else is left behind. */
	CU_ASSERT_EQUAL(rmdir(directory), 0);
}

/* Ids that differ only in their last byte: guessing where they lie must not matter. */
static void
test_crowded(void)
{
	struct repository_id tree = {{2}};
	struct seen_entry entry;
	struct seen *seen;
	char path[100];
	bool found;
	unsigned i, round;

	begin();
	(void)snprintf(path, sizeof(path), "%s/list", directory);
	for (round = 0; round < 2; round++) {
		CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
		for (i = 0; i < 30000; i += 2) {
			memset(&entry, round == 0 ? 0 : 0xff, sizeof(entry));
			entry.id[14] = (uint8_t)(i >> 8);
			entry.id[15] = (uint8_t)i;
			entry.file = i;
			CU_ASSERT_EQUAL(seen_add(seen, &entry, NULL), HF_OK);
		}
		CU_ASSERT_EQUAL(seen_save(seen, path, &tree, NULL), HF_OK);
		seen_free(seen);
		CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
		CU_ASSERT_EQUAL(seen_load(seen, path, &tree, NULL), HF_OK);
		for (i = 0; i < 30000; i++) {
			memset(&entry, round == 0 ? 0 : 0xff, sizeof(entry));
			entry.id[14] = (uint8_t)(i >> 8);
			entry.id[15] = (uint8_t)i;
			CU_ASSERT_EQUAL(seen_find(seen, entry.id, &entry, &found, NULL), HF_OK);
			if (found != (i % 2 == 0) || (found && entry.file != i))
				CU_FAIL("a crowded id is not found, or another is");
		}
		seen_free(seen);
	}
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(rmdir(directory), 0);
}

/* A list of another tree, none, an empty one. */
static void
test_load(void)
{
	struct repository_id tree = {{3}}, other = {{4}};
	struct seen *seen;
	char path[100];

	begin();
	(void)snprintf(path, sizeof(path), "%s/list", directory);
	CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(find(seen, 1), 0);
	CU_ASSERT_EQUAL(seen_settle(seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen_save(seen, path, &tree, NULL), HF_OK);
	seen_free(seen);
	CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen_load(seen, path, &other, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(seen_load(seen, directory, &tree, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(seen_load(seen, path, &tree, NULL), HF_OK);
	CU_ASSERT_EQUAL(find(seen, 1), 0);
	CU_ASSERT_EQUAL(add(seen, 1, 5), HF_OK);
	CU_ASSERT_EQUAL(find(seen, 1), 5);
	/* Where it cannot be written, the old one stays. */
	CU_ASSERT_EQUAL(seen_save(seen, "no/such/folder", &tree, NULL), HF_EIO);
	seen_free(seen);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(rmdir(directory), 0);
}

/* A short list that was loaded, and then more than the table holds: both are found. */
static void
test_grown(void)
{
	struct repository_id tree = {{5}};
	struct seen *seen;
	char path[100];
	unsigned i, round;

	begin();
	(void)snprintf(path, sizeof(path), "%s/list", directory);
	for (round = 0; round < 3; round++) {
		CU_ASSERT_EQUAL_FATAL(seen_new(directory, &seen, NULL), HF_OK);
		CU_ASSERT_EQUAL(seen_load(seen, path, &tree, NULL), round == 0 ? HF_ENOTFOUND : HF_OK);
		for (i = round * 300; i < (round == 2 ? 40000 : (round + 1) * 300); i++) {
			CU_ASSERT_EQUAL(find(seen, i), 0);
			CU_ASSERT_EQUAL(add(seen, i, i + 1), HF_OK);
		}
		for (; i > 0; i--)
			if (find(seen, i - 1) != i)
				CU_FAIL_FATAL("not found");
		CU_ASSERT_EQUAL(seen_save(seen, path, &tree, NULL), HF_OK);
		seen_free(seen);
	}
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(rmdir(directory), 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"model", test_model}, {"crowded", test_crowded}, {"load", test_load}, {"grown", test_grown},
	    CU_TEST_INFO_NULL};

	return unit_run("seen", tests);
}

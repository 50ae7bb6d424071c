/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/overlay.h"
#include "archive/test-random.h"
#include "archive/test-run.h"
#include "base/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_run run;
static uint64_t state;
static struct changes changes;

static int
add_text(const char *path, const char *text, int64_t mtime_ns)
{
	struct buffer ids = BUFFER_INIT(100000);
	int r = repository_save_content(run.writer, text, strlen(text), &ids, NULL);

	if (r == HF_OK)
		r = changes_add_file(&changes, path, strlen(text), ids.data, ids.size / HASH_SIZE, mtime_ns, NULL);
	buffer_release(&ids);
	return r;
}

/* Lays the changes over before; the writer is finished after it. */
static int
lay(const struct repository_id *before, struct repository_id *ret, int64_t *ret_mtime_ns)
{
	struct hf_error err = HF_ERROR_INIT;
	int r = overlay_save(run.repository, run.writer, before, &changes, ret, ret_mtime_ns, &err);

	changes_release(&changes);
	test_run_finish_writer(&run);
	test_run_open_writer(&run);
	return r;
}

static bool
lists(const struct repository_id *tree, const char *wanted)
{
	struct buffer out = BUFFER_INIT(1 << 20);
	bool same;

	test_run_list(&run, tree, &out);
	same = strcmp(buffer_string(&out), wanted) == 0;
	if (!same)
		(void)fprintf(stderr, "got:\n%swanted:\n%s", buffer_string(&out), wanted);
	buffer_release(&out);
	return same;
}

static bool
same(const struct repository_id *a, const struct repository_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void
begin(void)
{
	test_run_begin(&run);
	test_run_open_writer(&run);
}

/* ---- tests ---- */

static void
test_empty(void)
{
	struct repository_id tree, again;
	int64_t mtime = 77;

	begin();
	CU_ASSERT_EQUAL(lay(NULL, &tree, &mtime), HF_OK);
	CU_ASSERT_EQUAL(mtime, 0);
	CU_ASSERT(lists(&tree, ""));
	CU_ASSERT_EQUAL(lay(&tree, &again, &mtime), HF_OK);
	CU_ASSERT(same(&tree, &again));
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
}

static void
test_files(void)
{
	struct repository_id first, second, third, a, b;
	int64_t mtime;

	begin();
	CU_ASSERT_EQUAL(add_text("b/two", "2", 20), HF_OK);
	CU_ASSERT_EQUAL(add_text("top", "t", 5), HF_OK);
	CU_ASSERT_EQUAL(add_text("b/c/d/deep", "deep", 40), HF_OK);
	CU_ASSERT_EQUAL(add_text("b/one", "", 30), HF_OK);
	CU_ASSERT_EQUAL(add_text("a/x", "x", 10), HF_OK);
	CU_ASSERT_EQUAL(lay(NULL, &first, &mtime), HF_OK);
	CU_ASSERT_EQUAL(mtime, 40);
	CU_ASSERT(lists(&first, "a/ 10\na/x 10 1\nb/ 40\nb/c/ 40\nb/c/d/ 40\nb/c/d/deep 40 4\nb/one 30 0\n"
	    "b/two 20 1\ntop 5 1\n"));
	/* Replaced, added; what is not named stays. */
	CU_ASSERT_EQUAL(add_text("b/two", "two", 50), HF_OK);
	CU_ASSERT_EQUAL(add_text("b/three", "3", 3), HF_OK);
	CU_ASSERT_EQUAL(lay(&first, &second, &mtime), HF_OK);
	CU_ASSERT_EQUAL(mtime, 50);
	CU_ASSERT(lists(&second, "a/ 10\na/x 10 1\nb/ 50\nb/c/ 40\nb/c/d/ 40\nb/c/d/deep 40 4\nb/one 30 0\n"
	    "b/three 3 1\nb/two 50 3\ntop 5 1\n"));
	CU_ASSERT(test_run_holds(&run, &second, "b/two", "two"));
	CU_ASSERT(test_run_holds(&run, &second, "b/c/d/deep", "deep"));
	CU_ASSERT(test_run_holds(&run, &first, "b/two", "2"));
	CU_ASSERT(test_run_folder(&run, &first, "b/c", &a) && test_run_folder(&run, &second, "b/c", &b));
	CU_ASSERT(same(&a, &b));
	/* Removed: a file, a folder, and what is not there. */
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "b/c", NULL), HF_OK);
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "b/two", NULL), HF_OK);
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "none", NULL), HF_OK);
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "no/ne", NULL), HF_OK);
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "top/none", NULL), HF_OK);
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "a/x/none", NULL), HF_OK);
	CU_ASSERT_EQUAL(lay(&second, &third, &mtime), HF_OK);
	CU_ASSERT_EQUAL(mtime, 30);
	CU_ASSERT(lists(&third, "a/ 10\na/x 10 1\nb/ 30\nb/one 30 0\nb/three 3 1\ntop 5 1\n"));
	CU_ASSERT(test_run_restic_agrees(&run, &third));
	test_run_end(&run);
}

static void
test_last_counts(void)
{
	struct repository_id tree;
	int64_t mtime;

	begin();
	CU_ASSERT_EQUAL(add_text("a", "first", 9), HF_OK);
	CU_ASSERT_EQUAL(add_text("b", "b", 1), HF_OK);
	CU_ASSERT_EQUAL(add_text("a", "second", 2), HF_OK);
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "b", NULL), HF_OK);
	CU_ASSERT_EQUAL(lay(NULL, &tree, &mtime), HF_OK);
	CU_ASSERT_EQUAL(mtime, 2);
	CU_ASSERT(lists(&tree, "a 2 6\n"));
	test_run_end(&run);
}

/* The same content in any order of the changes, in one step or in several, is the same tree. */
static void
test_deterministic(void)
{
	static const char *const names[] = {"-", "a", "a!", "a-", "a.b/x", "a/x", "a/\x01", "a\x01", "a\x01z", "a0/y",
	    "aa", "b\xff/\xfe", "b\xc3\xa4", "B", " ", "%2f", "\x7f", "~", "z/y/x/w", "z/y-/x", "z/y\x1f/x"};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	struct repository_id first, tree;
	unsigned order[COUNT], i, j, swap, round;
	int64_t mtime;
	bool has;

	begin();
	state = 1;
	for (i = 0; i < COUNT; i++)
		order[i] = i;
	for (round = 0; round < 20; round++) {
		for (i = COUNT - 1; i > 0; i--) {
			j = test_random(&state) % (i + 1);
			swap = order[i];
			order[i] = order[j];
			order[j] = swap;
		}
		has = false;
		for (i = 0; i < COUNT; i++) {
			/* A folder and a file of one name clash: "a" is left out. */
			if (order[i] != 1)
				CU_ASSERT_EQUAL(add_text(names[order[i]], names[order[i]], order[i]), HF_OK);
			if (i + 1 < COUNT && (round == 0 || test_random(&state) % 3 != 0))
				continue;
			CU_ASSERT_EQUAL(lay(has ? &tree : NULL, &tree, &mtime), HF_OK);
			has = true;
		}
		if (round == 0)
			first = tree;
		CU_ASSERT(same(&first, &tree));
	}
	for (i = 0; i < COUNT; i++)
		CU_ASSERT(i == 1 || test_run_holds(&run, &tree, names[i], names[i]));
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
}

/* Nothing new: the same ids, and nothing is stored. */
static void
test_unchanged(void)
{
	struct repository_writer_stats stats;
	struct repository_id first, tree;
	int64_t mtime;

	begin();
	CU_ASSERT_EQUAL(add_text("a/x", "x", 10), HF_OK);
	CU_ASSERT_EQUAL(add_text("a/y", "", 10), HF_OK);
	CU_ASSERT_EQUAL(lay(NULL, &first, &mtime), HF_OK);
	CU_ASSERT_EQUAL(add_text("a/y", "", 10), HF_OK);
	CU_ASSERT_EQUAL(add_text("a/x", "x", 10), HF_OK);
	CU_ASSERT_EQUAL(overlay_save(run.repository, run.writer, &first, &changes, &tree, &mtime, NULL), HF_OK);
	changes_release(&changes);
	repository_writer_stats(run.writer, &stats);
	CU_ASSERT_EQUAL(stats.data_blobs + stats.tree_blobs, 0);
	CU_ASSERT(same(&first, &tree));
	/* Only a time differs: a new tree, no new data. */
	CU_ASSERT_EQUAL(add_text("a/x", "x", 11), HF_OK);
	CU_ASSERT_EQUAL(lay(&first, &tree, &mtime), HF_OK);
	CU_ASSERT(!same(&first, &tree));
	CU_ASSERT(lists(&tree, "a/ 11\na/x 11 1\na/y 10 0\n"));
	test_run_end(&run);
}

static void
test_trees(void)
{
	struct repository_id sub, first, second;
	int64_t mtime;

	begin();
	CU_ASSERT_EQUAL(add_text("old", "old", 7), HF_OK);
	CU_ASSERT_EQUAL(lay(NULL, &sub, &mtime), HF_OK);
	CU_ASSERT_EQUAL(changes_add_tree(&changes, "chats/x", &sub, mtime, NULL), HF_OK);
	CU_ASSERT_EQUAL(add_text("chats/y", "a file", 1), HF_OK);
	CU_ASSERT_EQUAL(lay(NULL, &first, &mtime), HF_OK);
	CU_ASSERT(lists(&first, "chats/ 7\nchats/x/ 7\nchats/x/old 7 3\nchats/y 1 6\n"));
	/* A folder put in place and changed inside; a file becomes a folder, a folder a file. */
	CU_ASSERT_EQUAL(add_text("chats/x/new", "new", 9), HF_OK);
	CU_ASSERT_EQUAL(changes_add_tree(&changes, "chats/x", &sub, 7, NULL), HF_OK);
	CU_ASSERT_EQUAL(add_text("chats/y/in", "inside", 2), HF_OK);
	CU_ASSERT_EQUAL(lay(&first, &second, &mtime), HF_OK);
	CU_ASSERT(lists(&second, "chats/ 9\nchats/x/ 9\nchats/x/new 9 3\nchats/x/old 7 3\nchats/y/ 2\n"
	    "chats/y/in 2 6\n"));
	CU_ASSERT_EQUAL(add_text("chats/x", "now a file", 3), HF_OK);
	/* Removed, and then made anew with other things inside. */
	CU_ASSERT_EQUAL(changes_add_removal(&changes, "chats/y", NULL), HF_OK);
	CU_ASSERT_EQUAL(add_text("chats/y/other", "o", 4), HF_OK);
	CU_ASSERT_EQUAL(lay(&second, &second, &mtime), HF_OK);
	CU_ASSERT(lists(&second, "chats/ 4\nchats/x 3 10\nchats/y/ 4\nchats/y/other 4 1\n"));
	/* A file and things inside it: nobody could tell which one counts. */
	CU_ASSERT_EQUAL(add_text("z", "a file", 3), HF_OK);
	CU_ASSERT_EQUAL(add_text("z/in", "inside", 3), HF_OK);
	CU_ASSERT_EQUAL(lay(&second, &first, &mtime), HF_EINVAL);
	test_run_end(&run);
}

static void
test_hostile(void)
{
	static const char *const paths[] = {"..", ".", "", "/", "a/..", "a/../b", "a//b", "a/", "/a", "a/./b"};
	struct repository_id first, tree, unknown = {{7}};
	char deep[200];
	int64_t mtime;
	size_t i;

	begin();
	CU_ASSERT_EQUAL(add_text("good", "good", 1), HF_OK);
	CU_ASSERT_EQUAL(lay(NULL, &first, &mtime), HF_OK);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CU_ASSERT_EQUAL(add_text(paths[i], "bad", 1), HF_OK);
		if (lay(&first, &tree, &mtime) != HF_EINVAL) {
			(void)fprintf(stderr, "\"%s\" was taken\n", paths[i]);
			CU_FAIL("a hostile path was taken");
		}
	}
	for (i = 0; i + 2 < sizeof(deep); i += 2)
		memcpy(deep + i, "d/", 3);
	deep[i - 1] = '\0';
	CU_ASSERT_EQUAL(add_text(deep, "deep", 1), HF_OK);
	CU_ASSERT_EQUAL(lay(&first, &tree, &mtime), HF_EINVAL);
	/* A tree that the repository lost is damage: it is not an empty one. */
	CU_ASSERT_EQUAL(add_text("a", "a", 1), HF_OK);
	CU_ASSERT_EQUAL(lay(&unknown, &tree, &mtime), HF_ECORRUPT);
	test_run_end(&run);
}

/* Many names, against a plain model of what is to be there. */
static void
test_model(void)
{
	enum { NAMES = 60 };
	bool there[NAMES] = {false};
	unsigned value[NAMES] = {0}, round, i, n;
	struct repository_id tree;
	struct buffer out = BUFFER_INIT(1 << 20);
	char path[100], text[40];
	bool has = false;
	int64_t mtime;

	begin();
	state = 4711;
	for (round = 0; round < 40; round++) {
		for (n = test_random(&state) % 9; n > 0; n--) {
			i = test_random(&state) % NAMES;
			(void)snprintf(path, sizeof(path), "%u/%c%u/%u", i % 3, "-0z"[i % 4 % 3], i % 7, i);
			there[i] = test_random(&state) % 4 != 0;
			value[i] = round;
			(void)snprintf(text, sizeof(text), "%u of %u", i, round);
			CU_ASSERT_EQUAL(there[i] ? add_text(path, text, round) :
			                           changes_add_removal(&changes, path, NULL), HF_OK);
		}
		CU_ASSERT_EQUAL_FATAL(lay(has ? &tree : NULL, &tree, &mtime), HF_OK);
		has = true;
		for (i = 0; i < NAMES; i++) {
			(void)snprintf(path, sizeof(path), "%u/%c%u/%u", i % 3, "-0z"[i % 4 % 3], i % 7, i);
			(void)snprintf(text, sizeof(text), "%u of %u", i, value[i]);
			buffer_clear(&out);
			if (there[i] != test_run_read(&run, &tree, path, &out) ||
			    (there[i] && strcmp(buffer_string(&out), text) != 0))
				CU_FAIL("the tree is not what was laid over it");
		}
	}
	buffer_release(&out);
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"empty", test_empty}, {"files", test_files}, {"last counts", test_last_counts},
	    {"deterministic", test_deterministic}, {"unchanged", test_unchanged}, {"trees", test_trees},
	    {"hostile", test_hostile}, {"model", test_model}, CU_TEST_INFO_NULL};

	return unit_run("overlay", tests);
}

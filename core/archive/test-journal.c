/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/journal.h"
#include "base/path.h"
#include "base/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[100];
static struct buffer lines = BUFFER_INIT((size_t)64 << 20);
static int answer;

static void
begin(void)
{
	(void)snprintf(directory, sizeof(directory), "test-journal-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/journal", directory);
	answer = HF_OK;
}

static void
end(void)
{
	buffer_release(&lines);
	(void)unlink(path);
	CU_ASSERT_EQUAL(rmdir(directory), 0);
}

static int
collect(void *ctx, const char *line, size_t size, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	if (answer != HF_OK && lines.size > 0)
		return answer;
	buffer_append(&lines, line, size);
	buffer_append_byte(&lines, '|');
	return HF_OK;
}

/* Opens it; what it holds is in lines. */
static struct journal *
reopen(struct journal *journal)
{
	struct hf_error err = HF_ERROR_INIT;

	journal_close(journal);
	journal = NULL;
	buffer_clear(&lines);
	if (journal_open(path, collect, NULL, &journal, &err) != HF_OK)
		CU_FAIL_FATAL(err.msg);
	return journal;
}

static int
add(struct journal *journal, const char *line)
{
	return journal_add(journal, line, strlen(line), NULL);
}

static bool
holds(const char *wanted)
{
	return strcmp(buffer_string(&lines), wanted) == 0;
}

static void
test_lines(void)
{
	struct journal *journal;
	size_t length, size;
	char *large = malloc(JOURNAL_LINE_MAX + 2);

	memset(large, 'l', JOURNAL_LINE_MAX + 1);
	large[JOURNAL_LINE_MAX + 1] = '\0';
	begin();
	journal = reopen(NULL);
	CU_ASSERT(holds(""));
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	CU_ASSERT_EQUAL(add(journal, "one"), HF_OK);
	CU_ASSERT_EQUAL(add(journal, ""), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	CU_ASSERT_EQUAL(add(journal, "not synced"), HF_OK);
	journal = reopen(journal);
	CU_ASSERT(holds("one||"));
	CU_ASSERT_EQUAL(add(journal, large), HF_EINVAL);
	for (length = 65500; length < 65600; length++)
		CU_ASSERT_EQUAL(journal_add(journal, large, length, NULL), HF_OK);
	CU_ASSERT_EQUAL(journal_add(journal, large, JOURNAL_LINE_MAX, NULL), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	journal = reopen(journal);
	size = 5 + (65500 + 65599 + 2) * 50 + JOURNAL_LINE_MAX + 1;
	CU_ASSERT_EQUAL(lines.size, size);
	/* Two lines in one would be read as something else. */
	CU_ASSERT_EQUAL(add(journal, "a\nb"), HF_EINVAL);
	CU_ASSERT_EQUAL(journal_add(journal, "a\0b", 3, NULL), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	journal = reopen(journal);
	CU_ASSERT_EQUAL(lines.size, size + 4);
	CU_ASSERT_EQUAL(add(journal, "last"), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	journal = reopen(journal);
	CU_ASSERT_EQUAL(lines.size, size + 4 + 5);
	journal_close(journal);
	free(large);
	end();
}

/* Cut at every byte, and every byte flipped: what comes before it is there, nothing else is, and it goes on. */
static void
test_damage(void)
{
	static const char *const texts[] = {"alpha", "b", "", "gamma delta"};
	static const char *const states[] = {"", "alpha|", "alpha|b|", "alpha|b||", "alpha|b||gamma delta|"};
	struct buffer whole = BUFFER_INIT(1000), damaged = BUFFER_INIT(1000), wanted = BUFFER_INIT(1000);
	struct journal *journal;
	size_t ends[5] = {0}, at;
	unsigned i, round;
	struct stat st;

	begin();
	journal = reopen(NULL);
	for (i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(add(journal, texts[i]), HF_OK);
		CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
		CU_ASSERT_EQUAL(stat(path, &st), 0);
		ends[i + 1] = (size_t)st.st_size;
	}
	journal_close(journal);
	CU_ASSERT_EQUAL(path_read(path, 1000, &whole, NULL), HF_OK);
	for (at = 0; at < whole.size; at++) {
		for (round = 0; round < 10; round++) {
			buffer_clear(&damaged);
			buffer_append(&damaged, whole.data, round < 2 ? at : whole.size);
			if (round == 1)
				buffer_append_string(&damaged, "garbage\nmore\n");
			else if (round > 1)
				damaged.data[at] ^= (uint8_t)(1u << (round - 2));
			CU_ASSERT_EQUAL(path_write(path, damaged.data, damaged.size, 0600, NULL), HF_OK);
			journal = reopen(NULL);
			for (i = 0; i < 4 && ends[i + 1] <= at; i++)
				;
			if (!holds(states[i]))
				CU_FAIL("a damaged journal gave lines that were not its own");
			CU_ASSERT_EQUAL(add(journal, "next"), HF_OK);
			CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
			journal = reopen(journal);
			buffer_clear(&wanted);
			buffer_appendf(&wanted, "%snext|", states[i]);
			CU_ASSERT(holds(buffer_string(&wanted)));
			journal_close(journal);
		}
	}
	buffer_release(&whole);
	buffer_release(&damaged);
	buffer_release(&wanted);
	end();
}

/* What the caller says of a line: an error ends the opening, JOURNAL_DROP cuts there. */
static void
test_answers(void)
{
	struct journal *journal;
	struct hf_error err = HF_ERROR_INIT;

	begin();
	journal = reopen(NULL);
	CU_ASSERT_EQUAL(add(journal, "one"), HF_OK);
	CU_ASSERT_EQUAL(add(journal, "two"), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	journal_close(journal);
	answer = HF_ENOMEM;
	buffer_clear(&lines);
	journal = NULL;
	CU_ASSERT_EQUAL(journal_open(path, collect, NULL, &journal, &err), HF_ENOMEM);
	CU_ASSERT_PTR_NULL(journal);
	answer = HF_OK;
	journal = reopen(NULL);
	CU_ASSERT(holds("one|two|"));
	journal_close(journal);
	answer = JOURNAL_DROP;
	journal = reopen(NULL);
	CU_ASSERT(holds("one|"));
	answer = HF_OK;
	CU_ASSERT_EQUAL(add(journal, "other"), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	journal = reopen(journal);
	CU_ASSERT(holds("one|other|"));
	journal_close(journal);
	end();
}

/* No room on the disk: told once, and for ever after; what was synced stays. */
static void
test_full(void)
{
	struct rlimit old, small;
	struct journal *journal;
	struct hf_error err = HF_ERROR_INIT;
	char text[100];
	unsigned i;

	begin();
	(void)signal(SIGXFSZ, SIG_IGN);
	journal = reopen(NULL);
	CU_ASSERT_EQUAL(add(journal, "kept"), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 100;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	memset(text, 'x', sizeof(text));
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(journal_add(journal, text, sizeof(text), NULL), HF_OK);
	CU_ASSERT(journal_sync(journal, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, path));
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
	CU_ASSERT(add(journal, "more") < 0);
	CU_ASSERT(journal_sync(journal, &err) < 0);
	journal = reopen(journal);
	CU_ASSERT(holds("kept|"));
	CU_ASSERT_EQUAL(add(journal, "again"), HF_OK);
	CU_ASSERT_EQUAL(journal_sync(journal, NULL), HF_OK);
	journal = reopen(journal);
	CU_ASSERT(holds("kept|again|"));
	journal_close(journal);
	end();
	CU_ASSERT(journal_open("no/such/folder/journal", collect, NULL, &journal, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "no/such/folder/journal"));
}

int
main(void)
{
	CU_TestInfo tests[] = {{"lines", test_lines}, {"damage", test_damage}, {"answers", test_answers},
	    {"full", test_full}, CU_TEST_INFO_NULL};

	return unit_run("journal", tests);
}

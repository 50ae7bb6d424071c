/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "config/cron.h"
#include "config/problem.h"
#include "config/scalar.h"

#include <stdlib.h>
#include <string.h>

#define BAD (-12345)

static int64_t
size_of(const char *text)
{
	int64_t value = BAD;

	return scalar_size(text, &value, NULL) == HF_OK ? value : BAD;
}

static int64_t
duration_of(const char *text)
{
	int64_t value = BAD;

	return scalar_duration(text, &value, NULL) == HF_OK ? value : BAD;
}

static int64_t
int_of(const char *text)
{
	int64_t value = BAD;

	return scalar_int(text, &value, NULL) == HF_OK ? value : BAD;
}

static void
test_numbers(void)
{
	CU_ASSERT_EQUAL(int_of("0"), 0);
	CU_ASSERT_EQUAL(int_of("-7"), -7);
	CU_ASSERT_EQUAL(int_of("9223372036854775807"), INT64_MAX);
	CU_ASSERT_EQUAL(int_of("9223372036854775808"), BAD);
	CU_ASSERT_EQUAL(int_of(""), BAD);
	CU_ASSERT_EQUAL(int_of("-"), BAD);
	CU_ASSERT_EQUAL(int_of("+1"), BAD);
	CU_ASSERT_EQUAL(int_of("0x10"), BAD);
	CU_ASSERT_EQUAL(int_of("1.0"), BAD);
	CU_ASSERT_EQUAL(int_of("1 "), BAD);
}

static void
test_sizes(void)
{
	CU_ASSERT_EQUAL(size_of("0 B"), 0);
	CU_ASSERT_EQUAL(size_of("1B"), 1);
	CU_ASSERT_EQUAL(size_of("2 kB"), 2000);
	CU_ASSERT_EQUAL(size_of("2 KiB"), 2048);
	CU_ASSERT_EQUAL(size_of("100 MB"), 100000000);
	CU_ASSERT_EQUAL(size_of("16MiB"), 16 << 20);
	CU_ASSERT_EQUAL(size_of("1.5 GB"), 1500000000);
	CU_ASSERT_EQUAL(size_of("1.25 GiB"), INT64_C(1342177280));
	CU_ASSERT_EQUAL(size_of("8589934591 GiB"), INT64_C(8589934591) << 30);
	CU_ASSERT_EQUAL(size_of("8589934592 GiB"), BAD);
	CU_ASSERT_EQUAL(size_of("9223372036854775808 B"), BAD);
	CU_ASSERT_EQUAL(size_of("99999999999999999999 B"), BAD);
	CU_ASSERT_EQUAL(size_of("0.5 B"), BAD);
	CU_ASSERT_EQUAL(size_of("1. MB"), BAD);
	CU_ASSERT_EQUAL(size_of(".5 MB"), BAD);
	CU_ASSERT_EQUAL(size_of("1.0001 MB"), BAD);
	CU_ASSERT_EQUAL(size_of("-1 MB"), BAD);
	CU_ASSERT_EQUAL(size_of("100"), BAD);
	CU_ASSERT_EQUAL(size_of("100 "), BAD);
	CU_ASSERT_EQUAL(size_of("100 Mb"), BAD);
	CU_ASSERT_EQUAL(size_of("100 MB "), BAD);
	CU_ASSERT_EQUAL(size_of("100 TB"), BAD);
	CU_ASSERT_EQUAL(size_of(""), BAD);
	CU_ASSERT_EQUAL(size_of("MB"), BAD);
}

static void
test_durations(void)
{
	CU_ASSERT_EQUAL(duration_of("1 ms"), 1000000);
	CU_ASSERT_EQUAL(duration_of("30 s"), INT64_C(30000000000));
	CU_ASSERT_EQUAL(duration_of("0.001 s"), 1000000);
	CU_ASSERT_EQUAL(duration_of("5min"), INT64_C(300000000000));
	CU_ASSERT_EQUAL(duration_of("1.5 h"), INT64_C(5400000000000));
	CU_ASSERT_EQUAL(duration_of("2 d"), INT64_C(172800000000000));
	CU_ASSERT_EQUAL(duration_of("106751 d"), INT64_C(106751) * 86400 * 1000000000);
	CU_ASSERT_EQUAL(duration_of("106752 d"), BAD);
	CU_ASSERT_EQUAL(duration_of("0.5 ms"), BAD);
	CU_ASSERT_EQUAL(duration_of("5 m"), BAD);
	CU_ASSERT_EQUAL(duration_of("5"), BAD);
}

static void
test_format(void)
{
	static const char *const sizes[] = {"0 B", "1 B", "1023 B", "1 KiB", "1 kB", "100 MB",
	    "1536 KiB", "3 GiB", "7 GB", "1000001 B"};
	static const char *const durations[] = {"0 s", "1 ms", "30 s", "90 s", "5 h", "2 d", "1500 ms"};
	char out[SCALAR_FORMAT_SIZE];
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CU_ASSERT_STRING_EQUAL(scalar_format_size(size_of(sizes[i]), out), sizes[i]);
	for (i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		CU_ASSERT_STRING_EQUAL(
		    scalar_format_duration(duration_of(durations[i]), out), durations[i]);
}

static void
expect_path(const char *text, const char *expected)
{
	char *path = NULL;

	CU_ASSERT_EQUAL(scalar_path(text, "/cfg", &path, NULL), expected != NULL ? HF_OK : HF_EINVAL);
	if (path != NULL && expected != NULL)
		CU_ASSERT_STRING_EQUAL(path, expected);
	free(path);
}

static void
test_paths(void)
{
	(void)setenv("HOME", "/home/ada", 1);
	expect_path("/a/b", "/a/b");
	expect_path("a/b", "/cfg/a/b");
	expect_path("$HOME/a", NULL);
	expect_path("${HOME}/a", NULL);
	expect_path("./$HOME", "/cfg/./$HOME");
	expect_path("$5", "/cfg/$5");
	expect_path("../a", "/cfg/../a");
	expect_path("~", "/home/ada");
	expect_path("~/", "/home/ada");
	expect_path("~/x", "/home/ada/x");
	expect_path("./~x", "/cfg/./~x");
	expect_path("~bob/x", NULL);
	expect_path("", NULL);
	/* Without a usable HOME, the password database knows. */
	(void)setenv("HOME", "nowhere", 1);
	CU_ASSERT_TRUE(scalar_home() == NULL || scalar_home()[0] == '/');
}

static void
test_names(void)
{
	CU_ASSERT_TRUE(scalar_is_name("a"));
	CU_ASSERT_TRUE(scalar_is_name("a-b_9"));
	CU_ASSERT_TRUE(scalar_is_name("a1234567890123456789012345678901"));
	CU_ASSERT_FALSE(scalar_is_name("a12345678901234567890123456789012"));
	CU_ASSERT_FALSE(scalar_is_name(""));
	CU_ASSERT_FALSE(scalar_is_name("9a"));
	CU_ASSERT_FALSE(scalar_is_name("-a"));
	CU_ASSERT_FALSE(scalar_is_name("A"));
	CU_ASSERT_FALSE(scalar_is_name("a/b"));
	CU_ASSERT_FALSE(scalar_is_name("a.b"));
	CU_ASSERT_FALSE(scalar_is_name("\xc3\xa4"));
}

static void
test_cron(void)
{
	static const char *const bad[] = {"", "*", "* * * *", "* * * * * *", "60 * * * *",
	    "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8",
	    "*/0 * * * *", "5/2 * * * *", "5-1 * * * *", "1, * * * *", ",1 * * * *", "1-2-3 * * * *",
	    "a * * * *", "* * * foo *", "* * * * mond", "-1 * * * *", "1.5 * * * *", "@often", "@",
	    "0 0 30 2 *", "0 0 31 4,6 *", "99999 * * * *", "*/ * * * *", "** * * * *"};
	struct hf_error err = HF_ERROR_INIT;
	struct cron cron;
	size_t i;

	CU_ASSERT_EQUAL(cron_parse("0 3 * * *", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(cron.minutes, 1);
	CU_ASSERT_EQUAL(cron.hours, 1u << 3);
	CU_ASSERT_EQUAL(cron.days, 0xfffffffe);
	CU_ASSERT_EQUAL(cron.months, 0x1ffe);
	CU_ASSERT_EQUAL(cron.weekdays, 0x7f);
	CU_ASSERT_EQUAL(cron_parse("*/20,7 1-5/2 1,15 jan,DEC mon-fri", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(
	    cron.minutes, UINT64_C(1) | 1 << 20 | UINT64_C(1) << 40 | 1 << 7);
	CU_ASSERT_EQUAL(cron.hours, 1u << 1 | 1u << 3 | 1u << 5);
	CU_ASSERT_EQUAL(cron.months, 1u << 1 | 1u << 12);
	CU_ASSERT_EQUAL(cron.weekdays, 0x3e);
	/* Both day fields are given: either is enough. */
	CU_ASSERT_TRUE(cron_matches_day(&cron, 1, 15, 0));
	CU_ASSERT_TRUE(cron_matches_day(&cron, 1, 14, 1));
	CU_ASSERT_FALSE(cron_matches_day(&cron, 1, 14, 0));
	CU_ASSERT_FALSE(cron_matches_day(&cron, 2, 15, 1));
	CU_ASSERT_EQUAL(cron_parse("0 0 * * 7", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(cron.weekdays, 1);
	CU_ASSERT_FALSE(cron_matches_day(&cron, 5, 5, 1));
	CU_ASSERT_EQUAL(cron_parse("0 0 30 2 mon", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(cron_parse("59 23 29 2 *", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(cron_parse("\t0  0\t* * * ", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(cron_parse("@weekly", &cron, &err), HF_OK);
	CU_ASSERT_EQUAL(cron.weekdays, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (cron_parse(bad[i], &cron, &err) != HF_EINVAL)
			CU_FAIL("accepted a bad schedule");
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, bad[i]));
	}
}

static void
test_quote(void)
{
	struct problem_word word;
	char text[200];
	size_t i;

	CU_ASSERT_STRING_EQUAL(problem_quote(&word, "a\033[2Jb\n"), "a?[2Jb?");
	memset(text, 'x', sizeof(text));
	text[60] = '\0';
	CU_ASSERT_STRING_EQUAL(problem_quote(&word, text), text);
	text[60] = 'x';
	text[61] = '\0';
	CU_ASSERT_EQUAL(strlen(problem_quote(&word, text)), 63);
	CU_ASSERT_STRING_EQUAL(word.text + 60, "...");
	/* Never half a character. */
	for (i = 0; i < 99; i += 2)
		memcpy(text + 1 + i, "\xc3\xa4", 2);
	text[99] = '\0';
	CU_ASSERT_STRING_EQUAL(problem_quote(&word, text) + 57, "\xc3\xa4...");
}

int
main(void)
{
	CU_TestInfo tests[] = {{"numbers", test_numbers}, {"sizes", test_sizes},
	    {"durations", test_durations}, {"format", test_format}, {"paths", test_paths},
	    {"names", test_names}, {"cron", test_cron}, {"quote", test_quote}, CU_TEST_INFO_NULL};

	return unit_run("scalar", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "plugin/options.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY(type, flags, name, def, min, max)                                                       \
	{sizeof(struct hf_option), (type), (flags), 1, (name), "help", (def), (min), (max)}

enum { FOLDER, LABEL, COUNT, LIMIT, PAUSE, QUICK, TOKEN };
static const struct hf_option table[] = {
    ENTRY(HF_OPTION_PATH, HF_OPTION_REQUIRED, "folder", NULL, 0, 0),
    ENTRY(HF_OPTION_STRING, 0, "label", NULL, 0, 0), ENTRY(HF_OPTION_INT, 0, "count", "3", -5, 10),
    ENTRY(HF_OPTION_SIZE, 0, "limit", "100 MB", 1000, 5000000000),
    ENTRY(HF_OPTION_DURATION, 0, "pause", NULL, 0, 0), ENTRY(HF_OPTION_BOOL, 0, "quick", "false", 0, 0),
    ENTRY(HF_OPTION_STRING, HF_OPTION_SECRET, "token", NULL, 0, 0), {0}};

static struct hf_error err;

static int
parse_two(const char *name, const char *text, struct options **options, size_t *bad)
{
	struct option_text texts[] = {{"folder", "/f"}, {name, text}};

	return options_parse(table, "/base", texts, 2, options, bad, &err);
}

/* The message for a second option that is wrong; checks that it is the second that is blamed. */
static const char *
message(const char *name, const char *text)
{
	struct options *options = NULL;
	size_t bad = 99;

	err.msg[0] = '\0';
	CU_ASSERT_EQUAL(parse_two(name, text, &options, &bad), HF_EINVAL);
	CU_ASSERT_PTR_NULL(options);
	CU_ASSERT_EQUAL(bad, 1);
	options_free(options);
	return err.msg;
}

static int64_t
value(uint32_t type, const char *text)
{
	int64_t number = -12345;

	return options_value(type, text, &number, NULL) == HF_OK ? number : -12345;
}

static void
test_values(void)
{
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "100 MB"), 100000000);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "16MiB"), 16 << 20);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "1 kB"), 1000);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "1 KiB"), 1024);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "0 B"), 0);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "3 GiB"), INT64_C(3) << 30);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "9223372036854775807 B"), INT64_MAX);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "9223372036854775808 B"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "9223372036854775807 kB"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "100"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "100 mb"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "-1 B"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_SIZE, "1.5 GB"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "250 ms"), 250000000);
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "30 s"), INT64_C(30000000000));
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "2 min"), INT64_C(120000000000));
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "5 h"), INT64_C(18000000000000));
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "1 d"), INT64_C(86400000000000));
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "5 m"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_DURATION, "30 s "), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "-9223372036854775808"), INT64_MIN);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "-9223372036854775809"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "-0"), 0);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "010"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "0x10"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "1e3"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, ""), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_INT, "+1"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_BOOL, "true"), 1);
	CU_ASSERT_EQUAL(value(HF_OPTION_BOOL, "false"), 0);
	CU_ASSERT_EQUAL(value(HF_OPTION_BOOL, "yes"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_BOOL, "True"), -12345);
	CU_ASSERT_EQUAL(value(HF_OPTION_BOOL, "1"), -12345);
	CU_ASSERT_EQUAL(options_value(77, "x", NULL, NULL), HF_ENOTSUP);
}

static void
test_format(void)
{
	char out[40];

	options_format(HF_OPTION_SIZE, 100000000, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "100 MB");
	options_format(HF_OPTION_SIZE, 16 << 20, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "16 MiB");
	options_format(HF_OPTION_SIZE, 0, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "0 B");
	options_format(HF_OPTION_DURATION, INT64_C(90000000000), out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "90 s");
	options_format(HF_OPTION_INT, INT64_MIN, out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "-9223372036854775808");
}

static void
test_table(void)
{
	struct option_text texts[] = {{"pause", "30 s"}, {"folder", "sub/x"}, {"token_file", "secret"}};
	struct options *options = NULL;

	CU_ASSERT_EQUAL_FATAL(options_parse(table, "/base", texts, 3, &options, NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(options->count, 7);
	CU_ASSERT_STRING_EQUAL(options->values[FOLDER].text, "/base/sub/x");
	CU_ASSERT_EQUAL(options->values[FOLDER].type, HF_OPTION_PATH);
	CU_ASSERT_EQUAL(options->values[LABEL].set, 0);
	CU_ASSERT_PTR_NULL(options->values[LABEL].text);
	CU_ASSERT_EQUAL(options->values[COUNT].number, 3);
	CU_ASSERT_EQUAL(options->values[LIMIT].number, 100000000);
	CU_ASSERT_EQUAL(options->values[PAUSE].number, INT64_C(30000000000));
	CU_ASSERT_EQUAL(options->values[QUICK].set, 1);
	CU_ASSERT_EQUAL(options->values[QUICK].number, 0);
	/* The plugin learns that there is a secret, and neither it nor where it is. */
	CU_ASSERT_EQUAL(options->values[TOKEN].set, 1);
	CU_ASSERT_PTR_NULL(options->values[TOKEN].text);
	CU_ASSERT_EQUAL(options->secrets[TOKEN].way, OPTION_SECRET_FILE);
	CU_ASSERT_STRING_EQUAL(options->secrets[TOKEN].text, "/base/secret");
	options_free(options);
}

static void
test_wrong(void)
{
	struct options *options = NULL;
	size_t bad = 99;

	CU_ASSERT_STRING_EQUAL(
	    message("lable", "x"), "\"lable\" is not an option here; did you mean \"label\"?");
	CU_ASSERT_STRING_EQUAL(message("zzzzzz", "x"), "\"zzzzzz\" is not an option here");
	CU_ASSERT_STRING_EQUAL(message("tokn_file", "x"),
	    "\"tokn_file\" is not an option here; did you mean \"token_file\" or \"token_command\"?");
	CU_ASSERT_STRING_EQUAL(message("count", "11"), "count: \"11\" is outside of -5 to 10");
	CU_ASSERT_STRING_EQUAL(message("count", "many"), "count: \"many\" is not a whole number");
	CU_ASSERT_STRING_EQUAL(message("limit", "6 GB"), "limit: \"6 GB\" is outside of 1 kB to 5 GB");
	CU_ASSERT_STRING_EQUAL(message("limit", "100"),
	    "limit: \"100\" has no unit, as in 100 MB (B, kB, MB, GB, KiB, MiB, GiB)");
	CU_ASSERT_STRING_EQUAL(message("quick", "on"), "quick: \"on\" is neither true nor false");
	CU_ASSERT_STRING_EQUAL(message("folder", "/g"), "folder: is given twice");
	/* Somebody who writes the secret itself down does not find it in a log as well. */
	CU_ASSERT_PTR_NULL(strstr(message("token", "hunter2"), "hunter2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "token_file"));
	CU_ASSERT_EQUAL(options_parse(table, NULL, NULL, 0, &options, &bad, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(bad, 0);
	CU_ASSERT_STRING_EQUAL(err.msg, "\"folder\" is missing (help)");
}

static void
test_secrets(void)
{
	struct option_text both[] = {{"folder", "/f"}, {"token_file", "/t"}, {"token_command", "pass x"}};
	struct options *options = NULL;
	size_t bad = 99;

	CU_ASSERT_EQUAL(options_parse(table, NULL, both, 3, &options, &bad, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(bad, 2);
	CU_ASSERT_EQUAL_FATAL(parse_two("token_command", "pass x", &options, NULL), HF_OK);
	CU_ASSERT_EQUAL(options->secrets[TOKEN].way, OPTION_SECRET_COMMAND);
	CU_ASSERT_STRING_EQUAL(options->secrets[TOKEN].text, "pass x");
	options_free(options);
	options = NULL;
	CU_ASSERT_EQUAL_FATAL(options_parse(NULL, NULL, NULL, 0, &options, NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(options->count, 0);
	options_free(options);
	CU_ASSERT_EQUAL(options_parse(NULL, NULL, both, 1, &options, &bad, &err), HF_EINVAL);
}

static char *
path_of(const char *text, const char *base)
{
	static char out[256];
	char *path = NULL;

	if (options_path(text, base, &path, &err) != HF_OK)
		return NULL;
	(void)snprintf(out, sizeof(out), "%s", path);
	free(path);
	return out;
}

static void
test_paths(void)
{
	CU_ASSERT_EQUAL(setenv("HOME", "/home/somebody", 1), 0);
	CU_ASSERT_STRING_EQUAL(path_of("~/x", "/base"), "/home/somebody/x");
	CU_ASSERT_STRING_EQUAL(path_of("~", "/base"), "/home/somebody");
	CU_ASSERT_STRING_EQUAL(path_of("/x", "/base"), "/x");
	CU_ASSERT_STRING_EQUAL(path_of("x", "/base"), "/base/x");
	CU_ASSERT_STRING_EQUAL(path_of("x", NULL), "x");
	CU_ASSERT_STRING_EQUAL(path_of("./~x", "/base"), "/base/./~x");
	CU_ASSERT_PTR_NULL(path_of("~other/x", "/base"));
}

static void
test_nearest(void)
{
	struct nearest nearest = NEAREST_INIT("wifi-onlly");
	char long_name[200];

	CU_ASSERT_EQUAL(nearest_distance("abc", "abc"), 0);
	CU_ASSERT_EQUAL(nearest_distance("abc", "acb"), 1);
	CU_ASSERT_EQUAL(nearest_distance("abc", ""), 3);
	CU_ASSERT_EQUAL(nearest_distance("kitten", "sitting"), 3);
	CU_ASSERT_EQUAL(nearest_distance("Max_Size", "max-size"), 0);
	nearest_offer(&nearest, "battery");
	CU_ASSERT_PTR_NULL(nearest.best);
	nearest_offer(&nearest, "wifi_only");
	nearest_offer(&nearest, "wifi_onll");
	CU_ASSERT_STRING_EQUAL(nearest.best, "wifi_only");
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	nearest_offer(&nearest, long_name);
	CU_ASSERT_STRING_EQUAL(nearest.best, "wifi_only");
}

int
main(void)
{
	CU_TestInfo tests[] = {{"values", test_values}, {"format", test_format}, {"table", test_table},
	    {"wrong", test_wrong}, {"secrets", test_secrets}, {"paths", test_paths},
	    {"nearest", test_nearest}, CU_TEST_INFO_NULL};

	return unit_run("options", tests);
}

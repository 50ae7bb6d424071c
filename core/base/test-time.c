/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"
#include "base/unit.h"

#include <string.h>

#include <holdfast/error.h>

static void
test_round_trip(void)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {{0, "1970-01-01T00:00:00Z"}, {-1, "1969-12-31T23:59:59.999999999Z"},
	    {1641475861338000000, "2022-01-06T13:31:01.338Z"}, {951782400000000000, "2000-02-29T00:00:00Z"},
	    {-2208988800500000000, "1899-12-31T23:59:59.5Z"}, {INT64_MAX, "2262-04-11T23:47:16.854775807Z"}};
	char out[TIME_RFC3339_SIZE];
	int64_t ns;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(time_format(cases[i].ns, out), strlen(cases[i].text));
		CU_ASSERT_STRING_EQUAL(out, cases[i].text);
		CU_ASSERT_EQUAL(time_parse(out, strlen(out), &ns), HF_OK);
		CU_ASSERT_EQUAL(ns, cases[i].ns);
	}
}

static void
test_zones(void)
{
	int64_t ns = 0;

	CU_ASSERT_EQUAL(time_parse("1970-01-01T01:30:00+01:30", 25, &ns), HF_OK);
	CU_ASSERT_EQUAL(ns, 0);
	CU_ASSERT_EQUAL(time_parse("1969-12-31T23:00:00.000000001-01:00", 35, &ns), HF_OK);
	CU_ASSERT_EQUAL(ns, 1);
}

static void
test_refused(void)
{
	static const char *const bad[] = {"", "2024", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z",
	    "2024-01-01T24:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx",
	    "2024-01-01T00:00:00+1:00", "20240101T000000Z", "2024-01-01T00:61:00Z"};
	int64_t ns = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(time_parse(bad[i], strlen(bad[i]), &ns), HF_EINVAL);
	CU_ASSERT_EQUAL(time_parse("9999-01-01T00:00:00Z", 20, &ns), HF_ERANGE);
	CU_ASSERT_EQUAL(ns, 7);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"round trip", test_round_trip}, {"zones", test_zones},
	    {"refused", test_refused}, CU_TEST_INFO_NULL};

	return unit_run("time", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/write.h"

#include <string.h>

#include "base/unit.h"

static const struct hf_host_write *const host = &write_host_extension;

static void
test_text(void)
{
	struct hf_text text = {"a\0\"\n\xff\xc3\xa9", 7, HF_TEXT_UTF8, 0};
	static const char want[] = "\"a\\u0000\\\"\\n\xef\xbf\xbd\xc3\xa9\"";
	char out[64];
	uint64_t capacity, n;

	n = host->text(&text, out, sizeof(out));
	CU_ASSERT_EQUAL_FATAL(n, sizeof(want) - 1);
	CU_ASSERT(memcmp(out, want, (size_t)n) == 0);
	for (capacity = 0; capacity < n; capacity++) {
		memset(out, '#', sizeof(out));
		CU_ASSERT_EQUAL(host->text(&text, out, capacity), 0);
		CU_ASSERT_EQUAL(out[capacity], '#');
	}
	CU_ASSERT_EQUAL(host->text(&text, out, n), n);
	text = (struct hf_text){"\\u0041\\ud800", 12, HF_TEXT_JSON, 0};
	n = host->text(&text, out, sizeof(out));
	CU_ASSERT(n == 14 && memcmp(out, "\"\\u0041\\ufffd\"", 14) == 0);
	text = (struct hf_text){"", 0, HF_TEXT_UTF8, 0};
	CU_ASSERT_EQUAL(host->text(&text, out, sizeof(out)), 2);
}

static void
test_compact(void)
{
	static const char json[] = "{ \"a b\" : [ 1.50 , \"\\\" \\ud800\" ]\n}", want[] =
	    "{\"a b\":[1.50,\"\\\" \\ud800\"]}";
	char out[64];
	uint64_t n = host->compact(json, sizeof(json) - 1, out, sizeof(out));

	CU_ASSERT_EQUAL_FATAL(n, sizeof(want) - 1);
	CU_ASSERT(memcmp(out, want, (size_t)n) == 0);
	CU_ASSERT_EQUAL(host->compact(json, sizeof(json) - 1, out, n - 1), 0);
}

static void
test_time(void)
{
	char out[HF_TIME_SIZE];
	uint64_t n = host->time(1500000000, out);

	CU_ASSERT(n == 22 && memcmp(out, "1970-01-01T00:00:01.5Z", 22) == 0);
	CU_ASSERT_EQUAL(host->parse_time(out, n), 1500000000);
	CU_ASSERT_EQUAL(host->parse_time("yesterday", 9), INT64_MIN);
}

static void
test_component(void)
{
	char out[HF_COMPONENT_SIZE], other[HF_COMPONENT_SIZE], name[400];

	CU_ASSERT_EQUAL(host->component("C1/x", 4, out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(out, "%431%2Fx");
	CU_ASSERT_EQUAL(host->component("", 0, out, NULL), HF_EINVAL);
	memset(name, 'a', sizeof(name));
	CU_ASSERT_EQUAL(host->component(name, sizeof(name), out, NULL), HF_OK);
	name[399] = 'b';
	CU_ASSERT_EQUAL(host->component(name, sizeof(name), other, NULL), HF_OK);
	CU_ASSERT(strlen(out) == 200 && strcmp(out, other) != 0);
}

static void
test_sha256(void)
{
	static const uint8_t want[4] = {0xba, 0x78, 0x16, 0xbf}; /* FIPS 180-4, "abc" */
	uint8_t out[32];

	CU_ASSERT_EQUAL(host->sha256("abc", 3, out, NULL), HF_OK);
	CU_ASSERT(memcmp(out, want, 4) == 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{"text", test_text},
		{"compact", test_compact},
		{"time", test_time},
		{"component", test_component},
		{"sha256", test_sha256},
		CU_TEST_INFO_NULL,
	};

	return unit_run("write", tests);
}

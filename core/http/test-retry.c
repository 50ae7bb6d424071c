/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "http/library.h"
#include "http/retry.h"

#include <string.h>

#define SECOND INT64_C(1000000000)
#define NOW    INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t
after(const char *text)
{
	return retry_after(text, strlen(text), NOW);
}

static void
test_retry_after(void)
{
	CU_ASSERT_EQUAL_FATAL(library_open(NULL), HF_OK);
	CU_ASSERT_EQUAL(after("0"), 0);
	CU_ASSERT_EQUAL(after("1"), SECOND);
	CU_ASSERT_EQUAL(after("120"), 120 * SECOND);
	CU_ASSERT_EQUAL(after("99999999999999999999999999"), SECOND * 1000000000);
	CU_ASSERT_EQUAL(after(""), RETRY_NEVER);
	CU_ASSERT_EQUAL(after("-1"), RETRY_NEVER);
	CU_ASSERT_EQUAL(after("soon"), RETRY_NEVER);
	CU_ASSERT_EQUAL(after("1.5"), RETRY_NEVER);
	CU_ASSERT_EQUAL(after("Sun, 06 Nov 1994 08:49:47 GMT"), 10 * SECOND);
	CU_ASSERT_EQUAL(after("Sunday, 06-Nov-94 08:50:37 GMT"), 60 * SECOND);
	CU_ASSERT_EQUAL(after("Sun Nov  6 09:49:37 1994"), 3600 * SECOND);
	CU_ASSERT_EQUAL(after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
	CU_ASSERT_EQUAL(after("Sat, 05 Nov 1994 08:49:37 GMT"), 0);
	CU_ASSERT_EQUAL(after("Sun, 06 Nov 1994 08:49:47 GMT, and some more that is longer than any date is, and more"),
	    RETRY_NEVER);
}

static void
test_statuses(void)
{
	static const struct {
		uint32_t status;
		int code;
		bool again;
	} table[] = {{200, HF_OK, false}, {206, HF_OK, false}, {207, HF_OK, false}, {299, HF_OK, false},
	    {300, HF_EINVAL, false}, {302, HF_EINVAL, false}, {304, HF_EINVAL, false}, {400, HF_EINVAL, false},
	    {401, HF_EAUTH, false}, {403, HF_EPERM, false}, {404, HF_ENOTFOUND, false}, {405, HF_EINVAL, false},
	    {408, HF_EAGAIN, true}, {409, HF_EINVAL, false}, {410, HF_ENOTFOUND, false}, {412, HF_EINVAL, false},
	    {416, HF_EINVAL, false}, {425, HF_EAGAIN, true}, {429, HF_ERATE, true}, {500, HF_EAGAIN, true},
	    {501, HF_EINVAL, false}, {502, HF_EAGAIN, true}, {503, HF_EAGAIN, true}, {504, HF_EAGAIN, true},
	    {505, HF_EINVAL, false}, {507, HF_ENOSPC, false}, {599, HF_EINVAL, false}};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CU_ASSERT_EQUAL(retry_status_code(table[i].status), table[i].code);
		CU_ASSERT_EQUAL(retry_status(table[i].status), table[i].again);
	}
}

static void
test_results(void)
{
	bool again;

	CU_ASSERT_EQUAL(retry_curl_code(CURLE_OK, &again), HF_OK);
	CU_ASSERT_FALSE(again);
	CU_ASSERT_EQUAL(retry_curl_code(CURLE_PEER_FAILED_VERIFICATION, &again), HF_EPERM);
	CU_ASSERT_FALSE(again);
	CU_ASSERT_EQUAL(retry_curl_code(CURLE_OUT_OF_MEMORY, &again), HF_ENOMEM);
	CU_ASSERT_FALSE(again);
	CU_ASSERT_EQUAL(retry_curl_code(CURLE_PARTIAL_FILE, &again), HF_ECORRUPT);
	CU_ASSERT_TRUE(again);
	CU_ASSERT_EQUAL(retry_curl_code(CURLE_COULDNT_RESOLVE_HOST, &again), HF_ENET);
	CU_ASSERT_TRUE(again);
	CU_ASSERT_EQUAL(retry_curl_code(CURLE_OPERATION_TIMEDOUT, &again), HF_ENET);
	CU_ASSERT_TRUE(again);
}

/* Doubles, never more than the longest, never less than half of what it is at most. */
static void
test_pauses(void)
{
	const struct retry_limits limits = {9, SECOND, 60 * SECOND};
	static const int64_t most[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	unsigned tries;
	uint32_t random;

	for (tries = 1; tries <= 9; tries++) {
		CU_ASSERT_EQUAL(retry_pause(&limits, tries, 0), most[tries - 1] * SECOND);
		CU_ASSERT_EQUAL(retry_pause(&limits, tries, UINT32_MAX), most[tries - 1] * SECOND / 2);
		for (random = 1; random < UINT32_MAX / 3; random *= 3) {
			CU_ASSERT_TRUE(retry_pause(&limits, tries, random) <= most[tries - 1] * SECOND);
			CU_ASSERT_TRUE(retry_pause(&limits, tries, random) >= most[tries - 1] * SECOND / 2);
		}
	}
	CU_ASSERT_EQUAL(retry_pause(&limits, 1000000, 0), 60 * SECOND);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"Retry-After", test_retry_after}, {"statuses", test_statuses}, {"results", test_results},
	    {"pauses", test_pauses}, CU_TEST_INFO_NULL};

	return unit_run("retry", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "job/retry.h"

static void
test_exponential(void)
{
	struct retry_policy policy = RETRY_POLICY_INIT;
	int64_t expected = 30;
	uint32_t n;

	for (n = 1; n <= 10; n++) {
		CU_ASSERT_EQUAL(retry_delay(&policy, n, 0), expected * RETRY_SECOND);
		expected *= 2;
	}
	/* 30 s * 2^10 is over 5 h. */
	CU_ASSERT_EQUAL(retry_delay(&policy, 11, 0), 5 * 3600 * RETRY_SECOND);
	CU_ASSERT_EQUAL(retry_delay(&policy, UINT32_MAX, 0), 5 * 3600 * RETRY_SECOND);
}

static void
test_linear(void)
{
	struct retry_policy policy = RETRY_POLICY_INIT;

	policy.backoff = RETRY_LINEAR;
	CU_ASSERT_EQUAL(retry_delay(&policy, 1, 0), 30 * RETRY_SECOND);
	CU_ASSERT_EQUAL(retry_delay(&policy, 7, 0), 210 * RETRY_SECOND);
	CU_ASSERT_EQUAL(retry_delay(&policy, 600, 0), 18000 * RETRY_SECOND);
	CU_ASSERT_EQUAL(retry_delay(&policy, UINT32_MAX, 0), 18000 * RETRY_SECOND);
}

static void
test_jitter(void)
{
	struct retry_policy policy = RETRY_POLICY_INIT;
	int64_t half = retry_delay(&policy, 1, UINT32_MAX / 2);

	CU_ASSERT_EQUAL(retry_delay(&policy, 1, UINT32_MAX), 33 * RETRY_SECOND);
	CU_ASSERT(half > 31 * RETRY_SECOND && half < 32 * RETRY_SECOND);
	policy.maximum = INT64_MAX;
	policy.initial = INT64_MAX;
	CU_ASSERT(retry_delay(&policy, 9, UINT32_MAX) > 0);
	policy.initial = -5;
	CU_ASSERT_EQUAL(retry_delay(&policy, 9, UINT32_MAX), 0);
}

static void
test_verdict(void)
{
	struct retry_policy policy = RETRY_POLICY_INIT;

	CU_ASSERT(retry_allowed(&policy, 7, true));
	CU_ASSERT_FALSE(retry_allowed(&policy, 8, true));
	CU_ASSERT_FALSE(retry_allowed(&policy, 1, false));
	CU_ASSERT(retry_after_crash(4));
	CU_ASSERT_FALSE(retry_after_crash(5));
}

int
main(void)
{
	CU_TestInfo tests[] = {{"exponential", test_exponential}, {"linear", test_linear},
	    {"jitter", test_jitter}, {"verdict", test_verdict}, CU_TEST_INFO_NULL};

	return unit_run("retry", tests);
}

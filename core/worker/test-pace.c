/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "worker/pace.h"

/* Estimates that are right, too low and too high; the total ends at what there was. */
static void
test_estimates(void)
{
	struct pace pace = {0};

	CU_ASSERT_EQUAL(pace_total(&pace), 0);
	pace_plan(&pace, 300, 0);
	CU_ASSERT_EQUAL(pace_total(&pace), 300);
	pace_begin(&pace, 100);
	pace_items(&pace, 60);
	CU_ASSERT_EQUAL(pace_total(&pace), 300);
	pace_items(&pace, 60);
	CU_ASSERT_EQUAL(pace_total(&pace), 320);
	pace_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace), 320);
	pace_begin(&pace, 200);
	CU_ASSERT_EQUAL(pace_total(&pace), 320);
	pace_items(&pace, 50);
	pace_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace), 170);
	/* One that failed outside of units. */
	pace_items(&pace, 1);
	CU_ASSERT_EQUAL(pace_total(&pace), 171);
}

/* Without estimates the total is told from the first finished unit on, and not as what is done so far. */
static void
test_unknown(void)
{
	struct pace pace = {0};
	unsigned i;

	pace_plan(&pace, 0, 10);
	CU_ASSERT_EQUAL(pace_total(&pace), 0);
	pace_begin(&pace, 0);
	pace_items(&pace, 64);
	CU_ASSERT_EQUAL(pace_total(&pace), 0);
	pace_items(&pace, 36);
	pace_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace), 1000);
	for (i = 1; i < 10; i++) {
		pace_begin(&pace, 0);
		pace_items(&pace, 100);
		CU_ASSERT_EQUAL(pace_total(&pace), 1000);
		pace_end(&pace);
	}
	CU_ASSERT_EQUAL(pace_total(&pace), 1000);
	/* A second account is planned later. */
	pace_plan(&pace, 500, 1);
	CU_ASSERT_EQUAL(pace_total(&pace), 1600);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"estimates", test_estimates}, {"unknown", test_unknown}, CU_TEST_INFO_NULL};

	return unit_run("pace", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "worker/pace.h"

static struct pace pace;

static void
plan(const struct pace_work *estimates, size_t count)
{
	struct pace_units units = {0};
	size_t i;

	for (i = 0; i < count; i++)
		pace_units_add(&units, &estimates[i]);
	pace_plan(&pace, &units);
}

static void
begin(uint64_t items, uint64_t bytes)
{
	const struct pace_work estimate = {items, bytes};

	pace_unit_begin(&pace, &estimate);
}

static bool
near(double a, double b)
{
	return a - b < 0.01 && b - a < 0.01;
}

/* Estimates that are right, too low and too high; the total ends at what there was. */
static void
test_estimates(void)
{
	const struct pace_work units[] = {{100, 1000}, {200, 2000}};

	CU_ASSERT_EQUAL(pace_total(&pace).items, 0);
	CU_ASSERT_EQUAL(pace_share(&pace), 0);
	CU_ASSERT_TRUE(pace_expect(&pace, NULL, 0));
	CU_ASSERT_EQUAL(pace_total(&pace).items, 0);
	pace_part_begin(&pace);
	plan(units, 2);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 300);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 3000);
	begin(100, 1000);
	pace_done(&pace, 60, 600);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 300);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 3000);
	CU_ASSERT_TRUE(near(pace_share(&pace), 0.20));
	pace_done(&pace, 60, 600);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 320);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 3200);
	CU_ASSERT_TRUE(near(pace_share(&pace), 0.336));
	pace_unit_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 320);
	CU_ASSERT_TRUE(near(pace_share(&pace), 0.336));
	begin(200, 2000);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 320);
	pace_done(&pace, 50, 500);
	pace_unit_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 170);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 1700);
	/* One that failed outside of units. */
	pace_done(&pace, 1, 0);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 171);
	pace_part_end(&pace);
	CU_ASSERT_EQUAL(pace_share(&pace), 1);
	pace_release(&pace);
}

/* Without estimates the total is told from the first finished unit on, and not as what is done so far. */
static void
test_unknown(void)
{
	const struct pace_work units[10] = {{0, 0}};
	unsigned i;

	CU_ASSERT_TRUE(pace_expect(&pace, NULL, 0));
	pace_part_begin(&pace);
	plan(units, 10);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 0);
	begin(0, 0);
	pace_done(&pace, 64, 0);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 0);
	pace_done(&pace, 36, 500);
	pace_unit_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 1000);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 5000);
	CU_ASSERT_TRUE(near(pace_share(&pace), 0.1));
	for (i = 1; i < 10; i++) {
		begin(0, 0);
		pace_done(&pace, 100, 500);
		CU_ASSERT_EQUAL(pace_total(&pace).items, 1000);
		pace_unit_end(&pace);
	}
	CU_ASSERT_EQUAL(pace_total(&pace).items, 1000);
	pace_part_end(&pace);
	CU_ASSERT_EQUAL(pace_share(&pace), 1);
	pace_release(&pace);
}

/* Of units that only tell bytes the items come from what the bytes of others had, or at the last run. */
static void
test_one_kind(void)
{
	const struct pace_work last = {500, 50000}, units[] = {{0, 1000}, {0, 3000}};

	CU_ASSERT_TRUE(pace_expect(&pace, &last, 5));
	CU_ASSERT_EQUAL(pace_total(&pace).items, 500);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 50000);
	pace_part_begin(&pace);
	plan(units, 2);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 40);
	CU_ASSERT_EQUAL(pace_total(&pace).bytes, 4000);
	begin(0, 1000);
	pace_done(&pace, 50, 500);
	CU_ASSERT_TRUE(near(pace_share(&pace), 2548.0 / 12192));
	pace_done(&pace, 50, 500);
	pace_unit_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 400);
	begin(0, 3000);
	pace_done(&pace, 300, 3000);
	pace_unit_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 400);
	pace_part_end(&pace);
	pace_release(&pace);
}

/* What is planned later counts from the start as at the last run, and is no surprise. */
static void
test_parts(void)
{
	const struct pace_work small = {1000, 0}, large = {3000, 0}, tiny = {1, 0}, unit = {1000, 0}, huge = {9000, 0};
	double share = 0;
	int i;

	CU_ASSERT_TRUE(pace_expect(&pace, &small, 1));
	CU_ASSERT_TRUE(pace_expect(&pace, &large, 1));
	CU_ASSERT_EQUAL(pace_total(&pace).items, 4000);
	pace_part_begin(&pace);
	plan(&unit, 1);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 4000);
	begin(1000, 0);
	pace_done(&pace, 1000, 0);
	pace_unit_end(&pace);
	pace_part_end(&pace);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 4000);
	CU_ASSERT_TRUE(near(pace_share(&pace), 0.258));
	/* There is less than at the last run. */
	pace_part_begin(&pace);
	plan(&tiny, 1);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 1001);
	pace_part_end(&pace);
	CU_ASSERT_EQUAL(pace_share(&pace), 1);
	pace_release(&pace);

	/* A first run: the second is larger by far, which nobody could know; the third fails before it is planned. */
	for (i = 0; i < 3; i++)
		CU_ASSERT_TRUE(pace_expect(&pace, NULL, 0));
	pace_part_begin(&pace);
	plan(&unit, 1);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 0);
	begin(1000, 0);
	for (i = 0; i < 10; i++) {
		pace_done(&pace, 100, 0);
		CU_ASSERT_TRUE(pace_share(&pace) > share);
		share = pace_share(&pace);
	}
	pace_unit_end(&pace);
	pace_part_end(&pace);
	CU_ASSERT_TRUE(near(share, 1.0 / 3));
	pace_part_begin(&pace);
	plan(&huge, 1);
	CU_ASSERT_EQUAL(pace_share(&pace), share);
	begin(9000, 0);
	for (i = 0; i < 90; i++) {
		pace_done(&pace, 100, 0);
		CU_ASSERT_TRUE(pace_share(&pace) >= share && pace_share(&pace) < 1);
		share = pace_share(&pace);
	}
	CU_ASSERT_TRUE(share > 0.6);
	pace_unit_end(&pace);
	pace_part_end(&pace);
	pace_part_begin(&pace);
	pace_part_end(&pace);
	CU_ASSERT_EQUAL(pace_share(&pace), 1);
	CU_ASSERT_EQUAL(pace_total(&pace).items, 10000);
	/* One that nobody had announced. */
	pace_part_begin(&pace);
	pace_part_end(&pace);
	CU_ASSERT_EQUAL(pace_share(&pace), 1);
	pace_release(&pace);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"estimates", test_estimates}, {"unknown", test_unknown}, {"one kind", test_one_kind},
	    {"parts", test_parts}, CU_TEST_INFO_NULL};

	return unit_run("pace", tests);
}

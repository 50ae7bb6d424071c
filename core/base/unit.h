/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_UNIT_H
#define BASE_UNIT_H

#include <CUnit/Basic.h>

/* A unit test's main: unit_run("buffer", tests) with a table that ends with {NULL, NULL}. */
static inline int
unit_run(const char *name, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
	unsigned failures, run;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 99;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	(void)CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	run = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	return failures == 0 && run > 0 ? 0 : 1;
}

#endif

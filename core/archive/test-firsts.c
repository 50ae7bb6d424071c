/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/firsts.h"
#include "base/unit.h"

#include <stdio.h>
#include <string.h>

static uint64_t
print_of(const struct firsts *firsts, unsigned number)
{
	char id[60];

	/* Of every length from 1 to 39, all the same but for their first bytes. */
	(void)snprintf(id, sizeof(id), "%u/abcdefghijklmnopqrstuvwxyz0123456789", number);
	return firsts_print(firsts, id, 1 + strlen(id) - number % strlen(id));
}

/* Each is known once it was added, and not before; beyond the limit none is taken up. */
static void
test_all(void)
{
	struct firsts *firsts = firsts_new();
	unsigned i, before = 0, after = 0;
	char id[16];

	CU_ASSERT_PTR_NOT_NULL_FATAL(firsts);
	for (i = 0; i < FIRSTS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "m%u", i);
		before += firsts_has(firsts, firsts_print(firsts, id, strlen(id)));
		firsts_add(firsts, firsts_print(firsts, id, strlen(id)));
		firsts_add(firsts, firsts_print(firsts, id, strlen(id)));
	}
	CU_ASSERT_EQUAL(before, 0);
	for (i = 0; i < FIRSTS_MAX + 1000; i++) {
		(void)snprintf(id, sizeof(id), "m%u", i);
		after += firsts_has(firsts, firsts_print(firsts, id, strlen(id)));
		firsts_add(firsts, firsts_print(firsts, id, strlen(id)));
	}
	CU_ASSERT_EQUAL(after, FIRSTS_MAX);
	firsts_free(firsts);
}

static void
test_prints(void)
{
	struct firsts *firsts = firsts_new();
	unsigned i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(firsts);
	for (i = 0; i < 2000; i++) {
		CU_ASSERT_NOT_EQUAL(print_of(firsts, i), 0);
		CU_ASSERT_EQUAL(print_of(firsts, i), print_of(firsts, i));
	}
	/* Bytes of zero count, and so does how many there are. */
	CU_ASSERT_NOT_EQUAL(firsts_print(firsts, "\0\0", 1), firsts_print(firsts, "\0\0", 2));
	CU_ASSERT_NOT_EQUAL(firsts_print(firsts, "", 0), 0);
	firsts_free(firsts);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"all", test_all}, {"prints", test_prints}, CU_TEST_INFO_NULL};

	return unit_run("firsts", tests);
}

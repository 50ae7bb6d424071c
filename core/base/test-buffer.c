/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/buffer.h"
#include "base/unit.h"

#include <string.h>

static void
test_append(void)
{
	struct buffer b = BUFFER_INIT(1000);
	int i;

	for (i = 0; i < 100; i++)
		buffer_append_byte(&b, 'a');
	buffer_append_string(&b, "bc");
	buffer_appendf(&b, "%d-%s", 42, "x");
	CU_ASSERT_EQUAL(buffer_status(&b, "b", NULL), HF_OK);
	CU_ASSERT_EQUAL(b.size, 106);
	CU_ASSERT_STRING_EQUAL(buffer_string(&b) + 98, "aabc42-x");
	buffer_release(&b);
	CU_ASSERT_PTR_NULL(b.data);
}

static void
test_limit(void)
{
	struct buffer b = BUFFER_INIT(8);
	struct hf_error err = HF_ERROR_INIT;

	buffer_append(&b, "12345678", 8);
	CU_ASSERT_EQUAL(b.failed, HF_OK);
	buffer_append_byte(&b, '9');
	CU_ASSERT_EQUAL(buffer_status(&b, "name", &err), HF_ERANGE);
	CU_ASSERT_STRING_EQUAL(err.msg, "name: longer than 8 bytes");
	/* Nothing is added after a failure, so a half-written text cannot pass for a whole one. */
	CU_ASSERT_EQUAL(b.size, 8);
	buffer_clear(&b);
	buffer_append_byte(&b, '9');
	CU_ASSERT_EQUAL(buffer_status(&b, "name", NULL), HF_OK);
	CU_ASSERT_EQUAL(b.size, 1);
	buffer_release(&b);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"append", test_append}, {"limit", test_limit}, CU_TEST_INFO_NULL};

	return unit_run("buffer", tests);
}

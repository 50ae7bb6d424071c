/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "plugin/strategy.h"

static bool
takes(uint32_t strategy_flags, uint32_t source_flags)
{
	const struct plugin_component strategy = {.kind = HF_KIND_STRATEGY, .flags = strategy_flags};
	const struct plugin_component source = {.kind = HF_KIND_SOURCE, .flags = source_flags};

	return strategy_takes(&strategy, &source);
}

static void
test_flags(void)
{
	const uint32_t both = HF_SOURCE_CHATS | HF_SOURCE_CONTACTS;

	/* Who says nothing means chats. */
	CU_ASSERT_TRUE(takes(0, 0));
	CU_ASSERT_TRUE(takes(0, HF_SOURCE_CHATS));
	CU_ASSERT_TRUE(takes(HF_STRATEGY_CHATS, 0));
	CU_ASSERT_FALSE(takes(0, HF_SOURCE_CONTACTS));
	CU_ASSERT_FALSE(takes(HF_STRATEGY_CONTACTS, 0));
	CU_ASSERT_TRUE(takes(HF_STRATEGY_CONTACTS, HF_SOURCE_CONTACTS));
	CU_ASSERT_TRUE(takes(HF_STRATEGY_CONTACTS, both));
	CU_ASSERT_TRUE(takes(HF_STRATEGY_CHATS, both));
	CU_ASSERT_TRUE(takes(HF_STRATEGY_CHATS | HF_STRATEGY_CONTACTS, HF_SOURCE_CONTACTS));
	/* What is about the machine is about no account. */
	CU_ASSERT_FALSE(takes(HF_STRATEGY_HOST, both));
	CU_ASSERT_FALSE(takes(HF_STRATEGY_HOST | HF_STRATEGY_CHATS, both));
	/* A flag of a later release says nothing here. */
	CU_ASSERT_TRUE(takes(1u << 20, 1u << 20));
}

int
main(void)
{
	CU_TestInfo tests[] = {{"flags", test_flags}, CU_TEST_INFO_NULL};

	return unit_run("strategy", tests);
}

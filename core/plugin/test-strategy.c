/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "plugin/strategy.h"

#include <stdlib.h>

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

/* A strategy gets those of a plan's options that it knows. */
static void
test_options(void)
{
	struct hf_option table[] = {{.name = "quality"}, {.name = "key", .flags = HF_OPTION_SECRET}, {.name = NULL}};
	const struct config_option items[] = {{.name = "other", .text = "1"}, {.name = "quality", .text = "2"},
	    {.name = "key_file", .text = "3"}, {.name = "qualit", .text = "4"}};
	const struct config_plan plan = {.name = "p", .options = {.others = {items, 4}}};
	const struct plugin_component strategy = {.kind = HF_KIND_STRATEGY, .options = table};
	struct strategy_options options = {NULL, {NULL, 0}};
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL_FATAL(strategy_options(&strategy, &plan, &options, &err), HF_OK);
	CU_ASSERT_EQUAL_FATAL(options.given.count, 2);
	CU_ASSERT_STRING_EQUAL(options.given.items[0].text, "2");
	CU_ASSERT_STRING_EQUAL(options.given.items[1].text, "3");
	free(options.items);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"flags", test_flags}, {"options", test_options}, CU_TEST_INFO_NULL};

	return unit_run("strategy", tests);
}

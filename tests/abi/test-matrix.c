/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

/*
 * This host, and one built with the headers of a later release (GROWN), each with a plugin of both:
 * what both know works, and what one of them lacks is absent, not garbage.
 */
#include "base/unit.h"
#include "plugin/load.h"
#include "plugin/options.h"

#include <dlfcn.h>
#include <string.h>

static struct hf_error err;

static int64_t
clock_of_test(void *ctx)
{
	(void)ctx;
	return 1234;
}

#ifdef GROWN
static int32_t
later_of_test(void *ctx)
{
	(void)ctx;
	return 55;
}
#endif

static struct plugin *
load(const char *path)
{
	const struct hf_plugin *(*entry)(void);
	struct plugin *plugin = NULL;
	void *module, *symbol;

	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (module == NULL)
		(void)fprintf(stderr, "%s\n", dlerror());
	CU_ASSERT_PTR_NOT_NULL_FATAL(module);
	symbol = dlsym(module, "holdfast_plugin_v1");
	CU_ASSERT_PTR_NOT_NULL_FATAL(symbol);
	memcpy(&entry, &symbol, sizeof(entry));
	CU_ASSERT_EQUAL_FATAL(plugin_check(entry(), path, "matrix", &plugin, &err), HF_OK);
	return plugin;
}

/* What both releases know. */
static const struct plugin_component *
check_common(const struct plugin *plugin)
{
	const struct plugin_component *component;
	struct config_option given = {"second", "4", false, 1, 1, 1, 1, NULL, 0, NULL};
	struct config_options list = {&given, 1};
	struct options_place place = {NULL, "/", {1, 1}};
	struct options *options = NULL;

	component = plugin_component(plugin, HF_KIND_STORAGE, "matrix");
	CU_ASSERT_PTR_NOT_NULL_FATAL(component);
	CU_ASSERT_EQUAL(component->ops.storage.remove(NULL, NULL, NULL), 77);
	CU_ASSERT_EQUAL_FATAL(component->option_count, 2);
	CU_ASSERT_STRING_EQUAL(component->options[1].name, "second");
	CU_ASSERT_EQUAL(component->options[1].max, 5);
	CU_ASSERT_EQUAL_FATAL(
	    options_parse(component->options, &place, &list, &options, &err), HF_OK);
	CU_ASSERT_EQUAL(options->values[1].number, 4);
	options_free(options);
	return component;
}

/* Opens the component with a host table of this release; what the plugin says of it is in err. */
static void
open_with(const struct plugin_component *component)
{
	struct hf_host host = {.struct_size = sizeof(host), .clock_ns = clock_of_test};
	void *handle = NULL;

#ifdef GROWN
	host.later = later_of_test;
#endif
	CU_ASSERT_EQUAL(component->ops.storage.open(&host, NULL, 0, &handle, &err), HF_EBUSY);
}

static void
test_old_plugin(void)
{
	struct plugin *plugin = load("abi/.libs/holdfast-old.so");
	const struct plugin_component *component = check_common(plugin);

#ifdef GROWN
	CU_ASSERT_TRUE(component->ops.storage.later == NULL);
	CU_ASSERT_EQUAL(component->options[1].later, 0);
#endif
	open_with(component);
	CU_ASSERT_STRING_EQUAL(err.msg, "later 0 clock 1234");
	plugin_free(plugin);
}

static void
test_grown_plugin(void)
{
	struct plugin *plugin = load("abi/.libs/holdfast-grown.so");
	const struct plugin_component *component = check_common(plugin);

	open_with(component);
#ifdef GROWN
	CU_ASSERT_EQUAL(component->ops.storage.later(NULL), 88);
	CU_ASSERT_EQUAL(component->options[1].later, 99);
	CU_ASSERT_STRING_EQUAL(err.msg, "later 55 clock 1234");
#else
	CU_ASSERT_TRUE(component->ops_size > sizeof(struct hf_storage_ops));
	CU_ASSERT_STRING_EQUAL(err.msg, "later 0 clock 1234");
#endif
	plugin_free(plugin);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"old plugin", test_old_plugin},
	    {"grown plugin", test_grown_plugin}, CU_TEST_INFO_NULL};

	return unit_run("matrix", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/log.h"
#include "base/unit.h"
#include "plugin/describe.h"
#include "plugin/host.h"
#include "plugin/load.h"

#include <string.h>

static struct hf_error err;
static char logged[256];

static void
log_keep(void *ctx, int level, const char *msg)
{
	(void)ctx;
	(void)level;
	(void)snprintf(logged, sizeof(logged), "%s", msg);
}

static int
fake_configure(const struct hf_value *values, uint32_t count, struct hf_error *e)
{
	(void)values, (void)count, (void)e;
	return HF_OK;
}

static int
fake_open(const struct hf_host *host, const struct hf_value *values, uint32_t count,
    void **ret_handle, struct hf_error *e)
{
	(void)host, (void)values, (void)count, (void)ret_handle, (void)e;
	return HF_OK;
}

static void
fake_close(void *handle)
{
	(void)handle;
}

static int
fake_caps(void *handle, struct hf_source_caps *ret_caps, struct hf_error *e)
{
	(void)handle, (void)ret_caps, (void)e;
	return HF_OK;
}

static int
fake_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *e)
{
	(void)handle, (void)query, (void)sink, (void)e;
	return HF_OK;
}

static const struct hf_source_ops good_ops = {.struct_size = sizeof(good_ops), .configure = fake_configure, .open = fake_open,
    .close = fake_close, .caps = fake_caps, .enumerate = fake_enumerate};
static const struct hf_option good_options[] = {
    {sizeof(struct hf_option), HF_OPTION_SIZE, 0, 1, "page_size", "how much at once", "1 MB", 1,
	2000000},
    {0}};

/* The parts of a good plugin, for each test to spoil one. */
static struct hf_source_ops ops;
static struct hf_option options[3];
static struct hf_component component;
static const struct hf_component *components[3];
static struct hf_plugin plugin;

static void
reset(void)
{
	ops = good_ops;
	memset(options, 0, sizeof(options));
	options[0] = good_options[0];
	component = (struct hf_component){sizeof(component), HF_KIND_SOURCE, "fake", "a fake", 0,
	    HF_THREAD_PARALLEL, options, &ops, NULL};
	components[0] = &component;
	components[1] = components[2] = NULL;
	plugin = (struct hf_plugin){
	    sizeof(plugin), HF_ABI_MINOR, "fake", "1.0", "MIT", "", components, NULL, NULL};
}

/* Checks the parts as they are and frees the result: the code alone matters. */
static int
check(void)
{
	struct plugin *result = NULL;
	int rc;

	err.msg[0] = '\0';
	rc = plugin_check(&plugin, "/x/holdfast-fake.so", "fake", &result, &err);
	if (rc != HF_OK)
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/x/holdfast-fake.so"));
	plugin_free(result);
	reset();
	return rc;
}

static void
test_good(void)
{
	const struct plugin_component *found;
	struct plugin *result = NULL;

	reset();
	CU_ASSERT_EQUAL_FATAL(plugin_check(&plugin, "/x/fake", "fake", &result, &err), HF_OK);
	found = plugin_component(result, HF_KIND_SOURCE, "fake");
	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	if (found == NULL)
		return;
	CU_ASSERT_PTR_NULL(plugin_component(result, HF_KIND_STORAGE, "fake"));
	CU_ASSERT_PTR_NULL(plugin_component(result, HF_KIND_SOURCE, "other"));
	CU_ASSERT_TRUE(found->ops.source.enumerate == fake_enumerate);
	CU_ASSERT_TRUE(found->ops.source.fetch_media == NULL);
	CU_ASSERT_EQUAL(found->option_count, 1);
	CU_ASSERT_STRING_EQUAL(found->options[0].name, "page_size");
	CU_ASSERT_PTR_NULL(found->options[1].name);
	/* The copy is ours: what the plugin does to its own afterwards changes nothing. */
	ops.enumerate = NULL;
	CU_ASSERT_TRUE(found->ops.source.enumerate == fake_enumerate);
	plugin_free(result);
}

static void
test_sizes(void)
{
	reset();
	plugin.struct_size--;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.struct_size = 0;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.struct_size = 1u << 20;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	component.struct_size = 8;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	component.struct_size = UINT32_MAX;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	ops.struct_size -= (uint32_t)sizeof(void *);
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	ops.struct_size = 5000;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].struct_size = 12;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].struct_size = UINT32_MAX;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
}

static void
test_newer(void)
{
	struct {
		struct hf_source_ops ops;
		void *later[4];
	} newer_ops;
	struct {
		struct hf_option option;
		uint64_t later;
	} newer_options[3];
	struct plugin *result = NULL;

	reset();
	memset(&newer_ops, 0x55, sizeof(newer_ops));
	newer_ops.ops = good_ops;
	newer_ops.ops.struct_size = sizeof(newer_ops);
	memset(newer_options, 0x55, sizeof(newer_options));
	newer_options[0].option = newer_options[1].option = good_options[0];
	newer_options[1].option.name = "second";
	newer_options[0].option.struct_size = newer_options[1].option.struct_size =
	    sizeof(newer_options[0]);
	memset(&newer_options[2].option, 0, sizeof(newer_options[2].option));
	component.ops = &newer_ops;
	component.options = &newer_options[0].option;
	CU_ASSERT_EQUAL_FATAL(plugin_check(&plugin, "/x/fake", "fake", &result, &err), HF_OK);
	CU_ASSERT_EQUAL(result->components[0].option_count, 2);
	CU_ASSERT_STRING_EQUAL(result->components[0].options[1].name, "second");
	CU_ASSERT_TRUE(result->components[0].ops.source.caps == fake_caps);
	plugin_free(result);
}

static void
test_unusable(void)
{
	struct hf_component twin;

	reset();
	plugin.name = "other";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.name = NULL;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.components = NULL;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.version = "1\033[2J";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.license = "\xff";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.homepage = "cut \xe2\x82";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	plugin.homepage = "fine \xe2\x82\xac";
	CU_ASSERT_EQUAL(check(), HF_OK);
	component.name = "Fake";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	component.name = NULL;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	component.ops = NULL;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	ops.caps = NULL;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "\"caps\""));
	twin = component;
	components[1] = &twin;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].name = "Page";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].name = "rooms..page";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].name = "rooms.";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].name = "rooms.page";
	CU_ASSERT_EQUAL(check(), HF_OK);
	options[1] = options[0];
	options[0].name = "rooms.page";
	options[1].name = "rooms";
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].flags = HF_OPTION_LIST;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[1] = options[0];
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].type = 99;
	CU_ASSERT_EQUAL(check(), HF_ENOTSUP);
	options[0].min = 5, options[0].max = 4;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].flags = HF_OPTION_SECRET;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].flags = HF_OPTION_PRIVATE;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	options[0].type = HF_OPTION_PATH, options[0].flags = HF_OPTION_PRIVATE;
	CU_ASSERT_EQUAL(check(), HF_OK);
	CU_ASSERT_EQUAL(plugin_check(NULL, "/x", "fake", NULL, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(check(), HF_OK);
}

static void
test_unknown_kind(void)
{
	struct hf_component later;
	struct plugin *result = NULL;

	reset();
	later = component;
	later.kind = 77;
	later.ops = NULL;
	components[0] = &later;
	components[1] = &component;
	log_set_sink(log_keep, NULL);
	CU_ASSERT_EQUAL_FATAL(plugin_check(&plugin, "/x/fake", "fake", &result, &err), HF_OK);
	log_set_sink(NULL, NULL);
	CU_ASSERT_EQUAL(result->component_count, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "kind 77"));
	plugin_free(result);
}

static int loads, unloads;

static int
fake_load_silent(const struct hf_host *host, struct hf_error *e)
{
	(void)host, (void)e;
	return 5;
}

static int
fake_load(const struct hf_host *host, struct hf_error *e)
{
	loads++;
	hf_log(host, HF_LOG_WARNING, "loading %d", loads);
	return loads == 1 ? HF_OK : hf_error_set(e, HF_EPERM, 0, "no luck");
}

static void
fake_unload(void)
{
	unloads++;
}

static void
test_load_function(void)
{
	struct plugin *result = NULL;

	reset();
	plugin.load = fake_load;
	plugin.unload = fake_unload;
	log_set_sink(log_keep, NULL);
	CU_ASSERT_EQUAL_FATAL(plugin_check(&plugin, "/x/fake", "fake", &result, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(logged, "fake: loading 1");
	plugin_free(result);
	CU_ASSERT_EQUAL(unloads, 1);
	/* What could not be loaded is not unloaded either. */
	result = NULL;
	CU_ASSERT_EQUAL(plugin_check(&plugin, "/x/fake", "fake", &result, &err), HF_EPERM);
	CU_ASSERT_PTR_NULL(result);
	CU_ASSERT_EQUAL(unloads, 1);
	log_set_sink(NULL, NULL);
	reset();
	plugin.load = fake_load_silent;
	CU_ASSERT_EQUAL(check(), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "without a reason"));
}

static void
test_describe(void)
{
	struct buffer out = BUFFER_INIT(65536);
	struct plugin *result = NULL;

	reset();
	CU_ASSERT_EQUAL_FATAL(plugin_check(&plugin, "/x/fake", "fake", &result, &err), HF_OK);
	CU_ASSERT_EQUAL(plugin_describe(result, false, false, &out, &err), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "source fake: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "size, default 1 MB, 1 B to 2 MB\n"));
	CU_ASSERT_PTR_NULL(strstr(buffer_string(&out), "has_enumerate"));
	CU_ASSERT_PTR_NULL(strstr(buffer_string(&out), "ops_size"));
	buffer_clear(&out);
	CU_ASSERT_EQUAL(plugin_describe(result, false, true, &out, &err), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "\nkind=source\ncomponent=fake\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "has_enumerate=1\n"));
	CU_ASSERT_PTR_NULL(strstr(buffer_string(&out), "has_fetch_media"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "size, default 1 MB, 1 B to 2 MB\n"));
	buffer_clear(&out);
	CU_ASSERT_EQUAL(plugin_describe(result, true, false, &out, &err), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(buffer_string(&out), "\"name\":\"page_size\",\"type\":\"size\""));
	buffer_release(&out);
	plugin_free(result);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"good", test_good}, {"sizes", test_sizes}, {"newer", test_newer},
	    {"unusable", test_unusable}, {"unknown kind", test_unknown_kind},
	    {"load function", test_load_function}, {"describe", test_describe}, CU_TEST_INFO_NULL};

	return unit_run("load", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"
#include "base/unit.h"
#include "base/write.h"

#include <dlfcn.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <holdfast/plugin.h>

#include "document.h"

static const struct hf_component *component;
static const struct hf_strategy_ops *strategy;
static struct hf_error err;

/* ---- a host ---- */

static int
about_plugins(void *ctx, hf_about_fn fn, void *fn_ctx, struct hf_error *e)
{
	const struct hf_about_plugin one = {sizeof(one), 0, "chats", "1.2"}, two = {sizeof(two), 0, "odd", "\"\n\xff"};

	CU_ASSERT_STRING_EQUAL((const char *)ctx, "about");
	CU_ASSERT_EQUAL(fn(fn_ctx, &one, e), HF_OK);
	return fn(fn_ctx, &two, e);
}

static char about_name[] = "about";
static const struct hf_host_about about = {sizeof(about), 0, about_name, "9.9", about_plugins};
static bool with_about = true;

static const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	if (strcmp(id, HF_HOST_ABOUT) == 0)
		return with_about ? &about : NULL;
	if (strcmp(id, HF_HOST_JSON) == 0)
		return &json_host_extension;
	return strcmp(id, HF_HOST_WRITE) == 0 ? &write_host_extension : NULL;
}

static const struct hf_host host = {.struct_size = sizeof(struct hf_host), .get_extension = host_extension};
static const struct hf_source_view view = {.struct_size = sizeof(view), .account = "Ada's PC", .source = ""};

/* ---- where its results go ---- */

static char file[8192];   /* as it was written last */
static size_t file_size;
static const char *before; /* what the previous snapshot has; NULL: nothing */
static int previous_with;  /* an error in place of it */
static int writes;
static uint64_t items, bytes, added;

static int
take_previous(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *e)
{
	(void)ctx;
	CU_ASSERT_STRING_EQUAL(path, "device.json");
	if (previous_with != HF_OK || before == NULL)
		return hf_error_set(e, before == NULL ? HF_ENOTFOUND : previous_with, 0, "no previous");
	return sink->write(sink->ctx, before, strlen(before), e);
}

static int
take_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *e)
{
	(void)ctx;
	(void)e;
	CU_ASSERT_STRING_EQUAL(path, "device.json");
	CU_ASSERT_TRUE(mtime_ns > INT64_C(1700000000) * 1000000000);
	CU_ASSERT_TRUE_FATAL(data->size < sizeof(file));
	memcpy(file, data->data, data->size);
	file[data->size] = '\0';
	file_size = data->size;
	writes++;
	return HF_OK;
}

static int
take_done(void *ctx, uint64_t more_items, uint64_t more_bytes, struct hf_error *e)
{
	(void)ctx;
	(void)e;
	items += more_items;
	bytes += more_bytes;
	return HF_OK;
}

static int
take_added(void *ctx, uint64_t more, struct hf_error *e)
{
	(void)ctx;
	(void)e;
	added += more;
	return HF_OK;
}

static int
take_unit(void *ctx, const struct hf_unit *unit, struct hf_error *e)
{
	char *path = ctx;

	(void)e;
	(void)snprintf(path, 300, "%s", unit->path);
	CU_ASSERT_EQUAL(unit->items, 1);
	return HF_OK;
}

/* Runs the strategy once; how many files it wrote. */
static int
run(void)
{
	const struct hf_emitter emitter = {.struct_size = sizeof(emitter), .previous = take_previous, .file = take_file,
	    .done = take_done, .added = take_added};
	const struct hf_planner planner_of_nothing = {.struct_size = sizeof(planner_of_nothing)};
	struct hf_planner planner = planner_of_nothing;
	struct hf_unit unit = {.struct_size = sizeof(unit), .id = {"device", 6, 0, 0}};
	const struct hf_run how = {sizeof(how), 0, {NULL, 0}};
	char path[300] = "";
	void *handle = NULL;

	writes = 0;
	items = bytes = added = 0;
	planner.ctx = path;
	planner.unit = take_unit;
	CU_ASSERT_EQUAL_FATAL(strategy->open(&host, NULL, 0, &handle, &err), HF_OK);
	CU_ASSERT_EQUAL(strategy->plan(handle, &view, &planner, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(path, "/device/%41da%27s%20%50%43");
	unit.path = path;
	CU_ASSERT_EQUAL(strategy->execute(handle, &view, &unit, &how, &emitter, &err), HF_OK);
	strategy->close(handle);
	CU_ASSERT_EQUAL(added, (uint64_t)writes);
	return writes;
}

static const char *
member(struct json_object *object, const char *outer, const char *name)
{
	return json_object_get_string(json_object_object_get(json_object_object_get(object, outer), name));
}

static void
test_file(void)
{
	struct json_object *object, *disks;
	struct utsname name;

	CU_ASSERT_EQUAL(component->flags, HF_STRATEGY_HOST);
	CU_ASSERT_EQUAL_FATAL(run(), 1);
	CU_ASSERT_EQUAL(items, 1);
	CU_ASSERT_EQUAL(bytes, file_size);
	CU_ASSERT_TRUE(file_size < 4096);
	object = json_tokener_parse(file);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	CU_ASSERT_STRING_EQUAL(json_object_get_string(json_object_object_get(object, "host")), "Ada's PC");
	CU_ASSERT_TRUE(uname(&name) >= 0);
	CU_ASSERT_STRING_EQUAL(member(object, "system", "name"), name.sysname);
	CU_ASSERT_STRING_EQUAL(member(object, "system", "kernel"), name.release);
	CU_ASSERT_STRING_EQUAL(member(object, "holdfast", "version"), "9.9");
	CU_ASSERT_STRING_EQUAL(json_object_get_string(json_object_object_get(json_object_object_get(
	    json_object_object_get(object, "holdfast"), "plugins"), "odd")), "\"\n\xef\xbf\xbd");
	CU_ASSERT_TRUE(json_object_get_int64(json_object_object_get(object, "memory")) % (16 << 20) == 0);
	disks = json_object_object_get(object, "disks");
	CU_ASSERT_TRUE(json_object_array_length(disks) > 0);
	CU_ASSERT_STRING_EQUAL(json_object_get_string(json_object_object_get(json_object_array_get_idx(disks, 0),
	    "mount")), "/");
	json_object_put(object);
}

/* A file that is as it was is not written again; one that is damaged or different is. */
static void
test_unchanged(void)
{
	static char kept[8192];
	char *at;

	CU_ASSERT_EQUAL_FATAL(run(), 1);
	memcpy(kept, file, file_size + 1);
	before = kept;
	CU_ASSERT_EQUAL(run(), 0);
	CU_ASSERT_EQUAL(items, 1);
	with_about = false;
	CU_ASSERT_EQUAL(run(), 1);
	CU_ASSERT_PTR_NULL(strstr(file, "\"holdfast\""));
	with_about = true;
	at = strstr(kept, "Ada");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	*at = 'E';
	CU_ASSERT_EQUAL(run(), 1);
	before = "{\"schema\":\"holdfast.device/1\",\"disks\":[1,{}";
	CU_ASSERT_EQUAL(run(), 1);
	before = "{\"schema\":\"holdfast.device/1\",\"disks\":[1,{},{\"mount\":\"/\",\"type\":1,\"size\":-1,\"free\":1e5}]}";
	CU_ASSERT_EQUAL(run(), 1);
	previous_with = HF_ECORRUPT;
	CU_ASSERT_EQUAL(run(), 1);
	previous_with = HF_OK;
	before = NULL;
}

static void
settle(struct facts *facts, const char *type, uint64_t size, uint64_t free_bytes, const char *text)
{
	memset(facts, 0, sizeof(*facts));
	facts->disk_count = 1;
	facts->disks[0] = (struct fact_disk){"/", "", size, free_bytes};
	(void)snprintf(facts->disks[0].type, sizeof(facts->disks[0].type), "%s", type);
	document_settle(facts, &json_host_extension, text, strlen(text));
}

#define OLDER(type, size, free)                                                                                        \
	"{\"schema\":\"holdfast.device/1\",\"disks\":[{\"mount\":\"/x\",\"type\":\"" type "\",\"size\":64,\"free\":4},"       \
	"{\"mount\":\"/\",\"type\":\"" type "\",\"size\":" size ",\"free\":" free "}]}"

/* Free space only moves when it has moved far. */
static void
test_settle(void)
{
	struct facts facts;

	/* Steps of 32. */
	settle(&facts, "ext4", 1000, 320, OLDER("ext4", "1000", "352"));
	CU_ASSERT_EQUAL(facts.disks[0].free, 352);
	settle(&facts, "ext4", 1000, 320, OLDER("ext4", "1000", "288"));
	CU_ASSERT_EQUAL(facts.disks[0].free, 288);
	settle(&facts, "ext4", 1000, 320, OLDER("ext4", "1000", "384"));
	CU_ASSERT_EQUAL(facts.disks[0].free, 320);
	settle(&facts, "ext4", 1000, 320, OLDER("xfs", "1000", "352"));
	CU_ASSERT_EQUAL(facts.disks[0].free, 320);
	/* A size is the size, but for those that are none. */
	settle(&facts, "ext4", 1010, 320, OLDER("ext4", "1000", "352"));
	CU_ASSERT_EQUAL(facts.disks[0].size, 1010);
	CU_ASSERT_EQUAL(facts.disks[0].free, 320);
	settle(&facts, "zfs", 1010, 320, OLDER("zfs", "1000", "352"));
	CU_ASSERT_EQUAL(facts.disks[0].size, 1000);
	CU_ASSERT_EQUAL(facts.disks[0].free, 352);
	CU_ASSERT_EQUAL(facts_step(1000), 32);
	CU_ASSERT_EQUAL(facts_step(1), 1);
	CU_ASSERT_EQUAL(facts_step(UINT64_MAX), UINT64_C(1) << 59);
}

static const char *
masked(const char *path)
{
	static char out[100];

	(void)snprintf(out, sizeof(out), "%s", path);
	facts_mask(out);
	return out;
}

static void
test_mask(void)
{
	CU_ASSERT_STRING_EQUAL(masked("/"), "/");
	CU_ASSERT_STRING_EQUAL(masked("/home"), "/home");
	CU_ASSERT_STRING_EQUAL(masked("/media/ada/1A2B-3C4D"), "/media/ada/*");
	CU_ASSERT_STRING_EQUAL(masked("/mnt/0a1b2c3d-aaaa-bbbb-cccc-0123456789ab/x"), "/mnt/*/x");
	CU_ASSERT_STRING_EQUAL(masked("/12345678"), "/*");
	CU_ASSERT_STRING_EQUAL(masked("/facade-beef"), "/facade-beef");
	CU_ASSERT_STRING_EQUAL(masked("/2026"), "/2026");
	CU_ASSERT_STRING_EQUAL(masked("/a//b/"), "/a//b/");
}

int
main(void)
{
	CU_TestInfo tests[] = {{"file", test_file}, {"unchanged", test_unchanged}, {"settle", test_settle},
	    {"mask", test_mask}, CU_TEST_INFO_NULL};
	const struct hf_plugin *(*entry)(void);
	void *plugin = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL), *symbol;
	int status;

	symbol = plugin == NULL ? NULL : dlsym(plugin, "holdfast_plugin_v1");
	if (symbol == NULL) {
		(void)fprintf(stderr, "%s\n", dlerror());
		if (plugin != NULL)
			(void)dlclose(plugin);
		return 99;
	}
	/* ISO C has no other way from an object to a function. */
	memcpy(&entry, &symbol, sizeof(entry));
	component = entry()->components[0];
	strategy = component->ops;
	status = unit_run("device-info", tests);
	(void)dlclose(plugin);
	return status;
}

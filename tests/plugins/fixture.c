/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The source of every fixture plugin.  Each is built with FIXTURE_NAME and one macro that says what is
 * wrong with it; with none it is a good one.
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#ifndef NOTE_NAME
#define NOTE_NAME FIXTURE_NAME
#endif
#ifndef DESCRIPTOR_NAME
#define DESCRIPTOR_NAME FIXTURE_NAME
#endif
#ifndef COMPONENT_NAME
#define COMPONENT_NAME FIXTURE_NAME
#endif

/* Tells a test that this code has run: makes the file that the environment names. */
static void
leave_mark(const char *variable)
{
	const char *path = getenv(variable);
	int fd;

	if (path != NULL && (fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0)
		(void)close(fd);
}

__attribute__((__constructor__)) static void
constructor(void)
{
	leave_mark("FIXTURE_CONSTRUCTED");
}

#ifdef UNDEFINED_SYMBOL
void fixture_that_nobody_has(void);
#endif

static int
fixture_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	(void)values;
	(void)count;
#ifdef UNDEFINED_SYMBOL
	fixture_that_nobody_has();
#endif
	return hf_error_set(err, HF_EBUSY, 0, "fixture " FIXTURE_NAME);
}

static int
fixture_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	(void)host, (void)values, (void)count, (void)ret_handle, (void)err;
	return HF_OK;
}

static void
fixture_close(void *handle)
{
	(void)handle;
}

static int
fixture_create(void *handle, struct hf_error *err)
{
	(void)handle, (void)err;
	return HF_OK;
}

static int
fixture_properties(void *handle, struct hf_storage_props *ret_props, struct hf_error *err)
{
	(void)handle, (void)ret_props, (void)err;
	return HF_OK;
}

#ifndef NO_CALLBACK
static int
fixture_put(void *handle, const struct hf_object_key *key, const struct hf_reader *data, const uint8_t *sha256,
    uint32_t flags, struct hf_error *err)
{
	(void)handle, (void)key, (void)data, (void)sha256, (void)flags, (void)err;
	return HF_OK;
}
#else
#define fixture_put NULL
#endif

static int
fixture_get(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
    const struct hf_sink *sink, struct hf_error *err)
{
	(void)handle, (void)key, (void)offset, (void)length, (void)sink, (void)err;
	return HF_OK;
}

static int
fixture_list(void *handle, uint32_t type, hf_list_fn fn, void *ctx, struct hf_error *err)
{
	(void)handle, (void)type, (void)fn, (void)ctx, (void)err;
	return HF_OK;
}

static int
fixture_stat(void *handle, const struct hf_object_key *key, uint64_t *ret_size, struct hf_error *err)
{
	(void)handle, (void)key, (void)ret_size, (void)err;
	return HF_OK;
}

static int
fixture_remove(void *handle, const struct hf_object_key *key, struct hf_error *err)
{
	(void)handle, (void)key, (void)err;
	return HF_OK;
}

#ifndef OPS_SIZE
#define OPS_SIZE sizeof(struct hf_storage_ops)
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(struct hf_plugin)
#endif

static const struct hf_storage_ops ops = {.struct_size = OPS_SIZE,
    .configure = fixture_configure,
    .open = fixture_open,
    .close = fixture_close,
    .create = fixture_create,
    .properties = fixture_properties,
    .put = fixture_put,
    .get = fixture_get,
    .list = fixture_list,
    .stat = fixture_stat,
    .remove = fixture_remove};

static const struct hf_option options[] = {
    {.struct_size = sizeof(struct hf_option),
        .type = HF_OPTION_PATH,
        .flags = HF_OPTION_REQUIRED,
        .since = 1,
        .name = "path",
        .help = "where things are"},
    {.name = NULL}};

static const struct hf_component storage = {.struct_size = sizeof(struct hf_component),
    .kind = HF_KIND_STORAGE,
    .name = COMPONENT_NAME,
    .summary = "fixture",
    .thread_model = HF_THREAD_SERIAL,
    .options = options,
#ifndef NO_OPS
    .ops = &ops
#endif
};

/* A kind that only a later holdfast knows. */
static const struct hf_component later = {
    .struct_size = sizeof(struct hf_component), .kind = 99, .name = "later", .ops = &ops};

static const struct hf_component *const components[] = {&later, &storage, NULL};

#ifdef LOAD_FAILS
static int
fixture_load(const struct hf_host *host, struct hf_error *err)
{
	(void)host;
	return hf_error_set(err, HF_EPERM, 0, "fixture does not want to");
}
#else
#define fixture_load NULL
#endif

static void
fixture_unload(void)
{
	leave_mark("FIXTURE_UNLOADED");
}

static const struct hf_plugin plugin = {.struct_size = PLUGIN_SIZE,
    .abi_minor = HF_ABI_MINOR,
    .name = DESCRIPTOR_NAME,
    .version = "1.0",
    .license = "BSD-2-Clause",
    .homepage = "",
    .components = components,
    .load = fixture_load,
    .unload = fixture_unload};

#if defined(OTHER_ABI)
#undef HF_NOTE_TEXT
#define HF_NOTE_TEXT(name, kinds, version)                                                            \
	"abi=2\nname=" name "\nkinds=" kinds "\nversion=" version "\n"
#endif
#ifndef NO_NOTE
HF_NOTE(NOTE_NAME, "storage", "1.0");
#endif

#ifndef ENTRY
#define ENTRY holdfast_plugin_v1
#endif
HF_EXPORT const struct hf_plugin *ENTRY(void);
HF_EXPORT const struct hf_plugin *
ENTRY(void)
{
#ifdef NO_DESCRIPTOR
	(void)plugin;
	return NULL;
#else
	return &plugin;
#endif
}

#ifdef NEEDED_LIBRARY
/* Needs the library that has an entry point, and has none itself. */
const struct hf_plugin *holdfast_plugin_v1(void);
const struct hf_plugin *(*volatile fixture_need)(void) = holdfast_plugin_v1;
#endif

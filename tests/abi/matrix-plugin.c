/* SPDX-License-Identifier: BSD-2-Clause */

/* A plugin built with the headers as they are, or with those of a later release (GROWN). */
#include <holdfast/plugin.h>

static int
matrix_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	(void)values, (void)count, (void)err;
	return HF_OK;
}

/* Tells in err what it sees of its host. */
static int
matrix_open(const struct hf_host *host, const struct hf_value *values, uint32_t count,
    void **ret_handle, struct hf_error *err)
{
	int later = 0;

	(void)values, (void)count, (void)ret_handle;
#ifdef GROWN
	if (HF_HAS(host, later))
		later = host->later(host->ctx);
#endif
	return hf_error_set(err, HF_EBUSY, 0, "later %d clock %d", later,
	    HF_HAS(host, clock_ns) ? (int)host->clock_ns(host->ctx) : -1);
}

static void
matrix_close(void *handle)
{
	(void)handle;
}

static int
matrix_create(void *handle, struct hf_error *err)
{
	(void)handle, (void)err;
	return HF_OK;
}

static int
matrix_properties(void *handle, struct hf_storage_props *ret_props, struct hf_error *err)
{
	(void)handle, (void)ret_props, (void)err;
	return HF_OK;
}

static int
matrix_put(void *handle, const struct hf_object_key *key, const struct hf_reader *data,
    const uint8_t *sha256, uint32_t flags, struct hf_error *err)
{
	(void)handle, (void)key, (void)data, (void)sha256, (void)flags, (void)err;
	return HF_OK;
}

static int
matrix_get(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
    const struct hf_sink *sink, struct hf_error *err)
{
	(void)handle, (void)key, (void)offset, (void)length, (void)sink, (void)err;
	return HF_OK;
}

static int
matrix_list(void *handle, uint32_t type, hf_list_fn fn, void *ctx, struct hf_error *err)
{
	(void)handle, (void)type, (void)fn, (void)ctx, (void)err;
	return HF_OK;
}

static int
matrix_stat(
    void *handle, const struct hf_object_key *key, uint64_t *ret_size, struct hf_error *err)
{
	(void)handle, (void)key, (void)ret_size, (void)err;
	return HF_OK;
}

static int
matrix_remove(void *handle, const struct hf_object_key *key, struct hf_error *err)
{
	(void)handle, (void)key, (void)err;
	return 77;
}

#ifdef GROWN
static int
matrix_later(void *handle)
{
	(void)handle;
	return 88;
}
#define LATER(value) , .later = (value)
#else
#define LATER(value)
#endif

static const struct hf_storage_ops ops = {.struct_size = sizeof(ops),
    .configure = matrix_configure,
    .open = matrix_open,
    .close = matrix_close,
    .create = matrix_create,
    .properties = matrix_properties,
    .put = matrix_put,
    .get = matrix_get,
    .list = matrix_list,
    .stat = matrix_stat,
    .remove = matrix_remove LATER(matrix_later)};

#define OPTION(text) {.struct_size = sizeof(struct hf_option), .type = HF_OPTION_INT, .since = 1, \
	.name = (text), .help = "help", .min = 1, .max = 5 LATER(99)}
static const struct hf_option options[] = {OPTION("first"), OPTION("second"), {.name = NULL}};

static const struct hf_component component = {.struct_size = sizeof(component),
    .kind = HF_KIND_STORAGE,
    .name = "matrix",
    .summary = "a storage",
    .thread_model = HF_THREAD_PARALLEL,
    .options = options,
    .ops = &ops LATER("component")};
static const struct hf_component *const components[] = {&component, NULL};

static const struct hf_plugin plugin = {.struct_size = sizeof(plugin),
    .abi_minor = HF_ABI_MINOR,
    .name = "matrix",
    .version = "1.0",
    .license = "BSD-2-Clause",
    .homepage = "",
    .components = components LATER("plugin")};

HF_NOTE("matrix", "storage", "1.0");
HF_EXPORT const struct hf_plugin *holdfast_plugin_v1(void);
HF_EXPORT const struct hf_plugin *
holdfast_plugin_v1(void)
{
	return &plugin;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/common.h"

#include "plugin/describe.h"
#include "plugin/registry.h"

#define OUTPUT_MAX ((size_t)16 << 20)

/* Without a name nothing of a plugin is run; with one, that plugin is loaded into this process. */
static int
describe(struct registry *registry, const char *name, bool json, struct buffer *out, struct hf_error *err)
{
	const struct plugin *plugin;
	int r;

	if (name == NULL)
		return plugin_list(registry_scan(registry), json, out, err);
	r = registry_load(registry, name, &plugin, err);
	return r == HF_OK ? plugin_describe(plugin, json, out, err) : r;
}

static int
plugins_run(int argc, char **argv)
{
	struct buffer out = BUFFER_INIT(OUTPUT_MAX);
	struct hf_error err = HF_ERROR_INIT;
	struct registry *registry = NULL;
	struct common common;
	int r, status;

	status = common_parse(&command_plugins, COMMON_JSON, NULL, 0, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	r = registry_open(&registry, &err);
	if (r == HF_OK)
		r = describe(registry, argc > 1 ? argv[1] : NULL, common.json, &out, &err);
	status = r == HF_OK ? common_flush(&out) : common_error(&err);
	registry_free(registry);
	buffer_release(&out);
	return status;
}

const struct command command_plugins = {"plugins", "[--json] [NAME]",
    "List the plugins, or one with its components and options", plugins_run};

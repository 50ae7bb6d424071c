/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/common.h"

#include <string.h>

#include "plugin/describe.h"
#include "plugin/registry.h"

#define OUTPUT_MAX ((size_t)16 << 20)

/* "holdfast-jsonl.so", "holdfast-jsonl" and a path to it mean jsonl.  name is changed. */
static const char *
plain_name(char *name)
{
	char *slash = strrchr(name, '/'), *end;

	name = slash != NULL ? slash + 1 : name;
	if (strncmp(name, "holdfast-", strlen("holdfast-")) == 0)
		name += strlen("holdfast-");
	end = strrchr(name, '.');
	if (end != NULL && strcmp(end, ".so") == 0)
		*end = '\0';
	return name;
}

/* Without a name nothing of a plugin is run; with one, that plugin is loaded into this process. */
static int
describe(struct registry *registry, char *name, const struct common *common, struct buffer *out, struct hf_error *err)
{
	const struct plugin *plugin;
	int r;

	if (name == NULL)
		return plugin_list(registry_scan(registry), common->json, out, err);
	r = registry_load(registry, name, &plugin, NULL);
	if (r == HF_ENOTFOUND || r == HF_EINVAL)
		r = registry_load(registry, plain_name(name), &plugin, err);
	else if (r != HF_OK)
		r = registry_load(registry, name, &plugin, err);
	return r == HF_OK ? plugin_describe(plugin, common->json, common->verbose, out, err) : r;
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
		r = describe(registry, argc > 1 ? argv[1] : NULL, &common, &out, &err);
	status = r == HF_OK ? common_flush(&out) : common_error(&err);
	registry_free(registry);
	buffer_release(&out);
	return status;
}

const struct command command_plugins = {"plugins", "[-v] [--json] [NAME]",
    "List the plugins, or one with its components and options", plugins_run};

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_LOAD_H
#define PLUGIN_LOAD_H

#include <holdfast/plugin.h>

#include "plugin/scan.h"

struct plugin;

/*
 * A checked copy of what a plugin says of one component.  Structs are ours in size: what an older
 * plugin does not have is 0, what a newer one has more is left out.  Strings are the plugin's, which
 * stays mapped for the life of the process.
 */
struct plugin_component {
	const struct plugin *plugin;
	uint32_t kind; /* HF_KIND_... */
	uint32_t flags;
	uint32_t thread_model; /* HF_THREAD_...; one not known here is HF_THREAD_SERIAL */
	uint32_t option_count;
	uint32_t ops_size; /* as the plugin gives it; 0 beyond that in the copy */
	const char *name;
	const char *summary;
	struct hf_option *options; /* option_count, and an entry without name */
	union {                    /* after kind; callbacks that are not optional are there */
		struct hf_strategy_ops strategy;
		struct hf_source_ops source;
		struct hf_storage_ops storage;
	} ops;
	const void *(*get_extension)(const char *id); /* NULL: none */
};

/* A loaded plugin.  Read only for all but load.c. */
struct plugin {
	char *path;
	uint32_t struct_size; /* as given */
	uint32_t abi_minor;
	const char *name;
	const char *version;
	const char *license;
	const char *homepage;
	struct plugin_component *components;
	size_t component_count;
	void (*unload)(void);
	struct host *host; /* of the plugin as a whole, for its load function */
};

/*
 * Loads a file that scan found, checks everything it says, and calls its load function.  From here on
 * the plugin's code runs.  HF_EPERM: not the file that was scanned any more, or not to be trusted;
 * HF_EINVAL: breaks the rules of the ABI; HF_ENOTSUP: cannot be loaded here (the message is the
 * loader's); or what the plugin's own load function says.  The code is never unmapped.
 */
int plugin_load(const struct plugin_file *file, struct plugin **ret_plugin, struct hf_error *err);
/* Calls the plugin's unload function and frees the copies; no component of it may be in use. */
void plugin_free(struct plugin *plugin);
/* NULL when the plugin has no such component. */
const struct plugin_component *plugin_component(const struct plugin *plugin, uint32_t kind, const char *name);

/* What plugin_load checks after the entry point, for a descriptor from elsewhere; path is for messages. */
int plugin_check(const struct hf_plugin *descriptor, const char *path, const char *name,
    struct plugin **ret_plugin, struct hf_error *err);

/* One callback of an ops struct. */
struct plugin_callback {
	const char *name;
	uint32_t offset;
	uint32_t optional;
};
/* The callbacks of a kind, the last with the name NULL; NULL for a kind not known here. */
const struct plugin_callback *plugin_callbacks(uint32_t kind);

#endif

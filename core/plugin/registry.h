/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_REGISTRY_H
#define PLUGIN_REGISTRY_H

#include "plugin/load.h"

/* The plugins of a process: what was found, and what of it is loaded.  Not for several threads at once. */
struct registry;

/* Looks for plugins (scan_open) and loads none. */
int registry_open(struct registry **ret_registry, struct hf_error *err);
/* The same with a scan from elsewhere, which becomes the registry's, also on failure. */
int registry_open_scan(struct plugin_scan *scan, struct registry **ret_registry, struct hf_error *err);
/* Unloads all (the code stays mapped); no component may be in use. */
void registry_free(struct registry *registry);
const struct plugin_scan *registry_scan(const struct registry *registry);
/* Loads a plugin by its own name, or finds it loaded.  *ret_plugin stays the registry's. */
int registry_load(
    struct registry *registry, const char *name, const struct plugin **ret_plugin, struct hf_error *err);
/*
 * Finds a component: first in the plugin of the same name, then in the others that have the kind, which
 * are loaded for it.  *ret_component stays the registry's.  HF_ENOTFOUND tells the directories searched,
 * what was refused there, and the nearest name; other codes: the plugin that should have it is unusable.
 */
int registry_find(struct registry *registry, uint32_t kind, const char *name,
    const struct plugin_component **ret_component, struct hf_error *err);

#endif

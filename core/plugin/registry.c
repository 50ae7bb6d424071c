/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/nearest.h"

struct registry {
	struct plugin_scan *scan;
	struct plugin **plugins; /* parallel to scan->files; NULL: not loaded */
	struct hf_error *failures; /* parallel too; code 0: none */
};

int
registry_open_scan(struct plugin_scan *scan, struct registry **ret_registry, struct hf_error *err)
{
	struct registry *registry;

	if ((registry = calloc(1, sizeof(*registry))) == NULL)
		scan_free(scan);
	else
		registry->scan = scan;
	if (registry == NULL ||
	    (registry->plugins = calloc(scan->file_count + 1, sizeof(*registry->plugins))) == NULL ||
	    (registry->failures = calloc(scan->file_count + 1, sizeof(*registry->failures))) == NULL) {
		registry_free(registry);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory while looking for plugins");
	}
	*ret_registry = registry;
	return HF_OK;
}

int
registry_open(struct registry **ret_registry, struct hf_error *err)
{
	struct plugin_scan *scan;
	int rc;

	if ((rc = scan_open(&scan, err)) != HF_OK)
		return rc;
	return registry_open_scan(scan, ret_registry, err);
}

void
registry_free(struct registry *registry)
{
	size_t i;

	if (registry == NULL)
		return;
	for (i = 0; registry->plugins != NULL && i < registry->scan->file_count; i++)
		plugin_free(registry->plugins[i]);
	scan_free(registry->scan);
	free(registry->plugins);
	free(registry->failures);
	free(registry);
}

const struct plugin_scan *
registry_scan(const struct registry *registry)
{
	return registry->scan;
}

/* Loads the file at i once; what went wrong the first time is what is told every time. */
static int
load_at(struct registry *registry, size_t i, struct hf_error *err)
{
	struct hf_error *failure = &registry->failures[i];

	if (registry->plugins[i] != NULL)
		return HF_OK;
	if (failure->code == HF_OK) {
		failure->struct_size = sizeof(*failure);
		if (plugin_load(&registry->scan->files[i], &registry->plugins[i], failure) == HF_OK)
			return HF_OK;
	}
	return hf_error_set(err, failure->code, failure->os_errno, "%s", failure->msg);
}

/* The file refused under a plugin's name, or NULL. */
static const struct plugin_refused *
refused_as(const struct plugin_scan *scan, const char *name)
{
	const char *file;
	size_t i, size = strlen(name);

	for (i = 0; i < scan->refused_count; i++) {
		file = strrchr(scan->refused[i].path, '/');
		if (file != NULL && strncmp(file, "/holdfast-", 10) == 0 &&
		    strncmp(file + 10, name, size) == 0 && strcmp(file + 10 + size, ".so") == 0)
			return &scan->refused[i];
	}
	return NULL;
}

int
registry_load(
    struct registry *registry, const char *name, const struct plugin **ret_plugin, struct hf_error *err)
{
	const struct plugin_scan *scan = registry->scan;
	struct nearest nearest = NEAREST_INIT(name);
	const struct plugin_refused *refused;
	size_t i;
	int rc;

	for (i = 0; i < scan->file_count; i++) {
		nearest_offer(&nearest, scan->files[i].name);
		if (strcmp(scan->files[i].name, name) != 0)
			continue;
		if ((rc = load_at(registry, i, err)) != HF_OK)
			return rc;
		*ret_plugin = registry->plugins[i];
		return HF_OK;
	}
	if ((refused = refused_as(scan, name)) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s", refused->reason);
	return hf_error_set(err, HF_ENOTFOUND, 0, "no plugin \"%s\" in %s%s%s%s", name, scan->directories,
	    nearest.best != NULL ? "; did you mean \"" : "", nearest.best != NULL ? nearest.best : "",
	    nearest.best != NULL ? "\"?" : "");
}

/* Looks for a component in the file at i; *ret_component NULL when it is not there. */
static int
look_at(struct registry *registry, size_t i, uint32_t kind, const char *name,
    const struct plugin_component **ret_component, struct hf_error *err)
{
	int rc;

	*ret_component = NULL;
	if (!(registry->scan->files[i].kinds & PLUGIN_KIND_BIT(kind)))
		return HF_OK;
	if ((rc = load_at(registry, i, err)) == HF_OK)
		*ret_component = plugin_component(registry->plugins[i], kind, name);
	return rc;
}

static int
not_found(struct registry *registry, uint32_t kind, const char *name, struct hf_error *err)
{
	const struct plugin_scan *scan = registry->scan;
	struct nearest nearest = NEAREST_INIT(name);
	const struct plugin_refused *refused = refused_as(scan, name);
	const struct plugin *plugin;
	size_t i, j;

	/* A file of that name that was refused is nearer to the cause than any likeness. */
	if (refused != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s", refused->reason);
	for (i = 0; i < scan->file_count; i++) {
		plugin = registry->plugins[i];
		for (j = 0; plugin != NULL && j < plugin->component_count; j++) {
			if (plugin->components[j].kind == kind)
				nearest_offer(&nearest, plugin->components[j].name);
		}
	}
	return hf_error_set(err, HF_ENOTFOUND, 0, "no %s plugin \"%s\" in %s%s%s%s", plugin_kind_name(kind),
	    name, scan->directories, nearest.best != NULL ? "; did you mean \"" : "",
	    nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "\"?" : "");
}

int
registry_find(struct registry *registry, uint32_t kind, const char *name,
    const struct plugin_component **ret_component, struct hf_error *err)
{
	const struct plugin_scan *scan = registry->scan;
	const struct plugin_component *component = NULL;
	struct hf_error why = HF_ERROR_INIT;
	size_t i;
	int rc;

	if (plugin_kind_name(kind) == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%u is not a kind of plugin", kind);
	for (i = 0; i < scan->file_count; i++) {
		if (strcmp(scan->files[i].name, name) != 0)
			continue;
		if ((rc = look_at(registry, i, kind, name, &component, err)) != HF_OK)
			return rc;
	}
	for (i = 0; component == NULL && i < scan->file_count; i++) {
		/* One bad plugin must not hide the others. */
		if (look_at(registry, i, kind, name, &component, &why) != HF_OK)
			log_message(HF_LOG_WARNING, "%s", why.msg);
	}
	if (component == NULL)
		return not_found(registry, kind, name, err);
	*ret_component = component;
	return HF_OK;
}

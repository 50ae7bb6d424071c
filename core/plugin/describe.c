/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/describe.h"

#include <json-c/json.h>
#include <string.h>

#include "plugin/options.h"

/* Adds value to an object under key, or to an array (key NULL); false without memory. */
static bool
add(json_object *to, const char *key, json_object *value)
{
	if (value == NULL)
		return false;
	if ((key != NULL ? json_object_object_add(to, key, value) : json_object_array_add(to, value)) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool
add_string(json_object *to, const char *key, const char *value)
{
	return add(to, key, json_object_new_string(value));
}

static bool
add_int(json_object *to, const char *key, int64_t value)
{
	return add(to, key, json_object_new_int64(value));
}

/* Makes an empty array or object that belongs to to; NULL without memory. */
static json_object *
add_array(json_object *to, const char *key)
{
	json_object *array = json_object_new_array();

	return add(to, key, array) ? array : NULL;
}

static json_object *
add_object(json_object *to, const char *key)
{
	json_object *object = json_object_new_object();

	return add(to, key, object) ? object : NULL;
}

static int
write_json(json_object *root, bool good, struct buffer *out, struct hf_error *err)
{
	const char *text =
	    good ? json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
		 : NULL;

	if (text != NULL) {
		buffer_append_string(out, text);
		buffer_append_byte(out, '\n');
	}
	json_object_put(root);
	if (text == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "plugins: out of memory");
	return buffer_status(out, "plugins", err);
}

static bool
list_file_json(json_object *plugins, const struct plugin_file *file)
{
	json_object *entry = add_object(plugins, NULL), *kinds;
	uint32_t kind;

	if (entry == NULL || !add_string(entry, "name", file->name) ||
	    !add_string(entry, "version", file->version) || (kinds = add_array(entry, "kinds")) == NULL)
		return false;
	for (kind = 1; plugin_kind_name(kind) != NULL; kind++) {
		if ((file->kinds & PLUGIN_KIND_BIT(kind)) && !add_string(kinds, NULL, plugin_kind_name(kind)))
			return false;
	}
	return add_string(entry, "path", file->path);
}

static bool
list_directories(json_object *directories, const char *list)
{
	const char *end;

	for (;; list = end + 1) {
		end = list + strcspn(list, ":");
		if (!add(directories, NULL, json_object_new_string_len(list, (int)(end - list))))
			return false;
		if (*end == '\0')
			return true;
	}
}

static int
list_json(const struct plugin_scan *scan, struct buffer *out, struct hf_error *err)
{
	json_object *root = json_object_new_object(), *plugins, *refused, *directories, *entry;
	bool good;
	size_t i;

	plugins = root != NULL ? add_array(root, "plugins") : NULL;
	refused = plugins != NULL ? add_array(root, "refused") : NULL;
	directories = refused != NULL ? add_array(root, "directories") : NULL;
	good = directories != NULL && list_directories(directories, scan->directories);
	for (i = 0; good && i < scan->file_count; i++)
		good = list_file_json(plugins, &scan->files[i]);
	for (i = 0; good && i < scan->refused_count; i++) {
		entry = add_object(refused, NULL);
		good = entry != NULL && add_string(entry, "path", scan->refused[i].path) &&
		    add_string(entry, "reason", scan->refused[i].reason);
	}
	return write_json(root, good, out, err);
}

static void
append_kinds(uint32_t kinds, struct buffer *out)
{
	const char *comma = "";
	uint32_t kind;

	for (kind = 1; plugin_kind_name(kind) != NULL; kind++) {
		if (kinds & PLUGIN_KIND_BIT(kind)) {
			buffer_appendf(out, "%s%s", comma, plugin_kind_name(kind));
			comma = ",";
		}
	}
}

static int
list_text(const struct plugin_scan *scan, struct buffer *out, struct hf_error *err)
{
	const struct plugin_file *file;
	int name = 0, version = 0, n;
	size_t i;

	for (i = 0; i < scan->file_count; i++) {
		n = (int)strlen(scan->files[i].name);
		name = n > name ? n : name;
		n = (int)strlen(scan->files[i].version);
		version = n > version ? n : version;
	}
	for (i = 0; i < scan->file_count; i++) {
		file = &scan->files[i];
		buffer_appendf(out, "%-*s  %-*s  ", name, file->name, version, file->version);
		append_kinds(file->kinds, out);
		buffer_appendf(out, "  %s\n", file->path);
	}
	if (scan->file_count == 0)
		buffer_appendf(out, "no plugins in %s\n", scan->directories);
	for (i = 0; i < scan->refused_count; i++)
		buffer_appendf(out, "not used: %s\n", scan->refused[i].reason);
	return buffer_status(out, "plugins", err);
}

int
plugin_list(const struct plugin_scan *scan, bool json, struct buffer *out, struct hf_error *err)
{
	return json ? list_json(scan, out, err) : list_text(scan, out, err);
}

static const char *
thread_model_name(uint32_t model)
{
	return model == HF_THREAD_PARALLEL ? "parallel" : model == HF_THREAD_PER_INSTANCE ? "per-instance" : "serial";
}

static bool
has_callback(const struct plugin_component *component, const struct plugin_callback *callback)
{
	void (*function)(void);

	memcpy(&function, (const char *)&component->ops + callback->offset, sizeof(function));
	return function != NULL;
}

static bool
option_json(json_object *options, const struct hf_option *option)
{
	json_object *entry = add_object(options, NULL);
	bool good;

	good = entry != NULL && add_string(entry, "name", option->name) &&
	    add_string(entry, "type", options_type_name(option->type)) &&
	    add(entry, "required", json_object_new_boolean((option->flags & HF_OPTION_REQUIRED) != 0)) &&
	    add(entry, "secret", json_object_new_boolean((option->flags & HF_OPTION_SECRET) != 0)) &&
	    add_int(entry, "since", option->since);
	if (good && option->default_value != NULL)
		good = add_string(entry, "default", option->default_value);
	if (good && (option->min != 0 || option->max != 0))
		good = add_int(entry, "min", option->min) && add_int(entry, "max", option->max);
	return good && add_string(entry, "help", option->help != NULL ? option->help : "");
}

static bool
component_json(json_object *components, const struct plugin_component *component)
{
	json_object *entry = add_object(components, NULL), *list;
	const struct plugin_callback *callback = plugin_callbacks(component->kind);
	uint32_t i;

	if (entry == NULL || !add_string(entry, "kind", plugin_kind_name(component->kind)) ||
	    !add_string(entry, "name", component->name) ||
	    !add_string(entry, "summary", component->summary) ||
	    !add_string(entry, "thread_model", thread_model_name(component->thread_model)) ||
	    !add_int(entry, "ops_size", component->ops_size) || (list = add_array(entry, "callbacks")) == NULL)
		return false;
	for (; callback->name != NULL; callback++) {
		if (has_callback(component, callback) && !add_string(list, NULL, callback->name))
			return false;
	}
	if ((list = add_array(entry, "options")) == NULL)
		return false;
	for (i = 0; i < component->option_count; i++) {
		if (!option_json(list, &component->options[i]))
			return false;
	}
	return true;
}

static int
describe_json(const struct plugin *plugin, struct buffer *out, struct hf_error *err)
{
	json_object *root = json_object_new_object(), *components = NULL;
	bool good;
	size_t i;

	good = root != NULL && add_string(root, "name", plugin->name) &&
	    add_string(root, "version", plugin->version) && add_string(root, "license", plugin->license) &&
	    add_string(root, "homepage", plugin->homepage) && add_string(root, "path", plugin->path) &&
	    add_int(root, "abi", HF_ABI_MAJOR) && add_int(root, "abi_minor", plugin->abi_minor) &&
	    add_int(root, "struct_size", plugin->struct_size) &&
	    (components = add_array(root, "components")) != NULL;
	for (i = 0; good && i < plugin->component_count; i++)
		good = component_json(components, &plugin->components[i]);
	return write_json(root, good, out, err);
}

static void
option_text(const struct hf_option *option, struct buffer *out)
{
	char min[40], max[40];

	buffer_appendf(out, "  %-24s %-9s", option->name, options_type_name(option->type));
	if (option->flags & HF_OPTION_REQUIRED)
		buffer_append_string(out, " required");
	if (option->flags & HF_OPTION_SECRET)
		buffer_appendf(out, " secret, as %s_file or %s_command", option->name, option->name);
	if (option->default_value != NULL)
		buffer_appendf(out, " default %s", option->default_value);
	if (option->min != 0 || option->max != 0) {
		options_format(option->type, option->min, min, sizeof(min));
		options_format(option->type, option->max, max, sizeof(max));
		buffer_appendf(out, " %s to %s", min, max);
	}
	buffer_append_byte(out, '\n');
	if (option->help != NULL)
		buffer_appendf(out, "      %s\n", option->help);
}

static void
component_text(const struct plugin_component *component, struct buffer *out)
{
	const struct plugin_callback *callback = plugin_callbacks(component->kind);
	uint32_t i;

	buffer_appendf(out, "\nkind=%s\ncomponent=%s\nsummary=%s\nthread_model=%s\nops_size=%u\n",
	    plugin_kind_name(component->kind), component->name, component->summary,
	    thread_model_name(component->thread_model), component->ops_size);
	for (; callback->name != NULL; callback++) {
		if (has_callback(component, callback))
			buffer_appendf(out, "has_%s=1\n", callback->name);
	}
	if (component->option_count > 0)
		buffer_append_string(out, "options:\n");
	for (i = 0; i < component->option_count; i++)
		option_text(&component->options[i], out);
}

static int
describe_text(const struct plugin *plugin, struct buffer *out, struct hf_error *err)
{
	size_t i;

	buffer_appendf(out,
	    "name=%s\nversion=%s\nlicense=%s\nhomepage=%s\npath=%s\nabi=%u.%u\nstruct_size=%u\n",
	    plugin->name, plugin->version, plugin->license, plugin->homepage, plugin->path, HF_ABI_MAJOR,
	    plugin->abi_minor, plugin->struct_size);
	for (i = 0; i < plugin->component_count; i++)
		component_text(&plugin->components[i], out);
	return buffer_status(out, plugin->name, err);
}

int
plugin_describe(const struct plugin *plugin, bool json, struct buffer *out, struct hf_error *err)
{
	return json ? describe_json(plugin, out, err) : describe_text(plugin, out, err);
}

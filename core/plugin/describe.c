/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/describe.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "plugin/options.h"
#include "plugin/preset.h"

/* Text from outside, on one line: a path may hold anything. */
static void
put_line(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++)
		buffer_append_byte(
		    out, (unsigned char)*text < ' ' || *text == 0x7f ? '?' : (uint8_t)*text);
}

static void
put_json(struct buffer *out, const char *text)
{
	json_put_string(out, text, strlen(text));
}

/* before, then the member; before is what separates it from the one before. */
static void
put_member(struct buffer *out, const char *before, const char *name, const char *text)
{
	buffer_appendf(out, "%s\"%s\":", before, name);
	put_json(out, text);
}

static void
list_file_json(const struct plugin_file *file, struct buffer *out)
{
	const char *comma = "";
	uint32_t kind;

	put_member(out, "{", "name", file->name);
	put_member(out, ",", "version", file->version);
	buffer_append_string(out, ",\"kinds\":[");
	for (kind = 1; plugin_kind_name(kind) != NULL; kind++) {
		if (!(file->kinds & PLUGIN_KIND_BIT(kind)))
			continue;
		buffer_append_string(out, comma);
		put_json(out, plugin_kind_name(kind));
		comma = ",";
	}
	put_member(out, "],", "path", file->path);
	buffer_append_byte(out, '}');
}

static void
list_json(const struct plugin_scan *scan, struct buffer *out)
{
	const char *at, *comma = "";
	size_t i, size;

	buffer_append_string(out, "{\"plugins\":[");
	for (i = 0; i < scan->file_count; i++) {
		buffer_append_string(out, i > 0 ? "," : "");
		list_file_json(&scan->files[i], out);
	}
	buffer_append_string(out, "],\"refused\":[");
	for (i = 0; i < scan->refused_count; i++) {
		put_member(out, i > 0 ? ",{" : "{", "path", scan->refused[i].path);
		put_member(out, ",", "reason", scan->refused[i].reason);
		buffer_append_byte(out, '}');
	}
	buffer_append_string(out, "],\"directories\":[");
	for (at = scan->directories;; at += size + 1) {
		size = strcspn(at, ":");
		buffer_append_string(out, comma);
		json_put_string(out, at, size);
		comma = ",";
		if (at[size] == '\0')
			break;
	}
	buffer_append_string(out, "]}\n");
}

static void
put_kinds(uint32_t kinds, struct buffer *out)
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

static void
list_text(const struct plugin_scan *scan, struct buffer *out)
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
		put_kinds(file->kinds, out);
		buffer_append_string(out, "  ");
		put_line(out, file->path);
		buffer_append_byte(out, '\n');
	}
	if (scan->file_count == 0) {
		buffer_append_string(out, "no plugins in ");
		put_line(out, scan->directories);
		buffer_append_byte(out, '\n');
	}
	for (i = 0; i < scan->refused_count; i++) {
		buffer_append_string(out, "not used: ");
		put_line(out, scan->refused[i].reason);
		buffer_append_byte(out, '\n');
	}
}

int
plugin_list(const struct plugin_scan *scan, bool json, struct buffer *out, struct hf_error *err)
{
	if (json)
		list_json(scan, out);
	else
		list_text(scan, out);
	return buffer_status(out, "the list of plugins", err);
}

static const char *
thread_model_name(uint32_t model)
{
	switch (model) {
	case HF_THREAD_PARALLEL:
		return "parallel";
	case HF_THREAD_PER_INSTANCE:
		return "per-instance";
	default:
		return "serial";
	}
}

static bool
has_callback(const struct plugin_component *component, const struct plugin_callback *callback)
{
	void (*function)(void);

	memcpy(&function, (const char *)&component->ops + callback->offset, sizeof(function));
	return function != NULL;
}

static bool
has_range(const struct hf_option *option)
{
	return option->min != 0 || option->max != 0;
}

static void
option_json(const struct hf_option *option, struct buffer *out)
{
	put_member(out, "{", "name", option->name);
	put_member(out, ",", "type", options_type_name(option->type));
	buffer_appendf(out, ",\"required\":%s,\"secret\":%s,\"since\":%u",
	    option->flags & HF_OPTION_REQUIRED ? "true" : "false",
	    option->flags & HF_OPTION_SECRET ? "true" : "false", option->since);
	buffer_appendf(out, ",\"list\":%s,\"private\":%s", option->flags & HF_OPTION_LIST ? "true" : "false",
	    option->flags & HF_OPTION_PRIVATE ? "true" : "false");
	if (option->default_value != NULL)
		put_member(out, ",", "default", option->default_value);
	if (has_range(option))
		buffer_appendf(
		    out, ",\"min\":%" PRId64 ",\"max\":%" PRId64, option->min, option->max);
	put_member(out, ",", "help", option->help != NULL ? option->help : "");
	buffer_append_byte(out, '}');
}

/* Of a source: NULL for others, and where they cannot be listed. */
static const char *const *
presets_of(const struct plugin_component *component, struct arena *arena)
{
	struct hf_error err = HF_ERROR_INIT;
	const char *const *names = NULL;

	if (component->kind == HF_KIND_SOURCE && preset_list(component->name, arena, &names, &err) != HF_OK)
		log_message(HF_LOG_WARNING, "%s", err.msg);
	return names;
}

static void
presets_json(const struct plugin_component *component, struct buffer *out)
{
	struct arena arena = {NULL, 0, 0};
	const char *const *name = presets_of(component, &arena), *comma = "";

	buffer_append_string(out, ",\"presets\":[");
	for (; name != NULL && *name != NULL; name++) {
		buffer_append_string(out, comma);
		put_json(out, *name);
		comma = ",";
	}
	buffer_append_byte(out, ']');
	arena_release(&arena);
}

static void
presets_text(const struct plugin_component *component, struct buffer *out)
{
	struct arena arena = {NULL, 0, 0};
	const char *const *name = presets_of(component, &arena), *before = "  presets: ";

	for (; name != NULL && *name != NULL; name++) {
		buffer_appendf(out, "%s%s", before, *name);
		before = ", ";
	}
	if (before[0] == ',')
		buffer_append_byte(out, '\n');
	arena_release(&arena);
}

static void
component_json(const struct plugin_component *component, struct buffer *out)
{
	const struct plugin_callback *callback = plugin_callbacks(component->kind);
	const char *comma = "";
	uint32_t i;

	put_member(out, "{", "kind", plugin_kind_name(component->kind));
	put_member(out, ",", "name", component->name);
	put_member(out, ",", "summary", component->summary);
	put_member(out, ",", "thread_model", thread_model_name(component->thread_model));
	buffer_appendf(out, ",\"ops_size\":%u,\"callbacks\":[", component->ops_size);
	for (; callback->name != NULL; callback++) {
		if (has_callback(component, callback)) {
			buffer_append_string(out, comma);
			put_json(out, callback->name);
			comma = ",";
		}
	}
	buffer_append_string(out, "],\"options\":[");
	for (i = 0; i < component->option_count; i++) {
		buffer_append_string(out, i > 0 ? "," : "");
		option_json(&component->options[i], out);
	}
	buffer_append_byte(out, ']');
	if (component->kind == HF_KIND_SOURCE)
		presets_json(component, out);
	buffer_append_byte(out, '}');
}

static void
describe_json(const struct plugin *plugin, struct buffer *out)
{
	size_t i;

	put_member(out, "{", "name", plugin->name);
	put_member(out, ",", "version", plugin->version);
	put_member(out, ",", "license", plugin->license);
	put_member(out, ",", "homepage", plugin->homepage);
	put_member(out, ",", "path", plugin->path);
	buffer_appendf(out, ",\"abi\":%u,\"abi_minor\":%u,\"struct_size\":%u,\"components\":[",
	    HF_ABI_MAJOR, plugin->abi_minor, plugin->struct_size);
	for (i = 0; i < plugin->component_count; i++) {
		buffer_append_string(out, i > 0 ? "," : "");
		component_json(&plugin->components[i], out);
	}
	buffer_append_string(out, "]}\n");
}

static void
option_text(const struct hf_option *option, struct buffer *out)
{
	char min[OPTIONS_FORMAT_SIZE], max[OPTIONS_FORMAT_SIZE];

	buffer_appendf(out, "  %s: %s%s", option->name, option->flags & HF_OPTION_LIST ? "list of " : "",
	    options_type_name(option->type));
	if (option->flags & HF_OPTION_REQUIRED)
		buffer_append_string(out, ", required");
	if (option->flags & HF_OPTION_SECRET)
		buffer_appendf(
		    out, ", secret: write %s_file or %s_command", option->name, option->name);
	if (option->flags & HF_OPTION_PRIVATE)
		buffer_append_string(out, ", for nobody else to read");
	if (option->default_value != NULL)
		buffer_appendf(out, ", default %s", option->default_value);
	if (has_range(option))
		buffer_appendf(out, ", %s to %s", options_format(option->type, option->min, min),
		    options_format(option->type, option->max, max));
	buffer_append_byte(out, '\n');
	if (option->help != NULL)
		buffer_appendf(out, "      %s\n", option->help);
}

static void
component_text(const struct plugin_component *component, struct buffer *out)
{
	uint32_t i;

	buffer_appendf(out, "%s %s: %s\n", plugin_kind_name(component->kind), component->name, component->summary);
	if (component->option_count == 0)
		buffer_append_string(out, "  no options\n");
	for (i = 0; i < component->option_count; i++)
		option_text(&component->options[i], out);
	presets_text(component, out);
}

/* What only the author of a plugin wants to know. */
static void
internals_text(const struct plugin_component *component, struct buffer *out)
{
	const struct plugin_callback *callback = plugin_callbacks(component->kind);

	buffer_appendf(out, "\nkind=%s\ncomponent=%s\nthread_model=%s\nops_size=%u\n",
	    plugin_kind_name(component->kind), component->name, thread_model_name(component->thread_model),
	    component->ops_size);
	for (; callback->name != NULL; callback++) {
		if (has_callback(component, callback))
			buffer_appendf(out, "has_%s=1\n", callback->name);
	}
}

static void
describe_text(const struct plugin *plugin, bool internals, struct buffer *out)
{
	size_t i;

	for (i = 0; i < plugin->component_count; i++) {
		component_text(&plugin->components[i], out);
		buffer_append_byte(out, '\n');
	}
	buffer_appendf(out, "name=%s\nversion=%s\nlicense=%s\nhomepage=%s\npath=", plugin->name,
	    plugin->version, plugin->license, plugin->homepage);
	put_line(out, plugin->path);
	buffer_append_byte(out, '\n');
	if (!internals)
		return;
	buffer_appendf(out, "abi=%u.%u\nstruct_size=%u\n", HF_ABI_MAJOR, plugin->abi_minor,
	    plugin->struct_size);
	for (i = 0; i < plugin->component_count; i++)
		internals_text(&plugin->components[i], out);
}

int
plugin_describe(const struct plugin *plugin, bool json, bool internals, struct buffer *out, struct hf_error *err)
{
	if (json)
		describe_json(plugin, out);
	else
		describe_text(plugin, internals, out);
	return buffer_status(out, plugin->name, err);
}

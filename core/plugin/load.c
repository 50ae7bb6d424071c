/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "plugin/host.h"

#define ENTRY          "holdfast_plugin_v1"
#define STRUCT_MAX     4096 /* nothing in the ABI comes near it */
#define COMPONENTS_MAX 64
#define OPTIONS_MAX    256
#define TEXT_MAX       1024

/* Where a field ends: a struct of the first release is at least as long as its last field needs. */
#define END_OF(type, field) ((uint32_t)(offsetof(type, field) + sizeof(((type *)NULL)->field)))

#define PLUGIN_BASE    END_OF(struct hf_plugin, unload)
#define COMPONENT_BASE END_OF(struct hf_component, get_extension)
#define OPTION_BASE    END_OF(struct hf_option, max)

#define CALLBACK(type, field) {#field, (uint32_t)offsetof(type, field), 0}
#define OPTIONAL(type, field) {#field, (uint32_t)offsetof(type, field), 1}

static const struct plugin_callback strategy_callbacks[] = {
    CALLBACK(struct hf_strategy_ops, configure), CALLBACK(struct hf_strategy_ops, open),
    CALLBACK(struct hf_strategy_ops, close), CALLBACK(struct hf_strategy_ops, plan),
    CALLBACK(struct hf_strategy_ops, execute), OPTIONAL(struct hf_strategy_ops, restore),
    {NULL, 0, 0}};
static const struct plugin_callback source_callbacks[] = {CALLBACK(struct hf_source_ops, configure),
    CALLBACK(struct hf_source_ops, open), CALLBACK(struct hf_source_ops, close),
    CALLBACK(struct hf_source_ops, caps), CALLBACK(struct hf_source_ops, enumerate),
    OPTIONAL(struct hf_source_ops, fetch_media), OPTIONAL(struct hf_source_ops, put_contact),
    {NULL, 0, 0}};
static const struct plugin_callback storage_callbacks[] = {
    CALLBACK(struct hf_storage_ops, configure), CALLBACK(struct hf_storage_ops, open),
    CALLBACK(struct hf_storage_ops, close), CALLBACK(struct hf_storage_ops, create),
    CALLBACK(struct hf_storage_ops, properties), CALLBACK(struct hf_storage_ops, put),
    CALLBACK(struct hf_storage_ops, get), CALLBACK(struct hf_storage_ops, list),
    CALLBACK(struct hf_storage_ops, stat), CALLBACK(struct hf_storage_ops, remove), {NULL, 0, 0}};

/* What load needs to know of each kind's ops. */
static const struct {
	const struct plugin_callback *callbacks;
	uint32_t base, size;
} kinds[] = {
    [HF_KIND_STRATEGY] = {strategy_callbacks, END_OF(struct hf_strategy_ops, restore),
        sizeof(struct hf_strategy_ops)},
    [HF_KIND_SOURCE] = {source_callbacks, END_OF(struct hf_source_ops, put_contact),
        sizeof(struct hf_source_ops)},
    [HF_KIND_STORAGE] = {storage_callbacks, END_OF(struct hf_storage_ops, remove),
        sizeof(struct hf_storage_ops)},
};

const struct plugin_callback *
plugin_callbacks(uint32_t kind)
{
	return kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind].callbacks : NULL;
}

/*
 * Copies a struct of the plugin's size into one of ours: every struct of the ABI starts with its
 * size, and only grows at its end.
 */
static int
copy_struct(void *to, uint32_t to_size, const void *from, uint32_t base, const char *path,
    const char *what, struct hf_error *err)
{
	uint32_t size;

	memcpy(&size, from, sizeof(size));
	if (size < base)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: %s is %u bytes long by its struct_size; the ABI's first release has %u",
		    path, what, size, base);
	if (size > STRUCT_MAX)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: %s has an absurd struct_size of %u bytes", path, what, size);
	memset(to, 0, to_size);
	memcpy(to, from, size < to_size ? size : to_size);
	return HF_OK;
}

/* One line of UTF-8 without control characters: what plugins say is shown on terminals. */
static bool
text_good(const char *text)
{
	size_t i, size = strnlen(text, TEXT_MAX + 1);

	for (i = 0; i < size; i++) {
		/* C1 controls are U+0080 to U+009F: C2 80 to C2 9F. */
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f ||
		    (text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0))
			return false;
	}
	return size <= TEXT_MAX && json_is_utf8(text, size);
}

static int
check_text(const char *text, const char *path, const char *what, struct hf_error *err)
{
	if (text != NULL && !text_good(text))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: %s is not one line of text", path, what);
	return HF_OK;
}

/* An option's name as YAML has it: [a-z][a-z0-9_]*, or several of these with dots between; 64 bytes at most. */
static bool
option_name_valid(const char *name)
{
	bool first = true;
	size_t i;

	for (i = 0; i <= 64 && name[i] != '\0'; i++) {
		if (name[i] >= 'a' && name[i] <= 'z')
			first = false;
		else if (first || (name[i] != '_' && name[i] != '.' && (name[i] < '0' || name[i] > '9')))
			return false;
		else if (name[i] == '.')
			first = true;
	}
	return !first && i <= 64;
}

/* Whether a name is the same as another, or the map that the other is in. */
static bool
option_names_collide(const char *name, const char *other)
{
	size_t size = strlen(name);

	return strncmp(name, other, size) == 0 && (other[size] == '\0' || other[size] == '.');
}

static int
check_option(const struct hf_option *options, uint32_t at, const char *path, struct hf_error *err)
{
	const struct hf_option *option = &options[at];
	uint32_t i;
	int rc;

	if (!option_name_valid(option->name))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: option %u has an unusable name", path, at);
	for (i = 0; i < at; i++) {
		if (option_names_collide(options[i].name, option->name) ||
		    option_names_collide(option->name, options[i].name))
			return hf_error_set(err, HF_EINVAL, 0,
			    "%s: the option \"%s\" is there twice", path, option->name);
	}
	if (option->type < HF_OPTION_STRING || option->type > HF_OPTION_PATH)
		return hf_error_set(err, HF_ENOTSUP, 0,
		    "%s: the option \"%s\" is of type %u, which this holdfast does not know", path,
		    option->name, option->type);
	if ((option->flags & HF_OPTION_SECRET) && option->type != HF_OPTION_STRING)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: the secret option \"%s\" is not a string", path, option->name);
	if ((option->flags & HF_OPTION_LIST) && ((option->flags & HF_OPTION_SECRET) ||
	    (option->type != HF_OPTION_STRING && option->type != HF_OPTION_PATH)))
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: the option \"%s\" cannot be a list", path, option->name);
	if ((option->flags & HF_OPTION_PRIVATE) && option->type != HF_OPTION_PATH)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: the private option \"%s\" is not a path", path, option->name);
	if (option->min > option->max)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: the option \"%s\" has a minimum above its maximum", path, option->name);
	if ((rc = check_text(option->help, path, "an option's help", err)) != HF_OK)
		return rc;
	return check_text(option->default_value, path, "an option's default", err);
}

/* Copies the table of options; entries lie as far apart as the first one's struct_size says. */
static int
copy_options(struct plugin_component *component, const struct hf_option *from, const char *path,
    struct hf_error *err)
{
	const char *at = (const char *)from;
	struct hf_option entry;
	uint32_t stride, count;
	int rc;

	if ((component->options = calloc(OPTIONS_MAX + 1, sizeof(*component->options))) == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	if (from == NULL || from->name == NULL)
		return HF_OK;
	stride = from->struct_size;
	for (count = 0;; count++, at += stride) {
		/* The last entry need not have a size. */
		memcpy(&entry, at, OPTION_BASE);
		if (entry.name == NULL)
			return HF_OK;
		if (count == OPTIONS_MAX)
			return hf_error_set(
			    err, HF_EINVAL, 0, "%s: more than %d options", path, OPTIONS_MAX);
		rc = copy_struct(&component->options[count], sizeof(entry), at, OPTION_BASE, path,
		    "an option", err);
		if (rc != HF_OK)
			return rc;
		if (entry.struct_size != stride)
			return hf_error_set(err, HF_EINVAL, 0,
			    "%s: the options of one table differ in struct_size (%u and %u)", path,
			    stride, entry.struct_size);
		if ((rc = check_option(component->options, count, path, err)) != HF_OK)
			return rc;
		component->option_count = count + 1;
	}
}

static int
copy_ops(
    struct plugin_component *component, const void *from, const char *path, struct hf_error *err)
{
	const struct plugin_callback *callback = kinds[component->kind].callbacks;
	void (*function)(void);
	int rc;

	if (from == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: the component \"%s\" has no ops", path,
		    component->name);
	rc = copy_struct(&component->ops, kinds[component->kind].size, from,
	    kinds[component->kind].base, path, "an ops table", err);
	if (rc != HF_OK)
		return rc;
	memcpy(&component->ops_size, from, sizeof(component->ops_size));
	for (; callback->name != NULL; callback++) {
		memcpy(
		    &function, (const char *)&component->ops + callback->offset, sizeof(function));
		if (function == NULL && !callback->optional)
			return hf_error_set(err, HF_EINVAL, 0,
			    "%s: the component \"%s\" does not have \"%s\", which is not optional",
			    path, component->name, callback->name);
	}
	return HF_OK;
}

/* Adds one component's copy to plugin; one of a kind not known here is left out. */
static int
add_component(struct plugin *plugin, const struct hf_component *from, struct hf_error *err)
{
	struct plugin_component *component = &plugin->components[plugin->component_count];
	struct hf_component copy = {0};
	int rc;

	rc = copy_struct(
	    &copy, sizeof(copy), from, COMPONENT_BASE, plugin->path, "a component", err);
	if (rc != HF_OK)
		return rc;
	if (plugin_kind_name(copy.kind) == NULL) {
		log_message(HF_LOG_INFO,
		    "%s: a component of kind %u is left out: this holdfast does not know the kind",
		    plugin->path, copy.kind);
		return HF_OK;
	}
	if (copy.name == NULL || !plugin_name_valid(copy.name))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: a component's name is unusable", plugin->path);
	if (plugin_component(plugin, copy.kind, copy.name) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: the %s \"%s\" is there twice",
		    plugin->path, plugin_kind_name(copy.kind), copy.name);
	if ((rc = check_text(copy.summary, plugin->path, "a summary", err)) != HF_OK)
		return rc;
	component->plugin = plugin;
	component->kind = copy.kind;
	component->flags = copy.flags;
	component->thread_model =
	    copy.thread_model == HF_THREAD_PARALLEL || copy.thread_model == HF_THREAD_PER_INSTANCE
	    ? copy.thread_model
	    : HF_THREAD_SERIAL;
	component->name = copy.name;
	component->summary = copy.summary != NULL ? copy.summary : "";
	component->get_extension = copy.get_extension;
	/* Counted before it is complete, so that its options are freed with the plugin. */
	plugin->component_count++;
	if ((rc = copy_options(component, copy.options, plugin->path, err)) != HF_OK)
		return rc;
	return copy_ops(component, copy.ops, plugin->path, err);
}

static int
check_descriptor(
    struct plugin *plugin, const struct hf_plugin *copy, const char *name, struct hf_error *err)
{
	const struct {
		const char *text, *what;
	} texts[] = {{copy->version, "its version"}, {copy->license, "its licence"},
	    {copy->homepage, "its homepage"}};
	size_t i;
	int rc;

	if (copy->name == NULL || !plugin_name_valid(copy->name) || strcmp(copy->name, name) != 0)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: its descriptor does not have the name \"%s\" of the file and the note",
		    plugin->path, name);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if ((rc = check_text(texts[i].text, plugin->path, texts[i].what, err)) != HF_OK)
			return rc;
	}
	plugin->struct_size = copy->struct_size;
	plugin->abi_minor = copy->abi_minor;
	plugin->name = copy->name;
	plugin->version = copy->version != NULL ? copy->version : "";
	plugin->license = copy->license != NULL ? copy->license : "";
	plugin->homepage = copy->homepage != NULL ? copy->homepage : "";
	return HF_OK;
}

/* A failure stays one, whatever the function says and leaves out. */
static int
call_load(const struct hf_plugin *copy, const struct plugin *plugin, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int rc;

	rc = copy->load(host_table(plugin->host), &why);
	if (rc == HF_OK)
		return HF_OK;
	why.msg[sizeof(why.msg) - 1] = '\0';
	return hf_error_set(err, rc < 0 ? rc : HF_EINVAL, why.os_errno, "%s: %s", plugin->path,
	    why.msg[0] != '\0' ? why.msg : "its load function failed without a reason");
}

int
plugin_check(const struct hf_plugin *descriptor, const char *path, const char *name,
    struct plugin **ret_plugin, struct hf_error *err)
{
	struct plugin *plugin = NULL;
	struct hf_plugin copy = {0};
	size_t i;
	int rc;

	if (descriptor == NULL)
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: its entry point returns no descriptor", path);
	if ((rc = copy_struct(&copy, sizeof(copy), descriptor, PLUGIN_BASE, path, "its descriptor",
		 err)) != HF_OK)
		return rc;
	if ((plugin = calloc(1, sizeof(*plugin))) == NULL ||
	    (plugin->path = strdup(path)) == NULL ||
	    (plugin->components = calloc(COMPONENTS_MAX, sizeof(*plugin->components))) == NULL) {
		rc = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		goto fail;
	}
	if ((rc = check_descriptor(plugin, &copy, name, err)) != HF_OK)
		goto fail;
	if (copy.components == NULL) {
		rc = hf_error_set(err, HF_EINVAL, 0, "%s: it has no components", path);
		goto fail;
	}
	for (i = 0; copy.components[i] != NULL; i++) {
		if (i == COMPONENTS_MAX) {
			rc = hf_error_set(
			    err, HF_EINVAL, 0, "%s: more than %d components", path, COMPONENTS_MAX);
			goto fail;
		}
		if ((rc = add_component(plugin, copy.components[i], err)) != HF_OK)
			goto fail;
	}
	if ((rc = host_open(plugin->name, NULL, NULL, NULL, &plugin->host, err)) != HF_OK)
		goto fail;
	if (copy.load != NULL && (rc = call_load(&copy, plugin, err)) != HF_OK)
		goto fail;
	plugin->unload = copy.unload;
	*ret_plugin = plugin;
	return HF_OK;
fail:
	plugin_free(plugin);
	return rc;
}

/* dlsym answers with a pointer to an object, whatever it found. */
union entry {
	void *symbol;
	const struct hf_plugin *(*function)(void);
};

/*
 * The entry point, which has to lie in the file itself: dlsym also looks into the libraries it
 * needs.
 */
static int
find_entry(const struct plugin_file *file, void *module, union entry *entry, struct hf_error *err)
{
	struct stat st;
	Dl_info info;

	entry->symbol = dlsym(module, ENTRY);
	if (entry->symbol == NULL)
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: it has no entry point \"" ENTRY "\"", file->path);
	if (dladdr(entry->symbol, &info) == 0 || info.dli_fname == NULL ||
	    stat(info.dli_fname, &st) != 0)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: nobody knows where its entry point comes from", file->path);
	if (!scan_same_file(file, &st))
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: it has no entry point of its own, \"" ENTRY "\" comes from %s", file->path,
		    info.dli_fname);
	return HF_OK;
}

int
plugin_load(const struct plugin_file *file, struct plugin **ret_plugin, struct hf_error *err)
{
	const char *reason;
	union entry entry;
	struct stat st;
	void *module;
	int rc;

	if ((rc = scan_trusted(file->path, err)) != HF_OK)
		return rc;
	if (lstat(file->path, &st) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", file->path, strerror(errno));
	if (!scan_same_file(file, &st))
		return hf_error_set(err, HF_EPERM, 0,
		    "%s: the file was replaced or changed after it was found; start again",
		    file->path);
	module = dlopen(file->path, RTLD_NOW | RTLD_LOCAL);
	if (module == NULL) {
		reason = dlerror();
		return hf_error_set(err, HF_ENOTSUP, 0, "%s",
		    reason != NULL ? reason : "a plugin cannot be loaded");
	}
	/*
	 * From here on the module stays: unmapping code that may have left threads or handlers is
	 * worse.
	 */
	if ((rc = find_entry(file, module, &entry, err)) != HF_OK)
		return rc;
	return plugin_check(entry.function(), file->path, file->name, ret_plugin, err);
}

void
plugin_free(struct plugin *plugin)
{
	size_t i;

	if (plugin == NULL)
		return;
	if (plugin->unload != NULL)
		plugin->unload();
	for (i = 0; i < plugin->component_count; i++)
		free(plugin->components[i].options);
	host_free(plugin->host);
	free(plugin->components);
	free(plugin->path);
	free(plugin);
}

const struct plugin_component *
plugin_component(const struct plugin *plugin, uint32_t kind, const char *name)
{
	size_t i;

	for (i = 0; i < plugin->component_count; i++) {
		if (plugin->components[i].kind == kind &&
		    strcmp(plugin->components[i].name, name) == 0)
			return &plugin->components[i];
	}
	return NULL;
}

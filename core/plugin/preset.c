/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/preset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/path.h"
#include "config/node.h"
#include "config/scalar.h"
#include "plugin/scan.h"

#define ENDING    ".yaml"
#define NAME_SIZE 33 /* of a preset, and its zero byte */

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "presets: out of memory");
}

/* The next directory of a colon list into out; false: there are no more.  Relative ones do not count. */
static bool
next_directory(const char **list, struct buffer *out)
{
	const char *at;
	size_t size;

	do {
		at = *list;
		size = strcspn(at, ":");
		*list += size + (at[size] == ':');
	} while (at[0] != '/' && at[0] != '\0');
	buffer_clear(out);
	buffer_append(out, at, size);
	return at[0] != '\0';
}

static const char *
directories(void)
{
	const char *list = secure_getenv("HOLDFAST_PRESET_PATH");

	return list == NULL || list[0] == '\0' ? PRESETDIR : list;
}

/* ---- the names ---- */

struct names {
	struct arena *arena;
	const char **items; /* PRESETS_MAX and a NULL */
	size_t count;
};

/* "dino.yaml" to "dino"; false where it is no preset's file. */
static bool
name_of(const char *file, char out[NAME_SIZE])
{
	size_t size = strlen(file), ending = strlen(ENDING);

	if (size <= ending || size - ending >= NAME_SIZE || strcmp(file + size - ending, ENDING) != 0)
		return false;
	(void)snprintf(out, NAME_SIZE, "%.*s", (int)(size - ending), file);
	return scalar_is_name(out);
}

static int
add_name(struct names *names, const char *name, struct hf_error *err)
{
	size_t i;

	for (i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0)
			return HF_OK;
	}
	if (names->count == PRESETS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %u presets", PRESETS_MAX);
	names->items[names->count] = arena_copy(names->arena, name, strlen(name));
	return names->items[names->count++] != NULL ? HF_OK : no_memory(err);
}

static int
add_names(struct names *names, const char *directory, struct hf_error *err)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	char name[NAME_SIZE];
	int rc = HF_OK;

	if (dir == NULL && (errno == ENOENT || errno == ENOTDIR))
		return HF_OK;
	if (dir == NULL)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", directory, strerror(errno));
	while (rc == HF_OK && (errno = 0, entry = readdir(dir)) != NULL) {
		if (name_of(entry->d_name, name))
			rc = add_name(names, name, err);
	}
	if (rc == HF_OK && errno != 0)
		rc = hf_error_set(err, HF_EIO, errno, "%s: %s", directory, strerror(errno));
	(void)closedir(dir);
	return rc;
}

static int
by_string(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
preset_list(const char *source, struct arena *arena, const char *const **ret, struct hf_error *err)
{
	struct names names = {arena, arena_alloc(arena, (PRESETS_MAX + 1) * sizeof(*names.items)), 0};
	struct buffer path = BUFFER_INIT(1u << 16);
	const char *list = directories();
	int rc = HF_OK;

	if (names.items == NULL)
		return no_memory(err);
	while (rc == HF_OK && next_directory(&list, &path)) {
		buffer_appendf(&path, "/%s", source);
		rc = buffer_string(&path) == NULL ? no_memory(err) : add_names(&names, buffer_string(&path), err);
	}
	buffer_release(&path);
	if (rc != HF_OK)
		return rc;
	if (names.count > 1)
		qsort(names.items, names.count, sizeof(*names.items), by_string);
	names.items[names.count] = NULL;
	*ret = names.items;
	return HF_OK;
}

/* ---- one of them ---- */

/* The file's real path, to be freed; *ret NULL: there is none. */
static int
find(const char *source, const char *name, char **ret, struct hf_error *err)
{
	struct buffer path = BUFFER_INIT(1u << 16);
	const char *list = directories();
	int rc = HF_OK;

	*ret = NULL;
	while (rc == HF_OK && *ret == NULL && next_directory(&list, &path)) {
		buffer_appendf(&path, "/%s/%s" ENDING, source, name);
		if (buffer_string(&path) == NULL)
			rc = no_memory(err);
		else if ((*ret = realpath(buffer_string(&path), NULL)) == NULL && errno != ENOENT && errno != ENOTDIR)
			rc = hf_error_set(err, errno == ENOMEM ? HF_ENOMEM : HF_EIO, errno, "%s: %s",
			    buffer_string(&path), strerror(errno));
	}
	buffer_release(&path);
	return rc;
}

static int
unknown(const struct config *config, const struct config_account *account, struct arena *arena, struct hf_error *err)
{
	struct nearest nearest = NEAREST_INIT(account->preset);
	struct buffer known = BUFFER_INIT(300);
	const char *const *names = NULL, *const *name;
	struct nearest_hint hint;
	int rc = preset_list(account->source, arena, &names, err);

	if (rc != HF_OK)
		return rc;
	for (name = names; *name != NULL; name++) {
		nearest_offer(&nearest, *name);
		buffer_appendf(&known, "%s%s", name == names ? "" : ", ", *name);
	}
	(void)hf_error_set(err, HF_EINVAL, 0, "%s:%u:%u: account %s: the source %s has no preset %s%s (%s%s%s)",
	    config->file, account->preset_mark.line, account->preset_mark.column, account->name, account->source,
	    account->preset, nearest_hint(&hint, nearest.best), names[0] == NULL ? "it has none" : "presets: ",
	    known.size > 0 ? buffer_string(&known) : "", known.failed != HF_OK ? ", ..." : "");
	buffer_release(&known);
	return HF_EINVAL;
}

static bool
has(const struct config_options *options, const char *name)
{
	size_t i;

	for (i = 0; i < options->count; i++) {
		if (strcmp(options->items[i].name, name) == 0)
			return true;
	}
	return false;
}

/* The account's own, and then what else the preset has. */
static int
merge(const struct config_options *own, const struct config_options *others, struct preset *ret, struct hf_error *err)
{
	struct config_option *items = arena_alloc(&ret->arena, (own->count + others->count + 1) * sizeof(*items));
	size_t i, count = own->count;

	if (items == NULL)
		return no_memory(err);
	if (own->count > 0)
		memcpy(items, own->items, own->count * sizeof(*items));
	for (i = 0; i < others->count; i++) {
		if (!has(own, others->items[i].name))
			items[count++] = others->items[i];
	}
	ret->options = (struct config_options){items, count};
	return HF_OK;
}

static int
read_file(const char *path, struct arena *arena, struct config_options *ret, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(NODE_MAX_FILE);
	/* It may have a command run: NAME_command of a secret. */
	int rc = scan_trusted(path, err);

	if (rc == HF_OK)
		rc = path_read(path, NODE_MAX_FILE, &text, err);
	if (rc == HF_OK)
		rc = config_parse_options(text.data, text.size, path, arena, ret, err);
	buffer_release(&text);
	return rc;
}

int
preset_apply(const struct config *config, const struct config_account *account, struct preset *ret,
    struct hf_error *err)
{
	struct config_options others = {NULL, 0};
	char *path = NULL;
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->options = account->options;
	if (account->preset == NULL)
		return HF_OK;
	rc = find(account->source, account->preset, &path, err);
	if (rc == HF_OK && path == NULL)
		return unknown(config, account, &ret->arena, err);
	if (rc == HF_OK)
		rc = read_file(path, &ret->arena, &others, err);
	if (rc == HF_OK)
		rc = merge(&account->options, &others, ret, err);
	free(path);
	return rc;
}

void
preset_release(struct preset *preset)
{
	arena_release(&preset->arena);
	memset(preset, 0, sizeof(*preset));
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/log.h"
#include "base/time.h"
#include "repository/ledger.h"
#include "repository/repository-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

/* Longest JSON of a snapshot: restic's carry every path and exclude pattern of the command line. */
#define SNAPSHOT_MAX ((size_t)4 << 20)
/* Snapshots that are listed at most; a hundred times what restic's own advice is. */
#define SNAPSHOT_COUNT_MAX 200000u
/* Bytes of snapshots kept while listing; what does not fit is read a second time. */
#define SNAPSHOT_KEEP_MAX ((size_t)4 << 20)

static void
free_list(char **list)
{
	size_t i;

	if (list == NULL)
		return;
	for (i = 0; list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

void
snapshot_release(struct snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	free_list(snapshot->paths);
	free_list(snapshot->tags);
	snapshot->paths = snapshot->tags = NULL;
}

/* ---- reading ---- */

static int
damaged(struct hf_error *err, const char *path, const char *what)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "%s: %s", path, what);
}

static int
read_id(struct json_object *object, const char *name, struct repository_id *ret)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_string))
		return HF_ENOTFOUND;
	return hex_decode(json_object_get_string(member), (size_t)json_object_get_string_len(member), ret->bytes,
	    sizeof(ret->bytes));
}

/* Copies as much of a text as fits; absent is "". */
static void
read_text(struct json_object *object, const char *name, char *out, size_t size)
{
	struct json_object *member;

	out[0] = '\0';
	if (json_object_object_get_ex(object, name, &member) && json_object_is_type(member, json_type_string))
		(void)snprintf(out, size, "%s", json_object_get_string(member));
}

static int
read_list(struct json_object *object, const char *name, char ***ret, const char *path, struct hf_error *err)
{
	struct json_object *member, *element;
	size_t count = 0, i;
	char **list;

	if (json_object_object_get_ex(object, name, &member) && member != NULL) {
		if (!json_object_is_type(member, json_type_array))
			return hf_error_set(err, HF_ECORRUPT, 0, "%s: %s is not a list", path, name);
		count = json_object_array_length(member);
	}
	list = calloc(count + 1, sizeof(*list));
	if (list == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	for (i = 0; i < count; i++) {
		element = json_object_array_get_idx(member, i);
		if (!json_object_is_type(element, json_type_string)) {
			free_list(list);
			return hf_error_set(err, HF_ECORRUPT, 0, "%s: %s holds something that is no text", path,
			    name);
		}
		list[i] = strdup(json_object_get_string(element));
		if (list[i] == NULL) {
			free_list(list);
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		}
	}
	*ret = list;
	return HF_OK;
}

static int
read_time(struct json_object *object, int64_t *ret, const char *path, struct hf_error *err)
{
	struct json_object *member;
	int r;

	if (!json_object_object_get_ex(object, "time", &member) || !json_object_is_type(member, json_type_string))
		return damaged(err, path, "it has no time");
	r = time_parse(json_object_get_string(member), (size_t)json_object_get_string_len(member), ret);
	if (r == HF_ERANGE) /* restic's year 1 where a time was missing: older than all others */
		*ret = INT64_MIN;
	else if (r != HF_OK)
		return damaged(err, path, "its time is not a date and time with a zone");
	return HF_OK;
}

static int
read_members(struct json_object *object, const char *path, struct snapshot *snapshot, struct hf_error *err)
{
	int r;

	if (read_id(object, "tree", &snapshot->tree) != HF_OK)
		return damaged(err, path, "it has no tree");
	snapshot->has_parent = read_id(object, "parent", &snapshot->parent) == HF_OK;
	read_text(object, "hostname", snapshot->hostname, sizeof(snapshot->hostname));
	read_text(object, "username", snapshot->username, sizeof(snapshot->username));
	read_text(object, "program_version", snapshot->program_version, sizeof(snapshot->program_version));
	r = read_time(object, &snapshot->time_ns, path, err);
	if (r == HF_OK)
		r = read_list(object, "paths", &snapshot->paths, path, err);
	if (r == HF_OK)
		r = read_list(object, "tags", &snapshot->tags, path, err);
	return r;
}

int
snapshot_load(struct repository *repository, const struct repository_id *id, struct snapshot *ret,
    struct hf_error *err)
{
	struct buffer json = BUFFER_INIT(SNAPSHOT_MAX);
	struct json_object *object = NULL;
	struct snapshot snapshot;
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	int r;

	memset(&snapshot, 0, sizeof(snapshot));
	hex_encode(id->bytes, sizeof(id->bytes), name);
	(void)object_path(HF_OBJECT_SNAPSHOT, name, path);
	r = object_load_json(repository, HF_OBJECT_SNAPSHOT, name, SNAPSHOT_MAX, &json, err);
	if (r == HF_OK)
		r = object_parse(path, json.data, json.size, &object, err);
	if (r == HF_OK)
		r = read_members(object, path, &snapshot, err);
	json_object_put(object);
	buffer_release(&json);
	if (r != HF_OK) {
		snapshot_release(&snapshot);
		return r;
	}
	snapshot.id = *id;
	*ret = snapshot;
	return HF_OK;
}

/* ---- listing ---- */

struct entry {
	struct repository_id id;
	int64_t time_ns;
	struct snapshot *kept; /* NULL: read again */
};

struct entries {
	struct buffer bytes; /* of struct entry */
};

static struct entry *
entries_at(const struct entries *entries, size_t i)
{
	return (struct entry *)(void *)entries->bytes.data + i;
}

static size_t
entries_count(const struct entries *entries)
{
	return entries->bytes.size / sizeof(struct entry);
}

static void
entries_release(struct entries *entries)
{
	size_t i;

	for (i = 0; i < entries_count(entries); i++) {
		snapshot_release(entries_at(entries, i)->kept);
		free(entries_at(entries, i)->kept);
	}
	buffer_release(&entries->bytes);
}

static int
add_entry(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	struct entries *entries = ctx;
	struct entry entry;

	(void)size;
	memset(&entry, 0, sizeof(entry));
	if (hex_decode(name, strlen(name), entry.id.bytes, sizeof(entry.id.bytes)) != HF_OK)
		return HF_OK; /* not an object's name: never the storage's business to fail on */
	buffer_append(&entries->bytes, &entry, sizeof(entry));
	return buffer_status(&entries->bytes, "the list of snapshots", err);
}

static int
list_entries(struct repository *repository, struct entries *entries, struct hf_error *err)
{
	const struct repository_storage *storage = &repository->storage;

	memset(entries, 0, sizeof(*entries));
	entries->bytes.max = SNAPSHOT_COUNT_MAX * sizeof(struct entry);
	return storage->ops->list(storage->handle, HF_OBJECT_SNAPSHOT, add_entry, entries, err);
}

static size_t
list_bytes(char **list)
{
	size_t i, size = sizeof(*list);

	for (i = 0; list[i] != NULL; i++)
		size += sizeof(*list) + strlen(list[i]) + 17; /* NUL and what malloc needs */
	return size;
}

/* Moves the snapshot into the entry if the budget allows; else it is released. */
static void
keep_snapshot(struct entry *entry, struct snapshot *snapshot, size_t *budget)
{
	size_t size = sizeof(*snapshot) + list_bytes(snapshot->paths) + list_bytes(snapshot->tags);

	entry->time_ns = snapshot->time_ns;
	if (size <= *budget)
		entry->kept = malloc(sizeof(*entry->kept));
	if (entry->kept == NULL) {
		snapshot_release(snapshot);
		return;
	}
	*entry->kept = *snapshot;
	*budget -= size;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return memcmp(x->id.bytes, y->id.bytes, sizeof(x->id.bytes));
}

/* Reads every listed snapshot and sorts.  One that was removed since the listing is left out. */
static int
read_entries(struct repository *repository, struct entries *entries, struct hf_error *err)
{
	size_t i, kept = 0, budget = SNAPSHOT_KEEP_MAX;
	struct snapshot snapshot;
	struct entry entry;
	int r;

	for (i = 0; i < entries_count(entries); i++) {
		entry = *entries_at(entries, i);
		r = snapshot_load(repository, &entry.id, &snapshot, err);
		if (r == HF_ENOTFOUND)
			continue;
		if (r != HF_OK) {
			entries->bytes.size = kept * sizeof(struct entry);
			return r;
		}
		keep_snapshot(&entry, &snapshot, &budget);
		*entries_at(entries, kept++) = entry;
	}
	entries->bytes.size = kept * sizeof(struct entry);
	if (kept > 1)
		qsort(entries->bytes.data, kept, sizeof(struct entry), compare_entries);
	return HF_OK;
}

static int
emit_entry(struct repository *repository, const struct entry *entry, snapshot_fn fn, void *ctx,
    struct hf_error *err)
{
	struct snapshot snapshot;
	int r;

	if (entry->kept != NULL)
		return fn(ctx, entry->kept, err);
	r = snapshot_load(repository, &entry->id, &snapshot, err);
	if (r == HF_ENOTFOUND)
		return HF_OK;
	if (r != HF_OK)
		return r;
	r = fn(ctx, &snapshot, err);
	snapshot_release(&snapshot);
	return r;
}

/* What was seen once can be missed later; a list that cannot be kept is no reason to fail. */
static void
remember(struct repository *repository, const struct repository_id *ids, size_t count)
{
	struct hf_error why = HF_ERROR_INIT;

	if (ledger_add(repository, ids, count, &why) != HF_OK)
		log_message(HF_LOG_DEBUG, "the list of known snapshots cannot be kept: %s", why.msg);
}

static void
remember_entries(struct repository *repository, const struct entries *entries)
{
	struct buffer ids = BUFFER_INIT(SNAPSHOT_COUNT_MAX * sizeof(struct repository_id));
	size_t i;

	for (i = 0; i < entries_count(entries); i++)
		buffer_append(&ids, &entries_at(entries, i)->id, sizeof(struct repository_id));
	if (buffer_status(&ids, "snapshots", NULL) == HF_OK)
		remember(repository, (const struct repository_id *)(const void *)ids.data,
		    ids.size / sizeof(struct repository_id));
	buffer_release(&ids);
}

int
repository_list_snapshots(struct repository *repository, snapshot_fn fn, void *ctx, struct hf_error *err)
{
	struct entries entries;
	size_t i;
	int r;

	r = list_entries(repository, &entries, err);
	if (r == HF_OK)
		r = read_entries(repository, &entries, err);
	if (r == HF_OK)
		remember_entries(repository, &entries);
	for (i = 0; r == HF_OK && i < entries_count(&entries); i++)
		r = emit_entry(repository, entries_at(&entries, i), fn, ctx, err);
	entries_release(&entries);
	return r;
}

static bool
has_tag(const struct snapshot *snapshot, const char *tag)
{
	size_t i;

	if (tag == NULL)
		return true;
	for (i = 0; snapshot->tags[i] != NULL; i++)
		if (strcmp(snapshot->tags[i], tag) == 0)
			return true;
	return false;
}

static bool
is_newer(const struct snapshot *a, const struct snapshot *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns > b->time_ns;
	return memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes)) > 0;
}

/* tag NULL: any snapshot. */
static int
newest(struct repository *repository, const char *tag, struct snapshot *ret, struct hf_error *err)
{
	struct snapshot best, snapshot;
	struct entries entries;
	bool found = false;
	size_t i;
	int r;

	r = list_entries(repository, &entries, err);
	for (i = 0; r == HF_OK && i < entries_count(&entries); i++) {
		r = snapshot_load(repository, &entries_at(&entries, i)->id, &snapshot, err);
		if (r == HF_ENOTFOUND) {
			r = HF_OK;
			continue;
		}
		if (r != HF_OK)
			break;
		if (has_tag(&snapshot, tag) && (!found || is_newer(&snapshot, &best))) {
			if (found)
				snapshot_release(&best);
			best = snapshot;
			found = true;
		} else
			snapshot_release(&snapshot);
	}
	entries_release(&entries);
	if (r != HF_OK) {
		if (found)
			snapshot_release(&best);
		return r;
	}
	if (!found)
		return hf_error_set(err, HF_ENOTFOUND, 0, "the repository has no snapshot%s%s",
		    tag != NULL ? " with the tag " : "", tag != NULL ? tag : "");
	*ret = best;
	return HF_OK;
}

int
repository_newest_snapshot(struct repository *repository, const char *tag, struct snapshot *ret,
    struct hf_error *err)
{
	return newest(repository, tag, ret, err);
}

static bool
is_id_beginning(const char *name)
{
	size_t size = strspn(name, "0123456789abcdef");

	return size > 0 && size <= (size_t)2 * HASH_SIZE && name[size] == '\0';
}

int
repository_find_snapshot(struct repository *repository, const char *name, struct snapshot *ret,
    struct hf_error *err)
{
	struct entries entries;
	struct repository_id id;
	char hex[HASH_HEX_SIZE];
	size_t i, found = 0;
	int r;

	if (strcmp(name, "latest") == 0)
		return newest(repository, NULL, ret, err);
	if (!is_id_beginning(name))
		return hf_error_set(err, HF_EINVAL, 0,
		    "\"%s\" is not a snapshot: say \"latest\", or an id or its beginning", name);
	r = list_entries(repository, &entries, err);
	for (i = 0; r == HF_OK && i < entries_count(&entries); i++) {
		hex_encode(entries_at(&entries, i)->id.bytes, HASH_SIZE, hex);
		if (strncmp(hex, name, strlen(name)) != 0)
			continue;
		id = entries_at(&entries, i)->id;
		found++;
	}
	entries_release(&entries);
	if (r != HF_OK)
		return r;
	if (found == 0)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no snapshot's id begins with %s", name);
	if (found > 1)
		return hf_error_set(err, HF_EINVAL, 0,
		    "the ids of %zu snapshots begin with %s: give more of its digits", found, name);
	return snapshot_load(repository, &id, ret, err);
}

/* ---- writing ---- */

static int
add_text(struct json_object *object, const char *name, const char *text)
{
	struct json_object *value = json_object_new_string(text);

	if (value == NULL || json_object_object_add(object, name, value) != 0) {
		json_object_put(value);
		return HF_ENOMEM;
	}
	return HF_OK;
}

static int
add_id(struct json_object *object, const char *name, const struct repository_id *id)
{
	char hex[HASH_HEX_SIZE];

	hex_encode(id->bytes, sizeof(id->bytes), hex);
	return add_text(object, name, hex);
}

static int
add_list(struct json_object *object, const char *name, char **list)
{
	struct json_object *array = json_object_new_array(), *value;
	size_t i;

	if (array == NULL)
		return HF_ENOMEM;
	for (i = 0; list != NULL && list[i] != NULL; i++) {
		value = json_object_new_string(list[i]);
		if (value == NULL || json_object_array_add(array, value) != 0) {
			json_object_put(value);
			json_object_put(array);
			return HF_ENOMEM;
		}
	}
	if (json_object_object_add(object, name, array) != 0) {
		json_object_put(array);
		return HF_ENOMEM;
	}
	return HF_OK;
}

/* In restic's order of members. */
static int
add_members(struct json_object *object, const struct snapshot *snapshot)
{
	char time[TIME_RFC3339_SIZE];
	int r;

	(void)time_format(snapshot->time_ns, time);
	r = add_text(object, "time", time);
	if (r == HF_OK && snapshot->has_parent)
		r = add_id(object, "parent", &snapshot->parent);
	if (r == HF_OK)
		r = add_id(object, "tree", &snapshot->tree);
	if (r == HF_OK)
		r = add_list(object, "paths", snapshot->paths);
	if (r == HF_OK && snapshot->hostname[0] != '\0')
		r = add_text(object, "hostname", snapshot->hostname);
	if (r == HF_OK && snapshot->username[0] != '\0')
		r = add_text(object, "username", snapshot->username);
	if (r == HF_OK && snapshot->tags != NULL && snapshot->tags[0] != NULL)
		r = add_list(object, "tags", snapshot->tags);
	if (r == HF_OK && snapshot->program_version[0] != '\0')
		r = add_text(object, "program_version", snapshot->program_version);
	return r;
}

/* What a reader would stumble over must not get into the repository. */
static int
check_snapshot(const struct snapshot *snapshot, struct hf_error *err)
{
	static const struct repository_id none;
	size_t i;

	if (memcmp(&snapshot->tree, &none, sizeof(none)) == 0)
		return hf_error_set(err, HF_EINVAL, 0, "a snapshot without a tree");
	for (i = 0; snapshot->tags != NULL && snapshot->tags[i] != NULL; i++)
		if (snapshot->tags[i][0] == '\0' || strchr(snapshot->tags[i], ',') != NULL)
			return hf_error_set(err, HF_EINVAL, 0,
			    "the tag \"%s\" is empty or has a comma, which no tag may", snapshot->tags[i]);
	return HF_OK;
}

int
repository_save_snapshot(struct repository *repository, const struct snapshot *snapshot,
    struct repository_id *ret_id, struct hf_error *err)
{
	struct json_object *object;
	const char *text = NULL;
	size_t size = 0;
	int r;

	r = check_snapshot(snapshot, err);
	if (r != HF_OK)
		return r;
	object = json_object_new_object();
	if (object != NULL && add_members(object, snapshot) == HF_OK)
		text = json_object_to_json_string_length(object,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	if (text == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "snapshot: out of memory");
	else if (size > SNAPSHOT_MAX)
		r = hf_error_set(err, HF_ERANGE, 0, "snapshot: longer than %zu bytes", SNAPSHOT_MAX);
	else
		r = object_save_json(repository, HF_OBJECT_SNAPSHOT, text, size, ret_id, err);
	if (r == HF_OK)
		remember(repository, ret_id, 1);
	json_object_put(object);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/archive.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "archive/journal.h"
#include "archive/log.h"
#include "archive/overlay.h"
#include "archive/previous.h"
#include "base/json.h"
#include "base/path.h"

#define TREE_MAX (256u << 20)
#define FILE_MAX (16u << 20)
#define DEPTH_MAX 32u
#define BLOBS_MAX (64u << 20) /* bytes of what a unit's blobs are noted in */
#define LINE_BLOBS 1024u    /* that one line of the journal names */

/* One child folder in a listing; names lie in the listing's buffer. */
struct child {
	size_t name_at, name_size;
	struct repository_id tree;
};

/* The folders in one folder of the previous snapshot, in order of their names. */
struct listing {
	char *path; /* NULL: nothing listed yet */
	struct buffer names;
	struct child *children;
	size_t count, capacity;
};

/* A unit that an earlier run of this job finished. */
struct finished {
	char *path;
	char *note;
	size_t sequence;
};

/* The unit under way. */
struct unit {
	char *path; /* relative; NULL: none */
	int broken; /* HF_OK, or why it cannot be ended: something of it was not taken */
	bool has_before;
	struct repository_id before;
	struct buffer tree; /* the folder in the previous snapshot */
	struct buffer blobs; /* that it consists of, apart from those of the previous snapshot */
	struct changes changes;
	struct log *log;
	char *log_path;
	struct repository_id log_before;
	char *seen_path;
};

struct archive {
	struct repository *repository;
	struct repository_writer *writer;
	char *directory, *seen_directory;
	bool has_previous;
	struct repository_id previous;
	struct journal *journal;
	struct buffer head;  /* the journal's first line: what it is good for */
	bool head_found;
	bool blobs_lost;     /* while it is read: of those the next unit consists of */
	struct finished *finished;
	size_t finished_count, finished_capacity;
	struct listing listing;
	struct changes changes;
	struct unit unit;
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "the archive: out of memory");
}

/* Every component of a relative path is a name, and none is "." or "..". */
static int
check_path(const char *path, struct hf_error *err)
{
	const char *at = path;
	unsigned depth;
	size_t size;

	for (depth = 1;; depth++) {
		size = strcspn(at, "/");
		if (depth > DEPTH_MAX || size == 0 || size > PATH_COMPONENT_MAX || (size == 1 && at[0] == '.') ||
		    (size == 2 && at[0] == '.' && at[1] == '.'))
			return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is no path in a snapshot", path);
		if (at[size] == '\0')
			return HF_OK;
		at += size + 1;
	}
}

/* ---- the previous snapshot ---- */

struct lookup {
	const char *name;
	size_t size;
	enum node_type type;
	bool found;
	struct repository_id tree;
	struct buffer *content; /* ids of a file; NULL: not wanted */
	uint64_t file_size;
};

static int
match_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct lookup *lookup = ctx;

	if (node->type != lookup->type || node->name_size != lookup->size ||
	    memcmp(node->name, lookup->name, lookup->size) != 0)
		return HF_OK;
	lookup->found = true;
	lookup->tree = node->subtree;
	lookup->file_size = node->size;
	if (lookup->content == NULL)
		return HF_OK;
	buffer_append(lookup->content, node->content, node->content_count * HASH_SIZE);
	return buffer_status(lookup->content, "a file of the previous snapshot", err);
}

static int
read_content(struct archive *archive, const struct lookup *lookup, const char *path, struct buffer *out,
    struct hf_error *err)
{
	struct repository_id id;
	size_t at, before = out->size;
	int r = HF_OK;

	if (lookup->file_size > FILE_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %u bytes", path, FILE_MAX);
	for (at = 0; r == HF_OK && at < lookup->content->size; at += HASH_SIZE) {
		memcpy(id.bytes, lookup->content->data + at, HASH_SIZE);
		r = previous_load(archive->repository, BLOB_DATA, &id, out, err);
		if (r == HF_OK && out->size - before > lookup->file_size)
			break;
	}
	if (r == HF_OK && out->size - before != lookup->file_size)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: not as long as the previous snapshot says", path);
	return r;
}

/* Reads the file called name in the folder that tree (a loaded tree blob) is. */
static int
read_from_tree(struct archive *archive, const struct buffer *tree, const char *name, struct buffer *out,
    struct hf_error *err)
{
	struct buffer content = BUFFER_INIT(FILE_MAX);
	struct lookup lookup = {name, strlen(name), NODE_FILE, false, {{0}}, &content, 0};
	int r = tree_walk(tree->data, tree->size, match_node, &lookup, err);

	if (r == HF_OK && !lookup.found)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the previous snapshot", name);
	if (r == HF_OK)
		r = read_content(archive, &lookup, name, out, err);
	buffer_release(&content);
	return r;
}

/* The folder at a relative path; size 0 is the root. */
static int
find_tree(struct archive *archive, const char *path, size_t size, struct repository_id *ret, struct hf_error *err)
{
	struct buffer tree = BUFFER_INIT(TREE_MAX);
	struct lookup lookup;
	size_t at = 0;
	int r = HF_OK;

	if (!archive->has_previous)
		return hf_error_set(err, HF_ENOTFOUND, 0, "there is no previous snapshot");
	*ret = archive->previous;
	while (r == HF_OK && at < size) {
		lookup = (struct lookup){path + at, 0, NODE_DIR, false, {{0}}, NULL, 0};
		while (at + lookup.size < size && path[at + lookup.size] != '/')
			lookup.size++;
		buffer_clear(&tree);
		r = previous_load(archive->repository, BLOB_TREE, ret, &tree, err);
		if (r == HF_OK)
			r = tree_walk(tree.data, tree.size, match_node, &lookup, err);
		if (r == HF_OK && !lookup.found)
			r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the previous snapshot", path);
		*ret = lookup.tree;
		at += lookup.size + 1;
	}
	buffer_release(&tree);
	return r;
}

static void
listing_release(struct listing *listing)
{
	free(listing->path);
	free(listing->children);
	buffer_release(&listing->names);
	memset(listing, 0, sizeof(*listing));
	listing->names.max = TREE_MAX;
}

static int
list_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct listing *listing = ctx;
	size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
	struct child *children;

	if (node->type != NODE_DIR)
		return HF_OK;
	if (listing->count == listing->capacity) {
		children = realloc(listing->children, capacity * sizeof(*children));
		if (children == NULL)
			return no_memory(err);
		listing->children = children;
		listing->capacity = capacity;
	}
	listing->children[listing->count++] =
	    (struct child){listing->names.size, node->name_size, node->subtree};
	buffer_append(&listing->names, node->name, node->name_size);
	return buffer_status(&listing->names, "a folder's names", err);
}

/* Lists the parent of a unit once: its siblings are the next ones asked for. */
static int
list_folder(struct archive *archive, const char *path, size_t size, struct hf_error *err)
{
	struct listing *listing = &archive->listing;
	struct buffer tree = BUFFER_INIT(TREE_MAX);
	struct repository_id id;
	int r;

	if (listing->path != NULL && strlen(listing->path) == size && memcmp(listing->path, path, size) == 0)
		return HF_OK;
	listing_release(listing);
	r = find_tree(archive, path, size, &id, err);
	if (r == HF_OK)
		r = previous_load(archive->repository, BLOB_TREE, &id, &tree, err);
	if (r == HF_OK)
		r = tree_walk(tree.data, tree.size, list_node, listing, err);
	buffer_release(&tree);
	if (r != HF_OK && r != HF_ENOTFOUND)
		return r;
	listing->path = strndup(path, size);
	return listing->path == NULL ? no_memory(err) : HF_OK;
}

static const struct child *
find_child(const struct listing *listing, const char *name)
{
	size_t low = 0, high = listing->count, middle, size = strlen(name), least;
	const struct child *child;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		child = &listing->children[middle];
		least = size < child->name_size ? size : child->name_size;
		order = memcmp(name, listing->names.data + child->name_at, least);
		if (order == 0)
			order = (size > child->name_size) - (size < child->name_size);
		if (order == 0)
			return child;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

int
archive_previous(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err)
{
	const char *name = strrchr(path, '/');
	struct buffer tree = BUFFER_INIT(TREE_MAX);
	struct repository_id id;
	int r;

	if (name == NULL || check_path(path + 1, err) != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is no path in a snapshot", path);
	r = find_tree(archive, path + 1, name == path ? 0 : (size_t)(name - path - 1), &id, err);
	if (r == HF_OK)
		r = previous_load(archive->repository, BLOB_TREE, &id, &tree, err);
	if (r == HF_OK)
		r = read_from_tree(archive, &tree, name + 1, out, err);
	buffer_release(&tree);
	return r;
}

/* ---- open, close ---- */

static int
add_finished(struct archive *archive, const char *path, const char *note, struct hf_error *err)
{
	size_t capacity = archive->finished_capacity == 0 ? 64 : archive->finished_capacity * 2;
	struct finished *list, *entry;

	if (archive->finished_count == archive->finished_capacity) {
		list = realloc(archive->finished, capacity * sizeof(*list));
		if (list == NULL)
			return no_memory(err);
		archive->finished = list;
		archive->finished_capacity = capacity;
	}
	entry = &archive->finished[archive->finished_count];
	entry->sequence = archive->finished_count;
	entry->path = strdup(path);
	entry->note = strdup(note);
	if (entry->path == NULL || entry->note == NULL) {
		free(entry->path);
		free(entry->note);
		return no_memory(err);
	}
	archive->finished_count++;
	return HF_OK;
}

static int
compare_finished(const void *a, const void *b)
{
	const struct finished *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order != 0 ? order : (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static int
replay_unit(struct archive *archive, struct json_object *object, struct hf_error *err)
{
	struct json_object *note;
	const char *path = NULL, *hex = NULL;
	struct repository_id tree;
	int64_t mtime_ns = 0;
	int r = json_get_string(object, "path", "the job's journal", &path, err);

	if (r == HF_OK)
		r = json_get_string(object, "tree", "the job's journal", &hex, err);
	if (r == HF_OK)
		r = json_get_int64(object, "mtime", "the job's journal", &mtime_ns, err);
	if (r == HF_OK)
		r = check_path(path, err);
	if (r == HF_OK && *hex != '\0') {
		if (hex_decode(hex, strlen(hex), tree.bytes, HASH_SIZE) != HF_OK)
			return hf_error_set(err, HF_ECORRUPT, 0, "the job's journal holds a tree id that is none");
		/*
		 * The spool may have been lost without the journal; and between two runs nothing keeps others from
		 * pruning what no snapshot names yet.  Then the unit is simply done again.
		 */
		if (archive->blobs_lost || !repository_writer_has_blob(archive->writer, BLOB_TREE, &tree)) {
			archive->blobs_lost = false;
			return HF_OK;
		}
		r = changes_add_tree(&archive->changes, path, &tree, mtime_ns, err);
	}
	if (r != HF_OK)
		return r;
	note = json_object_object_get(object, "note");
	return add_finished(archive, path, json_object_to_json_string_ext(note, JSON_C_TO_STRING_PLAIN), err);
}

/* The blobs of the unit on the next line: type and id of each, as hexadecimal digits. */
static int
replay_blobs(struct archive *archive, const char *hex)
{
	size_t size = strlen(hex), at;
	struct repository_id id;
	uint8_t type;

	if (size % (2 * BLOB_NOTE_SIZE) != 0)
		return JOURNAL_DROP;
	for (at = 0; at < size; at += 2 * BLOB_NOTE_SIZE) {
		if (hex_decode(hex + at, 2, &type, 1) != HF_OK || type > BLOB_TREE ||
		    hex_decode(hex + at + 2, (size_t)2 * HASH_SIZE, id.bytes, HASH_SIZE) != HF_OK)
			return JOURNAL_DROP;
		if (!repository_writer_has_blob(archive->writer, type == BLOB_TREE ? BLOB_TREE : BLOB_DATA, &id))
			archive->blobs_lost = true;
	}
	return HF_OK;
}

static int
replay_line(void *ctx, const char *line, size_t size, struct hf_error *err)
{
	struct archive *archive = ctx;
	struct json_object *object = NULL;
	const char *hex = NULL;
	int r;

	/* Units laid over another previous snapshot would take away what that one does not have. */
	if (!archive->head_found && (size != archive->head.size || memcmp(line, archive->head.data, size) != 0))
		return JOURNAL_DROP;
	if (!archive->head_found) {
		archive->head_found = true;
		return HF_OK;
	}
	r = json_parse(line, size, "the job's journal", &object, err);
	if (r == HF_OK && json_object_object_get(object, "blobs") != NULL)
		r = json_get_string(object, "blobs", "the job's journal", &hex, err) == HF_OK
		    ? replay_blobs(archive, hex) : JOURNAL_DROP;
	else if (r == HF_OK)
		r = replay_unit(archive, object, err);
	json_object_put(object);
	return r == HF_OK || r == HF_ENOMEM ? r : JOURNAL_DROP;
}

/* Reads what earlier runs of this job finished on top of the same snapshot. */
static int
open_journal(struct archive *archive, struct hf_error *err)
{
	char repository[HASH_HEX_SIZE], previous[HASH_HEX_SIZE] = "";
	char *path = path_join(archive->directory, "units.journal");
	int r;

	if (path == NULL)
		return no_memory(err);
	hex_encode(repository_id(archive->repository)->bytes, HASH_SIZE, repository);
	if (archive->has_previous)
		hex_encode(archive->previous.bytes, HASH_SIZE, previous);
	buffer_appendf(&archive->head, "{\"units\":2,\"repository\":\"%s\",\"previous\":\"%s\"}", repository,
	    previous);
	r = buffer_status(&archive->head, path, err);
	if (r == HF_OK)
		r = journal_open(path, replay_line, archive, &archive->journal, err);
	free(path);
	if (r == HF_OK && archive->finished_count > 0)
		qsort(archive->finished, archive->finished_count, sizeof(*archive->finished), compare_finished);
	if (r == HF_OK && !archive->head_found)
		r = journal_add(archive->journal, (const char *)archive->head.data, archive->head.size, err);
	return r;
}

int
archive_open(struct repository *repository, struct repository_writer *writer,
    const struct archive_options *options, struct archive **ret, struct hf_error *err)
{
	struct archive *archive = calloc(1, sizeof(*archive));
	int r = HF_OK;

	if (archive == NULL)
		return no_memory(err);
	archive->repository = repository;
	archive->writer = writer;
	archive->listing.names.max = TREE_MAX;
	archive->unit.tree.max = TREE_MAX;
	archive->unit.blobs.max = BLOBS_MAX;
	archive->head.max = 1024;
	if (options->previous != NULL) {
		archive->has_previous = true;
		archive->previous = options->previous->tree;
	}
	archive->directory = strdup(options->directory);
	archive->seen_directory = strdup(options->seen_directory);
	if (archive->directory == NULL || archive->seen_directory == NULL)
		r = no_memory(err);
	if (r == HF_OK)
		r = path_make_directories(options->directory, err);
	if (r == HF_OK)
		r = path_make_directories(options->seen_directory, err);
	if (r == HF_OK)
		r = open_journal(archive, err);
	if (r != HF_OK)
		archive_close(archive);
	else
		*ret = archive;
	return r;
}

void
archive_close(struct archive *archive)
{
	size_t i;

	if (archive == NULL)
		return;
	archive_unit_abandon(archive);
	buffer_release(&archive->unit.tree);
	buffer_release(&archive->unit.blobs);
	for (i = 0; i < archive->finished_count; i++) {
		free(archive->finished[i].path);
		free(archive->finished[i].note);
	}
	free(archive->finished);
	journal_close(archive->journal);
	buffer_release(&archive->head);
	listing_release(&archive->listing);
	changes_release(&archive->changes);
	free(archive->directory);
	free(archive->seen_directory);
	free(archive);
}

/* ---- files, checkpoint, finish ---- */

static int
save_file(struct archive *archive, struct changes *changes, const char *path, const void *data, size_t size,
    int64_t mtime_ns, struct hf_error *err)
{
	struct buffer ids = BUFFER_INIT(FILE_MAX);
	int r = check_path(path, err);

	if (r == HF_OK)
		r = repository_save_content(archive->writer, data, size, &ids, err);
	if (r == HF_OK)
		r = changes_add_file(changes, path, size, ids.data, ids.size / HASH_SIZE,
		    mtime_ns == HF_NO_TIME ? 0 : mtime_ns, err);
	buffer_release(&ids);
	return r;
}

int
archive_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err)
{
	return save_file(archive, &archive->changes, path + (path[0] == '/'), data, size, mtime_ns, err);
}

int
archive_checkpoint(struct archive *archive, struct hf_error *err)
{
	/* A unit may be called finished only once everything in it is safe. */
	int r = repository_writer_checkpoint(archive->writer, err);

	return r == HF_OK ? journal_sync(archive->journal, err) : r;
}

int
archive_finish(struct archive *archive, struct repository_id *ret_tree, struct hf_error *err)
{
	int64_t mtime_ns;

	return overlay_save(archive->repository, archive->writer,
	    archive->has_previous ? &archive->previous : NULL, &archive->changes, ret_tree, &mtime_ns, err);
}

/* ---- units ---- */

const char *
archive_unit_finished(const struct archive *archive, const char *path)
{
	size_t low = 0, high = archive->finished_count, middle;

	if (path[0] != '/')
		return NULL;
	/* The last of those with this path. */
	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(archive->finished[middle].path, path + 1) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && strcmp(archive->finished[low - 1].path, path + 1) == 0 ? archive->finished[low - 1].note :
	                                                                           NULL;
}

int
archive_unit_begin(struct archive *archive, const char *path, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	const struct child *child = NULL;
	const char *name;
	int r;

	archive_unit_abandon(archive);
	if (path[0] != '/')
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" does not begin with \"/\"", path);
	r = check_path(path + 1, err);
	/* The journal is JSON: it must give back the very same path. */
	if (r == HF_OK && !json_is_utf8(path, strlen(path)))
		r = hf_error_set(err, HF_EINVAL, 0, "a unit's path is not UTF-8");
	if (r != HF_OK)
		return r;
	name = strrchr(path, '/') + 1;
	if (archive->has_previous) {
		r = list_folder(archive, path + 1, name - path < 2 ? 0 : (size_t)(name - path - 2), err);
		if (r != HF_OK)
			return r;
		child = find_child(&archive->listing, name);
	}
	if (child != NULL) {
		unit->has_before = true;
		unit->before = child->tree;
		r = previous_load(archive->repository, BLOB_TREE, &child->tree, &unit->tree, err);
		if (r != HF_OK)
			return r;
	}
	unit->path = strdup(path + 1);
	if (unit->path == NULL)
		return no_memory(err);
	repository_writer_note(archive->writer, &unit->blobs);
	return HF_OK;
}

void
archive_unit_abandon(struct archive *archive)
{
	struct unit *unit = &archive->unit;

	if (unit->path != NULL)
		repository_writer_note(archive->writer, NULL);
	log_free(unit->log);
	changes_release(&unit->changes);
	free(unit->path);
	free(unit->log_path);
	free(unit->seen_path);
	unit->log = NULL;
	unit->path = unit->log_path = unit->seen_path = NULL;
	unit->has_before = false;
	unit->broken = HF_OK;
	buffer_clear(&unit->tree);
	buffer_clear(&unit->blobs);
}

static int
check_unit(const struct archive *archive, struct hf_error *err)
{
	return archive->unit.path != NULL ? HF_OK : hf_error_set(err, HF_EINVAL, 0, "no unit is open");
}

/* A unit that something was not taken of must not be ended as if it were whole. */
static int
spoil(struct archive *archive, int r)
{
	if (r != HF_OK)
		archive->unit.broken = r;
	return r;
}

int
archive_unit_previous(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err)
{
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	if (strchr(path, '/') != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\": only files at the top of a unit can be read", path);
	if (!archive->unit.has_before)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the previous snapshot", path);
	return read_from_tree(archive, &archive->unit.tree, path, out, err);
}

/* Pushes the blobs one by one, so that the file may be of any size. */
static int
push_content(struct archive *archive, const struct lookup *lookup, const char *path, const struct hf_sink *sink,
    struct hf_error *err)
{
	struct buffer blob = BUFFER_INIT(FILE_MAX);
	struct repository_id id;
	uint64_t pushed = 0;
	size_t at;
	int r = HF_OK;

	for (at = 0; r == HF_OK && at < lookup->content->size; at += HASH_SIZE) {
		memcpy(id.bytes, lookup->content->data + at, HASH_SIZE);
		buffer_clear(&blob);
		r = previous_load(archive->repository, BLOB_DATA, &id, &blob, err);
		pushed += blob.size;
		if (r == HF_OK && pushed > lookup->file_size)
			break;
		if (r == HF_OK && blob.size > 0)
			r = sink->write(sink->ctx, blob.data, blob.size, err);
	}
	buffer_release(&blob);
	if (r == HF_OK && pushed != lookup->file_size)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: not as long as the previous snapshot says", path);
	return r;
}

int
archive_unit_previous_push(struct archive *archive, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	struct buffer content = BUFFER_INIT(FILE_MAX);
	struct lookup lookup = {path, strlen(path), NODE_FILE, false, {{0}}, &content, 0};
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	if (strchr(path, '/') != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\": only files at the top of a unit can be read", path);
	if (archive->unit.has_before)
		r = tree_walk(archive->unit.tree.data, archive->unit.tree.size, match_node, &lookup, err);
	if (r == HF_OK && !lookup.found)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the previous snapshot", path);
	if (r == HF_OK)
		r = push_content(archive, &lookup, path, sink, err);
	buffer_release(&content);
	return r;
}

int
archive_unit_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err)
{
	int r = check_unit(archive, err);

	return r != HF_OK ? r : spoil(archive, save_file(archive, &archive->unit.changes, path, data, size,
	    mtime_ns, err));
}

/* Where the list of known records of a log is kept: its name says nothing of the room. */
static int
seen_path_of(struct archive *archive, const char *path, char **ret, struct hf_error *err)
{
	struct buffer name = BUFFER_INIT(16384);
	uint8_t sum[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	int r;

	buffer_appendf(&name, "%s/%s", archive->unit.path, path);
	r = buffer_status(&name, path, err);
	if (r == HF_OK)
		r = hash_bytes(name.data, name.size, sum, err);
	buffer_release(&name);
	if (r != HF_OK)
		return r;
	hex_encode(sum, 16, hex);
	*ret = path_join(archive->seen_directory, hex);
	return *ret == NULL ? no_memory(err) : HF_OK;
}

static int
open_log(struct archive *archive, const char *path, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	struct lookup lookup = {path, strlen(path), NODE_DIR, false, {{0}}, NULL, 0};
	struct log_place place;
	int r = check_path(path, err);

	if (r == HF_OK && unit->has_before)
		r = tree_walk(unit->tree.data, unit->tree.size, match_node, &lookup, err);
	if (r == HF_OK)
		r = seen_path_of(archive, path, &unit->seen_path, err);
	if (r != HF_OK)
		return r;
	unit->log_path = strdup(path);
	if (unit->log_path == NULL)
		return no_memory(err);
	unit->log_before = lookup.tree;
	place = (struct log_place){archive->repository, archive->writer, unit->path, archive->directory,
	    unit->seen_path, lookup.found ? &unit->log_before : NULL};
	return log_open(&place, &unit->log, err);
}

int
archive_unit_log_open(struct archive *archive, const char *path, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	if (unit->log != NULL || unit->seen_path != NULL || strchr(path, '/') != NULL)
		return spoil(archive, hf_error_set(err, HF_EINVAL, 0, "%s: a unit has one log, at its top", path));
	return spoil(archive, open_log(archive, path, err));
}

static int
no_log(struct hf_error *err)
{
	return hf_error_set(err, HF_EINVAL, 0, "no log is open");
}

int
archive_unit_log_known(struct archive *archive, const struct hf_line *line, struct hf_error *err)
{
	return archive->unit.log == NULL ? no_log(err) : log_known(archive->unit.log, line, err);
}

int
archive_unit_log_before(struct archive *archive, const struct hf_sink *sink, struct hf_error *err)
{
	return archive->unit.log == NULL ? no_log(err) : log_before(archive->unit.log, sink, err);
}

int
archive_unit_log_append(struct archive *archive, const struct hf_line *line, struct hf_error *err)
{
	return archive->unit.log == NULL ? no_log(err) : log_append(archive->unit.log, line, err);
}

int
archive_unit_log_close(struct archive *archive, uint64_t *ret_appended, int64_t *ret_newest_ns,
    struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	struct log_result result;
	int r;

	if (unit->log == NULL)
		return no_log(err);
	r = log_finish(unit->log, &result, err);
	log_free(unit->log);
	unit->log = NULL;
	if (r == HF_OK && result.changed)
		r = changes_add_tree(&unit->changes, unit->log_path, &result.tree, result.mtime_ns, err);
	if (r != HF_OK)
		return spoil(archive, r);
	*ret_appended = result.appended;
	*ret_newest_ns = result.newest_ns;
	return HF_OK;
}

/* The log's folder holds what the log put there, and nothing else. */
static int
check_log_folder(const struct unit *unit, struct hf_error *err)
{
	size_t i, size = unit->log_path == NULL ? 0 : strlen(unit->log_path);

	for (i = 0; size > 0 && i < unit->changes.count; i++) {
		const struct change *change = &unit->changes.list[i];

		if (change->type == CHANGE_FILE && strncmp(change->path, unit->log_path, size) == 0 &&
		    (change->path[size] == '/' || change->path[size] == '\0'))
			return hf_error_set(err, HF_EINVAL, 0, "%s/%s: only the log's own files lie there", unit->path,
			    change->path);
	}
	return HF_OK;
}

/* What the journal says of a unit, so that it can be read again. */
static int
write_line(struct buffer *line, const char *path, const char *hex, int64_t mtime_ns, const char *note,
    struct hf_error *err)
{
	struct json_object *object = NULL;
	int r;

	buffer_append_string(line, "{\"path\":");
	json_put_string(line, path, strlen(path));
	buffer_appendf(line, ",\"tree\":\"%s\",\"mtime\":%lld,\"note\":%s}", hex, (long long)mtime_ns, note);
	r = buffer_status(line, "the job's journal", err);
	if (r == HF_OK && memchr(line->data, '\n', line->size) != NULL)
		r = hf_error_set(err, HF_EINVAL, 0, "%s: the note is not on one line", path);
	if (r == HF_OK)
		r = json_parse(line->data, line->size, "a unit's note", &object, err);
	json_object_put(object);
	return r;
}

/* Names in the journal what the unit consists of, before the unit itself. */
static int
write_blobs(struct archive *archive, struct hf_error *err)
{
	const struct buffer *blobs = &archive->unit.blobs;
	struct buffer line = BUFFER_INIT(JOURNAL_LINE_MAX);
	char hex[2 * BLOB_NOTE_SIZE + 1];
	size_t at;
	int r = HF_OK;

	for (at = 0; r == HF_OK && at < blobs->size;) {
		buffer_clear(&line);
		buffer_append_string(&line, "{\"blobs\":\"");
		do {
			hex_encode(blobs->data + at, BLOB_NOTE_SIZE, hex);
			buffer_append_string(&line, hex);
			at += BLOB_NOTE_SIZE;
		} while (at < blobs->size && at % (LINE_BLOBS * BLOB_NOTE_SIZE) != 0);
		buffer_append_string(&line, "\"}");
		r = buffer_status(&line, "the job's journal", err);
		if (r == HF_OK)
			r = journal_add(archive->journal, (const char *)line.data, line.size, err);
	}
	buffer_release(&line);
	return r;
}

static int
end_unit(struct archive *archive, const char *note, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	struct buffer line = BUFFER_INIT(JOURNAL_LINE_MAX);
	struct repository_id tree;
	char hex[HASH_HEX_SIZE] = "";
	int64_t mtime_ns = 0;
	bool changed = unit->changes.count > 0;
	int r = check_log_folder(unit, err);

	if (r == HF_OK && changed)
		r = overlay_save(archive->repository, archive->writer, unit->has_before ? &unit->before : NULL,
		    &unit->changes, &tree, &mtime_ns, err);
	if (r == HF_OK && changed)
		hex_encode(tree.bytes, HASH_SIZE, hex);
	if (r == HF_OK)
		r = write_line(&line, unit->path, hex, mtime_ns, note, err);
	if (r == HF_OK)
		r = write_blobs(archive, err);
	if (r == HF_OK)
		r = journal_add(archive->journal, (const char *)line.data, line.size, err);
	if (r == HF_OK && changed)
		r = changes_add_tree(&archive->changes, unit->path, &tree, mtime_ns, err);
	buffer_release(&line);
	return r;
}

int
archive_unit_end(struct archive *archive, const char *note, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	if (unit->log != NULL)
		r = hf_error_set(err, HF_EINVAL, 0, "%s: its log is still open", unit->path);
	else if (unit->broken != HF_OK)
		r = hf_error_set(err, unit->broken, 0, "%s: a part of it could not be kept", unit->path);
	else
		r = end_unit(archive, note, err);
	archive_unit_abandon(archive);
	return r;
}

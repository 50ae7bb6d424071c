/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/archive-internal.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "archive/previous.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"

#define TREE_MAX (256u << 20)
#define FILE_MAX (16u << 20)
#define DEPTH_MAX 32u
#define BLOBS_MAX (64u << 20) /* bytes of what a unit's blobs are noted in */
#define LINE_BLOBS 1024u    /* that one line of the journal names */
#define NOTED_BLOBS (32768 * BLOB_NOTE_SIZE) /* bytes from which on a unit's blobs go to the journal early */
#define COMPACT_CHANGES 8192u /* of a unit, from which on its folders are saved early */

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "the archive: out of memory");
}

int
archive_check_path(const char *path, struct hf_error *err)
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

struct layer
archive_layer(struct archive *archive)
{
	return (struct layer){archive->repository, archive->writer, &archive->changes,
	    archive->has_previous ? &archive->previous : NULL, &archive->listing};
}

/* What the previous snapshot holds. */
static struct layer
previous_layer(struct archive *archive)
{
	return (struct layer){archive->repository, archive->writer, &archive->none,
	    archive->has_previous ? &archive->previous : NULL, &archive->before};
}

int
archive_previous(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err)
{
	const struct layer layer = previous_layer(archive);

	if (path[0] != '/' || archive_check_path(path + 1, err) != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is no path in a snapshot", path);
	return layer_read(&layer, path + 1, FILE_MAX, out, err);
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
		r = archive_check_path(path, err);
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
	archive->before = archive->listing = archive->unit.listing = (struct listing)LISTING_INIT;
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
	listing_release(&archive->before);
	listing_release(&archive->listing);
	changes_release(&archive->changes);
	free(archive->directory);
	free(archive->seen_directory);
	free(archive);
}

/* ---- files, checkpoint, finish ---- */

int
archive_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err)
{
	struct buffer ids = BUFFER_INIT(FILE_MAX);
	int r;

	path += path[0] == '/';
	r = archive_check_path(path, err);
	if (r == HF_OK)
		r = repository_save_content(archive->writer, data, size, &ids, err);
	if (r == HF_OK)
		r = changes_add_file(&archive->changes, path, size, ids.data, ids.size / HASH_SIZE,
		    mtime_ns == HF_NO_TIME ? 0 : mtime_ns, err);
	buffer_release(&ids);
	return r;
}

int
archive_checkpoint(struct archive *archive, struct hf_error *err)
{
	/* A unit may be called finished only once everything in it is safe. */
	int r = repository_writer_checkpoint(archive->writer, err);

	if (r == HF_OK)
		r = journal_sync(archive->journal, err);
	if (r == HF_OK && archive->unit.resume != NULL)
		r = resume_sync(archive->unit.resume, err);
	return r;
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
	const struct layer layer = previous_layer(archive);
	int r;

	archive_unit_abandon(archive);
	if (path[0] != '/')
		return hf_error_set(err, HF_EINVAL, 0, "\"%s\" does not begin with \"/\"", path);
	r = archive_check_path(path + 1, err);
	/* The journal is JSON: it must give back the very same path. */
	if (r == HF_OK && !json_is_utf8(path, strlen(path)))
		r = hf_error_set(err, HF_EINVAL, 0, "a unit's path is not UTF-8");
	if (r != HF_OK)
		return r;
	r = layer_find_folder(&layer, path + 1, &unit->before, err);
	unit->has_before = r == HF_OK;
	if (r == HF_OK)
		r = previous_load(archive->repository, BLOB_TREE, &unit->before, &unit->tree, err);
	if (r != HF_OK && r != HF_ENOTFOUND)
		return r;
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
	listing_release(&unit->listing);
	if (unit->resume != NULL)
		archive->resume_used |= resume_is_used(unit->resume);
	resume_free(unit->resume);
	unit->resume = NULL;
	unit->log = NULL;
	unit->path = unit->log_path = unit->seen_path = NULL;
	unit->has_before = unit->log_taken_up = unit->compacted = false;
	unit->taken_up = 0;
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
	buffer_clear(&archive->unit.blobs);
	return r == HF_OK ? journal_flush(archive->journal, err) : r;
}

/* ---- files of a unit ---- */

/* The tree that a folder at the top of the unit has; HF_ENOTFOUND: it is not there yet. */
static int
top_folder(struct archive *archive, const char *name, size_t size, struct repository_id *ret, struct hf_error *err)
{
	const struct unit *unit = &archive->unit;
	const struct change *change = changes_find(&unit->changes, name, size);
	struct lookup lookup = {name, size, NODE_DIR, false, {{0}}, NULL, 0};
	int r = HF_OK;

	if (change == NULL && unit->has_before)
		r = tree_walk(unit->tree.data, unit->tree.size, match_node, &lookup, err);
	else if (change != NULL && change->type == CHANGE_TREE)
		lookup.found = true;
	if (r == HF_OK && !lookup.found)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%.*s: no folder yet", (int)size, name);
	*ret = change != NULL ? change->tree : lookup.tree;
	return r;
}

/* Saves a folder at the top of the unit of which [first, end) are the changes inside, and replaces them by its tree. */
static int
compact_folder(struct archive *archive, size_t first, size_t end, struct changes *out, struct hf_error *err)
{
	struct changes *changes = &archive->unit.changes, inside = {0};
	const char *name = changes->list[first].path;
	size_t size = strcspn(name, "/"), i;
	struct repository_id before, tree;
	char *folder = strndup(name, size);
	int64_t mtime_ns = 0;
	int has_before, r = folder == NULL ? no_memory(err) : HF_OK;

	has_before = r == HF_OK ? top_folder(archive, name, size, &before, err) : r;
	if (has_before != HF_OK && has_before != HF_ENOTFOUND)
		r = has_before;
	for (i = first; r == HF_OK && i < end; i++) {
		const struct change *change = &changes->list[i];

		if (change->type == CHANGE_FILE)
			r = changes_add_file(&inside, change->path + size + 1, change->size, change->content,
			    change->content_count, change->mtime_ns, err);
		else if (change->type == CHANGE_TREE)
			r = changes_add_tree(&inside, change->path + size + 1, &change->tree, change->mtime_ns, err);
		else
			r = changes_add_removal(&inside, change->path + size + 1, err);
	}
	if (r == HF_OK)
		r = overlay_save(archive->repository, archive->writer, has_before == HF_OK ? &before : NULL, &inside,
		    &tree, &mtime_ns, err);
	if (r == HF_OK)
		r = changes_add_tree(out, folder, &tree, mtime_ns, err);
	changes_release(&inside);
	free(folder);
	return r;
}

/*
 * Saves what was changed in the folders at the unit's top: then a tree's id stands for all of it.  So memory does not
 * grow with the number of files.
 */
static int
compact(struct archive *archive, struct hf_error *err)
{
	struct changes *changes = &archive->unit.changes, folders = {0}, rest = {0}, swapped;
	size_t i, end, size;
	int r = HF_OK;

	archive->unit.compacted = true;
	changes_settle(changes);
	for (i = 0; r == HF_OK && i < changes->count; i = end) {
		const struct change *change = &changes->list[i];

		size = strcspn(change->path, "/");
		for (end = i + 1; end < changes->count && strncmp(changes->list[end].path, change->path, size) == 0 &&
		              changes->list[end].path[size] == '/';
		     end++)
			;
		if (change->path[size] == '/')
			r = compact_folder(archive, i, end, &folders, err);
		else if (end > i + 1)
			r = compact_folder(archive, i + 1, end, &folders, err);
		else if (change->type == CHANGE_FILE)
			r = changes_add_file(&rest, change->path, change->size, change->content, change->content_count,
			    change->mtime_ns, err);
		else if (change->type == CHANGE_TREE)
			r = changes_add_tree(&rest, change->path, &change->tree, change->mtime_ns, err);
		else
			r = changes_add_removal(&rest, change->path, err);
	}
	for (i = 0; r == HF_OK && i < folders.count; i++)
		r = changes_add_tree(&rest, folders.list[i].path, &folders.list[i].tree, folders.list[i].mtime_ns, err);
	changes_release(&folders);
	if (r == HF_OK) {
		swapped = *changes;
		*changes = rest;
		rest = swapped;
	}
	changes_release(&rest);
	return r;
}

/* Puts a saved file in its place. */
static int
place_file(struct archive *archive, const struct change *file, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	int r = changes_add_file(&unit->changes, file->path, file->size, file->content, file->content_count,
	    file->mtime_ns, err);

	if (r == HF_OK && unit->changes.count >= COMPACT_CHANGES)
		r = compact(archive, err);
	if (r == HF_OK && unit->blobs.size >= NOTED_BLOBS)
		r = write_blobs(archive, err);
	return r;
}

static int
add_file(struct archive *archive, const char *path, uint64_t size, const struct buffer *ids, int64_t mtime_ns,
    struct hf_error *err)
{
	struct change file = {.type = CHANGE_FILE, .size = size, .content = ids->data,
	    .content_count = ids->size / HASH_SIZE, .mtime_ns = mtime_ns == HF_NO_TIME ? 0 : mtime_ns};
	int r;

	file.path = strdup(path);
	if (file.path == NULL)
		return no_memory(err);
	r = place_file(archive, &file, err);
	if (r == HF_OK && archive->unit.resume != NULL)
		r = resume_add_file(archive->unit.resume, &file, err);
	free(file.path);
	return r;
}

int
archive_unit_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err)
{
	struct buffer ids = BUFFER_INIT(FILE_MAX);
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	r = archive_check_path(path, err);
	if (r == HF_OK)
		r = repository_save_content(archive->writer, data, size, &ids, err);
	if (r == HF_OK)
		r = add_file(archive, path, size, &ids, mtime_ns, err);
	buffer_release(&ids);
	return spoil(archive, r);
}

/* A reader whose failures are told from those of the repository. */
struct watched {
	const struct hf_reader *reader;
	uint64_t size;
	bool failed;
};

static int64_t
watched_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct watched *watched = ctx;
	int64_t n = watched->reader->read(watched->reader->ctx, data, size, err);

	if (n > 0)
		watched->size += (uint64_t)n;
	if (n >= 0 && (watched->size > watched->reader->length || (n == 0 && watched->size < watched->reader->length)))
		n = hf_error_set(err, HF_ECORRUPT, 0, "the file is %s than it was said to be",
		    n == 0 ? "shorter" : "longer");
	watched->failed |= n < 0;
	return n;
}

int
archive_unit_file_from(struct archive *archive, const char *path, const struct hf_reader *data, int64_t mtime_ns,
    bool *ret_reader, struct hf_error *err)
{
	struct watched watched = {data, 0, false};
	const struct hf_reader reader = {(uint32_t)sizeof(reader), 0, &watched, watched_read, NULL, data->length};
	struct buffer ids = BUFFER_INIT(BLOBS_MAX);
	uint64_t size = 0;
	int r = check_unit(archive, err);

	*ret_reader = false;
	if (r != HF_OK)
		return r;
	r = archive_check_path(path, err);
	if (r == HF_OK)
		r = repository_save_stream(archive->writer, &reader, &ids, &size, err);
	if (r == HF_OK)
		r = add_file(archive, path, size, &ids, mtime_ns, err);
	buffer_release(&ids);
	*ret_reader = watched.failed;
	return watched.failed ? r : spoil(archive, r);
}

int
archive_unit_file_same(struct archive *archive, const char *path, const char *as, int64_t mtime_ns,
    struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	const struct layer layer = {archive->repository, archive->writer, &unit->changes,
	    unit->has_before ? &unit->before : NULL, &unit->listing};
	struct buffer ids = BUFFER_INIT(BLOBS_MAX);
	struct layer_node node;
	struct repository_id id;
	size_t at;
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	r = archive_check_path(path, err);
	if (r == HF_OK)
		r = archive_check_path(as, err);
	if (r == HF_OK)
		r = layer_find(&layer, as, &node, &ids, err);
	if (r == HF_OK && node.is_folder)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: not a file", as);
	for (at = 0; r == HF_OK && at < ids.size; at += HASH_SIZE) {
		memcpy(id.bytes, ids.data + at, HASH_SIZE);
		/* What is lost is not to be spread. */
		if (!repository_writer_has_blob(archive->writer, BLOB_DATA, &id))
			r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: a part of it is lost", as);
	}
	if (r == HF_OK)
		r = spoil(archive, add_file(archive, path, node.size, &ids, mtime_ns, err));
	buffer_release(&ids);
	return r;
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
	int r = archive_check_path(path, err);

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
	    unit->seen_path, lookup.found ? &unit->log_before : NULL, unit->resume != NULL};
	return log_open(&place, &unit->log, err);
}

int
archive_unit_log_open(struct archive *archive, const char *path, struct hf_error *err)
{
	struct unit *unit = &archive->unit;
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	if (unit->log_taken_up && strcmp(unit->log_path, path) == 0) {
		unit->log_taken_up = false;
		return HF_OK;
	}
	if (unit->log != NULL || unit->seen_path != NULL || strchr(path, '/') != NULL)
		return spoil(archive, hf_error_set(err, HF_EINVAL, 0, "%s: a unit has one log, at its top", path));
	r = open_log(archive, path, err);
	if (r == HF_OK && unit->resume != NULL)
		r = resume_add_log(unit->resume, path, err);
	return spoil(archive, r);
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
	int r = archive->unit.log == NULL ? no_log(err) : log_append(archive->unit.log, line, err);

	return r == HF_OK && archive->unit.resume != NULL
	           ? spoil(archive, resume_add_line(archive->unit.resume, line, err))
	           : r;
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
	*ret_appended = result.appended > unit->taken_up ? result.appended - unit->taken_up : 0;
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

/* ---- going on with a unit after a crash ---- */

static int
taken_file(void *ctx, const struct change *file, struct hf_error *err)
{
	struct archive *archive = ctx;
	struct repository_id id;
	size_t i;
	int r = archive_check_path(file->path, err);

	/* The spool may have been lost without the journal, or what it became pruned. */
	for (i = 0; r == HF_OK && i < file->content_count; i++) {
		memcpy(id.bytes, file->content + i * HASH_SIZE, HASH_SIZE);
		if (!repository_writer_has_blob(archive->writer, BLOB_DATA, &id))
			return hf_error_set(err, HF_ECORRUPT, 0, "%s: a part of it is lost", file->path);
		buffer_append_byte(&archive->unit.blobs, BLOB_DATA);
		buffer_append(&archive->unit.blobs, id.bytes, HASH_SIZE);
	}
	if (r == HF_OK)
		r = buffer_status(&archive->unit.blobs, "the list of saved blobs", err);
	return r == HF_OK ? place_file(archive, file, err) : r;
}

static int
taken_log(void *ctx, const char *path, struct hf_error *err)
{
	struct archive *archive = ctx;
	int r = HF_OK;

	if (archive->unit.log != NULL || strchr(path, '/') != NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: a second log", path);
	r = open_log(archive, path, err);
	archive->unit.log_taken_up = r == HF_OK;
	return r;
}

static int
taken_line(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	struct archive *archive = ctx;
	int r = archive->unit.log == NULL ? hf_error_set(err, HF_ECORRUPT, 0, "a line of no log") :
	                                    log_known(archive->unit.log, line, err);

	if (r < 0 || r == HF_KNOWN_UNCHANGED)
		return r < 0 ? r : HF_OK;
	archive->unit.taken_up++;
	return log_append(archive->unit.log, line, err);
}

/* What the unit is laid over: work on anything else is of no use to it. */
static int
resume_head(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err)
{
	buffer_append(out, archive->head.data, archive->head.size);
	buffer_append_string(out, path);
	return buffer_string(out) == NULL ? buffer_status(out, "the unit's journal", err) : HF_OK;
}

int
archive_unit_resume(struct archive *archive, const char *path, struct archive_resumed *ret, struct hf_error *err)
{
	const struct resume_target target = {archive, taken_file, taken_log, taken_line};
	struct hf_error why = HF_ERROR_INIT;
	struct buffer head = BUFFER_INIT(16384);
	struct unit *unit = &archive->unit;
	struct resume *resume = NULL;
	int again, r = archive_unit_begin(archive, path, err);

	memset(ret, 0, sizeof(*ret));
	/* The end of the unit before, whose checkpoints this one's take the place of, has to be safe by then. */
	if (r == HF_OK && archive->resume_used)
		r = archive_checkpoint(archive, err);
	archive->resume_used = r != HF_OK && archive->resume_used;
	for (again = 0; r == HF_OK && again < 2; again++) {
		buffer_clear(&head);
		r = resume_head(archive, path, &head, err);
		if (r == HF_OK)
			r = resume_new(archive->directory, buffer_string(&head), &resume, err);
		if (r != HF_OK)
			break;
		unit->resume = resume;
		r = again == 0 ? resume_replay(resume, &target, &why) : HF_ENOTFOUND;
		if (r == HF_OK) {
			ret->cursor = (struct hf_blob){resume_cursor(resume)->data, resume_cursor(resume)->size};
			ret->note = resume_note(resume);
			ret->lines = unit->taken_up;
			break;
		}
		if (r == HF_ENOTFOUND) {
			r = HF_OK;
			break;
		}
		if (r != HF_ECORRUPT && r != HF_EINVAL && r != HF_ERANGE) {
			(void)hf_error_set(err, r, why.os_errno, "%s", why.msg);
			break;
		}
		log_message(HF_LOG_WARNING, "%s: begun anew, since what an interrupted run had done cannot be used: %s",
		    path, why.msg);
		r = archive_unit_begin(archive, path, err);
	}
	buffer_release(&head);
	return r;
}

int
archive_unit_checkpoint(struct archive *archive, const struct hf_blob *cursor, const char *note,
    struct hf_error *err)
{
	int r = check_unit(archive, err);

	if (r != HF_OK || archive->unit.resume == NULL || archive->unit.broken != HF_OK)
		return r;
	return spoil(archive, resume_add_checkpoint(archive->unit.resume, cursor, note, err));
}

/* ---- the end of a unit ---- */

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

	if (r == HF_OK && unit->compacted)
		r = compact(archive, err);
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
	uint64_t appended;
	int64_t newest_ns;
	int r = check_unit(archive, err);

	if (r != HF_OK)
		return r;
	/* Its lines are from before a crash, and nothing had to be added. */
	if (unit->log_taken_up)
		r = archive_unit_log_close(archive, &appended, &newest_ns, err);
	if (r != HF_OK)
		(void)spoil(archive, r);
	else if (unit->log != NULL)
		r = hf_error_set(err, HF_EINVAL, 0, "%s: its log is still open", unit->path);
	else if (unit->broken != HF_OK)
		r = hf_error_set(err, unit->broken, 0, "%s: a part of it could not be kept", unit->path);
	else
		r = end_unit(archive, note, err);
	archive_unit_abandon(archive);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/archive-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/plural.h"

/* Looking at the snapshot under way: for who makes one type of another. */

#define FILE_MAX       (16u << 20)
#define TREE_MAX       (64u << 20)
#define LOG_READ_MAX   (LOG_FILE_BYTES + LOG_LINE_BYTES + 1)
#define NAME_SIZE      32
#define COUNTED_MIN    5u /* files of a log from which on it is worth to remember how many lines each has */
#define COUNT_ID_SIZE  16
#define COUNT_UNKNOWN  UINT32_MAX

static const char count_magic[8] = {'h', 'f', 'l', 'i', 'n', 'e', '1', '\n'};

/* What is remembered of a file of a log: it never changes under its content's id. */
struct count {
	uint8_t id[COUNT_ID_SIZE]; /* of its first blob, and so of its lines */
	uint32_t lines;
};

struct reading {
	struct layer layer;
	const char *path;
	struct buffer ids;   /* of blobs */
	struct buffer files; /* struct reading_file */
	struct count *counts;
	bool counted; /* some are new */
	struct buffer read;
};

struct reading_file {
	uint64_t size;
	size_t content_at, content_count; /* in ids */
};

static int
check_absolute(const char *path, struct hf_error *err)
{
	if (path != NULL && path[0] == '/' && (path[1] == '\0' || archive_check_path(path + 1, err) == HF_OK))
		return HF_OK;
	return hf_error_set(err, HF_EINVAL, 0, "\"%s\" is no path in a snapshot", path == NULL ? "" : path);
}

int
archive_list(struct archive *archive, const char *path, hf_entry_fn fn, void *ctx, struct hf_error *err)
{
	const struct layer layer = archive_layer(archive);
	int r = check_absolute(path, err);

	return r == HF_OK ? layer_list(&layer, path + 1, fn, ctx, err) : r;
}

int
archive_read(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err)
{
	const struct layer layer = archive_layer(archive);
	int r = check_absolute(path, err);

	return r == HF_OK ? layer_read(&layer, path + 1, FILE_MAX, out, err) : r;
}

/* ---- the files of a log ---- */

static size_t
file_count(const struct reading *reading)
{
	return reading->files.size / sizeof(struct reading_file);
}

static const struct reading_file *
file_at(const struct reading *reading, size_t i)
{
	return (const struct reading_file *)(const void *)reading->files.data + i;
}

static int
add_file(void *ctx, const struct node *node, struct hf_error *err)
{
	struct reading *reading = ctx;
	struct reading_file file = {node->size, reading->ids.size / HASH_SIZE, node->content_count};
	char name[NAME_SIZE];
	int r;

	(void)snprintf(name, sizeof(name), "%06zu.jsonl", file_count(reading) + 1);
	if (node->type != NODE_FILE || node->name_size != strlen(name) ||
	    memcmp(node->name, name, node->name_size) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: no log, it has \"%.*s\" where \"%s\" should be",
		    reading->path, (int)node->name_size, node->name, name);
	buffer_append(&reading->ids, node->content, node->content_count * HASH_SIZE);
	buffer_append(&reading->files, &file, sizeof(file));
	r = buffer_status(&reading->ids, reading->path, err);
	return r == HF_OK ? buffer_status(&reading->files, reading->path, err) : r;
}

static int
list_files(struct reading *reading, struct hf_error *err)
{
	struct buffer tree = BUFFER_INIT(TREE_MAX);
	struct layer_node node;
	int r = layer_find(&reading->layer, reading->path + 1, &node, NULL, err);

	if (r == HF_OK && (!node.has_tree || node.changed_inside))
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: not a log", reading->path);
	if (r == HF_OK)
		r = layer_load(&reading->layer, BLOB_TREE, &node.tree, &tree, err);
	if (r == HF_OK)
		r = tree_walk(tree.data, tree.size, add_file, reading, err);
	buffer_release(&tree);
	return r;
}

static int
read_file(struct reading *reading, size_t i, struct hf_error *err)
{
	const struct reading_file *file = file_at(reading, i);
	struct repository_id id;
	size_t at;
	int r = HF_OK;

	buffer_clear(&reading->read);
	for (at = 0; r == HF_OK && at < file->content_count; at++) {
		memcpy(id.bytes, reading->ids.data + (file->content_at + at) * HASH_SIZE, HASH_SIZE);
		r = layer_load(&reading->layer, BLOB_DATA, &id, &reading->read, err);
	}
	if (r == HF_OK && (reading->read.size != file->size || file->size == 0 ||
	                      reading->read.data[reading->read.size - 1] != '\n'))
		r = hf_error_set(err, HF_ECORRUPT, 0, "%s/%06zu.jsonl is not whole", reading->path, i + 1);
	return r;
}

/* ---- how many lines each file has ---- */

static int
count_path(const struct archive *archive, const char *path, char **ret, struct hf_error *err)
{
	uint8_t sum[HASH_SIZE];
	char hex[HASH_HEX_SIZE], name[HASH_HEX_SIZE + 8];
	int r = hash_bytes(path, strlen(path), sum, err);

	if (r != HF_OK)
		return r;
	hex_encode(sum, COUNT_ID_SIZE, hex);
	(void)snprintf(name, sizeof(name), "%s.lines", hex);
	*ret = path_join(archive->seen_directory, name);
	return *ret == NULL ? hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path) : HF_OK;
}

/* The name that a file's lines go by: a hash of the ids of all its blobs. */
static int
count_id(const struct reading *reading, size_t i, uint8_t out[COUNT_ID_SIZE], struct hf_error *err)
{
	const struct reading_file *file = file_at(reading, i);
	uint8_t sum[HASH_SIZE];
	int r = hash_bytes(reading->ids.data + file->content_at * HASH_SIZE, file->content_count * HASH_SIZE, sum, err);

	if (r == HF_OK)
		memcpy(out, sum, COUNT_ID_SIZE);
	return r;
}

/* What an earlier run has counted; a file that is not as it was written is as good as none. */
static int
load_counts(struct reading *reading, const char *name, struct hf_error *err)
{
	size_t i, count = file_count(reading), known, head = sizeof(count_magic) + HASH_SIZE;
	struct buffer text = BUFFER_INIT(TREE_MAX);
	const struct count *entries;
	uint8_t sum[HASH_SIZE];
	int r = HF_OK;

	reading->counts = calloc(count + 1, sizeof(*reading->counts));
	if (reading->counts == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", reading->path);
	for (i = 0; r == HF_OK && i < count; i++) {
		reading->counts[i].lines = COUNT_UNKNOWN;
		r = count_id(reading, i, reading->counts[i].id, err);
	}
	if (r != HF_OK || path_read(name, TREE_MAX, &text, NULL) != HF_OK || text.size < head ||
	    memcmp(text.data, count_magic, sizeof(count_magic)) != 0 ||
	    hash_bytes(text.data + head, text.size - head, sum, NULL) != HF_OK ||
	    memcmp(sum, text.data + sizeof(count_magic), HASH_SIZE) != 0) {
		buffer_release(&text);
		return r;
	}
	known = (text.size - head) / sizeof(*entries);
	entries = (const struct count *)(const void *)(text.data + head);
	for (i = 0; i < count && i < known; i++)
		if (memcmp(reading->counts[i].id, entries[i].id, COUNT_ID_SIZE) == 0)
			reading->counts[i].lines = entries[i].lines;
	buffer_release(&text);
	return HF_OK;
}

/* Not durable: it can be made again. */
static void
save_counts(const struct reading *reading, const char *name)
{
	size_t size = file_count(reading) * sizeof(*reading->counts);
	uint8_t sum[HASH_SIZE];
	char *other = path_join(name, "");
	bool good = false;
	int fd = -1;

	if (other == NULL || hash_bytes(reading->counts, size, sum, NULL) != HF_OK)
		goto out;
	other[strlen(other) - 1] = '~';
	fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	good = fd >= 0 && path_write_all(fd, count_magic, sizeof(count_magic), other, NULL) == HF_OK &&
	    path_write_all(fd, sum, sizeof(sum), other, NULL) == HF_OK &&
	    path_write_all(fd, reading->counts, size, other, NULL) == HF_OK;
	if (fd >= 0 && close(fd) != 0)
		good = false;
	if (!good || rename(other, name) != 0)
		(void)unlink(other);
out:
	free(other);
}

/* ---- pushing ---- */

static uint32_t
count_lines(const struct buffer *text)
{
	const uint8_t *at = text->data, *end = at + text->size;
	uint32_t count = 0;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at++;
		count++;
	}
	return count;
}

static int
push_lines(const struct buffer *text, uint64_t skip, const struct hf_sink *sink, struct hf_error *err)
{
	const uint8_t *at = text->data, *end = at + text->size, *next;
	int r = HF_OK;

	for (; r == HF_OK && at < end; at = next) {
		next = (const uint8_t *)memchr(at, '\n', (size_t)(end - at)) + 1;
		if (skip > 0)
			skip--;
		else
			r = sink->write(sink->ctx, at, (uint64_t)(next - at), err);
	}
	return r;
}

static int
leave_out(const struct reading *reading, size_t file, const struct archive_damage *damage, const struct hf_error *why,
    struct hf_error *err)
{
	char path[1100];

	(void)snprintf(path, sizeof(path), "%.1000s/%06zu.jsonl", reading->path, file + 1);
	return damage->damaged(damage->ctx, path, why, err);
}

static int
push_files(struct reading *reading, uint64_t first, const struct hf_sink *sink, const struct archive_damage *damage,
    struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	uint64_t at = 0;
	uint32_t lines;
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < file_count(reading); i++) {
		lines = reading->counts[i].lines;
		if (lines != COUNT_UNKNOWN && at + lines <= first) {
			at += lines;
			continue;
		}
		r = read_file(reading, i, &why);
		if (r == HF_ECORRUPT && first == 0) {
			/* Who begins at the start gets what there is. */
			r = leave_out(reading, i, damage, &why, err);
			if (r != HF_OK)
				return r;
			continue;
		}
		if (r != HF_OK)
			return hf_error_set(err, r, why.os_errno, "%s", why.msg);
		lines = count_lines(&reading->read);
		reading->counted |= reading->counts[i].lines != lines;
		reading->counts[i].lines = lines;
		if (at + lines > first)
			r = push_lines(&reading->read, first > at ? first - at : 0, sink, err);
		at += lines;
	}
	if (r == HF_OK && at < first)
		return hf_error_set(err, HF_ERANGE, 0, "%s: it has %llu line%s, not %llu", reading->path,
		    (unsigned long long)at, plural_s(at), (unsigned long long)first);
	return r;
}

int
archive_log(struct archive *archive, const char *path, uint64_t first, const struct hf_sink *sink,
    const struct archive_damage *damage, struct hf_error *err)
{
	struct reading reading = {archive_layer(archive), path, BUFFER_INIT(TREE_MAX), BUFFER_INIT(TREE_MAX), NULL,
	    false, BUFFER_INIT(LOG_READ_MAX)};
	char *name = NULL;
	int r = check_absolute(path, err);

	if (r == HF_OK)
		r = list_files(&reading, err);
	if (r == HF_OK)
		r = count_path(archive, path, &name, err);
	if (r == HF_OK)
		r = load_counts(&reading, name, err);
	if (r == HF_OK)
		r = push_files(&reading, first, sink, damage, err);
	if (reading.counted && file_count(&reading) >= COUNTED_MIN)
		save_counts(&reading, name);
	free(name);
	free(reading.counts);
	buffer_release(&reading.ids);
	buffer_release(&reading.files);
	buffer_release(&reading.read);
	return r;
}

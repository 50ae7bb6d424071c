/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/walk.h"

#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX ((size_t)256 << 10)
#define LIST_BYTES_MAX ((size_t)64 << 20)

struct walk {
	struct repository *repository;
	const struct walk_ops *ops;
	void *ctx;
	struct buffer path;
};

/* A directory found in the level's tree; its name and a NUL follow. */
struct record {
	struct repository_id tree;
	int64_t mtime_ns;
	uint32_t mode;
	uint32_t name_size;
};

struct level {
	struct walk *walk;
	struct buffer directories; /* records */
	bool stopped;              /* by the walk's user, not by the tree */
};

/* Puts "/name" behind the path; path_cut with the returned size takes it off again. */
static int
path_push(struct walk *walk, const char *name, size_t size, size_t *ret_before, struct hf_error *err)
{
	size_t before = walk->path.size;

	if (before == 0 || walk->path.data[before - 1] != '/')
		buffer_append_byte(&walk->path, '/');
	buffer_append(&walk->path, name, size);
	if (buffer_string(&walk->path) == NULL || buffer_status(&walk->path, "path", NULL) != HF_OK) {
		walk->path.failed = HF_OK;
		walk->path.size = before;
		return hf_error_set(err, HF_ERANGE, 0, "the path is too long");
	}
	*ret_before = before;
	return HF_OK;
}

static void
path_cut(struct walk *walk, size_t before)
{
	walk->path.size = before;
	(void)buffer_string(&walk->path);
}

static int
keep_directory(struct level *level, const struct node *node, struct hf_error *err)
{
	struct record record = {node->subtree, node->mtime_ns, node->mode, (uint32_t)node->name_size};

	buffer_append(&level->directories, &record, sizeof(record));
	buffer_append(&level->directories, node->name, node->name_size);
	buffer_append_byte(&level->directories, 0);
	return buffer_status(&level->directories, "list of directories", err);
}

/* tree_walk looks at names too; what is restored depends on it, so no name goes by one check only. */
static bool
name_is_sane(const struct node *node)
{
	if (node->name_size == 0 || node->name_size > 4096)
		return false;
	if (memchr(node->name, '/', node->name_size) != NULL || memchr(node->name, 0, node->name_size) != NULL)
		return false;
	return !(node->name[0] == '.' &&
	    (node->name_size == 1 || (node->name_size == 2 && node->name[1] == '.')));
}

static int
visit_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct level *level = ctx;
	struct walk *walk = level->walk;
	size_t before;
	int r;

	if (!name_is_sane(node))
		return hf_error_set(err, HF_ECORRUPT, 0, "the tree has an entry whose name cannot be a file's");
	if (node->type == NODE_DIR && (r = keep_directory(level, node, err)) != HF_OK)
		return r;
	r = path_push(walk, node->name, node->name_size, &before, err);
	if (r != HF_OK)
		return r;
	r = walk->ops->node(walk->ctx, (const char *)walk->path.data, node, err);
	path_cut(walk, before);
	level->stopped = r != HF_OK;
	return r;
}

static int
read_tree(struct level *level, const struct walk_directory *directory, struct hf_error *err)
{
	struct repository *repository = level->walk->repository;
	struct buffer data = BUFFER_INIT(WALK_TREE_MAX);
	uint64_t size;
	int r;

	r = repository_blob_size(repository, BLOB_TREE, &directory->tree, &size, err);
	if (r == HF_OK && size > WALK_TREE_MAX)
		r = hf_error_set(err, HF_ERANGE, 0, "the directory's tree has %llu bytes, more than %zu are not read",
		    (unsigned long long)size, WALK_TREE_MAX);
	if (r == HF_OK)
		r = repository_load_blob(repository, BLOB_TREE, &directory->tree, &data, err);
	if (r == HF_OK)
		r = tree_walk(data.data, data.size, visit_node, level, err);
	buffer_release(&data);
	return r;
}

static int walk_directory(struct walk *walk, const struct walk_directory *directory, struct hf_error *err);

static int
walk_directories(struct walk *walk, const struct buffer *list, unsigned depth, struct hf_error *err)
{
	struct walk_directory directory;
	struct record record;
	size_t at = 0, before;
	int r = HF_OK;

	while (r == HF_OK && at < list->size) {
		memcpy(&record, list->data + at, sizeof(record));
		directory.name = (const char *)list->data + at + sizeof(record);
		at += sizeof(record) + record.name_size + 1;
		/* It fitted when its node was visited. */
		r = path_push(walk, directory.name, record.name_size, &before, err);
		if (r != HF_OK)
			break;
		directory.path = (const char *)walk->path.data;
		directory.tree = record.tree;
		directory.mode = record.mode;
		directory.mtime_ns = record.mtime_ns;
		directory.depth = depth;
		r = walk_directory(walk, &directory, err);
		path_cut(walk, before);
	}
	return r;
}

/* Calls of a lower level may move the path's memory. */
static void
refresh_path(struct walk *walk, struct walk_directory *directory)
{
	directory->path = (const char *)walk->path.data;
}

static int
walk_directory(struct walk *walk, const struct walk_directory *given, struct hf_error *err)
{
	struct level level = {walk, BUFFER_INIT(LIST_BYTES_MAX), false};
	struct walk_directory directory = *given;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	r = walk->ops->enter(walk->ctx, &directory, err);
	if (r != HF_OK)
		return r == WALK_SKIP ? HF_OK : r;
	if (directory.depth >= WALK_DEPTH_MAX)
		r = hf_error_set(&why, HF_ERANGE, 0, "directories deeper than %u levels are not followed",
		    WALK_DEPTH_MAX);
	else
		r = read_tree(&level, &directory, &why);
	refresh_path(walk, &directory);
	if (level.stopped) {
		if (err != NULL)
			*err = why;
	} else if (r != HF_OK)
		r = walk->ops->failed(walk->ctx, &directory, &why, err);
	if (r == HF_OK)
		r = walk_directories(walk, &level.directories, directory.depth + 1, err);
	refresh_path(walk, &directory);
	buffer_release(&level.directories);
	if (r == HF_OK)
		r = walk->ops->leave(walk->ctx, &directory, err);
	return r;
}

int
repository_walk(struct repository *repository, const struct walk_directory *start, const struct walk_ops *ops,
    void *ctx, struct hf_error *err)
{
	struct walk walk = {repository, ops, ctx, BUFFER_INIT(PATH_BYTES_MAX)};
	struct walk_directory directory = *start;
	int r;

	buffer_append_string(&walk.path, start->path);
	if (buffer_string(&walk.path) == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	else {
		refresh_path(&walk, &directory);
		directory.name = "";
		directory.depth = 0;
		r = walk_directory(&walk, &directory, err);
	}
	buffer_release(&walk.path);
	return r;
}

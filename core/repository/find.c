/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <string.h>

#include "repository/repository-internal.h"
#include "repository/walk.h"

struct find {
	const char *name;
	size_t name_size;
	struct node *node;
	struct buffer *storage;
};

#define FOUND 1

/* Copies what the node points to; pointers are taken last because the buffer moves. */
static int
keep_node(struct find *find, const struct node *node, struct hf_error *err)
{
	struct buffer *storage = find->storage;
	size_t content = node->content_count * HASH_SIZE, at;
	int r;

	buffer_clear(storage);
	buffer_append(storage, node->name, node->name_size);
	buffer_append_byte(storage, 0);
	buffer_append(storage, node->link_target, node->link_target_size);
	buffer_append_byte(storage, 0);
	buffer_append(storage, node->content, content);
	r = buffer_status(storage, "entry", err);
	if (r != HF_OK)
		return r;
	*find->node = *node;
	find->node->name = (const char *)storage->data;
	at = node->name_size + 1;
	find->node->link_target = (const char *)storage->data + at;
	at += node->link_target_size + 1;
	find->node->content = storage->data + at;
	return FOUND;
}

static int
compare_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct find *find = ctx;

	if (node->name_size != find->name_size || memcmp(node->name, find->name, find->name_size) != 0)
		return HF_OK;
	return keep_node(find, node, err);
}

static int
find_in_tree(struct repository *repository, const struct repository_id *tree, struct find *find,
    struct hf_error *err)
{
	struct buffer data = BUFFER_INIT(WALK_TREE_MAX);
	int r;

	r = repository_load_blob(repository, BLOB_TREE, tree, &data, err);
	if (r == HF_OK)
		r = tree_walk(data.data, data.size, compare_node, find, err);
	buffer_release(&data);
	return r;
}

int
repository_find_node(struct repository *repository, const struct repository_id *tree, const char *path,
    struct node *ret, struct buffer *storage, struct hf_error *err)
{
	struct node node = {.type = NODE_DIR, .name = "", .subtree = *tree};
	struct find find = {NULL, 0, &node, storage};
	const char *at = path;
	int r;

	for (at += strspn(at, "/"); *at != '\0'; at += strspn(at, "/")) {
		find.name = at;
		find.name_size = strcspn(at, "/");
		at += find.name_size;
		if (find.name_size == 1 && find.name[0] == '.')
			continue;
		if (node.type != NODE_DIR)
			return hf_error_set(err, HF_ENOTFOUND, 0, "%.*s: not a directory",
			    (int)(find.name - path), path);
		r = find_in_tree(repository, &node.subtree, &find, err);
		if (r == HF_OK && *at != '\0')
			return hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the snapshot, which has no %.*s", path,
			    (int)(at - path), path);
		if (r == HF_OK)
			return hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the snapshot", path);
		if (r != FOUND)
			return r;
	}
	*ret = node;
	return HF_OK;
}

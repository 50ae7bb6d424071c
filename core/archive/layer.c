/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/layer.h"

#include <stdlib.h>
#include <string.h>

#include "archive/previous.h"
#include "base/path.h"

#define TREE_MAX    (256u << 20)
#define CONTENT_MAX (64u << 20)

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "the snapshot under way: out of memory");
}

static int
not_there(const char *path, struct hf_error *err)
{
	return hf_error_set(err, HF_ENOTFOUND, 0, "%s: not in the snapshot", path);
}

int
layer_load(const struct layer *layer, enum blob_type type, const struct repository_id *id, struct buffer *out,
    struct hf_error *err)
{
	int r = repository_writer_load_blob(layer->writer, type, id, out, err);

	return r == HF_ENOTFOUND ? previous_load(layer->repository, type, id, out, err) : r;
}

/* ---- the folders of one tree ---- */

void
listing_release(struct listing *listing)
{
	free(listing->children);
	free(listing->path);
	buffer_release(&listing->names);
	listing->children = NULL;
	listing->path = NULL;
	listing->count = listing->capacity = 0;
	listing->valid = false;
}

static int
list_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct listing *listing = ctx;
	size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
	struct listing_child *children;

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
	    (struct listing_child){listing->names.size, node->name_size, node->subtree};
	buffer_append(&listing->names, node->name, node->name_size);
	return buffer_status(&listing->names, "a folder's names", err);
}

/* path: of the folder, of which size bytes count. */
static int
listing_fill(const struct layer *layer, const struct repository_id *tree, const char *path, size_t size,
    struct hf_error *err)
{
	struct listing *listing = layer->listing, fresh = LISTING_INIT;
	struct buffer data = BUFFER_INIT(TREE_MAX);
	int r;

	if (listing->valid && memcmp(listing->tree.bytes, tree->bytes, HASH_SIZE) == 0)
		return HF_OK;
	listing_release(listing);
	r = layer_load(layer, BLOB_TREE, tree, &data, err);
	if (r == HF_OK)
		r = tree_walk(data.data, data.size, list_node, &fresh, err);
	buffer_release(&data);
	fresh.tree = *tree;
	fresh.valid = r == HF_OK;
	fresh.path = strndup(path, size); /* without it, it is only looked for again */
	fresh.added = layer->changes->added;
	*listing = fresh;
	return r;
}

static const struct listing_child *
listing_find(const struct listing *listing, const char *name, size_t size)
{
	size_t low = 0, high = listing->count, middle, least;
	const struct listing_child *child;
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

/* ---- finding ---- */

struct search {
	const char *name;
	size_t size;
	bool found;
	struct layer_node node;
	struct buffer *content;
};

static int
match_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct search *search = ctx;

	if (node->name_size != search->size || memcmp(node->name, search->name, search->size) != 0 ||
	    (node->type != NODE_DIR && node->type != NODE_FILE))
		return HF_OK;
	search->found = true;
	search->node = (struct layer_node){node->type == NODE_DIR, node->type == NODE_DIR, node->subtree, false,
	    node->size};
	if (node->type == NODE_DIR || search->content == NULL)
		return HF_OK;
	buffer_append(search->content, node->content, node->content_count * HASH_SIZE);
	return buffer_status(search->content, "a file of the snapshot", err);
}

/* Finds a name in a saved tree. */
static int
find_in_tree(const struct layer *layer, const struct repository_id *tree, struct search *search, struct hf_error *err)
{
	struct buffer data = BUFFER_INIT(TREE_MAX);
	int r = layer_load(layer, BLOB_TREE, tree, &data, err);

	if (r == HF_OK)
		r = tree_walk(data.data, data.size, match_node, search, err);
	buffer_release(&data);
	return r;
}

/*
 * One step down in saved trees, to the component of size bytes at path + at; *node becomes what is there.  The last
 * one may be a file.
 */
static int
step(const struct layer *layer, struct layer_node *node, const char *path, size_t at, size_t size,
    struct buffer *content, bool *ret_found, struct hf_error *err)
{
	const char *name = path + at;
	bool last = name[size] == '\0';
	struct search search = {name, size, false, {false, false, {{0}}, false, 0}, content};
	const struct listing_child *child;
	int r = HF_OK;

	*ret_found = false;
	if (!node->has_tree)
		return HF_OK;
	if (!last) {
		r = listing_fill(layer, &node->tree, path, at - (at > 0), err);
		child = r == HF_OK ? listing_find(layer->listing, name, size) : NULL;
		if (child != NULL) {
			*ret_found = true;
			*node = (struct layer_node){true, true, child->tree, false, 0};
		}
		return r;
	}
	/* Most often it is one of many folders. */
	if (layer->listing->valid && memcmp(layer->listing->tree.bytes, node->tree.bytes, HASH_SIZE) == 0 &&
	    (child = listing_find(layer->listing, name, size)) != NULL) {
		*ret_found = true;
		*node = (struct layer_node){true, true, child->tree, false, 0};
		return HF_OK;
	}
	r = find_in_tree(layer, &node->tree, &search, err);
	if (r == HF_OK && search.found) {
		*ret_found = true;
		*node = search.node;
	}
	return r;
}

/* Whether the folder listed last is on the way and below what at stands for; *ret_size: the length of its path. */
static bool
listed_above(const struct layer *layer, const char *path, size_t at, size_t *ret_size)
{
	const struct listing *listing = layer->listing;
	size_t size;

	if (!listing->valid || listing->path == NULL || listing->added != layer->changes->added)
		return false;
	size = strlen(listing->path);
	*ret_size = size;
	return size > at && strncmp(path, listing->path, size) == 0 && path[size] == '/';
}

/*
 * The nearest path above, or path itself, that the run has put in place as a whole; *ret_size: its length.  NULL:
 * the base.
 */
static const struct change *
nearest(const struct layer *layer, const char *path, size_t *ret_size)
{
	const struct change *change;
	size_t size = strlen(path);

	while (size > 0) {
		change = changes_find(layer->changes, path, size);
		if (change != NULL) {
			*ret_size = size;
			return change;
		}
		while (size > 0 && path[size - 1] != '/')
			size--;
		size -= size > 0;
	}
	*ret_size = 0;
	return NULL;
}

static int
node_of_change(const struct change *change, struct layer_node *ret, struct buffer *content, struct hf_error *err)
{
	*ret = (struct layer_node){change->type != CHANGE_FILE, change->type == CHANGE_TREE, change->tree, false,
	    change->size};
	if (change->type != CHANGE_FILE || content == NULL)
		return HF_OK;
	buffer_append(content, change->content, change->content_count * HASH_SIZE);
	return buffer_status(content, "a file of the snapshot", err);
}

int
layer_find(const struct layer *layer, const char *path, struct layer_node *ret, struct buffer *content,
    struct hf_error *err)
{
	struct layer_node node = {true, layer->base != NULL, {{0}}, false, 0};
	const struct change *change;
	size_t at, size, first, end, whole = strlen(path);
	bool found = true;
	int r = HF_OK;

	changes_settle(layer->changes);
	if (layer->base != NULL)
		node.tree = *layer->base;
	change = nearest(layer, path, &at);
	if (change != NULL) {
		found = change->type != CHANGE_REMOVE;
		r = node_of_change(change, &node, at == whole ? content : NULL, err);
	}
	if (r == HF_OK && listed_above(layer, path, at, &size)) {
		found = true;
		node = (struct layer_node){true, true, layer->listing->tree, false, 0};
		at = size;
	}
	for (at += at > 0; r == HF_OK && found && at < whole; at += size + 1) {
		size = strcspn(path + at, "/");
		r = step(layer, &node, path, at, size, content, &found, err);
	}
	if (r != HF_OK)
		return r;
	changes_below(layer->changes, path, &first, &end);
	if (!found && first == end)
		return not_there(path, err);
	/* A folder of which nothing was there before. */
	if (!found)
		node = (struct layer_node){true, false, {{0}}, false, 0};
	if (!node.is_folder && first < end)
		node = (struct layer_node){true, false, {{0}}, false, 0};
	node.changed_inside = first < end;
	*ret = node;
	return HF_OK;
}

int
layer_find_folder(const struct layer *layer, const char *path, struct repository_id *ret, struct hf_error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	size_t above = slash == NULL ? 0 : (size_t)(slash - path), listed;
	const struct listing_child *child;
	struct layer_node node;
	char *parent;
	int r;

	if (!listed_above(layer, path, 0, &listed) || listed != above) {
		parent = strndup(path, above);
		if (parent == NULL)
			return no_memory(err);
		r = layer_find(layer, parent, &node, NULL, err);
		free(parent);
		if (r == HF_OK && !node.has_tree)
			r = not_there(path, err);
		if (r == HF_OK)
			r = listing_fill(layer, &node.tree, path, above, err);
		if (r != HF_OK)
			return r;
	}
	child = listing_find(layer->listing, name, strlen(name));
	if (child == NULL)
		return not_there(path, err);
	*ret = child->tree;
	return HF_OK;
}

int
layer_read(const struct layer *layer, const char *path, size_t max, struct buffer *out, struct hf_error *err)
{
	struct buffer content = BUFFER_INIT(CONTENT_MAX);
	struct layer_node node;
	struct repository_id id;
	size_t at, before = out->size;
	int r = layer_find(layer, path, &node, &content, err);

	if (r == HF_OK && node.is_folder)
		r = not_there(path, err);
	if (r == HF_OK && node.size > max)
		r = hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", path, max);
	for (at = 0; r == HF_OK && at < content.size && out->size - before <= node.size; at += HASH_SIZE) {
		memcpy(id.bytes, content.data + at, HASH_SIZE);
		r = layer_load(layer, BLOB_DATA, &id, out, err);
	}
	if (r == HF_OK && out->size - before != node.size)
		r = hf_error_set(err, HF_ECORRUPT, 0, "%s: not as long as the snapshot says", path);
	buffer_release(&content);
	return r;
}

/* ---- listing ---- */

struct lister {
	const struct layer *layer;
	size_t next, end; /* changes in the folder that were not dealt with */
	size_t prefix;    /* bytes of their paths that name the folder, with its "/" */
	hf_entry_fn fn;
	void *ctx;
};

static int
tell(const struct lister *lister, const char *name, size_t size, const struct layer_node *node,
    const uint8_t version[HASH_SIZE], struct hf_error *err)
{
	struct hf_entry entry = {.struct_size = (uint32_t)sizeof(entry), .is_folder = node->is_folder};
	char text[PATH_COMPONENT_MAX + 1];

	if (size > PATH_COMPONENT_MAX || memchr(name, '\0', size) != NULL)
		return HF_OK; /* nothing of ours */
	memcpy(text, name, size);
	text[size] = '\0';
	entry.name = text;
	entry.size = node->is_folder ? 0 : node->size;
	memcpy(entry.version, version, HASH_SIZE);
	return lister->fn(lister->ctx, &entry, err);
}

/* What stands for a folder that is changed inside: the tree it has and all of the changes. */
static int
version_of(const struct lister *lister, const struct layer_node *node, size_t first, size_t end,
    uint8_t out[HASH_SIZE], struct hf_error *err)
{
	const struct change *change;
	struct hash *hash;
	size_t i;
	int r = hash_new(&hash, err);

	if (r != HF_OK)
		return r;
	r = hash_update(hash, node->tree.bytes, HASH_SIZE, err);
	for (i = first; r == HF_OK && i < end; i++) {
		change = &lister->layer->changes->list[i];
		r = hash_update(hash, change->path, strlen(change->path) + 1, err);
		if (r == HF_OK)
			r = hash_update(hash, &change->type, sizeof(change->type), err);
		if (r == HF_OK)
			r = hash_update(hash, change->tree.bytes, HASH_SIZE, err);
		if (r == HF_OK && change->content_count > 0)
			r = hash_update(hash, change->content, change->content_count * HASH_SIZE, err);
	}
	if (r == HF_OK)
		r = hash_sum(hash, out, err);
	hash_free(hash);
	return r;
}

/* Tells of the next changed name; old: what the tree has there, or NULL. */
static int
tell_changed(struct lister *lister, const struct layer_node *old, struct hf_error *err)
{
	const struct changes *changes = lister->layer->changes;
	const struct change *change = &changes->list[lister->next];
	const char *name = change->path + lister->prefix;
	size_t size = strcspn(name, "/"), first = lister->next, end;
	bool exact = name[size] == '\0';
	struct layer_node node = {true, false, {{0}}, false, 0};
	uint8_t version[HASH_SIZE] = {0};
	int r = HF_OK;

	for (end = first; end < lister->end; end++) {
		change = &changes->list[end];
		if (strncmp(change->path + lister->prefix, name, size) != 0 ||
		    (change->path[lister->prefix + size] != '/' && change->path[lister->prefix + size] != '\0'))
			break;
	}
	lister->next = end;
	change = &changes->list[first];
	if (exact)
		(void)node_of_change(change, &node, NULL, NULL);
	else if (old != NULL && old->is_folder)
		node = *old;
	if (exact && end == first + 1 && change->type == CHANGE_REMOVE)
		return HF_OK;
	if (exact && end == first + 1 && node.is_folder)
		memcpy(version, node.tree.bytes, HASH_SIZE);
	if (end > first + exact) {
		node.is_folder = true;
		r = version_of(lister, &node, first + exact, end, version, err);
	}
	return r == HF_OK ? tell(lister, name, size, &node, version, err) : r;
}

/* How the next changed name compares with this one. */
static int
compare_next(const struct lister *lister, const char *other, size_t other_size)
{
	const char *name = lister->layer->changes->list[lister->next].path + lister->prefix;
	size_t size = strcspn(name, "/"), least = size < other_size ? size : other_size;
	int order = memcmp(name, other, least);

	return order != 0 ? order : (size > other_size) - (size < other_size);
}

static int
merge_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct lister *lister = ctx;
	struct layer_node there = {node->type == NODE_DIR, node->type == NODE_DIR, node->subtree, false, node->size};
	int order = 1, r = HF_OK;

	while (r == HF_OK && lister->next < lister->end &&
	       (order = compare_next(lister, node->name, node->name_size)) < 0)
		r = tell_changed(lister, NULL, err);
	if (r != HF_OK || (node->type != NODE_DIR && node->type != NODE_FILE))
		return r;
	if (lister->next < lister->end && order == 0)
		return tell_changed(lister, &there, err);
	return tell(lister, node->name, node->name_size, &there, there.tree.bytes, err);
}

int
layer_list(const struct layer *layer, const char *path, hf_entry_fn fn, void *ctx, struct hf_error *err)
{
	struct lister lister = {layer, 0, 0, path[0] == '\0' ? 0 : strlen(path) + 1, fn, ctx};
	struct buffer data = BUFFER_INIT(TREE_MAX);
	struct layer_node node;
	int r = layer_find(layer, path, &node, NULL, err);

	if (r != HF_OK)
		return r;
	if (!node.is_folder)
		return not_there(path, err);
	changes_below(layer->changes, path, &lister.next, &lister.end);
	if (node.has_tree) {
		r = layer_load(layer, BLOB_TREE, &node.tree, &data, err);
		if (r == HF_OK)
			r = tree_walk(data.data, data.size, merge_node, &lister, err);
		buffer_release(&data);
	}
	while (r == HF_OK && lister.next < lister.end)
		r = tell_changed(&lister, NULL, err);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "archive/previous.h"

#define TREE_MAX  (256u << 20)
#define MAX_DEPTH 32

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "the snapshot's tree: out of memory");
}

/* A zeroed change at the end of the list, with its own copy of path. */
static int
add(struct changes *changes, const char *path, struct change **ret, struct hf_error *err)
{
	size_t capacity = changes->capacity == 0 ? 8 : changes->capacity * 2;
	struct change *list;

	if (changes->count == changes->capacity) {
		list = realloc(changes->list, capacity * sizeof(*list));
		if (list == NULL)
			return no_memory(err);
		changes->list = list;
		changes->capacity = capacity;
	}
	*ret = &changes->list[changes->count];
	memset(*ret, 0, sizeof(**ret));
	(*ret)->path = strdup(path);
	if ((*ret)->path == NULL)
		return no_memory(err);
	(*ret)->sequence = changes->added++;
	changes->count++; /* so it is not settled any more */
	return HF_OK;
}

int
changes_add_file(struct changes *changes, const char *path, uint64_t size, const uint8_t *content,
    size_t content_count, int64_t mtime_ns, struct hf_error *err)
{
	struct change *change;
	int r = add(changes, path, &change, err);

	if (r != HF_OK)
		return r;
	change->type = CHANGE_FILE;
	change->size = size;
	change->mtime_ns = mtime_ns;
	if (content_count > 0) {
		change->content = malloc(content_count * HASH_SIZE);
		if (change->content == NULL) {
			changes->count--;
			free(change->path);
			return no_memory(err);
		}
		memcpy(change->content, content, content_count * HASH_SIZE);
		change->content_count = content_count;
	}
	return HF_OK;
}

int
changes_add_tree(struct changes *changes, const char *path, const struct repository_id *tree,
    int64_t mtime_ns, struct hf_error *err)
{
	struct change *change;
	int r = add(changes, path, &change, err);

	if (r != HF_OK)
		return r;
	change->type = CHANGE_TREE;
	change->tree = *tree;
	change->mtime_ns = mtime_ns;
	return HF_OK;
}

int
changes_add_removal(struct changes *changes, const char *path, struct hf_error *err)
{
	struct change *change;
	int r = add(changes, path, &change, err);

	if (r == HF_OK)
		change->type = CHANGE_REMOVE;
	return r;
}

void
changes_release(struct changes *changes)
{
	size_t i;

	for (i = 0; i < changes->count; i++) {
		free(changes->list[i].path);
		free(changes->list[i].content);
	}
	free(changes->list);
	memset(changes, 0, sizeof(*changes));
}

/* A byte's place in the order of paths: "/" comes before every byte of a name, the end before it. */
static int
rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 1;
}

/* Orders paths as nested folders are, so "a/b" before "a-b". */
static int
compare_paths(const char *a, const char *b)
{
	for (; *a != '\0' && *a == *b; a++, b++)
		;
	return rank(*a) - rank(*b);
}

static int
compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int order = compare_paths(x->path, y->path);

	return order != 0 ? order : (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

void
changes_settle(struct changes *changes)
{
	size_t i, kept = 0;

	if (changes->settled == changes->count)
		return;
	if (changes->count > 0)
		qsort(changes->list, changes->count, sizeof(*changes->list), compare_changes);
	for (i = 0; i < changes->count; i++) {
		if (i + 1 < changes->count && strcmp(changes->list[i].path, changes->list[i + 1].path) == 0) {
			free(changes->list[i].path);
			free(changes->list[i].content);
			continue;
		}
		changes->list[kept++] = changes->list[i];
	}
	changes->count = changes->settled = kept;
}

/* The first change that does not come before a path of which size bytes count. */
static size_t
lower_bound(const struct changes *changes, const char *path, size_t size)
{
	size_t low = 0, high = changes->count, middle, i;
	const char *other;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		other = changes->list[middle].path;
		for (i = 0; i < size && other[i] == path[i]; i++)
			;
		order = rank(other[i]) - (i < size ? rank(path[i]) : 0);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct change *
changes_find(const struct changes *changes, const char *path, size_t size)
{
	size_t i = lower_bound(changes, path, size);

	return i < changes->count && strncmp(changes->list[i].path, path, size) == 0 &&
	               changes->list[i].path[size] == '\0'
	           ? &changes->list[i]
	           : NULL;
}

void
changes_below(const struct changes *changes, const char *path, size_t *ret_first, size_t *ret_end)
{
	size_t size = strlen(path), i, end;

	if (size == 0) {
		*ret_first = 0;
		*ret_end = changes->count;
		return;
	}
	i = lower_bound(changes, path, size);
	/* The change of the folder itself comes right before those in it. */
	if (i < changes->count && strncmp(changes->list[i].path, path, size) == 0 &&
	    changes->list[i].path[size] == '\0')
		i++;
	for (end = i; end < changes->count && strncmp(changes->list[end].path, path, size) == 0 &&
	              changes->list[end].path[size] == '/';
	     end++)
		;
	*ret_first = i;
	*ret_end = end;
}

/* One folder being written. */
struct overlay {
	struct repository *repository;
	struct repository_writer *writer;
	const struct change *next, *end; /* changes in this folder not yet dealt with */
	size_t prefix;                   /* bytes of their paths that name this folder, with its "/" */
	unsigned depth;
	struct buffer tree;
	size_t nodes;
	int64_t mtime_ns;
	bool changed;
};

static int save_folder(struct repository *repository, struct repository_writer *writer,
    const struct repository_id *before, const struct change *first, const struct change *end, size_t prefix,
    unsigned depth, struct repository_id *ret_tree, int64_t *ret_mtime_ns, size_t *ret_nodes,
    struct hf_error *err);

static int
put_node(struct overlay *overlay, const struct node *node, struct hf_error *err)
{
	if (overlay->nodes == 0 || node->mtime_ns > overlay->mtime_ns)
		overlay->mtime_ns = node->mtime_ns;
	overlay->nodes++;
	return tree_add(&overlay->tree, node, err);
}

/* A node with the fixed owner and mode of everything holdfast writes: private to whom restores it. */
static struct node
plain_node(enum node_type type, const char *name, size_t name_size, int64_t mtime_ns)
{
	struct node node;

	memset(&node, 0, sizeof(node));
	node.type = type;
	node.name = name;
	node.name_size = name_size;
	node.mode = type == NODE_DIR ? 0700 : 0600;
	node.mtime_ns = node.atime_ns = node.ctime_ns = mtime_ns;
	return node;
}

static bool
same_ids(const struct repository_id *a, const struct repository_id *b)
{
	return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}

/* Writes what is to stand at the first change's name; old: the node that was there, or NULL. */
static int
put_changed(struct overlay *overlay, const struct node *old, struct hf_error *err)
{
	const struct change *change = overlay->next, *end;
	const char *name = change->path + overlay->prefix, *slash = strchr(name, '/');
	size_t name_size = slash != NULL ? (size_t)(slash - name) : strlen(name), nodes = 1;
	const struct repository_id *before = old != NULL && old->type == NODE_DIR ? &old->subtree : NULL;
	struct node node;
	int r = HF_OK;

	for (end = change; end < overlay->end && strncmp(end->path + overlay->prefix, name, name_size) == 0 &&
	    (end->path[overlay->prefix + name_size] == '/' || end->path[overlay->prefix + name_size] == '\0');
	    end++)
		;
	overlay->next = end;
	node = plain_node(NODE_FILE, name, name_size, change->mtime_ns);
	if (slash != NULL || end > change + 1) {
		/* "a" before "a/b": the folder is put in place first, then changed inside. */
		if (slash == NULL && change->type == CHANGE_FILE)
			return hf_error_set(err, HF_EINVAL, 0, "\"%s\" was written as a file and as a folder",
			    change->path);
		/* One of this run cannot be read yet; nothing inside it may belong to anybody else anyway. */
		if (slash == NULL && change->type == CHANGE_TREE &&
		    !repository_has_blob(overlay->repository, BLOB_TREE, &change->tree))
			return hf_error_set(err, HF_EINVAL, 0, "\"%s\" and \"%s\" were written, one inside the other",
			    change->path, change[1].path);
		if (slash == NULL) {
			before = change->type == CHANGE_TREE ? &change->tree : NULL;
			change++;
		}
		node = plain_node(NODE_DIR, name, name_size, 0);
		r = save_folder(overlay->repository, overlay->writer, before, change, end,
		    overlay->prefix + name_size + 1, overlay->depth + 1, &node.subtree, &node.mtime_ns, &nodes, err);
		node.atime_ns = node.ctime_ns = node.mtime_ns;
		/* No folder was there, and inside it things are only removed: none is made for that. */
		if (r == HF_OK && nodes == 0 && before == NULL) {
			overlay->changed |= slash == NULL && old != NULL;
			return slash == NULL || old == NULL ? HF_OK : put_node(overlay, old, err);
		}
	} else if (change->type == CHANGE_TREE) {
		node.type = NODE_DIR;
		node.mode = 0700;
		node.subtree = change->tree;
	} else if (change->type == CHANGE_FILE) {
		node.size = change->size;
		node.content = change->content;
		node.content_count = change->content_count;
	} else {
		overlay->changed |= old != NULL;
		return HF_OK;
	}
	if (r != HF_OK)
		return r;
	if (old == NULL || old->type != node.type || old->mtime_ns != node.mtime_ns ||
	    (node.type == NODE_DIR && !same_ids(&old->subtree, &node.subtree)) ||
	    (node.type == NODE_FILE && (old->size != node.size || old->content_count != node.content_count ||
	    (node.content_count > 0 && memcmp(old->content, node.content, node.content_count * HASH_SIZE) != 0))))
		overlay->changed = true;
	return put_node(overlay, &node, err);
}

/* How the next change's name compares with a node's. */
static int
compare_next(const struct overlay *overlay, const struct node *node)
{
	const char *name = overlay->next->path + overlay->prefix;
	size_t size = strcspn(name, "/"), least = size < node->name_size ? size : node->name_size;
	int order = memcmp(name, node->name, least);

	return order != 0 ? order : (size > node->name_size) - (size < node->name_size);
}

static int
merge_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct overlay *overlay = ctx;
	int r;

	while (overlay->next < overlay->end && compare_next(overlay, node) < 0) {
		r = put_changed(overlay, NULL, err);
		if (r != HF_OK)
			return r;
	}
	if (overlay->next < overlay->end && compare_next(overlay, node) == 0)
		return put_changed(overlay, node, err);
	return put_node(overlay, node, err);
}

static int
save_folder(struct repository *repository, struct repository_writer *writer, const struct repository_id *before,
    const struct change *first, const struct change *end, size_t prefix, unsigned depth,
    struct repository_id *ret_tree, int64_t *ret_mtime_ns, size_t *ret_nodes, struct hf_error *err)
{
	struct overlay overlay = {repository, writer, first, end, prefix, depth, BUFFER_INIT(TREE_MAX), 0, 0, false};
	struct buffer old = BUFFER_INIT(TREE_MAX);
	int r = HF_OK;

	if (depth > MAX_DEPTH)
		return hf_error_set(err, HF_EINVAL, 0, "the snapshot's folders lie more than %d deep", MAX_DEPTH);
	tree_begin(&overlay.tree);
	if (before != NULL) {
		r = repository_writer_load_blob(writer, BLOB_TREE, before, &old, err);
		if (r == HF_ENOTFOUND)
			r = previous_load(repository, BLOB_TREE, before, &old, err);
		if (r == HF_OK)
			r = tree_walk(old.data, old.size, merge_node, &overlay, err);
		buffer_release(&old);
	}
	while (r == HF_OK && overlay.next < overlay.end)
		r = put_changed(&overlay, NULL, err);
	if (r == HF_OK && before != NULL && !overlay.changed) {
		*ret_tree = *before;
	} else if (r == HF_OK && (overlay.nodes > 0 || before != NULL || depth == 0)) {
		tree_end(&overlay.tree);
		r = buffer_status(&overlay.tree, "a folder of the snapshot", err);
		if (r == HF_OK)
			r = repository_save_blob(writer, BLOB_TREE, overlay.tree.data, overlay.tree.size, ret_tree,
			    NULL, err);
	}
	if (r == HF_OK) {
		*ret_mtime_ns = overlay.mtime_ns;
		*ret_nodes = overlay.nodes;
	}
	buffer_release(&overlay.tree);
	return r;
}

int
overlay_save(struct repository *repository, struct repository_writer *writer, const struct repository_id *before,
    struct changes *changes, struct repository_id *ret_tree, int64_t *ret_mtime_ns, struct hf_error *err)
{
	size_t nodes;

	changes_settle(changes);
	return save_folder(repository, writer, before, changes->list,
	    changes->count == 0 ? changes->list : changes->list + changes->count, 0, 0, ret_tree, ret_mtime_ns,
	    &nodes, err);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <stdlib.h>
#include <string.h>

#include <json.h>

#include "base/plural.h"
#include "base/time.h"
#include "repository/check.h"
#include "repository/ledger.h"
#include "repository/walk.h"

#define LISTING_MAX ((size_t)256 << 20)
#define SMALL_MAX   ((size_t)1 << 20) /* keys, locks */
#define PATH_SIZE   1024

void
check_report(struct check *check, int level, const char *path, const char *fmt, ...)
{
	char msg[640];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (level == HF_LOG_ERROR)
		check->stats.errors++;
	else if (level == HF_LOG_WARNING)
		check->stats.warnings++;
	check->report(check->report_ctx, level, path, msg);
}

bool
check_is_fatal(int code)
{
	return code == HF_ENOMEM || HF_IS_TRANSIENT(code) || HF_IS_CONTROL(code);
}

const char *
check_without_path(const char *path, const char *msg)
{
	size_t size = strlen(path);

	while (strncmp(msg, path, size) == 0 && strncmp(msg + size, ": ", 2) == 0)
		msg += size + 2;
	return msg;
}

/* ---- listings ---- */

static int
add_object(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	struct buffer *out = ctx;
	struct check_object object;

	object.size = size;
	if (hex_decode(name, strlen(name), object.id.bytes, HASH_SIZE) != HF_OK)
		return HF_OK;
	buffer_append(out, &object, sizeof(object));
	return buffer_status(out, "listing", err);
}

static int
compare_objects(const void *a, const void *b)
{
	return memcmp(((const struct check_object *)a)->id.bytes,
	    ((const struct check_object *)b)->id.bytes, HASH_SIZE);
}

int
check_list(struct repository *repository, uint32_t type, struct buffer *out, struct hf_error *err)
{
	const struct repository_storage *storage = &repository->storage;
	int r;

	out->max = LISTING_MAX;
	r = storage->ops->list(storage->handle, type, add_object, out, err);
	if (r == HF_OK && out->size > 0)
		qsort(out->data, out->size / sizeof(struct check_object), sizeof(struct check_object), compare_objects);
	return r;
}

/* ---- keys and locks: each opens, and its name is its hash ---- */

/* Whether text is one JSON object, as every file here must be. */
static int
parse_object(const char *path, const struct buffer *text, struct hf_error *err)
{
	struct json_object *object;
	int r;

	r = object_parse(path, text->data, text->size, &object, err);
	if (r == HF_OK)
		json_object_put(object);
	return r;
}

static int
check_object(struct check *check, uint32_t type, const struct repository_id *id, struct hf_error *err)
{
	struct buffer content = BUFFER_INIT(SMALL_MAX);
	struct hf_error why = HF_ERROR_INIT;
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	int r;

	hex_encode(id->bytes, HASH_SIZE, name);
	(void)object_path(type, name, path);
	if (type == HF_OBJECT_KEY)
		r = object_load(check->repository, type, name, SMALL_MAX, &content, &why);
	else
		r = object_load_json(check->repository, type, name, SMALL_MAX, &content, &why);
	if (r == HF_OK)
		r = parse_object(path, &content, &why);
	buffer_release(&content);
	/* Others' locks come and go. */
	if (r == HF_OK || (r == HF_ENOTFOUND && type == HF_OBJECT_LOCK))
		return HF_OK;
	if (check_is_fatal(r)) {
		*err = why;
		return r;
	}
	check_report(check, HF_LOG_ERROR, path, "%s", check_without_path(path, why.msg));
	return HF_OK;
}

static int
check_objects(struct check *check, uint32_t type, struct hf_error *err)
{
	struct buffer objects = BUFFER_INIT(0);
	struct check_object object;
	size_t at;
	int r;

	r = check_list(check->repository, type, &objects, err);
	for (at = 0; r == HF_OK && at < objects.size; at += sizeof(object)) {
		memcpy(&object, objects.data + at, sizeof(object));
		r = check_object(check, type, &object.id, err);
	}
	buffer_release(&objects);
	return r;
}

/* ---- snapshots ---- */

struct checked_snapshot {
	struct repository_id id, tree;
	int64_t time_ns;
};

static int
compare_newest_first(const void *a, const void *b)
{
	const struct checked_snapshot *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns > y->time_ns ? -1 : 1;
	return memcmp(x->id.bytes, y->id.bytes, HASH_SIZE);
}

static int
check_snapshot(struct check *check, const struct repository_id *id, struct buffer *out, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct checked_snapshot entry;
	struct snapshot snapshot;
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE];
	int r;

	hex_encode(id->bytes, HASH_SIZE, name);
	(void)object_path(HF_OBJECT_SNAPSHOT, name, path);
	r = snapshot_load(check->repository, id, &snapshot, &why);
	if (r != HF_OK) {
		if (check_is_fatal(r)) {
			*err = why;
			return r;
		}
		check_report(check, HF_LOG_ERROR, path,
		    "%s; what it holds cannot be listed, and restic stops at it until it is removed",
		    check_without_path(path, why.msg));
		return HF_OK;
	}
	if (snapshot.time_ns == INT64_MIN)
		check_report(check, HF_LOG_WARNING, path, "its time is no time of a backup");
	if (snapshot.paths[0] == NULL)
		check_report(check, HF_LOG_WARNING, path, "it names no paths");
	entry.id = *id;
	entry.tree = snapshot.tree;
	entry.time_ns = snapshot.time_ns;
	snapshot_release(&snapshot);
	buffer_append(out, &entry, sizeof(entry));
	check->stats.snapshots++;
	return buffer_status(out, "list of snapshots", err);
}

static bool
is_listed(const struct buffer *objects, const struct repository_id *id)
{
	struct check_object wanted = {*id, 0};

	return objects->size > 0 && bsearch(&wanted, objects->data, objects->size / sizeof(wanted), sizeof(wanted),
	    compare_objects) != NULL;
}

/* What was seen here once and is not listed now was taken away, by prune or by somebody. */
static int
check_ledger(struct check *check, const struct buffer *objects, struct hf_error *err)
{
	struct buffer known = BUFFER_INIT(LISTING_MAX);
	char name[HASH_HEX_SIZE], path[OBJECT_PATH_SIZE], seen[TIME_RFC3339_SIZE];
	struct ledger_entry entry;
	size_t at;
	int r;

	r = ledger_load(check->repository, &known, err);
	for (at = 0; r == HF_OK && at < known.size; at += sizeof(entry)) {
		memcpy(&entry, known.data + at, sizeof(entry));
		if (is_listed(objects, &entry.id))
			continue;
		hex_encode(entry.id.bytes, HASH_SIZE, name);
		(void)time_format(entry.seen_ns, seen);
		check_report(check, HF_LOG_ERROR, object_path(HF_OBJECT_SNAPSHOT, name, path),
		    "snapshot %.8s, seen on %.10s, is gone; if it was removed on purpose, check once with "
		    "--accept-removed", name, seen);
	}
	buffer_release(&known);
	return r;
}

/* Appends the snapshots that can be read, newest first. */
static int
check_snapshots(struct check *check, struct buffer *out, struct hf_error *err)
{
	struct buffer objects = BUFFER_INIT(0), ids = BUFFER_INIT(LISTING_MAX);
	struct hf_error why = HF_ERROR_INIT;
	struct check_object object;
	size_t at;
	int r;

	r = check_list(check->repository, HF_OBJECT_SNAPSHOT, &objects, err);
	for (at = 0; r == HF_OK && at < objects.size; at += sizeof(object)) {
		memcpy(&object, objects.data + at, sizeof(object));
		buffer_append(&ids, &object.id, HASH_SIZE);
		r = check_snapshot(check, &object.id, out, err);
	}
	if (r == HF_OK)
		r = check_ledger(check, &objects, err);
	if (r == HF_OK)
		r = buffer_status(&ids, "list of snapshots", err);
	/* Not being able to remember says nothing about the repository. */
	if (r == HF_OK && ledger_add(check->repository, (const struct repository_id *)(const void *)ids.data,
	    ids.size / HASH_SIZE, &why) != HF_OK)
		check_report(check, HF_LOG_INFO, "snapshots", "those seen now cannot be remembered: %s", why.msg);
	if (r == HF_OK && out->size > 0)
		qsort(out->data, out->size / sizeof(struct checked_snapshot), sizeof(struct checked_snapshot),
		    compare_newest_first);
	buffer_release(&objects);
	buffer_release(&ids);
	return r;
}

int
repository_forget_missing(struct repository *repository, uint64_t *ret_forgotten, struct hf_error *err)
{
	struct buffer objects = BUFFER_INIT(0), known = BUFFER_INIT(LISTING_MAX);
	struct ledger_entry entry;
	uint64_t forgotten = 0;
	size_t at;
	int r;

	r = check_list(repository, HF_OBJECT_SNAPSHOT, &objects, err);
	if (r == HF_OK)
		r = ledger_load(repository, &known, err);
	for (at = 0; r == HF_OK && at < known.size; at += sizeof(entry)) {
		memcpy(&entry, known.data + at, sizeof(entry));
		if (is_listed(&objects, &entry.id))
			continue;
		r = ledger_remove(repository, &entry.id, err);
		forgotten++;
	}
	buffer_release(&objects);
	buffer_release(&known);
	if (r == HF_OK)
		*ret_forgotten = forgotten;
	return r;
}

/* ---- trees and files ---- */

struct tree_check {
	struct check *check;
	const char *snapshot; /* hex id */
};

static void
report_path(struct tree_check *ctx, int level, const char *path, const char *msg)
{
	char where[PATH_SIZE];

	(void)snprintf(where, sizeof(where), "snapshot %.8s: %s", ctx->snapshot, path);
	check_report(ctx->check, level, where, "%s", msg);
}

static int
enter_tree(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	struct tree_check *trees = ctx;
	bool is_new;
	int r;

	r = id_set_add(&trees->check->trees, &directory->tree, &is_new, err);
	if (r != HF_OK)
		return r;
	if (!is_new)
		return WALK_SKIP;
	trees->check->stats.trees++;
	return HF_OK;
}

static bool
is_zero(const struct repository_id *id)
{
	static const struct repository_id zero;

	return memcmp(id, &zero, sizeof(zero)) == 0;
}

static void
check_content(struct tree_check *trees, const char *path, const struct node *node)
{
	struct repository *repository = trees->check->repository;
	uint64_t sum = 0, size, missing = 0, bad = 0;
	struct repository_id id;
	char msg[200];
	size_t i;

	for (i = 0; i < node->content_count; i++) {
		memcpy(id.bytes, node->content + i * HASH_SIZE, HASH_SIZE);
		if (is_zero(&id) || repository_blob_size(repository, BLOB_DATA, &id, &size, NULL) != HF_OK)
			missing++;
		else {
			sum += size;
			bad += id_set_has(&trees->check->bad_blobs, &id) ? 1 : 0;
		}
	}
	if (missing > 0 || bad > 0) {
		(void)snprintf(msg, sizeof(msg), "of its %zu piece%s %llu %s in no index and %llu %s damaged or gone",
		    node->content_count, plural_s(node->content_count), (unsigned long long)missing,
		    plural(missing, "is", "are"), (unsigned long long)bad, plural(bad, "is", "are"));
		report_path(trees, HF_LOG_ERROR, path, msg);
	} else if (sum != node->size) {
		(void)snprintf(msg, sizeof(msg), "should have %llu byte%s, its pieces have %llu",
		    (unsigned long long)node->size, plural_s(node->size), (unsigned long long)sum);
		report_path(trees, HF_LOG_ERROR, path, msg);
	}
}

/* Years that no file of a backup has: a time was missing, or written wrongly. */
static bool
time_is_strange(int64_t ns)
{
	return ns == INT64_MIN || ns == INT64_MAX;
}

static int
check_node(void *ctx, const char *path, const struct node *node, struct hf_error *err)
{
	struct tree_check *trees = ctx;

	(void)err;
	if (time_is_strange(node->mtime_ns))
		report_path(trees, HF_LOG_WARNING, path, "its time lies outside the years 1678 to 2261");
	if (node->type == NODE_FILE)
		check_content(trees, path, node);
	else if (node->type == NODE_DIR && is_zero(&node->subtree))
		report_path(trees, HF_LOG_ERROR, path, "a directory without a tree");
	else if (node->type == NODE_SYMLINK && node->link_target_size == 0)
		report_path(trees, HF_LOG_ERROR, path, "a symbolic link without a target");
	return HF_OK;
}

static int
leave_tree(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	(void)ctx;
	(void)directory;
	(void)err;
	return HF_OK;
}

static int
failed_tree(void *ctx, const struct walk_directory *directory, const struct hf_error *why, struct hf_error *err)
{
	char msg[sizeof(why->msg) + 80];

	if (check_is_fatal(why->code)) {
		if (err != NULL)
			*err = *why;
		return why->code;
	}
	(void)snprintf(msg, sizeof(msg), "the directory, and all below it that is not named here, is damaged: %s",
	    why->msg);
	report_path(ctx, HF_LOG_ERROR, directory->path, msg);
	return HF_OK;
}

static int
check_trees(struct check *check, const struct buffer *snapshots, struct hf_error *err)
{
	static const struct walk_ops ops = {enter_tree, check_node, leave_tree, failed_tree};
	struct checked_snapshot snapshot;
	char hex[HASH_HEX_SIZE];
	struct tree_check trees = {check, hex};
	size_t at;
	int r = HF_OK;

	for (at = 0; r == HF_OK && at < snapshots->size; at += sizeof(snapshot)) {
		memcpy(&snapshot, snapshots->data + at, sizeof(snapshot));
		hex_encode(snapshot.id.bytes, HASH_SIZE, hex);
		struct walk_directory start = {"/", "", snapshot.tree, 0, 0, 0};
		r = repository_walk(check->repository, &start, &ops, &trees, err);
	}
	return r;
}

/* ---- all of it ---- */

static void
report_index(void *ctx, int level, const char *path, const char *msg)
{
	check_report(ctx, level, path, "%s; what only it names counts as missing", msg);
}

static int
check_all(struct check *check, struct hf_error *err)
{
	struct buffer snapshots = BUFFER_INIT(LISTING_MAX);
	int r;

	r = check_objects(check, HF_OBJECT_KEY, err);
	if (r == HF_OK)
		r = check_objects(check, HF_OBJECT_LOCK, err);
	/* Snapshots before the index: then the index has what they need. */
	if (r == HF_OK)
		r = check_snapshots(check, &snapshots, err);
	if (r == HF_OK)
		r = index_load_readable(check->repository, HF_LOG_ERROR, report_index, check, err);
	if (r == HF_OK)
		r = check_packs(check, err);
	if (r == HF_OK)
		r = check_trees(check, &snapshots, err);
	buffer_release(&snapshots);
	return r;
}

int
repository_check(struct repository *repository, bool read_data, repository_report_fn report, void *ctx,
    struct check_stats *ret, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct check check;
	int r;

	memset(&check, 0, sizeof(check));
	check.repository = repository;
	check.report = report;
	check.report_ctx = ctx;
	check.read_data = read_data;
	r = compressor_new(&check.compressor, &why);
	if (r == HF_OK)
		r = check_all(&check, &why);
	if (r == HF_OK && check.stats.errors > 0)
		r = hf_error_set(&why, HF_ECORRUPT, 0, "the check found %llu error%s",
		    (unsigned long long)check.stats.errors, plural_s(check.stats.errors));
	if (r != HF_OK && err != NULL)
		*err = why;
	if (ret != NULL)
		*ret = check.stats;
	compressor_free(check.compressor);
	id_set_release(&check.bad_blobs);
	id_set_release(&check.trees);
	return r;
}

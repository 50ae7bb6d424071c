/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/plural.h"
#include "repository/repository-internal.h"
#include "repository/target.h"
#include "repository/walk.h"

#define READ_SIZE 65536u
#define LINKS_MAX ((size_t)16 << 20)

struct restore {
	struct repository *repository;
	repository_report_fn report;
	void *report_ctx;
	struct restore_stats stats;
	bool corrupt;     /* something failed because of the repository, not of the target */
	const char *path; /* what is wanted: no "/" at its end, "" for all */
	struct hash *hash;
	struct buffer blob;
	/* Symbolic links wait until everything else of their directory is there: struct link_record. */
	struct buffer links;
	int directories[WALK_DEPTH_MAX + 1];
	size_t link_starts[WALK_DEPTH_MAX + 1];
	unsigned depth; /* how many directories are open */
};

/* A link to be made; its name and its target follow, each with a NUL. */
struct link_record {
	int64_t mtime_ns;
	uint64_t name_size;
	uint64_t link_size;
};

/* ---- content ---- */

/* The sum of the pieces must be the file's size; a node that says otherwise was not written by a sane writer. */
static int
check_size(struct repository *repository, const struct node *node, struct hf_error *err)
{
	struct repository_id id;
	uint64_t sum = 0, size;
	size_t i;
	int r;

	for (i = 0; i < node->content_count; i++) {
		memcpy(id.bytes, node->content + i * HASH_SIZE, HASH_SIZE);
		r = repository_blob_size(repository, BLOB_DATA, &id, &size, err);
		if (r != HF_OK)
			return r;
		if (size > WALK_BLOB_MAX)
			return hf_error_set(err, HF_ERANGE, 0, "a piece of %llu bytes, more than %zu are not read",
			    (unsigned long long)size, WALK_BLOB_MAX);
		if (size > UINT64_MAX / 2 - sum)
			return hf_error_set(err, HF_ECORRUPT, 0, "the size of its pieces overflows");
		sum += size;
	}
	if (sum != node->size)
		return hf_error_set(err, HF_ECORRUPT, 0, "should have %llu bytes, its pieces have %llu",
		    (unsigned long long)node->size, (unsigned long long)sum);
	return HF_OK;
}

static int
push_content(struct repository *repository, const struct node *node, struct buffer *blob,
    const struct hf_sink *sink, struct hf_error *err)
{
	struct repository_id id;
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < node->content_count; i++) {
		memcpy(id.bytes, node->content + i * HASH_SIZE, HASH_SIZE);
		buffer_clear(blob);
		r = repository_load_blob(repository, BLOB_DATA, &id, blob, err);
		if (r == HF_OK)
			r = sink->write(sink->ctx, blob->data, blob->size, err);
	}
	return r;
}

int
repository_dump(struct repository *repository, const struct node *node, const struct hf_sink *sink,
    struct hf_error *err)
{
	struct buffer blob = BUFFER_INIT(WALK_BLOB_MAX);
	int r;

	if (node->type != NODE_FILE)
		return hf_error_set(err, HF_EINVAL, 0, "not a file");
	r = check_size(repository, node, err);
	if (r == HF_OK)
		r = push_content(repository, node, &blob, sink, err);
	buffer_release(&blob);
	return r;
}

static int
write_to_file(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	const int *fd = ctx;

	return path_write_all(*fd, data, (size_t)size, "writing", err);
}

/* ---- files ---- */

/* Adds exactly size bytes of the file to the hash; false: fewer there, or they cannot be read. */
static bool
hash_file_part(struct hash *hash, int fd, uint64_t size)
{
	uint8_t part[READ_SIZE];
	ssize_t n;

	while (size > 0) {
		n = read(fd, part, size < sizeof(part) ? (size_t)size : sizeof(part));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || hash_update(hash, part, (size_t)n, NULL) != HF_OK)
			return false;
		size -= (uint64_t)n;
	}
	return true;
}

/* Whether the open file holds the node's content, piece by piece. */
static bool
content_is_there(struct restore *restore, int fd, const struct node *node)
{
	struct repository_id id;
	uint8_t sum[HASH_SIZE];
	uint64_t size;
	size_t i;

	for (i = 0; i < node->content_count; i++) {
		memcpy(id.bytes, node->content + i * HASH_SIZE, HASH_SIZE);
		if (hash_reset(restore->hash, NULL) != HF_OK ||
		    repository_blob_size(restore->repository, BLOB_DATA, &id, &size, NULL) != HF_OK ||
		    !hash_file_part(restore->hash, fd, size) || hash_sum(restore->hash, sum, NULL) != HF_OK ||
		    memcmp(sum, id.bytes, HASH_SIZE) != 0)
			return false;
	}
	return true;
}

/* An earlier restore's file is left as it is; *ret_left says so. */
static int
leave_existing(struct restore *restore, int directory, const char *name, const struct node *node, bool *ret_left,
    struct hf_error *err)
{
	struct stat st;
	int64_t size;
	int fd, r;

	*ret_left = false;
	r = target_look(directory, name, &size, err);
	if (r != HF_OK || size < 0 || (uint64_t)size != node->size)
		return r;
	fd = target_openat(directory, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return HF_OK;
	/* Another name of the same file may be anywhere: it gets a file of its own. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && content_is_there(restore, fd, node)) {
		*ret_left = true;
		r = target_set_attributes(fd, node->mode & 0777, node->mtime_ns, err);
	}
	(void)close(fd);
	return r;
}

static int
write_file(struct restore *restore, int directory, const char *name, const struct node *node, struct hf_error *err)
{
	struct target_file file;
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &file.fd, write_to_file};
	int r;

	r = target_file_create(&file, directory, name, err);
	if (r != HF_OK)
		return r;
	r = push_content(restore->repository, node, &restore->blob, &sink, err);
	if (r != HF_OK) {
		target_file_discard(&file);
		return r;
	}
	return target_file_commit(&file, name, node->mode, node->mtime_ns, err);
}

static int
restore_file(struct restore *restore, const char *path, const char *name, const struct node *node,
    struct hf_error *err)
{
	int directory = restore->directories[restore->depth - 1], r;
	bool left = false;

	r = check_size(restore->repository, node, err);
	if (r == HF_OK)
		r = leave_existing(restore, directory, name, node, &left, err);
	if (r == HF_OK && !left)
		r = write_file(restore, directory, name, node, err);
	if (r == HF_OK) {
		restore->stats.files++;
		restore->stats.bytes += node->size;
		restore->report(restore->report_ctx, HF_LOG_INFO, path, left ? "already there" : "restored");
	}
	return r;
}

static int
keep_link(struct restore *restore, const struct node *node, struct hf_error *err)
{
	struct link_record record = {node->mtime_ns, node->name_size, node->link_target_size};

	if (node->link_target_size == 0 || memchr(node->link_target, 0, node->link_target_size) != NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a symbolic link without a usable target");
	buffer_append(&restore->links, &record, sizeof(record));
	buffer_append(&restore->links, node->name, node->name_size);
	buffer_append_byte(&restore->links, 0);
	buffer_append(&restore->links, node->link_target, node->link_target_size);
	buffer_append_byte(&restore->links, 0);
	return buffer_status(&restore->links, "list of symbolic links", err);
}

/* ---- the walk ---- */

/* Whether path is what is wanted, or lies below it. */
static bool
is_wanted(const struct restore *restore, const char *path)
{
	size_t size = strlen(restore->path);

	return strncmp(path, restore->path, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

/* Whether a directory is on the way to what is wanted. */
static bool
is_above(const struct restore *restore, const char *path)
{
	size_t size = strlen(path);

	return strncmp(path, restore->path, size) == 0 && restore->path[size] == '/';
}

/* Counts and tells a failure.  What would fail again for every file ends the restore instead. */
static int
note_failure(struct restore *restore, const char *path, const struct hf_error *why, struct hf_error *err)
{
	if (why->code == HF_ENOSPC)
		return hf_error_set(err, HF_ENOSPC, why->os_errno, "%s: %s; there is no room for the rest", path,
		    why->msg);
	if (why->code == HF_ENOMEM || HF_IS_TRANSIENT(why->code) || HF_IS_CONTROL(why->code)) {
		if (err != NULL)
			*err = *why;
		return why->code;
	}
	restore->stats.failed++;
	if (why->code == HF_ECORRUPT || why->code == HF_ENOTFOUND || why->code == HF_ERANGE)
		restore->corrupt = true;
	restore->report(restore->report_ctx, HF_LOG_ERROR, path, why->msg);
	return HF_OK;
}

static int
restore_node(void *ctx, const char *path, const struct node *node, struct hf_error *err)
{
	struct restore *restore = ctx;
	struct hf_error why = HF_ERROR_INIT;
	char name[PATH_COMPONENT_MAX + 1];
	int r;

	if (node->type == NODE_DIR || !is_wanted(restore, path))
		return HF_OK;
	if (node->type == NODE_OTHER) {
		restore->report(restore->report_ctx, HF_LOG_WARNING, path, "a special file: left out");
		return HF_OK;
	}
	if (node->name_size > PATH_COMPONENT_MAX)
		r = hf_error_set(&why, HF_EINVAL, 0, "a name longer than %d bytes", PATH_COMPONENT_MAX);
	else {
		memcpy(name, node->name, node->name_size);
		name[node->name_size] = '\0';
		r = node->type == NODE_FILE ? restore_file(restore, path, name, node, &why) :
		    keep_link(restore, node, &why);
	}
	return r == HF_OK ? HF_OK : note_failure(restore, path, &why, err);
}

static int
enter_directory(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	struct restore *restore = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int fd, r;

	/* The first one, the target, is open already. */
	if (directory->depth > 0) {
		if (!is_wanted(restore, directory->path) && !is_above(restore, directory->path))
			return WALK_SKIP;
		if (!target_name_is_sane(directory->name))
			r = hf_error_set(&why, HF_EINVAL, 0, "a name longer than %d bytes", PATH_COMPONENT_MAX);
		else
			r = target_enter(restore->directories[restore->depth - 1], directory->name, &fd, &why);
		if (r != HF_OK) {
			r = note_failure(restore, directory->path, &why, err);
			return r == HF_OK ? WALK_SKIP : r;
		}
		restore->directories[restore->depth++] = fd;
		restore->stats.directories++;
	}
	restore->link_starts[restore->depth - 1] = restore->links.size;
	return HF_OK;
}

/* Makes the links of the directory being left; path is the directory's. */
static int
restore_links(struct restore *restore, const char *directory_path, struct hf_error *err)
{
	size_t start = restore->link_starts[restore->depth - 1], at;
	struct hf_error why = HF_ERROR_INIT;
	struct link_record record;
	const char *name, *link;
	char *path;
	int r = HF_OK;

	for (at = start; r == HF_OK && at < restore->links.size;) {
		memcpy(&record, restore->links.data + at, sizeof(record));
		name = (const char *)restore->links.data + at + sizeof(record);
		link = name + record.name_size + 1;
		at += sizeof(record) + record.name_size + 1 + record.link_size + 1;
		path = path_join(strcmp(directory_path, "/") == 0 ? "" : directory_path, name);
		if (path == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		if (target_symlink(restore->directories[restore->depth - 1], name, link,
		    record.mtime_ns, &why) != HF_OK)
			r = note_failure(restore, path, &why, err);
		else {
			restore->stats.files++;
			restore->report(restore->report_ctx, HF_LOG_INFO, path, "restored");
		}
		free(path);
	}
	restore->links.size = start;
	return r;
}

static int
leave_directory(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	struct restore *restore = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int fd = restore->directories[restore->depth - 1], r;

	r = restore_links(restore, directory->path, err);
	if (r != HF_OK)
		return r;
	/* The mode comes last: it may forbid writing.  The target's own is left to the person. */
	r = target_sync(fd, &why);
	if (r == HF_OK && directory->depth > 0)
		r = target_set_attributes(fd, directory->mode, directory->mtime_ns, &why);
	if (r != HF_OK)
		r = note_failure(restore, directory->path, &why, err);
	if (directory->depth > 0) {
		(void)close(fd);
		restore->depth--;
	}
	return r;
}

static int
failed_directory(void *ctx, const struct walk_directory *directory, const struct hf_error *why,
    struct hf_error *err)
{
	return note_failure(ctx, directory->path, why, err);
}

static const struct walk_ops restore_ops = {enter_directory, restore_node, leave_directory, failed_directory};

/* ---- the beginning ---- */

/* A copy with one "/" before each name and nothing else, to be freed: "" for all; NULL without memory. */
static char *
plain_path(const char *path)
{
	char *out = malloc(strlen(path) + 2), *end = out;
	size_t size;

	if (out == NULL)
		return NULL;
	for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
		size = strcspn(path, "/");
		if (size != 1 || path[0] != '.') {
			*end++ = '/';
			memcpy(end, path, size);
			end += size;
		}
		path += size;
	}
	*end = '\0';
	return out;
}

/* What is asked for must be there, before anything is made. */
static int
check_wanted(struct repository *repository, const struct repository_id *tree, const char *path, struct hf_error *err)
{
	struct buffer storage = BUFFER_INIT(WALK_TREE_MAX);
	struct node node;
	int r;

	r = repository_find_node(repository, tree, path, &node, &storage, err);
	buffer_release(&storage);
	return r;
}

static int
restore_result(const struct restore *restore, struct hf_error *err)
{
	if (restore->stats.failed == 0)
		return HF_OK;
	return hf_error_set(err, restore->corrupt ? HF_ECORRUPT : HF_EIO, 0,
	    "%llu %s could not be restored and %s named above", (unsigned long long)restore->stats.failed,
	    plural(restore->stats.failed, "entry", "entries"), plural(restore->stats.failed, "is", "are"));
}

int
repository_restore(struct repository *repository, const struct snapshot *snapshot, const char *path,
    const char *target, repository_report_fn report, void *ctx, struct restore_stats *ret, struct hf_error *err)
{
	struct walk_directory start = {"/", "", snapshot->tree, 0, 0, 0};
	struct restore *restore;
	char *wanted;
	int r;

	restore = calloc(1, sizeof(*restore));
	wanted = plain_path(path);
	if (restore == NULL || wanted == NULL) {
		free(restore);
		free(wanted);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	restore->path = wanted;
	restore->repository = repository;
	restore->report = report;
	restore->report_ctx = ctx;
	restore->blob.max = WALK_BLOB_MAX;
	restore->links.max = LINKS_MAX;
	r = hash_new(&restore->hash, err);
	if (r == HF_OK)
		r = check_wanted(repository, &snapshot->tree, path, err);
	if (r == HF_OK)
		r = target_open(target, &restore->directories[0], err);
	if (r == HF_OK) {
		restore->depth = 1;
		r = repository_walk(repository, &start, &restore_ops, restore, err);
	}
	if (r == HF_OK)
		r = restore_result(restore, err);
	if (ret != NULL)
		*ret = restore->stats;
	while (restore->depth > 0)
		(void)close(restore->directories[--restore->depth]);
	buffer_release(&restore->blob);
	buffer_release(&restore->links);
	hash_free(restore->hash);
	free(wanted);
	free(restore);
	return r;
}

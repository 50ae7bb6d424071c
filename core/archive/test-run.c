/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/test-run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
must(int r, const struct hf_error *err)
{
	if (r != HF_OK) {
		(void)fprintf(stderr, "%s\n", err->msg);
		abort();
	}
}

static void
open_repository(struct test_run *run)
{
	struct hf_error err = HF_ERROR_INIT;

	must(repository_open(&run->place.storage, &run->place.options, &run->repository, &err), &err);
	must(repository_lock(run->repository, &err), &err);
	must(repository_load_index(run->repository, &err), &err);
}

void
test_run_begin(struct test_run *run)
{
	memset(run, 0, sizeof(*run));
	test_place_open(&run->place);
	(void)snprintf(run->spool, sizeof(run->spool), "%s/spool", run->place.directory);
	(void)snprintf(run->job, sizeof(run->job), "%s/job", run->place.directory);
	(void)snprintf(run->seen, sizeof(run->seen), "%s/seen", run->place.directory);
	repository_close(test_place_weak_repository(&run->place));
	open_repository(run);
}

void
test_run_end(struct test_run *run)
{
	repository_writer_close(run->writer);
	repository_close(run->repository);
	test_place_close(&run->place);
}

void
test_run_reopen(struct test_run *run)
{
	repository_writer_close(run->writer);
	run->writer = NULL;
	repository_close(run->repository);
	open_repository(run);
}

void
test_run_open_writer(struct test_run *run)
{
	struct hf_error err = HF_ERROR_INIT;

	must(repository_writer_open(run->repository, run->spool, &run->writer, &err), &err);
}

void
test_run_finish_writer(struct test_run *run)
{
	struct hf_error err = HF_ERROR_INIT;

	must(repository_writer_finish(run->writer, &err), &err);
	repository_writer_close(run->writer);
	run->writer = NULL;
}

/* ---- reading ---- */

struct list {
	struct test_run *run;
	const char *path;
	struct buffer *out;
};

static void list_tree(struct list *list, const struct repository_id *tree);

static int
list_node(void *ctx, const struct node *node, struct hf_error *err)
{
	struct list *list = ctx, below;
	char path[4096];

	(void)err;
	(void)snprintf(path, sizeof(path), "%s%.*s%s", list->path, (int)node->name_size, node->name,
	    node->type == NODE_DIR ? "/" : "");
	buffer_appendf(list->out, "%s %lld", path, (long long)node->mtime_ns);
	if (node->type == NODE_DIR) {
		buffer_append_byte(list->out, '\n');
		below = (struct list){list->run, path, list->out};
		list_tree(&below, &node->subtree);
	} else {
		buffer_appendf(list->out, " %llu\n", (unsigned long long)node->size);
	}
	return HF_OK;
}

static void
list_tree(struct list *list, const struct repository_id *tree)
{
	struct buffer blob = BUFFER_INIT((size_t)64 << 20);
	struct hf_error err = HF_ERROR_INIT;

	must(repository_load_blob(list->run->repository, BLOB_TREE, tree, &blob, &err), &err);
	must(tree_walk(blob.data, blob.size, list_node, list, &err), &err);
	buffer_release(&blob);
}

void
test_run_list(struct test_run *run, const struct repository_id *tree, struct buffer *out)
{
	struct list list = {run, "", out};

	list_tree(&list, tree);
}

static int
append(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	buffer_append(ctx, data, (size_t)size);
	return buffer_status(ctx, "a test's file", err);
}

bool
test_run_read(struct test_run *run, const struct repository_id *tree, const char *path, struct buffer *out)
{
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, out, append};
	struct buffer storage = BUFFER_INIT((size_t)1 << 20);
	struct node node;
	bool good = repository_find_node(run->repository, tree, path, &node, &storage, NULL) == HF_OK &&
	            node.type == NODE_FILE && repository_dump(run->repository, &node, &sink, NULL) == HF_OK;

	buffer_release(&storage);
	return good;
}

bool
test_run_holds(struct test_run *run, const struct repository_id *tree, const char *path, const char *text)
{
	struct buffer out = BUFFER_INIT((size_t)64 << 20);
	bool good = test_run_read(run, tree, path, &out) && out.size == strlen(text) &&
	            (out.size == 0 || memcmp(out.data, text, out.size) == 0);

	buffer_release(&out);
	return good;
}

bool
test_run_folder(struct test_run *run, const struct repository_id *tree, const char *path, struct repository_id *ret)
{
	struct buffer storage = BUFFER_INIT((size_t)1 << 20);
	struct node node;
	bool good = repository_find_node(run->repository, tree, path, &node, &storage, NULL) == HF_OK &&
	            node.type == NODE_DIR;

	if (good)
		*ret = node.subtree;
	buffer_release(&storage);
	return good;
}

bool
test_run_restic_agrees(struct test_run *run, const struct repository_id *tree)
{
	static char path[] = "/", *paths[] = {path, NULL}, *tags[] = {NULL};
	struct snapshot snapshot = {.tree = *tree, .time_ns = INT64_C(1700000001000000000), .hostname = "here",
	    .paths = paths, .tags = tags};
	struct buffer out = BUFFER_INIT(1 << 20);
	struct hf_error err = HF_ERROR_INIT;
	struct repository_id id;
	bool good = true;

	must(repository_save_snapshot(run->repository, &snapshot, &id, &err), &err);
	if (test_restic_is_there()) {
		good = test_restic(&run->place, "check --no-lock --read-data 2>&1", &out) == 0;
		if (!good)
			(void)fprintf(stderr, "%s\n", buffer_string(&out));
	}
	buffer_release(&out);
	return good;
}

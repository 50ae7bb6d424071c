/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <errno.h>

#include "repository/walk.h"

static int
write_output(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	(void)ctx;
	if (fwrite(data, 1, (size_t)size, stdout) != (size_t)size)
		return hf_error_set(err, HF_EIO, errno, "cannot write to standard output: %s", strerror(errno));
	return HF_OK;
}

static int
dump_file(struct session *session, const char *name, const char *path, struct hf_error *err)
{
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, NULL, write_output};
	struct buffer storage = BUFFER_INIT(WALK_TREE_MAX);
	struct snapshot snapshot;
	struct node node;
	int r;

	r = repository_find_snapshot(session->repository, name, &snapshot, err);
	if (r != HF_OK)
		return r;
	r = session_load_index(session, err);
	if (r == HF_OK)
		r = repository_find_node(session->repository, &snapshot.tree, path, &node, &storage, err);
	if (r == HF_OK && node.type != NODE_FILE)
		r = hf_error_set(err, HF_EINVAL, 0, "%s: not a file; restore takes directories", path);
	if (r == HF_OK)
		r = repository_dump(session->repository, &node, &sink, err);
	buffer_release(&storage);
	snapshot_release(&snapshot);
	return r;
}

static int
dump_run(int argc, char **argv)
{
	struct hf_error err = HF_ERROR_INIT;
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_dump, COMMON_REPOSITORY, NULL, 2, 2, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	status = session_open(&session, &common, SESSION_LOCK);
	if (status == STATUS_DONE && dump_file(&session, argv[1], argv[2], &err) != HF_OK)
		status = session_error(&err);
	session_close(&session);
	return status;
}

const struct command command_dump = {"dump", "[-c FILE] [-r NAME] SNAPSHOT FILE",
    "Write a file of a snapshot to standard output", dump_run};

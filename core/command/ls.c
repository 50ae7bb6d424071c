/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/time.h"
#include "repository/walk.h"

struct ls {
	bool json, longer;
	bool damaged;
	struct buffer out;
};

static const char *
type_name(enum node_type type)
{
	switch (type) {
	case NODE_FILE:
		return "file";
	case NODE_DIR:
		return "dir";
	case NODE_SYMLINK:
		return "symlink";
	default:
		return "other";
	}
}

static int
put_json(struct ls *ls, const char *path, const struct node *node)
{
	struct buffer *out = &ls->out;
	char time[TIME_RFC3339_SIZE];

	(void)time_format(node->mtime_ns, time);
	buffer_append_string(out, "{");
	common_json_string(out, "path", path, strlen(path));
	common_json_string(out, "name", node->name, node->name_size);
	common_json_string(out, "type", type_name(node->type), strlen(type_name(node->type)));
	if (node->type == NODE_FILE)
		buffer_appendf(out, ",\"size\":%" PRIu64, node->size);
	if (node->type == NODE_SYMLINK)
		common_json_string(out, "linktarget", node->link_target, node->link_target_size);
	buffer_appendf(out, ",\"mode\":%u", (unsigned)node->mode);
	common_json_string(out, "mtime", time, strlen(time));
	buffer_append_string(out, "}\n");
	return common_flush(out) == STATUS_DONE ? HF_OK : HF_ESTOP;
}

static void
put_mode(const struct node *node)
{
	static const char letters[] = "rwxrwxrwx";
	char out[11] = "?---------";
	unsigned i;

	out[0] = node->type == NODE_DIR ? 'd' : node->type == NODE_SYMLINK ? 'l' : node->type == NODE_FILE ? '-' : '?';
	for (i = 0; i < 9; i++)
		out[i + 1] = (node->mode & (0400u >> i)) != 0 ? letters[i] : '-';
	(void)fputs(out, stdout);
}

static int
put_line(const struct ls *ls, const char *path, const struct node *node)
{
	char time[COMMON_TIME_SIZE];

	if (ls->longer) {
		put_mode(node);
		(void)printf(" %12" PRIu64 " %s ", node->type == NODE_FILE ? node->size : 0,
		    common_time(node->mtime_ns, time));
	}
	common_put(stdout, path, strlen(path));
	if (ls->longer && node->type == NODE_SYMLINK) {
		(void)fputs(" -> ", stdout);
		common_put(stdout, node->link_target, node->link_target_size);
	}
	(void)putchar('\n');
	return ferror(stdout) ? HF_ESTOP : HF_OK;
}

static int
list_node(void *ctx, const char *path, const struct node *node, struct hf_error *err)
{
	struct ls *ls = ctx;

	(void)err;
	return ls->json ? put_json(ls, path, node) : put_line(ls, path, node);
}

static int
list_enter(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	(void)ctx;
	(void)directory;
	(void)err;
	return HF_OK;
}

static int
list_failed(void *ctx, const struct walk_directory *directory, const struct hf_error *why, struct hf_error *err)
{
	struct ls *ls = ctx;

	if (why->code == HF_ENOMEM || HF_IS_TRANSIENT(why->code) || HF_IS_CONTROL(why->code)) {
		*err = *why;
		return why->code;
	}
	common_message("%s: %s", directory->path, why->msg);
	ls->damaged = true;
	return HF_OK;
}

static const struct walk_ops ls_ops = {list_enter, list_node, list_enter, list_failed};

/* The path without "/" at its end, and with one before it; to be freed. */
static char *
plain_path(const char *path)
{
	size_t size = strlen(path);
	char *out = malloc(size + 2);

	while (size > 0 && path[size - 1] == '/')
		size--;
	if (out != NULL)
		(void)snprintf(out, size + 2, "%s%.*s", path[0] == '/' || size == 0 ? "" : "/", (int)size, path);
	return out;
}

static int
list_path(struct session *session, struct ls *ls, const struct repository_id *tree, const char *path,
    struct hf_error *err)
{
	struct buffer storage = BUFFER_INIT(WALK_TREE_MAX);
	struct walk_directory start = {.name = "", .depth = 0};
	char *plain = plain_path(path);
	struct node node;
	int r;

	if (plain == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = repository_find_node(session->repository, tree, plain, &node, &storage, err);
	if (r == HF_OK && node.type != NODE_DIR)
		r = list_node(ls, plain, &node, err);
	else if (r == HF_OK) {
		start.path = plain[0] == '\0' ? "/" : plain;
		start.tree = node.subtree;
		r = repository_walk(session->repository, &start, &ls_ops, ls, err);
	}
	buffer_release(&storage);
	free(plain);
	return r;
}

static int
list(struct session *session, struct ls *ls, const char *name, const char *path)
{
	struct hf_error err = HF_ERROR_INIT;
	struct snapshot snapshot;
	int r;

	r = repository_find_snapshot(session->repository, name, &snapshot, &err);
	if (r != HF_OK)
		return session_error(&err);
	r = session_load_index(session, &err);
	if (r == HF_OK)
		r = list_path(session, ls, &snapshot.tree, path, &err);
	snapshot_release(&snapshot);
	buffer_release(&ls->out);
	if (r == HF_ESTOP)
		return STATUS_FAILED;
	if (r != HF_OK)
		return session_error(&err);
	return ls->damaged ? STATUS_FAILED : STATUS_DONE;
}

static int
ls_run(int argc, char **argv)
{
	struct ls ls = {.out = BUFFER_INIT((size_t)16 << 20)};
	const struct command_option options[] = {
	    {"long", 'l', NULL, "mode, size and time too", &ls.longer}, {NULL, 0, NULL, NULL, NULL}};
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_ls, COMMON_JSON | COMMON_REPOSITORY, options, 0, 2, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	ls.json = common.json;
	status = session_open(&session, &common, SESSION_LOCK);
	if (status == STATUS_DONE)
		status = list(&session, &ls, argc > 1 ? argv[1] : "latest", argc > 2 ? argv[2] : "/");
	session_close(&session);
	return status;
}

const struct command command_ls = {"ls", "[-c FILE] [-r NAME] [-l] [--json] [SNAPSHOT [PATH]]",
    "List what is in a snapshot", ls_run};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/contacts.h"

#include <inttypes.h>

#include "base/plural.h"

struct restore {
	const char *target, *include;
	bool json, verbose;
	bool broken_output;
};

static const char *
level_name(int level)
{
	return level == HF_LOG_ERROR ? "error" : level == HF_LOG_WARNING ? "warning" : "info";
}

static void
report(void *ctx, int level, const char *path, const char *msg)
{
	struct restore *restore = ctx;
	struct buffer out = BUFFER_INIT((size_t)1 << 20);

	if (level >= HF_LOG_INFO && !restore->verbose)
		return;
	if (restore->json) {
		buffer_append_string(&out, "{");
		common_json_string(&out, "type", level_name(level), strlen(level_name(level)));
		common_json_string(&out, "path", path, strlen(path));
		common_json_string(&out, "message", msg, strlen(msg));
		buffer_append_string(&out, "}\n");
		restore->broken_output |= common_flush(&out) != STATUS_DONE;
	} else
		common_message("%s%s: %s", level == HF_LOG_WARNING ? "warning: " : "", path, msg);
	buffer_release(&out);
}

static int
print_result(const struct restore *restore, const struct restore_stats *stats)
{
	char size[COMMON_SIZE_SIZE];

	if (restore->json)
		(void)printf("{\"type\":\"summary\",\"files\":%" PRIu64 ",\"directories\":%" PRIu64
		             ",\"bytes\":%" PRIu64
		             ",\"failed\":%" PRIu64 "}\n",
		    stats->files, stats->directories, stats->bytes, stats->failed);
	else
		(void)printf("restored %" PRIu64 " file%s in %" PRIu64 " director%s, %s; %" PRIu64 " failed\n",
		    stats->files, plural_s(stats->files), stats->directories, plural(stats->directories, "y", "ies"),
		    common_size(stats->bytes, size), stats->failed);
	return restore->broken_output ? STATUS_FAILED : STATUS_DONE;
}

/* Once more with the packs' own headers where the repository's damage lost something: files that are there stay. */
static int
restore_all(struct session *session, struct restore *restore, const struct snapshot *snapshot,
    struct restore_stats *stats, struct hf_error *err)
{
	uint64_t added = 0;
	int r;

	r = session_load_index(session, err);
	if (r != HF_OK)
		return r;
	r = repository_restore(session->repository, snapshot, restore->include, restore->target, report, restore,
	    stats, err);
	if (r != HF_ECORRUPT || session_salvage_index(session, &added, NULL) != HF_OK || added == 0)
		return r;
	return repository_restore(session->repository, snapshot, restore->include, restore->target, report, restore,
	    stats, err);
}

static int
restore_snapshot(struct session *session, struct restore *restore, const char *name)
{
	struct restore_stats stats = {0, 0, 0, 0};
	struct hf_error err = HF_ERROR_INIT;
	struct snapshot snapshot;
	int r, status;

	r = repository_find_snapshot(session->repository, name, &snapshot, &err);
	if (r != HF_OK)
		return session_error(&err);
	r = restore_all(session, restore, &snapshot, &stats, &err);
	snapshot_release(&snapshot);
	if (r != HF_OK && stats.failed == 0)
		return session_error(&err);
	status = print_result(restore, &stats);
	if (r != HF_OK) {
		status = session_error(&err);
		if (status == STATUS_FAILED && stats.files > 0)
			status = STATUS_PARTIAL;
	}
	return status;
}

static int
restore_run(int argc, char **argv)
{
	struct restore restore = {.include = NULL};
	struct contacts_request contacts = {.to = NULL};
	const struct command_option options[] = {
	    {"target", 't', "DIRECTORY", "where to; it is made when missing", &restore.target},
	    {"include", 'i', "PATH", "only this file or directory of the snapshot", &restore.include},
	    {"contacts-to", 0, "ACCOUNT", "tell which cards would be put back into the account", &contacts.to},
	    {"contacts-from", 0, "ACCOUNT", "of this account in the snapshot, not the same", &contacts.from},
	    {"yes", 'y', NULL, "put the cards back", &contacts.yes}, {NULL, 0, NULL, NULL, NULL}};
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_restore, COMMON_JSON | COMMON_REPOSITORY, options, 0, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	contacts.snapshot = argc > 1 ? argv[1] : "latest";
	if (contacts.to != NULL && (restore.target != NULL || restore.include != NULL)) {
		common_message("restore: --contacts-to goes without --target and --include");
		return STATUS_USAGE;
	}
	if (contacts.to != NULL)
		return contacts_restore(&common, &contacts);
	if (contacts.from != NULL || contacts.yes) {
		common_message("restore: --contacts-from and --yes go with --contacts-to ACCOUNT");
		return STATUS_USAGE;
	}
	if (restore.target == NULL || restore.target[0] == '\0') {
		common_message("restore: say where to with --target DIRECTORY or --contacts-to ACCOUNT");
		return STATUS_USAGE;
	}
	if (restore.include == NULL)
		restore.include = "/";
	restore.json = common.json;
	restore.verbose = common.verbose;
	status = session_open(&session, &common, SESSION_LOCK);
	if (status == STATUS_DONE)
		status = restore_snapshot(&session, &restore, contacts.snapshot);
	session_close(&session);
	return status;
}

const struct command command_restore = {"restore",
    "[-c FILE] [-r NAME] [-v] [--json] [--include PATH] --target DIRECTORY [SNAPSHOT]\n"
    "       holdfast restore [-c FILE] [-r NAME] [-v] [--json] --contacts-to ACCOUNT\n"
    "           [--contacts-from ACCOUNT] [--yes] [SNAPSHOT]",
    "Restore a snapshot, whole or in part", restore_run};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <inttypes.h>

#include "base/plural.h"

struct check {
	bool read_data, accept_removed, json;
	bool broken_output;
};

static const char *
level_name(int level)
{
	return level == HF_LOG_ERROR ? "error" : level == HF_LOG_WARNING ? "warning" : "note";
}

/* Problems are the result, so they go to standard output. */
static void
report(void *ctx, int level, const char *path, const char *msg)
{
	struct check *check = ctx;
	struct buffer out = BUFFER_INIT((size_t)1 << 20);

	if (check->json) {
		buffer_append_string(&out, "{");
		common_json_string(&out, "type", level_name(level), strlen(level_name(level)));
		common_json_string(&out, "object", path, strlen(path));
		common_json_string(&out, "message", msg, strlen(msg));
		buffer_append_string(&out, "}\n");
		check->broken_output |= common_flush(&out) != STATUS_DONE;
	} else {
		(void)printf("%s: ", level_name(level));
		common_put(stdout, path, strlen(path));
		(void)fputs(": ", stdout);
		common_put(stdout, msg, strlen(msg));
		(void)putchar('\n');
	}
	buffer_release(&out);
}

static void
print_result(const struct check *check, const struct check_stats *stats)
{
	if (check->json)
		(void)printf("{\"type\":\"summary\",\"packs\":%" PRIu64 ",\"blobs\":%" PRIu64 ",\"snapshots\":%" PRIu64
		             ",\"trees\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"warnings\":%" PRIu64
		             ",\"read_data\":%s}\n",
		    stats->packs, stats->blobs, stats->snapshots, stats->trees, stats->errors, stats->warnings,
		    check->read_data ? "true" : "false");
	else
		(void)printf("checked %" PRIu64 " snapshot%s, %" PRIu64 " tree%s, %" PRIu64 " pack%s with %" PRIu64
		             " blob%s%s: %" PRIu64 " error%s, %" PRIu64 " warning%s\n",
		    stats->snapshots, plural_s(stats->snapshots), stats->trees, plural_s(stats->trees), stats->packs,
		    plural_s(stats->packs), stats->blobs, plural_s(stats->blobs),
		    check->read_data ? ", all data read" : "", stats->errors, plural_s(stats->errors),
		    stats->warnings, plural_s(stats->warnings));
}

static int
check_repository(struct session *session, struct check *check)
{
	struct check_stats stats = {0, 0, 0, 0, 0, 0};
	struct hf_error err = HF_ERROR_INIT;
	uint64_t forgotten;
	int r;

	if (check->accept_removed) {
		if (repository_forget_missing(session->repository, &forgotten, &err) != HF_OK)
			return session_error(&err);
		common_message("%" PRIu64 " snapshot%s gone %s no longer expected", forgotten,
		    plural(forgotten, " that is", "s that are"), plural(forgotten, "is", "are"));
	}
	r = repository_check(session->repository, check->read_data, report, check, &stats, &err);
	if (r != HF_OK && stats.errors == 0)
		return session_error(&err);
	if (HF_IS_CONTROL(r) || HF_IS_TRANSIENT(r))
		return session_error(&err);
	print_result(check, &stats);
	return r != HF_OK || check->broken_output ? STATUS_FAILED : STATUS_DONE;
}

static int
check_run(int argc, char **argv)
{
	struct check check = {false, false, false, false};
	const struct command_option options[] = {
	    {"read-data", 0, NULL, "read all packs and open all that is in them", &check.read_data},
	    {"accept-removed", 0, NULL, "snapshots that are gone were removed on purpose", &check.accept_removed},
	    {NULL, 0, NULL, NULL, NULL}};
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_check, COMMON_JSON | COMMON_REPOSITORY, options, 0, 0, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	check.json = common.json;
	status = session_open(&session, &common, SESSION_LOCK);
	if (status == STATUS_DONE)
		status = check_repository(&session, &check);
	session_close(&session);
	return status;
}

const struct command command_check = {"check", "[-c FILE] [-r NAME] [--read-data] [--accept-removed] [--json]",
    "Check a repository; deletes and repairs nothing", check_run};

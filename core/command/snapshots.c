/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include "base/json.h"
#include "base/time.h"

struct snapshots {
	bool json;
	uint64_t count;
	const char *tag; /* only those that carry it; NULL: all */
	struct buffer out;
};

static void
put_list(struct buffer *out, const char *name, char *const *list)
{
	size_t i;

	buffer_appendf(out, ",\"%s\":[", name);
	for (i = 0; list != NULL && list[i] != NULL; i++) {
		if (i > 0)
			buffer_append_byte(out, ',');
		json_put_string(out, list[i], strlen(list[i]));
	}
	buffer_append_byte(out, ']');
}

static void
put_json(struct snapshots *snapshots, const struct snapshot *snapshot)
{
	struct buffer *out = &snapshots->out;
	char hex[HASH_HEX_SIZE], time[TIME_RFC3339_SIZE];

	hex_encode(snapshot->id.bytes, HASH_SIZE, hex);
	(void)time_format(snapshot->time_ns, time);
	buffer_append_string(out, snapshots->count > 0 ? ",\n{" : "{");
	common_json_string(out, "id", hex, HASH_HEX_SIZE - 1);
	common_json_string(out, "short_id", hex, 8);
	common_json_string(out, "time", time, strlen(time));
	common_json_string(out, "hostname", snapshot->hostname, strlen(snapshot->hostname));
	common_json_string(out, "username", snapshot->username, strlen(snapshot->username));
	common_json_string(out, "program_version", snapshot->program_version, strlen(snapshot->program_version));
	hex_encode(snapshot->tree.bytes, HASH_SIZE, hex);
	common_json_string(out, "tree", hex, HASH_HEX_SIZE - 1);
	if (snapshot->has_parent) {
		hex_encode(snapshot->parent.bytes, HASH_SIZE, hex);
		common_json_string(out, "parent", hex, HASH_HEX_SIZE - 1);
	}
	put_list(out, "paths", snapshot->paths);
	put_list(out, "tags", snapshot->tags);
	buffer_append_byte(out, '}');
}

static void
put_line(const struct snapshots *snapshots, const struct snapshot *snapshot)
{
	char hex[HASH_HEX_SIZE], time[COMMON_TIME_SIZE];
	size_t i;

	if (snapshots->count == 0)
		(void)printf("%-8s  %-19s  %-16s  %s\n", "ID", "TIME", "HOST", "TAGS");
	hex_encode(snapshot->id.bytes, HASH_SIZE, hex);
	(void)printf("%.8s  %-19s  ", hex, common_time(snapshot->time_ns, time));
	common_put(stdout, snapshot->hostname, strlen(snapshot->hostname));
	for (i = strlen(snapshot->hostname); i < 16; i++)
		(void)putchar(' ');
	(void)printf("  ");
	for (i = 0; snapshot->tags != NULL && snapshot->tags[i] != NULL; i++) {
		if (i > 0)
			(void)putchar(',');
		common_put(stdout, snapshot->tags[i], strlen(snapshot->tags[i]));
	}
	(void)putchar('\n');
}

static bool
has_tag(const struct snapshot *snapshot, const char *tag)
{
	size_t i;

	for (i = 0; snapshot->tags != NULL && snapshot->tags[i] != NULL; i++) {
		if (strcmp(snapshot->tags[i], tag) == 0)
			return true;
	}
	return false;
}

static int
show_snapshot(void *ctx, const struct snapshot *snapshot, struct hf_error *err)
{
	struct snapshots *snapshots = ctx;

	(void)err;
	if (snapshots->tag != NULL && !has_tag(snapshot, snapshots->tag))
		return HF_OK;
	if (snapshots->json) {
		put_json(snapshots, snapshot);
		if (common_flush(&snapshots->out) != STATUS_DONE)
			return HF_ESTOP;
	} else
		put_line(snapshots, snapshot);
	snapshots->count++;
	return HF_OK;
}

static int
show_all(struct session *session, struct snapshots *snapshots)
{
	struct hf_error err = HF_ERROR_INIT;
	int r;

	if (snapshots->json)
		(void)putchar('[');
	r = repository_list_snapshots(session->repository, show_snapshot, snapshots, &err);
	if (snapshots->json)
		(void)puts("]");
	buffer_release(&snapshots->out);
	if (r == HF_ESTOP)
		return STATUS_FAILED;
	if (r != HF_OK)
		return session_error(&err);
	if (snapshots->count == 0 && !snapshots->json && snapshots->tag != NULL)
		common_message("no snapshot has the tag %s", snapshots->tag);
	else if (snapshots->count == 0 && !snapshots->json)
		common_message("no snapshots yet");
	return STATUS_DONE;
}

static int
snapshots_run(int argc, char **argv)
{
	struct snapshots snapshots = {.out = BUFFER_INIT((size_t)16 << 20)};
	const struct command_option options[] = {
	    {"tag", 0, "TAG", "only snapshots with this tag", &snapshots.tag}, {NULL, 0, NULL, NULL, NULL}};
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_snapshots, COMMON_JSON | COMMON_REPOSITORY, options, 0, 0, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	snapshots.json = common.json;
	status = session_open(&session, &common, 0);
	if (status == STATUS_DONE)
		status = show_all(&session, &snapshots);
	session_close(&session);
	return status;
}

const struct command command_snapshots = {"snapshots", "[-c FILE] [-r NAME] [--tag TAG] [--json]",
    "List the snapshots, oldest first", snapshots_run};

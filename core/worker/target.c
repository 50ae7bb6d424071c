/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/target.h"

#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "supervisor/channel.h"
#include "supervisor/state.h"

#define CHECKPOINT_NS    (5 * INT64_C(1000000000))
#define CHECKPOINT_BYTES (16u << 20)
#define PASSWORD_MAX     4096u
#define MANIFEST_MAX     (16u << 20)

/* ---- the storage ---- */

static int
go_on(void *ctx, bool writing, struct hf_error *err)
{
	struct target *target = ctx;

	/* Without a supervisor nobody would know of it, and another one may be about to start. */
	if (writing && channel_gone(target->channel))
		return hf_error_set(err, HF_ESTOPPING, 0, "the supervisor is gone");
	return HF_OK;
}

static void
stored(void *ctx, uint64_t bytes)
{
	struct target *target = ctx;

	target->transferred += bytes;
}

static int
open_storage(struct target *target, const struct target_request *request, struct hf_error *err)
{
	const struct config_repository *described = request->plan->repository;
	const struct instance_request what = {HF_KIND_STORAGE, described->storage, described->name,
	    {request->config->file, request->config->folder, described->mark}, &described->options};
	int r = instance_open(request->registry, &what, request->services, &target->storage, err);

	target->guard = (struct storage_guard){&target->storage, target, go_on, stored};
	target->guarded = (struct repository_storage){&storage_guard_ops, &target->guard};
	return r;
}

/* ---- the repository ---- */

static int
open_repository(struct target *target, const char *cache, struct hf_error *err)
{
	const struct config_repository *described = target->plan->repository;
	struct buffer password = BUFFER_INIT(PASSWORD_MAX);
	struct repository_options options = {cache, NULL, 0};
	int r = secret_read(&described->password, &password, err);

	if (r == HF_ENOTFOUND && err != NULL)
		err->code = HF_EINVAL;
	if (r == HF_ENOTFOUND)
		r = HF_EINVAL;
	if (r == HF_OK) {
		options.password = (const char *)password.data;
		options.password_size = password.size;
		r = repository_open(&target->guarded, &options, &target->repository, err);
	}
	buffer_wipe(&password);
	return r == HF_OK ? repository_lock(target->repository, err) : r;
}

/* What the newest snapshot tells of itself; a strange one is as good as none. */
static void
read_manifest(struct target *target)
{
	struct buffer text = BUFFER_INIT(MANIFEST_MAX);
	struct hf_error err = HF_ERROR_INIT;
	int r = archive_previous(target->archive, "/holdfast.json", &text, &err);

	if (r == HF_OK)
		r = json_parse(text.data, text.size, "/holdfast.json of the newest snapshot", &target->manifest, &err);
	if (r != HF_OK && r != HF_ENOTFOUND)
		log_message(HF_LOG_WARNING, "%s", err.msg);
	buffer_release(&text);
}

static int
find_previous(struct target *target, struct hf_error *err)
{
	int r = repository_newest_snapshot(target->repository, target->tag, &target->previous, err);

	target->has_previous = r == HF_OK;
	return r == HF_ENOTFOUND ? HF_OK : r;
}

static int
open_archive(struct target *target, const char *cache, struct hf_error *err)
{
	char hex[HASH_HEX_SIZE], *spool = path_join(target->directory, "spool"), *seen = NULL;
	char *own = NULL;
	struct archive_options options = {target->directory, NULL, target->has_previous ? &target->previous : NULL};
	int r = HF_ENOMEM;

	hex_encode(repository_id(target->repository)->bytes, HASH_SIZE, hex);
	own = path_join(cache, hex);
	seen = own == NULL ? NULL : path_join(own, "seen");
	options.seen_directory = seen;
	if (spool == NULL || seen == NULL)
		(void)hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	else
		r = repository_writer_open(target->repository, spool, &target->writer, err);
	if (r == HF_OK)
		r = archive_open(target->repository, target->writer, &options, &target->archive, err);
	free(spool);
	free(own);
	free(seen);
	return r;
}

static int
find_places(struct target *target, const struct target_request *request, char **ret_cache, struct hf_error *err)
{
	char *jobs = path_join(request->state_directory, "jobs");
	size_t size = strlen(request->plan->name) + sizeof("plan=");

	target->directory = jobs == NULL ? NULL : path_join(jobs, request->job->id);
	free(jobs);
	*ret_cache = path_join(request->state_directory, "cache");
	target->tag = malloc(size);
	if (target->directory == NULL || *ret_cache == NULL || target->tag == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	(void)snprintf(target->tag, size, "plan=%s", request->plan->name);
	return path_make_directories(target->directory, err);
}

int
target_open(struct target *target, const struct target_request *request, struct hf_error *err)
{
	char *cache = NULL;
	int r;

	memset(target, 0, sizeof(*target));
	target->channel = request->channel;
	target->job = request->job;
	target->plan = request->plan;
	target->checkpoint_at = time_boot();
	r = find_places(target, request, &cache, err);
	if (r == HF_OK)
		r = open_storage(target, request, err);
	if (r == HF_OK)
		r = open_repository(target, cache, err);
	/* In this order: what a snapshot needs was in the index before the snapshot was there. */
	if (r == HF_OK)
		r = find_previous(target, err);
	if (r == HF_OK)
		r = repository_load_index(target->repository, err);
	if (r == HF_OK)
		r = open_archive(target, cache, err);
	if (r == HF_OK && target->has_previous)
		read_manifest(target);
	free(cache);
	return r;
}

bool
target_is_done(const struct target *target)
{
	const char *job = NULL;

	return target->manifest != NULL &&
	       json_get_string(target->manifest, "job", "/holdfast.json", &job, NULL) == HF_OK &&
	       strcmp(job, target->job->id) == 0;
}

void
target_close(struct target *target)
{
	archive_close(target->archive);
	repository_writer_close(target->writer);
	if (target->has_previous)
		snapshot_release(&target->previous);
	repository_close(target->repository);
	instance_close(&target->storage);
	json_object_put(target->manifest);
	free(target->directory);
	free(target->tag);
	memset(target, 0, sizeof(*target));
}

/* ---- checkpoints ---- */

uint64_t
target_stored(const struct target *target)
{
	struct repository_writer_stats stats;

	repository_writer_stats(target->writer, &stats);
	return stats.bytes_stored;
}

int
target_checkpoint(struct target *target, struct hf_error *err)
{
	int r;

	if (channel_gone(target->channel))
		return hf_error_set(err, HF_ESTOPPING, 0, "the supervisor is gone");
	r = archive_checkpoint(target->archive, err);
	if (r != HF_OK)
		return r;
	target->checkpoint_at = time_boot();
	target->checkpoint_stored = target_stored(target);
	return channel_checkpoint(target->channel, NULL, err);
}

int
target_tick(struct target *target, struct hf_error *err)
{
	if (time_boot() - target->checkpoint_at < CHECKPOINT_NS &&
	    target_stored(target) - target->checkpoint_stored < CHECKPOINT_BYTES)
		return HF_OK;
	return target_checkpoint(target, err);
}

/* ---- the end ---- */

static void
set_origin(struct snapshot *snapshot)
{
	const struct passwd *user = getpwuid(geteuid());

	if (gethostname(snapshot->hostname, sizeof(snapshot->hostname)) != 0)
		snapshot->hostname[0] = '\0';
	snapshot->hostname[sizeof(snapshot->hostname) - 1] = '\0';
	if (user != NULL)
		(void)snprintf(snapshot->username, sizeof(snapshot->username), "%s", user->pw_name);
	(void)snprintf(snapshot->program_version, sizeof(snapshot->program_version), "holdfast %s", PACKAGE_VERSION);
}

int
target_finish(struct target *target, struct repository_id *ret, struct hf_error *err)
{
	char root[] = "/", own[] = "holdfast";
	char *paths[] = {root, NULL}, *tags[] = {own, target->tag, NULL};
	struct snapshot snapshot;
	int r;

	memset(&snapshot, 0, sizeof(snapshot));
	r = archive_finish(target->archive, &snapshot.tree, err);
	if (r == HF_OK)
		r = repository_writer_finish(target->writer, err);
	if (r != HF_OK)
		return r;
	snapshot.has_parent = target->has_previous;
	if (target->has_previous)
		snapshot.parent = target->previous.id;
	snapshot.time_ns = time_now();
	snapshot.paths = paths;
	snapshot.tags = tags;
	set_origin(&snapshot);
	return repository_save_snapshot(target->repository, &snapshot, ret, err);
}

int
target_forget(struct target *target, struct hf_error *err)
{
	archive_close(target->archive);
	target->archive = NULL;
	repository_writer_close(target->writer);
	target->writer = NULL;
	return state_forget_job(target->directory, err);
}

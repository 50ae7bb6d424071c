/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/destination.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "repository/origin.h"
#include "supervisor/channel.h"
#include "supervisor/state.h"

#define CHECKPOINT_NS    (5 * INT64_C(1000000000))
/*
 * More than a pack of 16 MiB, so that the checkpoint comes when the pack is in the storage and its bytes
 * need not be brought to the disk once more where they are spooled.
 */
#define CHECKPOINT_BYTES (18u << 20)
#define PASSWORD_MAX     4096u
#define MANIFEST_MAX     (16u << 20)

/* ---- the storage ---- */

static int
go_on(void *ctx, bool writing, struct hf_error *err)
{
	struct destination *destination = ctx;

	/* Without a supervisor nobody would know of it, and another one may be about to start. */
	if (writing && channel_gone(destination->channel))
		return hf_error_set(err, HF_ESTOPPING, 0, "the supervisor is gone");
	return HF_OK;
}

static void
stored(void *ctx, uint64_t bytes)
{
	struct destination *destination = ctx;

	destination->transferred += bytes;
}

static int
open_storage(struct destination *destination, const struct destination_request *request, struct hf_error *err)
{
	const struct config_repository *described = request->plan->repository;
	const struct instance_request what = {HF_KIND_STORAGE, described->storage, described->name,
	    {request->config->file, request->config->folder, described->mark}, &described->options, NULL};
	int r = instance_open(request->registry, &what, request->services, &destination->storage, err);

	destination->guard = (struct storage_guard){&destination->storage, destination, go_on, stored};
	destination->guarded = (struct repository_storage){&storage_guard_ops, &destination->guard};
	return r;
}

/* ---- the repository ---- */

static int
open_repository(struct destination *destination, const char *cache, struct hf_error *err)
{
	const struct config_repository *described = destination->plan->repository;
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
		r = repository_open(&destination->guarded, &options, &destination->repository, err);
	}
	buffer_wipe(&password);
	/* What is read meanwhile counts only with the first write, which waits for the lock to be proved. */
	return r == HF_OK ? repository_lock_begin(destination->repository, err) : r;
}

/* What the newest snapshot tells of itself; a strange one is as good as none. */
static void
read_manifest(struct destination *destination)
{
	struct buffer text = BUFFER_INIT(MANIFEST_MAX);
	struct hf_error err = HF_ERROR_INIT;
	int r = archive_previous(destination->archive, "/holdfast.json", &text, &err);

	if (r == HF_OK)
		r = json_parse(text.data, text.size, "/holdfast.json of the newest snapshot",
		    &destination->manifest, &err);
	if (r != HF_OK && r != HF_ENOTFOUND)
		log_message(HF_LOG_WARNING, "%s", err.msg);
	buffer_release(&text);
}

static int
find_previous(struct destination *destination, struct hf_error *err)
{
	int r = repository_newest_snapshot(destination->repository, destination->tag, &destination->previous, err);

	destination->has_previous = r == HF_OK;
	return r == HF_ENOTFOUND ? HF_OK : r;
}

/* A spool that cannot be taken up was put aside: what it held is read again. */
static int
open_writer(struct destination *destination, const char *spool, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int r = repository_writer_open(destination->repository, spool, &destination->writer, &why);

	if (r == HF_ECORRUPT) {
		log_message(HF_LOG_WARNING, "%s", why.msg);
		r = repository_writer_open(destination->repository, spool, &destination->writer, &why);
	}
	return r == HF_OK ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

static int
open_archive(struct destination *destination, const char *cache, struct hf_error *err)
{
	char hex[HASH_HEX_SIZE], *spool = path_join(destination->directory, "spool"), *seen = NULL;
	char *own = NULL;
	struct archive_options options = {destination->directory, NULL, destination->has_previous ?
	    &destination->previous : NULL};
	int r = HF_ENOMEM;

	hex_encode(repository_id(destination->repository)->bytes, HASH_SIZE, hex);
	own = path_join(cache, hex);
	seen = own == NULL ? NULL : path_join(own, "seen");
	options.seen_directory = seen;
	if (spool == NULL || seen == NULL)
		(void)hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	else
		r = open_writer(destination, spool, err);
	if (r == HF_OK)
		r = archive_open(destination->repository, destination->writer, &options, &destination->archive, err);
	free(spool);
	free(own);
	free(seen);
	return r;
}

static int
find_places(struct destination *destination, const struct destination_request *request, char **ret_cache,
    struct hf_error *err)
{
	char *jobs = path_join(request->state_directory, "jobs");
	size_t size = strlen(request->plan->name) + sizeof("plan=");

	destination->directory = jobs == NULL ? NULL : path_join(jobs, request->job->id);
	free(jobs);
	*ret_cache = path_join(request->state_directory, "cache");
	destination->tag = malloc(size);
	if (destination->directory == NULL || *ret_cache == NULL || destination->tag == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	(void)snprintf(destination->tag, size, "plan=%s", request->plan->name);
	return path_make_directories(destination->directory, err);
}

int
destination_blame(struct destination *destination, int code, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;

	if ((code != HF_ECORRUPT && code != HF_ENOTFOUND) || destination->repository == NULL ||
	    !repository_is_locked(destination->repository) ||
	    repository_lock_held(destination->repository, &why) == HF_OK)
		return code;
	return hf_error_set(err, why.code, why.os_errno, "%s", why.msg);
}

int
destination_open(struct destination *destination, const struct destination_request *request, struct hf_error *err)
{
	char *cache = NULL;
	int r;

	memset(destination, 0, sizeof(*destination));
	destination->channel = request->channel;
	destination->job = request->job;
	destination->plan = request->plan;
	destination->checkpoint_at = time_boot();
	r = find_places(destination, request, &cache, err);
	if (r == HF_OK)
		r = open_storage(destination, request, err);
	if (r == HF_OK)
		r = open_repository(destination, cache, err);
	/* In this order: what a snapshot needs was in the index before the snapshot was there. */
	if (r == HF_OK)
		r = find_previous(destination, err);
	if (r == HF_OK)
		r = repository_load_index(destination->repository, err);
	if (r == HF_OK)
		r = open_archive(destination, cache, err);
	if (r == HF_OK && destination->has_previous)
		read_manifest(destination);
	free(cache);
	return destination_blame(destination, r, err);
}

bool
destination_is_done(const struct destination *destination)
{
	const char *job = NULL;

	return destination->manifest != NULL &&
	       json_get_string(destination->manifest, "job", "/holdfast.json", &job, NULL) == HF_OK &&
	       strcmp(job, destination->job->id) == 0;
}

void
destination_close(struct destination *destination)
{
	archive_close(destination->archive);
	repository_writer_close(destination->writer);
	if (destination->has_previous)
		snapshot_release(&destination->previous);
	repository_close(destination->repository);
	instance_close(&destination->storage);
	json_object_put(destination->manifest);
	free(destination->directory);
	free(destination->tag);
	memset(destination, 0, sizeof(*destination));
}

/* ---- checkpoints ---- */

struct repository_writer_stats
destination_stats(const struct destination *destination)
{
	struct repository_writer_stats stats;

	repository_writer_stats(destination->writer, &stats);
	return stats;
}

int
destination_checkpoint(struct destination *destination, struct hf_error *err)
{
	struct repository_writer_stats stats;
	int r;

	if (channel_gone(destination->channel))
		return hf_error_set(err, HF_ESTOPPING, 0, "the supervisor is gone");
	r = archive_checkpoint(destination->archive, err);
	if (r != HF_OK)
		return r;
	destination->checkpoint_at = time_boot();
	stats = destination_stats(destination);
	destination->checkpoint_sealed = stats.bytes_sealed;
	destination->checkpoint_stored = stats.bytes_stored;
	return channel_checkpoint(destination->channel, NULL, err);
}

int
destination_tick(struct destination *destination, struct hf_error *err)
{
	struct repository_writer_stats stats = destination_stats(destination);

	if (time_boot() - destination->checkpoint_at < CHECKPOINT_NS &&
	    stats.bytes_sealed - destination->checkpoint_sealed < CHECKPOINT_BYTES &&
	    stats.bytes_stored == destination->checkpoint_stored)
		return HF_OK;
	return destination_checkpoint(destination, err);
}

/* ---- the end ---- */

static void
set_origin(struct snapshot *snapshot)
{
	(void)origin_hostname(snapshot->hostname);
	(void)origin_username(snapshot->username);
	(void)snprintf(snapshot->program_version, sizeof(snapshot->program_version), "holdfast %s", PACKAGE_VERSION);
}

/*
 * The time of the snapshot: now.  Where a clock ran ahead when the previous one was made, this one comes right
 * after it all the same, or it would never be the newest and the next run would go back behind it.
 */
static int64_t
time_after(const struct destination *destination)
{
	int64_t now = time_now(), before = destination->has_previous ? destination->previous.time_ns : 0;

	if (!destination->has_previous || now > before || before == INT64_MAX)
		return now;
	log_message(HF_LOG_WARNING, "the newest snapshot was made when a clock ran ahead of this one; the new one gets "
	    "its time, so that it is newer");
	return before + 1;
}

int
destination_finish(struct destination *destination, struct repository_id *ret, struct hf_error *err)
{
	char root[] = "/", own[] = "holdfast";
	char *paths[] = {root, NULL}, *tags[] = {own, destination->tag, NULL};
	struct snapshot snapshot;
	int r;

	memset(&snapshot, 0, sizeof(snapshot));
	r = archive_finish(destination->archive, &snapshot.tree, err);
	if (r == HF_OK)
		r = repository_writer_finish(destination->writer, err);
	if (r == HF_OK)
		r = repository_lock_prove(destination->repository, err);
	if (r != HF_OK)
		return r;
	snapshot.has_parent = destination->has_previous;
	if (destination->has_previous)
		snapshot.parent = destination->previous.id;
	snapshot.time_ns = time_after(destination);
	snapshot.paths = paths;
	snapshot.tags = tags;
	set_origin(&snapshot);
	return repository_save_snapshot(destination->repository, &snapshot, ret, err);
}

int
destination_forget(struct destination *destination, struct hf_error *err)
{
	archive_close(destination->archive);
	destination->archive = NULL;
	repository_writer_close(destination->writer);
	destination->writer = NULL;
	return state_forget_job(destination->directory, err);
}

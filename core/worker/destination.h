/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_DESTINATION_H
#define WORKER_DESTINATION_H

#include "archive/archive.h"
#include "config/config.h"
#include "job/job.h"
#include "plugin/instance.h"
#include "repository/repository.h"

struct channel;

/*
 * Where a job writes: the repository, locked and with its index; the writer and the archive of the job,
 * which go on where a killed worker left them.  Zeroed: closed.  Must not be moved while it is open.
 */
struct destination {
	struct channel *channel;
	const struct job *job;
	const struct config_plan *plan;
	struct instance storage;
	struct storage_guard guard;
	struct repository_storage guarded;
	struct repository *repository;
	struct repository_writer *writer;
	struct archive *archive;
	struct snapshot previous; /* the plan's newest one */
	bool has_previous;
	struct json_object *manifest; /* its /holdfast.json; NULL: none that can be read */
	char *directory;              /* of the job */
	char *tag;                    /* "plan=NAME" */
	uint64_t transferred;         /* bytes put into the storage */
	int64_t checkpoint_at;        /* of time_boot */
	uint64_t checkpoint_sealed;   /* bytes sealed by then */
	uint64_t checkpoint_stored;   /* bytes of packs and index stored by then */
};

struct destination_request {
	struct channel *channel;
	const struct job *job;
	const struct config *config;
	const struct config_plan *plan;
	struct registry *registry;
	const struct host_services *services;
	const char *state_directory;
};

/*
 * HF_ENOTFOUND: there is no repository.  HF_EAUTH: wrong password.  HF_EBUSY: somebody holds it alone.
 * Whatever it returns, destination_close is to be called.
 */
int destination_open(struct destination *destination, const struct destination_request *request, struct hf_error *err);
/*
 * What could not be read may be what somebody was deleting who took the repository at the same time: then HF_EBUSY
 * and who that is, otherwise code and err as they are.
 */
int destination_blame(struct destination *destination, int code, struct hf_error *err);
/* Whether the plan's newest snapshot is this job's own: a worker was killed after its last step but one. */
bool destination_is_done(const struct destination *destination);
/* Makes a checkpoint when one is due: every 5 s, after each pack stored, and after 18 MiB. */
int destination_tick(struct destination *destination, struct hf_error *err);
/* Makes one now. */
int destination_checkpoint(struct destination *destination, struct hf_error *err);
/* What this worker wrote so far. */
struct repository_writer_stats destination_stats(const struct destination *destination);
/* Writes trees, packs, index and the snapshot, in this order; the id goes to ret. */
int destination_finish(struct destination *destination, struct repository_id *ret, struct hf_error *err);
/* Removes what the job kept on this machine: after destination_finish, when nothing of it is needed any more. */
int destination_forget(struct destination *destination, struct hf_error *err);
void destination_close(struct destination *destination);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include <pthread.h>

#include "plugin/about.h"
#include "progress/progress.h"
#include "worker/result.h"
#include "worker/destination.h"
#include "worker/pace.h"

/* How many could be read, and how many could not. */
struct run_tally {
	uint64_t read, failed;
};

/* One run of a job in a worker: what all its parts share. */
struct run {
	struct channel *channel;
	const struct job *job;
	struct config *config;
	const struct config_plan *plan;
	unsigned types; /* CONFIG_CHATS | ... that are asked for */
	bool full;
	struct registry *registry;
	struct about about; /* offered to plugins */
	struct host_services services;
	char *scratch; /* folder for what outlives a crash */
	struct destination destination;
	struct result *result;
	struct progress progress;
	struct pace pace;
	struct json_object *plugins; /* names and versions of those in use */
	int64_t started_at;
	struct run_tally accounts, host; /* of all types; the machine is no account */
	struct hf_error unreadable; /* of the first account that could not be read at all; code HF_OK: none */
	pthread_t thread;        /* the one that runs the job, and alone may tell of progress */
	_Atomic uint64_t received; /* bytes over the network; of any thread */
	uint64_t told; /* failed items that were told one by one */
};

/*
 * Runs a job to its end.  HF_OK: the snapshot is written and *ret_result (the caller's to put) tells what is
 * in it; *ret_partial: some items failed.  HF_ESTOPPING: it was asked to stop.
 */
int run_job(struct channel *channel, const struct job *job, const char *state_directory,
    struct json_object **ret_result, bool *ret_partial, struct hf_error *err);

/* ---- for the parts of a run ---- */

/* HF_ESTOPPING once the job is to pause. */
int run_go_on(struct run *run, struct hf_error *err);
/* Counts items of a type and bytes that were read for them. */
void run_count(struct run *run, const char *type, uint64_t items, uint64_t bytes, uint64_t failed);
/* The same, and tells the supervisor now and then: of work of this run, from which the speed is told. */
void run_progress(struct run *run, const char *type, uint64_t items, uint64_t bytes, uint64_t failed);
/* Records a failed item and tells of it. */
int run_item_failed(struct run *run, const char *type, const char *account, const char *item, const char *message,
    struct hf_error *err);
/* Keeps a plugin's version for the manifest. */
int run_note_plugin(struct run *run, const struct instance *instance, struct hf_error *err);
void run_event(struct run *run, enum event_kind kind, const char *type, const char *message);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "job/queue.h"
#include "progress/progress.h"

/* The owner of the queue, which runs jobs in worker processes and survives whatever they do. */
struct supervisor;

struct supervisor_options {
	const char *directory;        /* the state directory */
	const char *program;          /* path of the own binary */
	const char *const *arguments; /* what a worker is called with, e.g. {"holdfast", "worker", NULL} */
	struct observer observer;     /* calls may be NULL */
	bool leave_locked;            /* supervisor_run's job does not wait for a locked repository */
	/* Milliseconds; 0 takes the value in brackets. */
	uint32_t hang_ms;    /* without a frame, a worker hangs [60000] */
	uint32_t stop_ms;    /* from the wish to stop to SIGTERM [30000] */
	uint32_t term_ms;    /* from SIGTERM to SIGKILL [5000] */
	uint32_t restart_ms; /* a worker that crashed sooner than this is started again after it [1000] */
};

/* How supervisor_run ended. */
enum supervisor_outcome {
	SUPERVISOR_COMPLETED,
	SUPERVISOR_PARTIAL,
	SUPERVISOR_FAILED,
	SUPERVISOR_STOPPED, /* by a signal; the job is still queued: exit status 130 */
	SUPERVISOR_LOCKED,  /* leave_locked: somebody else has the repository; the job is still queued and says who */
};

/*
 * Takes the lock on the state directory, opens the queue and the control socket.  HF_EBUSY: another
 * supervisor is at work.  The options' strings are copied or must live on: directory is copied, the
 * program and its arguments are borrowed.
 */
int supervisor_open(const struct supervisor_options *options, struct supervisor **ret, struct hf_error *err);
void supervisor_close(struct supervisor *supervisor);
struct queue *supervisor_queue(struct supervisor *supervisor);
/* queue_add, with the event for it.  A job that was there already need not wait for its next attempt. */
int supervisor_add(struct supervisor *supervisor, struct job *job, bool *ret_existing, struct hf_error *err);
/*
 * Runs the jobs that were queued earlier and are due, oldest first, then the given one, retries included,
 * until it has finished; NULL runs for ever.  SIGINT, SIGTERM and SIGHUP stop it: the worker is asked
 * to stop (a second signal: told), the job goes back into the queue.  The result is in the queue.
 */
int supervisor_run(struct supervisor *supervisor, const char *job_id, enum supervisor_outcome *ret,
    struct hf_error *err);

#endif

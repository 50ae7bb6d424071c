/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef JOB_QUEUE_H
#define JOB_QUEUE_H

#include "job/job.h"

#define QUEUE_FILE            "queue.sqlite"
#define QUEUE_GENERATION_FILE "queue.generation"
#define QUEUE_FINISHED_MAX    100  /* finished jobs that are kept */
#define QUEUE_UNFINISHED_MAX  1000 /* jobs that may wait */

/* The job queue: a SQLite database that only the holder of the state directory's lock opens. */
struct queue;

/*
 * Opens the queue in a state directory and makes it when there is none.  A damaged database, or an old
 * copy that was put back, is moved aside under a new name, with a warning to the log, and a new
 * one is made that takes over the unfinished jobs whose rows are whole.  A database of a newer holdfast
 * is left as it is: HF_ENOTSUP.
 */
int queue_open(const char *directory, struct queue **ret, struct hf_error *err);
void queue_close(struct queue *queue);
/*
 * Adds a job, gives it its id and sequence.  When a job of the same plan, types, full flag and
 * configuration has not finished yet, *job becomes that one instead and *ret_existing true.
 */
int queue_add(struct queue *queue, struct job *job, bool *ret_existing, struct hf_error *err);
/* Writes all of a job that was read from or added to the queue; durable on return. */
int queue_update(struct queue *queue, const struct job *job, struct hf_error *err);
/* Reads one job, which the caller frees; HF_ENOTFOUND, HF_ECORRUPT. */
int queue_get(struct queue *queue, const char *id, struct job **ret, struct hf_error *err);
/* Shows each job, oldest first; unfinished ones only, if wanted; stops when fn returns other than HF_OK. */
typedef int (*queue_job_fn)(void *ctx, const struct job *job);
int queue_each(struct queue *queue, bool unfinished, queue_job_fn fn, void *ctx, struct hf_error *err);
/* Jobs that a supervisor left running when it died are queued again; not an attempt, not a crash. */
int queue_recover(struct queue *queue, struct hf_error *err);

#endif

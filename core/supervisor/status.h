/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_STATUS_H
#define SUPERVISOR_STATUS_H

#include "job/queue.h"
#include "progress/progress.h"

struct json_object;

/*
 * {"jobs":[..]}: all jobs, oldest first, or the one with that id (then with its result).  progress, which
 * may be NULL, goes to the job it is of.  The caller puts *ret.  HF_ENOTFOUND: no such job.
 */
int status_from_queue(struct queue *queue, const char *job, const struct progress *progress,
    struct json_object **ret, struct hf_error *err);
/* The same from the supervisor of that state directory, or from the queue when none is alive. */
int status_query(const char *directory, const char *job, struct json_object **ret, struct hf_error *err);

#endif

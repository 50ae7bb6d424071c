/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_CHANNEL_H
#define SUPERVISOR_CHANNEL_H

#include <stdbool.h>

#include <holdfast/error.h>

#include "job/job.h"
#include "progress/progress.h"

struct json_object;

#define CHANNEL_HEARTBEAT_MS 5000
#define CHANNEL_STALL_MS     600000 /* no call of the worker for this long: it hangs, the heartbeat stops */

/*
 * The worker's side of the socket pair.  A thread of its own sends the heartbeat and listens for the
 * supervisor's wish to stop.  Every call may be made from any thread, and counts as a sign of life.
 */
struct channel;

/*
 * Takes over the descriptor (also on failure), waits for the job and says hello.  *ret_job is the caller's.
 * HF_ESTOPPING when the supervisor is gone already.
 */
int channel_open(int fd, struct channel **ret, struct job **ret_job, struct hf_error *err);
/* Ends the thread and closes; without channel_done or channel_failed before, the supervisor sees a crash. */
void channel_close(struct channel *channel);
/* Whether to stop soon: the supervisor said so, or is gone. */
bool channel_stop_requested(struct channel *channel);
/* Whether the supervisor is gone: nothing durable may be written any more. */
bool channel_gone(struct channel *channel);
/* How far the job is; sent at most five times a second, so it may be called for each item. */
int channel_progress(struct channel *channel, const struct progress *progress, struct hf_error *err);
int channel_event(struct channel *channel, const struct job_event *event, struct hf_error *err);
/*
 * Says that everything up to here survives a crash; call it after the fsync.  data: an object of at most
 * JOB_JSON_MAX bytes that is handed back in job->checkpoint when the job is resumed, or NULL; borrowed.
 */
int channel_checkpoint(struct channel *channel, struct json_object *data, struct hf_error *err);
int channel_item_failed(struct channel *channel, const char *type, const char *item, const char *message,
    struct hf_error *err);
/* The last word of a job that is done, completely or with failed items; result is borrowed. */
int channel_done(struct channel *channel, bool partial, struct json_object *result, struct hf_error *err);
/* The last word of a job that failed; whether it is tried again follows from failure's code. */
int channel_failed(struct channel *channel, const struct hf_error *failure, struct hf_error *err);
/* A sink for log_set_sink: messages go to the supervisor's log; ctx is the channel. */
void channel_log(void *channel, int level, const char *msg);

#endif

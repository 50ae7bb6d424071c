/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/worker.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "supervisor/channel.h"
#include "supervisor/state.h"
#include "worker/run.h"

#define LOCK_WAIT_NS (10 * INT64_C(1000000000))
#define LARGE        (1 << 20) /* bytes */

/* A worker whose supervisor was killed stops before its next durable write; that may take a moment. */
static int
wait_for_lock(struct channel *channel, const char *directory, int *ret_fd, struct hf_error *err)
{
	const struct timespec nap = {0, 50 * 1000000};
	int64_t until = time_boot() + LOCK_WAIT_NS;
	int r;

	while ((r = worker_lock(directory, ret_fd, err)) == HF_EBUSY && time_boot() < until &&
	       !channel_stop_requested(channel))
		(void)nanosleep(&nap, NULL);
	/* Not to be taken for a repository that is locked. */
	return r == HF_EBUSY ? hf_error_set(err, HF_EAGAIN, 0, "%s", err->msg) : r;
}

static int
run(struct channel *channel, const struct job *job, struct json_object **ret_result, bool *ret_partial,
    struct hf_error *err)
{
	char *directory = NULL;
	int fd = -1, r = state_directory(&directory, err);

	if (r == HF_OK)
		r = wait_for_lock(channel, directory, &fd, err);
	if (r == HF_OK)
		r = run_job(channel, job, directory, ret_result, ret_partial, err);
	if (fd >= 0)
		(void)close(fd);
	free(directory);
	return r;
}

int
worker_main(int fd)
{
	const struct rlimit none = {0, 0};
	struct json_object *result = NULL;
	struct hf_error err = HF_ERROR_INIT;
	struct channel *channel;
	struct job *job;
	bool partial = false;
	int r;

	/*
	 * What had a large buffer goes back to the system: left alone, glibc's malloc keeps ever larger ones, up to
	 * twice 32 MiB, once the first was freed.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE);
	/* The repository's key is in memory here. */
	(void)setrlimit(RLIMIT_CORE, &none);
	r = channel_open(fd, &channel, &job, &err);
	if (r != HF_OK) {
		log_message(HF_LOG_ERROR, "%s", err.msg);
		return 1;
	}
	log_set_sink(channel_log, channel);
	r = run(channel, job, &result, &partial, &err);
	if (r == HF_OK)
		r = channel_done(channel, partial, result, &err);
	else
		(void)channel_failed(channel, &err, NULL);
	log_set_sink(NULL, NULL);
	channel_close(channel);
	json_object_put(result);
	job_free(job);
	return r == HF_OK ? 0 : 1;
}

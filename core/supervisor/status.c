/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/status.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/control.h"
#include "supervisor/state.h"

#define TRIES 25 /* of 200 ms, for a supervisor that is just starting or ending */

struct listing {
	struct json_object *jobs;
	const struct progress *progress;
	bool full;
};

static int
list_job(void *ctx, const struct job *job)
{
	struct listing *listing = ctx;
	struct json_object *object = job_to_json(job, listing->full), *progress;

	if (object == NULL)
		return HF_ENOMEM;
	if (listing->progress != NULL && strcmp(job->id, listing->progress->job) == 0) {
		progress = progress_to_json(listing->progress);
		if (progress == NULL || json_object_object_add(object, "progress", progress) != 0) {
			json_object_put(progress);
			json_object_put(object);
			return HF_ENOMEM;
		}
	}
	if (json_object_array_add(listing->jobs, object) != 0) {
		json_object_put(object);
		return HF_ENOMEM;
	}
	return HF_OK;
}

int
status_from_queue(struct queue *queue, const char *id, const struct progress *progress, struct json_object **ret,
    struct hf_error *err)
{
	struct listing listing = {json_object_new_array(), progress, id != NULL};
	struct json_object *object = json_object_new_object();
	struct job *job = NULL;
	int r = HF_ENOMEM;

	if (listing.jobs == NULL || object == NULL)
		goto out;
	r = id == NULL ? queue_each(queue, false, list_job, &listing, err) : queue_get(queue, id, &job, err);
	if (r == HF_OK && job != NULL)
		r = list_job(&listing, job);
	if (r == HF_OK && json_object_object_add(object, "jobs", listing.jobs) != 0)
		r = HF_ENOMEM;
	if (r == HF_OK) {
		*ret = object;
		object = listing.jobs = NULL;
	}
out:
	if (r == HF_ENOMEM)
		(void)hf_error_set(err, r, 0, "status: out of memory");
	job_free(job);
	json_object_put(listing.jobs);
	json_object_put(object);
	return r;
}

static int
keep_reply(void *ctx, struct json_object *parameters, bool more)
{
	struct json_object **ret = ctx;

	(void)more;
	if (*ret == NULL)
		*ret = json_object_get(parameters);
	return HF_OK;
}

static int
ask_supervisor(const char *directory, const char *job, struct json_object **ret, struct hf_error *err)
{
	struct json_object *parameters = json_object_new_object(), *reply = NULL;
	int r;

	if (parameters == NULL ||
	    (job != NULL && json_object_object_add(parameters, "job", json_object_new_string(job)) != 0)) {
		json_object_put(parameters);
		return hf_error_set(err, HF_ENOMEM, 0, "status: out of memory");
	}
	r = control_call(directory, "org.holdfast.Status", parameters, false, keep_reply, &reply, err);
	json_object_put(parameters);
	if (r == HF_OK && reply == NULL)
		r = hf_error_set(err, HF_ECORRUPT, 0, "the supervisor's answer is empty");
	if (r == HF_OK)
		*ret = reply;
	else
		json_object_put(reply);
	return r;
}

static int
ask_queue(const char *directory, const char *job, struct json_object **ret, struct hf_error *err)
{
	struct queue *queue;
	int lock, r = state_lock(directory, &lock, err);

	if (r != HF_OK)
		return r;
	r = queue_open(directory, &queue, err);
	if (r == HF_OK) {
		/* We hold the lock: nobody runs what is said to run.  A queue that cannot be written still tells. */
		(void)queue_recover(queue, NULL);
		r = status_from_queue(queue, job, NULL, ret, err);
		queue_close(queue);
	}
	(void)close(lock);
	return r;
}

int
status_query(const char *directory, const char *job, struct json_object **ret, struct hf_error *err)
{
	static const struct timespec pause = {0, 200000000};
	int r = HF_EBUSY, i;

	for (i = 0; i < TRIES && r == HF_EBUSY; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		r = ask_supervisor(directory, job, ret, err);
		if (r == HF_ENET)
			r = ask_queue(directory, job, ret, err);
	}
	return r;
}

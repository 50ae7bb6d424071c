/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "supervisor/frame.h"

#define MILLISECOND       INT64_C(1000000)
#define PROGRESS_INTERVAL (200 * MILLISECOND)
#define JOB_WAIT_MS       30000

struct channel {
	int fd;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t send_lock; /* one frame at a time */
	atomic_bool stop;
	atomic_bool gone;
	atomic_bool closing;
	atomic_llong last_call;     /* boot clock */
	atomic_llong last_progress; /* boot clock */
	struct buffer in;
};

static int
gone(struct channel *channel, struct hf_error *err)
{
	atomic_store(&channel->gone, true);
	atomic_store(&channel->stop, true);
	return hf_error_set(err, HF_ESTOPPING, 0, "the supervisor is gone; the job goes on when it is started again");
}

static int
send_all(struct channel *channel, const uint8_t *data, size_t size, struct hf_error *err)
{
	ssize_t n;

	while (size > 0) {
		n = send(channel->fd, data, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return gone(channel, err);
		data += n;
		size -= (size_t)n;
	}
	return HF_OK;
}

/* Sends an object and puts it, whatever happens. */
static int
send_object(struct channel *channel, struct json_object *object, struct hf_error *err)
{
	struct buffer out = BUFFER_INIT(FRAME_HEADER + FRAME_MAX);
	int r;

	if (object == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "channel: out of memory");
	r = frame_encode(object, &out, err);
	json_object_put(object);
	if (r == HF_OK) {
		(void)pthread_mutex_lock(&channel->send_lock);
		r = atomic_load(&channel->gone) ? gone(channel, err) : send_all(channel, out.data, out.size, err);
		(void)pthread_mutex_unlock(&channel->send_lock);
	}
	buffer_release(&out);
	return r;
}

static void
touch(struct channel *channel)
{
	atomic_store(&channel->last_call, (long long)time_boot());
}

static bool
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (object != NULL && value != NULL && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* A new object with a "type"; NULL without memory. */
static struct json_object *
typed(const char *type)
{
	struct json_object *object = json_object_new_object();

	if (add(object, "type", json_object_new_string(type)))
		return object;
	json_object_put(object);
	return NULL;
}

/* ---- receiving ---- */

/* Reads what is there into the buffer; HF_ESTOPPING at the end. */
static int
receive(struct channel *channel, struct hf_error *err)
{
	ssize_t n;

	if (buffer_reserve(&channel->in, 4096) != HF_OK)
		return buffer_status(&channel->in, "channel", err);
	do
		n = recv(channel->fd, channel->in.data + channel->in.size, 4096, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return gone(channel, err);
	channel->in.size += (size_t)n;
	return HF_OK;
}

/* Takes the first frame out of the buffer. */
static int
take(struct channel *channel, struct json_object **ret, struct hf_error *err)
{
	size_t used = 0;
	int r = frame_decode(channel->in.data, channel->in.size, ret, &used, err);

	if (r != HF_OK)
		return r;
	memmove(channel->in.data, channel->in.data + used, channel->in.size - used);
	channel->in.size -= used;
	return HF_OK;
}

static void
handle_frames(struct channel *channel)
{
	struct json_object *object;
	const char *type;
	int r;

	while ((r = take(channel, &object, NULL)) == HF_OK) {
		type = frame_string(object, "type");
		if (type != NULL && strcmp(type, "stop") == 0)
			atomic_store(&channel->stop, true);
		json_object_put(object);
	}
	if (r != HF_EAGAIN)
		(void)gone(channel, NULL);
}

static void *
listen_thread(void *ctx)
{
	struct channel *channel = ctx;
	struct pollfd poller = {channel->fd, POLLIN, 0};
	int64_t idle;
	int n;

	/* The wish to stop may have come together with the job. */
	handle_frames(channel);
	while (!atomic_load(&channel->closing) && !atomic_load(&channel->gone)) {
		n = poll(&poller, 1, CHANNEL_HEARTBEAT_MS);
		if (n > 0) {
			if (receive(channel, NULL) == HF_OK)
				handle_frames(channel);
			continue;
		}
		/* A worker that calls nothing any more hangs: then silence has the supervisor end it. */
		idle = time_boot() - (int64_t)atomic_load(&channel->last_call);
		if (n == 0 && idle < CHANNEL_STALL_MS * MILLISECOND)
			(void)send_object(channel, typed("heartbeat"), NULL);
	}
	return NULL;
}

/* ---- opening ---- */

static int
set_member(char **text, struct json_object *spec, const char *name, size_t max, struct hf_error *err)
{
	struct json_object *value;
	const char *string = NULL;

	if (json_object_object_get_ex(spec, name, &value) && value != NULL)
		string = json_object_is_type(value, json_type_string)
		    ? json_object_get_string(value)
		    : json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return job_set_text(text, string, max, name, err);
}

static uint32_t
member_count(struct json_object *spec, const char *name)
{
	struct json_object *value;
	int64_t count = json_object_object_get_ex(spec, name, &value) ? json_object_get_int64(value) : 0;

	return count < 0 || count > UINT32_MAX ? 0 : (uint32_t)count;
}

static int
set_types(struct job *job, struct json_object *spec, struct hf_error *err)
{
	struct buffer list = BUFFER_INIT(JOB_TEXT_MAX);
	struct json_object *types;
	size_t i;
	int r;

	if (json_object_object_get_ex(spec, "types", &types) && json_object_is_type(types, json_type_array)) {
		for (i = 0; i < json_object_array_length(types); i++) {
			buffer_append_string(&list, i > 0 ? "," : "");
			buffer_append_string(&list, json_object_get_string(json_object_array_get_idx(types, i)));
		}
	}
	r = buffer_string(&list) == NULL ? buffer_status(&list, "types", err)
	                                 : job_set_types(job, buffer_string(&list), err);
	buffer_release(&list);
	return r;
}

static int
read_job(struct json_object *spec, struct job **ret, struct hf_error *err)
{
	struct job *job = job_new();
	struct json_object *value;
	const char *type = frame_string(spec, "type"), *id = frame_string(spec, "id");
	int r = HF_ENOMEM;

	if (job == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "channel: out of memory");
	if (type == NULL || strcmp(type, "job") != 0 || id == NULL || !job_id_valid(id)) {
		r = hf_error_set(err, HF_ECORRUPT, 0, "channel: the first frame is no job");
		goto out;
	}
	progress_copy_text(job->id, sizeof(job->id), id);
	job->status = JOB_RUNNING;
	job->full = json_object_object_get_ex(spec, "full", &value) && json_object_get_boolean(value);
	job->attempts = member_count(spec, "attempts");
	job->crashes = member_count(spec, "crashes");
	job->checkpoints = member_count(spec, "checkpoints");
	if ((r = set_types(job, spec, err)) == HF_OK &&
	    (r = set_member(&job->plan, spec, "plan", JOB_TEXT_MAX, err)) == HF_OK &&
	    (r = set_member(&job->config_path, spec, "config", JOB_TEXT_MAX, err)) == HF_OK &&
	    (r = set_member(&job->options, spec, "options", JOB_JSON_MAX, err)) == HF_OK)
		r = set_member(&job->checkpoint, spec, "checkpoint", JOB_JSON_MAX, err);
out:
	if (r == HF_OK)
		*ret = job;
	else
		job_free(job);
	return r;
}

static int
wait_for_job(struct channel *channel, struct job **ret, struct hf_error *err)
{
	struct pollfd poller = {channel->fd, POLLIN, 0};
	struct json_object *spec;
	int n, r;

	while ((r = take(channel, &spec, err)) == HF_EAGAIN) {
		n = poll(&poller, 1, JOB_WAIT_MS);
		if (n == 0)
			return hf_error_set(err, HF_ESTOPPING, 0, "channel: no job within %d s", JOB_WAIT_MS / 1000);
		if (n > 0 && (r = receive(channel, err)) != HF_OK)
			return r;
	}
	if (r != HF_OK)
		return r;
	r = read_job(spec, ret, err);
	json_object_put(spec);
	return r;
}

/* Signals are for the thread that runs the job. */
static int
start_thread(struct channel *channel)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&channel->thread, NULL, listen_thread, channel);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	channel->has_thread = r == 0;
	return r;
}

int
channel_open(int fd, struct channel **ret, struct job **ret_job, struct hf_error *err)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	struct job *job = NULL;
	struct json_object *hello;
	int r;

	if (channel == NULL || pthread_mutex_init(&channel->send_lock, NULL) != 0) {
		free(channel);
		(void)close(fd);
		return hf_error_set(err, HF_ENOMEM, 0, "channel: out of memory");
	}
	channel->fd = fd;
	channel->in.max = FRAME_HEADER + FRAME_MAX + 4096;
	touch(channel);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		r = hf_error_set(err, HF_EINVAL, errno, "holdfast worker is started by holdfast itself, not by hand");
		goto fail;
	}
	r = wait_for_job(channel, &job, err);
	if (r != HF_OK)
		goto fail;
	hello = typed("hello");
	(void)add(hello, "pid", json_object_new_int64((int64_t)getpid()));
	(void)add(hello, "version", json_object_new_string(PACKAGE_VERSION));
	r = send_object(channel, hello, err);
	if (r == HF_OK && start_thread(channel) != 0)
		r = hf_error_set(err, HF_EAGAIN, 0, "channel: no thread");
	if (r != HF_OK)
		goto fail;
	*ret = channel;
	*ret_job = job;
	return HF_OK;
fail:
	job_free(job);
	channel_close(channel);
	return r;
}

void
channel_close(struct channel *channel)
{
	if (channel == NULL)
		return;
	atomic_store(&channel->closing, true);
	if (channel->has_thread) {
		/* Wakes the thread; what was sent still arrives. */
		(void)shutdown(channel->fd, SHUT_RD);
		(void)pthread_join(channel->thread, NULL);
	}
	(void)close(channel->fd);
	(void)pthread_mutex_destroy(&channel->send_lock);
	buffer_release(&channel->in);
	free(channel);
}

/* ---- the worker's calls ---- */

bool
channel_stop_requested(struct channel *channel)
{
	touch(channel);
	return atomic_load(&channel->stop);
}

bool
channel_gone(struct channel *channel)
{
	touch(channel);
	return atomic_load(&channel->gone);
}

int
channel_progress(struct channel *channel, const struct progress *progress, struct hf_error *err)
{
	int64_t now = time_boot();
	/* The last of a run is always told. */
	bool last = progress->percent > 0 ? progress->percent >= 100 : progress->processed_items ==
	    progress->total_items;

	touch(channel);
	if (now - (int64_t)atomic_load(&channel->last_progress) < PROGRESS_INTERVAL && !last)
		return HF_OK;
	atomic_store(&channel->last_progress, (long long)now);
	return send_object(channel, progress_to_json(progress), err);
}

int
channel_event(struct channel *channel, const struct job_event *event, struct hf_error *err)
{
	touch(channel);
	return send_object(channel, event_to_json(event), err);
}

int
channel_checkpoint(struct channel *channel, struct json_object *data, struct hf_error *err)
{
	struct json_object *object = typed("checkpoint");

	touch(channel);
	if (data != NULL)
		(void)add(object, "data", json_object_get(data));
	return send_object(channel, object, err);
}

int
channel_item_failed(struct channel *channel, const char *type, const char *item, const char *message,
    struct hf_error *err)
{
	struct job_event event;

	event_init(&event, EVENT_ITEM_FAILED, "");
	progress_copy_text(event.current_type, sizeof(event.current_type), type);
	progress_copy_text(event.item, sizeof(event.item), item);
	progress_copy_text(event.message, sizeof(event.message), message);
	return channel_event(channel, &event, err);
}

int
channel_done(struct channel *channel, bool partial, struct json_object *result, struct hf_error *err)
{
	struct json_object *object = typed("done");

	touch(channel);
	if (!add(object, "status", json_object_new_string(partial ? "partial" : "completed")) ||
	    (result != NULL && !add(object, "result", json_object_get(result)))) {
		json_object_put(object);
		object = NULL;
	}
	return send_object(channel, object, err);
}

int
channel_failed(struct channel *channel, const struct hf_error *failure, struct hf_error *err)
{
	struct json_object *object = typed("failed");

	touch(channel);
	if (!add(object, "code", json_object_new_int(failure->code)) ||
	    !add(object, "message", progress_json_string(failure->msg)) ||
	    !add(object, "transient", json_object_new_boolean(HF_IS_TRANSIENT(failure->code))) ||
	    !add(object, "retry_after_ms", json_object_new_int64(failure->retry_after_ms))) {
		json_object_put(object);
		object = NULL;
	}
	return send_object(channel, object, err);
}

void
channel_log(void *ctx, int level, const char *msg)
{
	struct channel *channel = ctx;
	struct json_object *object = typed("log");

	(void)add(object, "level", json_object_new_int(level));
	(void)add(object, "message", progress_json_string(msg));
	(void)send_object(channel, object, NULL);
}

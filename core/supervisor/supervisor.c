/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/supervisor.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/time.h"
#include "progress/escape.h"
#include "supervisor/control.h"
#include "supervisor/frame.h"
#include "supervisor/process.h"
#include "supervisor/state.h"
#include "supervisor/status.h"

#define MILLISECOND         INT64_C(1000000)
#define CHECKPOINT_INTERVAL (1000 * MILLISECOND) /* the queue is written at most once a second for them */
#define LOCK_WAIT_MS        200
#define DRAIN_MS            1000 /* after the worker's end, for what it still said */
#define LONGEST_NAP_MS      10000 /* while a job waits; then the clock is looked at again */
#define SIGNALS             4

enum worker_phase {
	WORKER_NONE,
	WORKER_STARTED, /* hello is awaited */
	WORKER_RUNNING,
	WORKER_SAID_DONE, /* nothing but its end is awaited */
};

struct worker {
	enum worker_phase phase;
	pid_t pid;
	struct bufferevent *channel;
	bool ended; /* reaped */
	int status;
	bool stopping;    /* asked to stop */
	int last_signal;  /* SIGTERM or SIGKILL once sent */
	int64_t started;  /* boot clock */
	char fault[256];  /* why it was killed by us, "" otherwise */
	bool settled;     /* the job's row says how it ended */
	int64_t written;  /* boot clock of the last checkpoint in the queue */
	bool unwritten;   /* a checkpoint is not in the queue yet */
};

struct supervisor {
	struct supervisor_options options;
	char *directory;
	int lock;
	struct queue *queue;
	struct control *control;
	struct event_base *base;
	struct event *signals[SIGNALS];
	struct event *timer;  /* the worker's deadline */
	struct event *flush;  /* writes an unwritten checkpoint */
	struct event *wake;   /* looks for the next job */
	struct worker worker;
	struct job *job; /* of the worker */
	struct progress progress;
	struct progress_meter meter; /* of this worker */
	char target[JOB_ID_SIZE]; /* "": run for ever */
	int64_t target_sequence;
	bool left_locked; /* the target, see leave_locked */
	bool lock_told;
	bool stop;
	bool done;
	enum supervisor_outcome outcome;
	int failure; /* HF_OK, or why the run cannot go on */
	struct hf_error error;
};

static void step(struct supervisor *s);

static void
set_timer(struct event *timer, int64_t ms)
{
	struct timeval delay;

	delay.tv_sec = (time_t)(ms / 1000);
	delay.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	(void)evtimer_add(timer, &delay);
}

/* ---- telling ---- */

static void
tell_event(struct supervisor *s, const struct job_event *event)
{
	struct json_object *object;

	if (s->options.observer.event != NULL)
		s->options.observer.event(s->options.observer.ctx, event);
	object = event_to_json(event);
	if (object != NULL)
		control_tell(s->control, event->job, "event", object);
	json_object_put(object);
}

static void
tell(struct supervisor *s, enum event_kind kind, const struct job *job, const char *message)
{
	struct job_event event;
	struct json_object *result = NULL;

	event_init(&event, kind, job->id);
	if (message != NULL)
		progress_copy_text(event.message, sizeof(event.message), message);
	event.attempt = job->attempts;
	event.next_attempt = kind == EVENT_RETRY || kind == EVENT_WAITING ? job->next_attempt : 0;
	if (job_finished(job) && job->result != NULL)
		event.details = result = json_tokener_parse(job->result);
	if (result != NULL && !json_object_is_type(result, json_type_object))
		event.details = NULL;
	tell_event(s, &event);
	json_object_put(result);
}

static void
tell_progress(struct supervisor *s)
{
	struct json_object *object;

	if (s->options.observer.progress != NULL)
		s->options.observer.progress(s->options.observer.ctx, &s->progress);
	object = progress_to_json(&s->progress);
	if (object != NULL)
		control_tell(s->control, s->progress.job, "progress", object);
	json_object_put(object);
}

/* ---- the worker ---- */

/* The queue cannot be written: nothing that is said from now on would be true. */
static void
give_up(struct supervisor *s, int r, const struct hf_error *err)
{
	if (s->failure == HF_OK) {
		s->failure = r;
		s->error = *err;
	}
	if (s->worker.phase == WORKER_NONE) {
		s->done = true;
		(void)event_base_loopbreak(s->base);
	} else if (s->worker.last_signal == 0 && !s->worker.ended) {
		s->worker.last_signal = SIGTERM;
		process_signal(s->worker.pid, SIGTERM);
		set_timer(s->timer, s->options.term_ms);
	}
}

static bool
save(struct supervisor *s)
{
	struct hf_error err = HF_ERROR_INIT;
	int r;

	if (s->failure != HF_OK)
		return false;
	r = queue_update(s->queue, s->job, &err);
	if (r != HF_OK)
		give_up(s, r, &err);
	s->worker.unwritten = false;
	s->worker.written = time_boot();
	return r == HF_OK;
}

static void
kill_worker(struct supervisor *s, const char *why)
{
	if (s->worker.ended)
		return;
	if (s->worker.fault[0] == '\0' && why != NULL)
		progress_copy_text(s->worker.fault, sizeof(s->worker.fault), why);
	s->worker.last_signal = s->worker.last_signal == 0 ? SIGTERM : SIGKILL;
	process_signal(s->worker.pid, s->worker.last_signal);
	set_timer(s->timer, s->options.term_ms);
}

static void
worker_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct supervisor *s = ctx;
	char why[96] = "";

	(void)fd;
	(void)what;
	if (s->worker.phase == WORKER_NONE)
		return;
	if (s->worker.ended) {
		/* Somebody outside its group still holds the socket; it is not listened to any longer. */
		bufferevent_free(s->worker.channel);
		s->worker.channel = NULL;
		step(s);
		return;
	}
	if (!s->worker.stopping && s->worker.last_signal == 0)
		(void)snprintf(why, sizeof(why), "the worker hung: no sign of life for %" PRIu32 " s",
		    s->options.hang_ms / 1000);
	kill_worker(s, why);
}

static int
send_frame(struct supervisor *s, struct json_object *object, struct hf_error *err)
{
	struct buffer out = BUFFER_INIT(FRAME_HEADER + FRAME_MAX);
	int r = frame_encode(object, &out, err);

	if (r == HF_OK && bufferevent_write(s->worker.channel, out.data, out.size) != 0)
		r = hf_error_set(err, HF_ENOMEM, 0, "worker: out of memory");
	buffer_release(&out);
	return r;
}

static int
send_job(struct supervisor *s, struct hf_error *err)
{
	struct json_object *object = job_to_json(s->job, false), *checkpoint = NULL;
	int r;

	if (object == NULL || json_object_object_add(object, "type", json_object_new_string("job")) != 0) {
		json_object_put(object);
		return hf_error_set(err, HF_ENOMEM, 0, "worker: out of memory");
	}
	if (s->job->checkpoint != NULL)
		checkpoint = json_tokener_parse(s->job->checkpoint);
	if (checkpoint != NULL)
		(void)json_object_object_add(object, "checkpoint", checkpoint);
	r = send_frame(s, object, err);
	json_object_put(object);
	return r;
}

static void
ask_to_stop(struct supervisor *s)
{
	struct json_object *object = json_object_new_object();

	s->worker.stopping = true;
	if (object != NULL && json_object_object_add(object, "type", json_object_new_string("stop")) == 0 &&
	    s->worker.channel != NULL)
		(void)send_frame(s, object, NULL);
	json_object_put(object);
	set_timer(s->timer, s->options.stop_ms);
}

/* ---- frames ---- */

static int
violation(struct hf_error *err, const char *what)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "%s", what);
}

static int
on_hello(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	(void)frame;
	if (s->worker.phase != WORKER_STARTED)
		return violation(err, "a second hello");
	s->worker.phase = WORKER_RUNNING;
	return HF_OK;
}

static int
on_heartbeat(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	(void)s;
	(void)frame;
	(void)err;
	return HF_OK;
}

static int
on_progress(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	struct progress progress;
	int r = progress_from_json(frame, &progress, err);

	if (r != HF_OK)
		return r;
	memcpy(progress.job, s->job->id, sizeof(progress.job));
	progress.started_at = s->job->started_at;
	progress_measure(&s->meter, &progress, time_now());
	/* A worker that goes on with the job finds out anew how far it is. */
	if (progress.percent < s->progress.percent)
		progress.percent = s->progress.percent;
	s->progress = progress;
	tell_progress(s);
	return HF_OK;
}

static int
on_event(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	struct job_event event;
	int r = event_from_json(frame, &event, err);

	if (r != HF_OK)
		return r;
	/* How a job ends is for the supervisor alone to say. */
	if (event.kind != EVENT_TYPE_STARTED && event.kind != EVENT_TYPE_COMPLETED &&
	    event.kind != EVENT_ITEM_FAILED)
		return violation(err, "an event that is not the worker's to tell");
	memcpy(event.job, s->job->id, sizeof(event.job));
	event.time = time_now();
	tell_event(s, &event);
	return HF_OK;
}

static int
on_checkpoint(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	struct json_object *data = json_object_object_get(frame, "data");
	int r = HF_OK;

	if (data != NULL && !json_object_is_type(data, json_type_object))
		return violation(err, "a checkpoint that is no object");
	if (data != NULL)
		r = job_set_text(&s->job->checkpoint, json_object_to_json_string_ext(data,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), JOB_JSON_MAX, "checkpoint", err);
	if (r != HF_OK)
		return r;
	s->job->checkpoints++;
	s->job->checkpoint_at = time_now();
	s->job->crashes = 0;
	s->worker.unwritten = true;
	/* A lost one costs reading again; a worker that floods us with them must not wear out the disk. */
	if (time_boot() - s->worker.written >= CHECKPOINT_INTERVAL) {
		if (save(s))
			tell(s, EVENT_CHECKPOINT, s->job, NULL);
	} else if (!evtimer_pending(s->flush, NULL)) {
		set_timer(s->flush, CHECKPOINT_INTERVAL / MILLISECOND);
	}
	return HF_OK;
}

static int
on_log(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	const char *message = frame_string(frame, "message");
	int level = json_object_get_int(json_object_object_get(frame, "level"));
	struct buffer text = BUFFER_INIT(4096);

	(void)s;
	if (message == NULL || level < HF_LOG_ERROR || level > HF_LOG_DEBUG)
		return violation(err, "a log message without text or level");
	escape_text(&text, message, strlen(message));
	log_message(level, "%s", buffer_string(&text) != NULL ? buffer_string(&text) : "");
	buffer_release(&text);
	return HF_OK;
}

static void
finish_job(struct supervisor *s, enum job_status status, int code, const char *error)
{
	static const enum event_kind kinds[] = {
	    [JOB_COMPLETED] = EVENT_COMPLETED, [JOB_PARTIAL] = EVENT_PARTIAL, [JOB_FAILED] = EVENT_FAILED};

	s->job->status = status;
	s->job->finished_at = time_now();
	s->job->next_attempt = 0;
	s->job->error_code = code;
	(void)job_set_text(&s->job->error, error, JOB_TEXT_MAX, "error", NULL);
	if (status != JOB_FAILED)
		(void)job_set_text(&s->job->checkpoint, NULL, 0, "checkpoint", NULL);
	if (save(s))
		tell(s, kinds[status], s->job, error);
	s->worker.settled = true;
}

static void
queue_job_again(struct supervisor *s)
{
	s->job->status = JOB_QUEUED;
	(void)save(s);
	s->worker.settled = true;
}

/* Somebody waits for this job, who may as well come again: it costs no attempt. */
static void
leave_locked(struct supervisor *s, int code, const char *message)
{
	s->job->error_code = code;
	(void)job_set_text(&s->job->error, message, JOB_TEXT_MAX, "error", NULL);
	queue_job_again(s);
	tell(s, EVENT_WAITING, s->job, message);
	s->left_locked = true;
}

static int
on_done(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	const char *status = frame_string(frame, "status");
	struct json_object *result = json_object_object_get(frame, "result");
	bool completed = status != NULL && strcmp(status, "completed") == 0;
	int r = HF_OK;

	if (!completed && (status == NULL || strcmp(status, "partial") != 0))
		return violation(err, "a final record without a status");
	if (result != NULL && !json_object_is_type(result, json_type_object))
		return violation(err, "a result that is no object");
	if (result != NULL)
		r = job_set_text(&s->job->result, json_object_to_json_string_ext(result,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), JOB_RESULT_MAX, "result", err);
	if (r != HF_OK)
		return r;
	s->worker.phase = WORKER_SAID_DONE;
	s->job->crashes = 0;
	finish_job(s, completed ? JOB_COMPLETED : JOB_PARTIAL, HF_OK, NULL);
	return HF_OK;
}

/* The wait before the next attempt: the policy's, or what the other side asked for, if that is longer. */
static int64_t
wait_after_failure(const struct job *job, int64_t retry_after_ms)
{
	uint32_t random = 0;
	int64_t delay, asked;

	(void)random_bytes(&random, sizeof(random), NULL);
	delay = retry_delay(&job->retry, job->attempts, random);
	if (retry_after_ms < 0)
		retry_after_ms = 0;
	asked = retry_after_ms > 24 * 3600 * 1000 ? 24 * 3600 * 1000 : retry_after_ms;
	return asked * MILLISECOND > delay ? asked * MILLISECOND : delay;
}

static int
on_failed(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	const char *message = frame_string(frame, "message");
	int code = json_object_get_int(json_object_object_get(frame, "code"));
	bool transient = json_object_get_boolean(json_object_object_get(frame, "transient"));

	if (message == NULL || code >= 0)
		return violation(err, "a failure without message or code");
	s->worker.phase = WORKER_SAID_DONE;
	if (HF_IS_CONTROL(code)) {
		/* Stopped because it was asked to; or of its own will, which is as bad as a crash. */
		if (s->worker.stopping)
			queue_job_again(s);
		return HF_OK;
	}
	if (code == HF_EBUSY && s->options.leave_locked && strcmp(s->job->id, s->target) == 0) {
		leave_locked(s, code, message);
		return HF_OK;
	}
	s->job->attempts++;
	if (!retry_allowed(&s->job->retry, s->job->attempts, transient)) {
		finish_job(s, JOB_FAILED, code, message);
		return HF_OK;
	}
	s->job->status = JOB_WAITING;
	s->job->error_code = code;
	(void)job_set_text(&s->job->error, message, JOB_TEXT_MAX, "error", NULL);
	s->job->next_attempt = time_now() +
	    wait_after_failure(s->job, json_object_get_int64(json_object_object_get(frame, "retry_after_ms")));
	if (save(s))
		tell(s, EVENT_RETRY, s->job, message);
	s->worker.settled = true;
	return HF_OK;
}

/* What a worker may say, and when. */
static const struct handler {
	const char *type;
	enum worker_phase phase;
	int (*fn)(struct supervisor *s, struct json_object *frame, struct hf_error *err);
} handlers[] = {
    {"hello", WORKER_STARTED, on_hello},
    {"heartbeat", WORKER_RUNNING, on_heartbeat},
    {"progress", WORKER_RUNNING, on_progress},
    {"event", WORKER_RUNNING, on_event},
    {"checkpoint", WORKER_RUNNING, on_checkpoint},
    {"log", WORKER_RUNNING, on_log},
    {"done", WORKER_RUNNING, on_done},
    {"failed", WORKER_RUNNING, on_failed},
};

static int
handle_frame(struct supervisor *s, struct json_object *frame, struct hf_error *err)
{
	const char *type = frame_string(frame, "type");
	size_t i;

	/* After the last word a heartbeat or a log line may still be on its way. */
	if (type != NULL && s->worker.phase == WORKER_SAID_DONE &&
	    (strcmp(type, "heartbeat") == 0 || strcmp(type, "log") == 0))
		return HF_OK;
	for (i = 0; type != NULL && i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (strcmp(type, handlers[i].type) != 0)
			continue;
		if (handlers[i].phase != s->worker.phase)
			return violation(err, "a frame at the wrong time");
		return handlers[i].fn(s, frame, err);
	}
	return violation(err, "a frame of unknown type");
}

static void
channel_readable(struct bufferevent *channel, void *ctx)
{
	struct supervisor *s = ctx;
	struct evbuffer *input = bufferevent_get_input(channel);
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *frame;
	size_t used;
	char why[256];
	int r;

	for (;;) {
		r = frame_decode(evbuffer_pullup(input, -1), evbuffer_get_length(input), &frame, &used, &err);
		if (r != HF_OK)
			break;
		(void)evbuffer_drain(input, used);
		if (s->worker.fault[0] == '\0')
			r = handle_frame(s, frame, &err);
		json_object_put(frame);
		if (r != HF_OK)
			break;
		/* A sign of life; once it has to end, its deadline stays. */
		if (!s->worker.stopping && s->worker.last_signal == 0 && !s->worker.ended)
			set_timer(s->timer, s->worker.phase == WORKER_SAID_DONE ? s->options.stop_ms
			                                                        : s->options.hang_ms);
	}
	if (r == HF_EAGAIN)
		return;
	(void)bufferevent_disable(channel, EV_READ);
	(void)evbuffer_drain(input, evbuffer_get_length(input));
	(void)snprintf(why, sizeof(why), "the worker broke the protocol: %.200s", err.msg);
	kill_worker(s, why);
	/* It is not listened to any more, so the end of its channel will not be seen. */
	bufferevent_free(s->worker.channel);
	s->worker.channel = NULL;
	if (s->worker.ended)
		step(s);
}

static void
channel_ended(struct bufferevent *channel, short what, void *ctx)
{
	struct supervisor *s = ctx;

	/* It listens no more, but its last words may still wait to be read. */
	if ((what & BEV_EVENT_WRITING) != 0)
		return;
	bufferevent_free(channel);
	s->worker.channel = NULL;
	if (s->worker.ended)
		step(s);
	else if (s->worker.last_signal == 0 && !s->worker.stopping)
		/* Closed, but still there: it has no more to say and no reason to stay. */
		set_timer(s->timer, s->options.term_ms);
}

/* ---- starting and ending ---- */

static int
start_worker(struct supervisor *s, struct hf_error *err)
{
	pid_t pid;
	int fd, r = process_start(s->options.program, s->options.arguments, &pid, &fd, err);

	if (r != HF_OK)
		return r;
	memset(&s->worker, 0, sizeof(s->worker));
	s->worker.phase = WORKER_STARTED;
	s->worker.pid = pid;
	s->worker.started = s->worker.written = time_boot();
	set_timer(s->timer, s->options.hang_ms);
	s->worker.channel = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (s->worker.channel == NULL) {
		(void)close(fd);
		r = hf_error_set(err, HF_ENOMEM, 0, "worker: out of memory");
	} else {
		bufferevent_setcb(s->worker.channel, channel_readable, NULL, channel_ended, s);
		bufferevent_setwatermark(s->worker.channel, EV_READ, 0, FRAME_HEADER + FRAME_MAX);
		r = send_job(s, err);
		if (r == HF_OK && bufferevent_enable(s->worker.channel, EV_READ | EV_WRITE) != 0)
			r = hf_error_set(err, HF_ENOMEM, 0, "worker: out of memory");
	}
	if (r != HF_OK)
		give_up(s, r, err);
	return HF_OK;
}

static bool
is_unfinished(void *ctx, const char *id)
{
	struct supervisor *s = ctx;
	struct job *job = NULL;
	int r = queue_get(s->queue, id, &job, NULL);
	bool unfinished = r != HF_ENOTFOUND && (job == NULL || !job_finished(job));

	job_free(job);
	return unfinished;
}

/* Removes what finished jobs left on the disk.  No worker may be alive. */
static void
sweep(struct supervisor *s)
{
	struct hf_error err = HF_ERROR_INIT;

	if (state_sweep_jobs(s->directory, is_unfinished, s, &err) != HF_OK)
		log_message(HF_LOG_WARNING, "%s", err.msg);
}

/* Takes the job and starts it; its row says so before the worker lives. */
static void
start_job(struct supervisor *s, struct job *job)
{
	/* It does not go back when a worker takes over from one that was killed. */
	double percent = strcmp(s->progress.job, job->id) == 0 ? s->progress.percent : 0;
	struct hf_error err = HF_ERROR_INIT;
	int r;

	s->job = job;
	job->status = JOB_RUNNING;
	job->next_attempt = 0;
	if (job->started_at == 0)
		job->started_at = time_now();
	memset(&s->progress, 0, sizeof(s->progress));
	memcpy(s->progress.job, job->id, sizeof(s->progress.job));
	s->progress.started_at = job->started_at;
	s->progress.percent = percent;
	memset(&s->meter, 0, sizeof(s->meter));
	if (!save(s))
		return;
	sweep(s);
	r = start_worker(s, &err);
	if (r == HF_OK)
		tell(s, EVENT_STARTED, job, job->checkpoints > 0 ? "goes on from its last checkpoint" : NULL);
	else
		give_up(s, r, &err);
}

/* A worker that ended without a last word. */
static void
on_crash(struct supervisor *s)
{
	char what[128], message[512];

	process_describe(s->worker.status, what, sizeof(what));
	if (s->worker.fault[0] != '\0')
		(void)snprintf(message, sizeof(message), "%s", s->worker.fault);
	else
		(void)snprintf(message, sizeof(message), "the worker %s", what);
	s->job->crashes++;
	if (!retry_after_crash(s->job->crashes)) {
		(void)snprintf(message + strlen(message), sizeof(message) - strlen(message),
		    "; it crashed %u times without getting further", RETRY_CRASHES_MAX);
		finish_job(s, JOB_FAILED, HF_EIO, message);
		return;
	}
	log_message(HF_LOG_WARNING, "%s: %s; it is started again", s->job->id, message);
	queue_job_again(s);
	/* At once; but one that dies as soon as it lives must not keep the machine busy. */
	if (time_boot() - s->worker.started < (int64_t)s->options.restart_ms * MILLISECOND)
		set_timer(s->wake, s->options.restart_ms);
}

static void
settle(struct supervisor *s)
{
	if (!s->worker.settled && s->failure == HF_OK) {
		if (s->worker.stopping || s->stop)
			queue_job_again(s);
		else
			on_crash(s);
	}
	(void)evtimer_del(s->timer);
	(void)evtimer_del(s->flush);
	s->worker.phase = WORKER_NONE;
	if (s->failure == HF_OK && job_finished(s->job) && strcmp(s->job->id, s->target) == 0) {
		s->done = true;
		s->outcome = s->job->status == JOB_COMPLETED ? SUPERVISOR_COMPLETED
		             : s->job->status == JOB_PARTIAL ? SUPERVISOR_PARTIAL : SUPERVISOR_FAILED;
	}
	if (s->failure == HF_OK && s->left_locked) {
		s->done = true;
		s->outcome = SUPERVISOR_LOCKED;
	}
	if (job_finished(s->job))
		sweep(s);
	job_free(s->job);
	s->job = NULL;
}

/* ---- what next ---- */

struct choice {
	struct supervisor *s;
	char id[JOB_ID_SIZE];
	int64_t now;
	int64_t earliest; /* nanoseconds until the next attempt of a job that waits; -1 without */
};

static int
consider(void *ctx, const struct job *job)
{
	struct choice *choice = ctx;
	int64_t wait = job->next_attempt == 0 ? 0 : job->next_attempt - choice->now;
	int64_t longest = 2 * (job->retry.maximum > 0 ? job->retry.maximum : 0);

	if (choice->id[0] != '\0' ||
	    (choice->s->target[0] != '\0' && job->sequence > choice->s->target_sequence))
		return HF_OK;
	/* The wall clock may have been set back: no wait is longer than any that was ever meant. */
	if (longest < 24 * 3600 * RETRY_SECOND)
		longest = 24 * 3600 * RETRY_SECOND;
	if (wait > longest)
		wait = longest;
	if (wait <= 0)
		memcpy(choice->id, job->id, sizeof(choice->id));
	else if (choice->earliest < 0 || wait < choice->earliest)
		choice->earliest = wait;
	return HF_OK;
}

/* Whether the worker of an earlier supervisor is gone; else we look again soon. */
static bool
worker_is_gone(struct supervisor *s, struct hf_error *err, int *ret)
{
	int fd, r = worker_lock(s->directory, &fd, err);

	*ret = r == HF_EBUSY ? HF_OK : r;
	if (r == HF_OK) {
		(void)close(fd);
		s->lock_told = false;
		return true;
	}
	if (r == HF_EBUSY && !s->lock_told) {
		log_message(HF_LOG_INFO, "%s; waiting for it to stop", err->msg);
		s->lock_told = true;
	}
	return false;
}

static void
next_job(struct supervisor *s)
{
	struct choice choice = {.s = s, .now = time_now(), .earliest = -1};
	struct hf_error err = HF_ERROR_INIT;
	struct job *job = NULL;
	int r = queue_each(s->queue, true, consider, &choice, &err);

	if (r == HF_OK && choice.id[0] == '\0') {
		if (choice.earliest >= 0)
			/* In steps, so that a clock that is set forward is noticed. */
			set_timer(s->wake, choice.earliest < LONGEST_NAP_MS * MILLISECOND
			                       ? choice.earliest / MILLISECOND + 1 : LONGEST_NAP_MS);
		return;
	}
	if (r == HF_OK && !worker_is_gone(s, &err, &r)) {
		if (r == HF_OK) {
			set_timer(s->wake, LOCK_WAIT_MS);
			return;
		}
	}
	if (r == HF_OK)
		r = queue_get(s->queue, choice.id, &job, &err);
	if (r == HF_OK)
		start_job(s, job);
	else
		give_up(s, r, &err);
}

/* Ends what has ended, and starts what is next. */
static void
step(struct supervisor *s)
{
	if (s->worker.phase != WORKER_NONE) {
		if (!s->worker.ended || s->worker.channel != NULL)
			return;
		settle(s);
	}
	if (s->failure != HF_OK && s->worker.phase == WORKER_NONE)
		s->done = true;
	if (!s->done && s->stop) {
		s->done = true;
		s->outcome = SUPERVISOR_STOPPED;
	}
	if (s->done)
		(void)event_base_loopbreak(s->base);
	else if (!evtimer_pending(s->wake, NULL))
		next_job(s);
}

static void
wake_up(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	step(ctx);
}

static void
flush_checkpoint(evutil_socket_t fd, short what, void *ctx)
{
	struct supervisor *s = ctx;

	(void)fd;
	(void)what;
	if (s->worker.phase != WORKER_NONE && s->worker.unwritten && save(s))
		tell(s, EVENT_CHECKPOINT, s->job, NULL);
}

static void
child_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct supervisor *s = ctx;
	int r;

	(void)fd;
	(void)what;
	if (s->worker.phase == WORKER_NONE || s->worker.ended)
		return;
	r = process_reap(s->worker.pid, &s->worker.status);
	if (r == 0)
		return;
	s->worker.ended = true;
	/* Its last words may still be in the socket. */
	set_timer(s->timer, DRAIN_MS);
	step(s);
}

static void
stop_asked(evutil_socket_t fd, short what, void *ctx)
{
	struct supervisor *s = ctx;

	(void)fd;
	(void)what;
	s->stop = true;
	if (s->worker.phase == WORKER_NONE) {
		step(s);
	} else if (!s->worker.stopping && s->worker.last_signal == 0) {
		log_message(HF_LOG_INFO, "stopping; the job stays in the queue");
		ask_to_stop(s);
	} else {
		kill_worker(s, NULL);
	}
}

/* ---- opening and running ---- */

static int
status_for_control(void *ctx, const char *job, struct json_object **ret, struct hf_error *err)
{
	struct supervisor *s = ctx;

	return status_from_queue(s->queue, job, s->worker.phase != WORKER_NONE ? &s->progress : NULL, ret, err);
}

static int
open_events(struct supervisor *s, struct hf_error *err)
{
	s->base = event_base_new();
	if (s->base == NULL || (s->timer = evtimer_new(s->base, worker_deadline, s)) == NULL ||
	    (s->flush = evtimer_new(s->base, flush_checkpoint, s)) == NULL ||
	    (s->wake = evtimer_new(s->base, wake_up, s)) == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "supervisor: out of memory");
	return HF_OK;
}

int
supervisor_open(const struct supervisor_options *options, struct supervisor **ret, struct hf_error *err)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	struct control_source source = {s, status_for_control};
	int r;

	if (s == NULL || (s->directory = strdup(options->directory)) == NULL) {
		free(s);
		return hf_error_set(err, HF_ENOMEM, 0, "supervisor: out of memory");
	}
	s->lock = -1;
	s->error = (struct hf_error)HF_ERROR_INIT;
	s->options = *options;
	s->options.hang_ms = options->hang_ms != 0 ? options->hang_ms : 60000;
	s->options.stop_ms = options->stop_ms != 0 ? options->stop_ms : 30000;
	s->options.term_ms = options->term_ms != 0 ? options->term_ms : 5000;
	s->options.restart_ms = options->restart_ms != 0 ? options->restart_ms : 1000;
	r = state_lock(s->directory, &s->lock, err);
	if (r == HF_OK)
		r = queue_open(s->directory, &s->queue, err);
	if (r == HF_OK)
		r = queue_recover(s->queue, err);
	if (r == HF_OK)
		r = open_events(s, err);
	if (r == HF_OK)
		r = control_open(s->base, s->directory, &source, &s->control, err);
	if (r == HF_OK)
		*ret = s;
	else
		supervisor_close(s);
	return r;
}

static void
free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

void
supervisor_close(struct supervisor *s)
{
	if (s == NULL)
		return;
	control_close(s->control);
	free_event(&s->timer);
	free_event(&s->flush);
	free_event(&s->wake);
	if (s->base != NULL)
		event_base_free(s->base);
	queue_close(s->queue);
	/* Last: until here nobody else may open the queue. */
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s->directory);
	free(s);
}

struct queue *
supervisor_queue(struct supervisor *s)
{
	return s->queue;
}

/* Somebody asks for the job now, whatever it waits for. */
static int
hurry(struct supervisor *s, struct job *job, struct hf_error *err)
{
	if (job_finished(job) || job->next_attempt == 0)
		return HF_OK;
	job->next_attempt = 0;
	job->status = JOB_QUEUED;
	return queue_update(s->queue, job, err);
}

int
supervisor_add(struct supervisor *s, struct job *job, bool *ret_existing, struct hf_error *err)
{
	int r = queue_add(s->queue, job, ret_existing, err);

	if (r == HF_OK && *ret_existing)
		r = hurry(s, job, err);
	if (r == HF_OK)
		tell(s, EVENT_QUEUED, job, *ret_existing ? "was in the queue already and goes on" : NULL);
	return r;
}

static bool
signal_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int
catch_signals(struct supervisor *s, struct hf_error *err)
{
	static const int numbers[SIGNALS] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};
	sigset_t ours;
	int i;

	(void)sigemptyset(&ours);
	for (i = 0; i < SIGNALS; i++)
		(void)sigaddset(&ours, numbers[i]);
	/* Whoever started us may have left them blocked: a worker's end would never be seen. */
	(void)sigprocmask(SIG_UNBLOCK, &ours, NULL);
	for (i = 0; i < SIGNALS; i++) {
		/* nohup, and a shell's background jobs, ignore them on purpose. */
		if (i > 0 && signal_ignored(numbers[i]))
			continue;
		s->signals[i] = evsignal_new(s->base, numbers[i], i == 0 ? child_ended : stop_asked, s);
		if (s->signals[i] == NULL || evsignal_add(s->signals[i], NULL) != 0)
			return hf_error_set(err, HF_ENOMEM, 0, "supervisor: signals cannot be caught");
	}
	return HF_OK;
}

static int
set_target(struct supervisor *s, const char *job_id, struct hf_error *err)
{
	struct job *job;
	int r;

	s->target[0] = '\0';
	if (job_id == NULL)
		return HF_OK;
	r = queue_get(s->queue, job_id, &job, err);
	if (r != HF_OK)
		return r;
	memcpy(s->target, job->id, sizeof(s->target));
	s->target_sequence = job->sequence;
	r = hurry(s, job, err);
	s->done = job_finished(job);
	s->outcome = job->status == JOB_PARTIAL ? SUPERVISOR_PARTIAL
	             : job->status == JOB_FAILED ? SUPERVISOR_FAILED : SUPERVISOR_COMPLETED;
	job_free(job);
	return r;
}

int
supervisor_run(struct supervisor *s, const char *job_id, enum supervisor_outcome *ret, struct hf_error *err)
{
	struct sigaction ignore, before;
	int i, r;

	memset(&ignore, 0, sizeof(ignore));
	ignore.sa_handler = SIG_IGN;
	s->done = s->stop = s->left_locked = false;
	s->failure = HF_OK;
	r = set_target(s, job_id, err);
	if (r != HF_OK)
		return r;
	(void)sigaction(SIGPIPE, &ignore, &before);
	r = catch_signals(s, err);
	if (r == HF_OK && !s->done)
		set_timer(s->wake, 0);
	while (r == HF_OK && !s->done) {
		if (event_base_loop(s->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			r = hf_error_set(err, HF_EIO, errno, "supervisor: its event loop failed");
	}
	(void)evtimer_del(s->wake);
	job_free(s->job);
	s->job = NULL;
	for (i = 0; i < SIGNALS; i++)
		free_event(&s->signals[i]);
	(void)sigaction(SIGPIPE, &before, NULL);
	if (r == HF_OK && s->failure != HF_OK) {
		if (err != NULL)
			*err = s->error;
		r = s->failure;
	}
	if (r == HF_OK)
		*ret = s->outcome;
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "base/unit.h"
#include "supervisor/channel.h"
#include "supervisor/control.h"
#include "supervisor/frame.h"
#include "supervisor/process.h"
#include "supervisor/state.h"
#include "supervisor/status.h"

static char directory[64];
static char program[4096];

static void
nap(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&time, NULL);
}

/* Appends a word to a file in the state directory. */
static void
note(const char *file, const char *word)
{
	char *path = path_join(directory, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, word, strlen(word)) < 0 || write(fd, " ", 1) < 0)
		abort();
	(void)close(fd);
	free(path);
}

static bool
noted(const char *file, char *out, size_t size)
{
	char *path = path_join(directory, file);
	struct buffer text = BUFFER_INIT(4096);
	bool there = path_read(path, 4000, &text, NULL) == HF_OK;

	if (out != NULL)
		(void)snprintf(out, size, "%s", there ? buffer_string(&text) : "");
	buffer_release(&text);
	free(path);
	return there;
}

/* ---- the fake worker: the program itself, which follows the script in the job's options ---- */

static void
raw(const void *data, size_t size)
{
	if (write(PROCESS_CHANNEL_FD, data, size) < 0)
		_exit(9);
}

static void
raw_frame(const char *json)
{
	uint32_t size = (uint32_t)strlen(json);
	uint8_t header[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};

	raw(header, 4);
	raw(json, size);
}

static void
report(struct channel *channel, uint64_t processed)
{
	struct progress progress = {.total_items = 10, .processed_items = processed, .current_type = "chats"};

	(void)channel_progress(channel, &progress, NULL);
}

static void
checkpoint(struct channel *channel, const struct job *job)
{
	struct json_object *data = json_object_new_object();

	(void)json_object_object_add(data, "before", json_object_new_string(job->checkpoint ? job->checkpoint : "-"));
	(void)channel_checkpoint(channel, data, NULL);
	json_object_put(data);
}

static void
end_done(struct channel *channel, bool partial)
{
	struct json_object *result = json_object_new_object();

	(void)json_object_object_add(result, "total", json_object_new_int(10));
	(void)channel_done(channel, partial, result, NULL);
	json_object_put(result);
}

static void
end_failed(struct channel *channel, int code, const char *message)
{
	struct hf_error failure = HF_ERROR_INIT;

	(void)hf_error_set(&failure, code, 0, "%s", message);
	(void)channel_failed(channel, &failure, NULL);
}

static void
grandchild(bool escape, int seconds)
{
	if (fork() == 0) {
		if (escape)
			(void)setsid();
		(void)sleep((unsigned)seconds);
		_exit(0);
	}
}

/* A word of the script, WORD or WORD=NUMBER, and who it is for. */
struct step {
	struct channel *channel;
	const struct job *job;
	long number;
};

static void
do_progress(const struct step *step)
{
	report(step->channel, (uint64_t)step->number);
}

static void
do_checkpoint(const struct step *step)
{
	checkpoint(step->channel, step->job);
}

static void
do_note(const struct step *step)
{
	note("order", step->job->plan);
}

static void
do_nap(const struct step *step)
{
	nap(step->number);
}

static void
do_item(const struct step *step)
{
	(void)channel_item_failed(step->channel, "chats", "a\nb\xff", "gone", NULL);
}

static void
do_log(const struct step *step)
{
	channel_log(step->channel, HF_LOG_INFO, "hello \033[2J\xff");
}

/* In the first runs only, or always. */
static bool
is_time(const struct step *step)
{
	return step->number == 0 || (long)step->job->crashes < step->number;
}

static void
do_crash(const struct step *step)
{
	if (is_time(step))
		(void)kill(getpid(), SIGKILL);
}

static void
do_exit(const struct step *step)
{
	_exit((int)step->number);
}

static void
do_harden(const struct step *step)
{
	(void)step;
	(void)signal(SIGTERM, SIG_IGN);
}

static void
do_hang(const struct step *step)
{
	do_harden(step);
	while (is_time(step))
		(void)pause();
}

static uint8_t junk[FRAME_MAX + 100];

static void
do_garbage(const struct step *step)
{
	(void)step;
	memset(junk, 'x', sizeof(junk));
	raw(junk, 5000);
}

static void
do_oversize(const struct step *step)
{
	(void)step;
	junk[0] = 1;
	junk[2] = 1;
	raw(junk, sizeof(junk));
}

static void
do_half(const struct step *step)
{
	(void)step;
	raw("\x40\0\0\0{\"type\"", 11);
}

static void
do_flood(const struct step *step)
{
	int i;

	for (i = 0; i < step->number; i++)
		(void)channel_checkpoint(step->channel, NULL, NULL);
}

static void
do_child(const struct step *step)
{
	(void)step;
	grandchild(false, 30);
}

static void
do_orphan(const struct step *step)
{
	grandchild(true, (int)step->number);
}

static void
do_interrupt(const struct step *step)
{
	(void)step;
	(void)kill(getppid(), SIGINT);
}

static void
do_stop(const struct step *step)
{
	while (!channel_stop_requested(step->channel))
		nap(5);
	note("stopped", step->job->plan);
	end_failed(step->channel, HF_ESTOPPING, "stopped");
	_exit(0);
}

static void
do_gone(const struct step *step)
{
	if (noted("gone", NULL, 0))
		return;
	note("waiting", "x");
	while (!channel_gone(step->channel))
		nap(5);
	nap(step->number);
	note("gone", step->job->plan);
	_exit(0);
}

static void
do_net(const struct step *step)
{
	if ((long)step->job->attempts >= step->number)
		return;
	end_failed(step->channel, HF_ENET, "no route");
	_exit(0);
}

static void
do_busy(const struct step *step)
{
	if (noted("unlocked", NULL, 0))
		return;
	end_failed(step->channel, HF_EBUSY, "locked by somebody");
	_exit(0);
}

static void
do_fail(const struct step *step)
{
	end_failed(step->channel, HF_EAUTH, "wrong password");
	_exit(1);
}

static void
do_done(const struct step *step)
{
	end_done(step->channel, false);
}

static void
do_partial(const struct step *step)
{
	end_done(step->channel, true);
}

/* What a word stands for: something to do, or a frame to send. */
static const struct {
	const char *word;
	void (*act)(const struct step *step);
	const char *frame;
} words[] = {{"progress", do_progress, NULL}, {"checkpoint", do_checkpoint, NULL}, {"note", do_note, NULL},
    {"nap", do_nap, NULL}, {"item", do_item, NULL}, {"log", do_log, NULL}, {"crash", do_crash, NULL},
    {"exit", do_exit, NULL}, {"hang", do_hang, NULL}, {"harden", do_harden, NULL}, {"garbage", do_garbage, NULL},
    {"oversize", do_oversize, NULL}, {"json", NULL, "{\"type\":\"progress\",}"},
    {"unknown", NULL, "{\"type\":\"format_disk\"}"}, {"hello", NULL, "{\"type\":\"hello\"}"},
    {"forge", NULL, "{\"type\":\"event\",\"event\":\"completed\"}"}, {"half", do_half, NULL},
    {"flood", do_flood, NULL}, {"child", do_child, NULL}, {"orphan", do_orphan, NULL},
    {"interrupt", do_interrupt, NULL}, {"stop", do_stop, NULL}, {"gone", do_gone, NULL}, {"net", do_net, NULL},
    {"busy", do_busy, NULL}, {"fail", do_fail, NULL}, {"done", do_done, NULL}, {"partial", do_partial, NULL}};

static void
act(struct channel *channel, const struct job *job, const char *word, long number)
{
	const struct step step = {channel, job, number};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		if (words[i].frame != NULL)
			raw_frame(words[i].frame);
		else
			words[i].act(&step);
		return;
	}
	_exit(8);
}

static int
be_worker(void)
{
	struct channel *channel;
	struct job *job;
	struct json_object *options;
	char *script, *word, *next, *number;
	int lock;

	if (getenv("HOLDFAST_STATE_DIR") == NULL || fcntl(4, F_GETFD) != -1 || getpgrp() != getpid())
		_exit(7);
	(void)snprintf(directory, sizeof(directory), "%s", getenv("HOLDFAST_STATE_DIR"));
	if (getenv("TEST_LATE") != NULL)
		nap(100);
	if (channel_open(PROCESS_CHANNEL_FD, &channel, &job, NULL) != HF_OK)
		_exit(6);
	if (worker_lock(directory, &lock, NULL) != HF_OK)
		_exit(5);
	options = json_tokener_parse(job->options);
	script = strdup(json_object_get_string(json_object_object_get(options, "script")));
	for (word = strtok_r(script, " ", &next); word != NULL; word = strtok_r(NULL, " ", &next)) {
		number = strchr(word, '=');
		if (number != NULL)
			*number++ = '\0';
		act(channel, job, word, number == NULL ? 0 : strtol(number, NULL, 10));
	}
	free(script);
	json_object_put(options);
	channel_close(channel);
	job_free(job);
	return 0;
}

/* ---- the rig ---- */

static struct seen {
	unsigned events[EVENT_FAILED + 1];
	unsigned progress;
	uint64_t processed;
	char item[64];
	char last_message[PROGRESS_TEXT_SIZE];
	char log[4096];
} seen;

static bool interrupt_at_start;

static void
see_event(void *ctx, const struct job_event *event)
{
	(void)ctx;
	seen.events[event->kind]++;
	if (event->kind == EVENT_STARTED && interrupt_at_start)
		(void)kill(getpid(), SIGINT);
	if (event->message[0] != '\0')
		(void)snprintf(seen.last_message, sizeof(seen.last_message), "%s", event->message);
	if (event->item[0] != '\0')
		progress_copy_text(seen.item, sizeof(seen.item), event->item);
}

static void
see_progress(void *ctx, const struct progress *progress)
{
	(void)ctx;
	seen.progress++;
	seen.processed = progress->processed_items;
}

static void
see_log(void *ctx, int level, const char *msg)
{
	size_t used = strlen(seen.log);

	(void)ctx;
	(void)level;
	(void)snprintf(seen.log + used, sizeof(seen.log) - used, "%s\n", msg);
}

static void
empty_directory(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char *path;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		path = path_join(directory, entry->d_name);
		(void)unlink(path);
		free(path);
	}
	(void)closedir(dir);
	memset(&seen, 0, sizeof(seen));
}

static bool leave_locked;

static struct supervisor *
open_supervisor(void)
{
	static const char *const arguments[] = {"test-supervisor", "worker", NULL};
	struct supervisor_options options = {.directory = directory, .program = program, .arguments = arguments,
	    .observer = {NULL, see_progress, see_event}, .hang_ms = 400, .stop_ms = 300, .term_ms = 100,
	    .restart_ms = 1, .leave_locked = leave_locked};
	struct supervisor *supervisor = NULL;
	struct hf_error err = HF_ERROR_INIT;

	if (supervisor_open(&options, &supervisor, &err) != HF_OK)
		(void)fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(supervisor);
	return supervisor;
}

static void
add(struct supervisor *supervisor, const char *plan, const char *script, char id[JOB_ID_SIZE])
{
	struct job *job = job_new();
	char options[512];
	bool existing;

	(void)snprintf(options, sizeof(options), "{\"script\":\"%s\"}", script);
	job->retry.initial = 1000000;
	CU_ASSERT_EQUAL(job_set_text(&job->plan, plan, JOB_TEXT_MAX, "", NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_text(&job->options, options, JOB_JSON_MAX, "", NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_types(job, "chats", NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(supervisor_add(supervisor, job, &existing, NULL), HF_OK);
	memcpy(id, job->id, JOB_ID_SIZE);
	job_free(job);
}

/* Runs a script to its end in a fresh state directory; the job as it is then. */
static struct job *
run_script(const char *script, enum supervisor_outcome expected)
{
	struct supervisor *supervisor;
	enum supervisor_outcome outcome = SUPERVISOR_STOPPED;
	struct hf_error err = HF_ERROR_INIT;
	struct job *job = NULL;
	char id[JOB_ID_SIZE];

	empty_directory();
	supervisor = open_supervisor();
	add(supervisor, "plan", script, id);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, &err), HF_OK);
	CU_ASSERT_EQUAL(outcome, expected);
	CU_ASSERT_EQUAL_FATAL(queue_get(supervisor_queue(supervisor), id, &job, &err), HF_OK);
	supervisor_close(supervisor);
	/* No child is left over. */
	CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	return job;
}

/* ---- tests ---- */

/* The wish to stop is there before the worker reads its job: both come in one piece. */
static void
test_stop_at_once(void)
{
	interrupt_at_start = true;
	CU_ASSERT_EQUAL(setenv("TEST_LATE", "1", 1), 0);
	job_free(run_script("stop", SUPERVISOR_STOPPED));
	CU_ASSERT_EQUAL(unsetenv("TEST_LATE"), 0);
	interrupt_at_start = false;
	CU_ASSERT(noted("stopped", NULL, 0));
}

static void
test_done(void)
{
	struct job *job = run_script("progress=1 item log checkpoint progress=10 done", SUPERVISOR_COMPLETED);

	CU_ASSERT_EQUAL(job->status, JOB_COMPLETED);
	CU_ASSERT_EQUAL(job->attempts, 0);
	CU_ASSERT_EQUAL(job->crashes, 0);
	CU_ASSERT_EQUAL(job->checkpoints, 1);
	CU_ASSERT_PTR_NULL(job->checkpoint);
	CU_ASSERT_STRING_EQUAL(job->result, "{\"total\":10}");
	CU_ASSERT(job->finished_at >= job->started_at && job->started_at > 0);
	CU_ASSERT_EQUAL(seen.events[EVENT_QUEUED], 1);
	CU_ASSERT_EQUAL(seen.events[EVENT_STARTED], 1);
	CU_ASSERT_EQUAL(seen.events[EVENT_ITEM_FAILED], 1);
	CU_ASSERT_EQUAL(seen.events[EVENT_COMPLETED], 1);
	CU_ASSERT_EQUAL(seen.processed, 10);
	CU_ASSERT_STRING_EQUAL(seen.item, "a\nb\xef\xbf\xbd");
	CU_ASSERT_PTR_NULL(strchr(seen.log, '\033'));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.log, "hello"));
	job_free(job);
	job = run_script("progress=1 partial", SUPERVISOR_PARTIAL);
	CU_ASSERT_EQUAL(job->status, JOB_PARTIAL);
	CU_ASSERT_EQUAL(seen.events[EVENT_PARTIAL], 1);
	job_free(job);
	/* What was said last holds, however the worker ends. */
	job_free(run_script("done crash", SUPERVISOR_COMPLETED));
	job_free(run_script("done hang", SUPERVISOR_COMPLETED));
	job_free(run_script("done exit=3", SUPERVISOR_COMPLETED));
}

static void
test_crash(void)
{
	struct job *job = run_script("crash=3 done", SUPERVISOR_COMPLETED);

	CU_ASSERT_EQUAL(seen.events[EVENT_STARTED], 4);
	CU_ASSERT_EQUAL(job->attempts, 0);
	job_free(job);
	job = run_script("crash", SUPERVISOR_FAILED);
	CU_ASSERT_EQUAL(seen.events[EVENT_STARTED], 5);
	CU_ASSERT_EQUAL(seen.events[EVENT_FAILED], 1);
	CU_ASSERT_EQUAL(job->attempts, 0);
	CU_ASSERT_EQUAL(job->crashes, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(job->error, "killed by signal 9"));
	job_free(job);
	/* No last word is a failure, whatever the exit status. */
	job = run_script("exit=0", SUPERVISOR_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(job->error, "without a result"));
	job_free(job);
	job_free(run_script("half exit=0", SUPERVISOR_FAILED));
}

/* A new checkpoint starts the count of crashes again, and comes back to the next worker. */
static void
test_checkpoint(void)
{
	struct supervisor *supervisor;
	enum supervisor_outcome outcome;
	struct job *job = NULL;
	char id[JOB_ID_SIZE];

	empty_directory();
	supervisor = open_supervisor();
	add(supervisor, "plan", "crash=4 checkpoint interrupt stop", id);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(outcome, SUPERVISOR_STOPPED);
	CU_ASSERT_EQUAL_FATAL(queue_get(supervisor_queue(supervisor), id, &job, NULL), HF_OK);
	CU_ASSERT_EQUAL(job->status, JOB_QUEUED);
	CU_ASSERT_EQUAL(job->crashes, 0);
	CU_ASSERT_EQUAL(job->checkpoints, 1);
	CU_ASSERT_STRING_EQUAL(job->checkpoint, "{\"before\":\"-\"}");
	CU_ASSERT_EQUAL(job_set_text(&job->options, "{\"script\":\"checkpoint interrupt stop\"}", 100, "", NULL), HF_OK);
	CU_ASSERT_EQUAL(queue_update(supervisor_queue(supervisor), job, NULL), HF_OK);
	job_free(job);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(queue_get(supervisor_queue(supervisor), id, &job, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(job->checkpoint, "{\"before\":\"{\\\"before\\\":\\\"-\\\"}\"}");
	CU_ASSERT_EQUAL(job->checkpoints, 2);
	job_free(job);
	supervisor_close(supervisor);
	/* A flood of them costs the queue one write a second. */
	job = run_script("flood=20000 done", SUPERVISOR_COMPLETED);
	CU_ASSERT_EQUAL(job->checkpoints, 20000);
	CU_ASSERT(seen.events[EVENT_CHECKPOINT] < 10);
	job_free(job);
}

static void
test_hang(void)
{
	int64_t start = time_boot();
	struct job *job = run_script("hang=2 done", SUPERVISOR_COMPLETED);

	/* Twice: silence, SIGTERM that is ignored, SIGKILL. */
	CU_ASSERT(time_boot() - start > 900 * INT64_C(1000000));
	CU_ASSERT_EQUAL(seen.events[EVENT_STARTED], 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.log, "hung"));
	job_free(job);
}

static void
test_protocol(void)
{
	static const char *const scripts[] = {"garbage hang", "oversize hang", "json", "unknown", "hello", "forge",
	    "done done", "done progress=1"};
	struct job *job;
	size_t i;

	for (i = 0; i < 6; i++) {
		job = run_script(scripts[i], SUPERVISOR_FAILED);
		CU_ASSERT_PTR_NOT_NULL(strstr(job->error, "broke the protocol"));
		CU_ASSERT_EQUAL(seen.events[EVENT_COMPLETED], 0);
		job_free(job);
	}
	for (; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		job_free(run_script(scripts[i], SUPERVISOR_COMPLETED));
}

static void
test_leftovers(void)
{
	int64_t start = time_boot();

	/* A child of the worker that holds the channel dies with it; one that left the group is not waited for. */
	job_free(run_script("child done", SUPERVISOR_COMPLETED));
	job_free(run_script("child crash=1 done", SUPERVISOR_COMPLETED));
	job_free(run_script("orphan=4 done", SUPERVISOR_COMPLETED));
	CU_ASSERT(time_boot() - start < 3900 * INT64_C(1000000));
}

static void
test_retry(void)
{
	struct job *job = run_script("net=3 done", SUPERVISOR_COMPLETED);

	CU_ASSERT_EQUAL(job->attempts, 3);
	CU_ASSERT_EQUAL(seen.events[EVENT_RETRY], 3);
	job_free(job);
	job = run_script("net=100", SUPERVISOR_FAILED);
	CU_ASSERT_EQUAL(job->attempts, 8);
	CU_ASSERT_EQUAL(job->error_code, HF_ENET);
	job_free(job);
	job = run_script("fail", SUPERVISOR_FAILED);
	CU_ASSERT_EQUAL(job->attempts, 1);
	CU_ASSERT_EQUAL(job->error_code, HF_EAUTH);
	CU_ASSERT_STRING_EQUAL(job->error, "wrong password");
	CU_ASSERT_EQUAL(seen.events[EVENT_RETRY], 0);
	job_free(job);
}

/* Nobody waits in the foreground for a repository that somebody else has; an hour's wait ends when asked again. */
static void
test_locked(void)
{
	struct supervisor *supervisor;
	enum supervisor_outcome outcome = SUPERVISOR_STOPPED;
	char id[JOB_ID_SIZE], again[JOB_ID_SIZE];
	struct job *job;

	leave_locked = true;
	job = run_script("busy done", SUPERVISOR_LOCKED);
	leave_locked = false;
	CU_ASSERT_EQUAL(job->status, JOB_QUEUED);
	CU_ASSERT_EQUAL(job->attempts, 0);
	CU_ASSERT_EQUAL(job->crashes, 0);
	CU_ASSERT_EQUAL(job->error_code, HF_EBUSY);
	CU_ASSERT_STRING_EQUAL(job->error, "locked by somebody");
	CU_ASSERT_EQUAL(seen.events[EVENT_WAITING], 1);
	memcpy(id, job->id, sizeof(id));
	supervisor = open_supervisor();
	job->next_attempt = time_now() + 3600 * RETRY_SECOND;
	job->status = JOB_WAITING;
	CU_ASSERT_EQUAL(queue_update(supervisor_queue(supervisor), job, NULL), HF_OK);
	job_free(job);
	add(supervisor, "plan", "busy done", again);
	CU_ASSERT_STRING_EQUAL(id, again);
	CU_ASSERT_EQUAL_FATAL(queue_get(supervisor_queue(supervisor), id, &job, NULL), HF_OK);
	CU_ASSERT_EQUAL(job->next_attempt, 0);
	CU_ASSERT_EQUAL(job->status, JOB_QUEUED);
	job_free(job);
	note("unlocked", "x");
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(outcome, SUPERVISOR_COMPLETED);
	supervisor_close(supervisor);
}

static void
test_stop(void)
{
	static const char *const scripts[] = {"interrupt stop", "interrupt hang", "interrupt nap=50 crash",
	    "interrupt interrupt nap=2000", "harden interrupt nap=20 interrupt nap=20 interrupt hang"};
	struct job *job;
	size_t i;

	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		job = run_script(scripts[i], SUPERVISOR_STOPPED);
		CU_ASSERT_EQUAL(job->status, JOB_QUEUED);
		CU_ASSERT_EQUAL(job->attempts, 0);
		CU_ASSERT_EQUAL(job->crashes, 0);
		CU_ASSERT_EQUAL(seen.events[EVENT_FAILED], 0);
		job_free(job);
	}
	/* A job that comes to its end all the same is done. */
	job_free(run_script("interrupt nap=50 done", SUPERVISOR_COMPLETED));
}

static void
test_order(void)
{
	struct supervisor *supervisor;
	enum supervisor_outcome outcome;
	char id[JOB_ID_SIZE], order[64];

	empty_directory();
	supervisor = open_supervisor();
	add(supervisor, "first", "note done", id);
	add(supervisor, "second", "note fail", id);
	add(supervisor, "third", "note partial", id);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(outcome, SUPERVISOR_PARTIAL);
	CU_ASSERT(noted("order", order, sizeof(order)));
	CU_ASSERT_STRING_EQUAL(order, "first second third ");
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(outcome, SUPERVISOR_PARTIAL);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, "backup_1_00000000", &outcome, NULL), HF_ENOTFOUND);
	supervisor_close(supervisor);
}

static pid_t
fork_supervisor(const char *script)
{
	enum supervisor_outcome outcome;
	struct supervisor *supervisor;
	char id[JOB_ID_SIZE];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	supervisor = open_supervisor();
	add(supervisor, "plan", script, id);
	if (supervisor_run(supervisor, id, &outcome, NULL) != HF_OK)
		_exit(99);
	supervisor_close(supervisor);
	_exit((int)outcome);
}

static bool
wait_for_note(const char *file)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (noted(file, NULL, 0))
			return true;
		nap(10);
	}
	return false;
}

/* kill -9 of the supervisor: its worker notices, the next one waits for it and then goes on. */
static void
test_killed_supervisor(void)
{
	struct supervisor *supervisor;
	enum supervisor_outcome outcome;
	struct job *job = NULL;
	char id[JOB_ID_SIZE];
	pid_t pid;

	empty_directory();
	pid = fork_supervisor("gone=300 note done");
	CU_ASSERT_FATAL(wait_for_note("waiting"));
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	supervisor = open_supervisor();
	add(supervisor, "plan", "never looked at", id);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(outcome, SUPERVISOR_COMPLETED);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.log, "waiting for it to stop"));
	CU_ASSERT_EQUAL_FATAL(queue_get(supervisor_queue(supervisor), id, &job, NULL), HF_OK);
	CU_ASSERT_EQUAL(job->crashes, 0);
	CU_ASSERT_EQUAL(job->attempts, 0);
	job_free(job);
	supervisor_close(supervisor);
}

static unsigned
count_descriptors(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Many jobs, good and bad: no descriptor, no process stays. */
static void
test_many(void)
{
	static const char *const scripts[] = {"done", "crash=2 done", "fail", "child partial", "garbage"};
	struct supervisor *supervisor;
	enum supervisor_outcome outcome;
	char id[JOB_ID_SIZE], plan[16];
	unsigned before = count_descriptors();
	int i;

	empty_directory();
	supervisor = open_supervisor();
	for (i = 0; i < 30; i++) {
		(void)snprintf(plan, sizeof(plan), "%d", i);
		add(supervisor, plan, scripts[i % 5], id);
	}
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.events[EVENT_COMPLETED], 12);
	CU_ASSERT_EQUAL(seen.events[EVENT_PARTIAL], 6);
	CU_ASSERT_EQUAL(seen.events[EVENT_FAILED], 12);
	supervisor_close(supervisor);
	CU_ASSERT_EQUAL(count_descriptors(), before);
	CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

/* The supervisor killed at many moments: the job runs to its end once, and no kill counts against it. */
static void
test_kills(void)
{
	struct supervisor *supervisor;
	enum supervisor_outcome outcome;
	struct job *job = NULL;
	char id[JOB_ID_SIZE], order[64];
	pid_t pid;
	int i;

	empty_directory();
	for (i = 0; i < 20; i++) {
		pid = fork_supervisor("checkpoint nap=15 checkpoint nap=15 checkpoint note done");
		nap(2 * i);
		CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
		CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
		if (noted("order", NULL, 0))
			break;
	}
	supervisor = open_supervisor();
	add(supervisor, "plan", "note done", id);
	CU_ASSERT_EQUAL(supervisor_run(supervisor, id, &outcome, NULL), HF_OK);
	CU_ASSERT_EQUAL(outcome, SUPERVISOR_COMPLETED);
	CU_ASSERT(noted("order", order, sizeof(order)));
	CU_ASSERT_EQUAL_FATAL(queue_get(supervisor_queue(supervisor), id, &job, NULL), HF_OK);
	CU_ASSERT_EQUAL(job->crashes, 0);
	CU_ASSERT_EQUAL(job->attempts, 0);
	CU_ASSERT_PTR_NULL(strstr(seen.log, "damaged"));
	job_free(job);
	supervisor_close(supervisor);
}

static int
count_reply(void *ctx, struct json_object *parameters, bool more)
{
	unsigned *counts = ctx;
	struct json_object *value;

	counts[0]++;
	counts[1] += json_object_object_get_ex(parameters, "event", &value);
	counts[2] += json_object_object_get_ex(parameters, "progress", &value);
	counts[3] += !more;
	return HF_OK;
}

static void
test_control(void)
{
	unsigned counts[4] = {0};
	struct json_object *reply = NULL, *job, *parameters = json_object_new_object();
	struct supervisor_options options = {.directory = directory, .program = program};
	struct supervisor *second = NULL;
	struct hf_error err = HF_ERROR_INIT;
	char *path, id[JOB_ID_SIZE];
	int status = 0;
	pid_t pid;

	empty_directory();
	/* Nobody there: the queue itself answers. */
	CU_ASSERT_EQUAL(status_query(directory, NULL, &reply, NULL), HF_OK);
	CU_ASSERT_EQUAL(json_object_array_length(json_object_object_get(reply, "jobs")), 0);
	json_object_put(reply);
	/* Time enough for a slow machine to ask all of the following. */
	pid = fork_supervisor("progress=3 note nap=300 checkpoint nap=300 checkpoint nap=300 checkpoint nap=300 "
	    "checkpoint nap=300 checkpoint nap=300 checkpoint nap=300 checkpoint nap=300 progress=10 done");
	CU_ASSERT_FATAL(wait_for_note("order"));
	CU_ASSERT_EQUAL_FATAL(status_query(directory, NULL, &reply, &err), HF_OK);
	job = json_object_array_get_idx(json_object_object_get(reply, "jobs"), 0);
	CU_ASSERT_STRING_EQUAL(frame_string(job, "status"), "running");
	CU_ASSERT_EQUAL(json_object_get_int(json_object_object_get(json_object_object_get(job, "progress"),
	    "processed_items")), 3);
	(void)snprintf(id, sizeof(id), "%s", frame_string(job, "id"));
	json_object_put(reply);
	CU_ASSERT_EQUAL(supervisor_open(&options, &second, &err), HF_EBUSY);
	CU_ASSERT_PTR_NULL(second);
	CU_ASSERT_EQUAL(status_query(directory, "backup_1_00000000", &reply, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(control_call(directory, "org.holdfast.Cancel", NULL, false, count_reply, counts, &err),
	    HF_ENOTSUP);
	CU_ASSERT_EQUAL(control_call(directory, "org.holdfast.Watch", NULL, false, count_reply, counts, &err),
	    HF_ENOTSUP);
	CU_ASSERT_EQUAL(counts[0], 0);
	CU_ASSERT_EQUAL(control_call(directory, "org.varlink.service.GetInfo", NULL, false, count_reply, counts, &err),
	    HF_OK);
	CU_ASSERT_EQUAL(counts[0], 1);
	memset(counts, 0, sizeof(counts));
	(void)json_object_object_add(parameters, "job", json_object_new_string(id));
	CU_ASSERT_EQUAL(control_call(directory, "org.holdfast.Watch", parameters, true, count_reply, counts, &err), HF_OK);
	CU_ASSERT(counts[0] >= 3);
	CU_ASSERT(counts[1] >= 1);
	CU_ASSERT(counts[2] >= 1);
	CU_ASSERT_EQUAL(counts[3], 1);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISOR_COMPLETED);
	CU_ASSERT_EQUAL(status_query(directory, id, &reply, NULL), HF_OK);
	job = json_object_array_get_idx(json_object_object_get(reply, "jobs"), 0);
	CU_ASSERT_STRING_EQUAL(frame_string(job, "status"), "completed");
	CU_ASSERT_PTR_NOT_NULL(json_object_object_get(job, "result"));
	json_object_put(reply);
	json_object_put(parameters);
	path = path_join(directory, "control");
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	free(path);
}

int
main(int argc, char **argv)
{
	CU_TestInfo tests[] = {{"done", test_done}, {"crash", test_crash}, {"checkpoint", test_checkpoint},
	    {"hang", test_hang}, {"protocol", test_protocol}, {"leftovers", test_leftovers}, {"retry", test_retry},
	    {"locked", test_locked}, {"stop", test_stop}, {"stop at once", test_stop_at_once},
	    {"order", test_order}, {"killed supervisor", test_killed_supervisor},
	    {"many", test_many}, {"kills", test_kills},
	    {"control", test_control}, CU_TEST_INFO_NULL};
	int r;

	if (argc == 2 && strcmp(argv[1], "worker") == 0)
		return be_worker();
	/* Whoever runs tests in the background ignores it, and what is ignored stays so. */
	(void)signal(SIGINT, SIG_DFL);
	(void)snprintf(directory, sizeof(directory), "/tmp/test-supervisor.XXXXXX");
	if (realpath(argv[0], program) == NULL || mkdtemp(directory) == NULL ||
	    setenv("HOLDFAST_STATE_DIR", directory, 1) != 0)
		return 99;
	log_set_sink(see_log, NULL);
	r = unit_run("supervisor", tests);
	empty_directory();
	(void)rmdir(directory);
	return r;
}

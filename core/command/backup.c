/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/shell.h"
#include "command/report.h"
#include "command/session.h"
#include "progress/json.h"
#include "progress/terminal.h"
#include "supervisor/control.h"
#include "supervisor/os.h"
#include "supervisor/process.h"
#include "supervisor/state.h"
#include "supervisor/status.h"
#include "supervisor/supervisor.h"

#define OPEN_TRIES 25 /* of 200 ms, for a "holdfast status" that looks at the queue just now */

/* One run of the command. */
struct backup {
	struct common common;
	const char *types; /* --types; NULL: all of the plan's */
	bool full;
	struct config *config;
	const struct config_plan *plan;
	char program[PATH_MAX]; /* our own, for children */
	char *directory;        /* the state's */
	struct job *job;
	struct terminal *terminal;       /* NULL with --json */
	struct observer terminal_observer; /* what it draws */
	struct supervisor *supervisor;
};

static const char *const worker_arguments[] = {"holdfast", "worker", NULL};
static const char *const verbose_arguments[] = {"holdfast", "worker", "--verbose", NULL};

/* ---- what is asked for ---- */

/* The types as the job is to have them: "" for all of the plan's, in whatever words that was said. */
static int
choose_types(const struct backup *backup, const char **ret, struct hf_error *err)
{
	unsigned asked, beyond, i;
	int r;

	*ret = "";
	if (backup->types == NULL)
		return HF_OK;
	r = config_types_parse(backup->types, &asked, err);
	if (r != HF_OK)
		return r;
	beyond = asked & ~backup->plan->types;
	for (i = 0; i < CONFIG_TYPES; i++) {
		if ((beyond & 1u << i) != 0)
			return hf_error_set(err, HF_EINVAL, 0,
			    "plan %s does not back up %s: add it to the plan's types in %s", backup->plan->name,
			    config_type_name(i), backup->config->file);
	}
	/* Types that were left out in the plan are those installed; asked for by name, each has to be. */
	if (asked != backup->plan->types || !backup->plan->types_named)
		*ret = backup->types;
	return HF_OK;
}

/* The path that the worker finds the file by, wherever it runs; symbolic links may lead elsewhere later. */
static int
absolute_path(const char *file, char **ret, struct hf_error *err)
{
	char *directory = NULL;

	if (file[0] == '/') {
		*ret = strdup(file);
	} else {
		directory = realpath(".", NULL);
		*ret = directory != NULL ? path_join(directory, file) : NULL;
		free(directory);
	}
	return *ret != NULL ? HF_OK : hf_error_set(err, HF_EIO, errno, "%s: %s", file, strerror(errno));
}

/* Takes value over, also on failure. */
static bool
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value != NULL && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* As it is written: what type it is of only the strategy knows. */
static struct json_object *
option_to_json(const struct config_option *option)
{
	struct json_object *list, *text;
	size_t i;

	if (option->items == NULL)
		return json_object_new_string(option->text);
	list = json_object_new_array();
	for (i = 0; list != NULL && i < option->count; i++) {
		text = json_object_new_string(option->items[i].text);
		if (text != NULL && json_object_array_add(list, text) == 0)
			continue;
		json_object_put(text);
		json_object_put(list);
		return NULL;
	}
	return list;
}

static struct json_object *
options_to_json(const struct config_gates *options)
{
	struct json_object *object = json_object_new_object();
	const struct config_option *option = options->others.items, *end = option + options->others.count;
	bool ok = object != NULL && add(object, "wifi_only", json_object_new_boolean(options->wifi_only)) &&
	          add(object, "min_battery_percent", json_object_new_int64(options->min_battery_percent)) &&
	          add(object, "compress_media", json_object_new_boolean(options->compress_media)) &&
	          add(object, "media_quality", json_object_new_int64(options->media_quality)) &&
	          add(object, "max_media_size", json_object_new_int64(options->max_media_size)) &&
	          add(object, "incremental_only", json_object_new_boolean(options->incremental_only));

	for (; ok && option < end; option++) {
		if (json_object_object_get(object, option->name) == NULL)
			ok = add(object, option->name, option_to_json(option));
	}
	if (ok)
		return object;
	json_object_put(object);
	return NULL;
}

/* Gives a job what the plan says now, also one that was queued under an older configuration. */
static int
apply_plan(const struct config_plan *plan, struct job *job, struct hf_error *err)
{
	struct json_object *options = options_to_json(&plan->options);
	int r;

	if (options == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = job_set_text(&job->options, json_object_to_json_string_ext(options, JSON_C_TO_STRING_PLAIN), JOB_JSON_MAX,
	    "options", err);
	json_object_put(options);
	job->retry.backoff = plan->retry.backoff == CONFIG_LINEAR ? RETRY_LINEAR : RETRY_EXPONENTIAL;
	job->retry.max_attempts = (uint32_t)plan->retry.max_attempts;
	job->retry.initial = plan->retry.initial_ns;
	job->retry.maximum = plan->retry.maximum_ns;
	return r;
}

static int
make_job(struct backup *backup, struct hf_error *err)
{
	const char *types;
	int r = choose_types(backup, &types, err);

	if (r != HF_OK)
		return r;
	backup->job = job_new();
	if (backup->job == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	backup->job->full = backup->full;
	r = job_set_types(backup->job, types, err);
	if (r == HF_OK)
		r = job_set_text(&backup->job->plan, backup->plan->name, JOB_TEXT_MAX, "plan", err);
	if (r == HF_OK)
		r = absolute_path(backup->config->file, &backup->job->config_path, err);
	if (r == HF_OK)
		r = apply_plan(backup->plan, backup->job, err);
	return r;
}

/* ---- the plugins' options ---- */

/*
 * Holds the plan's lines against its plugins' tables, in a process of its own: this one is about to become
 * the supervisor, which loads no plugin code.
 */
static int
check_plugins(const struct backup *backup)
{
	const char *const arguments[] = {"holdfast", "config", "check", "--quiet", "--file-only", "--config",
	    backup->job->config_path, "--plan", backup->plan->name, NULL};
	struct hf_error err = HF_ERROR_INIT;
	pid_t pid, got;
	int fd, status = 0;
	char what[128];

	if (process_start(backup->program, arguments, &pid, &fd, &err) != HF_OK)
		return common_error(&err);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	(void)close(fd);
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) < 126)
		return WEXITSTATUS(status);
	process_describe(status, what, sizeof(what));
	common_message("the check of the configuration %s", what);
	return STATUS_FAILED;
}

/* ---- another supervisor ---- */

static int
ignore_reply(void *ctx, struct json_object *parameters, bool more)
{
	(void)ctx;
	(void)parameters;
	(void)more;
	return HF_OK;
}

static bool
supervisor_answers(const char *directory)
{
	return control_call(directory, "org.varlink.service.GetInfo", NULL, false, ignore_reply, NULL, NULL) == HF_OK;
}

/* The unfinished job of the plan in the other supervisor's queue; NULL when there is none. */
static const char *
find_job_of_plan(struct json_object *jobs, const char *plan)
{
	size_t i, count = json_object_is_type(jobs, json_type_array) ? json_object_array_length(jobs) : 0;
	const char *name;

	for (i = 0; i < count; i++) {
		struct json_object *job = json_object_array_get_idx(jobs, i);

		name = report_text(job, "plan");
		if (name != NULL && strcmp(name, plan) == 0 && !report_finished(job))
			return report_text(job, "id");
	}
	return NULL;
}

static int
tell_busy(const struct backup *backup, const struct hf_error *busy)
{
	struct json_object *reply = NULL;
	const char *id = NULL;

	if (status_query(backup->directory, NULL, &reply, NULL) == HF_OK)
		id = find_job_of_plan(json_object_object_get(reply, "jobs"), backup->plan->name);
	if (id != NULL)
		common_message("%s; it has a job of plan %s already, which \"holdfast watch %s\" shows", busy->msg,
		    backup->plan->name, id);
	else
		common_message("%s; \"holdfast status\" shows what it does. Try again when it has finished", busy->msg);
	json_object_put(reply);
	return STATUS_FAILED;
}

/*
 * Opens the supervisor.  Who only looks at the queue holds its lock for a moment too; a supervisor
 * answers on its socket.
 */
static int
open_supervisor(struct backup *backup, const struct supervisor_options *options)
{
	static const struct timespec pause = {0, 200000000};
	struct hf_error err = HF_ERROR_INIT;
	int i, r = HF_EBUSY;

	for (i = 0; i < OPEN_TRIES && r == HF_EBUSY; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		r = supervisor_open(options, &backup->supervisor, &err);
		if (r == HF_EBUSY && supervisor_answers(backup->directory))
			break;
	}
	if (r == HF_EBUSY)
		return tell_busy(backup, &err);
	return r == HF_OK ? STATUS_DONE : common_error(&err);
}

/* ---- running ---- */

/* A message must not end up in the middle of the bar. */
static void
log_beside_bar(void *ctx, int level, const char *msg)
{
	terminal_clear(ctx);
	common_message("%s%s", level == HF_LOG_ERROR ? "error: " : level == HF_LOG_WARNING ? "warning: " :
	    level == HF_LOG_DEBUG ? "debug: " : "", msg);
}

/* The end of a job that was in the queue before: nobody else tells its result. */
static void
report_earlier(struct backup *backup, const struct job_event *event)
{
	struct json_object *object;
	struct job *job = NULL;

	if (queue_get(supervisor_queue(backup->supervisor), event->job, &job, NULL) != HF_OK)
		return;
	object = job_to_json(job, true);
	job_free(job);
	if (object == NULL)
		return;
	terminal_clear(backup->terminal);
	report_end(stdout, object);
	(void)fflush(stdout);
	json_object_put(object);
}

static void
show_progress(void *ctx, const struct progress *progress)
{
	const struct backup *backup = ctx;

	backup->terminal_observer.progress(backup->terminal_observer.ctx, progress);
}

static void
show_event(void *ctx, const struct job_event *event)
{
	struct backup *backup = ctx;

	backup->terminal_observer.event(backup->terminal_observer.ctx, event);
	if ((event->kind == EVENT_COMPLETED || event->kind == EVENT_PARTIAL || event->kind == EVENT_FAILED) &&
	    strcmp(event->job, backup->job->id) != 0)
		report_earlier(backup, event);
}

static int
add_job(struct backup *backup, struct hf_error *err)
{
	bool existing = false;
	int r = supervisor_add(backup->supervisor, backup->job, &existing, err);

	if (r != HF_OK || !existing)
		return r;
	r = apply_plan(backup->plan, backup->job, err);
	return r == HF_OK ? queue_update(supervisor_queue(backup->supervisor), backup->job, err) : r;
}

/* The job stays in the queue; the same command goes on with it.  before: what happened; after: when that helps. */
static void
tell_how_to_continue(const struct backup *backup, const char *before, const char *after)
{
	char command[COMMON_HINT_SIZE];
	struct shell_word types;

	common_message("%s%sjob %s stays in the queue, and \"%s%s%s%s %s\" continues it%s", before,
	    before[0] == '\0' ? "" : "; ", backup->job->id, common_hint(&backup->common, "backup", command),
	    backup->full ? " --full" : "", backup->types != NULL ? " --types " : "",
	    backup->types != NULL ? shell_quote(&types, backup->types) : "", backup->plan->name, after);
}

/* On a terminal, the event before said who holds the lock. */
static void
tell_locked(const struct backup *backup, struct json_object *job)
{
	const char *error = backup->common.json ? report_text(job, "error") : NULL;

	tell_how_to_continue(backup, error == NULL ? "" : error, " when the lock is gone");
}

static int
tell_end(const struct backup *backup, enum supervisor_outcome outcome, struct json_object *job)
{
	char command[COMMON_HINT_SIZE];

	if (outcome == SUPERVISOR_STOPPED) {
		tell_how_to_continue(backup, "stopped", "");
		return STATUS_INTERRUPTED;
	}
	if (outcome == SUPERVISOR_LOCKED) {
		tell_locked(backup, job);
		return STATUS_LOCKED;
	}
	if (!backup->common.json)
		report_end(stdout, job);
	if (report_status(job) == STATUS_NO_REPOSITORY)
		common_message("repository %s of plan %s was not found; \"%s %s\" makes a new one",
		    backup->plan->repository->name, backup->plan->name, common_hint(&backup->common, "init", command),
		    backup->plan->repository->name);
	return report_status(job);
}

static int
run_job(struct backup *backup)
{
	enum supervisor_outcome outcome;
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *object;
	struct job *job = NULL;
	int r, status;

	r = add_job(backup, &err);
	if (r == HF_OK)
		r = supervisor_run(backup->supervisor, backup->job->id, &outcome, &err);
	if (backup->terminal != NULL) {
		terminal_clear(backup->terminal);
		terminal_tell_failures(backup->terminal);
	}
	if (r == HF_OK)
		r = queue_get(supervisor_queue(backup->supervisor), backup->job->id, &job, &err);
	if (r != HF_OK)
		return common_error(&err);
	object = job_to_json(job, true);
	job_free(job);
	if (object == NULL) {
		common_message("out of memory");
		return STATUS_FAILED;
	}
	status = tell_end(backup, outcome, object);
	json_object_put(object);
	return status;
}

static int
supervise(struct backup *backup)
{
	struct supervisor_options options = {
	    .directory = backup->directory, .program = backup->program,
	    .arguments = backup->common.verbose ? verbose_arguments : worker_arguments, .leave_locked = true};
	int status;

	if (backup->common.json) {
		options.observer = json_observer(stdout);
	} else {
		backup->terminal = terminal_new(stderr, true);
		if (backup->terminal == NULL) {
			common_message("out of memory");
			return STATUS_FAILED;
		}
		backup->terminal_observer = terminal_observer(backup->terminal);
		options.observer = (struct observer){backup, show_progress, show_event};
		log_set_sink(log_beside_bar, backup->terminal);
	}
	status = open_supervisor(backup, &options);
	if (status == STATUS_DONE)
		status = run_job(backup);
	supervisor_close(backup->supervisor);
	log_set_sink(NULL, NULL);
	terminal_free(backup->terminal);
	return status;
}

/* ---- the command ---- */

static int
prepare(struct backup *backup, const char *plan)
{
	struct hf_error err = HF_ERROR_INIT;
	int status = session_config(&backup->common, &backup->config);

	if (status != STATUS_DONE)
		return status;
	if (config_plan(backup->config, plan, &backup->plan, &err) != HF_OK || make_job(backup, &err) != HF_OK) {
		(void)common_error(&err);
		return err.code == HF_EINVAL ? STATUS_USAGE : STATUS_FAILED;
	}
	if (os_program(backup->program, sizeof(backup->program)) != 0) {
		common_message("the path of this program cannot be found: %s", strerror(errno));
		return STATUS_FAILED;
	}
	status = check_plugins(backup);
	if (status != STATUS_DONE)
		return status;
	/* Not after a job was made of it, which would fail. */
	if (secret_check(&backup->plan->repository->password, &err) != HF_OK)
		return common_config_error(&err);
	status = common_state_directory(&backup->directory);
	if (status == STATUS_DONE)
		log_message(HF_LOG_DEBUG, "plan %s: %zu account%s into repository %s, state directory %s",
		    backup->plan->name, backup->plan->account_count, backup->plan->account_count == 1 ? "" : "s",
		    backup->plan->repository->name, backup->directory);
	return status;
}

static int
backup_run(int argc, char **argv)
{
	struct backup backup = {.types = NULL};
	const struct command_option options[] = {
	    {"types", 't', "TYPE,..", "only these of the plan's types", &backup.types},
	    {"full", 0, NULL, "read everything again, not only what is new", &backup.full},
	    {NULL, 0, NULL, NULL, NULL}};
	int status;

	status = common_parse(&command_backup, COMMON_JSON, options, 0, 1, &argc, argv, &backup.common);
	if (status != COMMON_GO_ON)
		return status;
	status = prepare(&backup, argc > 1 ? argv[1] : NULL);
	if (status == STATUS_DONE)
		status = supervise(&backup);
	job_free(backup.job);
	free(backup.directory);
	config_free(backup.config);
	return status;
}

const struct command command_backup = {"backup", "[-c FILE] [-v] [--types TYPE,..] [--full] [--json] [PLAN]",
    "Back up a plan; goes on where an earlier run was interrupted", backup_run};

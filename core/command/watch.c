/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "command/common.h"
#include "command/find.h"
#include "command/report.h"
#include "progress/json.h"
#include "progress/terminal.h"
#include "supervisor/control.h"
#include "supervisor/status.h"

struct watch {
	struct terminal *terminal; /* NULL with --json */
	struct observer observer;
	bool connected; /* a supervisor answered */
};

/* ---- what comes ---- */

/* The jobs as they are when the watch begins. */
static void
show_jobs(struct watch *watch, struct json_object *jobs)
{
	size_t i, count = json_object_is_type(jobs, json_type_array) ? json_object_array_length(jobs) : 0;
	struct progress progress;
	struct json_object *job;

	for (i = 0; i < count; i++) {
		job = json_object_array_get_idx(jobs, i);
		if (!json_object_is_type(job, json_type_object) || report_finished(job))
			continue;
		if (watch->terminal == NULL) {
			(void)json_object_object_add(job, "type", json_object_new_string("job"));
			(void)json_write_line(stdout, job);
			continue;
		}
		terminal_clear(watch->terminal);
		report_line(stderr, job);
		if (json_object_object_get(job, "progress") != NULL &&
		    progress_from_json(json_object_object_get(job, "progress"), &progress, NULL) == HF_OK)
			watch->observer.progress(watch->observer.ctx, &progress);
	}
}

static int
take_reply(void *ctx, struct json_object *parameters, bool more)
{
	struct watch *watch = ctx;
	struct json_object *event = json_object_object_get(parameters, "event"),
	                   *news = json_object_object_get(parameters, "progress");
	struct progress progress;
	struct job_event decoded;

	(void)more;
	watch->connected = true;
	if (ferror(stdout))
		return HF_ESTOP;
	show_jobs(watch, json_object_object_get(parameters, "jobs"));
	/* What is not understood comes from another version, and is not worth ending for. */
	if (event != NULL && event_from_json(event, &decoded, NULL) == HF_OK)
		watch->observer.event(watch->observer.ctx, &decoded);
	if (news != NULL && progress_from_json(news, &progress, NULL) == HF_OK)
		watch->observer.progress(watch->observer.ctx, &progress);
	return HF_OK;
}

/* ---- beginning and end ---- */

/* Nobody works, or no longer: what has become of the job. */
static int
tell_end(const struct watch *watch, const char *directory, const char *id)
{
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *reply = NULL, *job;
	char command[COMMON_HINT_SIZE];
	int status;

	if (status_query(directory, id, &reply, &err) != HF_OK)
		return common_error(&err);
	job = json_object_array_get_idx(json_object_object_get(reply, "jobs"), 0);
	status = report_status(job);
	if (!report_finished(job)) {
		common_message("job %s is in the queue, but no holdfast is at work; \"%s %s\" continues it", id,
		    report_hint(job, "backup", NULL, command), report_text(job, "plan"));
		status = STATUS_FAILED;
	} else if (watch->terminal == NULL) {
		(void)json_object_object_add(job, "type", json_object_new_string("job"));
		(void)json_write_line(stdout, job);
	} else {
		report_job(stdout, job);
	}
	json_object_put(reply);
	return status;
}

static int
call(struct watch *watch, const char *directory, const char *id, struct hf_error *err)
{
	struct json_object *parameters = json_object_new_object();
	int r;

	if (parameters == NULL ||
	    (id != NULL && json_object_object_add(parameters, "job", json_object_new_string(id)) != 0))
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	else
		r = control_call(directory, "org.holdfast.Watch", parameters, true, take_reply, watch, err);
	json_object_put(parameters);
	if (watch->terminal != NULL) {
		terminal_clear(watch->terminal);
		terminal_tell_failures(watch->terminal);
	}
	return r;
}

/* One job until it ends, or all of them until the supervisor ends. */
static int
follow(struct watch *watch, const char *directory, const char *id)
{
	struct hf_error err = HF_ERROR_INIT;
	int r = call(watch, directory, id, &err);

	if (r != HF_OK && r != HF_ENET)
		return r == HF_ESTOP ? STATUS_FAILED : common_error(&err);
	if (id != NULL)
		return tell_end(watch, directory, id);
	if (watch->connected)
		return STATUS_DONE;
	common_message("no holdfast is at work; \"holdfast status\" shows the queue");
	return STATUS_FAILED;
}

static int
watch_word(struct watch *watch, const char *word)
{
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *reply = NULL;
	char *directory = NULL;
	const char *id = NULL;
	int r = HF_OK, status = common_state_directory(&directory);

	if (status != STATUS_DONE)
		return status;
	if (word != NULL) {
		r = find_job(directory, word, &reply, &err);
		if (r == HF_OK)
			id = report_text(json_object_array_get_idx(json_object_object_get(reply, "jobs"), 0), "id");
	}
	status = r == HF_OK ? follow(watch, directory, id) : common_error(&err);
	json_object_put(reply);
	free(directory);
	return status;
}

static int
watch_run(int argc, char **argv)
{
	struct watch watch = {.terminal = NULL};
	struct common common;
	int status;

	status = common_parse(&command_watch, COMMON_JSON, NULL, 0, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	if (common.json) {
		watch.observer = json_observer(stdout);
	} else {
		watch.terminal = terminal_new(stderr, argc > 1);
		if (watch.terminal == NULL) {
			common_message("out of memory");
			return STATUS_FAILED;
		}
		watch.observer = terminal_observer(watch.terminal);
	}
	status = watch_word(&watch, argc > 1 ? argv[1] : NULL);
	terminal_free(watch.terminal);
	return status;
}

const struct command command_watch = {"watch", "[--json] [JOB]",
    "Show progress and events as they come, of one job or all", watch_run};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/report.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "base/time.h"
#include "command/common.h"
#include "config/locate.h"
#include "job/job.h"

#define PLAN_WIDTH_MAX   24
#define ERRORS_SHOWN_MAX 1000

/* ---- members ---- */

static struct json_object *
get_object(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value = json_object_is_type(object, json_type_object) ?
	    json_object_object_get(object, name) : NULL;

	return json_object_is_type(value, type) ? value : NULL;
}

const char *
report_text(struct json_object *job, const char *name)
{
	struct json_object *value = get_object(job, name, json_type_string);

	return value != NULL ? json_object_get_string(value) : NULL;
}

/* A count, -1 when there is none. */
static int64_t
get_count(struct json_object *object, const char *name)
{
	struct json_object *value = get_object(object, name, json_type_int);
	int64_t count = value != NULL ? json_object_get_int64(value) : -1;

	return count < 0 ? -1 : count;
}

/* A time in nanoseconds, 0 when there is none. */
static int64_t
get_time(struct json_object *object, const char *name)
{
	const char *text = report_text(object, name);
	int64_t ns;

	return text != NULL && time_parse(text, strlen(text), &ns) == HF_OK ? ns : 0;
}

static int
get_status(struct json_object *job, enum job_status *ret)
{
	const char *name = report_text(job, "status");

	return name != NULL ? job_status_parse(name, ret) : HF_EINVAL;
}

bool
report_finished(struct json_object *job)
{
	enum job_status status;

	return get_status(job, &status) == HF_OK && status >= JOB_COMPLETED;
}

int
report_status(struct json_object *job)
{
	enum job_status status;
	struct json_object *code = get_object(job, "error_code", json_type_int);

	if (get_status(job, &status) != HF_OK || status < JOB_COMPLETED || status == JOB_COMPLETED)
		return STATUS_DONE;
	if (status == JOB_PARTIAL)
		return STATUS_PARTIAL;
	switch (code != NULL ? json_object_get_int(code) : 0) {
	case HF_ENOTFOUND:
		return STATUS_NO_REPOSITORY;
	case HF_EBUSY:
		return STATUS_LOCKED;
	case HF_EAUTH:
		return STATUS_PASSWORD;
	case HF_EINVAL:
		return STATUS_USAGE;
	default:
		return STATUS_FAILED;
	}
}

const char *
report_hint(struct json_object *job, const char *command, const char *repository, char out[COMMON_HINT_SIZE])
{
	struct common common = {.config = report_text(job, "config"), .repository = repository};
	char *usual = NULL;

	/* What is found without being named need not be. */
	if (common.config != NULL && config_locate(NULL, &usual, NULL) == HF_OK && strcmp(common.config, usual) == 0)
		common.config = NULL;
	(void)common_hint(&common, command, out);
	free(usual);
	return out;
}

/* ---- pieces of lines ---- */

static void
put_text(FILE *stream, const char *text)
{
	common_put(stream, text, strlen(text));
}

/* Text and spaces up to width; the columns of a character are not known, so bytes have to do. */
static void
put_padded(FILE *stream, const char *text, size_t width)
{
	size_t size = strlen(text);

	put_text(stream, text);
	for (; size < width; size++)
		(void)putc(' ', stream);
}

static const char *
format_progress(struct json_object *job, char *out, size_t size)
{
	struct json_object *progress = get_object(job, "progress", json_type_object);
	struct json_object *percent = progress != NULL ? json_object_object_get(progress, "percent") : NULL;
	enum job_status status;

	if (get_status(job, &status) == HF_OK && status >= JOB_COMPLETED)
		(void)snprintf(out, size, "%s", status == JOB_FAILED ? "-" : "100%");
	else if (percent != NULL && (get_count(progress, "total_items") > 0 || json_object_get_double(percent) > 0))
		(void)snprintf(out, size, "%.1f%%", json_object_get_double(percent));
	else
		(void)snprintf(out, size, "-");
	return out;
}

static const char *
format_attempts(struct json_object *job, char *out, size_t size)
{
	int64_t attempts = get_count(job, "attempts"), most = get_count(job, "max_attempts");

	/* They are the runs that failed: "0" would read as never tried. */
	if (attempts <= 0)
		(void)snprintf(out, size, "-");
	else if (most < 0)
		(void)snprintf(out, size, "%" PRId64, attempts);
	else
		(void)snprintf(out, size, "%" PRId64 "/%" PRId64, attempts, most);
	return out;
}

/* ---- the table ---- */

/* What a person would ask next: since when, until when, why. */
static void
put_detail(FILE *stream, struct json_object *job)
{
	const char *error = report_text(job, "error");
	int64_t next = get_time(job, "next_attempt"), finished = get_time(job, "finished_at"),
	        created = get_time(job, "created_at");
	char when[COMMON_TIME_SIZE];

	if (finished != 0)
		(void)fprintf(stream, "%s", common_time(finished, when));
	else if (next != 0)
		(void)fprintf(stream, "next attempt at %s", common_time(next, when));
	else if (created != 0)
		(void)fprintf(stream, "since %s", common_time(created, when));
	if (error != NULL) {
		(void)fputs(next != 0 && finished == 0 ? "; last error: " : ": ", stream);
		put_text(stream, error);
	}
}

static void
put_row(FILE *stream, struct json_object *job, size_t plan_width)
{
	const char *id = report_text(job, "id"), *plan = report_text(job, "plan"), *status = report_text(job, "status");
	char progress[32], attempts[48];

	put_padded(stream, id != NULL ? id : "?", 29);
	(void)fputs("  ", stream);
	put_padded(stream, plan != NULL ? plan : "?", plan_width);
	(void)fputs("  ", stream);
	put_padded(stream, status != NULL ? status : "?", 9);
	(void)fprintf(stream, "  %8s  %8s  ", format_progress(job, progress, sizeof(progress)),
	    format_attempts(job, attempts, sizeof(attempts)));
	put_detail(stream, job);
	(void)putc('\n', stream);
}

void
report_table(FILE *stream, struct json_object *jobs)
{
	size_t count = json_object_is_type(jobs, json_type_array) ? json_object_array_length(jobs) : 0;
	size_t i, width = strlen("PLAN"), size;
	const char *plan;

	for (i = 0; i < count; i++) {
		plan = report_text(json_object_array_get_idx(jobs, i), "plan");
		size = plan != NULL ? strlen(plan) : 0;
		if (size > width)
			width = size < PLAN_WIDTH_MAX ? size : PLAN_WIDTH_MAX;
	}
	if (count > 0)
		(void)fprintf(stream, "%-29s  %-*s  %-9s  %8s  %8s  %s\n", "JOB", (int)width, "PLAN", "STATUS",
		    "PROGRESS", "ATTEMPTS", "DETAIL");
	for (i = 0; i < count; i++)
		put_row(stream, json_object_array_get_idx(jobs, i), width);
}

void
report_line(FILE *stream, struct json_object *job)
{
	const char *id = report_text(job, "id"), *status = report_text(job, "status"), *plan = report_text(job, "plan");

	put_text(stream, id != NULL ? id : "?");
	(void)fputs(": ", stream);
	put_text(stream, status != NULL ? status : "?");
	if (plan != NULL) {
		(void)fputs(", plan ", stream);
		put_text(stream, plan);
	}
	(void)fputs(", ", stream);
	put_detail(stream, job);
	(void)putc('\n', stream);
}

/* ---- one job ---- */

static void
put_line(FILE *stream, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	(void)fprintf(stream, "%-13s ", name);
	put_text(stream, text);
	(void)putc('\n', stream);
}

static void
put_time_line(FILE *stream, const char *name, int64_t ns)
{
	char when[COMMON_TIME_SIZE];

	if (ns != 0)
		put_line(stream, name, common_time(ns, when));
}

static void
put_types_line(FILE *stream, struct json_object *job)
{
	struct json_object *types = get_object(job, "types", json_type_array), *type;
	size_t i, count = types != NULL ? json_object_array_length(types) : 0;
	struct buffer line = BUFFER_INIT(4096);

	for (i = 0; i < count; i++) {
		type = json_object_array_get_idx(types, i);
		if (json_object_is_type(type, json_type_string))
			buffer_appendf(&line, "%s%s", i > 0 ? ", " : "", json_object_get_string(type));
	}
	put_line(stream, "types:", count == 0 ? "all of the plan" : buffer_string(&line));
	buffer_release(&line);
}

static void
put_progress_line(FILE *stream, struct json_object *job)
{
	struct json_object *progress = get_object(job, "progress", json_type_object);
	int64_t done = get_count(progress, "processed_items"), total = get_count(progress, "total_items"),
	        failed = get_count(progress, "failed_items"), bytes = get_count(progress, "bytes_transferred"),
	        read = get_count(progress, "bytes_read"), rate = get_count(progress, "bytes_per_second"),
	        total_bytes = get_count(progress, "total_bytes");
	const char *type = report_text(progress, "current_type");
	char percent[32], size[COMMON_SIZE_SIZE];

	if (done < 0 || report_finished(job))
		return;
	(void)fprintf(stream, "%-13s ", "progress:");
	if (total > 0)
		(void)fprintf(stream, "%s, %" PRId64 " of about %" PRId64 " item%s",
		    format_progress(job, percent, sizeof(percent)), done, total, plural_s((uint64_t)total));
	else if (format_progress(job, percent, sizeof(percent))[0] != '-')
		(void)fprintf(stream, "%s, %" PRId64 " item%s", percent, done, plural_s((uint64_t)done));
	else
		(void)fprintf(stream, "%" PRId64 " item%s", done, plural_s((uint64_t)done));
	if (failed > 0)
		(void)fprintf(stream, ", %" PRId64 " failed", failed);
	if (read > 0)
		(void)fprintf(stream, ", %s read", common_size((uint64_t)read, size));
	if (read > 0 && total_bytes > read)
		(void)fprintf(stream, " of %s", common_size((uint64_t)total_bytes, size));
	if (rate > 0)
		(void)fprintf(stream, ", %s/s", common_size((uint64_t)rate, size));
	if (bytes > 0)
		(void)fprintf(stream, ", %s stored", common_size((uint64_t)bytes, size));
	if (type != NULL && type[0] != '\0') {
		(void)fputs(", now ", stream);
		put_text(stream, type);
	}
	(void)putc('\n', stream);
	put_time_line(stream, "ready about:", get_time(progress, "estimated_completion"));
}

void
report_job(FILE *stream, struct json_object *job)
{
	char attempts[48], crashes[32];
	struct json_object *full = get_object(job, "full", json_type_boolean);

	put_line(stream, "job:", report_text(job, "id"));
	put_line(stream, "plan:", report_text(job, "plan"));
	put_line(stream, "status:", report_text(job, "status"));
	put_types_line(stream, job);
	put_line(stream, "full:", full == NULL ? NULL : json_object_get_boolean(full) ? "yes" : "no");
	put_line(stream, "config:", report_text(job, "config"));
	put_time_line(stream, "queued:", get_time(job, "created_at"));
	put_time_line(stream, "started:", get_time(job, "started_at"));
	put_time_line(stream, "finished:", get_time(job, "finished_at"));
	if (get_count(job, "attempts") > 0)
		put_line(stream, "attempts:", format_attempts(job, attempts, sizeof(attempts)));
	if (get_count(job, "crashes") > 0) {
		(void)snprintf(crashes, sizeof(crashes), "%" PRId64, get_count(job, "crashes"));
		put_line(stream, "crashes:", crashes);
	}
	if (!report_finished(job))
		put_time_line(stream, "checkpoint:", get_time(job, "checkpoint_at"));
	put_time_line(stream, "next attempt:", get_time(job, "next_attempt"));
	put_progress_line(stream, job);
	put_line(stream, "error:", report_text(job, "error"));
	report_result(stream, job);
}

/* ---- the result ---- */

static const struct column {
	const char *name;
	const char *title;
	int width;
	bool bytes;
} columns[] = {
    {"total", "ITEMS", 10, false},
    {"successful", "SAVED", 10, false},
    {"added", "NEW", 10, false},
    {"failed", "FAILED", 8, false},
    {"bytes_read", "READ", 10, true},
    {"bytes_stored", "STORED", 10, true},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* Calls fn for each member of an object; before is for fn. */
static void
each_member(FILE *stream, struct json_object *object, const char *before,
    void (*fn)(FILE *stream, const char *before, const char *name, struct json_object *value))
{
	struct json_object_iterator at, end;

	if (object == NULL)
		return;
	at = json_object_iter_begin(object);
	end = json_object_iter_end(object);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		fn(stream, before, json_object_iter_peek_name(&at), json_object_iter_peek_value(&at));
}

static void
put_totals(FILE *stream, const char *before, const char *type, struct json_object *totals)
{
	char size[COMMON_SIZE_SIZE];
	int64_t count;
	size_t i;

	(void)before;
	put_padded(stream, type, 12);
	for (i = 0; i < COLUMN_COUNT; i++) {
		count = get_count(totals, columns[i].name);
		if (count < 0)
			(void)fprintf(stream, "  %*s", columns[i].width, "-");
		else if (columns[i].bytes)
			(void)fprintf(stream, "  %*s", columns[i].width, common_size((uint64_t)count, size));
		else
			(void)fprintf(stream, "  %*" PRId64, columns[i].width, count);
	}
	(void)putc('\n', stream);
}

static void
put_types(FILE *stream, struct json_object *types)
{
	size_t i;

	(void)fprintf(stream, "%-12s", "TYPE");
	for (i = 0; i < COLUMN_COUNT; i++)
		(void)fprintf(stream, "  %*s", columns[i].width, columns[i].title);
	(void)putc('\n', stream);
	each_member(stream, types, NULL, put_totals);
}

/* Of an account that could not be read, the snapshot has what it had before. */
static void
put_kept(FILE *stream, struct json_object *account)
{
	int64_t as_of = get_time(account, "as_of");
	char when[COMMON_TIME_SIZE];

	if (as_of != 0)
		(void)fprintf(stream, "; kept as of %s", common_time(as_of, when));
}

static bool
is_unreadable(struct json_object *account)
{
	const char *state = report_text(account, "state");

	return state != NULL && strcmp(state, "failed") == 0;
}

/* What earlier runs could not get either is no failure of this one, and is not there for all that. */
static void
put_missing(FILE *stream, const char *type, const char *name, struct json_object *account)
{
	int64_t missing = get_count(account, "missing"), next = get_time(account, "next_try");
	char when[COMMON_TIME_SIZE];

	if (missing <= 0)
		return;
	put_text(stream, type);
	(void)fputs(" of account ", stream);
	put_text(stream, name);
	(void)fprintf(stream, ": %" PRId64 " still missing", missing);
	if (next > time_now())
		(void)fprintf(stream, ", next try at %s", common_time(next, when));
	else if (next != 0)
		(void)fputs(", to be tried again by the next backup", stream);
	else
		(void)fputs(", not to be tried again", stream);
	(void)putc('\n', stream);
}

static void
put_accounts(FILE *stream, const char *before, const char *type, struct json_object *totals)
{
	(void)before;
	each_member(stream, get_object(totals, "accounts", json_type_object), type, put_missing);
}

/* Accounts and types that this run was not about are in the snapshot too: one line for all of them. */
static void
put_carried(FILE *stream, struct json_object *types)
{
	struct json_object_iterator type, type_end, account, account_end;
	const char *before = "kept from earlier runs: ", *state;
	struct json_object *accounts;

	if (types == NULL)
		return;
	type_end = json_object_iter_end(types);
	for (type = json_object_iter_begin(types); !json_object_iter_equal(&type, &type_end);
	     json_object_iter_next(&type)) {
		accounts = get_object(json_object_iter_peek_value(&type), "accounts", json_type_object);
		if (accounts == NULL)
			continue;
		account_end = json_object_iter_end(accounts);
		for (account = json_object_iter_begin(accounts); !json_object_iter_equal(&account, &account_end);
		     json_object_iter_next(&account)) {
			state = report_text(json_object_iter_peek_value(&account), "state");
			if (state == NULL || strcmp(state, "carried_over") != 0)
				continue;
			(void)fputs(before, stream);
			put_text(stream, json_object_iter_peek_name(&type));
			(void)fputs(" of ", stream);
			put_text(stream, json_object_iter_peek_name(&account));
			before = ", ";
		}
	}
	if (before[0] == ',')
		(void)putc('\n', stream);
}

/* ---- what failed: each once ---- */

static bool
same_text(struct json_object *one, struct json_object *other, const char *name)
{
	const char *a = report_text(one, name), *b = report_text(other, name);

	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The account that an error is about, among the types of its result; NULL: not known. */
static struct json_object *
account_of(struct json_object *types, struct json_object *error)
{
	const char *type = report_text(error, "type"), *account = report_text(error, "account");

	if (type == NULL || account == NULL)
		return NULL;
	return get_object(get_object(get_object(types, type, json_type_object), "accounts", json_type_object), account,
	    json_type_object);
}

/* Whether two types say the same of an account, as when its folder is not there. */
static bool
same_trouble(struct json_object *types, struct json_object *one, struct json_object *other)
{
	struct json_object *a = account_of(types, one), *b = account_of(types, other);

	return is_unreadable(a) && is_unreadable(b) && same_text(a, b, "as_of") && same_text(one, other, "account") &&
	       same_text(one, other, "item") && same_text(one, other, "message");
}

/* "chats, media of account work": every type that has the same to say. */
static void
put_place(FILE *stream, struct json_object *types, struct json_object *errors, size_t at)
{
	struct json_object *error = json_object_array_get_idx(errors, at), *other;
	const char *type = report_text(error, "type"), *account = report_text(error, "account");
	size_t i, count = json_object_array_length(errors);

	put_text(stream, type != NULL ? type : "");
	for (i = at + 1; i < count; i++) {
		other = json_object_array_get_idx(errors, i);
		if (!same_trouble(types, error, other))
			continue;
		(void)fputs(", ", stream);
		put_text(stream, report_text(other, "type"));
	}
	if (account == NULL)
		return;
	(void)fputs(type != NULL ? " of account " : "account ", stream);
	put_text(stream, account);
}

static bool
was_told(struct json_object *types, struct json_object *errors, size_t at)
{
	size_t i;

	for (i = 0; i < at; i++) {
		if (same_trouble(types, json_object_array_get_idx(errors, i), json_object_array_get_idx(errors, at)))
			return true;
	}
	return false;
}

/* A failed item: text, or an object that says where and what. */
static void
put_error(FILE *stream, struct json_object *types, struct json_object *errors, size_t at)
{
	static const char *const names[] = {"item", "message"};
	struct json_object *error = json_object_array_get_idx(errors, at), *account = account_of(types, error);
	const char *text, *before = report_text(error, "type") != NULL || report_text(error, "account") != NULL ?
	    ": " : "";
	size_t i;

	(void)fputs("failed: ", stream);
	if (json_object_is_type(error, json_type_string))
		put_text(stream, json_object_get_string(error));
	put_place(stream, types, errors, at);
	if (is_unreadable(account))
		(void)fputs(": could not be read", stream);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text = report_text(error, names[i]);
		if (text == NULL || text[0] == '\0')
			continue;
		(void)fputs(before, stream);
		put_text(stream, text);
		before = ": ";
	}
	if (is_unreadable(account))
		put_kept(stream, account);
	(void)putc('\n', stream);
}

static void
put_errors(FILE *stream, struct json_object *job, struct json_object *types, struct json_object *errors)
{
	struct json_object *result = get_object(job, "result", json_type_object);
	const char *snapshot = report_text(result, "snapshot");
	char command[COMMON_HINT_SIZE];
	int64_t all = get_count(result, "error_count");
	size_t i, count = json_object_array_length(errors);

	if (count > ERRORS_SHOWN_MAX)
		count = ERRORS_SHOWN_MAX;
	for (i = 0; i < count; i++) {
		if (!was_told(types, errors, i))
			put_error(stream, types, errors, i);
	}
	if (all <= (int64_t)count)
		return;
	(void)fprintf(stream, "failed: %" PRId64 " more", all - (int64_t)count);
	if (snapshot != NULL)
		(void)fprintf(stream, "; \"%s %.8s /holdfast.json\" has a longer list",
		    report_hint(job, "dump", report_text(result, "repository"), command), snapshot);
	(void)putc('\n', stream);
}

/* Whether the list of errors, which is cut where it is long, has any of the account. */
static bool
has_error(struct json_object *errors, const char *type, const char *account)
{
	size_t i, count = errors != NULL ? json_object_array_length(errors) : 0;
	const char *of_type, *of_account;

	for (i = 0; i < count && i < ERRORS_SHOWN_MAX; i++) {
		of_type = report_text(json_object_array_get_idx(errors, i), "type");
		of_account = report_text(json_object_array_get_idx(errors, i), "account");
		if (of_type != NULL && of_account != NULL && strcmp(of_type, type) == 0 &&
		    strcmp(of_account, account) == 0)
			return true;
	}
	return false;
}

/* Accounts that could not be read, and whose errors do not say so. */
static void
put_unreadable(FILE *stream, const char *type, struct json_object *accounts, struct json_object *errors)
{
	struct json_object_iterator at, end;
	struct json_object *account;
	const char *name;

	if (accounts == NULL)
		return;
	end = json_object_iter_end(accounts);
	for (at = json_object_iter_begin(accounts); !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		name = json_object_iter_peek_name(&at);
		account = json_object_iter_peek_value(&at);
		if (!is_unreadable(account) || has_error(errors, type, name))
			continue;
		(void)fputs("failed: ", stream);
		put_text(stream, type);
		(void)fputs(" of account ", stream);
		put_text(stream, name);
		(void)fputs(": could not be read", stream);
		put_kept(stream, account);
		(void)putc('\n', stream);
	}
}

static void
put_all_unreadable(FILE *stream, struct json_object *types, struct json_object *errors)
{
	struct json_object_iterator at, end;

	if (types == NULL)
		return;
	end = json_object_iter_end(types);
	for (at = json_object_iter_begin(types); !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
		put_unreadable(stream, json_object_iter_peek_name(&at),
		    get_object(json_object_iter_peek_value(&at), "accounts", json_type_object), errors);
}

static void
put_snapshot(FILE *stream, struct json_object *result)
{
	const char *snapshot = report_text(result, "snapshot"), *repository = report_text(result, "repository");
	int64_t stored = get_count(result, "bytes_stored");
	char size[COMMON_SIZE_SIZE];

	if (snapshot == NULL || snapshot[0] == '\0')
		return;
	(void)fprintf(stream, "snapshot %.8s saved", snapshot);
	if (repository != NULL) {
		(void)fputs(" in repository ", stream);
		put_text(stream, repository);
	}
	if (stored >= 0)
		(void)fprintf(stream, ", %s added", common_size((uint64_t)stored, size));
	(void)putc('\n', stream);
}

void
report_result(FILE *stream, struct json_object *job)
{
	struct json_object *result = get_object(job, "result", json_type_object);
	struct json_object *types = get_object(result, "types", json_type_object),
	                   *errors = get_object(result, "errors", json_type_array);

	if (types != NULL && json_object_object_length(types) > 0)
		put_types(stream, types);
	each_member(stream, types, NULL, put_accounts);
	put_carried(stream, types);
	put_all_unreadable(stream, types, errors);
	if (errors != NULL)
		put_errors(stream, job, types, errors);
	put_snapshot(stream, result);
}

void
report_end(FILE *stream, struct json_object *job)
{
	const char *id = report_text(job, "id"), *plan = report_text(job, "plan"), *status = report_text(job, "status");

	put_text(stream, id != NULL ? id : "?");
	(void)fputs(", plan ", stream);
	put_text(stream, plan != NULL ? plan : "?");
	(void)fputs(": ", stream);
	put_text(stream, status != NULL ? status : "?");
	(void)putc('\n', stream);
	report_result(stream, job);
}

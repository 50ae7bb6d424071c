/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "job/job.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/time.h"

#define TYPES_MAX 32

static const char *const status_names[] = {
    [JOB_QUEUED] = "queued",
    [JOB_WAITING] = "waiting",
    [JOB_RUNNING] = "running",
    [JOB_COMPLETED] = "completed",
    [JOB_PARTIAL] = "partial",
    [JOB_FAILED] = "failed",
};

struct job *
job_new(void)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job != NULL)
		job->retry = (struct retry_policy)RETRY_POLICY_INIT;
	return job;
}

void
job_clear(struct job *job)
{
	free(job->plan);
	free(job->types);
	free(job->config_path);
	free(job->options);
	free(job->checkpoint);
	free(job->result);
	free(job->error);
	memset(job, 0, sizeof(*job));
	job->retry = (struct retry_policy)RETRY_POLICY_INIT;
}

void
job_free(struct job *job)
{
	if (job == NULL)
		return;
	job_clear(job);
	free(job);
}

int
job_set_text(char **text, const char *value, size_t max, const char *what, struct hf_error *err)
{
	char *copy = NULL;

	if (value != NULL && strlen(value) > max)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", what, max);
	if (value != NULL && (copy = strdup(value)) == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", what);
	free(*text);
	*text = copy;
	return HF_OK;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Splits list at its commas into names; the count, or a negative code. */
static int
split_types(char *list, const char *names[TYPES_MAX], struct hf_error *err)
{
	char *name = list, *comma;
	int count = 0;

	while (name != NULL && *list != '\0') {
		comma = strchr(name, ',');
		if (comma != NULL)
			*comma++ = '\0';
		if (*name == '\0' || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
			return hf_error_set(err, HF_EINVAL, 0,
			    "\"%s\" is no backup type; write for example chats,media", name);
		if (count == TYPES_MAX)
			return hf_error_set(err, HF_ERANGE, 0, "more than %d backup types", TYPES_MAX);
		names[count++] = name;
		name = comma;
	}
	return count;
}

int
job_set_types(struct job *job, const char *types, struct hf_error *err)
{
	const char *names[TYPES_MAX];
	char *list = NULL, *sorted = NULL;
	int count, i, r;
	size_t used = 0, length;

	r = job_set_text(&list, types == NULL ? "" : types, JOB_TEXT_MAX, "backup types", err);
	if (r != HF_OK)
		return r;
	r = job_set_text(&sorted, types == NULL ? "" : types, JOB_TEXT_MAX, "backup types", err);
	if (r != HF_OK)
		goto out;
	count = split_types(list, names, err);
	if (count < 0) {
		r = count;
		goto out;
	}
	qsort(names, (size_t)count, sizeof(names[0]), compare_names);
	for (i = 0; i < count; i++) {
		if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
			continue;
		if (used > 0)
			sorted[used++] = ',';
		length = strlen(names[i]);
		memcpy(sorted + used, names[i], length);
		used += length;
	}
	sorted[used] = '\0';
	free(job->types);
	job->types = sorted;
	sorted = NULL;
out:
	free(list);
	free(sorted);
	return r;
}

int
job_make_id(struct job *job, struct hf_error *err)
{
	uint8_t random[4];
	char hex[2 * sizeof(random) + 1];
	int64_t now = time_now();
	int r = random_bytes(random, sizeof(random), err);

	if (r != HF_OK)
		return r;
	hex_encode(random, sizeof(random), hex);
	job->created_at = now;
	(void)snprintf(job->id, sizeof(job->id), "backup_%" PRId64 "_%s",
	    now > 0 ? now / 1000000 : (int64_t)0, hex);
	return HF_OK;
}

bool
job_id_valid(const char *text)
{
	size_t digits;

	if (strncmp(text, "backup_", 7) != 0)
		return false;
	text += 7;
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 19 || text[digits] != '_')
		return false;
	text += digits + 1;
	return strspn(text, "0123456789abcdef") == 8 && text[8] == '\0';
}

bool
job_finished(const struct job *job)
{
	return job->status == JOB_COMPLETED || job->status == JOB_PARTIAL || job->status == JOB_FAILED;
}

const char *
job_status_name(enum job_status status)
{
	return status_names[status];
}

int
job_status_parse(const char *name, enum job_status *ret)
{
	size_t i;

	for (i = 0; i < sizeof(status_names) / sizeof(status_names[0]); i++) {
		if (strcmp(name, status_names[i]) == 0) {
			*ret = (enum job_status)i;
			return HF_OK;
		}
	}
	return HF_EINVAL;
}

static int
add_value(struct json_object *object, const char *name, struct json_object *value)
{
	if (value == NULL)
		return HF_ENOMEM;
	if (json_object_object_add(object, name, value) != 0) {
		json_object_put(value);
		return HF_ENOMEM;
	}
	return HF_OK;
}

static int
add_text(struct json_object *object, const char *name, const char *text)
{
	return text == NULL ? HF_OK : add_value(object, name, json_object_new_string(text));
}

static int
add_time(struct json_object *object, const char *name, int64_t ns)
{
	char text[TIME_RFC3339_SIZE];

	if (ns == 0)
		return HF_OK;
	(void)time_format(ns, text);
	return add_text(object, name, text);
}

/* Adds JSON text as a value; text that is no JSON is left out. */
static int
add_json(struct json_object *object, const char *name, const char *text)
{
	struct json_object *value = text == NULL ? NULL : json_tokener_parse(text);

	return value == NULL ? HF_OK : add_value(object, name, value);
}

static int
add_types(struct json_object *object, const char *types)
{
	struct json_object *array = json_object_new_array();
	const char *end;
	int r = array == NULL ? HF_ENOMEM : HF_OK;

	for (; r == HF_OK && types != NULL && *types != '\0'; types = *end == ',' ? end + 1 : end) {
		struct json_object *name;

		end = types + strcspn(types, ",");
		name = json_object_new_string_len(types, (int)(end - types));
		if (name == NULL || json_object_array_add(array, name) != 0)
			r = HF_ENOMEM;
	}
	if (r == HF_OK)
		return add_value(object, "types", array);
	json_object_put(array);
	return r;
}

struct json_object *
job_to_json(const struct job *job, bool full_result)
{
	struct json_object *object = json_object_new_object();

	if (object == NULL || add_text(object, "id", job->id) != HF_OK ||
	    add_text(object, "plan", job->plan) != HF_OK || add_types(object, job->types) != HF_OK ||
	    add_value(object, "full", json_object_new_boolean(job->full)) != HF_OK ||
	    add_text(object, "status", job_status_name(job->status)) != HF_OK ||
	    add_text(object, "config", job->config_path) != HF_OK ||
	    add_json(object, "options", job->options) != HF_OK ||
	    add_time(object, "created_at", job->created_at) != HF_OK ||
	    add_time(object, "started_at", job->started_at) != HF_OK ||
	    add_time(object, "finished_at", job->finished_at) != HF_OK ||
	    add_value(object, "attempts", json_object_new_int64(job->attempts)) != HF_OK ||
	    add_value(object, "max_attempts", json_object_new_int64(job->retry.max_attempts)) != HF_OK ||
	    add_value(object, "crashes", json_object_new_int64(job->crashes)) != HF_OK ||
	    add_value(object, "checkpoints", json_object_new_int64((int64_t)job->checkpoints)) != HF_OK ||
	    add_time(object, "checkpoint_at", job->checkpoint_at) != HF_OK ||
	    add_time(object, "next_attempt", job->next_attempt) != HF_OK ||
	    add_text(object, "error", job->error) != HF_OK ||
	    (job->error_code != 0 &&
	        add_value(object, "error_code", json_object_new_int(job->error_code)) != HF_OK) ||
	    (full_result && add_json(object, "result", job->result) != HF_OK)) {
		json_object_put(object);
		return NULL;
	}
	return object;
}

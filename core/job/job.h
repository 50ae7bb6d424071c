/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <holdfast/error.h>

#include "job/retry.h"

struct json_object;

#define JOB_ID_SIZE    40            /* "backup_", milliseconds, "_", 8 hex digits, NUL */
#define JOB_TEXT_MAX   4096u         /* bytes of a plan's name, a type list, a path or an error */
#define JOB_JSON_MAX   (16u * 1024u) /* bytes of options and of a checkpoint */
#define JOB_RESULT_MAX (60u * 1024u) /* bytes of a result, which arrives in one frame */

enum job_status {
	JOB_QUEUED,
	JOB_WAITING, /* for a gate, or for the next attempt */
	JOB_RUNNING,
	JOB_COMPLETED,
	JOB_PARTIAL,
	JOB_FAILED,
};

/* One queued backup.  Texts belong to the job and are NULL when absent; times are nanoseconds since 1970. */
struct job {
	int64_t sequence; /* order in the queue, given by queue_add */
	char id[JOB_ID_SIZE];
	enum job_status status;
	bool full;
	char *plan;
	char *types;       /* sorted, with commas between: "chats,media"; "" for all of the plan's */
	char *config_path; /* absolute */
	char *options;     /* JSON object */
	struct retry_policy retry;
	int64_t created_at;
	int64_t started_at;   /* of the first run; 0 before */
	int64_t finished_at;  /* 0 until then */
	int64_t next_attempt; /* not before this time; 0: at once */
	uint32_t attempts;    /* runs that ended with an error; a crash, kill or pause is none */
	uint32_t crashes;     /* since the last checkpoint */
	uint64_t checkpoints;
	int64_t checkpoint_at;
	char *checkpoint; /* JSON object of the worker's own, handed back when the job is resumed */
	char *result;     /* JSON object */
	int32_t error_code; /* HF_E... of the last failure, 0 without */
	char *error;
};

/* A job with default retry policy, and no id yet; the caller frees it.  NULL without memory. */
struct job *job_new(void);
void job_free(struct job *job);
/* Frees the texts and makes the job empty. */
void job_clear(struct job *job);
/* Replaces one of the job's texts by a copy of value (NULL allowed) of at most max bytes. */
int job_set_text(char **text, const char *value, size_t max, const char *what, struct hf_error *err);
/* Sets types from any order of names with commas between; a name is [a-z0-9_]+, twice counts once. */
int job_set_types(struct job *job, const char *types, struct hf_error *err);
/* Makes an id: "backup_<unix-ms>_<8 random hex digits>", and sets created_at. */
int job_make_id(struct job *job, struct hf_error *err);
/* Whether text has the form of an id. */
bool job_id_valid(const char *text);
bool job_finished(const struct job *job);
const char *job_status_name(enum job_status status);
int job_status_parse(const char *name, enum job_status *ret);
/*
 * The job as a JSON object for status and watch; with result when full_result.  The caller puts it.
 * NULL without memory.
 */
struct json_object *job_to_json(const struct job *job, bool full_result);

#endif

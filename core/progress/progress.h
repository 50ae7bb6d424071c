/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROGRESS_PROGRESS_H
#define PROGRESS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <holdfast/error.h>

struct json_object;

#define PROGRESS_JOB_SIZE  40
#define PROGRESS_TYPE_SIZE 64
#define PROGRESS_TEXT_SIZE 512

/* How far a job is (DESIGN.md section 7).  Times are nanoseconds since 1970, 0 when unknown. */
struct progress {
	char job[PROGRESS_JOB_SIZE];
	uint64_t total_items; /* 0 while unknown; an estimate, which may grow */
	uint64_t processed_items;
	uint64_t failed_items;
	char current_type[PROGRESS_TYPE_SIZE];
	uint64_t bytes_received;    /* over the network, for the accounts */
	uint64_t bytes_transferred; /* to the repository */
	uint64_t bytes_read;        /* from sources */
	uint64_t total_bytes;       /* to be read; 0 while unknown */
	uint64_t bytes_per_second;  /* read lately */
	int64_t started_at;
	int64_t estimated_completion;
	double percent; /* 0 to 100; 0 while unknown */
};

/*
 * How fast a run is, from what it tells first on: before that it derived keys and read indexes, or found what
 * earlier runs of the job had done.  Zeroed: it has not told anything yet.
 */
struct progress_meter {
	bool told;
	int64_t since; /* when it told first, and how far it was */
	double base;
	int64_t at;        /* of the last measurement, with what there was by then */
	uint64_t bytes;
	double percent;
	double byte_rate;  /* a second; of the last half minute or so */
	double percent_rate;
};

/* Sets percent where the worker did not tell it, the speed, and the estimated completion. */
void progress_measure(struct progress_meter *meter, struct progress *progress, int64_t now);
/* {"type":"progress", ...}; the caller puts it; NULL without memory. */
struct json_object *progress_to_json(const struct progress *progress);
/* Reads such an object; missing members are 0; HF_EINVAL for members of a wrong type or sign. */
int progress_from_json(struct json_object *object, struct progress *progress, struct hf_error *err);

enum event_kind {
	EVENT_QUEUED,
	EVENT_WAITING,
	EVENT_STARTED,
	EVENT_TYPE_STARTED,
	EVENT_TYPE_COMPLETED,
	EVENT_ITEM_FAILED,
	EVENT_RETRY,
	EVENT_CHECKPOINT,
	EVENT_COMPLETED,
	EVENT_PARTIAL,
	EVENT_FAILED,
};

/* Something that happened to a job, with what a person needs to act on it.  Texts are "" when absent. */
struct job_event {
	enum event_kind kind;
	int64_t time;
	char job[PROGRESS_JOB_SIZE];
	char current_type[PROGRESS_TYPE_SIZE];
	char item[PROGRESS_TEXT_SIZE]; /* which item failed; untrusted text */
	char message[PROGRESS_TEXT_SIZE];
	uint32_t attempt;
	int64_t next_attempt;        /* when a retry or wait ends; 0 without */
	struct json_object *details; /* counts or the result, or NULL; borrowed */
};

const char *event_kind_name(enum event_kind kind);
int event_kind_parse(const char *name, enum event_kind *ret);
/* An event of now. */
void event_init(struct job_event *event, enum event_kind kind, const char *job);
/* {"type":"event","event":"started","time":..,"job":.., ...}; the caller puts it; NULL without memory. */
struct json_object *event_to_json(const struct job_event *event);
/* Reads such an object; details borrows from it.  Longer texts are cut at a character's end. */
int event_from_json(struct json_object *object, struct job_event *event, struct hf_error *err);
/* Copies text, cut at the end of a UTF-8 character if it does not fit. */
void progress_copy_text(char *out, size_t size, const char *text);

/* A JSON string of text; each byte that is no UTF-8 becomes U+FFFD.  NULL without memory. */
struct json_object *progress_json_string(const char *text);

/* Who looks at progress and events: a renderer, or the control socket's watchers. */
struct observer {
	void *ctx;
	void (*progress)(void *ctx, const struct progress *progress);
	void (*event)(void *ctx, const struct job_event *event);
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_REPORT_H
#define COMMAND_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "command/common.h"

struct json_object;

/*
 * Jobs, as job_to_json gives them and the control socket sends them, for a person.  Members that are
 * missing or of another type are left out, never an error: the job may be one of another version.
 */

/* A table of {"jobs":[..]}, a line for each. */
void report_table(FILE *stream, struct json_object *jobs);
/* Where a job stands, in one line. */
void report_line(FILE *stream, struct json_object *job);
/* All about one job, "name: value" lines, then its result. */
void report_job(FILE *stream, struct json_object *job);
/* Its id, its plan and how it ended in one line, then its result. */
void report_end(FILE *stream, struct json_object *job);
/* A command to propose, about the configuration of the job and this repository of it; NULL: it takes none. */
const char *report_hint(struct json_object *job, const char *command, const char *repository,
    char out[COMMON_HINT_SIZE]);
/* What a finished job did: snapshot, totals of each type, failed items. */
void report_result(FILE *stream, struct json_object *job);
/* The exit status that says how the job ended; STATUS_DONE when it has not ended. */
int report_status(struct json_object *job);
/* The job's member as text, NULL when it has none. */
const char *report_text(struct json_object *job, const char *name);
/* Whether the job has come to its end. */
bool report_finished(struct json_object *job);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_FIND_H
#define COMMAND_FIND_H

#include <holdfast/error.h>

struct json_object;

/*
 * {"jobs":[..]} of the one job that word names: its id, the end of its id if no other ends so, or the name
 * of a plan for that plan's last job.  The caller puts *ret.  HF_ENOTFOUND: no such job, with what may
 * have been meant; HF_EINVAL: several; else as status_query.
 */
int find_job(const char *directory, const char *word, struct json_object **ret, struct hf_error *err);
/* The same in a list of jobs: the id, which is the list's. */
int find_id(struct json_object *jobs, const char *word, const char **ret, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/find.h"

#include <json-c/json.h>
#include <string.h>

#include "base/nearest.h"
#include "command/report.h"
#include "supervisor/status.h"

#define ENDING_MIN 4 /* letters of an id's end that are enough */

static bool
ends_with(const char *id, const char *word)
{
	size_t size = strlen(id), length = strlen(word);

	return length >= ENDING_MIN && length <= size && strcmp(id + size - length, word) == 0;
}

int
find_id(struct json_object *jobs, const char *word, const char **ret, struct hf_error *err)
{
	size_t i, count = json_object_is_type(jobs, json_type_array) ? json_object_array_length(jobs) : 0;
	struct nearest nearest = NEAREST_INIT(word);
	const char *id, *plan, *by_plan = NULL, *by_end = NULL;
	struct nearest_hint hint;
	unsigned ends = 0;

	for (i = 0; i < count; i++) {
		id = report_text(json_object_array_get_idx(jobs, i), "id");
		plan = report_text(json_object_array_get_idx(jobs, i), "plan");
		if (id == NULL)
			continue;
		if (strcmp(id, word) == 0) {
			*ret = id;
			return HF_OK;
		}
		/* The list is in the queue's order, so the last one stays. */
		if (plan != NULL && strcmp(plan, word) == 0)
			by_plan = id;
		if (ends_with(id, word)) {
			by_end = id;
			ends++;
		}
		nearest_offer(&nearest, id);
		if (plan != NULL)
			nearest_offer(&nearest, plan);
	}
	if (by_plan == NULL && ends > 1)
		return hf_error_set(err, HF_EINVAL, 0, "%u jobs end with \"%.60s\"; give more of the id", ends, word);
	if (by_plan == NULL && by_end == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no job \"%.60s\"%s; \"holdfast status\" lists them", word,
		    nearest_hint(&hint, nearest.best));
	*ret = by_plan != NULL ? by_plan : by_end;
	return HF_OK;
}

int
find_job(const char *directory, const char *word, struct json_object **ret, struct hf_error *err)
{
	struct json_object *all = NULL;
	const char *id = NULL;
	int r = status_query(directory, NULL, &all, err);

	if (r == HF_OK)
		r = find_id(json_object_object_get(all, "jobs"), word, &id, err);
	if (r == HF_OK)
		r = status_query(directory, id, ret, err);
	json_object_put(all);
	return r;
}

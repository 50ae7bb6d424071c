/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "command/common.h"
#include "command/find.h"
#include "command/report.h"
#include "progress/json.h"
#include "supervisor/status.h"

static int
show(const struct common *common, struct json_object *reply, bool one)
{
	struct json_object *jobs = json_object_object_get(reply, "jobs");
	char command[COMMON_HINT_SIZE];

	if (common->json) {
		(void)json_write_line(stdout, reply);
		return STATUS_DONE;
	}
	if (one)
		report_job(stdout, json_object_array_get_idx(jobs, 0));
	else if (!json_object_is_type(jobs, json_type_array) || json_object_array_length(jobs) == 0)
		common_message("no jobs yet; \"%s\" makes one", common_hint(common, "backup", command));
	else
		report_table(stdout, jobs);
	return STATUS_DONE;
}

static int
status_run(int argc, char **argv)
{
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *reply = NULL;
	struct common common;
	char *directory = NULL;
	int r, status;

	status = common_parse(&command_status, COMMON_JSON, NULL, 0, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	status = common_state_directory(&directory);
	if (status != STATUS_DONE)
		return status;
	r = argc > 1 ? find_job(directory, argv[1], &reply, &err) : status_query(directory, NULL, &reply, &err);
	status = r == HF_OK ? show(&common, reply, argc > 1) : common_error(&err);
	json_object_put(reply);
	free(directory);
	return status;
}

const struct command command_status = {"status", "[--json] [JOB]",
    "Show the jobs: state, progress, attempts, what they wait for", status_run};

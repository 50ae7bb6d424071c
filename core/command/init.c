/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

static int
make_repository(struct session *session, bool json)
{
	struct buffer out = BUFFER_INIT(1024);
	struct hf_error err = HF_ERROR_INIT;
	struct repository_id id;
	char hex[HASH_HEX_SIZE];
	int status;

	if (repository_init(&session->storage, &session->repository_options, &id, &err) != HF_OK) {
		common_message("repository %s: %s", session->described->name, err.msg);
		return STATUS_FAILED;
	}
	hex_encode(id.bytes, HASH_SIZE, hex);
	if (json) {
		buffer_append_string(&out, "{");
		common_json_string(&out, "repository", session->described->name, strlen(session->described->name));
		common_json_string(&out, "id", hex, strlen(hex));
		buffer_append_string(&out, "}\n");
	} else
		buffer_appendf(&out, "made repository %s, id %.10s\n", session->described->name, hex);
	status = common_flush(&out);
	buffer_release(&out);
	if (status == STATUS_DONE)
		common_message("keep its password safe: without it nobody can read the backups, and nobody can help");
	return status;
}

static int
init_run(int argc, char **argv)
{
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_init, COMMON_JSON | COMMON_REPOSITORY, NULL, 0, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	if (argc > 1)
		common.repository = argv[1];
	status = session_open(&session, &common, SESSION_NO_KEY);
	if (status == STATUS_DONE)
		status = make_repository(&session, common.json);
	session_close(&session);
	return status;
}

const struct command command_init = {"init", "[-c FILE] [-v] [--json] [REPOSITORY]", "Make a repository", init_run};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/plural.h"
#include "config/locate.h"
#include "supervisor/state.h"

#define PASSWORD_MAX 4096u

/* ---- places ---- */

int
session_config_told(const struct common *common, session_tell_fn fn, void *ctx, struct config **ret)
{
	struct config *broken = NULL;
	struct hf_error err = HF_ERROR_INIT;
	const struct problem *problem;
	char *file;
	int r;

	r = config_locate(common->config, &file, &err);
	if (r != HF_OK) {
		fn(ctx, err.msg);
		return STATUS_USAGE;
	}
	log_message(HF_LOG_DEBUG, "configuration %s", file);
	r = config_load(file, ret, &broken, &err);
	free(file);
	if (r == HF_OK)
		return STATUS_DONE;
	if (broken == NULL || broken->problems == NULL)
		fn(ctx, err.msg);
	else
		for (problem = broken->problems; problem != NULL; problem = problem->next)
			fn(ctx, problem->text);
	config_free(broken);
	return STATUS_USAGE;
}

static void
tell(void *ctx, const char *text)
{
	(void)ctx;
	common_message("%s", text);
}

int
session_config(const struct common *common, struct config **ret)
{
	return session_config_told(common, tell, NULL, ret);
}

/* ---- the storage: each call asks first whether the person wants to stop ---- */

static int
go_on(void *ctx, bool writing, struct hf_error *err)
{
	(void)ctx;
	(void)writing;
	return common_interrupted() ? hf_error_set(err, HF_ESTOPPING, 0, "interrupted") : HF_OK;
}

/* ---- opening ---- */

int
session_error(const struct hf_error *err)
{
	if (HF_IS_CONTROL(err->code) && common_interrupted()) {
		common_message("interrupted");
		return STATUS_INTERRUPTED;
	}
	(void)common_error(err);
	if (err->code == HF_EAUTH)
		return STATUS_PASSWORD;
	return STATUS_FAILED;
}

static int
open_storage(struct session *session)
{
	const struct instance_request request = {HF_KIND_STORAGE, session->described->storage,
	    session->described->name, {session->config->file, session->config->folder, session->described->mark},
	    &session->described->options, NULL};
	struct hf_error err = HF_ERROR_INIT;
	int r, status;

	if (registry_open(&session->registry, &err) != HF_OK) {
		(void)common_error(&err);
		return STATUS_USAGE;
	}
	r = instance_open(session->registry, &request, NULL, &session->instance, &err);
	if (r != HF_OK) {
		status = session_error(&err);
		return r == HF_ENOTFOUND ? STATUS_NO_REPOSITORY : r == HF_EINVAL ? STATUS_USAGE : status;
	}
	log_message(HF_LOG_DEBUG, "repository %s: storage %s by %s", session->described->name,
	    session->described->storage, session->instance.component->plugin->path);
	session->guard = (struct storage_guard){&session->instance, NULL, go_on, NULL};
	session->storage = (struct repository_storage){&storage_guard_ops, &session->guard};
	return STATUS_DONE;
}

static int
read_password(struct session *session)
{
	struct hf_error err = HF_ERROR_INIT;

	session->password = (struct buffer)BUFFER_INIT(PASSWORD_MAX);
	if (secret_read(&session->described->password, &session->password, &err) != HF_OK)
		return common_config_error(&err);
	session->repository_options.password = (const char *)session->password.data;
	session->repository_options.password_size = session->password.size;
	return STATUS_DONE;
}

static int
find_cache(struct session *session)
{
	struct hf_error err = HF_ERROR_INIT;
	char *state;

	if (state_path(&state, &err) != HF_OK)
		return common_config_error(&err);
	session->cache_directory = path_join(state, "cache");
	log_message(HF_LOG_DEBUG, "state directory %s", state);
	free(state);
	session->repository_options.cache_directory = session->cache_directory;
	return session->cache_directory != NULL ? STATUS_DONE : STATUS_FAILED;
}

/* Readers of a place that cannot be written go on without a lock: nobody can change it by our side. */
static int
take_lock(struct session *session)
{
	struct hf_error err = HF_ERROR_INIT;
	int r;

	r = repository_lock(session->repository, &err);
	if (r == HF_OK)
		return STATUS_DONE;
	if (r == HF_EPERM) {
		common_message("reading without a lock: %s", err.msg);
		return STATUS_DONE;
	}
	if (r == HF_EBUSY) {
		(void)common_error(&err);
		return STATUS_LOCKED;
	}
	return session_error(&err);
}

static int
open_repository(struct session *session, unsigned flags)
{
	const struct common plain = {.config = session->common.config};
	struct hf_error err = HF_ERROR_INIT;
	char command[COMMON_HINT_SIZE];
	int r;

	r = repository_open(&session->storage, &session->repository_options, &session->repository, &err);
	buffer_wipe(&session->password);
	session->repository_options.password = NULL;
	if (r == HF_ENOTFOUND) {
		common_message("repository %s: %s; else \"%s %s\" makes a new one", session->described->name, err.msg,
		    common_hint(&plain, "init", command), session->described->name);
		return STATUS_NO_REPOSITORY;
	}
	if (r != HF_OK)
		return session_error(&err);
	return (flags & SESSION_LOCK) != 0 ? take_lock(session) : STATUS_DONE;
}

int
session_open(struct session *session, const struct common *common, unsigned flags)
{
	struct hf_error err = HF_ERROR_INIT;
	int status;

	memset(session, 0, sizeof(*session));
	session->common = *common;
	common_catch_signals();
	status = session_config(common, &session->config);
	if (status != STATUS_DONE)
		return status;
	if (config_repository(session->config, common->repository, &session->described, &err) != HF_OK) {
		(void)common_error(&err);
		return STATUS_USAGE;
	}
	status = open_storage(session);
	if (status == STATUS_DONE)
		status = read_password(session);
	if (status == STATUS_DONE)
		status = find_cache(session);
	if (status == STATUS_DONE && (flags & SESSION_NO_KEY) == 0)
		status = open_repository(session, flags);
	return status;
}

static void
report_loss(void *ctx, int level, const char *path, const char *msg)
{
	(void)ctx;
	(void)level;
	common_message("warning: %s: %s", path, msg);
}

int
session_salvage_index(struct session *session, uint64_t *ret_added, struct hf_error *err)
{
	int r = repository_salvage_index(session->repository, report_loss, NULL, ret_added, err);
	char command[COMMON_HINT_SIZE];

	if (r == HF_OK && *ret_added > 0)
		common_message("warning: the index does not name %" PRIu64 " pack%s; what is in %s is taken from %s. "
		               "\"%s\" tells more", *ret_added, plural_s(*ret_added),
		    plural(*ret_added, "it", "them"), plural(*ret_added, "its own header", "their own headers"),
		    common_hint(&session->common, "check", command));
	return r;
}

int
session_load_index(struct session *session, struct hf_error *err)
{
	int r = repository_load_index(session->repository, err);
	uint64_t added;

	return r == HF_ECORRUPT || r == HF_ERANGE || r == HF_ENOTFOUND ? session_salvage_index(session, &added,
	    err) : r;
}

void
session_close(struct session *session)
{
	repository_close(session->repository);
	buffer_wipe(&session->password);
	instance_close(&session->instance);
	registry_free(session->registry);
	free(session->cache_directory);
	config_free(session->config);
	memset(session, 0, sizeof(*session));
}

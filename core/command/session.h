/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_SESSION_H
#define COMMAND_SESSION_H

#include "command/common.h"
#include "config/config.h"
#include "plugin/instance.h"
#include "repository/repository.h"

/*
 * What a command on a repository needs, from the configuration to the opened repository.  A zeroed
 * struct is a closed session; it must not be moved while it is open.
 */
struct session {
	struct common common;
	struct config *config;
	const struct config_repository *described;
	struct registry *registry;
	struct instance instance; /* of the storage plugin */
	struct storage_guard guard;
	struct repository_storage storage;
	struct repository_options repository_options;
	struct buffer password;
	char *cache_directory;
	struct repository *repository;
};

#define SESSION_LOCK   1u /* hold the shared lock */
#define SESSION_NO_KEY 2u /* stop before the repository itself: for init */

/* Reads the configuration that the options or the environment name; STATUS_DONE or STATUS_USAGE. */
int session_config(const struct common *common, struct config **ret);
/* The same with each mistake, "FILE:LINE:COLUMN: sentence" or a sentence about the file, told by fn. */
typedef void (*session_tell_fn)(void *ctx, const char *text);
int session_config_told(const struct common *common, session_tell_fn fn, void *ctx, struct config **ret);
/* The exit status; anything but STATUS_DONE was told to the person.  Close it either way. */
int session_open(struct session *session, const struct common *common, unsigned flags);
void session_close(struct session *session);
/* Loads the index; where that is damaged, what the packs say themselves, with a message for each loss. */
int session_load_index(struct session *session, struct hf_error *err);
int session_salvage_index(struct session *session, uint64_t *ret_added, struct hf_error *err);
/* The exit status for an error of a repository's call, told to the person. */
int session_error(const struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "plugin/host.h"
#include "plugin/registry.h"

/* A component in use: its options, its host table, and the handle its open gave.  Zeroed: none. */
struct instance {
	const struct plugin_component *component;
	struct options *options;
	struct host *host;
	void *handle;
};

/* What to open, in the configuration's words. */
struct instance_request {
	uint32_t kind;
	const char *component;
	const char *name; /* of the repository, account or type */
	struct options_place place;
	const struct config_options *given;
	const struct config_http *http; /* NULL: the usual */
};

/*
 * Finds the component, checks its options and opens it.  HF_EINVAL: not installed, or configured
 * wrongly; other codes are the component's own, or that it is not to be loaded.  services may be NULL
 * and must outlive the instance.  *ret is untouched on failure.
 */
int instance_open(struct registry *registry, const struct instance_request *request,
    const struct host_services *services, struct instance *ret, struct hf_error *err);
/* The same for the source of an account, with the options of its preset. */
int instance_open_account(struct registry *registry, const struct config *config,
    const struct config_account *account, const struct host_services *services, struct instance *ret,
    struct hf_error *err);
/* Also for a zeroed one. */
void instance_close(struct instance *instance);

/*
 * A storage whose calls ask first whether to go on, so that a person or a supervisor can stop a long
 * operation between two objects.  Removing is never refused: locks are taken away on the way out.
 */
struct storage_guard {
	const struct instance *instance;
	void *ctx;
	/* HF_OK, or what the call is to return; writing: something durable would follow. */
	int (*go_on)(void *ctx, bool writing, struct hf_error *err);
	/* Told after a put; NULL: not wanted. */
	void (*stored)(void *ctx, uint64_t bytes);
};

/* The handle of these is a struct storage_guard. */
extern const struct hf_storage_ops storage_guard_ops;

#endif

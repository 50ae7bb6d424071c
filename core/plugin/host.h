/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include <holdfast/host.h>

#include "plugin/options.h"

struct http;
struct image;

/*
 * What stands behind the host tables of a worker: one for all instances.  Every pointer may be
 * NULL.  The functions may be called from any thread.
 */
struct host_services {
	void *ctx;
	/* NULL: the process's log, the instance's name before the message. */
	void (*log)(void *ctx, const char *instance, int32_t level, const char *msg);
	int32_t (*stop_requested)(void *ctx);
	int64_t (*deadline_ns)(void *ctx);
	void (*progress)(
	    void *ctx, const char *instance, uint64_t done, uint64_t total, const char *unit);
	/* Bytes that came over the network for an instance. */
	void (*received)(void *ctx, const char *instance, uint64_t bytes);
	struct http *http; /* the process's client */
	struct image *image; /* what makes pictures smaller */
	const char *scratch; /* folder of the job for what outlives a crash; may be set later; NULL: there is none */
};

struct host;

/*
 * Makes the table for one instance ("home", "family").  services (or NULL) and options (of the
 * component, or NULL) have to live as long as it.  table: the component's options, for messages.
 */
int host_open(const char *instance, const struct host_services *services,
    const struct options *options, const struct hf_option *table, struct host **ret_host,
    struct hf_error *err);
void host_free(struct host *host);
/* How the instance speaks HTTP, if not as usual; settings has to live as long as any use of the host's client. */
void host_set_http(struct host *host, const struct config_http *settings);
/* What the plugin gets; lives as long as host. */
const struct hf_host *host_table(const struct host *host);
/*
 * The JSON slicer, the writers and files are always there.  Offers another extension to all instances of the process,
 * before the first plugin is loaded; extension NULL takes it back.  id and extension are kept, not
 * copied.  HF_ERANGE: there are too many.
 */
int host_set_extension(const char *id, const void *extension, struct hf_error *err);

/* ---- for extensions, which get a table's ctx: it is the host ---- */

const char *host_instance(const struct host *host);
const struct config_http *host_http(const struct host *host);
/* NULL: there is none. */
struct http *host_client(const struct host *host);
struct image *host_image(const struct host *host);
/* host_services.scratch */
const char *host_scratch(const struct host *host);
void host_received(const struct host *host, uint64_t bytes);

#endif

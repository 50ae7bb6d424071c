/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include <stdbool.h>

#include <holdfast/error.h>

struct event_base;
struct json_object;

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_REQUEST_MAX (64u * 1024u)        /* bytes of a request */
#define CONTROL_REPLY_MAX   (2u * 1024u * 1024u) /* bytes of a reply */

/*
 * The control socket, "control" in the state directory: Varlink (JSON with a NUL byte after each), for
 * the same user only.  Methods: org.varlink.service.GetInfo and GetInterfaceDescription,
 * org.holdfast.Status (one job or all), org.holdfast.Watch (with "more": events and progress as
 * they come).
 */
struct control;

/* Where the answers come from. */
struct control_source {
	void *ctx;
	/* {"jobs":[..]} of all jobs, or of one; HF_ENOTFOUND. */
	int (*status)(void *ctx, const char *job, struct json_object **ret, struct hf_error *err);
};

int control_open(struct event_base *base, const char *directory, const struct control_source *source,
    struct control **ret, struct hf_error *err);
/* Also takes the socket away.  NULL is allowed. */
void control_close(struct control *control);
/* Sends {kind: object} to everybody who watches that job or all; a slow watcher misses progress. */
void control_tell(struct control *control, const char *job, const char *kind, struct json_object *object);

/* Takes a reply's parameters, borrowed; more: others follow.  Another result than HF_OK ends the call. */
typedef int (*control_reply_fn)(void *ctx, struct json_object *parameters, bool more);
/*
 * Calls a method of the supervisor of that state directory and waits for the reply, or with more for all
 * replies, as long as they come.  HF_ENET: no supervisor listens.  HF_ENOTFOUND: no such job.
 */
int control_call(const char *directory, const char *method, struct json_object *parameters, bool more,
    control_reply_fn fn, void *ctx, struct hf_error *err);

#endif

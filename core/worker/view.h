/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_VIEW_H
#define WORKER_VIEW_H

#include <holdfast/strategy.h>

#include "plugin/instance.h"

/*
 * The host's side of struct hf_source_view: a strategy sees a source through it, with records of this host's
 * size whatever the plugin was built with, and no way for a source to call a stop or a failure a success.
 */
struct view {
	struct hf_source_view table; /* for the strategy; ctx is this struct */
	const struct instance *source; /* NULL: there is none */
};

/* source and account must outlive the view. */
void view_init(struct view *view, const struct instance *source, const char *account);
/* For a strategy that is about this machine: the account is the machine's name, and it has no records. */
void view_init_host(struct view *view, const char *name);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_LOOKER_H
#define WORKER_LOOKER_H

#include <holdfast/strategy.h>

#include "archive/archive.h"

/*
 * The host's side of struct hf_snapshot_view: it stands between a strategy and the archive, and remembers a failure
 * of the repository, so that a strategy cannot take it for something that is not there.
 */
struct looker {
	struct hf_snapshot_view table; /* for the strategy; ctx is this struct */
	struct archive *archive;
	struct archive_damage damage;
	struct hf_error failure; /* the first one; code HF_OK: none */
};

/* archive must outlive it, and the context of damage, which is told of what cannot be read any more. */
void looker_init(struct looker *looker, struct archive *archive, const struct archive_damage *damage);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_EMITTER_H
#define WORKER_EMITTER_H

#include <holdfast/strategy.h>

#include "worker/looker.h"
#include "worker/run.h"

/*
 * The host's side of struct hf_emitter for one unit: it stands between a strategy and the archive, counts,
 * and remembers what went wrong, so that a strategy cannot call a failure a success.
 */
struct emitter {
	struct hf_emitter table; /* for the strategy; ctx is this struct */
	struct run *run;
	const char *type, *account;
	struct result_counts counts;
	struct json_object *errors; /* of this unit, as its note keeps them */
	struct hf_error failure; /* the first of a call; code HF_OK: none */
	bool fatal;              /* it was the repository's: no other unit would fare better */
	struct looker *looker;
	uint64_t taken_up;       /* lines of the log from before a crash that are not counted yet */
	uint64_t notes;          /* lines of the log that are no new records */
	bool resumable;          /* the unit goes on after a crash from its last checkpoint */
	bool each_page;          /* whose checkpoints are durable at once */
};

/* looker (or NULL) must outlive it. */
int emitter_open(struct emitter *emitter, struct run *run, const char *type, const char *account,
    struct looker *looker, struct hf_error *err);
void emitter_close(struct emitter *emitter);
/* To be called when the unit has ended, before its last note: counts what a log that was not closed again has. */
void emitter_end(struct emitter *emitter);
/* What the unit has counted and told so far, for its note: JSON text on one line. */
int emitter_note(const struct emitter *emitter, struct buffer *out, struct hf_error *err);
/* Goes on from what such a note tells; lines: of the log, that are there already. */
int emitter_take_note(struct emitter *emitter, const char *note, uint64_t lines, struct hf_error *err);

#endif

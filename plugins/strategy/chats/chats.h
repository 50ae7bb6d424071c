/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHATS_H
#define CHATS_H

#include <holdfast/strategy.h>

#include "out.h"

/* The strategy's instance. */
struct chats {
	const struct hf_host *host;
	struct tools tools;
};

/* A unit under way: what all kinds of units need. */
struct work {
	const struct chats *chats;
	const struct hf_source_view *view;
	const struct hf_emitter *emitter;
	const char *path; /* the unit's folder, which names it to people */
	uint64_t items;   /* looked at and not told yet */
	uint64_t bytes;
	uint64_t failed;  /* items, in this job */
};

/* Counts an item that was looked at; told to the host in batches. */
int work_done(struct work *work, uint64_t bytes, struct hf_error *err);
/* Tells what is left of them; HF_ESTOPPING when the host wants to stop. */
int work_tell(struct work *work, struct hf_error *err);
/* Tells an item that cannot be backed up.  what: "message"; id may be NULL. */
int work_failed(struct work *work, const char *what, const struct hf_text *id, const struct hf_error *why,
    struct hf_error *err);
/* The same for a place that the source named. */
int work_failed_at(struct work *work, const char *where, const struct hf_error *why, struct hf_error *err);
/*
 * Pushes a file of the previous snapshot's unit.  HF_ENOTFOUND: there is none, or none that can be
 * used (too long, damaged); the latter is logged.
 */
int work_previous(struct work *work, const char *name, const struct hf_sink *sink, struct hf_error *err);

/* "id" for people, with what could harm a terminal taken out.  Returns name. */
const char *item_name(const char *prefix, const char *what, const struct hf_text *id, char *name, size_t size);

int plan_account(const struct chats *chats, const struct hf_source_view *view, const struct hf_planner *planner,
    struct hf_error *err);
/* The unit of the people that plan_account pushes first is told apart by its data, which is empty. */
int room_execute(struct work *work, const struct hf_unit *unit, const struct hf_run *run, struct hf_error *err);
int people_execute(struct work *work, struct hf_error *err);
/* Writes participants.json of a room when it is not what it was. */
int participants_write(struct work *work, const struct hf_text *room, int64_t mtime_ns, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STATE_H
#define STATE_H

#include "out.h"

/* A source's cursor, and what is told of a room beside it. */
#define STATE_CURSOR_MAX (256u << 10)

/*
 * How far a room is backed up: in room.json between jobs, in a checkpoint's cursor within one.  kept
 * covers only records that were saved, so that one that failed is read again; cursor is where the
 * source goes on in this job.
 */
struct state {
	struct out cursor;
	struct out kept;
	bool counted;     /* whether the counts are known */
	int64_t messages; /* ids */
	int64_t records;  /* lines of the log */
	int64_t failed;
	int64_t newest_ns; /* HF_NO_TIME */
};

void state_init(struct state *state, const struct tools *tools);
void state_release(struct state *state);
/* Replaces a cursor; HF_ERANGE when it is too long. */
int state_set_cursor(struct out *cursor, const struct hf_blob *blob, struct hf_error *err);
/*
 * Takes what the room.json of the last snapshot tells; HF_ECORRUPT, and nothing taken, when it is not
 * the one of this room (id: its id's JSON text without quotes) from this source.
 */
int state_take_room(struct state *state, const struct out *json, const struct hf_json_value *id,
    const char *source, struct hf_error *err);
/* Takes the cursor of the query of rooms from account.json, where it has one; HF_ECORRUPT as above. */
int state_take_account(struct out *cursor, const struct out *json, const char *source, struct hf_error *err);
/* Adds a checkpoint's cursor to out, and takes what one tells; HF_ECORRUPT as above. */
void state_put_checkpoint(const struct state *state, struct out *out);
int state_take_checkpoint(struct state *state, const struct hf_blob *json, struct hf_error *err);
/*
 * Adds "name":"..." after a comma, for bytes that are not printable ASCII "name_base64":"...";
 * nothing for an empty cursor.
 */
void state_put_cursor(const struct out *cursor, const char *name, struct out *out);

#endif

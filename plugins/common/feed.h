/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>

#include <holdfast/source.h>

#include "people.h"

/* The longest state, with its NUL. */
#define FEED_STATE 65u

/*
 * Feeds the messages of one room to the host, where each run reads them from the first one: a cursor says what
 * state the bytes were in that were read, and how many messages were passed.  Those that an earlier run has pushed
 * are passed without a word, but who wrote them is noted.
 */
struct feed {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_record_sink *sink;
	struct people *people;
	char state[FEED_STATE]; /* digits and letters that stand for all bytes of the room */
	uint32_t page;
	bool quiet;   /* only the people are of interest */
	bool trusted; /* once it is not, what is read now never counts as unchanged */
	uint64_t skip;
	uint64_t seen;
	uint64_t since; /* messages since the last checkpoint */
	uint64_t failed;
};

/* query NULL: a quiet one.  state is set by the caller then. */
void feed_init(struct feed *feed, const struct hf_host *host, const struct hf_host_json *json,
    const struct hf_record_sink *sink, struct people *people, const struct hf_query *query);
/*
 * Begins to read a room, in the state that feed->state tells.  1: it is as it was when cursor was made, and that is
 * told already; 0: it is to be read.
 */
int feed_begin(struct feed *feed, const struct hf_blob *cursor, const void *room, struct hf_error *err);
/* One more message is looked at.  Whether the host wants it. */
bool feed_next(struct feed *feed);
bool feed_wants(const struct feed *feed);
/* name: of the sender, may be missing. */
int feed_message(struct feed *feed, const struct hf_message *message, const struct hf_text *name,
    struct hf_error *err);
/* Something is wrong at a place; not told by a quiet feed. */
int feed_failed(struct feed *feed, const char *where, const struct hf_error *why, struct hf_error *err);
/* The message was passed: makes a checkpoint when a page is full, and stops when that is asked for. */
int feed_passed(struct feed *feed, struct hf_error *err);
/* All of the room was read. */
int feed_end(struct feed *feed, const void *room, struct hf_error *err);
/* A room that is not there: nothing is known of it. */
int feed_nothing(const struct hf_record_sink *sink, struct hf_error *err);

#endif

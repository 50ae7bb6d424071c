/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_QUERY_H
#define LIB_QUERY_H

#include "feed.h"

/* Answers queries for one room, where a room is in one or more parts and a run reads it from its first message. */

/* The parts of a room that was found, an array of the source's own; good until the next look. */
struct query_room {
	const void *parts;
	size_t count; /* 0: there is no such room */
};

/* How a source does it. */
struct query_ops {
	/* Looks for a room as it is now. */
	int (*find)(void *ctx, const struct hf_text *id, struct query_room *room, struct hf_error *err);
	/* Sets feed->state, and that the feed is not trusted where that state tells too little. */
	int (*state)(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err);
	/* Feeds all of the room's messages, up to feed_end. */
	int (*read)(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err);
};

struct query_source {
	const struct query_ops *ops;
	void *ctx; /* for ops */
	const struct hf_host *host;
	const struct hf_host_json *json;
	struct people *people; /* of the room that was read last */
};

/* HF_QUERY_MESSAGES */
int query_messages(const struct query_source *source, const struct hf_query *query,
    const struct hf_record_sink *sink, struct hf_error *err);
/* HF_QUERY_PARTICIPANTS of a room: who wrote in it.  HF_ENOTSUP: as people_push has it. */
int query_members(const struct query_source *source, const struct hf_query *query,
    const struct hf_record_sink *sink, struct hf_error *err);

#endif

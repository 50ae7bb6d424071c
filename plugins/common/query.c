/* SPDX-License-Identifier: BSD-2-Clause */
#include "query.h"

static int
find_room(const struct query_source *source, const struct hf_query *query, struct query_room *room,
    struct hf_error *err)
{
	room->parts = NULL;
	room->count = 0;
	if (query->room.data == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "messages are asked for without a room");
	return source->ops->find(source->ctx, &query->room, room, err);
}

int
query_messages(const struct query_source *source, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct query_room room;
	struct feed feed;
	int r = find_room(source, query, &room, err);

	if (r != HF_OK)
		return r;
	if (room.count == 0)
		return feed_nothing(sink, err);
	feed_init(&feed, source->host, source->json, sink, source->people, query);
	r = source->ops->state(source->ctx, &room, &feed, err);
	if (r != HF_OK)
		return r;
	r = feed_begin(&feed, &query->cursor, room.parts, err);
	if (r != 0)
		return r < 0 ? r : HF_OK;
	return source->ops->read(source->ctx, &room, &feed, err);
}

/* What is known of an unchanged room is still so. */
int
query_members(const struct query_source *source, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct query_room room;
	struct feed feed;
	int r = find_room(source, query, &room, err);

	if (r != HF_OK || room.count == 0)
		return r;
	if (source->people->room != room.parts) {
		feed_init(&feed, source->host, source->json, sink, source->people, NULL);
		r = feed_begin(&feed, NULL, room.parts, err);
		if (r == HF_OK)
			r = source->ops->read(source->ctx, &room, &feed, err);
	}
	return r == HF_OK ? people_push(source->people, sink, err) : r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "feed.h"

#include <inttypes.h>
#include <string.h>

#include "source.h"
#include "value.h"

void
feed_init(struct feed *feed, const struct hf_host *host, const struct hf_host_json *json,
    const struct hf_record_sink *sink, struct people *people, const struct hf_query *query)
{
	memset(feed, 0, sizeof(*feed));
	feed->host = host;
	feed->json = json;
	feed->sink = sink;
	feed->people = people;
	feed->quiet = query == NULL;
	feed->page = query != NULL ? query->page : 0;
	feed->trusted = true;
}

static int
push_cursor(const struct feed *feed, uint64_t messages, bool done, struct hf_error *err)
{
	struct hf_blob blob;
	char text[FEED_STATE + 100];

	if (feed->quiet || feed->sink->checkpoint == NULL)
		return HF_OK;
	blob.data = text;
	blob.size = (uint64_t)snprintf(text, sizeof(text),
	    "{\"state\":\"%s\",\"messages\":%" PRIu64 ",\"done\":%s,\"trusted\":%s}", feed->state, messages,
	    done ? "true" : "false", feed->trusted ? "true" : "false");
	return feed->sink->checkpoint(feed->sink->ctx, &blob, err);
}

int
feed_nothing(const struct hf_record_sink *sink, struct hf_error *err)
{
	static const char text[] = "{\"state\":\"\",\"messages\":0,\"done\":false,\"trusted\":false}";
	const struct hf_blob blob = {text, sizeof(text) - 1};

	return sink->checkpoint != NULL ? sink->checkpoint(sink->ctx, &blob, err) : HF_OK;
}

/* Whether a cursor was made from the same bytes; then also how far it had come. */
static bool
cursor_holds(const struct feed *feed, const struct hf_blob *cursor, uint64_t *ret_messages, bool *ret_done)
{
	static const char *const names[] = {"state", "messages", "done", "trusted"};
	struct hf_json_value v[4];

	if (cursor == NULL || cursor->size == 0 ||
	    feed->json->object(cursor->data, cursor->size, names, 4, v, NULL) != HF_OK)
		return false;
	if (!value_is(&v[0], feed->state) || v[3].type != HF_JSON_TRUE)
		return false;
	*ret_messages = (uint64_t)value_number(&v[1], 0);
	*ret_done = v[2].type == HF_JSON_TRUE;
	return true;
}

int
feed_begin(struct feed *feed, const struct hf_blob *cursor, const void *room, struct hf_error *err)
{
	uint64_t messages = 0;
	bool done = false;
	int r;

	people_clear(feed->people);
	feed->seen = feed->since = 0;
	if (!feed->trusted || !cursor_holds(feed, cursor, &messages, &done))
		messages = 0;
	if (!done) {
		feed->skip = messages;
		return 0;
	}
	r = push_cursor(feed, messages, true, err);
	feed->people->room = room;
	feed->people->unchanged = true;
	return r == HF_OK ? 1 : r;
}

bool
feed_next(struct feed *feed)
{
	feed->seen++;
	return feed_wants(feed);
}

bool
feed_wants(const struct feed *feed)
{
	return !feed->quiet && feed->seen > feed->skip;
}

int
feed_message(struct feed *feed, const struct hf_message *message, const struct hf_text *name, struct hf_error *err)
{
	int r = people_add(feed->people, &message->sender, name, err);

	return r == HF_OK && feed_wants(feed) ? feed->sink->message(feed->sink->ctx, message, err) : r;
}

int
feed_failed(struct feed *feed, const char *where, const struct hf_error *why, struct hf_error *err)
{
	if (feed->quiet)
		return HF_OK;
	feed->failed++;
	return source_failed(feed->host, feed->sink, where, why, err);
}

int
feed_passed(struct feed *feed, struct hf_error *err)
{
	if ((feed->seen & 255) == 0 && feed->host->stop_requested(feed->host->ctx) != 0)
		return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	if (feed->page == 0 || !feed_wants(feed) || ++feed->since < feed->page)
		return HF_OK;
	feed->since = 0;
	/* What failed must be told again, so nothing after it counts as read. */
	if (feed->failed > 0)
		feed->trusted = false;
	return push_cursor(feed, feed->seen, false, err);
}

int
feed_end(struct feed *feed, const void *room, struct hf_error *err)
{
	feed->people->room = room;
	if (feed->failed > 0)
		feed->trusted = false;
	return push_cursor(feed, feed->seen, true, err);
}

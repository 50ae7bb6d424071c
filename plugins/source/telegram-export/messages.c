/* SPDX-License-Identifier: BSD-2-Clause */
#include "telegram.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/group.h"
#include "../../common/value.h"

/* What a chat tells of itself beside its messages. */
#define HEAD_MAX   (256u << 10)
#define MEMBER_MAX (64u << 10)

/* ---- rooms ---- */

struct head {
	char *data;
	size_t size;
};

static void
put(struct head *head, const char *data, size_t size)
{
	memcpy(head->data + head->size, data, size);
	head->size += size;
}

/* Adds a member to the head, unless it is too long for it. */
static int
add_member(struct head *head, struct walk *walk, const struct hf_text *name, struct hf_error *err)
{
	const char *text;
	size_t size;
	int r = walk_value(walk, MEMBER_MAX, &text, &size, err);

	if (r == HF_ERANGE)
		return walk_skip(walk, err);
	if (r != HF_OK || name->size == 0 || HEAD_MAX - head->size < name->size + size + 5)
		return r;
	put(head, head->size > 1 ? ",\"" : "\"", head->size > 1 ? 2 : 1);
	put(head, name->data, (size_t)name->size);
	put(head, "\":", 2);
	put(head, text, size);
	return HF_OK;
}

/* Makes a chat's object without its messages, token for token. */
static int
read_head(const struct index *index, const struct chat *chat, struct head *head, struct hf_error *err)
{
	struct walk walk;
	struct hf_text name;
	bool first = true;
	int r = index_walk(index, chat->object, &walk, err);

	head->size = 0;
	put(head, "{", 1);
	if (r == HF_OK)
		r = walk_enter(&walk, '{', err);
	while (r == HF_OK && (r = walk_next(&walk, '}', &first, err)) > 0) {
		r = walk_name(&walk, &name, err);
		if (r != HF_OK)
			break;
		if (!value_text_is(&name, "messages"))
			r = add_member(head, &walk, &name, err);
		else if (chat->messages == 0)
			r = walk_skip(&walk, err);
		else if (!chat->cut)
			walk_seek(&walk, chat->end);
		else
			break;
	}
	put(head, "}", 1);
	walk_close(&walk);
	/* Where the file is not whole was told when it was indexed. */
	return r == HF_ECORRUPT ? HF_OK : r;
}

static int
push_room(struct run *run, const struct chat *chat, size_t segments, struct head *head, struct hf_error *err)
{
	static const char *const names[] = {"name"};
	struct telegram *telegram = run->telegram;
	struct hf_json_value name = {NULL, 0, HF_JSON_NONE, 0};
	struct hf_room room;
	size_t i;
	int r = read_head(&telegram->index, chat, head, err);

	if (r != HF_OK)
		return r;
	memset(&room, 0, sizeof(room));
	room.struct_size = sizeof(room);
	room.id = value_of_string(chat->id);
	if (chat->kind != NULL)
		room.kind = value_of_string(chat->kind);
	room.created_ns = room.updated_ns = HF_NO_TIME;
	if (telegram->json->object(head->data, head->size, names, 1, &name, NULL) == HF_OK) {
		room.name = value_text(&name);
		room.raw = (struct hf_blob){head->data, head->size};
	}
	for (i = 0; i < segments; i++) {
		room.estimated_messages += chat[i].count;
		room.estimated_bytes += chat[i].end - chat[i].messages;
	}
	return run->sink->room(run->sink->ctx, &room, err);
}

int
telegram_rooms(struct run *run, struct hf_error *err)
{
	struct index *index = &run->telegram->index;
	struct hf_error why = HF_ERROR_INIT;
	struct head head = {NULL, 0};
	size_t i, segments;
	int r = telegram_index(run, err);

	if (r != HF_OK)
		return r;
	/* The last braces have room beyond HEAD_MAX. */
	head.data = malloc(HEAD_MAX + 16);
	if (head.data == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", index->path);
	for (i = 0; r == HF_OK && i < index->count; i += segments) {
		segments = group_size(index->chats, index->count, sizeof(*index->chats), i);
		r = push_room(run, &index->chats[i], segments, &head, err);
		if (r == HF_OK && index->chats[i].messages == 0) {
			(void)hf_error_set(&why, HF_ECORRUPT, 0, "a chat without a list of messages");
			r = telegram_failed(run, index->chats[i].object, &why, err);
		}
		if (r == HF_OK)
			r = telegram_stopping(run->telegram, err);
	}
	free(head.data);
	return r;
}

/* ---- messages ---- */

/* Reading a chat's messages. */
struct reading {
	struct telegram *telegram;
	struct walk walk;
	struct feed *feed;
};

static int
failed_at(struct reading *reading, uint64_t offset, const struct hf_error *why, struct hf_error *err)
{
	char where[1400];

	(void)snprintf(where, sizeof(where), "%s: byte %" PRIu64, reading->telegram->path, offset);
	return feed_failed(reading->feed, where, why, err);
}

static int
take_message(struct reading *reading, uint64_t offset, const char *text, size_t size, struct hf_error *err)
{
	struct hf_message message;
	struct hf_text name;
	struct hf_error why;
	int r;

	hf_error_init(&why);
	r = record_message(&reading->telegram->record, text, size, &message, &name, &why);
	if (r == HF_ENOMEM)
		return hf_error_set(err, r, 0, "%s", why.msg);
	if (r != HF_OK)
		return feed_wants(reading->feed) ? failed_at(reading, offset, &why, err) : HF_OK;
	return feed_message(reading->feed, &message, &name, err);
}

static int
read_one(struct reading *reading, struct hf_error *err)
{
	struct walk *walk = &reading->walk;
	struct hf_error why;
	const char *text;
	uint64_t offset;
	size_t size;
	int r = walk_peek(walk, err);

	if (r < 0)
		return r;
	hf_error_init(&why);
	offset = walk_tell(walk);
	r = walk_value(walk, WALK_MAX, &text, &size, &why);
	if (r != HF_OK && r != HF_ERANGE)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	(void)feed_next(reading->feed);
	if (r == HF_OK) {
		r = take_message(reading, offset, text, size, err);
	} else {
		r = feed_wants(reading->feed) ? failed_at(reading, offset, &why, err) : HF_OK;
		r = r == HF_OK ? walk_skip(walk, err) : r;
	}
	return r == HF_OK ? feed_passed(reading->feed, err) : r;
}

/* Reads one list of messages; the digest of what was read goes into digest. */
static int
read_segment(struct reading *reading, const struct chat *chat, uint8_t digest[DIGEST_SIZE], struct hf_error *err)
{
	struct telegram *telegram = reading->telegram;
	struct hf_error why = HF_ERROR_INIT;
	bool first = true;
	int r = index_walk(&telegram->index, chat->messages, &reading->walk, err);

	if (r != HF_OK)
		return r;
	digest_begin(&telegram->index.digest, telegram->write);
	reading->walk.digest = &telegram->index.digest;
	r = walk_enter(&reading->walk, '[', &why);
	while (r == HF_OK && (r = walk_next(&reading->walk, ']', &first, &why)) > 0)
		r = read_one(reading, &why);
	if (r == HF_ECORRUPT)
		r = failed_at(reading, walk_tell(&reading->walk), &why, err);
	else if (r != HF_OK)
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	reading->walk.digest = NULL;
	walk_close(&reading->walk);
	return r == HF_OK ? digest_end(&telegram->index.digest, digest, err) : r;
}

/* The digest of all segments of a chat. */
static int
join_digests(const struct hf_host_write *write, uint8_t *all, const uint8_t *next, size_t number,
    struct hf_error *err)
{
	uint8_t both[2 * DIGEST_SIZE];

	if (number == 0) {
		memcpy(all, next, DIGEST_SIZE);
		return HF_OK;
	}
	memcpy(both, all, DIGEST_SIZE);
	memcpy(both + DIGEST_SIZE, next, DIGEST_SIZE);
	return write->sha256(both, sizeof(both), all, err);
}

static int
telegram_read(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	struct telegram *telegram = ctx;
	struct reading reading = {.telegram = telegram, .feed = feed};
	const struct chat *chat = room->parts;
	uint8_t digest[DIGEST_SIZE] = {0}, one[DIGEST_SIZE];
	size_t i;
	int r = HF_OK;

	record_begin(&telegram->record);
	for (i = 0; i < room->count && r == HF_OK; i++) {
		memset(one, 0, sizeof(one));
		if (chat[i].messages != 0)
			r = read_segment(&reading, &chat[i], one, err);
		if (r == HF_OK)
			r = join_digests(telegram->write, digest, one, i, err);
	}
	if (r != HF_OK)
		return r;
	if (telegram->record.mends > 0 && !feed->quiet)
		hf_log(telegram->host, HF_LOG_INFO,
		    "%s: %" PRIu64 " message%s of %s with control characters that are not spelled as JSON wants it; "
		    "the raw value has them as \\u00XX",
		    telegram->path, telegram->record.mends, telegram->record.mends == 1 ? "" : "s", chat->id);
	/* What was read is what counts, also where the file has changed since it was indexed. */
	digest_hex(digest, feed->state);
	return feed_end(feed, chat, err);
}

/* In a file that is as it was indexed. */
static int
telegram_find(void *ctx, const struct hf_text *id, struct query_room *room, struct hf_error *err)
{
	struct telegram *telegram = ctx;
	/* What is wrong with the file is told when the rooms are asked for, and where it is met. */
	const struct hf_record_sink quiet = {.struct_size = sizeof(quiet)};
	struct run look = {.telegram = telegram, .sink = &quiet};
	const struct chat *chat = NULL;
	int r = HF_OK;

	if (!index_is_current(&telegram->index))
		r = telegram_index(&look, err);
	if (r != HF_OK)
		return r;
	room->count = index_find(&telegram->index, id->data, (size_t)id->size, &chat);
	room->parts = chat;
	return HF_OK;
}

static int
telegram_state(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	const struct telegram *telegram = ctx;
	const struct chat *chat = room->parts;
	uint8_t digest[DIGEST_SIZE] = {0};
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < room->count; i++)
		r = join_digests(telegram->write, digest, chat[i].digest, i, err);
	if (r == HF_OK)
		digest_hex(digest, feed->state);
	return r;
}

const struct query_ops telegram_query_ops = {telegram_find, telegram_state, telegram_read};

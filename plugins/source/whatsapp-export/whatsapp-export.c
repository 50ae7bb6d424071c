/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#include "../../common/feed.h"
#include "../../common/group.h"
#include "../../common/query.h"
#include "../../common/source.h"
#include "../../common/value.h"
#include "../../common/zone.h"
#include "body.h"
#include "chats.h"
#include "fetch.h"

struct whatsapp {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	const struct hf_host_files *files; /* NULL: this host does not offer it */
	struct chats chats;
	struct zone zone;
	char *timezone; /* as it was given; "": it was not */
	char *label;
	enum order order; /* as it was given */
	struct body body;
	struct people people; /* of the chat that was read last */
};

/* An enumeration under way. */
struct run {
	struct whatsapp *whatsapp;
	const struct hf_record_sink *sink;
};

enum { OPTION_PATH, OPTION_CHAT, OPTION_DATE_ORDER, OPTION_TIMEZONE };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
	    "a chat that WhatsApp exported, as text or zip, or a folder with such chats", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "chat",
	    "the chat's name, where path is one chat", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "date_order",
	    "dmy, mdy or ymd: how dates are to be read that can be read two ways", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "timezone",
	    "of the telephone: Europe/Berlin, +01:00; else as this machine", NULL, 0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static const char *
text_of(const struct hf_value *values, uint32_t count, uint32_t option)
{
	return count > option && values[option].set && values[option].text[0] != '\0' ? values[option].text : NULL;
}

static int
read_order(const char *text, enum order *ret_order, struct hf_error *err)
{
	static const struct {
		const char *name;
		enum order order;
	} orders[] = {{"dmy", ORDER_DMY}, {"mdy", ORDER_MDY}, {"ymd", ORDER_YMD}};
	size_t i;

	*ret_order = ORDER_UNKNOWN;
	if (text == NULL)
		return HF_OK;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (strcmp(text, orders[i].name) == 0) {
			*ret_order = orders[i].order;
			return HF_OK;
		}
	return hf_error_set(err, HF_EINVAL, 0, "\"date_order\" must be dmy, mdy or ymd, not %.50s", text);
}

static int
whatsapp_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	enum order order;
	int r;

	if (text_of(values, count, OPTION_PATH) == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name the chat, or the folder with chats");
	r = read_order(text_of(values, count, OPTION_DATE_ORDER), &order, err);
	return r == HF_OK ? zone_check(text_of(values, count, OPTION_TIMEZONE), err) : r;
}

static void
whatsapp_close(void *handle)
{
	struct whatsapp *whatsapp = handle;

	people_clear(&whatsapp->people);
	body_release(&whatsapp->body);
	chats_release(&whatsapp->chats);
	zone_close(&whatsapp->zone);
	free(whatsapp->timezone);
	free(whatsapp->label);
	free(whatsapp);
}

static int
take_options(struct whatsapp *whatsapp, const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	const char *label = text_of(values, count, OPTION_CHAT), *zone = text_of(values, count, OPTION_TIMEZONE);
	int r = read_order(text_of(values, count, OPTION_DATE_ORDER), &whatsapp->order, err);

	whatsapp->timezone = strdup(zone != NULL ? zone : "");
	whatsapp->label = label != NULL ? strdup(label) : NULL;
	if (whatsapp->timezone == NULL || (label != NULL && whatsapp->label == NULL))
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	return r == HF_OK ? zone_open(zone, &whatsapp->zone, err) : r;
}

static int
whatsapp_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct whatsapp *whatsapp;
	int r = whatsapp_configure(values, count, err);

	if (r != HF_OK)
		return r;
	whatsapp = calloc(1, sizeof(*whatsapp));
	if (whatsapp == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	whatsapp->host = host;
	whatsapp->json = host->get_extension(host->ctx, HF_HOST_JSON);
	whatsapp->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	whatsapp->files = host->get_extension(host->ctx, HF_HOST_FILES);
	people_init(&whatsapp->people, whatsapp->json);
	chats_init(&whatsapp->chats, whatsapp->write);
	if (whatsapp->json == NULL || whatsapp->write == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s and %s", HF_HOST_JSON, HF_HOST_WRITE);
	if (r == HF_OK)
		r = take_options(whatsapp, values, count, err);
	if (r == HF_OK)
		r = body_init(&whatsapp->body, whatsapp->write, err);
	if (r == HF_OK)
		r = chats_open(&whatsapp->chats, values[OPTION_PATH].text, whatsapp->label, err);
	if (r != HF_OK)
		whatsapp_close(whatsapp);
	else
		*ret_handle = whatsapp;
	return r;
}

static int
on_broken(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err)
{
	struct run *run = ctx;

	return source_failed(run->whatsapp->host, run->sink, path, why, err);
}

/* What is wrong with files is told when the rooms are asked for. */
static int
on_broken_quiet(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)path;
	(void)why;
	(void)err;
	return HF_OK;
}

static int
load(struct whatsapp *whatsapp, struct hf_error *err)
{
	if (whatsapp->chats.loaded)
		return HF_OK;
	people_clear(&whatsapp->people);
	return chats_load(&whatsapp->chats, on_broken_quiet, whatsapp, err);
}

/* ---- the order of dates ---- */

static void
add_evidence(struct evidence *all, const struct evidence *one)
{
	all->messages += one->messages;
	all->unknown += one->unknown;
	all->dmy += one->dmy;
	all->mdy += one->mdy;
	all->dmy_back += one->dmy_back;
	all->mdy_back += one->mdy_back;
}

static enum order
judge(const struct evidence *e)
{
	if (e->dmy != e->mdy)
		return e->dmy > e->mdy ? ORDER_DMY : ORDER_MDY;
	/* Time goes on in a chat. */
	if (e->dmy_back != e->mdy_back)
		return e->dmy_back < e->mdy_back ? ORDER_DMY : ORDER_MDY;
	return ORDER_UNKNOWN;
}

/* How dates of a chat are to be read that can be read two ways: as others in it, or as those of the other chats. */
static enum order
order_of(const struct whatsapp *whatsapp, const struct chat *chat, size_t parts)
{
	struct evidence own, all;
	enum order order;
	size_t i;

	if (whatsapp->order != ORDER_UNKNOWN)
		return whatsapp->order;
	memset(&own, 0, sizeof(own));
	memset(&all, 0, sizeof(all));
	for (i = 0; i < parts; i++)
		add_evidence(&own, &chat[i].evidence);
	order = judge(&own);
	for (i = 0; order == ORDER_UNKNOWN && i < whatsapp->chats.count; i++)
		add_evidence(&all, &whatsapp->chats.chats[i].evidence);
	return order == ORDER_UNKNOWN ? judge(&all) : order;
}

/* ---- rooms ---- */

static int
push_room(struct run *run, const struct chat *chat, size_t parts, struct hf_error *err)
{
	struct hf_room room;
	size_t i;

	memset(&room, 0, sizeof(room));
	room.struct_size = sizeof(room);
	room.id = room.name = value_of_string(chat->name);
	room.created_ns = room.updated_ns = HF_NO_TIME;
	for (i = 0; i < parts; i++) {
		room.estimated_messages += chat[i].evidence.messages;
		room.estimated_bytes += chat[i].size;
	}
	return run->sink->room(run->sink->ctx, &room, err);
}

static int
enumerate_rooms(struct run *run, struct hf_error *err)
{
	struct chats *chats = &run->whatsapp->chats;
	size_t i, parts;
	int r;

	people_clear(&run->whatsapp->people);
	r = chats_load(chats, on_broken, run, err);
	for (i = 0; r == HF_OK && i < chats->count; i += parts) {
		parts = group_size(chats->chats, chats->count, sizeof(*chats->chats), i);
		r = push_room(run, &chats->chats[i], parts, err);
		if (r == HF_OK)
			r = source_go_on(run->whatsapp->host, chats->path, err);
	}
	return r;
}

/* ---- messages ---- */

/* Reading a chat's messages. */
struct reading {
	struct whatsapp *whatsapp;
	struct opened opened;
	struct feed *feed;
	enum order order;
	uint64_t unread; /* dates that can be read two ways, and nothing tells which */
};

static int
failed_at(struct reading *reading, const struct hf_error *why, struct hf_error *err)
{
	char where[1400];

	(void)snprintf(where, sizeof(where), "%s:%" PRIu64, reading->opened.path, reading->opened.parts.line);
	return feed_failed(reading->feed, where, why, err);
}

static int
take_message(struct reading *reading, const char *text, size_t size, struct hf_error *err)
{
	struct whatsapp *whatsapp = reading->whatsapp;
	struct hf_error why = HF_ERROR_INIT;
	struct hf_message message;
	struct stamp stamp;
	size_t stamp_size = stamp_read(text, size, &stamp);
	int64_t local = stamp_local(&stamp, reading->order);
	int r, told;

	reading->unread += stamp.order == ORDER_UNKNOWN && reading->order == ORDER_UNKNOWN;
	r = body_message(&whatsapp->body, text, size, stamp_size, &stamp, zone_utc(&whatsapp->zone, local), &message,
	    &why);
	if (r != HF_OK && r != HF_EINVAL)
		return hf_error_set(err, r, 0, "%s", why.msg);
	told = feed_message(reading->feed, &message, &message.sender, err);
	if (told == HF_OK && r != HF_OK && feed_wants(reading->feed))
		told = failed_at(reading, &why, err);
	return told;
}

static bool
is_blank(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (strchr(" \t\r\n\xef\xbb\xbf", text[i]) == NULL)
			return false;
	return true;
}

static int
take_part(struct reading *reading, int what, const char *text, size_t size, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;

	if (what == PARTS_OTHER && is_blank(text, size))
		return HF_OK;
	(void)feed_next(reading->feed);
	if (what == PARTS_MESSAGE)
		return take_message(reading, text, size, err);
	if (!feed_wants(reading->feed))
		return HF_OK;
	if (what == PARTS_LONG)
		(void)hf_error_set(&why, HF_ERANGE, 0, "a message longer than %u KiB", PARTS_MAX >> 10);
	else
		(void)hf_error_set(&why, HF_ECORRUPT, 0, "text before the first message");
	return failed_at(reading, &why, err);
}

/* What the files of a chat are named after in the records: the folder or the zip that they are in. */
static void
set_place(const struct chat *chat, char *place, size_t size)
{
	const char *path = chat->entry != NULL ? chat->entry : chat->path, *slash = strrchr(path, '/');
	int folder = slash != NULL ? (int)(slash - path) + 1 : 0;

	(void)snprintf(place, size, "%s%s%.*s", chat->entry != NULL ? chat->path : "", chat->entry != NULL ? "/" : "",
	    folder, path);
}

static int
read_part(struct reading *reading, const struct chat *chat, struct hf_error *err)
{
	struct whatsapp *whatsapp = reading->whatsapp;
	struct hf_error why = HF_ERROR_INIT;
	char place[2048];
	const char *text;
	size_t size;
	int r = chats_read(&whatsapp->chats, chat, &reading->opened, &why);

	set_place(chat, place, sizeof(place));
	body_begin(&whatsapp->body, place);
	while (r == HF_OK && (r = parts_next(&reading->opened.parts, &text, &size, &why)) > 0) {
		r = take_part(reading, r, text, size, &why);
		if (r == HF_OK)
			r = feed_passed(reading->feed, &why);
		if (r != HF_OK)
			break;
	}
	if (source_is_item_failure(r))
		r = failed_at(reading, &why, err);
	else if (r != HF_OK)
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	if (!chats_is_current(&whatsapp->chats, chat))
		reading->feed->trusted = false;
	chats_close(&reading->opened);
	whatsapp->body.place = "";
	return r;
}

static int
whatsapp_read(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	const struct chat *chat = room->parts;
	struct reading reading = {.whatsapp = ctx, .feed = feed, .order = order_of(ctx, chat, room->count)};
	struct hf_error why = HF_ERROR_INIT;
	size_t i;
	int r = HF_OK;

	for (i = 0; i < room->count && r == HF_OK; i++)
		r = read_part(&reading, &chat[i], err);
	if (r == HF_OK && reading.unread > 0) {
		(void)hf_error_set(&why, HF_EINVAL, 0,
		    "%" PRIu64 " message%s saved without a time: nothing tells whether 3/4/2024 is in March or in "
		    "April; set \"date_order\" to dmy or mdy",
		    reading.unread, reading.unread == 1 ? " is" : "s are");
		r = feed_failed(feed, chat->name, &why, err);
	}
	return r == HF_OK ? feed_end(feed, chat, err) : r;
}

/* Finds a chat's texts among those that are loaded.  Whether they are as they were then. */
static bool
find_loaded(const struct chats *chats, const struct hf_text *id, struct query_room *room)
{
	const struct chat *chat = NULL;
	size_t i;

	room->count = chats_find(chats, id->data, (size_t)id->size, &chat);
	room->parts = chat;
	for (i = 0; i < room->count; i++)
		if (!chats_is_current(chats, &chat[i]))
			return false;
	return true;
}

static int
whatsapp_find(void *ctx, const struct hf_text *id, struct query_room *room, struct hf_error *err)
{
	struct whatsapp *whatsapp = ctx;
	int r = load(whatsapp, err);

	if (r != HF_OK || find_loaded(&whatsapp->chats, id, room))
		return r;
	whatsapp->chats.loaded = false;
	r = load(whatsapp, err);
	if (r == HF_OK)
		(void)find_loaded(&whatsapp->chats, id, room);
	return r;
}

/* What stands for all bytes of a chat, and for how they are read. */
static int
whatsapp_state(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	struct whatsapp *whatsapp = ctx;
	struct digest *digest = &whatsapp->chats.digest;
	const struct chat *chat = room->parts;
	enum order order = order_of(whatsapp, chat, room->count);
	uint8_t result[DIGEST_SIZE];
	size_t i;
	int r;

	digest_begin(digest, whatsapp->write);
	for (i = 0; i < room->count; i++) {
		digest_add(digest, chat[i].digest, DIGEST_SIZE);
		digest_add(digest, chat[i].path, strlen(chat[i].path) + 1);
	}
	digest_add(digest, &order, sizeof(order));
	digest_add(digest, whatsapp->timezone, strlen(whatsapp->timezone));
	r = digest_end(digest, result, err);
	if (r == HF_OK)
		digest_hex(result, feed->state);
	return r;
}

static const struct query_ops query_ops = {whatsapp_find, whatsapp_state, whatsapp_read};

static int
whatsapp_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct whatsapp *whatsapp = handle;
	struct run run = {whatsapp, sink};
	const struct query_source source = {&query_ops, whatsapp, whatsapp->host, whatsapp->json, &whatsapp->people};

	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return source_account(sink, "whatsapp", err);
	case HF_QUERY_ROOMS:
		return enumerate_rooms(&run, err);
	case HF_QUERY_PARTICIPANTS:
		if (query->room.data != NULL)
			return query_members(&source, query, sink, err);
		break;
	case HF_QUERY_MESSAGES:
		return query_messages(&source, query, sink, err);
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "whatsapp-export does not know query %u", query->what);
}

static int
whatsapp_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct whatsapp *whatsapp = handle;

	return fetch_media(whatsapp->host, whatsapp->json, whatsapp->files, &whatsapp->chats, exchange, err);
}

static const struct hf_source_ops ops = {
	.struct_size = sizeof(struct hf_source_ops),
	.configure = whatsapp_configure,
	.open = whatsapp_open,
	.close = whatsapp_close,
	.caps = source_caps,
	.enumerate = whatsapp_enumerate,
	.fetch_media = whatsapp_fetch_media,
};

static const struct hf_component component = {
	.struct_size = sizeof(struct hf_component),
	.kind = HF_KIND_SOURCE,
	.name = "whatsapp-export",
	.summary = "chats that WhatsApp exported as text, with their media in a folder or zip",
	.flags = HF_SOURCE_CHATS,
	.thread_model = HF_THREAD_SERIAL,
	.options = options,
	.ops = &ops,
};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("whatsapp-export", "source", "0.1.0", "BSD-2-Clause", components);

/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#include "../../common/feed.h"
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
	const char *label = text_of(values, count, OPTION_CHAT), *timezone = text_of(values, count, OPTION_TIMEZONE);
	int r = read_order(text_of(values, count, OPTION_DATE_ORDER), &whatsapp->order, err);

	whatsapp->timezone = strdup(timezone != NULL ? timezone : "");
	whatsapp->label = label != NULL ? strdup(label) : NULL;
	if (whatsapp->timezone == NULL || (label != NULL && whatsapp->label == NULL))
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	return r == HF_OK ? zone_open(timezone, &whatsapp->zone, err) : r;
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
whatsapp_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	(void)handle;
	(void)err;
	caps->can_incremental = HF_YES;
	caps->can_deletions = HF_NO;
	caps->rate_limited = HF_NO;
	return HF_OK;
}

static int
on_broken(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err)
{
	struct run *run = ctx;

	if (run->sink->failed != NULL)
		return run->sink->failed(run->sink->ctx, path, why, err);
	hf_log(run->whatsapp->host, HF_LOG_WARNING, "%s: %s", path, why->msg);
	return HF_OK;
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

static size_t
parts_of(const struct chats *chats, size_t at)
{
	size_t parts = 1;

	while (at + parts < chats->count && strcmp(chats->chats[at].name, chats->chats[at + parts].name) == 0)
		parts++;
	return parts;
}

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
stopping(const struct whatsapp *whatsapp, struct hf_error *err)
{
	if (whatsapp->host->stop_requested(whatsapp->host->ctx) != 0)
		return hf_error_set(err, HF_ESTOPPING, 0, "%s: told to stop", whatsapp->chats.path);
	return HF_OK;
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
		parts = parts_of(chats, i);
		r = push_room(run, &chats->chats[i], parts, err);
		if (r == HF_OK)
			r = stopping(run->whatsapp, err);
	}
	return r;
}

/* ---- messages ---- */

/* Reading a chat's messages. */
struct reading {
	struct whatsapp *whatsapp;
	struct opened opened;
	struct feed feed;
	enum order order;
	uint64_t unread; /* dates that can be read two ways, and nothing tells which */
};

static int
failed_at(struct reading *reading, const struct hf_error *why, struct hf_error *err)
{
	char where[1400];

	(void)snprintf(where, sizeof(where), "%s:%" PRIu64, reading->opened.path, reading->opened.parts.line);
	return feed_failed(&reading->feed, where, why, err);
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
	told = feed_message(&reading->feed, &message, &message.sender, err);
	if (told == HF_OK && r != HF_OK && feed_wants(&reading->feed))
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
	(void)feed_next(&reading->feed);
	if (what == PARTS_MESSAGE)
		return take_message(reading, text, size, err);
	if (!feed_wants(&reading->feed))
		return HF_OK;
	if (what == PARTS_LONG)
		(void)hf_error_set(&why, HF_ERANGE, 0, "a message longer than %u KiB", PARTS_MAX >> 10);
	else
		(void)hf_error_set(&why, HF_ECORRUPT, 0, "text before the first message");
	return failed_at(reading, &why, err);
}

/* Whether the rest can be read although this went wrong. */
static bool
is_broken(int r)
{
	return HF_IS_PERMANENT(r) && r != HF_ENOMEM;
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
			r = feed_passed(&reading->feed, &why);
		if (r != HF_OK)
			break;
	}
	if (is_broken(r))
		r = failed_at(reading, &why, err);
	else if (r != HF_OK)
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	if (!chats_is_current(&whatsapp->chats, chat))
		reading->feed.trusted = false;
	chats_close(&reading->opened);
	whatsapp->body.place = "";
	return r;
}

static int
read_chat(struct reading *reading, const struct chat *chat, size_t parts, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	size_t i;
	int r = HF_OK;

	for (i = 0; i < parts && r == HF_OK; i++)
		r = read_part(reading, &chat[i], err);
	if (r == HF_OK && reading->unread > 0) {
		(void)hf_error_set(&why, HF_EINVAL, 0,
		    "%" PRIu64 " messages are saved without a time: nothing tells whether 3/4/2024 is in March or in "
		    "April; set \"date_order\" to dmy or mdy",
		    reading->unread);
		r = feed_failed(&reading->feed, chat->name, &why, err);
	}
	return r == HF_OK ? feed_end(&reading->feed, chat, err) : r;
}

/* The texts of a query's chat, as they are now; 0: there is none. */
static int
find_chat(struct run *run, const struct hf_query *query, const struct chat **ret_first, size_t *ret_parts,
    struct hf_error *err)
{
	struct whatsapp *whatsapp = run->whatsapp;
	size_t i;
	int r;

	if (query->room.data == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "messages are asked for without a room");
	r = load(whatsapp, err);
	if (r != HF_OK)
		return r;
	*ret_parts = chats_find(&whatsapp->chats, query->room.data, (size_t)query->room.size, ret_first);
	for (i = 0; i < *ret_parts && chats_is_current(&whatsapp->chats, &(*ret_first)[i]); i++)
		;
	if (i == *ret_parts)
		return HF_OK;
	whatsapp->chats.loaded = false;
	r = load(whatsapp, err);
	if (r == HF_OK)
		*ret_parts = chats_find(&whatsapp->chats, query->room.data, (size_t)query->room.size, ret_first);
	return r;
}

/* What stands for all bytes of a chat, and for how they are read. */
static int
set_state(struct reading *reading, const struct chat *chat, size_t parts, struct hf_error *err)
{
	struct whatsapp *whatsapp = reading->whatsapp;
	struct digest *digest = &whatsapp->chats.digest;
	uint8_t result[DIGEST_SIZE];
	size_t i;
	int r;

	digest_begin(digest, whatsapp->write);
	for (i = 0; i < parts; i++) {
		digest_add(digest, chat[i].digest, DIGEST_SIZE);
		digest_add(digest, chat[i].path, strlen(chat[i].path) + 1);
	}
	digest_add(digest, &reading->order, sizeof(reading->order));
	digest_add(digest, whatsapp->timezone, strlen(whatsapp->timezone));
	r = digest_end(digest, result, err);
	if (r == HF_OK)
		digest_hex(result, reading->feed.state);
	return r;
}

static int
enumerate_messages(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	struct whatsapp *whatsapp = run->whatsapp;
	struct reading reading = {.whatsapp = whatsapp};
	const struct chat *chat = NULL;
	size_t parts = 0;
	int r = find_chat(run, query, &chat, &parts, err);

	if (r != HF_OK)
		return r;
	if (parts == 0)
		return feed_nothing(run->sink, err);
	feed_init(&reading.feed, whatsapp->host, whatsapp->json, run->sink, &whatsapp->people, query);
	reading.order = order_of(whatsapp, chat, parts);
	r = set_state(&reading, chat, parts, err);
	if (r != HF_OK)
		return r;
	r = feed_begin(&reading.feed, &query->cursor, chat, err);
	if (r != 0)
		return r < 0 ? r : HF_OK;
	return read_chat(&reading, chat, parts, err);
}

/* Who wrote in a chat.  What is known of an unchanged one is still so. */
static int
enumerate_members(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	struct whatsapp *whatsapp = run->whatsapp;
	struct reading reading = {.whatsapp = whatsapp};
	const struct chat *chat = NULL;
	size_t parts = 0;
	int r = find_chat(run, query, &chat, &parts, err);

	if (r != HF_OK || parts == 0)
		return r;
	if (whatsapp->people.room != chat) {
		feed_init(&reading.feed, whatsapp->host, whatsapp->json, run->sink, &whatsapp->people, NULL);
		r = feed_begin(&reading.feed, NULL, chat, err);
		if (r == HF_OK)
			r = read_chat(&reading, chat, parts, err);
	}
	return r == HF_OK ? people_push(&whatsapp->people, run->sink, err) : r;
}

static int
enumerate_account(struct run *run, struct hf_error *err)
{
	struct hf_account account;

	memset(&account, 0, sizeof(account));
	account.struct_size = sizeof(account);
	account.service = value_of_string("whatsapp");
	return run->sink->account(run->sink->ctx, &account, err);
}

static int
whatsapp_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct run run = {handle, sink};

	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return enumerate_account(&run, err);
	case HF_QUERY_ROOMS:
		return enumerate_rooms(&run, err);
	case HF_QUERY_PARTICIPANTS:
		if (query->room.data != NULL)
			return enumerate_members(&run, query, err);
		break;
	case HF_QUERY_MESSAGES:
		return enumerate_messages(&run, query, err);
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
	.caps = whatsapp_caps,
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

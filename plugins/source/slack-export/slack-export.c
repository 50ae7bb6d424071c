/* SPDX-License-Identifier: BSD-2-Clause */
#include "elements.h"
#include "export.h"
#include "media.h"
#include "record.h"
#include "rooms.h"

#include <sys/stat.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#include "../../common/source.h"
#include "../../common/value.h"

struct slack {
	const struct hf_host *host;
	const struct hf_host_json *json;
	struct export *export;
	struct rooms rooms;
	bool rooms_loaded;
	struct record record;
	char *folder, *origin;
	struct media media;
};

/* An enumeration under way. */
struct run {
	struct slack *slack;
	const struct hf_record_sink *sink;
	uint64_t failed;
	uint64_t pushed;
};

enum { OPTION_PATH, OPTION_TOKEN, OPTION_FILES_URL };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
	    "the zip file that Slack made, or the folder it was unpacked to", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, HF_OPTION_SECRET, 1, "token",
	    "a token of Slack's with the scope files:read, for files that are not in the export", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "files_url", "the server that gets the token",
	    "https://files.slack.com", 0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static int
slack_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	if (count <= OPTION_PATH || !values[OPTION_PATH].set || values[OPTION_PATH].text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name the export, a zip file or a folder");
	return HF_OK;
}

static void
slack_close(void *handle)
{
	struct slack *slack = handle;

	rooms_release(&slack->rooms);
	export_close(slack->export);
	free(slack->folder);
	free(slack->origin);
	free(slack);
}

/* What its files are got with. */
static int
set_media(struct slack *slack, const char *path, const struct hf_value *origin, struct hf_error *err)
{
	const struct hf_host *host = slack->host;
	struct stat st;
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	slack->folder = folder ? strdup(path) : NULL;
	slack->origin = strdup(origin->set ? origin->text : "");
	if (slack->origin == NULL || (folder && slack->folder == NULL))
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	slack->media = (struct media){host, slack->json, host->get_extension(host->ctx, HF_HOST_FILES),
	    host->get_extension(host->ctx, HF_HOST_HTTP), slack->folder, slack->origin, OPTION_TOKEN};
	return HF_OK;
}

static int
slack_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct slack *slack;
	int r = slack_configure(values, count, err);

	if (r != HF_OK)
		return r;
	slack = calloc(1, sizeof(*slack));
	if (slack == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	slack->host = host;
	slack->json = host->get_extension(host->ctx, HF_HOST_JSON);
	slack->record.json = slack->json;
	if (slack->json == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_JSON);
	else
		r = export_open(values[OPTION_PATH].text, &slack->export, err);
	if (r == HF_OK && count > OPTION_FILES_URL)
		r = set_media(slack, values[OPTION_PATH].text, &values[OPTION_FILES_URL], err);
	if (r != HF_OK)
		slack_close(slack);
	else
		*ret_handle = slack;
	return r;
}

static int
report(struct run *run, const char *where, const struct hf_error *why, struct hf_error *err)
{
	run->failed++;
	return source_failed(run->slack->host, run->sink, where, why, err);
}

/* number 0: the whole file. */
static int
report_element(void *ctx, const char *path, uint64_t number, const struct hf_error *why, struct hf_error *err)
{
	char where[1400];

	if (number == 0)
		(void)snprintf(where, sizeof(where), "%s", path);
	else
		(void)snprintf(where, sizeof(where), "%s: element %" PRIu64, path, number);
	return report(ctx, where, why, err);
}

static int
stopping(struct slack *slack, struct hf_error *err)
{
	if (slack->host->stop_requested(slack->host->ctx) != 0)
		return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	return HF_OK;
}

/* What one element of a file is for; nonzero: stop and return it. */
typedef int (*element_fn)(void *ctx, const char *text, size_t size, struct hf_error *err);

/*
 * Gives each element of a file at the top to fn.  What is no record, and a file that is not whole, are
 * failed items.
 */
static int
each_element(struct run *run, const char *name, element_fn fn, void *ctx, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct elements elements;
	struct stream *stream;
	const char *text;
	size_t size;
	int r, got = 0;

	r = export_file(run->slack->export, name, &stream, err);
	if (r != HF_OK || stream == NULL)
		return r;
	r = elements_open(&elements, run->slack->json, stream, err);
	while (r == HF_OK && (got = elements_next(&elements, &text, &size, &why)) > 0) {
		r = fn(ctx, text, size, &why);
		if (r == HF_ECORRUPT)
			r = report_element(run, stream_path(elements.stream), elements.number, &why, err);
		else if (r != HF_OK && err != NULL)
			*err = why;
	}
	if (r == HF_OK && got < 0)
		r = report_element(run, stream_path(elements.stream), 0, &why, err);
	elements_close(&elements);
	return r;
}

static int
load_rooms(struct run *run, bool again, struct hf_error *err)
{
	struct slack *slack = run->slack;
	int r;

	if (slack->rooms_loaded && !again)
		return HF_OK;
	slack->rooms_loaded = false;
	r = rooms_load(&slack->rooms, slack->json, slack->export, report_element, run, err);
	slack->rooms_loaded = r == HF_OK;
	return r;
}

static int
account_of_user(void *ctx, const char *text, size_t size, struct hf_error *err)
{
	struct run *run = ctx;
	struct hf_participant user;
	struct hf_account account;
	int r;

	memset(&account, 0, sizeof(account));
	account.struct_size = sizeof(account);
	account.service = (struct hf_text){"slack", 5, HF_TEXT_UTF8, 0};
	r = record_user(run->slack->json, text, size, &user, &account.id, err);
	if (r != HF_OK || account.id.data == NULL)
		return HF_OK;
	run->pushed++;
	r = run->sink->account(run->sink->ctx, &account, err);
	return r == HF_OK ? HF_ESTOP : r;
}

/* The workspace's id is told with its people only. */
static int
enumerate_account(struct run *run, struct hf_error *err)
{
	struct hf_record_sink quiet = *run->sink;
	struct run look = {run->slack, &quiet, 0, 0};
	int r;

	/* What is wrong with the list of people is told when the people are asked for. */
	quiet.failed = NULL;
	r = each_element(&look, "users.json", account_of_user, &look, err);
	if (r != HF_OK && r != HF_ESTOP)
		return r;
	if (look.pushed > 0)
		return HF_OK;
	return source_account(run->sink, "slack", err);
}

/* Adds what the sizes of a room's files tell. */
static int
estimate(struct run *run, const char *folder, struct hf_room *room, struct hf_error *err)
{
	struct days days;
	int r;

	if (folder == NULL)
		return HF_OK;
	r = export_days(run->slack->export, folder, &days, err);
	if (r == HF_OK) {
		room->estimated_bytes = days.bytes;
		days_release(&days);
	}
	return r;
}

/* The list that is being read, for push_room. */
struct listing {
	struct run *run;
	uint32_t file;
	uint64_t number;
};

static int
push_room(void *ctx, const char *text, size_t size, struct hf_error *err)
{
	struct listing *listing = ctx;
	struct run *run = listing->run;
	struct record_room record;
	const struct room *room;
	int r;

	listing->number++;
	/* What is no room was told of when the lists were loaded. */
	if (record_room(run->slack->json, text, size, room_files[listing->file].kind, &record, NULL) != HF_OK)
		return HF_OK;
	room = rooms_listed(&run->slack->rooms, run->slack->json, &record.room.id, listing->file, listing->number);
	if (room == NULL)
		return HF_OK;
	r = estimate(run, room->folder, &record.room, err);
	if (r == HF_OK)
		r = run->sink->room(run->sink->ctx, &record.room, err);
	return r == HF_OK ? stopping(run->slack, err) : r;
}

/* A folder with days that no list names is a room too; its name is all that is known of it. */
static int
push_unlisted(void *ctx, const char *folder, struct hf_error *err)
{
	struct run *run = ctx;
	struct hf_error why = HF_ERROR_INIT;
	struct hf_room room;
	struct days days;
	size_t count;
	int r;

	if (rooms_use_folder(&run->slack->rooms, folder))
		return HF_OK;
	r = export_days(run->slack->export, folder, &days, err);
	if (r != HF_OK)
		return r;
	memset(&room, 0, sizeof(room));
	room.struct_size = sizeof(room);
	room.id = room.name = (struct hf_text){folder, strlen(folder), HF_TEXT_UTF8, 0};
	room.created_ns = room.updated_ns = HF_NO_TIME;
	room.estimated_bytes = days.bytes;
	count = days.count;
	days_release(&days);
	if (count == 0)
		return HF_OK;
	if (!value_is_utf8(folder, strlen(folder))) {
		(void)hf_error_set(&why, HF_EINVAL, 0, "the folder's name is not UTF-8, so it names no conversation");
		return report(run, folder, &why, err);
	}
	/* A listed room may have this id and another folder. */
	if (rooms_find(&run->slack->rooms, folder, strlen(folder)) != NULL) {
		(void)hf_error_set(&why, HF_EINVAL, 0, "the conversation with this id has another folder");
		return report(run, folder, &why, err);
	}
	return run->sink->room(run->sink->ctx, &room, err);
}

static int
enumerate_rooms(struct run *run, struct hf_error *err)
{
	struct listing listing = {run, 0, 0};
	int r = load_rooms(run, true, err);

	for (; r == HF_OK && listing.file < ROOM_FILES; listing.file++) {
		listing.number = 0;
		r = each_element(run, room_files[listing.file].name, push_room, &listing, err);
	}
	return r == HF_OK ? export_folders(run->slack->export, push_unlisted, run, err) : r;
}

/* One member of a room, until a person is found for it. */
struct member {
	struct hf_text id;
	bool found;
};

struct members {
	struct run *run;
	struct member *members;
	size_t count;
};

static int
compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	size_t size = (size_t)(x->id.size < y->id.size ? x->id.size : y->id.size);
	int order = memcmp(x->id.data, y->id.data, size);

	return order != 0 ? order : x->id.size < y->id.size ? -1 : x->id.size > y->id.size;
}

static int
push_user(void *ctx, const char *text, size_t size, struct hf_error *err)
{
	struct members *members = ctx;
	struct hf_participant user;
	struct member key = {{NULL, 0, 0, 0}, false}, *member = NULL;
	int r;

	r = record_user(members->run->slack->json, text, size, &user, NULL, err);
	if (r != HF_OK)
		return r;
	if (members->members != NULL) {
		key.id = user.id;
		member = bsearch(&key, members->members, members->count, sizeof(key), compare_members);
		if (member == NULL || member->found)
			return HF_OK;
		member->found = true;
	}
	r = members->run->sink->participant(members->run->sink->ctx, &user, err);
	return r == HF_OK ? stopping(members->run->slack, err) : r;
}

/* Pushes those members that users.json does not list. */
static int
push_strangers(struct members *members, struct hf_error *err)
{
	struct hf_participant user;
	size_t i;
	int r = HF_OK;

	for (i = 0; i < members->count && r == HF_OK; i++) {
		if (members->members[i].found || (i > 0 && compare_members(&members->members[i - 1],
		    &members->members[i]) == 0))
			continue;
		memset(&user, 0, sizeof(user));
		user.struct_size = sizeof(user);
		user.id = members->members[i].id;
		r = members->run->sink->participant(members->run->sink->ctx, &user, err);
	}
	return r;
}

/* Makes the list of a room's members, whose texts stay in the room's object. */
static int
list_members(struct members *members, const struct hf_json_value *list, struct hf_error *err)
{
	const struct hf_host_json *json = members->run->slack->json;
	struct hf_json_value value;
	uint64_t pos = 0, count = 0;
	int r = 1;

	if (list->type != HF_JSON_ARRAY)
		return HF_OK;
	while ((r = json->next(list, &pos, NULL, &value, err)) > 0)
		count++;
	if (r < 0)
		return r;
	members->members = calloc(count > 0 ? (size_t)count : 1, sizeof(*members->members));
	if (members->members == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory for %" PRIu64 " members", count);
	for (pos = 0; json->next(list, &pos, NULL, &value, NULL) > 0;) {
		members->members[members->count].id = record_text(&value);
		if (members->members[members->count].id.data != NULL)
			members->count++;
	}
	if (members->count > 0)
		qsort(members->members, members->count, sizeof(*members->members), compare_members);
	return HF_OK;
}

/* Finds the object of a listed room; its text lives as long as elements. */
static int
read_room(struct slack *slack, const struct room *room, struct elements *elements, struct record_room *ret_room,
    struct hf_error *err)
{
	struct stream *stream;
	const char *text;
	size_t size;
	int r;

	r = export_file(slack->export, room_files[room->file].name, &stream, err);
	if (r != HF_OK)
		return r;
	if (stream == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s has gone while it was used", room_files[room->file].name);
	r = elements_open(elements, slack->json, stream, err);
	while (r == HF_OK) {
		r = elements_next(elements, &text, &size, err);
		if (r == 0)
			return hf_error_set(err, HF_ENOTFOUND, 0, "%s has changed while it was used",
			    room_files[room->file].name);
		if (r > 0)
			r = HF_OK;
		if (r == HF_OK && elements->number == room->number)
			return record_room(slack->json, text, size, room_files[room->file].kind, ret_room, err);
	}
	return r;
}

static int
push_members(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	struct members members = {run, NULL, 0};
	struct elements elements;
	struct record_room record;
	const struct room *room;
	int r;

	memset(&elements, 0, sizeof(elements));
	r = load_rooms(run, false, err);
	if (r != HF_OK)
		return r;
	room = rooms_find(&run->slack->rooms, query->room.data, (size_t)query->room.size);
	if (room == NULL)
		return HF_OK;
	r = read_room(run->slack, room, &elements, &record, err);
	if (r == HF_OK)
		r = list_members(&members, &record.members, err);
	if (r == HF_OK && members.count > 0)
		r = each_element(run, "users.json", push_user, &members, err);
	if (r == HF_OK && members.count > 0)
		r = push_strangers(&members, err);
	free(members.members);
	elements_close(&elements);
	return r;
}

static int
enumerate_participants(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	struct members all = {run, NULL, 0};

	if (query->room.data != NULL)
		return push_members(run, query, err);
	return each_element(run, "users.json", push_user, &all, err);
}

/*
 * A cursor is the state of the room's files and how far reading had come: the number of whole files, and
 * of elements in the next one.  One that is not "trusted" never counts as unchanged.
 */
struct cursor {
	uint64_t state;
	uint64_t files;
	uint64_t file;
	uint64_t element;
	bool trusted;
};

static uint64_t
number_of(const struct hf_json_value *value)
{
	uint64_t i, n = 0;

	if (value->type != HF_JSON_NUMBER || value->size > 18)
		return 0;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(value->data[i] - '0');
	}
	return n;
}

/* Whether the cursor was made from the same files; then also how far it had come. */
static bool
cursor_holds(const struct slack *slack, const struct hf_blob *blob, struct cursor *cursor)
{
	static const char *const names[] = {"state", "files", "file", "element", "trusted"};
	struct hf_json_value v[5];
	char state[20];

	if (blob->size == 0 || slack->json->object(blob->data, blob->size, names, 5, v, NULL) != HF_OK)
		return false;
	(void)snprintf(state, sizeof(state), "%016" PRIx64, cursor->state);
	if (v[0].type != HF_JSON_STRING || v[0].size != 16 || memcmp(v[0].data, state, 16) != 0 ||
	    v[1].type != HF_JSON_NUMBER || number_of(&v[1]) != cursor->files || v[4].type != HF_JSON_TRUE)
		return false;
	cursor->file = number_of(&v[2]);
	cursor->element = number_of(&v[3]);
	return cursor->file <= cursor->files;
}

static int
push_cursor(const struct hf_record_sink *sink, const struct cursor *c, struct hf_error *err)
{
	struct hf_blob blob;
	char text[200];
	int n;

	if (sink->checkpoint == NULL)
		return HF_OK;
	n = snprintf(text, sizeof(text),
	    "{\"state\":\"%016" PRIx64 "\",\"files\":%" PRIu64 ",\"file\":%" PRIu64 ",\"element\":%" PRIu64
	    ",\"trusted\":%s}",
	    c->state, c->files, c->file, c->element, c->trusted ? "true" : "false");
	blob.data = text;
	blob.size = (uint64_t)n;
	return sink->checkpoint(sink->ctx, &blob, err);
}

/* Reading the messages of one room. */
struct reading {
	struct run *run;
	const char *folder;
	struct cursor cursor;
	uint32_t page;
	uint64_t since; /* messages since the last checkpoint */
};

static int
push_message(struct reading *reading, struct elements *elements, const char *text, size_t size,
    struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct run *run = reading->run;
	struct hf_message message;
	int r;

	if (record_message(&run->slack->record, text, size, &message, &why) != HF_OK)
		return report_element(run, stream_path(elements->stream), elements->number, &why, err);
	r = run->sink->message(run->sink->ctx, &message, err);
	if (r != HF_OK)
		return r;
	if ((++run->pushed & 255) == 0)
		r = stopping(run->slack, err);
	if (r != HF_OK || reading->page == 0 || ++reading->since < reading->page)
		return r;
	reading->since = 0;
	reading->cursor.element = elements->number;
	/* What failed must be told again, so nothing after it counts as read. */
	if (run->failed > 0)
		reading->cursor.trusted = false;
	return push_cursor(run->sink, &reading->cursor, err);
}

static int
push_day(struct reading *reading, const struct day *day, struct hf_error *err)
{
	struct run *run = reading->run;
	struct hf_error why = HF_ERROR_INIT;
	struct elements elements;
	struct stream *stream;
	const char *text;
	char where[300];
	size_t size;
	uint64_t skip = reading->cursor.element;
	int r, got = 0;

	r = export_day(run->slack->export, reading->folder, day, &stream, &why);
	if (source_is_item_failure(r)) {
		(void)snprintf(where, sizeof(where), "%s/%04u-%02u-%02u.json", reading->folder, day->date / 10000,
		    day->date / 100 % 100, day->date % 100);
		return report(run, where, &why, err);
	}
	if (r == HF_OK)
		r = elements_open(&elements, run->slack->json, stream, &why);
	if (r != HF_OK) {
		if (err != NULL)
			*err = why;
		return r;
	}
	while (r == HF_OK && (got = elements_next(&elements, &text, &size, &why)) > 0)
		if (elements.number > skip)
			r = push_message(reading, &elements, text, size, err);
	if (r == HF_OK && source_is_item_failure(got))
		r = report_element(run, stream_path(elements.stream), 0, &why, err);
	else if (r == HF_OK && got < 0)
		r = hf_error_set(err, got, why.os_errno, "%s", why.msg);
	elements_close(&elements);
	return r;
}

static int
push_days(struct reading *reading, const struct days *days, struct hf_error *err)
{
	struct run *run = reading->run;
	struct days after;
	uint64_t i;
	int r = HF_OK;

	for (i = reading->cursor.file; i < days->count && r == HF_OK; i++) {
		reading->cursor.file = i;
		r = push_day(reading, &days->days[i], err);
		reading->cursor.element = 0;
		if (r == HF_OK)
			r = stopping(run->slack, err);
	}
	if (r == HF_OK)
		r = export_days(run->slack->export, reading->folder, &after, err);
	if (r != HF_OK)
		return r;
	if (run->failed > 0 || after.state != days->state || after.count != days->count)
		reading->cursor.trusted = false;
	days_release(&after);
	reading->cursor.file = reading->cursor.files;
	return push_cursor(run->sink, &reading->cursor, err);
}

static int
push_room_messages(struct run *run, const char *folder, const struct hf_query *query, struct hf_error *err)
{
	struct reading reading = {run, folder, {0, 0, 0, 0, true}, query->page, 0};
	struct days days;
	int r;

	r = export_days(run->slack->export, folder, &days, err);
	if (r != HF_OK)
		return r;
	reading.cursor.state = days.state;
	reading.cursor.files = days.count;
	reading.cursor.trusted = days.settled;
	if (days.settled && cursor_holds(run->slack, &query->cursor, &reading.cursor) &&
	    reading.cursor.file == reading.cursor.files)
		r = push_cursor(run->sink, &reading.cursor, err);
	else
		r = push_days(&reading, &days, err);
	days_release(&days);
	return r;
}

static int
enumerate_messages(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	static const struct cursor nothing = {0, 0, 0, 0, false};
	const struct room *room;
	char folder[256];
	int r;

	if (query->room.data == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "messages are asked for without a room");
	r = load_rooms(run, false, err);
	if (r != HF_OK)
		return r;
	room = rooms_find(&run->slack->rooms, query->room.data, (size_t)query->room.size);
	if (room != NULL && room->folder != NULL)
		return push_room_messages(run, room->folder, query, err);
	if (room == NULL && export_is_folder_name(query->room.data, (size_t)query->room.size)) {
		memcpy(folder, query->room.data, (size_t)query->room.size);
		folder[query->room.size] = '\0';
		if (!rooms_use_folder(&run->slack->rooms, folder))
			return push_room_messages(run, folder, query, err);
	}
	return push_cursor(run->sink, &nothing, err);
}

static int
slack_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct run run = {handle, sink, 0, 0};

	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return enumerate_account(&run, err);
	case HF_QUERY_ROOMS:
		return enumerate_rooms(&run, err);
	case HF_QUERY_PARTICIPANTS:
		return enumerate_participants(&run, query, err);
	case HF_QUERY_MESSAGES:
		return enumerate_messages(&run, query, err);
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "slack-export does not know query %u", query->what);
}

static int
slack_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	const struct slack *slack = handle;

	if (slack->origin == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "the options are not all there");
	return media_fetch(&slack->media, exchange, err);
}

static const struct hf_source_ops ops = {
	.struct_size = sizeof(struct hf_source_ops),
	.configure = slack_configure,
	.open = slack_open,
	.close = slack_close,
	.caps = source_caps_deletions,
	.enumerate = slack_enumerate,
	.fetch_media = slack_fetch_media,
};

static const struct hf_component component = {
	.struct_size = sizeof(struct hf_component),
	.kind = HF_KIND_SOURCE,
	.name = "slack-export",
	.summary = "an export of a Slack workspace, as a zip file or a folder",
	.thread_model = HF_THREAD_PER_INSTANCE,
	.options = options,
	.ops = &ops,
};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("slack-export", "source", "0.1.0", "BSD-2-Clause", components);

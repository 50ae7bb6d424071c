/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/files.h>
#include <holdfast/plugin.h>

#include "../../common/feed.h"
#include "../../common/group.h"
#include "../../common/media.h"
#include "../../common/query.h"
#include "../../common/source.h"
#include "../../common/value.h"
#include "files.h"
#include "record.h"

/* Of a channel's and a guild's objects. */
#define HEAD_MAX (256u << 10)

struct discord {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	const struct hf_host_files *beside; /* NULL: this host does not offer it */
	struct files files;
	struct record record;
	struct people people; /* of the channel that was read last */
};

/* An enumeration under way. */
struct run {
	struct discord *discord;
	const struct hf_record_sink *sink;
};

enum { OPTION_PATH };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
	    "a JSON file of DiscordChatExporter, or the folder with such files", NULL, 0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static int
discord_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	if (count <= OPTION_PATH || !values[OPTION_PATH].set || values[OPTION_PATH].text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name the export, a file or a folder");
	return HF_OK;
}

static void
discord_close(void *handle)
{
	struct discord *discord = handle;

	people_clear(&discord->people);
	files_release(&discord->files);
	free(discord);
}

static int
discord_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct discord *discord;
	int r = discord_configure(values, count, err);

	if (r != HF_OK)
		return r;
	discord = calloc(1, sizeof(*discord));
	if (discord == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	discord->host = host;
	discord->json = host->get_extension(host->ctx, HF_HOST_JSON);
	discord->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	discord->beside = host->get_extension(host->ctx, HF_HOST_FILES);
	discord->record.json = discord->json;
	discord->record.write = discord->write;
	people_init(&discord->people, discord->json);
	files_init(&discord->files, discord->json, discord->write);
	if (discord->json == NULL || discord->write == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s and %s", HF_HOST_JSON, HF_HOST_WRITE);
	else
		r = files_open(&discord->files, values[OPTION_PATH].text, err);
	if (r != HF_OK)
		discord_close(discord);
	else
		*ret_handle = discord;
	return r;
}

static int
on_broken(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err)
{
	struct run *run = ctx;

	return source_failed(run->discord->host, run->sink, path, why, err);
}

/* What is wrong with files is told when the rooms are asked for, and where it is met. */
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
load(struct discord *discord, struct hf_error *err)
{
	if (discord->files.loaded)
		return HF_OK;
	people_clear(&discord->people);
	return files_load(&discord->files, on_broken_quiet, discord, err);
}

/* ---- rooms ---- */

/* The kinds of channels that are conversations of few. */
static const char *
kind_of(const struct hf_json_value *type)
{
	if (value_is(type, "DirectTextChat") || value_is(type, "1"))
		return "direct";
	return value_is(type, "DirectGroupTextChat") || value_is(type, "3") ? "group" : "channel";
}

/* {"guild": ..., "channel": ...}, token for token; what else stands before the messages is of the export. */
static int
read_head(const struct discord *discord, const struct file *file, char *head, size_t *ret_size,
    struct hf_error *err)
{
	struct opened opened;
	struct hf_text name;
	const char *text;
	bool first = true;
	size_t size, used = 1;
	int r = files_read(&discord->files, file, &opened, err);

	head[0] = '{';
	if (r == HF_OK) {
		walk_seek(&opened.walk, 0);
		r = walk_begin(&opened.walk, err);
	}
	if (r == HF_OK)
		r = walk_enter(&opened.walk, '{', err);
	while (r == HF_OK && (r = walk_next(&opened.walk, '}', &first, err)) > 0) {
		r = walk_name(&opened.walk, &name, err);
		if (r != HF_OK || value_text_is(&name, "messages"))
			break;
		r = walk_value(&opened.walk, HEAD_MAX, &text, &size, err);
		if (r == HF_ERANGE)
			r = walk_skip(&opened.walk, err);
		else if (r == HF_OK && (value_text_is(&name, "guild") || value_text_is(&name, "channel")) &&
		    size + 16 < HEAD_MAX - used)
			used += (size_t)snprintf(head + used, HEAD_MAX - used, "%s\"%.*s\":%.*s", used > 1 ? "," : "",
			    (int)name.size, name.data, (int)size, text);
	}
	head[used++] = '}';
	*ret_size = used;
	files_close(&opened);
	return r == HF_ECORRUPT ? HF_OK : r;
}

static int
push_room(struct run *run, const struct file *first, size_t parts, char *head, struct hf_error *err)
{
	static const char *const names[] = {"channel"}, *const members[] = {"name", "type", "topic"};
	struct discord *discord = run->discord;
	struct hf_json_value channel, v[3];
	struct hf_error why = HF_ERROR_INIT;
	/* The newest file tells what the channel is called now. */
	const struct file *file = &first[parts - 1];
	struct hf_room room;
	size_t size, i;
	int r = read_head(discord, file, head, &size, &why);

	if (source_is_item_failure(r))
		return on_broken(run, file->path, &why, err);
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	memset(&room, 0, sizeof(room));
	room.struct_size = sizeof(room);
	room.id = value_of_string(file->channel);
	room.created_ns = room.updated_ns = HF_NO_TIME;
	if (discord->json->object(head, size, names, 1, &channel, NULL) == HF_OK) {
		room.raw = (struct hf_blob){head, size};
		if (value_open(discord->json, &channel, members, 3, v)) {
			room.name = value_text(&v[0]);
			room.kind = value_of_string(kind_of(&v[1]));
			room.topic = value_text(&v[2]);
		}
	}
	for (i = 0; i < parts; i++)
		room.estimated_bytes += (uint64_t)first[i].state.size - first[i].messages;
	return run->sink->room(run->sink->ctx, &room, err);
}

static int
enumerate_rooms(struct run *run, struct hf_error *err)
{
	struct files *files = &run->discord->files;
	size_t i, parts;
	char *head;
	int r;

	people_clear(&run->discord->people);
	r = files_load(files, on_broken, run, err);
	if (r != HF_OK)
		return r;
	head = malloc(HEAD_MAX + 16);
	if (head == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", files->folder);
	for (i = 0; r == HF_OK && i < files->count; i += parts) {
		parts = group_size(files->files, files->count, sizeof(*files->files), i);
		r = push_room(run, &files->files[i], parts, head, err);
		if (r == HF_OK)
			r = source_go_on(run->discord->host, files->folder, err);
	}
	free(head);
	return r;
}

/* ---- messages ---- */

/* Reading a channel's messages. */
struct reading {
	struct discord *discord;
	struct opened opened;
	struct feed *feed;
};

static int
failed_at(struct reading *reading, uint64_t offset, const struct hf_error *why, struct hf_error *err)
{
	char where[1400];

	(void)snprintf(where, sizeof(where), "%s: byte %" PRIu64, reading->opened.path, offset);
	return feed_failed(reading->feed, where, why, err);
}

static int
take_message(struct reading *reading, uint64_t offset, const char *text, size_t size, struct hf_error *err)
{
	struct hf_error why;
	struct hf_message message;
	struct hf_text name;

	hf_error_init(&why);
	if (record_message(&reading->discord->record, text, size, &message, &name, &why) != HF_OK)
		return feed_wants(reading->feed) ? failed_at(reading, offset, &why, err) : HF_OK;
	return feed_message(reading->feed, &message, &name, err);
}

static int
read_one(struct reading *reading, struct hf_error *err)
{
	struct walk *walk = &reading->opened.walk;
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

/* Passes what follows the messages: only with it the export is whole.  How many there are it tells wrong at times. */
static int
read_end(struct walk *walk, struct hf_error *err)
{
	struct hf_text name;
	bool first = false;
	int r;

	while ((r = walk_next(walk, '}', &first, err)) > 0) {
		r = walk_name(walk, &name, err);
		if (r == HF_OK)
			r = walk_skip(walk, err);
		if (r != HF_OK)
			return r;
	}
	return r;
}

static int
read_list(struct reading *reading, const struct file *file, struct hf_error *err)
{
	struct walk *walk = &reading->opened.walk;
	bool first = true;
	int r;

	if (file->messages == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "the file ends before its messages");
	r = walk_enter(walk, '[', err);
	while (r == HF_OK && (r = walk_next(walk, ']', &first, err)) > 0)
		r = read_one(reading, err);
	return r == HF_OK ? read_end(walk, err) : r;
}

/* Puts the folder of a file into the record, which its paths count from. */
static void
set_folder(struct record *record, const struct file *file, char *folder, size_t size)
{
	const char *slash = strrchr(file->path, '/');

	(void)snprintf(folder, size, "%.*s", slash != NULL ? (int)(slash - file->path) : 0, file->path);
	record->folder = folder;
	record->channel = file->channel;
}

static int
read_file(struct reading *reading, const struct file *file, struct hf_error *err)
{
	struct discord *discord = reading->discord;
	struct hf_error why = HF_ERROR_INIT;
	char folder[1024];
	int r = files_read(&discord->files, file, &reading->opened, &why);

	set_folder(&discord->record, file, folder, sizeof(folder));
	if (r == HF_OK)
		r = read_list(reading, file, &why);
	if (source_is_item_failure(r))
		r = failed_at(reading, walk_tell(&reading->opened.walk), &why, err);
	else if (r != HF_OK)
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	if (!files_is_current(&discord->files, file))
		reading->feed->trusted = false;
	files_close(&reading->opened);
	discord->record.folder = discord->record.channel = "";
	return r;
}

static int
discord_read(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	struct reading reading = {.discord = ctx, .feed = feed};
	const struct file *file = room->parts;
	size_t i;
	int r = HF_OK;

	for (i = 0; i < room->count && r == HF_OK; i++)
		r = read_file(&reading, &file[i], err);
	return r == HF_OK ? feed_end(feed, file, err) : r;
}

/* Finds a channel's files among those that are loaded.  Whether they are as they were then. */
static bool
find_loaded(const struct files *files, const struct hf_text *id, struct query_room *room)
{
	const struct file *file = NULL;
	size_t i;

	room->count = files_find(files, id->data, (size_t)id->size, &file);
	room->parts = file;
	for (i = 0; i < room->count; i++)
		if (!files_is_current(files, &file[i]))
			return false;
	return true;
}

static int
discord_find(void *ctx, const struct hf_text *id, struct query_room *room, struct hf_error *err)
{
	struct discord *discord = ctx;
	int r = load(discord, err);

	if (r != HF_OK || find_loaded(&discord->files, id, room))
		return r;
	discord->files.loaded = false;
	r = load(discord, err);
	if (r == HF_OK)
		(void)find_loaded(&discord->files, id, room);
	return r;
}

/* What stands for all bytes of a channel: names and states of its files. */
static int
discord_state(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	const struct file *file = room->parts;
	uint64_t hash = STATE_HASH;
	size_t i;
	const char *p;

	(void)ctx;
	(void)err;
	for (i = 0; i < room->count; i++) {
		for (p = file[i].path; *p != '\0'; p++)
			state_hash_number(&hash, (unsigned char)*p);
		state_hash(&hash, &file[i].state);
		if (state_is_racy(&file[i].state))
			feed->trusted = false;
	}
	(void)snprintf(feed->state, sizeof(feed->state), "%016" PRIx64, hash);
	return HF_OK;
}

static const struct query_ops query_ops = {discord_find, discord_state, discord_read};

static int
discord_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct discord *discord = handle;
	struct run run = {discord, sink};
	const struct query_source source = {&query_ops, discord, discord->host, discord->json, &discord->people};

	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return source_account(sink, "discord", err);
	case HF_QUERY_ROOMS:
		return enumerate_rooms(&run, err);
	case HF_QUERY_PARTICIPANTS:
		if (query->room.data != NULL)
			return query_members(&source, query, sink, err);
		break;
	case HF_QUERY_MESSAGES:
		return query_messages(&source, query, sink, err);
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "discord-export does not know query %u", query->what);
}

static int
discord_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct discord *discord = handle;

	return media_push_files(discord->host, discord->beside, discord->files.folder, exchange, err);
}

static const struct hf_source_ops ops = {
	.struct_size = sizeof(struct hf_source_ops),
	.configure = discord_configure,
	.open = discord_open,
	.close = discord_close,
	.caps = source_caps,
	.enumerate = discord_enumerate,
	.fetch_media = discord_fetch_media,
};

static const struct hf_component component = {
	.struct_size = sizeof(struct hf_component),
	.kind = HF_KIND_SOURCE,
	.name = "discord-export",
	.summary = "exports of DiscordChatExporter in JSON",
	.flags = HF_SOURCE_CHATS,
	.thread_model = HF_THREAD_PER_INSTANCE,
	.options = options,
	.ops = &ops,
};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("discord-export", "source", "0.1.0", "BSD-2-Clause", components);

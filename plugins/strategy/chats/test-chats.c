/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"
#include "base/unit.h"
#include "base/write.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#define LIST_MAX 64
#define TEXT(s)  {(s), sizeof(s) - 1, HF_TEXT_UTF8, 0}
#define JSON(s)  {(s), sizeof(s) - 1, HF_TEXT_JSON, 0}
#define RAW(s)   {(s), sizeof(s) - 1}
#define NOTHING  {NULL, 0, HF_TEXT_UTF8, 0}
#define DAY_NS   86400000000000ll

static const struct hf_component *component;
static const struct hf_strategy_ops *strategy;

/* ---- a host ---- */

static int stop_now;
static char logged[600];

static void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	(void)level;
	(void)snprintf(logged, sizeof(logged), "%.*s", (int)size, msg);
}

static int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return stop_now;
}

static const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	if (strcmp(id, HF_HOST_JSON) == 0)
		return &json_host_extension;
	return strcmp(id, HF_HOST_WRITE) == 0 ? &write_host_extension : NULL;
}

static const struct hf_host host = {
	.struct_size = sizeof(struct hf_host),
	.log = host_log,
	.stop_requested = host_stop,
	.get_extension = host_extension,
};

/* ---- a source: what it has stands here; its cursors are the number of messages passed ---- */

static struct {
	struct hf_room rooms[LIST_MAX];
	int room_count;
	struct hf_participant people[LIST_MAX];
	int people_count;
	struct hf_message messages[LIST_MAX];
	int message_count;
	int per_page;          /* messages between two checkpoints; 0: one at the end */
	int break_at;          /* messages before break_with is returned; -1: never */
	int break_with;
	int unreadable_at;     /* messages before one that cannot be read; -1: none */
	int people_fail_with;
	bool binary_cursor;
	int asked_from;        /* what the last query's cursor said; 0: none */
	int asked;             /* queries for messages */
} source;

static void
source_clear(void)
{
	memset(&source, 0, sizeof(source));
	source.break_at = source.unreadable_at = -1;
}

static struct hf_message *
add_message(const struct hf_message *like)
{
	struct hf_message *m = &source.messages[source.message_count++];

	*m = *like;
	m->struct_size = sizeof(*m);
	return m;
}

/* A plain message of id, with that text, sent on that day. */
static struct hf_message *
say(const char *id, const char *text, int day)
{
	struct hf_message m = {.id = {id, strlen(id), HF_TEXT_UTF8, 0},
		.sender = TEXT("u1"),
		.kind = TEXT("text"),
		.text = {text, strlen(text), HF_TEXT_UTF8, 0},
		.sent_ns = day * DAY_NS,
		.edited_ns = HF_NO_TIME,
		.deleted_ns = HF_NO_TIME};

	return add_message(&m);
}

static void
add_room(const char *id)
{
	struct hf_room *room = &source.rooms[source.room_count++];

	*room = (struct hf_room){.struct_size = sizeof(*room),
		.id = {id, strlen(id), HF_TEXT_UTF8, 0},
		.name = TEXT("The \"garden\""),
		.kind = TEXT("group"),
		.created_ns = DAY_NS,
		.updated_ns = HF_NO_TIME,
		.estimated_messages = 7,
		.raw = RAW("{ \"b\": 1.50, \"a\":\"\\ud800\" }")};
}

static void
add_person(const char *id, const char *name, const char *raw)
{
	source.people[source.people_count++] = (struct hf_participant){sizeof(struct hf_participant), 0,
	    {id, strlen(id), HF_TEXT_UTF8, 0}, {name, name == NULL ? 0 : strlen(name), HF_TEXT_UTF8, 0},
	    {raw, raw == NULL ? 0 : strlen(raw)}};
}

static int
push_checkpoint(const struct hf_record_sink *sink, int passed, struct hf_error *err)
{
	char text[16] = "\xff\x00\x01";
	struct hf_blob cursor = {text, 0};

	if (source.binary_cursor) {
		text[3] = (char)passed;
		cursor.size = 4;
	} else {
		cursor.size = (uint64_t)snprintf(text, sizeof(text), "\"%d\"", passed);
	}
	return sink->checkpoint(sink->ctx, &cursor, err);
}

static int
read_cursor(const struct hf_blob *cursor)
{
	char text[16] = "";

	if (cursor->size == 0)
		return 0;
	CU_ASSERT_FATAL(cursor->size < sizeof(text));
	memcpy(text, cursor->data, cursor->size);
	return source.binary_cursor ? text[3] : (int)strtol(text + 1, NULL, 10);
}

static int
view_messages(const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int i, r = HF_OK;

	CU_ASSERT_EQUAL(query->page, 500);
	source.asked++;
	source.asked_from = read_cursor(&query->cursor);
	for (i = source.asked_from; r == HF_OK && i < source.message_count; i++) {
		if (i == source.break_at)
			return hf_error_set(err, source.break_with, 0, "the line is dead");
		if (i == source.unreadable_at) {
			(void)hf_error_set(&why, HF_ECORRUPT, 0, "not readable");
			r = sink->failed(sink->ctx, "messages.txt:3", &why, err);
		} else {
			r = sink->message(sink->ctx, &source.messages[i], err);
		}
		if (r == HF_OK && source.per_page > 0 && (i + 1) % source.per_page == 0)
			r = push_checkpoint(sink, i + 1, err);
	}
	return r == HF_OK ? push_checkpoint(sink, source.message_count, err) : r;
}

static int
view_people(const struct hf_record_sink *sink, struct hf_error *err)
{
	int i, r = HF_OK;

	if (source.people_fail_with != HF_OK)
		return hf_error_set(err, source.people_fail_with, 0, "no people");
	for (i = 0; r == HF_OK && i < source.people_count; i++)
		r = sink->participant(sink->ctx, &source.people[i], err);
	return r;
}

static int
view_enumerate(void *ctx, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_account account = {sizeof(account), 0, TEXT("slack"), TEXT("T1"), NOTHING};
	int i, r = HF_OK;

	(void)ctx;
	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return sink->account(sink->ctx, &account, err);
	case HF_QUERY_ROOMS:
		for (i = 0; r == HF_OK && i < source.room_count; i++)
			r = sink->room(sink->ctx, &source.rooms[i], err);
		return r;
	case HF_QUERY_PARTICIPANTS:
		return view_people(sink, err);
	default:
		return view_messages(query, sink, err);
	}
}

static uint32_t rate_limited = HF_NO;

static int
view_caps(void *ctx, struct hf_source_caps *ret_caps, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	ret_caps->rate_limited = rate_limited;
	return HF_OK;
}

static const struct hf_source_view view = {sizeof(struct hf_source_view), 0, NULL, "Family", "fake", view_caps,
	view_enumerate, NULL};

/* ---- a planner ---- */

static struct {
	char path[300];
	char id[300];
	uint64_t id_size;
	char data[4096];
	uint64_t data_size;
	uint32_t flags;
} units[LIST_MAX];

static struct {
	int units;
	int failed;
	char item[900];
	char why[500];
	char account_path[300];
	char account[2000];
	int64_t account_mtime;
} plan;

static int
plan_unit(void *ctx, const struct hf_unit *unit, struct hf_error *err)
{
	int i = plan.units++;

	(void)ctx;
	(void)err;
	CU_ASSERT_FATAL(i < LIST_MAX && unit->data.size < sizeof(units[i].data) && unit->id.size < sizeof(units[i].id));
	CU_ASSERT_EQUAL(unit->id.encoding, HF_TEXT_UTF8);
	(void)snprintf(units[i].path, sizeof(units[i].path), "%s", unit->path);
	memcpy(units[i].id, unit->id.data, unit->id.size);
	units[i].id_size = unit->id.size;
	if (unit->data.size > 0)
		memcpy(units[i].data, unit->data.data, unit->data.size);
	units[i].data_size = unit->data.size;
	units[i].flags = unit->flags;
	return HF_OK;
}

static int
plan_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT_FATAL(data->size < sizeof(plan.account));
	(void)snprintf(plan.account_path, sizeof(plan.account_path), "%s", path);
	(void)snprintf(plan.account, sizeof(plan.account), "%.*s", (int)data->size, (const char *)data->data);
	plan.account_mtime = mtime_ns;
	return HF_OK;
}

static int
plan_failed(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	plan.failed++;
	(void)snprintf(plan.item, sizeof(plan.item), "%s", item);
	(void)snprintf(plan.why, sizeof(plan.why), "%s", why->msg);
	return HF_OK;
}

static const struct hf_planner planner = {.struct_size = sizeof(struct hf_planner), .unit = plan_unit, .file = plan_file,
    .failed = plan_failed};

static int
run_plan(void)
{
	struct hf_error err = HF_ERROR_INIT;
	void *handle;
	int r;

	memset(&plan, 0, sizeof(plan));
	memset(units, 0, sizeof(units));
	CU_ASSERT_EQUAL_FATAL(strategy->open(&host, NULL, 0, &handle, &err), HF_OK);
	r = strategy->plan(handle, &view, &planner, &err);
	strategy->close(handle);
	return r;
}

/* ---- an emitter: one unit's folder, which a run that fails leaves as it was ---- */

struct folder {
	struct buffer room, people; /* room.json, participants.json */
	struct buffer log;          /* lines */
	char log_name[32];
};

static struct {
	struct folder old, new;
	bool has_log, open;
	struct buffer asked; /* the line asked for last */
	const char *before;  /* the record's newest line in old.log; NULL: none */
	size_t before_size;
	int appended, files, checkpoints, failed, opened;
	uint64_t items, bytes;
	struct buffer cursor;       /* of the newest checkpoint */
	struct buffer first_cursor; /* of the first one */
	struct folder at_first;     /* and what there was then */
	char item[900];
	char why[500];
	int64_t room_mtime, line_time;
	int append_fails_with, previous_fails_with;
} emit;

static const struct buffer empty = BUFFER_INIT(64u << 20);

static void
copy(struct buffer *to, const struct buffer *from)
{
	to->max = empty.max;
	buffer_clear(to);
	buffer_append(to, from->data, from->size);
}

static void
copy_folder(struct folder *to, const struct folder *from)
{
	copy(&to->room, &from->room);
	copy(&to->people, &from->people);
	copy(&to->log, &from->log);
	memcpy(to->log_name, from->log_name, sizeof(to->log_name));
}

static void
release_folder(struct folder *folder)
{
	buffer_release(&folder->room);
	buffer_release(&folder->people);
	buffer_release(&folder->log);
	memset(folder, 0, sizeof(*folder));
}

static void
emit_clear(void)
{
	release_folder(&emit.old);
	release_folder(&emit.new);
	release_folder(&emit.at_first);
	buffer_release(&emit.asked);
	buffer_release(&emit.cursor);
	buffer_release(&emit.first_cursor);
	memset(&emit, 0, sizeof(emit));
	emit.asked.max = emit.cursor.max = emit.first_cursor.max = empty.max;
}

static struct buffer *
file_of(struct folder *folder, const char *path)
{
	if (strcmp(path, "room.json") == 0)
		return &folder->room;
	CU_ASSERT_STRING_EQUAL_FATAL(path, "participants.json");
	return &folder->people;
}

static int
emit_previous(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	const struct buffer *file = file_of(&emit.old, path);
	size_t half = file->size / 2;
	int r;

	(void)ctx;
	if (emit.previous_fails_with != HF_OK)
		return hf_error_set(err, emit.previous_fails_with, 0, "the pack is damaged");
	if (file->size == 0)
		return hf_error_set(err, HF_ENOTFOUND, 0, "not there");
	r = sink->write(sink->ctx, file->data, half, err);
	return r == HF_OK ? sink->write(sink->ctx, file->data + half, file->size - half, err) : r;
}

static int
emit_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *err)
{
	struct buffer *file = file_of(&emit.new, path);

	(void)ctx;
	(void)err;
	emit.files++;
	if (file == &emit.new.room)
		emit.room_mtime = mtime_ns;
	buffer_clear(file);
	buffer_append(file, data->data, data->size);
	return HF_OK;
}

static int
emit_log_open(void *ctx, const char *path, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT_FALSE(emit.open);
	emit.open = true;
	emit.opened++;
	(void)snprintf(emit.new.log_name, sizeof(emit.new.log_name), "%s", path);
	return HF_OK;
}

/* The part of a line that follows its op, and the id's end in it. */
static const char *
rest_of(const char *line, const char *end)
{
	const char *p = line + strlen("{\"op\":\"");

	CU_ASSERT_FATAL(memcmp(line, "{\"op\":\"", 7) == 0);
	while (*p != '"')
		p++;
	CU_ASSERT_FATAL(p + 2 < end && p[1] == ',');
	return p + 2;
}

static int
emit_log_known(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	const char *at = (const char *)emit.new.log.data, *end, *newline, *rest;
	char id[400];
	int n, known = HF_KNOWN_NEW;

	(void)ctx;
	(void)err;
	CU_ASSERT_TRUE_FATAL(emit.open);
	CU_ASSERT_PTR_NULL(memchr(line->data, '\n', line->size));
	CU_ASSERT_PTR_EQUAL(rest_of(line->data, line->data + line->size), line->data + line->rest_offset);
	buffer_clear(&emit.asked);
	buffer_append(&emit.asked, line->data + line->rest_offset, line->size - line->rest_offset);
	n = snprintf(id, sizeof(id), "\"id\":\"%.*s\"", (int)line->id_size, line->data + line->id_offset);
	CU_ASSERT(memcmp(line->data + line->rest_offset, id, (size_t)n) == 0);
	emit.before = NULL;
	if (at == NULL)
		return known;
	for (end = at + emit.new.log.size; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		rest = rest_of(at, newline);
		if (memcmp(rest, id, (size_t)n) != 0)
			continue;
		known = HF_KNOWN_CHANGED;
		if ((size_t)(newline - rest) == emit.asked.size && memcmp(rest, emit.asked.data, emit.asked.size) == 0)
			known = HF_KNOWN_UNCHANGED;
		emit.before = at;
		emit.before_size = (size_t)(newline - at);
	}
	return known;
}

static int
emit_log_before(void *ctx, const struct hf_sink *sink, struct hf_error *err)
{
	(void)ctx;
	CU_ASSERT_PTR_NOT_NULL_FATAL(emit.before);
	if ((size_t)((const uint8_t *)emit.before - emit.new.log.data) >= emit.old.log.size)
		return hf_error_set(err, HF_ENOTFOUND, 0, "written by this run");
	return sink->write(sink->ctx, emit.before, emit.before_size, err);
}

static int
emit_log_append(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	(void)ctx;
	if (emit.append_fails_with != HF_OK)
		return hf_error_set(err, emit.append_fails_with, 0, "disk full");
	/* The record is the one that was asked for, its op may differ. */
	CU_ASSERT_EQUAL(line->size - line->rest_offset, emit.asked.size);
	CU_ASSERT(memcmp(line->data + line->rest_offset, emit.asked.data, emit.asked.size) == 0);
	CU_ASSERT_PTR_EQUAL(rest_of(line->data, line->data + line->size), line->data + line->rest_offset);
	buffer_append(&emit.new.log, line->data, line->size);
	buffer_append_byte(&emit.new.log, '\n');
	emit.line_time = line->time_ns;
	emit.appended++;
	return HF_OK;
}

static int
emit_log_close(void *ctx, uint64_t *ret_appended, int64_t *ret_newest_ns, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT_TRUE(emit.open);
	emit.open = false;
	*ret_appended = (uint64_t)emit.appended;
	*ret_newest_ns = HF_NO_TIME;
	return HF_OK;
}

static int
emit_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	buffer_clear(&emit.cursor);
	buffer_append(&emit.cursor, cursor->data, cursor->size);
	if (emit.checkpoints++ == 0) {
		copy(&emit.first_cursor, &emit.cursor);
		copy_folder(&emit.at_first, &emit.new);
	}
	return HF_OK;
}

static int
emit_done(void *ctx, uint64_t items, uint64_t bytes, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	emit.items += items;
	emit.bytes += bytes;
	return HF_OK;
}

static int
emit_failed(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	emit.failed++;
	(void)snprintf(emit.item, sizeof(emit.item), "%s", item);
	(void)snprintf(emit.why, sizeof(emit.why), "%s", why->msg);
	return HF_OK;
}

static const struct hf_emitter emitter = {.struct_size = sizeof(struct hf_emitter), .previous = emit_previous, .file = emit_file,
	.log_open = emit_log_open, .log_known = emit_log_known, .log_before = emit_log_before,
	.log_append = emit_log_append, .log_close = emit_log_close, .checkpoint = emit_checkpoint,
	.done = emit_done, .failed = emit_failed};

/* Runs the unit at index of the plan, from a checkpoint's cursor (or NULL). */
static int
run_unit(int index, uint32_t flags, const struct buffer *cursor)
{
	struct hf_unit unit = {sizeof(unit), 0, {units[index].id, units[index].id_size, HF_TEXT_UTF8, 0},
	    units[index].path, {units[index].data, units[index].data_size}, 0, 0};
	struct hf_run run = {sizeof(run), flags, {NULL, 0}};
	struct hf_error err = HF_ERROR_INIT;
	void *handle;
	int r;

	if (cursor != NULL)
		run.cursor = (struct hf_blob){cursor->data, cursor->size};
	else
		copy_folder(&emit.new, &emit.old);
	emit.appended = emit.files = emit.checkpoints = emit.failed = emit.opened = 0;
	emit.items = emit.bytes = 0;
	emit.open = false;
	emit.item[0] = emit.why[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(strategy->open(&host, NULL, 0, &handle, &err), HF_OK);
	r = strategy->execute(handle, &view, &unit, &run, &emitter, &err);
	strategy->close(handle);
	if (r == HF_OK) {
		CU_ASSERT_FALSE(emit.open);
		copy_folder(&emit.old, &emit.new);
	} else {
		CU_ASSERT(err.code == r && err.msg[0] != '\0');
	}
	return r;
}

/* A source with one room, planned; the people come before it. */
static void
one_room(void)
{
	source_clear();
	emit_clear();
	logged[0] = '\0';
	add_room("C1");
	CU_ASSERT_EQUAL_FATAL(run_plan(), HF_OK);
	CU_ASSERT_EQUAL_FATAL(plan.units, 2);
}

#define ROOM 1

static bool
log_is(const char *want)
{
	const char *have = buffer_string(&emit.old.log);

	if (strcmp(have, want) == 0)
		return true;
	(void)printf("the log is\n%s\n", have);
	return false;
}

static bool
room_has(const char *part)
{
	const char *have = buffer_string(&emit.old.room);

	if (strstr(have, part) != NULL)
		return true;
	(void)printf("room.json is\n%s\n", have);
	return false;
}

/* ---- tests ---- */

static void
test_plan(void)
{
	one_room();
	add_room("c1");
	add_room("../x\ny");
	source.rooms[2].topic = (struct hf_text)JSON("caf\\u00e9");
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT_EQUAL(plan.failed, 0);
	CU_ASSERT_EQUAL_FATAL(plan.units, 4);
	CU_ASSERT_STRING_EQUAL(units[0].path, "/chats/%46amily/people");
	CU_ASSERT(units[0].flags == 0 && units[1].flags == 0);
	CU_ASSERT_STRING_EQUAL(units[1].path, "/chats/%46amily/rooms/%431");
	CU_ASSERT_STRING_EQUAL(units[2].path, "/chats/%46amily/rooms/c1");
	CU_ASSERT_STRING_EQUAL(units[3].path, "/chats/%46amily/rooms/%2E.%2Fx%0Ay");
	CU_ASSERT_STRING_EQUAL(units[1].data, "{\"id\":\"C1\",\"name\":\"The \\\"garden\\\"\",\"kind\":\"group\","
	    "\"created_at\":\"1970-01-02T00:00:00Z\",\"raw\":{\"b\":1.50,\"a\":\"\\ud800\"}}");
	CU_ASSERT_PTR_NOT_NULL(strstr(units[3].data, "\"topic\":\"caf\\u00e9\""));
	CU_ASSERT_STRING_EQUAL(plan.account_path, "/chats/%46amily/account.json");
	CU_ASSERT_STRING_EQUAL(plan.account, "{\"schema\":\"holdfast.account/1\",\"account\":\"Family\","
	    "\"source\":\"fake\",\"service\":\"slack\",\"id\":\"T1\"}\n");
	CU_ASSERT_EQUAL(plan.account_mtime, DAY_NS);
}

/* What a source gave that limits its rate is not asked for twice. */
static void
test_plan_rate_limited(void)
{
	rate_limited = HF_YES;
	one_room();
	CU_ASSERT_EQUAL(units[1].flags, HF_UNIT_RESUMABLE);
	rate_limited = HF_NO;
	one_room();
	CU_ASSERT_EQUAL(units[1].flags, 0);
}

static void
test_plan_bad_rooms(void)
{
	char *long_id = calloc(1, 70000);

	one_room();
	add_room("");
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == 2 && plan.failed == 1);
	CU_ASSERT_STRING_EQUAL(plan.item, "/chats/%46amily: room The?\"garden\"");
	source.rooms[1].id = (struct hf_text)NOTHING;
	source.rooms[1].name = (struct hf_text)NOTHING;
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == 2 && plan.failed == 1);
	CU_ASSERT_STRING_EQUAL(plan.item, "/chats/%46amily: room without id");
	/* The same id in another spelling is the same room, and two rooms are never merged. */
	source.rooms[1].id = (struct hf_text)JSON("\\u00431");
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == 2 && plan.failed == 1);
	CU_ASSERT_STRING_EQUAL(plan.why, "another room has the same id");
	memset(long_id, 'x', 70000);
	source.rooms[1].id = (struct hf_text){long_id, 70000, HF_TEXT_UTF8, 0};
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == 2 && plan.failed == 1);
	free(long_id);
}

/* A raw value that is too long or none is told and left out; the room itself is backed up. */
static void
test_plan_bad_raw(void)
{
	char *raw = malloc(2u << 20);

	one_room();
	memset(raw, '1', 2u << 20);
	source.rooms[0].raw = (struct hf_blob){raw, 2u << 20};
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == 2 && plan.failed == 1);
	CU_ASSERT_PTR_NULL(strstr(units[1].data, "raw"));
	source.rooms[0].raw = (struct hf_blob)RAW("{\"a\":\"\n\"}");
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == 2 && plan.failed == 1);
	CU_ASSERT_PTR_NULL(strstr(units[1].data, "raw"));
	free(raw);
}

static void
test_plan_many_rooms(void)
{
	char ids[LIST_MAX][16];
	int i;

	source_clear();
	for (i = 0; i < LIST_MAX - 1; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "r%d", i);
		add_room(ids[i]);
	}
	add_room("r5");
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	CU_ASSERT(plan.units == LIST_MAX && plan.failed == 1);
}

static void
test_new(void)
{
	static const struct hf_text senders[] = {TEXT("u2"), JSON("\\u0075\\u0033")};
	static const struct hf_reaction reactions[] = {
		{TEXT("\xf0\x9f\x91\x8d"), 3, senders, 2},
		{TEXT("x"), 1, NULL, 0}};
	static const struct hf_attachment attachments[] = {
		{TEXT("F1"), TEXT("image"), TEXT("a b.png"), TEXT("image/png"), TEXT("https://x/F1"), TEXT("f/a b.png"),
		    TEXT("left out"), 12345, 640, 480, -1, DAY_NS},
		{NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, -1, -1, -1, -1, HF_NO_TIME},
		{NOTHING, NOTHING, TEXT("v"), NOTHING, NOTHING, NOTHING, NOTHING, 0, -1, -1, 1500, HF_NO_TIME}};
	struct hf_message *m;

	one_room();
	m = say("1", "hello \"you\"\n", 1);
	m->sent_ns += 250000000;
	m->raw = (struct hf_blob)RAW(" {\"ts\" : \"1.0\",\n \"n\": 1e5 , \"s\":\"\\/ \\ud83d\"} ");
	m = say("2", "", 2);
	m->edited_ns = 3 * DAY_NS;
	m->reply_to = (struct hf_text)TEXT("1");
	m->thread = (struct hf_text)TEXT("1");
	m->reactions = reactions;
	m->reaction_count = 2;
	m->attachments = attachments;
	m->attachment_count = 3;
	/* Copied as they are, for the source says that they can be. */
	m->text.flags = m->thread.flags = HF_TEXT_PLAIN;
	m->reply_to = (struct hf_text){"1", 1, HF_TEXT_JSON, HF_TEXT_PLAIN};
	m->raw = (struct hf_blob)RAW("{\"ts\": \"2\"}");
	m->flags |= HF_MESSAGE_RAW_COMPACT;
	m = say("3", "x", 1);
	m->sender = m->kind = m->text = (struct hf_text)NOTHING;
	m->sent_ns = HF_NO_TIME;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(log_is(
	    "{\"op\":\"message\",\"id\":\"1\",\"sender\":\"u1\",\"sent_at\":\"1970-01-02T00:00:00.25Z\","
	    "\"kind\":\"text\",\"text\":\"hello \\\"you\\\"\\n\",\"raw\":{\"ts\":\"1.0\",\"n\":1e5,\"s\":\"\\/ \\ud83d\"}}\n"
	    "{\"op\":\"message\",\"id\":\"2\",\"sender\":\"u1\",\"sent_at\":\"1970-01-03T00:00:00Z\","
	    "\"edited_at\":\"1970-01-04T00:00:00Z\",\"kind\":\"text\",\"text\":\"\",\"reply_to\":\"1\","
	    "\"thread\":\"1\",\"reactions\":[{\"key\":\"\xf0\x9f\x91\x8d\",\"senders\":[\"u2\",\"u3\"],\"count\":3},"
	    "{\"key\":\"x\",\"count\":1}],\"attachments\":[{\"id\":\"F1\",\"kind\":\"image\",\"name\":\"a b.png\","
	    "\"mime\":\"image/png\",\"url\":\"https://x/F1\",\"path\":\"f/a b.png\",\"missing\":\"left out\",\"size\":12345,\"width\":640,\"height\":480,"
	    "\"expires_at\":\"1970-01-02T00:00:00Z\"},{},{\"name\":\"v\",\"size\":0,\"duration_ms\":1500}],"
	    "\"raw\":{\"ts\": \"2\"}}\n"
	    "{\"op\":\"message\",\"id\":\"3\"}\n"));
	CU_ASSERT_STRING_EQUAL(emit.old.log_name, "messages");
	CU_ASSERT(emit.items == 3 && emit.bytes == source.messages[0].raw.size + source.messages[1].raw.size);
	CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.room),
	    "{\"schema\":\"holdfast.room/1\",\"id\":\"C1\",\"name\":\"The \\\"garden\\\"\",\"kind\":\"group\","
	    "\"created_at\":\"1970-01-02T00:00:00Z\",\"counts\":{\"messages\":3,\"records\":3},"
	    "\"newest_at\":\"1970-01-04T00:00:00Z\",\"complete\":true,\"source\":\"fake\",\"cursor\":\"\\\"3\\\"\","
	    "\"raw\":{\"b\":1.50,\"a\":\"\\ud800\"}}\n");
	CU_ASSERT_EQUAL(emit.room_mtime, 3 * DAY_NS);
	CU_ASSERT_EQUAL(emit.line_time, 0);
	CU_ASSERT_EQUAL(emit.old.people.size, 0);
}

static void
test_unchanged(void)
{
	one_room();
	add_person("u1", "Ann", "{}");
	(void)say("1", "a", 1);
	(void)say("2", "b", 2);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.appended == 2 && emit.files == 2);
	/* By its cursor: neither the log nor a file is touched. */
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(source.asked_from, 2);
	CU_ASSERT(emit.opened == 0 && emit.appended == 0 && emit.files == 0 && emit.checkpoints == 0);
	/* By its content. */
	CU_ASSERT_EQUAL(run_unit(ROOM, HF_RUN_FULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(source.asked_from, 0);
	CU_ASSERT(emit.opened == 1 && emit.appended == 0 && emit.files == 0 && emit.items == 2);
	(void)say("3", "c", 3);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(source.asked_from == 2 && emit.appended == 1 && emit.files == 1);
	CU_ASSERT(room_has("\"counts\":{\"messages\":3,\"records\":3}"));
	CU_ASSERT(room_has("\"newest_at\":\"1970-01-04T00:00:00Z\""));
}

static void
test_empty_room(void)
{
	one_room();
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.opened == 0 && emit.files == 1);
	CU_ASSERT(room_has("\"counts\":{\"messages\":0,\"records\":0},\"complete\":true"));
	CU_ASSERT_EQUAL(emit.room_mtime, DAY_NS);
	source.rooms[0].created_ns = HF_NO_TIME;
	CU_ASSERT_EQUAL(run_plan(), HF_OK);
	emit_clear();
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(emit.room_mtime, 0);
}

/* The op of the line that a changed first message makes. */
static bool
op_is(const char *op)
{
	char want[64];
	const char *log, *last;

	CU_ASSERT_EQUAL_FATAL(run_unit(ROOM, HF_RUN_FULL, NULL), HF_OK);
	if (op == NULL)
		return emit.appended == 0;
	log = buffer_string(&emit.old.log);
	if (emit.appended != 1)
		return false;
	for (last = log + emit.old.log.size - 1; last > log && last[-1] != '\n'; last--)
		;
	(void)snprintf(want, sizeof(want), "{\"op\":\"%s\",\"id\":\"1\"", op);
	if (strncmp(last, want, strlen(want)) == 0)
		return true;
	(void)printf("the last line is\n%s\n", last);
	return false;
}

static void
test_changes(void)
{
	static const struct hf_reaction one[] = {{TEXT("x"), 1, NULL, 0}}, two[] = {{TEXT("x"), 2, NULL, 0}};
	static const struct hf_attachment file = {TEXT("F1"), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, -1, -1, -1, -1,
		HF_NO_TIME};
	struct hf_message *m;

	one_room();
	m = say("1", "a", 1);
	m->raw = (struct hf_blob)RAW("{\"v\":1}");
	CU_ASSERT_TRUE(op_is("message"));
	CU_ASSERT_TRUE(op_is(NULL));
	m->text = (struct hf_text)TEXT("b");
	CU_ASSERT_TRUE(op_is("edit"));
	m->edited_ns = 2 * DAY_NS;
	CU_ASSERT_TRUE(op_is("edit"));
	m->reactions = one;
	m->reaction_count = 1;
	m->raw = (struct hf_blob)RAW("{\"v\":2}");
	CU_ASSERT_TRUE(op_is("reaction"));
	m->reactions = two;
	CU_ASSERT_TRUE(op_is("reaction"));
	m->reaction_count = 0;
	m->text = (struct hf_text)TEXT("c");
	CU_ASSERT_TRUE(op_is("edit"));
	m->raw = (struct hf_blob)RAW("{\"v\":3}");
	CU_ASSERT_TRUE(op_is("update"));
	m->reactions = one;
	m->reaction_count = 1;
	m->kind = (struct hf_text)TEXT("system");
	CU_ASSERT_TRUE(op_is("update"));
	m->attachments = &file;
	m->attachment_count = 1;
	CU_ASSERT_TRUE(op_is("edit"));
	/* Back to how it was once: what counts is the newest state. */
	m->attachment_count = 0;
	CU_ASSERT_TRUE(op_is("edit"));
	CU_ASSERT_TRUE(op_is(NULL));
	CU_ASSERT(room_has("\"counts\":{\"messages\":1,\"records\":10}"));
}

static void
test_delete(void)
{
	struct hf_message *m;

	one_room();
	m = say("1", "a", 1);
	CU_ASSERT_TRUE(op_is("message"));
	m->flags = HF_MESSAGE_DELETED;
	m->text = (struct hf_text)TEXT("This message was deleted");
	m->raw = (struct hf_blob)RAW("{\"gone\":true}");
	m->deleted_ns = 5 * DAY_NS;
	CU_ASSERT_TRUE(op_is("delete"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&emit.old.log),
	    "\n{\"op\":\"delete\",\"id\":\"1\",\"sender\":\"u1\",\"sent_at\":\"1970-01-02T00:00:00Z\","
	    "\"deleted_at\":\"1970-01-06T00:00:00Z\",\"raw\":{\"gone\":true}}\n"));
	CU_ASSERT_TRUE(op_is(NULL));
	CU_ASSERT(room_has("\"newest_at\":\"1970-01-06T00:00:00Z\""));
	/* It comes back, unlike an edit. */
	m->flags = 0;
	m->deleted_ns = HF_NO_TIME;
	CU_ASSERT_TRUE(op_is("message"));
	CU_ASSERT(room_has("\"counts\":{\"messages\":1,\"records\":3}"));
}

/* A deletion is seen even where nothing else tells it from the message; one never seen before is kept. */
static void
test_bare_delete(void)
{
	struct hf_message *m;

	one_room();
	m = say("1", "", 1);
	m->text = m->kind = (struct hf_text)NOTHING;
	CU_ASSERT_TRUE(op_is("message"));
	m->flags = HF_MESSAGE_DELETED;
	CU_ASSERT_TRUE(op_is("delete"));
	emit_clear();
	CU_ASSERT_TRUE(op_is("delete"));
	CU_ASSERT(log_is("{\"op\":\"delete\",\"id\":\"1\",\"sender\":\"u1\",\"sent_at\":\"1970-01-02T00:00:00Z\","
	                 "\"deleted\":true}\n"));
}

static void
test_hostile_text(void)
{
	static const char nul[] = "a\0b\x01\xff\xed\xa0\x80";
	struct hf_message *m;
	char *text = malloc(200u << 10);
	const char *log;
	size_t i;

	one_room();
	m = say("1", "", 1);
	m->id = (struct hf_text){"i\0\n\"d", 5, HF_TEXT_UTF8, 0};
	m->text = (struct hf_text){nul, sizeof(nul) - 1, HF_TEXT_UTF8, 0};
	m->raw = (struct hf_blob)RAW("[\"\\u0000\\ud800\",1E400,-0.0,{\"k\":1,\"k\":2}]");
	m = say("2", "", 1);
	m->text = (struct hf_text)JSON("\\u0000 \\ud83d \\ud83d\\ude00 \\/");
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(log_is(
	    "{\"op\":\"message\",\"id\":\"i\\u0000\\n\\\"d\",\"sender\":\"u1\",\"sent_at\":\"1970-01-02T00:00:00Z\","
	    "\"kind\":\"text\",\"text\":\"a\\u0000b\\u0001\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
	    "\"raw\":[\"\\u0000\\ud800\",1E400,-0.0,{\"k\":1,\"k\":2}]}\n"
	    "{\"op\":\"message\",\"id\":\"2\",\"sender\":\"u1\",\"sent_at\":\"1970-01-02T00:00:00Z\","
	    "\"kind\":\"text\",\"text\":\"\\u0000 \\ufffd \\ud83d\\ude00 \\/\"}\n"));
	/* 200 KiB, every byte of which takes six. */
	memset(text, 1, 200u << 10);
	emit_clear();
	source.messages[0].text = (struct hf_text){text, 200u << 10, HF_TEXT_UTF8, 0};
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	log = strstr(buffer_string(&emit.old.log), "\"text\":\"");
	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	for (i = 0; i < 200u << 10 && memcmp(log + 8 + 6 * i, "\\u0001", 6) == 0; i++)
		;
	CU_ASSERT_EQUAL(i, 200u << 10);
	CU_ASSERT_EQUAL(log[8 + 6 * i], '"');
	free(text);
}

/* Messages that cannot be kept are told, and the others kept; what follows them is read again. */
static void
test_bad_messages(void)
{
	char *raw = malloc(9u << 20);

	one_room();
	source.per_page = 1;
	(void)say("1", "a", 1);
	(void)say("", "b", 1);
	(void)say("3", "c", 1);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.failed == 1 && emit.appended == 2 && emit.items == 2);
	CU_ASSERT_STRING_EQUAL(emit.item, "/chats/%46amily/rooms/%431: message without id");
	CU_ASSERT(room_has("\"counts\":{\"messages\":2,\"records\":2}"));
	CU_ASSERT(room_has("\"complete\":false,\"source\":\"fake\",\"cursor\":\"\\\"1\\\"\""));
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(source.asked_from == 1 && emit.failed == 1 && emit.appended == 0 && emit.files == 0);
	source.messages[1].id = (struct hf_text)TEXT("a \x1b[31m");
	source.messages[1].raw = (struct hf_blob)RAW("{\"a\":\"\n\"}");
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(emit.failed, 1);
	CU_ASSERT_STRING_EQUAL(emit.item, "/chats/%46amily/rooms/%431: message a??[31m");
	memset(raw, '7', 9u << 20);
	source.messages[1].raw = (struct hf_blob){raw, 9u << 20};
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.failed == 1 && strstr(emit.why, "longer than 8388608 bytes") != NULL);
	source.messages[1].raw.size = (8u << 20) - 300;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.failed == 0 && emit.appended == 1);
	CU_ASSERT(room_has("\"complete\":true,\"source\":\"fake\",\"cursor\":\"\\\"3\\\"\""));
	free(raw);
}

static void
test_unreadable(void)
{
	one_room();
	source.per_page = 2;
	(void)say("1", "a", 1);
	(void)say("2", "b", 1);
	(void)say("3", "c", 1);
	(void)say("4", "d", 1);
	source.unreadable_at = 2;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.failed == 1 && emit.appended == 3);
	CU_ASSERT_STRING_EQUAL(emit.item, "messages.txt:3");
	CU_ASSERT(room_has("\"complete\":false,\"source\":\"fake\",\"cursor\":\"\\\"2\\\"\""));
	source.unreadable_at = -1;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(source.asked_from == 2 && emit.failed == 0 && emit.appended == 1);
	CU_ASSERT(room_has("\"counts\":{\"messages\":4,\"records\":4}"));
	CU_ASSERT(room_has("\"complete\":true,\"source\":\"fake\",\"cursor\":\"\\\"4\\\"\""));
}

/* A full run that fails in its first page must be full the next time as well. */
static void
test_full_unreadable(void)
{
	one_room();
	(void)say("1", "a", 1);
	(void)say("2", "b", 1);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	source.unreadable_at = 0;
	CU_ASSERT_EQUAL(run_unit(ROOM, HF_RUN_FULL, NULL), HF_OK);
	CU_ASSERT(room_has("\"complete\":false,\"source\":\"fake\",\"raw\""));
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(source.asked_from == 0 && emit.failed == 1);
}

static void
test_resume(void)
{
	struct buffer cursor = empty, want_room = empty, want_log = empty;
	int break_at;

	one_room();
	source.per_page = 2;
	(void)say("1", "a", 1);
	(void)say("2", "b", 9);
	(void)say("3", "c", 1);
	(void)say("4", "d", 1);
	(void)say("5", "e", 1);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(emit.checkpoints, 3);
	copy(&want_room, &emit.old.room);
	copy(&want_log, &emit.old.log);
	for (break_at = 0; break_at < 5; break_at++) {
		emit_clear();
		source.break_at = break_at;
		source.break_with = HF_ENET;
		CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_ENET);
		CU_ASSERT(emit.files == 0 && emit.checkpoints == break_at / 2);
		copy(&cursor, &emit.first_cursor);
		/* The host goes back to what there was at the checkpoint. */
		copy_folder(&emit.new, &emit.at_first);
		source.break_at = -1;
		CU_ASSERT_EQUAL(run_unit(ROOM, 0, cursor.size > 0 ? &cursor : NULL), HF_OK);
		CU_ASSERT_EQUAL(source.asked_from, break_at < 2 ? 0 : 2);
		CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.room), buffer_string(&want_room));
		CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.log), buffer_string(&want_log));
	}
	/* A checkpoint goes before everything else, also before a full run. */
	CU_ASSERT_EQUAL(run_unit(ROOM, HF_RUN_FULL, &cursor), HF_OK);
	CU_ASSERT_EQUAL(source.asked_from, 2);
	buffer_release(&cursor);
	buffer_release(&want_room);
	buffer_release(&want_log);
}

/* What failed before the checkpoint is not forgotten after it. */
static void
test_resume_failed(void)
{
	struct buffer cursor = empty;

	one_room();
	source.per_page = 1;
	(void)say("1", "a", 1);
	(void)say("2", "b", 1);
	(void)say("3", "c", 1);
	source.unreadable_at = 1;
	source.break_at = 2;
	source.break_with = HF_ESTOPPING;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_ESTOPPING);
	CU_ASSERT_EQUAL(emit.checkpoints, 2);
	copy(&cursor, &emit.cursor);
	source.break_at = -1;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, &cursor), HF_OK);
	CU_ASSERT(source.asked_from == 2 && emit.failed == 0);
	CU_ASSERT(room_has("\"complete\":false,\"source\":\"fake\",\"cursor\":\"\\\"1\\\"\""));
	buffer_clear(&cursor);
	buffer_append_string(&cursor, "{\"failed\":");
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, &cursor), HF_OK);
	CU_ASSERT(source.asked_from == 0 && strstr(logged, "checkpoint is not used") != NULL);
	buffer_release(&cursor);
}

static void
test_binary_cursor(void)
{
	one_room();
	source.binary_cursor = true;
	source.per_page = 1;
	(void)say("1", "a", 1);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(room_has("\"cursor_base64\":\"/wABAQ==\""));
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(source.asked_from == 1 && emit.files == 0);
}

/* A room.json that is damaged, of another room or another source only costs reading everything. */
static void
test_bad_room_json(void)
{
	static const char *const texts[] = {"", "{", "[]", "null", "{\"schema\":\"holdfast.room/1\"}",
	    "{\"schema\":\"holdfast.room/2\",\"id\":\"C1\",\"source\":\"fake\",\"cursor\":\"\\\"1\\\"\"}",
	    "{\"schema\":\"holdfast.room/1\",\"id\":\"c1\",\"source\":\"fake\",\"cursor\":\"\\\"1\\\"\"}",
	    "{\"schema\":\"holdfast.room/1\",\"id\":\"C1\",\"source\":\"other\",\"cursor\":\"\\\"1\\\"\"}",
	    "{\"schema\":\"holdfast.room/1\",\"id\":\"C1\",\"source\":\"fake\",\"cursor_base64\":\"x\"}"};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		one_room();
		(void)say("1", "a", 1);
		buffer_append_string(&emit.old.log, "{\"op\":\"message\",\"id\":\"1\",\"sender\":\"u1\"}\n");
		emit.old.room.max = empty.max;
		buffer_append_string(&emit.old.room, texts[i]);
		CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
		CU_ASSERT(source.asked_from == 0);
		CU_ASSERT(room_has("\"complete\":true"));
		if (texts[i][0] != '\0') {
			CU_ASSERT_PTR_NOT_NULL(strstr(logged, "is not used"));
			CU_ASSERT_PTR_NULL(strstr(buffer_string(&emit.old.room), "\"counts\""));
		}
	}
	/* Counts that are none are left out, its cursor is good. */
	one_room();
	(void)say("1", "a", 1);
	emit.old.room.max = empty.max;
	buffer_append_string(&emit.old.room, "{\"schema\":\"holdfast.room/1\",\"id\":\"C1\",\"source\":\"fake\","
	                                     "\"counts\":{\"messages\":-1,\"records\":1e9},\"cursor\":\"\\\"1\\\"\"}");
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(source.asked_from, 1);
	CU_ASSERT_PTR_NULL(strstr(buffer_string(&emit.old.room), "\"counts\""));
	/* A file that the repository has lost is written anew; a storage out of reach is a failure. */
	emit.previous_fails_with = HF_ECORRUPT;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(source.asked_from, 0);
	emit.previous_fails_with = HF_ENET;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_ENET);
}

/* Whatever one wrong byte makes of room.json, the room is backed up and the file is good again. */
static void
test_any_room_json(void)
{
	static const uint8_t bytes[] = {0, '"', '\\', '{', '}', ',', '9', 0xff};
	struct buffer good = empty, log = empty;
	size_t i, k;

	one_room();
	(void)say("1", "a", 1);
	(void)say("2", "b", 1);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	copy(&good, &emit.old.room);
	copy(&log, &emit.old.log);
	for (i = 0; i < good.size; i++) {
		for (k = 0; k < sizeof(bytes); k++) {
			copy(&emit.old.room, &good);
			emit.old.room.data[i] = bytes[k];
			CU_ASSERT_EQUAL_FATAL(run_unit(ROOM, 0, NULL), HF_OK);
			CU_ASSERT_STRING_EQUAL_FATAL(buffer_string(&emit.old.log), buffer_string(&log));
			CU_ASSERT_FATAL(room_has("\"complete\":true") && room_has("{\"schema\":\"holdfast.room/1\",\"id\":\"C1\""));
		}
		copy(&emit.old.room, &good);
		emit.old.room.size = i;
		CU_ASSERT_EQUAL_FATAL(run_unit(ROOM, 0, NULL), HF_OK);
		CU_ASSERT_FATAL(room_has("\"complete\":true"));
	}
	buffer_release(&good);
	buffer_release(&log);
}

static void
test_failures(void)
{
	int codes[] = {HF_ENET, HF_ERATE, HF_EAUTH, HF_ENOTFOUND, HF_ESTOPPING};
	size_t i;

	one_room();
	(void)say("1", "a", 1);
	(void)say("2", "b", 1);
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		source.break_at = 1;
		source.break_with = codes[i];
		CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), codes[i]);
		CU_ASSERT(emit.files == 0 && emit.open);
	}
	source.break_at = -1;
	emit.append_fails_with = HF_ENOSPC;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_ENOSPC);
	CU_ASSERT_EQUAL(emit.files, 0);
	emit.append_fails_with = HF_OK;
	stop_now = 1;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_ESTOPPING);
	CU_ASSERT_EQUAL(emit.files, 0);
	stop_now = 0;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
}

static void
test_participants(void)
{
	one_room();
	add_person("u2", "Bob", "{\"big\":1}");
	add_person("U1", NULL, NULL);
	add_person("u10", "Ann \"A\"", NULL);
	add_person("u2", "Robert", NULL);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.people),
	    "{\"schema\":\"holdfast.participants/1\",\"participants\":[\n{\"id\":\"U1\"},\n"
	    "{\"id\":\"u10\",\"name\":\"Ann \\\"A\\\"\"},\n{\"id\":\"u2\",\"name\":\"Robert\"}\n]}\n");
	CU_ASSERT_EQUAL(emit.files, 2);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(emit.files, 0);
	/* Everybody left: that is told, unlike a list that cannot be had. */
	source.people_count = 0;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.people),
	    "{\"schema\":\"holdfast.participants/1\",\"participants\":[\n]}\n");
	source.people_fail_with = HF_ENOTSUP;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.failed == 0 && emit.files == 0);
	source.people_fail_with = HF_EPERM;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT(emit.failed == 1 && emit.files == 1 && room_has("\"complete\":false"));
	CU_ASSERT_STRING_EQUAL(emit.item, "/chats/%46amily/rooms/%431: the list of participants");
	source.people_fail_with = HF_ENET;
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_ENET);
	source.people_fail_with = HF_OK;
	add_person("", "x", NULL);
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(emit.failed, 1);
}

static void
test_people(void)
{
	one_room();
	CU_ASSERT_EQUAL(run_unit(0, 0, NULL), HF_OK);
	CU_ASSERT(emit.opened == 0 && emit.files == 0);
	add_person("u1", "Ann", "{ \"x\": 1.0 }");
	add_person("u2", NULL, NULL);
	add_person("", "nobody", NULL);
	CU_ASSERT_EQUAL(run_unit(0, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(emit.old.log_name, "records");
	CU_ASSERT(emit.failed == 1 && emit.items == 2);
	CU_ASSERT_STRING_EQUAL(emit.item, "/chats/%46amily/people: person without id");
	source.people[0].name = (struct hf_text)TEXT("Anne");
	CU_ASSERT_EQUAL(run_unit(0, 0, NULL), HF_OK);
	CU_ASSERT(log_is("{\"op\":\"person\",\"id\":\"u1\",\"name\":\"Ann\",\"raw\":{\"x\":1.0}}\n"
	                 "{\"op\":\"person\",\"id\":\"u2\"}\n"
	                 "{\"op\":\"update\",\"id\":\"u1\",\"name\":\"Anne\",\"raw\":{\"x\":1.0}}\n"));
	source.people_fail_with = HF_ENOTSUP;
	CU_ASSERT_EQUAL(run_unit(0, 0, NULL), HF_OK);
	source.people_fail_with = HF_EIO;
	CU_ASSERT_EQUAL(run_unit(0, 0, NULL), HF_EIO);
}

/* A sanitizer has an allocator of its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED)
#define SHORT_OF_MEMORY 1
#endif

#ifdef SHORT_OF_MEMORY
/* ---- memory that runs out: the plugin's nth allocation fails, and all after it ---- */

void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
HF_EXPORT void *calloc(size_t, size_t);
HF_EXPORT void *realloc(void *, size_t);

static int allocations_left = -1; /* -1: all succeed */

static bool
out_of_memory(const void *caller)
{
	Dl_info info;

	if (allocations_left < 0 || dladdr(caller, &info) == 0 || strcmp(info.dli_fname, TEST_PLUGIN) != 0)
		return false;
	if (allocations_left == 0)
		return true;
	allocations_left--;
	return false;
}

void *
calloc(size_t count, size_t size)
{
	return out_of_memory(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *data, size_t size)
{
	return out_of_memory(__builtin_return_address(0)) ? NULL : __libc_realloc(data, size);
}

/* The plan and every unit of it, once; 1: all of it, 0: memory ran out in a clean way. */
static int
run_short_of_memory(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct hf_run run = {sizeof(run), 0, {NULL, 0}};
	struct hf_unit unit = {sizeof(unit), 0, {"C1", 2, HF_TEXT_UTF8, 0}, units[ROOM].path,
	    {units[ROOM].data, units[ROOM].data_size}, 0, 0};
	void *handle = NULL;
	int r;

	memset(&plan, 0, sizeof(plan));
	copy_folder(&emit.new, &emit.old);
	emit.open = false;
	emit.files = 0;
	r = strategy->open(&host, NULL, 0, &handle, &err);
	if (r == HF_OK)
		r = strategy->plan(handle, &view, &planner, &err);
	if (r == HF_OK)
		r = strategy->execute(handle, &view, &unit, &run, &emitter, &err);
	if (handle != NULL)
		strategy->close(handle);
	if (r == HF_OK)
		return 1;
	CU_ASSERT_EQUAL(r, HF_ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "out of memory"));
	return 0;
}

static void
test_out_of_memory(void)
{
	struct buffer room = empty, people = empty, log = empty;
	static char text[20000], id[20000];
	struct hf_message *m;
	int n, done = 0;

	one_room();
	source.per_page = 1;
	memset(text, '"', sizeof(text) - 1);
	add_person("u1", "Ann", NULL);
	add_person(text, NULL, NULL);
	m = say("1", text, 1);
	m->raw = (struct hf_blob)RAW("{ }");
	memset(id, 'i', sizeof(id) - 1);
	memcpy(id, "\\u0061", 6);
	m = say("2", "b", 1);
	m->id = (struct hf_text){"\\u0061", 6, HF_TEXT_JSON, 0};
	m->sender = (struct hf_text){id, sizeof(id) - 1, HF_TEXT_JSON, 0};
	CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
	copy(&room, &emit.old.room);
	copy(&people, &emit.old.people);
	copy(&log, &emit.old.log);
	for (n = 0; !done && n < 1000; n++) {
		emit_clear();
		CU_ASSERT_EQUAL_FATAL(run_plan(), HF_OK);
		allocations_left = n;
		done = run_short_of_memory();
		allocations_left = -1;
		CU_ASSERT(done || emit.new.room.size == 0);
		if (!done)
			CU_ASSERT_EQUAL(run_unit(ROOM, 0, NULL), HF_OK);
		if (done)
			copy_folder(&emit.old, &emit.new);
		CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.room), buffer_string(&room));
		CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.people), buffer_string(&people));
		CU_ASSERT_STRING_EQUAL(buffer_string(&emit.old.log), buffer_string(&log));
	}
	CU_ASSERT(done && n > 10);
	buffer_release(&room);
	buffer_release(&people);
	buffer_release(&log);
}
#endif

int
main(void)
{
	CU_TestInfo tests[] = {
		{"plan", test_plan},
		{"plan of a slow source", test_plan_rate_limited},
		{"plan: bad rooms", test_plan_bad_rooms},
		{"plan: bad raw values", test_plan_bad_raw},
		{"plan: many rooms", test_plan_many_rooms},
		{"new", test_new},
		{"unchanged", test_unchanged},
		{"empty room", test_empty_room},
		{"changes", test_changes},
		{"delete", test_delete},
		{"bare delete", test_bare_delete},
		{"hostile text", test_hostile_text},
		{"bad messages", test_bad_messages},
		{"unreadable", test_unreadable},
		{"full and unreadable", test_full_unreadable},
		{"resume", test_resume},
		{"resume after failures", test_resume_failed},
		{"binary cursor", test_binary_cursor},
		{"bad room.json", test_bad_room_json},
		{"any room.json", test_any_room_json},
		{"failures", test_failures},
		{"participants", test_participants},
		{"people", test_people},
#ifdef SHORT_OF_MEMORY
		{"out of memory", test_out_of_memory},
#endif
		CU_TEST_INFO_NULL,
	};
	const struct hf_plugin *(*entry)(void);
	void *plugin = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL), *symbol;
	int status;

	symbol = plugin == NULL ? NULL : dlsym(plugin, "holdfast_plugin_v1");
	if (symbol == NULL) {
		(void)fprintf(stderr, "%s\n", dlerror());
		if (plugin != NULL)
			(void)dlclose(plugin);
		return 99;
	}
	/* ISO C has no other way from an object to a function. */
	memcpy(&entry, &symbol, sizeof(entry));
	component = entry()->components[0];
	strategy = component->ops;
	status = unit_run("chats", tests);
	emit_clear();
	(void)dlclose(plugin);
	return status;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the version of a room, and of a cursor's text: more is not worth keeping in each room's state. */
#define VERSION_MAX 2048
#define CURSOR_MAX  1024

/* Of what names a part that cannot be read, and of an id in it. */
#define WHERE_SIZE    420
#define PART_SIZE     200
#define NAME_MAX_SIZE 150

/*
 * What a checkpoint says: {"q": of the options, "state": of the file, "version": of the room, "after": cursor}.
 * "state" and "version" are there only when all was read, and then say that nothing has changed as long as they are
 * the same; "after" is where the next query begins.
 */
struct reading {
	struct run *run;
	const struct hf_query *query;
	struct text version;  /* of the room now; size 0: not known */
	struct text previous; /* text of the after that the query began with */
	struct text most;     /* of the greatest cursor so far */
	struct text before;   /* where they are ordered, of the one before it */
	struct cell after;    /* what previous is; SQLITE_NULL: there is none */
	struct cell last;     /* the greatest cursor; its text is in last_text */
	struct text last_text;
	bool has_cursor;
	bool ordered;
	uint32_t since; /* messages since the last checkpoint */
};

/* ---- cursors ---- */

static int
push_checkpoint(struct reading *reading, const struct text *after, bool whole, struct hf_error *err)
{
	const struct source *source = reading->run->source;
	const struct hf_record_sink *sink = reading->run->sink;
	struct text text = TEXT_INIT(8 * (VERSION_MAX + CURSOR_MAX));
	struct hf_blob blob;
	char hex[40];
	int r;

	if (sink->checkpoint == NULL)
		return HF_OK;
	(void)snprintf(hex, sizeof(hex), "{\"q\":\"%016" PRIx64 "\"", source->fingerprint);
	text_string(&text, hex);
	if (whole && reading->version.size > 0) {
		text_string(&text, ",\"version\":");
		text_put(&text, reading->version.data, reading->version.size);
	} else if (whole && !reading->has_cursor && source->database->state != 0) {
		(void)snprintf(hex, sizeof(hex), ",\"state\":\"%016" PRIx64 "\"", source->database->state);
		text_string(&text, hex);
	}
	if (after->size > 0) {
		text_string(&text, ",\"after\":");
		text_put(&text, after->data, after->size);
	}
	text_byte(&text, '}');
	blob = (struct hf_blob){text.data, text.size};
	r = text.failed != HF_OK ? hf_error_set(err, HF_ENOMEM, 0, "out of memory") :
	    sink->checkpoint(sink->ctx, &blob, err);
	text_release(&text);
	return r;
}

static bool
is_same(const struct hf_json_value *value, const char *text, size_t size)
{
	return value->type != HF_JSON_NONE && value->size == size && memcmp(value->data, text, size) == 0;
}

/* The value of "after", as it was in the column. */
static bool
take_after(struct reading *reading, const struct hf_json_value *value)
{
	struct text *previous = &reading->previous;
	char *end, digits[40];
	bool quoted = value->type == HF_JSON_STRING;

	if ((!quoted && value->type != HF_JSON_NUMBER) || value->size > 6 * CURSOR_MAX)
		return false;
	if (quoted)
		text_byte(previous, '"');
	text_put(previous, value->data, (size_t)value->size);
	if (quoted) {
		text_byte(previous, '"');
		reading->after.data = pool_take(&reading->run->source->pool, (size_t)value->size + 1);
		if (reading->after.data == NULL)
			return false;
		reading->after.size = (size_t)reading->run->source->json->decode(value->data, value->size,
		    (char *)(uintptr_t)reading->after.data);
		reading->after.type = SQLITE_TEXT;
	} else if (value->size < sizeof(digits)) {
		memcpy(digits, value->data, (size_t)value->size);
		digits[value->size] = '\0';
		reading->after.integer = strtoll(digits, &end, 10);
		reading->after.real = strtod(digits, NULL);
		reading->after.type = *end == '\0' ? SQLITE_INTEGER : SQLITE_FLOAT;
	}
	return previous->failed == HF_OK;
}

/* Takes the query's cursor; true: nothing has changed since. */
static bool
take_cursor(struct reading *reading)
{
	static const char *const names[] = {"q", "state", "version", "after"};
	const struct source *source = reading->run->source;
	const struct hf_blob *blob = &reading->query->cursor;
	struct hf_json_value v[4];
	char hex[20];

	if (blob->size == 0 || source->json->object(blob->data, blob->size, names, 4, v, NULL) != HF_OK)
		return false;
	(void)snprintf(hex, sizeof(hex), "%016" PRIx64, source->fingerprint);
	/* Other queries may mean other messages. */
	if (!is_same(&v[0], hex, 16))
		return false;
	if (!take_after(reading, &v[3])) {
		text_clear(&reading->previous);
		reading->after.type = SQLITE_NULL;
	}
	if (reading->version.size > 0)
		return is_same(&v[2], reading->version.data, reading->version.size);
	(void)snprintf(hex, sizeof(hex), "%016" PRIx64, source->database->state);
	return source->database->state != 0 && is_same(&v[1], hex, 16);
}

/* ---- what may tell that nothing has changed ---- */

static int
read_version(struct reading *reading, struct hf_error *err)
{
	struct query *query = &reading->run->source->queries[QUERY_VERSION];
	int r;

	if (query->stmt == NULL)
		return HF_OK;
	query_begin(query);
	query_bind_text(query, ":room", &reading->query->room);
	r = query_step(query, err);
	if (r > 0) {
		query_row(query, &reading->version);
		text_byte(&reading->version, '}');
	}
	query_end(query);
	if (reading->version.failed == HF_ENOMEM)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	if (reading->version.failed != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "queries.version: its row is too large to be kept");
	return r < 0 ? r : HF_OK;
}

/* ---- messages ---- */

/* The first time, every value is after it: SQLite sorts no number, and no text of a time, before this. */
static const struct cell lowest = {SQLITE_INTEGER, INT64_MIN, 0, NULL, 0};

static void
begin(struct reading *reading)
{
	struct source *source = reading->run->source;
	struct query *query = &source->queries[QUERY_MESSAGES];
	int64_t back = source->numbers[OPTION_LOOK_BACK];
	struct cell *after = &reading->after;

	if (after->type == SQLITE_INTEGER)
		after->integer = after->integer < INT64_MIN + back ? INT64_MIN : after->integer - back;
	else if (after->type == SQLITE_FLOAT)
		after->real -= (double)back;
	query_begin(query);
	query_bind_text(query, ":room", &reading->query->room);
	query_bind(query, ":after", after->type == SQLITE_NULL ? &lowest : after);
}

static int
keep_cell(struct text *text, struct cell *kept, struct text *kept_text, const struct cell *cell, struct hf_error *err)
{
	text_clear(text);
	cell_json(cell, text);
	*kept = *cell;
	if (cell->type == SQLITE_TEXT) {
		text_clear(kept_text);
		text_put(kept_text, cell->data, cell->size);
		kept->data = kept_text->data;
	}
	if (text->failed == HF_ENOMEM || kept_text->failed == HF_ENOMEM)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	if (text->failed != HF_OK || kept_text->failed != HF_OK || text->data[0] == '{')
		return hf_error_set(err, HF_EINVAL, 0, "queries.messages: \"cursor\" must be a number or a short text");
	return HF_OK;
}

/*
 * The message's cursor is done with.  *ret_new: it is greater than all before, so that where they are ordered no other
 * message can come that has the one before.
 */
static int
take_message_cursor(struct reading *reading, bool *ret_new, struct hf_error *err)
{
	const struct cell *cell = record_cursor(reading->run->source);
	int order = reading->last.type == SQLITE_NULL ? 1 : cell_compare(cell, &reading->last);

	*ret_new = false;
	if (cell->type == SQLITE_NULL)
		return HF_OK;
	if (cell->type == SQLITE_BLOB)
		return hf_error_set(err, HF_EINVAL, 0, "queries.messages: \"cursor\" must be a number or a text");
	if (reading->ordered && order < 0)
		return hf_error_set(err, HF_EINVAL, 0,
		    "queries.messages: the rows do not come sorted by \"cursor\", as cursor.ordered says they do");
	if (order <= 0)
		return HF_OK;
	*ret_new = reading->last.type != SQLITE_NULL;
	if (reading->ordered) {
		text_clear(&reading->before);
		text_put(&reading->before, reading->most.data, reading->most.size);
	}
	return keep_cell(&reading->most, &reading->last, &reading->last_text, cell, err);
}

/*
 * Now and then what was pushed is to be made durable.  How far reading has come can be told only where the rows come
 * in the order of their cursors; else an interrupted room is read again, and compared.
 */
static int
checkpoint(struct reading *reading, bool is_new, struct hf_error *err)
{
	bool ordered = reading->ordered && reading->run->failed == 0;

	if (reading->query->page == 0 || ++reading->since < reading->query->page || (ordered && !is_new))
		return HF_OK;
	reading->since = 0;
	return push_checkpoint(reading, ordered ? &reading->before : &reading->previous, false, err);
}

/* The first bytes of a text behind a prefix, in printable ASCII. */
static void
name_text(char *out, size_t size, const char *prefix, const struct hf_text *text)
{
	size_t n = (size_t)snprintf(out, size, "%s", prefix), i;

	for (i = 0; i < text->size && i < NAME_MAX_SIZE && n + 1 < size; i++, n++)
		out[n] = text->data[i] > ' ' && text->data[i] < 0x7f ? text->data[i] : '?';
	out[n] = '\0';
}

/* "room ID: WHAT" */
static void
name_part(char *out, size_t size, const struct reading *reading, const char *what)
{
	char room[PART_SIZE];

	name_text(room, sizeof(room), "room ", &reading->query->room);
	(void)snprintf(out, size, "%s: %s", room, what);
}

static int
push_message(struct reading *reading, struct hf_error *err)
{
	struct run *run = reading->run;
	struct hf_error why = HF_ERROR_INIT;
	struct hf_message message;
	bool is_new = false;
	char where[WHERE_SIZE], what[PART_SIZE];
	int r;

	r = record_message(run->source, &reading->query->room, &message, &why);
	if (is_item_failure(r)) {
		if (message.id.size == 0)
			(void)snprintf(what, sizeof(what), "queries.messages: row %" PRIu64, run->pushed + 1);
		else
			name_text(what, sizeof(what), "message ", &message.id);
		name_part(where, sizeof(where), reading, what);
		r = run_failed(run, where, &why, err);
	} else if (r != HF_OK) {
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	} else {
		r = run->sink->message(run->sink->ctx, &message, err);
	}
	if (r == HF_OK && reading->has_cursor)
		r = take_message_cursor(reading, &is_new, err);
	if (r == HF_OK)
		r = run_go_on(run, err);
	if (r == HF_OK)
		r = checkpoint(reading, is_new, err);
	return r;
}

/* The greatest of what was there before and what was seen now. */
static const struct text *
next_after(const struct reading *reading, const struct cell *before)
{
	if (reading->last.type == SQLITE_NULL)
		return &reading->previous;
	return before->type == SQLITE_NULL || cell_compare(&reading->last, before) > 0 ? &reading->most :
	    &reading->previous;
}

static int
push_messages(struct reading *reading, struct hf_error *err)
{
	struct run *run = reading->run;
	struct query *query = &run->source->queries[QUERY_MESSAGES];
	struct hf_error why = HF_ERROR_INIT;
	struct cell before = reading->after;
	char where[WHERE_SIZE];
	int r = HF_OK, got = 0;

	begin(reading);
	while (r == HF_OK && (got = query_step(query, &why)) > 0)
		r = push_message(reading, err);
	query_end(query);
	if (r != HF_OK)
		return r;
	/* What was read of a damaged file stays. */
	if (is_item_failure(got)) {
		name_part(where, sizeof(where), reading, "the rest");
		r = run_failed(run, where, &why, err);
	} else if (got < 0) {
		r = hf_error_set(err, got, why.os_errno, "%s", why.msg);
	}
	if (r == HF_OK)
		r = push_checkpoint(reading, run->failed == 0 ? next_after(reading, &before) : &reading->previous,
		    run->failed == 0, err);
	return r;
}

int
messages_enumerate(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	struct source *source = run->source;
	struct reading reading = {.run = run,
		.query = query,
		.version = TEXT_INIT(VERSION_MAX),
		.previous = TEXT_INIT(6 * CURSOR_MAX + 2),
		.most = TEXT_INIT(6 * CURSOR_MAX + 2),
		.before = TEXT_INIT(6 * CURSOR_MAX + 2),
		.last_text = TEXT_INIT(CURSOR_MAX),
		.after = {.type = SQLITE_NULL},
		.last = {.type = SQLITE_NULL}};
	struct pool pool = {NULL, 0, 0};
	int r;

	if (source->queries[QUERY_MESSAGES].stmt == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "queries.messages is not set");
	reading.has_cursor = query_has_parameter(&source->queries[QUERY_MESSAGES], ":after");
	reading.ordered = reading.has_cursor && source->numbers[OPTION_ORDERED] != 0;
	pool_clear(&source->pool);
	r = read_version(&reading, err);
	if (r == HF_OK && take_cursor(&reading)) {
		r = push_checkpoint(&reading, &reading.previous, true, err);
	} else if (r == HF_OK) {
		/* The cursor's text is bound as long as messages are read, each of which empties the pool. */
		pool = source->pool;
		source->pool = (struct pool){NULL, 0, 0};
		r = push_messages(&reading, err);
	}
	pool_release(&pool);
	text_release(&reading.version);
	text_release(&reading.previous);
	text_release(&reading.most);
	text_release(&reading.before);
	text_release(&reading.last_text);
	return r;
}

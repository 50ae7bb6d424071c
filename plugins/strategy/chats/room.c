/* SPDX-License-Identifier: BSD-2-Clause */
#include "chats.h"

#include "record.h"
#include "state.h"

#define PAGE          500
#define DOCUMENT_MAX  (4u << 20) /* room.json: the unit's data, and a cursor */

/* What plan_account tells of the room, in the order in which room.json has it. */
enum { R_ID, R_NAME, R_KIND, R_TOPIC, R_CREATED_AT, R_RAW, R_COUNT };

static const char *const member_names[R_COUNT] = {"id", "name", "kind", "topic", "created_at", "raw"};

struct room {
	struct work *work;
	struct hf_json_value members[R_COUNT];
	struct hf_text id;
	struct out previous; /* room.json of the last snapshot; size 0: none */
	struct out line;
	struct out before;
	struct out checkpoint;
	struct state state;
	bool open;    /* the log */
	bool changed; /* messages were looked at since the last checkpoint */
};

/* ---- messages ---- */

/*
 * Opened with the first message, so that a room without any costs nothing, whatever its log's size.
 */
static int
open_log(struct room *room, struct hf_error *err)
{
	const struct hf_emitter *emitter = room->work->emitter;
	int r = room->open ? HF_OK : emitter->log_open(emitter->ctx, "messages", err);

	room->open = r == HF_OK;
	return r;
}

/* Says in the line what has changed since the record before. */
static int
name_change(struct room *room, struct hf_line *line, struct hf_error *err)
{
	const struct hf_emitter *emitter = room->work->emitter;
	struct hf_sink sink = out_sink(&room->before);
	struct hf_error why = HF_ERROR_INIT;
	enum record_op op = OP_UPDATE;
	int r;

	out_clear(&room->before);
	r = emitter->log_before(emitter->ctx, &sink, &why);
	if (r == HF_OK)
		op = record_change(&room->work->chats->tools, room->before.data, room->before.size, line);
	else if (r != HF_ENOTFOUND)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	record_set_op(&room->line, op, line);
	return HF_OK;
}

static int
push_record(struct room *room, struct hf_line *line, bool deleted, struct hf_error *err)
{
	const struct hf_emitter *emitter = room->work->emitter;
	int known = open_log(room, err), r = HF_OK;

	if (known == HF_OK)
		known = emitter->log_known(emitter->ctx, line, err);
	if (known < 0 || known == HF_KNOWN_UNCHANGED)
		return known < 0 ? known : HF_OK;
	if (known == HF_KNOWN_CHANGED && !deleted)
		r = name_change(room, line, err);
	if (r == HF_OK)
		r = emitter->log_append(emitter->ctx, line, err);
	if (r != HF_OK)
		return r;
	room->state.messages += known == HF_KNOWN_NEW;
	room->state.records++;
	return HF_OK;
}

static int
room_message(void *ctx, const struct hf_message *message, struct hf_error *err)
{
	struct room *room = ctx;
	struct hf_error why;
	struct hf_line line;
	int64_t newest_ns;
	int r;

	hf_error_init(&why);
	r = record_of_message(&room->line, message, &line, &newest_ns, &why);
	room->changed = true;
	if (r == HF_ENOMEM)
		return hf_error_set(err, r, 0, "%s: %s", room->work->path, why.msg);
	if (r != HF_OK)
		return work_failed(room->work, "message", &message->id, &why, err);
	r = push_record(room, &line, (message->flags & HF_MESSAGE_DELETED) != 0, err);
	if (r != HF_OK)
		return r;
	if (newest_ns > room->state.newest_ns)
		room->state.newest_ns = newest_ns;
	return work_done(room->work, message->raw.size, err);
}

static int
room_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	struct room *room = ctx;

	room->changed = true;
	return work_failed_at(room->work, where, why, err);
}

static int
room_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct room *room = ctx;
	struct work *work = room->work;
	struct hf_blob blob;
	int r = state_set_cursor(&room->state.cursor, cursor, err);

	if (r == HF_OK && work->failed == 0)
		r = state_set_cursor(&room->state.kept, cursor, err);
	if (r != HF_OK || !room->changed)
		return r;
	room->changed = false;
	r = work_tell(work, err);
	if (r != HF_OK)
		return r;
	room->state.failed = (int64_t)work->failed;
	out_clear(&room->checkpoint);
	state_put_checkpoint(&room->state, &room->checkpoint);
	r = out_status(&room->checkpoint, "the room's checkpoint", err);
	blob = (struct hf_blob){room->checkpoint.data, room->checkpoint.size};
	return r == HF_OK ? work->emitter->checkpoint(work->emitter->ctx, &blob, err) : r;
}

static int
back_up_messages(struct room *room, struct hf_error *err)
{
	struct work *work = room->work;
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = room, .message = room_message,
	    .checkpoint = room_checkpoint, .failed = room_failed};
	struct hf_query query = {sizeof(query), HF_QUERY_MESSAGES, PAGE, 0, room->id,
	    {room->state.cursor.data, room->state.cursor.size}};
	struct out cursor = room->state.cursor;
	uint64_t appended;
	int64_t newest_ns, records = room->state.records;
	int r;

	/* The source reads the cursor while it pushes new ones: they go elsewhere. */
	room->state.cursor = (struct out)OUT_INIT(cursor.tools, cursor.max);
	r = state_set_cursor(&room->state.cursor, &query.cursor, err);
	if (r == HF_OK)
		r = work->view->enumerate(work->view->ctx, &query, &sink, err);
	out_release(&cursor);
	if (r == HF_OK && room->open)
		r = work->emitter->log_close(work->emitter->ctx, &appended, &newest_ns, err);
	/* An older state that its source told again is appended only if no newer one follows. */
	if (r == HF_OK && room->open)
		room->state.records = records + (int64_t)appended;
	return r == HF_OK ? work_tell(work, err) : r;
}

/* ---- room.json ---- */

static void
put_member(const struct room *room, int which, struct out *out)
{
	const struct hf_json_value *value = &room->members[which];
	bool quoted = value->type == HF_JSON_STRING;

	if (value->type == HF_JSON_NONE)
		return;
	out_literal(out, ",\"");
	out_string(out, member_names[which]);
	out_string(out, quoted ? "\":\"" : "\":");
	out_put(out, value->data, (size_t)value->size);
	if (quoted)
		out_literal(out, "\"");
}

static void
put_document(const struct room *room, struct out *out)
{
	const struct state *state = &room->state;
	struct hf_text source = {room->work->view->source, strlen(room->work->view->source), HF_TEXT_UTF8, 0};
	int i;

	out_literal(out, "{\"schema\":\"holdfast.room/1\"");
	for (i = R_ID; i < R_RAW; i++)
		put_member(room, i, out);
	if (state->counted) {
		out_literal(out, ",\"counts\":{\"messages\":");
		out_number(out, state->messages);
		out_literal(out, ",\"records\":");
		out_number(out, state->records);
		out_literal(out, "}");
	}
	if (state->newest_ns != HF_NO_TIME) {
		out_literal(out, ",\"newest_at\":");
		out_time(out, state->newest_ns);
	}
	out_string(out, room->work->failed == 0 ? ",\"complete\":true" : ",\"complete\":false");
	out_literal(out, ",\"source\":");
	out_text(out, &source);
	state_put_cursor(&state->kept, "cursor", out);
	put_member(room, R_RAW, out);
	out_literal(out, "}\n");
}

static int64_t
room_mtime(const struct room *room)
{
	const struct hf_json_value *created = &room->members[R_CREATED_AT];
	int64_t ns = room->state.newest_ns;

	if (ns == HF_NO_TIME && created->type == HF_JSON_STRING)
		ns = room->work->chats->tools.write->parse_time(created->data, created->size);
	return ns == HF_NO_TIME ? 0 : ns;
}

static int
write_document(struct room *room, struct hf_error *err)
{
	const struct hf_emitter *emitter = room->work->emitter;
	struct out now = OUT_INIT(&room->work->chats->tools, DOCUMENT_MAX);
	struct hf_blob blob;
	int r;

	put_document(room, &now);
	r = out_status(&now, "room.json", err);
	if (r == HF_OK && (now.size != room->previous.size || memcmp(now.data, room->previous.data, now.size) != 0)) {
		blob = (struct hf_blob){now.data, now.size};
		r = emitter->file(emitter->ctx, "room.json", &blob, room_mtime(room), err);
	}
	out_release(&now);
	return r;
}

/* ---- where the last run or the last checkpoint left off ---- */

static int
read_previous(struct room *room, struct hf_error *err)
{
	struct work *work = room->work;
	struct hf_sink sink = out_sink(&room->previous);
	struct hf_error why = HF_ERROR_INIT;
	int r = work_previous(work, "room.json", &sink, &why);

	if (r == HF_OK)
		r = state_take_room(&room->state, &room->previous, &room->members[R_ID], work->view->source, &why);
	if (r == HF_ECORRUPT) {
		hf_log(work->chats->host, HF_LOG_WARNING,
		    "%s/room.json of the last snapshot is not used, the room is read from its start: %s", work->path,
		    why.msg);
		/* There may be a log, so how much it holds is not known any more. */
		room->state.counted = false;
	} else if (r != HF_OK && r != HF_ENOTFOUND) {
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	}
	if (r == HF_ENOTFOUND && room->previous.size > 0) {
		out_clear(&room->previous);
		room->state.counted = false;
	}
	return HF_OK;
}

static int
find_start(struct room *room, const struct hf_run *run, struct hf_error *err)
{
	struct state *state = &room->state;
	struct hf_blob cursor;
	int r = read_previous(room, err);

	if (r != HF_OK)
		return r;
	if (run->cursor.size > 0) {
		r = state_take_checkpoint(state, &run->cursor, err);
		if (r == HF_OK)
			room->work->failed = (uint64_t)state->failed;
		if (r != HF_ECORRUPT)
			return r;
		hf_log(room->work->chats->host, HF_LOG_WARNING, "%s: the job's checkpoint is not used: it is damaged",
		    room->work->path);
		out_clear(&state->cursor);
		state->counted = false;
	}
	if (run->flags & HF_RUN_FULL)
		out_clear(&state->cursor);
	cursor = (struct hf_blob){state->cursor.data, state->cursor.size};
	return state_set_cursor(&state->kept, &cursor, err);
}

int
room_execute(struct work *work, const struct hf_unit *unit, const struct hf_run *run, struct hf_error *err)
{
	const struct tools *tools = &work->chats->tools;
	struct room room = {.work = work,
		.id = unit->id,
		.previous = OUT_INIT(tools, DOCUMENT_MAX),
		.line = OUT_INIT(tools, RECORD_MAX),
		.before = OUT_INIT(tools, 2 * RECORD_MAX),
		.checkpoint = OUT_INIT(tools, 16 * STATE_CURSOR_MAX)};
	int r;

	state_init(&room.state, tools);
	r = tools->json->object(unit->data.data, unit->data.size, member_names, R_COUNT, room.members, err);
	if (r == HF_OK && (room.members[R_ID].type != HF_JSON_STRING || unit->id.data == NULL))
		r = hf_error_set(err, HF_EINVAL, 0, "%s: the unit is not one that this strategy planned", work->path);
	if (r == HF_OK)
		r = find_start(&room, run, err);
	if (r == HF_OK)
		r = back_up_messages(&room, err);
	if (r == HF_OK)
		r = participants_write(work, &unit->id, room_mtime(&room), err);
	if (r == HF_OK)
		r = write_document(&room, err);
	state_release(&room.state);
	out_release(&room.previous);
	out_release(&room.line);
	out_release(&room.before);
	out_release(&room.checkpoint);
	return r;
}

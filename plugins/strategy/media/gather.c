/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#define PAGE        500u
#define VERSION_HEX 32u /* digits of a folder's version that are kept */
#define CURSOR_MAX  (256u << 10)
#define ROOM_MAX    (16u << 20)
#define PATH_SIZE   (3 * HF_COMPONENT_SIZE + 64)

static const char attachments_name[] = "\"attachments\":";

struct gather {
	struct work *work;
	char chats[HF_COMPONENT_SIZE + 16]; /* "/chats/ACCOUNT/rooms" */
	uint8_t chain[64];                  /* the digest so far, then that of the next room */
	bool found;                         /* the account has rooms there */
	/* The room under way. */
	char folder[HF_COMPONENT_SIZE];
	char messages[VERSION_HEX + 1]; /* version of its log; "" none */
	struct bytes id;                 /* JSON with quotes */
	uint64_t lines;
	struct bytes ref, attachment, cursor;
	struct list *list; /* of the source's rooms */
};

/* ---- one message ---- */

static int
add_ref(struct gather *gather, const struct hf_text *message, int64_t sent_ns, const char *attachment, size_t size,
    uint64_t ordinal, struct hf_error *err)
{
	const struct tools *tools = &gather->work->media->tools;
	const struct hf_text folder = {gather->folder, strlen(gather->folder), HF_TEXT_UTF8, 0};
	struct hf_error why = HF_ERROR_INIT;
	struct bytes *out = &gather->ref;
	int r;

	bytes_clear(out);
	bytes_string(out, "{\"folder\":");
	text_json(out, tools, &folder);
	bytes_string(out, ",\"room\":");
	bytes_put(out, gather->id.data, gather->id.size);
	text_member(out, tools, "message", message);
	text_time(out, tools, "sent_at", sent_ns);
	bytes_string(out, ",\"ordinal\":");
	text_number(out, (int64_t)ordinal);
	bytes_string(out, ",\"attachment\":");
	bytes_put(out, attachment, size);
	bytes_string(out, "}");
	r = bytes_status(out, "what an attachment tells of itself", &why);
	if (r == HF_ERANGE)
		return gather->work->emitter->failed(gather->work->emitter->ctx, gather->folder, &why, err);
	return r == HF_OK ? list_add(gather->work->refs, out, err) : hf_error_set(err, r, 0, "%s", why.msg);
}

/* Whether a line may have attachments, so that most are not looked at more closely. */
static bool
may_have(const char *line, uint64_t size)
{
	const char *at = line, *end = line + size;
	size_t name = sizeof(attachments_name) - 1;

	while ((at = memchr(at, '[', (size_t)(end - at))) != NULL) {
		if ((size_t)(at - line) > name && memcmp(at - name, attachments_name, name) == 0)
			return true;
		at++;
	}
	return false;
}

static int
take_line(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	static const char *const names[] = {"id", "sent_at", "attachments"};
	struct gather *gather = ctx;
	const struct tools *tools = &gather->work->media->tools;
	struct hf_json_value v[3], name, value;
	struct hf_text id;
	uint64_t pos = 0, ordinal;
	int64_t sent_ns;
	int r = HF_OK;

	gather->lines++;
	if (gather->lines % 1024 == 0)
		r = work_go_on(gather->work, err);
	/* A line that is none of ours has nothing for us either. */
	if (r != HF_OK || !may_have(data, size) || tools->json->object(data, size, names, 3, v, NULL) != HF_OK ||
	    v[0].type != HF_JSON_STRING || v[2].type != HF_JSON_ARRAY)
		return r;
	id = value_text(&v[0]);
	sent_ns = v[1].type == HF_JSON_STRING ? tools->write->parse_time(v[1].data, v[1].size) : HF_NO_TIME;
	for (ordinal = 0; r == HF_OK && tools->json->next(&v[2], &pos, &name, &value, NULL) == 1; ordinal++)
		r = add_ref(gather, &id, sent_ns, value.data, (size_t)value.size, ordinal, err);
	return r;
}

/* ---- a room of the snapshot ---- */

static int
take_messages(void *ctx, const struct hf_entry *entry, struct hf_error *err)
{
	struct gather *gather = ctx;

	(void)err;
	if (entry->is_folder && strcmp(entry->name, "messages") == 0)
		hex_put(entry->version, VERSION_HEX / 2, gather->messages);
	return HF_OK;
}

/* The room's id as its room.json has it; the folder's name where that cannot be told. */
static int
find_id(struct gather *gather, const char *path, const char *component, struct hf_error *err)
{
	static const char *const names[] = {"id"};
	const struct hf_snapshot_view *snapshot = gather->work->emitter->snapshot;
	const struct tools *tools = &gather->work->media->tools;
	struct bytes document = BYTES_INIT(ROOM_MAX);
	struct hf_sink sink = bytes_sink(&document);
	struct hf_error why = HF_ERROR_INIT;
	struct hf_text text = {component, strlen(component), HF_TEXT_UTF8, 0};
	struct hf_json_value id;
	char file[PATH_SIZE + 16];
	int r;

	(void)snprintf(file, sizeof(file), "%s/room.json", path);
	r = snapshot->file(snapshot->ctx, file, &sink, &why);
	if (r == HF_OK && tools->json->object(document.data, document.size, names, 1, &id, NULL) == HF_OK &&
	    id.type == HF_JSON_STRING)
		text = value_text(&id);
	if (r == HF_ENOTFOUND || r == HF_ECORRUPT || r == HF_ERANGE)
		r = HF_OK;
	if (r == HF_OK) {
		bytes_clear(&gather->id);
		text_json(&gather->id, tools, &text);
		r = bytes_status(&gather->id, "a room's id", &why);
	}
	bytes_release(&document);
	return r == HF_OK ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

/* What the index says of the room: the versions then, and how many lines were read. */
struct before {
	char room[VERSION_HEX + 1], messages[VERSION_HEX + 1];
	uint64_t lines;
	struct bytes cursor; /* digits */
};

static void
take_word(const struct hf_json_value *value, char *out, size_t size)
{
	out[0] = '\0';
	if (value->type != HF_JSON_STRING || value->size >= size)
		return;
	memcpy(out, value->data, (size_t)value->size);
	out[value->size] = '\0';
}

static int
find_before(struct gather *gather, struct before *ret, struct hf_error *err)
{
	static const char *const names[] = {"version", "messages", "lines", "cursor"};
	const struct tools *tools = &gather->work->media->tools;
	struct bytes line = BYTES_INIT(2 * REF_LINE_MAX);
	struct hf_error why = HF_ERROR_INIT;
	struct hf_json_value v[4];
	int r = index_before(gather->work, "room", gather->folder, &line, &why);

	memset(ret->room, 0, sizeof(ret->room));
	memset(ret->messages, 0, sizeof(ret->messages));
	ret->lines = 0;
	if (r == HF_OK && tools->json->object(line.data, line.size, names, 4, v, NULL) == HF_OK) {
		take_word(&v[0], ret->room, sizeof(ret->room));
		take_word(&v[1], ret->messages, sizeof(ret->messages));
		ret->lines = (uint64_t)value_number(&v[2], 0);
		if (v[3].type == HF_JSON_STRING)
			bytes_put(&ret->cursor, v[3].data, (size_t)v[3].size);
	}
	bytes_release(&line);
	if (r == HF_ENOTFOUND || r == HF_ECORRUPT)
		return HF_OK;
	return r == HF_OK ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

/* Notes the record of a room, for when all that was found in it is dealt with. */
static int
keep_room(struct gather *gather, const char *members, struct hf_error *err)
{
	struct bytes *out = &gather->ref;
	int r;

	bytes_clear(out);
	bytes_string(out, gather->folder);
	bytes_string(out, " ,\"room\":");
	bytes_put(out, gather->id.data, gather->id.size);
	bytes_string(out, members);
	bytes_string(out, "}");
	r = bytes_status(out, "the record of a room", err);
	return r == HF_OK ? list_add(gather->work->rooms, out, err) : r;
}

static int
read_log(struct gather *gather, const char *path, uint64_t first, struct hf_error *err)
{
	const struct hf_snapshot_view *snapshot = gather->work->emitter->snapshot;
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, gather, take_line};

	gather->lines = first;
	return snapshot->log(snapshot->ctx, path, first, &sink, err);
}

static int
read_room(struct gather *gather, const char *component, const char *version, uint64_t first, struct hf_error *err)
{
	const struct hf_emitter *emitter = gather->work->emitter;
	struct hf_error why = HF_ERROR_INIT;
	char path[PATH_SIZE], members[3 * VERSION_HEX + 64];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", gather->chats, component);
	r = find_id(gather, path, component, err);
	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s/messages", gather->chats, component);
	r = read_log(gather, path, first, &why);
	/* The log is not what it was, so all of it is looked at again; what is stored is known. */
	if (first > 0 && (r == HF_ERANGE || r == HF_ECORRUPT))
		r = read_log(gather, path, 0, &why);
	if (r == HF_ECORRUPT || r == HF_ENOTFOUND)
		return emitter->failed(emitter->ctx, path, &why, err);
	if (r != HF_OK) {
		if (err != NULL)
			*err = why;
		return r;
	}
	(void)snprintf(members, sizeof(members), ",\"version\":\"%s\",\"messages\":\"%s\",\"lines\":%llu", version,
	    gather->messages, (unsigned long long)gather->lines);
	return keep_room(gather, members, err);
}

static int
take_room(void *ctx, const struct hf_entry *entry, struct hf_error *err)
{
	struct gather *gather = ctx;
	const struct hf_snapshot_view *snapshot = gather->work->emitter->snapshot;
	struct before before = {.cursor = BYTES_INIT(2 * CURSOR_MAX)};
	char version[VERSION_HEX + 1], path[PATH_SIZE];
	bool full = gather->work->full;
	int r;

	if (!entry->is_folder)
		return HF_OK;
	hex_put(entry->version, VERSION_HEX / 2, version);
	ref_folder(entry->name, gather->folder);
	r = find_before(gather, &before, err);
	bytes_release(&before.cursor);
	if (r != HF_OK || (!full && strcmp(before.room, version) == 0))
		return r;
	gather->messages[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s", gather->chats, entry->name);
	r = snapshot->list(snapshot->ctx, path, take_messages, gather, err);
	/* Other files of the room change each time it is looked at. */
	if (r != HF_OK || gather->messages[0] == '\0' || (!full && strcmp(before.messages, gather->messages) == 0))
		return r;
	return read_room(gather, entry->name, version, full ? 0 : before.lines, err);
}

static int
digest_room(void *ctx, const struct hf_entry *entry, struct hf_error *err)
{
	struct gather *gather = ctx;
	const struct tools *tools = &gather->work->media->tools;
	uint8_t text[32 + 32 + HF_COMPONENT_SIZE];
	size_t size = strlen(entry->name);

	if (!entry->is_folder || size >= HF_COMPONENT_SIZE)
		return HF_OK;
	memcpy(text, gather->chain, 32);
	memcpy(text + 32, entry->version, 32);
	memcpy(text + 64, entry->name, size);
	return tools->write->sha256(text, 64 + size, gather->chain, err);
}

static int
from_chats(struct gather *gather, const char *digest_before, char ret_digest[65], bool *ret_same, struct hf_error *err)
{
	const struct hf_snapshot_view *snapshot = gather->work->emitter->snapshot;
	int r = snapshot->list(snapshot->ctx, gather->chats, digest_room, gather, err);

	if (r != HF_OK)
		return r;
	hex_put(gather->chain, 32, ret_digest);
	*ret_same = !gather->work->full && strcmp(digest_before, ret_digest) == 0;
	return *ret_same ? HF_OK : snapshot->list(snapshot->ctx, gather->chats, take_room, gather, err);
}

/* ---- from the source, where the snapshot has no chats ---- */

static int
source_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	const struct gather *gather = ctx;
	const struct hf_emitter *emitter = gather->work->emitter;

	return emitter->failed(emitter->ctx, where, why, err);
}

static int
source_room(void *ctx, const struct hf_room *room, struct hf_error *err)
{
	struct gather *gather = ctx;
	const struct tools *tools = &gather->work->media->tools;
	struct bytes id = BYTES_INIT(REF_LINE_MAX);
	char component[HF_COMPONENT_SIZE], folder[HF_COMPONENT_SIZE];
	int r;

	if (room->id.data == NULL || room->id.size == 0)
		return HF_OK;
	text_decoded(&id, tools, &room->id);
	r = bytes_status(&id, "a room's id", err);
	if (r == HF_OK)
		r = tools->write->component(id.data, id.size, component, err);
	if (r == HF_OK) {
		ref_folder(component, folder);
		bytes_clear(&gather->ref);
		bytes_string(&gather->ref, "{\"folder\":\"");
		bytes_string(&gather->ref, folder);
		bytes_string(&gather->ref, "\"");
		text_member(&gather->ref, tools, "room", &room->id);
		bytes_string(&gather->ref, "}");
		r = bytes_status(&gather->ref, "a room's id", err);
	}
	if (r == HF_OK)
		r = list_add(gather->list, &gather->ref, err);
	bytes_release(&id);
	return r == HF_ERANGE ? HF_OK : r;
}

static int
source_message(void *ctx, const struct hf_message *message, struct hf_error *err)
{
	struct gather *gather = ctx;
	const struct tools *tools = &gather->work->media->tools;
	uint64_t i;
	int r = HF_OK;

	if (message->id.data == NULL || message->id.size == 0 || (message->flags & HF_MESSAGE_DELETED) != 0)
		return HF_OK;
	for (i = 0; r == HF_OK && i < message->attachment_count; i++) {
		bytes_clear(&gather->attachment);
		ref_put_attachment(&gather->attachment, tools, &message->attachments[i]);
		r = bytes_status(&gather->attachment, "an attachment", err);
		if (r == HF_OK)
			r = add_ref(gather, &message->id, message->sent_ns, gather->attachment.data,
			    gather->attachment.size, i, err);
		else if (r == HF_ERANGE)
			r = source_failed(gather, gather->folder, err, err);
	}
	return r;
}

static int
source_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct gather *gather = ctx;
	char hex[3];
	uint64_t i;

	bytes_clear(&gather->cursor);
	for (i = 0; i < cursor->size; i++) {
		hex_put((const uint8_t *)cursor->data + i, 1, hex);
		bytes_put(&gather->cursor, hex, 2);
	}
	/* One that is too long to keep costs reading again. */
	if (gather->cursor.failed == HF_ERANGE)
		bytes_clear(&gather->cursor);
	return work_go_on(gather->work, err);
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* The bytes of a cursor's digits, in its place. */
static void
decode_cursor(struct bytes *cursor)
{
	size_t i;

	for (i = 0; i + 1 < cursor->size; i += 2)
		cursor->data[i / 2] = (char)(digit(cursor->data[i]) << 4 | digit(cursor->data[i + 1]));
	cursor->size /= 2;
}

static int
read_source_room(struct gather *gather, const struct hf_text *room, struct hf_error *err)
{
	const struct hf_source_view *view = gather->work->view;
	const struct hf_record_sink sink = {.struct_size = (uint32_t)sizeof(sink), .ctx = gather,
	    .message = source_message, .checkpoint = source_checkpoint, .failed = source_failed};
	struct hf_query query = {.struct_size = (uint32_t)sizeof(query), .what = HF_QUERY_MESSAGES, .page = PAGE,
	    .room = *room};
	struct before before = {.cursor = BYTES_INIT(2 * CURSOR_MAX)};
	struct bytes members = BYTES_INIT(2 * CURSOR_MAX + 64);
	struct hf_error why = HF_ERROR_INIT;
	int r = find_before(gather, &before, err);

	if (r != HF_OK)
		goto out;
	bytes_clear(&gather->cursor);
	if (!gather->work->full) {
		bytes_put(&gather->cursor, before.cursor.data, before.cursor.size);
		decode_cursor(&before.cursor);
		query.cursor = (struct hf_blob){before.cursor.data, before.cursor.size};
	}
	r = view->enumerate(view->ctx, &query, &sink, &why);
	if (r != HF_OK && !HF_IS_CONTROL(r) && r != HF_ENOMEM) {
		/* The others go on, and this one is read again next time. */
		r = source_failed(gather, gather->folder, &why, err);
		goto out;
	}
	if (r != HF_OK) {
		if (err != NULL)
			*err = why;
		goto out;
	}
	bytes_string(&members, ",\"cursor\":\"");
	bytes_put(&members, gather->cursor.data, gather->cursor.size);
	bytes_string(&members, "\"");
	if (bytes_text(&members) != NULL)
		r = keep_room(gather, members.data, err);
	else
		r = bytes_status(&members, "a cursor", err);
out:
	bytes_release(&before.cursor);
	bytes_release(&members);
	return r;
}

static int
from_source(struct gather *gather, struct hf_error *err)
{
	static const char *const names[] = {"folder", "room"};
	const struct work *work = gather->work;
	const struct tools *tools = &work->media->tools;
	const struct hf_record_sink sink = {.struct_size = (uint32_t)sizeof(sink), .ctx = gather, .room = source_room,
	    .failed = source_failed};
	const struct hf_query query = {.struct_size = (uint32_t)sizeof(query), .what = HF_QUERY_ROOMS};
	struct bytes id = BYTES_INIT(REF_LINE_MAX);
	struct hf_json_value v[2];
	struct hf_text room;
	const char *line;
	size_t size;
	int r = list_open(work->media, work->view->account, "source", &gather->list, err);

	if (r == HF_OK)
		r = work->view->enumerate(work->view->ctx, &query, &sink, err);
	while (r == HF_OK && (r = list_next(gather->list, &line, &size, err)) == HF_OK) {
		r = tools->json->object(line, size, names, 2, v, err);
		if (r != HF_OK)
			break;
		take_word(&v[0], gather->folder, sizeof(gather->folder));
		room = value_text(&v[1]);
		bytes_clear(&id);
		text_decoded(&id, tools, &room);
		bytes_clear(&gather->id);
		text_json(&gather->id, tools, &room);
		r = bytes_status(&id, "a room's id", err);
		room = (struct hf_text){id.data, id.size, HF_TEXT_UTF8, 0};
		if (r == HF_OK)
			r = read_source_room(gather, &room, err);
	}
	list_free(gather->list);
	bytes_release(&id);
	return r == HF_ENOTFOUND || r == HF_ENOTSUP ? HF_OK : r;
}

/* ---- */

int
gather(struct work *work, const char *digest_before, char ret_digest[65], bool *ret_same, struct hf_error *err)
{
	struct gather gather = {.work = work, .id = BYTES_INIT(REF_LINE_MAX), .ref = BYTES_INIT(2 * REF_LINE_MAX),
	    .attachment = BYTES_INIT(REF_LINE_MAX), .cursor = BYTES_INIT(2 * CURSOR_MAX)};
	struct hf_error why = HF_ERROR_INIT;
	char name[HF_COMPONENT_SIZE];
	int r = work->media->tools.write->component(work->view->account, strlen(work->view->account), name, err);

	if (r != HF_OK)
		return r;
	(void)snprintf(gather.chats, sizeof(gather.chats), "/chats/%s/rooms", name);
	ret_digest[0] = '\0';
	*ret_same = false;
	r = from_chats(&gather, digest_before, ret_digest, ret_same, &why);
	if (r == HF_ENOTFOUND)
		r = from_source(&gather, &why);
	bytes_release(&gather.id);
	bytes_release(&gather.ref);
	bytes_release(&gather.attachment);
	bytes_release(&gather.cursor);
	if (r != HF_OK && err != NULL)
		*err = why;
	return r;
}

/* ---- what is to be tried again ---- */

struct again {
	struct work *work;
	struct bytes line;
};

static int
take_again(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct again *again = ctx;
	struct work *work = again->work;
	const struct tools *tools = &work->media->tools;
	struct entry entry = {.text = BYTES_INIT(1)};
	int r;

	if (index_take(tools, data, (size_t)size, &entry, NULL) != HF_OK ||
	    (entry.state != STATE_FAILED && !(entry.state == STATE_SKIPPED && entry.too_large)))
		return HF_OK;
	/* It may have become another state since; that is looked at when its turn comes. */
	if (entry.state == STATE_FAILED && entry.next_try_ns > work->now_ns && !work->full) {
		if (work->next_try_ns == HF_NO_TIME || entry.next_try_ns < work->next_try_ns)
			work->next_try_ns = entry.next_try_ns;
		return HF_OK;
	}
	bytes_clear(&again->line);
	entry.ref.retry = true;
	ref_put(&again->line, tools, &entry.ref);
	r = bytes_status(&again->line, "a reference", err);
	return r == HF_OK ? list_add(work->refs, &again->line, err) : r;
}

int
gather_again(struct work *work, struct hf_error *err)
{
	const struct hf_snapshot_view *snapshot = work->emitter->snapshot;
	struct again again = {work, BYTES_INIT(2 * REF_LINE_MAX)};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &again, take_again};
	struct hf_error why = HF_ERROR_INIT;
	char path[PATH_SIZE];
	int r;

	(void)snprintf(path, sizeof(path), "%s/index", work->path);
	r = snapshot->log(snapshot->ctx, path, 0, &sink, &why);
	bytes_release(&again.line);
	if (r == HF_ENOTFOUND || r == HF_ECORRUPT)
		return HF_OK;
	if (r != HF_OK && err != NULL)
		*err = why;
	return r;
}

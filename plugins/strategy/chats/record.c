/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

/* The op is written last, right before what follows it; this holds the longest. */
#define OP_SPACE 24

static const struct {
	const char *text;
	size_t size;
} heads[] = {
#define HEAD(op) {"{\"op\":\"" op "\",", sizeof("{\"op\":\"" op "\",") - 1}
	[OP_MESSAGE] = HEAD("message"),
	[OP_EDIT] = HEAD("edit"),
	[OP_REACTION] = HEAD("reaction"),
	[OP_UPDATE] = HEAD("update"),
	[OP_DELETE] = HEAD("delete"),
	[OP_PERSON] = HEAD("person"),
#undef HEAD
};

void
record_set_op(struct out *out, enum record_op op, struct hf_line *line)
{
	size_t size = heads[op].size;
	char *start = out->data + OP_SPACE - size;

	memcpy(start, heads[op].text, size);
	/* The id comes first in what follows. */
	line->data = start;
	line->size = size + out->size - OP_SPACE;
	line->rest_offset = size;
	line->id_offset = size + sizeof("\"id\":\"") - 1;
}

/* Begins a record: the space for its op, and its id. */
static int
begin(struct out *out, const struct hf_text *id, struct hf_line *line, struct hf_error *err)
{
	if (id->data == NULL || id->size == 0)
		return hf_error_set(err, HF_EINVAL, 0, "it has no id");
	out_clear(out);
	if (out_reserve(out, OP_SPACE + 512))
		out->size = OP_SPACE;
	out_literal(out, "\"id\":");
	out_id(out, id);
	line->id_size = out->size - OP_SPACE - (sizeof("\"id\":\"\"") - 1);
	return HF_OK;
}

static int
end(struct out *out, const struct hf_blob *raw, bool compact, enum record_op op, struct hf_line *line,
    struct hf_error *err)
{
	int r;

	if (raw->size > 0) {
		out_literal(out, ",\"raw\":");
		if (compact)
			out_put(out, raw->data, (size_t)raw->size);
		else
			out_json(out, raw);
	}
	out_literal(out, "}");
	r = out_status(out, "the record", err);
	if (r == HF_OK)
		record_set_op(out, op, line);
	return r;
}

/* A member that may be missing; name with comma, quotes and colon. */
#define member_text(out, name, text)                                                                  \
	do {                                                                                          \
		if ((text)->data != NULL) {                                                           \
			out_literal((out), name);                                                     \
			out_text((out), (text));                                                      \
		}                                                                                     \
	} while (0)

#define member_id(out, name, id)                                                                      \
	do {                                                                                          \
		if ((id)->data != NULL) {                                                             \
			out_literal((out), name);                                                     \
			out_id((out), (id));                                                          \
		}                                                                                     \
	} while (0)

#define member_time(out, name, ns)                                                                    \
	do {                                                                                          \
		if ((ns) != HF_NO_TIME) {                                                             \
			out_literal((out), name);                                                     \
			out_time((out), (ns));                                                        \
		}                                                                                     \
	} while (0)

#define member_number(out, name, number)                                                              \
	do {                                                                                          \
		if ((number) >= 0) {                                                                  \
			out_literal((out), name);                                                     \
			out_number((out), (number));                                                  \
		}                                                                                     \
	} while (0)

static void
put_reaction(struct out *out, const struct hf_reaction *reaction)
{
	static const struct hf_text none = {"", 0, HF_TEXT_UTF8, 0};
	uint64_t i;

	out_literal(out, "{\"key\":");
	out_text(out, reaction->key.data == NULL ? &none : &reaction->key);
	if (reaction->senders != NULL && reaction->sender_count > 0) {
		out_literal(out, ",\"senders\":");
		for (i = 0; i < reaction->sender_count && out->failed == HF_OK; i++) {
			out_put(out, i == 0 ? "[" : ",", 1);
			out_id(out, reaction->senders[i].data == NULL ? &none : &reaction->senders[i]);
		}
		out_literal(out, "]");
	}
	out_literal(out, ",\"count\":");
	out_number(out, reaction->count > INT64_MAX ? INT64_MAX : (int64_t)reaction->count);
	out_literal(out, "}");
}

/* The members of an object whose first one is not known yet: each brings its comma. */
static void
put_attachment(struct out *out, const struct hf_attachment *a)
{
	size_t start = out->size;

	member_id(out, ",\"id\":", &a->id);
	member_text(out, ",\"kind\":", &a->kind);
	member_text(out, ",\"name\":", &a->name);
	member_text(out, ",\"mime\":", &a->mime);
	member_text(out, ",\"url\":", &a->url);
	member_text(out, ",\"path\":", &a->path);
	member_text(out, ",\"missing\":", &a->missing);
	member_number(out, ",\"size\":", a->size);
	member_number(out, ",\"width\":", a->width);
	member_number(out, ",\"height\":", a->height);
	member_number(out, ",\"duration_ms\":", a->duration_ms);
	member_time(out, ",\"expires_at\":", a->expires_ns);
	if (out->failed != HF_OK)
		return;
	if (out->size == start)
		out_literal(out, "{");
	else
		out->data[start] = '{';
	out_literal(out, "}");
}

static void
put_lists(struct out *out, const struct hf_message *m)
{
	uint64_t i;

	if (m->reaction_count > 0) {
		out_literal(out, ",\"reactions\":");
		for (i = 0; i < m->reaction_count && out->failed == HF_OK; i++) {
			out_put(out, i == 0 ? "[" : ",", 1);
			put_reaction(out, &m->reactions[i]);
		}
		out_literal(out, "]");
	}
	if (m->attachment_count > 0) {
		out_literal(out, ",\"attachments\":");
		for (i = 0; i < m->attachment_count && out->failed == HF_OK; i++) {
			out_put(out, i == 0 ? "[" : ",", 1);
			put_attachment(out, &m->attachments[i]);
		}
		out_literal(out, "]");
	}
}

int
record_of_message(struct out *out, const struct hf_message *m, struct hf_line *line, int64_t *ret_newest_ns,
    struct hf_error *err)
{
	enum record_op op = m->flags & HF_MESSAGE_DELETED ? OP_DELETE : OP_MESSAGE;
	int64_t newest = m->sent_ns;
	int r = begin(out, &m->id, line, err);

	if (r != HF_OK)
		return r;
	member_id(out, ",\"sender\":", &m->sender);
	member_time(out, ",\"sent_at\":", m->sent_ns);
	if (op == OP_DELETE) {
		/* One of the two is there, so that a tombstone never equals the message that was. */
		member_time(out, ",\"deleted_at\":", m->deleted_ns);
		if (m->deleted_ns == HF_NO_TIME)
			out_literal(out, ",\"deleted\":true");
		newest = m->deleted_ns > newest ? m->deleted_ns : newest;
	} else {
		member_time(out, ",\"edited_at\":", m->edited_ns);
		member_text(out, ",\"kind\":", &m->kind);
		member_text(out, ",\"text\":", &m->text);
		member_id(out, ",\"reply_to\":", &m->reply_to);
		member_id(out, ",\"thread\":", &m->thread);
		put_lists(out, m);
		newest = m->edited_ns > newest ? m->edited_ns : newest;
	}
	/* HF_NO_TIME is the least of all; a file needs some time. */
	line->time_ns = newest == HF_NO_TIME ? 0 : newest;
	*ret_newest_ns = newest;
	return end(out, &m->raw, (m->flags & HF_MESSAGE_RAW_COMPACT) != 0, op, line, err);
}

int
record_of_person(struct out *out, const struct hf_participant *person, struct hf_line *line, struct hf_error *err)
{
	int r = begin(out, &person->id, line, err);

	if (r != HF_OK)
		return r;
	member_text(out, ",\"name\":", &person->name);
	line->time_ns = 0;
	return end(out, &person->raw, false, OP_PERSON, line, err);
}

enum { M_TEXT, M_EDITED_AT, M_ATTACHMENTS, M_SENDER, M_SENT_AT, M_KIND, M_REPLY_TO, M_THREAD, M_REACTIONS, M_OP,
	M_COUNT };

static bool
same(const struct hf_json_value *a, const struct hf_json_value *b)
{
	return a->type == b->type && (a->type == HF_JSON_NONE ||
	    (a->size == b->size && memcmp(a->data, b->data, (size_t)a->size) == 0));
}

enum record_op
record_change(const struct tools *tools, const char *before, size_t before_size, const struct hf_line *now)
{
	static const char *const names[M_COUNT] = {"text", "edited_at", "attachments", "sender", "sent_at", "kind",
	    "reply_to", "thread", "reactions", "op"};
	struct hf_json_value old[M_COUNT], new[M_COUNT];
	bool others = true;
	int i;

	if (tools->json->object(before, before_size, names, M_COUNT, old, NULL) != HF_OK ||
	    tools->json->object(now->data, now->size, names, M_COUNT, new, NULL) != HF_OK)
		return OP_UPDATE;
	if (old[M_OP].size == 6 && memcmp(old[M_OP].data, "delete", 6) == 0)
		return OP_MESSAGE;
	if (!same(&old[M_TEXT], &new[M_TEXT]) || !same(&old[M_EDITED_AT], &new[M_EDITED_AT]) ||
	    !same(&old[M_ATTACHMENTS], &new[M_ATTACHMENTS]))
		return OP_EDIT;
	for (i = M_SENDER; i < M_REACTIONS; i++)
		others = others && same(&old[i], &new[i]);
	return others && !same(&old[M_REACTIONS], &new[M_REACTIONS]) ? OP_REACTION : OP_UPDATE;
}

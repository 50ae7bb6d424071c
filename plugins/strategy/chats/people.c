/* SPDX-License-Identifier: BSD-2-Clause */
#include "chats.h"

#include <stdlib.h>

#include "record.h"

/* Of one room; the people of a larger one are in the account's list of people only. */
#define PARTICIPANTS_MAX (4u << 20)

/* ---- all people of the account ---- */

struct people {
	struct work *work;
	struct out line;
	bool open;
};

static int
push_person(struct people *people, const struct hf_line *line, struct hf_error *err)
{
	const struct hf_emitter *emitter = people->work->emitter;
	struct hf_line changed = *line;
	int known;

	if (!people->open) {
		known = emitter->log_open(emitter->ctx, "records", err);
		if (known != HF_OK)
			return known;
		people->open = true;
	}
	known = emitter->log_known(emitter->ctx, line, err);
	if (known == HF_KNOWN_CHANGED)
		record_set_op(&people->line, OP_UPDATE, &changed);
	if (known == HF_KNOWN_NEW || known == HF_KNOWN_CHANGED)
		return emitter->log_append(emitter->ctx, &changed, err);
	return known < 0 ? known : HF_OK;
}

static int
people_participant(void *ctx, const struct hf_participant *person, struct hf_error *err)
{
	struct people *people = ctx;
	struct hf_error why = HF_ERROR_INIT;
	struct hf_line line;
	int r = record_of_person(&people->line, person, &line, &why);

	if (r == HF_ENOMEM)
		return hf_error_set(err, r, 0, "%s", why.msg);
	if (r != HF_OK)
		return work_failed(people->work, "person", &person->id, &why, err);
	r = push_person(people, &line, err);
	return r == HF_OK ? work_done(people->work, person->raw.size, err) : r;
}

static int
people_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	struct people *people = ctx;

	return work_failed_at(people->work, where, why, err);
}

int
people_execute(struct work *work, struct hf_error *err)
{
	struct people people = {work, OUT_INIT(&work->chats->tools, RECORD_MAX), false};
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = &people, .participant = people_participant,
	    .failed = people_failed};
	struct hf_query query = {sizeof(query), HF_QUERY_PARTICIPANTS, 0, 0, {NULL, 0, HF_TEXT_UTF8, 0}, {NULL, 0}};
	uint64_t appended;
	int64_t newest_ns;
	int r = work->view->enumerate(work->view->ctx, &query, &sink, err);

	/* A source that does not know its people tells their ids with the messages. */
	if (r == HF_ENOTSUP && !people.open)
		r = HF_OK;
	if (r == HF_OK && people.open)
		r = work->emitter->log_close(work->emitter->ctx, &appended, &newest_ns, err);
	if (r == HF_OK)
		r = work_tell(work, err);
	out_release(&people.line);
	return r;
}

/* ---- the people of one room ---- */

/* One object of the list, {"id":"...","name":"..."}; the id's JSON text is what they are sorted by. */
struct entry {
	size_t at;        /* in members.text */
	const char *text; /* the same, once that does not move any more */
	uint32_t size;
	uint32_t id_size;
};

struct members {
	struct work *work;
	struct out text;
	struct entry *entries;
	size_t count;
	size_t capacity;
};

static int
members_participant(void *ctx, const struct hf_participant *person, struct hf_error *err)
{
	struct members *members = ctx;
	struct out *text = &members->text;
	struct entry *entries, entry = {text->size, NULL, 0, 0};
	struct hf_error why = HF_ERROR_INIT;
	size_t capacity = members->capacity == 0 ? 16 : members->capacity * 2;

	if (person->id.data == NULL || person->id.size == 0) {
		(void)hf_error_set(&why, HF_EINVAL, 0, "a participant has no id");
		return work_failed(members->work, "participant", NULL, &why, err);
	}
	if (members->count == members->capacity) {
		entries = realloc(members->entries, capacity * sizeof(*entries));
		if (entries == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", members->work->path);
		members->entries = entries;
		members->capacity = capacity;
	}
	out_literal(text, "{\"id\":");
	out_id(text, &person->id);
	entry.id_size = (uint32_t)(text->size - entry.at);
	if (person->name.data != NULL) {
		out_literal(text, ",\"name\":");
		out_text(text, &person->name);
	}
	out_literal(text, "}");
	entry.size = (uint32_t)(text->size - entry.at);
	members->entries[members->count++] = entry;
	return out_status(text, "the room's participants", err);
}

static int
members_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	struct members *members = ctx;

	return work_failed_at(members->work, where, why, err);
}

static int
compare_ids(const struct entry *a, const struct entry *b)
{
	int order = memcmp(a->text, b->text, a->id_size < b->id_size ? a->id_size : b->id_size);

	return order != 0 ? order : (a->id_size > b->id_size) - (a->id_size < b->id_size);
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = compare_ids(x, y);

	/* Of the same id the later one comes first, and is the one that counts. */
	return order != 0 ? order : (x->at < y->at) - (x->at > y->at);
}

static int
put_list(struct members *members, struct out *out, struct hf_error *err)
{
	struct entry *entries = members->entries;
	size_t i, written = 0;

	for (i = 0; i < members->count; i++)
		entries[i].text = members->text.data + entries[i].at;
	if (members->count > 0)
		qsort(entries, members->count, sizeof(*entries), compare_entries);
	out_literal(out, "{\"schema\":\"holdfast.participants/1\",\"participants\":[");
	for (i = 0; i < members->count; i++) {
		if (i > 0 && compare_ids(&entries[i - 1], &entries[i]) == 0)
			continue;
		out_string(out, written++ > 0 ? ",\n" : "\n");
		out_put(out, entries[i].text, entries[i].size);
	}
	out_literal(out, "\n]}\n");
	return out_status(out, "the room's participants", err);
}

/* Compares what is pushed into it with a text. */
struct comparison {
	const struct out *text;
	size_t at;
	bool same;
};

static int
compare_piece(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct comparison *comparison = ctx;

	(void)err;
	if (size > comparison->text->size - comparison->at ||
	    memcmp(comparison->text->data + comparison->at, data, (size_t)size) != 0)
		comparison->same = false;
	else
		comparison->at += (size_t)size;
	return HF_OK;
}

static int
write_list(struct members *members, int64_t mtime_ns, struct hf_error *err)
{
	struct work *work = members->work;
	struct out list = OUT_INIT(&work->chats->tools, 2 * PARTICIPANTS_MAX);
	struct comparison comparison = {&list, 0, true};
	struct hf_sink sink = {sizeof(sink), 0, &comparison, compare_piece};
	struct hf_blob blob;
	int r = put_list(members, &list, err);

	if (r != HF_OK)
		goto out;
	r = work_previous(work, "participants.json", &sink, err);
	if (r == HF_OK && comparison.same && comparison.at == list.size)
		goto out;
	if (r == HF_ENOTFOUND && members->count == 0)
		r = HF_OK;
	else if (r == HF_OK || r == HF_ENOTFOUND) {
		blob = (struct hf_blob){list.data, list.size};
		r = work->emitter->file(work->emitter->ctx, "participants.json", &blob, mtime_ns, err);
	}
out:
	out_release(&list);
	return r;
}

int
participants_write(struct work *work, const struct hf_text *room, int64_t mtime_ns, struct hf_error *err)
{
	struct members members = {work, OUT_INIT(&work->chats->tools, PARTICIPANTS_MAX), NULL, 0, 0};
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = &members, .participant = members_participant,
	    .failed = members_failed};
	struct hf_query query = {sizeof(query), HF_QUERY_PARTICIPANTS, 0, 0, *room, {NULL, 0}};
	struct hf_error why = HF_ERROR_INIT;
	uint64_t failed = work->failed;
	int r = work->view->enumerate(work->view->ctx, &query, &sink, &why);

	if (r == HF_OK && work->failed == failed)
		r = write_list(&members, mtime_ns, err);
	else if (r == HF_ENOTSUP)
		r = HF_OK;
	/* The messages are worth keeping without a list of who was in the room: it stays as it was. */
	else if (HF_IS_PERMANENT(r) && r != HF_ENOMEM)
		r = work_failed(work, "the list of", &(struct hf_text){"participants", 12, HF_TEXT_UTF8, 0}, &why, err);
	else if (r != HF_OK)
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	free(members.entries);
	out_release(&members.text);
	return r;
}

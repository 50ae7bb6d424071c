/* SPDX-License-Identifier: BSD-2-Clause */
#include "messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_LIMIT 1000  /* documents in an answer that has their names only */
#define GET_LIMIT  100   /* documents that are got by their names at once */
#define TEXT_LIMIT 16384
#define NAMES_MAX  (1u << 20)

/* How a pass goes through a room. */
enum pass {
	PASS_ALL,  /* every document, by name */
	PASS_TIME, /* by time of update */
	PASS_KEYS  /* the names of every document, and those that have changed */
};

static const char *const pass_names[] = {"all", "time", "keys"};

/* Where a room is; as text it is the cursor of its query. */
struct place {
	enum pass pass;
	bool whole;               /* the pass was finished */
	char read[TIME_TEXT_SIZE]; /* the service's time when the pass began */
	int64_t read_ns;
	int64_t since_ns;         /* PASS_KEYS: what was changed after it is wanted */
	struct text at;           /* JSON: the newest value of the updated field; may be empty */
	int64_t at_ns;
	struct text name;         /* of the last document, within a pass */
};

/* Messages under way. */
struct push {
	struct service *service;
	const struct changes *changes;
	struct record *record;
	const struct hf_query *query;
	const struct hf_record_sink *sink;
	struct place place;
	int64_t before_ns; /* when the room was read before; HF_NO_TIME: never */
	bool fresh;        /* something has changed since */
	struct text room;  /* its id */
	struct text parent;
	struct text where;
	struct pager pager;
	struct text names; /* PASS_KEYS: JSON strings, a line each but for the commas */
	uint64_t name_count;
};

/* ---- the cursor ---- */

enum { C_PASS, C_WHOLE, C_READ, C_SINCE, C_AT, C_NAME, C_COUNT };

static const char *const cursor_names[C_COUNT] = {"pass", "whole", "read", "since", "at", "name"};

static bool
take_pass(const struct hf_json_value *text, enum pass *ret)
{
	int i;

	for (i = PASS_ALL; text->type == HF_JSON_STRING && i <= PASS_KEYS; i++) {
		if (text->size == strlen(pass_names[i]) && memcmp(text->data, pass_names[i], (size_t)text->size) == 0) {
			*ret = (enum pass)i;
			return true;
		}
	}
	return false;
}

static int64_t
time_ns(const struct service *s, const struct hf_json_value *text)
{
	return text->type == HF_JSON_STRING ? s->write->parse_time(text->data, text->size) : HF_NO_TIME;
}

/* False: there is none, or none of ours. */
static bool
take_cursor(struct push *p)
{
	const struct service *s = p->service;
	const struct hf_blob *cursor = &p->query->cursor;
	struct place *place = &p->place;
	struct hf_json_value v[C_COUNT];
	struct value at;
	char *name;

	if (cursor->size == 0 || s->json->object(cursor->data, cursor->size, cursor_names, C_COUNT, v, NULL) != HF_OK ||
	    !take_pass(&v[C_PASS], &place->pass) || time_ns(s, &v[C_READ]) == HF_NO_TIME ||
	    v[C_READ].size >= sizeof(place->read))
		return false;
	place->whole = v[C_WHOLE].type == HF_JSON_TRUE;
	memcpy(place->read, v[C_READ].data, (size_t)v[C_READ].size);
	place->read[v[C_READ].size] = '\0';
	place->read_ns = time_ns(s, &v[C_READ]);
	place->since_ns = time_ns(s, &v[C_SINCE]);
	if (v[C_AT].type == HF_JSON_OBJECT) {
		at = value_of(s->json, &v[C_AT]);
		text_put(&place->at, v[C_AT].data, (size_t)v[C_AT].size);
		place->at_ns = value_time(s->write, &at);
	}
	if (v[C_NAME].type == HF_JSON_STRING) {
		name = malloc((size_t)v[C_NAME].size + 1);
		if (name == NULL)
			return false;
		text_put(&place->name, name, (size_t)s->json->decode(v[C_NAME].data, v[C_NAME].size, name));
		free(name);
	}
	return place->at.failed == HF_OK && place->name.failed == HF_OK;
}

static void
put_cursor(const struct push *p, struct text *out)
{
	const struct place *place = &p->place;
	char time[HF_TIME_SIZE];

	text_printf(out, "{\"v\":1,\"pass\":\"%s\",\"whole\":%s,\"read\":\"%s\"", pass_names[place->pass],
	    place->whole ? "true" : "false", place->read);
	if (place->pass == PASS_KEYS && place->since_ns != HF_NO_TIME && !place->whole)
		text_printf(out, ",\"since\":\"%.*s\"", (int)p->service->write->time(place->since_ns, time), time);
	if (place->at.size > 0) {
		text_string(out, ",\"at\":");
		text_put(out, place->at.data, place->at.size);
	}
	if (!place->whole && place->name.size > 0) {
		text_string(out, ",\"name\":");
		text_json(out, place->name.data, place->name.size);
	}
	text_string(out, "}");
}

static int
checkpoint(struct push *p, struct hf_error *err)
{
	struct text cursor = TEXT_INIT(8 * TEXT_LIMIT);
	struct hf_blob blob;
	int r;

	put_cursor(p, &cursor);
	r = text_status(&cursor, "the cursor", err);
	blob = (struct hf_blob){cursor.data, cursor.size};
	if (r == HF_OK && p->sink->checkpoint != NULL)
		r = p->sink->checkpoint(p->sink->ctx, &blob, err);
	text_release(&cursor);
	return r;
}

/* ---- documents ---- */

static int64_t
update_time(const struct service *s, const struct document *d)
{
	return time_ns(s, &d->update_time);
}

/* Keeps the newest value of the updated field, wherever in a pass it comes. */
static void
note_updated(struct push *p, const struct document *d)
{
	const struct field *field = &p->service->settings->message.updated;
	struct value value;
	int64_t ns;

	if (field->count == 0 || p->place.pass == PASS_TIME)
		return;
	value = document_value(d, field);
	ns = value_time(p->service->write, &value);
	if (ns == HF_NO_TIME || (p->place.at.size > 0 && ns <= p->place.at_ns))
		return;
	text_clear(&p->place.at);
	text_put(&p->place.at, value.whole.data, (size_t)value.whole.size);
	p->place.at_ns = ns;
}

static int
push_document(void *ctx, const struct document *d, struct hf_error *err)
{
	struct push *p = ctx;
	struct hf_message message;

	if (p->before_ns == HF_NO_TIME || update_time(p->service, d) > p->before_ns)
		p->fresh = true;
	note_updated(p, d);
	if (p->sink->message == NULL)
		return HF_OK;
	record_message(p->record, d, &message);
	return p->sink->message(p->sink->ctx, &message, err);
}

static int
note_key(void *ctx, const struct document *d, struct hf_error *err)
{
	struct push *p = ctx;

	(void)err;
	if (p->place.since_ns != HF_NO_TIME && update_time(p->service, d) <= p->place.since_ns)
		return HF_OK;
	text_string(&p->names, p->name_count > 0 ? ",\n\"" : "\"");
	text_put(&p->names, d->name.data, (size_t)d->name.size);
	text_string(&p->names, "\"");
	p->name_count++;
	return text_status(&p->names, "the names of changed messages", err);
}

/* Gets documents by their names, so many at once. */
static int
get_some(struct push *p, const char *from, uint64_t count, uint64_t at_once, struct hf_error *err)
{
	struct text some = TEXT_INIT(NAMES_MAX);
	const char *to, *end = p->names.data + p->names.size;
	uint64_t n, left = count;
	int r = HF_OK;

	while (r == HF_OK && left > 0) {
		for (to = from, n = 0; n < at_once && n < left; n++) {
			to = memchr(to, '\n', (size_t)(end - to));
			to = to == NULL ? end : to + 1;
		}
		text_clear(&some);
		/* Without the comma and line end behind the last one. */
		text_put(&some, from, (size_t)(to - from) - (to == end ? 0 : 2));
		r = pager_get(&p->pager, &some, n, push_document, p, err);
		if (r == HF_ERANGE && n > 1)
			r = get_some(p, from, n, 1, err);
		from = to;
		left -= n;
	}
	text_release(&some);
	return r;
}

/* ---- a pass ---- */

static int
one_page(struct push *p, struct hf_error *err)
{
	struct place *place = &p->place;
	int r;

	text_clear(&p->names);
	p->name_count = 0;
	r = pager_page(&p->pager, place->pass == PASS_KEYS ? note_key : push_document, p, err);
	if (r != HF_OK || p->pager.spent)
		return r;
	if (p->name_count > 0)
		r = get_some(p, p->names.data, p->name_count, GET_LIMIT, err);
	if (place->read[0] == '\0') {
		(void)snprintf(place->read, sizeof(place->read), "%s", p->pager.read);
		place->read_ns = p->service->write->parse_time(place->read, strlen(place->read));
		if (r == HF_OK && place->read_ns == HF_NO_TIME)
			return hf_error_set(err, HF_ECORRUPT, 0, "the service does not say when it has read");
	}
	if (place->pass == PASS_TIME) {
		text_clear(&place->at);
		text_put(&place->at, p->pager.at.data, p->pager.at.size);
	}
	text_clear(&place->name);
	text_put(&place->name, p->pager.name.data, p->pager.name.size);
	return r;
}

/* The rest waits for the next run, which goes on at the last checkpoint. */
static int
report_spent(struct push *p, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	char item[256];

	(void)snprintf(item, sizeof(item), "messages of room %.200s", p->room.data);
	(void)hf_error_set(&why, HF_ENOSPC, 0, "the read budget of this run is used up; the next run goes on here");
	return p->sink->failed == NULL ? HF_OK : p->sink->failed(p->sink->ctx, item, &why, err);
}

/*
 * Whether the room's cursor is worth writing.  A room in which nothing has changed keeps its old one, so that a backup
 * of nothing new writes nothing; but where changes are known, a room that was asked needs to be asked no more.
 */
static bool
has_moved(const struct push *p)
{
	return p->fresh || p->before_ns == HF_NO_TIME || (p->pager.done && p->changes->known);
}

static int
run_pass(struct push *p, struct hf_error *err)
{
	struct text newest = TEXT_INIT(TEXT_LIMIT);
	bool kept = true;
	int r = HF_OK;

	text_put(&newest, p->place.at.data, p->place.at.size);
	while (r == HF_OK && !p->pager.done) {
		r = one_page(p, err);
		if (r != HF_OK || p->pager.spent)
			break;
		p->place.whole = p->pager.done;
		/* Nothing is at the start of the look-back: the newest stays the newest. */
		if (p->pager.name.size == 0 && p->place.pass == PASS_TIME) {
			text_clear(&p->place.at);
			text_put(&p->place.at, newest.data, newest.size);
		}
		kept = has_moved(p);
		if (kept)
			r = checkpoint(p, err);
	}
	text_release(&newest);
	if (r == HF_OK && p->pager.spent && !kept)
		r = checkpoint(p, err);
	return r == HF_OK && p->pager.spent ? report_spent(p, err) : r;
}

/* ---- where to begin ---- */

static void
put_where(struct push *p)
{
	const struct settings *settings = p->service->settings;
	struct text reference = TEXT_INIT(TEXT_LIMIT);

	text_string(&p->where, "{\"fieldFilter\":{\"field\":{\"fieldPath\":");
	text_json(&p->where, settings->room_field, strlen(settings->room_field));
	text_string(&p->where, "},\"op\":\"EQUAL\",\"value\":{");
	if (settings->room_reference) {
		text_printf(&reference, "%s/%s/", p->service->root.data, settings->rooms);
		text_put(&reference, p->room.data, p->room.size);
		text_string(&p->where, "\"referenceValue\":");
		text_json(&p->where, reference.data, reference.size);
	} else {
		text_string(&p->where, "\"stringValue\":");
		text_json(&p->where, p->room.data, p->room.size);
	}
	text_string(&p->where, "}}}");
	text_release(&reference);
}

static int
open_pager(struct push *p, struct hf_error *err)
{
	const struct settings *settings = p->service->settings;
	struct query query = {.order = p->place.pass == PASS_TIME ? &settings->message.updated : NULL,
	    .keys = p->place.pass == PASS_KEYS};
	uint64_t limit = query.keys ? KEYS_LIMIT : (uint64_t)settings->page_size;
	char parent[1024];

	/* More is not to come between two checkpoints. */
	if (!query.keys && p->query->page > 0 && p->query->page < limit)
		limit = p->query->page;
	query.limit = (uint32_t)limit;
	if (settings->room_field != NULL) {
		query.collection = collection_split(settings->messages, parent, sizeof(parent));
		text_string(&p->parent, parent);
		put_where(p);
		query.where = p->where.data;
	} else {
		text_printf(&p->parent, "%s/", settings->rooms);
		text_put(&p->parent, p->room.data, p->room.size);
		query.collection = settings->messages;
	}
	query.parent = p->parent.data;
	if (p->parent.failed != HF_OK || p->where.failed != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "the room's id is too long");
	return pager_init(&p->pager, p->service, &query, err);
}

/* A new pass over a room that was read before. */
static void
begin_again(struct push *p)
{
	struct place *place = &p->place;
	bool by_time = p->service->settings->message.updated.count > 0 && place->at.size > 0;

	p->before_ns = place->read_ns;
	place->whole = false;
	place->pass = by_time ? PASS_TIME : p->service->settings->message.updated.count > 0 ? PASS_ALL : PASS_KEYS;
	place->since_ns = place->read_ns;
	place->read[0] = '\0';
	text_clear(&place->name);
}

/* Where the pager starts, for a pass that begins or goes on. */
static void
seek(struct push *p)
{
	struct place *place = &p->place;

	if (place->name.size > 0) {
		text_put(&p->pager.name, place->name.data, place->name.size);
		if (place->pass == PASS_TIME)
			text_put(&p->pager.at, place->at.data, place->at.size);
	} else if (place->pass == PASS_TIME && place->at.size > 0) {
		changes_put_start(p->service, &place->at, false, p->before_ns, &p->pager.at);
	}
}

/* *ret_nothing: the room has not changed. */
static void
begin(struct push *p, bool *ret_nothing)
{
	struct place *place = &p->place;

	*ret_nothing = false;
	p->before_ns = HF_NO_TIME;
	if (!take_cursor(p)) {
		if (p->query->cursor.size > 0)
			hf_log(p->service->host, HF_LOG_WARNING, "a room's cursor is damaged: it is read from its "
			    "start");
		text_clear(&place->at);
		text_clear(&place->name);
		*place = (struct place){.pass = p->changes->complete ? PASS_TIME : PASS_ALL, .since_ns = HF_NO_TIME,
		    .at_ns = HF_NO_TIME, .at = place->at, .name = place->name};
		return;
	}
	if (!place->whole)
		return;
	*ret_nothing = changes_has_not(p->changes, p->room.data, p->room.size, place->read_ns);
	if (!*ret_nothing)
		begin_again(p);
}

static int
go_through(struct push *p, struct hf_error *err)
{
	int r;

	p->fresh = false;
	text_clear(&p->parent);
	text_clear(&p->where);
	r = open_pager(p, err);
	if (r == HF_OK) {
		seek(p);
		r = run_pass(p, err);
	}
	pager_release(&p->pager);
	return r;
}

int
messages_push(struct service *service, const struct changes *changes, struct record *record,
    const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct push p = {.service = service, .changes = changes, .record = record, .query = query, .sink = sink,
	    .place = {.at = TEXT_INIT(TEXT_LIMIT), .name = TEXT_INIT(TEXT_LIMIT)}, .room = TEXT_INIT(2048),
	    .parent = TEXT_INIT(4096), .where = TEXT_INIT(TEXT_LIMIT), .names = TEXT_INIT(8u << 20)};
	bool nothing, resumed;
	int r = HF_OK;

	if (query->room.data == NULL || query->room.size == 0 ||
	    memchr(query->room.data, '\0', (size_t)query->room.size) != NULL ||
	    memchr(query->room.data, '/', (size_t)query->room.size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "that is no room's id");
	record->service = service;
	text_put(&p.room, query->room.data, (size_t)query->room.size);
	begin(&p, &nothing);
	resumed = !nothing && p.place.name.size > 0;
	if (!nothing)
		r = go_through(&p, err);
	/* What has come since, behind where the pass goes on, is not left to the next run. */
	if (r == HF_OK && resumed && p.place.whole) {
		begin_again(&p);
		r = go_through(&p, err);
	}
	text_release(&p.place.at);
	text_release(&p.place.name);
	text_release(&p.room);
	text_release(&p.parent);
	text_release(&p.where);
	text_release(&p.names);
	return r;
}

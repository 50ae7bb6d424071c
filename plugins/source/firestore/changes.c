/* SPDX-License-Identifier: BSD-2-Clause */
#include "changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_LIMIT     5000 /* documents in an answer that has their times only */
#define FIRST_CAPACITY 1024
#define LAST_CAPACITY  (1u << 18)
#define VALUE_MAX      16384

/* When a room was changed. */
struct times {
	uint64_t room; /* of its id's SHA-256; 0: a free slot */
	int64_t us;    /* microseconds since 1970 */
};

void
changes_init(struct changes *c, struct service *service)
{
	memset(c, 0, sizeof(*c));
	c->service = service;
	c->at.max = c->name.max = VALUE_MAX;
	c->lacking = -1;
}

void
changes_release(struct changes *c)
{
	text_release(&c->at);
	text_release(&c->name);
	free(c->times);
	c->times = NULL;
	c->count = c->capacity = 0;
}

/* ---- the times ---- */

static struct times *
find_slot(struct times *times, size_t capacity, uint64_t room)
{
	size_t i = (size_t)room & (capacity - 1);

	while (times[i].room != 0 && times[i].room != room)
		i = (i + 1) & (capacity - 1);
	return &times[i];
}

static int
grow(struct changes *c, struct hf_error *err)
{
	size_t capacity = c->capacity == 0 ? FIRST_CAPACITY : c->capacity * 2, i;
	struct times *times;

	if (capacity > LAST_CAPACITY)
		return HF_ERANGE;
	times = calloc(capacity, sizeof(*times));
	if (times == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the list of changed rooms: out of memory");
	for (i = 0; i < c->capacity; i++)
		if (c->times[i].room != 0)
			*find_slot(times, capacity, c->times[i].room) = c->times[i];
	free(c->times);
	c->times = times;
	c->capacity = capacity;
	return HF_OK;
}

/* HF_ERANGE: there are more rooms than are kept. */
static int
note(struct changes *c, uint64_t room, int64_t us, struct hf_error *err)
{
	struct times *slot;
	int r = HF_OK;

	if (c->count >= c->capacity / 4 * 3)
		r = grow(c, err);
	if (r != HF_OK)
		return r;
	slot = find_slot(c->times, c->capacity, room);
	c->count += slot->room == 0;
	slot->room = room;
	if (us > slot->us)
		slot->us = us;
	return HF_OK;
}

static uint64_t
hash_room(const struct changes *c, const char *id, size_t size)
{
	uint64_t hash[4];

	if (c->service->write->sha256(id, size, (uint8_t *)hash, NULL) != HF_OK)
		return 1;
	return hash[0] == 0 ? 1 : hash[0];
}

bool
changes_has_not(const struct changes *c, const char *room, size_t size, int64_t read_ns)
{
	const struct hf_host_write *write = c->service->write;

	if (!c->known || read_ns < write->parse_time(c->base, strlen(c->base)))
		return false;
	return c->capacity == 0 ||
	    find_slot(c->times, c->capacity, hash_room(c, room, size))->us <= read_ns / 1000;
}

/* ---- where messages are ---- */

static void
put_moment(const struct service *s, const struct value *like, int64_t ns, struct text *out)
{
	char time[HF_TIME_SIZE];
	int64_t n = value_number(like, 0), unit;

	if (like->kind == VALUE_INTEGER || like->kind == VALUE_DOUBLE) {
		unit = n >= 100000000000000000 ? 1 : n >= 100000000000000 ? 1000 : n >= 100000000000 ? 1000000 :
		    1000000000;
		if (like->kind == VALUE_INTEGER)
			text_printf(out, "{\"integerValue\":\"%" PRId64 "\"}", ns / unit);
		else
			text_printf(out, "{\"doubleValue\":%" PRId64 "}", ns / unit);
		return;
	}
	if (like->kind == VALUE_STRING) {
		/* As JavaScript's toISOString() has it, which sorts as text. */
		ns -= ns % 1000000000;
		time[s->write->time(ns, time)] = '\0';
		text_printf(out, "{\"stringValue\":\"%.19s.000Z\"}", time);
		return;
	}
	text_printf(out, "{\"timestampValue\":\"%.*s\"}", (int)s->write->time(ns, time), time);
}

void
changes_put_start(const struct service *s, const struct text *at, bool sample, int64_t read_ns, struct text *out)
{
	struct hf_json_value slice = {at->data, at->size, at->size > 0 ? HF_JSON_OBJECT : HF_JSON_NONE, 0};
	struct value like = value_of(s->json, &slice);
	int64_t at_ns = value_time(s->write, &like), from_ns = read_ns - s->settings->look_back_ns;

	/* Of something that is no time, such as a counter, all that can be said is where the last one was. */
	if (like.kind == VALUE_NONE || (at_ns != HF_NO_TIME && (sample || at_ns > from_ns)))
		put_moment(s, &like, from_ns, out);
	else
		text_put(out, at->data, at->size);
}

/* ---- looking ---- */

/* The query for the messages of all rooms; parent has room for its parent. */
static struct query
all_messages(const struct settings *settings, char *parent, size_t capacity)
{
	struct query query = {.parent = parent, .limit = KEYS_LIMIT};

	if (settings->room_field != NULL) {
		query.collection = collection_split(settings->messages, parent, capacity);
		query.select = settings->room_field;
	} else {
		(void)collection_split(settings->rooms, parent, capacity);
		query.collection = settings->messages;
		query.group = true;
	}
	return query;
}

/* The room's id of a message's name, decoded; false where it is not below a room of ours. */
static bool
room_of_name(const struct changes *c, const char *name, size_t size, const char **ret_room, size_t *ret_size)
{
	size_t root = c->service->root.size, rooms = strlen(c->service->settings->rooms);
	const char *end = name + size, *slash;

	if (size <= root + rooms + 2 || memcmp(name + root + 1, c->service->settings->rooms, rooms) != 0 ||
	    name[root + 1 + rooms] != '/')
		return false;
	*ret_room = name + root + rooms + 2;
	slash = memchr(*ret_room, '/', (size_t)(end - *ret_room));
	if (slash == NULL)
		return false;
	*ret_size = (size_t)(slash - *ret_room);
	/* One more name, the collection's, and the document's. */
	slash = memchr(slash + 1, '/', (size_t)(end - slash - 1));
	return slash != NULL && memchr(slash + 1, '/', (size_t)(end - slash - 1)) == NULL;
}

/* What a page of times is given to. */
struct look {
	struct changes *changes;
	struct pager *pager;
	int64_t through_ns;
	struct field room_field;
};

static int
look_at(void *ctx, const struct document *document, struct hf_error *err)
{
	struct look *look = ctx;
	struct changes *c = look->changes;
	const struct hf_json_value *updated = &document->update_time;
	int64_t ns = updated->type != HF_JSON_STRING ? HF_NO_TIME :
	    c->service->write->parse_time(updated->data, updated->size);
	struct text id = TEXT_INIT(8192);
	const char *room = NULL;
	struct hf_text text;
	struct value value;
	size_t size = 0;
	int r = HF_OK;

	if (ns == HF_NO_TIME)
		return hf_error_set(err, HF_ECORRUPT, 0, "a document without its time of update");
	c->found = c->found || ns > look->through_ns;
	if (look->room_field.count == 0) {
		if (room_of_name(c, look->pager->name.data, look->pager->name.size, &room, &size))
			r = note(c, hash_room(c, room, size), (ns + 999) / 1000, err);
		return r;
	}
	value = document_value(document, &look->room_field);
	text = value_id(&value);
	if (text.data == NULL)
		return HF_OK;
	text_put(&id, text.data, (size_t)text.size);
	if (id.failed == HF_OK) {
		size = (size_t)c->service->json->decode(text.data, text.size, id.data);
		r = note(c, hash_room(c, id.data, size), (ns + 999) / 1000, err);
	}
	text_release(&id);
	return r;
}

/* All pages, or as many as half of the budget allows, so that the other half is there for what was found. */
static int
look_through(struct changes *c, struct pager *pager, int64_t through_ns, struct hf_error *err)
{
	struct look look = {.changes = c, .pager = pager, .through_ns = through_ns};
	uint64_t budget = service_budget(c->service), begin = c->service->documents;
	const char *field = c->service->settings->room_field;
	int r = HF_OK;

	if (field != NULL)
		r = field_parse(field, strlen(field), &look.room_field, err);
	while (r == HF_OK && !pager->done && !pager->spent) {
		if (budget != UINT64_MAX && c->service->documents - begin >= budget / 2)
			break;
		if (budget != UINT64_MAX && pager->limit > budget / 2)
			pager->limit = budget / 2 > 0 ? (uint32_t)(budget / 2) : 1;
		r = pager_page(pager, look_at, &look, err);
	}
	c->whole = r == HF_OK && pager->done;
	return r;
}

/* Whether a failure only says that such a query is not for us. */
static bool
is_not_offered(const struct changes *c, int code, const struct hf_error *why)
{
	if (code != HF_EINVAL && code != HF_EPERM && code != HF_ENOTSUP && code != HF_ERANGE)
		return false;
	/* Nobody was asked: what is wrong is told with the rooms. */
	if (code == HF_EINVAL && why->http_status == 0)
		return false;
	hf_log(c->service->host, HF_LOG_WARNING, "every room is asked for its changes, as one query for all of them "
	    "is not possible: %s", code == HF_ERANGE ? "there are too many rooms" : why->msg);
	return true;
}

/* How many messages have no time of update. */
static int
count_lacking(struct changes *c, struct query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int64_t all, with, before = c->lacking;
	int r = pager_count(c->service, query, &with, &why);

	c->lacking = -1;
	query->order = NULL;
	if (r == HF_OK)
		r = pager_count(c->service, query, &all, &why);
	if (r == HF_EINVAL || r == HF_EPERM || r == HF_ENOTSUP)
		return HF_OK;
	if (r != HF_OK) {
		if (err != NULL)
			*err = why;
		return r;
	}
	/* What comes in between the two is no reason for a worry. */
	c->lacking = all > with ? all - with : 0;
	c->complete = c->lacking == 0;
	c->found = c->found || c->lacking != before;
	if (before < 0 || c->lacking <= before || sink->failed == NULL)
		return HF_OK;
	(void)hf_error_set(&why, HF_EINVAL, 0, "%" PRId64 " new message%s no time of update, and only a backup "
	    "with --full finds %s", c->lacking - before, c->lacking - before == 1 ? " has" : "s have",
	    c->lacking - before == 1 ? "it" : "them");
	return sink->failed(sink->ctx, c->service->settings->messages, &why, err);
}

/* ---- the cursor ---- */

static int
take_times(struct changes *c, const struct hf_json_value *list)
{
	struct hf_json_value room, slice;
	struct value value;
	char text[32];
	uint64_t pos = 0, key, digits;
	int64_t us;

	if (list->type != HF_JSON_OBJECT)
		return HF_ECORRUPT;
	while (c->service->json->next(list, &pos, &room, &slice, NULL) > 0) {
		value = (struct value){VALUE_INTEGER, slice, slice};
		us = value_number(&value, -1);
		digits = room.size;
		if (digits != 16 || us < 0)
			return HF_ECORRUPT;
		memcpy(text, room.data, 16);
		text[16] = '\0';
		key = strtoull(text, NULL, 16);
		if (key == 0 || note(c, key, us, NULL) != HF_OK)
			return HF_ECORRUPT;
	}
	return HF_OK;
}

static bool
take_time(const struct changes *c, const struct hf_json_value *text, char out[TIME_TEXT_SIZE])
{
	if (text->type != HF_JSON_STRING || text->size >= TIME_TEXT_SIZE ||
	    c->service->write->parse_time(text->data, text->size) == HF_NO_TIME)
		return false;
	memcpy(out, text->data, (size_t)text->size);
	out[text->size] = '\0';
	return true;
}

enum { C_BASE, C_THROUGH, C_WHOLE, C_AT, C_NAME, C_LACKING, C_ROOMS, C_COUNT };

static const char *const cursor_names[C_COUNT] = {"base", "through", "whole", "at", "name", "lacking", "rooms"};

/* False: it is none of ours, or damaged; what was taken of it is forgotten. */
static bool
take_cursor(struct changes *c, const struct hf_blob *cursor)
{
	const struct hf_host_json *json = c->service->json;
	struct hf_json_value v[C_COUNT];
	struct value lacking;
	char *name;

	if (cursor->size == 0 || json->object(cursor->data, cursor->size, cursor_names, C_COUNT, v, NULL) != HF_OK ||
	    !take_time(c, &v[C_BASE], c->base) || !take_time(c, &v[C_THROUGH], c->through) ||
	    v[C_AT].type != HF_JSON_OBJECT || v[C_NAME].type != HF_JSON_STRING || take_times(c, &v[C_ROOMS]) != HF_OK) {
		free(c->times);
		c->times = NULL;
		c->count = c->capacity = 0;
		return false;
	}
	text_put(&c->at, v[C_AT].data, (size_t)v[C_AT].size);
	name = malloc((size_t)v[C_NAME].size + 1);
	if (name == NULL)
		return false;
	text_put(&c->name, name, (size_t)json->decode(v[C_NAME].data, v[C_NAME].size, name));
	free(name);
	c->whole = v[C_WHOLE].type != HF_JSON_FALSE;
	lacking = (struct value){VALUE_INTEGER, v[C_LACKING], v[C_LACKING]};
	c->lacking = v[C_LACKING].type == HF_JSON_NUMBER ? value_number(&lacking, -1) : -1;
	return c->at.failed == HF_OK && c->name.failed == HF_OK;
}

void
changes_put_cursor(const struct changes *c, const struct hf_blob *before, struct text *out)
{
	const char *comma = "";
	size_t i;

	if (!c->known || !c->found) {
		text_put(out, before->data, (size_t)before->size);
		return;
	}
	text_printf(out, "{\"v\":1,\"base\":\"%s\",\"through\":\"%s\",\"whole\":%s,\"at\":", c->base, c->through,
	    c->whole ? "true" : "false");
	text_put(out, c->at.data, c->at.size);
	text_string(out, ",\"name\":");
	text_json(out, c->name.data == NULL ? "" : c->name.data, c->name.size);
	text_printf(out, ",\"lacking\":%" PRId64 ",\"rooms\":{", c->lacking);
	for (i = 0; i < c->capacity; i++) {
		if (c->times[i].room == 0)
			continue;
		text_printf(out, "%s\"%016" PRIx64 "\":%" PRId64, comma, c->times[i].room, c->times[i].us);
		comma = ",";
	}
	text_string(out, "}}");
}

/* ---- */

/* Begins anew: from now on changes are known.  One document tells what the field of the time has. */
static int
start_over(struct changes *c, struct pager *pager, struct hf_error *err)
{
	struct look look = {.changes = c, .pager = pager, .through_ns = INT64_MAX};
	int r;

	text_clear(&pager->at);
	text_clear(&pager->name);
	pager->limit = 1;
	r = pager_page(pager, look_at, &look, err);
	free(c->times);
	c->times = NULL;
	c->count = c->capacity = 0;
	if (r != HF_OK)
		return r;
	c->whole = c->found = true;
	(void)snprintf(c->base, sizeof(c->base), "%s", pager->read);
	(void)snprintf(c->through, sizeof(c->through), "%s", pager->read);
	text_clear(&c->at);
	text_clear(&c->name);
	if (pager->at.size > 0)
		text_put(&c->at, pager->at.data, pager->at.size);
	else
		text_string(&c->at, "{}");
	return c->base[0] != '\0' ? HF_OK : hf_error_set(err, HF_ECORRUPT, 0,
	    "the service does not say when it has read");
}

static int
go_on(struct changes *c, struct pager *pager, struct hf_error *err)
{
	const struct hf_host_write *write = c->service->write;
	int64_t through_ns = write->parse_time(c->through, strlen(c->through));
	bool was_whole = c->whole;
	int r;

	text_clear(&pager->at);
	if (was_whole)
		changes_put_start(c->service, &c->at, c->name.size == 0, through_ns, &pager->at);
	else {
		text_put(&pager->at, c->at.data, c->at.size);
		text_put(&pager->name, c->name.data, c->name.size);
	}
	r = look_through(c, pager, through_ns, err);
	if (r != HF_OK)
		return r;
	c->found = c->found || !was_whole || !c->whole;
	/* Until all was looked through, the time up to which that is so stays. */
	if (c->whole)
		(void)snprintf(c->through, sizeof(c->through), "%s", pager->read);
	if (pager->name.size > 0) {
		text_clear(&c->at);
		text_put(&c->at, pager->at.data, pager->at.size);
		text_clear(&c->name);
		text_put(&c->name, pager->name.data, pager->name.size);
	}
	return text_status(&c->at, "the cursor", err);
}

static int
report_cut(const struct changes *c, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;

	(void)hf_error_set(&why, HF_ENOSPC, 0,
	    "the read budget of this run was used up while changes were looked for; the next run goes on there");
	return sink->failed == NULL ? HF_OK : sink->failed(sink->ctx, c->service->settings->messages, &why, err);
}

int
changes_find(struct changes *c, const struct hf_blob *cursor, const struct hf_record_sink *sink, struct hf_error *err)
{
	const struct settings *settings = c->service->settings;
	char parent[1024];
	struct query query = all_messages(settings, parent, sizeof(parent));
	struct hf_error why = HF_ERROR_INIT;
	struct pager pager;
	int r;

	changes_release(c);
	changes_init(c, c->service);
	if (settings->detection == DETECT_EACH || settings->message.updated.count == 0)
		return HF_OK;
	query.order = &settings->message.updated;
	query.keys = true;
	r = pager_init(&pager, c->service, &query, err);
	if (r != HF_OK)
		return r;
	r = take_cursor(c, cursor) ? go_on(c, &pager, &why) : start_over(c, &pager, &why);
	if (r == HF_OK)
		r = count_lacking(c, &query, sink, &why);
	pager_release(&pager);
	c->known = r == HF_OK;
	if (r != HF_OK && !is_not_offered(c, r, &why)) {
		if (err != NULL)
			*err = why;
		return r;
	}
	return c->known && !c->whole ? report_cut(c, sink, err) : HF_OK;
}

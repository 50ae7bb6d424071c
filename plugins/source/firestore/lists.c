/* SPDX-License-Identifier: BSD-2-Clause */
#include "lists.h"

#include <stdlib.h>
#include <string.h>

/* A list costs as many reads in large pages as in small ones, and fewer requests. */
#define LIST_LIMIT 1000

/* A list under way. */
struct list {
	struct service *service;
	struct members *members;
	const struct hf_record_sink *sink;
	struct text id, card; /* of a contact */
};

static int
run(struct list *list, const char *path, const char *where, document_fn fn, struct hf_error *err)
{
	char parent[1024];
	struct query query = {.parent = parent, .where = where, .limit = LIST_LIMIT};
	struct pager pager;
	int r;

	query.collection = collection_split(path, parent, sizeof(parent));
	r = pager_init(&pager, list->service, &query, err);
	if (r == HF_OK)
		r = pager_all(&pager, fn, list, err);
	pager_release(&pager);
	return r;
}

/* ---- rooms and their members ---- */

void
members_init(struct members *members)
{
	memset(members, 0, sizeof(*members));
	members->ids.max = MEMBERS_MAX;
}

void
members_release(struct members *members)
{
	text_release(&members->ids);
}

/* The inside of a JSON string, decoded, and a NUL. */
static void
put_id(const struct service *s, struct text *out, const struct hf_text *id)
{
	char decoded[1600];
	uint64_t n;

	if (id->size >= sizeof(decoded) || (n = s->json->decode(id->data, id->size, decoded)) == 0 ||
	    memchr(decoded, '\0', (size_t)n) != NULL)
		return;
	text_put(out, decoded, (size_t)n);
	text_put(out, "", 1);
}

/* An array has the ids, or references; the names of a map are ids. */
static void
put_members(const struct service *s, struct text *out, const struct value *value)
{
	struct hf_json_value name, slice;
	struct value element;
	struct hf_text id;
	uint64_t pos = 0;

	if (value->inner.type != HF_JSON_ARRAY && value->inner.type != HF_JSON_OBJECT)
		return;
	while (s->json->next(&value->inner, &pos, &name, &slice, NULL) > 0) {
		element = value_of(s->json, &slice);
		id = value->kind == VALUE_MAP ? (struct hf_text){name.data, name.size, HF_TEXT_JSON, 0}
		                              : value_id(&element);
		if (id.data != NULL)
			put_id(s, out, &id);
	}
}

/* A room's id, its members' ids, each with a NUL, and an empty one. */
static void
keep_members(struct list *list, const struct document *d, const struct hf_text *room)
{
	struct text *ids = &list->members->ids;
	struct value value = document_value(d, &list->service->settings->room.members);
	size_t before = ids->size;

	if (value.kind != VALUE_ARRAY && value.kind != VALUE_MAP)
		return;
	put_id(list->service, ids, room);
	put_members(list->service, ids, &value);
	text_put(ids, "", 1);
	if (ids->failed == HF_OK)
		return;
	ids->failed = HF_OK;
	ids->size = before;
	list->members->cut = true;
}

static int
push_room(void *ctx, const struct document *d, struct hf_error *err)
{
	struct list *list = ctx;
	struct hf_room room;

	record_room(list->service, d, &room);
	keep_members(list, d, &room.id);
	return list->sink->room == NULL ? HF_OK : list->sink->room(list->sink->ctx, &room, err);
}

/* Only the rooms of the user, where the app's rules show no others. */
static void
put_member_filter(const struct service *s, struct text *out)
{
	const char *user = s->settings->user != NULL ? s->settings->user : s->auth.user.data;

	text_string(out, "{\"fieldFilter\":{\"field\":{\"fieldPath\":");
	text_json(out, s->settings->rooms_member_field, strlen(s->settings->rooms_member_field));
	text_string(out, "},\"op\":\"ARRAY_CONTAINS\",\"value\":{\"stringValue\":");
	text_json(out, user, strlen(user));
	text_string(out, "}}}");
}

int
lists_rooms(struct service *s, struct members *members, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct list list = {.service = s, .members = members, .sink = sink};
	struct text where = TEXT_INIT(8192);
	const char *token;
	int r = HF_OK;

	if (s->settings->rooms == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "no \"rooms.collection\" is configured");
	members_release(members);
	members_init(members);
	if (s->settings->rooms_member_field != NULL) {
		r = auth_token(&s->auth, &token, err);
		if (r == HF_OK && s->settings->user == NULL && s->auth.user.size == 0)
			r = hf_error_set(err, HF_EINVAL, 0, "\"rooms.member_field\": whose rooms? \"user\" is missing");
		if (r == HF_OK)
			put_member_filter(s, &where);
	}
	if (r == HF_OK)
		r = text_status(&where, "\"user\"", err);
	if (r == HF_OK)
		r = run(&list, s->settings->rooms, where.data, push_room, err);
	text_release(&where);
	return r;
}

/* Where a room's members are kept; NULL: they are not. */
static const char *
find_members(const struct members *members, const struct hf_text *room)
{
	const char *p = members->ids.data, *end = p == NULL ? NULL : p + members->ids.size;
	bool found;
	size_t size;

	while (p < end) {
		size = strlen(p);
		found = size == room->size && memcmp(p, room->data, size) == 0;
		p += size + 1;
		if (found)
			return p;
		while (*p != '\0')
			p += strlen(p) + 1;
		p++;
	}
	return NULL;
}

static int
push_kept(const char *p, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_participant person;
	int r = HF_OK;

	for (; r == HF_OK && *p != '\0'; p += strlen(p) + 1) {
		memset(&person, 0, sizeof(person));
		person.struct_size = sizeof(person);
		person.id = (struct hf_text){p, strlen(p), HF_TEXT_UTF8, 0};
		r = sink->participant == NULL ? HF_OK : sink->participant(sink->ctx, &person, err);
	}
	return r;
}

/* ---- people ---- */

static int
push_person(void *ctx, const struct document *d, struct hf_error *err)
{
	struct list *list = ctx;
	struct hf_participant person;

	record_person(list->service, d, &person);
	return list->sink->participant == NULL ? HF_OK : list->sink->participant(list->sink->ctx, &person, err);
}

int
lists_people(struct service *s, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct list list = {.service = s, .sink = sink};

	if (s->settings->people == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "no \"participants.collection\" is configured");
	return run(&list, s->settings->people, NULL, push_person, err);
}

/* The document of one room, for a room whose members were not kept. */
static int
get_room(struct list *list, const struct hf_text *room, document_fn fn, struct hf_error *err)
{
	struct service *s = list->service;
	struct text name = TEXT_INIT(8192), json = TEXT_INIT(16384);
	char parent[1024];
	struct query query = {.parent = parent, .limit = 1};
	struct pager pager;
	int r;

	text_printf(&name, "%s/%s/", s->root.data, s->settings->rooms);
	text_put(&name, room->data, (size_t)room->size);
	text_json(&json, name.data == NULL ? "" : name.data, name.size);
	query.collection = collection_split(s->settings->rooms, parent, sizeof(parent));
	r = pager_init(&pager, s, &query, err);
	if (r == HF_OK)
		r = text_status(&json, "the room's id", err);
	if (r == HF_OK)
		r = pager_get(&pager, &json, 1, fn, list, err);
	pager_release(&pager);
	text_release(&name);
	text_release(&json);
	return r;
}

static int
push_members_of(void *ctx, const struct document *d, struct hf_error *err)
{
	struct list *list = ctx;
	struct value value = document_value(d, &list->service->settings->room.members);
	struct text ids = TEXT_INIT(16u << 20);
	int r;

	if (value.kind == VALUE_ARRAY || value.kind == VALUE_MAP)
		put_members(list->service, &ids, &value);
	text_put(&ids, "", 1);
	r = text_status(&ids, "the room's members", err);
	if (r == HF_OK)
		r = push_kept(ids.data, list->sink, err);
	text_release(&ids);
	return r;
}

int
lists_members(struct service *s, const struct members *members, const struct hf_text *room,
    const struct hf_record_sink *sink, struct hf_error *err)
{
	struct list list = {.service = s, .sink = sink};
	struct text path = TEXT_INIT(8192);
	const char *kept;
	int r;

	if (s->settings->room_people != NULL) {
		text_printf(&path, "%s/", s->settings->rooms);
		text_put(&path, room->data, (size_t)room->size);
		text_printf(&path, "/%s", s->settings->room_people);
		r = text_status(&path, "the room's id", err);
		if (r == HF_OK)
			r = run(&list, path.data, NULL, push_person, err);
		text_release(&path);
		return r;
	}
	kept = find_members(members, room);
	if (kept != NULL)
		return push_kept(kept, sink, err);
	if (members->cut)
		return get_room(&list, room, push_members_of, err);
	return hf_error_set(err, HF_ENOTSUP, 0, "the room's members are not known");
}

/* ---- contacts ---- */

static int
push_contact(void *ctx, const struct document *d, struct hf_error *err)
{
	struct list *list = ctx;
	struct hf_contact contact;
	int r = record_contact(list->service, d, &list->id, &list->card, &contact, err);

	if (r != HF_OK)
		return r;
	return list->sink->contact == NULL ? HF_OK : list->sink->contact(list->sink->ctx, &contact, err);
}

int
lists_contacts(struct service *s, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct list list = {.service = s, .sink = sink, .id = TEXT_INIT(8192), .card = TEXT_INIT(2u << 20)};
	int r;

	if (s->settings->contacts == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "no \"contacts.collection\" is configured");
	r = run(&list, s->settings->contacts, NULL, push_contact, err);
	text_release(&list.id);
	text_release(&list.card);
	return r;
}

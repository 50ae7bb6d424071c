/* SPDX-License-Identifier: BSD-2-Clause */
#include "rooms.h"
#include "elements.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

/* The most conversations that are kept in memory, at some 100 bytes each. */
#define ROOMS_MAX 100000u

const struct room_file room_files[ROOM_FILES] = {
	{"channels.json", "channel"}, {"groups.json", "group"}, {"mpims.json", "group"}, {"dms.json", "direct"}};

/* A NUL-terminated copy of a text as UTF-8; NULL: out of memory. */
static char *
copy_text(const struct hf_host_json *json, const struct hf_text *text)
{
	char *copy = malloc((size_t)text->size + 1);
	size_t size = (size_t)text->size;

	if (copy == NULL)
		return NULL;
	if (text->encoding == HF_TEXT_JSON)
		size = (size_t)json->decode(text->data, text->size, copy);
	else
		memcpy(copy, text->data, size);
	copy[size] = '\0';
	return copy;
}

/* Finds the room's folder, which bears its name, or its id. */
static int
find_folder(struct room *room, const struct hf_host_json *json, struct export *export,
    const struct hf_text *name, struct hf_error *err)
{
	room->folder = NULL;
	if (name->data != NULL) {
		room->folder = copy_text(json, name);
		if (room->folder == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		if (export_has_folder(export, room->folder))
			return HF_OK;
		free(room->folder);
		room->folder = NULL;
	}
	if (!export_has_folder(export, room->id))
		return HF_OK;
	room->folder = strdup(room->id);
	return room->folder != NULL ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

static int
add_room(struct rooms *rooms, const struct hf_host_json *json, struct export *export,
    const struct record_room *record, uint32_t file, uint64_t number, struct hf_error *err)
{
	struct room *room;
	size_t capacity = rooms->capacity == 0 ? 64 : rooms->capacity * 2;

	if (rooms->count == ROOMS_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %u conversations", ROOMS_MAX);
	if (rooms->count == rooms->capacity) {
		room = realloc(rooms->rooms, capacity * sizeof(*room));
		if (room == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		rooms->rooms = room;
		rooms->capacity = capacity;
	}
	room = &rooms->rooms[rooms->count];
	room->id = copy_text(json, &record->room.id);
	if (room->id == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	room->folder = NULL;
	room->file = file;
	room->number = number;
	rooms->count++;
	return find_folder(room, json, export, &record->room.name, err);
}

static int
load_file(struct rooms *rooms, const struct hf_host_json *json, struct export *export, uint32_t file,
    rooms_broken_fn broken, void *ctx, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct elements elements;
	struct record_room record;
	struct stream *stream;
	const char *text;
	size_t size;
	int r, got = 0;

	r = export_file(export, room_files[file].name, &stream, err);
	if (r != HF_OK || stream == NULL)
		return r;
	r = elements_open(&elements, json, stream, err);
	while (r == HF_OK && (got = elements_next(&elements, &text, &size, &why)) > 0) {
		if (record_room(json, text, size, room_files[file].kind, &record, &why) == HF_OK)
			r = add_room(rooms, json, export, &record, file, elements.number, err);
		else
			r = broken(ctx, stream_path(elements.stream), elements.number, &why, err);
	}
	if (r == HF_OK && got < 0)
		r = hf_error_set(err, got, why.os_errno, "%s: %.300s", stream_path(elements.stream), why.msg);
	elements_close(&elements);
	return r;
}

static int
compare_id(const void *a, const void *b)
{
	const struct room *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	if (order != 0)
		return order;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int
compare_folder(const void *a, const void *b)
{
	const struct room *const *x = a, *const *y = b;
	const char *p = (*x)->folder, *q = (*y)->folder;

	return strcmp(p != NULL ? p : "", q != NULL ? q : "");
}

static int
sort_rooms(struct rooms *rooms, struct hf_error *err)
{
	size_t i, kept = 0;

	if (rooms->count == 0)
		return HF_OK;
	qsort(rooms->rooms, rooms->count, sizeof(rooms->rooms[0]), compare_id);
	for (i = 0; i < rooms->count; i++) {
		if (kept > 0 && strcmp(rooms->rooms[kept - 1].id, rooms->rooms[i].id) == 0) {
			free(rooms->rooms[i].id);
			free(rooms->rooms[i].folder);
			continue;
		}
		rooms->rooms[kept++] = rooms->rooms[i];
	}
	rooms->count = kept;
	rooms->by_folder = malloc(kept * sizeof(rooms->by_folder[0]));
	if (rooms->by_folder == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	for (i = 0; i < kept; i++)
		rooms->by_folder[i] = &rooms->rooms[i];
	qsort(rooms->by_folder, kept, sizeof(rooms->by_folder[0]), compare_folder);
	return HF_OK;
}

int
rooms_load(struct rooms *rooms, const struct hf_host_json *json, struct export *export, rooms_broken_fn broken,
    void *ctx, struct hf_error *err)
{
	uint32_t file;
	int r = HF_OK;

	rooms_release(rooms);
	for (file = 0; file < ROOM_FILES && r == HF_OK; file++)
		r = load_file(rooms, json, export, file, broken, ctx, err);
	if (r == HF_OK)
		r = sort_rooms(rooms, err);
	if (r != HF_OK)
		rooms_release(rooms);
	return r;
}

const struct room *
rooms_find(const struct rooms *rooms, const char *id, size_t size)
{
	size_t low = 0, high = rooms->count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strncmp(rooms->rooms[middle].id, id, size);
		if (order == 0 && rooms->rooms[middle].id[size] != '\0')
			order = 1;
		if (order == 0)
			return &rooms->rooms[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct room *
rooms_listed(const struct rooms *rooms, const struct hf_host_json *json, const struct hf_text *id, uint32_t file,
    uint64_t number)
{
	char *copy = copy_text(json, id);
	const struct room *room = copy != NULL ? rooms_find(rooms, copy, strlen(copy)) : NULL;

	free(copy);
	return room != NULL && room->file == file && room->number == number ? room : NULL;
}

bool
rooms_use_folder(const struct rooms *rooms, const char *folder)
{
	struct room key = {NULL, NULL, 0, 0}, *pointer = &key;

	key.folder = (char *)(uintptr_t)folder;
	return rooms->count > 0 &&
	    bsearch(&pointer, rooms->by_folder, rooms->count, sizeof(pointer), compare_folder) != NULL;
}

void
rooms_release(struct rooms *rooms)
{
	size_t i;

	for (i = 0; i < rooms->count; i++) {
		free(rooms->rooms[i].id);
		free(rooms->rooms[i].folder);
	}
	free(rooms->rooms);
	free(rooms->by_folder);
	memset(rooms, 0, sizeof(*rooms));
}

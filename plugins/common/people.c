/* SPDX-License-Identifier: BSD-2-Clause */
#include "people.h"

#include <stdlib.h>
#include <string.h>

/* Texts are kept as they are spelled. */
struct person {
	struct hf_text id;
	struct hf_text name;
};

void
people_init(struct people *people, const struct hf_host_json *json)
{
	memset(people, 0, sizeof(*people));
	people->json = json;
}

static void
release_text(struct hf_text *text)
{
	free((char *)(uintptr_t)text->data);
	text->data = NULL;
}

void
people_clear(struct people *people)
{
	size_t i;

	for (i = 0; i < people->count; i++) {
		release_text(&people->persons[i].id);
		release_text(&people->persons[i].name);
	}
	free(people->persons);
	free(people->slots);
	people_init(people, people->json);
}

/* FNV-1a; who makes many people of one hash slows down the backup of at most PEOPLE_MAX of them. */
static size_t
hash_of(const struct hf_text *id)
{
	uint64_t hash = 14695981039346656037ull, i;

	for (i = 0; i < id->size; i++)
		hash = (hash ^ (unsigned char)id->data[i]) * 1099511628211ull;
	return (size_t)(hash ^ (hash >> 32));
}

static bool
same(const struct hf_text *a, const struct hf_text *b)
{
	return a->data != NULL && b->data != NULL && a->size == b->size && a->encoding == b->encoding &&
	    memcmp(a->data, b->data, (size_t)a->size) == 0;
}

/* The slot that an id is in, or is to go to. */
static size_t
slot_of(const struct people *people, const struct hf_text *id)
{
	size_t slot = hash_of(id) & (people->slot_count - 1);

	while (people->slots[slot] != 0 && !same(&people->persons[people->slots[slot] - 1].id, id))
		slot = (slot + 1) & (people->slot_count - 1);
	return slot;
}

static int
grow(struct people *people)
{
	size_t capacity = people->capacity == 0 ? 32 : people->capacity * 2, i;
	struct person *persons = realloc(people->persons, capacity * sizeof(*persons));
	uint32_t *slots;

	if (persons == NULL)
		return HF_ENOMEM;
	people->persons = persons;
	slots = calloc(capacity * 2, sizeof(*slots));
	if (slots == NULL)
		return HF_ENOMEM;
	free(people->slots);
	people->slots = slots;
	people->slot_count = capacity * 2;
	people->capacity = capacity;
	for (i = 0; i < people->count; i++)
		people->slots[slot_of(people, &persons[i].id)] = (uint32_t)(i + 1);
	return HF_OK;
}

static int
copy_text(struct people *people, const struct hf_text *text, struct hf_text *ret_copy)
{
	char *copy = malloc((size_t)text->size + 1);

	if (copy == NULL)
		return HF_ENOMEM;
	if (text->size > 0)
		memcpy(copy, text->data, (size_t)text->size);
	copy[text->size] = '\0';
	people->bytes += (size_t)text->size + 1;
	*ret_copy = *text;
	ret_copy->data = copy;
	return HF_OK;
}

static int
rename_person(struct people *people, struct person *person, const struct hf_text *name)
{
	struct hf_text copy;
	int r = copy_text(people, name, &copy);

	if (r != HF_OK)
		return r;
	if (person->name.data != NULL)
		people->bytes -= (size_t)person->name.size + 1;
	release_text(&person->name);
	person->name = copy;
	return HF_OK;
}

static int
add_person(struct people *people, const struct hf_text *id)
{
	struct person *person;
	int r;

	if (people->count == people->capacity && (r = grow(people)) != HF_OK)
		return r;
	person = &people->persons[people->count];
	memset(person, 0, sizeof(*person));
	r = copy_text(people, id, &person->id);
	if (r != HF_OK)
		return r;
	people->slots[slot_of(people, id)] = (uint32_t)++people->count;
	return HF_OK;
}

int
people_add(struct people *people, const struct hf_text *id, const struct hf_text *name, struct hf_error *err)
{
	uint64_t more = id->size + 1 + (name->data != NULL ? name->size + 1 : 0);
	size_t number = 0;
	int r = HF_OK;

	if (id->data == NULL || id->size == 0)
		return HF_OK;
	if (people->slot_count > 0)
		number = people->slots[slot_of(people, id)];
	if (number > 0 && (name->data == NULL || same(&people->persons[number - 1].name, name)))
		return HF_OK;
	if ((number == 0 && people->count == PEOPLE_MAX) || more > PEOPLE_BYTES - people->bytes) {
		people->full = true;
		return HF_OK;
	}
	if (number == 0) {
		r = add_person(people, id);
		number = people->count;
	}
	if (r == HF_OK && name->data != NULL)
		r = rename_person(people, &people->persons[number - 1], name);
	return r == HF_OK ? HF_OK : hf_error_set(err, r, 0, "out of memory");
}

bool
people_has(const struct people *people, const struct hf_text *id)
{
	return people->slot_count > 0 && people->slots[slot_of(people, id)] != 0;
}

int
people_push(const struct people *people, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_participant person;
	size_t i;
	int r = HF_OK;

	if (people->unchanged)
		return hf_error_set(err, HF_ENOTSUP, 0, "the room is unchanged");
	if (people->full)
		return hf_error_set(err, HF_ENOTSUP, 0, "the room has more people than are listed");
	for (i = 0; i < people->count && r == HF_OK; i++) {
		memset(&person, 0, sizeof(person));
		person.struct_size = sizeof(person);
		person.id = people->persons[i].id;
		person.name = people->persons[i].name;
		r = sink->participant(sink->ctx, &person, err);
	}
	return r;
}

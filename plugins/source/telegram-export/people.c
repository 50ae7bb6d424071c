/* SPDX-License-Identifier: BSD-2-Clause */
#include "telegram.h"

#include <stdlib.h>
#include <string.h>

#include "../../common/value.h"

/* One person of a list is a few short strings. */
#define PERSON_MAX (64u << 10)

/* What one object of a list is for; nonzero: stop and return it. */
typedef int (*person_fn)(struct run *run, const char *text, size_t size, struct hf_error *err);

static int
load_index(struct run *run, struct hf_error *err)
{
	struct hf_record_sink quiet = *run->sink;
	struct run look = {.telegram = run->telegram, .sink = &quiet};

	/* What is wrong with the file is told when the rooms are asked for. */
	quiet.failed = NULL;
	return index_is_current(&run->telegram->index) ? HF_OK : telegram_index(&look, err);
}

static int
take_person(struct run *run, struct walk *walk, person_fn fn, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	uint64_t offset = walk_tell(walk);
	const char *text;
	size_t size;
	int r = walk_value(walk, PERSON_MAX, &text, &size, &why);

	if (r == HF_OK)
		r = fn(run, text, size, &why);
	else if (r == HF_ERANGE) {
		r = telegram_failed(run, offset, &why, err);
		return r == HF_OK ? walk_skip(walk, err) : r;
	} else {
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	}
	if (r == HF_ECORRUPT)
		return telegram_failed(run, offset, &why, err);
	return r == HF_OK ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

/* Gives each element of a list to fn; what is no person is a failed item. */
static int
each_person(struct run *run, uint64_t offset, person_fn fn, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct walk walk;
	bool first = true;
	int r;

	if (offset == 0)
		return HF_OK;
	r = index_walk(&run->telegram->index, offset, &walk, err);
	if (r != HF_OK)
		return r;
	r = walk_enter(&walk, '[', &why);
	while (r == HF_OK && (r = walk_next(&walk, ']', &first, &why)) > 0) {
		r = walk_peek(&walk, &why);
		r = r < 0 ? r : take_person(run, &walk, fn, &why);
	}
	if (r == HF_ECORRUPT)
		r = telegram_failed(run, walk_tell(&walk), &why, err);
	else if (r != HF_OK)
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	walk_close(&walk);
	return r;
}

enum { P_USER_ID, P_ID, P_TYPE, P_NAME, P_FIRST_NAME, P_LAST_NAME, P_PHONE_NUMBER, P_DATE_UNIXTIME, P_COUNT };

static const char *const names[P_COUNT] = {"user_id", "id", "type", "name", "first_name", "last_name",
    "phone_number", "date_unixtime"};

/* The texts that a person's id and name are put together in. */
struct person {
	struct hf_json_value v[P_COUNT];
	char id[80];
	char *name;
	size_t name_size;
};

/* "First Last" in one allocation; NULL where there is neither. */
static int
full_name(const struct hf_host_json *json, struct person *person, struct hf_error *err)
{
	struct hf_text first = value_text(&person->v[P_FIRST_NAME]), last = value_text(&person->v[P_LAST_NAME]);
	size_t size = (size_t)(first.size + last.size) + 2, used = 0;

	person->name = NULL;
	if (first.data == NULL && last.data == NULL)
		return HF_OK;
	person->name = malloc(size);
	if (person->name == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	if (first.data != NULL)
		used = (size_t)json->decode(first.data, first.size, person->name);
	if (first.data != NULL && last.data != NULL)
		person->name[used++] = ' ';
	if (last.data != NULL)
		used += (size_t)json->decode(last.data, last.size, person->name + used);
	person->name_size = used;
	return HF_OK;
}

/* Slices a person's object; id stays "" where it tells none. */
static int
open_person(struct run *run, const char *text, size_t size, struct person *person, struct hf_error *err)
{
	const struct hf_host_json *json = run->telegram->json;
	struct hf_text number;
	int r = json->object(text, size, names, P_COUNT, person->v, err);

	person->name = NULL;
	person->id[0] = '\0';
	if (r != HF_OK)
		return r;
	number = value_either(value_text(&person->v[P_USER_ID]), value_text(&person->v[P_ID]));
	if (number.data != NULL && number.size < 40 && memchr(number.data, '\\', (size_t)number.size) == NULL &&
	    !(number.size == 1 && number.data[0] == '0'))
		(void)snprintf(person->id, sizeof(person->id), "user%.*s", (int)number.size, number.data);
	return full_name(json, person, err);
}

/* ---- the account ---- */

static int
tell_account(struct run *run, const struct person *person, struct hf_error *err)
{
	struct hf_account account;

	memset(&account, 0, sizeof(account));
	account.struct_size = sizeof(account);
	account.service = value_of_string("telegram");
	if (person != NULL && person->id[0] != '\0')
		account.id = value_of_string(person->id);
	if (person != NULL && person->name != NULL)
		account.name = (struct hf_text){person->name, person->name_size, HF_TEXT_UTF8, 0};
	return run->sink->account(run->sink->ctx, &account, err);
}

/* Hands out the object of whose export it is; an account of one chat alone has none. */
static int
with_owner(struct run *run, person_fn fn, bool *ret_found, struct hf_error *err)
{
	struct telegram *telegram = run->telegram;
	struct walk walk;
	const char *text;
	size_t size;
	int r;

	*ret_found = false;
	if (telegram->index.personal == 0)
		return HF_OK;
	r = index_walk(&telegram->index, telegram->index.personal, &walk, err);
	if (r == HF_OK)
		r = walk_value(&walk, PERSON_MAX, &text, &size, err);
	if (r == HF_OK)
		r = fn(run, text, size, err);
	*ret_found = r == HF_OK;
	walk_close(&walk);
	return r == HF_ECORRUPT || r == HF_ERANGE ? HF_OK : r;
}

static int
account_of_owner(struct run *run, const char *text, size_t size, struct hf_error *err)
{
	struct person person;
	int r = open_person(run, text, size, &person, err);

	if (r == HF_OK)
		r = tell_account(run, &person, err);
	free(person.name);
	return r;
}

int
telegram_account(struct run *run, struct hf_error *err)
{
	bool found = false;
	int r = load_index(run, err);

	if (r == HF_OK)
		r = with_owner(run, account_of_owner, &found, err);
	return r == HF_OK && !found ? tell_account(run, NULL, err) : r;
}

/* ---- people of the account ---- */

static int
push_person(struct run *run, const char *text, size_t size, struct hf_error *err)
{
	static const struct hf_text none = {NULL, 0, HF_TEXT_UTF8, 0};
	struct hf_participant participant;
	struct person person;
	int r = open_person(run, text, size, &person, err);

	memset(&participant, 0, sizeof(participant));
	participant.struct_size = sizeof(participant);
	participant.id = value_of_string(person.id);
	/* Groups and channels are no people; who has no id is in the address book only. */
	if (r == HF_OK && person.id[0] != '\0' && !people_has(&run->met, &participant.id) &&
	    (person.v[P_TYPE].type != HF_JSON_STRING || value_is(&person.v[P_TYPE], "user"))) {
		r = people_add(&run->met, &participant.id, &none, err);
		participant.name = value_text(&person.v[P_NAME]);
		if (person.name != NULL)
			participant.name = (struct hf_text){person.name, person.name_size, HF_TEXT_UTF8, 0};
		participant.raw = (struct hf_blob){text, size};
		if (r == HF_OK)
			r = run->sink->participant(run->sink->ctx, &participant, err);
	}
	free(person.name);
	return r;
}

int
telegram_people(struct run *run, struct hf_error *err)
{
	bool found;
	int r = load_index(run, err);

	/* Who is in several lists is told once. */
	people_init(&run->met, run->telegram->json);
	if (r == HF_OK)
		r = with_owner(run, push_person, &found, err);
	if (r == HF_OK)
		r = each_person(run, run->telegram->index.contacts, push_person, err);
	if (r == HF_OK)
		r = each_person(run, run->telegram->index.frequent, push_person, err);
	people_clear(&run->met);
	return r;
}

/* ---- the address book ---- */

struct card {
	const struct hf_host_json *json;
	char *data;
	size_t size;
};

static void
put_string(struct card *card, const char *text)
{
	memcpy(card->data + card->size, text, strlen(text));
	card->size += strlen(text);
}

/* Text in a vCard's value (RFC 2426, section 5); control characters have no place in one. */
static void
put_escaped(struct card *card, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] == '\n')
			put_string(card, "\\n");
		else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			put_string(card, " ");
		else {
			if (strchr("\\,;", text[i]) != NULL)
				put_string(card, "\\");
			card->data[card->size++] = text[i];
		}
	}
}

/* A member's text; scratch has room for it. */
static void
put_member(struct card *card, const struct hf_json_value *value, char *scratch)
{
	struct hf_text text = value_text(value);

	if (text.data != NULL)
		put_escaped(card, scratch, (size_t)card->json->decode(text.data, text.size, scratch));
}

static void
write_card(struct card *card, const struct person *person, char *scratch)
{
	put_string(card, "BEGIN:VCARD\r\nVERSION:3.0\r\nN:");
	put_member(card, &person->v[P_LAST_NAME], scratch);
	put_string(card, ";");
	put_member(card, &person->v[P_FIRST_NAME], scratch);
	put_string(card, ";;;\r\nFN:");
	if (person->name != NULL)
		put_escaped(card, person->name, person->name_size);
	else
		put_member(card, &person->v[P_PHONE_NUMBER], scratch);
	if (value_text(&person->v[P_PHONE_NUMBER]).data != NULL) {
		put_string(card, "\r\nTEL;TYPE=cell:");
		put_member(card, &person->v[P_PHONE_NUMBER], scratch);
	}
	if (person->id[0] != '\0') {
		put_string(card, "\r\nUID:telegram-");
		put_string(card, person->id);
	}
	put_string(card, "\r\nEND:VCARD\r\n");
}

/* Who has no id is known by the telephone number and name. */
static int
id_of_card(struct run *run, const struct card *card, struct person *person, struct hf_error *err)
{
	uint8_t hash[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	int r;

	if (person->id[0] != '\0')
		return HF_OK;
	r = run->telegram->write->sha256(card->data, card->size, hash, err);
	if (r != HF_OK)
		return r;
	digest_hex(hash, hex);
	(void)snprintf(person->id, sizeof(person->id), "card-%.32s", hex);
	return HF_OK;
}

static int
push_card(struct run *run, struct person *person, struct card *card, char *scratch, struct hf_error *err)
{
	struct hf_contact contact;
	int r;

	write_card(card, person, scratch);
	r = id_of_card(run, card, person, err);
	if (r != HF_OK)
		return r;
	memset(&contact, 0, sizeof(contact));
	contact.struct_size = sizeof(contact);
	contact.id = value_of_string(person->id);
	contact.card = (struct hf_blob){card->data, card->size};
	contact.updated_ns = value_unix_time(&person->v[P_DATE_UNIXTIME]);
	return run->sink->contact(run->sink->ctx, &contact, err);
}

static int
push_contact(struct run *run, const char *text, size_t size, struct hf_error *err)
{
	struct card card = {run->telegram->json, NULL, 0};
	struct person person;
	char *scratch = NULL;
	int r = open_person(run, text, size, &person, err);

	/* Somebody who deleted the account has a date only. */
	if (r != HF_OK || (person.name == NULL && value_text(&person.v[P_PHONE_NUMBER]).data == NULL))
		goto out;
	/* Every text comes twice at most, and each byte of it as two. */
	card.data = malloc(4 * size + 256);
	scratch = malloc(size + 1);
	if (card.data == NULL || scratch == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	else
		r = push_card(run, &person, &card, scratch, err);
out:
	free(card.data);
	free(scratch);
	free(person.name);
	return r;
}

int
telegram_contacts(struct run *run, struct hf_error *err)
{
	int r = load_index(run, err);

	return r == HF_OK ? each_person(run, run->telegram->index.contacts, push_contact, err) : r;
}

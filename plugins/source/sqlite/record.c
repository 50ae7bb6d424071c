/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include "card.h"

#include <string.h>

#define HF_TEXT_OF(string) ((struct hf_text){(string), sizeof(string) - 1, HF_TEXT_UTF8, HF_TEXT_PLAIN})

/* The first of each list must be there. */
enum { A_ID, A_NAME, A_SERVICE };
static const char *const account_fields[] = {"id", "name", "service", NULL};

enum { R_ID, R_NAME, R_KIND, R_TOPIC, R_CREATED, R_UPDATED, R_MESSAGES, R_BYTES };
static const char *const room_fields[] = {"id", "name", "kind", "topic", "created", "updated", "messages", "bytes",
	NULL};

enum { P_ID, P_NAME };
static const char *const person_fields[] = {"id", "name", NULL};

enum {
	M_ID, M_REF, M_SENDER, M_KIND, M_TEXT, M_REPLY_TO, M_THREAD, M_SENT, M_EDITED, M_DELETED, M_REACTIONS, M_CURSOR,
	M_MEDIA_ID, M_MEDIA /* the attachment's fields follow */
};
static const char *const message_fields[] = {"id", "ref", "sender", "kind", "text", "reply_to", "thread", "sent",
	"edited", "deleted", "reactions", "cursor", "media_id", "media_kind", "media_name", "media_mime", "media_url",
	"media_path", "media_missing", "media_size", "media_width", "media_height", "media_duration", NULL};

/* Kind and what follows are as in message_fields. */
enum { T_ID, T_KIND, T_NAME, T_MIME, T_URL, T_PATH, T_MISSING, T_SIZE, T_WIDTH, T_HEIGHT, T_DURATION, T_FIELDS };
static const char *const attachment_fields[] = {"id", "kind", "name", "mime", "url", "path", "missing", "size", "width",
	"height", "duration", NULL};

enum { E_KEY, E_SENDER, E_COUNT };
static const char *const reaction_fields[] = {"key", "sender", "count", NULL};

enum {
	C_ID, C_REVISION, C_VCARD, C_NAME, C_FAMILY, C_GIVEN, C_PHONE, C_EMAIL, C_ADDRESS, C_ORGANIZATION, C_NOTE,
	C_UPDATED
};
static const char *const contact_fields[] = {"id", "revision", "vcard", "name", "family", "given", "phone", "email",
	"address", "organization", "note", "updated", NULL};

const char *const *const record_fields[QUERY_COUNT] = {
	[QUERY_ACCOUNT] = account_fields,
	[QUERY_ROOMS] = room_fields,
	[QUERY_PARTICIPANTS] = person_fields,
	[QUERY_PEOPLE] = person_fields,
	[QUERY_MESSAGES] = message_fields,
	[QUERY_ATTACHMENTS] = attachment_fields,
	[QUERY_REACTIONS] = reaction_fields,
	[QUERY_CONTACTS] = contact_fields,
};

/* ---- parts ---- */

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

/* The pool is bounded, so that a record that does not fit is one that is too large. */
static int
too_large(struct hf_error *err)
{
	return hf_error_set(err, HF_ERANGE, 0, "it is too large");
}

static bool
text_of(struct source *source, const struct query *query, int field, struct hf_text *ret)
{
	return cell_text(query_cell(query, field), &source->pool, ret);
}

static bool
id_of(struct source *source, const struct query *query, int field, struct hf_text *ret)
{
	return cell_id(query_cell(query, field), &source->pool, ret);
}

static int64_t
time_of(const struct source *source, const struct query *query, int field)
{
	return cell_time(query_cell(query, field), source->time);
}

/* SQLite's memory of a row is gone with its next step. */
static bool
keep(struct source *source, struct hf_text *text)
{
	char *copy;

	if (text->data == NULL)
		return true;
	copy = pool_take(&source->pool, (size_t)text->size + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, text->data, (size_t)text->size);
	text->data = copy;
	return true;
}

static void
begin_record(struct source *source)
{
	pool_clear(&source->pool);
	text_clear(&source->raw);
}

static int
end_raw(struct source *source, struct hf_blob *ret, struct hf_error *err)
{
	text_byte(&source->raw, '}');
	if (source->raw.failed == HF_ENOMEM)
		return no_memory(err);
	if (source->raw.failed != HF_OK)
		return hf_error_set(err, HF_ERANGE, 0, "its row is larger than %u MiB", RAW_MAX >> 20);
	*ret = (struct hf_blob){source->raw.data, source->raw.size};
	return HF_OK;
}

static int
row_raw(struct source *source, const struct query *query, struct hf_blob *ret, struct hf_error *err)
{
	query_row(query, &source->raw);
	return end_raw(source, ret, err);
}

/* ---- reactions ---- */

static struct hf_reaction *
reaction_of(struct source *source, const struct hf_text *key, struct hf_message *m)
{
	struct hf_reaction *reaction;
	uint64_t i;

	for (i = 0; i < m->reaction_count; i++) {
		reaction = &source->reactions[i];
		if (reaction->key.size == key->size && memcmp(reaction->key.data, key->data, (size_t)key->size) == 0)
			return reaction;
	}
	if (m->reaction_count == REACTIONS_MAX)
		return NULL;
	reaction = &source->reactions[m->reaction_count++];
	memset(reaction, 0, sizeof(*reaction));
	reaction->key = *key;
	reaction->senders = source->senders + source->sender_count;
	return reaction;
}

/* Its senders lie together: one that comes later, after another key's, moves those behind it. */
static void
add_sender(struct source *source, struct hf_reaction *reaction, const struct hf_text *sender, struct hf_message *m)
{
	size_t at = (size_t)(reaction->senders - source->senders) + (size_t)reaction->sender_count;
	uint64_t i;

	if (sender->data == NULL || source->sender_count == SENDERS_MAX)
		return;
	memmove(&source->senders[at + 1], &source->senders[at], (size_t)(source->sender_count - at) *
	    sizeof(source->senders[0]));
	source->senders[at] = *sender;
	source->sender_count++;
	reaction->sender_count++;
	for (i = 0; i < m->reaction_count; i++)
		if (source->reactions[i].senders >= source->senders + at && &source->reactions[i] != reaction)
			source->reactions[i].senders++;
}

static int
take_reaction(struct source *source, struct hf_message *m, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_REACTIONS];
	struct hf_reaction *reaction;
	struct hf_text key, sender;

	if (!text_of(source, query, E_KEY, &key) || !id_of(source, query, E_SENDER, &sender) || !keep(source, &key) ||
	    !keep(source, &sender))
		return too_large(err);
	if (key.data == NULL || (reaction = reaction_of(source, &key, m)) == NULL)
		return HF_OK;
	reaction->count += (uint64_t)cell_number(query_cell(query, E_COUNT), 1);
	add_sender(source, reaction, &sender, m);
	return HF_OK;
}

/* A column of JSON: {"KEY": ["SENDER", ...], "KEY": COUNT} */
static void
take_reaction_column(struct source *source, const struct cell *cell, struct hf_message *m)
{
	struct hf_json_value object = {cell->data, cell->size, HF_JSON_OBJECT, 0}, name, value, item;
	struct hf_reaction *reaction;
	struct hf_text text;
	uint64_t pos = 0, at;

	if (cell->type != SQLITE_TEXT || cell->size == 0 || cell->data[0] != '{' ||
	    source->json->object(cell->data, cell->size, NULL, 0, NULL, NULL) != HF_OK)
		return;
	while (source->json->next(&object, &pos, &name, &value, NULL) > 0) {
		text = (struct hf_text){name.data, name.size, HF_TEXT_JSON, 0};
		reaction = reaction_of(source, &text, m);
		if (reaction == NULL)
			return;
		if (value.type == HF_JSON_NUMBER)
			for (at = 0; at < value.size && at < 9 && value.data[at] >= '0' && value.data[at] <= '9'; at++)
				reaction->count = reaction->count * 10 + (uint64_t)(value.data[at] - '0');
		for (at = 0; value.type == HF_JSON_ARRAY && source->json->next(&value, &at, NULL, &item, NULL) > 0;) {
			text = (struct hf_text){item.data, item.size, item.type == HF_JSON_STRING ? HF_TEXT_JSON :
			    HF_TEXT_UTF8, 0};
			reaction->count++;
			if (item.type == HF_JSON_STRING || item.type == HF_JSON_NUMBER)
				add_sender(source, reaction, &text, m);
		}
	}
}

/* ---- attachments ---- */

static struct hf_text
kind_of_mime(const struct hf_text *mime)
{
	static const char *const kinds[] = {"image", "video", "audio"};
	size_t i, size;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && mime->data != NULL; i++) {
		size = strlen(kinds[i]);
		if (mime->size > size && memcmp(mime->data, kinds[i], size) == 0 && mime->data[size] == '/')
			return (struct hf_text){kinds[i], size, HF_TEXT_UTF8, HF_TEXT_PLAIN};
	}
	return HF_TEXT_OF("file");
}

/* From the columns that begin with base; ids of the message's own columns end with "media_". */
static bool
take_attachment(struct source *source, const struct query *query, int base, struct hf_attachment *a)
{
	memset(a, 0, sizeof(*a));
	if (!id_of(source, query, base + T_ID, &a->id) || !text_of(source, query, base + T_KIND, &a->kind) ||
	    !text_of(source, query, base + T_NAME, &a->name) || !text_of(source, query, base + T_MIME, &a->mime) ||
	    !id_of(source, query, base + T_URL, &a->url) || !id_of(source, query, base + T_PATH, &a->path) ||
	    !text_of(source, query, base + T_MISSING, &a->missing))
		return false;
	if (a->kind.data == NULL)
		a->kind = kind_of_mime(&a->mime);
	a->size = cell_number(query_cell(query, base + T_SIZE), -1);
	a->width = cell_number(query_cell(query, base + T_WIDTH), -1);
	a->height = cell_number(query_cell(query, base + T_HEIGHT), -1);
	a->duration_ms = cell_number(query_cell(query, base + T_DURATION), -1);
	a->expires_ns = HF_NO_TIME;
	return true;
}

static bool
keep_attachment(struct source *source, struct hf_attachment *a)
{
	return keep(source, &a->id) && keep(source, &a->kind) && keep(source, &a->name) && keep(source, &a->mime) &&
	    keep(source, &a->url) && keep(source, &a->path) && keep(source, &a->missing);
}

static int
take_attachment_row(struct source *source, struct hf_message *m, struct hf_error *err)
{
	struct hf_attachment *a = &source->attachments[m->attachment_count];

	if (m->attachment_count == ATTACHMENTS_MAX)
		return HF_OK;
	if (!take_attachment(source, &source->queries[QUERY_ATTACHMENTS], 0, a) || !keep_attachment(source, a))
		return too_large(err);
	m->attachment_count++;
	return HF_OK;
}

/* One whose columns are in the message's own row. */
static int
take_attachment_columns(struct source *source, struct hf_message *m, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_MESSAGES];
	struct hf_attachment *a = &source->attachments[0];

	if (!take_attachment(source, query, M_MEDIA_ID, a))
		return too_large(err);
	m->attachment_count = a->id.data != NULL || a->name.data != NULL || a->url.data != NULL || a->path.data != NULL;
	return HF_OK;
}

/* ---- messages ---- */

typedef int (*take_fn)(struct source *source, struct hf_message *m, struct hf_error *err);

/* What another query has of the message, as a list of its rows under name in the raw value. */
static int
take_rows(struct source *source, enum which which, const char *name, const struct hf_text *room, take_fn take,
    struct hf_message *m, struct hf_error *err)
{
	const struct query *messages = &source->queries[QUERY_MESSAGES];
	struct query *query = &source->queries[which];
	const struct cell *ref;
	uint64_t count = 0;
	int r;

	if (query->stmt == NULL)
		return HF_OK;
	ref = query_cell(messages, messages->fields[M_REF] >= 0 ? M_REF : M_ID);
	query_begin(query);
	query_bind(query, ":message", ref);
	query_bind_text(query, ":room", room);
	while ((r = query_step(query, err)) > 0) {
		text_string(&source->raw, count++ == 0 ? name : ",");
		query_row(query, &source->raw);
		text_byte(&source->raw, '}');
		r = take(source, m, err);
		if (r != HF_OK)
			break;
	}
	query_end(query);
	if (count > 0)
		text_byte(&source->raw, ']');
	return r;
}

/* "deleted" is a time, or a yes or no. */
static void
take_deleted(struct source *source, const struct cell *cell, struct hf_message *m)
{
	bool plain = cell->type == SQLITE_INTEGER && cell->integer == 1;

	m->deleted_ns = plain ? HF_NO_TIME : cell_time(cell, source->time);
	if (cell_is_true(cell))
		m->flags |= HF_MESSAGE_DELETED;
}

static int
take_lists(struct source *source, const struct hf_text *room, struct hf_message *m, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_MESSAGES];
	int r = take_attachment_columns(source, m, err);

	source->sender_count = 0;
	take_reaction_column(source, query_cell(query, M_REACTIONS), m);
	if (r == HF_OK)
		r = take_rows(source, QUERY_ATTACHMENTS, ",\"attachments:rows\":[", room, take_attachment_row, m, err);
	if (r == HF_OK)
		r = take_rows(source, QUERY_REACTIONS, ",\"reactions:rows\":[", room, take_reaction, m, err);
	m->attachments = source->attachments;
	m->reactions = source->reactions;
	return r;
}

int
record_message(struct source *source, const struct hf_text *room, struct hf_message *m, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_MESSAGES];
	int r;

	begin_record(source);
	memset(m, 0, sizeof(*m));
	m->struct_size = sizeof(*m);
	m->flags = HF_MESSAGE_RAW_COMPACT;
	if (!id_of(source, query, M_ID, &m->id) || !id_of(source, query, M_SENDER, &m->sender) ||
	    !text_of(source, query, M_KIND, &m->kind) || !text_of(source, query, M_TEXT, &m->text) ||
	    !id_of(source, query, M_REPLY_TO, &m->reply_to) || !id_of(source, query, M_THREAD, &m->thread))
		return too_large(err);
	if (m->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a row without an id");
	if (m->kind.data == NULL)
		m->kind = HF_TEXT_OF("text");
	m->sent_ns = time_of(source, query, M_SENT);
	m->edited_ns = time_of(source, query, M_EDITED);
	take_deleted(source, query_cell(query, M_DELETED), m);
	query_row(query, &source->raw);
	r = take_lists(source, room, m, err);
	return r == HF_OK ? end_raw(source, &m->raw, err) : r;
}

const struct cell *
record_cursor(const struct source *source)
{
	return query_cell(&source->queries[QUERY_MESSAGES], M_CURSOR);
}

/* ---- the others ---- */

int
record_account(struct source *source, struct hf_account *account, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_ACCOUNT];

	begin_record(source);
	memset(account, 0, sizeof(*account));
	account->struct_size = sizeof(*account);
	if (!id_of(source, query, A_ID, &account->id) || !text_of(source, query, A_NAME, &account->name) ||
	    !text_of(source, query, A_SERVICE, &account->service))
		return too_large(err);
	return HF_OK;
}

int
record_room(struct source *source, struct hf_room *room, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_ROOMS];

	begin_record(source);
	memset(room, 0, sizeof(*room));
	room->struct_size = sizeof(*room);
	if (!id_of(source, query, R_ID, &room->id) || !text_of(source, query, R_NAME, &room->name) ||
	    !text_of(source, query, R_KIND, &room->kind) || !text_of(source, query, R_TOPIC, &room->topic))
		return too_large(err);
	if (room->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a room without an id");
	room->created_ns = time_of(source, query, R_CREATED);
	room->updated_ns = time_of(source, query, R_UPDATED);
	room->estimated_messages = (uint64_t)cell_number(query_cell(query, R_MESSAGES), 0);
	room->estimated_bytes = (uint64_t)cell_number(query_cell(query, R_BYTES), 0);
	return row_raw(source, query, &room->raw, err);
}

int
record_participant(struct source *source, enum which which, struct hf_participant *person, struct hf_error *err)
{
	const struct query *query = &source->queries[which];

	begin_record(source);
	memset(person, 0, sizeof(*person));
	person->struct_size = sizeof(*person);
	if (!id_of(source, query, P_ID, &person->id) || !text_of(source, query, P_NAME, &person->name))
		return too_large(err);
	if (person->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a person without an id");
	return row_raw(source, query, &person->raw, err);
}

static int
make_card(struct source *source, const struct query *query, const struct hf_text *id, struct hf_blob *ret,
    struct hf_error *err)
{
	struct card card = {.id = *id};

	if (!text_of(source, query, C_NAME, &card.name) || !text_of(source, query, C_FAMILY, &card.family) ||
	    !text_of(source, query, C_GIVEN, &card.given) || !text_of(source, query, C_PHONE, &card.phone) ||
	    !text_of(source, query, C_EMAIL, &card.email) || !text_of(source, query, C_ADDRESS, &card.address) ||
	    !text_of(source, query, C_ORGANIZATION, &card.organization) || !text_of(source, query, C_NOTE, &card.note))
		return too_large(err);
	card_put(&card, &source->raw);
	if (source->raw.failed == HF_ENOMEM)
		return no_memory(err);
	if (source->raw.failed != HF_OK)
		return too_large(err);
	*ret = (struct hf_blob){source->raw.data, source->raw.size};
	return HF_OK;
}

int
record_contact(struct source *source, struct hf_contact *contact, struct hf_error *err)
{
	const struct query *query = &source->queries[QUERY_CONTACTS];
	const struct cell *vcard = query_cell(query, C_VCARD);

	begin_record(source);
	memset(contact, 0, sizeof(*contact));
	contact->struct_size = sizeof(*contact);
	if (!id_of(source, query, C_ID, &contact->id) || !id_of(source, query, C_REVISION, &contact->revision))
		return too_large(err);
	if (contact->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a contact without an id");
	contact->updated_ns = time_of(source, query, C_UPDATED);
	if ((vcard->type != SQLITE_TEXT && vcard->type != SQLITE_BLOB) || vcard->size == 0)
		return make_card(source, query, &contact->id, &contact->card, err);
	contact->card = (struct hf_blob){vcard->data, vcard->size};
	return HF_OK;
}

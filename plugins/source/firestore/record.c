/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <string.h>

static struct hf_text
text_of(const struct document *d, const struct field *field)
{
	struct value value = document_value(d, field);

	return value_text(&value);
}

static struct hf_text
id_of(const struct document *d, const struct field *field)
{
	struct value value = document_value(d, field);

	return value_id(&value);
}

static int64_t
time_of(const struct service *s, const struct document *d, const struct field *field)
{
	struct value value = document_value(d, field);

	return value_time(s->write, &value);
}

/* The document's own id, where its fields have none. */
static struct hf_text
id_or_name(const struct document *d, const struct field *field)
{
	struct hf_text id = id_of(d, field);

	return id.data != NULL && id.size > 0 ? id : document_id(d);
}

static struct hf_text
literal(const char *text)
{
	return (struct hf_text){text, strlen(text), HF_TEXT_UTF8, 0};
}

/* ---- attachments ---- */

static struct hf_text
kind_of_mime(const struct hf_text *mime)
{
	static const char *const kinds[] = {"image", "video", "audio"};
	size_t i, size;

	for (i = 0; i < 3 && mime->data != NULL; i++) {
		size = strlen(kinds[i]);
		if (mime->size > size && memcmp(mime->data, kinds[i], size) == 0 &&
		    (mime->data[size] == '/' || mime->data[size] == '\\'))
			return literal(kinds[i]);
	}
	return literal("file");
}

static struct value
beside(const struct record *record, const struct hf_json_value *map, const char *name)
{
	return map_value(record->service->json, map, name == NULL ? "" : name);
}

static int
take_medium(void *ctx, const struct value *url, const struct hf_json_value *map, struct hf_error *err)
{
	struct record *record = ctx;
	const struct media_names *names = &record->service->settings->media;
	struct value size = beside(record, map, names->size), width = beside(record, map, names->width),
		     height = beside(record, map, names->height), duration = beside(record, map, names->duration),
		     name = beside(record, map, names->name), mime = beside(record, map, names->mime);
	struct hf_attachment *a;
	int64_t seconds;

	(void)err;
	if (url->kind != VALUE_STRING || url->inner.size == 0)
		return HF_OK;
	if (record->attachment_count == RECORD_ATTACHMENTS)
		return HF_ESTOP;
	a = &record->attachments[record->attachment_count++];
	memset(a, 0, sizeof(*a));
	a->url = value_text(url);
	a->name = value_text(&name);
	a->mime = value_text(&mime);
	a->kind = kind_of_mime(&a->mime);
	a->size = value_number(&size, -1);
	a->width = value_number(&width, -1);
	a->height = value_number(&height, -1);
	seconds = value_number(&duration, -1);
	a->duration_ms = seconds < 0 || seconds > INT64_MAX / 1000 ? -1 : seconds * 1000;
	a->expires_ns = HF_NO_TIME;
	return HF_OK;
}

/* ---- reactions ---- */

static void
take_senders(struct record *record, const struct hf_json_value *list, struct hf_reaction *reaction)
{
	struct hf_json_value slice;
	struct value value;
	struct hf_text id;
	uint64_t pos = 0;

	reaction->senders = &record->senders[record->sender_count];
	while (record->service->json->next(list, &pos, NULL, &slice, NULL) > 0) {
		reaction->count++;
		value = value_of(record->service->json, &slice);
		id = value_id(&value);
		if (id.data == NULL || record->sender_count == RECORD_SENDERS)
			continue;
		record->senders[record->sender_count++] = id;
		reaction->sender_count++;
	}
}

/* A map from each reaction to its users, or to how many there are. */
static void
take_reactions(struct record *record, const struct document *d)
{
	struct value map = document_value(d, &record->service->settings->message.reactions), value;
	struct hf_json_value name, slice;
	struct hf_reaction *reaction;
	uint64_t pos = 0;

	if (map.kind != VALUE_MAP || map.inner.type != HF_JSON_OBJECT)
		return;
	while (record->reaction_count < RECORD_REACTIONS &&
	    record->service->json->next(&map.inner, &pos, &name, &slice, NULL) > 0) {
		value = value_of(record->service->json, &slice);
		reaction = &record->reactions[record->reaction_count];
		memset(reaction, 0, sizeof(*reaction));
		reaction->key = (struct hf_text){name.data, name.size, HF_TEXT_JSON, 0};
		if (value.kind == VALUE_ARRAY && value.inner.type == HF_JSON_ARRAY)
			take_senders(record, &value.inner, reaction);
		else if (value.kind == VALUE_INTEGER && value_number(&value, 0) > 0)
			reaction->count = (uint64_t)value_number(&value, 0);
		record->reaction_count += reaction->count > 0;
	}
}

/* ---- messages ---- */

/* A field that says when, or only whether, with otherwise for the time then. */
static bool
take_moment(const struct service *s, const struct document *d, const struct field *field, int64_t otherwise,
    int64_t *ret_ns)
{
	struct value value = document_value(d, field);

	*ret_ns = value_time(s->write, &value);
	if (*ret_ns != HF_NO_TIME)
		return true;
	if (!value_is_true(&value))
		return false;
	*ret_ns = otherwise;
	return true;
}

void
record_message(struct record *record, const struct document *d, struct hf_message *m)
{
	const struct service *s = record->service;
	const struct message_fields *f = &s->settings->message;
	int64_t updated;
	unsigned i;

	record->attachment_count = record->reaction_count = record->sender_count = 0;
	memset(m, 0, sizeof(*m));
	m->struct_size = sizeof(*m);
	m->id = id_or_name(d, &f->id);
	m->sender = id_of(d, &f->sender);
	m->text = text_of(d, &f->text);
	m->reply_to = id_of(d, &f->reply_to);
	m->thread = id_of(d, &f->thread);
	m->sent_ns = time_of(s, d, &f->sent);
	updated = time_of(s, d, &f->updated);
	(void)take_moment(s, d, &f->edited, updated, &m->edited_ns);
	if (take_moment(s, d, &f->deleted, updated, &m->deleted_ns))
		m->flags |= HF_MESSAGE_DELETED;
	for (i = 0; i < f->media_count; i++)
		(void)document_each(d, &f->media[i], take_medium, record, NULL);
	take_reactions(record, d);
	m->attachments = record->attachments;
	m->attachment_count = record->attachment_count;
	m->reactions = record->reactions;
	m->reaction_count = record->reaction_count;
	m->kind = text_of(d, &f->kind);
	if (m->kind.data == NULL)
		m->kind = m->attachment_count > 0 && m->text.size == 0 ? record->attachments[0].kind : literal("text");
	m->raw = (struct hf_blob){d->whole.data, d->whole.size};
	if (d->whole.flags & HF_JSON_COMPACT)
		m->flags |= HF_MESSAGE_RAW_COMPACT;
}

void
record_room(const struct service *s, const struct document *d, struct hf_room *room)
{
	const struct room_fields *f = &s->settings->room;
	struct value count = document_value(d, &f->count);
	int64_t n = value_number(&count, 0);

	memset(room, 0, sizeof(*room));
	room->struct_size = sizeof(*room);
	room->id = document_id(d);
	room->name = text_of(d, &f->name);
	room->kind = text_of(d, &f->kind);
	room->topic = text_of(d, &f->topic);
	room->created_ns = time_of(s, d, &f->created);
	room->updated_ns = HF_NO_TIME;
	room->estimated_messages = n > 0 ? (uint64_t)n : 0;
	room->raw = (struct hf_blob){d->whole.data, d->whole.size};
}

void
record_person(const struct service *s, const struct document *d, struct hf_participant *person)
{
	memset(person, 0, sizeof(*person));
	person->struct_size = sizeof(*person);
	person->id = id_or_name(d, &s->settings->person_id);
	person->name = text_of(d, &s->settings->person_name);
	person->raw = (struct hf_blob){d->whole.data, d->whole.size};
}

/* ---- contacts ---- */

#define CARD_LINE 75

/* A line of a vCard, folded (RFC 2425, 5.8.1) where no character of UTF-8 is cut. */
static void
put_line(struct text *card, const struct text *line)
{
	size_t from = 0, to, width = CARD_LINE;

	while (line->size - from > width) {
		for (to = from + width; ((unsigned char)line->data[to] & 0xc0) == 0x80; to--)
			;
		text_put(card, line->data + from, to - from);
		text_string(card, "\r\n ");
		from = to;
		width = CARD_LINE - 1;
	}
	text_put(card, line->data + from, line->size - from);
	text_string(card, "\r\n");
}

/* Text as a value: what has a meaning there gets a backslash, control characters go. */
static void
put_value(struct text *line, const char *value, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (value[i] == '\n')
			text_string(line, "\\n");
		else if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			continue;
		else if (strchr("\\,;", value[i]) != NULL)
			text_printf(line, "\\%c", value[i]);
		else
			text_put(line, value + i, 1);
	}
}

struct card {
	const struct service *service;
	struct text *out;
	struct text line;
	struct text decoded;
	const char *property;
	bool found;
};

/* One property from a value, and from each element of an array. */
static int
put_property(void *ctx, const struct value *value, const struct hf_json_value *map, struct hf_error *err)
{
	struct card *card = ctx;
	struct hf_text text = value_text(value);
	struct hf_json_value slice;
	struct value element;
	uint64_t pos = 0, n;

	if (value->kind == VALUE_ARRAY && value->inner.type == HF_JSON_ARRAY) {
		while (card->service->json->next(&value->inner, &pos, NULL, &slice, NULL) > 0) {
			element = value_of(card->service->json, &slice);
			if (element.kind != VALUE_ARRAY)
				(void)put_property(ctx, &element, map, err);
		}
		return HF_OK;
	}
	if (text.data == NULL || text.size == 0)
		return HF_OK;
	text_clear(&card->decoded);
	text_put(&card->decoded, text.data, (size_t)text.size);
	if (card->decoded.failed != HF_OK)
		return HF_OK;
	n = card->service->json->decode(text.data, text.size, card->decoded.data);
	text_clear(&card->line);
	text_string(&card->line, card->property);
	text_string(&card->line, ":");
	put_value(&card->line, card->decoded.data, (size_t)n);
	if (card->line.failed != HF_OK)
		card->out->failed = card->line.failed;
	put_line(card->out, &card->line);
	card->found = true;
	return HF_OK;
}

static void
put_field(struct card *card, const struct document *d, const struct field *field, const char *property)
{
	card->property = property;
	card->found = false;
	(void)document_each(d, field, put_property, card, NULL);
}

static void
put_decoded(const struct service *s, struct text *out, const struct hf_text *text)
{
	text_put(out, text->data, (size_t)text->size);
	if (out->failed == HF_OK && text->encoding == HF_TEXT_JSON)
		out->size = (size_t)s->json->decode(text->data, text->size, out->data);
}

int
record_contact(const struct service *s, const struct document *d, struct text *own_id, struct text *out,
    struct hf_contact *contact, struct hf_error *err)
{
	const struct contact_fields *f = &s->settings->contact;
	struct card card = {s, out, TEXT_INIT(1u << 20), TEXT_INIT(1u << 20), "", false};
	struct hf_text id = id_or_name(d, &f->id);
	struct value named = {VALUE_STRING, {NULL, 0, HF_JSON_NONE, 0}, {id.data, id.size, HF_JSON_STRING, 0}};

	text_clear(own_id);
	put_decoded(s, own_id, &id);
	text_clear(out);
	text_string(out, "BEGIN:VCARD\r\nVERSION:3.0\r\n");
	card.property = "UID";
	(void)put_property(&card, &named, NULL, NULL);
	put_field(&card, d, &f->name, "FN");
	/* FN and N have to be there. */
	if (!card.found) {
		card.property = "FN";
		(void)put_property(&card, &named, NULL, NULL);
	}
	put_field(&card, d, &f->name, "N");
	if (!card.found)
		text_string(out, "N:\r\n");
	put_field(&card, d, &f->email, "EMAIL");
	put_field(&card, d, &f->phone, "TEL");
	put_field(&card, d, &f->organization, "ORG");
	put_field(&card, d, &f->title, "TITLE");
	put_field(&card, d, &f->note, "NOTE");
	put_field(&card, d, &f->url, "URL");
	text_string(out, "END:VCARD\r\n");
	text_release(&card.line);
	text_release(&card.decoded);
	memset(contact, 0, sizeof(*contact));
	contact->struct_size = sizeof(*contact);
	contact->id = (struct hf_text){own_id->data, own_id->size, HF_TEXT_UTF8, 0};
	/* A time has nothing that JSON would spell in another way. */
	if (d->update_time.type == HF_JSON_STRING)
		contact->revision = (struct hf_text){d->update_time.data, d->update_time.size, HF_TEXT_UTF8, 0};
	contact->updated_ns = d->update_time.type == HF_JSON_STRING ?
	    s->write->parse_time(d->update_time.data, d->update_time.size) : HF_NO_TIME;
	contact->card = (struct hf_blob){out->data, out->size};
	if (own_id->failed != HF_OK)
		return text_status(own_id, "the contact's id", err);
	return text_status(out, "the card", err);
}

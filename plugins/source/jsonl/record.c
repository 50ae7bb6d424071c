/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000ll
/* Numbers from here on are milliseconds: as seconds they would lie in the year 5138. */
#define FIRST_MS 100000000000ll

struct hf_text
record_text(const struct hf_json_value *value)
{
	struct hf_text text = {NULL, 0, HF_TEXT_UTF8, 0};

	if (value->type == HF_JSON_STRING || value->type == HF_JSON_NUMBER) {
		text.data = value->data;
		text.size = value->size;
		text.encoding = value->type == HF_JSON_STRING ? HF_TEXT_JSON : HF_TEXT_UTF8;
		/* A number's spelling is plain too. */
		if ((value->flags & HF_JSON_PLAIN) || value->type == HF_JSON_NUMBER)
			text.flags = HF_TEXT_PLAIN;
	}
	return text;
}

const char *
record_utf8(const struct hf_host_json *json, const struct hf_text *text, char **buffer, size_t *capacity,
    size_t *ret_size)
{
	char *grown;

	if (text->encoding != HF_TEXT_JSON || memchr(text->data, '\\', (size_t)text->size) == NULL) {
		*ret_size = (size_t)text->size;
		return text->data;
	}
	if (*capacity < text->size) {
		grown = realloc(*buffer, (size_t)text->size);
		if (grown == NULL)
			return NULL;
		*buffer = grown;
		*capacity = (size_t)text->size;
	}
	*ret_size = (size_t)json->decode(text->data, text->size, *buffer);
	return *buffer;
}

/* An integer, or fallback where it is none or does not fit. */
static int64_t
number_of(const struct hf_json_value *value, int64_t fallback)
{
	int64_t n = 0;
	uint64_t i = 0;

	if (value->type != HF_JSON_NUMBER || value->data[0] == '-')
		return fallback;
	for (; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9' || n > (INT64_MAX - 9) / 10)
			return fallback;
		n = n * 10 + (value->data[i] - '0');
	}
	return n;
}

/* count digits at *p, which moves on; -1 when they are not there. */
static inline int
digits(const char **p, const char *end, int count)
{
	int n = 0;

	while (count-- > 0) {
		if (*p >= end || **p < '0' || **p > '9')
			return -1;
		n = n * 10 + (*(*p)++ - '0');
	}
	return n;
}

/* One of the two bytes at *p, which moves on. */
static inline bool
either_byte(const char **p, const char *end, char a, char b)
{
	if (*p >= end || (**p != a && **p != b))
		return false;
	(*p)++;
	return true;
}

static inline bool
byte(const char **p, const char *end, char c)
{
	return either_byte(p, end, c, c);
}

/* Nanoseconds of a fraction's digits at *p; what is finer is cut off. */
static int64_t
fraction(const char **p, const char *end)
{
	int64_t ns = 0, unit = NS_PER_S / 10;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		ns += unit * (**p - '0');
	return ns;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t
join(int64_t seconds, int64_t ns)
{
	if (seconds > INT64_MAX / NS_PER_S - 1 || seconds < INT64_MIN / NS_PER_S + 1)
		return HF_NO_TIME;
	return seconds * NS_PER_S + ns;
}

/* Seconds east of UTC; false when it is no offset. */
static bool
offset_of(const char **p, const char *end, int64_t *ret_seconds)
{
	int sign, hours, minutes;

	*ret_seconds = 0;
	if (*p == end || either_byte(p, end, 'Z', 'z'))
		return *p == end;
	sign = **p == '-' ? -1 : 1;
	if (!either_byte(p, end, '+', '-'))
		return false;
	hours = digits(p, end, 2);
	(void)byte(p, end, ':');
	minutes = *p == end ? 0 : digits(p, end, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || *p != end)
		return false;
	*ret_seconds = sign * (hours * 3600ll + minutes * 60ll);
	return true;
}

/* Two digits at p; more than 99 where one of them is none. */
static inline unsigned
pair(const char *p)
{
	unsigned tens = (unsigned char)p[0] - '0', ones = (unsigned char)p[1] - '0';

	return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/*
 * The spelling that nearly all have, "2026-11-23T06:00:00.123Z", at once.  False for every other, and for
 * what is no time.
 */
static bool
usual_time(const char *p, int64_t *ret_ns)
{
	unsigned century = pair(p), year = pair(p + 2), month = pair(p + 5), day = pair(p + 8), hour = pair(p + 11),
	         minute = pair(p + 14), second = pair(p + 17), ms = pair(p + 20), last = (unsigned char)p[22] - '0';

	if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' || p[19] != '.' || p[23] != 'Z')
		return false;
	if (century < 17 || century > 21 || year > 99 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	    minute > 59 || second > 60 || ms > 99 || last > 9)
		return false;
	*ret_ns = (days_of((int)(century * 100 + year), (int)month, (int)day) * 86400 + hour * 3600 + minute * 60 +
	    second) * NS_PER_S + (ms * 10 + last) * INT64_C(1000000);
	return true;
}

static int64_t
time_of_text(const char *p, const char *end)
{
	int64_t ns = 0, east;
	int year, month, day, hour, minute, second = 0;

	if (end - p == 24 && usual_time(p, &ns))
		return ns;
	year = digits(&p, end, 4);
	if (year < 0 || !byte(&p, end, '-'))
		return HF_NO_TIME;
	month = digits(&p, end, 2);
	if (month < 1 || month > 12 || !byte(&p, end, '-'))
		return HF_NO_TIME;
	day = digits(&p, end, 2);
	if (day < 1 || day > 31 || !(either_byte(&p, end, 'T', 't') || byte(&p, end, ' ')))
		return HF_NO_TIME;
	hour = digits(&p, end, 2);
	if (hour < 0 || hour > 23 || !byte(&p, end, ':'))
		return HF_NO_TIME;
	minute = digits(&p, end, 2);
	if (minute < 0 || minute > 59)
		return HF_NO_TIME;
	if (byte(&p, end, ':')) {
		second = digits(&p, end, 2);
		if (second < 0 || second > 60)
			return HF_NO_TIME;
		if (either_byte(&p, end, '.', ','))
			ns = fraction(&p, end);
	}
	if (!offset_of(&p, end, &east))
		return HF_NO_TIME;
	return join(days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east, ns);
}

static int64_t
time_of_number(const char *p, const char *end)
{
	int64_t n = 0, ns = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (n > INT64_MAX / 100)
			return HF_NO_TIME;
		n = n * 10 + (*p - '0');
	}
	if (byte(&p, end, '.'))
		ns = fraction(&p, end);
	if (p != end)
		return HF_NO_TIME;
	return n < FIRST_MS ? join(n, ns) : join(n / 1000, n % 1000 * 1000000 + ns / 1000);
}

int64_t
record_time(const struct hf_json_value *value)
{
	if (value->type == HF_JSON_STRING)
		return time_of_text(value->data, value->data + value->size);
	if (value->type == HF_JSON_NUMBER)
		return time_of_number(value->data, value->data + value->size);
	return HF_NO_TIME;
}

/* record_time, which counts what is there and is no time; "" and false say that there is none. */
static int64_t
take_time(struct record *record, const struct hf_json_value *value)
{
	int64_t ns = record_time(value);

	if (ns == HF_NO_TIME && value->type != HF_JSON_NONE && value->type != HF_JSON_NULL &&
	    value->type != HF_JSON_FALSE && (value->type != HF_JSON_STRING || value->size > 0))
		record->unread_times++;
	return ns;
}

/* The first of two spellings of a member that is there. */
static const struct hf_json_value *
either(const struct hf_json_value *a, const struct hf_json_value *b)
{
	return a->type == HF_JSON_NONE || a->type == HF_JSON_NULL ? b : a;
}

/* The line without the white space around its one value. */
static struct hf_blob
raw_of(const char *line, size_t size)
{
	static const char space[] = " \t\r\n";
	struct hf_blob raw;

	for (; size > 0 && memchr(space, line[0], 4) != NULL; line++, size--)
		;
	for (; size > 0 && memchr(space, line[size - 1], 4) != NULL; size--)
		;
	raw.data = line;
	raw.size = size;
	return raw;
}

static int
need_id(const struct hf_json_value *id, struct hf_error *err)
{
	if (id->type != HF_JSON_STRING && id->type != HF_JSON_NUMBER)
		return hf_error_set(err, HF_ECORRUPT, 0, "no \"id\" that is a string or a number");
	if (id->size == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "\"id\" is empty");
	return HF_OK;
}

/* Adds the senders that an array lists, as many as there is room for. */
static void
take_senders(struct record *record, const struct hf_json_value *list, struct hf_reaction *reaction)
{
	struct hf_json_value value;
	uint64_t pos = 0;

	reaction->senders = record->senders + record->sender_count;
	while (record->json->next(list, &pos, NULL, &value, NULL) > 0) {
		reaction->count++;
		if (record->sender_count < RECORD_SENDERS) {
			record->senders[record->sender_count++] = record_text(&value);
			reaction->sender_count++;
		}
	}
}

/* {"key": [senders]} or {"key": count}. */
static void
reaction_of_member(struct record *record, const struct hf_json_value *name,
    const struct hf_json_value *value, struct hf_reaction *reaction)
{
	reaction->key = record_text(name);
	if (value->type == HF_JSON_ARRAY)
		take_senders(record, value, reaction);
	else
		reaction->count = (uint64_t)number_of(value, 1);
}

/* {"key": "...", "count": n, "senders": [...]}. */
static bool
reaction_of_object(struct record *record, const struct hf_json_value *value, struct hf_reaction *reaction)
{
	static const char *const names[] = {"key", "name", "count", "senders", "users"};
	struct hf_json_value v[5];
	const struct hf_json_value *senders;

	if (value->type != HF_JSON_OBJECT ||
	    record->json->object(value->data, value->size, names, 5, v, NULL) != HF_OK)
		return false;
	reaction->key = record_text(either(&v[0], &v[1]));
	senders = either(&v[3], &v[4]);
	if (senders->type == HF_JSON_ARRAY)
		take_senders(record, senders, reaction);
	reaction->count = (uint64_t)number_of(&v[2], (int64_t)reaction->count);
	return reaction->key.data != NULL;
}

static void
take_reactions(struct record *record, const struct hf_json_value *list, struct hf_message *message)
{
	struct hf_json_value name, value;
	struct hf_reaction *reaction;
	uint64_t pos = 0, n = 0;
	bool taken;

	record->sender_count = 0;
	if (list->type != HF_JSON_OBJECT && list->type != HF_JSON_ARRAY)
		return;
	while (n < RECORD_REACTIONS && record->json->next(list, &pos, &name, &value, NULL) > 0) {
		reaction = &record->reactions[n];
		memset(reaction, 0, sizeof(*reaction));
		taken = true;
		if (list->type == HF_JSON_OBJECT)
			reaction_of_member(record, &name, &value, reaction);
		else
			taken = reaction_of_object(record, &value, reaction);
		n += taken;
	}
	message->reactions = record->reactions;
	message->reaction_count = n;
}

static bool
attachment_of(struct record *record, const struct hf_json_value *value, struct hf_attachment *a)
{
	static const char *const names[] = {"id", "kind", "type", "name", "mime", "url", "size", "width", "height",
	    "duration_ms", "expires_at", "path", "missing"};
	struct hf_json_value v[13];

	if (value->type != HF_JSON_OBJECT ||
	    record->json->object(value->data, value->size, names, 13, v, NULL) != HF_OK)
		return false;
	memset(a, 0, sizeof(*a));
	a->id = record_text(&v[0]);
	a->kind = record_text(either(&v[1], &v[2]));
	a->name = record_text(&v[3]);
	a->mime = record_text(&v[4]);
	a->url = record_text(&v[5]);
	a->size = number_of(&v[6], -1);
	a->width = number_of(&v[7], -1);
	a->height = number_of(&v[8], -1);
	a->duration_ms = number_of(&v[9], -1);
	a->expires_ns = take_time(record, &v[10]);
	a->path = record_text(&v[11]);
	a->missing = record_text(&v[12]);
	return true;
}

static void
take_attachments(struct record *record, const struct hf_json_value *media, struct hf_message *message)
{
	struct hf_json_value value;
	uint64_t pos = 0, n = 0;

	if (media->type == HF_JSON_OBJECT)
		n = attachment_of(record, media, &record->attachments[0]);
	else if (media->type == HF_JSON_ARRAY)
		while (n < RECORD_ATTACHMENTS && record->json->next(media, &pos, NULL, &value, NULL) > 0)
			n += attachment_of(record, &value, &record->attachments[n]);
	message->attachments = record->attachments;
	message->attachment_count = n;
}

enum { M_ID, M_SENDER_ID, M_SENDER, M_TYPE, M_KIND, M_TEXT, M_REPLY_TO, M_THREAD, M_SENT_AT, M_EDITED_AT,
	M_DELETED_AT, M_DELETED, M_REACTIONS, M_MEDIA, M_ATTACHMENTS, M_COUNT };

static const char *const message_names[M_COUNT] = {"id", "sender_id", "sender", "type", "kind", "text", "reply_to",
    "thread", "sent_at", "edited_at", "deleted_at", "deleted", "reactions", "media", "attachments"};

/* Which member of a message has a name; M_COUNT: none.  By its size, so that few comparisons are left. */
static unsigned
message_member(const char *name, uint64_t size)
{
#define IS(literal) (memcmp(name, (literal), sizeof(literal) - 1) == 0)
	switch (size) {
	case 2:
		return IS("id") ? M_ID : M_COUNT;
	case 4:
		return IS("text") ? M_TEXT : IS("type") ? M_TYPE : IS("kind") ? M_KIND : M_COUNT;
	case 5:
		return IS("media") ? M_MEDIA : M_COUNT;
	case 6:
		return IS("sender") ? M_SENDER : IS("thread") ? M_THREAD : M_COUNT;
	case 7:
		return IS("sent_at") ? M_SENT_AT : IS("deleted") ? M_DELETED : M_COUNT;
	case 8:
		return IS("reply_to") ? M_REPLY_TO : M_COUNT;
	case 9:
		return IS("sender_id") ? M_SENDER_ID : IS("reactions") ? M_REACTIONS :
		    IS("edited_at") ? M_EDITED_AT : M_COUNT;
	case 10:
		return IS("deleted_at") ? M_DELETED_AT : M_COUNT;
	case 11:
		return IS("attachments") ? M_ATTACHMENTS : M_COUNT;
	}
#undef IS
	return M_COUNT;
}

/* The members of a message, v[M_COUNT] for what is none. */
static int
message_members(const struct hf_host_json *json, const char *line, size_t size,
    struct hf_json_value v[M_COUNT + 1], struct hf_json_value *ret_whole, struct hf_error *err)
{
	struct hf_json_member members[RECORD_MEMBERS];
	int64_t count = json->members(line, size, members, RECORD_MEMBERS, ret_whole, err), i;

	if (count < 0)
		return (int)count;
	if (count > RECORD_MEMBERS)
		return json->object(line, size, message_names, M_COUNT, v, err);
	/* Nothing else of them is read. */
	for (i = 0; i < M_COUNT; i++)
		v[i].type = HF_JSON_NONE;
	for (i = 0; i < count; i++)
		v[message_member(members[i].name.data, members[i].name.size)] = members[i].value;
	return HF_OK;
}

int
record_message(struct record *record, const char *line, size_t size, struct hf_message *m,
    struct hf_error *err)
{
	struct hf_json_value v[M_COUNT + 1], whole;
	int r;

	r = message_members(record->json, line, size, v, &whole, err);
	if (r == HF_OK)
		r = need_id(&v[M_ID], err);
	if (r != HF_OK)
		return r;
	/* Each field by itself: clearing all of them first takes longer than the rest. */
	m->struct_size = sizeof(*m);
	m->flags = 0;
	m->reactions = NULL;
	m->reaction_count = 0;
	m->id = record_text(&v[M_ID]);
	m->sender = record_text(either(&v[M_SENDER_ID], &v[M_SENDER]));
	m->kind = record_text(either(&v[M_TYPE], &v[M_KIND]));
	m->text = record_text(&v[M_TEXT]);
	m->reply_to = record_text(&v[M_REPLY_TO]);
	m->thread = record_text(&v[M_THREAD]);
	m->sent_ns = take_time(record, &v[M_SENT_AT]);
	m->edited_ns = take_time(record, &v[M_EDITED_AT]);
	m->deleted_ns = take_time(record, &v[M_DELETED_AT]);
	if (m->deleted_ns != HF_NO_TIME || v[M_DELETED].type == HF_JSON_TRUE)
		m->flags |= HF_MESSAGE_DELETED;
	if (m->kind.data == NULL)
		m->kind = (struct hf_text){"text", 4, HF_TEXT_UTF8, 0};
	take_reactions(record, &v[M_REACTIONS], m);
	take_attachments(record, either(&v[M_MEDIA], &v[M_ATTACHMENTS]), m);
	m->raw = (struct hf_blob){whole.data, whole.size};
	if (whole.flags & HF_JSON_COMPACT)
		m->flags |= HF_MESSAGE_RAW_COMPACT;
	return HF_OK;
}

enum { R_ID, R_NAME, R_KIND, R_TOPIC, R_CREATED_AT, R_UPDATED_AT, R_MESSAGE_COUNT, R_MEMBER_IDS, R_COUNT };

int
record_room(struct record *record, const char *line, size_t size, struct hf_room *room,
    struct hf_json_value *ret_members, struct hf_error *err)
{
	static const char *const names[R_COUNT] = {"id", "name", "kind", "topic", "created_at", "updated_at",
	    "message_count", "member_ids"};
	struct hf_json_value v[R_COUNT];
	int r;

	r = record->json->object(line, size, names, R_COUNT, v, err);
	if (r == HF_OK)
		r = need_id(&v[R_ID], err);
	if (r != HF_OK)
		return r;
	memset(room, 0, sizeof(*room));
	room->struct_size = sizeof(*room);
	room->id = record_text(&v[R_ID]);
	room->name = record_text(&v[R_NAME]);
	room->kind = record_text(&v[R_KIND]);
	room->topic = record_text(&v[R_TOPIC]);
	room->created_ns = take_time(record, &v[R_CREATED_AT]);
	room->updated_ns = take_time(record, &v[R_UPDATED_AT]);
	room->estimated_messages = (uint64_t)number_of(&v[R_MESSAGE_COUNT], 0);
	room->raw = raw_of(line, size);
	*ret_members = v[R_MEMBER_IDS];
	return HF_OK;
}

int
record_participant(const struct hf_host_json *json, const char *line, size_t size,
    struct hf_participant *participant, struct hf_error *err)
{
	static const char *const names[] = {"id", "name"};
	struct hf_json_value v[2];
	int r;

	r = json->object(line, size, names, 2, v, err);
	if (r == HF_OK)
		r = need_id(&v[0], err);
	if (r != HF_OK)
		return r;
	memset(participant, 0, sizeof(*participant));
	participant->struct_size = sizeof(*participant);
	participant->id = record_text(&v[0]);
	participant->name = record_text(&v[1]);
	participant->raw = raw_of(line, size);
	return HF_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <stdbool.h>
#include <string.h>

#define NS_PER_S 1000000000ll

struct hf_text
record_text(const struct hf_json_value *value)
{
	struct hf_text text = {NULL, 0, HF_TEXT_UTF8, 0};

	if ((value->type == HF_JSON_STRING && value->size > 0) || value->type == HF_JSON_NUMBER) {
		text.data = value->data;
		text.size = value->size;
		text.encoding = value->type == HF_JSON_STRING ? HF_TEXT_JSON : HF_TEXT_UTF8;
	}
	return text;
}

static struct hf_text
text_of_string(const char *string)
{
	struct hf_text text = {string, strlen(string), HF_TEXT_UTF8, 0};

	return text;
}

static struct hf_text
either(struct hf_text a, struct hf_text b)
{
	return a.data != NULL ? a : b;
}

static bool
is(const struct hf_json_value *value, const char *string)
{
	return value->type == HF_JSON_STRING && value->size == strlen(string) &&
	    memcmp(value->data, string, (size_t)value->size) == 0;
}

static bool
same(const struct hf_text *a, const struct hf_text *b)
{
	return a->data != NULL && b->data != NULL && a->size == b->size && memcmp(a->data, b->data,
	    (size_t)a->size) == 0;
}

static bool
open_object(const struct hf_host_json *json, const struct hf_json_value *value, const char *const *names,
    uint32_t count, struct hf_json_value *values)
{
	return value->type == HF_JSON_OBJECT && json->object(value->data, value->size, names, count, values,
	    NULL) == HF_OK;
}

static int64_t
number_of(const struct hf_json_value *value, int64_t fallback)
{
	int64_t n = 0;
	uint64_t i;

	if (value->type != HF_JSON_NUMBER)
		return fallback;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9' || n > (INT64_MAX - 9) / 10)
			return fallback;
		n = n * 10 + (value->data[i] - '0');
	}
	return n;
}

/* Seconds since 1970 with a fraction, "1452988821.000002", as a string or number; 0 is no time. */
static int64_t
time_of(const struct hf_json_value *value)
{
	int64_t seconds = 0, ns = 0, unit = NS_PER_S / 10;
	uint64_t i = 0;

	if (value->type != HF_JSON_STRING && value->type != HF_JSON_NUMBER)
		return HF_NO_TIME;
	for (; i < value->size && value->data[i] >= '0' && value->data[i] <= '9'; i++) {
		seconds = seconds * 10 + (value->data[i] - '0');
		if (seconds >= INT64_MAX / NS_PER_S)
			return HF_NO_TIME;
	}
	if (i > 0 && i < value->size && value->data[i] == '.')
		for (i++; i < value->size && value->data[i] >= '0' && value->data[i] <= '9'; i++, unit /= 10)
			ns += unit * (value->data[i] - '0');
	if (i < value->size || (seconds == 0 && ns == 0))
		return HF_NO_TIME;
	return seconds * NS_PER_S + ns;
}

static struct hf_blob
raw_of(const char *text, size_t size)
{
	static const char space[] = " \t\r\n";
	struct hf_blob raw;

	for (; size > 0 && memchr(space, text[0], 4) != NULL; text++, size--)
		;
	for (; size > 0 && memchr(space, text[size - 1], 4) != NULL; size--)
		;
	raw.data = text;
	raw.size = size;
	return raw;
}

/* {"name": "thumbsup", "users": [...], "count": 3} */
static bool
reaction_of(struct record *record, const struct hf_json_value *value, struct hf_reaction *reaction)
{
	static const char *const names[] = {"name", "users", "count"};
	struct hf_json_value v[3], user;
	uint64_t pos = 0;

	if (!open_object(record->json, value, names, 3, v))
		return false;
	memset(reaction, 0, sizeof(*reaction));
	reaction->key = record_text(&v[0]);
	reaction->senders = record->senders + record->sender_count;
	if (v[1].type == HF_JSON_ARRAY)
		while (record->json->next(&v[1], &pos, NULL, &user, NULL) > 0) {
			reaction->count++;
			if (record->sender_count < RECORD_SENDERS) {
				record->senders[record->sender_count++] = record_text(&user);
				reaction->sender_count++;
			}
		}
	/* Slack lists some of the users only, and counts them all. */
	reaction->count = (uint64_t)number_of(&v[2], (int64_t)reaction->count);
	return reaction->key.data != NULL;
}

static void
take_reactions(struct record *record, const struct hf_json_value *list, struct hf_message *message)
{
	struct hf_json_value value;
	uint64_t pos = 0, n = 0;

	record->sender_count = 0;
	if (list->type == HF_JSON_ARRAY)
		while (n < RECORD_REACTIONS && record->json->next(list, &pos, NULL, &value, NULL) > 0)
			n += reaction_of(record, &value, &record->reactions[n]);
	message->reactions = record->reactions;
	message->reaction_count = n;
}

static struct hf_text
kind_of_mime(const struct hf_json_value *mime)
{
	static const char *const kinds[] = {"image", "video", "audio"};
	size_t i, size;

	for (i = 0; i < 3 && mime->type == HF_JSON_STRING; i++) {
		size = strlen(kinds[i]);
		if (mime->size > size && memcmp(mime->data, kinds[i], size) == 0 &&
		    (mime->data[size] == '/' || mime->data[size] == '\\'))
			return text_of_string(kinds[i]);
	}
	return text_of_string("file");
}

enum { F_ID, F_NAME, F_TITLE, F_MIME, F_SIZE, F_DOWNLOAD, F_PRIVATE, F_WIDTH, F_HEIGHT, F_DURATION, F_COUNT };

static bool
file_of(struct record *record, const struct hf_json_value *value, struct hf_attachment *a)
{
	static const char *const names[F_COUNT] = {"id", "name", "title", "mimetype", "size", "url_private_download",
	    "url_private", "original_w", "original_h", "duration_ms"};
	struct hf_json_value v[F_COUNT];

	if (!open_object(record->json, value, names, F_COUNT, v))
		return false;
	memset(a, 0, sizeof(*a));
	a->id = record_text(&v[F_ID]);
	a->kind = kind_of_mime(&v[F_MIME]);
	a->name = either(record_text(&v[F_NAME]), record_text(&v[F_TITLE]));
	a->mime = record_text(&v[F_MIME]);
	a->url = either(record_text(&v[F_DOWNLOAD]), record_text(&v[F_PRIVATE]));
	a->size = number_of(&v[F_SIZE], -1);
	a->width = number_of(&v[F_WIDTH], -1);
	a->height = number_of(&v[F_HEIGHT], -1);
	a->duration_ms = number_of(&v[F_DURATION], -1);
	a->expires_ns = HF_NO_TIME;
	return true;
}

/* files, or before 2018 one file. */
static void
take_files(struct record *record, const struct hf_json_value *files, const struct hf_json_value *file,
    struct hf_message *message)
{
	struct hf_json_value value;
	uint64_t pos = 0, n = 0;

	if (files->type == HF_JSON_ARRAY)
		while (n < RECORD_ATTACHMENTS && record->json->next(files, &pos, NULL, &value, NULL) > 0)
			n += file_of(record, &value, &record->attachments[n]);
	if (n == 0)
		n = file_of(record, file, &record->attachments[0]);
	message->attachments = record->attachments;
	message->attachment_count = n;
}

/* What a bot says where its message has no text: the first of its attachments' texts. */
static struct hf_text
text_of_attachments(struct record *record, const struct hf_json_value *attachments)
{
	static const char *const names[] = {"text", "fallback", "pretext"};
	struct hf_text text = {NULL, 0, HF_TEXT_UTF8, 0};
	struct hf_json_value value, v[3];
	uint64_t pos = 0;

	if (attachments->type != HF_JSON_ARRAY)
		return text;
	while (text.data == NULL && record->json->next(attachments, &pos, NULL, &value, NULL) > 0)
		if (open_object(record->json, &value, names, 3, v))
			text = either(either(record_text(&v[0]), record_text(&v[1])), record_text(&v[2]));
	return text;
}

enum { M_TS, M_USER, M_BOT_ID, M_USERNAME, M_SUBTYPE, M_TEXT, M_THREAD_TS, M_EDITED, M_DELETED_TS, M_COMMENT,
	M_REACTIONS, M_FILES, M_FILE, M_ATTACHMENTS, M_COUNT };

/* Who sent it and what it says; comments and bots keep both elsewhere. */
static void
take_text(struct record *record, const struct hf_json_value *v, struct hf_message *m)
{
	static const char *const names[] = {"user", "comment"};
	struct hf_json_value comment[2];

	m->sender = record_text(&v[M_USER]);
	m->text = record_text(&v[M_TEXT]);
	if (open_object(record->json, &v[M_COMMENT], names, 2, comment)) {
		m->sender = either(m->sender, record_text(&comment[0]));
		m->text = either(m->text, record_text(&comment[1]));
	}
	m->sender = either(either(m->sender, record_text(&v[M_BOT_ID])), record_text(&v[M_USERNAME]));
	m->text = either(m->text, text_of_attachments(record, &v[M_ATTACHMENTS]));
	/* "" and nothing are not the same. */
	if (m->text.data == NULL && v[M_TEXT].type == HF_JSON_STRING)
		m->text = (struct hf_text){v[M_TEXT].data, v[M_TEXT].size, HF_TEXT_JSON, 0};
}

static void
take_times(struct record *record, const struct hf_json_value *v, struct hf_message *m)
{
	static const char *const names[] = {"ts"};
	struct hf_json_value edited[1];

	m->sent_ns = time_of(&v[M_TS]);
	m->edited_ns = m->deleted_ns = HF_NO_TIME;
	if (open_object(record->json, &v[M_EDITED], names, 1, edited))
		m->edited_ns = time_of(&edited[0]);
	if (is(&v[M_SUBTYPE], "tombstone"))
		m->flags |= HF_MESSAGE_DELETED;
	/* An event of its own, that names the message it is about. */
	if (is(&v[M_SUBTYPE], "message_deleted")) {
		m->flags |= HF_MESSAGE_DELETED;
		if (record_text(&v[M_DELETED_TS]).data != NULL) {
			m->id = record_text(&v[M_DELETED_TS]);
			m->deleted_ns = m->sent_ns;
			m->sent_ns = time_of(&v[M_DELETED_TS]);
		}
	}
}

int
record_message(struct record *record, const char *text, size_t size, struct hf_message *m,
    struct hf_error *err)
{
	static const char *const names[M_COUNT] = {"ts", "user", "bot_id", "username", "subtype", "text", "thread_ts",
	    "edited", "deleted_ts", "comment", "reactions", "files", "file", "attachments"};
	struct hf_json_value v[M_COUNT];
	int r;

	r = record->json->object(text, size, names, M_COUNT, v, err);
	if (r != HF_OK)
		return r;
	memset(m, 0, sizeof(*m));
	m->struct_size = sizeof(*m);
	m->id = record_text(&v[M_TS]);
	if (m->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "no \"ts\", which is a message's id");
	m->kind = either(record_text(&v[M_SUBTYPE]), text_of_string("text"));
	m->thread = record_text(&v[M_THREAD_TS]);
	if (m->thread.data != NULL && !same(&m->thread, &m->id))
		m->reply_to = m->thread;
	take_text(record, v, m);
	take_times(record, v, m);
	take_reactions(record, &v[M_REACTIONS], m);
	take_files(record, &v[M_FILES], &v[M_FILE], m);
	m->raw = raw_of(text, size);
	return HF_OK;
}

enum { R_ID, R_NAME, R_TOPIC, R_PURPOSE, R_CREATED, R_MEMBERS, R_COUNT };

int
record_room(const struct hf_host_json *json, const char *text, size_t size, const char *kind,
    struct record_room *ret_room, struct hf_error *err)
{
	static const char *const names[R_COUNT] = {"id", "name", "topic", "purpose", "created", "members"};
	static const char *const inside[] = {"value"};
	struct hf_json_value v[R_COUNT], value[1];
	struct hf_room *room = &ret_room->room;
	int r;

	r = json->object(text, size, names, R_COUNT, v, err);
	if (r != HF_OK)
		return r;
	memset(ret_room, 0, sizeof(*ret_room));
	room->struct_size = sizeof(*room);
	room->id = record_text(&v[R_ID]);
	if (room->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a conversation without \"id\"");
	room->name = record_text(&v[R_NAME]);
	room->kind = text_of_string(kind);
	if (open_object(json, &v[R_TOPIC], inside, 1, value))
		room->topic = record_text(&value[0]);
	if (room->topic.data == NULL && open_object(json, &v[R_PURPOSE], inside, 1, value))
		room->topic = record_text(&value[0]);
	room->created_ns = time_of(&v[R_CREATED]);
	room->updated_ns = HF_NO_TIME;
	room->raw = raw_of(text, size);
	ret_room->members = v[R_MEMBERS];
	return HF_OK;
}

int
record_user(const struct hf_host_json *json, const char *text, size_t size, struct hf_participant *user,
    struct hf_text *ret_team, struct hf_error *err)
{
	static const char *const names[] = {"id", "real_name", "name", "team_id", "profile"};
	static const char *const inside[] = {"real_name", "display_name"};
	struct hf_json_value v[5], profile[2];
	int r;

	r = json->object(text, size, names, 5, v, err);
	if (r != HF_OK)
		return r;
	memset(user, 0, sizeof(*user));
	user->struct_size = sizeof(*user);
	user->id = record_text(&v[0]);
	if (user->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a person without \"id\"");
	user->name = record_text(&v[1]);
	if (user->name.data == NULL && open_object(json, &v[4], inside, 2, profile))
		user->name = either(record_text(&profile[0]), record_text(&profile[1]));
	user->name = either(user->name, record_text(&v[2]));
	user->raw = raw_of(text, size);
	if (ret_team != NULL)
		*ret_team = record_text(&v[3]);
	return HF_OK;
}

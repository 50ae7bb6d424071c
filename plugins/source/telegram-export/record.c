/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "../../common/value.h"

#define MEMBERS_MAX 96

/* Longer messages are not mended: none has such a text. */
#define MENDED_MAX (1u << 20)

/* The members that are looked at, in the order of names. */
enum {
	M_ACTION,
	M_ACTOR,
	M_ACTOR_ID,
	M_CONTACT_INFORMATION,
	M_CONTACT_VCARD,
	M_CONTACT_VCARD_FILE_SIZE,
	M_DATE,
	M_DATE_UNIXTIME,
	M_DURATION_SECONDS,
	M_EDITED,
	M_EDITED_UNIXTIME,
	M_FILE,
	M_FILE_NAME,
	M_FILE_SIZE,
	M_FROM,
	M_FROM_ID,
	M_GAME_TITLE,
	M_HEIGHT,
	M_ID,
	M_INFORMATION_TEXT,
	M_INVOICE_INFORMATION,
	M_LOCATION_INFORMATION,
	M_MEDIA_TYPE,
	M_MIME_TYPE,
	M_PHOTO,
	M_PHOTO_FILE_SIZE,
	M_POLL,
	M_REACTIONS,
	M_REPLY_TO_MESSAGE_ID,
	M_REPLY_TO_PEER_ID,
	M_TEXT,
	M_TEXT_ENTITIES,
	M_THUMBNAIL,
	M_THUMBNAIL_FILE_SIZE,
	M_TYPE,
	M_WIDTH,
	M_COUNT
};

static const char *const names[M_COUNT] = {"action", "actor", "actor_id", "contact_information", "contact_vcard",
    "contact_vcard_file_size", "date", "date_unixtime", "duration_seconds", "edited", "edited_unixtime", "file",
    "file_name", "file_size", "from", "from_id", "game_title", "height", "id", "information_text",
    "invoice_information", "location_information", "media_type", "mime_type", "photo", "photo_file_size", "poll",
    "reactions", "reply_to_message_id", "reply_to_peer_id", "text", "text_entities", "thumbnail",
    "thumbnail_file_size", "type", "width"};

void
record_release(struct record *record)
{
	free(record->text);
	free(record->mended);
	record->text = record->mended = NULL;
	record->text_capacity = record->mended_capacity = 0;
}

void
record_begin(struct record *record)
{
	record->topic_count = 0;
	record->mends = 0;
}

static int
reserve(char **buffer, size_t *capacity, size_t size, struct hf_error *err)
{
	char *grown;

	if (size <= *capacity)
		return HF_OK;
	grown = realloc(*buffer, size);
	if (grown == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	*buffer = grown;
	*capacity = size;
	return HF_OK;
}

/* ---- text ---- */

static bool
is_array(const struct hf_json_value *value)
{
	return value->type == HF_JSON_ARRAY;
}

static struct hf_json_value
text_of_piece(const struct record *record, const struct hf_json_value *piece)
{
	static const char *const text_name[] = {"text"};
	struct hf_json_value text = {NULL, 0, HF_JSON_NONE, 0};

	if (piece->type == HF_JSON_STRING)
		return *piece;
	if (!value_open(record->json, piece, text_name, 1, &text) || text.type != HF_JSON_STRING)
		text.size = 0;
	return text;
}

/* Puts ["plain", {"type": "bold", "text": "..."}] together, in the pieces' own spelling. */
static int
join_pieces(struct record *record, const struct hf_json_value *list, struct hf_text *ret_text,
    struct hf_error *err)
{
	struct hf_json_value piece, text;
	uint64_t pos = 0;
	size_t used = 0;
	int r;

	/* The pieces are never longer than the list. */
	r = reserve(&record->text, &record->text_capacity, (size_t)list->size, err);
	if (r != HF_OK)
		return r;
	while (record->json->next(list, &pos, NULL, &piece, NULL) > 0) {
		text = text_of_piece(record, &piece);
		if (text.size > 0)
			memcpy(record->text + used, text.data, (size_t)text.size);
		used += (size_t)text.size;
	}
	*ret_text = (struct hf_text){record->text, used, HF_TEXT_JSON, 0};
	return HF_OK;
}

static struct hf_text
inside(const struct record *record, const struct hf_json_value *object, const char *name)
{
	struct hf_json_value value;

	if (!value_open(record->json, object, &name, 1, &value))
		return (struct hf_text){NULL, 0, HF_TEXT_UTF8, 0};
	return value_text(&value);
}

static int
take_text(struct record *record, const struct hf_json_value *v, struct hf_message *m, struct hf_error *err)
{
	int r = HF_OK;

	if (is_array(&v[M_TEXT]))
		r = join_pieces(record, &v[M_TEXT], &m->text, err);
	else if (v[M_TEXT].type == HF_JSON_STRING)
		m->text = value_text_or_empty(&v[M_TEXT]);
	else if (is_array(&v[M_TEXT_ENTITIES]))
		r = join_pieces(record, &v[M_TEXT_ENTITIES], &m->text, err);
	if (r != HF_OK || m->text.size > 0)
		return r;
	/* What is said elsewhere where the text says nothing. */
	if (v[M_POLL].type == HF_JSON_OBJECT)
		m->text = value_either(inside(record, &v[M_POLL], "question"), m->text);
	else if (v[M_INFORMATION_TEXT].type == HF_JSON_STRING)
		m->text = value_either(value_text(&v[M_INFORMATION_TEXT]), m->text);
	return HF_OK;
}

/* ---- times ---- */

static int
digits(const char *p, int count)
{
	int n = 0;

	for (; count > 0; count--, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		n = n * 10 + (*p - '0');
	}
	return n;
}

/* Seconds since 1970, or "2020-11-12T12:53:52" by the clock of whoever made the export. */
static int64_t
time_of(const struct record *record, const struct hf_json_value *unix_time, const struct hf_json_value *date)
{
	int64_t ns = value_unix_time(unix_time);
	const char *p = date->data;

	if (ns != HF_NO_TIME || date->type != HF_JSON_STRING || date->size != 19 || p[4] != '-' || p[7] != '-' ||
	    p[10] != 'T' || p[13] != ':' || p[16] != ':')
		return ns;
	/* What was never edited was "edited" in 1970 at some time. */
	if (digits(p, 4) <= 1970)
		return HF_NO_TIME;
	return zone_utc(record->zone, value_civil_time(digits(p, 4), digits(p + 5, 2), digits(p + 8, 2),
	    digits(p + 11, 2), digits(p + 14, 2), digits(p + 17, 2)));
}

/* ---- reactions ---- */

/* {"from": "...", "from_id": "user1", "date": "..."} */
static void
take_senders(struct record *record, const struct hf_json_value *recent, struct hf_reaction *reaction)
{
	struct hf_json_value value;
	struct hf_text sender;
	uint64_t pos = 0;

	reaction->senders = record->senders + record->sender_count;
	if (!is_array(recent))
		return;
	while (record->sender_count < RECORD_SENDERS && record->json->next(recent, &pos, NULL, &value, NULL) > 0) {
		sender = inside(record, &value, "from_id");
		if (sender.data == NULL)
			continue;
		record->senders[record->sender_count++] = sender;
		reaction->sender_count++;
	}
}

/* {"type": "emoji", "count": 3, "emoji": "...", "recent": [...]} */
static bool
reaction_of(struct record *record, const struct hf_json_value *value, struct hf_reaction *reaction)
{
	static const char *const members[] = {"type", "count", "emoji", "document_id", "recent"};
	struct hf_json_value v[5];

	if (!value_open(record->json, value, members, 5, v))
		return false;
	memset(reaction, 0, sizeof(*reaction));
	reaction->key = value_either(value_either(value_text(&v[2]), value_text(&v[3])), value_text(&v[0]));
	if (reaction->key.data == NULL)
		return false;
	take_senders(record, &v[4], reaction);
	reaction->count = (uint64_t)value_number(&v[1], (int64_t)reaction->sender_count);
	return true;
}

static void
take_reactions(struct record *record, const struct hf_json_value *list, struct hf_message *m)
{
	struct hf_json_value value;
	uint64_t pos = 0, n = 0;

	record->sender_count = 0;
	if (is_array(list))
		while (n < RECORD_REACTIONS && record->json->next(list, &pos, NULL, &value, NULL) > 0)
			n += reaction_of(record, &value, &record->reactions[n]);
	m->reactions = record->reactions;
	m->reaction_count = n;
}

/* ---- attachments ---- */

/* The last component of a path. */
static struct hf_text
base_of(struct hf_text path)
{
	uint64_t i;

	for (i = path.size; i > 0; i--)
		if (path.data[i - 1] == '/') {
			path.data += i;
			path.size -= i;
			break;
		}
	return path;
}

/*
 * "photos/photo_1.jpg", or in its place, with parentheses, why the file is not there, which may follow the file's
 * name: "(File not included. Change data exporting settings to download.)".
 */
static void
take_place(struct hf_text place, struct hf_attachment *a)
{
	static const char *const reasons[] = {"(File ", "(Photo ", "(Video ", "(Thumbnail "};
	uint64_t at;
	size_t i;

	if (place.size > 0 && place.data[place.size - 1] == ')')
		for (at = place.size; at-- > 0;)
			for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
				if (place.size - at > strlen(reasons[i]) &&
				    memcmp(place.data + at, reasons[i], strlen(reasons[i])) == 0 &&
				    memchr(place.data + at, '/', (size_t)(place.size - at)) == NULL) {
					a->missing = place;
					return;
				}
	a->path = place;
	a->name = base_of(place);
}

static struct hf_attachment *
add_attachment(struct record *record, struct hf_message *m, const struct hf_json_value *place, const char *kind,
    const struct hf_json_value *size)
{
	struct hf_text text = value_text(place);
	struct hf_attachment *a;

	if (text.data == NULL || place->type != HF_JSON_STRING)
		return NULL;
	a = &record->attachments[m->attachment_count++];
	memset(a, 0, sizeof(*a));
	a->kind = value_of_string(kind);
	a->size = value_number(size, -1);
	a->width = a->height = a->duration_ms = -1;
	a->expires_ns = HF_NO_TIME;
	take_place(text, a);
	return a;
}

/* Telegram's media types, and what kind they are. */
static const struct media_type {
	const char *name;
	const char *kind;
} media_types[] = {
	{"sticker", "sticker"}, {"voice_message", "audio"}, {"audio_file", "audio"}, {"video_message", "video"},
	{"video_file", "video"}, {"animation", "video"},
};

static const char *
kind_of_file(const struct hf_json_value *media_type, const struct hf_json_value *mime)
{
	size_t i;

	for (i = 0; i < sizeof(media_types) / sizeof(media_types[0]); i++)
		if (value_is(media_type, media_types[i].name))
			return media_types[i].kind;
	/* A picture that was sent as a file. */
	return mime->type == HF_JSON_STRING && mime->size > 6 && memcmp(mime->data, "image", 5) == 0 ? "image" : "file";
}

static void
take_attachments(struct record *record, const struct hf_json_value *v, struct hf_message *m)
{
	struct hf_attachment *a;
	int64_t seconds = value_number(&v[M_DURATION_SECONDS], -1);

	m->attachments = record->attachments;
	m->attachment_count = 0;
	a = add_attachment(record, m, &v[M_PHOTO], "image", &v[M_PHOTO_FILE_SIZE]);
	if (a == NULL) {
		a = add_attachment(record, m, &v[M_FILE], kind_of_file(&v[M_MEDIA_TYPE], &v[M_MIME_TYPE]),
		    &v[M_FILE_SIZE]);
		if (a != NULL) {
			a->name = value_either(value_text(&v[M_FILE_NAME]), a->name);
			a->mime = value_text(&v[M_MIME_TYPE]);
			if (seconds >= 0 && seconds < INT64_MAX / 1000)
				a->duration_ms = seconds * 1000;
		}
	}
	if (a != NULL) {
		a->width = value_number(&v[M_WIDTH], -1);
		a->height = value_number(&v[M_HEIGHT], -1);
	}
	(void)add_attachment(record, m, &v[M_THUMBNAIL], "thumbnail", &v[M_THUMBNAIL_FILE_SIZE]);
	a = add_attachment(record, m, &v[M_CONTACT_VCARD], "file", &v[M_CONTACT_VCARD_FILE_SIZE]);
	if (a != NULL)
		a->mime = value_of_string("text/vcard");
}

/* ---- messages ---- */

static struct hf_text
kind_of(const struct hf_json_value *v, const struct hf_message *m)
{
	if (value_is(&v[M_TYPE], "service"))
		return value_either(value_text(&v[M_ACTION]), value_of_string("service"));
	if (v[M_POLL].type == HF_JSON_OBJECT)
		return value_of_string("poll");
	if (v[M_LOCATION_INFORMATION].type == HF_JSON_OBJECT)
		return value_of_string("location");
	if (v[M_CONTACT_INFORMATION].type == HF_JSON_OBJECT)
		return value_of_string("contact");
	if (v[M_GAME_TITLE].type != HF_JSON_NONE)
		return value_of_string("game");
	if (v[M_INVOICE_INFORMATION].type == HF_JSON_OBJECT)
		return value_of_string("invoice");
	if (m->attachment_count > 0)
		return m->attachments[0].kind;
	if (v[M_TYPE].type == HF_JSON_STRING && !value_is(&v[M_TYPE], "message") && v[M_TYPE].size > 0)
		return value_text(&v[M_TYPE]);
	return value_of_string("text");
}

static bool
is_topic(const struct record *record, int64_t id)
{
	size_t i;

	for (i = record->topic_count; i > 0; i--)
		if (record->topics[i - 1] == id)
			return true;
	return false;
}

/*
 * What a message answers.  In a group with topics, a message that answers nothing names the one that began its
 * topic in that place.
 */
static void
take_reply(struct record *record, const struct hf_json_value *v, struct hf_message *m)
{
	int64_t id = value_number(&v[M_ID], -1), reply = value_number(&v[M_REPLY_TO_MESSAGE_ID], -1);

	if (value_is(&v[M_ACTION], "topic_created") && id >= 0 && record->topic_count < RECORD_TOPICS) {
		record->topics[record->topic_count++] = id;
		m->thread = m->id;
		return;
	}
	/* A message of another chat has an id that says nothing here. */
	if (v[M_REPLY_TO_PEER_ID].type == HF_JSON_STRING)
		return;
	m->reply_to = value_text(&v[M_REPLY_TO_MESSAGE_ID]);
	if (reply >= 0 && record->topic_count > 0 && is_topic(record, reply)) {
		m->thread = m->reply_to;
		m->reply_to.data = NULL;
	}
}

static int
message_of(struct record *record, const struct hf_json_value *v, struct hf_message *m, struct hf_text *ret_name,
    struct hf_error *err)
{
	int r;

	m->id = value_text(&v[M_ID]);
	if (m->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a message without \"id\"");
	*ret_name = value_either(value_text(&v[M_FROM]), value_text(&v[M_ACTOR]));
	m->sender = value_either(value_text(&v[M_FROM_ID]), value_text(&v[M_ACTOR_ID]));
	/* Exports of 2018 to 2020 tell the number alone, older ones the name. */
	m->sender = value_either(m->sender, *ret_name);
	m->sent_ns = time_of(record, &v[M_DATE_UNIXTIME], &v[M_DATE]);
	m->edited_ns = time_of(record, &v[M_EDITED_UNIXTIME], &v[M_EDITED]);
	m->deleted_ns = HF_NO_TIME;
	take_reply(record, v, m);
	take_reactions(record, &v[M_REACTIONS], m);
	take_attachments(record, v, m);
	r = take_text(record, v, m, err);
	m->kind = kind_of(v, m);
	return r;
}

/* The number of a name, or M_COUNT. */
static int
find_name(const struct hf_json_value *name)
{
	int low = 0, high = M_COUNT, middle, order;

	while (low < high) {
		middle = (low + high) / 2;
		order = strncmp(names[middle], name->data, (size_t)name->size);
		if (order == 0 && names[middle][name->size] != '\0')
			order = 1;
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return M_COUNT;
}

static int
slice(const struct record *record, const char *text, size_t size, struct hf_json_value *v,
    struct hf_json_value *ret_whole, struct hf_error *err)
{
	struct hf_json_member members[MEMBERS_MAX];
	int64_t count, i;
	int name;

	count = record->json->members(text, size, members, MEMBERS_MAX, ret_whole, err);
	if (count < 0)
		return (int)count;
	if (count > MEMBERS_MAX)
		return record->json->object(text, size, names, M_COUNT, v, err);
	for (name = 0; name < M_COUNT; name++)
		v[name] = (struct hf_json_value){NULL, 0, HF_JSON_NONE, 0};
	for (i = 0; i < count; i++) {
		name = find_name(&members[i].name);
		if (name < M_COUNT)
			v[name] = members[i].value;
	}
	return HF_OK;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* Spells \xHH \u00HH; 0: there is none. */
static size_t
mend(struct record *record, const char *text, size_t size)
{
	size_t i, used = 0;
	bool any = false;

	if (size > MENDED_MAX || reserve(&record->mended, &record->mended_capacity, size * 2, NULL) != HF_OK)
		return 0;
	for (i = 0; i < size; i++) {
		if (text[i] != '\\' || i + 1 == size) {
			record->mended[used++] = text[i];
			continue;
		}
		if (text[i + 1] == 'x' && size - i >= 4 && is_hex(text[i + 2]) && is_hex(text[i + 3])) {
			memcpy(record->mended + used, "\\u00", 4);
			memcpy(record->mended + used + 4, text + i + 2, 2);
			used += 6;
			i += 3;
			any = true;
		} else {
			record->mended[used++] = text[i++];
			record->mended[used++] = text[i];
		}
	}
	return any ? used : 0;
}

int
record_message(struct record *record, const char *text, size_t size, struct hf_message *m, struct hf_text *ret_name,
    struct hf_error *err)
{
	struct hf_json_value v[M_COUNT], whole = {NULL, 0, HF_JSON_NONE, 0};
	size_t mended;
	int r = slice(record, text, size, v, &whole, err);

	if (r != HF_OK) {
		mended = mend(record, text, size);
		if (mended == 0 || slice(record, record->mended, mended, v, &whole, NULL) != HF_OK)
			return r;
		record->mends++;
	}
	memset(m, 0, sizeof(*m));
	m->struct_size = sizeof(*m);
	m->raw = (struct hf_blob){whole.data, whole.size};
	if (whole.flags & HF_JSON_COMPACT)
		m->flags |= HF_MESSAGE_RAW_COMPACT;
	return message_of(record, v, m, ret_name, err);
}

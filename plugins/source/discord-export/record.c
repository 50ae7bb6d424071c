/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "../../common/value.h"

#define NS_PER_S 1000000000ll

/* ---- places of files ---- */

static bool
is_url(const struct hf_text *text)
{
	return text->size > 8 && (memcmp(text->data, "https:", 6) == 0 || memcmp(text->data, "http:", 5) == 0);
}

/* When an address of Discord's stops to work: seconds since 1970 in hexadecimal digits, "?ex=65f1a2b3&". */
static int64_t
expiry_of(const struct hf_text *url)
{
	int64_t seconds = 0;
	uint64_t i = 0, k;
	char c;

	for (; i + 4 < url->size; i++)
		if ((url->data[i] == '?' || url->data[i] == '&') && memcmp(url->data + i + 1, "ex=", 3) == 0)
			break;
	for (k = i + 4; k < url->size && k < i + 13; k++) {
		c = url->data[k];
		if (c >= '0' && c <= '9')
			seconds = seconds * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			seconds = seconds * 16 + (c - 'a' + 10);
		else
			break;
	}
	return seconds > 0 && seconds < INT64_MAX / NS_PER_S ? seconds * NS_PER_S : HF_NO_TIME;
}

/* Goes up by one component in a path of that length; false where it is at its top. */
static bool
go_up(const char *path, size_t *used)
{
	size_t i = *used;

	if (i == 0 || (i >= 2 && memcmp(path + i - 2, "..", 2) == 0 && (i == 2 || path[i - 3] == '/')))
		return false;
	while (i > 0 && path[i - 1] != '/')
		i--;
	*used = i > 0 ? i - 1 : 0;
	return true;
}

/* Adds one component to a path; "." adds nothing, ".." goes up where that is possible. */
static bool
add_component(char *path, size_t capacity, size_t *used, const char *name, size_t size)
{
	if (size == 0 || (size == 1 && name[0] == '.'))
		return true;
	if (size == 2 && memcmp(name, "..", 2) == 0 && go_up(path, used))
		return true;
	if (capacity - *used < size + 1)
		return false;
	if (*used > 0)
		path[(*used)++] = '/';
	memcpy(path + *used, name, size);
	*used += size;
	return true;
}

static bool
add_components(char *path, size_t capacity, size_t *used, const char *text, size_t size)
{
	size_t i, start = 0;

	/* On Windows they are written with backslashes. */
	for (i = 0; i <= size; i++)
		if (i == size || text[i] == '/' || text[i] == '\\') {
			if (!add_component(path, capacity, used, text + start, i - start))
				return false;
			start = i + 1;
		}
	return true;
}

/* Makes a path below the export's folder of one that counts from the file's folder. */
static struct hf_text
path_of(struct record *record, const struct hf_text *text)
{
	struct hf_text path = {NULL, 0, HF_TEXT_UTF8, 0};
	char *start = record->paths + record->path_size, *decoded;
	size_t left = RECORD_PATHS - record->path_size, used = 0, size;

	/* The text is decoded to the end of the room there is, and the path made at its start. */
	if (left < 2 * text->size + strlen(record->folder) + 2)
		return path;
	decoded = start + left - text->size;
	size = (size_t)record->json->decode(text->data, text->size, decoded);
	if (size > 0 && decoded[0] == '/') {
		/* It leads elsewhere, and is refused when it is to be opened. */
		memmove(start, decoded, size);
		used = size;
	} else if (!add_components(start, left - text->size, &used, record->folder, strlen(record->folder)) ||
	    !add_components(start, left - text->size, &used, decoded, size)) {
		return path;
	}
	record->path_size += used;
	path.data = start;
	path.size = used;
	return path;
}

/* ---- attachments ---- */

static const char *
kind_of_name(const struct hf_text *name)
{
	static const struct {
		const char *end;
		const char *kind;
	} kinds[] = {{".jpg", "image"}, {".jpeg", "image"}, {".png", "image"}, {".gif", "image"}, {".webp", "image"},
	    {".avif", "image"}, {".heic", "image"}, {".bmp", "image"}, {".mp4", "video"}, {".mov", "video"},
	    {".webm", "video"}, {".mkv", "video"}, {".avi", "video"}, {".ogg", "audio"}, {".mp3", "audio"},
	    {".wav", "audio"}, {".flac", "audio"}, {".m4a", "audio"}, {".opus", "audio"}};
	size_t i, size;

	for (i = 0; name->data != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size = strlen(kinds[i].end);
		if (name->size > size && strncasecmp(name->data + name->size - size, kinds[i].end, size) == 0)
			return kinds[i].kind;
	}
	return "file";
}

/* Adds an attachment whose place is an address, or a path; NULL where there is neither, or no more room. */
static struct hf_attachment *
add_attachment(struct record *record, struct hf_message *m, const struct hf_json_value *place)
{
	struct hf_text text = value_text(place);
	struct hf_attachment *a;

	if (place->type != HF_JSON_STRING || text.data == NULL || m->attachment_count == RECORD_ATTACHMENTS)
		return NULL;
	a = &record->attachments[m->attachment_count];
	memset(a, 0, sizeof(*a));
	a->size = a->width = a->height = a->duration_ms = -1;
	a->expires_ns = HF_NO_TIME;
	if (is_url(&text)) {
		a->url = text;
		a->expires_ns = expiry_of(&text);
	} else {
		a->path = path_of(record, &text);
		if (a->path.data == NULL)
			return NULL;
	}
	m->attachment_count++;
	return a;
}

/* {"id": "1", "url": "...", "fileName": "a.png", "fileSizeBytes": 9} */
static void
take_attachments(struct record *record, const struct hf_json_value *list, struct hf_message *m)
{
	static const char *const names[] = {"id", "url", "fileName", "fileSizeBytes"};
	struct hf_json_value value, v[4];
	struct hf_attachment *a;
	uint64_t pos = 0;

	if (list->type != HF_JSON_ARRAY)
		return;
	while (record->json->next(list, &pos, NULL, &value, NULL) > 0) {
		if (!value_open(record->json, &value, names, 4, v))
			continue;
		a = add_attachment(record, m, &v[1]);
		if (a == NULL)
			continue;
		a->id = value_text(&v[0]);
		a->name = value_text(&v[2]);
		a->kind = value_of_string(kind_of_name(&a->name));
		a->size = value_number(&v[3], -1);
	}
}

/* {"id": "1", "name": "wave", "format": "Lottie", "sourceUrl": "..."} */
static void
take_stickers(struct record *record, const struct hf_json_value *list, struct hf_message *m)
{
	static const char *const names[] = {"id", "name", "sourceUrl"};
	struct hf_json_value value, v[3];
	struct hf_attachment *a;
	uint64_t pos = 0;

	if (list->type != HF_JSON_ARRAY)
		return;
	while (record->json->next(list, &pos, NULL, &value, NULL) > 0) {
		if (!value_open(record->json, &value, names, 3, v))
			continue;
		a = add_attachment(record, m, &v[2]);
		if (a == NULL)
			continue;
		a->id = value_text(&v[0]);
		a->name = value_text(&v[1]);
		a->kind = value_of_string("sticker");
	}
}

/* {"url": "...", "width": 1, "height": 2} */
static void
take_picture(struct record *record, const struct hf_json_value *picture, struct hf_message *m)
{
	static const char *const names[] = {"url", "width", "height"};
	struct hf_attachment *a;
	struct hf_json_value v[3];

	if (!value_open(record->json, picture, names, 3, v))
		return;
	a = add_attachment(record, m, &v[0]);
	if (a == NULL)
		return;
	a->kind = value_of_string("image");
	a->width = value_number(&v[1], -1);
	a->height = value_number(&v[2], -1);
}

/* The pictures of previews, and what the first one says. */
static void
take_embeds(struct record *record, const struct hf_json_value *list, struct hf_message *m, struct hf_text *ret_text)
{
	static const char *const names[] = {"title", "description", "thumbnail", "image", "images"};
	struct hf_json_value value, picture, v[5];
	uint64_t pos = 0, at;

	if (list->type != HF_JSON_ARRAY)
		return;
	while (record->json->next(list, &pos, NULL, &value, NULL) > 0) {
		if (!value_open(record->json, &value, names, 5, v))
			continue;
		*ret_text = value_either(*ret_text, value_either(value_text(&v[1]), value_text(&v[0])));
		take_picture(record, &v[2], m);
		at = 0;
		/* "image" is the first of the images. */
		if (v[4].type == HF_JSON_ARRAY)
			while (record->json->next(&v[4], &at, NULL, &picture, NULL) > 0)
				take_picture(record, &picture, m);
		else
			take_picture(record, &v[3], m);
	}
}

/* ---- reactions ---- */

static struct hf_text
inside(const struct record *record, const struct hf_json_value *object, const char *name)
{
	struct hf_json_value value;

	if (!value_open(record->json, object, &name, 1, &value))
		return (struct hf_text){NULL, 0, HF_TEXT_UTF8, 0};
	return value_text(&value);
}

/* {"emoji": {"id": "", "name": "..."}, "count": 3, "users": [{"id": "1"}]} */
static bool
reaction_of(struct record *record, const struct hf_json_value *value, struct hf_reaction *reaction)
{
	static const char *const names[] = {"emoji", "count", "users"};
	struct hf_json_value v[3], user;
	struct hf_text sender;
	uint64_t pos = 0;

	if (!value_open(record->json, value, names, 3, v))
		return false;
	memset(reaction, 0, sizeof(*reaction));
	reaction->key = value_either(inside(record, &v[0], "name"), inside(record, &v[0], "id"));
	reaction->senders = record->senders + record->sender_count;
	if (v[2].type == HF_JSON_ARRAY)
		while (record->sender_count < RECORD_SENDERS &&
		    record->json->next(&v[2], &pos, NULL, &user, NULL) > 0) {
			sender = inside(record, &user, "id");
			if (sender.data == NULL)
				continue;
			record->senders[record->sender_count++] = sender;
			reaction->sender_count++;
		}
	reaction->count = (uint64_t)value_number(&v[1], (int64_t)reaction->sender_count);
	return reaction->key.data != NULL;
}

static void
take_reactions(struct record *record, const struct hf_json_value *list, struct hf_message *m)
{
	struct hf_json_value value;
	uint64_t pos = 0, n = 0;

	record->sender_count = 0;
	if (list->type == HF_JSON_ARRAY)
		while (n < RECORD_REACTIONS && record->json->next(list, &pos, NULL, &value, NULL) > 0)
			n += reaction_of(record, &value, &record->reactions[n]);
	m->reactions = record->reactions;
	m->reaction_count = n;
}

/* ---- messages ---- */

enum { M_ID, M_TYPE, M_TIMESTAMP, M_EDITED, M_CONTENT, M_AUTHOR, M_ATTACHMENTS, M_EMBEDS, M_STICKERS, M_REACTIONS,
	M_REFERENCE, M_FORWARDED, M_COUNT };

static int64_t
time_of(const struct record *record, const struct hf_json_value *value)
{
	return value->type == HF_JSON_STRING ? record->write->parse_time(value->data, value->size) : HF_NO_TIME;
}

static void
take_author(const struct record *record, const struct hf_json_value *author, struct hf_message *m,
    struct hf_text *ret_name)
{
	static const char *const names[] = {"id", "nickname", "name"};
	struct hf_json_value v[3];

	*ret_name = (struct hf_text){NULL, 0, HF_TEXT_UTF8, 0};
	if (!value_open(record->json, author, names, 3, v))
		return;
	m->sender = value_text(&v[0]);
	*ret_name = value_either(value_text(&v[1]), value_text(&v[2]));
}

/* What is in a message, and in the one that it forwards. */
static void
take_content(struct record *record, const struct hf_json_value *v, struct hf_message *m)
{
	static const char *const names[] = {"content", "attachments", "embeds", "stickers"};
	struct hf_text preview = {NULL, 0, HF_TEXT_UTF8, 0};
	struct hf_json_value f[4];

	m->attachments = record->attachments;
	record->path_size = 0;
	take_attachments(record, &v[M_ATTACHMENTS], m);
	take_stickers(record, &v[M_STICKERS], m);
	m->text = value_text_or_empty(&v[M_CONTENT]);
	if (value_open(record->json, &v[M_FORWARDED], names, 4, f)) {
		take_attachments(record, &f[1], m);
		take_stickers(record, &f[3], m);
		if (m->text.size == 0)
			m->text = value_either(value_text(&f[0]), m->text);
		take_embeds(record, &f[2], m, &preview);
	}
	m->kind = m->attachment_count > 0 ? m->attachments[0].kind : value_of_string("text");
	take_embeds(record, &v[M_EMBEDS], m, &preview);
	if (m->text.size == 0)
		m->text = value_either(preview, m->text);
	if (v[M_TYPE].type == HF_JSON_STRING && v[M_TYPE].size > 0 && !value_is(&v[M_TYPE], "Default") &&
	    !value_is(&v[M_TYPE], "Reply"))
		m->kind = value_text(&v[M_TYPE]);
}

/* What a message answers, in the same channel. */
static void
take_reference(const struct record *record, const struct hf_json_value *v, struct hf_message *m)
{
	static const char *const names[] = {"messageId", "channelId"};
	struct hf_json_value r[2];
	struct hf_text channel;

	if (v[M_FORWARDED].type == HF_JSON_OBJECT || !value_open(record->json, &v[M_REFERENCE], names, 2, r))
		return;
	channel = value_text(&r[1]);
	if (channel.data == NULL || value_text_is(&channel, record->channel))
		m->reply_to = value_text(&r[0]);
}

int
record_message(struct record *record, const char *text, size_t size, struct hf_message *m, struct hf_text *ret_name,
    struct hf_error *err)
{
	static const char *const names[M_COUNT] = {"id", "type", "timestamp", "timestampEdited", "content", "author",
	    "attachments", "embeds", "stickers", "reactions", "reference", "forwardedMessage"};
	struct hf_json_value v[M_COUNT];
	int r = record->json->object(text, size, names, M_COUNT, v, err);

	if (r != HF_OK)
		return r;
	memset(m, 0, sizeof(*m));
	m->struct_size = sizeof(*m);
	m->id = value_text(&v[M_ID]);
	if (m->id.data == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "a message without \"id\"");
	m->sent_ns = time_of(record, &v[M_TIMESTAMP]);
	m->edited_ns = time_of(record, &v[M_EDITED]);
	m->deleted_ns = HF_NO_TIME;
	take_author(record, &v[M_AUTHOR], m, ret_name);
	take_reactions(record, &v[M_REACTIONS], m);
	take_content(record, v, m);
	take_reference(record, v, m);
	m->raw = (struct hf_blob){text, size};
	return HF_OK;
}

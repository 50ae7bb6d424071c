/* SPDX-License-Identifier: BSD-2-Clause */
#include "ref.h"

#define NAME_MAX_SIZE 4096u /* bytes of a name that count */

static const char *const attachment_names[A_COUNT] = {"id", "kind", "name", "mime", "url", "path", "missing", "size"};

enum { M_ROOM, M_FOLDER, M_MESSAGE, M_SENT_AT, M_ATTACHMENT, M_RETRY, M_ORDINAL, M_ID, M_COUNT };

static const char *const member_names[M_COUNT] = {"room", "folder", "message", "sent_at", "attachment", "retry",
    "ordinal", "id"};

void
ref_folder(const char *component, char out[HF_COMPONENT_SIZE])
{
	/* What stands beside the rooms; no component has an escape for such a byte. */
	if (strcmp(component, "index") == 0 || strcmp(component, "media.json") == 0)
		(void)snprintf(out, HF_COMPONENT_SIZE, "%%%02X%s", (unsigned char)component[0], component + 1);
	else
		(void)snprintf(out, HF_COMPONENT_SIZE, "%s", component);
}

/* What tells it from others of the message: the source's id, else what it is reached by, else its name or place. */
static int
make_key(struct ref *ref, const struct tools *tools, int64_t ordinal, struct hf_error *err)
{
	static const int order[] = {A_ID, A_PATH, A_URL, A_NAME};
	struct bytes text = BYTES_INIT(REF_LINE_MAX);
	struct hf_text value;
	size_t i;
	int r;

	for (i = 0; i < sizeof(order) / sizeof(order[0]) && text.size == 0; i++) {
		value = value_text(&ref->members[order[i]]);
		if (value.data == NULL || value.size == 0)
			continue;
		bytes_string(&text, attachment_names[order[i]]);
		bytes_string(&text, ":");
		text_decoded(&text, tools, &value);
	}
	if (text.size == 0) {
		bytes_string(&text, "ordinal:");
		text_number(&text, ordinal);
		ref->ordinal = ordinal;
	}
	r = bytes_status(&text, "an attachment", err);
	if (r == HF_OK)
		r = tools->write->sha256(text.data, text.size, ref->key, err);
	bytes_release(&text);
	return r;
}

/* A number that is an id in one message only says nothing; with the address it does. */
static int
make_same(struct ref *ref, const struct tools *tools, struct hf_error *err)
{
	static const int parts[] = {A_ID, A_PATH, A_URL};
	struct bytes text = BYTES_INIT(4 * REF_LINE_MAX);
	struct hf_text value;
	size_t i;
	int r;

	ref->has_same = ref->members[A_ID].type == HF_JSON_STRING &&
	    (ref->members[A_PATH].type == HF_JSON_STRING || ref->members[A_URL].type == HF_JSON_STRING);
	if (!ref->has_same)
		return HF_OK;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		value = value_text(&ref->members[parts[i]]);
		text_decoded(&text, tools, &value);
		bytes_put(&text, "", 1);
	}
	r = bytes_status(&text, "an attachment", err);
	if (r == HF_OK)
		r = tools->write->sha256(text.data, text.size, ref->same, err);
	bytes_release(&text);
	return r;
}

int
ref_take_attachment(struct ref *ref, const struct tools *tools, const struct hf_json_value *attachment,
    int64_t ordinal, struct hf_error *err)
{
	int r;

	ref->attachment = *attachment;
	ref->ordinal = 0;
	if (attachment->type != HF_JSON_OBJECT)
		return hf_error_set(err, HF_ECORRUPT, 0, "an attachment that is no object");
	r = tools->json->object(attachment->data, attachment->size, attachment_names, A_COUNT, ref->members, err);
	if (r != HF_OK)
		return r;
	ref->size = value_number(&ref->members[A_SIZE], -1);
	r = make_key(ref, tools, ordinal, err);
	return r == HF_OK ? make_same(ref, tools, err) : r;
}

int
ref_take(struct ref *ref, const struct tools *tools, const char *line, size_t size, struct hf_error *err)
{
	struct hf_json_value v[M_COUNT];
	const char *slash;
	int r = tools->json->object(line, size, member_names, M_COUNT, v, err);

	if (r != HF_OK)
		return r;
	memset(ref, 0, sizeof(*ref));
	ref->room = v[M_ROOM];
	ref->message = v[M_MESSAGE];
	ref->sent_at = v[M_SENT_AT];
	ref->sent_ns = value_time(tools, &v[M_SENT_AT]);
	ref->retry = v[M_RETRY].type == HF_JSON_TRUE;
	/* A record of the index has no folder, but an id that begins with it; neither has an escape in it. */
	if (v[M_FOLDER].type != HF_JSON_STRING && v[M_ID].type == HF_JSON_STRING &&
	    (slash = memchr(v[M_ID].data, '/', (size_t)v[M_ID].size)) != NULL) {
		v[M_FOLDER] = v[M_ID];
		v[M_FOLDER].size = (uint64_t)(slash - v[M_ID].data);
	}
	if (v[M_FOLDER].type != HF_JSON_STRING || v[M_FOLDER].size == 0 || v[M_FOLDER].size >= sizeof(ref->folder) ||
	    ref->room.type != HF_JSON_STRING || ref->message.type != HF_JSON_STRING)
		return hf_error_set(err, HF_ECORRUPT, 0, "a reference without a room or a message");
	memcpy(ref->folder, v[M_FOLDER].data, (size_t)v[M_FOLDER].size);
	ref->folder[v[M_FOLDER].size] = '\0';
	return ref_take_attachment(ref, tools, &v[M_ATTACHMENT], value_number(&v[M_ORDINAL], 0), err);
}

void
ref_put_members(struct bytes *out, const struct ref *ref)
{
	text_value(out, "room", &ref->room);
	text_value(out, "message", &ref->message);
	text_value(out, "sent_at", &ref->sent_at);
	if (ref->ordinal > 0) {
		bytes_string(out, ",\"ordinal\":");
		text_number(out, ref->ordinal);
	}
	text_value(out, "attachment", &ref->attachment);
}

void
ref_put(struct bytes *out, const struct tools *tools, const struct ref *ref)
{
	struct hf_text folder = {ref->folder, strlen(ref->folder), HF_TEXT_UTF8, 0};

	bytes_string(out, "{\"folder\":");
	text_json(out, tools, &folder);
	ref_put_members(out, ref);
	if (ref->retry)
		bytes_string(out, ",\"retry\":true");
	bytes_string(out, "}");
}

void
ref_put_attachment(struct bytes *out, const struct tools *tools, const struct hf_attachment *a)
{
	const struct hf_text *const values[] = {&a->id, &a->kind, &a->name, &a->mime, &a->url, &a->path, &a->missing};
	size_t start = out->size, i;

	for (i = 0; i < A_SIZE; i++)
		text_member(out, tools, attachment_names[i], values[i]);
	if (a->size >= 0) {
		bytes_string(out, ",\"size\":");
		text_number(out, a->size);
	}
	if (out->failed != HF_OK)
		return;
	if (out->size == start)
		bytes_string(out, "{");
	else
		out->data[start] = '{';
	bytes_string(out, "}");
}

/* The last part of a path, or of a URL without what follows it. */
static void
put_last_part(struct bytes *out, const struct tools *tools, const struct hf_text *value, bool url)
{
	struct bytes decoded = BYTES_INIT(REF_LINE_MAX);
	size_t end, start;

	text_decoded(&decoded, tools, value);
	end = decoded.size;
	for (start = 0; url && start < end; start++)
		if (decoded.data[start] == '?' || decoded.data[start] == '#')
			end = start;
	while (end > 0 && decoded.data[end - 1] == '/')
		end--;
	for (start = end; start > 0 && decoded.data[start - 1] != '/'; start--)
		;
	if (decoded.failed == HF_OK && end > start)
		bytes_put(out, decoded.data + start, end - start < NAME_MAX_SIZE ? end - start : NAME_MAX_SIZE);
	bytes_release(&decoded);
}

static void
put_name(const struct ref *ref, const struct tools *tools, struct bytes *out)
{
	struct hf_text value = value_text(&ref->members[A_NAME]);
	size_t start = out->size;

	if (value.data != NULL && value.size <= NAME_MAX_SIZE)
		text_decoded(out, tools, &value);
	value = value_text(&ref->members[A_PATH]);
	if (out->size == start && value.data != NULL)
		put_last_part(out, tools, &value, false);
	value = value_text(&ref->members[A_URL]);
	if (out->size == start && value.data != NULL)
		put_last_part(out, tools, &value, true);
	value = value_text(&ref->members[A_KIND]);
	if (out->size == start && value.data != NULL && value.size <= NAME_MAX_SIZE)
		text_decoded(out, tools, &value);
	if (out->size == start)
		bytes_string(out, "file");
}

int
ref_path(const struct ref *ref, const struct tools *tools, unsigned variant, struct bytes *out, struct hf_error *err)
{
	struct bytes raw = BYTES_INIT(2 * REF_LINE_MAX);
	struct hf_text message = value_text(&ref->message);
	char hex[2 * sizeof(ref->key) + 1], name[HF_COMPONENT_SIZE];
	int r;

	text_decoded(&raw, tools, &message);
	bytes_string(&raw, "-");
	if (variant > 0) {
		hex_put(ref->key, variant == 1 ? 8 : sizeof(ref->key), hex);
		bytes_string(&raw, hex);
		bytes_string(&raw, "-");
	}
	put_name(ref, tools, &raw);
	r = bytes_status(&raw, "a file's name", err);
	if (r == HF_OK)
		r = tools->write->component(raw.data, raw.size, name, err);
	bytes_release(&raw);
	if (r != HF_OK)
		return r;
	bytes_clear(out);
	bytes_string(out, ref->folder);
	bytes_string(out, "/");
	bytes_string(out, name);
	return bytes_text(out) == NULL ? bytes_status(out, "a file's path", err) : HF_OK;
}

void
ref_attachment(const struct ref *ref, struct hf_attachment *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = value_text(&ref->members[A_ID]);
	ret->kind = value_text(&ref->members[A_KIND]);
	ret->name = value_text(&ref->members[A_NAME]);
	ret->mime = value_text(&ref->members[A_MIME]);
	ret->url = value_text(&ref->members[A_URL]);
	ret->path = value_text(&ref->members[A_PATH]);
	ret->missing = value_text(&ref->members[A_MISSING]);
	ret->size = ref->size;
	ret->width = ret->height = ret->duration_ms = -1;
	ret->expires_ns = HF_NO_TIME;
}

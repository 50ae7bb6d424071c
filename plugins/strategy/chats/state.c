/* SPDX-License-Identifier: BSD-2-Clause */
#include "state.h"

#include <stdlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
state_init(struct state *state, const struct tools *tools)
{
	memset(state, 0, sizeof(*state));
	state->cursor = state->kept = (struct out)OUT_INIT(tools, STATE_CURSOR_MAX);
	state->counted = true;
	state->newest_ns = HF_NO_TIME;
}

void
state_release(struct state *state)
{
	out_release(&state->cursor);
	out_release(&state->kept);
}

int
state_set_cursor(struct out *cursor, const struct hf_blob *blob, struct hf_error *err)
{
	out_clear(cursor);
	if (blob->size > cursor->max)
		return hf_error_set(err, HF_ERANGE, 0, "the source's cursor has %llu bytes: at most %zu are kept",
		    (unsigned long long)blob->size, cursor->max);
	out_put(cursor, blob->data, (size_t)blob->size);
	return out_status(cursor, "the source's cursor", err);
}

/* ---- base64, RFC 4648 section 4 ---- */

static void
put_base64(struct out *out, const struct out *bytes)
{
	const unsigned char *p = (const unsigned char *)bytes->data;
	size_t i, left;
	uint32_t v;
	char text[4];

	for (i = 0; i < bytes->size; i += 3) {
		left = bytes->size - i;
		v = (uint32_t)p[i] << 16;
		if (left > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		text[0] = alphabet[v >> 18];
		text[1] = alphabet[v >> 12 & 63];
		text[2] = '=';
		text[3] = '=';
		if (left > 1)
			text[2] = alphabet[v >> 6 & 63];
		if (left > 2)
			text[3] = alphabet[v & 63];
		out_put(out, text, 4);
	}
}

/* False when it is no base64. */
static bool
take_base64(struct out *out, const struct hf_json_value *value)
{
	const char *text = value->data, *found;
	uint64_t i, size = value->size;
	uint32_t v = 0;
	char byte;
	int bits = 0;

	if (size % 4 != 0)
		return false;
	while (size > 0 && size + 2 > value->size && text[size - 1] == '=')
		size--;
	for (i = 0; i < size; i++) {
		found = memchr(alphabet, text[i], 64);
		if (found == NULL)
			return false;
		v = v << 6 | (uint32_t)(found - alphabet);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			byte = (char)(v >> bits & 255);
			out_put(out, &byte, 1);
		}
	}
	return out->failed == HF_OK;
}

/* ---- cursors ---- */

static bool
is_printable(const struct out *text)
{
	size_t i;

	for (i = 0; i < text->size; i++)
		if (text->data[i] < ' ' || text->data[i] > '~')
			return false;
	return true;
}

void
state_put_cursor(const struct out *cursor, const char *name, struct out *out)
{
	struct hf_text text = {cursor->data, cursor->size, HF_TEXT_UTF8, 0};

	if (cursor->size == 0)
		return;
	out_literal(out, ",\"");
	out_string(out, name);
	if (is_printable(cursor)) {
		out_literal(out, "\":");
		out_text(out, &text);
		return;
	}
	out_literal(out, "_base64\":\"");
	put_base64(out, cursor);
	out_literal(out, "\"");
}

/* Takes a cursor in either spelling; false when it is in neither. */
static bool
take_cursor(struct out *cursor, const struct hf_json_value *plain, const struct hf_json_value *base64)
{
	struct hf_text text = {plain->data, plain->size, HF_TEXT_JSON, 0};

	out_clear(cursor);
	if (plain->type == HF_JSON_STRING)
		out_utf8(cursor, &text);
	else if (base64->type == HF_JSON_STRING)
		return take_base64(cursor, base64);
	return cursor->failed == HF_OK;
}

/* ---- members ---- */

/* Whole numbers from 0 on; false for everything else. */
static bool
take_number(const struct hf_json_value *value, int64_t *ret)
{
	int64_t n = 0;
	uint64_t i;

	if (value->type != HF_JSON_NUMBER || value->size > 18)
		return false;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return false;
		n = n * 10 + (value->data[i] - '0');
	}
	*ret = n;
	return true;
}

static bool
string_is(const struct hf_json_value *value, const char *text, uint64_t size)
{
	return value->type == HF_JSON_STRING && value->size == size && memcmp(value->data, text, (size_t)size) == 0;
}

static int
corrupt(const char *what, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "%s", what);
}

static void
take_time(const struct tools *tools, const struct hf_json_value *value, int64_t *ret)
{
	*ret = HF_NO_TIME;
	if (value->type == HF_JSON_STRING)
		*ret = tools->write->parse_time(value->data, value->size);
}

int
state_take_room(struct state *state, const struct out *json, const struct hf_json_value *id, const char *source,
    struct hf_error *err)
{
	static const char *const names[] = {"schema", "id", "source", "counts", "newest_at", "cursor",
	    "cursor_base64"};
	static const char *const count_names[] = {"messages", "records"};
	const struct tools *tools = json->tools;
	struct hf_json_value v[7], counts[2];

	if (tools->json->object(json->data, json->size, names, 7, v, NULL) != HF_OK)
		return corrupt("it is not a JSON object", err);
	if (!string_is(&v[0], "holdfast.room/1", 15))
		return corrupt("its schema is not \"holdfast.room/1\"", err);
	if (!string_is(&v[1], id->data, id->size))
		return corrupt("it tells of another room", err);
	if (!string_is(&v[2], source, strlen(source)))
		return corrupt("it was written from another kind of source", err);
	if (!take_cursor(&state->cursor, &v[5], &v[6])) {
		out_clear(&state->cursor);
		return corrupt("its cursor cannot be read", err);
	}
	take_time(tools, &v[4], &state->newest_ns);
	state->counted = v[3].type == HF_JSON_OBJECT &&
	    tools->json->object(v[3].data, v[3].size, count_names, 2, counts, NULL) == HF_OK &&
	    take_number(&counts[0], &state->messages) && take_number(&counts[1], &state->records);
	return HF_OK;
}

int
state_take_account(struct out *cursor, const struct out *json, const char *source, struct hf_error *err)
{
	static const char *const names[] = {"schema", "source", "cursor", "cursor_base64"};
	struct hf_json_value v[4];

	if (cursor->tools->json->object(json->data, json->size, names, 4, v, NULL) != HF_OK)
		return corrupt("it is not a JSON object", err);
	if (!string_is(&v[0], "holdfast.account/1", 18))
		return corrupt("its schema is not \"holdfast.account/1\"", err);
	if (!string_is(&v[1], source, strlen(source)))
		return corrupt("it was written from another kind of source", err);
	return take_cursor(cursor, &v[2], &v[3]) ? HF_OK : corrupt("its cursor cannot be read", err);
}

void
state_put_checkpoint(const struct state *state, struct out *out)
{
	out_literal(out, "{\"failed\":");
	out_number(out, state->failed);
	if (state->counted) {
		out_literal(out, ",\"messages\":");
		out_number(out, state->messages);
		out_literal(out, ",\"records\":");
		out_number(out, state->records);
	}
	if (state->newest_ns != HF_NO_TIME) {
		out_literal(out, ",\"newest_at\":");
		out_time(out, state->newest_ns);
	}
	state_put_cursor(&state->cursor, "cursor", out);
	state_put_cursor(&state->kept, "kept", out);
	out_literal(out, "}");
}

int
state_take_checkpoint(struct state *state, const struct hf_blob *json, struct hf_error *err)
{
	static const char *const names[] = {"failed", "messages", "records", "newest_at", "cursor", "cursor_base64",
	    "kept", "kept_base64"};
	const struct tools *tools = state->cursor.tools;
	struct hf_json_value v[8];

	if (tools->json->object(json->data, json->size, names, 8, v, NULL) != HF_OK ||
	    !take_number(&v[0], &state->failed) || !take_cursor(&state->cursor, &v[4], &v[5]) ||
	    !take_cursor(&state->kept, &v[6], &v[7]))
		return corrupt("the job's checkpoint cannot be read", err);
	take_time(tools, &v[3], &state->newest_ns);
	state->counted = take_number(&v[1], &state->messages) && take_number(&v[2], &state->records);
	return HF_OK;
}

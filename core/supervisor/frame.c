/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/frame.h"

#include <json-c/json.h>

int
frame_parse(const char *text, size_t size, struct json_object **ret, struct hf_error *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(FRAME_DEPTH);
	struct json_object *object;
	enum json_tokener_error error;
	int r = HF_OK;

	if (tokener == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "frame: out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = size > FRAME_MAX ? NULL : json_tokener_parse_ex(tokener, text, (int)size);
	error = json_tokener_get_error(tokener);
	if (size > FRAME_MAX || error != json_tokener_success)
		r = hf_error_set(err, HF_ECORRUPT, 0, "frame: %s",
		    size > FRAME_MAX ? "too long" : json_tokener_error_desc(error));
	else if (json_tokener_get_parse_end(tokener) != size || !json_object_is_type(object, json_type_object))
		r = hf_error_set(err, HF_ECORRUPT, 0, "frame: not exactly one JSON object");
	json_tokener_free(tokener);
	if (r == HF_OK)
		*ret = object;
	else
		json_object_put(object);
	return r;
}

int
frame_encode(struct json_object *object, struct buffer *out, struct hf_error *err)
{
	size_t size = 0;
	const char *text = json_object_to_json_string_length(object,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	uint8_t header[FRAME_HEADER];
	unsigned i;

	if (text == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "frame: out of memory");
	if (size > FRAME_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "frame: longer than %u bytes", FRAME_MAX);
	for (i = 0; i < FRAME_HEADER; i++)
		header[i] = (uint8_t)(size >> (8 * i));
	buffer_append(out, header, sizeof(header));
	buffer_append(out, text, size);
	return buffer_status(out, "frame", err);
}

int
frame_decode(const uint8_t *data, size_t size, struct json_object **ret, size_t *ret_used, struct hf_error *err)
{
	uint32_t length;
	int r;

	if (size < FRAME_HEADER)
		return HF_EAGAIN;
	length = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
	if (length > FRAME_MAX || length < 2)
		return hf_error_set(err, HF_ECORRUPT, 0, "frame: length %lu", (unsigned long)length);
	if (size - FRAME_HEADER < length)
		return HF_EAGAIN;
	r = frame_parse((const char *)data + FRAME_HEADER, length, ret, err);
	if (r == HF_OK)
		*ret_used = FRAME_HEADER + length;
	return r;
}

const char *
frame_string(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

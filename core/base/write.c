/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/write.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/path.h"
#include "base/time.h"

/* A buffer over memory of somebody else: it is full where it would have to grow. */
static struct buffer
buffer_over(char *out, uint64_t capacity)
{
	struct buffer buffer = BUFFER_INIT((size_t)capacity);

	buffer.data = (uint8_t *)out;
	buffer.capacity = (size_t)capacity;
	return buffer;
}

static uint64_t
write_text(const struct hf_text *text, char *out, uint64_t capacity)
{
	struct buffer buffer;

	if (text->data != NULL && text->size < capacity && capacity - text->size >= 2 &&
	    json_is_unescaped(text->data, (size_t)text->size))
		return json_quote(text->data, (size_t)text->size, out);
	buffer = buffer_over(out, capacity);
	json_put_text(&buffer, text);
	return buffer.failed == HF_OK ? buffer.size : 0;
}

static uint64_t
write_compact(const char *json, uint64_t size, char *out, uint64_t capacity)
{
	struct buffer buffer = buffer_over(out, capacity);

	json_put_compact(&buffer, json, (size_t)size);
	return buffer.failed == HF_OK ? buffer.size : 0;
}

static uint64_t
write_time(int64_t ns, char *out)
{
	return time_format(ns, out);
}

static int64_t
write_parse_time(const char *text, uint64_t size)
{
	int64_t ns;

	return time_parse(text, (size_t)size, &ns) == HF_OK ? ns : INT64_MIN;
}

static int
write_component(const char *name, uint64_t size, char *out, struct hf_error *err)
{
	return path_encode(name, (size_t)size, out, err);
}

static int
write_sha256(const void *data, uint64_t size, uint8_t *out, struct hf_error *err)
{
	return hash_bytes(data, (size_t)size, out, err);
}

_Static_assert(HF_TIME_SIZE == TIME_RFC3339_SIZE, "the SDK's size of a time");
_Static_assert(HF_COMPONENT_SIZE == PATH_COMPONENT_MAX + 1, "the SDK's size of a component");

const struct hf_host_write write_host_extension = {sizeof(struct hf_host_write), 0, write_text, write_compact,
    write_time, write_parse_time, write_component, write_sha256};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t capacity;
	uint8_t *data;

	if (buffer->failed != HF_OK)
		return buffer->failed;
	if (more > buffer->max || buffer->size > buffer->max - more)
		return buffer->failed = HF_ERANGE;
	if (more <= buffer->capacity - buffer->size)
		return HF_OK;
	capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
	while (capacity < buffer->size + more)
		capacity = capacity > buffer->max / 2 ? buffer->max : capacity * 2;
	data = realloc(buffer->data, capacity);
	if (data == NULL)
		return buffer->failed = HF_ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return HF_OK;
}

void
buffer_append(struct buffer *buffer, const void *data, size_t size)
{
	if (size == 0 || buffer_reserve(buffer, size) != HF_OK)
		return;
	memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
}

void
buffer_append_string(struct buffer *buffer, const char *string)
{
	buffer_append(buffer, string, strlen(string));
}

void
buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
	buffer_append(buffer, &byte, 1);
}

void
buffer_appendf(struct buffer *buffer, const char *fmt, ...)
{
	size_t room = buffer->failed == HF_OK ? buffer->capacity - buffer->size : 0;
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	/* Most often it fits at once. */
	n = vsnprintf(room > 0 ? (char *)buffer->data + buffer->size : NULL, room, fmt, ap);
	if (n >= 0 && (size_t)n < room) {
		buffer->size += (size_t)n;
	} else if (n >= 0 && buffer_reserve(buffer, (size_t)n + 1) == HF_OK) {
		(void)vsnprintf((char *)buffer->data + buffer->size, (size_t)n + 1, fmt, again);
		buffer->size += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

int
buffer_status(const struct buffer *buffer, const char *what, struct hf_error *err)
{
	if (buffer->failed == HF_ERANGE)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", what, buffer->max);
	if (buffer->failed != HF_OK)
		return hf_error_set(err, buffer->failed, 0, "%s: out of memory", what);
	return HF_OK;
}

const char *
buffer_string(struct buffer *buffer)
{
	if (buffer_reserve(buffer, 1) != HF_OK)
		return NULL;
	buffer->data[buffer->size] = '\0';
	return (const char *)buffer->data;
}

void
buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
	buffer->failed = HF_OK;
}

void
buffer_release(struct buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->size = buffer->capacity = 0;
	buffer->failed = HF_OK;
}

void
buffer_wipe(struct buffer *buffer)
{
	if (buffer->data != NULL)
		explicit_bzero(buffer->data, buffer->capacity);
	buffer_release(buffer);
}

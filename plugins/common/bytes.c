/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 256u

void
bytes_clear(struct bytes *bytes)
{
	bytes->size = 0;
	bytes->failed = HF_OK;
}

void
bytes_release(struct bytes *bytes)
{
	free(bytes->data);
	bytes->data = NULL;
	bytes->capacity = 0;
	bytes_clear(bytes);
}

bool
bytes_reserve(struct bytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity == 0 ? FIRST_CAPACITY : bytes->capacity;
	char *data;

	if (bytes->failed != HF_OK)
		return false;
	if (more <= bytes->capacity - bytes->size)
		return true;
	if (more > bytes->max - bytes->size) {
		bytes->failed = HF_ERANGE;
		return false;
	}
	while (capacity - bytes->size < more)
		capacity += capacity / 2;
	if (capacity > bytes->max)
		capacity = bytes->max;
	data = realloc(bytes->data, capacity);
	if (data == NULL) {
		bytes->failed = HF_ENOMEM;
		return false;
	}
	bytes->data = data;
	bytes->capacity = capacity;
	return true;
}

void
bytes_put(struct bytes *bytes, const void *data, size_t size)
{
	if (size == 0 || !bytes_reserve(bytes, size))
		return;
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

void
bytes_string(struct bytes *bytes, const char *string)
{
	bytes_put(bytes, string, strlen(string));
}

void
bytes_char(struct bytes *bytes, char c)
{
	bytes_put(bytes, &c, 1);
}

void
bytes_format(struct bytes *bytes, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		bytes->failed = bytes->failed == HF_OK ? HF_ERANGE : bytes->failed;
	else
		bytes_put(bytes, text, (size_t)n);
}

const char *
bytes_text(struct bytes *bytes)
{
	if (!bytes_reserve(bytes, 1))
		return NULL;
	bytes->data[bytes->size] = '\0';
	return bytes->data;
}

int
bytes_status(const struct bytes *bytes, const char *what, struct hf_error *err)
{
	if (bytes->failed == HF_ERANGE)
		return hf_error_set(err, HF_ERANGE, 0, "%s: longer than %zu bytes", what, bytes->max);
	if (bytes->failed != HF_OK)
		return hf_error_set(err, bytes->failed, 0, "%s: out of memory", what);
	return HF_OK;
}

static int
write_bytes(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct bytes *bytes = ctx;

	if (size > bytes->max)
		bytes->failed = HF_ERANGE;
	else
		bytes_put(bytes, data, (size_t)size);
	return bytes_status(bytes, "content", err);
}

struct hf_sink
bytes_sink(struct bytes *bytes)
{
	return (struct hf_sink){sizeof(struct hf_sink), 0, bytes, write_bytes};
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow up to max.  What no longer fits sets failed (HF_ERANGE, HF_ENOMEM), and nothing is added then. */
struct text {
	char *data;
	size_t size;
	size_t capacity;
	size_t max;
	int failed;
};

/* clang-format off */
#define TEXT_INIT(max_size) { NULL, 0, 0, (max_size), 0 }
/* clang-format on */

void text_clear(struct text *text);
void text_release(struct text *text);
void text_put(struct text *text, const void *data, size_t size);
void text_string(struct text *text, const char *string);
void text_byte(struct text *text, char byte);
/* A number as JSON has it; a real with as many digits as it needs, infinity as 9e999. */
void text_int(struct text *text, int64_t number);
void text_real(struct text *text, double number);
/* Valid UTF-8 as a JSON string with its quotes. */
void text_json(struct text *text, const char *utf8, size_t size);
void text_base64(struct text *text, const void *data, size_t size);

/* How many bytes the character at utf8 has, 1 to 4; 0: it is not UTF-8 (RFC 3629). */
size_t utf8_character(const char *utf8, size_t size);
bool utf8_is_valid(const char *utf8, size_t size);

/* Memory that does not move and is given back at once.  Zeroed: empty. */
struct pool {
	struct chunk *chunks;
	size_t used; /* of the first chunk */
	size_t total;
};

/* NULL: there is no more, or the pool would grow over 8 MiB. */
void *pool_take(struct pool *pool, size_t size);
/* Keeps one chunk of the usual size for what comes next. */
void pool_clear(struct pool *pool);
void pool_release(struct pool *pool);

#endif

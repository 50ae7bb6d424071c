/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <holdfast/host.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

struct json_object; /* json-c's */

/*
 * JSON in three ways: slices of text that is copied as it is (records: many, fast), text written
 * straight into a buffer, and json-c trees (small documents: replies, manifests).  Syntax is RFC
 * 8259 with valid UTF-8 everywhere.
 */

/* The most nesting that slices may have, and the most that json_parse takes. */
#define JSON_DEPTH_MAX      64
#define JSON_PARSE_DEPTH    32
#define JSON_PARSE_SIZE_MAX (64u << 20)

/* The slicer; what each does and returns is told at struct hf_host_json in <holdfast/host.h>. */
extern const struct hf_host_json json_host_extension;
int json_slice_object(const char *text, uint64_t size, const char *const *names, uint32_t count,
    struct hf_json_value *values, struct hf_error *err);
int64_t json_members(const char *text, uint64_t size, struct hf_json_member *members, uint64_t capacity,
    struct hf_json_value *ret_whole, struct hf_error *err);
int json_next(const struct hf_json_value *container, uint64_t *pos, struct hf_json_value *name,
    struct hf_json_value *value, struct hf_error *err);
uint64_t json_decode(const char *text, uint64_t size, char *out);
int64_t json_measure(const char *data, uint64_t size, struct hf_error *err);

/* Whether all of text is valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool json_is_utf8(const char *text, size_t size);

/* Whether text is the same in both encodings, as most is: UTF-8 without quote, backslash or control character. */
bool json_is_unescaped(const char *text, size_t size);

/* Such text in quotes into out, which has room for size + 2 bytes; returns that. */
static inline size_t
json_quote(const char *text, size_t size, char *out)
{
	out[0] = '"';
	memcpy(out + 1, text, size);
	out[size + 1] = '"';
	return size + 2;
}

/* Appends UTF-8 as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void json_put_string(struct buffer *buffer, const char *text, size_t size);
/*
 * Appends text of either encoding as a JSON string with its quotes; "null" where data is NULL.
 * The provider's spelling is kept, but for lone surrogates, which become \ufffd.
 */
void json_put_text(struct buffer *buffer, const struct hf_text *text);
/* Appends an already validated JSON value token for token, white space between tokens left out. */
void json_put_compact(struct buffer *buffer, const char *text, size_t size);

/*
 * Parses a whole small document.  what names it in errors.  HF_ECORRUPT with the line when it is not
 * JSON, nests deeper than JSON_PARSE_DEPTH or is followed by anything; HF_ERANGE when larger than
 * JSON_PARSE_SIZE_MAX.  The result is the caller's to json_object_put.
 */
int json_parse(const void *data, size_t size, const char *what, struct json_object **ret_object,
    struct hf_error *err);
/*
 * A member of an object.  HF_ENOTFOUND: not there, or null; HF_ECORRUPT: of another type (for strings
 * also one with U+0000 in it); HF_ERANGE: an integer that int64_t does not hold.  A string is the
 * object's, valid as long as it is.
 */
int json_get_string(struct json_object *object, const char *name, const char *what,
    const char **ret_string, struct hf_error *err);
int json_get_int64(struct json_object *object, const char *name, const char *what, int64_t *ret_number,
    struct hf_error *err);
int json_get_bool(struct json_object *object, const char *name, const char *what, bool *ret_bool,
    struct hf_error *err);

#endif

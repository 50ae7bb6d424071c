/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DOCUMENT_H
#define DOCUMENT_H

#include <holdfast/host.h>

#include <stdbool.h>
#include <stddef.h>

/* ---- values: google.firestore.v1.Value as JSON ---- */

enum value_kind { VALUE_NONE, VALUE_NULL, VALUE_BOOL, VALUE_INTEGER, VALUE_DOUBLE, VALUE_TIME, VALUE_STRING,
	VALUE_BYTES, VALUE_REFERENCE, VALUE_GEO, VALUE_ARRAY, VALUE_MAP };

/* Slices of the document's text. */
struct value {
	enum value_kind kind;
	struct hf_json_value whole; /* {"stringValue":"x"} */
	struct hf_json_value inner; /* "x"; of an array its list, of a map its members; NONE where it is empty */
};

/* What a slice holds; VALUE_NONE for what is no value. */
struct value value_of(const struct hf_host_json *json, const struct hf_json_value *slice);
/* Text of scalars, in their own spelling; data NULL for others. */
struct hf_text value_text(const struct value *value);
/* An id: as value_text, but of a reference only what follows the last slash. */
struct hf_text value_id(const struct value *value);
/*
 * Nanoseconds since 1970 of a timestamp, of RFC 3339 text, or of a number of seconds, milliseconds,
 * microseconds or nanoseconds, told apart by its size; HF_NO_TIME.
 */
int64_t value_time(const struct hf_host_write *write, const struct value *value);
/* A number, or fallback; doubles are cut. */
int64_t value_number(const struct value *value, int64_t fallback);
bool value_is_true(const struct value *value);

/* ---- paths of fields ---- */

#define FIELD_STEPS 8

/* "attachments[].url": from the document's fields on, "[]" for each element of an array. */
struct field {
	unsigned count; /* 0: not configured */
	struct {
		const char *name; /* of the text that was parsed */
		size_t size;
		bool each;
	} steps[FIELD_STEPS];
};

/* Names with other characters stand in backquotes.  HF_EINVAL says what is wrong; text is kept. */
int field_parse(const char *text, size_t size, struct field *ret_field, struct hf_error *err);

/* ---- documents ---- */

#define DOCUMENT_FIELDS 256 /* on the first level; of a larger one the others are in raw only */

/* A document that was sliced; valid as long as its text. */
struct document {
	const struct hf_host_json *json;
	struct hf_json_value whole; /* flags: HF_JSON_COMPACT */
	struct hf_json_value name;
	struct hf_json_value update_time;
	struct hf_json_value create_time;
	struct hf_json_member fields[DOCUMENT_FIELDS];
	size_t field_count;
};

/* HF_ECORRUPT: it is none. */
int document_parse(struct document *document, const struct hf_host_json *json, const char *text, uint64_t size,
    struct hf_error *err);
/* The last component of its name. */
struct hf_text document_id(const struct document *document);
/* The first value of a field; VALUE_NONE. */
struct value document_value(const struct document *document, const struct field *field);
/* Members of the map that holds the value, for what stands beside it; nonzero: stop and return it. */
typedef int (*value_fn)(void *ctx, const struct value *value, const struct hf_json_value *map, struct hf_error *err);
int document_each(const struct document *document, const struct field *field, value_fn fn, void *ctx,
    struct hf_error *err);
/* A member of a map's list of members. */
struct value map_value(const struct hf_host_json *json, const struct hf_json_value *map, const char *name);

#endif

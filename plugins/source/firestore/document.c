/* SPDX-License-Identifier: BSD-2-Clause */
#include "document.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/source.h>

static bool
is(const struct hf_json_value *text, const char *name, size_t size)
{
	return text->size == size && memcmp(text->data, name, size) == 0;
}

#define IS(text, literal) is((text), (literal), sizeof(literal) - 1)

/* ---- values ---- */

static enum value_kind
kind_of(const struct hf_json_value *name)
{
	static const struct {
		const char *name;
		enum value_kind kind;
	} kinds[] = {{"stringValue", VALUE_STRING}, {"timestampValue", VALUE_TIME}, {"integerValue", VALUE_INTEGER},
	    {"booleanValue", VALUE_BOOL}, {"nullValue", VALUE_NULL}, {"doubleValue", VALUE_DOUBLE},
	    {"mapValue", VALUE_MAP}, {"arrayValue", VALUE_ARRAY}, {"referenceValue", VALUE_REFERENCE},
	    {"bytesValue", VALUE_BYTES}, {"geoPointValue", VALUE_GEO}};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is(name, kinds[i].name, strlen(kinds[i].name)))
			return kinds[i].kind;
	return VALUE_NONE;
}

/* Whether the JSON type is one that the kind may have: anything else is no value, whatever its name. */
static bool
has_type(enum value_kind kind, uint32_t type)
{
	switch (kind) {
	case VALUE_NULL:
		return true;
	case VALUE_BOOL:
		return type == HF_JSON_TRUE || type == HF_JSON_FALSE;
	case VALUE_INTEGER:
	case VALUE_DOUBLE:
		return type == HF_JSON_NUMBER || type == HF_JSON_STRING;
	case VALUE_GEO:
	case VALUE_ARRAY:
	case VALUE_MAP:
		return type == HF_JSON_OBJECT;
	default:
		return type == HF_JSON_STRING;
	}
}

/* The member of an object that was validated before; type NONE: none. */
static struct hf_json_value
member(const struct hf_host_json *json, const struct hf_json_value *object, const char *wanted)
{
	struct hf_json_value name, value, found = {NULL, 0, HF_JSON_NONE, 0};
	uint64_t pos = 0;

	while (json->next(object, &pos, &name, &value, NULL) > 0)
		if (is(&name, wanted, strlen(wanted)))
			found = value;
	return found;
}

struct value
value_of(const struct hf_host_json *json, const struct hf_json_value *slice)
{
	struct value v = {VALUE_NONE, *slice, {NULL, 0, HF_JSON_NONE, 0}};
	struct hf_json_value name;
	uint64_t pos = 0;

	if (slice->type != HF_JSON_OBJECT || json->next(slice, &pos, &name, &v.inner, NULL) <= 0)
		return v;
	v.kind = kind_of(&name);
	if (!has_type(v.kind, v.inner.type))
		v.kind = VALUE_NONE;
	if (v.kind == VALUE_ARRAY) {
		v.inner = member(json, &v.inner, "values");
		if (v.inner.type != HF_JSON_ARRAY)
			v.inner.type = HF_JSON_NONE;
	}
	if (v.kind == VALUE_MAP) {
		v.inner = member(json, &v.inner, "fields");
		if (v.inner.type != HF_JSON_OBJECT)
			v.inner.type = HF_JSON_NONE;
	}
	return v;
}

struct hf_text
value_text(const struct value *value)
{
	struct hf_text none = {NULL, 0, HF_TEXT_UTF8, 0};

	switch (value->kind) {
	case VALUE_BOOL:
	case VALUE_INTEGER:
	case VALUE_DOUBLE:
	case VALUE_TIME:
	case VALUE_STRING:
	case VALUE_BYTES:
	case VALUE_REFERENCE:
		return (struct hf_text){value->inner.data, value->inner.size, HF_TEXT_JSON, 0};
	default:
		return none;
	}
}

static struct hf_text
last_component(struct hf_text text)
{
	uint64_t i;

	for (i = text.size; i > 0 && text.data[i - 1] != '/'; i--)
		;
	text.data += i;
	text.size -= i;
	return text;
}

struct hf_text
value_id(const struct value *value)
{
	struct hf_text text = value_text(value);

	return value->kind == VALUE_REFERENCE ? last_component(text) : text;
}

/* A number's text into out; false for one that is longer than any. */
static bool
number_text(const struct value *value, char out[40])
{
	if ((value->kind != VALUE_INTEGER && value->kind != VALUE_DOUBLE) || value->inner.size == 0 ||
	    value->inner.size >= 40)
		return false;
	memcpy(out, value->inner.data, (size_t)value->inner.size);
	out[value->inner.size] = '\0';
	return true;
}

int64_t
value_number(const struct value *value, int64_t fallback)
{
	char text[40], *end;
	double d;
	long long n;

	if (!number_text(value, text))
		return fallback;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (*end == '\0' && end != text && errno == 0)
		return n;
	d = strtod(text, &end);
	return *end == '\0' && end != text && isfinite(d) && fabs(d) < 9e18 ? (int64_t)d : fallback;
}

/* Seconds, or milliseconds, ...: a number of each stands for a time from 1973 on up to 5138. */
static int64_t
time_of_number(const struct value *value)
{
	char text[40];
	int64_t n = value_number(value, INT64_MIN), unit;
	double d;

	if (n <= 0 || !number_text(value, text))
		return HF_NO_TIME;
	unit = n >= 100000000000000000 ? 1 : n >= 100000000000000 ? 1000 : n >= 100000000000 ? 1000000 : 1000000000;
	if (value->kind == VALUE_DOUBLE) {
		d = strtod(text, NULL) * (double)unit;
		return d < 9e18 ? (int64_t)d : HF_NO_TIME;
	}
	return n > INT64_MAX / unit ? HF_NO_TIME : n * unit;
}

int64_t
value_time(const struct hf_host_write *write, const struct value *value)
{
	if (value->kind == VALUE_TIME || value->kind == VALUE_STRING)
		return write->parse_time(value->inner.data, value->inner.size);
	return time_of_number(value);
}

bool
value_is_true(const struct value *value)
{
	return value->kind == VALUE_BOOL && value->inner.type == HF_JSON_TRUE;
}

/* ---- paths ---- */

/* One name: in backquotes, or up to the next dot or bracket. */
static const char *
parse_name(const char *p, const char *end, const char **ret_name, size_t *ret_size)
{
	bool quoted = p < end && *p == '`';
	const char *from = quoted ? ++p : p;

	while (p < end && (quoted ? *p != '`' : *p != '.' && *p != '[' && *p != '`'))
		p++;
	*ret_name = from;
	*ret_size = (size_t)(p - from);
	if (*ret_size == 0 || (quoted && p == end))
		return NULL;
	return quoted ? p + 1 : p;
}

int
field_parse(const char *text, size_t size, struct field *ret_field, struct hf_error *err)
{
	struct field field;
	const char *p = text, *end = text + size;

	memset(&field, 0, sizeof(field));
	for (;;) {
		if (field.count == FIELD_STEPS)
			return hf_error_set(err, HF_EINVAL, 0, "more than %d names", FIELD_STEPS);
		p = parse_name(p, end, &field.steps[field.count].name, &field.steps[field.count].size);
		if (p == NULL)
			return hf_error_set(err, HF_EINVAL, 0, "a name is missing, or its second backquote");
		if (end - p >= 2 && p[0] == '[' && p[1] == ']') {
			field.steps[field.count].each = true;
			p += 2;
		}
		field.count++;
		if (p == end)
			break;
		if (*p++ != '.')
			return hf_error_set(err, HF_EINVAL, 0, "only \".\" and \"[]\" stand behind a name");
	}
	*ret_field = field;
	return HF_OK;
}

/* ---- documents ---- */

int
document_parse(struct document *document, const struct hf_host_json *json, const char *text, uint64_t size,
    struct hf_error *err)
{
	struct hf_json_member members[8];
	struct hf_json_value fields = {NULL, 0, HF_JSON_NONE, 0}, whole;
	int64_t n = json->members(text, size, members, 8, &document->whole, err), i;

	if (n < 0)
		return (int)n;
	document->json = json;
	document->name.type = document->update_time.type = document->create_time.type = HF_JSON_NONE;
	document->field_count = 0;
	for (i = 0; i < n && i < 8; i++) {
		if (IS(&members[i].name, "name"))
			document->name = members[i].value;
		else if (IS(&members[i].name, "fields"))
			fields = members[i].value;
		else if (IS(&members[i].name, "updateTime"))
			document->update_time = members[i].value;
		else if (IS(&members[i].name, "createTime"))
			document->create_time = members[i].value;
	}
	if (document->name.type != HF_JSON_STRING || document_id(document).size == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "a document without a name");
	if (fields.type == HF_JSON_NONE)
		return HF_OK;
	if (fields.type != HF_JSON_OBJECT)
		return hf_error_set(err, HF_ECORRUPT, 0, "a document whose fields are no object");
	n = json->members(fields.data, fields.size, document->fields, DOCUMENT_FIELDS, &whole, err);
	if (n < 0)
		return (int)n;
	document->field_count = n > DOCUMENT_FIELDS ? DOCUMENT_FIELDS : (size_t)n;
	return HF_OK;
}

struct hf_text
document_id(const struct document *document)
{
	struct hf_text name = {document->name.data, document->name.size, HF_TEXT_JSON, 0};

	return last_component(name);
}

/* Whether a name as JSON spells it is the wanted one. */
static bool
names(const struct hf_host_json *json, const struct hf_json_value *spelled, const char *name, size_t size)
{
	char decoded[1600];

	if (is(spelled, name, size))
		return true;
	if (spelled->size <= size || spelled->size > sizeof(decoded) ||
	    memchr(spelled->data, '\\', (size_t)spelled->size) == NULL)
		return false;
	return json->decode(spelled->data, spelled->size, decoded) == size && memcmp(decoded, name, size) == 0;
}

static struct value
find_in_map(const struct hf_host_json *json, const struct hf_json_value *map, const char *wanted, size_t size)
{
	struct hf_json_value name, slice, found = {NULL, 0, HF_JSON_NONE, 0};
	uint64_t pos = 0;

	if (map->type == HF_JSON_OBJECT)
		while (json->next(map, &pos, &name, &slice, NULL) > 0)
			if (names(json, &name, wanted, size))
				found = slice;
	return value_of(json, &found);
}

struct value
map_value(const struct hf_host_json *json, const struct hf_json_value *map, const char *name)
{
	return find_in_map(json, map, name, strlen(name));
}

/* The value of the first name of a path. */
static struct value
find_first(const struct document *document, const char *name, size_t size)
{
	struct hf_json_value none = {NULL, 0, HF_JSON_NONE, 0};
	size_t i;

	for (i = document->field_count; i > 0; i--)
		if (names(document->json, &document->fields[i - 1].name, name, size))
			return value_of(document->json, &document->fields[i - 1].value);
	return value_of(document->json, &none);
}

/* A walk along a path. */
struct walk {
	const struct hf_host_json *json;
	const struct field *field;
	value_fn fn;
	void *ctx;
};

static int walk_elements(const struct walk *walk, unsigned step, const struct value *list, struct hf_error *err);

/* value is what stands at the step; map is what holds it. */
static int
walk_on(const struct walk *walk, unsigned step, const struct value *value, const struct hf_json_value *map,
    struct hf_error *err)
{
	const struct field *field = walk->field;
	struct value next;

	if (value->kind == VALUE_NONE)
		return HF_OK;
	if (step + 1 == field->count)
		return walk->fn(walk->ctx, value, map, err);
	if (value->kind != VALUE_MAP)
		return HF_OK;
	next = find_in_map(walk->json, &value->inner, field->steps[step + 1].name, field->steps[step + 1].size);
	if (field->steps[step + 1].each)
		return walk_elements(walk, step + 1, &next, err);
	return walk_on(walk, step + 1, &next, &value->inner, err);
}

static int
walk_elements(const struct walk *walk, unsigned step, const struct value *list, struct hf_error *err)
{
	struct hf_json_value slice, none = {NULL, 0, HF_JSON_NONE, 0};
	struct value value;
	uint64_t pos = 0;
	int r = HF_OK;

	if (list->kind != VALUE_ARRAY || list->inner.type != HF_JSON_ARRAY)
		return HF_OK;
	while (r == HF_OK && walk->json->next(&list->inner, &pos, NULL, &slice, NULL) > 0) {
		value = value_of(walk->json, &slice);
		r = walk_on(walk, step, &value, &none, err);
	}
	return r;
}

int
document_each(const struct document *document, const struct field *field, value_fn fn, void *ctx,
    struct hf_error *err)
{
	const struct walk walk = {document->json, field, fn, ctx};
	struct hf_json_value none = {NULL, 0, HF_JSON_NONE, 0};
	struct value first;

	if (field->count == 0)
		return HF_OK;
	first = find_first(document, field->steps[0].name, field->steps[0].size);
	if (field->steps[0].each)
		return walk_elements(&walk, 0, &first, err);
	return walk_on(&walk, 0, &first, &none, err);
}

static int
take_first(void *ctx, const struct value *value, const struct hf_json_value *map, struct hf_error *err)
{
	struct value *found = ctx;

	(void)map;
	(void)err;
	*found = *value;
	return HF_ESTOP;
}

struct value
document_value(const struct document *document, const struct field *field)
{
	struct value found = {VALUE_NONE, {NULL, 0, HF_JSON_NONE, 0}, {NULL, 0, HF_JSON_NONE, 0}};

	(void)document_each(document, field, take_first, &found, NULL);
	return found;
}

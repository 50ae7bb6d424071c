/* SPDX-License-Identifier: BSD-2-Clause */
#include "pager.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/source.h>

#define TRIES    3 /* of an answer that makes no sense */
#define NAME_LIMIT 8192
#define AT_MAX   16384

const char *
collection_split(const char *path, char *parent, size_t capacity)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(parent, capacity, "%.*s", slash == NULL ? 0 : (int)(slash - path), path);
	return slash == NULL ? path : slash + 1;
}

int
pager_init(struct pager *p, struct service *service, const struct query *query, struct hf_error *err)
{
	memset(p, 0, sizeof(*p));
	p->service = service;
	p->query = *query;
	p->limit = query->limit;
	p->name.max = NAME_LIMIT;
	p->at.max = AT_MAX;
	p->document = malloc(sizeof(*p->document));
	return p->document == NULL ? hf_error_set(err, HF_ENOMEM, 0, "out of memory") : HF_OK;
}

void
pager_release(struct pager *p)
{
	text_release(&p->name);
	text_release(&p->at);
	free(p->document);
	p->document = NULL;
}

/* ---- the request ---- */

/* A path as the API spells it; names of other characters stand in backquotes. */
static void
put_path(struct text *out, const struct field *field)
{
	struct text path = TEXT_INIT(NAME_LIMIT);
	const char *name;
	size_t i, k, size;
	bool simple;

	for (i = 0; i < field->count; i++) {
		name = field->steps[i].name;
		size = field->steps[i].size;
		simple = name[0] < '0' || name[0] > '9';
		for (k = 0; k < size; k++)
			simple = simple && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
			    name[k]) != NULL;
		text_string(&path, i > 0 ? "." : "");
		text_string(&path, simple ? "" : "`");
		for (k = 0; k < size; k++) {
			if (name[k] == '\\')
				text_string(&path, "\\");
			text_put(&path, name + k, 1);
		}
		text_string(&path, simple ? "" : "`");
	}
	text_json(out, path.data, path.size);
	text_release(&path);
}

static void
put_select(const struct query *q, struct text *out)
{
	text_string(out, ",\"select\":{\"fields\":[{\"fieldPath\":");
	if (q->order != NULL)
		put_path(out, q->order);
	else
		text_string(out, "\"__name__\"");
	text_string(out, "}");
	if (q->select != NULL) {
		text_string(out, ",{\"fieldPath\":");
		text_json(out, q->select, strlen(q->select));
		text_string(out, "}");
	}
	text_string(out, "]}");
}

static void
put_start(const struct pager *p, struct text *out)
{
	if (p->at.size == 0 && p->name.size == 0)
		return;
	text_string(out, ",\"startAt\":{\"values\":[");
	text_put(out, p->at.data, p->at.size);
	if (p->name.size > 0) {
		text_string(out, p->at.size > 0 ? ",{\"referenceValue\":" : "{\"referenceValue\":");
		text_json(out, p->name.data, p->name.size);
		text_string(out, "}");
	}
	text_string(out, p->name.size > 0 ? "],\"before\":false}" : "],\"before\":true}");
}

static void
put_query(const struct query *q, struct text *out)
{
	text_string(out, "\"structuredQuery\":{\"from\":[{\"collectionId\":");
	text_json(out, q->collection, strlen(q->collection));
	text_string(out, q->group ? ",\"allDescendants\":true}]" : "}]");
	if (q->where != NULL) {
		text_string(out, ",\"where\":");
		text_string(out, q->where);
	}
	if (q->keys)
		put_select(q, out);
	text_string(out, ",\"orderBy\":[");
	if (q->order != NULL) {
		text_string(out, "{\"field\":{\"fieldPath\":");
		put_path(out, q->order);
		text_string(out, "},\"direction\":\"ASCENDING\"},");
	}
	text_string(out, "{\"field\":{\"fieldPath\":\"__name__\"},\"direction\":\"ASCENDING\"}]");
}

static void
put_request(struct pager *p, uint32_t limit)
{
	struct text *out = &p->service->body;

	text_clear(out);
	text_string(out, "{");
	put_query(&p->query, out);
	put_start(p, out);
	text_printf(out, ",\"limit\":%" PRIu32 "}", limit);
	service_put_read_time(p->service, out);
	text_string(out, "}");
}

/* ---- what comes ---- */

/* Paths sort by their components. */
static int
compare_names(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t i;
	unsigned char x, y;

	for (i = 0; i < a_size && i < b_size; i++) {
		x = a[i] == '/' ? 0 : (unsigned char)a[i];
		y = b[i] == '/' ? 0 : (unsigned char)b[i];
		if (x != y)
			return x < y ? -1 : 1;
	}
	return a_size < b_size ? -1 : a_size > b_size;
}

/* Numeric ids sort by their number: nothing is said of those. */
static bool
is_numeric(const char *name, size_t size)
{
	size_t i;

	for (i = 0; i + 5 < size; i++)
		if (memcmp(name + i, "/__id", 5) == 0)
			return true;
	return false;
}

#define NOT_COMPARABLE 2

static int
compare_values(const struct service *s, const struct value *a, const struct value *b)
{
	int64_t x, y;
	int order;

	if (a->kind != b->kind || (a->kind != VALUE_TIME && a->kind != VALUE_INTEGER))
		return a->whole.size == b->whole.size &&
		    memcmp(a->whole.data, b->whole.data, (size_t)a->whole.size) == 0 ? 0 : NOT_COMPARABLE;
	x = a->kind == VALUE_TIME ? value_time(s->write, a) : value_number(a, 0);
	y = b->kind == VALUE_TIME ? value_time(s->write, b) : value_number(b, 0);
	order = x < y ? -1 : x > y;
	return order;
}

/* Where the last document was, for the comparison. */
static struct value
last_value(const struct pager *p)
{
	struct hf_json_value slice = {p->at.data, p->at.size, HF_JSON_OBJECT, 0};

	return value_of(p->service->json, &slice);
}

static int
check_order(const struct pager *p, const struct value *value, const char *name, size_t size, struct hf_error *err)
{
	struct value last;
	int order = 0;

	if (p->query.order != NULL && p->at.size > 0) {
		last = last_value(p);
		order = compare_values(p->service, &last, value);
	}
	if (order == 0 && p->name.size > 0 && !is_numeric(name, size))
		order = compare_names(p->name.data, p->name.size, name, size) < 0 ? -1 : 1;
	if (order == 1)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service answers with documents in another order than "
		    "asked for");
	return HF_OK;
}

/* Whether the name is one of the collection that was asked for. */
static bool
is_asked_for(const struct pager *p, const char *name, size_t size)
{
	const struct text *root = &p->service->root;
	const struct query *q = &p->query;
	const char *end = name + size, *id, *collection;
	size_t parent = strlen(q->parent), n = strlen(q->collection);

	if (size <= root->size + 1 || memcmp(name, root->data, root->size) != 0 || name[root->size] != '/')
		return false;
	name += root->size + 1;
	if (parent > 0) {
		if ((size_t)(end - name) <= parent + 1 || memcmp(name, q->parent, parent) != 0 || name[parent] != '/')
			return false;
		name += parent + 1;
	}
	for (id = end; id > name && id[-1] != '/'; id--)
		;
	if (id == name || id == end)
		return false;
	for (collection = id - 1; collection > name && collection[-1] != '/'; collection--)
		;
	return (size_t)(id - 1 - collection) == n && memcmp(collection, q->collection, n) == 0 &&
	    (q->group || collection == name);
}

/* The name of a document, decoded; out is as long as the name is spelled at least. */
static int
decode_name(const struct pager *p, const struct document *d, char *out, size_t *ret_size, struct hf_error *err)
{
	if (d->name.size >= NAME_LIMIT)
		return hf_error_set(err, HF_ECORRUPT, 0, "the name of a document is too long");
	*ret_size = (size_t)p->service->json->decode(d->name.data, d->name.size, out);
	if (memchr(out, '\0', *ret_size) != NULL || !is_asked_for(p, out, *ret_size))
		return hf_error_set(err, HF_ECORRUPT, 0, "the service answers with a document that was not asked for");
	return HF_OK;
}

/* Checks the document and moves behind it; the move is undone by nobody, as fn has to deal with it. */
static int
take_document(struct pager *p, const struct hf_json_value *slice, document_fn fn, void *ctx, struct hf_error *err)
{
	struct document *d = p->document;
	struct value value = {VALUE_NONE, {NULL, 0, HF_JSON_NONE, 0}, {NULL, 0, HF_JSON_NONE, 0}};
	char name[NAME_LIMIT];
	size_t size;
	int r = document_parse(d, p->service->json, slice->data, slice->size, err);

	if (r == HF_OK)
		r = decode_name(p, d, name, &size, err);
	if (r == HF_OK && p->query.order != NULL) {
		value = document_value(d, p->query.order);
		if (value.kind == VALUE_NONE)
			r = hf_error_set(err, HF_ECORRUPT, 0, "the service answers with a document without the "
			    "field it is sorted by");
	}
	if (r == HF_OK)
		r = check_order(p, &value, name, size, err);
	if (r != HF_OK)
		return r;
	text_clear(&p->at);
	text_put(&p->at, value.whole.data, p->query.order != NULL ? (size_t)value.whole.size : 0);
	text_clear(&p->name);
	text_put(&p->name, name, size);
	r = text_status(&p->at, "the value that documents are sorted by", err);
	return r == HF_OK ? fn(ctx, d, err) : r;
}

enum { E_DOCUMENT, E_READ_TIME, E_ERROR, E_FOUND, E_MISSING, E_COUNT };

static int
slice_element(const struct service *s, const struct hf_json_value *element, struct hf_json_value *v,
    struct hf_error *err)
{
	static const char *const names[E_COUNT] = {"document", "readTime", "error", "found", "missing"};

	if (element->type != HF_JSON_OBJECT || s->json->object(element->data, element->size, names, E_COUNT, v, NULL) !=
	    HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service's answer is not a list of objects");
	if (v[E_ERROR].type != HF_JSON_NONE)
		return hf_error_set(err, HF_EAGAIN, 0, "the service ended its answer with an error");
	return HF_OK;
}

/* What the caller's function said is told apart from what is wrong with the answer. */
struct given {
	document_fn fn;
	void *ctx;
	int refused;
};

static int
give(void *ctx, const struct document *document, struct hf_error *err)
{
	struct given *given = ctx;

	given->refused = given->fn(given->ctx, document, err);
	return given->refused;
}

static int
take_page(struct pager *p, const struct hf_json_value *reply, uint32_t limit, document_fn fn, void *ctx,
    struct hf_error *err)
{
	struct service *s = p->service;
	struct hf_json_value element, v[E_COUNT];
	uint64_t pos = 0;
	int r = HF_OK;

	if (reply->type != HF_JSON_ARRAY)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service's answer is no list");
	while (r == HF_OK && s->json->next(reply, &pos, NULL, &element, NULL) > 0) {
		r = slice_element(s, &element, v, err);
		if (r == HF_OK)
			r = service_take_read_time(s, &v[E_READ_TIME], err);
		if (r == HF_OK && p->read[0] == '\0')
			(void)snprintf(p->read, sizeof(p->read), "%s", s->read_time);
		if (r == HF_OK && (v[E_FOUND].type != HF_JSON_NONE || v[E_MISSING].type != HF_JSON_NONE))
			return hf_error_set(err, HF_ECORRUPT, 0, "the service answers what was not asked for");
		if (r != HF_OK || v[E_DOCUMENT].type == HF_JSON_NONE)
			continue;
		if (p->count == limit)
			return hf_error_set(err, HF_ECORRUPT, 0, "the service answers with more documents than "
			    "asked for");
		p->count++;
		s->documents++;
		r = take_document(p, &v[E_DOCUMENT], fn, ctx, err);
	}
	/* An answer without anything is not the end: where nothing is found, the reading time says so. */
	if (r == HF_OK && pos == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service's answer is empty");
	return r;
}

/*
 * Whether to ask again, and differently where that helps.  answered: it is the answer that is wrong; where there was
 * none, the host has tried as often as makes sense.
 */
static bool
try_again(struct pager *p, int code, bool answered, unsigned *tries)
{
	if (code == HF_ERANGE && p->limit > 1) {
		p->limit /= 2;
		return true;
	}
	if (service_drop_read_time(p->service, code))
		return true;
	return (code == HF_ECORRUPT || (code == HF_EAGAIN && answered)) && ++*tries < TRIES;
}

int
pager_page(struct pager *p, document_fn fn, void *ctx, struct hf_error *err)
{
	struct given given = {fn, ctx, HF_OK};
	struct hf_error why = HF_ERROR_INIT;
	struct hf_json_value reply;
	uint64_t budget;
	unsigned tries = 0;
	uint32_t limit;
	bool answered;
	int r;

	do {
		budget = service_budget(p->service);
		p->spent = budget == 0;
		if (p->spent)
			return HF_OK;
		limit = budget < p->limit ? (uint32_t)budget : p->limit;
		p->count = 0;
		put_request(p, limit);
		r = service_post(p->service, p->query.parent, ":runQuery", &reply, &why);
		answered = r == HF_OK;
		if (r == HF_OK)
			r = take_page(p, &reply, limit, give, &given, &why);
	} while (r != HF_OK && given.refused == HF_OK && try_again(p, r, answered, &tries));
	/* One that finds nothing is billed as one read. */
	p->service->documents += p->count == 0;
	p->done = p->count < limit;
	if (r != HF_OK && err != NULL)
		*err = why;
	return r;
}

int
pager_all(struct pager *p, document_fn fn, void *ctx, struct hf_error *err)
{
	int r = HF_OK;

	while (r == HF_OK && !p->done && !p->spent)
		r = pager_page(p, fn, ctx, err);
	if (r == HF_OK && p->spent)
		return hf_error_set(err, HF_ENOSPC, 0, "the read budget of this run is used up");
	return r;
}

/* ---- by name ---- */

static int
take_got(struct pager *p, const struct hf_json_value *reply, uint64_t count, document_fn fn, void *ctx,
    struct hf_error *err)
{
	struct service *s = p->service;
	struct hf_json_value element, v[E_COUNT];
	char name[NAME_LIMIT];
	uint64_t pos = 0, got = 0;
	size_t size;
	int r = HF_OK;

	if (reply->type != HF_JSON_ARRAY)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service's answer is no list");
	while (r == HF_OK && s->json->next(reply, &pos, NULL, &element, NULL) > 0) {
		r = slice_element(s, &element, v, err);
		if (r == HF_OK)
			r = service_take_read_time(s, &v[E_READ_TIME], err);
		if (r != HF_OK || (v[E_FOUND].type == HF_JSON_NONE && v[E_MISSING].type == HF_JSON_NONE))
			continue;
		got++;
		s->documents++;
		if (v[E_FOUND].type == HF_JSON_NONE)
			continue;
		r = document_parse(p->document, s->json, v[E_FOUND].data, v[E_FOUND].size, err);
		if (r == HF_OK)
			r = decode_name(p, p->document, name, &size, err);
		if (r == HF_OK)
			r = fn(ctx, p->document, err);
	}
	if (r == HF_OK && got != count)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service answers for %" PRIu64 " document%s, not %" PRIu64,
		    got, got == 1 ? "" : "s", count);
	return r;
}

int
pager_get(struct pager *p, const struct text *names, uint64_t count, document_fn fn, void *ctx, struct hf_error *err)
{
	struct given given = {fn, ctx, HF_OK};
	struct hf_error why = HF_ERROR_INIT;
	struct hf_json_value reply;
	unsigned tries = 0;
	bool answered;
	int r;

	do {
		text_clear(&p->service->body);
		text_string(&p->service->body, "{\"documents\":[");
		text_put(&p->service->body, names->data, names->size);
		text_string(&p->service->body, "]");
		service_put_read_time(p->service, &p->service->body);
		text_string(&p->service->body, "}");
		r = service_post(p->service, "", ":batchGet", &reply, &why);
		answered = r == HF_OK;
		if (r == HF_OK)
			r = take_got(p, &reply, count, give, &given, &why);
	} while (r != HF_OK && r != HF_ERANGE && given.refused == HF_OK && try_again(p, r, answered, &tries));
	if (r != HF_OK && err != NULL)
		*err = why;
	return r;
}

/* ---- counting ---- */

static int
take_count(const struct service *s, const struct hf_json_value *reply, int64_t *ret_count, struct hf_error *err)
{
	static const char *const path[] = {"result", "aggregateFields", "n"};
	struct hf_json_value v, inner;
	struct value value;
	uint64_t pos = 0;
	size_t i;

	if (reply->type != HF_JSON_ARRAY || s->json->next(reply, &pos, NULL, &inner, NULL) <= 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service's answer is no list");
	for (i = 0; i < 3; i++) {
		if (inner.type != HF_JSON_OBJECT ||
		    s->json->object(inner.data, inner.size, &path[i], 1, &v, NULL) != HF_OK)
			return hf_error_set(err, HF_ECORRUPT, 0, "the service did not count");
		inner = v;
	}
	value = value_of(s->json, &inner);
	*ret_count = value_number(&value, -1);
	return *ret_count < 0 ? hf_error_set(err, HF_ECORRUPT, 0, "the service did not count") : HF_OK;
}

static int
count_once(struct service *s, const struct query *query, int64_t *ret_count, struct hf_error *err)
{
	struct hf_json_value reply;
	int r;

	text_clear(&s->body);
	text_string(&s->body, "{\"structuredAggregationQuery\":{");
	put_query(query, &s->body);
	text_string(&s->body, "},\"aggregations\":[{\"alias\":\"n\",\"count\":{}}]}");
	service_put_read_time(s, &s->body);
	text_string(&s->body, "}");
	r = service_post(s, query->parent, ":runAggregationQuery", &reply, err);
	return r == HF_OK ? take_count(s, &reply, ret_count, err) : r;
}

int
pager_count(struct service *s, const struct query *query, int64_t *ret_count, struct hf_error *err)
{
	unsigned tries = 0;
	int r;

	do
		r = count_once(s, query, ret_count, err);
	while (r != HF_OK && (service_drop_read_time(s, r) || (r == HF_ECORRUPT && ++tries < TRIES)));
	/* As the bill has it: one read for a thousand entries of the index. */
	if (r == HF_OK)
		s->documents += (uint64_t)*ret_count / 1000 + 1;
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

#include "config/cron.h"
#include "base/nearest.h"
#include "config/scalar.h"

static int schema_value(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, void *place);

static const char *
kind_name(const struct node *node)
{
	if (node_empty(node))
		return "nothing";
	return node->kind == NODE_MAP ? "a map" : node->kind == NODE_LIST ? "a list" : "text";
}

bool
schema_is_map(const struct schema_reader *reader, const struct node *node, const char *where)
{
	struct problem_word word;

	if (node->kind == NODE_MAP || node_empty(node))
		return true;
	if (node->kind == NODE_TEXT)
		(void)problem_add(reader->list, node->mark, "%s must be a map of \"key: value\", not %s",
		    where, problem_quote(&word, node->text));
	else
		(void)problem_add(reader->list, node->mark,
		    "%s must be a map of \"key: value\", not a list", where);
	return false;
}

bool
schema_is_secret(const char *key)
{
	static const char *const ends[] = {"password", "passphrase", "passwd", "secret", "token",
	    "api_key", "secret_key", "private_key", NULL};
	const char *const *end;
	size_t n = strlen(key), m;

	for (end = ends; *end != NULL; end++) {
		m = strlen(*end);
		if (n >= m && strcmp(key + n - m, *end) == 0 && (n == m || key[n - m - 1] == '_'))
			return true;
	}
	return false;
}

static int
schema_limits(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, int64_t value)
{
	char low[SCALAR_FORMAT_SIZE], high[SCALAR_FORMAT_SIZE];

	if ((field->min == 0 && field->max == 0) || (value >= field->min && value <= field->max))
		return HF_OK;
	if (field->type == SCHEMA_INT)
		return problem_add(reader->list, node->mark, "%s: %s is not between %lld and %lld",
		    field->name, node->text, (long long)field->min, (long long)field->max);
	if (field->type == SCHEMA_SIZE)
		return problem_add(reader->list, node->mark, "%s: %s is not between %s and %s",
		    field->name, node->text, scalar_format_size(field->min, low),
		    scalar_format_size(field->max, high));
	return problem_add(reader->list, node->mark, "%s: %s is not between %s and %s", field->name,
	    node->text, scalar_format_duration(field->min, low),
	    scalar_format_duration(field->max, high));
}

static int
schema_number(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, void *place)
{
	struct hf_error err = HF_ERROR_INIT;
	int64_t value = 0;
	int rc;

	if (field->type == SCHEMA_BOOL)
		rc = scalar_bool(node->text, node->quoted, &value, &err);
	else if (field->type == SCHEMA_INT)
		rc = scalar_int(node->text, &value, &err);
	else if (field->type == SCHEMA_SIZE)
		rc = scalar_size(node->text, &value, &err);
	else
		rc = scalar_duration(node->text, &value, &err);
	if (rc != HF_OK)
		return problem_add(reader->list, node->mark, "%s: %s", field->name, err.msg);
	if (field->type == SCHEMA_BOOL) {
		*(bool *)place = value != 0;
		return HF_OK;
	}
	rc = schema_limits(reader, field, node, value);
	if (rc == HF_OK)
		*(int64_t *)place = value;
	return rc;
}

static int
schema_path(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, const char **place)
{
	struct hf_error err = HF_ERROR_INIT;
	char *path = NULL;
	int rc = scalar_path(node->text, reader->folder, &path, &err);

	if (rc == HF_ENOMEM)
		reader->list->arena->failed = 1;
	if (rc != HF_OK)
		return problem_add(reader->list, node->mark, "%s: %s", field->name, err.msg);
	*place = arena_copy(reader->list->arena, path, strlen(path));
	free(path);
	return *place != NULL ? HF_OK : HF_ENOMEM;
}

static int
schema_check_name(
    const struct schema_reader *reader, const struct schema_field *field, const struct node *node)
{
	struct problem_word word;

	if (scalar_is_name(node->text))
		return HF_OK;
	return problem_add(reader->list, node->mark,
	    "%s: %s is no name (a lower-case letter, then at most 31 of a-z 0-9 _ -)", field->name,
	    node->text[0] != '\0' ? problem_quote(&word, node->text) : "\"\"");
}

static int
schema_text(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, const char **place)
{
	struct hf_error err = HF_ERROR_INIT;
	struct cron cron;
	int rc = HF_OK;

	if (field->type == SCHEMA_NAME)
		rc = schema_check_name(reader, field, node);
	else if (field->type == SCHEMA_CRON && cron_parse(node->text, &cron, &err) != HF_OK)
		rc = problem_add(reader->list, node->mark, "%s: %s", field->name, err.msg);
	else if (node->text[0] == '\0')
		rc = problem_add(reader->list, node->mark, "%s: the value is missing", field->name);
	if (rc == HF_OK)
		*place = node->text;
	return rc;
}

/* The index of the word in the field's words, or -1 and a problem. */
static int
schema_word(
    const struct schema_reader *reader, const struct schema_field *field, const struct node *node)
{
	struct problem_word word;
	struct nearest_hint hint;
	char known[128] = "";
	size_t i, used = 0;

	for (i = 0; field->words[i] != NULL; i++) {
		if (strcmp(field->words[i], node->text) == 0)
			return (int)i;
	}
	for (i = 0; field->words[i] != NULL && used < sizeof(known); i++)
		used += (size_t)snprintf(
		    known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "", field->words[i]);
	(void)problem_add(reader->list, node->mark, "%s: %s is not one of %s%s", field->name,
	    node->text[0] != '\0' ? problem_quote(&word, node->text) : "nothing", known,
	    nearest_hint(&hint, nearest_in(node->text, field->words)));
	return -1;
}

/* True if every item of the list is text; a problem for each that is not. */
static bool
schema_is_list(
    const struct schema_reader *reader, const struct schema_field *field, const struct node *node)
{
	const struct node *item;
	bool good = true;

	if (node->kind != NODE_LIST) {
		(void)problem_add(reader->list, node->mark,
		    "%s must be a list, such as [%s], not %s", field->name,
		    field->words != NULL ? field->words[0] : "family, people", kind_name(node));
		return false;
	}
	if (node->count == 0) {
		(void)problem_add(reader->list, node->mark,
		    "%s: an empty list; leave the key out for all of them", field->name);
		return false;
	}
	for (item = node->first; item != NULL; item = item->next) {
		if (item->kind == NODE_TEXT)
			continue;
		(void)problem_add(reader->list, item->mark, "%s: %s is no item of this list",
		    field->name, kind_name(item));
		good = false;
	}
	return good;
}

static int
schema_twice(
    const struct schema_reader *reader, const struct schema_field *field, const struct node *item)
{
	return problem_add(
	    reader->list, item->mark, "%s: %s is in the list twice", field->name, item->text);
}

static int
schema_set(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, unsigned *place)
{
	const struct node *item;
	unsigned set = 0;
	int index;

	if (!schema_is_list(reader, field, node))
		return HF_EINVAL;
	for (item = node->first; item != NULL; item = item->next) {
		index = schema_word(reader, field, item);
		if (index >= 0 && (set >> index & 1) != 0)
			(void)schema_twice(reader, field, item);
		else if (index >= 0)
			set |= 1u << index;
	}
	*place = set;
	return HF_OK;
}

static int
schema_name_list(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, struct schema_names *place)
{
	struct schema_name *names;
	const struct node *item;
	size_t i, n = 0;

	if (!schema_is_list(reader, field, node))
		return HF_EINVAL;
	if (node->count > NODE_MAX_KEYS)
		return problem_add(
		    reader->list, node->mark, "%s: more than %u names", field->name, NODE_MAX_KEYS);
	names = arena_alloc(reader->list->arena, node->count * sizeof(*names));
	if (names == NULL)
		return HF_ENOMEM;
	for (item = node->first; item != NULL; item = item->next) {
		if (schema_check_name(reader, field, item) != HF_OK)
			continue;
		for (i = 0; i < n && strcmp(names[i].text, item->text) != 0; i++)
			;
		if (i < n) {
			(void)schema_twice(reader, field, item);
			continue;
		}
		names[n].text = item->text;
		names[n++].mark = item->mark;
	}
	place->items = names;
	place->count = n;
	return HF_OK;
}

static int
schema_map(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, void *place)
{
	if (!schema_is_map(reader, node, field->name))
		return HF_EINVAL;
	schema_read(reader, node, field->name, field->fields, place, (field->flags & SCHEMA_OPEN) == 0 ? NULL :
	    (struct config_options *)(void *)((char *)place + field->others));
	return HF_OK;
}

static int
schema_value(const struct schema_reader *reader, const struct schema_field *field,
    const struct node *node, void *place)
{
	int index;

	if (field->type == SCHEMA_SKIP)
		return HF_OK;
	if (field->type == SCHEMA_MAP)
		return schema_map(reader, field, node, place);
	if (field->type == SCHEMA_SET)
		return schema_set(reader, field, node, place);
	if (field->type == SCHEMA_NAMES)
		return schema_name_list(reader, field, node, place);
	if (node->kind != NODE_TEXT)
		return problem_add(reader->list, node->mark, "%s must be one value, not %s", field->name,
		    kind_name(node));
	if (node_empty(node))
		return problem_add(
		    reader->list, node->mark, "%s: the value is missing", field->name);
	switch (field->type) {
	case SCHEMA_PATH:
		return schema_path(reader, field, node, place);
	case SCHEMA_ENUM:
		index = schema_word(reader, field, node);
		if (index < 0)
			return HF_EINVAL;
		*(int *)place = index;
		return HF_OK;
	case SCHEMA_STRING:
	case SCHEMA_NAME:
	case SCHEMA_CRON:
		return schema_text(reader, field, node, place);
	default:
		return schema_number(reader, field, node, place);
	}
}

/* Sets the defaults of one map: they are written in the table as they would be in the file. */
static void
schema_defaults(
    const struct schema_reader *reader, const struct schema_field *fields, char *target)
{
	struct node node = {.kind = NODE_TEXT};
	const struct schema_field *field;
	size_t i;

	for (field = fields; field->name != NULL; field++) {
		if (field->type == SCHEMA_MAP)
			schema_defaults(reader, field->fields, target + field->offset);
		if (field->type == SCHEMA_SET)
			for (i = 0; field->words[i] != NULL; i++)
				*(unsigned *)(void *)(target + field->offset) |= 1u << i;
		if (field->default_value == NULL)
			continue;
		node.text = field->default_value;
		(void)schema_value(reader, field, &node, target + field->offset);
	}
}

static const struct schema_field *
schema_find(const struct schema_field *fields, const char *name)
{
	for (; fields->name != NULL; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	return NULL;
}

static void
schema_unknown(const struct schema_reader *reader, const struct node *node, const char *where,
    const struct schema_field *fields)
{
	struct nearest nearest = NEAREST_INIT(node->key);
	struct nearest_hint hint;
	struct problem_word word;

	for (; fields->name != NULL; fields++)
		nearest_offer(&nearest, fields->name);
	(void)problem_add(reader->list, node->key_mark, "%s: unknown key %s%s", where,
	    problem_quote(&word, node->key), nearest_hint(&hint, nearest.best));
}

/* "https://user:password@host" would put a secret into the file, and into every message about it. */
static bool
text_has_userinfo(const char *text)
{
	const char *authority = strstr(text, "://");
	size_t n;

	if (authority == NULL)
		return false;
	authority += 3;
	n = strcspn(authority, "/?#@");
	return authority[n] == '@' && memchr(authority, ':', n) != NULL;
}

/* What the keys of one map are kept in. */
struct keeping {
	const struct schema_reader *reader;
	struct config_option *options;
	size_t count;
};

static size_t
schema_count(const struct node *map)
{
	const struct node *node;
	size_t count = 0;

	for (node = map->first; node != NULL; node = node->next)
		count += node->kind == NODE_MAP ? schema_count(node) : 1;
	return count;
}

/* One value; the sentence about what is wrong with it. */
static const char *
schema_wrong_value(const struct node *node)
{
	if (node_empty(node))
		return "the value is missing";
	if (text_has_userinfo(node->text))
		return "an address with a password in it; no secret belongs into this file";
	return NULL;
}

static bool
schema_keep_list(const struct schema_reader *reader, const struct node *node, const char *key,
    struct config_option *option)
{
	struct config_item *items = arena_alloc(reader->list->arena, (node->count + 1) * sizeof(*items));
	const struct node *item;
	const char *wrong;
	bool good = items != NULL;

	for (item = node->first; items != NULL && item != NULL; item = item->next) {
		wrong = item->kind != NODE_TEXT ? NULL : schema_wrong_value(item);
		if (wrong == NULL && item->kind == NODE_TEXT && strchr(item->text, '\n') != NULL)
			wrong = "an item of more than one line";
		if (item->kind != NODE_TEXT)
			(void)problem_add(reader->list, item->mark, "%s: %s is no item of a list of values", key,
			    kind_name(item));
		else if (wrong != NULL)
			(void)problem_add(reader->list, item->mark, "%s: %s", key, wrong);
		else
			items[option->count++] = (struct config_item){item->text, item->mark};
		good = good && item->kind == NODE_TEXT && wrong == NULL;
	}
	option->items = items;
	return good;
}

/* name: of the key with the maps that it is in. */
static void
schema_keep_value(struct keeping *keeping, const struct node *node, const char *name, const char *key)
{
	struct config_option *option = &keeping->options[keeping->count];
	const char *wrong = node->kind == NODE_TEXT ? schema_wrong_value(node) : NULL;

	if (wrong != NULL) {
		(void)problem_add(keeping->reader->list, node->mark, "%s: %s", key, wrong);
		return;
	}
	*option = (struct config_option){name, node->kind == NODE_TEXT ? node->text : "", node->quoted,
	    node->mark.line, node->mark.column, node->key_mark.line, node->key_mark.column, NULL, 0, NULL};
	if (node->kind == NODE_TEXT || schema_keep_list(keeping->reader, node, key, option))
		keeping->count++;
}

static void schema_keep(struct keeping *keeping, const struct node *node, const char *outer);

static void
schema_keep_map(struct keeping *keeping, const struct node *map, const char *name)
{
	const struct node *node;
	struct problem_word word;

	if (map->first == NULL)
		(void)problem_add(keeping->reader->list, map->mark, "%s: an empty map; leave the key out",
		    problem_quote(&word, name));
	for (node = map->first; node != NULL; node = node->next)
		schema_keep(keeping, node, name);
}

/* outer: the names of the maps around, or NULL. */
static void
schema_keep(struct keeping *keeping, const struct node *node, const char *outer)
{
	struct problem_list *list = keeping->reader->list;
	struct problem_word word;
	const char *name = node->key, *key;

	if (outer != NULL)
		name = arena_printf(list->arena, "%s.%s", outer, node->key);
	if (name == NULL)
		return;
	key = problem_quote(&word, name);
	if (strlen(name) > CONFIG_OPTION_NAME_MAX)
		(void)problem_add(list, node->key_mark, "%s: longer than the name of any option", key);
	else if (strchr(node->key, '.') != NULL)
		(void)problem_add(list, node->key_mark,
		    "%s: no key has a dot in it; what is inside of a map is written as a map", key);
	else if (schema_is_secret(node->key))
		(void)problem_add(list, node->key_mark,
		    "%s: no secret belongs into this file; write %s_file (a file only you can read) or "
		    "%s_command",
		    key, key, key);
	else if (node->kind == NODE_MAP)
		schema_keep_map(keeping, node, name);
	else
		schema_keep_value(keeping, node, name, key);
}

/* A required key that is missing was often only mistyped. */
static void
schema_missing(const struct schema_reader *reader, const struct node *map, const char *where,
    const struct schema_field *fields, const struct schema_field *field)
{
	struct nearest nearest = NEAREST_INIT(field->name);
	const struct node *node;
	const char *found;

	for (node = map->first; node != NULL; node = node->next) {
		if (schema_find(fields, node->key) == NULL)
			nearest_offer(&nearest, node->key);
	}
	found = nearest.best;
	if (found != NULL)
		(void)problem_add(reader->list, node_get(map, found)->key_mark,
		    "%s: %s is missing; did you mean it with %s?", where, field->name, found);
	else
		(void)problem_add(reader->list, map->key != NULL ? map->key_mark : map->mark,
		    "%s: %s is missing", where, field->name);
}

void
schema_read(const struct schema_reader *reader, const struct node *map, const char *where,
    const struct schema_field *fields, void *target, struct config_options *rest)
{
	struct keeping keeping = {reader, NULL, 0};
	const struct schema_field *field;
	const struct node *node;
	bool good;

	schema_defaults(reader, fields, target);
	if (rest != NULL) {
		keeping.options = arena_alloc(reader->list->arena, (schema_count(map) + 1) * sizeof(*keeping.options));
		if (keeping.options == NULL)
			return;
	}
	for (node = map->first; node != NULL; node = node->next) {
		field = schema_find(fields, node->key);
		good = field == NULL || schema_value(reader, field, node, (char *)target + field->offset) == HF_OK;
		if (field == NULL && rest == NULL)
			schema_unknown(reader, node, where, fields);
		else if (field == NULL || (good && rest != NULL && (field->flags & SCHEMA_KEEP) != 0))
			schema_keep(&keeping, node, NULL);
	}
	for (field = fields; field->name != NULL; field++) {
		if ((field->flags & SCHEMA_REQUIRED) != 0 && node_get(map, field->name) == NULL)
			schema_missing(reader, map, where, fields, field);
	}
	if (rest != NULL)
		*rest = (struct config_options){keeping.options, keeping.count};
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/node.h"

#include <string.h>
#include <yaml.h>

/* The maps and lists that are open at one event, outermost first. */
struct node_reader {
	struct problem_list *list;
	const unsigned char *data;
	size_t size;
	struct node *open[NODE_MAX_DEPTH];
	unsigned depth;
	struct node *root;
	struct node *key; /* the key whose value comes next */
	unsigned documents;
};

static struct mark
mark_from_yaml(yaml_mark_t mark)
{
	struct mark ret = {(unsigned)mark.line + 1, (unsigned)mark.column + 1};

	return ret;
}

/* The reader of libyaml knows only bytes. */
static struct mark
mark_from_offset(const struct node_reader *reader, size_t offset)
{
	struct mark mark = {1, 1};
	size_t i;

	for (i = 0; i < offset && i < reader->size; i++) {
		if (reader->data[i] == '\n') {
			mark.line++;
			mark.column = 1;
		} else if ((reader->data[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static bool
node_at_tab(const struct node_reader *reader, yaml_mark_t mark)
{
	size_t i, line = 0;

	for (i = 0; i < reader->size && line < mark.line; i++)
		line += reader->data[i] == '\n';
	/* Only white space can stand before it, so that a character is a byte. */
	return i + mark.column < reader->size && reader->data[i + mark.column] == '\t';
}

/* Where a broken character starts; libyaml points at the byte that breaks it. */
static size_t
node_character_start(const struct node_reader *reader, const yaml_parser_t *parser)
{
	size_t offset = parser->problem_offset;

	if (parser->problem == NULL || strstr(parser->problem, "trailing") == NULL ||
	    offset > reader->size)
		return offset;
	while (offset > 0 && (reader->data[offset - 1] & 0xc0) == 0x80)
		offset--;
	return offset > 0 ? offset - 1 : 0;
}

static int
node_syntax_error(struct node_reader *reader, const yaml_parser_t *parser)
{
	struct mark mark = mark_from_yaml(parser->problem_mark);
	const char *problem = parser->problem != NULL ? parser->problem : "cannot be parsed";

	if (parser->error == YAML_MEMORY_ERROR) {
		reader->list->arena->failed = 1;
		return HF_ENOMEM;
	}
	if (parser->error == YAML_READER_ERROR) {
		mark = mark_from_offset(reader, node_character_start(reader, parser));
		if (strstr(problem, "control characters") != NULL)
			return problem_add(reader->list, mark,
			    "a control character; the file must be plain UTF-8 text");
		return problem_add(reader->list, mark, "not UTF-8 (%s)", problem);
	}
	if (node_at_tab(reader, parser->problem_mark))
		return problem_add(reader->list, mark, "a tab; YAML is indented with spaces");
	if (parser->context != NULL)
		return problem_add(reader->list, mark, "not YAML: %s, %s (from line %zu)", problem,
		    parser->context, parser->context_mark.line + 1);
	return problem_add(reader->list, mark, "not YAML: %s", problem);
}

/* A key that is there twice is told, and reading goes on to find more mistakes. */
static int
node_check_key(struct node_reader *reader, const struct node *map, const struct node *key)
{
	struct problem_word word;
	const struct node *other;

	if (map->count >= NODE_MAX_KEYS)
		return problem_add(
		    reader->list, key->mark, "more than %u keys in one map", NODE_MAX_KEYS);
	for (other = map->first; other != NULL; other = other->next) {
		if (strcmp(other->key, key->text) != 0)
			continue;
		(void)problem_add(reader->list, key->mark,
		    "%s is already given in line %u; remove one of the two",
		    problem_quote(&word, key->text), other->key_mark.line);
		break;
	}
	return HF_OK;
}

/* Hangs a value where the file has it: below the innermost open node, after its key. */
static int
node_attach(struct node_reader *reader, struct node *node)
{
	struct node *parent = reader->depth > 0 ? reader->open[reader->depth - 1] : NULL;

	if (parent == NULL) {
		reader->root = node;
		return HF_OK;
	}
	if (parent->kind == NODE_MAP && reader->key == NULL) {
		if (node->kind != NODE_TEXT)
			return problem_add(reader->list, node->mark, "a key must be text");
		reader->key = node;
		return node_check_key(reader, parent, node);
	}
	if (parent->kind == NODE_MAP) {
		node->key = reader->key->text;
		node->key_mark = reader->key->mark;
		reader->key = NULL;
	}
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->count++;
	return HF_OK;
}

static struct node *
node_new(struct node_reader *reader, enum node_kind kind, yaml_mark_t mark)
{
	struct node *node = arena_alloc(reader->list->arena, sizeof(*node));

	if (node != NULL) {
		node->kind = kind;
		node->mark = mark_from_yaml(mark);
	}
	return node;
}

static void
node_refuse_extras(
    struct node_reader *reader, struct mark mark, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct problem_word word;

	if (anchor != NULL)
		(void)problem_add(reader->list, mark,
		    "the anchor &%s; anchors and aliases are not allowed here, write the value out",
		    problem_quote(&word, (const char *)anchor));
	if (tag != NULL)
		(void)problem_add(reader->list, mark, "the tag %s; tags are not allowed here",
		    problem_quote(&word, (const char *)tag));
}

/* U+0000 to U+001F but \t and \n, U+007F, and U+0080 to U+009F: no use but to play with a terminal. */
static bool
text_has_control(const unsigned char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if ((text[i] < 0x20 && text[i] != '\t' && text[i] != '\n') || text[i] == 0x7f)
			return true;
		if (text[i] == 0xc2 && i + 1 < size && text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static int
node_on_text(struct node_reader *reader, const yaml_event_t *event)
{
	struct node *node = node_new(reader, NODE_TEXT, event->start_mark);
	const unsigned char *value = event->data.scalar.value;
	size_t size = event->data.scalar.length;

	if (node == NULL)
		return HF_ENOMEM;
	node->text = arena_copy(reader->list->arena, (const char *)value, size);
	if (node->text == NULL)
		return HF_ENOMEM;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node_refuse_extras(reader, node->mark, event->data.scalar.anchor, event->data.scalar.tag);
	if (text_has_control(value, size))
		(void)problem_add(reader->list, node->mark, "a control character in a value");
	return node_attach(reader, node);
}

static int
node_on_open(struct node_reader *reader, const yaml_event_t *event, enum node_kind kind)
{
	struct node *node;
	int rc;

	if (reader->depth == NODE_MAX_DEPTH)
		return problem_add(reader->list, mark_from_yaml(event->start_mark),
		    "nested more than %u levels deep", NODE_MAX_DEPTH);
	node = node_new(reader, kind, event->start_mark);
	if (node == NULL)
		return HF_ENOMEM;
	if (kind == NODE_MAP)
		node_refuse_extras(reader, node->mark, event->data.mapping_start.anchor,
		    event->data.mapping_start.tag);
	else
		node_refuse_extras(reader, node->mark, event->data.sequence_start.anchor,
		    event->data.sequence_start.tag);
	rc = node_attach(reader, node);
	if (rc == HF_OK)
		reader->open[reader->depth++] = node;
	return rc;
}

static int
node_on_alias(struct node_reader *reader, const yaml_event_t *event)
{
	struct problem_word word;
	struct node *node = node_new(reader, NODE_TEXT, event->start_mark);

	if (node == NULL)
		return HF_ENOMEM;
	node->text = "";
	(void)problem_add(reader->list, node->mark,
	    "the alias *%s; anchors and aliases are not allowed here, write the value out",
	    problem_quote(&word, (const char *)event->data.alias.anchor));
	return node_attach(reader, node);
}

static int
node_on_event(struct node_reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reader->documents++ > 0)
			return problem_add(reader->list, mark_from_yaml(event->start_mark),
			    "a second document; the file must hold one");
		return HF_OK;
	case YAML_SCALAR_EVENT:
		return node_on_text(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return node_on_open(reader, event, NODE_LIST);
	case YAML_MAPPING_START_EVENT:
		return node_on_open(reader, event, NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		return HF_OK;
	case YAML_ALIAS_EVENT:
		return node_on_alias(reader, event);
	default:
		return HF_OK;
	}
}

static int
node_read_events(struct node_reader *reader, yaml_parser_t *parser)
{
	yaml_event_t event;
	bool end = false;
	int rc = HF_OK;

	while (rc == HF_OK && !end) {
		if (!yaml_parser_parse(parser, &event))
			return node_syntax_error(reader, parser);
		end = event.type == YAML_STREAM_END_EVENT;
		rc = node_on_event(reader, &event);
		yaml_event_delete(&event);
	}
	return rc;
}

int
node_parse(const void *data, size_t size, struct problem_list *list, struct node **ret)
{
	struct node_reader reader = {.list = list};
	struct mark start = {1, 1};
	yaml_parser_t parser;
	int rc;

	if (size > NODE_MAX_FILE)
		return problem_add(
		    list, start, "more than %u KiB is no configuration", NODE_MAX_FILE >> 10);
	if (!yaml_parser_initialize(&parser)) {
		list->arena->failed = 1;
		return HF_ENOMEM;
	}
	/* A byte order mark would count as a column, and so as indentation. */
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data = (const char *)data + 3;
		size -= 3;
	}
	reader.data = data;
	reader.size = size;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	/* libyaml takes no NULL, which an empty file may be. */
	yaml_parser_set_input_string(&parser, size == 0 ? (const unsigned char *)"" : data, size);
	rc = node_read_events(&reader, &parser);
	yaml_parser_delete(&parser);
	if (rc == HF_OK && list->first != NULL)
		rc = HF_EINVAL;
	if (rc == HF_OK && (reader.root == NULL || node_empty(reader.root)))
		rc = problem_add(list, start, "the file is empty; holdfast.yaml(5) shows an example");
	if (rc == HF_OK)
		*ret = reader.root;
	return rc;
}

struct node *
node_get(const struct node *map, const char *key)
{
	struct node *node;

	for (node = map->first; node != NULL; node = node->next) {
		if (node->key != NULL && strcmp(node->key, key) == 0)
			return node;
	}
	return NULL;
}

bool
node_empty(const struct node *node)
{
	return node->kind == NODE_TEXT && !node->quoted && node->text[0] == '\0';
}

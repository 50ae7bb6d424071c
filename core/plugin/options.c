/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "config/scalar.h"

#define LIST_MAX ((size_t)1 << 20) /* bytes of a list, paths made absolute */

static const char *const secret_endings[2] = {"_file", "_command"};

const char *
options_type_name(uint32_t type)
{
	switch (type) {
	case HF_OPTION_STRING:
		return "string";
	case HF_OPTION_BOOL:
		return "bool";
	case HF_OPTION_INT:
		return "int";
	case HF_OPTION_SIZE:
		return "size";
	case HF_OPTION_DURATION:
		return "duration";
	case HF_OPTION_PATH:
		return "path";
	default:
		return "?";
	}
}

const char *
options_format(uint32_t type, int64_t number, char out[OPTIONS_FORMAT_SIZE])
{
	_Static_assert(OPTIONS_FORMAT_SIZE >= SCALAR_FORMAT_SIZE, "room for every spelling");

	if (type == HF_OPTION_SIZE)
		return scalar_format_size(number, out);
	if (type == HF_OPTION_DURATION)
		return scalar_format_duration(number, out);
	(void)snprintf(out, OPTIONS_FORMAT_SIZE, "%" PRId64, number);
	return out;
}

void
options_offer(struct nearest *nearest, const struct hf_option *table, struct options_names *names)
{
	size_t secrets = 0, room = sizeof(names->secrets) / sizeof(names->secrets[0]);
	const struct hf_option *option;
	int way;

	for (option = table; option != NULL && option->name != NULL; option++) {
		if (!(option->flags & HF_OPTION_SECRET)) {
			nearest_offer(nearest, option->name);
			continue;
		}
		for (way = 0; way < 2 && secrets < room; way++) {
			(void)snprintf(names->secrets[secrets][way], sizeof(names->secrets[0][0]),
			    "%s%s", option->name, secret_endings[way]);
			nearest_offer(nearest, names->secrets[secrets][way]);
		}
		secrets++;
	}
}

/* Where it stands, and in what. */
struct spot {
	const char *file;
	const char *folder;
	const char *where; /* "account work", or "" */
	struct mark mark;
};

/* Puts the place in front of a sentence; always HF_EINVAL. */
HF_PRINTF(4, 5)
static int
wrong(
    const struct spot *place, struct mark mark, struct hf_error *err, const char *fmt, ...)
{
	struct hf_error sentence = HF_ERROR_INIT;
	va_list ap;

	va_start(ap, fmt);
	(void)hf_error_vset(&sentence, HF_EINVAL, 0, fmt, ap);
	va_end(ap);
	if (place->file == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s%s%s", place->where, place->where[0] != '\0' ? ": " : "",
		    sentence.msg);
	return hf_error_set(err, HF_EINVAL, 0, "%s:%u:%u: %s%s%s", place->file, mark.line, mark.column, place->where,
	    place->where[0] != '\0' ? ": " : "", sentence.msg);
}

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

/* Reads one value as its type has it; *ret_string is there for STRING and PATH. */
static int
read_value(const struct hf_option *option, const char *text, bool quoted, const char *folder,
    int64_t *ret_number, char **ret_string, struct hf_error *err)
{
	switch (option->type) {
	case HF_OPTION_BOOL:
		return scalar_bool(text, quoted, ret_number, err);
	case HF_OPTION_INT:
		return scalar_int(text, ret_number, err);
	case HF_OPTION_SIZE:
		return scalar_size(text, ret_number, err);
	case HF_OPTION_DURATION:
		return scalar_duration(text, ret_number, err);
	case HF_OPTION_PATH:
		return scalar_path(text, folder, ret_string, err);
	case HF_OPTION_STRING:
		*ret_string = strdup(text);
		return *ret_string != NULL ? HF_OK : no_memory(err);
	default:
		return hf_error_set(err, HF_EINVAL, 0,
		    "of type %u, which this holdfast does not know", option->type);
	}
}

static int
check_range(const struct hf_option *option, const char *text, int64_t number, struct hf_error *err)
{
	char min[OPTIONS_FORMAT_SIZE], max[OPTIONS_FORMAT_SIZE];

	if (option->type != HF_OPTION_INT && option->type != HF_OPTION_SIZE &&
	    option->type != HF_OPTION_DURATION)
		return HF_OK;
	if ((option->min == 0 && option->max == 0) ||
	    (number >= option->min && number <= option->max))
		return HF_OK;
	return hf_error_set(err, HF_EINVAL, 0, "%s is out of range; from %s to %s is allowed", text,
	    options_format(option->type, option->min, min),
	    options_format(option->type, option->max, max));
}

/* Takes one value that is not a secret into place at; the error is a sentence to put behind "NAME: ". */
static int
take_value(const struct hf_option *option, const char *text, bool quoted, const char *folder,
    struct options *options, uint32_t at, struct hf_error *err)
{
	struct hf_value *value = &options->values[at];
	int rc;

	rc = read_value(option, text, quoted, folder, &value->number, &options->strings[at], err);
	if (rc == HF_OK)
		rc = check_range(option, text, value->number, err);
	if (rc != HF_OK)
		return rc;
	value->text = options->strings[at];
	value->set = 1;
	return HF_OK;
}

/* Adds one item to a list's text. */
static int
take_item(const struct hf_option *option, const char *text, const char *folder, struct buffer *list,
    struct hf_error *err)
{
	char *string = NULL;
	int64_t number;
	int rc;

	rc = read_value(option, text, false, folder, &number, &string, err);
	if (rc != HF_OK)
		return rc;
	/* A path may have got one from the folder that it starts in. */
	if (strchr(string, '\n') != NULL) {
		free(string);
		return hf_error_set(err, HF_EINVAL, 0, "an item of more than one line");
	}
	buffer_append_string(list, string);
	buffer_append_byte(list, '\n');
	free(string);
	return HF_OK;
}

/* The same as take_value for a list; ret_mark: of the item that is wrong.  One value is a list of one. */
static int
take_list(const struct hf_option *option, const struct config_option *given, const char *folder,
    struct options *options, uint32_t at, struct mark *ret_mark, struct hf_error *err)
{
	struct buffer list = BUFFER_INIT(LIST_MAX);
	struct hf_value *value = &options->values[at];
	size_t i;
	int rc = HF_OK;

	for (i = 0; rc == HF_OK && i < given->count; i++) {
		*ret_mark = given->items[i].mark;
		rc = take_item(option, given->items[i].text, folder, &list, err);
	}
	if (given->items == NULL)
		rc = take_item(option, given->text, folder, &list, err);
	if (rc == HF_OK && (options->strings[at] = strdup(buffer_string(&list) != NULL ? buffer_string(&list) : "")) ==
	    NULL)
		rc = no_memory(err);
	if (rc == HF_OK && list.failed != HF_OK)
		rc = buffer_status(&list, "the list", err);
	buffer_release(&list);
	if (rc != HF_OK)
		return rc;
	value->text = options->strings[at];
	value->number = given->items != NULL ? (int64_t)given->count : 1;
	value->set = 1;
	return HF_OK;
}

/* The same for a secret's file (way 0) or command (way 1). */
static int
take_secret(const char *text, int way, const char *folder, struct options *options, uint32_t at,
    struct hf_error *err)
{
	int rc;

	if (text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "is empty");
	if (way == 0) {
		if ((rc = scalar_path(text, folder, &options->strings[at], err)) != HF_OK)
			return rc;
		options->secrets[at].file = options->strings[at];
	} else {
		if ((options->strings[at] = strdup(text)) == NULL)
			return no_memory(err);
		options->secrets[at].command = options->strings[at];
	}
	options->values[at].set = 1;
	return HF_OK;
}

/* The option that a name is given for; *ret_way tells how, for secrets, and is -1 for others. */
static const struct hf_option *
find(const struct hf_option *table, const char *name, int *ret_way)
{
	const struct hf_option *option;
	size_t size;
	int way;

	*ret_way = -1;
	for (option = table; option != NULL && option->name != NULL; option++) {
		if (strcmp(option->name, name) == 0)
			return option;
	}
	for (option = table; option != NULL && option->name != NULL; option++) {
		size = strlen(option->name);
		if (!(option->flags & HF_OPTION_SECRET) || strncmp(option->name, name, size) != 0)
			continue;
		for (way = 0; way < 2; way++) {
			if (strcmp(name + size, secret_endings[way]) == 0) {
				*ret_way = way;
				return option;
			}
		}
	}
	return NULL;
}

bool
options_know(const struct hf_option *table, const char *name)
{
	int way;

	return find(table, name, &way) != NULL;
}

/* Whether name is in the map outer. */
static bool
is_inside(const char *name, const char *outer)
{
	size_t size = strlen(outer);

	return strncmp(name, outer, size) == 0 && name[size] == '.';
}

static int
unknown(const struct hf_option *table, const struct spot *place,
    const struct config_option *given, struct mark mark, struct hf_error *err)
{
	struct nearest nearest = NEAREST_INIT(given->name);
	struct options_names names;
	struct nearest_hint hint;
	struct problem_word word;
	const struct hf_option *option;

	for (option = table; option != NULL && option->name != NULL; option++) {
		if (is_inside(option->name, given->name))
			return wrong(place, mark, err, "%s is a map, with keys such as %s", given->name,
			    option->name + strlen(given->name) + 1);
		if (is_inside(given->name, option->name))
			return wrong(place, mark, err, "%s is no map", option->name);
	}
	options_offer(&nearest, table, &names);
	return wrong(place, mark, err, "unknown option %s%s", problem_quote(&word, given->name),
	    nearest_hint(&hint, nearest.best));
}

/* The value itself, after its name was found; the error is a sentence to put behind "NAME: ". */
static int
take_given(const struct hf_option *option, const struct config_option *given, int way, const char *folder,
    struct options *options, uint32_t at, struct mark *ret_mark, struct hf_error *err)
{
	if ((option->flags & HF_OPTION_LIST) != 0)
		return take_list(option, given, folder, options, at, ret_mark, err);
	if (given->items != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "it is one value, not a list");
	if (way >= 0)
		return take_secret(given->text, way, folder, options, at, err);
	return take_value(option, given->text, given->quoted, folder, options, at, err);
}

static int
take(const struct hf_option *table, const struct spot *of, const struct config_option *given, struct options *options,
    struct hf_error *err)
{
	struct mark name_mark = {given->name_line, given->name_column};
	struct mark mark = {given->line, given->column};
	const struct spot here = {given->file != NULL ? given->file : of->file, of->folder, of->where, of->mark};
	const struct spot *place = &here;
	struct hf_error why = HF_ERROR_INIT;
	const struct hf_option *option;
	uint32_t at;
	int way, rc;

	option = find(table, given->name, &way);
	if (option == NULL)
		return unknown(table, place, given, name_mark, err);
	/* The value stays out of the message: it may be the secret. */
	if ((option->flags & HF_OPTION_SECRET) && way < 0)
		return wrong(place, name_mark, err,
		    "%s: a secret does not belong into the configuration; write %s_file or "
		    "%s_command",
		    option->name, option->name, option->name);
	at = (uint32_t)(option - table);
	if (options->values[at].set && way >= 0)
		return wrong(place, name_mark, err,
		    "%s: the secret is given twice; keep one of %s_file and %s_command",
		    given->name, option->name, option->name);
	if (options->values[at].set)
		return wrong(place, name_mark, err, "%s: is given twice", given->name);
	rc = take_given(option, given, way, place->folder, options, at, &mark, &why);
	if (rc == HF_ENOMEM)
		return no_memory(err);
	if (rc != HF_OK)
		return wrong(place, mark, err, "%s: %s", given->name, why.msg);
	return HF_OK;
}

/* The default as if it were given. */
static int
take_default(const struct hf_option *option, const char *folder, struct options *options, uint32_t at,
    struct hf_error *err)
{
	const struct config_option given = {option->name, option->default_value, false, 0, 0, 0, 0, NULL, 0, NULL};
	struct mark mark;

	return take_given(option, &given, -1, folder, options, at, &mark, err);
}

/* Takes the default, or says what is required and not there. */
static int
complete(const struct hf_option *option, const struct spot *place, struct options *options,
    uint32_t at, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	const char *help = option->help != NULL ? option->help : options_type_name(option->type);
	int rc;

	if (options->values[at].set)
		return HF_OK;
	if (option->default_value != NULL && !(option->flags & HF_OPTION_SECRET)) {
		rc = take_default(option, place->folder, options, at, &why);
		if (rc == HF_ENOMEM)
			return no_memory(err);
		/* Not the user's fault, and nothing the user can put right but by giving a value. */
		if (rc != HF_OK)
			return wrong(place, place->mark, err,
			    "%s: the plugin's own default is wrong: %s", option->name, why.msg);
		return HF_OK;
	}
	if (!(option->flags & HF_OPTION_REQUIRED))
		return HF_OK;
	if (option->flags & HF_OPTION_SECRET)
		return wrong(place, place->mark, err, "%s_file or %s_command is missing (%s)",
		    option->name, option->name, help);
	return wrong(place, place->mark, err, "%s is missing (%s)", option->name, help);
}

int
options_parse(const struct hf_option *table, const struct options_place *place,
    const struct config_options *given, struct options **ret_options, struct hf_error *err)
{
	return options_parse_in("", table, place, given, ret_options, err);
}

int
options_parse_in(const char *where, const struct hf_option *table, const struct options_place *place,
    const struct config_options *given, struct options **ret_options, struct hf_error *err)
{
	const struct spot spot = {place->file, place->folder, where, place->mark};
	struct options *options;
	uint32_t n = 0, at;
	size_t i;
	int rc;

	while (table != NULL && table[n].name != NULL)
		n++;
	if ((options = calloc(1, sizeof(*options))) == NULL ||
	    (options->values = calloc(n + 1, sizeof(*options->values))) == NULL ||
	    (options->secrets = calloc(n + 1, sizeof(*options->secrets))) == NULL ||
	    (options->strings = calloc(n + 1, sizeof(*options->strings))) == NULL) {
		rc = no_memory(err);
		goto fail;
	}
	options->count = n;
	for (at = 0; at < n; at++)
		options->values[at].type = table[at].type;
	for (i = 0; given != NULL && i < given->count; i++) {
		if ((rc = take(table, &spot, &given->items[i], options, err)) != HF_OK)
			goto fail;
	}
	for (at = 0; at < n; at++) {
		if ((rc = complete(&table[at], &spot, options, at, err)) != HF_OK)
			goto fail;
	}
	*ret_options = options;
	return HF_OK;
fail:
	options_free(options);
	return rc;
}

void
options_free(struct options *options)
{
	uint32_t i;

	if (options == NULL)
		return;
	for (i = 0; options->strings != NULL && i < options->count; i++)
		free(options->strings[i]);
	free(options->values);
	free(options->secrets);
	free(options->strings);
	free(options);
}

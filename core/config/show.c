/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/show.h"

#include <json-c/json.h>
#include <string.h>
#include <yaml.h>

#include "config/scalar.h"

/*
 * Both spellings come from one json-c tree.  A text that stood in quotes is marked by its user
 * data, so that the YAML keeps them.
 */
static char quoted_mark;

/* Takes the value over; true with memory. */
static bool
tree_add(struct json_object *map, const char *key, struct json_object *value)
{
	if (value == NULL)
		return false;
	if (json_object_object_add(map, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool
tree_push(struct json_object *list, struct json_object *value)
{
	if (value == NULL)
		return false;
	if (json_object_array_add(list, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool
tree_text(struct json_object *map, const char *key, const char *text)
{
	return text == NULL || tree_add(map, key, json_object_new_string(text));
}

/* Adds an empty map; NULL without memory. */
static struct json_object *
tree_map(struct json_object *map, const char *key)
{
	struct json_object *child = json_object_new_object();

	return tree_add(map, key, child) ? child : NULL;
}

static struct json_object *
tree_list(struct json_object *map, const char *key)
{
	struct json_object *child = json_object_new_array();

	return tree_add(map, key, child) ? child : NULL;
}

static bool
tree_options(struct json_object *map, const struct config_options *options)
{
	struct json_object *text;
	size_t i;

	for (i = 0; i < options->count; i++) {
		text = json_object_new_string(options->items[i].text);
		if (text != NULL && options->items[i].quoted)
			json_object_set_userdata(text, &quoted_mark, NULL);
		if (!tree_add(map, options->items[i].name, text))
			return false;
	}
	return true;
}

static bool
tree_repository(struct json_object *parent, const struct config_repository *repository)
{
	struct json_object *map = tree_map(parent, repository->name);

	return map != NULL && tree_text(map, "storage", repository->storage) &&
	    tree_text(map, "password_file", repository->password.file) &&
	    tree_text(map, "password_command", repository->password.command) &&
	    tree_options(map, &repository->options);
}

static bool
tree_account(struct json_object *parent, const struct config_account *account)
{
	struct json_object *map = tree_map(parent, account->name);

	return map != NULL && tree_text(map, "source", account->source) &&
	    tree_options(map, &account->options);
}

static bool
tree_plan_lists(struct json_object *map, const struct config_plan *plan)
{
	struct json_object *accounts = NULL, *types;
	size_t i;

	/* A list is never empty: without any account, the key is left out. */
	if (plan->account_count > 0)
		accounts = tree_list(map, "accounts");
	if (plan->account_count > 0 && accounts == NULL)
		return false;
	for (i = 0; i < plan->account_count; i++) {
		if (!tree_push(accounts, json_object_new_string(plan->accounts[i]->name)))
			return false;
	}
	types = tree_list(map, "types");
	if (types == NULL)
		return false;
	for (i = 0; i < CONFIG_TYPES; i++) {
		if ((plan->types >> i & 1) != 0 &&
		    !tree_push(types, json_object_new_string(config_type_name((unsigned)i))))
			return false;
	}
	return true;
}

static bool
tree_gates(struct json_object *parent, const struct config_gates *gates)
{
	struct json_object *map = tree_map(parent, "options");
	char size[SCALAR_FORMAT_SIZE];

	return map != NULL &&
	    tree_add(map, "wifi_only", json_object_new_boolean(gates->wifi_only)) &&
	    tree_add(map, "min_battery_percent", json_object_new_int64(gates->min_battery_percent)) &&
	    tree_add(map, "compress_media", json_object_new_boolean(gates->compress_media)) &&
	    tree_add(map, "media_quality", json_object_new_int64(gates->media_quality)) &&
	    tree_text(map, "max_media_size", scalar_format_size(gates->max_media_size, size)) &&
	    tree_add(map, "incremental_only", json_object_new_boolean(gates->incremental_only));
}

static bool
tree_retry(struct json_object *parent, const struct config_retry *retry)
{
	struct json_object *map = tree_map(parent, "retry");
	const char *backoff = retry->backoff == CONFIG_LINEAR ? "linear" : "exponential";
	char initial[SCALAR_FORMAT_SIZE], maximum[SCALAR_FORMAT_SIZE];

	return map != NULL &&
	    tree_add(map, "max_attempts", json_object_new_int64(retry->max_attempts)) &&
	    tree_text(map, "backoff", backoff) &&
	    tree_text(map, "initial", scalar_format_duration(retry->initial_ns, initial)) &&
	    tree_text(map, "maximum", scalar_format_duration(retry->maximum_ns, maximum));
}

static bool
tree_plan(struct json_object *parent, const struct config_plan *plan)
{
	struct json_object *map = tree_map(parent, plan->name);

	return map != NULL && tree_text(map, "repository", plan->repository->name) &&
	    tree_plan_lists(map, plan) && tree_text(map, "schedule", plan->schedule) &&
	    tree_gates(map, &plan->options) && tree_retry(map, &plan->retry);
}

static bool
tree_fill(struct json_object *root, const struct config *config)
{
	struct json_object *map;
	bool good;
	size_t i;

	map = tree_map(root, "repositories");
	good = map != NULL;
	for (i = 0; good && i < config->repository_count; i++)
		good = tree_repository(map, &config->repositories[i]);
	if (good && config->account_count > 0) {
		map = tree_map(root, "accounts");
		good = map != NULL;
	}
	for (i = 0; good && i < config->account_count; i++)
		good = tree_account(map, &config->accounts[i]);
	if (good) {
		map = tree_map(root, "plans");
		good = map != NULL;
	}
	for (i = 0; good && i < config->plan_count; i++)
		good = tree_plan(map, &config->plans[i]);
	return good;
}

static struct json_object *
tree_new(const struct config *config)
{
	struct json_object *root = json_object_new_object();

	if (root != NULL && tree_fill(root, config))
		return root;
	json_object_put(root);
	return NULL;
}

static int
no_memory(const struct config *config, struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", config->file);
}

int
config_show_json(const struct config *config, struct buffer *out, struct hf_error *err)
{
	struct json_object *root = tree_new(config);
	const char *text = NULL;

	if (root != NULL)
		text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
		    JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL) {
		buffer_append_string(out, text);
		buffer_append_byte(out, '\n');
	}
	json_object_put(root);
	if (text == NULL)
		return no_memory(config, err);
	return buffer_status(out, config->file, err);
}

static bool
emit_text(yaml_emitter_t *emitter, const char *text, bool quoted)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	/* libyaml itself falls back to quotes where plain text would read as something else. */
	if (quoted)
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
	           (int)strlen(text), 1, 1, style) &&
	    yaml_emitter_emit(emitter, &event);
}

static bool emit_tree(yaml_emitter_t *emitter, struct json_object *tree);

static bool
emit_map(yaml_emitter_t *emitter, struct json_object *map)
{
	struct json_object_iterator at = json_object_iter_begin(map);
	struct json_object_iterator end = json_object_iter_end(map);
	yaml_event_t event;

	if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		if (!emit_text(emitter, json_object_iter_peek_name(&at), false) ||
		    !emit_tree(emitter, json_object_iter_peek_value(&at)))
			return false;
	}
	return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool
emit_list(yaml_emitter_t *emitter, struct json_object *list)
{
	size_t i, n = json_object_array_length(list);
	yaml_event_t event;

	if (!yaml_sequence_start_event_initialize(
	        &event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	for (i = 0; i < n; i++) {
		if (!emit_tree(emitter, json_object_array_get_idx(list, i)))
			return false;
	}
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool
emit_tree(yaml_emitter_t *emitter, struct json_object *tree)
{
	if (json_object_is_type(tree, json_type_object))
		return emit_map(emitter, tree);
	if (json_object_is_type(tree, json_type_array))
		return emit_list(emitter, tree);
	return emit_text(emitter, json_object_get_string(tree),
	    json_object_get_userdata(tree) == &quoted_mark);
}

static int
emit_write(void *data, unsigned char *bytes, size_t size)
{
	struct buffer *out = data;

	buffer_append(out, bytes, size);
	return out->failed == HF_OK;
}

static bool
emit_document(yaml_emitter_t *emitter, struct json_object *root)
{
	yaml_event_t event;

	return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	    yaml_emitter_emit(emitter, &event) &&
	    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	    yaml_emitter_emit(emitter, &event) && emit_tree(emitter, root) &&
	    yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
	    yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

int
config_show_yaml(const struct config *config, struct buffer *out, struct hf_error *err)
{
	struct json_object *root = tree_new(config);
	yaml_emitter_t emitter;
	bool good = false;

	if (root != NULL && yaml_emitter_initialize(&emitter)) {
		yaml_emitter_set_output(&emitter, emit_write, out);
		yaml_emitter_set_unicode(&emitter, 1);
		/* A folded line would be right as well, and harder to read. */
		yaml_emitter_set_width(&emitter, -1);
		good = emit_document(&emitter, root);
		yaml_emitter_delete(&emitter);
	}
	json_object_put(root);
	if (!good && out->failed == HF_OK)
		return no_memory(config, err);
	return buffer_status(out, config->file, err);
}

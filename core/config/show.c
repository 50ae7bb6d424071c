/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/show.h"

#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "config/scalar.h"

/*
 * One walk over the configuration writes either spelling: YAML by libyaml's emitter, JSON straight
 * into the buffer.
 */
struct show {
	struct buffer *out;
	yaml_emitter_t *yaml; /* NULL: JSON */
	bool failed;          /* libyaml is out of memory, or the buffer is full */
	unsigned depth;       /* JSON: of open maps */
	bool comma;           /* JSON: something stands before in this map or list */
	bool in_list;
};

/* The emitter takes the event over, whether it can use it or not. */
static void
show_event(struct show *show, int made, yaml_event_t *event)
{
	if (!made || show->failed || !yaml_emitter_emit(show->yaml, event))
		show->failed = true;
}

static void
show_scalar(struct show *show, const char *text, bool quoted)
{
	/* libyaml itself falls back to quotes where plain text would read as something else. */
	yaml_scalar_style_t style =
	    quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	if (!show->failed)
		show_event(show,
		    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
		        (int)strlen(text), 1, 1, style),
		    &event);
}

/* What comes before a value: comma, line, key.  No key for the root and for items of a list. */
static void
show_key(struct show *show, const char *key)
{
	if (show->yaml != NULL) {
		if (key != NULL)
			show_scalar(show, key, false);
		return;
	}
	if (show->comma)
		buffer_append_string(show->out, show->in_list ? ", " : ",");
	if (!show->in_list && show->depth > 0)
		buffer_appendf(show->out, "\n%*s", (int)(2 * show->depth), "");
	if (key != NULL) {
		json_put_string(show->out, key, strlen(key));
		buffer_append_string(show->out, ": ");
	}
	show->comma = true;
}

static void
show_text(struct show *show, const char *key, const char *text, bool quoted)
{
	if (text == NULL)
		return;
	show_key(show, key);
	if (show->yaml != NULL)
		show_scalar(show, text, quoted);
	else
		json_put_string(show->out, text, strlen(text));
}

/* A boolean or a number. */
static void
show_plain(struct show *show, const char *key, const char *text)
{
	show_key(show, key);
	if (show->yaml != NULL)
		show_scalar(show, text, false);
	else
		buffer_append_string(show->out, text);
}

static void
show_bool(struct show *show, const char *key, bool value)
{
	show_plain(show, key, value ? "true" : "false");
}

static void
show_int(struct show *show, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	show_plain(show, key, text);
}

static void
show_map(struct show *show, const char *key)
{
	yaml_event_t event;

	show_key(show, key);
	if (show->yaml == NULL) {
		buffer_append_byte(show->out, '{');
		show->depth++;
		show->comma = false;
	} else if (!show->failed) {
		show_event(show,
		    yaml_mapping_start_event_initialize(
		        &event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
		    &event);
	}
}

static void
show_map_end(struct show *show)
{
	yaml_event_t event;

	if (show->yaml == NULL) {
		show->depth--;
		/* An empty map is {}, on one line. */
		if (show->comma)
			buffer_appendf(show->out, "\n%*s", (int)(2 * show->depth), "");
		buffer_append_byte(show->out, '}');
		show->comma = true;
	} else if (!show->failed) {
		show_event(show, yaml_mapping_end_event_initialize(&event), &event);
	}
}

static void
show_list(struct show *show, const char *key)
{
	yaml_event_t event;

	show_key(show, key);
	if (show->yaml == NULL) {
		buffer_append_byte(show->out, '[');
		show->comma = false;
		show->in_list = true;
	} else if (!show->failed) {
		show_event(show,
		    yaml_sequence_start_event_initialize(
		        &event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE),
		    &event);
	}
}

static void
show_list_end(struct show *show)
{
	yaml_event_t event;

	if (show->yaml == NULL) {
		buffer_append_byte(show->out, ']');
		show->comma = true;
		show->in_list = false;
	} else if (!show->failed) {
		show_event(show, yaml_sequence_end_event_initialize(&event), &event);
	}
}

static void
show_option(struct show *show, const struct config_option *option, const char *key)
{
	size_t i;

	if (option->items == NULL) {
		show_text(show, key, option->text, option->quoted);
		return;
	}
	show_list(show, key);
	for (i = 0; i < option->count; i++)
		show_text(show, NULL, option->items[i].text, false);
	show_list_end(show);
}

/*
 * Some of the options, whose names all begin with the same skip bytes; those of one map follow each other, as
 * they do in the file.
 */
static void
show_range(struct show *show, const struct config_option *option, const struct config_option *end, size_t skip)
{
	const struct config_option *next;
	char key[CONFIG_OPTION_NAME_MAX + 1];
	size_t size;

	for (; option < end; option = next) {
		size = strcspn(option->name + skip, ".");
		(void)snprintf(key, sizeof(key), "%.*s", (int)size, option->name + skip);
		next = option + 1;
		if (option->name[skip + size] == '\0') {
			show_option(show, option, key);
			continue;
		}
		while (next < end && strncmp(next->name, option->name, skip + size + 1) == 0)
			next++;
		show_map(show, key);
		show_range(show, option, next, skip + size + 1);
		show_map_end(show);
	}
}

static void
show_options(struct show *show, const struct config_options *options)
{
	if (options->count > 0)
		show_range(show, options->items, options->items + options->count, 0);
}

static void
show_repository(struct show *show, const struct config_repository *repository)
{
	show_map(show, repository->name);
	show_text(show, "storage", repository->storage, false);
	show_text(show, "password_file", repository->password.file, false);
	show_text(show, "password_command", repository->password.command, false);
	show_options(show, &repository->options);
	show_map_end(show);
}

static void
show_http(struct show *show, const struct config_http *http)
{
	char duration[SCALAR_FORMAT_SIZE];

	show_map(show, "http");
	show_text(show, "ca_file", http->ca_file, false);
	show_text(show, "proxy", http->proxy, false);
	show_text(show, "user_agent", http->user_agent, false);
	if (http->requests_per_second > 0)
		show_int(show, "requests_per_second", http->requests_per_second);
	show_text(show, "connect_timeout", scalar_format_duration(http->connect_timeout_ns, duration), false);
	show_text(show, "timeout", scalar_format_duration(http->timeout_ns, duration), false);
	show_bool(show, "allow_http", http->allow_http);
	show_map_end(show);
}

static void
show_account(struct show *show, const struct config_account *account)
{
	show_map(show, account->name);
	show_text(show, "source", account->source, false);
	show_text(show, "preset", account->preset, false);
	show_options(show, &account->options);
	if (!account->http.usual)
		show_http(show, &account->http);
	show_map_end(show);
}

static bool
is_shown(const struct config_option *option)
{
	const char *const *name;

	for (name = config_plan_options; *name != NULL; name++) {
		if (strcmp(*name, option->name) == 0)
			return true;
	}
	return false;
}

/* Those that only a strategy knows. */
static void
show_others(struct show *show, const struct config_options *options)
{
	size_t i = 0, end;

	while (i < options->count) {
		for (end = i; end < options->count && !is_shown(&options->items[end]); end++)
			;
		show_range(show, options->items + i, options->items + end, 0);
		i = end + 1;
	}
}

static void
show_gates(struct show *show, const struct config_gates *gates)
{
	char size[SCALAR_FORMAT_SIZE];

	show_map(show, "options");
	show_bool(show, "wifi_only", gates->wifi_only);
	show_int(show, "min_battery_percent", gates->min_battery_percent);
	show_bool(show, "compress_media", gates->compress_media);
	show_int(show, "media_quality", gates->media_quality);
	show_text(show, "max_media_size", scalar_format_size(gates->max_media_size, size), false);
	show_bool(show, "incremental_only", gates->incremental_only);
	show_others(show, &gates->others);
	show_map_end(show);
}

static void
show_retry(struct show *show, const struct config_retry *retry)
{
	const char *backoff = retry->backoff == CONFIG_LINEAR ? "linear" : "exponential";
	char duration[SCALAR_FORMAT_SIZE];

	show_map(show, "retry");
	show_int(show, "max_attempts", retry->max_attempts);
	show_text(show, "backoff", backoff, false);
	show_text(show, "initial", scalar_format_duration(retry->initial_ns, duration), false);
	show_text(show, "maximum", scalar_format_duration(retry->maximum_ns, duration), false);
	show_map_end(show);
}

static void
show_plan(struct show *show, const struct config_plan *plan)
{
	unsigned i;
	size_t n;

	show_map(show, plan->name);
	show_text(show, "repository", plan->repository->name, false);
	/* A list in the file is never empty: without any account, the key is left out. */
	if (plan->account_count > 0) {
		show_list(show, "accounts");
		for (n = 0; n < plan->account_count; n++)
			show_text(show, NULL, plan->accounts[n]->name, false);
		show_list_end(show);
	}
	/* Left out, they are what is installed; written out, each would have to be. */
	if (plan->types_named) {
		show_list(show, "types");
		for (i = 0; i < CONFIG_TYPES; i++) {
			if ((plan->types >> i & 1) != 0)
				show_text(show, NULL, config_type_name(i), false);
		}
		show_list_end(show);
	}
	show_text(show, "schedule", plan->schedule, false);
	show_gates(show, &plan->options);
	show_retry(show, &plan->retry);
	show_map_end(show);
}

static void
show_config(struct show *show, const struct config *config)
{
	size_t i;

	show_map(show, NULL);
	show_map(show, "repositories");
	for (i = 0; i < config->repository_count; i++)
		show_repository(show, &config->repositories[i]);
	show_map_end(show);
	show_map(show, "accounts");
	for (i = 0; i < config->account_count; i++)
		show_account(show, &config->accounts[i]);
	show_map_end(show);
	show_map(show, "plans");
	for (i = 0; i < config->plan_count; i++)
		show_plan(show, &config->plans[i]);
	show_map_end(show);
	show_map_end(show);
}

int
config_show_json(const struct config *config, struct buffer *out, struct hf_error *err)
{
	struct show show = {.out = out};

	show_config(&show, config);
	buffer_append_byte(out, '\n');
	return buffer_status(out, config->file, err);
}

static int
show_write(void *data, unsigned char *bytes, size_t size)
{
	struct buffer *out = data;

	buffer_append(out, bytes, size);
	return out->failed == HF_OK;
}

static void
show_document(struct show *show, const struct config *config)
{
	yaml_event_t event;

	show_event(show, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
	if (!show->failed)
		show_event(show,
		    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
	show_config(show, config);
	if (!show->failed)
		show_event(show, yaml_document_end_event_initialize(&event, 1), &event);
	if (!show->failed)
		show_event(show, yaml_stream_end_event_initialize(&event), &event);
}

int
config_show_yaml(const struct config *config, struct buffer *out, struct hf_error *err)
{
	yaml_emitter_t emitter;
	struct show show = {.out = out, .yaml = &emitter};

	if (!yaml_emitter_initialize(&emitter))
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", config->file);
	yaml_emitter_set_output(&emitter, show_write, out);
	yaml_emitter_set_unicode(&emitter, 1);
	/* A folded line would be right as well, and harder to read. */
	yaml_emitter_set_width(&emitter, -1);
	show_document(&show, config);
	yaml_emitter_delete(&emitter);
	if (show.failed && out->failed == HF_OK)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", config->file);
	return buffer_status(out, config->file, err);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "config/scalar.h"
#include "plugin/options.h"
#include "plugin/registry.h"

/* ---- check ---- */

struct check {
	const struct config *config;
	struct registry *registry;
	unsigned problems;
};

/* "FILE:LINE:COLUMN: sentence", as the configuration's own mistakes. */
HF_PRINTF(4, 5)
static void
problem(struct check *check, unsigned line, unsigned column, const char *fmt, ...)
{
	char msg[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	common_message("%s:%u:%u: %s", check->config->file, line, column, msg);
	check->problems++;
}

static int
configure(const struct plugin_component *component, const struct options *options, struct hf_error *err)
{
	int (*fn)(const struct hf_value *, uint32_t, struct hf_error *) =
	    component->kind == HF_KIND_STORAGE ? component->ops.storage.configure : component->ops.source.configure;

	return fn != NULL ? fn(options->values, options->count, err) : HF_OK;
}

/* Holds the lines of one account or repository against the table of its plugin. */
static void
check_component(struct check *check, uint32_t kind, const char *component_name, const char *where,
    const struct mark *mark, const struct config_options *given)
{
	const struct plugin_component *component;
	struct hf_error err = HF_ERROR_INIT;
	struct options *options = NULL;
	struct option_text *texts;
	size_t i, bad = given->count;
	int r;

	if (registry_find(check->registry, kind, component_name, &component, &err) != HF_OK) {
		problem(check, mark->line, mark->column, "%s: %s", where, err.msg);
		return;
	}
	texts = calloc(given->count + 1, sizeof(*texts));
	if (texts == NULL) {
		problem(check, mark->line, mark->column, "%s: out of memory", where);
		return;
	}
	for (i = 0; i < given->count; i++) {
		texts[i].name = given->items[i].name;
		texts[i].text = given->items[i].text;
	}
	r = options_parse(component->options, check->config->folder, texts, given->count, &options, &bad, &err);
	if (r == HF_OK)
		r = configure(component, options, &err);
	if (r != HF_OK && bad < given->count)
		problem(check, given->items[bad].line, given->items[bad].column, "%s", err.msg);
	else if (r != HF_OK)
		problem(check, mark->line, mark->column, "%s: %s", where, err.msg);
	options_free(options);
	free(texts);
}

static int
check_plugins(const struct config *config)
{
	struct check check = {config, NULL, 0};
	struct hf_error err = HF_ERROR_INIT;
	char where[80];
	size_t i;

	if (registry_open(&check.registry, &err) != HF_OK)
		return common_error(&err);
	for (i = 0; i < config->repository_count; i++) {
		const struct config_repository *repository = &config->repositories[i];

		(void)snprintf(where, sizeof(where), "repository %s", repository->name);
		check_component(&check, HF_KIND_STORAGE, repository->storage, where, &repository->mark,
		    &repository->options);
	}
	for (i = 0; i < config->account_count; i++) {
		const struct config_account *account = &config->accounts[i];

		(void)snprintf(where, sizeof(where), "account %s", account->name);
		check_component(&check, HF_KIND_SOURCE, account->source, where, &account->mark, &account->options);
	}
	registry_free(check.registry);
	return check.problems == 0 ? STATUS_DONE : STATUS_USAGE;
}

static int
check_config(const struct config *config)
{
	int status = check_plugins(config);

	if (status == STATUS_DONE)
		common_message("%s: no mistakes; %zu repositories, %zu accounts, %zu plans", config->file,
		    config->repository_count, config->account_count, config->plan_count);
	return status;
}

/* ---- show: the whole configuration with its defaults, as YAML or JSON ---- */

/* Writes maps of texts and numbers in either form. */
struct show {
	struct buffer out;
	bool json;
	bool first; /* in the map under way */
	unsigned depth;
};

static void
put_name(struct show *show, const char *name)
{
	if (show->json) {
		if (!show->first)
			buffer_append_byte(&show->out, ',');
		json_put_string(&show->out, name, strlen(name));
		buffer_append_byte(&show->out, ':');
	} else
		buffer_appendf(&show->out, "%*s%s:", (int)show->depth * 2, "", name);
	show->first = false;
}

static void
begin_map(struct show *show, const char *name)
{
	put_name(show, name);
	buffer_append_string(&show->out, show->json ? "{" : "\n");
	show->depth++;
	show->first = true;
}

static void
end_map(struct show *show)
{
	show->depth--;
	show->first = false;
	if (show->json)
		buffer_append_byte(&show->out, '}');
}

/* A JSON string is a YAML string too. */
static void
put_text(struct show *show, const char *name, const char *value)
{
	put_name(show, name);
	if (!show->json)
		buffer_append_byte(&show->out, ' ');
	json_put_string(&show->out, value, strlen(value));
	if (!show->json)
		buffer_append_byte(&show->out, '\n');
}

static void
put_plain(struct show *show, const char *name, const char *value)
{
	put_name(show, name);
	buffer_appendf(&show->out, show->json ? "%s" : " %s\n", value);
}

static void
put_number(struct show *show, const char *name, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	put_plain(show, name, text);
}

static void
put_bool(struct show *show, const char *name, bool value)
{
	put_plain(show, name, value ? "true" : "false");
}

static void
put_options(struct show *show, const struct config_options *options)
{
	size_t i;

	for (i = 0; i < options->count; i++)
		put_text(show, options->items[i].name, options->items[i].text);
}

static void
show_repositories(struct show *show, const struct config *config)
{
	size_t i;

	begin_map(show, "repositories");
	for (i = 0; i < config->repository_count; i++) {
		const struct config_repository *repository = &config->repositories[i];

		begin_map(show, repository->name);
		put_text(show, "storage", repository->storage);
		if (repository->password.file != NULL)
			put_text(show, "password_file", repository->password.file);
		if (repository->password.command != NULL)
			put_text(show, "password_command", repository->password.command);
		put_options(show, &repository->options);
		end_map(show);
	}
	end_map(show);
}

static void
show_accounts(struct show *show, const struct config *config)
{
	size_t i;

	begin_map(show, "accounts");
	for (i = 0; i < config->account_count; i++) {
		begin_map(show, config->accounts[i].name);
		put_text(show, "source", config->accounts[i].source);
		put_options(show, &config->accounts[i].options);
		end_map(show);
	}
	end_map(show);
}

static void
begin_list(struct show *show, const char *name)
{
	put_name(show, name);
	buffer_append_string(&show->out, show->json ? "[" : " [");
	show->first = true;
}

static void
put_item(struct show *show, const char *value)
{
	if (!show->first)
		buffer_append_string(&show->out, show->json ? "," : ", ");
	json_put_string(&show->out, value, strlen(value));
	show->first = false;
}

static void
end_list(struct show *show)
{
	buffer_append_string(&show->out, show->json ? "]" : "]\n");
	show->first = false;
}

static void
show_gates(struct show *show, const struct config_gates *gates)
{
	char text[SCALAR_FORMAT_SIZE];

	begin_map(show, "options");
	put_bool(show, "wifi_only", gates->wifi_only);
	put_number(show, "min_battery_percent", gates->min_battery_percent);
	put_bool(show, "compress_media", gates->compress_media);
	put_number(show, "media_quality", gates->media_quality);
	put_text(show, "max_media_size", scalar_format_size(gates->max_media_size, text));
	put_bool(show, "incremental_only", gates->incremental_only);
	end_map(show);
}

static void
show_retry(struct show *show, const struct config_retry *retry)
{
	char text[SCALAR_FORMAT_SIZE];

	begin_map(show, "retry");
	put_number(show, "max_attempts", retry->max_attempts);
	put_text(show, "backoff", retry->backoff == CONFIG_LINEAR ? "linear" : "exponential");
	put_text(show, "initial", scalar_format_duration(retry->initial_ns, text));
	put_text(show, "maximum", scalar_format_duration(retry->maximum_ns, text));
	end_map(show);
}

static void
show_plan(struct show *show, const struct config_plan *plan)
{
	size_t i;

	begin_map(show, plan->name);
	put_text(show, "repository", plan->repository->name);
	begin_list(show, "accounts");
	for (i = 0; i < plan->account_count; i++)
		put_item(show, plan->accounts[i]->name);
	end_list(show);
	begin_list(show, "types");
	for (i = 0; i < CONFIG_TYPES; i++) {
		if ((plan->types & (1u << i)) != 0)
			put_item(show, config_type_name((unsigned)i));
	}
	end_list(show);
	if (plan->schedule != NULL)
		put_text(show, "schedule", plan->schedule);
	show_gates(show, &plan->options);
	show_retry(show, &plan->retry);
	end_map(show);
}

static int
show_config(const struct config *config, bool json)
{
	struct show show = {.out = BUFFER_INIT((size_t)16 << 20), .json = json, .first = true};
	size_t i;
	int status;

	if (json)
		buffer_append_byte(&show.out, '{');
	else
		buffer_appendf(&show.out, "# %s, with defaults filled in\n", config->file);
	show_repositories(&show, config);
	show_accounts(&show, config);
	begin_map(&show, "plans");
	for (i = 0; i < config->plan_count; i++)
		show_plan(&show, &config->plans[i]);
	end_map(&show);
	if (json)
		buffer_append_string(&show.out, "}\n");
	status = common_flush(&show.out);
	buffer_release(&show.out);
	return status;
}

static int
config_run(int argc, char **argv)
{
	struct config *config = NULL;
	struct common common;
	int status;

	status = common_parse(&command_config, COMMON_JSON, NULL, 1, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	if (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "show") != 0) {
		common_message("config: it is \"config check\" or \"config show\", not \"config %s\"", argv[1]);
		return STATUS_USAGE;
	}
	status = session_config(&common, &config);
	if (status != STATUS_DONE)
		return status;
	status = strcmp(argv[1], "check") == 0 ? check_config(config) : show_config(config, common.json);
	config_free(config);
	return status;
}

const struct command command_config = {"config", "check | show [-c FILE] [--json]",
    "Check the configuration, or show it with its defaults", config_run};

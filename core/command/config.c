/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <stdlib.h>
#include <string.h>

#include "config/show.h"
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
    const struct mark *mark, const struct mark *component_mark, const struct config_options *given)
{
	const struct options_place place = {check->config->file, check->config->folder, *mark};
	const struct plugin_component *component;
	struct hf_error err = HF_ERROR_INIT;
	struct options *options = NULL;

	if (registry_find(check->registry, kind, component_name, &component, &err) != HF_OK) {
		problem(check, component_mark->line, component_mark->column, "%s: %s", where, err.msg);
		return;
	}
	if (options_parse(component->options, &place, given, &options, &err) != HF_OK) {
		common_message("%s", err.msg);
		check->problems++;
		return;
	}
	if (configure(component, options, &err) != HF_OK)
		problem(check, mark->line, mark->column, "%s: %s", where, err.msg);
	options_free(options);
}

static bool
plan_has(const struct config_plan *plan, const struct config_account *account)
{
	size_t i;

	for (i = 0; i < plan->account_count; i++) {
		if (plan->accounts[i] == account)
			return true;
	}
	return false;
}

/* Everything, or what one plan uses. */
static int
check_plugins(const struct config *config, const struct config_plan *plan)
{
	struct check check = {config, NULL, 0};
	struct hf_error err = HF_ERROR_INIT;
	char where[80];
	size_t i;

	if (registry_open(&check.registry, &err) != HF_OK)
		return common_error(&err);
	for (i = 0; i < config->repository_count; i++) {
		const struct config_repository *repository = &config->repositories[i];

		if (plan != NULL && plan->repository != repository)
			continue;
		(void)snprintf(where, sizeof(where), "repository %s", repository->name);
		check_component(&check, HF_KIND_STORAGE, repository->storage, where, &repository->mark,
		    &repository->storage_mark, &repository->options);
	}
	for (i = 0; i < config->account_count; i++) {
		const struct config_account *account = &config->accounts[i];

		if (plan != NULL && !plan_has(plan, account))
			continue;
		(void)snprintf(where, sizeof(where), "account %s", account->name);
		check_component(&check, HF_KIND_SOURCE, account->source, where, &account->mark,
		    &account->source_mark, &account->options);
	}
	registry_free(check.registry);
	return check.problems == 0 ? STATUS_DONE : STATUS_USAGE;
}

static int
check_config(const struct config *config, const char *plan_name, bool quiet)
{
	const struct config_plan *plan = NULL;
	struct hf_error err = HF_ERROR_INIT;
	int status;

	if (plan_name != NULL && config_plan(config, plan_name, &plan, &err) != HF_OK) {
		(void)common_error(&err);
		return STATUS_USAGE;
	}
	status = check_plugins(config, plan);
	if (status == STATUS_DONE && !quiet)
		common_message("%s: no mistakes; %zu repositories, %zu accounts, %zu plans", config->file,
		    config->repository_count, config->account_count, config->plan_count);
	return status;
}

/* ---- show ---- */

static int
show_config(const struct config *config, bool json)
{
	struct buffer out = BUFFER_INIT((size_t)16 << 20);
	struct hf_error err = HF_ERROR_INIT;
	int status;

	if ((json ? config_show_json : config_show_yaml)(config, &out, &err) != HF_OK)
		status = common_error(&err);
	else
		status = common_flush(&out);
	buffer_release(&out);
	return status;
}

static int
config_run(int argc, char **argv)
{
	struct config *config = NULL;
	struct common common;
	const char *plan = NULL;
	bool quiet = false;
	const struct command_option options[] = {
	    {"plan", 'p', "PLAN", "check only what this plan uses", &plan},
	    {"quiet", 'q', NULL, "check: say nothing when all is well", &quiet}, {NULL, 0, NULL, NULL, NULL}};
	int status;

	status = common_parse(&command_config, COMMON_JSON, options, 1, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	if (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "show") != 0) {
		common_message("config: it is \"config check\" or \"config show\", not \"config %s\"", argv[1]);
		return STATUS_USAGE;
	}
	status = session_config(&common, &config);
	if (status != STATUS_DONE)
		return status;
	status = strcmp(argv[1], "check") == 0 ? check_config(config, plan, quiet) : show_config(config, common.json);
	config_free(config);
	return status;
}

const struct command command_config = {"config", "check | show [-c FILE] [--plan PLAN] [--json]",
    "Check the configuration, or show it with its defaults", config_run};

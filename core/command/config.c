/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/show.h"
#include "plugin/options.h"
#include "plugin/preset.h"
#include "plugin/strategy.h"

/* ---- check ---- */

struct check {
	const struct common *common;
	const struct config *config;
	struct registry *registry;
	bool quiet; /* mistakes only */
	unsigned problems;
};

/* "FILE:LINE:COLUMN: sentence", as the configuration's own mistakes. */
HF_PRINTF(3, 4)
static void
problem(struct check *check, struct mark mark, const char *fmt, ...)
{
	char msg[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	common_message("%s:%u:%u: %s", check->config->file, mark.line, mark.column, msg);
	check->problems++;
}

/* What may be meant, or mended from outside: the file itself is right.  word: "warning", "note". */
HF_PRINTF(4, 5)
static void
remark(const struct check *check, const char *word, struct mark mark, const char *fmt, ...)
{
	char msg[2 * COMMON_HINT_SIZE - 200];
	va_list ap;

	if (check->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	common_message("%s:%u:%u: %s: %s", check->config->file, mark.line, mark.column, word, msg);
}

static int
configure(const struct plugin_component *component, const struct options *options, struct hf_error *err)
{
	int (*fn)(const struct hf_value *, uint32_t, struct hf_error *) =
	    component->kind == HF_KIND_STORAGE    ? component->ops.storage.configure
	    : component->kind == HF_KIND_STRATEGY ? component->ops.strategy.configure
	                                          : component->ops.source.configure;

	return fn != NULL ? fn(options->values, options->count, err) : HF_OK;
}

/* Where the option's value stands; the account's or repository's own place where it is a default. */
static struct mark
option_mark(const struct config_options *given, const char *name, const char *ending, struct mark otherwise)
{
	size_t i, size = strlen(name);

	for (i = 0; i < given->count; i++) {
		if (strncmp(given->items[i].name, name, size) == 0 && strcmp(given->items[i].name + size, ending) == 0)
			return (struct mark){given->items[i].line, given->items[i].column};
	}
	return otherwise;
}

/* One path that is not there. */
static void
look_for_path(const struct check *check, const struct plugin_component *component, const char *where,
    struct mark mark, const char *name, const char *path)
{
	char command[COMMON_HINT_SIZE];
	struct stat st;

	if (stat(path, &st) == 0)
		return;
	if (component->kind == HF_KIND_STORAGE && errno == ENOENT)
		remark(check, "note", mark,
		    "%s: %s: %s does not exist; \"%s\" makes it, unless it is on a disk that is not mounted",
		    where, name, path, common_hint(check->common, "init", command));
	else
		remark(check, "warning", mark, "%s: %s: %s: %s", where, name, path, strerror(errno));
}

/* A file with a secret in it that others can read.  Told also where only mistakes are: nobody else tells. */
static void
look_for_readers(const struct check *check, const char *where, struct mark mark, const char *name, const char *path)
{
	struct hf_error err = HF_ERROR_INIT;

	if (secret_check_readers(path, &err) != HF_OK)
		common_message("%s:%u:%u: warning: %s: %s: %s", check->config->file, mark.line, mark.column, where,
		    name, err.msg);
}

/* A path, or the lines of a list of them. */
static void
look_for_paths(const struct check *check, const struct plugin_component *component, const char *where,
    struct mark mark, const struct hf_option *option, const char *text)
{
	char path[PATH_MAX];
	size_t size;

	if ((option->flags & HF_OPTION_PRIVATE) != 0 && (option->flags & HF_OPTION_LIST) == 0)
		look_for_readers(check, where, mark, option->name, text);
	if ((option->flags & HF_OPTION_LIST) == 0) {
		look_for_path(check, component, where, mark, option->name, text);
		return;
	}
	for (; *text != '\0'; text += size + 1) {
		size = strcspn(text, "\n");
		(void)snprintf(path, sizeof(path), "%.*s", (int)size, text);
		look_for_path(check, component, where, mark, option->name, path);
	}
}

/* Paths that are not there, and password files that will not be read. */
static void
look_outside(const struct check *check, const struct plugin_component *component, const char *where,
    const struct mark *mark, const struct config_options *given, const struct options *options)
{
	const struct hf_option *option;
	const struct hf_value *value;
	uint32_t i;

	for (i = 0; i < options->count; i++) {
		struct hf_error err = HF_ERROR_INIT;

		option = &component->options[i];
		value = &options->values[i];
		if ((option->flags & HF_OPTION_SECRET) != 0) {
			if (value->set && secret_check(&options->secrets[i], &err) != HF_OK)
				remark(check, "warning", option_mark(given, option->name, "_file", *mark), "%s: %s",
				    where, err.msg);
		} else if (option->type == HF_OPTION_PATH && value->set) {
			look_for_paths(check, component, where, option_mark(given, option->name, "", *mark), option,
			    value->text);
		}
	}
}

/* Holds options against the table of a plugin. */
static void
check_options(struct check *check, const struct plugin_component *component, const char *where,
    const struct mark *mark, const struct config_options *given)
{
	const struct options_place place = {check->config->file, check->config->folder, *mark};
	struct hf_error err = HF_ERROR_INIT;
	struct options *options = NULL;

	if (options_parse_in(where, component->options, &place, given, &options, &err) != HF_OK) {
		common_message("%s", err.msg);
		check->problems++;
		return;
	}
	if (configure(component, options, &err) != HF_OK)
		problem(check, *mark, "%s: %s", where, err.msg);
	else
		look_outside(check, component, where, mark, given, options);
	options_free(options);
}

/* The lines of one account or repository. */
static void
check_component(struct check *check, uint32_t kind, const char *component_name, const char *where,
    const struct mark *mark, const struct mark *component_mark, const struct config_options *given)
{
	const struct plugin_component *component;
	struct hf_error err = HF_ERROR_INIT;

	if (registry_find(check->registry, kind, component_name, &component, &err) != HF_OK)
		problem(check, *component_mark, "%s: %s", where, err.msg);
	else
		check_options(check, component, where, mark, given);
}

/* Those of the plan's options that are for one strategy. */
static void
check_strategy(struct check *check, const struct config_plan *plan, const struct plugin_component *strategy)
{
	struct strategy_options options;
	struct hf_error err = HF_ERROR_INIT;
	char where[80];

	(void)snprintf(where, sizeof(where), "plan %s", plan->name);
	if (strategy_options(strategy, plan, &options, &err) != HF_OK) {
		problem(check, plan->mark, "%s", err.msg);
		return;
	}
	check_options(check, strategy, where, &plan->mark, &options.given);
	free(options.items);
}

/* Whether the account has what a strategy works with.  A source that cannot be found is told of at its own place. */
static bool
fits(const struct check *check, const struct plugin_component *strategy, const struct config_account *account)
{
	const struct plugin_component *source;

	return registry_find(check->registry, HF_KIND_SOURCE, account->source, &source, NULL) != HF_OK ||
	       strategy_takes(strategy, source);
}

/* Marks the accounts that a type's strategy backs up; false: there are none, nor is it about the machine. */
static bool
mark_covered(const struct check *check, const struct config_plan *plan, const struct plugin_component *strategy,
    bool *covered)
{
	bool any = strategy_is_of_host(strategy);
	size_t i;

	for (i = 0; i < plan->account_count; i++) {
		if (!fits(check, strategy, plan->accounts[i]))
			continue;
		covered[i] = any = true;
	}
	return any;
}

/*
 * A type that is named is wanted: without its strategy, or without an account that has any of it, it would be
 * left out of the backup, and nobody told.
 */
static void
check_type(struct check *check, const struct config_plan *plan, unsigned type, bool *covered)
{
	const struct plugin_component *strategy;
	struct hf_error err = HF_ERROR_INIT;

	if (strategy_find(check->registry, config_type_name(type), &strategy, &err) != HF_OK) {
		if (plan->types_named)
			problem(check, plan->type_marks[type], "plan %s: %s cannot be backed up: %s", plan->name,
			    config_type_name(type), err.msg);
		return;
	}
	check_strategy(check, plan, strategy);
	if (!mark_covered(check, plan, strategy, covered) && plan->types_named) {
		problem(check, plan->type_marks[type],
		    "plan %s: %s cannot be backed up: none of the plan's accounts has any", plan->name,
		    config_type_name(type));
	}
}

static void
check_plan(struct check *check, const struct config_plan *plan)
{
	bool *covered = calloc(plan->account_count + 1, sizeof(*covered));
	struct hf_error err = HF_ERROR_INIT;
	char command[COMMON_HINT_SIZE];
	unsigned type;
	size_t i;

	if (covered == NULL) {
		problem(check, plan->mark, "plan %s: out of memory", plan->name);
		return;
	}
	if (strategy_check_plan(check->registry, check->config, plan, &err) != HF_OK) {
		common_message("%s", err.msg);
		check->problems++;
	}
	for (type = 0; type < CONFIG_TYPES; type++) {
		if ((plan->types & 1u << type) != 0)
			check_type(check, plan, type, covered);
	}
	/* With types that are named, an account may be in the plan for a type that is not. */
	for (i = 0; !plan->types_named && i < plan->account_count; i++) {
		if (!covered[i])
			remark(check, "warning", plan->accounts[i]->source_mark,
			    "account %s: no strategy that is installed backs up what the source %s has",
			    plan->accounts[i]->name, plan->accounts[i]->source);
	}
	free(covered);
	if (plan->schedule != NULL)
		remark(check, "note", plan->schedule_mark,
		    "plan %s: nothing starts a schedule yet; run \"%s %s\" from cron or a systemd timer", plan->name,
		    common_hint(check->common, "backup", command), plan->name);
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

static void
check_repository(struct check *check, const struct config_repository *repository)
{
	struct hf_error err = HF_ERROR_INIT;
	char where[80];

	(void)snprintf(where, sizeof(where), "repository %s", repository->name);
	check_component(check, HF_KIND_STORAGE, repository->storage, where, &repository->mark,
	    &repository->storage_mark, &repository->options);
	if (secret_check(&repository->password, &err) != HF_OK)
		remark(check, "warning", repository->password_mark, "%s: %s", where, err.msg);
}

static void
check_account(struct check *check, const struct config_account *account)
{
	struct hf_error err = HF_ERROR_INIT;
	struct preset preset;
	char where[80];

	(void)snprintf(where, sizeof(where), "account %s", account->name);
	if (account->http.ca_file != NULL && access(account->http.ca_file, R_OK) != 0)
		remark(check, "warning", account->mark, "%s: http: ca_file: %s: %s", where, account->http.ca_file,
		    strerror(errno));
	if (preset_apply(check->config, account, &preset, &err) != HF_OK) {
		common_message("%s", err.msg);
		check->problems++;
	} else {
		check_component(check, HF_KIND_SOURCE, account->source, where, &account->mark, &account->source_mark,
		    &preset.options);
	}
	preset_release(&preset);
}

/* Everything, or what one plan uses. */
static int
check_all(struct check *check, const struct config_plan *plan)
{
	const struct config *config = check->config;
	struct hf_error err = HF_ERROR_INIT;
	size_t i;

	if (registry_open(&check->registry, &err) != HF_OK)
		return common_error(&err);
	for (i = 0; i < config->repository_count; i++) {
		if (plan == NULL || plan->repository == &config->repositories[i])
			check_repository(check, &config->repositories[i]);
	}
	for (i = 0; i < config->account_count; i++) {
		if (plan == NULL || plan_has(plan, &config->accounts[i]))
			check_account(check, &config->accounts[i]);
	}
	for (i = 0; i < config->plan_count; i++) {
		if (plan == NULL || plan == &config->plans[i])
			check_plan(check, &config->plans[i]);
	}
	registry_free(check->registry);
	return check->problems == 0 ? STATUS_DONE : STATUS_USAGE;
}

/* "1 plan", "2 plans" */
static const char *
counted(size_t count, const char *one, const char *many, char out[48])
{
	(void)snprintf(out, 48, "%zu %s", count, count == 1 ? one : many);
	return out;
}

static int
check_config(const struct common *common, const struct config *config, const char *plan_name, bool quiet)
{
	struct check check = {common, config, NULL, quiet, 0};
	const struct config_plan *plan = NULL;
	char repositories[48], accounts[48], plans[48];
	struct hf_error err = HF_ERROR_INIT;
	int status;

	if (plan_name != NULL && config_plan(config, plan_name, &plan, &err) != HF_OK) {
		(void)common_error(&err);
		return STATUS_USAGE;
	}
	status = check_all(&check, plan);
	if (status == STATUS_DONE && !quiet)
		common_message("%s: no mistakes; %s, %s, %s", config->file,
		    counted(config->repository_count, "repository", "repositories", repositories),
		    counted(config->account_count, "account", "accounts", accounts),
		    counted(config->plan_count, "plan", "plans", plans));
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
	status = strcmp(argv[1], "check") == 0 ? check_config(&common, config, plan, quiet) :
	                                          show_config(config, common.json);
	config_free(config);
	return status;
}

const struct command command_config = {"config", "check | show [-c FILE] [--plan PLAN] [--quiet] [--json]",
    "Check the configuration, or show it with its defaults", config_run};

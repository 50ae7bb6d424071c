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

#define MESSAGE_SIZE (2 * COMMON_HINT_SIZE + PATH_MAX)

/* ---- check ---- */

struct check {
	const struct common *common;
	const struct config *config;
	struct registry *registry;
	bool quiet;     /* mistakes only */
	bool file_only; /* not what its paths lead to */
	bool broken_output;
	unsigned problems, warnings, notes;
};

/* The end of "FILE:LINE:COLUMN: " in front of a sentence, with the mark; text itself where there is none. */
static const char *
split_place(const char *text, size_t *ret_file_size, struct mark *ret)
{
	size_t line, column;
	const char *p;

	for (p = strchr(text, ':'); p != NULL; p = strchr(p + 1, ':')) {
		line = strspn(p + 1, "0123456789");
		if (line == 0 || p[1 + line] != ':')
			continue;
		column = strspn(p + 2 + line, "0123456789");
		if (column == 0 || strncmp(p + 2 + line + column, ": ", 2) != 0)
			continue;
		*ret_file_size = (size_t)(p - text);
		*ret = (struct mark){(unsigned)strtoul(p + 1, NULL, 10), (unsigned)strtoul(p + 2 + line, NULL, 10)};
		return p + 4 + line + column;
	}
	return text;
}

/* file_size 0: the sentence has no place. */
static void
tell_json(struct check *check, const char *type, const char *file, size_t file_size, struct mark mark,
    const char *sentence)
{
	struct buffer out = BUFFER_INIT((size_t)1 << 20);

	buffer_append_string(&out, "{");
	common_json_string(&out, "type", type, strlen(type));
	if (file_size > 0) {
		common_json_string(&out, "file", file, file_size);
		buffer_appendf(&out, ",\"line\":%u,\"column\":%u", mark.line, mark.column);
	}
	common_json_string(&out, "message", sentence, strlen(sentence));
	buffer_append_string(&out, "}\n");
	check->broken_output |= common_flush(&out) != STATUS_DONE;
	buffer_release(&out);
}

/* A mistake in words that name its place, or that have none. */
static void
tell_problem(void *ctx, const char *text)
{
	struct check *check = ctx;
	struct mark mark = {0, 0};
	size_t file_size = 0;
	const char *sentence;

	check->problems++;
	if (check->common->json) {
		sentence = split_place(text, &file_size, &mark);
		tell_json(check, "error", text, file_size, mark, sentence);
	} else {
		common_message("%s", text);
	}
}

/* "FILE:LINE:COLUMN: sentence", as the configuration's own mistakes. */
HF_PRINTF(3, 4)
static void
problem(struct check *check, struct mark mark, const char *fmt, ...)
{
	const char *file = check->config->file;
	char msg[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	check->problems++;
	if (check->common->json)
		tell_json(check, "error", file, strlen(file), mark, msg);
	else
		common_message("%s:%u:%u: %s", file, mark.line, mark.column, msg);
}

/* What may be meant, or mended from outside: the file itself is right.  word: "warning", "note". */
static void
tell_remark(struct check *check, const char *word, struct mark mark, const char *msg)
{
	const char *file = check->config->file;

	check->warnings += strcmp(word, "warning") == 0;
	check->notes += strcmp(word, "note") == 0;
	if (check->common->json)
		tell_json(check, word, file, strlen(file), mark, msg);
	else
		common_message("%s:%u:%u: %s: %s", file, mark.line, mark.column, word, msg);
}

HF_PRINTF(4, 5)
static void
remark(struct check *check, const char *word, struct mark mark, const char *fmt, ...)
{
	char msg[MESSAGE_SIZE];
	va_list ap;

	if (check->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	tell_remark(check, word, mark, msg);
}

/*
 * Something outside the file that is of no use.  What is not there may be on a disk that is not mounted now; what is
 * there, and cannot be used, will not be right by itself.
 */
static void
tell_outside(struct check *check, bool absent, struct mark mark, const char *where, const char *what)
{
	if (absent)
		remark(check, "warning", mark, "%s: %s", where, what);
	else
		problem(check, mark, "%s: %s", where, what);
}

static void
look_for_secret(struct check *check, const struct config_secret *secret, struct mark mark, const char *where)
{
	struct hf_error err = HF_ERROR_INIT;
	int r = secret_check(secret, &err);

	if (r != HF_OK)
		tell_outside(check, r == HF_ENOTFOUND, mark, where, err.msg);
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

/* One path that is not there, or cannot be read. */
static void
look_for_path(struct check *check, const struct plugin_component *component, const char *where, struct mark mark,
    const char *name, const char *path)
{
	char command[COMMON_HINT_SIZE], what[PATH_MAX + 200];
	struct stat st;
	int error = 0;

	/* A folder is searched as well. */
	if (stat(path, &st) != 0 || access(path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) != 0)
		error = errno;
	if (error == ENOENT && component->kind == HF_KIND_STORAGE) {
		remark(check, "note", mark,
		    "%s: %s: %s does not exist; \"%s\" makes it, unless it is on a disk that is not mounted", where,
		    name, path, common_hint(check->common, "init", command));
	} else if (error != 0) {
		(void)snprintf(what, sizeof(what), "%s: %s: %s", name, path, strerror(error));
		tell_outside(check, error != EACCES && error != EPERM && error != ELOOP && error != ENAMETOOLONG, mark,
		    where, what);
	}
}

/* A file with a secret in it that others can read.  Told also where only mistakes are: nobody else tells. */
static void
look_for_readers(struct check *check, const char *where, struct mark mark, const char *name, const char *path)
{
	struct hf_error err = HF_ERROR_INIT;
	char msg[MESSAGE_SIZE];

	if (secret_check_readers(path, &err) == HF_OK)
		return;
	(void)snprintf(msg, sizeof(msg), "%s: %s: %s", where, name, err.msg);
	tell_remark(check, "warning", mark, msg);
}

/* A path, or the lines of a list of them. */
static void
look_for_paths(struct check *check, const struct plugin_component *component, const char *where,
    struct mark mark, const struct hf_option *option, const char *text)
{
	char path[PATH_MAX];
	size_t size;

	if ((option->flags & HF_OPTION_PRIVATE) != 0 && (option->flags & HF_OPTION_LIST) == 0)
		look_for_readers(check, where, mark, option->name, text);
	if (check->file_only)
		return;
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
look_outside(struct check *check, const struct plugin_component *component, const char *where,
    const struct mark *mark, const struct config_options *given, const struct options *options)
{
	const struct hf_option *option;
	const struct hf_value *value;
	uint32_t i;

	for (i = 0; i < options->count; i++) {
		option = &component->options[i];
		value = &options->values[i];
		if ((option->flags & HF_OPTION_SECRET) != 0) {
			if (value->set && !check->file_only)
				look_for_secret(check, &options->secrets[i], option_mark(given, option->name, "_file",
				    *mark), where);
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
		tell_problem(check, err.msg);
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
		tell_problem(check, err.msg);
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
	char where[80];

	(void)snprintf(where, sizeof(where), "repository %s", repository->name);
	check_component(check, HF_KIND_STORAGE, repository->storage, where, &repository->mark,
	    &repository->storage_mark, &repository->options);
	if (!check->file_only)
		look_for_secret(check, &repository->password, repository->password_mark, where);
}

static void
check_account(struct check *check, const struct config_account *account)
{
	struct hf_error err = HF_ERROR_INIT;
	char where[80], what[PATH_MAX + 200];
	struct preset preset;

	(void)snprintf(where, sizeof(where), "account %s", account->name);
	if (!check->file_only && account->http.ca_file != NULL && access(account->http.ca_file, R_OK) != 0) {
		(void)snprintf(what, sizeof(what), "http: ca_file: %s: %s", account->http.ca_file, strerror(errno));
		tell_outside(check, errno == ENOENT || errno == ENOTDIR, account->mark, where, what);
	}
	if (preset_apply(check->config, account, &preset, &err) != HF_OK) {
		tell_problem(check, err.msg);
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

	if (registry_open(&check->registry, &err) != HF_OK) {
		tell_problem(check, err.msg);
		return STATUS_FAILED;
	}
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

static void
tell_summary(struct check *check)
{
	const struct config *config = check->config;
	char repositories[48], accounts[48], plans[48];

	if (check->common->json) {
		if (printf("{\"type\":\"summary\",\"errors\":%u,\"warnings\":%u,\"notes\":%u}\n", check->problems,
		        check->warnings, check->notes) < 0)
			check->broken_output = true;
	} else if (check->problems == 0 && !check->quiet) {
		common_message("%s: no mistakes; %s, %s, %s", config->file,
		    counted(config->repository_count, "repository", "repositories", repositories),
		    counted(config->account_count, "account", "accounts", accounts),
		    counted(config->plan_count, "plan", "plans", plans));
	}
}

static int
check_config(struct check *check, const char *plan_name)
{
	const struct config_plan *plan = NULL;
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;
	int status = session_config_told(check->common, tell_problem, check, &config);

	check->config = config;
	if (status == STATUS_DONE && plan_name != NULL && config_plan(config, plan_name, &plan, &err) != HF_OK) {
		tell_problem(check, err.msg);
		status = STATUS_USAGE;
	}
	if (status == STATUS_DONE)
		status = check_all(check, plan);
	tell_summary(check);
	config_free(config);
	return check->broken_output && status == STATUS_DONE ? STATUS_FAILED : status;
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
	struct check check = {.common = &common};
	const char *plan = NULL;
	const struct command_option options[] = {
	    {"plan", 'p', "PLAN", "check only what this plan uses", &plan},
	    {"quiet", 'q', NULL, "check: say nothing when all is well", &check.quiet},
	    {"file-only", 0, NULL, "check: not what the paths in it lead to", &check.file_only},
	    {NULL, 0, NULL, NULL, NULL}};
	int status;

	status = common_parse(&command_config, COMMON_JSON, options, 1, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	if (strcmp(argv[1], "check") == 0)
		return check_config(&check, plan);
	if (strcmp(argv[1], "show") != 0) {
		common_message("config: it is \"config check\" or \"config show\", not \"config %s\"", argv[1]);
		return STATUS_USAGE;
	}
	status = session_config(&common, &config);
	if (status != STATUS_DONE)
		return status;
	status = show_config(config, common.json);
	config_free(config);
	return status;
}

const struct command command_config = {"config",
    "check | show [-c FILE] [--plan PLAN] [--quiet] [--file-only] [--json]",
    "Check the configuration, or show it with its defaults", config_run};

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/nearest.h"
#include "base/shell.h"
#include "config/scalar.h"
#include "config/schema.h"

static const char *const type_words[] = {"chats", "media", "contacts", "device_info", NULL};
static const char *const backoff_words[] = {"exponential", "linear", NULL};

/* What a plan says before its names are looked up. */
struct plan_text {
	const char *repository;
	struct schema_names accounts;
	struct config_plan plan;
};

#define AT(type, member) offsetof(struct type, member)

static const struct schema_field top_fields[] = {
    {.name = "repositories", .type = SCHEMA_SKIP},
    {.name = "accounts", .type = SCHEMA_SKIP},
    {.name = "plans", .type = SCHEMA_SKIP},
    {.name = NULL},
};

static const struct schema_field repository_fields[] = {
    {.name = "storage", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED,
        .offset = AT(config_repository, storage)},
    {.name = "password_file", .type = SCHEMA_PATH,
        .offset = AT(config_repository, password.file)},
    {.name = "password_command", .type = SCHEMA_STRING,
        .offset = AT(config_repository, password.command)},
    {.name = NULL},
};

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

/* As the defaults in http_fields. */
const struct config_http config_http_usual = {.connect_timeout_ns = 30 * SECOND, .timeout_ns = 60 * SECOND,
    .usual = true};

static const struct schema_field http_fields[] = {
    {.name = "ca_file", .type = SCHEMA_PATH, .offset = AT(config_http, ca_file)},
    {.name = "proxy", .type = SCHEMA_STRING, .offset = AT(config_http, proxy)},
    {.name = "user_agent", .type = SCHEMA_STRING, .offset = AT(config_http, user_agent)},
    {.name = "requests_per_second", .type = SCHEMA_INT, .offset = AT(config_http, requests_per_second),
        .min = 1, .max = 1000},
    {.name = "connect_timeout", .type = SCHEMA_DURATION, .offset = AT(config_http, connect_timeout_ns),
        .default_value = "30 s", .min = SECOND, .max = 3600 * SECOND},
    {.name = "timeout", .type = SCHEMA_DURATION, .offset = AT(config_http, timeout_ns),
        .default_value = "60 s", .min = SECOND, .max = 3600 * SECOND},
    {.name = "media_origin", .type = SCHEMA_STRING, .offset = AT(config_http, media_origin)},
    {.name = "allow_http", .type = SCHEMA_BOOL, .offset = AT(config_http, allow_http),
        .default_value = "false"},
    {.name = NULL},
};

static const struct schema_field account_fields[] = {
    {.name = "source", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED,
        .offset = AT(config_account, source)},
    {.name = "preset", .type = SCHEMA_NAME, .offset = AT(config_account, preset)},
    {.name = "http", .type = SCHEMA_MAP, .offset = AT(config_account, http), .fields = http_fields},
    {.name = NULL},
};

const char *const config_plan_options[] = {"wifi_only", "min_battery_percent", "compress_media", "media_quality",
    "max_media_size", "incremental_only", NULL};

/* What is about media is checked here as well, so that it is right before there is a strategy for them. */
static const struct schema_field gate_fields[] = {
    {.name = "wifi_only", .type = SCHEMA_BOOL, .offset = AT(config_gates, wifi_only),
        .default_value = "true"},
    {.name = "min_battery_percent", .type = SCHEMA_INT,
        .offset = AT(config_gates, min_battery_percent), .default_value = "20", .max = 100},
    {.name = "compress_media", .type = SCHEMA_BOOL, .flags = SCHEMA_KEEP,
        .offset = AT(config_gates, compress_media),
        .default_value = "true"},
    {.name = "media_quality", .type = SCHEMA_INT, .flags = SCHEMA_KEEP,
        .offset = AT(config_gates, media_quality),
        .default_value = "80", .min = 1, .max = 100},
    {.name = "max_media_size", .type = SCHEMA_SIZE, .flags = SCHEMA_KEEP,
        .offset = AT(config_gates, max_media_size),
        .default_value = "100 MB", .min = 1, .max = INT64_MAX},
    {.name = "incremental_only", .type = SCHEMA_BOOL,
        .offset = AT(config_gates, incremental_only), .default_value = "true"},
    {.name = NULL},
};

static const struct schema_field retry_fields[] = {
    {.name = "max_attempts", .type = SCHEMA_INT, .offset = AT(config_retry, max_attempts),
        .default_value = "8", .min = 1, .max = 1000},
    {.name = "backoff", .type = SCHEMA_ENUM, .offset = AT(config_retry, backoff),
        .default_value = "exponential", .words = backoff_words},
    {.name = "initial", .type = SCHEMA_DURATION, .offset = AT(config_retry, initial_ns),
        .default_value = "30 s", .min = SECOND, .max = 7 * DAY},
    {.name = "maximum", .type = SCHEMA_DURATION, .offset = AT(config_retry, maximum_ns),
        .default_value = "5 h", .min = SECOND, .max = 30 * DAY},
    {.name = NULL},
};

static const struct schema_field plan_fields[] = {
    {.name = "repository", .type = SCHEMA_STRING, .offset = AT(plan_text, repository)},
    {.name = "accounts", .type = SCHEMA_NAMES, .offset = AT(plan_text, accounts)},
    {.name = "types", .type = SCHEMA_SET, .offset = AT(plan_text, plan.types),
        .words = type_words},
    {.name = "schedule", .type = SCHEMA_CRON, .offset = AT(plan_text, plan.schedule)},
    {.name = "options", .type = SCHEMA_MAP, .flags = SCHEMA_OPEN, .offset = AT(plan_text, plan.options),
        .fields = gate_fields, .others = AT(config_gates, others)},
    {.name = "retry", .type = SCHEMA_MAP, .offset = AT(plan_text, plan.retry),
        .fields = retry_fields},
    {.name = NULL},
};

/* "plan everything", and a problem where the name is none. */
static const char *
config_where(const struct schema_reader *reader, const struct node *node, const char *what)
{
	struct problem_word word;

	if (!scalar_is_name(node->key))
		(void)problem_add(reader->list, node->key_mark,
		    "%s is no name for %s %s (a lower-case letter, then at most 31 of a-z 0-9 _ -)",
		    node->key[0] != '\0' ? problem_quote(&word, node->key) : "\"\"",
		    what[0] == 'a' ? "an" : "a", what);
	return arena_printf(reader->list->arena, "%s %s", what, problem_quote(&word, node->key));
}

/* The section's map, or NULL where it is missing, empty or wrong. */
static const struct node *
config_section(const struct schema_reader *reader, const struct node *root, const char *name)
{
	const struct node *section = node_get(root, name);

	if (section == NULL || !schema_is_map(reader, section, name))
		return NULL;
	return section->count > 0 ? section : NULL;
}

static void
config_check_password(
    const struct schema_reader *reader, const struct node *node, const char *where)
{
	const struct node *file = node_get(node, "password_file");
	const struct node *command = node_get(node, "password_command");
	const struct node *key;

	if (file != NULL && command != NULL)
		(void)problem_add(reader->list, command->key_mark,
		    "%s: both password_file and password_command; leave one of the two out", where);
	if (file != NULL || command != NULL)
		return;
	for (key = node->first; key != NULL; key = key->next) {
		/* What is wrong has been said already, or is said here about the mistyped key. */
		if (schema_is_secret(key->key))
			return;
		if (nearest_in(key->key,
		        (const char *const[]){"password_file", "password_command", NULL}) == NULL)
			continue;
		(void)problem_add(reader->list, key->key_mark,
		    "%s: password_file or password_command is missing; did you mean it with %s?", where,
		    key->key);
		return;
	}
	(void)problem_add(reader->list, node->key_mark,
	    "%s: password_file or password_command is missing", where);
}

static void
config_read_repositories(
    const struct schema_reader *reader, const struct node *root, struct config *config)
{
	const struct node *node, *section = config_section(reader, root, "repositories");
	struct config_repository *repository;

	if (section == NULL)
		return;
	repository = arena_alloc(&config->arena, section->count * sizeof(*repository));
	if (repository == NULL)
		return;
	config->repositories = repository;
	for (node = section->first; node != NULL; node = node->next, repository++) {
		const char *where = config_where(reader, node, "repository");

		config->repository_count++;
		repository->name = node->key;
		repository->mark = node->key_mark;
		if (where == NULL || !schema_is_map(reader, node, where))
			continue;
		schema_read(reader, node, where, repository_fields, repository, &repository->options);
		config_check_password(reader, node, where);
		if (repository->password.file != NULL || repository->password.command != NULL)
			repository->password_mark = node_get(node, repository->password.file != NULL ?
			    "password_file" : "password_command")->mark;
		if (repository->storage != NULL)
			repository->storage_mark = node_get(node, "storage")->mark;
	}
}

/* The value's place, for a key that is there. */
static struct mark
config_http_mark(const struct node *account, const char *key)
{
	return node_get(node_get(account, "http"), key)->mark;
}

/* What libcurl would otherwise find out in the middle of a run, and a password that belongs into no file. */
static void
config_check_http(const struct schema_reader *reader, const struct node *account, const struct config_http *http)
{
	static const char *const schemes[] = {
	    "http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://", NULL};
	const char *const *scheme = schemes;
	const char *c;

	if (http->proxy != NULL && strcmp(http->proxy, "none") != 0) {
		while (*scheme != NULL && strncmp(http->proxy, *scheme, strlen(*scheme)) != 0)
			scheme++;
		if (*scheme == NULL || http->proxy[strlen(*scheme)] == '\0')
			(void)problem_add(reader->list, config_http_mark(account, "proxy"),
			    "proxy: neither none nor a URL such as http://proxy.example:3128 or "
			    "socks5h://127.0.0.1:9050");
		else if (strchr(http->proxy, '@') != NULL)
			(void)problem_add(reader->list, config_http_mark(account, "proxy"),
			    "proxy: an address with a user in it; no secret belongs into this file");
	}
	for (c = http->user_agent != NULL ? http->user_agent : ""; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
			(void)problem_add(reader->list, config_http_mark(account, "user_agent"),
			    "user_agent: only printable ASCII characters are allowed");
			break;
		}
	}
}

static void
config_read_accounts(
    const struct schema_reader *reader, const struct node *root, struct config *config)
{
	const struct node *node, *section = config_section(reader, root, "accounts");
	struct config_account *account;

	if (section == NULL)
		return;
	account = arena_alloc(&config->arena, section->count * sizeof(*account));
	if (account == NULL)
		return;
	config->accounts = account;
	for (node = section->first; node != NULL; node = node->next, account++) {
		const char *where = config_where(reader, node, "account");

		config->account_count++;
		account->name = node->key;
		account->mark = node->key_mark;
		if (where == NULL || !schema_is_map(reader, node, where))
			continue;
		schema_read(reader, node, where, account_fields, account, &account->options);
		if (account->source != NULL)
			account->source_mark = node_get(node, "source")->mark;
		if (account->preset != NULL)
			account->preset_mark = node_get(node, "preset")->mark;
		account->http.usual = node_get(node, "http") == NULL;
		config_check_http(reader, node, &account->http);
	}
}

static const struct config_repository *
config_find_repository(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->repository_count; i++) {
		if (strcmp(config->repositories[i].name, name) == 0)
			return &config->repositories[i];
	}
	return NULL;
}

const struct config_account *
config_account(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->account_count; i++) {
		if (strcmp(config->accounts[i].name, name) == 0)
			return &config->accounts[i];
	}
	return NULL;
}

static const char *
config_nearest_repository(const struct config *config, const char *name)
{
	struct nearest nearest = NEAREST_INIT(name);
	size_t i;

	for (i = 0; i < config->repository_count; i++)
		nearest_offer(&nearest, config->repositories[i].name);
	return nearest.best;
}

static void
config_link_repository(const struct schema_reader *reader, const struct node *node,
    const char *where, const struct config *config, struct plan_text *text)
{
	struct nearest_hint hint;
	struct problem_word word;

	if (text->repository != NULL) {
		text->plan.repository = config_find_repository(config, text->repository);
		if (text->plan.repository == NULL)
			(void)problem_add(reader->list, node_get(node, "repository")->mark,
			    "%s: there is no repository %s%s", where,
			    problem_quote(&word, text->repository),
			    nearest_hint(&hint, config_nearest_repository(config, text->repository)));
	} else if (node_get(node, "repository") == NULL && config->repository_count == 1) {
		text->plan.repository = config->repositories;
	} else if (node_get(node, "repository") == NULL && config->repository_count > 1) {
		(void)problem_add(reader->list, node->key_mark,
		    "%s: repository is missing; with more than one, a plan has to say which", where);
	}
}

static const struct config_account *
config_link_account(const struct schema_reader *reader, const char *where,
    const struct config *config, const struct schema_name *name)
{
	const struct config_account *account = config_account(config, name->text);
	struct nearest nearest = NEAREST_INIT(name->text);
	struct nearest_hint hint;
	size_t i;

	if (account != NULL)
		return account;
	for (i = 0; i < config->account_count; i++)
		nearest_offer(&nearest, config->accounts[i].name);
	(void)problem_add(reader->list, name->mark, "%s: there is no account %s%s", where, name->text,
	    nearest_hint(&hint, nearest.best));
	return NULL;
}

static void
config_link_accounts(const struct schema_reader *reader, const struct node *node,
    const char *where, const struct config *config, struct plan_text *text)
{
	const struct schema_names *names = &text->accounts;
	size_t i, n = names->items != NULL ? names->count : config->account_count;
	const struct config_account **accounts;

	accounts = arena_alloc(reader->list->arena, (n + 1) * sizeof(void *));
	if (accounts == NULL)
		return;
	for (i = 0; i < n; i++) {
		if (names->items != NULL)
			accounts[i] = config_link_account(reader, where, config, &names->items[i]);
		else
			accounts[i] = &config->accounts[i];
	}
	text->plan.accounts = accounts;
	text->plan.account_count = n;
	if (n == 0 && text->plan.types != CONFIG_DEVICE_INFO)
		(void)problem_add(reader->list, node->key_mark,
		    "%s: there is no account; add one under accounts, or write types: [device_info]",
		    where);
}

/* Whether the file has an unknown section that was meant to be this one; then it is said there, once. */
static bool
config_is_mistyped(const struct node *root, const char *name)
{
	const char *const names[] = {name, NULL};
	const struct schema_field *field;
	const struct node *node;

	if (node_get(root, name) != NULL)
		return false;
	for (node = root->first; node != NULL; node = node->next) {
		for (field = top_fields; field->name != NULL && strcmp(field->name, node->key) != 0; field++)
			;
		if (field->name == NULL && nearest_in(node->key, names) != NULL)
			return true;
	}
	return false;
}

static void
config_mark_types(const struct node *node, struct config_plan *plan)
{
	const struct node *list = node_get(node, "types"), *item;
	unsigned i;

	plan->types_named = list != NULL;
	for (item = list != NULL ? list->first : NULL; item != NULL; item = item->next) {
		for (i = 0; item->kind == NODE_TEXT && i < CONFIG_TYPES; i++) {
			if (strcmp(item->text, type_words[i]) == 0)
				plan->type_marks[i] = item->mark;
		}
	}
}

static void
config_check_retry(const struct schema_reader *reader, const struct node *node, const char *where,
    const struct config_retry *retry)
{
	char initial[SCALAR_FORMAT_SIZE], maximum[SCALAR_FORMAT_SIZE];
	const struct node *map = node_get(node, "retry");

	if (map == NULL || retry->initial_ns <= retry->maximum_ns)
		return;
	(void)problem_add(reader->list, map->key_mark,
	    "%s: retry waits at first %s, which is longer than the maximum of %s", where,
	    scalar_format_duration(retry->initial_ns, initial),
	    scalar_format_duration(retry->maximum_ns, maximum));
}

static void
config_read_plans(const struct schema_reader *reader, const struct node *root, struct config *config)
{
	const struct node *node, *section = config_section(reader, root, "plans");
	struct config_plan *plans;

	if (section == NULL)
		return;
	plans = arena_alloc(&config->arena, section->count * sizeof(*plans));
	if (plans == NULL)
		return;
	config->plans = plans;
	for (node = section->first; node != NULL; node = node->next) {
		const char *where = config_where(reader, node, "plan");
		struct plan_text text = {0};

		if (where == NULL || !schema_is_map(reader, node, where))
			continue;
		schema_read(reader, node, where, plan_fields, &text, NULL);
		config_mark_types(node, &text.plan);
		if (text.plan.schedule != NULL)
			text.plan.schedule_mark = node_get(node, "schedule")->mark;
		if (!config_is_mistyped(root, "repositories"))
			config_link_repository(reader, node, where, config, &text);
		if (!config_is_mistyped(root, "accounts"))
			config_link_accounts(reader, node, where, config, &text);
		config_check_retry(reader, node, where, &text.plan.retry);
		text.plan.name = node->key;
		text.plan.mark = node->key_mark;
		plans[config->plan_count++] = text.plan;
	}
}

/* A section that is not there, or has nothing in it. */
static void
config_check_section(const struct schema_reader *reader, const struct node *root, const char *name,
    const char *what)
{
	const struct node *node = node_get(root, name);

	if (node == NULL && config_is_mistyped(root, name))
		return;
	if (node == NULL)
		(void)problem_add(reader->list, root->mark, "%s is missing; at least one %s is needed",
		    name, what);
	else if (node_empty(node) || (node->kind == NODE_MAP && node->count == 0))
		(void)problem_add(reader->list, node->key_mark,
		    "%s is empty; at least one %s is needed", name, what);
}

static void
config_read(const struct schema_reader *reader, const struct node *root, struct config *config)
{
	if (!schema_is_map(reader, root, "the file"))
		return;
	schema_read(reader, root, "the file", top_fields, config, NULL);
	config_check_section(reader, root, "repositories", "repository");
	config_check_section(reader, root, "plans", "plan");
	config_read_repositories(reader, root, config);
	config_read_accounts(reader, root, config);
	config_read_plans(reader, root, config);
}

int
config_parse(const void *data, size_t size, const char *file, const char *folder,
    struct config **ret, struct config **ret_broken, struct hf_error *err)
{
	struct config *config = calloc(1, sizeof(*config));
	struct problem_list list = {0};
	struct schema_reader reader;
	struct node *root = NULL;
	int rc;

	if (config == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", file);
	config->file = list.file = arena_copy(&config->arena, file, strlen(file));
	config->folder = reader.folder = arena_copy(&config->arena, folder, strlen(folder));
	list.arena = &config->arena;
	reader.list = &list;
	if (config->file == NULL || config->folder == NULL) {
		rc = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", file);
		goto failed;
	}
	if (node_parse(data, size, &list, &root) == HF_OK)
		config_read(&reader, root, config);
	rc = problem_status(&list, err);
	if (rc == HF_OK) {
		*ret = config;
		return HF_OK;
	}
	config->problems = list.first;
	config->problem_count = list.count;
	config->repository_count = config->account_count = config->plan_count = 0;
	if (rc == HF_EINVAL && ret_broken != NULL) {
		*ret_broken = config;
		return rc;
	}
failed:
	config_free(config);
	return rc;
}

int
config_parse_options(const void *data, size_t size, const char *file, struct arena *arena,
    struct config_options *ret, struct hf_error *err)
{
	static const struct schema_field none[] = {{.name = NULL}};
	struct problem_list list = {.arena = arena, .file = arena_copy(arena, file, strlen(file))};
	const struct schema_reader reader = {&list, "/"};
	struct config_options options = {NULL, 0};
	struct config_option *items;
	struct node *root = NULL;
	size_t i;
	int rc;

	if (list.file == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", file);
	if (node_parse(data, size, &list, &root) == HF_OK && schema_is_map(&reader, root, "the file"))
		schema_read(&reader, root, "the file", none, NULL, &options);
	rc = problem_status(&list, err);
	items = rc == HF_OK ? arena_alloc(arena, (options.count + 1) * sizeof(*items)) : NULL;
	if (rc == HF_OK && items == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", file);
	for (i = 0; rc == HF_OK && i < options.count; i++) {
		items[i] = options.items[i];
		items[i].file = list.file;
	}
	if (rc == HF_OK)
		*ret = (struct config_options){items, options.count};
	return rc;
}

/* The file's folder, absolute, to be freed. */
static int
config_folder(const char *file, char **ret, struct hf_error *err)
{
	const char *slash = strrchr(file, '/');
	char *folder, *absolute;

	if (slash == NULL)
		folder = strdup(".");
	else
		folder = strndup(file, slash == file ? 1 : (size_t)(slash - file));
	if (folder == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", file);
	absolute = realpath(folder, NULL);
	free(folder);
	if (absolute == NULL)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s",
		    file, strerror(errno));
	*ret = absolute;
	return HF_OK;
}

/* Whoever can write the file can have any command run: password_command. */
static int
config_check_mode(const char *file, struct hf_error *err)
{
	struct shell_word word;
	struct stat st;

	if (stat(file, &st) != 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s",
		    file, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return hf_error_set(err, HF_EINVAL, EISDIR, "%s: a folder, not a file", file);
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IWOTH) != 0)
		return hf_error_set(err, HF_EPERM, 0,
		    "%s: everybody can write it (mode %04o); run: chmod o-w %s", file,
		    (unsigned)(st.st_mode & 07777), shell_quote(&word, file));
	return HF_OK;
}

int
config_load(
    const char *file, struct config **ret, struct config **ret_broken, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(NODE_MAX_FILE);
	char *folder = NULL;
	int rc;

	rc = config_check_mode(file, err);
	if (rc != HF_OK)
		return rc;
	rc = config_folder(file, &folder, err);
	if (folder == NULL)
		return rc;
	rc = path_read(file, NODE_MAX_FILE, &text, err);
	if (rc == HF_OK)
		rc = config_parse(text.data, text.size, file, folder, ret, ret_broken, err);
	buffer_release(&text);
	free(folder);
	return rc;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	arena_release(&config->arena);
	free(config);
}

static const struct config_plan *
config_find_plan(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->plan_count; i++) {
		if (strcmp(config->plans[i].name, name) == 0)
			return &config->plans[i];
	}
	return NULL;
}

int
config_plan(const struct config *config, const char *name, const struct config_plan **ret,
    struct hf_error *err)
{
	const struct config_plan *found = NULL;
	struct buffer names = BUFFER_INIT(300);
	struct nearest nearest = NEAREST_INIT(name != NULL ? name : "");
	struct nearest_hint hint;
	struct problem_word word;
	size_t i;

	if (name == NULL && config->plan_count == 1) {
		*ret = config->plans;
		return HF_OK;
	}
	if (name != NULL)
		found = config_find_plan(config, name);
	if (found != NULL) {
		*ret = found;
		return HF_OK;
	}
	for (i = 0; i < config->plan_count; i++) {
		nearest_offer(&nearest, config->plans[i].name);
		buffer_appendf(&names, "%s%s", i > 0 ? ", " : "", config->plans[i].name);
	}
	(void)hf_error_set(err, HF_EINVAL, 0, "%s: %s%s%s (plans: %s%s)", config->file,
	    name != NULL ? "there is no plan " : "more than one plan; name the one that is meant",
	    name != NULL ? problem_quote(&word, name) : "",
	    nearest_hint(&hint, name != NULL ? nearest.best : NULL),
	    names.size > 0 ? (const char *)names.data : "", names.failed != HF_OK ? ", ..." : "");
	buffer_release(&names);
	return HF_EINVAL;
}

int
config_repository(const struct config *config, const char *name,
    const struct config_repository **ret, struct hf_error *err)
{
	struct buffer names = BUFFER_INIT(300);
	const struct config_repository *found = NULL;
	struct nearest_hint hint;
	struct problem_word word;
	size_t i;

	if (name == NULL && config->repository_count == 1) {
		*ret = config->repositories;
		return HF_OK;
	}
	if (name != NULL)
		found = config_find_repository(config, name);
	if (found != NULL) {
		*ret = found;
		return HF_OK;
	}
	for (i = 0; i < config->repository_count; i++)
		buffer_appendf(&names, "%s%s", i > 0 ? ", " : "", config->repositories[i].name);
	(void)hf_error_set(err, HF_EINVAL, 0, "%s: %s%s%s (repositories: %s%s)", config->file,
	    name != NULL ? "there is no repository "
	                 : "more than one repository; name the one that is meant",
	    name != NULL ? problem_quote(&word, name) : "",
	    nearest_hint(&hint, name != NULL ? config_nearest_repository(config, name) : NULL),
	    names.size > 0 ? (const char *)names.data : "", names.failed != HF_OK ? ", ..." : "");
	buffer_release(&names);
	return HF_EINVAL;
}

const char *
config_type_name(unsigned index)
{
	return index < CONFIG_TYPES ? type_words[index] : NULL;
}

int
config_types_parse(const char *text, unsigned *ret, struct hf_error *err)
{
	struct nearest_hint hint;
	struct problem_word word, name;
	unsigned types = 0, i;
	size_t n;

	for (;; text += n + 1) {
		n = strcspn(text, ",");
		for (i = 0; i < CONFIG_TYPES; i++) {
			if (strlen(type_words[i]) == n && memcmp(type_words[i], text, n) == 0)
				break;
		}
		if (i == CONFIG_TYPES) {
			(void)snprintf(name.text, sizeof(name.text), "%.*s", n < 40 ? (int)n : 40, text);
			return hf_error_set(err, HF_EINVAL, 0,
			    "\"%s\" is not one of chats, media, contacts, device_info%s",
			    problem_quote(&word, name.text),
			    nearest_hint(&hint, nearest_in(name.text, type_words)));
		}
		types |= 1u << i;
		if (text[n] == '\0')
			break;
	}
	*ret = types;
	return HF_OK;
}

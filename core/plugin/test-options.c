/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "plugin/host.h"
#include "plugin/options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY(type, flags, name, def, min, max)                                                    \
	{sizeof(struct hf_option), (type), (flags), 1, (name), "help", (def), (min), (max)}

enum { FOLDER, LABEL, COUNT, LIMIT, PAUSE, QUICK, TOKEN };
static const struct hf_option table[] = {
    ENTRY(HF_OPTION_PATH, HF_OPTION_REQUIRED, "folder", NULL, 0, 0),
    ENTRY(HF_OPTION_STRING, 0, "label", NULL, 0, 0),
    ENTRY(HF_OPTION_INT, 0, "count", "3", -5, 10),
    ENTRY(HF_OPTION_SIZE, 0, "limit", "100 MB", 1000, 5000000000),
    ENTRY(HF_OPTION_DURATION, 0, "pause", NULL, 0, 0),
    ENTRY(HF_OPTION_BOOL, 0, "quick", "false", 0, 0),
    ENTRY(HF_OPTION_STRING, HF_OPTION_SECRET, "token", NULL, 0, 0),
    {0},
};

static const struct options_place place = {"c.yaml", "/base", {7, 3}};
static struct hf_error err;

/* Parses up to three options, which stand in lines 10, 11, 12. */
static int
parse(const char *const texts[], size_t count, struct options **options)
{
	struct config_option items[3];
	struct config_options given = {items, count};
	size_t i;

	for (i = 0; i < count; i++) {
		items[i] = (struct config_option){texts[2 * i], texts[2 * i + 1], false,
		    10 + (unsigned)i, 20, 10 + (unsigned)i, 5, NULL, 0, NULL};
	}
	err.msg[0] = '\0';
	return options_parse(table, &place, &given, options, &err);
}

/* The message for a second option that is wrong. */
static const char *
message(const char *name, const char *text)
{
	const char *const texts[] = {"folder", "/f", name, text};
	struct options *options = NULL;

	CU_ASSERT_EQUAL(parse(texts, 2, &options), HF_EINVAL);
	CU_ASSERT_PTR_NULL(options);
	options_free(options);
	return err.msg;
}

/* What the options are of stands behind the place. */
static void
test_where(void)
{
	struct config_option item = {"lable", "x", false, 10, 20, 10, 5, NULL, 0, NULL};
	const struct config_options given = {&item, 1};
	const struct options_place nowhere = {NULL, "/base", {7, 3}};
	struct options *options = NULL;

	CU_ASSERT_EQUAL(options_parse_in("account work", table, &place, &given, &options, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "c.yaml:10:5: account work: unknown option lable, did you mean label?");
	CU_ASSERT_EQUAL(options_parse_in("account work", table, &nowhere, NULL, &options, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "account work: folder is missing (help)");
	CU_ASSERT_PTR_NULL(options);
}

static void
test_table(void)
{
	const char *const texts[] = {"pause", "30 s", "folder", "sub/x", "token_file", "secret"};
	struct options *options = NULL;

	CU_ASSERT_EQUAL_FATAL(parse(texts, 3, &options), HF_OK);
	CU_ASSERT_EQUAL(options->count, 7);
	CU_ASSERT_STRING_EQUAL(options->values[FOLDER].text, "/base/sub/x");
	CU_ASSERT_EQUAL(options->values[FOLDER].type, HF_OPTION_PATH);
	CU_ASSERT_EQUAL(options->values[LABEL].set, 0);
	CU_ASSERT_PTR_NULL(options->values[LABEL].text);
	CU_ASSERT_EQUAL(options->values[COUNT].number, 3);
	CU_ASSERT_EQUAL(options->values[LIMIT].number, 100000000);
	CU_ASSERT_EQUAL(options->values[PAUSE].number, INT64_C(30000000000));
	CU_ASSERT_EQUAL(options->values[QUICK].set, 1);
	CU_ASSERT_EQUAL(options->values[QUICK].number, 0);
	/* The plugin learns that there is a secret, and neither it nor where it is. */
	CU_ASSERT_EQUAL(options->values[TOKEN].set, 1);
	CU_ASSERT_PTR_NULL(options->values[TOKEN].text);
	CU_ASSERT_STRING_EQUAL(options->secrets[TOKEN].file, "/base/secret");
	CU_ASSERT_PTR_NULL(options->secrets[TOKEN].command);
	options_free(options);
}

static void
test_wrong(void)
{
	struct options *options = NULL;

	CU_ASSERT_STRING_EQUAL(
	    message("lable", "x"), "c.yaml:11:5: unknown option lable, did you mean label?");
	CU_ASSERT_STRING_EQUAL(message("zzzzzz", "x"), "c.yaml:11:5: unknown option zzzzzz");
	CU_ASSERT_STRING_EQUAL(message("tokn_file", "x"),
	    "c.yaml:11:5: unknown option tokn_file, did you mean token_file?");
	CU_ASSERT_STRING_EQUAL(message("count", "11"),
	    "c.yaml:11:20: count: 11 is out of range; from -5 to 10 is allowed");
	CU_ASSERT_STRING_EQUAL(
	    message("count", "many"), "c.yaml:11:20: count: many is not a whole number");
	CU_ASSERT_STRING_EQUAL(message("limit", "6 GB"),
	    "c.yaml:11:20: limit: 6 GB is out of range; from 1 kB to 5 GB is allowed");
	CU_ASSERT_PTR_NOT_NULL(strstr(message("limit", "100"), "limit: 100 has no unit"));
	CU_ASSERT_STRING_EQUAL(
	    message("quick", "on"), "c.yaml:11:20: quick: on is neither true nor false");
	CU_ASSERT_STRING_EQUAL(message("folder", "/g"), "c.yaml:11:5: folder: is given twice");
	/* Somebody who writes the secret itself down does not find it in a log as well. */
	CU_ASSERT_PTR_NULL(strstr(message("token", "hunter2"), "hunter2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "token_file"));
	CU_ASSERT_PTR_NOT_NULL(strstr(message("token_file", ""), "is empty"));
	CU_ASSERT_EQUAL(options_parse(table, &place, NULL, &options, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "c.yaml:7:3: folder is missing (help)");
}

static void
test_quoted(void)
{
	struct config_option items[] = {
	    {"folder", "/f", true, 1, 1, 1, 1, NULL, 0, NULL}, {"quick", "true", true, 1, 1, 1, 1, NULL, 0, NULL}};
	struct config_options given = {items, 2};
	struct options *options = NULL;

	CU_ASSERT_EQUAL(options_parse(table, &place, &given, &options, &err), HF_EINVAL);
	items[1].quoted = false;
	CU_ASSERT_EQUAL_FATAL(options_parse(table, &place, &given, &options, &err), HF_OK);
	CU_ASSERT_EQUAL(options->values[QUICK].number, 1);
	options_free(options);
}

static void
test_tables(void)
{
	static const struct hf_option wanted[] = {
	    ENTRY(HF_OPTION_STRING, HF_OPTION_SECRET | HF_OPTION_REQUIRED, "key", NULL, 0, 0), {0}};
	static const struct hf_option bad[] = {ENTRY(HF_OPTION_INT, 0, "n", "x", 0, 0), {0}};
	static const struct hf_option later[] = {ENTRY(99, 0, "n", "x", 0, 0), {0}};
	struct config_option item = {"folder", "/f", false, 1, 1, 1, 1, NULL, 0, NULL};
	struct config_options given = {&item, 1};
	struct options *options = NULL;

	CU_ASSERT_EQUAL_FATAL(options_parse(NULL, &place, NULL, &options, &err), HF_OK);
	CU_ASSERT_EQUAL(options->count, 0);
	options_free(options);
	options = NULL;
	CU_ASSERT_EQUAL(options_parse(NULL, &place, &given, &options, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(options_parse(wanted, &place, NULL, &options, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "c.yaml:7:3: key_file or key_command is missing (help)");
	CU_ASSERT_EQUAL(options_parse(bad, &place, NULL, &options, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "the plugin's own default"));
	CU_ASSERT_EQUAL(options_parse(later, &place, NULL, &options, &err), HF_EINVAL);
	CU_ASSERT_PTR_NULL(options);
}

static const struct hf_option nested[] = {
    ENTRY(HF_OPTION_STRING, 0, "rooms.collection", "chats", 0, 0),
    ENTRY(HF_OPTION_STRING, HF_OPTION_LIST, "rooms.fields.text", NULL, 0, 0),
    ENTRY(HF_OPTION_PATH, HF_OPTION_LIST, "folders", "one", 0, 0),
    ENTRY(HF_OPTION_STRING, HF_OPTION_SECRET, "auth.token", NULL, 0, 0),
    {0},
};

/* What is wrong with one option of the nested table. */
static const char *
nested_message(const char *name, const char *text, const struct config_item *items, size_t count)
{
	struct config_option item = {name, text, false, 4, 9, 4, 3, items, count, NULL};
	const struct config_options given = {&item, 1};
	struct options *options = NULL;

	CU_ASSERT_EQUAL(options_parse(nested, &place, &given, &options, &err), HF_EINVAL);
	options_free(options);
	return err.msg;
}

static void
test_nested(void)
{
	struct config_option items[] = {{"rooms.collection", "groups", false, 1, 1, 1, 1, NULL, 0, NULL},
	    {"auth.token_file", "t", false, 1, 1, 1, 1, NULL, 0, NULL}};
	const struct config_options given = {items, 2};
	const struct config_item two[] = {{"a", {4, 10}}, {"$HOME/x", {4, 13}}};
	struct options *options = NULL;

	CU_ASSERT_EQUAL_FATAL(options_parse(nested, &place, &given, &options, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(options->values[0].text, "groups");
	CU_ASSERT_EQUAL(options->values[1].set, 0);
	CU_ASSERT_STRING_EQUAL(options->secrets[3].file, "/base/t");
	options_free(options);
	CU_ASSERT_STRING_EQUAL(nested_message("rooms.colection", "x", NULL, 0),
	    "c.yaml:4:3: unknown option rooms.colection, did you mean rooms.collection?");
	CU_ASSERT_STRING_EQUAL(nested_message("rooms", "x", NULL, 0),
	    "c.yaml:4:3: rooms is a map, with keys such as collection");
	CU_ASSERT_STRING_EQUAL(nested_message("folders.x", "x", NULL, 0), "c.yaml:4:3: folders is no map");
	CU_ASSERT_STRING_EQUAL(nested_message("auth.token", "x", NULL, 0), "c.yaml:4:3: auth.token: a secret does not "
	    "belong into the configuration; write auth.token_file or auth.token_command");
	CU_ASSERT_STRING_EQUAL(nested_message("rooms.collection", "", two, 2),
	    "c.yaml:4:9: rooms.collection: it is one value, not a list");
	CU_ASSERT_PTR_NOT_NULL(strstr(nested_message("folders", "", two, 2), "c.yaml:4:13: folders: "));
	/* In a file of its own. */
	items[0].name = "x";
	items[0].file = "p.yaml";
	CU_ASSERT_EQUAL(options_parse(nested, &place, &given, &options, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "p.yaml:1:1: unknown option x");
}

static void
test_list(void)
{
	const struct config_item two[] = {{"/a b", {1, 1}}, {"c", {1, 1}}};
	struct config_option items[] = {{"folders", "", false, 1, 1, 1, 1, two, 2, NULL},
	    {"rooms.fields.text", "just one", true, 1, 1, 1, 1, NULL, 0, NULL}};
	const struct config_options given = {items, 2};
	struct options *options = NULL;

	CU_ASSERT_EQUAL_FATAL(options_parse(nested, &place, &given, &options, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(options->values[2].text, "/a b\n/base/c\n");
	CU_ASSERT_EQUAL(options->values[2].number, 2);
	CU_ASSERT_STRING_EQUAL(options->values[1].text, "just one\n");
	CU_ASSERT_EQUAL(options->values[1].number, 1);
	options_free(options);
	/* None is a list as well, and not the default. */
	items[0].count = 0;
	CU_ASSERT_EQUAL_FATAL(options_parse(nested, &place, &given, &options, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(options->values[2].text, "");
	CU_ASSERT_EQUAL(options->values[2].number, 0);
	CU_ASSERT_EQUAL(options->values[2].set, 1);
	options_free(options);
	CU_ASSERT_EQUAL_FATAL(options_parse(nested, &place, NULL, &options, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(options->values[2].text, "/base/one\n");
	options_free(options);
	options = NULL;
	items[1].text = "two\nlines";
	CU_ASSERT_EQUAL(options_parse(nested, &place, &given, &options, &err), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "c.yaml:1:1: rooms.fields.text: an item of more than one line");
	CU_ASSERT_PTR_NULL(options);
}

struct got {
	char text[100];
	size_t size;
	int calls;
};

static int
got_write(void *ctx, const void *data, uint64_t size, struct hf_error *e)
{
	struct got *got = ctx;

	(void)e;
	CU_ASSERT_FATAL(size < sizeof(got->text));
	memcpy(got->text, data, size);
	got->text[size] = '\0';
	got->size = size;
	got->calls++;
	return HF_OK;
}

static void
test_secrets(void)
{
	const char *const both[] = {"folder", "/f", "token_file", "/t", "token_command", "pass x"};
	char path[] = "/tmp/holdfast-secret-XXXXXX";
	const char *file[] = {"folder", "/f", "token_file", path};
	const char *const command[] = {"folder", "/f", "token_command", "echo two words"};
	struct got got = {{0}, 0, 0};
	struct hf_sink sink = {sizeof(sink), 0, &got, got_write};
	struct options *options = NULL;
	const struct hf_host *table_of;
	struct host *host = NULL;
	int fd;

	CU_ASSERT_EQUAL(parse(both, 3, &options), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "c.yaml:12:5: token_command"));
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "from a file\n", 12), 12);
	(void)close(fd);
	CU_ASSERT_EQUAL_FATAL(parse(file, 2, &options), HF_OK);
	CU_ASSERT_EQUAL_FATAL(host_open("home", NULL, options, table, &host, &err), HF_OK);
	table_of = host_table(host);
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, TOKEN, &sink, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(got.text, "from a file");
	/* An index that is no secret's, and one beyond the table, get nothing. */
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, FOLDER, &sink, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, 7, &sink, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, UINT32_MAX, &sink, &err), HF_EINVAL);
	/* It is read when it is asked for, so one that is gone is an error then. */
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, TOKEN, &sink, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(got.calls, 1);
	host_free(host);
	options_free(options);
	CU_ASSERT_EQUAL_FATAL(parse(command, 2, &options), HF_OK);
	CU_ASSERT_EQUAL_FATAL(host_open("home", NULL, options, table, &host, &err), HF_OK);
	table_of = host_table(host);
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, TOKEN, &sink, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(got.text, "two words");
	host_free(host);
	options_free(options);
	CU_ASSERT_EQUAL_FATAL(parse(both, 1, &options), HF_OK);
	CU_ASSERT_EQUAL_FATAL(host_open("home", NULL, options, table, &host, &err), HF_OK);
	table_of = host_table(host);
	CU_ASSERT_EQUAL(table_of->secret(table_of->ctx, TOKEN, &sink, &err), HF_ENOTFOUND);
	host_free(host);
	options_free(options);
}

/* What the host table passes on. */
struct seen {
	char text[2000];
	int32_t level;
	uint64_t done;
};

static void
seen_log(void *ctx, const char *instance, int32_t level, const char *msg)
{
	struct seen *seen = ctx;

	(void)snprintf(seen->text, sizeof(seen->text), "%s|%s", instance, msg);
	seen->level = level;
}

static int32_t
seen_stop(void *ctx)
{
	(void)ctx;
	return 1;
}

static int64_t
seen_deadline(void *ctx)
{
	(void)ctx;
	return 42;
}

static void
seen_progress(void *ctx, const char *instance, uint64_t done, uint64_t total, const char *unit)
{
	struct seen *seen = ctx;

	(void)snprintf(seen->text, sizeof(seen->text), "%s|%s|%d", instance, unit, (int)total);
	seen->done = done;
}

static void
test_host(void)
{
	struct seen seen = {{0}, 0, 0};
	struct host_services services = {.ctx = &seen, .log = seen_log, .stop_requested = seen_stop,
	    .deadline_ns = seen_deadline, .progress = seen_progress};
	const struct hf_host_json *json;
	const struct hf_host *t;
	struct host *host = NULL;
	static char long_message[5000];
	int64_t before;

	CU_ASSERT_EQUAL_FATAL(host_open("home", &services, NULL, NULL, &host, &err), HF_OK);
	t = host_table(host);
	CU_ASSERT_EQUAL(t->struct_size, sizeof(*t));
	hf_log(t, HF_LOG_WARNING, "x%d", 1);
	CU_ASSERT_STRING_EQUAL(seen.text, "home|x1");
	CU_ASSERT_EQUAL(seen.level, HF_LOG_WARNING);
	/* Not NUL-terminated, of any length, of any level. */
	t->log(t->ctx, 1000, "abcdef", 3);
	CU_ASSERT_STRING_EQUAL(seen.text, "home|abc");
	CU_ASSERT_EQUAL(seen.level, HF_LOG_DEBUG);
	memset(long_message, 'm', sizeof(long_message));
	t->log(t->ctx, -5, long_message, sizeof(long_message));
	CU_ASSERT_TRUE(strlen(seen.text) < 1100);
	CU_ASSERT_EQUAL(seen.level, HF_LOG_ERROR);
	CU_ASSERT_EQUAL(t->stop_requested(t->ctx), 1);
	CU_ASSERT_EQUAL(t->deadline_ns(t->ctx), 42);
	t->progress(t->ctx, 5, 10, "items");
	CU_ASSERT_STRING_EQUAL(seen.text, "home|items|10");
	CU_ASSERT_EQUAL(seen.done, 5);
	before = t->clock_ns(t->ctx);
	CU_ASSERT_TRUE(before > 0 && t->clock_ns(t->ctx) >= before);
	json = t->get_extension(t->ctx, HF_HOST_JSON);
	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	CU_ASSERT_TRUE(json != NULL && HF_HAS(json, measure));
	CU_ASSERT_TRUE(json != NULL && json->measure("[1]x", 4, NULL) == 3);
	CU_ASSERT_PTR_NULL(t->get_extension(t->ctx, "org.example.thing/1"));
	CU_ASSERT_EQUAL(host_set_extension("org.example.thing/1", &seen, &err), HF_OK);
	CU_ASSERT_PTR_EQUAL(t->get_extension(t->ctx, "org.example.thing/1"), &seen);
	CU_ASSERT_EQUAL(host_set_extension("org.example.thing/1", NULL, &err), HF_OK);
	CU_ASSERT_PTR_NULL(t->get_extension(t->ctx, "org.example.thing/1"));
	CU_ASSERT_PTR_NULL(t->get_extension(t->ctx, NULL));
	host_free(host);
	/* With nothing behind it the table still answers. */
	CU_ASSERT_EQUAL_FATAL(host_open("home", NULL, NULL, NULL, &host, &err), HF_OK);
	t = host_table(host);
	CU_ASSERT_EQUAL(t->stop_requested(t->ctx), 0);
	CU_ASSERT_EQUAL(t->deadline_ns(t->ctx), 0);
	t->progress(t->ctx, 1, 1, NULL);
	host_free(host);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"table", test_table}, {"where", test_where}, {"wrong", test_wrong},
	    {"quoted", test_quoted}, {"tables", test_tables}, {"nested", test_nested}, {"list", test_list}, {"secrets", test_secrets},
	    {"host", test_host}, CU_TEST_INFO_NULL};

	return unit_run("options", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "base/unit.h"
#include "plugin/preset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/holdfast-preset-XXXXXX";
static const struct config_option own[] = {{"path", "/mine", false, 4, 11, 4, 5, NULL, 0, NULL},
    {"rooms.query", "mine", false, 5, 20, 5, 13, NULL, 0, NULL}};
static const struct config config = {.file = "c.yaml", .folder = "/cfg"};
static struct config_account account;
static struct hf_error err;

static void
put(const char *name, const char *text)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/two/sqlite/%s", folder, name);
	CU_ASSERT_EQUAL(path_write(path, text, strlen(text), 0600, NULL), HF_OK);
}

static int
apply(const char *name, struct preset *preset)
{
	account = (struct config_account){.name = "work", .source = "sqlite", .preset = name, .options = {own, 2},
	    .preset_mark = {3, 13}};
	memset(&err, 0, sizeof(err));
	return preset_apply(&config, &account, preset, &err);
}

static void
test_merge(void)
{
	const struct config_options *options;
	struct preset preset;

	put("gajim.yaml", "a: 1\n");
	put("dino.yaml", "# a comment\nrooms:\n  query: theirs\n  kinds: [a, b]\npath: ~/x\n");
	CU_ASSERT_EQUAL_FATAL(apply("dino", &preset), HF_OK);
	options = &preset.options;
	CU_ASSERT_EQUAL_FATAL(options->count, 3);
	CU_ASSERT_STRING_EQUAL(options->items[0].text, "/mine");
	CU_ASSERT_STRING_EQUAL(options->items[1].text, "mine");
	CU_ASSERT_PTR_NULL(options->items[1].file);
	CU_ASSERT_STRING_EQUAL(options->items[2].name, "rooms.kinds");
	CU_ASSERT_EQUAL(options->items[2].count, 2);
	CU_ASSERT_EQUAL(options->items[2].name_line, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(options->items[2].file, "/two/sqlite/dino.yaml"));
	preset_release(&preset);
	/* Without one, the account's own. */
	CU_ASSERT_EQUAL_FATAL(apply(NULL, &preset), HF_OK);
	CU_ASSERT_PTR_EQUAL(preset.options.items, own);
	preset_release(&preset);
}

static void
test_wrong(void)
{
	struct preset preset;

	CU_ASSERT_EQUAL(apply("dinoo", &preset), HF_EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "c.yaml:3:13: account work: the source sqlite has no preset dinoo, did you mean "
	                                "dino? (presets: dino, gajim)");
	preset_release(&preset);
	put("bad.yaml", "rooms: {a: }\n");
	CU_ASSERT_EQUAL(apply("bad", &preset), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/two/sqlite/bad.yaml:1:12: rooms.a: the value is missing"));
	preset_release(&preset);
	put("bad.yaml", "[a]\n");
	CU_ASSERT_EQUAL(apply("bad", &preset), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/two/sqlite/bad.yaml:1:1: the file must be a map"));
	preset_release(&preset);
	put("bad.yaml", "a: &x 1\n");
	CU_ASSERT_EQUAL(apply("bad", &preset), HF_EINVAL);
	preset_release(&preset);
}

/* It is taken from nobody else: it can have a command run. */
static void
test_trust(void)
{
	struct preset preset;
	char path[200];

	put("shared.yaml", "a: 1\n");
	(void)snprintf(path, sizeof(path), "%s/two/sqlite/shared.yaml", folder);
	CU_ASSERT_EQUAL(chmod(path, 0666), 0);
	CU_ASSERT_EQUAL(apply("shared", &preset), HF_EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "other users may write to this file"));
	preset_release(&preset);
}

static void
test_list(void)
{
	const char *const *names = NULL;
	struct arena arena = {NULL, 0, 0};

	put("NotAName.yaml", "");
	put("readme.txt", "");
	CU_ASSERT_EQUAL_FATAL(preset_list("sqlite", &arena, &names, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(names[0], "bad");
	CU_ASSERT_STRING_EQUAL(names[1], "dino");
	CU_ASSERT_STRING_EQUAL(names[2], "gajim");
	CU_ASSERT_STRING_EQUAL(names[3], "shared");
	CU_ASSERT_PTR_NULL(names[4]);
	CU_ASSERT_EQUAL_FATAL(preset_list("other", &arena, &names, &err), HF_OK);
	CU_ASSERT_PTR_NULL(names[0]);
	arena_release(&arena);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"merge", test_merge}, {"wrong", test_wrong}, {"trust", test_trust},
	    {"list", test_list}, CU_TEST_INFO_NULL};
	char path[200], command[100];
	int status;

	if (mkdtemp(folder) == NULL)
		return 99;
	/* One directory is not there, and a relative one does not count. */
	(void)snprintf(path, sizeof(path), "%s/one:.:%s/two", folder, folder);
	(void)setenv("HOLDFAST_PRESET_PATH", path, 1);
	(void)snprintf(path, sizeof(path), "%s/two/sqlite", folder);
	if (path_make_directories(path, NULL) != HF_OK)
		return 99;
	status = unit_run("preset", tests);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? status : 99;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "config/locate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/holdfast-locate-XXXXXX";

static void
expect(const char *file, const char *expected)
{
	struct hf_error err = HF_ERROR_INIT;
	char *path = NULL;

	CU_ASSERT_EQUAL(config_locate(file, &path, &err), HF_OK);
	if (path != NULL)
		CU_ASSERT_STRING_EQUAL(path, expected);
	free(path);
}

static void
test_order(void)
{
	struct hf_error err = HF_ERROR_INIT;
	char path[120], home[120], *found = NULL;
	FILE *file;

	(void)setenv("HOLDFAST_CONFIG", "named.yaml", 1);
	expect("option.yaml", "option.yaml");
	expect(NULL, "named.yaml");
	(void)unsetenv("HOLDFAST_CONFIG");
	(void)setenv("HOME", folder, 1);
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)snprintf(home, sizeof(home), "%s/.config/holdfast/holdfast.yaml", folder);
	/* A system file would be found, where this machine has one. */
	if (access(SYSCONFDIR "/holdfast/holdfast.yaml", F_OK) != 0) {
		CU_ASSERT_EQUAL(config_locate(NULL, &found, &err), HF_ENOTFOUND);
		CU_ASSERT_PTR_NULL(found);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, home));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, SYSCONFDIR "/holdfast/holdfast.yaml"));
	}
	(void)snprintf(path, sizeof(path), "%s/.config", folder);
	(void)mkdir(path, 0700);
	(void)snprintf(path, sizeof(path), "%s/.config/holdfast", folder);
	(void)mkdir(path, 0700);
	file = fopen(home, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fclose(file);
	expect(NULL, home);
	(void)setenv("XDG_CONFIG_HOME", "relative", 1);
	expect(NULL, home);
	(void)snprintf(path, sizeof(path), "%s/.config", folder);
	(void)setenv("HOME", "/nonexistent", 1);
	(void)setenv("XDG_CONFIG_HOME", path, 1);
	expect(NULL, home);
	(void)unlink(home);
	(void)snprintf(path, sizeof(path), "%s/.config/holdfast", folder);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/.config", folder);
	(void)rmdir(path);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"order", test_order}, CU_TEST_INFO_NULL};
	int rc;

	if (mkdtemp(folder) == NULL)
		return 99;
	rc = unit_run("locate", tests);
	(void)rmdir(folder);
	return rc;
}

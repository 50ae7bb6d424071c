/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "base/unit.h"

static char top[64];

static void
expect_directory(const char *expected)
{
	struct stat status;
	struct hf_error err = HF_ERROR_INIT;
	char *directory = NULL, *path = path_join(top, expected);

	CU_ASSERT_EQUAL(state_directory(&directory, &err), HF_OK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(directory);
	CU_ASSERT_STRING_EQUAL(directory, path);
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
	free(directory);
	free(path);
}

static void
test_place(void)
{
	char *path = path_join(top, "own");
	char *directory = NULL;

	(void)unsetenv("HOLDFAST_STATE_DIR");
	(void)unsetenv("XDG_STATE_HOME");
	(void)setenv("HOME", top, 1);
	expect_directory(".local/state/holdfast");
	(void)setenv("XDG_STATE_HOME", "relative", 1);
	expect_directory(".local/state/holdfast");
	(void)setenv("XDG_STATE_HOME", top, 1);
	expect_directory("holdfast");
	(void)setenv("HOLDFAST_STATE_DIR", path, 1);
	expect_directory("own");
	(void)setenv("HOLDFAST_STATE_DIR", "relative", 1);
	CU_ASSERT_EQUAL(state_directory(&directory, NULL), HF_EINVAL);
	CU_ASSERT_PTR_NULL(directory);
	(void)setenv("HOLDFAST_STATE_DIR", path, 1);
	free(path);
}

static void
test_refused(void)
{
	char *path = path_join(top, "own"), *file = path_join(top, "file"), *directory = NULL;
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL(chmod(path, 0750), 0);
	CU_ASSERT_EQUAL(state_directory(&directory, &err), HF_EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "chmod 700"));
	CU_ASSERT_EQUAL(chmod(path, 0700), 0);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
		CU_ASSERT_EQUAL(state_directory(&directory, &err), HF_EPERM);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "belongs to user 12345"));
		CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
	}
	CU_ASSERT_EQUAL(path_write(file, "x", 1, 0600, NULL), HF_OK);
	CU_ASSERT_NOT_EQUAL(state_prepare(file, NULL), HF_OK);
	CU_ASSERT_PTR_NULL(directory);
	free(path);
	free(file);
}

static void
test_locks(void)
{
	char *path = path_join(top, "own"), number[32];
	struct hf_error err = HF_ERROR_INIT;
	int first = -1, second = -1, worker = -1, status = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(state_lock(path, &first, &err), HF_OK);
	CU_ASSERT_EQUAL(state_lock(path, &second, &err), HF_EBUSY);
	(void)snprintf(number, sizeof(number), "process %ld", (long)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, number));
	CU_ASSERT_EQUAL(second, -1);
	/* The worker's lock is another one. */
	CU_ASSERT_EQUAL(worker_lock(path, &worker, &err), HF_OK);
	(void)close(worker);
	(void)close(first);
	CU_ASSERT_EQUAL(state_lock(path, &first, &err), HF_OK);
	(void)close(first);
	/* A dead holder's lock is free. */
	pid = fork();
	if (pid == 0)
		_exit(state_lock(path, &first, NULL) == HF_OK ? 0 : 1);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_EQUAL(state_lock(path, &first, &err), HF_OK);
	(void)close(first);
	/* No symbolic link is followed. */
	free(path);
	path = path_join(top, "own/worker.lock");
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(symlink("/dev/null", path), 0);
	free(path);
	path = path_join(top, "own");
	CU_ASSERT_NOT_EQUAL(worker_lock(path, &worker, NULL), HF_OK);
	free(path);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"place", test_place}, {"refused", test_refused}, {"locks", test_locks},
	    CU_TEST_INFO_NULL};
	char command[128];
	int r;

	(void)snprintf(top, sizeof(top), "/tmp/test-state.XXXXXX");
	if (mkdtemp(top) == NULL)
		return 99;
	r = unit_run("state", tests);
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command) == 0 ? r : 99;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unit.h"

#define FILE_LIMIT 100000

/* Open in the process that tries things. */
static int file = -1;
static pid_t parent;

static bool
was_opened(int fd)
{
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

/* ---- what is denied: each returns true when it could be done ---- */

static bool
try_open(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	return was_opened(fd);
}

static bool
try_create(void)
{
	int fd = open("sandbox-created", O_WRONLY | O_CREAT, 0600);

	return was_opened(fd);
}

static bool
try_unlink(void)
{
	return unlink("sandbox-victim") == 0;
}

static bool
try_socket_inet(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return was_opened(fd);
}

static bool
try_socket_unix(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

static bool
try_fork(void)
{
	return fork() >= 0;
}

static bool
try_exec(void)
{
	char name[] = "true", *arguments[] = {name, NULL};

	/* What comes after it in this process's place would end with 0, as if this had returned true. */
	(void)execv("/bin/true", arguments);
	return false;
}

static bool
try_kill(void)
{
	return kill(parent, SIGCONT) == 0;
}

static bool
try_duplicate(void)
{
	return dup(file) >= 0;
}

/* ---- what has its limit ---- */

static bool
try_long_file(void)
{
	return pwrite(file, "x", 1, FILE_LIMIT) == 1;
}

static bool
try_memory(void)
{
	volatile char *data = malloc((size_t)600 << 20);

	if (data == NULL)
		return false;
	data[0] = 1;
	return true;
}

static bool
try_time(void)
{
	volatile bool on = true;

	while (on)
		continue;
	return true;
}

/* ---- what is needed ---- */

static bool
try_work(void)
{
	char byte;
	volatile char *data;
	int i;

	if (pwrite(file, "y", 1, FILE_LIMIT - 1) != 1 || pread(file, &byte, 1, FILE_LIMIT - 1) != 1 || byte != 'y')
		return false;
	for (i = 0; i < 200; i++) {
		data = malloc((size_t)i * 100000 + 1);
		if (data == NULL)
			return false;
		data[0] = 1;
		free((void *)(uintptr_t)data);
	}
	return true;
}

/*
 * Whether a process that has entered the sandbox could do it.  *ret_status is the process's end.
 */
static bool
confined(bool (*attempt)(void), rlim_t cpu, int *ret_status)
{
	const struct rlimit limit = {cpu, cpu};
	int null, status = 0;
	pid_t pid;

	parent = getpid();
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		/* What a sanitizer says of an end by force. */
		null = open("/dev/null", O_WRONLY);
		(void)dup2(null, 2);
		if ((cpu != RLIM_INFINITY && setrlimit(RLIMIT_CPU, &limit) != 0) || sandbox_prepare() != 0 ||
		    sandbox_enter(FILE_LIMIT) != 0)
			_exit(99);
		_exit(attempt() ? 0 : 1);
	}
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	/* It got as far as trying. */
	CU_ASSERT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 99);
	*ret_status = status;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Each can be done outside, so that the sandbox is what denies it. */
static bool
unconfined(bool (*attempt)(void))
{
	int status = 0;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0)
		_exit(attempt() ? 0 : 1);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
make_files(void)
{
	char path[] = "test-sandbox-XXXXXX";
	int victim;

	file = mkstemp(path);
	CU_ASSERT_FATAL(file >= 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
	victim = open("sandbox-victim", O_WRONLY | O_CREAT, 0600);
	CU_ASSERT_FATAL(victim >= 0);
	(void)close(victim);
}

static void
test_denied(void)
{
	bool (*const attempts[])(void) = {try_open, try_create, try_socket_inet, try_socket_unix, try_fork, try_kill,
	    try_duplicate, try_long_file};
	int status;
	size_t i;

	make_files();
	(void)unlink("sandbox-created");
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		CU_ASSERT_FALSE(confined(attempts[i], RLIM_INFINITY, &status));
	CU_ASSERT_FALSE(confined(try_exec, RLIM_INFINITY, &status));
	CU_ASSERT_EQUAL(access("sandbox-created", F_OK), -1);
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		CU_ASSERT_TRUE(unconfined(attempts[i]));
	CU_ASSERT_TRUE(unconfined(try_exec));
	(void)unlink("sandbox-created");
}

static void
test_allowed(void)
{
	int status;

	CU_ASSERT_TRUE(confined(try_work, RLIM_INFINITY, &status));
}

static void
test_limits(void)
{
	int status;

	CU_ASSERT_FALSE(confined(try_time, 1, &status));
	CU_ASSERT_TRUE(WIFSIGNALED(status));
#if !defined(__SANITIZE_ADDRESS__)
	CU_ASSERT_FALSE(confined(try_memory, RLIM_INFINITY, &status));
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_TRUE(unconfined(try_memory));
#else
	(void)try_memory;
#endif
}

/* Where the system can take it away; NetBSD cannot. */
static void
test_names(void)
{
	int status;

	if (confined(try_unlink, RLIM_INFINITY, &status))
		(void)printf("files can be removed by name on this system; ");
	else
		CU_ASSERT_EQUAL(access("sandbox-victim", F_OK), 0);
	(void)unlink("sandbox-victim");
}

int
main(void)
{
	CU_TestInfo tests[] = {{"denied", test_denied}, {"allowed", test_allowed}, {"limits", test_limits},
	    {"names", test_names}, CU_TEST_INFO_NULL};

	return unit_run("sandbox", tests);
}

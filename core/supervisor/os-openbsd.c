/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/os.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/sysctl.h>
#include <unistd.h>

/* The words the program was started with; to be freed.  sysctl(2), KERN_PROC_ARGS */
static char **
words(void)
{
	const int name[4] = {CTL_KERN, KERN_PROC_ARGS, (int)getpid(), KERN_PROC_ARGV};
	size_t size = 0;
	char **all = NULL;

	if (sysctl(name, 4, NULL, &size, NULL, 0) != 0)
		return NULL;
	all = malloc(size);
	if (all != NULL && sysctl(name, 4, all, &size, NULL, 0) != 0) {
		free(all);
		all = NULL;
	}
	return all;
}

/* Finds a command as the shell did that started it. */
static int
find_command(const char *command, char path[PATH_MAX])
{
	const char *at = getenv("PATH"), *end;

	for (; at != NULL; at = *end == ':' ? end + 1 : NULL) {
		end = at + strcspn(at, ":");
		(void)snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "./", command);
		if (access(path, X_OK) == 0)
			return 0;
	}
	errno = ENOENT;
	return -1;
}

/* No system call tells the path of a running program: its first word does, unless the folder was changed since. */
int
os_program(char *out, size_t size)
{
	char **all = words(), path[PATH_MAX], real[PATH_MAX];
	int r = -1;

	if (all == NULL)
		return -1;
	if (all[0] != NULL && strchr(all[0], '/') != NULL)
		r = snprintf(path, sizeof(path), "%s", all[0]) < (int)sizeof(path) ? 0 : -1;
	else if (all[0] != NULL)
		r = find_command(all[0], path);
	free(all);
	if (r != 0 || realpath(path, real) == NULL)
		return -1;
	if (strlen(real) >= size) {
		errno = ERANGE;
		return -1;
	}
	memcpy(out, real, strlen(real) + 1);
	return 0;
}

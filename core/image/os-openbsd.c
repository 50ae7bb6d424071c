/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/sandbox.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <unistd.h>

int
os_sandbox_prepare(void)
{
	return 0;
}

/* There is no limit of all addresses; malloc's memory counts as data. */
int
os_sandbox_limit_memory(uint64_t bytes)
{
	const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};

	return setrlimit(RLIMIT_DATA, &limit);
}

/* pledge(2): stdio has reading, writing and memory of data, but not opening, sockets or processes. */
int
os_sandbox_confine(void)
{
	return pledge("stdio", NULL);
}

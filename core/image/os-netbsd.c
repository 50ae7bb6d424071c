/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/sandbox.h"

#include <sys/types.h>
#include <sys/resource.h>

int
os_sandbox_prepare(void)
{
	return 0;
}

int
os_sandbox_limit_memory(uint64_t bytes)
{
	const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};

	return setrlimit(RLIMIT_AS, &limit);
}

/*
 * No process can give up what its user may do; but with no descriptor number left it opens neither file nor socket,
 * and it starts no process.
 */
int
os_sandbox_confine(void)
{
	const struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_NPROC, &none);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/sandbox.h"

#include <sys/types.h>
#include <sys/capsicum.h>
#include <sys/procctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>

/* procctl(2) */
int
os_sandbox_prepare(void)
{
	int off = PROC_TRACE_CTL_DISABLE;

	return procctl(P_PID, 0, PROC_TRACE_CTL, &off);
}

int
os_sandbox_limit_memory(uint64_t bytes)
{
	const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};

	return setrlimit(RLIMIT_AS, &limit);
}

/* capsicum(4): no name of any kind can be looked up any more; no process either, as RLIMIT_NPROC says. */
int
os_sandbox_confine(void)
{
	const struct rlimit none = {0, 0};
	int signal = SIGKILL;

	/* The helper is killed when it takes too long; the picture's process goes with it. */
	if (procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &signal) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
		return -1;
	return cap_enter();
}

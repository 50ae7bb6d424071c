/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/sandbox.h"

#include <sys/resource.h>

/* The address sanitizer reserves terabytes of addresses. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESSES_LIMITED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESSES_LIMITED 0
#endif
#endif
#ifndef ADDRESSES_LIMITED
#define ADDRESSES_LIMITED 1
#endif

static int
limit(int resource, uint64_t soft, uint64_t hard)
{
	struct rlimit now;

	if (getrlimit(resource, &now) != 0)
		return -1;
	if (now.rlim_max == RLIM_INFINITY || now.rlim_max > (rlim_t)hard)
		now.rlim_max = (rlim_t)hard;
	now.rlim_cur = now.rlim_max < (rlim_t)soft ? now.rlim_max : (rlim_t)soft;
	return setrlimit(resource, &now);
}

int
sandbox_prepare(void)
{
	return limit(RLIMIT_CORE, 0, 0) == 0 ? os_sandbox_prepare() : -1;
}

int
sandbox_enter(uint64_t file_max)
{
	/* The soft limit's signal says that it was time; the hard one's is the one of any other end. */
	if (limit(RLIMIT_CPU, SANDBOX_CPU_SECONDS, SANDBOX_CPU_SECONDS + 1) != 0 ||
	    limit(RLIMIT_FSIZE, file_max, file_max) != 0 || limit(RLIMIT_NOFILE, 0, 0) != 0)
		return -1;
	if (ADDRESSES_LIMITED && os_sandbox_limit_memory(SANDBOX_MEMORY) != 0)
		return -1;
	return os_sandbox_confine();
}

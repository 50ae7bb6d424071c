/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"

#include <time.h>

/* clock_gettime(2) */
int64_t
time_boot(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef JOB_RETRY_H
#define JOB_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_SECOND      INT64_C(1000000000)
#define RETRY_CRASHES_MAX 5u /* crashes without a new checkpoint that fail a job */

enum retry_backoff { RETRY_EXPONENTIAL, RETRY_LINEAR };

/* When a failed job is tried again.  Times are nanoseconds. */
struct retry_policy {
	enum retry_backoff backoff;
	uint32_t max_attempts;
	int64_t initial;
	int64_t maximum;
};

/* clang-format off */
#define RETRY_POLICY_INIT \
	{ RETRY_EXPONENTIAL, 8, 30 * RETRY_SECOND, 5 * 3600 * RETRY_SECOND }
/* clang-format on */

/*
 * The delay after attempt number attempts (1 is the first) has failed: linear d*n, exponential
 * d*2^(n-1), never over the maximum, and then 0 to 10 % more, as random says, so that many machines
 * do not come back at one moment.  The constants are those of androidx WorkManager.
 */
int64_t retry_delay(const struct retry_policy *policy, uint32_t attempts, uint32_t random);
/* Whether a job that failed with that many attempts made, and with an error of that kind, is tried again. */
bool retry_allowed(const struct retry_policy *policy, uint32_t attempts, bool transient);
/* Whether a job that crashed that often since its last checkpoint is started again. */
bool retry_after_crash(uint32_t crashes);

#endif

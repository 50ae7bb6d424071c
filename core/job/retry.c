/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "job/retry.h"

int64_t
retry_delay(const struct retry_policy *policy, uint32_t attempts, uint32_t random)
{
	int64_t delay = policy->initial > 0 ? policy->initial : 0;
	int64_t maximum = policy->maximum > 0 ? policy->maximum : 0;
	uint32_t n;

	/* Keeps the jitter's product inside int64_t: 26 years are more than anybody configures. */
	if (maximum > INT64_MAX / 11)
		maximum = INT64_MAX / 11;
	if (delay > maximum)
		delay = maximum;
	if (policy->backoff == RETRY_LINEAR) {
		if (attempts > 1 && delay > maximum / (int64_t)attempts)
			delay = maximum;
		else if (attempts > 1)
			delay *= (int64_t)attempts;
	} else {
		for (n = 1; n < attempts && delay > 0 && delay < maximum; n++)
			delay = delay > maximum / 2 ? maximum : delay * 2;
	}
	return delay + (int64_t)((double)delay * 0.1 * ((double)random / (double)UINT32_MAX));
}

bool
retry_allowed(const struct retry_policy *policy, uint32_t attempts, bool transient)
{
	return transient && attempts < policy->max_attempts;
}

bool
retry_after_crash(uint32_t crashes)
{
	return crashes < RETRY_CRASHES_MAX;
}

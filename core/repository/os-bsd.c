/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/origin.h"
#include "repository/target.h"

/*
 * No proof that a lock's holder is gone: the time the system was started at, and each process's, move on the BSDs when
 * the clock is set, so they prove nothing.  Without one a lock counts until it is old.
 */

void
origin_boot_id(char out[ORIGIN_PROOF_SIZE])
{
	out[0] = '\0';
}

void
origin_machine_id(char out[ORIGIN_PROOF_SIZE])
{
	out[0] = '\0';
}

void
origin_pid_space(char out[ORIGIN_PROOF_SIZE])
{
	out[0] = '\0';
}

bool
origin_process_start(pid_t pid, uint64_t *ret)
{
	(void)pid;
	(void)ret;
	return false;
}

bool
origin_process_ended(pid_t pid)
{
	(void)pid;
	return false;
}

int
target_openat(int directory, const char *name, int flags, mode_t mode)
{
	return target_openat_plain(directory, name, flags, mode);
}

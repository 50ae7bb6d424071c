/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_ORIGIN_H
#define REPOSITORY_ORIGIN_H

/* Who writes to the repository: names for people in keys and locks, proofs for stale locks. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ORIGIN_NAME_SIZE  256
#define ORIGIN_PROOF_SIZE 65

/* This machine's name and the user's; "" when unknown.  Both return out. */
const char *origin_hostname(char out[ORIGIN_NAME_SIZE]);
const char *origin_username(char out[ORIGIN_NAME_SIZE]);

/* ---- os-<system>.c: each fills "" or returns false where the system does not tell ---- */

/* Names one boot of the running kernel. */
void origin_boot_id(char out[ORIGIN_PROOF_SIZE]);
/* Names the machine, always the same; not for others' eyes as it is. */
void origin_machine_id(char out[ORIGIN_PROOF_SIZE]);
/* Names the space in which process ids count: containers each have their own. */
void origin_pid_space(char out[ORIGIN_PROOF_SIZE]);
/* When a process began, in the kernel's own units since boot. */
bool origin_process_start(pid_t pid, uint64_t *ret);
/* Whether a process has ended and its number only waits for its parent to ask. */
bool origin_process_ended(pid_t pid);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_SANDBOX_H
#define IMAGE_SANDBOX_H

#include <stdint.h>

#define SANDBOX_CPU_SECONDS 30
#define SANDBOX_MEMORY      ((uint64_t)512 << 20) /* of address space, or what of it the system can limit */

/* For the helper before it forks: nothing it or its children start gains rights, none leaves a core or is traced. */
int sandbox_prepare(void);
/*
 * For the process of one picture.  Afterwards it can use its memory and the descriptors that it has, and end; it
 * may write files of at most file_max bytes.  What else it tries fails or ends it, as the system has it.  0, or -1:
 * it is not confined and must not look at the picture.
 */
int sandbox_enter(uint64_t file_max);

/* ---- what each system has its own way for; in os-<system>.c ---- */

int os_sandbox_prepare(void);
int os_sandbox_limit_memory(uint64_t bytes);
int os_sandbox_confine(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DEVICE_INFO_OS_BSD_H
#define DEVICE_INFO_OS_BSD_H

#include <stdbool.h>

#include "os.h"

/* What the BSDs have alike, for their os-<system>.c; os-bsd.c also has what os.h asks for and they all answer so. */

/* A text of the sysctl(3) names below CTL_HW, as HW_MODEL; "": there is none. */
void bsd_text(int name, char out[FACT_SIZE]);
/* A number of them, of 32 or 64 bits; 0: there is none. */
uint64_t bsd_number(int name);
/*
 * Whether a mounted file system is the root, or local and of none of the types in others, which ends with NULL:
 * what is only in memory, shows a disk's data once more or is on a disc that never changes is local too.
 */
bool bsd_is_of_disk(const char *mount, const char *type, bool local, const char *const *others);

#endif

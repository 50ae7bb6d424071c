/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DEVICE_INFO_OS_H
#define DEVICE_INFO_OS_H

#include "facts.h"

/* What each system tells in its own way: os-<system>.c.  Text is "" and a number 0 where it does not. */

/* What the people who put the system together call it, if that says more than the kernel's name and release. */
void os_distribution(char out[FACT_SIZE]);
/* The processor's model. */
void os_processor(char out[FACT_SIZE]);
uint64_t os_processors(void);
/* Bytes of memory. */
uint64_t os_memory(void);
/* What the system as a whole is set to, whoever runs holdfast. */
void os_locale(char out[FACT_SIZE]);

/* One mounted file system.  source: what is mounted, "/dev/sda1".  free: what an ordinary user may fill. */
struct os_disk {
	const char *source, *mount, *type;
	uint64_t size, free; /* bytes */
};

typedef void (*os_disk_fn)(void *ctx, const struct os_disk *disk);
/*
 * Calls fn for each mounted file system that keeps data on a disk of this machine, and for the root whatever
 * it is on.  The same source may come several times.
 */
void os_disks(os_disk_fn fn, void *ctx);

#endif

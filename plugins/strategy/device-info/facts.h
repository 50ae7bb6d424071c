/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DEVICE_INFO_FACTS_H
#define DEVICE_INFO_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACT_SIZE  256
#define FACT_DISKS 32

/* A mounted file system on a disk of this machine. */
struct fact_disk {
	char mount[FACT_SIZE]; /* with parts that look like serial numbers as "*" */
	char type[32];
	uint64_t size; /* bytes */
	uint64_t free; /* coarse */
};

/* What is collected, and nothing else is.  Text is "" and a number 0 where the system does not tell. */
struct facts {
	char system[FACT_SIZE];       /* Linux, FreeBSD */
	char distribution[FACT_SIZE]; /* "Debian GNU/Linux 12 (bookworm)" */
	char kernel[FACT_SIZE];       /* its release */
	char machine[FACT_SIZE];      /* x86_64, amd64 */
	char processor[FACT_SIZE];    /* its model */
	uint64_t processors;          /* how many the system sees */
	uint64_t memory;              /* bytes, in steps of 16 MiB */
	char locale[FACT_SIZE];
	char time_zone[FACT_SIZE];
	struct fact_disk disks[FACT_DISKS]; /* by mount */
	size_t disk_count;
};

/* Asks the system. */
void facts_collect(struct facts *facts);

/* ---- parts of it ---- */

/* Replaces each component of a path that looks like the number of a volume with "*". */
void facts_mask(char *path);
/* The step in which the free space of a file system of that size is told: up to a sixteenth of it. */
uint64_t facts_step(uint64_t size);
/* Whether the size grows and shrinks with what is in it, as that of a ZFS dataset does. */
bool facts_size_varies(const struct fact_disk *disk);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "os.h"

#include <string.h>
#include <sys/types.h>
#include <sys/mount.h>
#include <sys/sysctl.h>

/* Written from sysctl(2), getmntinfo(3) and statfs(2). */

/* The kernel's name and release say it all. */
void
os_distribution(char out[FACT_SIZE])
{
	out[0] = '\0';
}

void
os_processor(char out[FACT_SIZE])
{
	const int name[2] = {CTL_HW, HW_MODEL};
	size_t size = FACT_SIZE;

	if (sysctl(name, 2, out, &size, NULL, 0) != 0)
		out[0] = '\0';
	out[FACT_SIZE - 1] = '\0';
}

uint64_t
os_processors(void)
{
	const int name[2] = {CTL_HW, HW_NCPU};
	int count = 0;
	size_t size = sizeof(count);

	return sysctl(name, 2, &count, &size, NULL, 0) == 0 && count > 0 ? (uint64_t)count : 0;
}

uint64_t
os_memory(void)
{
	const int name[2] = {CTL_HW, HW_PHYSMEM64};
	int64_t bytes = 0;
	size_t size = sizeof(bytes);

	return sysctl(name, 2, &bytes, &size, NULL, 0) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

/* There is none but the user's, in the environment. */
void
os_locale(char out[FACT_SIZE])
{
	out[0] = '\0';
}

/* MNT_LOCAL is also said of what is only in memory, or on a disc that never changes. */
static int
is_of_disk(const struct statfs *entry)
{
	static const char *const others[] = {"mfs", "tmpfs", "cd9660", "udf", "fuse"};
	size_t i;

	if (strcmp(entry->f_mntonname, "/") == 0)
		return 1;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(entry->f_fstypename, others[i]) == 0)
			return 0;
	}
	return (entry->f_flags & MNT_LOCAL) != 0;
}

void
os_disks(os_disk_fn fn, void *ctx)
{
	struct statfs *entries = NULL;
	int i, count = getmntinfo(&entries, MNT_NOWAIT);

	for (i = 0; i < count; i++) {
		const struct os_disk disk = {entries[i].f_mntfromname, entries[i].f_mntonname,
		    entries[i].f_fstypename, (uint64_t)entries[i].f_blocks * entries[i].f_bsize,
		    entries[i].f_bavail > 0 ? (uint64_t)entries[i].f_bavail * entries[i].f_bsize : 0};

		if (is_of_disk(&entries[i]))
			fn(ctx, &disk);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "os-bsd.h"

#include <sys/param.h>
#include <sys/ucred.h>
#include <sys/mount.h>
#include <sys/sysctl.h>

/* Written from sysctl(3), getmntinfo(3) and statfs(2). */

void
os_processor(char out[FACT_SIZE])
{
	bsd_text(HW_MODEL, out);
}

uint64_t
os_memory(void)
{
	return bsd_number(HW_PHYSMEM);
}

void
os_disks(os_disk_fn fn, void *ctx)
{
	static const char *const others[] = {"devfs", "fdescfs", "procfs", "linprocfs", "linsysfs", "tmpfs", "nullfs",
	    "unionfs", "autofs", "cd9660", "udf", "mqueuefs", NULL};
	struct statfs *entries = NULL;
	int i, count = getmntinfo(&entries, MNT_NOWAIT);

	for (i = 0; i < count; i++) {
		const struct os_disk disk = {entries[i].f_mntfromname, entries[i].f_mntonname,
		    entries[i].f_fstypename, (uint64_t)entries[i].f_blocks * entries[i].f_bsize,
		    entries[i].f_bavail > 0 ? (uint64_t)entries[i].f_bavail * entries[i].f_bsize : 0};

		if (bsd_is_of_disk(disk.mount, disk.type, (entries[i].f_flags & MNT_LOCAL) != 0, others))
			fn(ctx, &disk);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "os-bsd.h"

#include <sys/param.h>
#include <sys/types.h>
#include <sys/statvfs.h>
#include <sys/sysctl.h>

/* Written from sysctl(3), getmntinfo(3) and statvfs(5). */

/* hw.model names the kind of machine; the processor's own name is there on some of them. */
void
os_processor(char out[FACT_SIZE])
{
	size_t size = FACT_SIZE;

	if (sysctlbyname("machdep.cpu_brand", out, &size, NULL, 0) == 0 && size > 0)
		out[FACT_SIZE - 1] = '\0';
	else
		bsd_text(HW_MODEL, out);
}

uint64_t
os_memory(void)
{
	return bsd_number(HW_PHYSMEM64);
}

void
os_disks(os_disk_fn fn, void *ctx)
{
	static const char *const others[] = {"kernfs", "procfs", "ptyfs", "fdesc", "tmpfs", "mfs", "null", "union",
	    "umap", "overlay", "cd9660", "udf", NULL};
	struct statvfs *entries = NULL;
	int i, count = getmntinfo(&entries, ST_NOWAIT);

	for (i = 0; i < count; i++) {
		const struct os_disk disk = {entries[i].f_mntfromname, entries[i].f_mntonname,
		    entries[i].f_fstypename, (uint64_t)entries[i].f_blocks * entries[i].f_frsize,
		    (uint64_t)entries[i].f_bavail * entries[i].f_frsize};

		if (bsd_is_of_disk(disk.mount, disk.type, (entries[i].f_flag & ST_LOCAL) != 0, others))
			fn(ctx, &disk);
	}
}

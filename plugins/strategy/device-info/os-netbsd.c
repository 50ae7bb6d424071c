/* SPDX-License-Identifier: BSD-2-Clause */
#include "os.h"

#include <string.h>
#include <sys/types.h>
#include <sys/param.h>
#include <sys/statvfs.h>
#include <sys/sysctl.h>

/* Written from sysctl(3), getmntinfo(3) and statvfs(5). */

/* The kernel's name and release say it all. */
void
os_distribution(char out[FACT_SIZE])
{
	out[0] = '\0';
}

/* hw.model names the kind of machine; the processor's own name is there on some of them. */
void
os_processor(char out[FACT_SIZE])
{
	size_t size = FACT_SIZE;

	if (sysctlbyname("machdep.cpu_brand", out, &size, NULL, 0) == 0 && size > 0) {
		out[FACT_SIZE - 1] = '\0';
		return;
	}
	size = FACT_SIZE;
	if (sysctlbyname("hw.model", out, &size, NULL, 0) != 0)
		out[0] = '\0';
	out[FACT_SIZE - 1] = '\0';
}

uint64_t
os_processors(void)
{
	int count = 0;
	size_t size = sizeof(count);

	return sysctlbyname("hw.ncpu", &count, &size, NULL, 0) == 0 && count > 0 ? (uint64_t)count : 0;
}

uint64_t
os_memory(void)
{
	uint64_t bytes = 0;
	size_t size = sizeof(bytes);

	return sysctlbyname("hw.physmem64", &bytes, &size, NULL, 0) == 0 ? bytes : 0;
}

/* There is none but the user's, in the environment. */
void
os_locale(char out[FACT_SIZE])
{
	out[0] = '\0';
}

/* ST_LOCAL is also said of what is only in memory, or shows a disk's data once more. */
static int
is_of_disk(const struct statvfs *entry)
{
	static const char *const others[] = {"kernfs", "procfs", "ptyfs", "fdesc", "tmpfs", "mfs", "null", "union",
	    "umap", "overlay", "cd9660", "udf"};
	size_t i;

	if (strcmp(entry->f_mntonname, "/") == 0)
		return 1;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(entry->f_fstypename, others[i]) == 0)
			return 0;
	}
	return (entry->f_flag & ST_LOCAL) != 0;
}

void
os_disks(os_disk_fn fn, void *ctx)
{
	struct statvfs *entries = NULL;
	int i, count = getmntinfo(&entries, ST_NOWAIT);

	for (i = 0; i < count; i++) {
		const struct os_disk disk = {entries[i].f_mntfromname, entries[i].f_mntonname,
		    entries[i].f_fstypename, (uint64_t)entries[i].f_blocks * entries[i].f_frsize,
		    (uint64_t)entries[i].f_bavail * entries[i].f_frsize};

		if (is_of_disk(&entries[i]))
			fn(ctx, &disk);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "os.h"

#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/types.h>
#include <unistd.h>

#define LINE_SIZE 1024

/* ---- files of "name = value" lines ---- */

/* The value without white space and quotes around it; false: the line is about something else. */
static bool
value_of(const char *line, const char *name, char separator, char out[FACT_SIZE])
{
	size_t size = strlen(name);

	if (strncmp(line, name, size) != 0)
		return false;
	line += size;
	line += strspn(line, " \t");
	if (*line++ != separator)
		return false;
	line += strspn(line, " \t\"'");
	size = strlen(line);
	while (size > 0 && strchr(" \t\r\n\"'", line[size - 1]) != NULL)
		size--;
	(void)snprintf(out, FACT_SIZE, "%.*s", size < FACT_SIZE ? (int)size : FACT_SIZE - 1, line);
	return out[0] != '\0';
}

static bool
find_value(const char *path, const char *name, char separator, char out[FACT_SIZE])
{
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE];
	bool found = false;

	out[0] = '\0';
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = value_of(line, name, separator, out);
	(void)fclose(file);
	return found;
}

void
os_distribution(char out[FACT_SIZE])
{
	if (!find_value("/etc/os-release", "PRETTY_NAME", '=', out))
		(void)find_value("/usr/lib/os-release", "PRETTY_NAME", '=', out);
}

/* "Serial" in the same file is left alone. */
void
os_processor(char out[FACT_SIZE])
{
	static const char *const names[] = {"model name", "cpu model", "Processor", "cpu", "uarch"};
	size_t i;

	out[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (find_value("/proc/cpuinfo", names[i], ':', out))
			return;
	}
}

uint64_t
os_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	return n > 0 ? (uint64_t)n : 0;
}

uint64_t
os_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

void
os_locale(char out[FACT_SIZE])
{
	if (!find_value("/etc/locale.conf", "LANG", '=', out))
		(void)find_value("/etc/default/locale", "LANG", '=', out);
}

/* ---- disks ---- */

/* Whether a type of file system lies on a block device, as far as the kernel says; read-only images do not count. */
static bool
is_of_disk(const char *type)
{
	static const char *const images[] = {"squashfs", "iso9660", "udf", "erofs", "cramfs", "romfs"};
	FILE *file;
	char line[LINE_SIZE];
	bool found = false;
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		if (strcmp(type, images[i]) == 0)
			return false;
	}
	/* It brings its own devices. */
	if (strcmp(type, "zfs") == 0)
		return true;
	file = fopen("/proc/filesystems", "re");
	while (!found && file != NULL && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = line[0] == '\t' && strcmp(line + 1, type) == 0;
	}
	if (file != NULL)
		(void)fclose(file);
	return found;
}

static void
tell(const struct mntent *entry, os_disk_fn fn, void *ctx)
{
	struct os_disk disk = {entry->mnt_fsname, entry->mnt_dir, entry->mnt_type, 0, 0};
	struct statvfs vfs;
	struct stat st;

	if (strcmp(entry->mnt_dir, "/") != 0 && !is_of_disk(entry->mnt_type))
		return;
	/* Containers have single files mounted, too. */
	if (stat(entry->mnt_dir, &st) != 0 || !S_ISDIR(st.st_mode) || statvfs(entry->mnt_dir, &vfs) != 0)
		return;
	disk.size = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	disk.free = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	fn(ctx, &disk);
}

void
os_disks(os_disk_fn fn, void *ctx)
{
	FILE *file = setmntent("/proc/self/mounts", "re");
	struct mntent entry;
	char line[4 * LINE_SIZE];

	if (file == NULL)
		return;
	while (getmntent_r(file, &entry, line, sizeof(line)) != NULL)
		tell(&entry, fn, ctx);
	(void)endmntent(file);
}

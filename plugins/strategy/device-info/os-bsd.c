/* SPDX-License-Identifier: BSD-2-Clause */
#include "os-bsd.h"

#include <sys/types.h>
#include <sys/sysctl.h>

#include <string.h>

/* Written from sysctl(3) and sysctl(2). */

/* The kernel's name and release say it all. */
void
os_distribution(char out[FACT_SIZE])
{
	out[0] = '\0';
}

/* There is none but the user's: in the environment, or on FreeBSD in login.conf(5), by the class of the user. */
void
os_locale(char out[FACT_SIZE])
{
	out[0] = '\0';
}

uint64_t
os_processors(void)
{
	return bsd_number(HW_NCPU);
}

void
bsd_text(int name, char out[FACT_SIZE])
{
	const int names[2] = {CTL_HW, name};
	size_t size = FACT_SIZE;

	if (sysctl(names, 2, out, &size, NULL, 0) != 0)
		out[0] = '\0';
	out[FACT_SIZE - 1] = '\0';
}

uint64_t
bsd_number(int name)
{
	const int names[2] = {CTL_HW, name};
	uint64_t wide = 0;
	uint32_t narrow;
	size_t size = sizeof(wide);

	if (sysctl(names, 2, &wide, &size, NULL, 0) != 0)
		return 0;
	if (size != sizeof(narrow))
		return size == sizeof(wide) ? wide : 0;
	memcpy(&narrow, &wide, sizeof(narrow));
	return narrow;
}

bool
bsd_is_of_disk(const char *mount, const char *type, bool local, const char *const *others)
{
	if (strcmp(mount, "/") == 0)
		return true;
	for (; *others != NULL; others++) {
		if (strcmp(type, *others) == 0)
			return false;
	}
	return local;
}

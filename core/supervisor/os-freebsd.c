/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/os.h"

#include <sys/types.h>
#include <sys/sysctl.h>

/* sysctl(3), KERN_PROC_PATHNAME */
int
os_program(char *out, size_t size)
{
	const int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};

	return sysctl(name, 4, out, &size, NULL, 0);
}

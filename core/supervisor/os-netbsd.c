/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/os.h"

#include <sys/param.h>
#include <sys/sysctl.h>

/* sysctl(7), kern.proc_args */
int
os_program(char *out, size_t size)
{
	const int name[4] = {CTL_KERN, KERN_PROC_ARGS, -1, KERN_PROC_PATHNAME};

	return sysctl(name, 4, out, &size, NULL, 0);
}

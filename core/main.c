/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <stdio.h>

int
main(void)
{
	(void)fprintf(stderr, "holdfast %s\n", PACKAGE_VERSION);
	return 2;
}

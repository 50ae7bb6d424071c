/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat.h"

/* 0, as glibc's for a parameter that it does not know: only its malloc needs to be told to give memory back. */
int
mallopt(int parameter, int value)
{
	(void)parameter;
	(void)value;
	return 0;
}

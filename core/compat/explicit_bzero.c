/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <string.h>

/* A memset the compiler cannot know, so cannot leave out. */
static void *(*const volatile forget)(void *, int, size_t) = memset;

void
explicit_bzero(void *data, size_t size)
{
	(void)forget(data, 0, size);
}

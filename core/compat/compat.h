/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMPAT_H
#define COMPAT_H

/* What a libc may lack, one function a file.  The first include of every .c file in core. */
#include "config.h"

#include <stddef.h>

#ifndef HAVE_EXPLICIT_BZERO
void explicit_bzero(void *data, size_t size);
#endif
#ifndef HAVE_SECURE_GETENV
char *secure_getenv(const char *name);
#endif
#ifdef HAVE_MALLOPT
#include <malloc.h>
#else
#define M_TRIM_THRESHOLD (-1)
#define M_MMAP_THRESHOLD (-3)
int mallopt(int parameter, int value);
#endif

#endif

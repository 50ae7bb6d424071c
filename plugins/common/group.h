/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_GROUP_H
#define LIB_GROUP_H

#include <stddef.h>

/*
 * Groups in an array of structs of width bytes, each of which begins with a char * that names its group, and which
 * are sorted by that name: as the parts of a room are that lies in several files.
 */

/* How many structs are in the group of the one at a place, from that one on. */
size_t group_size(const void *array, size_t count, size_t width, size_t at);
/* How many structs are in a group, the first at *ret_at; the name need not end with a NUL.  0: there is none. */
size_t group_find(const void *array, size_t count, size_t width, const char *name, size_t size, size_t *ret_at);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "group.h"

#include <string.h>

static const char *
name_at(const void *array, size_t width, size_t at)
{
	const char *name;

	memcpy(&name, (const char *)array + at * width, sizeof(name));
	return name;
}

size_t
group_size(const void *array, size_t count, size_t width, size_t at)
{
	const char *name = name_at(array, width, at);
	size_t size = 1;

	while (at + size < count && strcmp(name, name_at(array, width, at + size)) == 0)
		size++;
	return size;
}

size_t
group_find(const void *array, size_t count, size_t width, const char *name, size_t size, size_t *ret_at)
{
	size_t low = 0, high = count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strncmp(name_at(array, width, middle), name, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	/* Those that only begin like it come behind it. */
	if (low == count || strncmp(name_at(array, width, low), name, size) != 0 ||
	    name_at(array, width, low)[size] != '\0')
		return 0;
	*ret_at = low;
	return group_size(array, count, width, low);
}

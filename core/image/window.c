/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/window.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void
window_init(struct window *window, int fd, uint64_t size)
{
	window->fd = fd;
	window->failed = 0;
	window->size = size;
	window->offset = 0;
	window->have = 0;
}

static void
fill(struct window *window, uint64_t offset)
{
	uint64_t left = window->size - offset;
	ssize_t n;

	do
		n = pread(window->fd, window->data, left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		window->failed = errno;
	window->offset = offset;
	window->have = n > 0 ? (size_t)n : 0;
}

size_t
window_see(struct window *window, uint64_t offset, const uint8_t **ret)
{
	if (offset >= window->size)
		return 0;
	if (offset < window->offset || offset - window->offset >= window->have)
		fill(window, offset);
	if (window->have == 0)
		return 0;
	*ret = window->data + (offset - window->offset);
	return window->have - (size_t)(offset - window->offset);
}

int
window_byte(struct window *window, uint64_t offset)
{
	const uint8_t *at;

	return window_see(window, offset, &at) > 0 ? *at : -1;
}

size_t
window_copy(struct window *window, uint64_t offset, void *out, size_t size)
{
	const uint8_t *at;
	size_t done, n;

	for (done = 0; done < size; done += n) {
		n = window_see(window, offset + done, &at);
		if (n == 0)
			break;
		if (n > size - done)
			n = size - done;
		memcpy((uint8_t *)out + done, at, n);
	}
	return done;
}

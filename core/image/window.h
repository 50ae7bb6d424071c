/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_WINDOW_H
#define IMAGE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define WINDOW_SIZE ((size_t)128 << 10)

/* A file seen through a buffer, read by offset: the descriptor's own position is left alone. */
struct window {
	int fd;
	int failed;      /* errno of a read that failed; the file then seems to end there */
	uint64_t size;   /* of the file, as far as it is to be read */
	uint64_t offset; /* of data's first byte */
	size_t have;
	uint8_t data[WINDOW_SIZE];
};

void window_init(struct window *window, int fd, uint64_t size);
/* How many bytes can be seen from offset on, at least one unless it is the end; *ret is valid until the next call. */
size_t window_see(struct window *window, uint64_t offset, const uint8_t **ret);
/* The byte at offset, or -1 at the end. */
int window_byte(struct window *window, uint64_t offset);
/* Copies size bytes; how many there were. */
size_t window_copy(struct window *window, uint64_t offset, void *out, size_t size);

#endif

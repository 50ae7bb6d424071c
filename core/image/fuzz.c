/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a picture: what the helper does with one, without the sandbox.  For libFuzzer (tests/fuzz/fuzz.sh), and
 * for core/image/test-fuzz, which puts the corpus through it.
 */
#include "compat/compat.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/layout.h"
#include "image/location.h"
#include "image/picture.h"

/* Larger ones only take time. */
#define PIXELS_MAX (1u << 18)
#define SCANS_MAX  12u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static int
open_scratch(void)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/fuzz-image-XXXXXX", folder != NULL ? folder : "/tmp");
	fd = mkstemp(path);
	check(fd >= 0 && unlink(path) == 0, "scratch file");
	return fd;
}

static void
strip(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	check(copy != NULL, "memory");
	memcpy(copy, data, size);
	/* What was found in EXIF is gone for good; nothing grows, which malloc's size says. */
	if (location_strip(copy, size) == LOCATION_REMOVED && copy[0] == 'E')
		check(location_strip(copy, size) == 0, "no location after its removal");
	free(copy);
}

static int
is_cheap(int fd, size_t size)
{
	static struct window window;
	struct layout layout;
	int cheap;

	memset(&layout, 0, sizeof(layout));
	window_init(&window, fd, size);
	(void)layout_read(&layout, &window);
	cheap = (uint64_t)layout.width * layout.height <= PIXELS_MAX && layout.scans <= SCANS_MAX;
	layout_release(&layout);
	return cheap;
}

static void
shrink(int in, int out, size_t size)
{
	struct picture_job job = {size, size % 7 == 0 ? 100 : (uint32_t)(size % 90 + 1), (uint32_t)size & 1};
	struct picture_reply reply;
	uint8_t start[2], end[2];

	picture_shrink(in, out, &job, &reply);
	check(reply.reason < IMAGE_REASON_COUNT && reply.os_errno == 0, "a reason");
	if (reply.reason == IMAGE_LOCATION_REMOVED)
		check(reply.new_size == size && job.flags != 0, "the same size without the location");
	if (reply.reason != IMAGE_RECOMPRESSED)
		return;
	check(reply.new_size > 4 && reply.new_size * 10 <= size * 9, "a tenth saved");
	check(pread(out, start, 2, 0) == 2 && start[0] == 0xff && start[1] == 0xd8, "a beginning");
	check(pread(out, end, 2, (off_t)reply.new_size - 2) == 2 && end[0] == 0xff && end[1] == 0xd9, "an end");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int in = -1, out = -1;

	if (in < 0) {
		in = open_scratch();
		out = open_scratch();
	}
	if (size == 0)
		return 0;
	strip(data, size);
	check(pwrite(in, data, size, 0) == (ssize_t)size, "a written file");
	if (is_cheap(in, size))
		shrink(in, out, size);
	return 0;
}

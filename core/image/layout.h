/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_LAYOUT_H
#define IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/reason.h"
#include "image/window.h"

#define LAYOUT_PIXELS_MAX   50000000u
#define LAYOUT_SCANS_MAX    100u
#define LAYOUT_SEGMENTS_MAX 4096u
#define LAYOUT_METADATA_MAX ((uint64_t)16 << 20)
#define LAYOUT_COMPONENTS   3

/* An APPn or COM segment before the first scan: what is carried over. */
struct layout_segment {
	uint64_t offset; /* of what follows the length */
	uint32_t size;   /* of it */
	uint32_t marker; /* 0xe0 to 0xef, 0xfe */
};

/* How a JPEG file is put together (ITU-T T.81, annex B). */
struct layout {
	uint32_t width, height; /* 0 before there is a frame header */
	uint32_t components;
	uint32_t scans;
	bool progressive;
	bool reached_scan; /* so segments are all that there are */
	bool others;       /* other pictures, or data, are in the file, which may tell what this one does */
	struct layout_segment *segments;
	size_t segment_count;
	uint64_t metadata; /* bytes of all segments */
};

/*
 * Walks through the whole file without decoding a coefficient.  IMAGE_RECOMPRESSED: nothing odd is to be seen;
 * else why it is to stay as it is.  What was seen up to there is in *layout either way, to be released.
 */
enum image_reason layout_read(struct layout *layout, struct window *file);
void layout_release(struct layout *layout);

#endif

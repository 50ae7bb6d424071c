/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/layout.h"

#include <stdlib.h>
#include <string.h>

/* Of ITU-T T.81, table B.1. */
enum {
	SOF0 = 0xc0, SOF1 = 0xc1, SOF2 = 0xc2, SOF3 = 0xc3, DHT = 0xc4, SOF5 = 0xc5, SOF7 = 0xc7, JPG = 0xc8,
	SOF9 = 0xc9, SOF10 = 0xca, SOF11 = 0xcb, DAC = 0xcc, SOF13 = 0xcd, SOF15 = 0xcf, RST0 = 0xd0,
	RST7 = 0xd7, SOI = 0xd8, EOI = 0xd9, SOS = 0xda, DQT = 0xdb, DNL = 0xdc, DRI = 0xdd, DHP = 0xde,
	EXP = 0xdf, APP0 = 0xe0, APP2 = 0xe2, APP15 = 0xef, COM = 0xfe
};

#define FRAME_HEADER 6 /* precision, height, width, components; then three bytes for each component */

struct walk {
	struct layout *layout;
	struct window *file;
	uint64_t at;
};

/* The marker that begins at walk->at, which then is behind it; -1: none is there. */
static int
next_marker(struct walk *walk)
{
	int byte = window_byte(walk->file, walk->at);

	if (byte != 0xff)
		return -1;
	/* Any number of fill bytes. */
	while (byte == 0xff)
		byte = window_byte(walk->file, ++walk->at);
	walk->at++;
	return byte > 0 ? byte : -1;
}

static bool
ended(const struct walk *walk)
{
	return walk->at >= walk->file->size;
}

/* A segment's length without its own two bytes; walk->at is then behind those; -1: it does not fit. */
static int
read_length(struct walk *walk)
{
	int high = window_byte(walk->file, walk->at), low = window_byte(walk->file, walk->at + 1), length;

	if (high < 0 || low < 0) {
		walk->at = walk->file->size;
		return -1;
	}
	length = (high << 8 | low) - 2;
	walk->at += 2;
	if (length >= 0 && (uint64_t)length > walk->file->size - walk->at) {
		walk->at = walk->file->size;
		return -1;
	}
	return length;
}

static enum image_reason
frame_kind(int marker)
{
	if (marker == SOF0 || marker == SOF1 || marker == SOF2)
		return IMAGE_RECOMPRESSED;
	if (marker == SOF3 || marker == SOF11)
		return IMAGE_LOSSLESS;
	if (marker == SOF9 || marker == SOF10)
		return IMAGE_ARITHMETIC;
	return IMAGE_HIERARCHICAL;
}

static enum image_reason
check_frame(const struct layout *layout, int precision)
{
	if (precision == 12)
		return IMAGE_TWELVE_BIT;
	/* Height 0 is told later, by DNL, which hardly anything can read. */
	if (precision != 8 || layout->width == 0 || layout->height == 0)
		return IMAGE_CORRUPT;
	if ((uint64_t)layout->width * layout->height > LAYOUT_PIXELS_MAX)
		return IMAGE_TOO_MANY_PIXELS;
	if (layout->components == 4)
		return IMAGE_CMYK;
	return layout->components == 1 || layout->components == LAYOUT_COMPONENTS ? IMAGE_RECOMPRESSED :
	                                                                            IMAGE_COLOUR_SPACE;
}

static enum image_reason
read_frame(struct walk *walk, int marker, size_t size)
{
	struct layout *layout = walk->layout;
	enum image_reason reason;
	uint8_t head[FRAME_HEADER];

	if (layout->components != 0 || size < FRAME_HEADER ||
	    window_copy(walk->file, walk->at, head, sizeof(head)) != sizeof(head))
		return IMAGE_CORRUPT;
	layout->height = (uint32_t)(head[1] << 8 | head[2]);
	layout->width = (uint32_t)(head[3] << 8 | head[4]);
	layout->components = head[5];
	layout->progressive = marker == SOF2;
	reason = frame_kind(marker);
	if (reason != IMAGE_RECOMPRESSED)
		return reason;
	if (layout->components == 0 || size != FRAME_HEADER + 3 * (size_t)layout->components)
		return IMAGE_CORRUPT;
	return check_frame(layout, head[0]);
}

static enum image_reason
keep_segment(struct walk *walk, int marker, size_t size)
{
	struct layout *layout = walk->layout;
	struct layout_segment *segments = layout->segments;
	char name[4];

	/* It would be lost between scans. */
	if (layout->reached_scan || layout->segment_count == LAYOUT_SEGMENTS_MAX ||
	    layout->metadata + size > LAYOUT_METADATA_MAX)
		return IMAGE_METADATA;
	if ((layout->segment_count & (layout->segment_count - 1)) == 0) {
		segments = realloc(segments, (layout->segment_count * 2 + 1) * sizeof(*segments));
		if (segments == NULL)
			return IMAGE_MEMORY;
		layout->segments = segments;
	}
	segments += layout->segment_count++;
	segments->offset = walk->at;
	segments->size = (uint32_t)size;
	segments->marker = (uint32_t)marker;
	layout->metadata += size;
	/* CIPA DC-007: where the other pictures are, counted from here. */
	if (marker == APP2 && size >= sizeof(name) &&
	    window_copy(walk->file, walk->at, name, sizeof(name)) == sizeof(name) && memcmp(name, "MPF", 4) == 0)
		layout->others = true;
	return IMAGE_RECOMPRESSED;
}

static enum image_reason
read_segment(struct walk *walk, int marker)
{
	enum image_reason reason = IMAGE_RECOMPRESSED;
	int size = read_length(walk);

	if (size < 0)
		return ended(walk) ? IMAGE_TRUNCATED : IMAGE_CORRUPT;
	if ((marker >= APP0 && marker <= APP15) || marker == COM)
		reason = keep_segment(walk, marker, (size_t)size);
	else if (marker == DAC)
		reason = IMAGE_ARITHMETIC;
	else if (marker == DHP || marker == EXP)
		reason = IMAGE_HIERARCHICAL;
	else if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG)
		reason = read_frame(walk, marker, (size_t)size);
	else if (marker != DHT && marker != DQT && marker != DRI)
		reason = IMAGE_CORRUPT;
	walk->at += (unsigned)size;
	return reason;
}

/* Over the coded data behind a scan's header, up to the next marker that does not belong to it. */
static void
skip_coded(struct walk *walk)
{
	const uint8_t *at, *found;
	size_t n;
	int byte;

	while ((n = window_see(walk->file, walk->at, &at)) > 0) {
		found = memchr(at, 0xff, n);
		if (found == NULL) {
			walk->at += n;
			continue;
		}
		walk->at += (uint64_t)(found - at);
		byte = window_byte(walk->file, walk->at + 1);
		if (byte == 0 || (byte >= RST0 && byte <= RST7))
			walk->at += 2;
		else if (byte == 0xff || byte < 0)
			walk->at++;
		else
			return;
	}
}

static enum image_reason
read_scan(struct walk *walk)
{
	struct layout *layout = walk->layout;
	int size = read_length(walk);

	if (size < 0)
		return ended(walk) ? IMAGE_TRUNCATED : IMAGE_CORRUPT;
	if (layout->components == 0)
		return IMAGE_CORRUPT;
	layout->reached_scan = true;
	layout->scans++;
	if (layout->scans > LAYOUT_SCANS_MAX)
		return IMAGE_TOO_MANY_SCANS;
	if (!layout->progressive && layout->scans > layout->components)
		return IMAGE_CORRUPT;
	walk->at += (unsigned)size;
	skip_coded(walk);
	return IMAGE_RECOMPRESSED;
}

static enum image_reason
read_end(const struct walk *walk)
{
	struct layout *layout = walk->layout;

	if (!ended(walk)) {
		/* A film, a second picture, a maker's own: it may refer to offsets in this file. */
		if (layout->others)
			return IMAGE_MULTI_PICTURE;
		layout->others = true;
		return IMAGE_TRAILING_DATA;
	}
	if (!layout->reached_scan)
		return IMAGE_TRUNCATED;
	return layout->others ? IMAGE_MULTI_PICTURE : IMAGE_RECOMPRESSED;
}

enum image_reason
layout_read(struct layout *layout, struct window *file)
{
	struct walk walk = {layout, file, 0};
	enum image_reason reason = IMAGE_RECOMPRESSED;
	int marker;

	memset(layout, 0, sizeof(*layout));
	if (next_marker(&walk) != SOI || walk.at != 2)
		return IMAGE_NOT_A_JPEG;
	while (reason == IMAGE_RECOMPRESSED) {
		marker = next_marker(&walk);
		if (marker == EOI)
			return read_end(&walk);
		if (marker < 0)
			reason = ended(&walk) ? IMAGE_TRUNCATED : IMAGE_CORRUPT;
		else if (marker == SOS)
			reason = read_scan(&walk);
		else
			reason = read_segment(&walk, marker);
	}
	return reason;
}

void
layout_release(struct layout *layout)
{
	free(layout->segments);
	layout->segments = NULL;
	layout->segment_count = 0;
}

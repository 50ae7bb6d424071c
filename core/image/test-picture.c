/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/unit.h"
#include "image/layout.h"
#include "image/test-make.h"

static int in = -1, out = -1, out_reading = -1;

static int
scratch(const char *name, int *ret_reading)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "test-picture-%s-XXXXXX", name);
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	if (ret_reading != NULL)
		*ret_reading = open(path, O_RDONLY);
	CU_ASSERT_EQUAL_FATAL(unlink(path), 0);
	return fd;
}

static void
test_files(void)
{
	in = scratch("in", NULL);
	out = scratch("out", &out_reading);
}

static struct picture_reply
shrink(const uint8_t *data, size_t size, uint32_t quality, uint32_t flags)
{
	struct picture_job job = {size, quality, flags};
	struct picture_reply reply;

	CU_ASSERT_EQUAL_FATAL(pwrite(in, data, size, 0), (ssize_t)size);
	picture_shrink(in, out, &job, &reply);
	CU_ASSERT_EQUAL(reply.os_errno, 0);
	CU_ASSERT_FATAL(reply.reason < IMAGE_REASON_COUNT);
	return reply;
}

static void
expect(const uint8_t *data, size_t size, enum image_reason reason)
{
	struct picture_reply reply = shrink(data, size, 80, 0);

	CU_ASSERT_STRING_EQUAL(image_reason_name((enum image_reason)reply.reason), image_reason_name(reason));
}

/* The new file, to be freed. */
static uint8_t *
result(const struct picture_reply *reply)
{
	uint8_t *data = malloc((size_t)reply->new_size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL_FATAL(pread(out, data, (size_t)reply->new_size, 0), (ssize_t)reply->new_size);
	return data;
}

static uint8_t *
make(unsigned side, int quality, J_COLOR_SPACE space, int h, int v, int progressive, size_t *ret_size)
{
	struct make what = {side, side * 3 / 4 + 1, quality, space, h, v, progressive, {{0, 0, NULL}}};

	return make_picture(&what, ret_size);
}

/* The same bytes, which are freed, with room for more. */
static uint8_t *
with_room(uint8_t *data, size_t size, size_t more)
{
	uint8_t *larger = malloc(size + more);

	CU_ASSERT_PTR_NOT_NULL_FATAL(larger);
	memcpy(larger, data, size);
	free(data);
	return larger;
}

/* Where a marker is, outside of coded data; fails the test when it is not there. */
static size_t
find_marker(const uint8_t *data, size_t size, int marker)
{
	size_t at = 2;

	while (at + 4 <= size && data[at] == 0xff && data[at + 1] != marker && data[at + 1] != 0xda)
		at += 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
	CU_ASSERT_FATAL(at + 4 <= size && data[at] == 0xff && data[at + 1] == marker);
	return at;
}

/* ---- what becomes smaller ---- */

static void
check_header(const uint8_t *data, size_t size, const uint8_t *old, size_t old_size)
{
	size_t at = find_marker(data, size, 0xc0), old_at = 2;

	while (old[old_at + 1] != 0xc0 && old[old_at + 1] != 0xc2)
		old_at += 2 + ((size_t)old[old_at + 2] << 8 | old[old_at + 3]);
	CU_ASSERT(old_at < old_size);
	/* Precision, size, and each component's identifier and sampling. */
	CU_ASSERT_EQUAL(memcmp(data + at + 4, old + old_at + 4, 6), 0);
	CU_ASSERT_EQUAL(memcmp(data + at + 10, old + old_at + 10, 2), 0);
	if (data[at + 9] == 3) {
		CU_ASSERT_EQUAL(memcmp(data + at + 13, old + old_at + 13, 2), 0);
		CU_ASSERT_EQUAL(memcmp(data + at + 16, old + old_at + 16, 2), 0);
	}
}

static void
test_smaller(void)
{
	static const struct {
		J_COLOR_SPACE space;
		int h, v, progressive;
	} kinds[] = {{JCS_YCbCr, 2, 2, 0}, {JCS_YCbCr, 1, 1, 0}, {JCS_YCbCr, 2, 1, 0}, {JCS_YCbCr, 1, 2, 0},
	    {JCS_YCbCr, 4, 1, 0}, {JCS_YCbCr, 2, 2, 1}, {JCS_YCbCr, 1, 1, 1}, {JCS_GRAYSCALE, 1, 1, 0},
	    {JCS_GRAYSCALE, 1, 1, 1}, {JCS_GRAYSCALE, 2, 2, 0}};
	static const unsigned sides[] = {64, 63, 65, 127, 300};
	struct picture_reply reply;
	uint8_t *data, *new;
	size_t i, k, size;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (k = 0; k < sizeof(sides) / sizeof(sides[0]); k++) {
			data = make(sides[k], 98, kinds[i].space, kinds[i].h, kinds[i].v, kinds[i].progressive, &size);
			reply = shrink(data, size, 60, 0);
			CU_ASSERT_EQUAL_FATAL(reply.reason, IMAGE_RECOMPRESSED);
			CU_ASSERT_EQUAL(reply.width, sides[k]);
			CU_ASSERT_EQUAL(reply.height, sides[k] * 3 / 4 + 1);
			CU_ASSERT(reply.new_size * 10 <= size * 9);
			new = result(&reply);
			check_header(new, (size_t)reply.new_size, data, size);
			/* It is what it was made to be, so a second time finds nothing to do. */
			expect(new, (size_t)reply.new_size, IMAGE_NOT_SMALLER);
			free(new);
			free(data);
		}
	}
}

static void
test_not_smaller(void)
{
	struct picture_reply reply;
	uint8_t *data;
	size_t size;

	data = make(200, 80, JCS_YCbCr, 2, 2, 0, &size);
	expect(data, size, IMAGE_NOT_SMALLER);
	reply = shrink(data, size, 30, 0);
	CU_ASSERT_EQUAL(reply.reason, IMAGE_RECOMPRESSED);
	free(data);
	/* Nearly all of it is headers, which stay. */
	data = make(1, 100, JCS_YCbCr, 1, 1, 0, &size);
	reply = shrink(data, size, 5, 0);
	CU_ASSERT_EQUAL(reply.reason, IMAGE_NOT_SMALLER);
	free(data);
}

/* ---- what is carried over ---- */

static uint8_t icc_a[600] = "ICC_PROFILE\0\1\2", icc_b[50] = "ICC_PROFILE\0\2\2", exif[] = {'E', 'x', 'i', 'f', 0, 0, 'M',
    'M', 0, 42, 0, 0, 0, 8, 0, 2, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38, 0, 0,
    0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0, 2, 'N', 0, 0, 0};
static const uint8_t xmp[] = "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta exif:GPSLatitude='51,2N'/>", comment[] = "seen";

static uint8_t *
make_with_segments(int quality, size_t *ret_size)
{
	struct make what = {300, 200, quality, JCS_YCbCr, 2, 2, 0,
	    {{0xe1, sizeof(exif), exif}, {0xe1, sizeof(xmp), xmp}, {0xe2, sizeof(icc_a), icc_a},
	        {0xe2, sizeof(icc_b), icc_b}, {0xfe, sizeof(comment), comment}, {0, 0, NULL}}};

	return make_picture(&what, ret_size);
}

/* Bytes of all segments from behind SOI up to the first that is no APPn or COM. */
static size_t
segments_size(const uint8_t *data, size_t size)
{
	size_t at = 2;

	while (at + 4 <= size && ((data[at + 1] & 0xf0) == 0xe0 || data[at + 1] == 0xfe))
		at += 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
	return at - 2;
}

static void
test_segments(void)
{
	struct picture_reply reply;
	size_t size, carried;
	uint8_t *data = make_with_segments(97, &size), *new;

	carried = segments_size(data, size);
	CU_ASSERT(carried > sizeof(icc_a) + sizeof(icc_b) + sizeof(exif) + sizeof(xmp));
	reply = shrink(data, size, 80, 0);
	CU_ASSERT_EQUAL_FATAL(reply.reason, IMAGE_RECOMPRESSED);
	CU_ASSERT_EQUAL(reply.flags, 0);
	new = result(&reply);
	CU_ASSERT_EQUAL(segments_size(new, (size_t)reply.new_size), carried);
	CU_ASSERT_EQUAL(memcmp(new + 2, data + 2, carried), 0);
	free(new);
	free(data);
}

static bool
has(const uint8_t *data, size_t size, const char *what)
{
	size_t n = strlen(what), i;

	for (i = 0; i + n <= size; i++) {
		if (memcmp(data + i, what, n) == 0)
			return true;
	}
	return false;
}

/* quality: of the picture, again: that is asked for; so whether it is also recompressed. */
static void
strip(int quality, uint32_t again, enum image_reason reason)
{
	struct picture_reply reply;
	size_t size, carried, i, changed = 0;
	uint8_t *data = make_with_segments(quality, &size), *new;

	carried = segments_size(data, size);
	reply = shrink(data, size, again, PICTURE_STRIP_LOCATION);
	CU_ASSERT_EQUAL_FATAL(reply.reason, reason);
	CU_ASSERT_EQUAL(reply.flags, 0);
	new = result(&reply);
	CU_ASSERT_EQUAL(segments_size(new, (size_t)reply.new_size), carried);
	CU_ASSERT_FALSE(has(new, carried, "GPSLatitude"));
	CU_ASSERT_TRUE(has(data, carried, "GPSLatitude"));
	for (i = 2; i < carried; i++)
		changed += new[i] != data[i];
	CU_ASSERT(changed > 20 && changed < 70);
	CU_ASSERT_TRUE(has(new, carried + 2, "seen"));
	if (reason == IMAGE_LOCATION_REMOVED) {
		CU_ASSERT_EQUAL(reply.new_size, size);
		CU_ASSERT_EQUAL(memcmp(new + 2 + carried, data + 2 + carried, size - carried - 2), 0);
	}
	/* Nothing is left to take out. */
	reply = shrink(new, (size_t)reply.new_size, again, PICTURE_STRIP_LOCATION);
	CU_ASSERT_EQUAL(reply.reason, again == 0 ? IMAGE_NOT_ASKED : IMAGE_NOT_SMALLER);
	CU_ASSERT_EQUAL(reply.flags, 0);
	free(new);
	free(data);
}

static void
test_strip(void)
{
	strip(97, 80, IMAGE_RECOMPRESSED);
	strip(75, 80, IMAGE_LOCATION_REMOVED);
	/* However much smaller it could be: not a bit of the picture changes. */
	strip(100, 0, IMAGE_LOCATION_REMOVED);
	strip(97, 0, IMAGE_LOCATION_REMOVED);
}

/* Where other data follows, the picture's own location goes, and the reply says that there may be more. */
static void
test_strip_odd(void)
{
	struct picture_reply reply;
	size_t size;
	uint8_t *data = make_with_segments(97, &size);

	data = with_room(data, size, 10);
	memset(data + size, 'x', 10);
	reply = shrink(data, size + 10, 80, PICTURE_STRIP_LOCATION);
	CU_ASSERT_EQUAL(reply.reason, IMAGE_LOCATION_REMOVED);
	CU_ASSERT_EQUAL(reply.new_size, size + 10);
	CU_ASSERT_EQUAL(reply.flags, PICTURE_LOCATION_LEFT);
	/* It ends before any scan: all is left. */
	reply = shrink(data, 800, 80, PICTURE_STRIP_LOCATION);
	CU_ASSERT_EQUAL(reply.reason, IMAGE_TRUNCATED);
	CU_ASSERT_EQUAL(reply.flags, PICTURE_LOCATION_LEFT);
	free(data);
}

/* ---- what is odd ---- */

static void
test_kinds(void)
{
	static const struct {
		int marker;
		enum image_reason reason;
	} frames[] = {{0xc3, IMAGE_LOSSLESS}, {0xc5, IMAGE_HIERARCHICAL}, {0xc7, IMAGE_HIERARCHICAL}, {0xc9, IMAGE_ARITHMETIC},
	    {0xca, IMAGE_ARITHMETIC}, {0xcb, IMAGE_LOSSLESS}, {0xcd, IMAGE_HIERARCHICAL}, {0xc8, IMAGE_CORRUPT},
	    {0xcc, IMAGE_ARITHMETIC}, {0xde, IMAGE_HIERARCHICAL}, {0xf0, IMAGE_CORRUPT}, {0xdc, IMAGE_CORRUPT}};
	size_t size, at, i;
	uint8_t *data;

	data = make(100, 97, JCS_CMYK, 0, 0, 0, &size);
	expect(data, size, IMAGE_CMYK);
	free(data);
	data = make(100, 97, JCS_RGB, 0, 0, 0, &size);
	expect(data, size, IMAGE_COLOUR_SPACE);
	free(data);
	data = make(100, 97, JCS_YCbCr, 3, 1, 0, &size);
	expect(data, size, IMAGE_SAMPLING);
	free(data);
	data = make(100, 97, JCS_YCbCr, 2, 2, 0, &size);
	at = find_marker(data, size, 0xc0);
	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		data[at + 1] = (uint8_t)frames[i].marker;
		expect(data, size, frames[i].reason);
	}
	data[at + 1] = 0xc0;
	data[at + 4] = 12;
	expect(data, size, IMAGE_TWELVE_BIT);
	data[at + 4] = 16;
	expect(data, size, IMAGE_CORRUPT);
	data[at + 4] = 8;
	expect(data, size, IMAGE_RECOMPRESSED);
	free(data);
	expect((const uint8_t *)"\x89PNG", 4, IMAGE_NOT_A_JPEG);
	expect((const uint8_t *)"\xff\xd8", 2, IMAGE_TRUNCATED);
	expect((const uint8_t *)"\xff\xd8\xff\xd9", 4, IMAGE_TRUNCATED);
}

static void
set_size(uint8_t *data, size_t size, int marker, unsigned width, unsigned height)
{
	size_t at = find_marker(data, size, marker);

	data[at + 5] = (uint8_t)(height >> 8);
	data[at + 6] = (uint8_t)height;
	data[at + 7] = (uint8_t)(width >> 8);
	data[at + 8] = (uint8_t)width;
}

/* Small files that claim to be large pictures. */
static void
test_bombs(void)
{
	size_t size;
	uint8_t *data = make(100, 97, JCS_YCbCr, 1, 1, 0, &size);

	set_size(data, size, 0xc0, 65500, 65500);
	expect(data, size, IMAGE_TOO_MANY_PIXELS);
	set_size(data, size, 0xc0, 50001, 1000);
	expect(data, size, IMAGE_TOO_MANY_PIXELS);
	set_size(data, size, 0xc0, 0, 1000);
	expect(data, size, IMAGE_CORRUPT);
	set_size(data, size, 0xc0, 1000, 0);
	expect(data, size, IMAGE_CORRUPT);
	/* Within the limit, but the data ends early. */
	set_size(data, size, 0xc0, 5000, 5000);
	expect(data, size, IMAGE_CORRUPT);
	free(data);
	/* 4,096 x 4,096 pixels in full colour are 96 MiB of coefficients. */
	data = make(100, 97, JCS_YCbCr, 1, 1, 1, &size);
	set_size(data, size, 0xc2, 4096, 4096);
	expect(data, size, IMAGE_PROGRESSIVE_MEMORY);
	free(data);
}

/* The last scan of a progressive file over and over. */
static uint8_t *
repeat_scan(const uint8_t *data, size_t size, unsigned times, size_t *ret_size)
{
	size_t last = 0, i, length;
	uint8_t *more;

	for (i = 0; i + 1 < size; i++) {
		if (data[i] == 0xff && data[i + 1] == 0xda)
			last = i;
	}
	length = size - 2 - last;
	more = malloc(size + times * length);
	CU_ASSERT_PTR_NOT_NULL_FATAL(more);
	memcpy(more, data, size - 2);
	for (i = 0; i < times; i++)
		memcpy(more + size - 2 + i * length, data + last, length);
	memcpy(more + size - 2 + times * length, "\xff\xd9", 2);
	*ret_size = size + times * length;
	return more;
}

static void
test_scans(void)
{
	size_t size, more_size;
	uint8_t *data = make(40, 97, JCS_YCbCr, 2, 2, 1, &size), *more;

	more = repeat_scan(data, size, 100, &more_size);
	expect(more, more_size, IMAGE_TOO_MANY_SCANS);
	free(more);
	/* A few more are only wrong. */
	more = repeat_scan(data, size, 3, &more_size);
	expect(more, more_size, IMAGE_CORRUPT);
	free(more);
	free(data);
}

/* Cut anywhere, nothing is ever taken for a whole picture. */
static void
test_truncated(void)
{
	size_t size, n;
	uint8_t *data;
	int progressive;

	for (progressive = 0; progressive < 2; progressive++) {
		data = make(60, 97, JCS_YCbCr, 2, 2, progressive, &size);
		expect(data, size, IMAGE_RECOMPRESSED);
		for (n = 2; n < size; n += n < 700 ? 1 : 37)
			expect(data, n, IMAGE_TRUNCATED);
		expect(data, size - 1, IMAGE_TRUNCATED);
		/* With an end, but without some of the data. */
		memcpy(data + size - 300, "\xff\xd9", 2);
		CU_ASSERT_NOT_EQUAL(shrink(data, size - 298, 80, 0).reason, IMAGE_RECOMPRESSED);
		free(data);
	}
}

/* A progressive file that ends with one of its scans, as a whole: the library would not say a word. */
static void
test_missing_scans(void)
{
	size_t size, i, scans = 0;
	uint8_t *data = make(100, 97, JCS_YCbCr, 2, 2, 1, &size), byte[2];

	for (i = 2; i + 1 < size; i++) {
		if (data[i] != 0xff || (data[i + 1] != 0xda && data[i + 1] != 0xc4) || scans++ < 2)
			continue;
		memcpy(byte, data + i, 2);
		memcpy(data + i, "\xff\xd9", 2);
		expect(data, i + 2, IMAGE_TRUNCATED);
		memcpy(data + i, byte, 2);
	}
	CU_ASSERT(scans > 10);
	free(data);
}

static void
test_more_data(void)
{
	static const uint8_t mpf[] = "MPF\0MM\0*\0\0\0\10", comment_segment[] = "\xff\xfe\0\6late";
	struct make what = {64, 64, 97, JCS_YCbCr, 1, 1, 0, {{0xe2, sizeof(mpf), mpf}, {0, 0, NULL}}};
	size_t size;
	uint8_t *data = make(64, 97, JCS_YCbCr, 1, 1, 0, &size);

	data = with_room(data, size, 10);
	data[size] = 0;
	expect(data, size + 1, IMAGE_TRAILING_DATA);
	/* A segment behind the scan would be lost. */
	memcpy(data + size - 2, comment_segment, 8);
	memcpy(data + size + 6, "\xff\xd9", 2);
	expect(data, size + 8, IMAGE_METADATA);
	free(data);
	data = make_picture(&what, &size);
	expect(data, size, IMAGE_MULTI_PICTURE);
	free(data);
}

static void
test_too_much_metadata(void)
{
	size_t size, total, i, part = 65535 + 2;
	uint8_t *data = make(64, 97, JCS_YCbCr, 1, 1, 0, &size), *more;

	total = size + 300 * part;
	more = calloc(1, total);
	CU_ASSERT_PTR_NOT_NULL_FATAL(more);
	memcpy(more, data, 2);
	for (i = 0; i < 300; i++)
		memcpy(more + 2 + i * part, "\xff\xef\xff\xff", 4);
	memcpy(more + 2 + 300 * part, data + 2, size - 2);
	expect(more, total, IMAGE_METADATA);
	free(more);
	free(data);
}

/* Changed bytes never give a file that is not checked, nor one that a second look finds wrong. */
static void
test_damaged(void)
{
	size_t size, i;
	uint8_t *data = make(80, 97, JCS_YCbCr, 2, 2, 0, &size), *new, old;
	struct picture_reply reply;

	for (i = 0; i < size; i += i < 700 ? 1 : 29) {
		old = data[i];
		data[i] ^= (uint8_t)(1 + i % 255);
		reply = shrink(data, size, 80, 0);
		if (reply.reason == IMAGE_RECOMPRESSED) {
			new = result(&reply);
			expect(new, (size_t)reply.new_size, IMAGE_NOT_SMALLER);
			free(new);
		}
		data[i] = old;
	}
	free(data);
}

static void
test_io(void)
{
	struct picture_job job = {0, 80, 0};
	struct picture_reply reply;
	size_t size;
	uint8_t *data = make(300, 97, JCS_YCbCr, 2, 2, 0, &size);

	job.size = size;
	CU_ASSERT_EQUAL_FATAL(pwrite(in, data, size, 0), (ssize_t)size);
	picture_shrink(in, out_reading, &job, &reply);
	CU_ASSERT_EQUAL(reply.os_errno, EBADF);
	picture_shrink(-1, out, &job, &reply);
	CU_ASSERT_EQUAL(reply.os_errno, EBADF);
	/* Shorter than it is said to be. */
	CU_ASSERT_EQUAL(ftruncate(in, (off_t)size / 2), 0);
	picture_shrink(in, out, &job, &reply);
	CU_ASSERT_EQUAL(reply.os_errno, 0);
	CU_ASSERT_EQUAL(reply.reason, IMAGE_CORRUPT);
	free(data);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"files", test_files}, {"smaller", test_smaller}, {"not smaller", test_not_smaller}, {"segments", test_segments},
	    {"location", test_strip}, {"location in an odd file", test_strip_odd}, {"kinds", test_kinds},
	    {"bombs", test_bombs}, {"scans", test_scans}, {"truncated", test_truncated},
	    {"missing scans", test_missing_scans}, {"more data", test_more_data},
	    {"too much metadata", test_too_much_metadata}, {"damaged", test_damaged}, {"reading and writing", test_io},
	    CU_TEST_INFO_NULL};

	return unit_run("picture", tests);
}

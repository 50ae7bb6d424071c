/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/location.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

#define TIFF_AT   6u
#define SIZE_MAX_ 512u

/* An APP1 segment with EXIF, put together by hand. */
struct exif {
	uint8_t data[SIZE_MAX_];
	bool little;
};

static void
put16(struct exif *exif, unsigned at, unsigned value)
{
	exif->data[TIFF_AT + at + (exif->little ? 0 : 1)] = (uint8_t)value;
	exif->data[TIFF_AT + at + (exif->little ? 1 : 0)] = (uint8_t)(value >> 8);
}

static void
put32(struct exif *exif, unsigned at, unsigned value)
{
	put16(exif, at + (exif->little ? 0 : 2), value & 0xffff);
	put16(exif, at + (exif->little ? 2 : 0), value >> 16);
}

static void
put_entry(struct exif *exif, unsigned at, unsigned tag, unsigned type, unsigned count, unsigned value)
{
	put16(exif, at, tag);
	put16(exif, at + 2, type);
	put32(exif, at + 4, count);
	if (type == 3 && count == 1)
		put16(exif, at + 8, value);
	else
		put32(exif, at + 8, value);
}

static unsigned
get16(const struct exif *exif, unsigned at)
{
	const uint8_t *p = exif->data + TIFF_AT + at;

	return exif->little ? (unsigned)p[1] << 8 | p[0] : (unsigned)p[0] << 8 | p[1];
}

#define IFD0  8u
#define EXIF_ 100u
#define GPS   150u
#define LATI  220u
#define LONGI 244u
#define IFD1  300u
#define TAIL  380u

/*
 * Orientation 6, a maker's name at 80, EXIF with one entry, GPS with references, latitude and longitude, a second
 * directory with a thumbnail's offset.
 */
static void
make_exif(struct exif *exif, bool little)
{
	memset(exif, 0, sizeof(*exif));
	exif->little = little;
	memcpy(exif->data, "Exif\0\0", 6);
	memcpy(exif->data + TIFF_AT, little ? "II" : "MM", 2);
	put16(exif, 2, 42);
	put32(exif, 4, IFD0);
	put16(exif, IFD0, 4);
	put_entry(exif, IFD0 + 2, 0x010f, 2, 8, 80);
	put_entry(exif, IFD0 + 14, 0x0112, 3, 1, 6);
	put_entry(exif, IFD0 + 26, 0x8769, 4, 1, EXIF_);
	put_entry(exif, IFD0 + 38, 0x8825, 4, 1, GPS);
	put32(exif, IFD0 + 50, IFD1);
	memcpy(exif->data + TIFF_AT + 80, "ACME Co", 8);
	put16(exif, EXIF_, 1);
	put_entry(exif, EXIF_ + 2, 0x9003, 2, 20, 120);
	memcpy(exif->data + TIFF_AT + 120, "2026:11:27 12:00:00", 20);
	put16(exif, GPS, 4);
	put_entry(exif, GPS + 2, 1, 2, 2, little ? 'N' : (unsigned)'N' << 24);
	put_entry(exif, GPS + 14, 2, 5, 3, LATI);
	put_entry(exif, GPS + 26, 3, 2, 2, little ? 'E' : (unsigned)'E' << 24);
	put_entry(exif, GPS + 38, 4, 5, 3, LONGI);
	memset(exif->data + TIFF_AT + LATI, 0x51, 24);
	memset(exif->data + TIFF_AT + LONGI, 0x52, 24);
	put16(exif, IFD1, 1);
	put_entry(exif, IFD1 + 2, 0x0201, 4, 1, TAIL);
	memset(exif->data + TIFF_AT + TAIL, 0x77, 40);
}

/* All but what GPS consists of is as it was: byte for byte, where the first directory does not move up. */
static void
check_rest(const struct exif *exif, const struct exif *old)
{
	CU_ASSERT_EQUAL(get16(exif, IFD0), 3);
	CU_ASSERT_EQUAL(get16(exif, IFD0 + 2), 0x010f);
	CU_ASSERT_EQUAL(get16(exif, IFD0 + 14), 0x0112);
	CU_ASSERT_EQUAL(get16(exif, IFD0 + 14 + 8), 6);
	CU_ASSERT_EQUAL(get16(exif, IFD0 + 26), 0x8769);
	/* The next directory's offset comes right behind the last entry. */
	CU_ASSERT_EQUAL(memcmp(exif->data + TIFF_AT + IFD0 + 38, old->data + TIFF_AT + IFD0 + 50, 4), 0);
	CU_ASSERT_EQUAL(memcmp(exif->data, old->data, TIFF_AT + IFD0), 0);
	CU_ASSERT_EQUAL(memcmp(exif->data + TIFF_AT + 80, old->data + TIFF_AT + 80, GPS - 80), 0);
	CU_ASSERT_EQUAL(
	    memcmp(exif->data + TIFF_AT + IFD1, old->data + TIFF_AT + IFD1, SIZE_MAX_ - TIFF_AT - IFD1), 0);
}

static void
test_exif(void)
{
	struct exif exif, old;
	unsigned i, k;

	for (i = 0; i < 2; i++) {
		make_exif(&exif, i == 0);
		old = exif;
		CU_ASSERT_EQUAL(location_strip(exif.data, sizeof(exif.data)), LOCATION_REMOVED);
		check_rest(&exif, &old);
		for (k = GPS; k < LONGI + 24; k++)
			CU_ASSERT_EQUAL(exif.data[TIFF_AT + k], 0);
		CU_ASSERT_EQUAL(location_strip(exif.data, sizeof(exif.data)), 0);
	}
}

static void
test_exif_without(void)
{
	struct exif exif, old;

	make_exif(&exif, true);
	put_entry(&exif, IFD0 + 38, 0x0132, 4, 1, 0);
	old = exif;
	CU_ASSERT_EQUAL(location_strip(exif.data, sizeof(exif.data)), 0);
	CU_ASSERT_EQUAL(memcmp(exif.data, old.data, sizeof(old.data)), 0);
	/* The last directory's end is often not right. */
	make_exif(&exif, true);
	put32(&exif, IFD0 + 50, 0x7fffffff);
	CU_ASSERT_EQUAL(location_strip(exif.data, sizeof(exif.data)), LOCATION_REMOVED);
	make_exif(&exif, true);
	put32(&exif, IFD1 + 14, IFD0); /* a ring */
	CU_ASSERT_EQUAL(location_strip(exif.data, sizeof(exif.data)), LOCATION_REMOVED);
}

/* What is not safe to change stays as it is, to the last byte. */
static void
expect_left(struct exif *exif)
{
	struct exif old = *exif;

	CU_ASSERT_EQUAL(location_strip(exif->data, sizeof(exif->data)), LOCATION_LEFT);
	CU_ASSERT_EQUAL(memcmp(exif->data, old.data, sizeof(old.data)), 0);
}

static void
test_exif_hostile(void)
{
	static const unsigned places[] = {0, 4, IFD0, IFD0 + 20, 82, EXIF_, EXIF_ + 4, IFD1, SIZE_MAX_, 0xffffffff};
	struct exif exif;
	unsigned i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		/* The directory itself lies on something else, or outside. */
		make_exif(&exif, true);
		put_entry(&exif, IFD0 + 38, 0x8825, 4, 1, places[i]);
		expect_left(&exif);
		/* One of its values does. */
		make_exif(&exif, true);
		put_entry(&exif, GPS + 14, 2, 5, 3, places[i]);
		expect_left(&exif);
	}
	make_exif(&exif, true);
	put_entry(&exif, GPS + 14, 2, 5, 0xffffffff, LATI);
	expect_left(&exif);
	make_exif(&exif, true);
	put_entry(&exif, GPS + 14, 2, 99, 3, LATI);
	expect_left(&exif);
	make_exif(&exif, true);
	put16(&exif, 2, 43);
	expect_left(&exif);
	make_exif(&exif, true);
	put32(&exif, 4, 700);
	expect_left(&exif);
	make_exif(&exif, true);
	put16(&exif, GPS, 0xffff);
	expect_left(&exif);
}

/* A location where none belongs, and tables that lie on each other: seen, and left. */
static void
test_exif_places(void)
{
	struct exif exif;
	unsigned i;

	make_exif(&exif, true);
	exif.data[5] = 0xff;
	CU_ASSERT_EQUAL(location_strip(exif.data, sizeof(exif.data)), LOCATION_REMOVED);
	make_exif(&exif, true);
	put_entry(&exif, EXIF_ + 2, 0x8825, 4, 1, GPS);
	expect_left(&exif);
	put_entry(&exif, IFD0 + 38, 0x0132, 4, 1, 0);
	expect_left(&exif);
	put_entry(&exif, IFD0 + 26, 0x014a, 4, 1, EXIF_);
	expect_left(&exif);
	put_entry(&exif, IFD0 + 26, 0x014a, 4, 2, TAIL);
	put32(&exif, TAIL, IFD1);
	put32(&exif, TAIL + 4, EXIF_);
	expect_left(&exif);
	/* A name in the place of the next directory's offset would be moved with it. */
	make_exif(&exif, true);
	put_entry(&exif, IFD0 + 2, 0x010f, 2, 8, IFD0 + 50);
	expect_left(&exif);
	/* The first directory's entries are the second one. */
	make_exif(&exif, true);
	put32(&exif, IFD0 + 50, IFD0 + 22);
	expect_left(&exif);
	/* One directory more than is looked at, which may have one. */
	make_exif(&exif, true);
	put32(&exif, IFD1 + 14, TAIL);
	for (i = 0; i < 7; i++) {
		put16(&exif, TAIL + 6 * i, 0);
		put32(&exif, TAIL + 6 * i + 2, i < 6 ? TAIL + 6 * (i + 1) : 0);
	}
	expect_left(&exif);
}

/* Cut at any place, in memory of just that size. */
static void
test_cut(void)
{
	struct exif exif;
	uint8_t *copy;
	size_t n;

	for (n = 0; n < sizeof(exif.data); n++) {
		make_exif(&exif, n % 2 == 0);
		copy = malloc(n + 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy + 1, exif.data, n);
		(void)location_strip(copy + 1, n);
		free(copy);
	}
}

#define XMP "http://ns.adobe.com/xap/1.0/"

static const struct {
	const char *text, *after; /* but for spaces; after NULL: as it was */
	unsigned found;
} xmp[] = {
    {"<a b:c='1' exif:GPSLatitude=\"51,2.1N\" d:e='2'/>", "<a b:c='1' d:e='2'/>", LOCATION_REMOVED},
    {"<a\nexif:GPSLatitude = '5' exif:GPSLongitude='6'/>", "<a\n/>", LOCATION_REMOVED},
    {"<r><exif:GPSAltitude>12</exif:GPSAltitude>x</r>", "<r>x</r>", LOCATION_REMOVED},
    {"<r><exif:GPSAltitude a='>'/>x</r>", "<r>x</r>", LOCATION_REMOVED},
    {"<r><e:GPSA><b>1</b></e:GPSA ><e:GPSAB>1</e:GPSAB></r>", "<r></r>", LOCATION_REMOVED},
    {"<r>text of exif:GPSLatitude here</r>", NULL, 0},
    {"<r>plain</r>", NULL, 0},
    {"<r><exif:GPSAltitude>12</r>", NULL, LOCATION_LEFT},
    {"<r><exif:GPSAltitude", NULL, LOCATION_LEFT},
    {"<r exif:GPSAltitude='12", NULL, 0},
    {"<r>:GPS</r>", NULL, 0},
    {":GPS", NULL, 0},
    {"a:GPS", NULL, 0},
};

static void
squeeze(const char *from, char *to)
{
	for (; *from != '\0'; from++) {
		if (*from != ' ')
			*to++ = *from;
	}
	*to = '\0';
}

static void
test_xmp(void)
{
	char data[256], got[256], want[256];
	size_t i, size;

	for (i = 0; i < sizeof(xmp) / sizeof(xmp[0]); i++) {
		size = sizeof(XMP) + strlen(xmp[i].text);
		memcpy(data, XMP, sizeof(XMP));
		memcpy(data + sizeof(XMP), xmp[i].text, strlen(xmp[i].text) + 1);
		CU_ASSERT_EQUAL(location_strip((uint8_t *)data, size), xmp[i].found);
		CU_ASSERT_EQUAL(strlen(data + sizeof(XMP)), strlen(xmp[i].text));
		squeeze(data + sizeof(XMP), got);
		squeeze(xmp[i].after != NULL ? xmp[i].after : xmp[i].text, want);
		CU_ASSERT_STRING_EQUAL(got, want);
	}
}

static void
test_others(void)
{
	uint8_t extended[] = "http://ns.adobe.com/xmp/extension/\0 0123 <a exif:GPSLatitude='1'/>";
	uint8_t wide[] = XMP "\0<\0a\0:\0G\0P\0S\0";
	uint8_t other[] = "Something of a maker with :GPS";

	CU_ASSERT_EQUAL(location_strip(extended, sizeof(extended)), LOCATION_LEFT);
	CU_ASSERT_EQUAL(location_strip(wide, sizeof(wide)), LOCATION_LEFT);
	CU_ASSERT_EQUAL(location_strip(other, sizeof(other)), 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"EXIF", test_exif}, {"EXIF without a location", test_exif_without},
	    {"EXIF in odd places", test_exif_places},
	    {"hostile EXIF", test_exif_hostile}, {"cut", test_cut}, {"XMP", test_xmp}, {"others", test_others},
	    CU_TEST_INFO_NULL};

	return unit_run("location", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_LOCATION_H
#define IMAGE_LOCATION_H

#include <stddef.h>
#include <stdint.h>

#define LOCATION_REMOVED 1u /* some was there and is gone */
#define LOCATION_LEFT    2u /* some is there still, or may be: this is not in a form to be changed safely */

/*
 * Takes where a picture was taken out of an APP1 segment's content, in place, so that all offsets stay right: the
 * GPS directory of EXIF (CIPA DC-008, 4.6; the directories are TIFF 6.0's) with its values and what points to it, and
 * the properties of XMP (ISO 16684-1) whose names begin with GPS.  Returns LOCATION_ flags; 0: none was there.
 */
unsigned location_strip(uint8_t *data, size_t size);

#endif

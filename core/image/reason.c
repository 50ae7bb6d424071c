/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/reason.h"

static const char *const names[IMAGE_REASON_COUNT] = {
    [IMAGE_RECOMPRESSED] = "recompressed",
    [IMAGE_LOCATION_REMOVED] = "location_removed",
    [IMAGE_NOT_A_JPEG] = "not_a_jpeg",
    [IMAGE_NOT_SMALLER] = "not_smaller",
    [IMAGE_NOT_ASKED] = "not_asked",
    [IMAGE_TOO_LARGE] = "too_large",
    [IMAGE_CORRUPT] = "corrupt",
    [IMAGE_TRUNCATED] = "truncated",
    [IMAGE_TRAILING_DATA] = "trailing_data",
    [IMAGE_MULTI_PICTURE] = "multi_picture",
    [IMAGE_CMYK] = "cmyk",
    [IMAGE_COLOUR_SPACE] = "colour_space",
    [IMAGE_TWELVE_BIT] = "twelve_bit",
    [IMAGE_ARITHMETIC] = "arithmetic",
    [IMAGE_LOSSLESS] = "lossless",
    [IMAGE_HIERARCHICAL] = "hierarchical",
    [IMAGE_SAMPLING] = "sampling",
    [IMAGE_TOO_MANY_PIXELS] = "too_many_pixels",
    [IMAGE_TOO_MANY_SCANS] = "too_many_scans",
    [IMAGE_PROGRESSIVE_MEMORY] = "progressive_memory",
    [IMAGE_METADATA] = "metadata",
    [IMAGE_DIFFERS] = "differs",
    [IMAGE_TIME_LIMIT] = "time_limit",
    [IMAGE_MEMORY] = "memory",
    [IMAGE_HELPER_DIED] = "helper_died",
    [IMAGE_NO_HELPER] = "no_helper",
};

const char *
image_reason_name(enum image_reason reason)
{
	return names[reason];
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_IMAGE_H
#define HOLDFAST_IMAGE_H

#include <holdfast/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Pictures made smaller by the host, in a process of its own that holds no key, opens no file and no connection.
 * Of JPEG files alone: everything else is to be kept as it is.  The new picture has the size, the subsampling, the
 * orientation, the colour profile, EXIF, XMP and comments of the old one; where anything is odd, the old one stays.
 */
#define HF_HOST_IMAGE "holdfast.host.image/1"

/*
 * Take out where the picture was taken: the GPS directory of EXIF and the GPS properties of XMP.  If the picture
 * itself is not to be recompressed, its other bytes stay as they are and result->reason is "location_removed".
 */
#define HF_IMAGE_STRIP_LOCATION 1u

struct hf_image_request {
	uint32_t struct_size;
	uint32_t flags;   /* HF_IMAGE_STRIP_LOCATION or 0 */
	/*
	 * 1 to 100, as libjpeg counts it.  0, with HF_IMAGE_STRIP_LOCATION alone: no picture is coded anew, and every
	 * byte but those of the location stays.
	 */
	uint32_t quality;
	uint32_t reserved;
};

/* The picture was asked to lose its location and still tells one, or may: nothing could be taken out safely. */
#define HF_IMAGE_LOCATION_LEFT 1u

struct hf_image_result {
	uint32_t struct_size;
	uint32_t used;   /* 1: out holds the whole new file; 0: out got nothing, keep the old one */
	uint32_t flags;  /* HF_IMAGE_LOCATION_LEFT or 0 */
	uint32_t width;  /* pixels as they are stored, before any orientation; 0: not known */
	uint32_t height;
	uint32_t reserved;
	uint64_t old_size; /* bytes of in */
	uint64_t new_size; /* bytes that out got; 0 where used is 0 */
	/*
	 * One of these words, NUL-terminated; later hosts may add others.  Used: recompressed, location_removed.
	 * Not used, as it should be: not_a_jpeg, not_smaller (by less than 10 %, or bound to be), too_large (the file),
	 * not_asked (quality 0, and no location was found that could be taken out).
	 * Not used, as the picture is odd: corrupt, truncated, trailing_data, multi_picture, cmyk, colour_space,
	 * twelve_bit, arithmetic, lossless, hierarchical, sampling, too_many_pixels, too_many_scans,
	 * progressive_memory, metadata (more than is carried over, or not in its form).
	 * Not used, as something went wrong with this picture alone: differs (the new file did not pass its check),
	 * time_limit, memory, helper_died.  For all: no_helper (it cannot be started or confined).
	 */
	char reason[32];
};

struct hf_host_image {
	uint32_t struct_size;
	uint32_t flags;
	/*
	 * host_ctx: the ctx of the instance's struct hf_host.  Reads in once from where it stands to its end (not at
	 * all beyond what tells that it is no JPEG file), so that whoever wants the old bytes afterwards rewinds it.
	 * out gets bytes only when the new file is whole and checked, then all of them.  One call at a time for each
	 * instance.
	 *
	 * HF_OK: *ret is filled in, used or not; a bad picture is never an error.  Else *ret is untouched: what in or
	 * out failed with, HF_EINVAL (the request), HF_ESTOPPING, HF_ENOSPC, HF_EIO, HF_ENOMEM (the host's own part;
	 * the old picture is as good as before).
	 */
	int (*recompress)(void *host_ctx, const struct hf_image_request *request, const struct hf_reader *in,
	    const struct hf_sink *out, struct hf_image_result *ret, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif

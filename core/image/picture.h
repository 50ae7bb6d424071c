/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_PICTURE_H
#define IMAGE_PICTURE_H

#include <stdint.h>

#include "image/reason.h"

#define PICTURE_STRIP_LOCATION 1u

/* What the helper is asked, and what it says; both ends are the same program. */
struct picture_job {
	uint64_t size;    /* of the input file */
	uint32_t quality; /* 1 to 100; 0: nothing is coded anew, only the location goes */
	uint32_t flags;   /* PICTURE_STRIP_LOCATION or 0 */
};

#define PICTURE_LOCATION_LEFT 1u

struct picture_reply {
	uint32_t reason; /* enum image_reason */
	uint32_t flags;  /* PICTURE_LOCATION_LEFT or 0 */
	uint32_t width, height;
	uint32_t os_errno; /* reading or writing failed, so reason says nothing; 0: it did not */
	uint32_t peak_kib; /* the most memory that a process for a picture had, up to now */
	uint64_t new_size;
};

/*
 * Reads the file of job->size bytes at the descriptor in, writes a smaller one from the beginning of out (which can be
 * read too), and decodes that again to check it.  Of out, nothing holds unless the reason is IMAGE_RECOMPRESSED
 * or IMAGE_LOCATION_REMOVED, and then reply->new_size bytes do.
 */
void picture_shrink(int in, int out, const struct picture_job *job, struct picture_reply *ret_reply);

#endif

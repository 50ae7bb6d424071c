/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_CODEC_H
#define IMAGE_CODEC_H

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "image/reason.h"
#include "image/window.h"

#define CODEC_MEMORY_MAX (64L << 20) /* for a progressive picture's coefficients */
#define CODEC_OUT_SIZE   ((size_t)64 << 10)

/*
 * What libjpeg is given to work with: an error handler that comes back (the library's own ends the process), files
 * read and written through buffers of ours.  A warning is as bad as an error: the picture is not what it should be.
 */
struct codec {
	struct jpeg_error_mgr errors; /* first, so that the library's pointer to it leads here */
	jmp_buf back;
	enum image_reason reason; /* set before back is taken */
	int os_errno;

	struct jpeg_source_mgr source;
	struct window *in;
	uint64_t in_next; /* of in, behind what the library was given */

	struct jpeg_destination_mgr destination;
	int out;
	uint64_t out_size; /* written */
	uint64_t out_max;  /* more is IMAGE_NOT_SMALLER */
	uint8_t out_data[CODEC_OUT_SIZE];
};

/* Gives up: comes back from setjmp(codec->back). */
_Noreturn void codec_fail(struct codec *codec, enum image_reason reason);
_Noreturn void codec_fail_errno(struct codec *codec, int os_errno);
/* After this the library's calls for the picture come back to codec->back when they fail. */
void codec_init(struct codec *codec);
void codec_read_from(struct codec *codec, struct jpeg_decompress_struct *decoder, struct window *in);
/* How far the decoder has come in the file. */
uint64_t codec_position(const struct codec *codec);
void codec_write_to(struct codec *codec, struct jpeg_compress_struct *encoder, int out, uint64_t max);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_TEST_MAKE_H
#define IMAGE_TEST_MAKE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* A picture as tests want it: noise on a slope, so that it neither vanishes nor looks like a photograph of nothing. */
struct make {
	unsigned width, height;
	int quality;
	J_COLOR_SPACE space; /* of the file: JCS_YCbCr, JCS_GRAYSCALE, JCS_CMYK, JCS_RGB */
	int h, v;            /* luma's sampling; chroma's is 1 x 1 */
	int progressive;
	/* Segments after the library's own: marker, size, bytes; until a marker of 0. */
	struct make_segment {
		int marker;
		unsigned size;
		const uint8_t *data;
	} segments[6];
};

/* Returns the file, to be freed, and its size. */
static inline uint8_t *
make_picture(const struct make *make, size_t *ret_size)
{
	int components = make->space == JCS_CMYK ? 4 : make->space == JCS_GRAYSCALE ? 1 : 3;
	struct jpeg_compress_struct encoder;
	struct jpeg_error_mgr errors;
	unsigned char *out = NULL;
	unsigned long size = 0;
	uint32_t state = 7;
	JSAMPROW row;
	unsigned x, i;
	int k;

	encoder.err = jpeg_std_error(&errors);
	jpeg_create_compress(&encoder);
	jpeg_mem_dest(&encoder, &out, &size);
	encoder.image_width = make->width;
	encoder.image_height = make->height;
	encoder.input_components = components;
	encoder.in_color_space = make->space == JCS_YCbCr ? JCS_RGB : make->space;
	jpeg_set_defaults(&encoder);
	jpeg_set_colorspace(&encoder, make->space);
	jpeg_set_quality(&encoder, make->quality, TRUE);
	for (k = 1; make->h > 0 && k < components; k++)
		encoder.comp_info[k].h_samp_factor = encoder.comp_info[k].v_samp_factor = 1;
	if (make->h > 0) {
		encoder.comp_info[0].h_samp_factor = make->h;
		encoder.comp_info[0].v_samp_factor = make->v;
	}
	if (make->progressive)
		jpeg_simple_progression(&encoder);
	encoder.density_unit = 1;
	encoder.X_density = 300;
	encoder.Y_density = 301;
	jpeg_start_compress(&encoder, TRUE);
	for (i = 0; make->segments[i].marker != 0; i++)
		jpeg_write_marker(&encoder, make->segments[i].marker, make->segments[i].data, make->segments[i].size);
	row = malloc((size_t)make->width * (size_t)components);
	while (encoder.next_scanline < encoder.image_height) {
		for (x = 0; x < make->width * (unsigned)components; x++) {
			state = state * 1664525u + 1013904223u;
			row[x] = (JSAMPLE)(((x + encoder.next_scanline) * 128 / (make->width + make->height)) % 128 +
			    (state >> 27));
		}
		(void)jpeg_write_scanlines(&encoder, &row, 1);
	}
	free(row);
	jpeg_finish_compress(&encoder);
	jpeg_destroy_compress(&encoder);
	*ret_size = size;
	return out;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/picture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/codec.h"
#include "image/layout.h"
#include "image/location.h"

#define SEGMENT_MAX 65533u
/* The part of the old size that the new one must not pass. */
#define KEEP_TENTHS 9u
/* Rows are as long as the blocks are wide; the library's vector code may touch a little more. */
#define ROW_SLACK   64u

struct plane {
	JSAMPROW rows[4 * DCTSIZE];
	JSAMPLE *samples;
};

struct picture {
	const struct picture_job *job;
	struct picture_reply *reply;
	struct layout layout;
	struct window in;
	struct codec codec;
	struct jpeg_decompress_struct decoder;
	struct jpeg_compress_struct encoder;
	bool decoding, encoding; /* which of the two there are to be destroyed */
	struct plane planes[LAYOUT_COMPONENTS];
	/* The mean of each block of luma, as it was given to the encoder. */
	uint8_t *means;
	size_t blocks_wide, blocks_high;
	int out;
	uint8_t segment[SEGMENT_MAX];
};

/* ---- opening ---- */

static bool
is_sampling_known(const struct jpeg_decompress_struct *decoder)
{
	const jpeg_component_info *component = decoder->comp_info;
	int i;

	if (component->h_samp_factor != decoder->max_h_samp_factor ||
	    component->v_samp_factor != decoder->max_v_samp_factor || component->h_samp_factor == 3 ||
	    component->v_samp_factor == 3)
		return false;
	for (i = 1; i < decoder->num_components; i++) {
		if (component[i].h_samp_factor != component[1].h_samp_factor ||
		    component[i].v_samp_factor != component[1].v_samp_factor || component[i].h_samp_factor == 3 ||
		    component[i].v_samp_factor == 3)
			return false;
	}
	return true;
}

static void
open_decoder(struct picture *picture)
{
	struct jpeg_decompress_struct *decoder = &picture->decoder;
	struct codec *codec = &picture->codec;

	decoder->err = &codec->errors;
	jpeg_create_decompress(decoder);
	picture->decoding = true;
	codec_read_from(codec, decoder, &picture->in);
	decoder->mem->max_memory_to_use = CODEC_MEMORY_MAX;
	(void)jpeg_read_header(decoder, TRUE);
	if (decoder->jpeg_color_space != JCS_YCbCr && decoder->jpeg_color_space != JCS_GRAYSCALE)
		codec_fail(codec, IMAGE_COLOUR_SPACE);
	if (!is_sampling_known(decoder))
		codec_fail(codec, IMAGE_SAMPLING);
}

static void
start_decoder(struct picture *picture)
{
	struct jpeg_decompress_struct *decoder = &picture->decoder;

	decoder->raw_data_out = TRUE;
	decoder->out_color_space = decoder->jpeg_color_space;
	decoder->do_fancy_upsampling = FALSE;
	decoder->do_block_smoothing = FALSE;
	decoder->dct_method = JDCT_ISLOW;
	(void)jpeg_start_decompress(decoder);
}

/* A progressive file may end before all bits of all coefficients came, without a word from the library. */
static void
check_progress(struct picture *picture)
{
	const struct jpeg_decompress_struct *decoder = &picture->decoder;
	int i, k;

	if (!decoder->progressive_mode || decoder->coef_bits == NULL)
		return;
	for (i = 0; i < decoder->num_components; i++) {
		for (k = 0; k < DCTSIZE2; k++) {
			if (decoder->coef_bits[i][k] != 0)
				codec_fail(&picture->codec, IMAGE_TRUNCATED);
		}
	}
}

static void
set_up_encoder(struct picture *picture)
{
	struct jpeg_decompress_struct *decoder = &picture->decoder;
	struct jpeg_compress_struct *encoder = &picture->encoder;
	int i;

	encoder->image_width = decoder->image_width;
	encoder->image_height = decoder->image_height;
	encoder->input_components = decoder->num_components;
	encoder->in_color_space = decoder->jpeg_color_space;
	jpeg_set_defaults(encoder);
	jpeg_set_colorspace(encoder, decoder->jpeg_color_space);
	jpeg_set_quality(encoder, (int)picture->job->quality, TRUE);
	encoder->raw_data_in = TRUE;
	encoder->dct_method = JDCT_ISLOW;
	/* As they are in the old file, with all other segments. */
	encoder->write_JFIF_header = FALSE;
	encoder->write_Adobe_marker = FALSE;
	for (i = 0; i < decoder->num_components; i++) {
		encoder->comp_info[i].component_id = decoder->comp_info[i].component_id;
		encoder->comp_info[i].h_samp_factor = decoder->comp_info[i].h_samp_factor;
		encoder->comp_info[i].v_samp_factor = decoder->comp_info[i].v_samp_factor;
	}
}

/*
 * Whether the new quantiser of luma is so little coarser than the old one that decoding and encoding would be in vain.
 * Coded size goes with the logarithm of the steps; of 700 photographs and drawings none whose steps grow by
 * less than half a bit on average became smaller by a tenth, and nearly all others did.
 */
static bool
is_in_vain(const struct jpeg_decompress_struct *decoder, const struct jpeg_compress_struct *encoder)
{
	const JQUANT_TBL *old, *new = encoder->quant_tbl_ptrs[encoder->comp_info->quant_tbl_no];
	int number = decoder->comp_info->quant_tbl_no, k;
	double growth = 1;

	/* The library has not looked at the number yet, and the table may come later. */
	if (number < 0 || number >= NUM_QUANT_TBLS || decoder->quant_tbl_ptrs[number] == NULL)
		return false;
	old = decoder->quant_tbl_ptrs[number];
	for (k = 0; k < DCTSIZE2; k++) {
		if (new->quantval[k] > old->quantval[k] && old->quantval[k] > 0)
			growth *= (double)new->quantval[k] / old->quantval[k];
	}
	return growth < 4294967296.0; /* 64 times half a bit */
}

/* A step finer than the old file's costs bytes and shows nothing more; its own step loses nothing at all. */
static void
keep_coarse_steps(struct picture *picture)
{
	const struct jpeg_decompress_struct *decoder = &picture->decoder;
	struct jpeg_compress_struct *encoder = &picture->encoder;
	const JQUANT_TBL *old;
	JQUANT_TBL *new;
	UINT16 least[2][DCTSIZE2];
	int i, k, table;

	memset(least, 0xff, sizeof(least));
	for (i = 0; i < decoder->num_components; i++) {
		old = decoder->comp_info[i].quant_table;
		if (old == NULL) /* no scan has anything of this component */
			codec_fail(&picture->codec, IMAGE_CORRUPT);
		table = encoder->comp_info[i].quant_tbl_no;
		for (k = 0; k < DCTSIZE2; k++) {
			if (old->quantval[k] < least[table][k])
				least[table][k] = old->quantval[k];
		}
	}
	for (i = 0; i < decoder->num_components; i++) {
		table = encoder->comp_info[i].quant_tbl_no;
		new = encoder->quant_tbl_ptrs[table];
		for (k = 0; k < DCTSIZE2; k++) {
			if (least[table][k] > new->quantval[k])
				new->quantval[k] = least[table][k] > 255 ? 255 : least[table][k];
		}
	}
}

static void
write_segments(struct picture *picture)
{
	const struct layout *layout = &picture->layout;
	const struct layout_segment *segment;
	unsigned found;
	uint32_t k;
	size_t i;

	for (i = 0; i < layout->segment_count; i++) {
		segment = &layout->segments[i];
		if (window_copy(&picture->in, segment->offset, picture->segment, segment->size) != segment->size)
			codec_fail(&picture->codec, IMAGE_TRUNCATED);
		if (segment->marker == JPEG_APP0 + 1 && (picture->job->flags & PICTURE_STRIP_LOCATION) != 0) {
			found = location_strip(picture->segment, segment->size);
			if (found & LOCATION_LEFT)
				picture->reply->flags |= PICTURE_LOCATION_LEFT;
		}
		jpeg_write_m_header(&picture->encoder, (int)segment->marker, segment->size);
		for (k = 0; k < segment->size; k++)
			jpeg_write_m_byte(&picture->encoder, picture->segment[k]);
	}
}

static void
open_encoder(struct picture *picture)
{
	struct jpeg_compress_struct *encoder = &picture->encoder;
	uint64_t size = picture->job->size;

	encoder->err = &picture->codec.errors;
	jpeg_create_compress(encoder);
	picture->encoding = true;
	codec_write_to(&picture->codec, encoder, picture->out, size / 10 * KEEP_TENTHS + size % 10 * KEEP_TENTHS / 10);
	set_up_encoder(picture);
	if (is_in_vain(&picture->decoder, encoder))
		codec_fail(&picture->codec, IMAGE_NOT_SMALLER);
	/* The library's copies of the old tables are there once it has read the first scan. */
	start_decoder(picture);
	check_progress(picture);
	keep_coarse_steps(picture);
	jpeg_start_compress(encoder, TRUE);
	write_segments(picture);
}

/* ---- rows ---- */

static void
open_planes(struct picture *picture)
{
	const struct jpeg_decompress_struct *decoder = &picture->decoder;
	const jpeg_component_info *component = decoder->comp_info;
	size_t length, rows, k;
	int i;

	for (i = 0; i < decoder->num_components; i++, component++) {
		rows = (size_t)component->v_samp_factor * DCTSIZE;
		length = ((size_t)component->width_in_blocks + (size_t)component->h_samp_factor) * DCTSIZE + ROW_SLACK;
		picture->planes[i].samples = calloc(rows, length);
		if (picture->planes[i].samples == NULL)
			codec_fail(&picture->codec, IMAGE_MEMORY);
		for (k = 0; k < rows; k++)
			picture->planes[i].rows[k] = picture->planes[i].samples + k * length;
	}
	picture->blocks_wide = decoder->comp_info->width_in_blocks;
	picture->blocks_high = decoder->comp_info->height_in_blocks;
	picture->means = malloc(picture->blocks_wide * picture->blocks_high);
	if (picture->means == NULL)
		codec_fail(&picture->codec, IMAGE_MEMORY);
}

/* Four bytes' sums side by side in one word, which 16 bits each hold for 64 bytes. */
static unsigned
sum_block(const JSAMPROW *rows, size_t at)
{
	const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
	uint64_t word, sums = 0;
	unsigned i;

	for (i = 0; i < DCTSIZE; i++) {
		memcpy(&word, rows[i] + at, sizeof(word));
		sums += (word & even) + (word >> 8 & even);
	}
	return (unsigned)((sums * UINT64_C(0x0001000100010001)) >> 48);
}

static void
note_means(struct picture *picture, size_t first_row)
{
	size_t i, k, row = first_row;

	for (i = 0; i < (size_t)picture->decoder.comp_info->v_samp_factor && row < picture->blocks_high; i++, row++) {
		for (k = 0; k < picture->blocks_wide; k++)
			picture->means[row * picture->blocks_wide + k] =
			    (uint8_t)((sum_block(picture->planes[0].rows + i * DCTSIZE, k * DCTSIZE) + 32) / 64);
	}
}

static void
copy_rows(struct picture *picture)
{
	struct jpeg_decompress_struct *decoder = &picture->decoder;
	JSAMPARRAY planes[LAYOUT_COMPONENTS];
	JDIMENSION lines = (JDIMENSION)decoder->max_v_samp_factor * DCTSIZE;
	size_t i, row = 0;

	for (i = 0; i < LAYOUT_COMPONENTS; i++)
		planes[i] = picture->planes[i].rows;
	while (decoder->output_scanline < decoder->output_height) {
		if (jpeg_read_raw_data(decoder, planes, lines) != lines)
			codec_fail(&picture->codec, IMAGE_CORRUPT);
		note_means(picture, row);
		row += (size_t)decoder->comp_info->v_samp_factor;
		(void)jpeg_write_raw_data(&picture->encoder, planes, lines);
	}
}

/* ---- the check ---- */

/* An eighth of the size is each block's mean, so no transform is needed; all of the entropy coding is read. */
static void
open_check(struct picture *picture)
{
	struct jpeg_decompress_struct *decoder = &picture->decoder;

	jpeg_destroy_decompress(decoder);
	window_init(&picture->in, picture->out, picture->codec.out_size);
	jpeg_create_decompress(decoder);
	codec_read_from(&picture->codec, decoder, &picture->in);
	decoder->mem->max_memory_to_use = CODEC_MEMORY_MAX;
	(void)jpeg_read_header(decoder, TRUE);
	if (decoder->image_width != picture->layout.width || decoder->image_height != picture->layout.height ||
	    decoder->num_components != (int)picture->layout.components ||
	    decoder->jpeg_color_space != picture->encoder.jpeg_color_space)
		codec_fail(&picture->codec, IMAGE_DIFFERS);
	decoder->scale_num = 1;
	decoder->scale_denom = DCTSIZE;
	decoder->out_color_space = JCS_GRAYSCALE;
	decoder->do_fancy_upsampling = FALSE;
	(void)jpeg_start_decompress(decoder);
	if (decoder->output_width != picture->blocks_wide || decoder->output_height != picture->blocks_high)
		codec_fail(&picture->codec, IMAGE_DIFFERS);
}

static void
check_rows(struct picture *picture)
{
	struct jpeg_decompress_struct *decoder = &picture->decoder;
	/* Half a step of the mean's quantiser, which is eight times the mean's, and what rounding adds. */
	int step = (decoder->comp_info->quant_table->quantval[0] + 15) / 16 + 1, difference;
	const uint8_t *means = picture->means;
	JSAMPROW row = picture->planes[0].rows[0];
	size_t i;

	while (decoder->output_scanline < decoder->output_height) {
		(void)jpeg_read_scanlines(decoder, &row, 1);
		for (i = 0; i < picture->blocks_wide; i++) {
			difference = (int)row[i] - (int)means[i];
			if (difference > step || difference < -step)
				codec_fail(&picture->codec, IMAGE_DIFFERS);
		}
		means += picture->blocks_wide;
	}
}

static void
check_result(struct picture *picture)
{
	open_check(picture);
	check_rows(picture);
	(void)jpeg_finish_decompress(&picture->decoder);
	if (codec_position(&picture->codec) != picture->codec.out_size)
		codec_fail(&picture->codec, IMAGE_DIFFERS);
}

/* ---- the whole ---- */

/* Comes back by longjmp when anything is not as it should be. */
static void
recompress(struct picture *picture)
{
	open_decoder(picture);
	open_encoder(picture);
	open_planes(picture);
	copy_rows(picture);
	(void)jpeg_finish_decompress(&picture->decoder);
	if (codec_position(&picture->codec) != picture->job->size)
		codec_fail(&picture->codec, IMAGE_CORRUPT);
	jpeg_finish_compress(&picture->encoder);
	check_result(picture);
}

static void
close_codec(struct picture *picture)
{
	size_t i;

	if (picture->decoding)
		jpeg_destroy_decompress(&picture->decoder);
	if (picture->encoding)
		jpeg_destroy_compress(&picture->encoder);
	for (i = 0; i < LAYOUT_COMPONENTS; i++)
		free(picture->planes[i].samples);
	free(picture->means);
}

static enum image_reason
try_recompress(struct picture *picture)
{
	struct codec *codec = &picture->codec;

	codec_init(codec);
	if (setjmp(codec->back) == 0)
		recompress(picture);
	close_codec(picture);
	if (codec->os_errno != 0)
		picture->reply->os_errno = (uint32_t)codec->os_errno;
	if (codec->reason == IMAGE_RECOMPRESSED)
		picture->reply->new_size = codec->out_size;
	return codec->reason;
}

/* ---- the old file, without its location ---- */

static int
put(struct picture *picture, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *at = data;
	ssize_t n;

	for (; size > 0; at += n, size -= (size_t)n, offset += (uint64_t)n) {
		n = pwrite(picture->out, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return errno;
	}
	return 0;
}

static int
copy_all(struct picture *picture)
{
	const uint8_t *at;
	uint64_t done = 0;
	size_t n;
	int failed = 0;

	while (failed == 0 && (n = window_see(&picture->in, done, &at)) > 0) {
		failed = put(picture, done, at, n);
		done += n;
	}
	if (failed == 0)
		failed = picture->in.failed;
	return failed == 0 && done < picture->job->size ? EIO : failed;
}

/* Writes the segments whose location is gone; *ret_found collects what location_strip said. */
static int
put_stripped(struct picture *picture, unsigned *ret_found)
{
	const struct layout_segment *segment = picture->layout.segments;
	size_t i;
	unsigned found;
	int failed = 0;

	for (i = 0; failed == 0 && i < picture->layout.segment_count; i++, segment++) {
		if (segment->marker != JPEG_APP0 + 1 ||
		    window_copy(&picture->in, segment->offset, picture->segment, segment->size) != segment->size)
			continue;
		found = location_strip(picture->segment, segment->size);
		if ((found & LOCATION_REMOVED) == 0) {
			*ret_found |= found;
			continue;
		}
		if ((*ret_found & LOCATION_REMOVED) == 0)
			failed = copy_all(picture);
		if (failed == 0)
			failed = put(picture, segment->offset, picture->segment, segment->size);
		*ret_found |= found;
	}
	return failed;
}

static enum image_reason
strip_only(struct picture *picture, enum image_reason reason)
{
	unsigned found = 0;
	int failed;

	/* Whatever else is in the file may tell it as well. */
	picture->reply->flags = picture->layout.others || !picture->layout.reached_scan ? PICTURE_LOCATION_LEFT : 0;
	if (!picture->layout.reached_scan)
		return reason;
	window_init(&picture->in, picture->in.fd, picture->job->size);
	failed = put_stripped(picture, &found);
	if (failed != 0) {
		picture->reply->os_errno = (uint32_t)failed;
		return reason;
	}
	if (found & LOCATION_LEFT)
		picture->reply->flags |= PICTURE_LOCATION_LEFT;
	if ((found & LOCATION_REMOVED) == 0)
		return reason;
	picture->reply->new_size = picture->job->size;
	return IMAGE_LOCATION_REMOVED;
}

void
picture_shrink(int in, int out, const struct picture_job *job, struct picture_reply *ret_reply)
{
	struct picture *picture = calloc(1, sizeof(*picture));
	enum image_reason reason;

	memset(ret_reply, 0, sizeof(*ret_reply));
	ret_reply->reason = IMAGE_MEMORY;
	if (picture == NULL)
		return;
	picture->job = job;
	picture->reply = ret_reply;
	picture->out = out;
	window_init(&picture->in, in, job->size);
	reason = layout_read(&picture->layout, &picture->in);
	ret_reply->width = picture->layout.width;
	ret_reply->height = picture->layout.height;
	if (picture->in.failed != 0)
		ret_reply->os_errno = (uint32_t)picture->in.failed;
	else if (reason == IMAGE_RECOMPRESSED)
		reason = job->quality == 0 ? IMAGE_NOT_ASKED : try_recompress(picture);
	if (reason != IMAGE_RECOMPRESSED && ret_reply->os_errno == 0 && (job->flags & PICTURE_STRIP_LOCATION) != 0) {
		picture->in.fd = in;
		reason = strip_only(picture, reason);
	}
	ret_reply->reason = reason;
	layout_release(&picture->layout);
	free(picture);
}

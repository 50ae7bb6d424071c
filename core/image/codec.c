/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/codec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <jerror.h>

void
codec_fail(struct codec *codec, enum image_reason reason)
{
	codec->reason = reason;
	longjmp(codec->back, 1);
}

void
codec_fail_errno(struct codec *codec, int os_errno)
{
	codec->os_errno = os_errno;
	codec_fail(codec, IMAGE_CORRUPT);
}

/* ---- errors ---- */

static enum image_reason
reason_of(int code)
{
	switch (code) {
	case JERR_OUT_OF_MEMORY:
		return IMAGE_MEMORY;
	case JERR_NO_BACKING_STORE:
		return IMAGE_PROGRESSIVE_MEMORY;
	case JERR_BAD_MCU_SIZE:
	case JERR_BAD_SAMPLING:
	case JERR_FRACT_SAMPLE_NOTIMPL:
	case JERR_CCIR601_NOTIMPL:
		return IMAGE_SAMPLING;
	case JERR_ARITH_NOTIMPL:
		return IMAGE_ARITHMETIC;
	case JWRN_JPEG_EOF:
	case JERR_INPUT_EOF:
		return IMAGE_TRUNCATED;
	default:
		return IMAGE_CORRUPT;
	}
}

static void
error_exit(j_common_ptr cinfo)
{
	codec_fail((struct codec *)cinfo->err, reason_of(cinfo->err->msg_code));
}

static void
emit_message(j_common_ptr cinfo, int level)
{
	if (level < 0)
		error_exit(cinfo);
}

static void
output_message(j_common_ptr cinfo)
{
	(void)cinfo;
}

void
codec_init(struct codec *codec)
{
	(void)jpeg_std_error(&codec->errors);
	codec->errors.error_exit = error_exit;
	codec->errors.emit_message = emit_message;
	codec->errors.output_message = output_message;
	codec->reason = IMAGE_RECOMPRESSED;
	codec->os_errno = 0;
}

/* ---- reading ---- */

static boolean
fill_input(j_decompress_ptr decoder)
{
	struct codec *codec = (struct codec *)decoder->err;
	const uint8_t *at;
	size_t n = window_see(codec->in, codec->in_next, &at);

	if (n == 0 && codec->in->failed != 0)
		codec_fail_errno(codec, codec->in->failed);
	if (n == 0)
		codec_fail(codec, IMAGE_TRUNCATED);
	codec->in_next += n;
	codec->source.next_input_byte = at;
	codec->source.bytes_in_buffer = n;
	return TRUE;
}

static void
skip_input(j_decompress_ptr decoder, long count)
{
	struct codec *codec = (struct codec *)decoder->err;
	struct jpeg_source_mgr *source = &codec->source;

	if (count <= 0)
		return;
	if ((size_t)count <= source->bytes_in_buffer) {
		source->next_input_byte += count;
		source->bytes_in_buffer -= (size_t)count;
		return;
	}
	codec->in_next += (size_t)count - source->bytes_in_buffer;
	source->bytes_in_buffer = 0;
}

static void
nothing_to_do(j_decompress_ptr decoder)
{
	(void)decoder;
}

void
codec_read_from(struct codec *codec, struct jpeg_decompress_struct *decoder, struct window *in)
{
	codec->in = in;
	codec->in_next = 0;
	codec->source.next_input_byte = NULL;
	codec->source.bytes_in_buffer = 0;
	codec->source.init_source = nothing_to_do;
	codec->source.fill_input_buffer = fill_input;
	codec->source.skip_input_data = skip_input;
	codec->source.resync_to_restart = jpeg_resync_to_restart;
	codec->source.term_source = nothing_to_do;
	decoder->src = &codec->source;
}

uint64_t
codec_position(const struct codec *codec)
{
	return codec->in_next - codec->source.bytes_in_buffer;
}

/* ---- writing ---- */

static void
write_out(struct codec *codec, size_t size)
{
	size_t done;
	ssize_t n;

	if (size > codec->out_max - codec->out_size)
		codec_fail(codec, IMAGE_NOT_SMALLER);
	for (done = 0; done < size; done += (size_t)n) {
		n = pwrite(codec->out, codec->out_data + done, size - done, (off_t)(codec->out_size + done));
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			codec_fail_errno(codec, errno);
	}
	codec->out_size += size;
	codec->destination.next_output_byte = codec->out_data;
	codec->destination.free_in_buffer = CODEC_OUT_SIZE;
}

static void
init_output(j_compress_ptr encoder)
{
	struct codec *codec = (struct codec *)encoder->err;

	write_out(codec, 0);
}

static boolean
empty_output(j_compress_ptr encoder)
{
	write_out((struct codec *)encoder->err, CODEC_OUT_SIZE);
	return TRUE;
}

static void
term_output(j_compress_ptr encoder)
{
	struct codec *codec = (struct codec *)encoder->err;

	write_out(codec, CODEC_OUT_SIZE - codec->destination.free_in_buffer);
}

void
codec_write_to(struct codec *codec, struct jpeg_compress_struct *encoder, int out, uint64_t max)
{
	codec->out = out;
	codec->out_size = 0;
	codec->out_max = max;
	codec->destination.init_destination = init_output;
	codec->destination.empty_output_buffer = empty_output;
	codec->destination.term_destination = term_output;
	encoder->dest = &codec->destination;
}

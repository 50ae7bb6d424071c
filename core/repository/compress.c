/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

/*
 * Level 1's fast strategy; for blobs of many records in steps over what does not match, and only longer
 * matches.  Steps turn the library's entropy coding of literals off, so it is asked for.  The table, 64 KiB,
 * is far smaller than a second-level cache: everything else that is done to a record between two blobs goes
 * through that cache too, and a larger table only brings misses.  On chat records this takes half of level
 * 3's time for 4 % more bytes.  The window is what restic's own frames have at most; a larger one gains
 * nothing here and costs every reader memory.
 */
#define COMPRESS_LEVEL      1
#define COMPRESS_WINDOW_LOG 19

/* From min_size on; 0 stands for the level's own value. */
static const struct tuning {
	size_t min_size;
	int hash_log, min_match, step;
} tunings[] = {{(size_t)16 << 10, 14, 7, 2}, {0, 0, 0, 0}};

/* ZSTD_c_literalCompressionMode and its "always", which <zstd.h> only names for static linking. */
#define LITERAL_MODE        ZSTD_c_experimentalParam5
#define LITERAL_MODE_ALWAYS 1

/* What restic's readers accept at most: 128 MiB. */
#define DECOMPRESS_WINDOW_LOG_MAX 27

/* Up to this size a compared frame is unpacked in one piece, which is faster; beyond, piece by piece. */
#define COMPARE_WHOLE_MAX ((size_t)1 << 20)
#define COMPARE_PIECE     ((size_t)128 << 10)

/* How output of unknown size grows. */
#define UNPACK_STEP ((size_t)128 << 10)

struct compressor {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
	uint8_t *scratch;
	size_t scratch_size;
	const struct tuning *tuning; /* that pack has now */
	bool can_step;
};

static int
out_of_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "zstd: out of memory");
}

static bool
set(ZSTD_CCtx *pack, ZSTD_cParameter parameter, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(pack, parameter, value));
}

static bool
set_up(ZSTD_CCtx *pack)
{
	return set(pack, ZSTD_c_compressionLevel, COMPRESS_LEVEL) && set(pack, ZSTD_c_windowLog, COMPRESS_WINDOW_LOG) &&
	    set(pack, ZSTD_c_contentSizeFlag, 1) && set(pack, ZSTD_c_checksumFlag, 0);
}

/* Sets what is best for blobs of a size. */
static bool
tune(struct compressor *compressor, size_t size)
{
	const struct tuning *tuning = tunings;

	while (size < tuning->min_size)
		tuning++;
	if (compressor->tuning == tuning)
		return true;
	compressor->tuning = NULL;
	/* Without entropy coding of literals steps cost too many bytes. */
	if (!set(compressor->pack, ZSTD_c_hashLog, tuning->hash_log) ||
	    !set(compressor->pack, ZSTD_c_minMatch, tuning->min_match) ||
	    !set(compressor->pack, ZSTD_c_targetLength, compressor->can_step ? tuning->step : 0))
		return false;
	compressor->tuning = tuning;
	return true;
}

int
compressor_new(struct compressor **ret, struct hf_error *err)
{
	struct compressor *compressor = calloc(1, sizeof(*compressor));

	if (compressor == NULL)
		return out_of_memory(err);
	compressor->pack = ZSTD_createCCtx();
	compressor->unpack = ZSTD_createDCtx();
	if (compressor->pack == NULL || compressor->unpack == NULL || !set_up(compressor->pack) ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(compressor->unpack, ZSTD_d_windowLogMax,
	        DECOMPRESS_WINDOW_LOG_MAX))) {
		compressor_free(compressor);
		return out_of_memory(err);
	}
	compressor->can_step = set(compressor->pack, LITERAL_MODE, LITERAL_MODE_ALWAYS);
	*ret = compressor;
	return HF_OK;
}

void
compressor_free(struct compressor *compressor)
{
	if (compressor == NULL)
		return;
	(void)ZSTD_freeCCtx(compressor->pack);
	(void)ZSTD_freeDCtx(compressor->unpack);
	free(compressor->scratch);
	free(compressor);
}

int
compressor_pack(struct compressor *compressor, const void *data, size_t size, struct buffer *out,
    struct hf_error *err)
{
	size_t bound = ZSTD_compressBound(size), n;

	if (buffer_reserve(out, bound) != HF_OK)
		return buffer_status(out, "compressed data", err);
	if (!tune(compressor, size))
		return out_of_memory(err);
	n = ZSTD_compress2(compressor->pack, out->data + out->size, bound, data, size);
	if (ZSTD_isError(n))
		return hf_error_set(err, HF_ENOMEM, 0, "zstd: %s", ZSTD_getErrorName(n));
	out->size += n;
	return HF_OK;
}

static int
damaged(const char *reason, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "damaged zstd data: %s", reason);
}

/* One step of decoding; ret_hint is 0 after the last byte of a frame. */
static int
unpack_step(struct compressor *compressor, ZSTD_outBuffer *out, ZSTD_inBuffer *in, size_t *ret_hint,
    struct hf_error *err)
{
	size_t n = ZSTD_decompressStream(compressor->unpack, out, in);

	if (ZSTD_isError(n)) {
		if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
			return out_of_memory(err);
		return damaged(ZSTD_getErrorName(n), err);
	}
	*ret_hint = n;
	return HF_OK;
}

/* Room that the next step of output needs; a frame that tells its size gets all of it, which saves copies. */
static size_t
unpack_room(const ZSTD_inBuffer *in, size_t left)
{
	unsigned long long told =
	    ZSTD_getFrameContentSize((const uint8_t *)in->src + in->pos, in->size - in->pos);
	size_t room = UNPACK_STEP;

	if (told != ZSTD_CONTENTSIZE_UNKNOWN && told != ZSTD_CONTENTSIZE_ERROR && told > 0 && told <= left)
		return (size_t)told;
	return room < left ? room : left;
}

int
compressor_unpack(struct compressor *compressor, const void *data, size_t size, size_t max, struct buffer *out,
    struct hf_error *err)
{
	ZSTD_inBuffer in = {data, size, 0};
	size_t start = out->size, hint = 0, before;
	ZSTD_outBuffer to;
	uint8_t none;
	int r;

	(void)ZSTD_DCtx_reset(compressor->unpack, ZSTD_reset_session_only);
	do {
		before = in.pos;
		to.size = unpack_room(&in, max - (out->size - start));
		if (to.size > 0 && buffer_reserve(out, to.size) != HF_OK) {
			r = buffer_status(out, "decompressed data", err);
			goto fail;
		}
		to.dst = to.size > 0 ? out->data + out->size : &none;
		to.pos = 0;
		r = unpack_step(compressor, &to, &in, &hint, err);
		if (r != HF_OK)
			goto fail;
		out->size += to.pos;
		if (to.pos == 0 && in.pos == before && hint != 0) {
			r = in.pos == in.size ? damaged("it ends too early", err) :
			                        damaged("it holds more than it should", err);
			goto fail;
		}
	} while (in.pos < in.size || hint != 0);
	return HF_OK;
fail:
	out->size = start;
	return r;
}

static int
scratch_reserve(struct compressor *compressor, size_t size, struct hf_error *err)
{
	uint8_t *scratch;

	if (compressor->scratch_size >= size)
		return HF_OK;
	scratch = realloc(compressor->scratch, size);
	if (scratch == NULL)
		return out_of_memory(err);
	compressor->scratch = scratch;
	compressor->scratch_size = size;
	return HF_OK;
}

int
compressor_compare(struct compressor *compressor, const void *data, size_t size, const void *plain,
    size_t plain_size, struct hf_error *err)
{
	size_t piece = plain_size <= COMPARE_WHOLE_MAX ? plain_size : COMPARE_PIECE, hint, done = 0, before;
	ZSTD_inBuffer in = {data, size, 0};
	ZSTD_outBuffer to;
	int r;

	/* One byte more than expected, so that too much is seen too. */
	r = scratch_reserve(compressor, piece + 1, err);
	if (r != HF_OK)
		return r;
	(void)ZSTD_DCtx_reset(compressor->unpack, ZSTD_reset_session_only);
	do {
		before = in.pos;
		to.dst = compressor->scratch;
		to.size = piece + 1;
		to.pos = 0;
		r = unpack_step(compressor, &to, &in, &hint, err);
		if (r != HF_OK)
			return r;
		if (to.pos > plain_size - done || memcmp(to.dst, (const uint8_t *)plain + done, to.pos) != 0)
			return hf_error_set(err, HF_ECORRUPT, 0, "compressed data does not hold what was compressed");
		done += to.pos;
		if (to.pos == 0 && in.pos == before && hint != 0)
			return damaged("it ends too early", err);
	} while (in.pos < in.size || hint != 0);
	if (done != plain_size)
		return hf_error_set(err, HF_ECORRUPT, 0, "compressed data holds less than what was compressed");
	return HF_OK;
}

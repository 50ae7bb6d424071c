/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_STREAM_H
#define HOLDFAST_STREAM_H

#include <holdfast/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Bytes that somebody else holds.  Valid for the duration of the call that passes it, unless
 * that call says otherwise.  Not NUL-terminated.
 */
struct hf_blob {
	const void *data;
	uint64_t size;
};

/* How the bytes of a struct hf_text are to be read. */
#define HF_TEXT_UTF8 0u /* valid UTF-8; U+0000 is a character like others */
#define HF_TEXT_JSON 1u /* the inside of a JSON string as the provider spelled it, escapes included */

/*
 * Of text that is valid UTF-8 without quote, backslash or control character, so that it is the same in both
 * encodings and can stand between quotes as it is.  Whoever sets it has looked, or has it from the host.
 */
#define HF_TEXT_PLAIN 1u

/* Text; data NULL means that there is none, which differs from "". */
struct hf_text {
	const char *data;
	uint64_t size;
	uint32_t encoding;
	uint32_t flags; /* HF_TEXT_PLAIN or 0 */
};

/* Where bytes come from.  rewind starts again from the first byte, so that the reader of it can retry. */
struct hf_reader {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	/* Reads up to size bytes; returns how many, 0 at the end, or a negative HF_E code. */
	int64_t (*read)(void *ctx, void *data, uint64_t size, struct hf_error *err);
	int (*rewind)(void *ctx, struct hf_error *err);
	uint64_t length; /* bytes in all */
};

/* Where bytes go.  A nonzero answer means: stop now and return it. */
struct hf_sink {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	int (*write)(void *ctx, const void *data, uint64_t size, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif

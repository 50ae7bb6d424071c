/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_FRAME_H
#define SUPERVISOR_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

#include "base/buffer.h"

struct json_object;

#define FRAME_HEADER 4u
#define FRAME_MAX    (64u * 1024u) /* bytes of JSON in a frame */
#define FRAME_DEPTH  32

/* Parses exactly one JSON object, strictly, valid UTF-8 only; HF_ECORRUPT for anything else. */
int frame_parse(const char *text, size_t size, struct json_object **ret, struct hf_error *err);
/* Appends u32 little-endian length and JSON; HF_ERANGE when longer than FRAME_MAX. */
int frame_encode(struct json_object *object, struct buffer *out, struct hf_error *err);
/*
 * Takes the first frame of data.  HF_OK: *ret is the caller's to put, *ret_used the bytes taken.
 * HF_EAGAIN: more bytes are needed.  HF_ECORRUPT: not a frame; nothing after it can be trusted.
 */
int frame_decode(const uint8_t *data, size_t size, struct json_object **ret, size_t *ret_used,
    struct hf_error *err);
/* The string member, or NULL when it is missing or of another type. */
const char *frame_string(struct json_object *object, const char *name);

#endif

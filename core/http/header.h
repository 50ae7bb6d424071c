/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include <holdfast/http.h>

#include "base/buffer.h"

#define HEADER_MAX_COUNT 200u
#define HEADER_MAX_SIZE  65536u /* bytes of all of an answer's header */

/* The header of one answer, as it comes line by line.  Begin with headers_clear; zeroed is right as well. */
struct headers {
	struct buffer text; /* names in lower case and values */
	struct hf_http_header items[HEADER_MAX_COUNT]; /* data is set by headers_list */
	size_t starts[HEADER_MAX_COUNT]; /* of the names in text; the value follows */
	size_t count;
	size_t size; /* bytes of all lines */
	unsigned status; /* 0: there was none yet */
};

void headers_clear(struct headers *headers);
void headers_release(struct headers *headers);
/*
 * Takes one line with or without its end; a status line begins a new header.  HF_ERANGE: there is too much of it;
 * HF_ECORRUPT: no header; HF_ENOMEM.  Bytes that are not UTF-8 become '?'.
 */
int headers_line(struct headers *headers, const char *line, size_t size, struct hf_error *err);
/* All of them, good until the next line. */
const struct hf_http_header *headers_list(struct headers *headers);
/* The first of that name (in lower case), or data NULL. */
struct hf_text headers_find(struct headers *headers, const char *name);

/* HF_EINVAL with a reason for a header that must not be sent: by its characters, or as it is the host's own. */
int header_check(const struct hf_http_header *header, struct hf_error *err);
/* Whether text is a method's or header's name: a token of RFC 9110. */
bool header_is_token(const char *text, size_t size);
/* Decimal digits into a number; false for anything else and for what does not fit. */
bool header_number(const char *text, size_t size, int64_t *ret);

struct header_range {
	int64_t first, last;
	int64_t total; /* -1: not known */
};

/* "bytes 10-99/100", "bytes 10-99/" with an asterisk; false for anything else. */
bool header_range(const struct hf_text *value, struct header_range *ret);
/* "text/html" of "text/html; charset=utf-8". */
struct hf_text header_mime(const struct hf_text *value);
/* An ETag that is strong, in its quotes (RFC 9110, 8.8.3). */
bool header_is_strong_etag(const struct hf_text *value);

#endif

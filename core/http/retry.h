/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_RETRY_H
#define HTTP_RETRY_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETRY_NEVER (-1) /* of retry_after: nothing was said */

/* How patient a client is; the usual values are in http.c. */
struct retry_limits {
	unsigned tries;      /* of one request in all */
	int64_t first_ns;    /* the pause after the first; it doubles each time */
	int64_t longest_ns;  /* no pause is longer, and a server that wants a longer one is left alone */
};

/* Whether a later try may pass: 408, 425, 429, 500, 502, 503, 504. */
bool retry_status(uint32_t status);
/* The result that a status stands for; HF_OK: 2xx. */
int retry_status_code(uint32_t status);
/* The result that libcurl's stands for; *ret_again: a later try may pass. */
int retry_curl_code(CURLcode code, bool *ret_again);
/*
 * What a Retry-After of seconds or of a date (RFC 9110, 10.2.3) asks for, in nanoseconds, or RETRY_NEVER.
 * now: seconds since 1970, by the server's own Date where there is one, as the two clocks may differ.
 */
int64_t retry_after(const char *value, size_t size, int64_t now);
/* The pause after so many tries: exponential, of which a random part up to a half is left out. */
int64_t retry_pause(const struct retry_limits *limits, unsigned tries, uint32_t random);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

#define URL_MAX           8192u /* bytes of a URL that is followed */
#define URL_REDACTED_SIZE 256

/* A URL with all its parts known to be good: http or https, a host, no user name, no fragment. */
struct url {
	CURLU *handle; /* the parts, for libcurl, so that nobody parses the text a second time */
	char *text;    /* the whole, normalized */
	char *host;    /* in ASCII; "[::1]" with brackets */
	bool is_https;
	uint16_t port;
	char redacted[URL_REDACTED_SIZE]; /* for people: without query and whatever else may be a secret */
};

/* HF_EINVAL: it is none; the message does not repeat it, as nobody knows what is in it.  HF_ENOMEM. */
int url_parse(const char *text, uint64_t size, struct url **ret, struct hf_error *err);
/* What a Location of base means. */
int url_join(const struct url *base, const char *location, uint64_t size, struct url **ret, struct hf_error *err);
/* NULL is fine. */
void url_free(struct url *url);
/* The same scheme, host and port. */
bool url_same_origin(const struct url *a, const struct url *b);

#endif

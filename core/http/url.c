/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/library.h"

#define PATH_SHOWN 120 /* bytes of a path in a message */

/*
 * What is no character of a URL: control characters, so that no line of a request can be forged, and NUL, after
 * which one of two parsers would stop.  A space and bytes over 0x7f are encoded by libcurl.
 */
static int
check_bytes(const char *text, uint64_t size, struct hf_error *err)
{
	uint64_t i;

	if (text == NULL || size == 0)
		return hf_error_set(err, HF_EINVAL, 0, "the URL is empty");
	if (size > URL_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "the URL is longer than %u bytes", URL_MAX);
	for (i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return hf_error_set(err, HF_EINVAL, 0, "the URL holds a control character");
	}
	return HF_OK;
}

static int
status_of(CURLUcode code, struct hf_error *err)
{
	switch (code) {
	case CURLUE_OK:
		return HF_OK;
	case CURLUE_OUT_OF_MEMORY:
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	case CURLUE_USER_NOT_ALLOWED:
		return hf_error_set(err, HF_EINVAL, 0, "the URL holds a user name or password");
	default:
		return hf_error_set(err, HF_EINVAL, 0, "the URL is not valid: %s", curl.url_strerror(code));
	}
}

/* The part of a path that names a bot and its key, as Telegram has it ("/bot123:KEY/"), is a secret. */
static bool
is_secret(const char *segment, size_t size)
{
	return memchr(segment, ':', size) != NULL;
}

static void
redact_path(struct url *url, const char *path, bool has_query)
{
	size_t used = strlen(url->redacted), n, shown = 0;

	for (; *path != '\0' && shown < PATH_SHOWN; path += n) {
		n = 1 + strcspn(path + 1, "/");
		used += (size_t)snprintf(url->redacted + used, sizeof(url->redacted) - used, "%.*s",
		    n > PATH_SHOWN ? PATH_SHOWN : (int)n, is_secret(path, n) ? "/..." : path);
		shown += n;
		if (used >= sizeof(url->redacted) - 8)
			break;
	}
	if (used < sizeof(url->redacted) - 8 && (*path != '\0' || has_query))
		(void)snprintf(url->redacted + used, sizeof(url->redacted) - used, "%s",
		    *path != '\0' ? "..." : "?...");
}

static int
take_part(CURLU *handle, CURLUPart part, unsigned flags, char **ret, struct hf_error *err)
{
	return status_of(curl.url_get(handle, part, ret, flags), err);
}

static int
check_host(struct url *url, struct hf_error *err)
{
	char *zone = NULL;

	if (curl.url_get(url->handle, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK) {
		curl.free(zone);
		return hf_error_set(err, HF_EINVAL, 0, "the URL names a network interface");
	}
	/* It says that memory is missing for a name that cannot be written in ASCII as well. */
	if (curl.url_get(url->handle, CURLUPART_HOST, &url->host, CURLU_PUNYCODE) != CURLUE_OK || url->host[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "the URL has no host that is one");
	return HF_OK;
}

static int
check_parts(struct url *url, struct hf_error *err)
{
	char *scheme = NULL, *port = NULL;
	int r = take_part(url->handle, CURLUPART_SCHEME, 0, &scheme, err);

	if (r == HF_OK) {
		url->is_https = strcasecmp(scheme, "https") == 0;
		if (!url->is_https && strcasecmp(scheme, "http") != 0)
			r = hf_error_set(err, HF_EINVAL, 0, "the URL is neither of https nor of http");
	}
	if (r == HF_OK)
		r = check_host(url, err);
	if (r == HF_OK)
		r = take_part(url->handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port, err);
	if (r == HF_OK) {
		url->port = (uint16_t)strtoul(port, NULL, 10);
		(void)snprintf(url->redacted, sizeof(url->redacted), url->port == (url->is_https ? 443 : 80) ?
		    "%s://%.100s" : "%s://%.100s:%s", url->is_https ? "https" : "http", url->host, port);
	}
	curl.free(scheme);
	curl.free(port);
	return r;
}

/* Everything about the URL in url->handle, which is good as far as libcurl is concerned. */
static int
complete(struct url *url, struct hf_error *err)
{
	char *path = NULL, *query = NULL;
	int r;

	(void)curl.url_set(url->handle, CURLUPART_FRAGMENT, NULL, 0);
	r = check_parts(url, err);
	if (r == HF_OK)
		r = take_part(url->handle, CURLUPART_PATH, 0, &path, err);
	if (r == HF_OK) {
		(void)curl.url_get(url->handle, CURLUPART_QUERY, &query, 0);
		redact_path(url, path, query != NULL);
		r = take_part(url->handle, CURLUPART_URL, 0, &url->text, err);
	}
	curl.free(path);
	curl.free(query);
	return r;
}

static int
set_url(struct url *url, const char *text, uint64_t size, struct hf_error *err)
{
	char *copy;
	int r = check_bytes(text, size, err);

	if (r != HF_OK)
		return r;
	copy = malloc(size + 1);
	if (copy == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	memcpy(copy, text, size);
	copy[size] = '\0';
	r = status_of(curl.url_set(url->handle, CURLUPART_URL, copy,
	    CURLU_DISALLOW_USER | CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME), err);
	free(copy);
	return r;
}

static int
make(CURLU *handle, const char *text, uint64_t size, struct url **ret, struct hf_error *err)
{
	struct url *url = calloc(1, sizeof(*url));
	int r = HF_OK;

	if (url == NULL || handle == NULL) {
		free(url);
		curl.url_cleanup(handle);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	url->handle = handle;
	r = set_url(url, text, size, err);
	if (r == HF_OK)
		r = complete(url, err);
	if (r != HF_OK) {
		url_free(url);
		return r;
	}
	*ret = url;
	return HF_OK;
}

int
url_parse(const char *text, uint64_t size, struct url **ret, struct hf_error *err)
{
	return make(curl.url(), text, size, ret, err);
}

int
url_join(const struct url *base, const char *location, uint64_t size, struct url **ret, struct hf_error *err)
{
	return make(curl.url_dup(base->handle), location, size, ret, err);
}

void
url_free(struct url *url)
{
	if (url == NULL)
		return;
	curl.url_cleanup(url->handle);
	/* A query may hold a key. */
	if (url->text != NULL)
		explicit_bzero(url->text, strlen(url->text));
	curl.free(url->text);
	curl.free(url->host);
	free(url);
}

bool
url_same_origin(const struct url *a, const struct url *b)
{
	return a->is_https == b->is_https && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

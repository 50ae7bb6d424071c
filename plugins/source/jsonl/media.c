/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX 4096u

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A scheme with its colon, or two slashes, begins an absolute URL (RFC 3986 section 4.2). */
static bool
is_absolute(const char *url)
{
	size_t i;

	if (url[0] == '/' && url[1] == '/')
		return true;
	for (i = 0; isalnum((unsigned char)url[i]) || (i > 0 && strchr("+-.", url[i]) != NULL && url[i] != '\0'); i++)
		;
	return i > 0 && url[i] == ':';
}

/* The path of a relative URL: without query and fragment, its escapes taken out.  HF_ENOTSUP: it is absolute. */
static int
path_of_url(const struct hf_host_json *json, const struct hf_text *url, char out[URL_MAX + 1], struct hf_error *err)
{
	char *from, *to = out;
	size_t size;
	int high, low;

	if (url->data == NULL || url->size == 0 || url->size > URL_MAX)
		return hf_error_set(err, HF_ENOTSUP, 0, "it has neither a path nor a URL");
	size = url->encoding == HF_TEXT_JSON ? (size_t)json->decode(url->data, url->size, out) : (size_t)url->size;
	if (url->encoding != HF_TEXT_JSON)
		memcpy(out, url->data, size);
	out[size] = '\0';
	if (memchr(out, '\0', size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "a NUL in a URL");
	if (is_absolute(out))
		return hf_error_set(err, HF_ENOTSUP, 0, "its URL is not one of a file");
	out[strcspn(out, "?#")] = '\0';
	for (from = out; *from != '\0'; from++) {
		high = *from == '%' ? hex_of(from[1]) : -1;
		low = high < 0 ? -1 : hex_of(from[2]);
		if (low < 0) {
			*to++ = *from;
			continue;
		}
		*to = (char)(high * 16 + low);
		if (*to++ == '\0')
			return hf_error_set(err, HF_EINVAL, 0, "a NUL in a URL");
		from += 2;
	}
	*to = '\0';
	return HF_OK;
}

static int
answer(const struct hf_host *host, const struct hf_host_json *json, const struct hf_host_files *files,
    const char *folder, const struct hf_media_request *request, const struct hf_media_exchange *exchange,
    struct hf_error *err)
{
	struct hf_text path = request->attachment->path;
	struct hf_error why = HF_ERROR_INIT;
	char decoded[URL_MAX + 1];
	int r = HF_OK;

	if (files == NULL)
		r = hf_error_set(&why, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_FILES);
	if (r == HF_OK && path.data == NULL) {
		r = path_of_url(json, &request->attachment->url, decoded, &why);
		path = (struct hf_text){decoded, strlen(decoded), HF_TEXT_UTF8, 0};
	}
	if (r != HF_OK)
		return exchange->end(exchange->ctx, request->token, r, &why, err);
	return files->push(host->ctx, folder, &path, request, exchange, err);
}

int
media_fetch(const struct hf_host *host, const struct hf_host_json *json, const struct hf_host_files *files,
    const char *folder, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_media_request request;
	int r;

	for (;;) {
		memset(&request, 0, sizeof(request));
		request.struct_size = (uint32_t)sizeof(request);
		r = exchange->next(exchange->ctx, &request, err);
		if (r == HF_OK)
			r = answer(host, json, files, folder, &request, exchange, err);
		if (r == HF_OK && host->stop_requested(host->ctx) != 0)
			r = hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
		if (r != HF_OK)
			return r == HF_ENOTFOUND ? HF_OK : r;
	}
}

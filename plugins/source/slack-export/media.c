/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX    4096u
#define PATH_SIZE    1024u
#define PARALLEL_MAX 64u

struct fetch {
	const struct media *media;
	const struct hf_media_exchange *exchange;
	char authorization[TOKEN_MAX + 16]; /* "Bearer ..."; "": none */
	size_t authorization_size;
	struct hf_http_header headers[PARALLEL_MAX];
	struct {
		char *url; /* NULL: free */
		uint64_t token;
	} urls[PARALLEL_MAX];
};

/* ---- files in the export's folder ---- */

/* Where programs that export with files put them: what comes before a file's id, and between it and the name. */
static const struct {
	const char *before, *between;
} places[] = {{"__uploads/", "/"}, {"attachments/", "-"}};

static bool
decode(const struct media *media, const struct hf_text *text, char *out, size_t size)
{
	size_t n;

	if (text->data == NULL || text->size == 0 || text->size >= size)
		return false;
	if (text->encoding == HF_TEXT_JSON) {
		n = (size_t)media->json->decode(text->data, text->size, out);
	} else {
		n = (size_t)text->size;
		memcpy(out, text->data, n);
	}
	out[n] = '\0';
	return memchr(out, '\0', n) == NULL && memchr(out, '/', n) == NULL;
}

/* Pushes the file if it is there; *ret_done false: it is not. */
static int
from_folder(const struct media *media, const struct hf_media_request *request,
    const struct hf_media_exchange *exchange, bool *ret_done, struct hf_error *err)
{
	struct hf_file file = {.struct_size = (uint32_t)sizeof(file)};
	char id[256], name[256], path[PATH_SIZE];
	struct hf_text text;
	size_t i;

	*ret_done = false;
	if (media->folder == NULL || media->files == NULL || !decode(media, &request->attachment->id, id, sizeof(id)) ||
	    !decode(media, &request->attachment->name, name, sizeof(name)))
		return HF_OK;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s%s%s", places[i].before, id, places[i].between, name);
		text = (struct hf_text){path, strlen(path), HF_TEXT_UTF8, 0};
		if (media->files->open(media->host->ctx, media->folder, &text, &file, NULL) != HF_OK)
			continue;
		media->files->close(&file);
		*ret_done = true;
		return media->files->push(media->host->ctx, media->folder, &text, request, exchange, err);
	}
	return HF_OK;
}

/* ---- from Slack ---- */

static int
take_token(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	size_t n = fetch->authorization_size;

	if (size > TOKEN_MAX || n + size >= sizeof(fetch->authorization))
		return hf_error_set(err, HF_EINVAL, 0, "the token is longer than %u bytes", TOKEN_MAX);
	memcpy(fetch->authorization + n, data, (size_t)size);
	fetch->authorization_size = n + (size_t)size;
	return HF_OK;
}

static int
read_token(struct fetch *fetch, struct hf_error *err)
{
	const struct media *media = fetch->media;
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, fetch, take_token};
	struct hf_error why = HF_ERROR_INIT;
	int r;

	memcpy(fetch->authorization, "Bearer ", 7);
	fetch->authorization_size = 7;
	r = media->host->secret(media->host->ctx, media->token, &sink, &why);
	if (r == HF_ENOTFOUND) {
		fetch->authorization_size = 0;
		return HF_OK;
	}
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "the token: %s", why.msg);
	while (fetch->authorization_size > 7 && (fetch->authorization[fetch->authorization_size - 1] == '\n' ||
	                                            fetch->authorization[fetch->authorization_size - 1] == '\r'))
		fetch->authorization_size--;
	return HF_OK;
}

/* Whether a URL lies at the origin that the token is for. */
static bool
is_of_origin(const struct media *media, const char *url)
{
	size_t size = strlen(media->origin);

	return strncmp(url, media->origin, size) == 0 && (url[size] == '/' || url[size] == '?');
}

static char *
url_of(const struct media *media, const struct hf_text *url)
{
	char *text = url->data == NULL ? NULL : malloc((size_t)url->size + 1);
	size_t n;

	if (text == NULL)
		return NULL;
	if (url->encoding == HF_TEXT_JSON) {
		n = (size_t)media->json->decode(url->data, url->size, text);
	} else {
		n = (size_t)url->size;
		memcpy(text, url->data, n);
	}
	text[n] = '\0';
	return text;
}

/* The next one that Slack is to be asked for; files are answered on the way, and the rest is left to the host. */
static int
slack_next(void *ctx, struct hf_http_request *ret, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	const struct media *media = fetch->media;
	const struct hf_media_exchange *exchange = fetch->exchange;
	struct hf_media_request request;
	struct hf_error why = HF_ERROR_INIT;
	char *url;
	size_t i;
	bool done;
	int r;

	for (;;) {
		for (i = 0; i < PARALLEL_MAX && fetch->urls[i].url != NULL; i++)
			;
		if (i == PARALLEL_MAX)
			return hf_error_set(err, HF_ENOTFOUND, 0, "there is none now");
		if (media->host->stop_requested(media->host->ctx) != 0)
			return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
		memset(&request, 0, sizeof(request));
		request.struct_size = (uint32_t)sizeof(request);
		r = exchange->next(exchange->ctx, &request, err);
		if (r == HF_OK)
			r = from_folder(media, &request, exchange, &done, err);
		if (r != HF_OK)
			return r;
		if (done)
			continue;
		url = url_of(media, &request.attachment->url);
		if (url != NULL && fetch->authorization_size > 0 && is_of_origin(media, url))
			break;
		free(url);
		(void)hf_error_set(&why, HF_ENOTSUP, 0, "the file is not in the export, and no token is for its URL");
		r = exchange->end(exchange->ctx, request.token, HF_ENOTSUP, &why, err);
		if (r != HF_OK)
			return r;
	}
	fetch->urls[i].url = url;
	fetch->urls[i].token = request.token;
	fetch->headers[i] = (struct hf_http_header){{"Authorization", 13, HF_TEXT_UTF8, 0},
	    {fetch->authorization, fetch->authorization_size, HF_TEXT_UTF8, 0}, HF_HTTP_SECRET, 0};
	memset(ret, 0, sizeof(*ret));
	ret->struct_size = (uint32_t)sizeof(*ret);
	ret->flags = HF_HTTP_STRICT;
	ret->token = request.token;
	ret->url = (struct hf_text){url, strlen(url), HF_TEXT_UTF8, 0};
	ret->headers = &fetch->headers[i];
	ret->header_count = 1;
	ret->max_size = request.max_size == 0 ? (uint64_t)1 << 50 : request.max_size;
	ret->offset = request.offset;
	ret->validator = request.validator;
	ret->origin = (struct hf_text){media->origin, strlen(media->origin), HF_TEXT_UTF8, 0};
	return HF_OK;
}

static int
slack_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	const struct fetch *fetch = ctx;
	const struct hf_media_info info = {(uint32_t)sizeof(info), 0, response->size, response->offset, response->mime,
	    response->validator};

	return fetch->exchange->begin(fetch->exchange->ctx, token, &info, err);
}

static int
slack_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	const struct fetch *fetch = ctx;

	return fetch->exchange->write(fetch->exchange->ctx, token, data, size, err);
}

static int
slack_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	size_t i;

	for (i = 0; i < PARALLEL_MAX; i++) {
		if (fetch->urls[i].url != NULL && fetch->urls[i].token == token) {
			free(fetch->urls[i].url);
			fetch->urls[i].url = NULL;
			break;
		}
	}
	return fetch->exchange->end(fetch->exchange->ctx, token, code, why, err);
}

int
media_fetch(const struct media *media, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	const struct hf_http_exchange asking = {(uint32_t)sizeof(asking), 0, fetch, exchange->parallel, 0, slack_next,
	    slack_begin, slack_write, slack_end};
	struct hf_http_request none;
	volatile char *wipe;
	size_t i;
	int r = HF_OK;

	if (fetch == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	fetch->media = media;
	fetch->exchange = exchange;
	if (media->http != NULL)
		r = read_token(fetch, err);
	if (r == HF_OK && fetch->authorization_size > 0) {
		r = media->http->exchange(media->host->ctx, &asking, err);
	} else if (r == HF_OK) {
		/* Without a token nothing is left to ask Slack for. */
		r = slack_next(fetch, &none, err);
		r = r == HF_ENOTFOUND ? HF_OK : r;
	}
	for (wipe = fetch->authorization, i = 0; i < sizeof(fetch->authorization); i++)
		wipe[i] = '\0';
	for (i = 0; i < PARALLEL_MAX; i++)
		free(fetch->urls[i].url);
	free(fetch);
	return r;
}

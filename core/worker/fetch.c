/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/fetch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <holdfast/http.h>

#include "base/json.h"
#include "worker/relay.h"

#define PARALLEL_MAX 64u
#define SIZE_MAX_ANY ((uint64_t)1 << 50)
#define ORIGINS      16u
#define ORIGIN_SIZE  300u

/* A request that was taken from the strategy and has not ended. */
struct item {
	enum { FREE = 0, WAITS, AT_SOURCE, AT_HTTP } state; /* WAITS: for HTTP */
	struct hf_media_request request;
	char *url; /* AT_HTTP: decoded */
};

struct fetch {
	const struct hf_media_exchange *media;
	const struct hf_source_ops *ops;
	void *handle;
	const struct hf_host_http *http; /* NULL: there is none */
	void *host_ctx;
	const char *origin; /* that is configured, or NULL */
	uint32_t parallel;
	struct item items[PARALLEL_MAX + 1];
	struct item held; /* asked for while HTTP was at work, and not for it */
	bool dry;         /* the strategy had no more when it was asked last */
	/* Where URLs led that the source has refused lately: it is not asked about others there. */
	char refused_origins[ORIGINS][ORIGIN_SIZE];
	unsigned origin_count;
	uint64_t given;   /* in this round */
	int refused;      /* what the strategy's end answered; HF_OK */
};

static int
keep(struct fetch *fetch, int r)
{
	if (r > 0)
		r = HF_EINVAL;
	if (r != HF_OK && fetch->refused == HF_OK)
		fetch->refused = r;
	return r;
}

static bool
begins_with(const struct hf_text *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return text->data != NULL && text->size > size && strncasecmp(text->data, prefix, size) == 0;
}

/* Whether the host can try it; plain HTTP is for the client to refuse. */
static bool
is_web(const struct hf_media_request *request)
{
	const struct hf_text *url = &request->attachment->url;

	/* A slash may be spelled "\/" in JSON. */
	return begins_with(url, "https:") || begins_with(url, "http:");
}

/* A URL up to its path, as it is spelled there; false: it is too long, or spelled oddly. */
static bool
origin_of(const struct hf_media_request *request, char out[ORIGIN_SIZE])
{
	const struct hf_text *url = &request->attachment->url;
	size_t i, n = 0, slashes = 0;

	for (i = 0; i < url->size && n + 1 < ORIGIN_SIZE; i++) {
		if (url->data[i] == '\0')
			return false;
		if (url->data[i] == '\\') {
			/* A slash of JSON. */
			if (url->encoding != HF_TEXT_JSON || i + 1 == url->size || url->data[i + 1] != '/')
				return false;
			continue;
		}
		slashes += url->data[i] == '/';
		if (slashes == 3 || url->data[i] == '?' || url->data[i] == '#')
			break;
		out[n++] = url->data[i];
	}
	out[n] = '\0';
	return n + 1 < ORIGIN_SIZE;
}

/* Whether the source need not be asked, as it has refused another URL that leads there. */
static bool
is_direct(const struct fetch *fetch, const struct hf_media_request *request)
{
	char origin[ORIGIN_SIZE];
	size_t i;

	if (request->attachment->path.data != NULL || !is_web(request) || !origin_of(request, origin))
		return false;
	for (i = 0; i < ORIGINS; i++)
		if (strcmp(fetch->refused_origins[i], origin) == 0)
			return true;
	return false;
}

static void
note_refused(struct fetch *fetch, const struct hf_media_request *request)
{
	char origin[ORIGIN_SIZE];

	if (request->attachment->path.data == NULL && !is_direct(fetch, request) && origin_of(request, origin))
		memcpy(fetch->refused_origins[fetch->origin_count++ % ORIGINS], origin, ORIGIN_SIZE);
}

static struct item *
find_item(struct fetch *fetch, uint64_t token)
{
	size_t i;

	for (i = 0; i <= PARALLEL_MAX; i++)
		if (fetch->items[i].state != FREE && fetch->items[i].request.token == token)
			return &fetch->items[i];
	return NULL;
}

static size_t
count_items(const struct fetch *fetch, int state)
{
	size_t i, count = 0;

	for (i = 0; i <= PARALLEL_MAX; i++)
		count += (int)fetch->items[i].state == state;
	return count;
}

static struct item *
add_item(struct fetch *fetch, const struct hf_media_request *request, int state)
{
	size_t i;

	for (i = 0; i <= PARALLEL_MAX; i++) {
		if (fetch->items[i].state == FREE) {
			fetch->items[i] = (struct item){WAITS, *request, NULL};
			if (state == AT_SOURCE)
				fetch->items[i].state = AT_SOURCE;
			return &fetch->items[i];
		}
	}
	return NULL;
}

static void
drop_item(struct item *item)
{
	free(item->url);
	memset(item, 0, sizeof(*item));
}

/* The strategy's next one, if there may be another at all. */
static int
next_of_strategy(struct fetch *fetch, struct hf_media_request *ret, struct hf_error *err)
{
	int r;

	if (fetch->refused != HF_OK)
		return hf_error_set(err, fetch->refused, 0, "told to stop");
	memset(ret, 0, sizeof(*ret));
	ret->struct_size = (uint32_t)sizeof(*ret);
	r = fetch->media->next(fetch->media->ctx, ret, err);
	fetch->dry = r == HF_ENOTFOUND;
	if (r != HF_OK && r != HF_ENOTFOUND)
		return keep(fetch, r);
	fetch->given += r == HF_OK;
	return r;
}

static int
none_now(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOTFOUND, 0, "there is none now");
}

/* ---- by the source ---- */

static int
source_next(void *ctx, struct hf_media_request *ret_request, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	struct hf_media_request request;
	int r;

	for (;;) {
		/* Those that HTTP is to get wait until the source is done with its own. */
		if (count_items(fetch, WAITS) + count_items(fetch, AT_SOURCE) >= fetch->parallel)
			return none_now(err);
		if (fetch->held.state != FREE) {
			request = fetch->held.request;
			memset(&fetch->held, 0, sizeof(fetch->held));
		} else {
			r = next_of_strategy(fetch, &request, err);
			if (r != HF_OK)
				return r;
			if (is_direct(fetch, &request)) {
				(void)add_item(fetch, &request, WAITS);
				continue;
			}
		}
		(void)add_item(fetch, &request, AT_SOURCE);
		*ret_request = request;
		return HF_OK;
	}
}

static int
unknown(uint64_t token, struct hf_error *err)
{
	return hf_error_set(err, HF_EINVAL, 0, "the source tells of media that nobody asked for (%llu)",
	    (unsigned long long)token);
}

static int
source_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	struct hf_media_info whole;

	if (find_item(fetch, token) == NULL)
		return unknown(token, err);
	memset(&whole, 0, sizeof(whole));
	memcpy(&whole, info, info->struct_size < sizeof(whole) ? info->struct_size : sizeof(whole));
	whole.struct_size = (uint32_t)sizeof(whole);
	return fetch->media->begin(fetch->media->ctx, token, &whole, err);
}

static int
source_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct fetch *fetch = ctx;

	if (find_item(fetch, token) == NULL)
		return unknown(token, err);
	return fetch->media->write(fetch->media->ctx, token, data, size, err);
}

static int
source_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	struct item *item = find_item(fetch, token);

	if (item == NULL)
		return unknown(token, err);
	if (code == HF_ENOTSUP && fetch->http != NULL && is_web(&item->request)) {
		note_refused(fetch, &item->request);
		item->state = WAITS;
		return HF_OK;
	}
	drop_item(item);
	return keep(fetch, fetch->media->end(fetch->media->ctx, token, code, why, err));
}

static int
by_source(struct fetch *fetch, struct hf_error *err)
{
	const struct hf_media_exchange proxy = {(uint32_t)sizeof(proxy), 0, fetch, fetch->parallel, 0, source_next,
	    source_begin, source_write, source_end};
	int r = fetch->ops->fetch_media(fetch->handle, &proxy, err);

	if (r > 0)
		return hf_error_set(err, HF_EINVAL, 0, "the source answered %d, which means nothing", r);
	if (r == HF_OK && fetch->refused != HF_OK)
		return hf_error_set(err, fetch->refused, 0, "the source went on after it was told to stop");
	if (r == HF_OK && count_items(fetch, AT_SOURCE) > 0)
		return hf_error_set(err, HF_EINVAL, 0, "the source ended without a word of what it was asked for");
	return r;
}

/* ---- by the host ---- */

static int
set_url(struct item *item, struct hf_error *err)
{
	const struct hf_text *url = &item->request.attachment->url;

	item->url = malloc((size_t)url->size + 1);
	if (item->url == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "a URL: out of memory");
	if (url->encoding == HF_TEXT_JSON)
		item->url[json_decode(url->data, url->size, item->url)] = '\0';
	else
		memcpy(item->url, url->data, (size_t)url->size);
	if (url->encoding != HF_TEXT_JSON)
		item->url[url->size] = '\0';
	return HF_OK;
}

/* One that waits, or the strategy's next if that is for HTTP. */
static int
next_for_http(struct fetch *fetch, struct item **ret, struct hf_error *err)
{
	struct hf_media_request request;
	size_t i;
	int r;

	for (i = 0; i <= PARALLEL_MAX; i++) {
		if (fetch->items[i].state == WAITS) {
			*ret = &fetch->items[i];
			return HF_OK;
		}
	}
	for (;;) {
		if (fetch->held.state != FREE)
			return none_now(err);
		r = next_of_strategy(fetch, &request, err);
		if (r != HF_OK)
			return r;
		if (is_web(&request) && fetch->http != NULL &&
		    (fetch->ops->fetch_media == NULL || is_direct(fetch, &request)))
			break;
		if (fetch->ops->fetch_media != NULL) {
			fetch->held.state = AT_SOURCE;
			fetch->held.request = request;
			continue;
		}
		r = keep(fetch, fetch->media->end(fetch->media->ctx, request.token, HF_ENOTSUP,
		    &(const struct hf_error){.struct_size = (uint32_t)sizeof(struct hf_error), .code = HF_ENOTSUP,
		        .msg = "neither the source nor the host can get it"}, err));
		if (r != HF_OK)
			return r;
	}
	*ret = add_item(fetch, &request, WAITS);
	return *ret != NULL ? HF_OK : hf_error_set(err, HF_EINVAL, 0, "more requests than were asked for");
}

static int
web_next(void *ctx, struct hf_http_request *ret_request, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	struct item *item;
	int r = next_for_http(fetch, &item, err);

	if (r == HF_OK)
		r = set_url(item, err);
	if (r != HF_OK)
		return r;
	item->state = AT_HTTP;
	memset(ret_request, 0, sizeof(*ret_request));
	ret_request->struct_size = (uint32_t)sizeof(*ret_request);
	ret_request->flags = HF_HTTP_STRICT;
	ret_request->token = item->request.token;
	ret_request->url = (struct hf_text){item->url, strlen(item->url), HF_TEXT_UTF8, 0};
	ret_request->max_size = item->request.max_size == 0 ? SIZE_MAX_ANY : item->request.max_size;
	ret_request->offset = item->request.offset;
	ret_request->validator = item->request.validator;
	if (fetch->origin != NULL)
		ret_request->origin = (struct hf_text){fetch->origin, strlen(fetch->origin), HF_TEXT_UTF8, 0};
	return HF_OK;
}

static int
web_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	const struct hf_media_info info = {(uint32_t)sizeof(info), 0, response->size, response->offset, response->mime,
	    response->validator};

	return fetch->media->begin(fetch->media->ctx, token, &info, err);
}

static int
web_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct fetch *fetch = ctx;

	return fetch->media->write(fetch->media->ctx, token, data, size, err);
}

static int
web_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct fetch *fetch = ctx;
	struct item *item = find_item(fetch, token);

	if (item != NULL)
		drop_item(item);
	return keep(fetch, fetch->media->end(fetch->media->ctx, token, code, why, err));
}

static int
by_host(struct fetch *fetch, struct hf_error *err)
{
	const struct hf_http_exchange exchange = {(uint32_t)sizeof(exchange), 0, fetch, fetch->parallel, 0, web_next,
	    web_begin, web_write, web_end};
	struct item *item;
	int r;

	if (fetch->http != NULL)
		return fetch->http->exchange(fetch->host_ctx, &exchange, err);
	r = next_for_http(fetch, &item, err);
	return r == HF_ENOTFOUND ? HF_OK : r;
}

/* ---- */

struct who {
	const struct instance *source;
	const char *account;
};

static int
fetch_from(void *ctx, const struct hf_media_exchange *media, struct hf_error *err)
{
	const struct who *who = ctx;
	const struct instance *source = who->source;
	const char *account = who->account;
	const struct hf_host *table = host_table(source->host);
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	size_t i;
	int r = HF_OK;

	if (fetch == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", account);
	fetch->media = media;
	fetch->ops = &source->component->ops.source;
	fetch->handle = source->handle;
	fetch->host_ctx = table->ctx;
	fetch->http = table->get_extension(table->ctx, HF_HOST_HTTP);
	fetch->origin = host_http(source->host)->media_origin;
	fetch->parallel = media->parallel < 1 ? 1 : media->parallel > PARALLEL_MAX ? PARALLEL_MAX : media->parallel;
	/* In turns, while either has something to do; most often one of the two has all of it. */
	do {
		fetch->given = 0;
		if (fetch->ops->fetch_media != NULL)
			r = by_source(fetch, err);
		if (r == HF_OK)
			r = by_host(fetch, err);
	} while (r == HF_OK && (fetch->given > 0 || fetch->held.state != FREE || !fetch->dry));
	for (i = 0; i <= PARALLEL_MAX; i++)
		free(fetch->items[i].url);
	free(fetch);
	return r;
}

int
fetch_media(const struct instance *source, const char *account, const struct hf_media_exchange *media,
    struct hf_error *err)
{
	struct who who = {source, account};

	return relay_run(media, fetch_from, &who, err);
}

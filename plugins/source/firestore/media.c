/* SPDX-License-Identifier: BSD-2-Clause */
#include "media.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS    16
#define URL_LIMIT 8192
/* The strategy counts what it takes; the media of a chat have no size that all share. */
#define SIZE_LIMIT ((uint64_t)1 << 62)

/* One request under way. */
struct slot {
	bool used;
	bool waits;   /* to be asked for again, with a new token */
	bool renewed; /* it was */
	uint64_t token;
	struct text url;
	struct text bearer; /* empty: the URL brings its own token */
	struct text validator;
	uint64_t offset;
	struct hf_http_header header;
};

struct fetch {
	struct service *service;
	const struct hf_media_exchange *media;
	struct slot slots[SLOTS];
};

/* ---- URLs ---- */

static bool
starts_with(const char *text, const char *prefix, const char **ret_rest)
{
	size_t size = strlen(prefix);

	if (strncmp(text, prefix, size) != 0)
		return false;
	*ret_rest = text + size;
	return true;
}

/* A query's parameter, such as "token=". */
static bool
has_parameter(const char *url, const char *name)
{
	const char *p = strchr(url, '?');
	size_t size = strlen(name);

	while (p != NULL) {
		if (strncmp(p + 1, name, size) == 0)
			return true;
		p = strchr(p + 1, '&');
	}
	return false;
}

/* The URL to ask for the bytes with; HF_ENOTSUP: it leads to another host than Firebase Storage.  given is cut. */
static int
make_url(const struct service *s, char *given, struct text *out, bool *ret_own_token)
{
	const char *rest, *slash;

	if (starts_with(given, "gs://", &rest)) {
		slash = strchr(rest, '/');
		if (slash == NULL || slash == rest || slash[1] == '\0')
			return HF_ENOTSUP;
		text_printf(out, "%s/v0/b/", s->settings->storage);
		text_url(out, rest, (size_t)(slash - rest), "");
		text_string(out, "/o/");
		text_url(out, slash + 1, strlen(slash + 1), "");
		text_string(out, "?alt=media");
		*ret_own_token = false;
		return out->failed;
	}
	if (!starts_with(given, s->settings->storage, &rest) || strchr("/?#", rest[0]) == NULL)
		return HF_ENOTSUP;
	given[strcspn(given, "#")] = '\0';
	text_string(out, given);
	/* Whatever else is there is none of the account's business, and most likely not there. */
	*ret_own_token = strncmp(rest, "/v0/b/", 6) != 0 || has_parameter(given, "token=");
	if (strncmp(rest, "/v0/b/", 6) == 0 && !has_parameter(given, "alt=media"))
		text_string(out, strchr(given, '?') == NULL ? "?alt=media" : "&alt=media");
	return out->failed;
}

/* ---- slots ---- */

static struct slot *
find_slot(struct fetch *f, uint64_t token)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (f->slots[i].used && f->slots[i].token == token)
			return &f->slots[i];
	return NULL;
}

static struct slot *
free_slot(struct fetch *f)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (!f->slots[i].used)
			return &f->slots[i];
	return NULL;
}

static void
release_slot(struct slot *slot)
{
	text_release(&slot->url);
	text_release(&slot->validator);
	text_wipe(&slot->bearer);
	memset(slot, 0, sizeof(*slot));
}

/* A user's token has a scheme of its own there. */
static int
take_token(struct fetch *f, struct slot *slot, struct hf_error *err)
{
	const char *token;
	int r = auth_token(&f->service->auth, &token, err);

	if (r != HF_OK)
		return r;
	text_clear(&slot->bearer);
	text_string(&slot->bearer, f->service->settings->sign_in == SIGN_IN_ACCOUNT ? "Bearer " : "Firebase ");
	text_string(&slot->bearer, token);
	return text_status(&slot->bearer, "the token", err);
}

static int
fill_slot(struct fetch *f, struct slot *slot, const struct hf_media_request *request, struct hf_error *err)
{
	const struct hf_text *url = &request->attachment->url;
	struct text given = TEXT_INIT(URL_LIMIT);
	bool own_token = false;
	int r = HF_ENOTSUP;

	slot->url.max = URL_LIMIT;
	slot->bearer.max = 20000;
	slot->validator.max = 1024;
	slot->token = request->token;
	slot->offset = request->offset;
	text_put(&slot->validator, request->validator.data, request->validator.data == NULL ? 0 :
	    (size_t)request->validator.size);
	text_put(&given, url->data, url->data == NULL ? 0 : (size_t)url->size);
	if (given.failed == HF_OK && given.size > 0) {
		if (url->encoding == HF_TEXT_JSON)
			given.size = (size_t)f->service->json->decode(url->data, url->size, given.data);
		given.data[given.size] = '\0';
		if (strlen(given.data) == given.size)
			r = make_url(f->service, given.data, &slot->url, &own_token);
	}
	text_release(&given);
	if (r == HF_OK && !own_token)
		r = take_token(f, slot, err);
	else if (r != HF_OK)
		(void)hf_error_set(err, HF_ENOTSUP, 0, "it is not in Firebase Storage");
	return r == HF_OK ? HF_OK : err->code;
}

static void
put_request(const struct service *s, struct slot *slot, struct hf_http_request *request)
{
	memset(request, 0, sizeof(*request));
	request->struct_size = sizeof(*request);
	/* The URL comes from a message: what it leads to behind the service is no place for a token. */
	request->flags = HF_HTTP_STRICT;
	request->origin = (struct hf_text){s->settings->storage, strlen(s->settings->storage), HF_TEXT_UTF8, 0};
	request->token = slot->token;
	request->url = (struct hf_text){slot->url.data, slot->url.size, HF_TEXT_UTF8, 0};
	if (slot->bearer.size > 0) {
		slot->header = (struct hf_http_header){{"authorization", 13, HF_TEXT_UTF8, 0},
		    {slot->bearer.data, slot->bearer.size, HF_TEXT_UTF8, 0}, HF_HTTP_SECRET, 0};
		request->headers = &slot->header;
		request->header_count = 1;
	}
	request->max_size = SIZE_LIMIT;
	request->offset = slot->offset;
	if (slot->validator.size > 0)
		request->validator = (struct hf_text){slot->validator.data, slot->validator.size, HF_TEXT_UTF8, 0};
}

/* ---- the exchange ---- */

/* One that waits for a new token. */
static int
next_waiting(struct fetch *f, struct hf_http_request *ret_request, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct slot *slot;
	size_t i;
	int r;

	for (i = 0; i < SLOTS; i++) {
		slot = &f->slots[i];
		if (!slot->used || !slot->waits)
			continue;
		slot->waits = false;
		r = take_token(f, slot, &why);
		if (r == HF_OK) {
			put_request(f->service, slot, ret_request);
			return HF_OK;
		}
		r = f->media->end(f->media->ctx, slot->token, r, &why, err);
		release_slot(slot);
		if (r != HF_OK)
			return r;
	}
	return HF_ENOTFOUND;
}

static int
fetch_next(void *ctx, struct hf_http_request *ret_request, struct hf_error *err)
{
	struct fetch *f = ctx;
	struct hf_media_request request;
	struct hf_error why = HF_ERROR_INIT;
	struct slot *slot;
	int r = next_waiting(f, ret_request, err);

	while (r == HF_ENOTFOUND) {
		slot = free_slot(f);
		if (slot == NULL)
			return HF_ENOTFOUND;
		memset(&request, 0, sizeof(request));
		request.struct_size = sizeof(request);
		r = f->media->next(f->media->ctx, &request, err);
		if (r != HF_OK)
			return r;
		slot->used = true;
		r = fill_slot(f, slot, &request, &why);
		if (r == HF_OK) {
			put_request(f->service, slot, ret_request);
			return HF_OK;
		}
		release_slot(slot);
		r = f->media->end(f->media->ctx, request.token, r, &why, err);
		if (r == HF_OK)
			r = HF_ENOTFOUND;
	}
	return r;
}

static int
fetch_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct fetch *f = ctx;
	struct hf_media_info info = {sizeof(info), 0, response->size, response->offset, response->mime,
	    response->validator};

	return f->media->begin(f->media->ctx, token, &info, err);
}

static int
fetch_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct fetch *f = ctx;

	return f->media->write(f->media->ctx, token, data, size, err);
}

static int
fetch_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct fetch *f = ctx;
	struct slot *slot = find_slot(f, token);

	/* A token that has ended is no reason to fail: another one is got, once for all that wait. */
	if (code == HF_EAUTH && slot != NULL && slot->bearer.size > 0 && !slot->renewed) {
		if (f->service->auth.token.size > 0 &&
		    strcmp(strchr(slot->bearer.data, ' ') + 1, f->service->auth.token.data) == 0)
			text_clear(&f->service->auth.token);
		slot->waits = slot->renewed = true;
		return HF_OK;
	}
	if (slot != NULL)
		release_slot(slot);
	return f->media->end(f->media->ctx, token, code, why, err);
}

int
media_fetch(struct service *service, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct fetch *f = calloc(1, sizeof(*f));
	struct hf_http_exchange http = {sizeof(http), 0, f, exchange->parallel < SLOTS ? exchange->parallel : SLOTS, 0,
	    fetch_next, fetch_begin, fetch_write, fetch_end};
	size_t i;
	int r;

	if (f == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	f->service = service;
	f->media = exchange;
	r = service->http->exchange(service->host->ctx, &http, err);
	for (i = 0; i < SLOTS; i++)
		release_slot(&f->slots[i]);
	free(f);
	return r;
}

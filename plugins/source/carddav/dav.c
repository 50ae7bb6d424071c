/* SPDX-License-Identifier: BSD-2-Clause */
#include "dav.h"

#include <stdlib.h>
#include <strings.h>

#define HEADERS_MAX 5

void
dav_answer_init(struct dav_answer *answer)
{
	*answer = (struct dav_answer){0, BYTES_INIT(DAV_PATH_MAX), BYTES_INIT(1024)};
}

void
dav_answer_release(struct dav_answer *answer)
{
	bytes_release(&answer->path);
	bytes_release(&answer->etag);
}

/* ---- addresses ---- */

static size_t
origin_size(const char *url)
{
	size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;

	return scheme == 0 ? 0 : scheme + strcspn(url + scheme, "/?#");
}

/* What may stand in a URL stays, all else becomes %XX. */
static void
put_path(const char *path, size_t size, struct bytes *out)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if ((unsigned char)path[i] > ' ' && (unsigned char)path[i] < 0x7f &&
		    strchr("\"<>\\^`{|}#", path[i]) == NULL)
			bytes_char(out, path[i]);
		else
			bytes_format(out, "%%%02X", (unsigned char)path[i]);
	}
}

int
dav_set_url(struct dav *dav, const char *url, struct bytes *out, struct hf_error *err)
{
	size_t size = origin_size(url);

	if (size == 0 || url[size - 1] == '/')
		return hf_error_set(err, HF_EINVAL, 0, "\"url\" is no address that begins with https:// or http://");
	if (memchr(url, '@', size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "\"url\": a name or password belongs into \"user\" and "
		                                       "\"password_file\"");
	bytes_clear(&dav->origin);
	bytes_put(&dav->origin, url, size);
	if (url[size] != '/')
		bytes_char(out, '/');
	put_path(url + size, strcspn(url + size, "?#"), out);
	return bytes_status(out, "\"url\"", err);
}

bool
dav_is_private(const struct dav *dav)
{
	static const char *const here[] = {"localhost", "127.0.0.1", "[::1]", NULL};
	const char *host = dav->origin.data + 7;
	size_t i, size = dav->origin.size - 7;

	if (strncasecmp(dav->origin.data, "https", 5) == 0)
		return true;
	for (i = 0; here[i] != NULL; i++) {
		if (size >= strlen(here[i]) && strncasecmp(host, here[i], strlen(here[i])) == 0 &&
		    (size == strlen(here[i]) || host[strlen(here[i])] == ':'))
			return true;
	}
	return false;
}

/* "https://dav.example:443" and "https://dav.example" are one. */
static bool
same_origin(const struct dav *dav, const char *url, size_t size)
{
	const char *port = strncasecmp(url, "https", 5) == 0 ? ":443" : ":80";
	size_t own = dav->origin.size, ports = strlen(port);

	if (size > ports && memcmp(url + size - ports, port, ports) == 0)
		size -= ports;
	if (own > ports && memcmp(dav->origin.data + own - ports, port, ports) == 0)
		own -= ports;
	return size == own && strncasecmp(dav->origin.data, url, size) == 0;
}

int
dav_resolve(const struct dav *dav, const struct bytes *path, const struct bytes *href, struct bytes *out,
    struct hf_error *err)
{
	struct bytes text = BYTES_INIT(2 * DAV_PATH_MAX);
	const char *url;
	size_t size, folder = path->size;
	int r = HF_OK;

	bytes_put(&text, href->data, href->size);
	url = bytes_text(&text);
	size = url == NULL ? 0 : origin_size(url);
	if (url == NULL || href->size == 0 || strlen(url) != href->size) {
		r = hf_error_set(err, HF_ECORRUPT, 0, "the server names an address that is none");
	} else if (size > 0 || strncmp(url, "//", 2) == 0) {
		if (size == 0 || !same_origin(dav, url, size))
			r = hf_error_set(err, HF_EPERM, 0,
			    "the server names another one, where the password is not sent; if that is right, make the "
			    "account's \"url\" %.200s", url);
		else
			put_path(url + size, href->size - size, out);
	} else {
		while (*url != '/' && folder > 0 && path->data[folder - 1] != '/')
			folder--;
		if (*url != '/')
			bytes_put(out, path->data, folder);
		put_path(url, href->size, out);
	}
	bytes_release(&text);
	if (r == HF_OK && (out->size == 0 || out->data[0] != '/'))
		r = hf_error_set(err, HF_ECORRUPT, 0, "the server names an address that is none");
	return r == HF_OK ? bytes_status(out, "an address", err) : r;
}

static bool
is_denied(const struct hf_error *why)
{
	return why->http_status == 401 || why->http_status == 403;
}

bool
dav_is_elsewhere(const struct hf_error *why)
{
	return why->code == HF_EPERM ? why->http_status == 0 : why->code == HF_EINVAL && is_denied(why);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static int
next_byte(const char **at, const char *end)
{
	const char *p = *at;

	if (p == end)
		return -1;
	if (*p == '%' && end - p > 2 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
		*at = p + 3;
		return hex_digit(p[1]) * 16 + hex_digit(p[2]);
	}
	*at = p + 1;
	return (unsigned char)*p;
}

bool
dav_same_path(const char *a, size_t a_size, const char *b, size_t b_size)
{
	const char *a_end = a + a_size, *b_end = b + b_size;
	int x, y;

	do {
		x = next_byte(&a, a_end);
		y = next_byte(&b, b_end);
	} while (x == y && x >= 0);
	return x == y;
}

bool
dav_is_below(const char *path, size_t size, const char *folder, size_t folder_size)
{
	const char *path_end = path + size, *folder_end = folder + folder_size;
	int c;

	while ((c = next_byte(&folder, folder_end)) >= 0 && next_byte(&path, path_end) == c)
		;
	return c < 0;
}

void
dav_put_xml(struct bytes *out, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] == '&')
			bytes_string(out, "&amp;");
		else if (text[i] == '<')
			bytes_string(out, "&lt;");
		else if (text[i] == '>')
			bytes_string(out, "&gt;");
		else
			bytes_char(out, text[i]);
	}
}

/* ---- requests ---- */

/* One request on its way. */
struct asking {
	const struct dav *dav;
	const struct hf_http_request *request;
	bool taken;
	struct dav_answer *answer;
	/* Where the body goes. */
	const struct dav_query *query; /* NULL: into body */
	struct multistatus *multistatus;
	struct bytes *body;
	int code;
	struct hf_error why;
	int broken; /* the body's fault, not the request's */
};

static int
ask_next(void *ctx, struct hf_http_request *ret, struct hf_error *err)
{
	struct asking *asking = ctx;

	(void)err;
	if (asking->taken)
		return HF_ENOTFOUND;
	asking->taken = true;
	memcpy(ret, asking->request, ret->struct_size < sizeof(*ret) ? ret->struct_size : sizeof(*ret));
	return HF_OK;
}

static void
take_url(struct asking *asking, const struct hf_text *url)
{
	struct bytes text = BYTES_INIT(4 * DAV_PATH_MAX);
	struct bytes *path = &asking->answer->path;
	const char *whole;
	size_t size;

	bytes_clear(path);
	bytes_put(&text, url->data, (size_t)url->size);
	whole = bytes_text(&text);
	size = whole == NULL ? 0 : origin_size(whole);
	/* Elsewhere is nothing that an href could be relative to. */
	if (size > 0 && same_origin(asking->dav, whole, size))
		put_path(whole + size, strcspn(whole + size, "?#"), path);
	bytes_release(&text);
}

static int
ask_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct asking *asking = ctx;
	struct dav_answer *answer = asking->answer;
	uint64_t i;

	(void)token;
	answer->status = response->status;
	take_url(asking, &response->url);
	bytes_clear(&answer->etag);
	for (i = 0; i < response->header_count; i++) {
		if (response->headers[i].name.size == 4 && memcmp(response->headers[i].name.data, "etag", 4) == 0)
			bytes_put(&answer->etag, response->headers[i].value.data,
			    (size_t)response->headers[i].value.size);
	}
	if (asking->body != NULL)
		bytes_clear(asking->body);
	if (asking->query == NULL || response->status != 207)
		return HF_OK;
	multistatus_close(asking->multistatus);
	asking->multistatus = NULL;
	asking->broken = HF_OK;
	asking->query->reset(asking->query->ctx);
	return multistatus_open(DAV_CARD_MAX, asking->query->fn, asking->query->ctx, &asking->multistatus, err);
}

static int
ask_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct asking *asking = ctx;
	int r = HF_OK;

	(void)token;
	if (asking->multistatus != NULL) {
		r = multistatus_write(asking->multistatus, data, (size_t)size, &asking->why);
		asking->broken = r;
	} else if (asking->body != NULL) {
		bytes_put(asking->body, data, (size_t)size);
		r = bytes_status(asking->body, "an answer", &asking->why);
		asking->broken = r;
	}
	return r == HF_OK ? HF_OK : hf_error_set(err, r, asking->why.os_errno, "%s", asking->why.msg);
}

static int
ask_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct asking *asking = ctx;

	(void)token;
	(void)err;
	/* What was found out about the body is more than that it was not wanted any longer. */
	if (asking->broken != HF_OK)
		asking->code = asking->broken;
	else
		asking->code = code;
	if (asking->broken == HF_OK && why != NULL)
		asking->why = *why;
	if (why != NULL && why->http_status != 0)
		asking->answer->status = why->http_status;
	return HF_OK;
}

static struct hf_text
text_of(const char *string)
{
	return (struct hf_text){string, strlen(string), HF_TEXT_UTF8, 0};
}

/* "REPORT /alice/book/: HTTP status 500", with the code and what came with it. */
static int
explain(const struct asking *asking, const char *path, struct hf_error *err)
{
	const char *method = asking->request->method == NULL ? "GET" : asking->request->method;
	bool led_elsewhere = asking->code == HF_EINVAL && is_denied(&asking->why);
	int r = hf_error_set(err, asking->code, asking->why.os_errno, "%s %.100s: %s%s", method, path,
	    asking->why.msg, led_elsewhere ? "; if that is right, make it the account's \"url\"" : "");

	if (err != NULL) {
		err->http_status = asking->why.http_status;
		err->retry_after_ms = asking->why.retry_after_ms;
	}
	return r;
}

static int
run(struct asking *asking, const char *path, struct hf_http_request *request, struct hf_http_header *headers,
    size_t count, struct hf_error *err)
{
	const struct dav *dav = asking->dav;
	const struct hf_http_exchange exchange = {sizeof(exchange), 0, asking, 1, 0, ask_next, ask_begin, ask_write,
	    ask_end};
	struct bytes url = BYTES_INIT(2 * DAV_PATH_MAX);
	int r;

	bytes_put(&url, dav->origin.data, dav->origin.size);
	bytes_string(&url, path);
	if (dav->authorization.size > 0)
		headers[count++] = (struct hf_http_header){text_of("Authorization"),
		    {dav->authorization.data, dav->authorization.size, HF_TEXT_UTF8, 0}, HF_HTTP_SECRET, 0};
	request->struct_size = sizeof(*request);
	request->url = (struct hf_text){url.data, url.size, HF_TEXT_UTF8, 0};
	request->headers = headers;
	request->header_count = count;
	asking->request = request;
	asking->code = HF_OK;
	asking->why = (struct hf_error)HF_ERROR_INIT;
	asking->answer->status = 0;
	r = bytes_status(&url, "an address", err);
	if (r == HF_OK)
		r = dav->http->exchange(dav->host->ctx, &exchange, err);
	if (r == HF_OK && asking->code == HF_OK && asking->multistatus != NULL)
		asking->code = multistatus_end(asking->multistatus, &asking->why);
	if (r == HF_OK && asking->code != HF_OK)
		r = explain(asking, path, err);
	bytes_release(&url);
	return r;
}

int
dav_ask(const struct dav *dav, const struct dav_query *query, struct dav_answer *answer, struct bytes *ret_token,
    struct hf_error *err)
{
	struct asking asking = {.dav = dav, .answer = answer, .query = query};
	struct hf_http_header headers[HEADERS_MAX] = {{text_of("Content-Type"),
	    text_of("application/xml; charset=utf-8"), 0, 0}, {text_of("Depth"), text_of(query->depth), 0, 0}};
	struct hf_http_request request = {.method = query->method, .max_size = query->max,
	    .body = {query->body->data, query->body->size}};
	int r = run(&asking, query->path, &request, headers, 2, err);

	if (r == HF_OK && asking.multistatus == NULL)
		r = hf_error_set(err, HF_ECORRUPT, 0,
		    "%s %.200s: HTTP status %u, where 207 was to come: is this a CardDAV server?", query->method,
		    query->path, answer->status);
	if (r == HF_OK && ret_token != NULL) {
		bytes_clear(ret_token);
		bytes_string(ret_token, multistatus_token(asking.multistatus));
		r = bytes_status(ret_token, "a sync-token", err);
	}
	multistatus_close(asking.multistatus);
	return r;
}

int
dav_get(const struct dav *dav, const char *path, struct dav_answer *answer, struct bytes *out, struct hf_error *err)
{
	struct asking asking = {.dav = dav, .answer = answer, .body = out};
	struct hf_http_header headers[HEADERS_MAX] = {{text_of("Accept"), text_of("text/vcard"), 0, 0}};
	struct hf_http_request request = {.max_size = DAV_CARD_MAX};

	return run(&asking, path, &request, headers, 1, err);
}

int
dav_put(const struct dav *dav, const char *path, const char *etag, const struct hf_blob *card,
    struct dav_answer *answer, struct hf_error *err)
{
	struct asking asking = {.dav = dav, .answer = answer};
	struct hf_http_header headers[HEADERS_MAX] = {{text_of("Content-Type"), text_of("text/vcard; charset=utf-8"),
	    0, 0},
	    {text_of(etag == NULL ? "If-None-Match" : "If-Match"), text_of(etag == NULL ? "*" : etag), 0, 0}};
	struct hf_http_request request = {.method = "PUT",
	    .flags = HF_HTTP_ONCE | HF_HTTP_STAY, .body = *card};
	int r = run(&asking, path, &request, headers, 2, err);

	return r != HF_OK && answer->status == 412
	           ? hf_error_set(err, HF_EEXIST, 0, "PUT %.200s: it was changed meanwhile, or is another card", path)
	           : r;
}

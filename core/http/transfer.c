/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/transfer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/plural.h"
#include "base/time.h"
#include "http/certificate.h"
#include "http/library.h"
#include "http/policy.h"

#define MS             INT64_C(1000000)
#define SECOND         INT64_C(1000000000)
#define SIZE_USUAL     (UINT64_C(16) << 20)
#define IGNORED_MAX    65536u    /* bytes of a body nobody wants, before its connection is given up instead */
#define SPEED_LEAST    64L       /* bytes a second; less is as good as nothing */
#define SPEED_SLOW     10240     /* bytes a second that the whole transfer has to reach */
#define READ_SIZE      65536L    /* as much as may be read beyond a limit */
#define SECONDS_MAX    2000000L /* 23 days */
#define METHOD_SIZE    (sizeof(((struct wanted *)NULL)->method))
#define LINE_MAX_SIZE  16384u

static struct url *
current(const struct transfer *transfer)
{
	return transfer->chain[transfer->hops];
}

static const char *
method_of(const struct transfer *transfer)
{
	return transfer->is_get ? "GET" : transfer->wanted.method;
}

/* Whether the address matters: the URL comes from a message, and is not of the configured origin. */
static bool
is_strict(const struct transfer *transfer)
{
	const struct wanted *wanted = &transfer->wanted;

	if ((wanted->flags & HF_HTTP_STRICT) == 0)
		return false;
	return wanted->origin == NULL || !url_same_origin(current(transfer), wanted->origin);
}

/* Whether only a public address will do: no server of the Internet sends us to one of the user's own network. */
static bool
wants_public(const struct transfer *transfer)
{
	return is_strict(transfer) || (transfer->left && transfer->public);
}

static bool
was_sent(const struct transfer *transfer)
{
	return transfer->sends[0] > 0;
}

/* Whether another try is allowed. */
static bool
may_again(const struct transfer *transfer)
{
	const struct retry_limits *limits = client_limits(transfer->exchange->http);

	if ((transfer->wanted.flags & HF_HTTP_ONCE) != 0 && was_sent(transfer))
		return false;
	return transfer->tries < limits->tries && transfer->sends[transfer->hops] < limits->tries;
}

HF_PRINTF(4, 5)
static int
fail(struct transfer *transfer, int code, bool again, const char *fmt, ...)
{
	char message[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	transfer->code = hf_error_set(&transfer->why, code, 0, "%s: %s",
	    transfer->chain[0] == NULL ? "the request" : current(transfer)->redacted, message);
	transfer->again = again;
	return code;
}

/* ---- the request ---- */

static bool
append_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl.slist_append(*list, line);

	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* Overwrites the lines before they are freed: they may be secrets. */
static void
free_lines(struct curl_slist **list)
{
	struct curl_slist *line;

	for (line = *list; line != NULL; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl.slist_free_all(*list);
	*list = NULL;
}

static int
take_header(struct wanted *wanted, const struct hf_http_header *header, struct hf_error *err)
{
	struct curl_slist **list = (header->flags & HF_HTTP_SECRET) != 0 ? &wanted->secret : &wanted->open;
	size_t size = header->name.size + header->value.size + 3;
	char *line;
	bool added;
	int r = header_check(header, err);

	if (r != HF_OK)
		return r;
	if (size > LINE_MAX_SIZE)
		return hf_error_set(err, HF_EINVAL, 0, "a header of the request is longer than %u bytes",
		    LINE_MAX_SIZE);
	wanted->has_range |= header->name.size == 5 && strncasecmp(header->name.data, "range", 5) == 0;
	wanted->has_encoding |=
	    header->name.size == 15 && strncasecmp(header->name.data, "accept-encoding", 15) == 0;
	wanted->has_type |= header->name.size == 12 && strncasecmp(header->name.data, "content-type", 12) == 0;
	line = malloc(size);
	if (line == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	/* libcurl's spelling of a header without a value ends with a semicolon. */
	(void)snprintf(line, size, header->value.size > 0 ? "%.*s: %.*s" : "%.*s;%.*s", (int)header->name.size,
	    header->name.data, (int)header->value.size, header->value.data);
	added = append_line(list, line);
	explicit_bzero(line, size);
	free(line);
	return added ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

static int
take_method(struct wanted *wanted, const char *method, struct hf_error *err)
{
	if (method == NULL)
		method = "GET";
	if (strlen(method) >= METHOD_SIZE || !header_is_token(method, strlen(method)))
		return hf_error_set(err, HF_EINVAL, 0, "that is no HTTP method");
	(void)snprintf(wanted->method, METHOD_SIZE, "%s", method);
	return HF_OK;
}

/* Where an earlier download stopped; without a validator nobody knows what the bytes are of. */
static int
take_offset(struct transfer *transfer, const struct hf_http_request *request, struct hf_error *err)
{
	const struct hf_text *validator = &request->validator;
	const struct hf_http_header as_header = {{"if-range", 8, HF_TEXT_UTF8, 0}, *validator, 0, 0};

	if (request->offset == 0 || validator->data == NULL || validator->size == 0 ||
	    validator->size >= sizeof(transfer->validator) || strcmp(transfer->wanted.method, "GET") != 0)
		return HF_OK;
	if (transfer->wanted.has_range)
		return hf_error_set(err, HF_EINVAL, 0, "a request with an offset has a header Range of its own");
	if (request->offset > INT64_MAX || header_check(&as_header, err) != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "the offset or validator is none");
	memcpy(transfer->validator, validator->data, validator->size);
	transfer->validator[validator->size] = '\0';
	transfer->asked = request->offset;
	return HF_OK;
}

static int
take_request(struct transfer *transfer, const struct hf_http_request *request, struct hf_error *err)
{
	struct wanted *wanted = &transfer->wanted;
	uint64_t i;
	int r = take_method(wanted, request->method, err);

	if (r == HF_OK)
		r = url_parse(request->url.data, request->url.size, &transfer->chain[0], err);
	if (r == HF_OK && request->origin.data != NULL)
		r = url_parse(request->origin.data, request->origin.size, &wanted->origin, err);
	if (r == HF_OK && request->header_count > 0 && request->headers == NULL)
		r = hf_error_set(err, HF_EINVAL, 0, "the request's headers are missing");
	if (r == HF_OK && request->body.size > 0 && request->body.data == NULL)
		r = hf_error_set(err, HF_EINVAL, 0, "the request's body is missing");
	for (i = 0; r == HF_OK && i < request->header_count; i++)
		r = take_header(wanted, &request->headers[i], err);
	return r == HF_OK ? take_offset(transfer, request, err) : r;
}

int
transfer_accept(struct transfer *transfer, const struct hf_http_request *request, struct hf_error *err)
{
	struct wanted *wanted = &transfer->wanted;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	wanted->token = request->token;
	wanted->flags = request->flags;
	wanted->body = request->body;
	wanted->max_size = request->max_size == 0 ? SIZE_USUAL : request->max_size;
	transfer->total = transfer->end = -1;
	r = take_request(transfer, request, &why);
	if (r != HF_OK) {
		(void)hf_error_set(err, r, 0, "%s%s%s", transfer->chain[0] == NULL ? "" : transfer->chain[0]->redacted,
		    transfer->chain[0] == NULL ? "" : ": ", why.msg);
		transfer_clear(transfer);
		return r;
	}
	transfer->tries = 1;
	transfer->state = TRANSFER_WAITING;
	transfer->due = 0;
	return HF_OK;
}

void
transfer_clear(struct transfer *transfer)
{
	struct headers *headers = &transfer->headers;
	const struct exchange *exchange = transfer->exchange;
	struct buffer text = headers->text;
	unsigned i;

	for (i = 0; i <= TRANSFER_REDIRECTS; i++)
		url_free(transfer->chain[i]);
	url_free(transfer->wanted.origin);
	free_lines(&transfer->wanted.open);
	free_lines(&transfer->wanted.secret);
	curl.easy_cleanup(transfer->easy);
	free_lines(&transfer->lines);
	memset(transfer, 0, sizeof(*transfer));
	transfer->exchange = exchange;
	headers->text = text;
	headers_clear(headers);
	hf_error_init(&transfer->why);
}

void
transfer_release(struct transfer *transfer)
{
	headers_release(&transfer->headers);
}

/* ---- the answer's header ---- */

static bool
is_redirect(const struct transfer *transfer)
{
	switch (transfer->headers.status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return true;
	default:
		return false;
	}
}

/* Seconds since 1970 by the server's clock, or by ours. */
static int64_t
server_now(struct transfer *transfer)
{
	struct hf_text date = headers_find(&transfer->headers, "date");
	char text[64];
	time_t now;

	if (date.data != NULL && date.size < sizeof(text)) {
		memcpy(text, date.data, date.size);
		text[date.size] = '\0';
		now = curl.getdate(text, NULL);
		if (now != (time_t)-1)
			return (int64_t)now;
	}
	return time_now() / SECOND;
}

/* What the server asks for, or RETRY_NEVER. */
static int64_t
asked_pause(struct transfer *transfer)
{
	struct hf_text value = headers_find(&transfer->headers, "retry-after");

	return value.data == NULL ? RETRY_NEVER : retry_after(value.data, value.size, server_now(transfer));
}

/* A strong validator of the answer's body; data NULL: there is none. */
static struct hf_text
find_validator(struct transfer *transfer)
{
	struct hf_text none = {NULL, 0, HF_TEXT_UTF8, 0}, validator;

	/* Ranges are of the bytes that were sent, which are not the ones that are pushed. */
	if (headers_find(&transfer->headers, "content-encoding").size > 0)
		return none;
	validator = headers_find(&transfer->headers, "etag");
	if (validator.data == NULL)
		validator = headers_find(&transfer->headers, "last-modified");
	else if (!header_is_strong_etag(&validator))
		return none;
	return validator.size < TRANSFER_VALIDATOR ? validator : none;
}

/* Whether the range in the answer is the one that was asked for, of the same thing, up to its end. */
static bool
range_fits(struct transfer *transfer, struct header_range *range)
{
	struct hf_text value = headers_find(&transfer->headers, "content-range");
	struct hf_text length = headers_find(&transfer->headers, "content-length");
	struct hf_text etag = headers_find(&transfer->headers, "etag");
	int64_t size;

	if (value.data == NULL || !header_range(&value, range) || (uint64_t)range->first != transfer->asked)
		return false;
	if (range->total >= 0 && range->last != range->total - 1)
		return false;
	if (transfer->total >= 0 && range->total >= 0 && range->total != transfer->total)
		return false;
	if (length.data != NULL &&
	    (!header_number(length.data, length.size, &size) || size != range->last - range->first + 1))
		return false;
	if (headers_find(&transfer->headers, "content-encoding").size > 0)
		return false;
	/* The same validator by which it was asked for, unless that was a date. */
	return etag.data == NULL || transfer->validator[0] != '"' ||
	    (strlen(transfer->validator) == etag.size && memcmp(transfer->validator, etag.data, etag.size) == 0);
}

/* Of these a length says how long the body would be. */
static bool
has_no_body(const struct transfer *transfer)
{
	return strcmp(method_of(transfer), "HEAD") == 0 || transfer->headers.status == 204 ||
	    transfer->headers.status == 304;
}

/* Where the body begins and ends, by the header.  False: it is not what was asked for. */
static bool
measure(struct transfer *transfer, uint64_t *ret_start)
{
	struct hf_text value = headers_find(&transfer->headers, "content-range");
	struct hf_text length = headers_find(&transfer->headers, "content-length");
	struct header_range range = {0, 0, -1};

	*ret_start = 0;
	if (transfer->headers.status == 206 && transfer->wanted.has_range) {
		if (value.data != NULL && header_range(&value, &range))
			*ret_start = (uint64_t)range.first;
	} else if (transfer->headers.status == 206) {
		if (transfer->asked == 0 || !range_fits(transfer, &range))
			return false;
		*ret_start = transfer->asked;
		transfer->total = range.total;
		transfer->end = range.last + 1;
		return true;
	} else if (transfer->headers.status == 416 && transfer->asked > 0) {
		return false;
	}
	transfer->total = transfer->end = -1;
	if (length.data != NULL && headers_find(&transfer->headers, "content-encoding").size == 0 &&
	    headers_find(&transfer->headers, "transfer-encoding").size == 0 &&
	    header_number(length.data, length.size, &transfer->total) && !has_no_body(transfer))
		transfer->end = transfer->total + (int64_t)*ret_start;
	if (range.total >= 0)
		transfer->total = range.total;
	return true;
}

/* Tells who asked of the answer, unless it is the rest of what was told of before. */
static int
begin(struct transfer *transfer, uint64_t start)
{
	const struct hf_http_exchange *calls = &transfer->exchange->calls;
	struct hf_text mime = headers_find(&transfer->headers, "content-type");
	struct hf_http_response response;
	bool goes_on = transfer->begun && transfer->headers.status == 206 && start == transfer->position;

	memset(&response, 0, sizeof(response));
	response.struct_size = (uint32_t)sizeof(response);
	response.status = transfer->headers.status;
	response.headers = headers_list(&transfer->headers);
	response.header_count = transfer->headers.count;
	response.size = transfer->total;
	response.offset = start;
	response.validator = find_validator(transfer);
	response.mime = header_mime(&mime);
	response.url.data = current(transfer)->text;
	response.url.size = strlen(current(transfer)->text);
	transfer->resumable = response.validator.data != NULL && !transfer->wanted.has_range &&
	    strcmp(method_of(transfer), "GET") == 0 && (response.status == 200 || response.status == 206);
	if (transfer->resumable) {
		memcpy(transfer->validator, response.validator.data, response.validator.size);
		transfer->validator[response.validator.size] = '\0';
	}
	transfer->position = start;
	transfer->begun = true;
	if (goes_on || calls->begin == NULL)
		return HF_OK;
	transfer->code = calls->begin(calls->ctx, transfer->wanted.token, &response, &transfer->why);
	transfer->again = false;
	return transfer->code;
}

static int
deliver(struct transfer *transfer)
{
	uint64_t start, max = transfer->wanted.max_size;
	int r;

	if (!measure(transfer, &start)) {
		transfer->fate = FATE_ANEW;
		return HF_OK;
	}
	transfer->fate = FATE_DELIVER;
	r = begin(transfer, start);
	if (r == HF_OK && transfer->end >= 0 && (uint64_t)transfer->end > max)
		r = fail(transfer, HF_ERANGE, false,
		    "it has %" PRId64 " bytes, more than the %" PRIu64 " that are allowed", transfer->end, max);
	return r;
}

/* At the end of a header; anything but HF_OK is already told in code and why, and ends the try. */
static int
decide(struct transfer *transfer)
{
	unsigned status = transfer->headers.status;
	int64_t longest = client_limits(transfer->exchange->http)->longest_ns;

	if (is_redirect(transfer) && headers_find(&transfer->headers, "location").data != NULL) {
		transfer->fate = FATE_REDIRECT;
	} else if (retry_status(status) && may_again(transfer) && asked_pause(transfer) <= longest) {
		transfer->fate = FATE_AGAIN;
	} else if ((status >= 200 && status <= 299) || (transfer->wanted.flags & HF_HTTP_ANY_STATUS) != 0 ||
	    (status == 416 && transfer->asked > 0)) {
		return deliver(transfer);
	} else {
		transfer->fate = FATE_STATUS;
	}
	return HF_OK;
}

static size_t
on_header(char *data, size_t one, size_t size, void *ctx)
{
	struct transfer *transfer = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	(void)one;
	/* What comes after the body says nothing that matters. */
	if (transfer->fate != FATE_NONE)
		return size;
	r = headers_line(&transfer->headers, data, size, &why);
	if (r != HF_OK) {
		(void)fail(transfer, r, r == HF_ECORRUPT, "%s", why.msg);
		return 0;
	}
	if (size > 0 && (data[0] == '\r' || data[0] == '\n') && transfer->headers.status >= 200)
		r = decide(transfer);
	return r == HF_OK ? size : 0;
}

/* ---- its body ---- */

static size_t
on_body(char *data, size_t one, size_t size, void *ctx)
{
	struct transfer *transfer = ctx;
	const struct exchange *exchange = transfer->exchange;

	(void)one;
	host_received(exchange->host, size);
	if (transfer->fate != FATE_DELIVER) {
		transfer->ignored += size;
		return transfer->ignored > IGNORED_MAX ? 0 : size;
	}
	if (size > transfer->wanted.max_size || transfer->position > transfer->wanted.max_size - size) {
		(void)fail(transfer, HF_ERANGE, false, "it has more than the %" PRIu64 " bytes that are allowed",
		    transfer->wanted.max_size);
		return 0;
	}
	transfer->position += size;
	if (exchange->calls.write == NULL)
		return size;
	transfer->code =
	    exchange->calls.write(exchange->calls.ctx, transfer->wanted.token, data, size, &transfer->why);
	transfer->again = false;
	return transfer->code == HF_OK ? size : 0;
}

/* ---- the connection ---- */

/* After each look-up, for each address, before anything is connected. */
static curl_socket_t
on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = ctx;
	int fd;

	if (purpose != CURLSOCKTYPE_IPCXN || (wants_public(transfer) && !policy_is_public(&address->addr))) {
		transfer->denied = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	transfer->opened = true;
	client_add_socket(transfer->exchange->http, fd);
	return fd;
}

/* The connection may outlive the transfer that made it. */
static int
on_close(void *ctx, curl_socket_t fd)
{
	client_close_socket(ctx, fd);
	return 0;
}

/* Of a connection that was made for this transfer: of others it was looked at then. */
static int
check_certificate(struct transfer *transfer)
{
	struct http *http = transfer->exchange->http;
	struct curl_certinfo *chain = NULL;
	struct hf_error why = HF_ERROR_INIT;

	if (!current(transfer)->is_https)
		return HF_OK;
	if (curl.easy_getinfo(transfer->easy, CURLINFO_CERTINFO, &chain) == CURLE_OK && chain != NULL &&
	    chain->num_of_certs > 0) {
		if (certificate_check(chain, current(transfer)->host, &why) == HF_OK)
			return HF_OK;
		client_refuse(http, current(transfer));
	} else if (client_refuses(http, current(transfer))) {
		(void)hf_error_set(&why, HF_EPERM, 0, "TLS: the server's certificate was refused before");
	} else {
		return HF_OK;
	}
	return fail(transfer, HF_EPERM, false, "%s", why.msg);
}

/* Right before a request is sent, over a new connection or one that was used before. */
static int
on_request(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *transfer = ctx;

	if (wants_public(transfer) && !policy_text_is_public(remote)) {
		transfer->denied = true;
		return CURL_PREREQFUNC_ABORT;
	}
	if (transfer->hops == 0)
		transfer->public = policy_text_is_public(remote);
	if (check_certificate(transfer) != HF_OK)
		return CURL_PREREQFUNC_ABORT;
	/*
	 * What came after the last answer would be taken for this one's.  With TLS the bytes may be TLS's own, and only
	 * the server itself can have sent others.
	 */
	if (!current(transfer)->is_https &&
	    client_socket_has_bytes(transfer->exchange->http, local_port, remote_port)) {
		(void)fail(transfer, HF_ENET, true, "the connection of port %d of %s holds bytes of no answer",
		    local_port, local);
		return CURL_PREREQFUNC_ABORT;
	}
	/* libcurl sends a request anew where an old connection turns out to be dead: that counts, too. */
	if (transfer->sends[transfer->hops] >= client_limits(transfer->exchange->http)->tries ||
	    ((transfer->wanted.flags & HF_HTTP_ONCE) != 0 && transfer->sends[transfer->hops] > 0)) {
		(void)fail(transfer, HF_ENET, false, "the connection broke each time");
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->sends[transfer->hops]++;
	return CURL_PREREQFUNC_OK;
}

/* ---- setting up ---- */

#define SET(option, value) (ok = curl.easy_setopt(easy, option, value) == CURLE_OK && ok)

/* Whole seconds, for what libcurl counts in them, and has to fit into 31 bits of milliseconds. */
static long
seconds_of(int64_t ns)
{
	int64_t seconds = (ns + SECOND - 1) / SECOND;

	return seconds > SECONDS_MAX ? SECONDS_MAX : (long)seconds;
}

static bool
set_limits(struct transfer *transfer)
{
	const struct config_http *settings = transfer->exchange->account->settings;
	CURL *easy = transfer->easy;
	uint64_t slow = transfer->wanted.max_size / SPEED_SLOW;
	int64_t wall = settings->timeout_ns * 10;
	bool ok = true;

	wall += slow > SECONDS_MAX ? SECONDS_MAX * SECOND : (int64_t)slow * SECOND;
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(settings->connect_timeout_ns / MS));
	SET(CURLOPT_LOW_SPEED_LIMIT, SPEED_LEAST);
	SET(CURLOPT_LOW_SPEED_TIME, seconds_of(settings->timeout_ns));
	SET(CURLOPT_TIMEOUT, seconds_of(wall));
	SET(CURLOPT_BUFFERSIZE, READ_SIZE);
	return ok;
}

/* Whom to speak to and how; the rest of libcurl's doings (cookies, .netrc, passwords) is off unless asked for. */
static bool
set_policy(struct transfer *transfer)
{
	const struct http_account *account = transfer->exchange->account;
	const char *proxy = account->settings->proxy;
	CURL *easy = transfer->easy;
	bool ok = true, strict = is_strict(transfer);

	SET(CURLOPT_PROTOCOLS_STR, strict && !account->settings->allow_http ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CERTINFO, 1L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (account->authorities.data != NULL)
		SET(CURLOPT_CAINFO_BLOB, &account->authorities);
	if (strict || (proxy != NULL && strcmp(proxy, "none") == 0))
		SET(CURLOPT_PROXY, "");
	else if (proxy != NULL)
		SET(CURLOPT_PROXY, proxy);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, transfer);
	SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
	SET(CURLOPT_CLOSESOCKETDATA, transfer->exchange->http);
	SET(CURLOPT_PREREQFUNCTION, on_request);
	SET(CURLOPT_PREREQDATA, transfer);
	/* Not over a connection that may be dead, when nobody could tell whether the request arrived. */
	if (transfer->fresh || (transfer->wanted.flags & HF_HTTP_ONCE) != 0)
		SET(CURLOPT_FRESH_CONNECT, 1L);
	return ok;
}

static bool
copy_lines(struct curl_slist **to, const struct curl_slist *from)
{
	bool ok = true;

	for (; ok && from != NULL; from = from->next)
		ok = append_line(to, from->data);
	return ok;
}

/* Secrets go to the host of the first URL, and with a URL from a message to the origin alone. */
static bool
may_have_secrets(const struct transfer *transfer)
{
	return !transfer->left && !is_strict(transfer);
}

static bool
set_headers(struct transfer *transfer)
{
	const struct wanted *wanted = &transfer->wanted;
	const char *agent = transfer->exchange->account->settings->user_agent;
	char line[TRANSFER_VALIDATOR + 32];
	CURL *easy = transfer->easy;
	bool ok;

	free_lines(&transfer->lines);
	ok = copy_lines(&transfer->lines, wanted->open);
	if (ok && may_have_secrets(transfer))
		ok = copy_lines(&transfer->lines, wanted->secret);
	/* Without a value: libcurl's own are left out. */
	if (ok)
		ok = append_line(&transfer->lines, "Expect:");
	if (ok && !wanted->has_type)
		ok = append_line(&transfer->lines, "Content-Type:");
	if (ok && transfer->asked > 0) {
		(void)snprintf(line, sizeof(line), "Range: bytes=%" PRIu64 "-", transfer->asked);
		ok = append_line(&transfer->lines, line);
		(void)snprintf(line, sizeof(line), "If-Range: %s", transfer->validator);
		ok = ok && append_line(&transfer->lines, line);
	} else if (!wanted->has_encoding && !wanted->has_range) {
		SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	}
	SET(CURLOPT_USERAGENT, agent != NULL ? agent : "holdfast/" PACKAGE_VERSION);
	SET(CURLOPT_HTTPHEADER, transfer->lines);
	return ok;
}

static bool
set_method(struct transfer *transfer)
{
	const char *method = method_of(transfer);
	const struct hf_blob *body = &transfer->wanted.body;
	bool has_body = !transfer->is_get && (body->size > 0 || strcmp(method, "POST") == 0 ||
	    strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0);
	CURL *easy = transfer->easy;
	bool ok = true;

	if (strcmp(method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
		return ok;
	}
	if (has_body) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
		SET(CURLOPT_POSTFIELDS, body->size > 0 ? (const char *)body->data : "");
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	if (strcmp(method, has_body ? "POST" : "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, method);
	return ok;
}

static bool
set_easy(struct transfer *transfer)
{
	CURL *easy = curl.easy_init();
	bool ok = easy != NULL;

	/* A new one each time: one that is used again keeps its old, smaller buffer. */
	curl.easy_cleanup(transfer->easy);
	transfer->easy = easy;
	if (!ok)
		return false;
	SET(CURLOPT_CURLU, current(transfer)->handle);
	SET(CURLOPT_PRIVATE, transfer);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* A look-up that hangs does not hold up the end. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_ERRORBUFFER, transfer->text);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Rather a stream of an HTTP/2 connection that is being made than one more connection. */
	SET(CURLOPT_PIPEWAIT, current(transfer)->is_https ? 1L : 0L);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, transfer);
	return ok && set_limits(transfer) && set_policy(transfer) && set_method(transfer) && set_headers(transfer);
}

int
transfer_prepare(struct transfer *transfer)
{
	headers_clear(&transfer->headers);
	transfer->fate = FATE_NONE;
	transfer->ignored = 0;
	transfer->opened = transfer->denied = false;
	transfer->code = HF_OK;
	transfer->again = false;
	hf_error_init(&transfer->why);
	transfer->text[0] = '\0';
	if (is_strict(transfer) && !current(transfer)->is_https && !transfer->exchange->account->settings->allow_http)
		return fail(transfer, HF_EPERM, false, "it comes from a message, and so only https is allowed");
	if (!set_easy(transfer))
		return fail(transfer, HF_ENOMEM, false, "the request cannot be set up");
	return HF_OK;
}

/* ---- what came of it ---- */

/* From the first URL on; on the way nothing that was left is known any more. */
static void
start_over(struct transfer *transfer)
{
	for (; transfer->hops > 0; transfer->hops--) {
		url_free(transfer->chain[transfer->hops]);
		transfer->chain[transfer->hops] = NULL;
	}
	transfer->left = transfer->is_get = false;
	transfer->tries++;
	transfer->state = TRANSFER_WAITING;
	transfer->ready = false;
}

static void
wait_for(struct transfer *transfer, int64_t now, int64_t at_least)
{
	const struct retry_limits *limits = client_limits(transfer->exchange->http);
	uint32_t random = 0;
	int64_t pause;

	(void)random_bytes(&random, sizeof(random), NULL);
	pause = retry_pause(limits, transfer->tries, random);
	transfer->due = now + (pause < at_least ? at_least : pause);
}

static bool
end(struct transfer *transfer)
{
	if (transfer->code != HF_OK && transfer->headers.status >= 200)
		transfer->why.http_status = transfer->headers.status;
	transfer->why.code = transfer->code;
	return true;
}

static bool
can_resume(const struct transfer *transfer)
{
	return transfer->resumable && transfer->position > 0 &&
	    (transfer->total < 0 || transfer->position < (uint64_t)transfer->total);
}

/* Tries again if that is allowed and sensible; what was pushed stays, where the rest can be asked for. */
static bool
again_or_end(struct transfer *transfer, int64_t now, int64_t at_least)
{
	if (!transfer->again || !may_again(transfer))
		return end(transfer);
	if (transfer->fate == FATE_ANEW)
		transfer->asked = 0;
	else if (transfer->begun)
		transfer->asked = can_resume(transfer) ? transfer->position : 0;
	/* The others may be as broken. */
	transfer->fresh = transfer->fate != FATE_AGAIN;
	wait_for(transfer, now, at_least);
	hf_log(host_table(transfer->exchange->host), HF_LOG_DEBUG, "%s; trying again in %.1f s", transfer->why.msg,
	    (double)(transfer->due - now) / (double)SECOND);
	start_over(transfer);
	return false;
}

static bool
was_before(const struct transfer *transfer, const struct url *url)
{
	unsigned i;

	for (i = 0; i <= transfer->hops; i++) {
		if (strcmp(transfer->chain[i]->text, url->text) == 0)
			return true;
	}
	return false;
}

/* POST becomes GET as it always did (RFC 9110, 15.4.2 and 15.4.3), everything but HEAD at 303. */
static bool
becomes_get(const struct transfer *transfer)
{
	const char *method = method_of(transfer);

	if (transfer->headers.status == 303)
		return strcmp(method, "HEAD") != 0;
	return (transfer->headers.status == 301 || transfer->headers.status == 302) && strcmp(method, "POST") == 0;
}

static int
check_redirect(struct transfer *transfer, const struct url *url, bool is_get)
{
	const struct wanted *wanted = &transfer->wanted;
	bool tells = wanted->secret != NULL || (wanted->body.size > 0 && !is_get);

	if (transfer->hops == TRANSFER_REDIRECTS)
		return fail(transfer, HF_EINVAL, false, "more than %u redirects", TRANSFER_REDIRECTS);
	if (was_before(transfer, url) && is_get == transfer->is_get)
		return fail(transfer, HF_EINVAL, false, "it redirects in a circle");
	if ((wanted->flags & HF_HTTP_STAY) != 0 &&
	    (!url_same_origin(transfer->chain[0], url) || is_get != transfer->is_get))
		return fail(transfer, HF_EPERM, false, "it redirects what is for this server alone");
	if (current(transfer)->is_https && !url->is_https && tells)
		return fail(transfer, HF_EPERM, false, "it redirects from https to http");
	return HF_OK;
}

static bool
redirect(struct transfer *transfer)
{
	struct hf_text location = headers_find(&transfer->headers, "location");
	struct hf_error why = HF_ERROR_INIT;
	struct url *url = NULL;
	bool is_get = transfer->is_get || becomes_get(transfer);
	int r = url_join(current(transfer), location.data, location.size, &url, &why);

	if (r != HF_OK)
		(void)fail(transfer, r, false, "it redirects, but %s", why.msg);
	else
		r = check_redirect(transfer, url, is_get);
	if (r != HF_OK) {
		url_free(url);
		return end(transfer);
	}
	transfer->left |= !url_same_origin(transfer->chain[0], url);
	transfer->is_get = is_get;
	transfer->chain[++transfer->hops] = url;
	transfer->state = TRANSFER_WAITING;
	transfer->ready = false;
	transfer->due = 0;
	return false;
}

/* Why libcurl gave up, in words. */
static void
explain(struct transfer *transfer, CURLcode result)
{
	bool again;
	int code = retry_curl_code(result, &again);

	if (transfer->denied && !transfer->opened) {
		(void)fail(transfer, HF_EPERM, false, "its address is not one of the public Internet");
		return;
	}
	if (transfer->denied && result == CURLE_ABORTED_BY_CALLBACK) {
		(void)fail(transfer, HF_EPERM, false, "its connection leads to an address that is not public");
		return;
	}
	if (result == CURLE_SSL_CACERT_BADFILE) {
		(void)fail(transfer, code, again, "%s; is the system's package ca-certificates installed?",
		    transfer->text[0] != '\0' ? transfer->text : "no certificates of authorities can be read");
		return;
	}
	(void)fail(transfer, code, again, "%s",
	    transfer->text[0] != '\0' ? transfer->text : curl.easy_strerror(result));
}

/*
 * An answer over HTTP/1 that has neither a length nor chunks ends where its connection does.  Nobody can tell whether
 * that was its end: not even with TLS, as libcurl takes a connection that is cut for one that was closed.
 */
static bool
has_an_end(struct transfer *transfer)
{
	bool gets = strcmp(method_of(transfer), "GET") == 0;
	unsigned status = transfer->headers.status;
	long version = 0;

	(void)curl.easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
	/* What was stored or deleted often has no answer but its status; what was got has one, which may be cut. */
	return version >= CURL_HTTP_VERSION_2_0 || strcmp(method_of(transfer), "HEAD") == 0 ||
	    (transfer->position == 0 && (!gets || status == 204 || status >= 300)) ||
	    headers_find(&transfer->headers, "content-length").data != NULL ||
	    headers_find(&transfer->headers, "transfer-encoding").data != NULL;
}

/* An answer was read to its end. */
static bool
finish_body(struct transfer *transfer, int64_t now)
{
	if (transfer->end >= 0 && transfer->position != (uint64_t)transfer->end)
		(void)fail(transfer, HF_ECORRUPT, true, "it has %" PRIu64 " byte%s and not %" PRId64,
		    transfer->position, plural_s(transfer->position), transfer->end);
	else if (!has_an_end(transfer))
		(void)fail(transfer, HF_ECORRUPT, false, "it does not say where it ends");
	else
		return end(transfer);
	return again_or_end(transfer, now, 0);
}

static bool
finish_status(struct transfer *transfer)
{
	unsigned status = transfer->headers.status;
	int64_t pause = asked_pause(transfer);

	/* Not a lack of permission: nobody has asked for it there. */
	if (transfer->left && transfer->wanted.secret != NULL && (status == 401 || status == 403))
		(void)fail(transfer, HF_EINVAL, false, "HTTP status %u from %s, where it redirects and the password is "
		    "not sent", status, current(transfer)->redacted);
	else
		(void)fail(transfer, retry_status_code(status), false, "HTTP status %u", status);
	transfer->why.retry_after_ms = pause == RETRY_NEVER ? 0 : pause / MS;
	return end(transfer);
}

bool
transfer_finish(struct transfer *transfer, CURLcode result, int64_t now)
{
	if (transfer->code != HF_OK)
		return again_or_end(transfer, now, 0);
	switch (transfer->fate) {
	case FATE_REDIRECT:
		return redirect(transfer);
	case FATE_AGAIN:
		(void)fail(transfer, retry_status_code(transfer->headers.status), true, "HTTP status %u",
		    transfer->headers.status);
		return again_or_end(transfer, now, asked_pause(transfer));
	case FATE_ANEW:
		(void)fail(transfer, HF_ECORRUPT, true, "it is not the part that was asked for");
		transfer->resumable = false;
		return again_or_end(transfer, now, 0);
	case FATE_STATUS:
		return finish_status(transfer);
	default:
		break;
	}
	if (result != CURLE_OK) {
		explain(transfer, result);
		return again_or_end(transfer, now, 0);
	}
	if (transfer->fate == FATE_DELIVER)
		return finish_body(transfer, now);
	(void)fail(transfer, HF_ECORRUPT, true, "the answer has no header");
	return again_or_end(transfer, now, 0);
}

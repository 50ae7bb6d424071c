/* SPDX-License-Identifier: BSD-2-Clause */
#include "service.h"

#include <string.h>

#include <holdfast/source.h>

/* A reading time may be an hour old; a new one is taken before that. */
#define READ_TIME_LIFE_NS ((int64_t)45 * 60 * 1000000000)
#define REASONS_MAX       3
#define BODY_MAX          (2u << 20)

int
service_init(struct service *s, const struct hf_host *host, const struct settings *settings, struct hf_error *err)
{
	memset(s, 0, sizeof(*s));
	s->host = host;
	s->settings = settings;
	s->json = host->get_extension(host->ctx, HF_HOST_JSON);
	s->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	s->http = host->get_extension(host->ctx, HF_HOST_HTTP);
	s->root.max = 4096;
	s->url.max = 8192;
	s->body.max = BODY_MAX;
	s->reply.max = PAGE_MAX + 16;
	s->newest_ns = HF_NO_TIME;
	auth_init(&s->auth, host, settings);
	if (s->json == NULL || s->write == NULL || s->http == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer all of %s, %s and %s", HF_HOST_JSON,
		    HF_HOST_WRITE, HF_HOST_HTTP);
	text_printf(&s->root, "projects/%s/databases/%s/documents", settings->project, settings->database);
	return text_status(&s->root, "\"project\"", err);
}

void
service_release(struct service *s)
{
	auth_release(&s->auth);
	text_release(&s->root);
	text_release(&s->url);
	text_release(&s->body);
	text_release(&s->reply);
}

int
service_go_on(const struct service *s, struct hf_error *err)
{
	if (s->host->stop_requested(s->host->ctx) != 0)
		return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	return HF_OK;
}

uint64_t
service_budget(const struct service *s)
{
	uint64_t budget = (uint64_t)s->settings->read_budget;

	if (budget == 0)
		return UINT64_MAX;
	return s->documents < budget ? budget - s->documents : 0;
}

/* ---- one reading time for a run ---- */

void
service_put_read_time(struct service *s, struct text *out)
{
	if (s->read_time[0] != '\0' && s->host->clock_ns(s->host->ctx) - s->read_taken_ns >= READ_TIME_LIFE_NS)
		s->read_time[0] = '\0';
	if (s->read_time[0] != '\0')
		text_printf(out, ",\"readTime\":\"%s\"", s->read_time);
}

int
service_take_read_time(struct service *s, const struct hf_json_value *text, struct hf_error *err)
{
	int64_t ns = text->type != HF_JSON_STRING || text->size >= sizeof(s->read_time) ? HF_NO_TIME :
	    s->write->parse_time(text->data, text->size);

	if (ns == HF_NO_TIME)
		return HF_OK;
	if (ns < s->newest_ns)
		return hf_error_set(err, HF_ECORRUPT, 0, "the service's answer is older than the one before");
	s->newest_ns = ns;
	if (s->read_time[0] != '\0') {
		s->read_worked = true;
		return HF_OK;
	}
	memcpy(s->read_time, text->data, (size_t)text->size);
	s->read_time[text->size] = '\0';
	s->read_taken_ns = s->host->clock_ns(s->host->ctx);
	s->read_worked = false;
	return HF_OK;
}

bool
service_drop_read_time(struct service *s, int code)
{
	/* 400: it is too old.  403: some security rules do not know it; once it worked, that is not the reason. */
	if (s->read_time[0] == '\0' || (code != HF_EINVAL && (code != HF_EPERM || s->read_worked)))
		return false;
	s->read_time[0] = '\0';
	return true;
}

/* ---- requests ---- */

/* One exchange of one request. */
struct call {
	struct service *service;
	const struct hf_http_request *request;
	bool asked;
	int code;
	uint32_t status;
	struct hf_error why;
};

static int
call_next(void *ctx, struct hf_http_request *ret_request, struct hf_error *err)
{
	struct call *call = ctx;

	(void)err;
	if (call->asked)
		return HF_ENOTFOUND;
	call->asked = true;
	*ret_request = *call->request;
	return HF_OK;
}

static int
call_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct call *call = ctx;

	(void)token;
	(void)err;
	call->status = response->status;
	text_clear(&call->service->reply);
	text_string(&call->service->reply, "{\"p\":");
	return HF_OK;
}

static int
call_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct call *call = ctx;

	(void)token;
	text_put(&call->service->reply, data, size > PAGE_MAX ? PAGE_MAX + 1 : (size_t)size);
	return text_status(&call->service->reply, "the answer", err);
}

static int
call_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct call *call = ctx;

	(void)token;
	(void)err;
	call->code = code;
	if (why != NULL && code != HF_OK)
		call->why = *why;
	return HF_OK;
}

/* The request as it is, with the token at hand. */
static int
call_once(struct service *s, uint32_t flags, uint32_t *ret_status, struct hf_error *err)
{
	struct text bearer = TEXT_INIT(20000);
	struct hf_http_header headers[] = {{{"content-type", 12, HF_TEXT_UTF8, 0},
		{"application/json", 16, HF_TEXT_UTF8, 0}, 0, 0}, {{"authorization", 13, HF_TEXT_UTF8, 0},
		{NULL, 0, HF_TEXT_UTF8, 0}, HF_HTTP_SECRET, 0}};
	const struct hf_http_request request = {.struct_size = sizeof(request), .flags = flags, .token = 1,
	    .method = "POST", .url = {s->url.data, s->url.size, HF_TEXT_UTF8, 0}, .headers = headers, .header_count = 2,
	    .body = {s->body.data, s->body.size}, .max_size = PAGE_MAX};
	struct call call = {s, &request, false, HF_ENET, 0, HF_ERROR_INIT};
	const struct hf_http_exchange exchange = {sizeof(exchange), 0, &call, 1, 0, call_next, call_begin, call_write,
	    call_end};
	const char *token;
	int r = auth_token(&s->auth, &token, err);

	if (r == HF_OK) {
		text_printf(&bearer, "Bearer ");
		text_string(&bearer, token);
		r = text_status(&bearer, "the token", err);
	}
	if (r == HF_OK) {
		headers[1].value = (struct hf_text){bearer.data, bearer.size, HF_TEXT_UTF8, 0};
		r = s->http->exchange(s->host->ctx, &exchange, err);
	}
	text_wipe(&bearer);
	if (r == HF_OK && s->reply.failed != HF_OK)
		return text_status(&s->reply, "the answer", err);
	if (r == HF_OK && call.code != HF_OK) {
		if (err != NULL)
			*err = call.why;
		return call.code;
	}
	*ret_status = call.status;
	return r;
}

/* Renews the token as often as that makes sense. */
static int
call(struct service *s, uint32_t flags, uint32_t *ret_status, struct hf_error *err)
{
	int r;

	do {
		r = call_once(s, flags, ret_status, err);
		if (r == HF_EAUTH && s->auth.dead.code != HF_OK)
			return r;
	} while (r == HF_EAUTH && (r = auth_refused(&s->auth, err)) == HF_OK);
	if (r == HF_OK)
		auth_accepted(&s->auth);
	return r;
}

/* Adds what an error answer says to *err; only printable ASCII of it. */
static void
add_reason(struct service *s, const struct hf_json_value *reply, struct hf_error *err)
{
	static const char *const outer[] = {"error"}, *const inner[] = {"message"};
	struct hf_json_value first = *reply, v;
	uint64_t pos = 0;
	size_t n, i;

	if (reply->type == HF_JSON_ARRAY && s->json->next(reply, &pos, NULL, &first, NULL) <= 0)
		return;
	if (first.type != HF_JSON_OBJECT || s->json->object(first.data, first.size, outer, 1, &v, NULL) != HF_OK ||
	    v.type != HF_JSON_OBJECT)
		return;
	first = v;
	if (s->json->object(first.data, first.size, inner, 1, &v, NULL) != HF_OK || v.type != HF_JSON_STRING)
		return;
	n = strlen(err->msg);
	if (n + 3 < sizeof(err->msg)) {
		err->msg[n++] = ':';
		err->msg[n++] = ' ';
	}
	for (i = 0; i < v.size && n + 1 < sizeof(err->msg); i++)
		if (v.data[i] >= ' ' && v.data[i] < 0x7f)
			err->msg[n++] = v.data[i];
	err->msg[n] = '\0';
}

static int
parse_reply(struct service *s, struct hf_json_value *ret_reply, struct hf_error *err)
{
	static const char *const names[] = {"p"};
	struct hf_error why = HF_ERROR_INIT;

	text_string(&s->reply, "}");
	if (s->reply.failed != HF_OK)
		return text_status(&s->reply, "the answer", err);
	if (s->json->object(s->reply.data, s->reply.size, names, 1, ret_reply, &why) != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "the answer is not JSON: %s", why.msg);
	return HF_OK;
}

/* Asks once more only for the reason, as for a missing index it says where to make it. */
static void
ask_reason(struct service *s, struct hf_error *err)
{
	struct hf_json_value reply = {NULL, 0, HF_JSON_NONE, 0};
	uint32_t status;

	if (err == NULL || s->reasons >= REASONS_MAX)
		return;
	s->reasons++;
	if (call(s, HF_HTTP_ANY_STATUS, &status, NULL) == HF_OK && parse_reply(s, &reply, NULL) == HF_OK)
		add_reason(s, &reply, err);
}

static int
make_url(struct service *s, const char *place, const char *verb, struct hf_error *err)
{
	text_clear(&s->url);
	text_string(&s->url, s->settings->firestore);
	text_string(&s->url, "/v1/");
	text_url(&s->url, s->root.data, s->root.size, "/()");
	if (place[0] != '\0') {
		text_string(&s->url, "/");
		text_url(&s->url, place, strlen(place), "/");
	}
	text_string(&s->url, verb);
	return text_status(&s->url, place, err);
}

int
service_post(struct service *s, const char *place, const char *verb, struct hf_json_value *ret_reply,
    struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	uint32_t status;
	int r = make_url(s, place, verb, err);

	if (r == HF_OK)
		r = service_go_on(s, err);
	if (r == HF_OK)
		r = text_status(&s->body, "the request", err);
	if (r != HF_OK)
		return r;
	r = call(s, 0, &status, &why);
	if (r == HF_EINVAL && why.http_status == 400)
		ask_reason(s, &why);
	if (r != HF_OK) {
		if (err != NULL)
			*err = why;
		return r;
	}
	return parse_reply(s, ret_reply, err);
}

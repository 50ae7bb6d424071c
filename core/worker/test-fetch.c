/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "plugin/host.h"
#include "worker/fetch.h"

#include <stdlib.h>
#include <string.h>

#include <holdfast/http.h>

#define ITEMS 100

/* What the strategy asks for, and what it was told of each. */
static struct {
	struct hf_attachment attachments[ITEMS];
	char urls[ITEMS][40], paths[ITEMS][20];
	size_t count, next;
	bool begun[ITEMS];
	unsigned written[ITEMS], ended[ITEMS];
	int code[ITEMS];
	size_t under_way, most;
	int stop_after; /* of ends; 0: never */
	int ends;
} asked;

static void
ask(const char *url, const char *path)
{
	struct hf_attachment *a = &asked.attachments[asked.count];

	memset(a, 0, sizeof(*a));
	a->size = -1;
	if (url != NULL) {
		(void)snprintf(asked.urls[asked.count], sizeof(asked.urls[0]), "%s%zu", url, asked.count);
		a->url = (struct hf_text){asked.urls[asked.count], strlen(asked.urls[asked.count]), HF_TEXT_UTF8, 0};
	}
	if (path != NULL) {
		(void)snprintf(asked.paths[asked.count], sizeof(asked.paths[0]), "%s%zu", path, asked.count);
		a->path = (struct hf_text){asked.paths[asked.count], strlen(asked.paths[asked.count]), HF_TEXT_UTF8, 0};
	}
	asked.count++;
}

static int
media_next(void *ctx, struct hf_media_request *ret, struct hf_error *err)
{
	(void)ctx;
	if (asked.next == asked.count)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no more");
	ret->token = asked.next;
	ret->attachment = &asked.attachments[asked.next++];
	ret->max_size = 77;
	if (++asked.under_way > asked.most)
		asked.most = asked.under_way;
	return HF_OK;
}

static int
media_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	(void)ctx;
	(void)info;
	(void)err;
	asked.begun[token] = true;
	return HF_OK;
}

static int
media_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT(size == 1);
	asked.written[token] = *(const unsigned char *)data;
	return HF_OK;
}

static int
media_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	CU_ASSERT(code == HF_OK || why != NULL);
	asked.ended[token]++;
	asked.code[token] = code;
	asked.under_way--;
	return ++asked.ends == asked.stop_after ? hf_error_set(err, HF_ESTOPPING, 0, "stop") : HF_OK;
}

/* Asks next_fn for as many as there may be at once, and answers them all, last first. */
#define ROUND 64

/* ---- the source: files and one host's URLs are its own, others are not ---- */

static struct {
	unsigned rounds, seen;
} source;
static bool silent; /* it never ends what it was asked for */

static bool
is_own(const struct hf_attachment *a)
{
	return a->path.data != NULL || (a->url.data != NULL && strncmp(a->url.data, "https://own.example/", 20) == 0);
}

static int
source_fetch(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_media_request requests[ROUND];
	const struct hf_media_info info = {.struct_size = (uint32_t)sizeof(info), .size = 1};
	size_t count;
	int r = HF_OK;

	(void)handle;
	source.rounds++;
	for (;;) {
		for (count = 0; count < exchange->parallel; count++) {
			memset(&requests[count], 0, sizeof(requests[0]));
			r = exchange->next(exchange->ctx, &requests[count], err);
			if (r != HF_OK)
				break;
			source.seen++;
		}
		if (r != HF_OK && r != HF_ENOTFOUND)
			return r;
		if (count == 0 || silent)
			return HF_OK;
		while (count-- > 0) {
			struct hf_error why = HF_ERROR_INIT;

			r = HF_ENOTSUP;
			if (is_own(requests[count].attachment)) {
				r = exchange->begin(exchange->ctx, requests[count].token, &info, &why);
				if (r == HF_OK)
					r = exchange->write(exchange->ctx, requests[count].token, "S", 1, &why);
			}
			r = exchange->end(exchange->ctx, requests[count].token, r, &why, err);
			if (r != HF_OK)
				return r;
		}
	}
}

/* ---- the host's client ---- */

static struct {
	unsigned rounds, seen;
	bool origin;
} web;

static int
web_exchange(void *host_ctx, const struct hf_http_exchange *exchange, struct hf_error *err)
{
	struct hf_http_request requests[ROUND];
	struct hf_http_response response = {.struct_size = (uint32_t)sizeof(response), .status = 200, .size = 1};
	size_t count, i;
	int r = HF_OK;

	(void)host_ctx;
	web.rounds++;
	for (;;) {
		for (count = 0; count < exchange->parallel; count++) {
			r = exchange->next(exchange->ctx, &requests[count], err);
			if (r != HF_OK)
				break;
			web.seen++;
			CU_ASSERT_EQUAL(requests[count].flags, HF_HTTP_STRICT);
			CU_ASSERT_EQUAL(requests[count].max_size, 77);
			web.origin = requests[count].origin.data != NULL;
			CU_ASSERT(strncmp(requests[count].url.data, "https://", 8) == 0);
		}
		if (r != HF_OK && r != HF_ENOTFOUND)
			return r;
		if (count == 0)
			return HF_OK;
		for (i = 0; i < count; i++) {
			struct hf_error why = HF_ERROR_INIT;

			r = exchange->begin(exchange->ctx, requests[i].token, &response, &why);
			if (r == HF_OK)
				r = exchange->write(exchange->ctx, requests[i].token, "W", 1, &why);
			r = exchange->end(exchange->ctx, requests[i].token, r, &why, err);
			if (r != HF_OK)
				return r;
		}
	}
}

static const struct hf_host_http client = {(uint32_t)sizeof(client), 0, web_exchange, NULL};

static int
run(bool has_source, bool has_client)
{
	const struct hf_media_exchange exchange = {(uint32_t)sizeof(exchange), 0, NULL, 10, 0, media_next, media_begin,
	    media_write, media_end};
	struct plugin_component component;
	struct instance instance = {&component, NULL, NULL, NULL};
	struct host_services services = {.ctx = NULL};
	int r;

	memset(&component, 0, sizeof(component));
	component.name = "fake";
	component.ops.source.fetch_media = has_source ? source_fetch : NULL;
	CU_ASSERT_EQUAL_FATAL(host_set_extension(HF_HOST_HTTP, has_client ? &client : NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(host_open("family", &services, NULL, NULL, &instance.host, NULL), HF_OK);
	memset(&source, 0, sizeof(source));
	memset(&web, 0, sizeof(web));
	r = fetch_media(&instance, "family", &exchange, NULL);
	host_free(instance.host);
	return r;
}

static void
clear(void)
{
	memset(&asked, 0, sizeof(asked));
}

static bool
all_are(size_t first, size_t end, unsigned from, int code)
{
	size_t i;

	for (i = first; i < end; i++)
		if (asked.ended[i] != 1 || asked.code[i] != code || asked.written[i] != from)
			return false;
	return true;
}

static void
test_kinds(void)
{
	size_t i;

	/* Files of the source. */
	clear();
	for (i = 0; i < 50; i++)
		ask(NULL, "file");
	CU_ASSERT_EQUAL(run(true, true), HF_OK);
	CU_ASSERT(all_are(0, 50, 'S', HF_OK));
	CU_ASSERT(asked.most >= 10); /* some are asked for ahead */
	CU_ASSERT_EQUAL(web.seen, 0);
	/* URLs: the source is asked for a few, and all go by HTTP in one exchange. */
	clear();
	for (i = 0; i < 100; i++)
		ask("https://a.example/", NULL);
	CU_ASSERT_EQUAL(run(true, true), HF_OK);
	CU_ASSERT(all_are(0, 100, 'W', HF_OK));
	CU_ASSERT_EQUAL(source.seen, 10);
	CU_ASSERT(web.rounds <= 2);
	CU_ASSERT(!web.origin);
	/* A source that fetches nothing. */
	clear();
	for (i = 0; i < 100; i++)
		ask("https://a.example/", NULL);
	CU_ASSERT_EQUAL(run(false, true), HF_OK);
	CU_ASSERT(all_are(0, 100, 'W', HF_OK));
}

static void
test_mixed(void)
{
	size_t i;

	clear();
	for (i = 0; i < 90; i++)
		ask(i % 3 == 0 ? NULL : "https://a.example/", i % 3 == 0 ? "file" : NULL);
	CU_ASSERT_EQUAL(run(true, true), HF_OK);
	for (i = 0; i < 90; i++)
		CU_ASSERT(all_are(i, i + 1, i % 3 == 0 ? 'S' : 'W', HF_OK));
	/* Neither can: told as such, and the rest goes on. */
	clear();
	ask("gopher://a.example/", NULL);
	ask(NULL, NULL);
	ask("https://a.example/", NULL);
	CU_ASSERT_EQUAL(run(false, true), HF_OK);
	CU_ASSERT(all_are(0, 2, 0, HF_ENOTSUP));
	CU_ASSERT(all_are(2, 3, 'W', HF_OK));
	clear();
	ask("gopher://a.example/", NULL);
	ask("https://a.example/", NULL);
	ask(NULL, "file");
	CU_ASSERT_EQUAL(run(true, true), HF_OK);
	CU_ASSERT(all_are(0, 1, 0, HF_ENOTSUP));
	CU_ASSERT(all_are(1, 2, 'W', HF_OK));
	CU_ASSERT(all_are(2, 3, 'S', HF_OK));
	/* Without a client. */
	clear();
	ask("https://a.example/", NULL);
	ask("https://a.example/", NULL);
	CU_ASSERT_EQUAL(run(false, false), HF_OK);
	CU_ASSERT(all_are(0, 2, 0, HF_ENOTSUP));
	clear();
	CU_ASSERT_EQUAL(run(true, true), HF_OK);
	CU_ASSERT_EQUAL(run(false, true), HF_OK);
}

/* Of URLs that lead to many places the source gets its own, however many of the others it has refused. */
static void
test_origins(void)
{
	char urls[100][64];
	size_t i;

	clear();
	for (i = 0; i < 100; i++) {
		(void)snprintf(urls[i], sizeof(urls[i]),
		    i % 2 == 0 ? "https://own.example/%zu" : "https://o%zu.example/", i);
		ask(urls[i], NULL);
	}
	CU_ASSERT_EQUAL(run(true, true), HF_OK);
	for (i = 0; i < 100; i++)
		CU_ASSERT(all_are(i, i + 1, i % 2 == 0 ? 'S' : 'W', HF_OK));
}

static void
test_stop(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		clear();
		asked.stop_after = 15;
		while (asked.count < 50)
			ask(i == 0 ? NULL : "https://a.example/", i == 0 ? "file" : NULL);
		CU_ASSERT_EQUAL(run(true, true), HF_ESTOPPING);
		CU_ASSERT_EQUAL(asked.ends, 15);
	}
	/* A source that keeps still about what it was given. */
	clear();
	ask(NULL, "file");
	silent = true;
	CU_ASSERT_EQUAL(run(true, true), HF_EINVAL);
	silent = false;
}

int
main(void)
{
	CU_TestInfo tests[] = {{"kinds", test_kinds}, {"mixed", test_mixed}, {"origins", test_origins},
	    {"stop", test_stop}, CU_TEST_INFO_NULL};

	return unit_run("fetch", tests);
}

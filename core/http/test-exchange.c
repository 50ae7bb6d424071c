/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/test-server.h"

#define FILES 12u
#define SIZE(i) (20000u + 3000u * (i))
#define LONG 900000u /* more than a request holds back */

static struct server server;
static struct client client;
static const char *folder;
static struct items items;

/* A server with those faults, and a client. */
static void
begin(const char *fault)
{
	const char *arguments[] = {"--root", folder, "--record", fault[0] == '\0' ? NULL : "--fault", fault, NULL};

	server_start(&server, arguments);
	client_start(&client);
	memset(&items, 0, sizeof(items));
}

static void
finish(void)
{
	items_free(&items);
	client_end(&client);
	server_stop(&server);
}

static struct item *
add_file(unsigned i)
{
	char url[100];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/%u", server.port, i);
	return items_add(&items, url);
}

static int
sink_write(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	buffer_append(ctx, data, size);
	return buffer_status(ctx, "body", err);
}

/* One request for a path; the answer in *body. */
static int
request(const char *path, uint32_t flags, uint32_t *status, struct buffer *body, struct hf_error *err)
{
	const struct hf_sink sink = {(uint32_t)sizeof(sink), 0, body, sink_write};
	struct hf_http_request wanted = {.struct_size = (uint32_t)sizeof(wanted), .flags = flags};
	char url[200];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	wanted.url = as_text(url);
	wanted.headers = items.headers;
	wanted.header_count = items.header_count;
	wanted.method = items.method;
	wanted.body.data = items.body;
	wanted.body.size = items.body == NULL ? 0 : strlen(items.body);
	return http_host_extension.request(host_table(client.host)->ctx, &wanted, &sink, status, err);
}

/* Whether the server's account of itself has that text. */
static int
status_has(const char *text)
{
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	uint32_t status = 0;
	int found;

	items.headers = NULL;
	items.header_count = 0;
	items.method = items.body = NULL;
	CU_ASSERT_EQUAL(request("/.fault/status", 0, &status, &body, &err), HF_OK);
	CU_ASSERT_EQUAL(status, 200);
	found = buffer_string(&body) != NULL && strstr(buffer_string(&body), text) != NULL;
	if (!found)
		printf("  no %s in %s\n", text, buffer_string(&body));
	buffer_release(&body);
	return found;
}

static void
test_files(void)
{
	unsigned i;

	begin("");
	for (i = 0; i < FILES; i++)
		(void)add_file(i);
	CU_ASSERT_EQUAL(items_run(&items, &client, 4), HF_OK);
	for (i = 0; i < FILES; i++) {
		CU_ASSERT_EQUAL(items.items[i].code, HF_OK);
		CU_ASSERT_EQUAL(items.items[i].begins, 1);
		CU_ASSERT_EQUAL(items.items[i].ends, 1);
		CU_ASSERT_EQUAL(items.items[i].status, 200);
		CU_ASSERT_EQUAL(items.items[i].size, SIZE(i));
		CU_ASSERT_TRUE(file_is(i, 0, &items.items[i].body, SIZE(i)));
		CU_ASSERT_STRING_EQUAL(items.items[i].mime, "application/octet-stream");
		CU_ASSERT_STRING_EQUAL(items.items[i].final_url, items.items[i].url);
	}
	CU_ASSERT_TRUE(client.received >= FILES * 20000u);
	CU_ASSERT_TRUE(status_has("\"requests\": 12, \"connections\": 4,"));
	finish();
}

static void
test_retry(void)
{
	unsigned i;

	begin("503@1,reset-body@2,short-length@4,429@6");
	for (i = 0; i < 4; i++)
		(void)add_file(i);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	for (i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(items.items[i].code, HF_OK);
		CU_ASSERT_EQUAL(items.items[i].begins, 1);
		CU_ASSERT_TRUE(file_is(i, 0, &items.items[i].body, SIZE(i)));
	}
	CU_ASSERT_TRUE(status_has("\"requests\": 8,"));
	CU_ASSERT_TRUE(status_has("\"range\": \"bytes=10000-\""));
	finish();
}

static void
test_give_up(void)
{
	struct item *item;

	begin("503@1+");
	item = add_file(0);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item->code, HF_EAGAIN);
	CU_ASSERT_EQUAL(item->why.code, HF_EAGAIN);
	CU_ASSERT_EQUAL(item->why.http_status, 503);
	CU_ASSERT_EQUAL(item->begins, 0);
	CU_ASSERT_EQUAL(item->ends, 1);
	CU_ASSERT_TRUE(status_has("\"requests\": 3,"));
	finish();
}

/* A server that wants a longer pause than a run can wait is not asked again, and the job knows when. */
static void
test_long_pause(void)
{
	begin("429-hour@1+");
	(void)add_file(0);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(items.items[0].code, HF_ERATE);
	CU_ASSERT_EQUAL(items.items[0].why.http_status, 429);
	CU_ASSERT_EQUAL(items.items[0].why.retry_after_ms, 3600000);
	CU_ASSERT_TRUE(status_has("\"requests\": 1,"));
	finish();
}

static void
test_codes(void)
{
	struct item *item;

	begin("401@2");
	item = add_file(99);
	(void)add_file(0);
	(void)items_add(&items, "ftp://127.0.0.1/x");
	(void)items_add(&items, "http://127.0.0.1:1/x?secret=1");
	(void)items_add(&items, "http://user:word@127.0.0.1/x");
	(void)items_add(&items, "http://127.0.0.1/x\r\nHost: x");
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item[0].code, HF_ENOTFOUND);
	CU_ASSERT_EQUAL(item[0].why.http_status, 404);
	CU_ASSERT_EQUAL(item[1].code, HF_EAUTH);
	CU_ASSERT_EQUAL(item[1].why.http_status, 401);
	CU_ASSERT_EQUAL(item[2].code, HF_EINVAL);
	CU_ASSERT_EQUAL(item[3].code, HF_ENET);
	CU_ASSERT_PTR_NULL(strstr(item[3].why.msg, "secret"));
	CU_ASSERT_PTR_NOT_NULL(strstr(item[3].why.msg, "http://127.0.0.1:1/x?...: "));
	CU_ASSERT_EQUAL(item[4].code, HF_EINVAL);
	CU_ASSERT_PTR_NULL(strstr(item[4].why.msg, "word@"));
	CU_ASSERT_EQUAL(item[5].code, HF_EINVAL);
	finish();
}

/* An answer of no byte that ends with the connection may be one that was cut. */
static void
test_cut_to_nothing(void)
{
	file_make(folder, FILES + 1, 1);
	begin("close-short@1");
	(void)add_file(FILES + 1);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(items.items[0].code, HF_ECORRUPT);
	CU_ASSERT_EQUAL(items.items[0].why.http_status, 200);
	finish();
}

static void
test_resume(void)
{
	struct item *item;
	char etag[80];

	begin("");
	(void)add_file(5);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	(void)snprintf(etag, sizeof(etag), "%s", items.items[0].etag);
	items_free(&items);
	item = add_file(5);
	item->offset = 7000;
	(void)snprintf(item->validator, sizeof(item->validator), "%s", etag);
	/* Of something that is no more: all of it comes. */
	item = add_file(6);
	item->offset = 7000;
	(void)snprintf(item->validator, sizeof(item->validator), "%s", etag);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	item = items.items;
	CU_ASSERT_EQUAL(item[0].code, HF_OK);
	CU_ASSERT_EQUAL(item[0].status, 206);
	CU_ASSERT_EQUAL(item[0].begun_at, 7000);
	CU_ASSERT_EQUAL(item[0].size, SIZE(5));
	CU_ASSERT_TRUE(file_is(5, 7000, &item[0].body, SIZE(5)));
	CU_ASSERT_EQUAL(item[1].code, HF_OK);
	CU_ASSERT_EQUAL(item[1].begun_at, 0);
	CU_ASSERT_TRUE(file_is(6, 0, &item[1].body, SIZE(6)));
	finish();
}

static void
test_request(void)
{
	const struct hf_http_header headers[] = {{as_text("Authorization"), as_text("Bearer x"), HF_HTTP_SECRET, 0},
	    {as_text("X-Empty"), as_text(""), 0, 0}};
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	uint32_t status = 0;

	begin("503@1,reset-body@2");
	items.headers = headers;
	items.header_count = 2;
	CU_ASSERT_EQUAL(request("/3", 0, &status, &body, &err), HF_OK);
	CU_ASSERT_EQUAL(status, 200);
	CU_ASSERT_TRUE(file_is(3, 0, &body, SIZE(3)));
	buffer_clear(&body);
	CU_ASSERT_EQUAL(request("/77", 0, &status, &body, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(status, 404);
	CU_ASSERT_EQUAL(err.http_status, 404);
	CU_ASSERT_EQUAL(body.size, 0);
	CU_ASSERT_EQUAL(request("/77", HF_HTTP_ANY_STATUS, &status, &body, &err), HF_OK);
	CU_ASSERT_EQUAL(status, 404);
	CU_ASSERT_EQUAL(body.size, strlen("not found\n"));
	items.method = "PROPFIND";
	items.body = "<propfind/>";
	CU_ASSERT_EQUAL(request("/3", HF_HTTP_ANY_STATUS, &status, &body, &err), HF_OK);
	CU_ASSERT_EQUAL(status, 405);
	CU_ASSERT_TRUE(status_has("\"authorization\": \"Bearer x\""));
	CU_ASSERT_TRUE(status_has("\"x-empty\": \"\""));
	CU_ASSERT_TRUE(status_has("PROPFIND /3 HTTP/1.1"));
	buffer_release(&body);
	finish();
}

static void
test_once(void)
{
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	uint32_t status = 0;

	begin("reset-before@1,503@2");
	items.method = "PUT";
	items.body = "x";
	CU_ASSERT_EQUAL(request("/3", HF_HTTP_ONCE, &status, &body, &err), HF_ENET);
	CU_ASSERT_EQUAL(request("/3", HF_HTTP_ONCE, &status, &body, &err), HF_EAGAIN);
	CU_ASSERT_TRUE(status_has("\"requests\": 2,"));
	buffer_release(&body);
	finish();
}

static void
test_limits(void)
{
	struct item *item;

	begin("endless@2,gzip-bomb@3,huge-header@4,redirect-loop@5");
	item = add_file(0);
	(void)add_file(1);
	(void)add_file(2);
	(void)add_file(3);
	(void)add_file(4);
	items.max_size = 1000;
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item[0].code, HF_ERANGE);
	CU_ASSERT_EQUAL(item[1].code, HF_ERANGE);
	CU_ASSERT_TRUE(item[1].body.size <= 1000);
	CU_ASSERT_EQUAL(item[2].code, HF_ERANGE);
	CU_ASSERT_TRUE(item[2].body.size <= 1000);
	CU_ASSERT_EQUAL(item[3].code, HF_ERANGE);
	CU_ASSERT_EQUAL(item[4].code, HF_EINVAL);
	CU_ASSERT_EQUAL(item[4].why.http_status, 302);
	CU_ASSERT_TRUE(status_has("\"requests\": 5,"));
	finish();
	/* Of a body without an end not much more is read than is allowed. */
	begin("endless@1");
	item = add_file(0);
	items.max_size = 300000;
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item->code, HF_ERANGE);
	CU_ASSERT_TRUE(item->body.size > 200000 && item->body.size <= 300000);
	CU_ASSERT_TRUE(client.received <= 300000 + 65536);
	finish();
}

/* What has no body may tell of a length all the same. */
static void
test_no_body(void)
{
	struct item *item;

	begin("");
	items.method = "HEAD";
	item = add_file(3);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item->code, HF_OK);
	CU_ASSERT_EQUAL(item->size, SIZE(3));
	CU_ASSERT_EQUAL(item->body.size, 0);
	finish();
}

static void
test_stop(void)
{
	int64_t before;

	begin("stall@1+");
	client.settings.timeout_ns = INT64_C(60000000000);
	(void)add_file(0);
	(void)add_file(1);
	client.stop = 0;
	before = time_boot();
	client.stop = 1;
	CU_ASSERT_EQUAL(items_run(&items, &client, 2), HF_ESTOPPING);
	CU_ASSERT_EQUAL(items.asked, 0);
	client.stop = 0;
	finish();
	begin("stall-body@1+");
	client.settings.timeout_ns = INT64_C(60000000000);
	(void)add_file(0);
	items.stop_at_begin = &client;
	CU_ASSERT_EQUAL(items_run(&items, &client, 2), HF_ESTOPPING);
	CU_ASSERT_TRUE(time_boot() - before < INT64_C(5000000000));
	finish();
}

static void
test_strict(void)
{
	char origin[60];
	struct item *item;

	begin("");
	item = add_file(0);
	(void)items_add(&items, "https://127.0.0.1:1/x");
	items.flags = HF_HTTP_STRICT;
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item[0].code, HF_EPERM);
	CU_ASSERT_EQUAL(item[1].code, HF_EPERM);
	client.settings.allow_http = true;
	items.asked = 0;
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item[0].code, HF_EPERM);
	(void)snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", server.port);
	items.origin = origin;
	items.asked = 0;
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item[0].code, HF_OK);
	CU_ASSERT_EQUAL(item[1].code, HF_EPERM);
	CU_ASSERT_TRUE(status_has("\"requests\": 1, \"connections\": 1,"));
	finish();
}

/* A connection that an earlier request was allowed to make is none for a URL from a message. */
static void
test_strict_reuse(void)
{
	struct item *item;

	begin("");
	client.settings.allow_http = true;
	item = add_file(0);
	(void)add_file(1);
	item[1].flags = HF_HTTP_STRICT;
	(void)add_file(2);
	CU_ASSERT_EQUAL(items_run(&items, &client, 1), HF_OK);
	CU_ASSERT_EQUAL(item[0].code, HF_OK);
	CU_ASSERT_EQUAL(item[1].code, HF_EPERM);
	CU_ASSERT_EQUAL(item[2].code, HF_OK);
	CU_ASSERT_TRUE(status_has("\"requests\": 2,"));
	finish();
}

/* POST or another method by a redirect of that status to another origin; what arrives there has that text. */
static void
redirected(const char *method, unsigned status, const char *arrives)
{
	const char *arguments[] = {"--root", folder, "--record", NULL};
	const struct hf_http_header headers[] = {{as_text("Authorization"), as_text("Bearer x"), HF_HTTP_SECRET, 0},
	    {as_text("X-Open"), as_text("open"), 0, 0}};
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	struct server other = server;
	uint32_t answer = 0;
	char path[100];

	begin("");
	server_start(&other, arguments);
	(void)snprintf(path, sizeof(path), "/.redirect/%u/http://127.0.0.1:%u/3", status, other.port);
	items.headers = headers;
	items.header_count = 2;
	items.method = method;
	items.body = "body";
	(void)request(path, HF_HTTP_ANY_STATUS, &answer, &body, &err);
	CU_ASSERT_TRUE(answer == 200 || answer == 405);
	CU_ASSERT_TRUE(status_has("\"authorization\": \"Bearer x\""));
	server_stop(&server);
	server = other;
	CU_ASSERT_TRUE(status_has(arrives));
	CU_ASSERT_TRUE(status_has("\"x-open\": \"open\""));
	CU_ASSERT_TRUE(status_has("\"requests\": 1,"));
	/* The credentials stay at the first origin. */
	CU_ASSERT_EQUAL(request("/.fault/status", 0, NULL, &body, &err), HF_OK);
	CU_ASSERT_PTR_NULL(strstr(buffer_string(&body), "Bearer"));
	buffer_release(&body);
	finish();
}

static void
test_redirects(void)
{
	redirected("POST", 301, "GET /3 HTTP/1.1");
	redirected("POST", 302, "GET /3 HTTP/1.1");
	redirected("POST", 303, "GET /3 HTTP/1.1");
	redirected("POST", 307, "POST /3 HTTP/1.1");
	redirected("POST", 308, "POST /3 HTTP/1.1");
	redirected("PROPFIND", 301, "PROPFIND /3 HTTP/1.1");
	redirected("PROPFIND", 302, "PROPFIND /3 HTTP/1.1");
	redirected("PUT", 303, "GET /3 HTTP/1.1");
}

/* Elsewhere nobody was asked for permission: that is told, with the address.  With nothing to hide it is what it is. */
static void
test_redirect_denied(void)
{
	const char *arguments[] = {"--root", folder, "--fault", "401@1+", NULL};
	const struct hf_http_header secret = {as_text("Authorization"), as_text("Bearer x"), HF_HTTP_SECRET, 0};
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	struct server other;
	char path[100], address[100];

	begin("");
	server_start(&other, arguments);
	(void)snprintf(path, sizeof(path), "/.redirect/302/http://127.0.0.1:%u/3?key=x", other.port);
	(void)snprintf(address, sizeof(address), "HTTP status 401 from http://127.0.0.1:%u/3, where it redirects", other.port);
	CU_ASSERT_EQUAL(request(path, 0, NULL, &body, &err), HF_EAUTH);
	items.headers = &secret;
	items.header_count = 1;
	CU_ASSERT_EQUAL(request(path, 0, NULL, &body, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(err.http_status, 401);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, address));
	server_stop(&other);
	buffer_release(&body);
	finish();
}

/* What is for one server alone goes to no other, nor is an answer to something else taken for its answer. */
static void
test_stay(void)
{
	static const char *const paths[] = {"/.redirect/307/http://127.0.0.1:1/3", "/.redirect/308/http://localhost/3",
	    "/.redirect/303//3", "/.redirect/302//3"};
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	uint32_t status;
	size_t i;

	begin("");
	items.method = "POST";
	items.body = "body";
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		status = 0;
		CU_ASSERT_EQUAL(request(paths[i], HF_HTTP_STAY | HF_HTTP_ANY_STATUS, &status, &body, &err), HF_EPERM);
		CU_ASSERT_EQUAL(status / 100, 3);
	}
	CU_ASSERT_TRUE(status_has("\"requests\": 4,"));
	(void)request("/.redirect/307//3", HF_HTTP_STAY | HF_HTTP_ANY_STATUS, &status, &body, &err);
	CU_ASSERT(status == 200 || status == 405);
	buffer_release(&body);
	finish();
}

/* On the same origin they are kept, five times at most. */
static void
test_redirect_chain(void)
{
	const struct hf_http_header header = {as_text("Authorization"), as_text("Bearer x"), HF_HTTP_SECRET, 0};
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	uint32_t status = 0;

	begin("");
	items.headers = &header;
	items.header_count = 1;
	CU_ASSERT_EQUAL(request("/.redirect/302//.redirect/302//.redirect/302//.redirect/302//.redirect/302//4", 0, &status,
	    &body, &err), HF_OK);
	CU_ASSERT_TRUE(file_is(4, 0, &body, SIZE(4)));
	buffer_clear(&body);
	CU_ASSERT_EQUAL(request("/.redirect/302//.redirect/302//.redirect/302//.redirect/302//.redirect/302//.redirect/302//4",
	    0, &status, &body, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(status, 302);
	CU_ASSERT_EQUAL(request("/.redirect/302/file:///etc/passwd", 0, &status, &body, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(request("/.redirect/302/http://user:word@127.0.0.1/", 0, &status, &body, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(body.size, 0);
	CU_ASSERT_TRUE(status_has("\"requests\": 14,"));
	CU_ASSERT_TRUE(status_has("GET /4 HTTP/1.1\", \"host\": \"127.0.0.1:"));
	CU_ASSERT_TRUE(status_has("\"authorization\": \"Bearer x\"}, {\"\": \"GET /.redirect/302//.redirect/302//.redirect"));
	buffer_release(&body);
	finish();
}

/* One that waits for its next try holds up no other. */
static void
test_waiting(void)
{
	unsigned i;

	begin("429-after@1");
	for (i = 0; i < 8; i++)
		(void)add_file(i);
	CU_ASSERT_EQUAL(items_run(&items, &client, 2), HF_OK);
	for (i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(items.items[i].code, HF_OK);
	CU_ASSERT_TRUE(items.items[0].order == 7 || items.items[1].order == 7);
	finish();
}

/* So many requests a second, and no more. */
static void
test_rate(void)
{
	int64_t began;
	unsigned i;

	begin("");
	client.settings.requests_per_second = 10;
	for (i = 0; i < 6; i++)
		(void)add_file(i);
	began = time_boot();
	CU_ASSERT_EQUAL(items_run(&items, &client, 6), HF_OK);
	CU_ASSERT_TRUE(time_boot() - began >= INT64_C(490000000));
	for (i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(items.items[i].code, HF_OK);
	finish();
}

/* Of a long answer the sink gets each byte once, whether the rest can be asked for or comes again from the start. */
static void
test_long_request(void)
{
	struct buffer body = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	uint32_t status = 0;

	begin("reset-body@1,ignored-range@3");
	CU_ASSERT_EQUAL(request("/12", 0, &status, &body, &err), HF_OK);
	CU_ASSERT_TRUE(file_is(12, 0, &body, LONG));
	buffer_clear(&body);
	CU_ASSERT_EQUAL(request("/12", 0, &status, &body, &err), HF_OK);
	CU_ASSERT_TRUE(file_is(12, 0, &body, LONG));
	CU_ASSERT_TRUE(status_has("then-ignored-range@4"));
	buffer_release(&body);
	finish();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"files", test_files}, {"tries", test_retry}, {"give up", test_give_up}, {"long pause", test_long_pause},
	    {"codes", test_codes}, {"cut to nothing", test_cut_to_nothing}, {"resume", test_resume}, {"request", test_request}, {"once", test_once},
	    {"limits", test_limits}, {"no body", test_no_body}, {"stop", test_stop}, {"strict", test_strict},
	    {"strict reuse", test_strict_reuse}, {"redirects", test_redirects}, {"stay", test_stay},
	    {"redirect denied", test_redirect_denied}, {"redirect chain", test_redirect_chain},
	    {"waiting", test_waiting}, {"rate", test_rate}, {"long request", test_long_request}, CU_TEST_INFO_NULL};
	unsigned i;
	int status;

	folder = folder_make();
	for (i = 0; i < FILES; i++)
		file_make(folder, i, SIZE(i));
	file_make(folder, FILES, LONG);
	status = unit_run("exchange", tests);
	folder_remove(folder, FILES + 2);
	return status;
}

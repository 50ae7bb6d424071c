/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buffer.h"
#include "base/unit.h"
#include "base/write.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/http.h>
#include <holdfast/plugin.h>

#define ORIGIN   "https://dav.example"
#define CARD(n)  "BEGIN:VCARD\nVERSION:3.0\nUID:" n "\nFN:" n "\nEND:VCARD\n"
#define STEPS    24
#define OK_      "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
#define MULTI(x) "<d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:carddav\" " \
	"xmlns:s=\"http://calendarserver.org/ns/\">" x "</d:multistatus>"
#define RESPONSE(href, props) "<d:response><d:href>" href "</d:href><d:propstat><d:prop>" props "</d:prop>" OK_ \
	"</d:response>"
#define BOOK(href, token) RESPONSE(href, "<d:resourcetype><d:collection/><c:addressbook/></d:resourcetype>" \
	"<d:displayname>My Book</d:displayname><d:sync-token>" token "</d:sync-token>")
#define LISTED(href)      RESPONSE(href, "<d:getetag>\"" href "\"</d:getetag>")
#define GOT(href, n)      RESPONSE(href, "<d:getetag>\"1\"</d:getetag><c:address-data>" CARD(n) "</c:address-data>")
#define GONE(href)        "<d:response><d:href>" href "</d:href><d:status>HTTP/1.1 404 x</d:status></d:response>"
#define TOKEN(t)          "<d:sync-token>" t "</d:sync-token>"

static const struct hf_source_ops *source;
static void *handle;

/* ---- a server: what it answers, request by request ---- */

struct answer {
	const char *method, *path, *wanted; /* wanted: has to be in the request; NULL: anything */
	unsigned long status;
	const char *body;
	const char *to; /* where redirects led, a URL; NULL: nowhere */
	int code;       /* instead of an answer */
};

static struct {
	const struct answer *next;
	unsigned requests;
	bool signed_in;
	struct buffer put; /* the last body */
} server;

static void
check_request(const struct hf_http_request *request, const struct answer *answer)
{
	const char *method = request->method == NULL ? "GET" : request->method;
	char url[300], *body;
	uint64_t i;

	(void)snprintf(url, sizeof(url), "%.*s", (int)request->url.size, request->url.data);
	CU_ASSERT_FATAL(answer->method != NULL);
	if (strcmp(method, answer->method) != 0 || strncmp(url, ORIGIN, strlen(ORIGIN)) != 0 ||
	    strcmp(url + strlen(ORIGIN), answer->path) != 0) {
		(void)printf("%s %s, not %s %s\n", method, url, answer->method, answer->path);
		CU_FAIL("another request");
	}
	server.signed_in = false;
	for (i = 0; i < request->header_count; i++) {
		CU_ASSERT_EQUAL(request->headers[i].name.encoding, HF_TEXT_UTF8);
		if (memcmp(request->headers[i].name.data, "Authorization", request->headers[i].name.size) == 0) {
			CU_ASSERT_EQUAL(request->headers[i].flags, HF_HTTP_SECRET);
			/* "alice:secret" */
			server.signed_in = request->headers[i].value.size == 22 &&
			                   memcmp(request->headers[i].value.data, "Basic YWxpY2U6c2VjcmV0", 22) == 0;
		}
	}
	body = malloc(request->body.size + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	if (request->body.size > 0)
		memcpy(body, request->body.data, request->body.size);
	body[request->body.size] = '\0';
	if (answer->wanted != NULL && strstr(body, answer->wanted) == NULL) {
		(void)printf("no \"%s\" in %s\n", answer->wanted, body);
		CU_FAIL("another body");
	}
	buffer_clear(&server.put);
	buffer_append(&server.put, request->body.data, request->body.size);
	free(body);
}

static int
respond(const struct hf_http_exchange *exchange, const struct hf_http_request *request, const struct answer *answer,
    struct hf_error *why)
{
	struct hf_http_header etag = {{"etag", 4, HF_TEXT_UTF8, 0}, {"\"e\"", 3, HF_TEXT_UTF8, 0}, 0, 0};
	struct hf_http_response response = {.struct_size = sizeof(response), .status = (uint32_t)answer->status, .headers = &etag,
	    .header_count = 1, .size = -1, .url = request->url};
	size_t size = answer->body == NULL ? 0 : strlen(answer->body), at, n;
	int r;

	if (answer->to != NULL)
		response.url = (struct hf_text){answer->to, strlen(answer->to), HF_TEXT_UTF8, 0};
	/* A first try that breaks off in the middle. */
	r = exchange->begin(exchange->ctx, request->token, &response, why);
	if (r == HF_OK && size > 0)
		r = exchange->write(exchange->ctx, request->token, answer->body, size / 2, why);
	if (r == HF_OK)
		r = exchange->begin(exchange->ctx, request->token, &response, why);
	for (at = 0; r == HF_OK && at < size; at += n) {
		n = size - at < 100 ? size - at : 100;
		r = exchange->write(exchange->ctx, request->token, answer->body + at, n, why);
	}
	return r;
}

static int
http_exchange(void *host_ctx, const struct hf_http_exchange *exchange, struct hf_error *err)
{
	struct hf_http_request request = {.struct_size = sizeof(request)};
	const struct answer *answer = server.next;
	struct hf_error why = HF_ERROR_INIT;
	int code = HF_OK;

	(void)host_ctx;
	CU_ASSERT_EQUAL_FATAL(exchange->next(exchange->ctx, &request, err), HF_OK);
	check_request(&request, answer);
	server.next++;
	server.requests++;
	if (answer->code != HF_OK) {
		code = hf_error_set(&why, answer->code, 0, "no answer");
	} else if (answer->status / 100 == 2) {
		code = respond(exchange, &request, answer, &why);
	} else if (answer->to != NULL) {
		/* As the host says it. */
		code = hf_error_set(&why, HF_EINVAL, 0, "HTTP status %lu from %s, where it redirects and the password is "
		    "not sent", answer->status, answer->to);
		why.http_status = (uint32_t)answer->status;
	} else {
		code = hf_error_set(&why, answer->status == 401 ? HF_EAUTH : answer->status == 403 ? HF_EPERM
		    : answer->status == 404 ? HF_ENOTFOUND : answer->status == 500 ? HF_EAGAIN : HF_EINVAL, 0,
		    "HTTP status %lu", answer->status);
		why.http_status = (uint32_t)answer->status;
	}
	CU_ASSERT_EQUAL(exchange->end(exchange->ctx, request.token, code, code == HF_OK ? NULL : &why, err), HF_OK);
	CU_ASSERT_EQUAL(exchange->next(exchange->ctx, &request, NULL), HF_ENOTFOUND);
	return HF_OK;
}

static const struct hf_host_http http_table = {sizeof(http_table), 0, http_exchange, NULL};

/* ---- a host ---- */

static void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	(void)level;
	(void)printf("%.*s\n", (int)size, msg);
	CU_ASSERT(size < 6 || memmem(msg, size, "secret", 6) == NULL);
}

static int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return 0;
}

static int
host_secret(void *ctx, uint32_t index, const struct hf_sink *sink, struct hf_error *err)
{
	(void)ctx;
	return index == 2 ? sink->write(sink->ctx, "secret", 6, err) : hf_error_set(err, HF_ENOTFOUND, 0, "none");
}

static const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	if (strcmp(id, HF_HOST_HTTP) == 0)
		return &http_table;
	return strcmp(id, HF_HOST_WRITE) == 0 ? &write_host_extension : NULL;
}

static const struct hf_host host = {.struct_size = sizeof(struct hf_host), .log = host_log,
    .stop_requested = host_stop, .secret = host_secret, .get_extension = host_extension};

/* ---- what it pushes ---- */

static struct {
	struct buffer log, cursor;
	size_t largest; /* card */
} seen;

static int
on_contact(void *ctx, const struct hf_contact *contact, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	buffer_appendf(&seen.log, "%s%.*s ", contact->flags & HF_CONTACT_DELETED ? "-" : "+", (int)contact->id.size,
	    contact->id.data);
	if (contact->card.size > seen.largest)
		seen.largest = (size_t)contact->card.size;
	return HF_OK;
}

static int
on_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)why;
	(void)err;
	buffer_appendf(&seen.log, "!%s ", where);
	return HF_OK;
}

static int
on_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	buffer_clear(&seen.cursor);
	buffer_append(&seen.cursor, cursor->data, cursor->size);
	return HF_OK;
}

static int
on_reset(void *ctx, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	buffer_append_string(&seen.log, "reset ");
	return HF_OK;
}

static int
open_url(const char *url, const char *books, struct hf_error *err)
{
	const struct hf_value values[] = {{HF_OPTION_STRING, 1, 0, url}, {HF_OPTION_STRING, 1, 0, "alice"},
	    {HF_OPTION_STRING, 0, 0, NULL}, {HF_OPTION_STRING, 0, 0, NULL},
	    {HF_OPTION_STRING, books != NULL, 0, books}, {HF_OPTION_BOOL, 1, 0, NULL}};

	if (handle != NULL)
		source->close(handle);
	handle = NULL;
	return source->open(&host, values, 6, &handle, err);
}

static int
ask(const struct answer *answers, bool incremental, struct hf_error *err)
{
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .checkpoint = on_checkpoint,
	    .failed = on_failed, .contact = on_contact, .reset = on_reset};
	struct hf_query query = {.struct_size = sizeof(query), .what = HF_QUERY_CONTACTS};
	char *cursor = malloc(seen.cursor.size + 1);
	int r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cursor);
	if (seen.cursor.size > 0)
		memcpy(cursor, seen.cursor.data, seen.cursor.size);
	if (incremental)
		query.cursor = (struct hf_blob){cursor, seen.cursor.size};
	buffer_clear(&seen.log);
	server.next = answers;
	r = source->enumerate(handle, &query, &sink, err);
	free(cursor);
	/* All of the script was played. */
	if (server.next->method != NULL)
		CU_FAIL("fewer requests");
	return r;
}

#define TOLD(answers, incremental, text)                                 \
	do {                                                             \
		CU_ASSERT_EQUAL(ask(answers, incremental, NULL), HF_OK); \
		CU_ASSERT_STRING_EQUAL(buffer_string(&seen.log), text);  \
	} while (0)

#define ROOT      {"PROPFIND", "/", "current-user-principal", 207, \
	MULTI(RESPONSE("/", "<d:current-user-principal><d:href>/p/</d:href></d:current-user-principal>")), NULL, 0}
#define PRINCIPAL {"PROPFIND", "/p/", NULL, 207, \
	MULTI(RESPONSE("/p/", "<c:addressbook-home-set><d:href>/h/</d:href></c:addressbook-home-set>")), NULL, 0}
#define HOME(t)   {"PROPFIND", "/h/", NULL, 207, MULTI(RESPONSE("/h/", "") BOOK("/h/b/", t)), NULL, 0}
#define LIST(t)   {"REPORT", "/h/b/", "<D:sync-token></D:sync-token>", 207, \
	MULTI(LISTED("/h/b/1.vcf") LISTED("/h/b/2.vcf") GONE("/h/b/0.vcf") TOKEN(t)), NULL, 0}
#define CARDS     {"REPORT", "/h/b/", "<D:href>/h/b/1.vcf</D:href><D:href>/h/b/2.vcf</D:href>", 207, \
	MULTI(GOT("/h/b/2.vcf", "2") GOT("/h/%62/1.vcf", "1")), NULL, 0}
#define END       {NULL, NULL, NULL, 0, NULL, NULL, 0}

static const struct answer first[] = {ROOT, PRINCIPAL, HOME("t1"), LIST("t1"), CARDS, END};

static void
test_first(void)
{
	static const struct answer unchanged[] = {HOME("t1"), END};

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	TOLD(first, false, "+/h/b/2.vcf +/h/b/1.vcf ");
	CU_ASSERT_TRUE(server.signed_in);
	server.requests = 0;
	TOLD(unchanged, true, "");
	CU_ASSERT_EQUAL(server.requests, 1);
}

static void
test_changes(void)
{
	static const struct answer changes[] = {HOME("t2"), {"REPORT", "/h/b/", "<D:sync-token>t1</D:sync-token>", 207,
	    MULTI(LISTED("/h/b/3.vcf") GONE("/h/b/1.vcf") LISTED("/h/b/4.vcf") TOKEN("t2")), NULL, 0},
	    {"REPORT", "/h/b/", "3.vcf", 207, MULTI(GOT("/h/b/3.vcf", "3")
	    "<d:response><d:href>/h/b/4.vcf</d:href><d:status>HTTP/1.1 500 x</d:status></d:response>"
	    GOT("/h/b/other.vcf", "9")), NULL, 0}, END};
	/* What failed is asked for again, though nothing has changed. */
	static const struct answer retry[] = {HOME("t2"), {"REPORT", "/h/b/", "t2", 207, MULTI(TOKEN("t2")), NULL, 0},
	    {"REPORT", "/h/b/", "4.vcf", 207, MULTI(GOT("/h/b/4.vcf", "4")), NULL, 0}, END};
	static const struct answer unchanged[] = {HOME("t2"), END};
	static const struct answer pages[] = {HOME("t9"), {"REPORT", "/h/b/", "t2", 207, MULTI(LISTED("/h/b/5.vcf")
	    "<d:response><d:href>/h/b/</d:href><d:status>HTTP/1.1 507 x</d:status></d:response>" TOKEN("t3")), NULL, 0},
	    {"REPORT", "/h/b/", "t3", 207, MULTI(LISTED("/h/b/6.vcf") TOKEN("t9")), NULL, 0},
	    {"REPORT", "/h/b/", "6.vcf", 207, MULTI(GOT("/h/b/5.vcf", "5") GOT("/h/b/6.vcf", "6")), NULL, 0}, END};
	static const struct answer circle[] = {HOME("t10"), {"REPORT", "/h/b/", "t9", 207, MULTI(LISTED("/h/b/5.vcf")
	    "<d:response><d:href>/h/b/</d:href><d:status>HTTP/1.1 507 x</d:status></d:response>" TOKEN("t9")), NULL, 0}, END};

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(first, false, NULL), HF_OK);
	TOLD(changes, true, "-/h/b/1.vcf +/h/b/3.vcf !/h/b/4.vcf ");
	TOLD(retry, true, "+/h/b/4.vcf ");
	TOLD(unchanged, true, "");
	TOLD(pages, true, "+/h/b/5.vcf +/h/b/6.vcf ");
	CU_ASSERT_EQUAL(ask(circle, true, NULL), HF_ECORRUPT);
}

/* Whatever a server says to a token that it does not know, all is read again. */
static void
test_token(void)
{
	static const unsigned statuses[] = {403, 409, 410, 412, 500, 507};
	struct answer again[] = {HOME("t2"), {"REPORT", "/h/b/", "t1", 0, NULL, NULL, 0}, LIST("t2"), CARDS, END};
	/* A server without the report at all. */
	static const struct answer plain[] = {HOME(""), {"REPORT", "/h/b/", NULL, 501, NULL, NULL, 0},
	    {"PROPFIND", "/h/b/", "getetag", 207, MULTI(RESPONSE("/h/b/", "<d:resourcetype><d:collection/></d:resourcetype>")
	    LISTED("/h/b/1.vcf") LISTED("/h/b/2.vcf")), NULL, 0}, CARDS, END};
	static const struct answer lacking[] = {HOME(""), {"REPORT", "/h/b/", "t2", 501, NULL, NULL, 0},
	    {"REPORT", "/h/b/", NULL, 501, NULL, NULL, 0}, {"PROPFIND", "/h/b/", "getetag", 207, MULTI(LISTED("/h/b/1.vcf")
	    LISTED("/h/b/2.vcf")), NULL, 0}, CARDS, END};
	static const struct answer denied[] = {HOME("t3"), {"REPORT", "/h/b/", "t2", 401, NULL, NULL, 0}, END};
	size_t i;

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		CU_ASSERT_EQUAL(ask(first, false, NULL), HF_OK);
		again[1].status = statuses[i];
		TOLD(again, true, "reset +/h/b/2.vcf +/h/b/1.vcf ");
	}
	CU_ASSERT_EQUAL(ask(denied, true, NULL), HF_EAUTH);
	TOLD(lacking, true, "reset +/h/b/2.vcf +/h/b/1.vcf ");
	TOLD(plain, true, "reset +/h/b/2.vcf +/h/b/1.vcf ");
}

static void
test_absent(void)
{
	/* The only address book is gone: that is no deletion. */
	static const struct answer gone[] = {{"PROPFIND", "/h/", NULL, 207, MULTI(RESPONSE("/h/", "")), NULL, 0}, ROOT,
	    PRINCIPAL, {"PROPFIND", "/h/", NULL, 207, MULTI(RESPONSE("/h/", "")), NULL, 0}, END};
	static const struct answer other[] = {{"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/c/", "t")), NULL, 0},
	    {"PROPFIND", "/h/b/", NULL, 404, NULL, NULL, 0},
	    {"REPORT", "/h/c/", "<D:sync-token></D:sync-token>", 207, MULTI(TOKEN("t")), NULL, 0},
	    {"PROPFIND", "/h/c/", "getetag", 207, MULTI(RESPONSE("/h/c/", "<d:resourcetype><d:collection/></d:resourcetype>")),
	    NULL, 0}, END};
	/* It is only not listed, twice, and then it is again. */
	static const struct answer hidden[] = {{"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/c/", "u")), NULL, 0},
	    {"PROPFIND", "/h/b/", NULL, 403, NULL, NULL, 0},
	    {"REPORT", "/h/c/", NULL, 207, MULTI(LISTED("/h/c/1.vcf") TOKEN("u")), NULL, 0},
	    {"REPORT", "/h/c/", NULL, 207, MULTI(GOT("/h/c/1.vcf", "1")), NULL, 0}, END};
	static const struct answer still_hidden[] = {{"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/c/", "u")), NULL, 0},
	    {"PROPFIND", "/h/b/", NULL, 207, MULTI(RESPONSE("/h/b/", "")), NULL, 0}, END};
	static const struct answer back[] = {{"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/b/", "t1") BOOK("/h/c/", "u")),
	    NULL, 0}, END};
	static const struct answer unreachable[] = {{"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/c/", "u")), NULL, 0},
	    {"PROPFIND", "/h/b/", NULL, 0, NULL, NULL, HF_ENET}, END};
	static const struct answer html[] = {{"PROPFIND", "/h/", NULL, 200, "<html>sorry</html>", NULL, 0}, END};
	static const struct answer cut[] = {{"PROPFIND", "/h/", NULL, 207, "<d:multistatus xmlns:d=\"DAV:\">", NULL, 0},
	    END};
	static const struct answer down[] = {{"PROPFIND", "/h/", NULL, 0, NULL, NULL, HF_ENET}, END};
	static const struct answer denied[] = {{"PROPFIND", "/", NULL, 403, NULL, NULL, 0},
	    {"PROPFIND", "/.well-known/carddav", NULL, 403, NULL, NULL, 0}, END};
	static const struct answer wrong[] = {{"PROPFIND", "/", NULL, 401, NULL, NULL, 0}, END};

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(first, false, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(gone, true, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(ask(html, true, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(ask(cut, true, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(ask(down, true, NULL), HF_ENET);
	CU_ASSERT_EQUAL(ask(denied, false, NULL), HF_EPERM);
	CU_ASSERT_EQUAL(ask(wrong, false, NULL), HF_EAUTH);
	CU_ASSERT_STRING_EQUAL(buffer_string(&seen.log), "");
	TOLD(hidden, true, "!/h/b/ +/h/c/1.vcf ");
	TOLD(still_hidden, true, "!/h/b/ ");
	TOLD(back, true, "");
	CU_ASSERT_EQUAL(ask(unreachable, true, NULL), HF_ENET);
	/* Another one is still there: the server says that the first is gone. */
	TOLD(other, true, "reset ");
}

/* A server that is broken, or worse: nothing that it says by the way makes a card be forgotten. */
static void
test_hostile(void)
{
#define TWO(t, u) {"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/b/", t) BOOK("/h/c/", u)), NULL, 0}
#define LISTS(text) {ROOT, PRINCIPAL, HOME("t1"), {"REPORT", "/h/b/", NULL, 207, MULTI(text TOKEN("t1")), NULL, 0}, END}
#define STATUS(href, status) "<d:response><d:href>" href "</d:href><d:status>HTTP/1.1 " status "</d:status></d:response>"
	static const struct answer two[] = {ROOT, PRINCIPAL, TWO("t1", "u1"), LIST("t1"), CARDS,
	    {"REPORT", "/h/c/", NULL, 207, MULTI(LISTED("/h/c/1.vcf") TOKEN("u1")), NULL, 0},
	    {"REPORT", "/h/c/", NULL, 207, MULTI(GOT("/h/c/1.vcf", "1")), NULL, 0}, END};
	/* One book tells that a card of the other is deleted, or there. */
	static const struct answer others_gone[] = {TWO("t1", "u2"),
	    {"REPORT", "/h/c/", "u1", 207, MULTI(GONE("/h/%62/1.vcf") TOKEN("u2")), NULL, 0}, END};
	static const struct answer others[] = {TWO("t1", "u2"),
	    {"REPORT", "/h/c/", "u1", 207, MULTI(LISTED("/h/b/3.vcf") TOKEN("u2")), NULL, 0}, END};
	static const struct answer itself_gone[] = {TWO("t1", "u2"),
	    {"REPORT", "/h/c/", "u1", 207, MULTI(GONE("/h/c/") TOKEN("u2")), NULL, 0}, END};
	static const struct answer elsewhere[] = LISTS(LISTED("https://evil.example/h/b/1.vcf"));
	static const struct answer no_scheme[] = LISTS(LISTED("//evil.example/h/b/1.vcf"));
	static const struct answer redirected[] = LISTS(LISTED("/h/b/1.vcf") STATUS("/h/b/2.vcf", "302 x"));
	static const struct answer unknown[] = LISTS(LISTED("/h/b/1.vcf") STATUS("/h/b/2.vcf", "799 x"));
	static const struct answer bomb[] = {ROOT, PRINCIPAL, HOME("t1"), {"REPORT", "/h/b/", NULL, 207,
	    "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]>" MULTI(TOKEN("&c;")), NULL, 0}, END};
	/* Nothing at all, and then not even the book. */
	static const struct answer empty[] = {ROOT, PRINCIPAL, HOME("t1"),
	    {"REPORT", "/h/b/", NULL, 207, MULTI(TOKEN("t1")), NULL, 0},
	    {"PROPFIND", "/h/b/", "getetag", 207, MULTI(""), NULL, 0}, END};
	static const struct answer not_empty[] = {ROOT, PRINCIPAL, HOME("t1"),
	    {"REPORT", "/h/b/", NULL, 207, MULTI(TOKEN("t1")), NULL, 0},
	    {"PROPFIND", "/h/b/", "getetag", 207, MULTI(LISTED("/h/b/1.vcf") LISTED("/h/b/2.vcf")), NULL, 0}, CARDS, END};
	/* Cards: from elsewhere, none, no reason, no vCard, twice the same UID, listed twice. */
	static const struct answer strange[] = {ROOT, PRINCIPAL, HOME("t1"), {"REPORT", "/h/b/", NULL, 207,
	    MULTI(LISTED("/h/b/1.vcf")LISTED("/h/b/2.vcf")LISTED("/h/b/3.vcf")LISTED("/h/b/4.vcf")LISTED("/h/b/5.vcf")
	    LISTED("/h/b/6.vcf") LISTED("/h/b/1.vcf") TOKEN("t1")), NULL, 0},
	    {"REPORT", "/h/b/", NULL, 207, MULTI(GOT("/h/b/1.vcf", "1") RESPONSE("/h/b/2.vcf", "<d:getetag>1</d:getetag>")
	    STATUS("/h/b/3.vcf", "302 x") RESPONSE("/h/b/4.vcf", "<c:address-data>&lt;html&gt;</c:address-data>")
	    GOT("/h/b/5.vcf", "1") STATUS("/h/b/6.vcf", "404 x")), NULL, 0}, END};
	static const struct answer mended[] = {HOME("t1"), {"REPORT", "/h/b/", "t1", 207, MULTI(TOKEN("t1")), NULL, 0},
	    {"REPORT", "/h/b/", "4.vcf", 207, MULTI(GOT("/h/b/2.vcf", "2") GOT("/h/b/3.vcf", "3") GOT("/h/b/4.vcf", "4")),
	    NULL, 0}, END};
	static const struct answer two_cards[] = {ROOT, PRINCIPAL, HOME("t1"), LIST("t1"), {"REPORT", "/h/b/", NULL,
	    207, MULTI(RESPONSE("/h/b/1.vcf", "<c:address-data>" CARD("1") "</c:address-data><c:address-data>" CARD("2")
	    "</c:address-data>")), NULL, 0}, END};
	static const struct answer card_elsewhere[] = {ROOT, PRINCIPAL, HOME("t1"), LIST("t1"), {"REPORT", "/h/b/", NULL,
	    207, MULTI(GOT("https://evil.example/h/b/1.vcf", "1")), NULL, 0}, END};
	static const struct {
		const struct answer *answers;
		int code;
	} bad[] = {{elsewhere, HF_ECORRUPT}, {no_scheme, HF_ECORRUPT}, {redirected, HF_EIO}, {unknown, HF_EIO},
	    {bomb, HF_ECORRUPT}, {empty, HF_ECORRUPT}, {card_elsewhere, HF_ECORRUPT},
	    {two_cards, HF_ECORRUPT}};
	size_t i;

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(two, false, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(others_gone, true, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(ask(others, true, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(ask(itself_gone, true, NULL), HF_EIO);
	CU_ASSERT_STRING_EQUAL(buffer_string(&seen.log), "");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(ask(bad[i].answers, false, NULL), bad[i].code);
		CU_ASSERT_STRING_EQUAL(buffer_string(&seen.log), "");
	}
	TOLD(not_empty, false, "+/h/b/2.vcf +/h/b/1.vcf ");
	TOLD(strange, false, "+/h/b/1.vcf !/h/b/2.vcf !/h/b/3.vcf !/h/b/4.vcf +/h/b/5.vcf ");
	TOLD(mended, true, "+/h/b/2.vcf +/h/b/3.vcf +/h/b/4.vcf ");
}

/* Each page has a new token and a card, for ever. */
static void
test_endless(void)
{
	static struct answer pages[110] = {HOME("t2")};
	static char bodies[110][500];
	size_t i;

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(first, false, NULL), HF_OK);
	for (i = 1; i <= 100; i++) {
		(void)snprintf(bodies[i], sizeof(bodies[i]), MULTI(LISTED("/h/b/1.vcf") STATUS("/h/b/", "507 x")
		    TOKEN("x%zu")), i);
		pages[i] = (struct answer){"REPORT", "/h/b/", NULL, 207, bodies[i], NULL, 0};
	}
	CU_ASSERT_EQUAL(ask(pages, true, NULL), HF_ECORRUPT);
}

/* A listing whose addresses would not fit into memory, and a server whose answers are all too long. */
static void
test_floods(void)
{
	static char path[3500], body[4000 * 3000];
	static struct answer listing[] = {ROOT, PRINCIPAL, HOME("t1"), {"REPORT", "/h/b/", NULL, 207, body, NULL, 0}, END};
	static struct answer too_long[400] = {ROOT, PRINCIPAL, HOME("t1"), {"REPORT", "/h/b/", NULL, 207, body, NULL, 0}};
	struct buffer text = BUFFER_INIT(sizeof(body));
	size_t i;

	memset(path, 'a', sizeof(path) - 1);
	buffer_append_string(&text, "<d:multistatus xmlns:d=\"DAV:\">");
	for (i = 0; i < 3200; i++)
		buffer_appendf(&text, "<d:response><d:href>%s%zu</d:href></d:response>", path, i);
	buffer_append_string(&text, "</d:multistatus>");
	(void)snprintf(body, sizeof(body), "%s", buffer_string(&text));
	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(listing, false, NULL), HF_ERANGE);
	buffer_clear(&text);
	buffer_append_string(&text, "<d:multistatus xmlns:d=\"DAV:\">");
	for (i = 0; i < 64; i++)
		buffer_appendf(&text, "<d:response><d:href>%02zu.vcf</d:href></d:response>", i);
	buffer_append_string(&text, "</d:multistatus>");
	(void)snprintf(body, sizeof(body), "%s", buffer_string(&text));
	buffer_release(&text);
	/* All 64 of them, by halves: 17 alone are asked for. */
	for (i = 4; i < 4 + 17 + 15 + 2 * 2 + 2; i++)
		too_long[i] = (struct answer){"REPORT", "/h/b/", NULL, 0, NULL, NULL, HF_ERANGE};
	CU_ASSERT_EQUAL(ask(too_long, false, NULL), HF_ERANGE);
}

/* Large cards are not copied: each still is what was sent, also beside others and when the answer comes twice. */
static void
test_large(void)
{
	static char note[2 * (3 << 20) / 2], body[3 * sizeof(note)];
	struct answer answers[] = {ROOT, PRINCIPAL, HOME("t1"), {"REPORT", "/h/b/", NULL, 207, MULTI(LISTED("/h/b/1.vcf")
	    LISTED("/h/b/2.vcf") LISTED("/h/b/3.vcf") TOKEN("t1")), NULL, 0}, {"REPORT", "/h/b/", NULL, 207, body, NULL, 0}, END};

	memset(note, 'x', sizeof(note) - 1);
	(void)snprintf(body, sizeof(body), MULTI(GOT("/h/b/2.vcf", "%s") GOT("/h/b/1.vcf", "1")
	    RESPONSE("/h/b/3.vcf", "<c:address-data>BEGIN:VCARD\r\nNOTE:%.*s\r\nEND:VCARD\r\n</c:address-data>")), "2", "2",
	    (int)sizeof(note) - 1, note);
	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	TOLD(answers, false, "+/h/b/2.vcf +/h/b/1.vcf +/h/b/3.vcf ");
	CU_ASSERT_EQUAL(seen.largest, sizeof(note) - 1 + strlen("BEGIN:VCARD\nNOTE:\nEND:VCARD\n"));
}

static void
test_discover(void)
{
	static const struct answer well_known[] = {{"PROPFIND", "/", NULL, 404, NULL, NULL, 0},
	    {"PROPFIND", "/.well-known/carddav", NULL, 207, MULTI(RESPONSE("/dav/",
	    "<d:current-user-principal><d:href>p/</d:href></d:current-user-principal>")), ORIGIN "/dav/", 0},
	    {"PROPFIND", "/dav/p/", NULL, 207, MULTI(RESPONSE("/dav/p/",
	    "<c:addressbook-home-set><d:href>" ORIGIN ":443/h/</d:href></c:addressbook-home-set>")), NULL, 0}, HOME("t1"),
	    LIST("t1"), CARDS, END};
	static const struct answer single[] = {{"PROPFIND", "/h/b/", NULL, 207, MULTI(BOOK("/h/b/", "t1")), NULL, 0},
	    {"PROPFIND", "/h/b/", NULL, 207, MULTI(BOOK("/h/b/", "t1")), NULL, 0}, LIST("t1"), CARDS, END};
	static const struct answer still[] = {{"PROPFIND", "/h/b/", NULL, 207, MULTI(BOOK("/h/b/", "t1")), NULL, 0}, END};
	static const struct answer elsewhere[] = {{"PROPFIND", "/", NULL, 207, MULTI(RESPONSE("/",
	    "<c:addressbook-home-set><d:href>https://evil.example/h/</d:href></c:addressbook-home-set>")), NULL, 0},
	    {"PROPFIND", "/.well-known/carddav", NULL, 404, NULL, NULL, 0}, END};
	/* The first answer is of no use, and the one after leads to another host. */
	static const struct answer redirected[] = {{"PROPFIND", "/", NULL, 405, NULL, NULL, 0},
	    {"PROPFIND", "/.well-known/carddav", NULL, 401, NULL, "https://cards.example/d/", 0}, END};
	static const struct answer refused[] = {{"PROPFIND", "/", NULL, 401, NULL, NULL, 0}, END};
	static const struct answer two[] = {ROOT, PRINCIPAL, {"PROPFIND", "/h/", NULL, 207, MULTI(BOOK("/h/b/", "t1")
	    RESPONSE("/h/c/", "<d:resourcetype><c:addressbook/></d:resourcetype>")), NULL, 0}, LIST("t1"), CARDS, END};
	static const struct answer none[] = {ROOT, PRINCIPAL, HOME("t1"), END};
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL(open_url(ORIGIN, NULL, NULL), HF_OK);
	TOLD(well_known, false, "+/h/b/2.vcf +/h/b/1.vcf ");
	CU_ASSERT_EQUAL(ask(elsewhere, false, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "make the account's \"url\" https://evil.example/h/"));
	CU_ASSERT_EQUAL(ask(redirected, false, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "from https://cards.example/d/, where it redirects"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "make it the account's \"url\""));
	CU_ASSERT_EQUAL(ask(refused, false, &err), HF_EAUTH);
	CU_ASSERT_PTR_NULL(strstr(err.msg, "\"url\""));
	CU_ASSERT_EQUAL(open_url(ORIGIN "/h/b", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(open_url(ORIGIN "/h/b/", NULL, NULL), HF_OK);
	TOLD(single, false, "+/h/b/2.vcf +/h/b/1.vcf ");
	TOLD(still, true, "");
	CU_ASSERT_EQUAL(open_url(ORIGIN "/", "My Book\n", NULL), HF_OK);
	TOLD(two, false, "+/h/b/2.vcf +/h/b/1.vcf ");
	CU_ASSERT_EQUAL(open_url(ORIGIN "/", "b\nnone\n", NULL), HF_OK);
	CU_ASSERT_EQUAL(ask(none, false, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "\"none\""));
	/* The last cursor was another account's. */
	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	TOLD(first, true, "reset +/h/b/2.vcf +/h/b/1.vcf ");
}

static void
test_configure(void)
{
	struct hf_value values[6] = {{HF_OPTION_STRING, 1, 0, "http://dav.example/"}};
	struct hf_error err = HF_ERROR_INIT;

	/* Who signs in is told so before there is a backup, by "config check". */
	CU_ASSERT_EQUAL(source->configure(values, 6, &err), HF_OK);
	values[1] = (struct hf_value){HF_OPTION_STRING, 1, 0, "alice"};
	CU_ASSERT_EQUAL(source->configure(values, 6, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "unencrypted"));
	values[0].text = "http://localhost:5232/";
	CU_ASSERT_EQUAL(source->configure(values, 6, &err), HF_OK);
	CU_ASSERT_EQUAL(open_url("dav.example", NULL, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(open_url("ftp://dav.example/", NULL, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(open_url("https://", NULL, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(open_url("https://a:b@dav.example/", NULL, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(open_url("http://dav.example/", NULL, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "unencrypted"));
	CU_ASSERT_EQUAL(open_url("http://localhost.evil.example/", NULL, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(open_url("http://localhost:5232/", NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(open_url("http://127.0.0.1/", NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(open_url("http://[::1]:1/", NULL, &err), HF_OK);
}

static int
put(const struct answer *answers, const char *card, uint32_t flags, uint32_t *done)
{
	struct hf_contact contact = {.struct_size = sizeof(contact), .id = {"x", 1, HF_TEXT_UTF8, 0},
	    .card = {card, strlen(card)}};
	struct hf_error err = HF_ERROR_INIT;
	int r;

	*done = 0;
	server.next = answers;
	r = source->put_contact(handle, &contact, flags, done, &err);
	if (r != HF_OK)
		(void)printf("%s\n", err.msg);
	if (server.next->method != NULL)
		CU_FAIL("fewer requests");
	return r;
}

static void
test_put(void)
{
	static const struct answer none[] = {END};
	static const struct answer create[] = {{"PUT", "/h/b/9.vcf", "UID:9\r\n", 201, NULL, NULL, 0}, END};
	static const struct answer taken[] = {{"PUT", "/h/b/8.vcf", NULL, 412, NULL, NULL, 0}, END};
	static const struct answer replace[] = {{"GET", "/h/b/1.vcf", NULL, 200,
	    "BEGIN:VCARD\r\nUID:1\r\nFN:1\r\nPHOTO:x\r\nEND:VCARD\r\n", NULL, 0},
	    {"PUT", "/h/b/1.vcf", "FN:new\r\nPHOTO:x\r\nEND:VCARD", 204, NULL, NULL, 0}, END};
	static const struct answer lost[] = {{"PUT", "/h/b/7.vcf", NULL, 0, NULL, NULL, HF_ENET},
	    {"GET", "/h/b/7.vcf", NULL, 200, CARD("7"), NULL, 0}, END};
	static const struct answer not_there[] = {{"PUT", "/h/b/6.vcf", NULL, 0, NULL, NULL, HF_ENET},
	    {"GET", "/h/b/6.vcf", NULL, 404, NULL, NULL, 0}, END};
#define UID9 "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:9\r\nFN:another\r\nEND:VCARD\r\n"
	static const struct answer odd[] = {{"PUT", "/h/b/8a5edab282632443219e051e4ade2d1d.vcf", NULL, 201, NULL, NULL, 0},
	    END};
	uint32_t done;

	CU_ASSERT_EQUAL(open_url(ORIGIN "/", NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(put(first, CARD("1"), HF_PUT_DRY_RUN, &done), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_SAME);
	CU_ASSERT_EQUAL(put(none, CARD("9"), HF_PUT_DRY_RUN, &done), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_CREATED);
	CU_ASSERT_EQUAL(put(create, CARD("9"), 0, &done), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_CREATED);
	CU_ASSERT_EQUAL(put(none, CARD("9"), 0, &done), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_SAME);
	/* One that was put, or was there as it is, is not replaced by another one with its UID. */
	CU_ASSERT_EQUAL(put(none, UID9, 0, &done), HF_EEXIST);
	CU_ASSERT_EQUAL(put(none, CARD("2"), 0, &done), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_SAME);
	CU_ASSERT_EQUAL(put(none, "BEGIN:VCARD\nVERSION:3.0\nUID:2\nFN:another\nEND:VCARD\n", 0, &done), HF_EEXIST);
	CU_ASSERT_EQUAL(put(taken, CARD("8"), 0, &done), HF_EEXIST);
	CU_ASSERT_EQUAL(put(replace, "BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:new\nEND:VCARD\n", 0, &done), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_REPLACED);
	CU_ASSERT_EQUAL(put(lost, CARD("7"), 0, &done), HF_OK);
	CU_ASSERT_EQUAL(put(not_there, CARD("6"), 0, &done), HF_ENET);
	CU_ASSERT_EQUAL(put(odd, CARD("/"), 0, &done), HF_OK);
	CU_ASSERT_EQUAL(put(none, "no card", 0, &done), HF_ECORRUPT);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"first", test_first}, {"changes", test_changes}, {"token", test_token},
	    {"absent", test_absent}, {"hostile", test_hostile}, {"endless", test_endless}, {"floods", test_floods}, {"large", test_large}, {"discover", test_discover}, {"configure", test_configure}, {"put", test_put},
	    CU_TEST_INFO_NULL};
	void *module = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	const struct hf_plugin *(*entry)(void);
	int r;

	if (module == NULL) {
		(void)printf("%s\n", dlerror());
		return 99;
	}
	*(void **)&entry = dlsym(module, "holdfast_plugin_v1");
	source = entry()->components[0]->ops;
	seen.log.max = seen.cursor.max = server.put.max = 1u << 20;
	r = unit_run("carddav", tests);
	if (handle != NULL)
		source->close(handle);
	buffer_release(&seen.log);
	buffer_release(&seen.cursor);
	buffer_release(&server.put);
	(void)dlclose(module);
	return r;
}

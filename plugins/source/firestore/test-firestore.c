/* SPDX-License-Identifier: BSD-2-Clause */
#include "test-fake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unit.h"

#define ROOT "projects/p/databases/(default)/documents"

static char folder[] = "/tmp/test-firestore.XXXXXX";
static char key_path[64], store_path[64];

/* ---- answers one after the other ---- */

struct script {
	struct {
		const char *expect; /* is in the URL or the body */
		int status;
		const char *body;
	} steps[32];
	unsigned at;
	unsigned surprises;
	char last_body[8192];
	char last_url[4096];
	char last_bearer[4096];
};

static struct script script;

static int
run_script(void *ctx, const struct fake_request *request, const char **ret_body)
{
	struct script *s = ctx;
	unsigned at = s->at;

	(void)snprintf(s->last_url, sizeof(s->last_url), "%s", request->url);
	(void)snprintf(s->last_body, sizeof(s->last_body), "%.8191s", request->body);
	(void)snprintf(s->last_bearer, sizeof(s->last_bearer), "%s", request->bearer);
	/* Addresses that come from messages go no further than to the service that is configured. */
	CU_ASSERT_EQUAL(strstr(request->url, "firebasestorage") != NULL,
	    (request->request->flags & HF_HTTP_STRICT) != 0 && request->request->origin.data != NULL);
	if (s->steps[at].expect == NULL || (strstr(request->url, s->steps[at].expect) == NULL &&
	    strstr(request->body, s->steps[at].expect) == NULL)) {
		(void)printf("unexpected: %s %s\n", request->url, request->body);
		s->surprises++;
		return HF_EINVAL;
	}
	s->at++;
	*ret_body = s->steps[at].body;
	return s->steps[at].status;
}

static void
begin_script(void)
{
	fake_clear();
	memset(&script, 0, sizeof(script));
	fake.answer = run_script;
	fake.ctx = &script;
}

static void
step(const char *expect, int status, const char *body)
{
	script.steps[script.at].expect = expect;
	script.steps[script.at].status = status;
	script.steps[script.at++].body = body;
}

/* The steps are written; they are gone through from the first on. */
static void
play(void)
{
	script.at = 0;
}

static bool
all_played(void)
{
	return script.surprises == 0 && script.steps[script.at].expect == NULL;
}

#define TOKEN "{\"access_token\":\"t1\",\"expires_in\":3600,\"token_type\":\"Bearer\"}"

static void *
open_with(const char *const *options)
{
	struct hf_error err = HF_ERROR_INIT;
	void *handle = NULL;

	if (fake_open(options, &handle, &err) != HF_OK)
		(void)printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(handle);
	return handle;
}

static const char *const usual[] = {"project", "p", "service_account", key_path, "messages.changes", "each", NULL};

/* ---- */

static void
refused(const char *const *options, const char *why)
{
	struct hf_error err = HF_ERROR_INIT;
	void *handle = NULL;

	CU_ASSERT_EQUAL(fake_open(options, &handle, &err), HF_EINVAL);
	CU_ASSERT_PTR_NULL(handle);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, why));
	if (strstr(err.msg, why) == NULL)
		(void)printf("%s\n", err.msg);
}

static void
test_options(void)
{
	const char *none[] = {"project", "p", NULL};
	const char *both[] = {"project", "p", "service_account", "x", "refresh_token", "(secret)", "api_key", "k",
	    NULL};
	const char *no_key[] = {"project", "p", "refresh_token", "(secret)", NULL};
	const char *half[] = {"project", "p", "email", "a@b", "api_key", "k", NULL};
	const char *path[] = {"project", "p", "service_account", "x", "messages.fields.text", "a..b", NULL};
	const char *bracket[] = {"project", "p", "service_account", "x", "messages.fields.text", "a[0]", NULL};
	const char *quote[] = {"project", "p", "service_account", "x", "messages.fields.text", "`a", NULL};
	const char *sorted[] = {"project", "p", "service_account", "x", "messages.fields.updated", "a[].b", NULL};
	const char *odd[] = {"project", "p", "service_account", "x", "rooms.collection", "teams/acme", NULL};
	const char *empty[] = {"project", "p", "service_account", "x", "rooms.collection", "teams//x", NULL};
	const char *deep[] = {"project", "p", "service_account", "x", "messages.collection", "a/b/c", NULL};
	const char *url[] = {"project", "p", "service_account", "x", "endpoints.firestore", "ftp://x", NULL};
	const char *slash[] = {"project", "p", "service_account", "x", "endpoints.storage", "https://x/", NULL};
	const char *way[] = {"project", "p", "service_account", "x", "messages.changes", "some", NULL};
	const char *media[] = {"project", "p", "service_account", "x", "messages.fields.media", "a\nb[].c\nd.\n", NULL};

	refused(none, "nothing to sign in with");
	refused(both, "one of them has to go");
	refused(no_key, "api_key_file");
	refused(half, "go together");
	refused(path, "\"messages.fields.text\": a name is missing");
	refused(bracket, "only \".\" and \"[]\"");
	refused(quote, "second backquote");
	refused(sorted, "sorted by");
	refused(odd, "path of a document");
	refused(empty, "an empty name");
	refused(deep, "without slashes");
	refused(url, "has to be a URL");
	refused(slash, "no \"/\" at its end");
	refused(way, "\"group\" or \"each\"");
	refused(media, "\"messages.fields.media\": a name is missing");
}

/* Real documents: each is taken, and its raw value is what it was, token for token. */
static void
test_real_documents(void)
{
	char line[65536], page[70000], collection[64], project[64];
	const char *options[] = {"project", project, "service_account", key_path, "participants.collection", collection,
	    NULL};
	FILE *file = fopen(TEST_DATA "/chat-firestore-rest/documents.jsonl", "r");
	struct buffer want = BUFFER_INIT(1u << 20);
	struct hf_error err = HF_ERROR_INIT;
	unsigned count = 0;
	const char *name;
	void *handle;
	size_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		n = strcspn(line, "\n");
		line[n] = '\0';
		name = strstr(line, "\"name\": \"projects/");
		CU_ASSERT_PTR_NOT_NULL_FATAL(name);
		(void)sscanf(name, "\"name\": \"projects/%63[^/]/databases/(default)/documents/%63[^/]", project,
		    collection);
		begin_script();
		step("/token", 200, TOKEN);
		step(collection, 200, page);
		play();
		(void)snprintf(page, sizeof(page), "[ {\"document\" : %s,\n \"readTime\": \"2024-01-01T00:00:00Z\"} ]",
		    line);
		handle = open_with(options);
		CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_PARTICIPANTS, NULL, NULL, &err), HF_OK);
		CU_ASSERT_EQUAL(fake.people, 1);
		buffer_clear(&want);
		json_put_compact(&want, line, n);
		buffer_append_byte(&want, '\n');
		CU_ASSERT(want.size == fake.raw->size && memcmp(want.data, fake.raw->data, want.size) == 0);
		fake_source->close(handle);
		count++;
	}
	(void)fclose(file);
	buffer_release(&want);
	CU_ASSERT_EQUAL(count, 124);
}

#define ROOM ROOT "/rooms/r1/messages/"
#define DOC(id, fields) "{\"document\":{\"name\":\"" ROOM id "\",\"fields\":{" fields \
	"},\"createTime\":\"2024-01-01T00:00:00Z\",\"updateTime\":\"2024-01-01T00:00:09.5Z\"}," \
	"\"readTime\":\"2024-01-01T00:01:00Z\"}"
#define UPDATED(second) "\"updatedAt\":{\"timestampValue\":\"2024-01-01T00:00:" second "Z\"}"

static void
test_message(void)
{
	const char *options[] = {"project", "p", "service_account", key_path, "messages.fields.updated", "meta.`up-at`",
	    "messages.fields.id", "uid", "messages.fields.edited", "edited", "messages.fields.thread", "thread",
	    "messages.fields.media", "media.url\nattachments[].file.url\nphoto\n", "messages.changes", "each", NULL};
	void *handle;
	struct hf_error err = HF_ERROR_INIT;
	static const char page[] = "[" DOC("m1",
	    "\"uid\":{\"integerValue\":\"12345678901234567890\"},\"text\":{\"stringValue\":\"a\\u0000\\ud83d\\ude00 "
	    "\\\"q\\\"\"},"
	    "\"senderId\":{\"referenceValue\":\"" ROOT "/users/u\\u00e9\"},"
	    "\"sentAt\":{\"integerValue\":\"1700000000123\"},"
	    "\"meta\":{\"mapValue\":{\"fields\":{\"up-at\":{\"timestampValue\":\"2024-01-01T00:00:05Z\"}}}},"
	    "\"edited\":{\"booleanValue\":true},\"deletedAt\":{\"nullValue\":null},"
	    "\"type\":{\"stringValue\":\"image\"},"
	    "\"replyTo\":{\"referenceValue\":\"" ROOM "m0\"},\"thread\":{\"stringValue\":\"t\"},"
	    "\"reactions\":{\"mapValue\":{\"fields\":{\"+1\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"u1\"},"
	    "{\"referenceValue\":\"" ROOT "/users/u2\"}]}},\"x\":{\"integerValue\":\"3\"},"
	    "\"none\":{\"arrayValue\":{}}}}},"
	    "\"media\":{\"mapValue\":{\"fields\":{\"url\":{\"stringValue\":\"https://h/1\"},"
	    "\"name\":{\"stringValue\":\"n.jpg\"},"
	    "\"mimeType\":{\"stringValue\":\"image/jpeg\"},\"size\":{\"integerValue\":\"77\"},"
	    "\"width\":{\"doubleValue\":4.0},\"height\":{\"doubleValue\":\"NaN\"},\"duration\":{\"doubleValue\":2}}}},"
	    "\"attachments\":{\"arrayValue\":{\"values\":[{\"mapValue\":{\"fields\":{"
	    "\"file\":{\"mapValue\":{\"fields\":{"
	    "\"url\":{\"stringValue\":\"gs://b/2\"}}}}}}},{\"mapValue\":{}},{\"nullValue\":null},"
	    "{\"mapValue\":{\"fields\":"
	    "{\"file\":{\"mapValue\":{\"fields\":{\"url\":{\"stringValue\":\"https://h/3\"}}}}}}}]}},"
	    "\"photo\":{\"stringValue\":\"https://h/4\"}") ","
	    DOC("m2", "\"deletedAt\":{\"timestampValue\":\"2024-01-01T00:00:07Z\"},\"text\":{\"bytesValue\":\"AAE=\"}")
	    ","
	    DOC("m3", "\"deletedAt\":{\"booleanValue\":true},\"text\":{\"mapValue\":{}},"
	    "\"sentAt\":{\"doubleValue\":\"NaN\"}")
	    "]";

	begin_script();
	step("/token", 200, TOKEN);
	step("rooms/r1:runQuery", 200, page);
	play();
	handle = open_with(options);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(fake.log),
	    "message id=\"12345678901234567890\" sender=\"u\\u00e9\" kind=\"image\" text=\"a\\u0000\\ud83d\\ude00 "
	    "\\\"q\\\"\""
	    " reply=\"m0\" thread=\"t\" sent=1700000000123000000 edited=1704067205000000000 flags=2 key=\"+1\"*2 "
	    "by=\"u1\" by=\"u2\" key=\"x\"*3"
	    " file=\"n.jpg\" is=\"image\" url=\"https://h/1\" mime=\"image/jpeg\" 77b 4x-1 2000ms"
	    " is=\"file\" url=\"gs://b/2\" mime=null -1b -1x-1 is=\"file\" url=\"https://h/3\" mime=null -1b -1x-1"
	    " is=\"file\" url=\"https://h/4\" mime=null -1b -1x-1\n"
	    "message id=\"m2\" sender=null kind=\"text\" text=\"AAE=\" reply=null thread=null"
	    " deleted=1704067207000000000 flags=3\n"
	    "message id=\"m3\" sender=null kind=\"text\" text=null reply=null thread=null flags=3\n");
	CU_ASSERT(all_played());
	fake_source->close(handle);
}

/* A page that is not what was asked for: it is asked for again, and then told of; nothing is pushed twice or lost. */
static void
test_wrong_pages(void)
{
	static const char *const wrong[] = {"<html>Something went wrong</html>", "[", "{}", "[]", "",
	    "[" DOC("m1", UPDATED("01")) "," DOC("m1", UPDATED("01")) "]",
	    "[" DOC("m2", UPDATED("01")) "," DOC("m1", UPDATED("01")) "]",
	    "[{\"document\":{\"name\":\"" ROOT "/rooms/r2/messages/m1\"}}]",
	    "[{\"document\":{\"name\":\"" ROOT "/rooms/r1/messages/m1/x/y\"}}]",
	    "[{\"document\":{\"fields\":{}}}]", "[{\"document\":[]}]", "[7]", "[{\"error\":{\"code\":503}}]",
	    "[{\"document\":{\"name\":\"" ROOT "/rooms/r1/messages/m1\",\"fields\":[]}}]",
	    "[" DOC("m1", UPDATED("01")) "," DOC("m2", UPDATED("01")) "," DOC("m3", UPDATED("01")) "]"};
	const char *options[] = {"project", "p", "service_account", key_path, "page_size", "2", "messages.changes",
	    "each",
	    NULL};
	struct hf_error err;
	void *handle;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		hf_error_init(&err);
		begin_script();
		step("/token", 200, TOKEN);
		step("runQuery", 200, wrong[i]);
		step("runQuery", 200, wrong[i]);
		step("runQuery", 200, wrong[i]);
		play();
		handle = open_with(options);
		CU_ASSERT(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err) < 0);
		CU_ASSERT(fake.messages <= 2 && fake.checkpoints == 0 && err.msg[0] != '\0');
		CU_ASSERT(script.surprises <= 1);
		fake_source->close(handle);
		/* The second time all is well. */
		begin_script();
		step("/token", 200, TOKEN);
		step("runQuery", 200, wrong[i]);
		step("runQuery", 200, "[" DOC("m8", UPDATED("08")) "," DOC("m9", UPDATED("09")) "]");
		step("m9", 200, "[{\"readTime\":\"2024-01-01T00:01:00Z\"}]");
		play();
		handle = open_with(options);
		CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_OK);
		CU_ASSERT(all_played());
		fake_source->close(handle);
	}
}

/* Pages by a cursor, one reading time, a smaller page where one is too large, and what a later pass asks for. */
static const char *const small_pages[] = {"project", "p", "service_account", key_path, "page_size", "2",
    "messages.changes", "each", NULL};

/* Plays the script that was written, as the messages of the room after a cursor; "": from the start. */
static void
play_messages(const char *after)
{
	struct buffer cursor = BUFFER_INIT(1u << 16);
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	buffer_append_string(&cursor, after);
	play();
	handle = open_with(small_pages);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", &cursor, &err), HF_OK);
	CU_ASSERT(all_played());
	fake_source->close(handle);
	buffer_release(&cursor);
}

#define READ_ALL "{\"v\":1,\"pass\":\"all\",\"whole\":true,\"read\":\"2024-01-01T00:01:00Z\",\"at\":" \
	"{\"timestampValue\":\"2024-01-01T00:00:05Z\"}}"

/* A page that is too large is asked for in smaller ones. */
static void
test_pages(void)
{
	begin_script();
	step("/token", 200, TOKEN);
	step("\"limit\":2}", HF_ERANGE, NULL);
	step("\"limit\":1}", 200, "[" DOC("m1", UPDATED("05")) "]");
	step("\"startAt\":{\"values\":[{\"referenceValue\":\"" ROOM
	    "m1\"}],\"before\":false},\"limit\":1},\"readTime\":"
	    "\"2024-01-01T00:01:00Z\"", 200, "[" DOC("m2", UPDATED("03")) "]");
	step("\"referenceValue\":\"" ROOM "m2\"", 200, "[{\"readTime\":\"2024-01-01T00:01:00Z\"}]");
	play_messages("");
	CU_ASSERT_EQUAL(fake.messages, 2);
	CU_ASSERT_EQUAL(fake.checkpoints, 3);
	CU_ASSERT_STRING_EQUAL(buffer_string(&fake.room_cursor), READ_ALL);
}

/* The look-back of ten minutes reaches back behind the newest message. */
static void
test_look_back(void)
{
	begin_script();
	step("/token", 200, TOKEN);
	step("\"orderBy\":[{\"field\":{\"fieldPath\":\"updatedAt\"},\"direction\":\"ASCENDING\"},"
	    "{\"field\":{\"fieldPath\":"
	    "\"__name__\"},\"direction\":\"ASCENDING\"}],\"startAt\":{\"values\":[{\"timestampValue\":"
	    "\"2023-12-31T23:51:00Z\"}],\"before\":true},\"limit\":2}", 200,
	    "[" DOC("m2", UPDATED("03")) "," DOC("m1", UPDATED("05")) "]");
	step("{\"timestampValue\":\"2024-01-01T00:00:05Z\"},{\"referenceValue\":\"" ROOM "m1\"}],\"before\":false}",
	    200,
	    "[{\"readTime\":\"2024-01-01T00:02:00Z\"}]");
	play_messages(READ_ALL);
	/* All of it was known. */
	CU_ASSERT_EQUAL(fake.checkpoints, 0);
}

/* A pass that was cut off goes on where it was, whatever has come since. */
static void
test_resume(void)
{
	begin_script();
	step("/token", 200, TOKEN);
	step("\"values\":[{\"timestampValue\":\"2024-01-01T00:00:05Z\"},{\"referenceValue\":\"" ROOM
	    "m1\"}],\"before\":false}",
	    200, "[" DOC("m3", UPDATED("06")) "]");
	/* What was written late in the meantime is looked for at once. */
	step("\"2023-12-31T23:51:00Z\"}],\"before\":true},\"limit\":2},\"readTime\":\"2024-01-01T00:01:00Z\"", 200,
	    "[" DOC("m3", UPDATED("06")) "]");
	play_messages("{\"v\":1,\"pass\":\"time\",\"whole\":false,\"read\":\"2024-01-01T00:01:00Z\",\"at\":"
	    "{\"timestampValue\":\"2024-01-01T00:00:05Z\"},\"name\":\"" ROOM "m1\"}");
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&fake.room_cursor), "\"read\":\"2024-01-01T00:01:00Z\""));
}

/* Cursors and ids that are none. */
static void
test_wrong_places(void)
{
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	begin_script();
	step("/token", 200, TOKEN);
	step("\"orderBy\":[{\"field\":{\"fieldPath\":\"__name__\"}", 200, "[" DOC("m3", UPDATED("06")) "]");
	play_messages("{\"pass\":\"time\",\"whole\":true,\"read\":\"yesterday\"}");
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&fake.warnings), "cursor is damaged"));
	/* Ids from elsewhere make no other places. */
	handle = open_with(small_pages);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "a/b", NULL, &err), HF_EINVAL);
	fake_source->close(handle);
}

static void
test_no_update_field(void)
{
	const char *options[] = {"project", "p", "service_account", key_path, "messages.fields.updated", "", NULL};
	struct buffer cursor = BUFFER_INIT(1u << 16);
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	/* m1 was changed after the last pass, m2 before it. */
	buffer_append_string(&cursor, "{\"v\":1,\"pass\":\"all\",\"whole\":true,\"read\":\"2024-01-01T00:00:09Z\"}");
	begin_script();
	step("/token", 200, TOKEN);
	step("\"select\":{\"fields\":[{\"fieldPath\":\"__name__\"}]}", 200, "[" DOC("m1", "")
	    ",{\"document\":{\"name\":\"" ROOM
	    "m2\",\"updateTime\":\"2024-01-01T00:00:08Z\"}},{\"document\":{\"name\":\"" ROOM "m3\",\"updateTime\":"
	    "\"2024-01-01T00:00:09.000001Z\"}}]");
	step("{\"documents\":[\"" ROOM "m1\",\n\"" ROOM "m3\"]", 200, "[{\"found\":{\"name\":\"" ROOM
	    "m3\",\"updateTime\":"
	    "\"2024-01-01T00:00:09.000001Z\"}},{\"missing\":\"" ROOM "m1\"}]");
	play();
	handle = open_with(options);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", &cursor, &err), HF_OK);
	CU_ASSERT(all_played());
	CU_ASSERT_EQUAL(fake.messages, 1);
	CU_ASSERT_EQUAL(fake.checkpoints, 1);
	fake_source->close(handle);
	/* An answer for fewer documents than asked for. */
	begin_script();
	step("/token", 200, TOKEN);
	step("select", 200, "[" DOC("m1", "") "]");
	step("documents", 200, "[]");
	step("documents", 200, "[{\"found\":{\"name\":\"" ROOM "m1/x/m1\"}}]");
	step("documents", 200, "[{\"readTime\":\"2024-01-01T00:01:00Z\"}]");
	play();
	handle = open_with(options);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", &cursor, &err), HF_ECORRUPT);
	CU_ASSERT(all_played());
	CU_ASSERT_EQUAL(fake.checkpoints, 0);
	fake_source->close(handle);
	buffer_release(&cursor);
}

static void
test_service_account(void)
{
	const char *assertion;
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	begin_script();
	step("https://oauth.example/token", 200, TOKEN);
	step("runQuery", 401, "");
	step("/token", 200, "{\"access_token\":\"t2\",\"expires_in\":\"300\"}");
	step("runQuery", 200, "[" DOC("m1", UPDATED("01")) "]");
	step("runQuery", 200, "[" DOC("m1", UPDATED("01")) "]");
	play();
	handle = open_with(usual);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(script.last_bearer, "Bearer t2");
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_OK);
	CU_ASSERT(all_played());
	/* It ends in a minute, so there is a new one. */
	fake.clock_ns += 241 * INT64_C(1000000000);
	memset(&script, 0, sizeof(script));
	step("/token", 200, TOKEN);
	step("runQuery", 200, "[" DOC("m1", UPDATED("01")) "]");
	play();
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(script.last_bearer, "Bearer t1");
	CU_ASSERT(all_played());
	fake_source->close(handle);

	/* What is signed, and that a refusal is final. */
	begin_script();
	step("/token", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}");
	play();
	handle = open_with(usual);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_EAUTH);
	CU_ASSERT_STRING_EQUAL(err.msg, "needs login: the service refused the service account (invalid_grant: "
	    "Invalid JWT "
	    "Signature.); is this machine's clock right?");
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r2", NULL, &err), HF_EAUTH);
	CU_ASSERT_EQUAL(fake.requests, 1);
	assertion = strstr(script.last_body, "&assertion=");
	CU_ASSERT_PTR_NOT_NULL_FATAL(assertion);
	CU_ASSERT(fake_is_signed(assertion + 11, strlen(assertion + 11)));
	CU_ASSERT_PTR_NOT_NULL(strstr(script.last_body,
	    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"));
	fake_source->close(handle);

	/* Tokens that are given and not taken: no storm of them. */
	begin_script();
	step("/token", 200, TOKEN);
	step("runQuery", 401, "");
	step("/token", 200, TOKEN);
	step("runQuery", 401, "");
	step("/token", 200, TOKEN);
	step("runQuery", 401, "");
	play();
	handle = open_with(usual);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_EAUTH);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_MESSAGES, "r1", NULL, &err), HF_EAUTH);
	CU_ASSERT(all_played());
	fake_source->close(handle);
}

static void
read_store(char out[200])
{
	FILE *file = fopen(store_path, "r");
	size_t n = file == NULL ? 0 : fread(out, 1, 199, file);

	out[n] = '\0';
	if (file != NULL)
		(void)fclose(file);
}

static const char *const people_options[] = {"project", "p", "api_key", "k", "refresh_token", "(secret)", "token_store",
    store_path, "participants.collection", "users", NULL};

/* Asks for people with a user's sign-in. */
static int
ask_people(struct hf_error *err)
{
	void *handle = open_with(people_options);
	int r = fake_ask(handle, HF_QUERY_PARTICIPANTS, NULL, NULL, err);

	fake_source->close(handle);
	return r;
}

#define NOBODY "[{\"readTime\":\"2024-01-01T00:00:00Z\"}]"
#define RENEWED(token) "{\"id_token\":\"i\",\"access_token\":\"a\",\"expires_in\":\"3600\",\"refresh_token\":\"" \
	token "\"}"
#define REFUSED "{\"error\":{\"code\":400,\"message\":\"INVALID_REFRESH_TOKEN\"}}"

static void
test_refresh_token(void)
{
	const char *secrets[] = {"refresh_token", "r 0", "api_key", "k&1", NULL};
	struct hf_error err = HF_ERROR_INIT;
	char text[200];

	memcpy(fake.secrets, secrets, sizeof(secrets));
	begin_script();
	step("https://securetoken.googleapis.com/v1/token?key=k%261", 200, RENEWED("r1"));
	step("users", 200, NOBODY);
	play();
	CU_ASSERT_EQUAL(ask_people(&err), HF_OK);
	CU_ASSERT_STRING_EQUAL(script.last_bearer, "Bearer i");
	CU_ASSERT(all_played());
	read_store(text);
	CU_ASSERT_STRING_EQUAL(text, "r1\nr 0\n");
	/* The next run has it from the store; where it was never used, the one before it works. */
	begin_script();
	step("refresh_token=r1", 400, REFUSED);
	step("refresh_token=r%200", 200, RENEWED("r2"));
	step("users", 200, NOBODY);
	play();
	CU_ASSERT_EQUAL(ask_people(&err), HF_OK);
	CU_ASSERT(all_played());
	read_store(text);
	CU_ASSERT_STRING_EQUAL(text, "r2\nr 0\n");
	/* The user has signed in anew. */
	fake.secrets[1] = "r9";
	begin_script();
	step("refresh_token=r2", 400, REFUSED);
	step("refresh_token=r%200", 400, REFUSED);
	step("refresh_token=r9", 200, RENEWED("r9"));
	step("users", 200, NOBODY);
	play();
	CU_ASSERT_EQUAL(ask_people(&err), HF_OK);
	CU_ASSERT(all_played());
	/* Nothing works any more: everything was tried once. */
	begin_script();
	step("refresh_token=r2", 400, REFUSED);
	step("refresh_token=r%200", 400, REFUSED);
	step("refresh_token=r9", 400, REFUSED);
	play();
	CU_ASSERT_EQUAL(ask_people(&err), HF_EAUTH);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "needs login: the service refused the refresh token "
	    "(INVALID_REFRESH_TOKEN)"));
	CU_ASSERT(all_played());
	/* The service's own trouble says nothing of the token. */
	begin_script();
	step("refresh_token=r2", 503, "");
	step("refresh_token=r2", 503, "");
	play();
	CU_ASSERT_EQUAL(ask_people(&err), HF_EAGAIN);
	CU_ASSERT(all_played());
	memset(fake.secrets, 0, sizeof(fake.secrets));
	(void)unlink(store_path);
}

static void
test_lists(void)
{
	const char *options[] = {"project", "p", "service_account", key_path, "rooms.collection", "teams/a b/chat",
	    "contacts.collection", "contacts", "contacts.fields.phone", "phones[].number", "rooms.member_field",
	    "memberIds",
	    "user", "u\"1", "messages.changes", "each", "contacts.fields.note", "note", NULL};
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	begin_script();
	step("/token", 200, TOKEN);
	step("/v1/projects/p/databases/(default)/documents/teams/a%20b:runQuery", 200,
	    "[{\"document\":{\"name\":\"" ROOT
	    "/teams/a b/chat/r1\",\"fields\":{\"name\":{\"stringValue\":\"N\"},\"createdAt\":{\"timestampValue\":"
	    "\"2024-01-01T00:00:00Z\"},\"messageCount\":{\"integerValue\":\"7\"},"
	    "\"memberIds\":{\"arrayValue\":{\"values\":["
	    "{\"stringValue\":\"u1\"},{\"referenceValue\":\"" ROOT "/users/u2\"}]}}}}},{\"document\":{\"name\":\"" ROOT
	    "/teams/a b/chat/r2\",\"fields\":{"
	    "\"memberIds\":{\"mapValue\":{\"fields\":{\"u3\":{\"booleanValue\":true}}}}}}},"
	    "{\"document\":{\"name\":\"" ROOT "/teams/a b/chat/r3\"}}]");
	step("contacts", 200, "[{\"document\":{\"name\":\"" ROOT
	    "/contacts/c1\",\"updateTime\":\"2024-01-01T00:00:00Z\","
	    "\"fields\":{\"name\":{\"stringValue\":\"A; B, \\\\C\\nD\"},"
	    "\"phones\":{\"arrayValue\":{\"values\":[{\"mapValue\":{"
	    "\"fields\":{\"number\":{\"stringValue\":\"+1\"}}}},"
	    "{\"mapValue\":{\"fields\":{\"number\":{\"stringValue\":\"+2\"}}}}"
	    "]}},\"email\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"a@b\"},{\"stringValue\":\"c@d\"}]}},"
	    "\"note\":{\"stringValue\":\"BEGIN:VCARD 234567890123456789012345678901234567890123456789012345678901234567"
	    "\\u00e9\\u0007x\"}}}}]");
	play();
	handle = open_with(options);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_ROOMS, NULL, NULL, &err), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(script.last_body,
	    "\"where\":{\"fieldFilter\":{\"field\":{\"fieldPath\":\"memberIds\"},"
	    "\"op\":\"ARRAY_CONTAINS\",\"value\":{\"stringValue\":\"u\\\"1\"}}}"));
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_PARTICIPANTS, "r1", NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_PARTICIPANTS, "r2", NULL, &err), HF_OK);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_PARTICIPANTS, "r3", NULL, &err), HF_ENOTSUP);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_PARTICIPANTS, NULL, NULL, &err), HF_ENOTSUP);
	CU_ASSERT_EQUAL(fake_ask(handle, HF_QUERY_CONTACTS, NULL, NULL, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(fake.log),
	    "room id=\"r1\" name=\"N\" kind=null created=1704067200000000000 count=7 bytes=0\n"
	    "room id=\"r2\" name=null kind=null count=0 bytes=0\nroom id=\"r3\" name=null kind=null count=0 bytes=0\n"
	    "person id=\"u1\" name=null\nperson id=\"u2\" name=null\nperson id=\"u3\" name=null\n"
	    "contact id=\"c1\" revision=\"2024-01-01T00:00:00Z\" updated=1704067200000000000\n"
	    "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c1\r\nFN:A\\; B\\, \\\\C\\nD\r\nN:A\\; B\\, "
	    "\\\\C\\nD\r\nEMAIL:a@b\r\nEMAIL:c@d\r\n"
	    "TEL:+1\r\nTEL:+2\r\n"
	    "NOTE:BEGIN:VCARD 2345678901234567890123456789012345678901234567890123456789\r\n 01234567\xc3\xa9x\r\n"
	    "END:VCARD\r\n");
	CU_ASSERT(all_played());
	fake_source->close(handle);
}

/* ---- media ---- */

static struct {
	const char *urls[8];
	unsigned next;
	int codes[8];
	unsigned bytes;
} media;

static int
media_next(void *ctx, struct hf_media_request *ret_request, struct hf_error *err)
{
	static struct hf_attachment attachments[8];
	struct hf_attachment *a = &attachments[media.next % 8];

	(void)ctx;
	(void)err;
	if (media.urls[media.next] == NULL)
		return HF_ENOTFOUND;
	a->url = (struct hf_text){media.urls[media.next], strlen(media.urls[media.next]), HF_TEXT_JSON, 0};
	ret_request->attachment = a;
	ret_request->token = media.next++;
	return HF_OK;
}

static int
media_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	(void)ctx;
	(void)token;
	(void)info;
	(void)err;
	return HF_OK;
}

static int
media_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	(void)ctx;
	(void)token;
	(void)data;
	(void)err;
	media.bytes += (unsigned)size;
	return HF_OK;
}

static int
media_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)why;
	(void)err;
	media.codes[token] = code;
	return HF_OK;
}

static void
test_media(void)
{
	static const char *const urls[] = {"gs://bucket/a b\\/c.jpg",
	    "https://firebasestorage.googleapis.com/v0/b/b/o/x%2Fy",
	    "https://firebasestorage.googleapis.com/v0/b/b/o/z?alt=media&token=tt",
	    "https://elsewhere.example/v0/b/b/o/x",
	    "gs://bucket", "https://firebasestorage.googleapis.com.evil.example/v0/b/b/o/x",
	    "https://firebasestorage.googleapis.com/x#y", NULL};
	const struct hf_media_exchange exchange = {sizeof(exchange), 0, NULL, 10, 0, media_next, media_begin,
	    media_write,
	    media_end};
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	memset(&media, 0, sizeof(media));
	memcpy(media.urls, urls, sizeof(urls));
	begin_script();
	step("/token", 200, TOKEN);
	step("https://firebasestorage.googleapis.com/v0/b/bucket/o/a%20b%2Fc.jpg?alt=media", 200, "1");
	step("https://firebasestorage.googleapis.com/v0/b/b/o/x%2Fy?alt=media", 401, "");
	step("/token", 200, "{\"access_token\":\"t2\",\"expires_in\":3600}");
	step("https://firebasestorage.googleapis.com/v0/b/b/o/x%2Fy?alt=media", 200, "22");
	step("/o/z?alt=media&token=tt", 200, "333");
	step("https://firebasestorage.googleapis.com/x", 404, "");
	play();
	handle = open_with(usual);
	CU_ASSERT_EQUAL(fake_source->fetch_media(handle, &exchange, &err), HF_OK);
	CU_ASSERT(all_played());
	/* The token of the URL is enough, and what is no object there gets none. */
	CU_ASSERT_STRING_EQUAL(script.last_bearer, "");
	CU_ASSERT_STRING_EQUAL(script.last_url, "https://firebasestorage.googleapis.com/x");
	CU_ASSERT_EQUAL(media.bytes, 6);
	CU_ASSERT(media.codes[0] == HF_OK && media.codes[1] == HF_OK && media.codes[2] == HF_OK);
	CU_ASSERT(media.codes[3] == HF_ENOTSUP && media.codes[4] == HF_ENOTSUP && media.codes[5] == HF_ENOTSUP);
	CU_ASSERT_EQUAL(media.codes[6], HF_ENOTFOUND);
	fake_source->close(handle);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"options", test_options}, {"real documents", test_real_documents},
	    {"message", test_message}, {"wrong pages", test_wrong_pages}, {"pages", test_pages},
	    {"look-back", test_look_back}, {"resume", test_resume}, {"wrong places", test_wrong_places},
	    {"no update field", test_no_update_field}, {"service account", test_service_account},
	    {"refresh token", test_refresh_token}, {"lists", test_lists}, {"media", test_media}, CU_TEST_INFO_NULL};
	int failed = 1;

	if (mkdtemp(folder) == NULL)
		return 99;
	(void)snprintf(key_path, sizeof(key_path), "%s/key.json", folder);
	(void)snprintf(store_path, sizeof(store_path), "%s/store", folder);
	if (fake_load() && fake_make_key(key_path))
		failed = unit_run("firestore", tests);
	fake_release();
	(void)unlink(key_path);
	(void)rmdir(folder);
	return failed;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "multistatus.h"

#include "base/unit.h"

#include <stdlib.h>
#include <string.h>

#define HEAD "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:carddav\">"
#define TAIL "</d:multistatus>"
#define OK   "<d:status>HTTP/1.1 200 OK</d:status>"

static struct bytes out = BYTES_INIT(1u << 20);
static int answer;

static int
note(void *ctx, struct dav_response *r, struct hf_error *err)
{
	(void)ctx;
	bytes_put(&out, r->href.data, r->href.size);
	bytes_format(&out, " %u", r->status);
	if (r->has_etag) {
		bytes_string(&out, " etag=");
		bytes_put(&out, r->etag.data, r->etag.size);
	}
	if (r->has_data) {
		bytes_string(&out, " data=");
		bytes_put(&out, r->data.data, r->data.size);
	}
	bytes_format(&out, "%s%s|", r->is_addressbook ? " book" : "", r->is_collection ? " collection" : "");
	return answer == HF_OK ? HF_OK : hf_error_set(err, answer, 0, "stop");
}

/* Parses it in pieces of that size; out holds what was told, behind it a bar and the token. */
static int
parse_pieces(const char *text, size_t size, size_t piece)
{
	struct multistatus *multistatus;
	size_t at, n;
	int r = HF_OK;

	bytes_clear(&out);
	CU_ASSERT_EQUAL_FATAL(multistatus_open(1000, note, NULL, &multistatus, NULL), HF_OK);
	for (at = 0; r == HF_OK && at < size; at += n) {
		n = size - at < piece ? size - at : piece;
		r = multistatus_write(multistatus, text + at, n, NULL);
	}
	if (r == HF_OK)
		r = multistatus_end(multistatus, NULL);
	if (r == HF_OK)
		bytes_string(&out, multistatus_token(multistatus));
	multistatus_close(multistatus);
	return r;
}

static int
parse(const char *text)
{
	return parse_pieces(text, strlen(text), strlen(text) + 1);
}

static void
test_read(void)
{
	static const char text[] = HEAD
	    "<d:response><d:href> /a/1.vcf </d:href><d:propstat><d:prop><d:getetag>\"x&amp;y\"</d:getetag>"
	    "<c:address-data>BEGIN:VCARD&#13;\nFN:\xc3\xa9\n</c:address-data></d:prop>" OK "</d:propstat>"
	    "<d:propstat><d:prop><d:displayname/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>"
	    "</d:response><d:response><d:href>/a/2.vcf</d:href><d:status>HTTP/1.1 404 Gone</d:status></d:response>"
	    "<d:response><d:href>/a/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><c:addressbook/>"
	    "</d:resourcetype></d:prop>" OK "</d:propstat></d:response>"
	    "<d:response><d:href>/a/3</d:href><d:propstat><d:prop><d:getetag>no</d:getetag></d:prop>"
	    "<d:status>HTTP/1.1 403 Forbidden</d:status></d:propstat></d:response>"
	    "<d:sync-token> t1 </d:sync-token>" TAIL;
	static const char told[] = "/a/1.vcf 0 etag=\"x&y\" data=BEGIN:VCARD\r\nFN:\xc3\xa9\n|/a/2.vcf 404|"
	                           "/a/ 0 book collection|/a/3 0|t1";
	size_t piece;

	for (piece = 1; piece <= sizeof(text); piece = piece < 8 ? piece + 1 : piece * 3) {
		CU_ASSERT_EQUAL(parse_pieces(text, sizeof(text) - 1, piece), HF_OK);
		CU_ASSERT_STRING_EQUAL(bytes_text(&out), told);
	}
	/* Cut anywhere it is an error, and never less than it was. */
	for (piece = 0; piece + 1 < sizeof(text); piece++)
		CU_ASSERT_EQUAL(parse_pieces(text, piece, 4096), HF_ECORRUPT);
}

static void
test_refused(void)
{
	struct bytes deep = BYTES_INIT(1u << 20);
	int i;

	CU_ASSERT_EQUAL(parse("<html><body>no</body></html>"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("no XML"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse(""), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("<!DOCTYPE x [<!ENTITY a \"b\">]>" HEAD TAIL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" HEAD TAIL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse(HEAD "<d:response><d:href>&xxe;</d:href></d:response>" TAIL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse(HEAD "<d:response><d:status>HTTP/1.1 200 OK</d:status></d:response>" TAIL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse(HEAD TAIL), HF_OK);
	bytes_string(&deep, HEAD);
	for (i = 0; i < 100000; i++)
		bytes_string(&deep, "<x>");
	CU_ASSERT_EQUAL(parse_pieces(deep.data, deep.size, 4096), HF_ECORRUPT);
	bytes_clear(&deep);
	/* A card that is too long is told as one, an address that is too long ends it. */
	bytes_string(&deep, HEAD "<d:response><d:href>/a</d:href><d:propstat><d:prop><c:address-data>");
	for (i = 0; i < 3000; i++)
		bytes_string(&deep, "xyz\n");
	bytes_string(&deep, "</c:address-data></d:prop>" OK "</d:propstat></d:response>" TAIL);
	CU_ASSERT_EQUAL(parse_pieces(deep.data, deep.size, 4096), HF_OK);
	CU_ASSERT_STRING_EQUAL(bytes_text(&out), "/a 0 data=|");
	bytes_clear(&deep);
	bytes_string(&deep, HEAD "<d:response><d:href>/");
	for (i = 0; i < 100000; i++)
		bytes_string(&deep, "a");
	bytes_string(&deep, "</d:href></d:response>" TAIL);
	CU_ASSERT_EQUAL(parse_pieces(deep.data, deep.size, 4096), HF_ECORRUPT);
	bytes_release(&deep);
}

/* piece, again and again until there are that many bytes, within an answer. */
static int
parse_flood(const char *before, const char *piece, const char *after, size_t size)
{
	struct bytes flood = BYTES_INIT(size + 10000);
	int r, i;

	bytes_string(&flood, HEAD);
	bytes_string(&flood, before);
	/* A number in it makes names that differ. */
	for (i = 0; flood.size < size; i++)
		bytes_format(&flood, piece, i);
	bytes_string(&flood, after);
	bytes_string(&flood, TAIL);
	CU_ASSERT_EQUAL_FATAL(bytes_status(&flood, "a flood", NULL), HF_OK);
	r = parse_pieces(flood.data, flood.size, 16384);
	bytes_release(&flood);
	return r;
}

/* What the parser would have to keep in memory has an end; what goes by has none. */
static void
test_floods(void)
{
	CU_ASSERT_EQUAL(parse_flood("<d:x a='", "aaaaaaaaaaaaaaaaaaaa", "'/>", 2u << 20), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse_flood("<!--", "aaaaaaaaaaaaaaaaaaaa", "-->", 2u << 20), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse_flood("<?x ", "aaaaaaaaaaaaaaaaaaaa", "?>", 2u << 20), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse_flood("", "<x%d/>", "", 2u << 20), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse_flood("", "<x a%d=''/>", "", 2u << 20), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse_flood("", "<x xmlns:a%d='b'/>", "", 2u << 20), HF_ECORRUPT);
	CU_ASSERT_EQUAL(parse_flood("<x>", "aaaaaaaaaaaaaaaaaaaa", "</x>", 4u << 20), HF_OK);
	CU_ASSERT_EQUAL(parse_flood("", "<x a='b'/><!-- a --><?x y?>", "", 4u << 20), HF_OK);
	CU_ASSERT_EQUAL(parse_flood("", "<d:response><d:href>/%d</d:href></d:response>", "", 4u << 20), HF_OK);
}

static void
test_stop(void)
{
	answer = HF_ESTOP;
	CU_ASSERT_EQUAL(parse(HEAD "<d:response><d:href>/a</d:href></d:response><d:response><d:href>/b</d:href>"
	                           "</d:response>" TAIL), HF_ESTOP);
	CU_ASSERT_STRING_EQUAL(bytes_text(&out), "/a 0|");
	answer = HF_OK;
}

int
main(void)
{
	CU_TestInfo tests[] = {{"read", test_read}, {"refused", test_refused}, {"floods", test_floods}, {"stop", test_stop}, CU_TEST_INFO_NULL};
	int r = unit_run("multistatus", tests);

	bytes_release(&out);
	return r;
}

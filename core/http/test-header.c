/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "http/header.h"

#include <string.h>

static struct headers headers;

static int
line(const char *text)
{
	return headers_line(&headers, text, strlen(text), NULL);
}

static int
has(const char *name, const char *value)
{
	struct hf_text text = headers_find(&headers, name);

	if (value == NULL || text.data == NULL)
		return value == NULL && text.data == NULL;
	return text.size == strlen(value) && memcmp(text.data, value, text.size) == 0;
}

static void
test_lines(void)
{
	headers_clear(&headers);
	CU_ASSERT_EQUAL(line("HTTP/1.1 100 Continue\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("X-Gone: 1\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("HTTP/1.1 206 Partial Content\r\n"), HF_OK);
	CU_ASSERT_EQUAL(headers.status, 206);
	CU_ASSERT_EQUAL(line("ETag:\"x\"\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("CONTENT-type:\t text/html; charset=utf-8 \r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("Empty:\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("Folded: a\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line(" \t b \r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("Latin: caf\xe9\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("UTF: caf\xc3\xa9\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("Twice: 1\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("Twice: 2\n"), HF_OK);
	CU_ASSERT_EQUAL(line("\r\n"), HF_OK);
	CU_ASSERT_TRUE(has("x-gone", NULL));
	CU_ASSERT_TRUE(has("etag", "\"x\""));
	CU_ASSERT_TRUE(has("content-type", "text/html; charset=utf-8"));
	CU_ASSERT_TRUE(has("empty", ""));
	CU_ASSERT_TRUE(has("folded", "a b"));
	CU_ASSERT_TRUE(has("latin", "caf?"));
	CU_ASSERT_TRUE(has("utf", "caf\xc3\xa9"));
	CU_ASSERT_TRUE(has("twice", "1"));
	CU_ASSERT_TRUE(has("none", NULL));
	CU_ASSERT_EQUAL(headers.count, 8);
	headers_release(&headers);
}

static void
test_bad_lines(void)
{
	static const char *const bad[] = {"no colon\r\n", ": no name\r\n", "na me: x\r\n", "name : x\r\n", "n\xc3\xa4me: x\r\n",
	    "a: b\rc\r\n", "a: \x01\r\n", "a: \x7f\r\n", "HTTP/1.1\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 x\r\n",
	    "HTTP/1.1 abc x\r\n", "HTTP/1.1 099 x\r\n"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		headers_clear(&headers);
		CU_ASSERT_EQUAL(line("HTTP/1.1 200 OK\r\n"), HF_OK);
		CU_ASSERT_EQUAL(line(bad[i]), HF_ECORRUPT);
	}
	headers_clear(&headers);
	CU_ASSERT_EQUAL(line(" folded without a line before\r\n"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(headers_line(&headers, "a: b\0c\r\n", 8, NULL), HF_ECORRUPT);
	headers_release(&headers);
}

static void
test_limits(void)
{
	char long_line[1000];
	unsigned i;
	int r = HF_OK;

	headers_clear(&headers);
	for (i = 0; i < HEADER_MAX_COUNT; i++)
		CU_ASSERT_EQUAL(line("a: b\r\n"), HF_OK);
	CU_ASSERT_EQUAL(line("a: b\r\n"), HF_ERANGE);
	headers_clear(&headers);
	memset(long_line, 'a', sizeof(long_line));
	long_line[1] = ':';
	for (i = 0; r == HF_OK && i < 100; i++)
		r = headers_line(&headers, long_line, sizeof(long_line), NULL);
	CU_ASSERT_EQUAL(r, HF_ERANGE);
	CU_ASSERT_EQUAL(i, HEADER_MAX_SIZE / sizeof(long_line) + 1);
	headers_release(&headers);
}

static int
check(const char *name, const char *value, size_t size)
{
	const struct hf_http_header header = {{name, strlen(name), HF_TEXT_UTF8, 0}, {value, size, HF_TEXT_UTF8, 0}, 0, 0};

	return header_check(&header, NULL);
}

static void
test_check(void)
{
	static const char *const own[] = {"Host", "content-LENGTH", "Transfer-Encoding", "Connection", "Expect", "TE",
	    "Upgrade", "Keep-Alive", "Trailer", "Proxy-Authorization", "Proxy-Connection"};
	size_t i;

	CU_ASSERT_EQUAL(check("Authorization", "Bearer x", 8), HF_OK);
	CU_ASSERT_EQUAL(check("X", "", 0), HF_OK);
	CU_ASSERT_EQUAL(check("X", "a\tb \xc3\xa4", 6), HF_OK);
	CU_ASSERT_EQUAL(check("X", "a\r\nHost: b", 10), HF_EINVAL);
	CU_ASSERT_EQUAL(check("X", "a\nb", 3), HF_EINVAL);
	CU_ASSERT_EQUAL(check("X", "a\rb", 3), HF_EINVAL);
	CU_ASSERT_EQUAL(check("X", "a\0b", 3), HF_EINVAL);
	CU_ASSERT_EQUAL(check("", "a", 1), HF_EINVAL);
	CU_ASSERT_EQUAL(check("X:", "a", 1), HF_EINVAL);
	CU_ASSERT_EQUAL(check("X\r\nY", "a", 1), HF_EINVAL);
	CU_ASSERT_EQUAL(check("X Y", "a", 1), HF_EINVAL);
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		CU_ASSERT_EQUAL(check(own[i], "a", 1), HF_EINVAL);
}

static bool
range(const char *text, struct header_range *ret)
{
	const struct hf_text value = {text, strlen(text), HF_TEXT_UTF8, 0};

	return header_range(&value, ret);
}

static void
test_range(void)
{
	static const char *const bad[] = {"", "bytes", "bytes ", "bytes 1-2", "bytes -2/3", "bytes 1-/3", "bytes 2-1/3",
	    "bytes 1-2/2", "bytes 1-2/", "bytes */3", "items 1-2/3", "bytes 1-2/3x", "bytes 1-2/3/4", "bytes x1-2/3",
	    "bytes 99999999999999999999-99999999999999999999/*", "bytes=1-2/3", "bytes 1-2/**"};
	struct header_range r;
	size_t i;

	CU_ASSERT_TRUE(range("bytes 10-99/100", &r));
	CU_ASSERT_TRUE(r.first == 10 && r.last == 99 && r.total == 100);
	CU_ASSERT_TRUE(range("Bytes 0-0/*", &r));
	CU_ASSERT_TRUE(r.first == 0 && r.last == 0 && r.total == -1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (range(bad[i], &r)) {
			printf("  %s passed\n", bad[i]);
			CU_FAIL("range");
		}
	}
}

static void
test_values(void)
{
	struct hf_text text = {"text/html ; charset=x", 21, HF_TEXT_UTF8, 0}, mime = header_mime(&text);
	const struct hf_text strong = {"\"a\"", 3, 0, 0}, weak = {"W/\"a\"", 5, 0, 0}, bare = {"a", 1, 0, 0};
	const struct hf_text none = {NULL, 0, 0, 0};
	int64_t number = 7;

	CU_ASSERT_EQUAL(mime.size, 9);
	CU_ASSERT_PTR_NULL(header_mime(&none).data);
	CU_ASSERT_TRUE(header_is_strong_etag(&strong));
	CU_ASSERT_FALSE(header_is_strong_etag(&weak));
	CU_ASSERT_FALSE(header_is_strong_etag(&bare));
	CU_ASSERT_FALSE(header_is_strong_etag(&none));
	CU_ASSERT_TRUE(header_number("0012", 4, &number));
	CU_ASSERT_EQUAL(number, 12);
	CU_ASSERT_FALSE(header_number("", 0, &number));
	CU_ASSERT_FALSE(header_number("+1", 2, &number));
	CU_ASSERT_FALSE(header_number("9223372036854775808", 19, &number));
	CU_ASSERT_EQUAL(number, 12);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"lines", test_lines}, {"bad lines", test_bad_lines}, {"limits", test_limits},
	    {"check", test_check}, {"range", test_range}, {"values", test_values}, CU_TEST_INFO_NULL};

	return unit_run("header", tests);
}

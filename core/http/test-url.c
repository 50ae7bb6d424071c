/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "http/library.h"
#include "http/url.h"

#include <stdlib.h>
#include <string.h>

static void
expect(const char *text, const char *whole, const char *redacted)
{
	struct hf_error err = HF_ERROR_INIT;
	struct url *url = NULL;
	int r = url_parse(text, strlen(text), &url, &err);

	if (r != HF_OK) {
		printf("  %s: %s\n", text, err.msg);
		CU_FAIL("refused");
		return;
	}
	if (strcmp(url->text, whole) != 0 || strcmp(url->redacted, redacted) != 0) {
		printf("  %s: %s, %s\n", text, url->text, url->redacted);
		CU_FAIL("another");
	}
	url_free(url);
}

static void
test_good(void)
{
	expect("https://Example.org", "https://Example.org/", "https://Example.org/");
	expect("HTTP://example.org:80/a", "http://example.org:80/a", "http://example.org/a");
	expect("https://example.org:8443/a/b.jpg?token=secret#part", "https://example.org:8443/a/b.jpg?token=secret",
	    "https://example.org:8443/a/b.jpg?...");
	expect("https://api.example/bot123:KEY/getFile", "https://api.example/bot123:KEY/getFile",
	    "https://api.example/.../getFile");
	/* As browsers have it. */
	expect("https:///a", "https://a/", "https://a/");
	expect("http://[::1]:8080/x", "http://[::1]:8080/x", "http://[::1]:8080/x");
	expect("http://0x7f.1/", "http://127.0.0.1/", "http://127.0.0.1/");
	expect("https://example.org/a b\xc3\xa4", "https://example.org/a%20b%c3%a4", "https://example.org/a%20b%c3%a4");
}

static void
test_bad(void)
{
	static const char *const bad[] = {"", "x", "/a", "example.org/a", "//example.org/a", "ftp://example.org/",
	    "file:///etc/passwd", "https://user@example.org/", "https://user:hunter2@example.org/",
	    "https://example.org\r\nX: y/", "https://example.org/\r\nX: y", "https://exa mple.org/", "https://example.org\t/",
	    "https://example.org:99999/", "https://example.org:x/", "https://[::1", "https://[fe80::1%25eth0]/",
	    "javascript:alert(1)", "https://exam\x7fple.org/"};
	char long_text[URL_MAX + 2];
	struct hf_error err = HF_ERROR_INIT;
	struct url *url = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (url_parse(bad[i], strlen(bad[i]), &url, &err) != HF_EINVAL) {
			printf("  %s passed\n", bad[i]);
			CU_FAIL("passed");
		}
		/* What is wrong may be a secret in the wrong place. */
		CU_ASSERT_PTR_NULL(strstr(err.msg, "hunter2"));
	}
	CU_ASSERT_EQUAL(url_parse("https://example.org/\0x", 22, &url, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(url_parse(NULL, 0, &url, &err), HF_EINVAL);
	memset(long_text, 'a', sizeof(long_text));
	memcpy(long_text, "https://example.org/", 20);
	CU_ASSERT_EQUAL(url_parse(long_text, URL_MAX + 1, &url, &err), HF_EINVAL);
	CU_ASSERT_PTR_NULL(url);
	CU_ASSERT_EQUAL(url_parse(long_text, URL_MAX, &url, &err), HF_OK);
	CU_ASSERT_TRUE(strlen(url->redacted) < URL_REDACTED_SIZE);
	url_free(url);
}

static void
join(const char *base, const char *location, const char *whole, bool same)
{
	struct hf_error err = HF_ERROR_INIT;
	struct url *from = NULL, *to = NULL;
	int r;

	CU_ASSERT_EQUAL_FATAL(url_parse(base, strlen(base), &from, &err), HF_OK);
	r = url_join(from, location, strlen(location), &to, &err);
	if (whole == NULL) {
		CU_ASSERT_EQUAL(r, HF_EINVAL);
	} else {
		CU_ASSERT_EQUAL_FATAL(r, HF_OK);
		if (strcmp(to->text, whole) != 0) {
			printf("  %s: %s\n", location, to->text);
			CU_FAIL("another");
		}
		CU_ASSERT_EQUAL(url_same_origin(from, to), same);
	}
	url_free(from);
	url_free(to);
}

static void
test_join(void)
{
	join("https://a.example/x/y?q=1", "z", "https://a.example/x/z", true);
	join("https://a.example/x/y", "/z?q=2#f", "https://a.example/z?q=2", true);
	join("https://a.example/x/y", "../z", "https://a.example/z", true);
	join("https://a.example/x", "//b.example/z", "https://b.example/z", false);
	join("https://a.example/x", "https://A.EXAMPLE:443/z", "https://A.EXAMPLE:443/z", true);
	join("https://a.example/x", "https://a.example:8443/z", "https://a.example:8443/z", false);
	join("https://a.example/x", "http://a.example/z", "http://a.example/z", false);
	join("https://a.example/x", "http://a.example:443/z", "http://a.example:443/z", false);
	join("https://a.example/x", "https://sub.a.example/", "https://sub.a.example/", false);
	join("https://a.example/x", "https://a.example.evil.example/", "https://a.example.evil.example/", false);
	join("https://a.example/x", "file:///etc/passwd", NULL, false);
	join("https://a.example/x", "gopher://a.example/", NULL, false);
	join("https://a.example/x", "https://user@a.example/", NULL, false);
	join("https://a.example/x", "", NULL, false);
	join("https://a.example/x", "/a\r\nX: b", NULL, false);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"good", test_good}, {"bad", test_bad}, {"join", test_join}, CU_TEST_INFO_NULL};

	return library_open(NULL) == HF_OK ? unit_run("url", tests) : 99;
}

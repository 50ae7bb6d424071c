/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/json.h"
#include "base/unit.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

static bool
is(const struct hf_json_value *value, uint32_t type, const char *text)
{
	return value->type == type && value->size == strlen(text) && memcmp(value->data, text, value->size) == 0;
}

/* Slices a copy without a byte to spare, so that a sanitizer sees every read past the end. */
static int
slice_exact(const char *text, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	struct hf_json_value value;
	static const char *const names[] = {"a"};
	int r;

	if (size > 0)
		memcpy(copy, text, size);
	r = json_slice_object(copy, size, names, 1, &value, NULL);
	free(copy);
	return r;
}

static bool
accepted(const char *text)
{
	return slice_exact(text, strlen(text)) == HF_OK;
}

static void
test_slice(void)
{
	static const char *const names[] = {"id", "text", "n", "list", "o", "gone", "t", "f", "z", "", "idx"};
	static const char text[] = " {\"id\" : \"a\\u0041\\\"\", \"text\":\"\xc3\xa4 long enough to be fast\",\n"
	                           "\"n\":-1.5e+10,\"list\":[1,[2,{}],\"x\"],\"o\":{\"id\":\"inner\"},\"t\":true,"
	                           "\"f\":false,\"z\":null,\"\":0,\"text\":\"last\"}\r\n";
	struct hf_json_value v[11];

	CU_ASSERT_EQUAL(json_slice_object(text, sizeof(text) - 1, names, 11, v, NULL), HF_OK);
	CU_ASSERT_TRUE(is(&v[0], HF_JSON_STRING, "a\\u0041\\\""));
	CU_ASSERT_TRUE(is(&v[1], HF_JSON_STRING, "last"));
	CU_ASSERT_TRUE(is(&v[2], HF_JSON_NUMBER, "-1.5e+10"));
	CU_ASSERT_TRUE(is(&v[3], HF_JSON_ARRAY, "[1,[2,{}],\"x\"]"));
	CU_ASSERT_TRUE(is(&v[4], HF_JSON_OBJECT, "{\"id\":\"inner\"}"));
	CU_ASSERT_EQUAL(v[5].type, HF_JSON_NONE);
	CU_ASSERT_PTR_NULL(v[5].data);
	CU_ASSERT_TRUE(is(&v[6], HF_JSON_TRUE, "true"));
	CU_ASSERT_TRUE(is(&v[7], HF_JSON_FALSE, "false"));
	CU_ASSERT_TRUE(is(&v[8], HF_JSON_NULL, "null"));
	CU_ASSERT_TRUE(is(&v[9], HF_JSON_NUMBER, "0"));
	CU_ASSERT_EQUAL(v[10].type, HF_JSON_NONE);
}

/* Where the object lies, and whether white space stands between its tokens: not what strings hold. */
static void
test_whole(void)
{
	static const struct {
		const char *text;
		uint64_t start, size;
		uint32_t flags;
	} cases[] = {{"{}", 0, 2, HF_JSON_COMPACT}, {" \t{\"a\":1}\r\n", 2, 7, HF_JSON_COMPACT},
	    {"{\"a b\":\" \\n , : \",\"c\":[1,{\"d\":null}]}", 0, 37, HF_JSON_COMPACT}, {"{ }", 0, 3, 0},
	    {"{\"a\" :1}", 0, 8, 0}, {"{\"a\": 1}", 0, 8, 0}, {"{\"a\":1 }", 0, 8, 0}, {"{\"a\":1, \"b\":2}", 0, 14, 0},
	    {"{\"a\":1\n,\"b\":2}", 0, 14, 0}, {"{\"a\":[ ]}", 0, 9, 0}, {"{\"a\":[1, 2]}", 0, 12, 0},
	    {"{\"a\":[1,{ \"b\":2}]}", 0, 18, 0}, {"{ \"a\":1}", 0, 8, 0}};
	struct hf_json_member member;
	struct hf_json_value whole;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&whole, 0, sizeof(whole));
		CU_ASSERT(json_host_extension.members(cases[i].text, strlen(cases[i].text), &member, 1, &whole, NULL) >= 0);
		CU_ASSERT_EQUAL(whole.type, HF_JSON_OBJECT);
		CU_ASSERT_PTR_EQUAL(whole.data, cases[i].text + cases[i].start);
		CU_ASSERT_EQUAL(whole.size, cases[i].size);
		CU_ASSERT_EQUAL(whole.flags, cases[i].flags);
	}
}

static void
test_members(void)
{
	static const char text[] = " {\"id\" : \"a\\\"\",\"\":-1.5,\"l\":[1,{\"id\":2}],\"id\":null,\"n\\u0061me\":{}} ";
	struct hf_json_member m[6];
	struct hf_json_value whole;

	memset(m, 0, sizeof(m));
	CU_ASSERT_EQUAL(json_members(text, sizeof(text) - 1, m, 6, &whole, NULL), 5);
	CU_ASSERT(is(&m[0].name, HF_JSON_STRING, "id") && is(&m[0].value, HF_JSON_STRING, "a\\\""));
	CU_ASSERT(is(&m[1].name, HF_JSON_STRING, "") && is(&m[1].value, HF_JSON_NUMBER, "-1.5"));
	CU_ASSERT(is(&m[2].name, HF_JSON_STRING, "l") && is(&m[2].value, HF_JSON_ARRAY, "[1,{\"id\":2}]"));
	CU_ASSERT(is(&m[3].name, HF_JSON_STRING, "id") && is(&m[3].value, HF_JSON_NULL, "null"));
	CU_ASSERT(is(&m[4].name, HF_JSON_STRING, "n\\u0061me") && is(&m[4].value, HF_JSON_OBJECT, "{}"));
	CU_ASSERT_PTR_NULL(m[5].name.data);
	CU_ASSERT(m[0].value.flags == 0 && m[1].value.flags == 0 && m[2].value.flags == 0);
	CU_ASSERT_EQUAL(json_members("{\"a\":\"\\/\",\"b\":\"\xc3\xa4\",\"\\n\":\"x\",\"c\":[\"\\n\"],\"d\":\"\"}", 46, m, 6, &whole,
	    NULL), 5);
	CU_ASSERT(m[0].value.flags == 0 && m[1].value.flags == HF_JSON_PLAIN && m[2].value.flags == HF_JSON_PLAIN &&
	    m[3].value.flags == 0 && m[4].value.flags == HF_JSON_PLAIN);
	/* More than there is room for are counted and checked all the same. */
	memset(m, 0, sizeof(m));
	CU_ASSERT_EQUAL(json_members(text, sizeof(text) - 1, m, 2, &whole, NULL), 5);
	CU_ASSERT(is(&m[1].name, HF_JSON_STRING, "") && m[2].name.data == NULL);
	CU_ASSERT_EQUAL(json_members("{\"a\":1,\"b\":tru}", 16, m, 1, &whole, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_members("{\"a\":1} x", 9, m, 1, &whole, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_members("[]", 2, m, 1, &whole, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_members("", 0, NULL, 0, &whole, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_members(" {} ", 4, NULL, 0, &whole, NULL), 0);
}

/* RFC 3629, by decoding. */
static bool
is_utf8_slowly(const unsigned char *p, size_t size)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;
	size_t i = 0, k, n;

	while (i < size) {
		n = p[i] < 0x80 ? 1 : p[i] >= 0xf0 ? 4 : p[i] >= 0xe0 ? 3 : 2;
		c = n == 1 ? p[i] : p[i] & (0xffu >> (n + 1));
		if ((p[i] >= 0x80 && p[i] < 0xc0) || p[i] >= 0xf8 || n > size - i)
			return false;
		for (k = 1; k < n; k++) {
			if ((p[i + k] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (p[i + k] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		i += n;
	}
	return true;
}

/* Four bytes of all that UTF-8 treats differently, with more text behind and with none. */
static void
test_utf8(void)
{
	static const unsigned char edges[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
	    0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
	char text[] = "{\"a\":\"????tail\"}", *string = malloc(4);
	size_t i, k, n, wrong = 0;

	for (i = 0; i < sizeof(edges) * sizeof(edges) * sizeof(edges) * sizeof(edges); i++) {
		for (k = 0, n = i; k < 4; k++, n /= sizeof(edges))
			string[k] = (char)edges[n % sizeof(edges)];
		memcpy(text + 6, string, 4);
		wrong += (json_slice_object(text, sizeof(text) - 1, NULL, 0, NULL, NULL) == HF_OK) !=
		    is_utf8_slowly((const unsigned char *)string, 4);
		for (k = 0; k < 4; k++)
			wrong += json_is_utf8(string + k, 4 - k) != is_utf8_slowly((const unsigned char *)string + k, 4 - k);
	}
	free(string);
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
test_many_names(void)
{
	char text[2000] = "{", names[100][16];
	const char *wanted[100];
	struct hf_json_value v[100];
	size_t n = 1;
	int i;

	for (i = 0; i < 100; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "k%d", i);
		wanted[i] = names[i];
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
	}
	text[n++] = '}';
	CU_ASSERT_EQUAL(json_slice_object(text, n, wanted, 100, v, NULL), HF_OK);
	for (i = 0; i < 100; i++)
		CU_ASSERT_TRUE(is(&v[i], HF_JSON_NUMBER, names[i] + 1));
}

static void
test_syntax(void)
{
	static const char *const good[] = {"{}", " { } ", "{\"a\":0}", "{\"a\":-0}", "{\"a\":1e9}", "{\"a\":0.10E-7}",
	    "{\"a\":[]}", "{\"a\":[ ]}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\/\\b\\f\\n\\r\\t\\\\\\\"\"}",
	    "{\"a\":\"\xf0\x9f\x98\x80\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"}",
	    "{\"a\":\"\x7f\"}", "{\"a\":1,\"a\":2}", NULL};
	static const char *const bad[] = {"", " ", "[]", "1", "\"a\"", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1",
	    "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":01}",
	    "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":-}", "{\"a\":0x1}",
	    "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":nul}", "{\"a\":nulL}", "{\"a\":tru",
	    "{\"a\":True}", "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":[}", "{\"a\":(1)}", "{\"a\":1}}", "{\"a\":1} x",
	    "{\"a\":1}{", "{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"\\x41\"}", "{\"a\":\"\\u12g4\"}",
	    "{\"a\":\"\\u123\"}", "{\"a\":\"\\", "{\"a\":\"\\u", "{\"a\":\"\x80\"}", "{\"a\":\"\xc0\xaf\"}",
	    "{\"a\":\"\xc1\xbf\"}", "{\"a\":\"\xe0\x80\x80\"}", "{\"a\":\"\xed\xa0\x80\"}",
	    "{\"a\":\"\xf0\x80\x80\x80\"}", "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xf5\x80\x80\x80\"}",
	    "{\"a\":\"\xff\"}", "{\"a\":\"\xe2\x82\"}", "{\"\xe2\x28\xa1\":1}", "{\"a\":1/**/}", "\xef\xbb\xbf{}",
	    "{\"a\":1,\"b\":tru}", "{\"a\":\"tail of eight bytes\x01 and more text\"}", NULL};
	struct hf_error err = HF_ERROR_INIT;
	struct hf_json_value v;
	int i;

	for (i = 0; good[i] != NULL; i++)
		CU_ASSERT_TRUE(accepted(good[i]));
	for (i = 0; bad[i] != NULL; i++)
		if (accepted(bad[i])) {
			(void)printf("accepted: %s\n", bad[i]);
			CU_FAIL("not JSON but accepted");
		}
	CU_ASSERT_EQUAL(slice_exact("{\"a\":\"x\0y\"}", 11), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_slice_object("{\"a\":tru}", 9, NULL, 0, &v, &err), HF_ECORRUPT);
	CU_ASSERT_STRING_EQUAL(err.msg, "not valid JSON: at byte 5: a word that is not true, false or null");
}

/* Each cut of a document is refused, and measure asks for more. */
static void
test_cuts(void)
{
	static const char text[] = "{\"a\":[1.5e3,\"\\u00e4\xf0\x9f\x98\x80\",{\"b\":null,\"c\":[true,false]}]}";
	char *cut;
	size_t n;

	CU_ASSERT_TRUE(accepted(text));
	CU_ASSERT_EQUAL(json_measure(text, sizeof(text) - 1, NULL), sizeof(text) - 1);
	CU_ASSERT_EQUAL(json_measure(text, sizeof(text), NULL), sizeof(text) - 1);
	for (n = 0; n < sizeof(text) - 1; n++) {
		cut = malloc(n > 0 ? n : 1);
		memcpy(cut, text, n);
		CU_ASSERT_EQUAL(slice_exact(cut, n), HF_ECORRUPT);
		CU_ASSERT_EQUAL(json_measure(cut, n, NULL), 0);
		free(cut);
	}
}

static void
test_measure(void)
{
	CU_ASSERT_EQUAL(json_measure("  12 ,", 6, NULL), 4);
	CU_ASSERT_EQUAL(json_measure("12", 2, NULL), 0);
	CU_ASSERT_EQUAL(json_measure("\"x\"]", 4, NULL), 3);
	CU_ASSERT_EQUAL(json_measure("   ", 3, NULL), 0);
	CU_ASSERT_EQUAL(json_measure(",", 1, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_measure("[1,}", 4, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_measure("nut", 3, NULL), HF_ECORRUPT);
}

static void
test_depth(void)
{
	char text[400];
	size_t n, depth;

	for (depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
		n = (size_t)snprintf(text, sizeof(text), "{\"a\":");
		memset(text + n, '[', depth);
		memset(text + n + depth, ']', depth);
		n += 2 * depth;
		text[n++] = '}';
		/* The object is a level too. */
		CU_ASSERT_EQUAL(slice_exact(text, n), depth < JSON_DEPTH_MAX ? HF_OK : HF_ECORRUPT);
	}
	memset(text, '[', sizeof(text));
	CU_ASSERT_EQUAL(json_measure(text, sizeof(text), NULL), HF_ECORRUPT);
}

static void
test_next(void)
{
	static const char text[] = "{\"l\":[ 1 , \"two\" , [3] ],\"o\":{ \"k\" : 1 ,\"m\":\"v\"},\"e\":[],\"f\":{ }}";
	static const char *const names[] = {"l", "o", "e", "f"};
	struct hf_json_value v[4], name, value;
	uint64_t pos = 0;

	CU_ASSERT_EQUAL(json_slice_object(text, sizeof(text) - 1, names, 4, v, NULL), HF_OK);
	CU_ASSERT_EQUAL(json_next(&v[0], &pos, &name, &value, NULL), 1);
	CU_ASSERT_TRUE(is(&value, HF_JSON_NUMBER, "1") && name.type == HF_JSON_NONE);
	CU_ASSERT_EQUAL(json_next(&v[0], &pos, NULL, &value, NULL), 1);
	CU_ASSERT_TRUE(is(&value, HF_JSON_STRING, "two"));
	CU_ASSERT_EQUAL(json_next(&v[0], &pos, &name, &value, NULL), 1);
	CU_ASSERT_TRUE(is(&value, HF_JSON_ARRAY, "[3]"));
	CU_ASSERT_EQUAL(json_next(&v[0], &pos, &name, &value, NULL), 0);
	CU_ASSERT_EQUAL(json_next(&v[0], &pos, &name, &value, NULL), 0);
	pos = 0;
	CU_ASSERT_EQUAL(json_next(&v[1], &pos, &name, &value, NULL), 1);
	CU_ASSERT_TRUE(is(&name, HF_JSON_STRING, "k") && is(&value, HF_JSON_NUMBER, "1"));
	CU_ASSERT_EQUAL(json_next(&v[1], &pos, &name, &value, NULL), 1);
	CU_ASSERT_TRUE(is(&name, HF_JSON_STRING, "m") && is(&value, HF_JSON_STRING, "v"));
	CU_ASSERT_EQUAL(json_next(&v[1], &pos, &name, &value, NULL), 0);
	pos = 0;
	CU_ASSERT_EQUAL(json_next(&v[2], &pos, &name, &value, NULL), 0);
	CU_ASSERT_EQUAL(json_next(&v[3], &pos, &name, &value, NULL), 0);
	CU_ASSERT_EQUAL(json_next(&value, &pos, &name, &value, NULL), HF_EINVAL);
}

static bool
decodes(const char *text, const char *expect, size_t size)
{
	char out[200];

	return json_decode(text, strlen(text), out) == size && memcmp(out, expect, size) == 0;
}

static void
test_decode(void)
{
	CU_ASSERT_TRUE(decodes("", "", 0));
	CU_ASSERT_TRUE(decodes("plain", "plain", 5));
	CU_ASSERT_TRUE(decodes("a\\n\\t\\\"\\\\\\/\\b\\f\\r", "a\n\t\"\\/\b\f\r", 9));
	CU_ASSERT_TRUE(decodes("\\u0000x\\u00e4\\u20AC", "\0x\xc3\xa4\xe2\x82\xac", 7));
	CU_ASSERT_TRUE(decodes("\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4));
	CU_ASSERT_TRUE(decodes("\\ud83dx", "\xef\xbf\xbdx", 4));
	CU_ASSERT_TRUE(decodes("\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd", 6));
	CU_ASSERT_TRUE(decodes("\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7));
	/* Not JSON: nothing is read past the end. */
	CU_ASSERT_TRUE(decodes("x\\", "x\\", 2));
	CU_ASSERT_TRUE(decodes("\\u12", "u12", 3));
}

static bool
buffer_is(struct buffer *b, const char *expect)
{
	bool same = b->failed == HF_OK && strcmp(buffer_string(b), expect) == 0;

	if (!same)
		(void)printf("got %s, expected %s\n", buffer_string(b), expect);
	buffer_clear(b);
	return same;
}

static void
test_put(void)
{
	struct buffer b = BUFFER_INIT(1000);
	struct hf_text text = {NULL, 0, HF_TEXT_UTF8, 0};

	json_put_string(&b, "a\"\\\n\x01\x7f", 6);
	CU_ASSERT_TRUE(buffer_is(&b, "\"a\\\"\\\\\\n\\u0001\x7f\""));
	json_put_string(&b, "\0", 1);
	CU_ASSERT_TRUE(buffer_is(&b, "\"\\u0000\""));
	json_put_string(&b, "\xc3\xa4 \xc3 \xed\xa0\x80", 8);
	CU_ASSERT_TRUE(buffer_is(&b, "\"\xc3\xa4 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
	json_put_string(&b, NULL, 0);
	CU_ASSERT_TRUE(buffer_is(&b, "\"\""));
	json_put_text(&b, &text);
	CU_ASSERT_TRUE(buffer_is(&b, "null"));
	text = (struct hf_text){"x\\ny", 4, HF_TEXT_UTF8, 0};
	json_put_text(&b, &text);
	CU_ASSERT_TRUE(buffer_is(&b, "\"x\\\\ny\""));
	text.encoding = HF_TEXT_JSON;
	json_put_text(&b, &text);
	CU_ASSERT_TRUE(buffer_is(&b, "\"x\\ny\""));
	text = (struct hf_text){"\\\\ud800\\ud83d\\ude00\\uDC00\\u00e4", 31, HF_TEXT_JSON, 0};
	json_put_text(&b, &text);
	CU_ASSERT_TRUE(buffer_is(&b, "\"\\\\ud800\\ud83d\\ude00\\ufffd\\u00e4\""));
	/* What is no JSON string inside never breaks out of the quotes. */
	text = (struct hf_text){"a\",\"b\":1", 8, HF_TEXT_JSON, 0};
	json_put_text(&b, &text);
	CU_ASSERT_TRUE(buffer_is(&b, "\"a\\\",\\\"b\\\":1\""));
	text = (struct hf_text){"a\\", 2, HF_TEXT_JSON, 0};
	json_put_text(&b, &text);
	CU_ASSERT_TRUE(buffer_is(&b, "\"a\\\\\""));
	buffer_release(&b);
}

static void
test_compact(void)
{
	static const char tight[] = "{\"a\":[1,2.50,\"b c\\\" \\\\\"],\"d\":{}}";
	static const char loose[] = " {\t\"a\" : [ 1 , 2.50 ,\r\n\"b c\\\" \\\\\" ] , \"d\" : { } } ";
	struct buffer b = BUFFER_INIT(1000);

	json_put_compact(&b, tight, sizeof(tight) - 1);
	CU_ASSERT_TRUE(buffer_is(&b, tight));
	json_put_compact(&b, loose, sizeof(loose) - 1);
	CU_ASSERT_TRUE(buffer_is(&b, tight));
	json_put_compact(&b, "\"\\\\\"", 4);
	CU_ASSERT_TRUE(buffer_is(&b, "\"\\\\\""));
	json_put_compact(&b, NULL, 0);
	CU_ASSERT_TRUE(buffer_is(&b, ""));
	json_put_compact(&b, "[\"a\\\"b c\\\\\" , 1]", 17);
	CU_ASSERT_TRUE(buffer_is(&b, "[\"a\\\"b c\\\\\",1]"));
	/* A non-ASCII string right before its end. */
	json_put_compact(&b, "[\"\xc3\xa4\" , \"\xe2\x82\xac x\"]", 16);
	CU_ASSERT_TRUE(buffer_is(&b, "[\"\xc3\xa4\",\"\xe2\x82\xac x\"]"));
	buffer_release(&b);
}

static void
test_parse(void)
{
	static const char text[] = "{\"s\":\"x\",\"n\":-5,\"b\":true,\"z\":null,\"nul\":\"a\\u0000b\",\"big\":9223372036854775808,"
	                           "\"huge\":99999999999999999999999,\"low\":-99999999999999999999,\"f\":1.5}\n";
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *object = NULL;
	const char *string = NULL;
	char deep[100];
	int64_t number = 0;
	bool yes = false;

	CU_ASSERT_EQUAL_FATAL(json_parse(text, sizeof(text) - 1, "doc", &object, NULL), HF_OK);
	CU_ASSERT_EQUAL(json_get_string(object, "s", "doc", &string, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(string, "x");
	CU_ASSERT_EQUAL(json_get_int64(object, "n", "doc", &number, NULL), HF_OK);
	CU_ASSERT_EQUAL(number, -5);
	CU_ASSERT_EQUAL(json_get_bool(object, "b", "doc", &yes, NULL), HF_OK);
	CU_ASSERT_TRUE(yes);
	CU_ASSERT_EQUAL(json_get_string(object, "z", "doc", &string, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(json_get_string(object, "none", "doc", &string, &err), HF_ENOTFOUND);
	CU_ASSERT_STRING_EQUAL(err.msg, "doc: \"none\" is missing");
	CU_ASSERT_EQUAL(json_get_string(object, "n", "doc", &string, &err), HF_ECORRUPT);
	CU_ASSERT_STRING_EQUAL(err.msg, "doc: \"n\" is of type int where string was expected");
	CU_ASSERT_EQUAL(json_get_string(object, "nul", "doc", &string, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_get_int64(object, "big", "doc", &number, NULL), HF_ERANGE);
	CU_ASSERT_EQUAL(json_get_int64(object, "huge", "doc", &number, NULL), HF_ERANGE);
	CU_ASSERT_EQUAL(json_get_int64(object, "low", "doc", &number, NULL), HF_ERANGE);
	CU_ASSERT_EQUAL(json_get_int64(object, "f", "doc", &number, NULL), HF_ECORRUPT);
	json_object_put(object);
	CU_ASSERT_EQUAL(json_parse("{\n\"a\":\nNaN}", 11, "doc", &object, &err), HF_ECORRUPT);
	CU_ASSERT_STRING_EQUAL(err.msg, "doc: line 3: not valid JSON: something that begins no JSON value");
	CU_ASSERT_EQUAL(json_parse("{} {}", 5, "doc", &object, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(json_parse("", 0, "doc", &object, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL_FATAL(json_parse("12", 2, "doc", &object, NULL), HF_OK);
	CU_ASSERT_EQUAL(json_object_get_int(object), 12);
	json_object_put(object);
	memset(deep, '[', 32);
	deep[32] = '1';
	memset(deep + 33, ']', 32);
	CU_ASSERT_EQUAL_FATAL(json_parse(deep, 65, "doc", &object, NULL), HF_OK);
	json_object_put(object);
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	CU_ASSERT_EQUAL(json_parse(deep, 66, "doc", &object, NULL), HF_ECORRUPT);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"slice", test_slice}, {"many names", test_many_names}, {"whole", test_whole},
	    {"members", test_members},
	    {"UTF-8", test_utf8}, {"syntax", test_syntax},
	    {"cuts", test_cuts}, {"measure", test_measure}, {"depth", test_depth}, {"next", test_next},
	    {"decode", test_decode}, {"put", test_put}, {"compact", test_compact}, {"parse", test_parse},
	    CU_TEST_INFO_NULL};

	return unit_run("json", tests);
}

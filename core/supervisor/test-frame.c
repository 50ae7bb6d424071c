/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/frame.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

static void
test_round_trip(void)
{
	struct buffer out = BUFFER_INIT(FRAME_MAX * 3);
	struct json_object *object = json_object_new_object(), *read = NULL;
	size_t used = 0, i;

	(void)json_object_object_add(object, "type", json_object_new_string("a/\x01\xc3\xa4"));
	CU_ASSERT_EQUAL(frame_encode(object, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL(frame_encode(object, &out, NULL), HF_OK);
	for (i = 0; i < out.size / 2; i++)
		CU_ASSERT_EQUAL(frame_decode(out.data, i, &read, &used, NULL), HF_EAGAIN);
	CU_ASSERT_EQUAL_FATAL(frame_decode(out.data, out.size, &read, &used, NULL), HF_OK);
	CU_ASSERT_EQUAL(used, out.size / 2);
	CU_ASSERT_STRING_EQUAL(frame_string(read, "type"), "a/\x01\xc3\xa4");
	CU_ASSERT_PTR_NULL(frame_string(read, "other"));
	json_object_put(read);
	json_object_put(object);
	buffer_release(&out);
}

static void
test_limits(void)
{
	struct buffer out = BUFFER_INIT(FRAME_MAX * 3);
	struct json_object *object = json_object_new_object(), *read = NULL;
	char *text = malloc(FRAME_MAX + 1);
	size_t used;

	memset(text, 'x', FRAME_MAX);
	/* {"t":"..."} has 8 bytes around the text. */
	(void)json_object_object_add(object, "t", json_object_new_string_len(text, FRAME_MAX - 8));
	CU_ASSERT_EQUAL(frame_encode(object, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL(out.size, FRAME_HEADER + FRAME_MAX);
	CU_ASSERT_EQUAL(frame_decode(out.data, out.size, &read, &used, NULL), HF_OK);
	json_object_put(read);
	(void)json_object_object_add(object, "t", json_object_new_string_len(text, FRAME_MAX - 7));
	CU_ASSERT_EQUAL(frame_encode(object, &out, NULL), HF_ERANGE);
	json_object_put(object);
	buffer_release(&out);
	free(text);
}

static void
test_bad(void)
{
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = {
#define BAD(text) {text, sizeof(text) - 1}
	    BAD("\0\0\0\0"), BAD("\1\0\0\0{"), BAD("\1\0\1\0"), BAD("\xff\xff\xff\xff"), BAD("\2\0\0\0[]"),
	    BAD("\4\0\0\0null"), BAD("\3\0\0\0{}x"), BAD("\3\0\0\0{} "), BAD("\4\0\0\0{}{}"),
	    BAD("\11\0\0\0{\"a\":\"\xff\"}"), BAD("\10\0\0\0{\"a\":01}"), BAD("\10\0\0\0{\"a\":1,}"),
	    BAD("\12\0\0\0{\"a\":'b'} "), BAD("\15\0\0\0{\"a\":/**/ 1} "), BAD("\11\0\0\0{\"a\":\"\n\"}"),
	    BAD("\3\0\0\0{}\0"), BAD("\4\0\0\0xxxx"),
	};
	struct json_object *read = NULL;
	struct buffer deep = BUFFER_INIT(4096);
	size_t i, used, accepted = 0;
	int r;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r = frame_decode((const uint8_t *)bad[i].bytes, bad[i].size, &read, &used, NULL);
		if (r == HF_OK) {
			/* White space after the object does no harm. */
			json_object_put(read);
			accepted++;
			continue;
		}
		CU_ASSERT_EQUAL(r, HF_ECORRUPT);
	}
	CU_ASSERT(accepted <= 2);
	for (i = 0; i < 400; i++)
		buffer_append_string(&deep, "{\"a\":");
	buffer_append_string(&deep, "1");
	for (i = 0; i < 400; i++)
		buffer_append_string(&deep, "}");
	CU_ASSERT_EQUAL(frame_parse((const char *)deep.data, deep.size, &read, NULL), HF_ECORRUPT);
	buffer_release(&deep);
}

/* One byte changed, anywhere, to anything: a frame, or an error, or more is awaited. */
static void
test_mutations(void)
{
	static const char frame[] = "\56\0\0\0{\"type\":\"checkpoint\",\"data\":{\"a\":[1,-2.5e3]}}";
	uint8_t bytes[sizeof(frame) - 1];
	struct json_object *read;
	size_t i, used;
	unsigned value, bad = 0;
	int r;

	for (i = 0; i < sizeof(bytes); i++) {
		for (value = 0; value < 256; value++) {
			memcpy(bytes, frame, sizeof(bytes));
			bytes[i] = (uint8_t)value;
			read = NULL;
			r = frame_decode(bytes, sizeof(bytes), &read, &used, NULL);
			bad += r != HF_OK && r != HF_EAGAIN && r != HF_ECORRUPT;
			bad += r == HF_OK && (read == NULL || used > sizeof(bytes));
			json_object_put(read);
		}
	}
	CU_ASSERT_EQUAL(bad, 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"round trip", test_round_trip}, {"limits", test_limits}, {"bad", test_bad},
	    {"mutations", test_mutations}, CU_TEST_INFO_NULL};

	return unit_run("frame", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "worker/result.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const struct result_counts clean = {5, 0, 100, 0, 100, 5000, 0, 0, 0};
static const struct result_counts holed = {5, 1, 81, 3, 20, 4000, 0, 0, 2};

static struct json_object *
at(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(object, name, &value);
	return value;
}

static struct json_object *
account(struct json_object *object, const char *type, const char *name)
{
	return at(at(at(at(object, "types"), type), "accounts"), name);
}

static const char *
text(struct json_object *object, const char *name)
{
	const char *value = json_object_get_string(at(object, name));

	return value != NULL ? value : "(none)";
}

static struct json_object *
manifest_of(struct result *result)
{
	struct json_object *object = json_object_new_object();

	CU_ASSERT_EQUAL_FATAL(result_to_json(result, RESULT_ERRORS_MAX, object, NULL), HF_OK);
	return object;
}

static void
test_totals(void)
{
	struct result *result = result_new(NULL);
	struct json_object *object, *chats;

	CU_ASSERT_FALSE(result_partial(result));
	CU_ASSERT_EQUAL(result_account(result, "chats", "one", "jsonl", true, &clean, NULL), HF_OK);
	CU_ASSERT_FALSE(result_partial(result));
	CU_ASSERT_EQUAL(result_account(result, "chats", "two", "slack-export", true, &holed, NULL), HF_OK);
	CU_ASSERT_TRUE(result_partial(result));
	CU_ASSERT_EQUAL(result_stored(result, "chats", 77, NULL), HF_OK);
	object = manifest_of(result);
	chats = at(at(object, "types"), "chats");
	CU_ASSERT_EQUAL(json_object_get_int64(at(chats, "total")), 181);
	CU_ASSERT_EQUAL(json_object_get_int64(at(chats, "successful")), 176);
	CU_ASSERT_EQUAL(json_object_get_int64(at(chats, "failed")), 3);
	CU_ASSERT_EQUAL(json_object_get_int64(at(chats, "added")), 120);
	CU_ASSERT_EQUAL(json_object_get_int64(at(chats, "bytes_read")), 9000);
	CU_ASSERT_EQUAL(json_object_get_int64(at(chats, "bytes_stored")), 77);
	CU_ASSERT_STRING_EQUAL(text(account(object, "chats", "one"), "state"), "complete");
	CU_ASSERT_STRING_EQUAL(text(account(object, "chats", "two"), "state"), "partial");
	CU_ASSERT_STRING_EQUAL(text(account(object, "chats", "two"), "source"), "slack-export");
	json_object_put(object);
	result_free(result);
}

/* What earlier runs could not get is no failure of this one; it is told, also when a later run does not look. */
static void
test_missing(void)
{
	const struct result_counts first = {.units = 1, .items = 5, .missing = 2, .next_try_ns = INT64_C(4000000000000000000)};
	const struct result_counts second = {.missing = 1, .next_try_ns = INT64_C(3000000000000000000)};
	struct result_counts sum = {.units = 1};
	struct result *result = result_new(NULL), *later;
	struct json_object *object, *again;

	result_counts_add(&sum, &first);
	result_counts_add(&sum, &second);
	CU_ASSERT(sum.missing == 3 && sum.next_try_ns == second.next_try_ns);
	CU_ASSERT_EQUAL(result_account(result, "media", "one", "jsonl", true, &sum, NULL), HF_OK);
	CU_ASSERT_EQUAL(result_account(result, "media", "two", "jsonl", true, &clean, NULL), HF_OK);
	CU_ASSERT_FALSE(result_partial(result));
	object = manifest_of(result);
	CU_ASSERT_EQUAL(json_object_get_int64(at(account(object, "media", "one"), "missing")), 3);
	CU_ASSERT_STRING_EQUAL(text(account(object, "media", "one"), "next_try"), "2065-01-24T05:20:00Z");
	CU_ASSERT_PTR_NULL(at(account(object, "media", "two"), "missing"));
	later = result_new(object);
	CU_ASSERT_EQUAL(result_carry_over(later, NULL), HF_OK);
	again = manifest_of(later);
	CU_ASSERT_EQUAL(json_object_get_int64(at(account(again, "media", "one"), "missing")), 3);
	CU_ASSERT_STRING_EQUAL(text(account(again, "media", "one"), "next_try"), "2065-01-24T05:20:00Z");
	json_object_put(again);
	result_free(later);
	/* Nor is it there because it could not be looked for. */
	later = result_new(object);
	CU_ASSERT_EQUAL(
	    result_account(later, "media", "one", "jsonl", false, &(struct result_counts){.units = 1}, NULL), HF_OK);
	again = manifest_of(later);
	CU_ASSERT_EQUAL(json_object_get_int64(at(account(again, "media", "one"), "missing")), 3);
	json_object_put(object);
	json_object_put(again);
	result_free(result);
	result_free(later);
}

/* What a run did not look at, or could not read, is told with the date it is from, over several runs. */
static void
test_carry_over(void)
{
	struct result *first = result_new(NULL), *second, *third;
	struct json_object *a, *b, *c;
	struct result_counts last;

	CU_ASSERT_EQUAL(result_account(first, "chats", "one", "jsonl", true, &clean, NULL), HF_OK);
	CU_ASSERT_EQUAL(result_account(first, "chats", "two", "jsonl", true, &holed, NULL), HF_OK);
	a = manifest_of(first);
	second = result_new(a);
	CU_ASSERT_EQUAL(result_previous_units(second, "chats", "one"), 5);
	CU_ASSERT_EQUAL(result_previous_units(second, "chats", "three"), 0);
	CU_ASSERT_TRUE(result_previous(second, "chats", "two", &last));
	CU_ASSERT_EQUAL(last.items, holed.items);
	CU_ASSERT_EQUAL(last.units, holed.units);
	CU_ASSERT_EQUAL(last.bytes_read, holed.bytes_read);
	CU_ASSERT_FALSE(result_previous(second, "chats", "three", &last));
	CU_ASSERT_FALSE(result_previous(second, "media", "two", &last));
	CU_ASSERT_TRUE(result_had_type(second, "chats"));
	CU_ASSERT_FALSE(result_had_type(second, "media"));
	CU_ASSERT_EQUAL(result_error(second, "chats", "one", "", "gone", NULL), HF_OK);
	CU_ASSERT_EQUAL(result_account(second, "chats", "one", "jsonl", false, &holed, NULL), HF_OK);
	CU_ASSERT_EQUAL(result_carry_over(second, NULL), HF_OK);
	b = manifest_of(second);
	CU_ASSERT_STRING_EQUAL(text(account(b, "chats", "one"), "state"), "failed");
	CU_ASSERT_STRING_EQUAL(text(account(b, "chats", "one"), "as_of"), text(account(a, "chats", "one"), "as_of"));
	CU_ASSERT_EQUAL(json_object_get_int64(at(account(b, "chats", "one"), "units")), 5);
	CU_ASSERT_STRING_EQUAL(text(account(b, "chats", "two"), "state"), "carried_over");
	CU_ASSERT_STRING_EQUAL(text(account(b, "chats", "two"), "was"), "partial");
	CU_ASSERT_STRING_EQUAL(text(account(b, "chats", "two"), "as_of"), text(account(a, "chats", "two"), "as_of"));
	third = result_new(b);
	CU_ASSERT_EQUAL(result_carry_over(third, NULL), HF_OK);
	c = manifest_of(third);
	CU_ASSERT_STRING_EQUAL(text(account(c, "chats", "two"), "was"), "partial");
	CU_ASSERT_STRING_EQUAL(text(account(c, "chats", "one"), "was"), "failed");
	CU_ASSERT_STRING_EQUAL(text(account(c, "chats", "one"), "as_of"), text(account(a, "chats", "one"), "as_of"));
	json_object_put(a);
	json_object_put(b);
	json_object_put(c);
	result_free(first);
	result_free(second);
	result_free(third);
}

/* The manifest comes out of the repository: it may be anything. */
static void
test_hostile_previous(void)
{
	static const char *const texts[] = {"[]", "1", "{\"types\":[]}", "{\"types\":{\"chats\":null}}",
	    "{\"types\":{\"chats\":{\"accounts\":[1,2]}}}", "{\"types\":{\"chats\":{\"accounts\":{\"a\":7}}}}",
	    "{\"types\":{\"chats\":{\"accounts\":{\"a\":{\"units\":-5,\"state\":[],\"as_of\":{}}}}}}"};
	struct json_object *previous, *object;
	struct result *result;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		previous = json_tokener_parse(texts[i]);
		result = result_new(previous);
		CU_ASSERT_EQUAL(result_previous_units(result, "chats", "a"), 0);
		CU_ASSERT_EQUAL(result_carry_over(result, NULL), HF_OK);
		object = manifest_of(result);
		json_object_put(object);
		result_free(result);
		json_object_put(previous);
	}
}

static void
test_errors(void)
{
	struct result *result = result_new(NULL);
	struct json_object *object;
	char text_of[2000];
	int i;

	memset(text_of, 0xff, sizeof(text_of) - 1);
	text_of[sizeof(text_of) - 1] = '\0';
	for (i = 0; i < 1500; i++)
		CU_ASSERT_EQUAL(result_error(result, "chats", "a", text_of, "bad", NULL), HF_OK);
	CU_ASSERT_TRUE(result_partial(result));
	object = json_object_new_object();
	CU_ASSERT_EQUAL(result_to_json(result, 10, object, NULL), HF_OK);
	CU_ASSERT_EQUAL(json_object_array_length(at(object, "errors")), 10);
	CU_ASSERT_EQUAL(json_object_get_int64(at(object, "error_count")), 1500);
	CU_ASSERT(strlen(json_object_to_json_string(object)) < 20000);
	json_object_put(object);
	object = manifest_of(result);
	CU_ASSERT_EQUAL(json_object_array_length(at(object, "errors")), RESULT_ERRORS_MAX);
	json_object_put(object);
	result_free(result);
}

/* A job whose result does not fit would be called failed although its snapshot is there. */
static void
test_fit(void)
{
	struct result *result = result_new(NULL);
	struct json_object *object;
	char quotes[600], name[20];
	int i;

	memset(quotes, '"', sizeof(quotes) - 1);
	quotes[sizeof(quotes) - 1] = '\0';
	for (i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(result_error(result, "chats", "a", quotes, quotes, NULL), HF_OK);
	for (i = 0; i < 400; i++) {
		(void)snprintf(name, sizeof(name), "account-%d", i);
		CU_ASSERT_EQUAL(result_account(result, "chats", name, "jsonl", true, &clean, NULL), HF_OK);
	}
	object = manifest_of(result);
	CU_ASSERT_EQUAL(result_fit(object, 100000, NULL), HF_OK);
	CU_ASSERT(strlen(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN)) <= 100000);
	CU_ASSERT(json_object_array_length(at(object, "errors")) > 0);
	CU_ASSERT_EQUAL(json_object_get_int64(at(object, "error_count")), 100);
	CU_ASSERT_PTR_NOT_NULL(account(object, "chats", "account-7"));
	CU_ASSERT_EQUAL(result_fit(object, 10000, NULL), HF_OK);
	CU_ASSERT_PTR_NULL(account(object, "chats", "account-7"));
	CU_ASSERT_EQUAL(json_object_get_int64(at(at(at(object, "types"), "chats"), "total")), 40000);
	CU_ASSERT_EQUAL(result_fit(object, 60, NULL), HF_OK);
	CU_ASSERT_PTR_NULL(at(object, "types"));
	CU_ASSERT_EQUAL(result_fit(object, 10, NULL), HF_ERANGE);
	json_object_put(object);
	object = json_tokener_parse("{\"errors\":7,\"types\":[[1,2,3,4,5,6,7,8,9]],\"error_count\":null}");
	CU_ASSERT_EQUAL(result_fit(object, 40, NULL), HF_OK);
	json_object_put(object);
	result_free(result);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"totals", test_totals}, {"missing", test_missing}, {"carry-over", test_carry_over},
	    {"hostile previous", test_hostile_previous}, {"errors", test_errors}, {"fit", test_fit}, CU_TEST_INFO_NULL};

	return unit_run("result", tests);
}

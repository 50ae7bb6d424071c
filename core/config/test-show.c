/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "config/show.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
    "repositories:\n"
    "  home: {storage: local, path: ~/b, password_file: pw, note: \"true\", empty: \"\"}\n"
    "  away: {storage: local, path: 'a: b # c', password_command: \"pass 'x'\\nexit\"}\n"
    "accounts:\n"
    "  bob: {source: jsonl, path: x, http: {ca_file: ca.pem, proxy: 'socks5h://127.0.0.1:9050', timeout: 90 s,\n"
    "    connect_timeout: 5 s, requests_per_second: 7, allow_http: true, user_agent: 'a b'}}\n"
    "  zoe: {source: jsonl, path: \"\xc3\xa4\", only: true, dash: '- x', hash: '#x'}\n"
    "  ada: {source: slack-export, path: b, map: {one: 1, in: {two: '2'}, three: [a, '', 'b c']}, none: []}\n"
    "plans:\n"
    "  one: {repository: away, accounts: [ada], types: [media], schedule: '@daily'}\n"
    "  two: {repository: home, options: {gps: {drop: x, to: [y]}, wifi_only: false, max_media_size: 1.5 MiB, z: 1},\n"
    "    retry: {backoff: linear, initial: 90 s, maximum: 1.5 h}}\n";

static struct config *
load(const char *data, size_t size)
{
	struct hf_error err = HF_ERROR_INIT;
	struct config *config = NULL;

	if (config_parse(data, size, "f", "/cfg", &config, NULL, &err) != HF_OK)
		(void)fprintf(stderr, "\n%s\n%.*s\n", err.msg, (int)size, data);
	return config;
}

static void
test_yaml(void)
{
	struct buffer out = BUFFER_INIT(65536), again = BUFFER_INIT(65536);
	struct config *config, *second;

	(void)setenv("HOME", "/home/ada", 1);
	config = load(text, sizeof(text) - 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config_show_yaml(config, &out, NULL), HF_OK);
	second = load((const char *)out.data, out.size);
	CU_ASSERT_PTR_NOT_NULL(second);
	if (second == NULL)
		return;
	CU_ASSERT_EQUAL(config_show_yaml(second, &again, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), buffer_string(&again));
	CU_ASSERT_STRING_EQUAL(second->repositories[0].password.file, "/cfg/pw");
	CU_ASSERT_STRING_EQUAL(second->repositories[1].password.command, "pass 'x'\nexit");
	CU_ASSERT_EQUAL_FATAL(second->repositories[0].options.count, 3);
	CU_ASSERT_TRUE(second->repositories[0].options.items[1].quoted);
	CU_ASSERT_STRING_EQUAL(second->repositories[0].options.items[2].text, "");
	CU_ASSERT_STRING_EQUAL(second->repositories[1].options.items[0].text, "a: b # c");
	CU_ASSERT_STRING_EQUAL(second->accounts[0].http.ca_file, "/cfg/ca.pem");
	CU_ASSERT_STRING_EQUAL(second->accounts[0].http.proxy, "socks5h://127.0.0.1:9050");
	CU_ASSERT_STRING_EQUAL(second->accounts[0].http.user_agent, "a b");
	CU_ASSERT_EQUAL(second->accounts[0].http.requests_per_second, 7);
	CU_ASSERT_EQUAL(second->accounts[0].http.connect_timeout_ns, INT64_C(5000000000));
	CU_ASSERT_EQUAL(second->accounts[0].http.timeout_ns, INT64_C(90000000000));
	CU_ASSERT_TRUE(second->accounts[0].http.allow_http);
	CU_ASSERT_STRING_EQUAL(second->accounts[1].options.items[0].text, "\xc3\xa4");
	CU_ASSERT_FALSE(second->accounts[1].options.items[1].quoted);
	CU_ASSERT_EQUAL(second->accounts[1].http.timeout_ns, config_http_usual.timeout_ns);
	CU_ASSERT_EQUAL(second->accounts[1].http.connect_timeout_ns, config_http_usual.connect_timeout_ns);
	CU_ASSERT_EQUAL(second->accounts[1].http.requests_per_second, 0);
	CU_ASSERT_FALSE(second->accounts[1].http.allow_http);
	CU_ASSERT_PTR_NULL(second->accounts[1].http.proxy);
	CU_ASSERT_EQUAL_FATAL(second->accounts[2].options.count, 5);
	CU_ASSERT_STRING_EQUAL(second->accounts[2].options.items[1].name, "map.one");
	CU_ASSERT_STRING_EQUAL(second->accounts[2].options.items[2].name, "map.in.two");
	CU_ASSERT_TRUE(second->accounts[2].options.items[2].quoted);
	CU_ASSERT_EQUAL_FATAL(second->accounts[2].options.items[3].count, 3);
	CU_ASSERT_STRING_EQUAL(second->accounts[2].options.items[3].items[1].text, "");
	CU_ASSERT_STRING_EQUAL(second->accounts[2].options.items[3].items[2].text, "b c");
	CU_ASSERT_PTR_NOT_NULL(second->accounts[2].options.items[4].items);
	CU_ASSERT_EQUAL_FATAL(second->plan_count, 2);
	CU_ASSERT_EQUAL(second->plans[0].types, CONFIG_MEDIA);
	CU_ASSERT_TRUE(second->plans[0].types_named);
	CU_ASSERT_EQUAL(second->plans[1].types, 15);
	CU_ASSERT_FALSE(second->plans[1].types_named);
	CU_ASSERT_STRING_EQUAL(second->plans[0].accounts[0]->name, "ada");
	CU_ASSERT_FALSE(second->plans[1].options.wifi_only);
	CU_ASSERT_EQUAL(second->plans[1].options.max_media_size, 3 << 19);
	CU_ASSERT_EQUAL_FATAL(second->plans[1].options.others.count, 6);
	CU_ASSERT_STRING_EQUAL(second->plans[1].options.others.items[3].name, "gps.drop");
	CU_ASSERT_STRING_EQUAL(second->plans[1].options.others.items[4].name, "gps.to");
	CU_ASSERT_STRING_EQUAL(second->plans[1].options.others.items[5].name, "z");
	CU_ASSERT_EQUAL(second->plans[1].retry.maximum_ns, INT64_C(5400000000000));
	CU_ASSERT_EQUAL(second->plans[1].retry.backoff, CONFIG_LINEAR);
	config_free(config);
	config_free(second);
	buffer_release(&out);
	buffer_release(&again);
}

static void
test_json(void)
{
	struct json_object *root, *plans, *two, *options, *value;
	struct buffer out = BUFFER_INIT(65536), small = BUFFER_INIT(100);
	struct config *config = load(text, sizeof(text) - 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config_show_json(config, &out, NULL), HF_OK);
	root = json_tokener_parse(buffer_string(&out));
	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_TRUE(json_object_object_get_ex(root, "plans", &plans));
	CU_ASSERT_TRUE(json_object_object_get_ex(plans, "two", &two));
	CU_ASSERT_TRUE(json_object_object_get_ex(two, "options", &options));
	CU_ASSERT_TRUE(json_object_object_get_ex(options, "wifi_only", &value));
	CU_ASSERT_TRUE(json_object_is_type(value, json_type_boolean));
	CU_ASSERT_TRUE(json_object_object_get_ex(options, "max_media_size", &value));
	CU_ASSERT_STRING_EQUAL(json_object_get_string(value), "1536 KiB");
	value = json_object_object_get(json_object_object_get(root, "accounts"), "ada");
	CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
	    "{\"source\":\"slack-export\",\"path\":\"b\",\"map\":{\"one\":\"1\",\"in\":{\"two\":\"2\"},"
	    "\"three\":[\"a\",\"\",\"b c\"]},\"none\":[]}");
	CU_ASSERT_TRUE(json_object_object_get_ex(two, "accounts", &value));
	CU_ASSERT_EQUAL(json_object_array_length(value), 3);
	json_object_put(root);
	CU_ASSERT_EQUAL(config_show_json(config, &small, NULL), HF_ERANGE);
	buffer_clear(&small);
	CU_ASSERT_EQUAL(config_show_yaml(config, &small, NULL), HF_ERANGE);
	config_free(config);
	buffer_release(&out);
	buffer_release(&small);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"yaml", test_yaml}, {"json", test_json}, CU_TEST_INFO_NULL};

	return unit_run("show", tests);
}

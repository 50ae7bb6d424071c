/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "command/find.h"
#include "command/report.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *
parse(const char *text)
{
	struct json_object *object = json_tokener_parse(text);

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	return object;
}

/* What a report prints of the JSON text; the caller frees it. */
static char *
print(void (*report)(FILE *, struct json_object *), const char *json)
{
	struct json_object *object = parse(json);
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	report(stream, object);
	CU_ASSERT_EQUAL(fclose(stream), 0);
	json_object_put(object);
	return text;
}

static void
expect(void (*report)(FILE *, struct json_object *), const char *json, const char *expected)
{
	char *text = print(report, json);

	CU_ASSERT_STRING_EQUAL(text, expected);
	free(text);
}

/* ---- results ---- */

static void
test_result(void)
{
	expect(report_result,
	    "{\"result\":{\"types\":{\"chats\":{\"total\":1200,\"successful\":1198,\"added\":5,\"failed\":2,"
	    "\"bytes_read\":2048,\"bytes_stored\":100,\"accounts\":{\"a\":{\"state\":\"complete\"},\"b\":{\"state\":\"failed\","
	    "\"as_of\":\"2026-11-22T06:58:36Z\"},\"c\":{\"state\":\"carried_over\"},\"d\":7}},\"device_info\":{\"total\":1},"
	    "\"media\":{\"accounts\":{\"c\":{\"state\":\"carried_over\"},\"e\":{\"state\":\"carried_over\",\"missing\":1},"
	    "\"f\":{\"missing\":3,\"next_try\":\"2099-11-22T06:58:36Z\"},"
	    "\"g\":{\"missing\":2,\"next_try\":\"2001-11-22T06:58:36Z\"},\"h\":{\"missing\":0}}}},"
	    "\"snapshot\":\"0123456789abcdef\","
	    "\"repository\":\"home\",\"bytes_stored\":4096,\"error_count\":7,"
	    "\"errors\":[{\"type\":\"chats\",\"item\":\"general\",\"message\":\"gone\"},\"all else\"]}}",
	    "TYPE               ITEMS       SAVED         NEW    FAILED        READ      STORED\n"
	    "chats               1200        1198           5         2     2.0 KiB       100 B\n"
	    "device_info            1           -           -         -           -           -\n"
	    "media                  -           -           -         -           -           -\n"
	    "media of account e: 1 still missing, not to be tried again\n"
	    "media of account f: 3 still missing, next try at 2099-11-22 06:58:36\n"
	    "media of account g: 2 still missing, to be tried again by the next backup\n"
	    "kept from earlier runs: chats of c, media of c, media of e\n"
	    "failed: chats of account b: could not be read; kept as of 2026-11-22 06:58:36\n"
	    "failed: chats: general: gone\n"
	    "failed: all else\n"
	    "failed: 5 more; \"holdfast dump -r home 01234567 /holdfast.json\" has a longer list\n"
	    "snapshot 01234567 saved in repository home, 4.0 KiB added\n");
	expect(report_result, "{\"result\":{\"snapshot\":\"0123456789abcdef\"}}", "snapshot 01234567 saved\n");
}

/* What has failed is told once: an account that two types could not read, and each item. */
static void
test_failures(void)
{
#define UNREADABLE "{\"accounts\":{\"a\":{\"state\":\"failed\",\"as_of\":\"2026-11-22T06:58:36Z\"},\"b\":{\"state\":\"failed\"}," \
                   "\"c\":{\"state\":\"partial\"}}}"
	char *text = print(report_result,
	    "{\"result\":{\"types\":{\"chats\":" UNREADABLE ",\"media\":" UNREADABLE "},\"error_count\":5,\"errors\":["
	    "{\"type\":\"chats\",\"account\":\"a\",\"message\":\"no folder\"},"
	    "{\"type\":\"chats\",\"account\":\"c\",\"item\":\"x:3\",\"message\":\"no JSON\"},"
	    "{\"type\":\"media\",\"account\":\"a\",\"message\":\"no folder\"},"
	    "{\"type\":\"media\",\"account\":\"b\",\"message\":\"no route\"},"
	    "{\"type\":\"media\",\"account\":\"c\",\"item\":\"x:3\",\"message\":\"no JSON\"}]}}");

	CU_ASSERT_STRING_EQUAL(strchr(strchr(strchr(text, '\n') + 1, '\n') + 1, '\n') + 1,
	    "failed: chats of account b: could not be read\n"
	    "failed: chats, media of account a: could not be read: no folder; kept as of 2026-11-22 06:58:36\n"
	    "failed: chats of account c: x:3: no JSON\n"
	    "failed: media of account b: could not be read: no route\n"
	    "failed: media of account c: x:3: no JSON\n");
	free(text);
}

/* What is proposed names the job's own configuration, unless it is the usual one. */
static void
test_hint(void)
{
	struct json_object *job = parse("{\"config\":\"/a b/x.yaml\"}");
	char out[COMMON_HINT_SIZE];

	CU_ASSERT_STRING_EQUAL(report_hint(job, "backup", NULL, out), "holdfast backup -c '/a b/x.yaml'");
	CU_ASSERT_STRING_EQUAL(report_hint(job, "dump", "home", out), "holdfast dump -c '/a b/x.yaml' -r home");
	CU_ASSERT_EQUAL(setenv("HOLDFAST_CONFIG", "/a b/x.yaml", 1), 0);
	CU_ASSERT_STRING_EQUAL(report_hint(job, "backup", NULL, out), "holdfast backup");
	(void)unsetenv("HOLDFAST_CONFIG");
	json_object_put(job);
}

/* The head of a job's result; it says no error, which the event before did. */
static void
test_end(void)
{
	expect(report_end, "{\"id\":\"b\",\"plan\":\"everything\",\"status\":\"failed\",\"error\":\"no\"}",
	    "b, plan everything: failed\n");
	expect(report_end,
	    "{\"id\":\"b\",\"plan\":\"p\",\"status\":\"partial\",\"result\":{\"snapshot\":\"0123456789abcdef\","
	    "\"errors\":[\"x\"]}}",
	    "b, plan p: partial\nfailed: x\nsnapshot 01234567 saved\n");
	expect(report_end, "[]", "?, plan ?: ?\n");
}

/* A result of another version, or a forged one, is not a reason to fall over. */
static void
test_strange_result(void)
{
	static const char *const nothing[] = {"{}", "[]", "1", "{\"result\":null}", "{\"result\":[]}",
	    "{\"result\":{\"types\":[],\"errors\":{},\"snapshot\":7}}", "{\"result\":{\"types\":{},\"errors\":[]}}"};
	size_t i;

	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		expect(report_result, nothing[i], "");
	expect(report_result, "{\"result\":{\"types\":{\"chats\":7},\"errors\":[null,{\"item\":[]}]}}",
	    "TYPE               ITEMS       SAVED         NEW    FAILED        READ      STORED\n"
	    "chats                  -           -           -         -           -           -\n"
	    "failed: \nfailed: \n");
	expect(report_result, "{\"result\":{\"types\":{\"chats\":{\"total\":-5,\"failed\":\"x\",\"bytes_read\":1.5}}}}",
	    "TYPE               ITEMS       SAVED         NEW    FAILED        READ      STORED\n"
	    "chats                  -           -           -         -           -           -\n");
}

static void
test_status(void)
{
	static const struct {
		const char *json;
		int status;
		bool finished;
	} cases[] = {
	    {"{\"status\":\"completed\"}", STATUS_DONE, true},
	    {"{\"status\":\"completed\",\"error_code\":-204}", STATUS_DONE, true},
	    {"{\"status\":\"partial\",\"error_code\":-204}", STATUS_PARTIAL, true},
	    {"{\"status\":\"failed\"}", STATUS_FAILED, true},
	    {"{\"status\":\"failed\",\"error_code\":-210}", STATUS_FAILED, true},
	    {"{\"status\":\"failed\",\"error_code\":-201}", STATUS_NO_REPOSITORY, true},
	    {"{\"status\":\"failed\",\"error_code\":-104}", STATUS_LOCKED, true},
	    {"{\"status\":\"failed\",\"error_code\":-204}", STATUS_PASSWORD, true},
	    {"{\"status\":\"failed\",\"error_code\":-206}", STATUS_USAGE, true},
	    {"{\"status\":\"waiting\",\"error_code\":-204}", STATUS_DONE, false},
	    {"{\"status\":\"gone\"}", STATUS_DONE, false}, {"{}", STATUS_DONE, false}, {"[]", STATUS_DONE, false}};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *job = parse(cases[i].json);

		CU_ASSERT_EQUAL(report_status(job), cases[i].status);
		CU_ASSERT_EQUAL(report_finished(job), cases[i].finished);
		json_object_put(job);
	}
}

/* ---- jobs ---- */

#define ONE "backup_1795417116065_265a7d34"
#define TWO "backup_1795417120183_488b44b2"

static void
test_table(void)
{
	expect(report_table, "[]", "");
	expect(report_table,
	    "[{\"id\":\"" ONE "\",\"plan\":\"everything\",\"status\":\"completed\",\"attempts\":0,\"max_attempts\":8,"
	    "\"finished_at\":\"2026-11-23T06:58:36.06Z\"},"
	    "{\"id\":\"" TWO "\",\"plan\":\"b\",\"status\":\"waiting\",\"attempts\":2,\"max_attempts\":8,"
	    "\"next_attempt\":\"2026-11-23T07:00:00Z\",\"error\":\"no network\"},"
	    "{\"id\":\"" TWO "\",\"plan\":\"b\",\"status\":\"running\",\"attempts\":2,\"created_at\":"
	    "\"2026-11-23T06:00:00Z\",\"progress\":{\"percent\":12.5,\"total_items\":8}},"
	    "{\"id\":\"" TWO "\",\"plan\":\"b\",\"status\":\"failed\",\"finished_at\":\"2026-11-23T07:00:00Z\","
	    "\"error\":\"wrong password\"},{}]",
	    "JOB                            PLAN        STATUS     PROGRESS  ATTEMPTS  DETAIL\n"
	    ONE "  everything  completed      100%         -  2026-11-23 06:58:36\n"
	    TWO "  b           waiting           -       2/8  next attempt at 2026-11-23 07:00:00; last error: no network\n"
	    TWO "  b           running       12.5%         2  since 2026-11-23 06:00:00\n"
	    TWO "  b           failed            -         -  2026-11-23 07:00:00: wrong password\n"
	    "?                              ?           ?                 -         -  \n");
}

static void
test_job(void)
{
	expect(report_job, "{}", "types:        all of the plan\n");
	expect(report_job,
	    "{\"id\":\"" ONE "\",\"plan\":\"everything\",\"types\":[\"chats\",\"media\"],\"full\":true,\"status\":\"running\","
	    "\"created_at\":\"2026-11-23T06:58:36Z\",\"attempts\":1,\"max_attempts\":8,\"crashes\":2,"
	    "\"checkpoint_at\":\"2026-11-23T07:58:36Z\",\"progress\":{\"total_items\":150,\"processed_items\":75,"
	    "\"failed_items\":2,\"percent\":50,\"bytes_transferred\":1048576,\"bytes_read\":3145728,\"total_bytes\":6291456,"
	    "\"bytes_per_second\":2048,\"current_type\":\"chats\"}}",
	    "job:          " ONE "\n"
	    "plan:         everything\n"
	    "status:       running\n"
	    "types:        chats, media\n"
	    "full:         yes\n"
	    "queued:       2026-11-23 06:58:36\n"
	    "attempts:     1/8\n"
	    "crashes:      2\n"
	    "checkpoint:   2026-11-23 07:58:36\n"
	    "progress:     50.0%, 75 of about 150 items, 2 failed, 3.0 MiB read of 6.0 MiB, 2.0 KiB/s, 1.0 MiB stored, now chats\n");
}

/* ---- finding ---- */

static void
expect_found(struct json_object *jobs, const char *word, int code, const char *expected)
{
	struct hf_error err = HF_ERROR_INIT;
	const char *id = NULL;

	CU_ASSERT_EQUAL(find_id(jobs, word, &id, &err), code);
	if (code == HF_OK) {
		CU_ASSERT_STRING_EQUAL(id, expected);
	} else {
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, expected));
	}
}

static void
test_find(void)
{
	struct json_object *jobs = parse("[{\"id\":\"" ONE "\",\"plan\":\"everything\"},"
	    "{\"id\":\"" TWO "\",\"plan\":\"everything\"},{\"id\":\"backup_1_00004d34\",\"plan\":\"7d34\"},{},7]");
	struct json_object *none = json_object_new_object();

	expect_found(jobs, ONE, HF_OK, ONE);
	expect_found(jobs, "everything", HF_OK, TWO);
	expect_found(jobs, "265a7d34", HF_OK, ONE);
	expect_found(jobs, "44b2", HF_OK, TWO);
	expect_found(jobs, "7d34", HF_OK, "backup_1_00004d34");
	expect_found(jobs, "4b2", HF_ENOTFOUND, "no job \"4b2\"");
	expect_found(jobs, "", HF_ENOTFOUND, "no job");
	expect_found(jobs, "everythin", HF_ENOTFOUND, "did you mean everything?");
	expect_found(jobs, "backup_1795417116065_265a7d35", HF_ENOTFOUND, "did you mean " ONE "?");
	json_object_put(jobs);
	jobs = parse("[{\"id\":\"backup_1_11112222\"},{\"id\":\"backup_2_33332222\"}]");
	expect_found(jobs, "2222", HF_EINVAL, "2 jobs end with \"2222\"");
	json_object_put(jobs);
	expect_found(none, "x", HF_ENOTFOUND, "no job \"x\"");
	expect_found(NULL, "x", HF_ENOTFOUND, "no job \"x\"");
	json_object_put(none);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"result", test_result}, {"strange result", test_strange_result}, {"end", test_end},
	    {"failures", test_failures}, {"hint", test_hint},
	    {"exit status", test_status}, {"table", test_table}, {"job", test_job}, {"find", test_find},
	    CU_TEST_INFO_NULL};

	/* Times are printed in the local zone. */
	if (setenv("TZ", "UTC", 1) != 0)
		return 99;
	return unit_run("report", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"
#include "base/unit.h"
#include "repository/test-place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (INT64_C(86400) * 1000000000)

static char *root_paths[] = {(char[]){"/"}, NULL};

static struct repository_id
save(struct repository *repository, int64_t time_ns, const char *tag)
{
	char holdfast[] = "holdfast", copy[100], *tags[] = {holdfast, copy, NULL};
	struct hf_error err = HF_ERROR_INIT;
	struct repository_id id;
	struct snapshot snapshot;

	(void)snprintf(copy, sizeof(copy), "%s", tag);
	memset(&snapshot, 0, sizeof(snapshot));
	memset(&id, 0, sizeof(id));
	snapshot.tree.bytes[0] = 7;
	snapshot.time_ns = time_ns;
	(void)snprintf(snapshot.hostname, sizeof(snapshot.hostname), "a \"host\"/");
	(void)snprintf(snapshot.username, sizeof(snapshot.username), "me");
	(void)snprintf(snapshot.program_version, sizeof(snapshot.program_version), "holdfast 0.1.0");
	snapshot.paths = root_paths;
	snapshot.tags = tags;
	CU_ASSERT_EQUAL(repository_save_snapshot(repository, &snapshot, &id, &err), HF_OK);
	return id;
}

struct collected {
	int64_t times[2000];
	size_t count;
	int stop_at;
};

static int
collect(void *ctx, const struct snapshot *snapshot, struct hf_error *err)
{
	struct collected *collected = ctx;

	(void)err;
	if (collected->stop_at > 0 && (int)collected->count == collected->stop_at)
		return HF_ESTOP;
	collected->times[collected->count++] = snapshot->time_ns;
	return HF_OK;
}

static void
test_save_and_find(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct repository *repository;
	struct repository_id oldest, newest, other;
	static struct collected collected;
	struct snapshot found;
	struct test_place place;
	char hex[HASH_HEX_SIZE];

	test_place_open(&place);
	repository = test_place_weak_repository(&place);
	CU_ASSERT_EQUAL(repository_find_snapshot(repository, "latest", &found, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(repository_newest_snapshot(repository, "plan=a", &found, &err), HF_ENOTFOUND);
	newest = save(repository, 30 * DAY + 123456789, "plan=a");
	oldest = save(repository, -10 * DAY, "plan=a");
	other = save(repository, 40 * DAY, "plan=b");
	memset(&collected, 0, sizeof(collected));
	CU_ASSERT_EQUAL(repository_list_snapshots(repository, collect, &collected, &err), HF_OK);
	CU_ASSERT_EQUAL(collected.count, 3);
	CU_ASSERT_EQUAL(collected.times[0], -10 * DAY);
	CU_ASSERT_EQUAL(collected.times[1], 30 * DAY + 123456789);
	CU_ASSERT_EQUAL(collected.times[2], 40 * DAY);
	memset(&collected, 0, sizeof(collected));
	collected.stop_at = 1;
	CU_ASSERT_EQUAL(repository_list_snapshots(repository, collect, &collected, &err), HF_ESTOP);
	CU_ASSERT_EQUAL_FATAL(repository_newest_snapshot(repository, "plan=a", &found, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&found.id, &newest, sizeof(newest)), 0);
	CU_ASSERT_EQUAL(found.tree.bytes[0], 7);
	CU_ASSERT_EQUAL(found.time_ns, 30 * DAY + 123456789);
	CU_ASSERT_STRING_EQUAL(found.hostname, "a \"host\"/");
	CU_ASSERT_STRING_EQUAL(found.username, "me");
	CU_ASSERT_STRING_EQUAL(found.program_version, "holdfast 0.1.0");
	CU_ASSERT_STRING_EQUAL(found.paths[0], "/");
	CU_ASSERT_PTR_NULL(found.paths[1]);
	CU_ASSERT_STRING_EQUAL(found.tags[1], "plan=a");
	CU_ASSERT_FALSE(found.has_parent);
	snapshot_release(&found);
	CU_ASSERT_EQUAL_FATAL(repository_find_snapshot(repository, "latest", &found, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&found.id, &other, sizeof(other)), 0);
	snapshot_release(&found);
	hex_encode(oldest.bytes, sizeof(oldest.bytes), hex);
	CU_ASSERT_EQUAL_FATAL(repository_find_snapshot(repository, hex, &found, &err), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&found.id, &oldest, sizeof(oldest)), 0);
	snapshot_release(&found);
	hex[10] = '\0';
	CU_ASSERT_EQUAL_FATAL(repository_find_snapshot(repository, hex, &found, &err), HF_OK);
	snapshot_release(&found);
	CU_ASSERT_EQUAL(repository_find_snapshot(repository, "", &found, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(repository_find_snapshot(repository, "../config", &found, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(repository_find_snapshot(repository, "ABC", &found, &err), HF_EINVAL);
	hex[9] = hex[9] == '0' ? '1' : '0';
	CU_ASSERT_EQUAL(repository_find_snapshot(repository, hex, &found, &err), HF_ENOTFOUND);
	repository_close(repository);
	test_place_close(&place);
}

/* More than fits into what is kept while listing, and ids that begin alike. */
static void
test_many(void)
{
	struct hf_error err = HF_ERROR_INIT;
	static struct collected collected;
	struct repository *repository;
	struct test_place place;
	struct snapshot found;
	char long_tag[6000], name[2] = "0", json[7000], hex[HASH_HEX_SIZE];
	int i, ambiguous = 0;

	test_place_open(&place);
	repository = test_place_weak_repository(&place);
	memset(long_tag, 't', sizeof(long_tag));
	long_tag[sizeof(long_tag) - 1] = '\0';
	for (i = 0; i < 1000; i++) {
		(void)snprintf(json, sizeof(json),
		    "{\"time\":\"2020-01-01T00:%02d:%02dZ\",\"tree\":\"%064d\",\"tags\":[\"%s\"],\"label\":{}}",
		    i * 7 % 1000 / 60, i * 7 % 1000 % 60, 1, long_tag);
		test_place_put_json(repository, HF_OBJECT_SNAPSHOT, json, hex);
	}
	memset(&collected, 0, sizeof(collected));
	CU_ASSERT_EQUAL(repository_list_snapshots(repository, collect, &collected, &err), HF_OK);
	CU_ASSERT_EQUAL(collected.count, 1000);
	for (i = 1; i < 1000; i++)
		CU_ASSERT(collected.times[i - 1] <= collected.times[i]);
	for (i = 0; i < 16; i++) {
		name[0] = "0123456789abcdef"[i];
		ambiguous += repository_find_snapshot(repository, name, &found, &err) == HF_EINVAL;
	}
	CU_ASSERT_EQUAL(ambiguous, 16);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "more of its digits"));
	repository_close(repository);
	test_place_close(&place);
}

#define TREE "\"tree\":\"5956a3f67a6230d4a92cefb29529f10196c7d92582ec305fd71ff6d331d6271b\""
#define TIME "\"time\":\"2026-11-23T06:00:00.5+01:00\""

static void
test_hostile(void)
{
	static const struct {
		const char *json;
		int code;
	} snapshots[] = {
	    {"{" TIME "," TREE "}", HF_OK},
	    {"{" TIME "," TREE ",\"paths\":null,\"tags\":[],\"parent\":\"x\",\"label\":[{}],\"uid\":1}\n", HF_OK},
	    {"{\"time\":\"0001-01-01T00:00:00Z\"," TREE "}", HF_OK},
	    {"{" TIME "}", HF_ECORRUPT},
	    {"{" TREE "}", HF_ECORRUPT},
	    {"{" TIME ",\"tree\":null}", HF_ECORRUPT},
	    {"{" TIME ",\"tree\":\"5956\"}", HF_ECORRUPT},
	    {"{\"time\":\"2026-11-23T06:00:00\"," TREE "}", HF_ECORRUPT},
	    {"{\"time\":17," TREE "}", HF_ECORRUPT},
	    {"{" TIME "," TREE ",\"paths\":\"/\"}", HF_ECORRUPT},
	    {"{" TIME "," TREE ",\"paths\":[\"/\",7]}", HF_ECORRUPT},
	    {"{" TIME "," TREE ",\"tags\":[null]}", HF_ECORRUPT},
	    {"{" TIME "," TREE "", HF_ECORRUPT},
	    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", HF_ECORRUPT},
	    {"null", HF_ECORRUPT},
	};
	struct hf_error err = HF_ERROR_INIT;
	static struct collected collected;
	struct repository *repository;
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_SNAPSHOT, 0, name};
	struct test_place place;
	struct snapshot found;
	size_t i;
	int r;

	test_place_open(&place);
	repository = test_place_weak_repository(&place);
	for (i = 0; i < sizeof(snapshots) / sizeof(snapshots[0]); i++) {
		test_place_put_json(repository, HF_OBJECT_SNAPSHOT, snapshots[i].json, name);
		memset(&collected, 0, sizeof(collected));
		r = repository_list_snapshots(repository, collect, &collected, &err);
		CU_ASSERT_EQUAL(r, snapshots[i].code);
		if (r != snapshots[i].code)
			printf("[%zu: %d %s]", i, r, err.msg);
		if (r != HF_OK) {
			CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, name));
			CU_ASSERT_NOT_EQUAL(repository_newest_snapshot(repository, "x", &found, &err), HF_OK);
			CU_ASSERT_NOT_EQUAL(repository_find_snapshot(repository, name, &found, &err), HF_OK);
		} else {
			CU_ASSERT_EQUAL_FATAL(repository_find_snapshot(repository, name, &found, &err), HF_OK);
			snapshot_release(&found);
		}
		CU_ASSERT_EQUAL(place.storage.ops->remove(place.storage.handle, &key, &err), HF_OK);
	}
	repository_close(repository);
	test_place_close(&place);
}

static void
test_refused(void)
{
	char comma[] = "a,b", empty[] = "", *tags[] = {comma, NULL};
	struct hf_error err = HF_ERROR_INIT;
	struct repository *repository;
	struct repository_id id;
	struct snapshot snapshot;
	struct test_place place;

	test_place_open(&place);
	repository = test_place_weak_repository(&place);
	memset(&snapshot, 0, sizeof(snapshot));
	CU_ASSERT_EQUAL(repository_save_snapshot(repository, &snapshot, &id, &err), HF_EINVAL);
	snapshot.tree.bytes[3] = 1;
	snapshot.tags = tags;
	CU_ASSERT_EQUAL(repository_save_snapshot(repository, &snapshot, &id, &err), HF_EINVAL);
	tags[0] = empty;
	CU_ASSERT_EQUAL(repository_save_snapshot(repository, &snapshot, &id, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(test_place_count(&place, HF_OBJECT_SNAPSHOT), 0);
	snapshot.tags = NULL;
	CU_ASSERT_EQUAL(repository_save_snapshot(repository, &snapshot, &id, &err), HF_OK);
	repository_close(repository);
	test_place_close(&place);
}

static void
test_restic_reads(void)
{
	struct buffer out = BUFFER_INIT(100000);
	struct repository *repository;
	struct test_place place;

	if (!test_restic_is_there())
		return;
	test_place_open(&place);
	repository = test_place_weak_repository(&place);
	(void)save(repository, 30 * DAY + 120000000, "plan=a");
	CU_ASSERT_EQUAL(test_restic(&place, "snapshots --json", &out), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "1970-01-31T00:00:00.12Z"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "\"tags\":[\"holdfast\",\"plan=a\"]"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "\"paths\":[\"/\"]"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "\"hostname\":\"a \\\"host\\\"/\""));
	repository_close(repository);
	buffer_release(&out);
	test_place_close(&place);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"save and find", test_save_and_find}, {"many", test_many}, {"hostile", test_hostile},
	    {"refused", test_refused}, {"read by restic", test_restic_reads}, CU_TEST_INFO_NULL};

	return unit_run("snapshot", tests);
}

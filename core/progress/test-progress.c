/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/unit.h"
#include "progress/json.h"
#include "progress/progress.h"
#include "progress/terminal.h"

#define SECOND INT64_C(1000000000)

static struct progress
sample(void)
{
	struct progress progress = {.job = "backup_1_00000001", .total_items = 150, .processed_items = 75,
	    .failed_items = 2, .current_type = "chats", .bytes_received = 77,
	    .bytes_transferred = 1048576, .bytes_read = 60 << 20,
	    .total_bytes = 100 << 20, .started_at = 1000 * SECOND};
	struct progress first = {.percent = 0};
	struct progress_meter meter = {.told = false};

	progress_measure(&meter, &first, 1000 * SECOND);
	progress_measure(&meter, &progress, 1030 * SECOND);
	return progress;
}

static void
test_estimate(void)
{
	struct progress progress = sample();
	struct progress_meter meter = {.told = false};

	CU_ASSERT_EQUAL(progress.percent, 50.0);
	CU_ASSERT_EQUAL(progress.estimated_completion, 1060 * SECOND);
	CU_ASSERT_EQUAL(progress.bytes_per_second, 2 << 20);
	/* What it begins with was done by an earlier worker of the job, and says nothing of the speed. */
	progress_measure(&meter, &progress, 1010 * SECOND);
	CU_ASSERT_EQUAL(progress.estimated_completion, 0);
	CU_ASSERT_EQUAL(progress.bytes_per_second, 0);
	/* What the worker knows better than its items would say. */
	progress.percent = 55;
	progress.bytes_read += 20 << 20;
	progress_measure(&meter, &progress, 1020 * SECOND);
	CU_ASSERT_EQUAL(progress.percent, 55);
	CU_ASSERT_EQUAL(progress.estimated_completion, 1110 * SECOND);
	CU_ASSERT_EQUAL(progress.bytes_per_second, 2 << 20);
	/* Too early to tell. */
	memset(&meter, 0, sizeof(meter));
	progress_measure(&meter, &progress, 1000 * SECOND);
	progress.percent = 60;
	progress_measure(&meter, &progress, 1002 * SECOND);
	CU_ASSERT_EQUAL(progress.estimated_completion, 0);
	/* So slow that nobody can tell; and nothing to tell from. */
	memset(&meter, 0, sizeof(meter));
	progress.percent = 0;
	progress_measure(&meter, &progress, 1000 * SECOND);
	progress.percent = 1e-9;
	progress_measure(&meter, &progress, 1030 * SECOND);
	CU_ASSERT_EQUAL(progress.estimated_completion, 0);
	progress.percent = 0;
	progress.total_items = 0;
	progress_measure(&meter, &progress, 1060 * SECOND);
	CU_ASSERT_EQUAL(progress.percent, 0);
	CU_ASSERT_EQUAL(progress.estimated_completion, 0);
}

/* A speed that changes is believed within a minute; one that does not is told at once, and stays. */
static void
test_speed(void)
{
	struct progress progress = {.percent = 0};
	struct progress_meter meter = {.told = false};
	int64_t second, left;

	progress_measure(&meter, &progress, 0);
	for (second = 1; second <= 100; second++) {
		progress.percent = (double)second / 10;
		progress.bytes_read += 1000;
		progress_measure(&meter, &progress, second * SECOND);
		left = progress.estimated_completion - second * SECOND;
		CU_ASSERT_TRUE(second < 3 || llabs(left / SECOND - (1000 - second)) <= 2);
		CU_ASSERT_TRUE(progress.bytes_per_second >= 999 && progress.bytes_per_second <= 1001);
	}
	/* Messages are through, and photographs come: a tenth of the speed in percent, ten times that in bytes. */
	for (; second <= 200; second++) {
		progress.percent += 0.01;
		progress.bytes_read += 10000;
		progress_measure(&meter, &progress, second * SECOND);
	}
	CU_ASSERT_TRUE(progress.bytes_per_second > 9000);
	CU_ASSERT_TRUE(progress.estimated_completion - 200 * SECOND > 2000 * SECOND);
}

static void
test_json(void)
{
	struct progress progress = sample(), read;
	struct json_object *object = progress_to_json(&progress);

	CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
	    "{\"type\":\"progress\",\"job\":\"backup_1_00000001\",\"total_items\":150,\"processed_items\":75,"
	    "\"failed_items\":2,\"current_type\":\"chats\",\"bytes_received\":77,\"bytes_transferred\":1048576,"
	    "\"bytes_read\":62914560,\"total_bytes\":104857600,\"bytes_per_second\":2097152,"
	    "\"started_at\":\"1970-01-01T00:16:40Z\",\"estimated_completion\":\"1970-01-01T00:17:40Z\","
	    "\"percent\":50.0}");
	CU_ASSERT_EQUAL(progress_from_json(object, &read, NULL), HF_OK);
	CU_ASSERT_EQUAL(memcmp(&read.total_items, &progress.total_items, sizeof(uint64_t)), 0);
	CU_ASSERT_EQUAL(read.estimated_completion, progress.estimated_completion);
	CU_ASSERT_EQUAL(read.bytes_read, progress.bytes_read);
	CU_ASSERT_EQUAL(read.total_bytes, progress.total_bytes);
	CU_ASSERT_EQUAL(read.bytes_per_second, progress.bytes_per_second);
	CU_ASSERT_STRING_EQUAL(read.current_type, "chats");
	json_object_put(object);
}

static void
test_hostile_json(void)
{
	static const char *const bad[] = {"{\"total_items\":-1}", "{\"total_items\":\"5\"}", "{\"job\":5}",
	    "{\"started_at\":\"yesterday\"}", "{\"percent\":-1}", "{\"percent\":1e300}", "{\"failed_items\":1.5}"};
	struct progress progress = {.total_items = 7};
	struct job_event event;
	struct json_object *object;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		object = json_tokener_parse(bad[i]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(object);
		CU_ASSERT_EQUAL(progress_from_json(object, &progress, NULL), HF_EINVAL);
		json_object_put(object);
	}
	CU_ASSERT_EQUAL(progress.total_items, 7);
	object = json_tokener_parse("{\"event\":\"nonsense\"}");
	CU_ASSERT_EQUAL(event_from_json(object, &event, NULL), HF_EINVAL);
	json_object_put(object);
	object = json_tokener_parse("{\"event\":\"started\",\"details\":[]}");
	CU_ASSERT_EQUAL(event_from_json(object, &event, NULL), HF_EINVAL);
	json_object_put(object);
}

static void
test_event(void)
{
	struct job_event event, read;
	struct json_object *object, *details = json_object_new_object();
	char cut[6];

	event_init(&event, EVENT_ITEM_FAILED, "backup_1_00000001");
	progress_copy_text(event.item, sizeof(event.item), "a\nb");
	progress_copy_text(event.message, sizeof(event.message), "no such file");
	event.attempt = 3;
	event.details = details;
	object = event_to_json(&event);
	CU_ASSERT_EQUAL(event_from_json(object, &read, NULL), HF_OK);
	CU_ASSERT_EQUAL(read.kind, EVENT_ITEM_FAILED);
	CU_ASSERT_STRING_EQUAL(read.item, "a\nb");
	CU_ASSERT_EQUAL(read.attempt, 3);
	CU_ASSERT_EQUAL(read.time, event.time - event.time % 1000000);
	CU_ASSERT_PTR_NOT_NULL(read.details);
	json_object_put(object);
	json_object_put(details);
	progress_copy_text(cut, sizeof(cut), "abcd\xc3\xa4");
	CU_ASSERT_STRING_EQUAL(cut, "abcd");
}

static void
test_terminal_format(void)
{
	struct progress progress = sample();
	char line[256];

	terminal_format(&progress, 1030 * SECOND, 120, line, sizeof(line));
	CU_ASSERT(strlen(line) < 120);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "#"));
	CU_ASSERT_PTR_NOT_NULL(strstr(line,
	    "50.0%  75 of about 150 items, now chats, 2 failed, 60.0 MiB read, 2.0 MiB/s, 1.0 MiB stored, 0:30 left"));
	/* What is missed least goes first, and the line never wraps. */
	terminal_format(&progress, 1030 * SECOND, 80, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line, " 50.0%  75 of about 150 items, now chats, 2 failed, 1.0 MiB stored, 0:30 left");
	terminal_format(&progress, 1030 * SECOND, 50, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line, " 50.0%  75 of about 150 items, 0:30 left");
	terminal_format(&progress, 1030 * SECOND, 20, line, sizeof(line));
	CU_ASSERT(strlen(line) < 20);
	/* How far it is can be known before how much there is. */
	progress.total_items = 0;
	progress.estimated_completion = 0;
	terminal_format(&progress, 1030 * SECOND, 70, line, sizeof(line));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "50.0%  75 items, now chats, 2 failed, 1.0 MiB stored"));
	progress.percent = 0;
	progress.bytes_read = 0;
	progress_copy_text(progress.current_type, sizeof(progress.current_type), "\033[2J");
	terminal_format(&progress, 1030 * SECOND, 80, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line, "75 items, now \\x1b[2J, 2 failed, 1.0 MiB stored");
	progress.processed_items = 1;
	progress.current_type[0] = '\0';
	terminal_format(&progress, 1030 * SECOND, 80, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line, "1 item, 2 failed, 1.0 MiB stored");
}

/* Hostile names: as many lines as events, nothing but printable bytes. */
static void
test_plain_lines(void)
{
	char *text = NULL;
	size_t size = 0, i, lines = 0;
	unsigned bad = 0;
	FILE *stream = open_memstream(&text, &size);
	struct terminal *terminal = terminal_new(stream, false);
	struct observer observer = terminal_observer(terminal);
	struct job_event event;

	for (i = 0; i < 15; i++) {
		event_init(&event, EVENT_ITEM_FAILED, "backup_1_00000001");
		progress_copy_text(event.item, sizeof(event.item), "x\r\n\033]0;evil\a\xe2\x80\xae\xff");
		progress_copy_text(event.message, sizeof(event.message), "gone\nbackup_1: completed");
		observer.event(observer.ctx, &event);
	}
	terminal_free(terminal);
	(void)fclose(stream);
	for (i = 0; i < size; i++) {
		lines += text[i] == '\n';
		bad += text[i] != '\n' && (text[i] < 0x20 || text[i] > 0x7e);
	}
	CU_ASSERT_EQUAL(lines, 15);
	CU_ASSERT_EQUAL(bad, 0);
	free(text);
}

/* Tells of failed items, as many as count, which are the same in two types each; then ends the job as kind says. */
static char *
fail_items(unsigned count, enum event_kind kind, const char *message)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct terminal *terminal = terminal_new(stream, true);
	struct observer observer = terminal_observer(terminal);
	struct job_event event;
	unsigned i;

	for (i = 0; i < 2 * count; i++) {
		event_init(&event, EVENT_ITEM_FAILED, "job");
		(void)snprintf(event.item, sizeof(event.item), "account%u", i / 2);
		progress_copy_text(event.message, sizeof(event.message), "gone");
		observer.event(observer.ctx, &event);
	}
	event_init(&event, kind, "job");
	progress_copy_text(event.message, sizeof(event.message), message);
	if (kind == EVENT_STARTED)
		terminal_tell_failures(terminal);
	else
		observer.event(observer.ctx, &event);
	terminal_free(terminal);
	(void)fclose(stream);
	return text;
}

/* A result lists what failed; where there is none, these lines do. */
static void
test_failed_items(void)
{
	char *text = fail_items(2, EVENT_PARTIAL, "");
	unsigned lines = 0;
	const char *p;

	CU_ASSERT_STRING_EQUAL(text, "job: done, with failed items\n");
	free(text);
	text = fail_items(2, EVENT_STARTED, "");
	CU_ASSERT_STRING_EQUAL(text, "job: failed item account0: gone\njob: failed item account1: gone\n");
	free(text);
	text = fail_items(2, EVENT_RETRY, "nothing could be read: account0: gone");
	CU_ASSERT_STRING_EQUAL(text, "job: failed item account1: gone\n"
	                             "job: will try again: nothing could be read: account0: gone\n");
	free(text);
	text = fail_items(30, EVENT_FAILED, "no space");
	for (p = text; *p != '\0'; p++)
		lines += *p == '\n';
	CU_ASSERT_EQUAL(lines, 12);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "job: more items failed\njob: failed: no space\n"));
	free(text);
}

static void
test_json_lines(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	struct observer observer = json_observer(stream);
	struct progress progress = sample();
	struct job_event event;
	struct json_object *object;

	event_init(&event, EVENT_FAILED, "backup_1_00000001");
	progress_copy_text(event.message, sizeof(event.message), "a/b\nc");
	observer.event(observer.ctx, &event);
	observer.progress(observer.ctx, &progress);
	(void)fclose(stream);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "a/b\\nc"));
	CU_ASSERT_PTR_EQUAL(strchr(strchr(text, '\n') + 1, '\n'), text + size - 1);
	*strchr(text, '\n') = '\0';
	object = json_tokener_parse(text);
	CU_ASSERT_PTR_NOT_NULL(object);
	json_object_put(object);
	free(text);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"estimate", test_estimate}, {"speed", test_speed}, {"json", test_json}, {"hostile json", test_hostile_json},
	    {"event", test_event}, {"terminal format", test_terminal_format}, {"plain lines", test_plain_lines},
	    {"failed items", test_failed_items}, {"json lines", test_json_lines}, CU_TEST_INFO_NULL};

	return unit_run("progress", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"
#include "base/unit.h"
#include "base/write.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "folder.h"
#include "group.h"
#include "people.h"
#include "query.h"
#include "source.h"
#include "state.h"
#include "value.h"
#include "walk.h"
#include "zone.h"

/* A document that is read in pieces of at most step bytes. */
struct document {
	const char *text;
	size_t size;
	size_t step;
};

static int64_t
read_document(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	const struct document *document = ctx;
	size_t n = offset < document->size ? document->size - (size_t)offset : 0;

	(void)err;
	n = n < size ? n : size;
	n = n < document->step ? n : document->step;
	memcpy(data, document->text + offset, n);
	return (int64_t)n;
}

static void
test_walk(void)
{
	static const char text[] = "\xef\xbb\xbf {\"a\\\"b\" : 12.5e3 ,\"list\":[ \"x]\\\"\",{\"k\":[[]]} ,null,"
	                           "[\"\\\\\"],true],\"last\":\"z\"} ";
	static const char *const values[] = {"\"x]\\\"\"", "{\"k\":[[]]}", "null", "[\"\\\\\"]", "true"};
	struct document document = {text, sizeof(text) - 1, 0};
	struct hf_text name;
	const char *value;
	struct walk walk;
	size_t size, i;
	bool first;

	for (document.step = 1; document.step < sizeof(text) + 1; document.step++) {
		CU_ASSERT_EQUAL_FATAL(walk_open(&walk, &json_host_extension, read_document, &document, NULL), HF_OK);
		CU_ASSERT_EQUAL(walk_begin(&walk, NULL), HF_OK);
		CU_ASSERT_EQUAL(walk_enter(&walk, '{', NULL), HF_OK);
		first = true;
		CU_ASSERT_EQUAL(walk_next(&walk, '}', &first, NULL), 1);
		CU_ASSERT_EQUAL(walk_name(&walk, &name, NULL), HF_OK);
		CU_ASSERT_TRUE(value_text_is(&name, "a\\\"b"));
		CU_ASSERT_EQUAL(walk_value(&walk, 100, &value, &size, NULL), HF_OK);
		CU_ASSERT_TRUE(size == 6 && memcmp(value, "12.5e3", 6) == 0);
		CU_ASSERT_EQUAL(walk_next(&walk, '}', &first, NULL), 1);
		CU_ASSERT_EQUAL(walk_name(&walk, &name, NULL), HF_OK);
		CU_ASSERT_TRUE(value_text_is(&name, "list"));
		CU_ASSERT_EQUAL(walk_enter(&walk, '[', NULL), HF_OK);
		first = true;
		for (i = 0; walk_next(&walk, ']', &first, NULL) == 1 && i < 5; i++) {
			if (i == 3) {
				CU_ASSERT_EQUAL(walk_skip(&walk, NULL), HF_OK);
				continue;
			}
			CU_ASSERT_EQUAL(walk_value(&walk, 100, &value, &size, NULL), HF_OK);
			CU_ASSERT_TRUE(size == strlen(values[i]) && memcmp(value, values[i], size) == 0);
		}
		CU_ASSERT_EQUAL(i, 5);
		CU_ASSERT_EQUAL(walk_next(&walk, '}', &first, NULL), 1);
		CU_ASSERT_EQUAL(walk_name(&walk, &name, NULL), HF_OK);
		CU_ASSERT_EQUAL(walk_skip(&walk, NULL), HF_OK);
		CU_ASSERT_EQUAL(walk_next(&walk, '}', &first, NULL), 0);
		CU_ASSERT_EQUAL(walk_peek(&walk, NULL), 0);
		CU_ASSERT_EQUAL(walk_tell(&walk), sizeof(text) - 1);
		walk_seek(&walk, 4);
		CU_ASSERT_EQUAL(walk_peek(&walk, NULL), '{');
		walk_close(&walk);
	}
}

/* What a walk through all of a document says. */
static int
walk_through(const char *text, size_t size, size_t step, struct hf_error *err)
{
	struct document document = {text, size, step};
	struct hf_text name;
	struct walk walk;
	bool first = true;
	int r = walk_open(&walk, &json_host_extension, read_document, &document, err);

	if (r == HF_OK)
		r = walk_enter(&walk, '{', err);
	while (r == HF_OK && (r = walk_next(&walk, '}', &first, err)) > 0) {
		r = walk_name(&walk, &name, err);
		if (r == HF_OK)
			r = walk_skip(&walk, err);
	}
	walk_close(&walk);
	return r;
}

static void
test_walk_broken(void)
{
	static const char whole[] = "{\"a\":[1,{\"b\":\"c\\\\\"}],\"d\":-1.5,\"e\":\"\"}";
	static const char *const bad[] = {"", "[", "{1}", "{\"a\"}", "{\"a\" 1}", "{\"a\":}", "{\"a\":1 \"b\":2}",
	    "{\"a\":1,}", "{\"a\":,}", "{,}"};
	struct hf_error err = HF_ERROR_INIT;
	size_t i, step;

	for (step = 1; step < 5; step++) {
		CU_ASSERT_EQUAL(walk_through(whole, sizeof(whole) - 1, step, &err), HF_OK);
		for (i = 0; i < sizeof(whole) - 1; i++)
			CU_ASSERT_EQUAL(walk_through(whole, i, step, &err), HF_ECORRUPT);
		for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			CU_ASSERT_EQUAL(walk_through(bad[i], strlen(bad[i]), step, &err), HF_ECORRUPT);
	}
	CU_ASSERT_EQUAL(walk_through(whole, 10, 1, &err), HF_ECORRUPT);
	CU_ASSERT_STRING_EQUAL(err.msg, "the file ends in the middle (at byte 10)");
}

/* Any bytes: an end, and no read outside. */
static void
test_walk_random(void)
{
	static const char alphabet[] = "{}[]\",:\\ 1au\n";
	struct hf_error err = HF_ERROR_INIT;
	uint64_t random = 4711;
	char *text;
	size_t i, n, round;

	for (round = 0; round < 20000; round++) {
		n = round % 40;
		text = malloc(n + 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		for (i = 0; i < n; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			text[i] = i == 0 ? '{' : alphabet[(random >> 33) % (sizeof(alphabet) - 1)];
		}
		(void)walk_through(text, n, 1 + round % 7, &err);
		free(text);
	}
}

/* Values longer than the buffer, than what is asked for, and than can be. */
static void
test_walk_long(void)
{
	size_t size = WALK_MAX + 1000, length;
	struct document document = {NULL, size, size};
	struct hf_error err = HF_ERROR_INIT;
	char *text = malloc(size);
	const char *value;
	struct walk walk;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, 'a', size);
	text[0] = text[size - 2] = '"';
	text[size - 1] = '7';
	document.text = text;
	CU_ASSERT_EQUAL_FATAL(walk_open(&walk, &json_host_extension, read_document, &document, NULL), HF_OK);
	CU_ASSERT_EQUAL(walk_value(&walk, 1000, &value, &length, &err), HF_ERANGE);
	CU_ASSERT_EQUAL(walk_tell(&walk), 0);
	CU_ASSERT_EQUAL(walk_value(&walk, WALK_MAX, &value, &length, &err), HF_ERANGE);
	CU_ASSERT_EQUAL(walk_skip(&walk, NULL), HF_OK);
	CU_ASSERT_EQUAL(walk_peek(&walk, NULL), '7');
	text[size - 2000] = '"';
	walk_seek(&walk, 0);
	CU_ASSERT_EQUAL(walk_value(&walk, WALK_MAX, &value, &length, &err), HF_OK);
	CU_ASSERT_TRUE(length == size - 1999 && memcmp(value, text, length) == 0);
	walk_close(&walk);
	free(text);
}

static void
test_digest(void)
{
	static struct digest digest;
	uint8_t one[DIGEST_SIZE], other[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	size_t size = 3 * DIGEST_BLOCK + 5, i;
	char *text = calloc(1, size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	digest_begin(&digest, &write_host_extension);
	digest_add(&digest, text, size);
	CU_ASSERT_EQUAL(digest_end(&digest, one, NULL), HF_OK);
	digest_begin(&digest, &write_host_extension);
	for (i = 0; i < size; i += 1000)
		digest_add(&digest, text + i, size - i < 1000 ? size - i : 1000);
	CU_ASSERT_EQUAL(digest_end(&digest, other, NULL), HF_OK);
	CU_ASSERT_EQUAL(memcmp(one, other, sizeof(one)), 0);
	text[size - 1] = 1;
	digest_begin(&digest, &write_host_extension);
	digest_add(&digest, text, size);
	CU_ASSERT_EQUAL(digest_end(&digest, other, NULL), HF_OK);
	CU_ASSERT_NOT_EQUAL(memcmp(one, other, sizeof(one)), 0);
	memset(one, 0xa5, sizeof(one));
	digest_hex(one, hex);
	CU_ASSERT_TRUE(strlen(hex) == 64 && strncmp(hex, "a5a5", 4) == 0);
	free(text);
}

/* What people_push tells, a line each. */
static char told[4000];

static int
tell_person(void *ctx, const struct hf_participant *person, struct hf_error *err)
{
	size_t used = strlen(told);

	(void)ctx;
	(void)err;
	if (used < 3000)
		(void)snprintf(told + used, sizeof(told) - used, "%.*s=%.*s\n", (int)person->id.size, person->id.data,
		    (int)person->name.size, person->name.data == NULL ? "" : person->name.data);
	return HF_OK;
}

static int
add_person(struct people *people, const char *id, const char *name)
{
	struct hf_text id_text = value_of_string(id), name_text = {NULL, 0, 0, 0};

	if (name != NULL)
		name_text = value_of_string(name);
	return people_add(people, &id_text, &name_text, NULL);
}

static void
test_people(void)
{
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .participant = tell_person};
	struct hf_text text = value_of_string("c");
	struct people people;
	char id[32];
	unsigned i;

	people_init(&people, &json_host_extension);
	CU_ASSERT_FALSE(people_has(&people, &text));
	CU_ASSERT_EQUAL(add_person(&people, "b", "B"), HF_OK);
	CU_ASSERT_EQUAL(add_person(&people, "a", NULL), HF_OK);
	CU_ASSERT_EQUAL(add_person(&people, "b", "New"), HF_OK);
	CU_ASSERT_EQUAL(add_person(&people, "b", NULL), HF_OK);
	CU_ASSERT_EQUAL(add_person(&people, "c", ""), HF_OK);
	CU_ASSERT_TRUE(people_has(&people, &text));
	told[0] = '\0';
	CU_ASSERT_EQUAL(people_push(&people, &sink, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(told, "b=New\na=\nc=\n");
	people_clear(&people);
	for (i = 0; i < PEOPLE_MAX + 10; i++) {
		(void)snprintf(id, sizeof(id), "%u", i);
		CU_ASSERT_EQUAL(add_person(&people, id, id), HF_OK);
		CU_ASSERT_EQUAL(add_person(&people, id, id), HF_OK);
	}
	CU_ASSERT_EQUAL(people.count, PEOPLE_MAX);
	CU_ASSERT_TRUE(people.full);
	people_clear(&people);
	CU_ASSERT_EQUAL(people.count, 0);
}

static void
test_values(void)
{
	struct hf_json_value v = {"12", 2, HF_JSON_NUMBER, 0};

	CU_ASSERT_EQUAL(value_number(&v, -1), 12);
	CU_ASSERT_EQUAL(value_unix_time(&v), 12000000000ll);
	v.type = HF_JSON_STRING;
	CU_ASSERT_EQUAL(value_number(&v, -1), 12);
	v = (struct hf_json_value){"-1", 2, HF_JSON_NUMBER, 0};
	CU_ASSERT_EQUAL(value_number(&v, -7), -7);
	v = (struct hf_json_value){"99999999999999999999", 20, HF_JSON_NUMBER, 0};
	CU_ASSERT_EQUAL(value_number(&v, -7), -7);
	CU_ASSERT_EQUAL(value_unix_time(&v), HF_NO_TIME);
	v = (struct hf_json_value){"", 0, HF_JSON_STRING, 0};
	CU_ASSERT_PTR_NULL(value_text(&v).data);
	CU_ASSERT_PTR_NOT_NULL(value_text_or_empty(&v).data);
	CU_ASSERT_EQUAL(value_civil_time(2024, 2, 29, 12, 0, 1), 1709208001000000000ll);
	CU_ASSERT_EQUAL(value_civil_time(1969, 12, 31, 23, 59, 59), -1000000000ll);
	CU_ASSERT_EQUAL(value_civil_time(2023, 2, 29, 12, 0, 1), HF_NO_TIME);
	CU_ASSERT_EQUAL(value_civil_time(2023, 13, 1, 0, 0, 0), HF_NO_TIME);
	CU_ASSERT_EQUAL(value_civil_time(-1, 1, 1, 0, 0, 0), HF_NO_TIME);
	CU_ASSERT_TRUE(value_is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82", 10));
	CU_ASSERT_FALSE(value_is_utf8("\xc3", 1));
	CU_ASSERT_FALSE(value_is_utf8("\xed\xa0\x80", 3));
	CU_ASSERT_FALSE(value_is_utf8("\xc0\xaf", 2));
	CU_ASSERT_FALSE(value_is_utf8("\xf4\x90\x80\x80", 4));
}

/* A local time given as UTC's, in seconds. */
static int64_t
utc_of(const struct zone *zone, int month, int day, int hour, int minute)
{
	return zone_utc(zone, value_civil_time(2024, month, day, hour, minute, 0)) / 1000000000;
}

static int64_t
at(int month, int day, int hour, int minute)
{
	return value_civil_time(2024, month, day, hour, minute, 0) / 1000000000;
}

static void
test_zones(void)
{
	static const char *const bad[] = {"../etc/passwd", "/etc/localtime", "Europe/..", "+1", "+99:00", "+01:60", "a b"};
	struct hf_error err = HF_ERROR_INIT;
	struct zone zone;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(zone_check(bad[i], &err), HF_EINVAL);
		CU_ASSERT_EQUAL(zone_open(bad[i], &zone, &err), HF_EINVAL);
	}
	CU_ASSERT_EQUAL(zone_check("Nowhere/At_all", &err), HF_OK);
	CU_ASSERT_EQUAL(zone_open("Nowhere/At_all", &zone, &err), HF_EINVAL);
	CU_ASSERT_EQUAL_FATAL(zone_open("+05:30", &zone, &err), HF_OK);
	CU_ASSERT_EQUAL(utc_of(&zone, 7, 1, 12, 0), at(7, 1, 6, 30));
	zone_close(&zone);
	CU_ASSERT_EQUAL_FATAL(zone_open("-0330", &zone, &err), HF_OK);
	CU_ASSERT_EQUAL(utc_of(&zone, 7, 1, 12, 0), at(7, 1, 15, 30));
	CU_ASSERT_EQUAL(zone_utc(&zone, HF_NO_TIME), HF_NO_TIME);
	zone_close(&zone);
	/* Where the machine has no zone database there is nothing more to see. */
	if (zone_open("Europe/Berlin", &zone, &err) != HF_OK)
		return;
	CU_ASSERT_EQUAL(utc_of(&zone, 1, 1, 12, 0), at(1, 1, 11, 0));
	CU_ASSERT_EQUAL(utc_of(&zone, 7, 1, 12, 0), at(7, 1, 10, 0));
	/* Clocks go from 2:00 to 3:00, and from 3:00 to 2:00. */
	CU_ASSERT_EQUAL(utc_of(&zone, 3, 31, 1, 59), at(3, 31, 0, 59));
	CU_ASSERT_EQUAL(utc_of(&zone, 3, 31, 3, 0), at(3, 31, 1, 0));
	CU_ASSERT_EQUAL(utc_of(&zone, 10, 27, 2, 30), at(10, 27, 0, 30));
	CU_ASSERT_EQUAL(utc_of(&zone, 10, 27, 3, 0), at(10, 27, 2, 0));
	zone_close(&zone);
	/* The process's own zone is what it was. */
	CU_ASSERT_STRING_EQUAL(getenv("TZ"), "UTC");
	CU_ASSERT_EQUAL_FATAL(zone_open(NULL, &zone, &err), HF_OK);
	CU_ASSERT_EQUAL(utc_of(&zone, 7, 1, 12, 0), at(7, 1, 12, 0));
	zone_close(&zone);
}

struct grouped {
	const char *name;
	int number;
};

static void
test_groups(void)
{
	static const struct grouped list[] = {{"a", 1}, {"ab", 2}, {"ab", 3}, {"abc", 4}, {"b", 5}};
	static const struct {
		const char *name;
		size_t at, size;
	} groups[] = {{"a", 0, 1}, {"ab", 1, 2}, {"abc", 3, 1}, {"b", 4, 1}, {"", 0, 0}, {"aa", 0, 0}, {"abcd", 0, 0},
	    {"c", 0, 0}};
	const size_t count = sizeof(list) / sizeof(list[0]), width = sizeof(list[0]);
	size_t i, at;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		at = 99;
		CU_ASSERT_EQUAL(group_find(list, count, width, groups[i].name, strlen(groups[i].name), &at),
		    groups[i].size);
		CU_ASSERT_EQUAL(at, groups[i].size > 0 ? groups[i].at : 99);
		if (groups[i].size > 0)
			CU_ASSERT_EQUAL(group_size(list, count, width, at), groups[i].size);
	}
	CU_ASSERT_EQUAL(group_find(list, count, width, "abX", 2, &at), 2);
	CU_ASSERT_EQUAL(group_find(NULL, 0, width, "a", 1, &at), 0);
}

/* What a look through folders has met. */
struct met {
	unsigned files, folders;
	int answer;
};

static int
meet(void *ctx, int fd, const char *name, const char *path, struct hf_error *err)
{
	struct met *met = ctx;

	if (name[0] == '.')
		return HF_OK;
	if (strcmp(name, "inner") == 0) {
		met->folders++;
		return folder_each(openat(fd, name, O_RDONLY | O_DIRECTORY), "top", path, meet, met, err);
	}
	met->files += strcmp(path, "inner/One.JSON") == 0 && folder_ends_with(name, ".json");
	return met->answer;
}

static void
test_folders(void)
{
	char top[] = "/tmp/test-common-XXXXXX";
	struct hf_error err = HF_ERROR_INIT;
	struct met met = {0};
	struct state state;
	int folder, fd, other;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
	folder = open(top, O_RDONLY | O_DIRECTORY);
	CU_ASSERT_TRUE_FATAL(folder >= 0 && mkdirat(folder, "inner", 0700) == 0);
	fd = openat(folder, "inner/One.JSON", O_WRONLY | O_CREAT, 0600);
	CU_ASSERT_EQUAL_FATAL(state_read(fd, "one", &state, &err), HF_OK);
	CU_ASSERT_EQUAL(folder_each_in(folder, ".", top, meet, &met, &err), HF_OK);
	CU_ASSERT_TRUE(met.folders == 1 && met.files == 1);
	met.answer = HF_ESTOP;
	CU_ASSERT_EQUAL(folder_each_in(folder, "inner", top, meet, &met, &err), HF_ESTOP);
	CU_ASSERT_EQUAL(folder_each_in(folder, "gone", "top", meet, &met, &err), HF_EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "top/gone: "));
	/* A link as the last part or on the way is not followed, where that is asked for. */
	CU_ASSERT_EQUAL_FATAL(symlinkat("inner", folder, "link"), 0);
	CU_ASSERT_EQUAL(state_open_file(folder, "link/One.JSON", 0, "link/One.JSON", &other, &err), HF_OK);
	(void)close(other);
	CU_ASSERT_EQUAL(state_open_file(folder, "link/One.JSON", O_NOFOLLOW, "link/One.JSON", &other, &err), HF_EPERM);
	CU_ASSERT_EQUAL(state_open_file(folder, "inner/One.JSON", O_NOFOLLOW, "inner/One.JSON", &other, &err), HF_OK);
	(void)close(other);
	CU_ASSERT_EQUAL(state_open_file(folder, "inner/none", O_NOFOLLOW, "inner/none", &other, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(unlinkat(folder, "link", 0), 0);
	CU_ASSERT_TRUE(state_is_current(folder, "inner/One.JSON", AT_SYMLINK_NOFOLLOW, &state));
	CU_ASSERT_EQUAL(write(fd, "1", 1), 1);
	CU_ASSERT_FALSE(state_is_current(folder, "inner/One.JSON", AT_SYMLINK_NOFOLLOW, &state));
	CU_ASSERT_EQUAL(unlinkat(folder, "inner/One.JSON", 0), 0);
	CU_ASSERT_FALSE(state_is_current(folder, "inner/One.JSON", AT_SYMLINK_NOFOLLOW, &state));
	(void)close(fd);
	CU_ASSERT_EQUAL(unlinkat(folder, "inner", AT_REMOVEDIR), 0);
	(void)close(folder);
	CU_ASSERT_EQUAL(rmdir(top), 0);
	CU_ASSERT_FALSE(folder_ends_with(".json", ".json"));
	CU_ASSERT_FALSE(folder_ends_with("a.jsonl", ".json"));
}

/* A source of one room, "r", in two parts with a message each; and what its sink got. */
struct answers {
	unsigned finds, reads, messages, checkpoints, people;
	char cursor[200];
};

static int32_t
go_on(void *ctx)
{
	(void)ctx;
	return 0;
}

static int
find_r(void *ctx, const struct hf_text *id, struct query_room *room, struct hf_error *err)
{
	static const int parts[2] = {1, 2};
	struct answers *got = ctx;

	(void)err;
	got->finds++;
	if (value_text_is(id, "r"))
		*room = (struct query_room){parts, 2};
	return HF_OK;
}

static int
state_r(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	(void)snprintf(feed->state, sizeof(feed->state), "state%zu", room->count);
	return HF_OK;
}

static int
read_r(void *ctx, const struct query_room *room, struct feed *feed, struct hf_error *err)
{
	const struct hf_text name = value_of_string("Ann");
	struct hf_message message = {.struct_size = sizeof(message), .sender = value_of_string("a")};
	struct answers *got = ctx;
	size_t i;

	got->reads++;
	for (i = 0; i < room->count; i++) {
		(void)feed_next(feed);
		CU_ASSERT_EQUAL(feed_message(feed, &message, &name, err), HF_OK);
		CU_ASSERT_EQUAL(feed_passed(feed, err), HF_OK);
	}
	return feed_end(feed, room->parts, err);
}

static int
take_message(void *ctx, const struct hf_message *message, struct hf_error *err)
{
	(void)message;
	(void)err;
	((struct answers *)ctx)->messages++;
	return HF_OK;
}

static int
take_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct answers *got = ctx;

	(void)err;
	got->checkpoints++;
	(void)snprintf(got->cursor, sizeof(got->cursor), "%.*s", (int)cursor->size, (const char *)cursor->data);
	return HF_OK;
}

static int
take_person(void *ctx, const struct hf_participant *person, struct hf_error *err)
{
	(void)err;
	((struct answers *)ctx)->people += value_text_is(&person->name, "Ann");
	return HF_OK;
}

static void
test_queries(void)
{
	static const struct query_ops ops = {find_r, state_r, read_r};
	struct answers got = {0};
	const struct hf_host host = {.struct_size = sizeof(host), .stop_requested = go_on};
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = &got, .participant = take_person,
	    .message = take_message, .checkpoint = take_checkpoint};
	struct people people;
	const struct query_source source = {&ops, &got, &host, &json_host_extension, &people};
	struct hf_query query = {.struct_size = sizeof(query), .what = HF_QUERY_MESSAGES};
	struct hf_error err = HF_ERROR_INIT;
	char cursor[200];

	people_init(&people, &json_host_extension);
	CU_ASSERT_EQUAL(query_messages(&source, &query, &sink, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(query_members(&source, &query, &sink, &err), HF_EINVAL);
	query.room = value_of_string("none");
	CU_ASSERT_EQUAL(query_messages(&source, &query, &sink, &err), HF_OK);
	CU_ASSERT_TRUE(got.reads == 0 && got.checkpoints == 1 && strstr(got.cursor, "\"done\":false") != NULL);
	query.room = value_of_string("r");
	CU_ASSERT_EQUAL(query_messages(&source, &query, &sink, &err), HF_OK);
	CU_ASSERT_TRUE(got.reads == 1 && got.messages == 2 && got.checkpoints == 2);
	/* Who wrote is known by now. */
	CU_ASSERT_EQUAL(query_members(&source, &query, &sink, &err), HF_OK);
	CU_ASSERT_TRUE(got.reads == 1 && got.people == 1);
	/* The state has not changed: nothing is read, and nobody is told of. */
	memcpy(cursor, got.cursor, sizeof(cursor));
	query.cursor = (struct hf_blob){cursor, strlen(cursor)};
	CU_ASSERT_EQUAL(query_messages(&source, &query, &sink, &err), HF_OK);
	CU_ASSERT_TRUE(got.reads == 1 && got.messages == 2 && got.checkpoints == 3);
	CU_ASSERT_STRING_EQUAL(got.cursor, cursor);
	CU_ASSERT_EQUAL(query_members(&source, &query, &sink, &err), HF_ENOTSUP);
	/* Nobody's people: they are looked for without a message. */
	people_clear(&people);
	CU_ASSERT_EQUAL(query_members(&source, &query, &sink, &err), HF_OK);
	CU_ASSERT_TRUE(got.reads == 2 && got.messages == 2 && got.checkpoints == 3 && got.people == 2);
	people_clear(&people);
}

static int
take_failure(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	(void)why;
	(void)err;
	CU_ASSERT_STRING_EQUAL(where, "file:7");
	return *(int *)ctx;
}

static int32_t
stop_now(void *ctx)
{
	(void)ctx;
	return 1;
}

static void
test_sources(void)
{
	int answer = HF_ENOSPC;
	const struct hf_host host = {.struct_size = sizeof(host), .stop_requested = stop_now};
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = &answer, .failed = take_failure};
	struct hf_source_caps caps = {.struct_size = sizeof(caps)};
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_TRUE(source_is_item_failure(HF_ECORRUPT) && source_is_item_failure(HF_ENOTFOUND));
	CU_ASSERT_FALSE(source_is_item_failure(HF_OK) || source_is_item_failure(HF_ENOMEM));
	CU_ASSERT_FALSE(source_is_item_failure(HF_ENET) || source_is_item_failure(HF_ESTOPPING));
	CU_ASSERT_EQUAL(source_failed(&host, &sink, "file:7", &err, NULL), HF_ENOSPC);
	CU_ASSERT_EQUAL(source_go_on(&host, "file", &err), HF_ESTOPPING);
	CU_ASSERT_STRING_EQUAL(err.msg, "file: told to stop");
	CU_ASSERT_TRUE(source_caps(NULL, &caps, NULL) == HF_OK && caps.can_deletions == HF_NO);
	CU_ASSERT_TRUE(source_caps_deletions(NULL, &caps, NULL) == HF_OK && caps.can_deletions == HF_YES);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"walk", test_walk}, {"walk through what is broken", test_walk_broken},
	    {"walk through anything", test_walk_random}, {"long values", test_walk_long}, {"digest", test_digest},
	    {"people", test_people}, {"values", test_values}, {"zones", test_zones},
	    {"groups", test_groups}, {"folders", test_folders}, {"queries", test_queries}, {"sources", test_sources},
	    CU_TEST_INFO_NULL};

	(void)setenv("TZ", "UTC", 1);
	return unit_run("common", tests);
}

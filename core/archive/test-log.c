/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/log.h"
#include "archive/test-run.h"
#include "base/log.h"
#include "base/path.h"
#include "base/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct test_run run;
static struct log *open_log;
static struct log_result result;
static struct repository_id before;
static bool has_before;
static char seen_path[2200];

static void
begin(void)
{
	test_run_begin(&run);
	(void)snprintf(seen_path, sizeof(seen_path), "%s/list", run.place.directory);
	has_before = false;
	test_run_open_writer(&run);
}

static int
start(void)
{
	static struct log_place place;

	place = (struct log_place){run.repository, run.writer, "a/room", run.place.directory, seen_path,
	    has_before ? &before : NULL, false};
	return log_open(&place, &open_log, NULL);
}

/* Finishes the log and the run; what it left is the next one's before. */
static int
finish(void)
{
	struct hf_error err = HF_ERROR_INIT;
	int r = log_finish(open_log, &result, &err);

	log_free(open_log);
	open_log = NULL;
	test_run_finish_writer(&run);
	test_run_open_writer(&run);
	if (r != HF_OK)
		return r;
	if (result.changed) {
		before = result.tree;
		has_before = true;
	}
	return HF_OK;
}

static struct hf_line
line_of(struct buffer *text, const char *op, const char *id, const char *rest)
{
	struct hf_line line = {0};

	buffer_clear(text);
	buffer_appendf(text, "{\"op\":\"%s\",", op);
	line.rest_offset = text->size;
	line.id_offset = text->size + strlen("\"id\":\"");
	line.id_size = strlen(id);
	buffer_append_string(text, "\"id\":\"");
	buffer_append_string(text, id);
	buffer_append_string(text, "\",\"text\":\"");
	buffer_append_string(text, rest);
	buffer_append_string(text, "\"}");
	line.data = buffer_string(text);
	line.size = text->size;
	return line;
}

/* Asks, and appends what is not UNCHANGED.  Returns what was answered. */
static int
put_op(const char *op, const char *id, const char *rest, int64_t time_ns)
{
	struct buffer text = BUFFER_INIT((size_t)100 << 20);
	struct hf_line line = line_of(&text, op, id, rest);
	int known, r = HF_OK;

	line.time_ns = time_ns;
	known = log_known(open_log, &line, NULL);
	if (known == HF_KNOWN_NEW || known == HF_KNOWN_CHANGED)
		r = log_append(open_log, &line, NULL);
	buffer_release(&text);
	return r == HF_OK ? known : r;
}

static int
put(const char *id, const char *rest)
{
	return put_op("message", id, rest, 1000);
}

/* The answers for the records from first to last, each put; 0: they differ. */
static int
put_range(unsigned first, unsigned last, const char *rest)
{
	int answer = 0, r;
	char id[40];
	unsigned i;

	for (i = first; i < last; i++) {
		(void)snprintf(id, sizeof(id), "m%u", i);
		r = put_op("message", id, rest, i);
		if (i > first && r != answer)
			return 0;
		answer = r;
	}
	return answer;
}

static int
append(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	(void)err;
	buffer_append(ctx, data, (size_t)size);
	return HF_OK;
}

static bool
before_is(const char *op, const char *id, const char *rest)
{
	struct buffer got = BUFFER_INIT((size_t)100 << 20), wanted = BUFFER_INIT((size_t)100 << 20);
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &got, append};
	bool same = log_before(open_log, &sink, NULL) == HF_OK;

	(void)line_of(&wanted, op, id, rest);
	same = same && got.size == wanted.size && memcmp(got.data, wanted.data, got.size) == 0;
	buffer_release(&got);
	buffer_release(&wanted);
	return same;
}

/* Everything the log holds, its files one after the other; returns how many files there are. */
static unsigned
read_all(struct buffer *out)
{
	char name[32];
	unsigned files = 0;

	buffer_clear(out);
	do
		(void)snprintf(name, sizeof(name), "%06u.jsonl", files + 1);
	while (test_run_read(&run, &before, name, out) && ++files > 0);
	return files;
}

static unsigned
count_lines(const struct buffer *text)
{
	unsigned count = 0;
	size_t i;

	for (i = 0; i < text->size; i++)
		count += text->data[i] == '\n';
	return count;
}

/* How often a text stands in the log. */
static unsigned
occurs(const char *what)
{
	struct buffer all = BUFFER_INIT((size_t)100 << 20);
	const char *at;
	unsigned count = 0;

	(void)read_all(&all);
	for (at = buffer_string(&all); at != NULL && (at = strstr(at, what)) != NULL; at++)
		count++;
	buffer_release(&all);
	return count;
}

/* ---- sizes ---- */

static void
test_sizes(void)
{
	static const struct {
		unsigned lines, files;
	} cases[] = {{0, 0}, {1, 1}, {499, 1}, {500, 1}, {501, 2}, {999, 2}, {1000, 2}, {1200, 3}};
	struct buffer all = BUFFER_INIT((size_t)100 << 20), wanted = BUFFER_INIT((size_t)100 << 20);
	struct buffer text = BUFFER_INIT(1000);
	struct repository_id first;
	struct repository_writer_stats stats;
	unsigned i, n;
	char id[40];

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put_range(0, cases[i].lines, "hello"), cases[i].lines > 0 ? HF_KNOWN_NEW : 0);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL(result.appended, cases[i].lines);
		CU_ASSERT_EQUAL(result.changed, cases[i].lines > 0);
		CU_ASSERT_EQUAL(result.newest_ns, cases[i].lines > 0 ? cases[i].lines - 1 : HF_NO_TIME);
		if (cases[i].lines == 0) {
			repository_writer_stats(run.writer, &stats);
			CU_ASSERT_EQUAL(stats.tree_blobs, 0);
			CU_ASSERT_EQUAL(test_place_count(&run.place, HF_OBJECT_DATA), 0);
			test_run_end(&run);
			continue;
		}
		CU_ASSERT_EQUAL(result.mtime_ns, cases[i].lines - 1);
		CU_ASSERT_EQUAL(read_all(&all), cases[i].files);
		buffer_clear(&wanted);
		for (n = 0; n < cases[i].lines; n++) {
			(void)snprintf(id, sizeof(id), "m%u", n);
			(void)line_of(&text, "message", id, "hello");
			buffer_appendf(&wanted, "%s\n", buffer_string(&text));
		}
		CU_ASSERT(all.size == wanted.size && memcmp(all.data, wanted.data, all.size) == 0);
		/* Again, twice: from the log itself and from the list kept.  Nothing is stored. */
		first = before;
		for (n = 0; n < 2; n++) {
			CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
			CU_ASSERT_EQUAL(put_range(0, cases[i].lines, "hello"), HF_KNOWN_UNCHANGED);
			CU_ASSERT_EQUAL(log_finish(open_log, &result, NULL), HF_OK);
			log_free(open_log);
			CU_ASSERT(!result.changed);
			CU_ASSERT_EQUAL(result.appended, 0);
			CU_ASSERT_EQUAL(result.newest_ns, HF_NO_TIME);
			CU_ASSERT_EQUAL(memcmp(&result.tree, &first, sizeof(first)), 0);
			CU_ASSERT_EQUAL(access(seen_path, F_OK), 0);
			repository_writer_stats(run.writer, &stats);
			CU_ASSERT_EQUAL(stats.data_blobs + stats.tree_blobs, 0);
		}
		test_run_end(&run);
	}
	buffer_release(&text);
	buffer_release(&all);
	buffer_release(&wanted);
}

static void
test_long_lines(void)
{
	size_t size = ((size_t)5 << 20) + 3;
	char *rest = malloc(size + 1);
	struct buffer all = BUFFER_INIT((size_t)100 << 20);

	memset(rest, 'x', size);
	rest[size] = '\0';
	begin();
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("a", "short"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("c", "short"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(read_all(&all), 2);
	CU_ASSERT_EQUAL(count_lines(&all), 3);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("a", "short"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_UNCHANGED);
	rest[7] = 'y';
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(put("c", "short"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("d", "new"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(result.appended, 2);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_UNCHANGED);
	rest[7] = 'z';
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_CHANGED);
	rest[7] = 'y';
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(count_lines(&all), 3);
	(void)read_all(&all);
	CU_ASSERT_EQUAL(count_lines(&all), 6);
	CU_ASSERT(test_run_restic_agrees(&run, &before));
	buffer_release(&all);
	free(rest);
	test_run_end(&run);
}

/* The longest line that is taken, behind as much as one file takes: the next run must be able to read it. */
static void
test_longest_line(void)
{
	size_t size = LOG_LINE_BYTES - strlen("{\"op\":\"message\",\"id\":\"b\",\"text\":\"\"}");
	char *rest = malloc(size + 2), *most = malloc(LOG_FILE_BYTES);

	memset(rest, 'x', size + 1);
	rest[size + 1] = '\0';
	memset(most, 'y', LOG_FILE_BYTES);
	most[LOG_FILE_BYTES - 100] = '\0';
	begin();
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("a", most), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("b", rest), HF_ERANGE);
	rest[size] = '\0';
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("b", rest), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("a", most), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("c", most), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	free(rest);
	free(most);
	test_run_end(&run);
}

/* ---- what is known ---- */

static void
test_changed(void)
{
	struct buffer none = BUFFER_INIT(1000);
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &none, append};

	begin();
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, 1100, "one"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	/* In a full file, and in one that this run takes apart. */
	CU_ASSERT_EQUAL(put("m3", "two"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "m3", "one"));
	CU_ASSERT_EQUAL(put("m1099", "two"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "m1099", "one"));
	/* Only the op differs: the same state. */
	CU_ASSERT_EQUAL(put_op("edit", "m4", "one", 5), HF_KNOWN_UNCHANGED);
	/* Asked again: what this run wrote is what counts. */
	CU_ASSERT_EQUAL(put("m3", "two"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("m3", "three"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(log_before(open_log, &sink, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(put("m3", "one"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(result.appended, 4);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("m3", "three"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "m3", "one"));
	CU_ASSERT_EQUAL(put("m1099", "four"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "m1099", "two"));
	CU_ASSERT_EQUAL(put("new", "n"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(log_before(open_log, &sink, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	/* Also behind more new lines than the memory keeps. */
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("m5", "two"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(put_range(2000, 4000, "new"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("m5", "two"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("m5", "three"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "m5", "two"));
	CU_ASSERT_EQUAL(put("m1099", "two"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(put_range(2000, 4000, "new"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(occurs("\"id\":\"m5\""), 3);
	CU_ASSERT_EQUAL(occurs("\"id\":\"m3\""), 5);
	CU_ASSERT_EQUAL(occurs("\"id\":\"m2500\""), 1);
	CU_ASSERT(test_run_restic_agrees(&run, &before));
	buffer_release(&none);
	test_run_end(&run);
}

/* One export with an id twice: on a first run, where nothing is compared, and on a later one. */
static void
test_twice(void)
{
	unsigned round;

	for (round = 0; round < 2; round++) {
		begin();
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		if (round == 1) {
			CU_ASSERT_EQUAL(put("first", "line"), HF_KNOWN_NEW);
			CU_ASSERT_EQUAL(finish(), HF_OK);
			CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		}
		CU_ASSERT_EQUAL(put("a", "old"), HF_KNOWN_NEW);
		CU_ASSERT_EQUAL(put_range(0, 700, "between"), HF_KNOWN_NEW);
		CU_ASSERT_EQUAL(put("a", "new"), HF_KNOWN_CHANGED);
		CU_ASSERT_EQUAL(put("a", "new"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL(occurs("\"id\":\"a\""), 2);
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put("a", "new"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(put_range(0, 700, "between"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT(!result.changed);
		/* The whole export read again, as it is: its older state comes first and is no news. */
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put("a", "older"), HF_KNOWN_CHANGED);
		CU_ASSERT(before_is("message", "a", "new"));
		CU_ASSERT_EQUAL(finish(), HF_OK);
		test_run_end(&run);
	}
}

/* A source that tells each record's whole history tells it again when it is read again: that is no news. */
static void
test_history(void)
{
	struct buffer text = BUFFER_INIT(10000);
	struct hf_line line;
	unsigned round;

	begin();
	for (round = 0; round < 4; round++) {
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		/* From the second run on with a list of known records, then with one that was made again. */
		if (round == 3)
			CU_ASSERT_EQUAL(unlink(seen_path), 0);
		CU_ASSERT_EQUAL(put("a", "one"), round == 0 ? HF_KNOWN_NEW : HF_KNOWN_CHANGED);
		CU_ASSERT_EQUAL(put_range(0, 700, "between"), round == 0 ? HF_KNOWN_NEW : HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(put("a", "two"), HF_KNOWN_CHANGED);
		/* What this run wrote can be looked at as long as it is kept. */
		line = line_of(&text, "message", "a", "never put");
		CU_ASSERT_EQUAL(log_known(open_log, &line, NULL), HF_KNOWN_CHANGED);
		CU_ASSERT(before_is("message", "a", round == 0 ? "two" : "three"));
		CU_ASSERT_EQUAL(put("b", "one"), round == 0 ? HF_KNOWN_NEW : HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(put("a", "three"), round == 0 ? HF_KNOWN_CHANGED : HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL(result.changed, round == 0);
		CU_ASSERT_EQUAL(result.appended, round == 0 ? 704 : 0);
		CU_ASSERT_EQUAL(occurs("\"id\":\"a\""), 3);
	}
	/* A new state at the end of the history is one record more, and its history no news later. */
	for (round = 0; round < 2; round++) {
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put("a", "one"), HF_KNOWN_CHANGED);
		CU_ASSERT_EQUAL(put("a", "two"), HF_KNOWN_CHANGED);
		CU_ASSERT_EQUAL(put("a", "three"), round == 0 ? HF_KNOWN_UNCHANGED : HF_KNOWN_CHANGED);
		CU_ASSERT_EQUAL(put("a", "four"), round == 0 ? HF_KNOWN_CHANGED : HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL(result.appended, round == 0 ? 1 : 0);
	}
	/* Really changed back, which nothing follows: that is kept, as the newest. */
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("a", "two"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "a", "four"));
	CU_ASSERT_EQUAL(put("b", "one"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(result.appended, 1);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("a", "two"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(result.changed, false);
	buffer_release(&text);
	test_run_end(&run);
}

/* More such records than are kept back: taken for changes, so that none is lost. */
static void
test_many_histories(void)
{
	begin();
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, 3000, "one"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put_range(0, 3000, "two"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, 3000, "one"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(result.appended, 3000);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, 3000, "one"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL(result.changed, false);
	CU_ASSERT(test_run_restic_agrees(&run, &before));
	test_run_end(&run);
}

static void
test_ids(void)
{
	static const char *const ids[] = {"x", " ", "\\\"", "\\\\", "\\\\\\\"", "a\\u0000b", "\\ud800", "\xc3\xa4",
	    "op", "\\/", "id\\\":\\\"x"};
	enum { COUNT = sizeof(ids) / sizeof(ids[0]) };
	char *large = malloc(10241);
	unsigned i, round;

	memset(large, 'L', 10240);
	large[10240] = '\0';
	begin();
	for (round = 0; round < 4; round++) {
		if (round == 2)
			(void)unlink(seen_path);
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		for (i = 0; i < COUNT; i++)
			CU_ASSERT_EQUAL(put(ids[i], "t"), round == 0 ? HF_KNOWN_NEW : HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(put(large, "t"), round == 0 ? HF_KNOWN_NEW : HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL(result.appended, round == 0 ? COUNT + 1 : 0);
	}
	large[10239] = 'M';
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put(large, "t"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("\\\"", "other"), HF_KNOWN_CHANGED);
	CU_ASSERT(before_is("message", "\\\"", "t"));
	CU_ASSERT_EQUAL(finish(), HF_OK);
	free(large);
	test_run_end(&run);
}

static int
ask_and_append(const struct hf_line *line)
{
	int r = log_known(open_log, line, NULL);

	return r > 0 ? log_append(open_log, line, NULL) : r;
}

/* A line that a later run could not read again must not get in. */
static void
test_bad_lines(void)
{
	static const char *const texts[] = {"", "{}", "{\"op\":\"message\",\"id\":\"a\"", "{\"id\":\"a\",\"op\":\"x\"}",
	    "{\"op\":\"message\",\"id\":\"a\"}\n", "{\"op\":\"message\",\"id\":\"a\",\n\"b\":1}",
	    "{\"op\":\"message\", \"id\":\"a\"}", "{\"op\":\"Mess\",\"id\":\"a\"}", "{\"op\":\"message\",\"id\":1}"};
	static const char good[] = "{\"op\":\"message\",\"id\":\"a\"}";
	static const char escaped[] = "{\"op\":\"message\",\"id\":\"\\\"b\\\\\"}";
	struct hf_line line;
	unsigned i, round;

	begin();
	for (round = 0; round < 2; round++) {
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			line = (struct hf_line){texts[i], strlen(texts[i]), 22, 1, 16, 5};
			if (log_known(open_log, &line, NULL) > 0 && log_append(open_log, &line, NULL) == HF_OK) {
				(void)fprintf(stderr, "taken: %s\n", texts[i]);
				CU_FAIL("a line that cannot be read again was taken");
			}
		}
		for (i = 0; i < 5; i++) {
			line = (struct hf_line){good, strlen(good), 22, 1, 16, 5};
			line.size -= i == 0;
			line.id_offset += i == 1 ? UINT64_MAX - 3 : 0;
			line.id_size += i == 2 ? UINT64_MAX : 0;
			line.rest_offset += i == 3 ? 100 : 0;
			line.id_size += i == 4 ? 1 : 0;
			CU_ASSERT_EQUAL(ask_and_append(&line), HF_EINVAL);
		}
		/* An id's end is the quote that no backslash stands before. */
		for (i = 0; i <= 6; i++) {
			line = (struct hf_line){escaped, strlen(escaped), 22, i, 16, 5};
			if (i == 5) {
				CU_ASSERT_EQUAL(log_known(open_log, &line, NULL), HF_KNOWN_NEW);
			} else {
				CU_ASSERT_EQUAL(ask_and_append(&line), HF_EINVAL);
			}
		}
		line = (struct hf_line){good, strlen(good), 22, 1, 16, 5};
		CU_ASSERT_EQUAL(log_known(open_log, &line, NULL), round == 0 ? HF_KNOWN_NEW : HF_KNOWN_UNCHANGED);
		if (round == 0)
			CU_ASSERT_EQUAL(log_append(open_log, &line, NULL), HF_OK);
		CU_ASSERT_EQUAL(finish(), HF_OK);
	}
	CU_ASSERT(test_run_holds(&run, &before, "000001.jsonl", "{\"op\":\"message\",\"id\":\"a\"}\n"));
	test_run_end(&run);
}

/* ---- the list of known records ---- */

static void
flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte = 0;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static void
test_seen_list(void)
{
	struct stat st;
	unsigned i;

	begin();
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, 30, "one"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	for (i = 0; i < 1700; i++) {
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		if (i % 100 == 0) {
			CU_ASSERT_EQUAL(put_range(i, i + 30, "one"), i == 0 ? HF_KNOWN_UNCHANGED : HF_KNOWN_NEW);
		} else {
			CU_ASSERT_EQUAL(put("m3", "one"), HF_KNOWN_UNCHANGED);
			CU_ASSERT_EQUAL(put_range(i - i % 100, i - i % 100 + 30, "one"), HF_KNOWN_UNCHANGED);
		}
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL_FATAL(stat(seen_path, &st), 0);
		/* Deleted, cut, emptied, longer; then a byte flipped anywhere. */
		switch (i % 100) {
		case 1:
			CU_ASSERT_EQUAL(unlink(seen_path), 0);
			break;
		case 2:
			CU_ASSERT_EQUAL(truncate(seen_path, st.st_size - 1 - i % 90), 0);
			break;
		case 3:
			CU_ASSERT_EQUAL(truncate(seen_path, 0), 0);
			break;
		case 4:
			CU_ASSERT_EQUAL(truncate(seen_path, st.st_size + 40), 0);
			break;
		default:
			flip(seen_path, (off_t)(i * 7919u) % st.st_size);
			break;
		}
		if (i % 100 == 20)
			i += 79;
	}
	CU_ASSERT_EQUAL(occurs("\"id\":"), 30 * 17);
	/* Nobody can write one: then each run reads the log. */
	CU_ASSERT_EQUAL(unlink(seen_path), 0);
	CU_ASSERT_EQUAL(mkdir(seen_path, 0700), 0);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, 30, "one"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put_range(5000, 5003, "one"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(5000, 5003, "one"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	test_run_end(&run);
}

/* ---- the geometric rule ---- */

#define RUNS 1000u

/* Counts each line of the files that this run wrote. */
static void
count_written(const struct repository_id *old, bool has_old, unsigned *written, unsigned *ret_files)
{
	struct buffer text = BUFFER_INIT((size_t)10 << 20), storage = BUFFER_INIT((size_t)1 << 20);
	struct repository_id now = before;
	struct node node;
	uint8_t ids[HASH_SIZE];
	char name[32];
	const char *at;
	unsigned file;

	for (file = 1;; file++) {
		bool same = false;

		(void)snprintf(name, sizeof(name), "%06u.jsonl", file);
		buffer_clear(&storage);
		if (repository_find_node(run.repository, &now, name, &node, &storage, NULL) != HF_OK)
			break;
		CU_ASSERT_EQUAL(node.content_count, 1);
		memcpy(ids, node.content, HASH_SIZE);
		buffer_clear(&storage);
		if (has_old && repository_find_node(run.repository, old, name, &node, &storage, NULL) == HF_OK)
			same = memcmp(ids, node.content, HASH_SIZE) == 0;
		buffer_clear(&text);
		CU_ASSERT(same || test_run_read(&run, &now, name, &text));
		for (at = buffer_string(&text); (at = strstr(at, "\"id\":\"m")) != NULL; at++)
			written[strtoul(at + 7, NULL, 10)]++;
	}
	*ret_files = file - 1;
	buffer_release(&text);
	buffer_release(&storage);
}

static void
test_merging(void)
{
	static unsigned written[RUNS];
	struct buffer all = BUFFER_INIT((size_t)10 << 20);
	unsigned i, files = 0, most_files = 0, most = 0;
	struct repository_id old;
	bool has_old;

	begin();
	for (i = 0; i < RUNS; i++) {
		old = before;
		has_old = has_before;
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put_range(i, i + 1, "one"), HF_KNOWN_NEW);
		CU_ASSERT_EQUAL_FATAL(finish(), HF_OK);
		count_written(&old, has_old, written, &files);
		if (files > i / 500 + 9)
			CU_FAIL("more files than there should be");
		most_files = files > most_files ? files : most_files;
	}
	CU_ASSERT_EQUAL(read_all(&all), files);
	CU_ASSERT_EQUAL(count_lines(&all), RUNS);
	for (i = 0; i < RUNS; i++)
		most = written[i] > most ? written[i] : most;
	(void)printf("files at most %u, a line written at most %u times ", most_files, most);
	/* Once, and rewritten at most 9 times. */
	CU_ASSERT(most <= 10);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(0, RUNS, "one"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT(test_run_restic_agrees(&run, &before));
	buffer_release(&all);
	test_run_end(&run);
}

/* ---- logs that others wrote ---- */

/* A folder with these files, as the log before. */
static void
make_before(const char *const *names, const char *const *texts, size_t lie)
{
	struct buffer ids = BUFFER_INIT(10000), tree = BUFFER_INIT(100000);
	struct node node;
	size_t i, size;

	tree_begin(&tree);
	for (i = 0; names[i] != NULL; i++) {
		size = strlen(texts[i]);
		buffer_clear(&ids);
		CU_ASSERT_EQUAL(repository_save_content(run.writer, texts[i], size, &ids, NULL), HF_OK);
		node = (struct node){.type = NODE_FILE, .name = names[i], .name_size = strlen(names[i]), .mode = 0600,
		    .size = size + lie, .content = ids.data, .content_count = ids.size / HASH_SIZE};
		CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_OK);
	}
	tree_end(&tree);
	CU_ASSERT_EQUAL(repository_save_blob(run.writer, BLOB_TREE, tree.data, tree.size, &before, NULL, NULL), HF_OK);
	has_before = true;
	test_run_finish_writer(&run);
	test_run_open_writer(&run);
	buffer_release(&ids);
	buffer_release(&tree);
}

/* Lines that are no records are kept, and in nobody's way. */
static void
test_garbage(void)
{
	static const char *const names[] = {"000001.jsonl", "000002.jsonl", NULL};
	static const char *const texts[] = {
	    "\n\n{\"op\":\"message\",\"id\":\"m1\",\"text\":\"t\"}\n{\"op\":\"message\",\"id\":\"\\\n{\"op\":\n"
	    "{\"op\":\"message\",\"id\":\"m2\",\"text\":\"t\"\n\xff\xfe\n{\"id\":\"m3\"}\n[1]\n",
	    "{}\n{\"op\":\"message\",\"id\":\"m4\",\"text\":\"t\"}\n{}\n"};
	struct buffer all = BUFFER_INIT((size_t)100 << 20);
	unsigned i;

	begin();
	make_before(names, texts, 0);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put("m1", "t"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("m2", "t"), HF_KNOWN_CHANGED);
	CU_ASSERT_EQUAL(put("m3", "t"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("m4", "t"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put_range(10, 600, "t"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	(void)read_all(&all);
	CU_ASSERT_EQUAL(count_lines(&all), 9 + 3 + 592);
	CU_ASSERT(all.size > strlen(texts[0]) + strlen(texts[1]) &&
	          memcmp(all.data, texts[0], strlen(texts[0])) == 0 &&
	          memcmp(all.data + strlen(texts[0]), texts[1], strlen(texts[1])) == 0);
	for (i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put_range(1, 5, "t"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(put_range(10, 600, "t"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT(!result.changed);
	}
	buffer_release(&all);
	test_run_end(&run);
}

static unsigned warnings;

static void
count_warning(void *ctx, int level, const char *msg)
{
	(void)ctx;
	warnings += level == HF_LOG_WARNING && strstr(msg, "a/room: ") == msg;
}

/* Files that cannot be read any more: they stay, and their records are taken again. */
static void
test_lost_files(void)
{
	static const char *const names[] = {"000001.jsonl", "000002.jsonl", "000003.jsonl", NULL};
	static const char *const texts[] = {"{\"op\":\"message\",\"id\":\"m1\",\"text\":\"t\"}\n",
	    "{\"op\":\"message\",\"id\":\"m2\",\"text\":\"t\"}\n{\"op\":\"message\",\"id\":\"m3\",\"text\":\"t\"}\n",
	    "{\"op\":\"message\",\"id\":\"m4\",\"text\":\"t\"}\n"};
	static const char *const strange[] = {"", "no newline", "\n"};
	struct repository_id whole, lost = {{1}};
	struct buffer tree = BUFFER_INIT(100000), out = BUFFER_INIT(1000), text = BUFFER_INIT(1000);
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &out, append};
	struct node node;
	unsigned i;

	log_set_sink(count_warning, NULL);
	warnings = 0;
	begin();
	make_before(names, texts, 0);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(1, 5, "t"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	whole = before;
	CU_ASSERT_EQUAL(warnings, 0);
	/* The second one's content is gone, and the list of known records still knows it. */
	tree_begin(&tree);
	for (i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(repository_save_blob(run.writer, BLOB_DATA, texts[i], strlen(texts[i]), &whole, NULL,
		    NULL), HF_OK);
		node = (struct node){.type = NODE_FILE, .name = names[i], .name_size = 12, .mode = 0600,
		    .size = strlen(texts[i]), .content = i == 1 ? lost.bytes : whole.bytes, .content_count = 1};
		CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_OK);
	}
	tree_end(&tree);
	CU_ASSERT_EQUAL(repository_save_blob(run.writer, BLOB_TREE, tree.data, tree.size, &before, NULL, NULL), HF_OK);
	test_run_finish_writer(&run);
	test_run_open_writer(&run);
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(warnings, 1);
	CU_ASSERT_EQUAL(put("m1", "t"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("m4", "t"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(put("m2", "t"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(put("m3", "t"), HF_KNOWN_NEW);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT(test_run_holds(&run, &before, "000001.jsonl", texts[0]));
	buffer_clear(&text);
	buffer_appendf(&text, "%s%s", texts[2], texts[1]);
	CU_ASSERT(test_run_holds(&run, &before, "000003.jsonl", buffer_string(&text)));
	CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
	CU_ASSERT_EQUAL(put_range(1, 5, "t"), HF_KNOWN_UNCHANGED);
	CU_ASSERT_EQUAL(finish(), HF_OK);
	CU_ASSERT(!result.changed);
	test_run_end(&run);
	/* Files that are no log's. */
	for (i = 0; i < 4; i++) {
		const char *const strange_texts[] = {i < 3 ? strange[i] : texts[0], texts[1], texts[2]};

		begin();
		make_before(names, strange_texts, i == 3 ? 1 : 0);
		warnings = 0;
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(warnings, i == 2 ? 0 : 1);
		CU_ASSERT_EQUAL(put("m1", "t"), HF_KNOWN_NEW);
		CU_ASSERT_EQUAL(put("m2", "u"), i == 3 ? HF_KNOWN_NEW : HF_KNOWN_CHANGED);
		CU_ASSERT_EQUAL(log_before(open_log, &sink, NULL), i == 3 ? HF_ENOTFOUND : HF_OK);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT_EQUAL_FATAL(start(), HF_OK);
		CU_ASSERT_EQUAL(put("m1", "t"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(put("m2", "u"), HF_KNOWN_UNCHANGED);
		CU_ASSERT_EQUAL(finish(), HF_OK);
		CU_ASSERT(test_run_holds(&run, &before, "000001.jsonl", strange_texts[0]) || i >= 2);
		test_run_end(&run);
	}
	log_set_sink(NULL, NULL);
	buffer_release(&tree);
	buffer_release(&out);
	buffer_release(&text);
}

/* What is no log at all is told, and left alone. */
static void
test_no_log(void)
{
	static const char *const names[][3] = {{"000001.jsonl", "000003.jsonl", NULL}, {"000002.jsonl", NULL},
	    {"000001.jsonl", "000001.jsonl.bak", NULL}, {"000000.jsonl", "000001.jsonl", NULL}, {"1.jsonl", NULL}};
	static const char good[] = "{\"op\":\"message\",\"id\":\"m1\",\"text\":\"t\"}\n";
	static const char *const texts[] = {good, good};
	unsigned i;

	for (i = 0; i < 5; i++) {
		begin();
		make_before(names[i], texts, 0);
		CU_ASSERT_EQUAL(start(), HF_ECORRUPT);
		test_run_end(&run);
	}
	/* The folder's tree itself is lost. */
	begin();
	make_before(names[1], texts, 0);
	before.bytes[3] ^= 1;
	CU_ASSERT_EQUAL(start(), HF_ECORRUPT);
	test_run_end(&run);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"sizes", test_sizes}, {"long lines", test_long_lines},
	    {"longest line", test_longest_line}, {"changed", test_changed}, {"twice", test_twice}, {"history", test_history},
	    {"many histories", test_many_histories}, {"ids", test_ids},
	    {"bad lines", test_bad_lines}, {"seen list", test_seen_list}, {"merging", test_merging},
	    {"garbage", test_garbage}, {"lost files", test_lost_files}, {"no log", test_no_log}, CU_TEST_INFO_NULL};

	return unit_run("log", tests);
}

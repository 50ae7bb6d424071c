/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/archive.h"
#include "archive/test-random.h"
#include "archive/test-run.h"
#include "base/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Looking at the snapshot under way, files of any size, and units that go on after a crash. */

static struct test_run run;
static struct archive *archive;
static uint64_t state;

static void
must_open(const struct repository_id *previous)
{
	struct snapshot snapshot = {.time_ns = 1};
	struct archive_options options = {run.job, run.seen, previous == NULL ? NULL : &snapshot};
	struct hf_error err = HF_ERROR_INIT;

	if (previous != NULL)
		snapshot.tree = *previous;
	if (run.writer == NULL)
		test_run_open_writer(&run);
	if (archive_open(run.repository, run.writer, &options, &archive, &err) != HF_OK) {
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
}

static void
finish_job(struct repository_id *ret)
{
	char path[1200];

	CU_ASSERT_EQUAL_FATAL(archive_finish(archive, ret, NULL), HF_OK);
	archive_close(archive);
	archive = NULL;
	test_run_finish_writer(&run);
	(void)snprintf(path, sizeof(path), "%s/units.journal", run.job);
	CU_ASSERT_EQUAL(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/unit.journal", run.job);
	(void)unlink(path);
}

/* The worker is killed: what was not at a checkpoint is gone. */
static void
crash(const struct repository_id *previous)
{
	archive_close(archive);
	archive = NULL;
	test_run_reopen(&run);
	must_open(previous);
}

static bool
same(const struct repository_id *a, const struct repository_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- readers ---- */

struct text_reader {
	struct hf_reader table;
	const uint8_t *data;
	size_t size, at, piece;
	size_t fail_at; /* SIZE_MAX: never */
};

static int64_t
text_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct text_reader *reader = ctx;
	size_t n = reader->size - reader->at;

	if (reader->at >= reader->fail_at)
		return hf_error_set(err, HF_EIO, 0, "the file cannot be read");
	if (n > reader->piece)
		n = reader->piece;
	if (n > size)
		n = (size_t)size;
	memcpy(data, reader->data + reader->at, n);
	reader->at += n;
	return (int64_t)n;
}

static const struct hf_reader *
reader_of(struct text_reader *reader, const uint8_t *data, size_t size, size_t piece)
{
	*reader = (struct text_reader){{(uint32_t)sizeof(reader->table), 0, reader, text_read, NULL, size}, data, size, 0,
	    piece, SIZE_MAX};
	return &reader->table;
}

static uint8_t *
random_data(size_t size)
{
	uint8_t *data = malloc(size + 8);
	uint64_t x;
	size_t i;

	if (data == NULL)
		abort();
	for (i = 0; i < size; i += sizeof(x)) {
		x = test_random(&state);
		memcpy(data + i, &x, sizeof(x));
	}
	return data;
}

/* However it is read, a file is cut the same. */
static void
test_stream(void)
{
	static const size_t sizes[] = {0, 1, 524287, 524288, 524289, (1u << 20) - 1, 1u << 20, (1u << 20) + 1, 9u << 20,
	    (20u << 20) + 77};
	static const size_t pieces[] = {SIZE_MAX, 65536, 999983};
	struct repository_id whole, read;
	struct text_reader reader;
	uint8_t *data;
	bool failed;
	size_t i, j;

	test_run_begin(&run);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		data = random_data(sizes[i]);
		/* A long stretch without a cut in it. */
		if (i == 9)
			memset(data + (3u << 20), 0x5a, 11u << 20);
		must_open(NULL);
		CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/a", NULL), HF_OK);
		CU_ASSERT_EQUAL(archive_unit_file(archive, "room/file", data, sizes[i], 5, NULL), HF_OK);
		CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
		finish_job(&whole);
		for (j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			must_open(NULL);
			CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/a", NULL), HF_OK);
			CU_ASSERT_EQUAL(archive_unit_file_from(archive, "room/file",
			    reader_of(&reader, data, sizes[i], pieces[j]), 5, &failed, NULL), HF_OK);
			CU_ASSERT(!failed);
			CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
			finish_job(&read);
			CU_ASSERT(same(&whole, &read));
		}
		free(data);
	}
	CU_ASSERT(test_run_restic_agrees(&run, &read));
	test_run_end(&run);
}

/* A reader that fails or lies costs its file, and not the unit. */
static void
test_bad_reader(void)
{
	struct repository_id tree;
	struct text_reader reader;
	struct hf_error err = HF_ERROR_INIT;
	struct buffer out = BUFFER_INIT(1000);
	uint8_t *data = random_data(3000000);
	bool failed;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/a", NULL), HF_OK);
	(void)reader_of(&reader, data, 3000000, 65536);
	reader.fail_at = 2000000;
	CU_ASSERT_EQUAL(archive_unit_file_from(archive, "room/bad", &reader.table, 5, &failed, &err), HF_EIO);
	CU_ASSERT(failed);
	CU_ASSERT_STRING_EQUAL(err.msg, "the file cannot be read");
	(void)reader_of(&reader, data, 3000000, 65536);
	reader.table.length++;
	CU_ASSERT_EQUAL(archive_unit_file_from(archive, "room/short", &reader.table, 5, &failed, &err), HF_ECORRUPT);
	CU_ASSERT(failed);
	(void)reader_of(&reader, data, 3000000, 65536);
	reader.table.length--;
	CU_ASSERT_EQUAL(archive_unit_file_from(archive, "room/long", &reader.table, 5, &failed, &err), HF_ECORRUPT);
	CU_ASSERT(failed);
	CU_ASSERT_EQUAL(archive_unit_file_same(archive, "room/none", "room/bad", 1, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_unit_file_from(archive, "room/good", reader_of(&reader, data, 700, 9), 5, &failed, &err),
	    HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file_same(archive, "room/again", "room/good", 9, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file_same(archive, "../again", "room/good", 9, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/a", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file_from(archive, "room/good", reader_of(&reader, data, 700, 9), 5, &failed, &err),
	    HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file_same(archive, "room/again", "room/good", 9, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	finish_job(&tree);
	test_run_list(&run, &tree, &out);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out),
	    "media/ 9\nmedia/a/ 9\nmedia/a/room/ 9\nmedia/a/room/again 9 700\nmedia/a/room/good 5 700\n");
	must_open(&tree);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/a", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file_same(archive, "other/old", "room/good", 5, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	finish_job(&tree);
	buffer_clear(&out);
	CU_ASSERT(test_run_read(&run, &tree, "/media/a/other/old", &out));
	CU_ASSERT(out.size == 700 && memcmp(out.data, data, 700) == 0);
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	buffer_release(&out);
	test_run_end(&run);
	free(data);
}

/* So many files that their folders are saved early give the same tree as folder by folder. */
static void
test_many_files(void)
{
	struct repository_id trees[2];
	struct buffer out = BUFFER_INIT(16u << 20);
	char path[60];
	unsigned i, round, at;

	test_run_begin(&run);
	for (round = 0; round < 2; round++) {
		must_open(NULL);
		CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/a", NULL), HF_OK);
		CU_ASSERT_EQUAL(archive_unit_file(archive, "top.json", "{}", 2, 1, NULL), HF_OK);
		for (i = 0; i < 20000; i++) {
			/* Forwards through three rooms in turn, or backwards. */
			at = round == 0 ? i : 19999 - i;
			(void)snprintf(path, sizeof(path), "r%u/%s%05u", at % 3, at % 7 == 0 ? "x/" : "", at);
			if (archive_unit_file(archive, path, path, strlen(path), at, NULL) != HF_OK)
				CU_FAIL("a file was not taken");
		}
		CU_ASSERT_EQUAL(archive_unit_file_same(archive, "r1/again", "r0/00003", 7, NULL), HF_OK);
		CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
		finish_job(&trees[round]);
	}
	CU_ASSERT(same(&trees[0], &trees[1]));
	test_run_list(&run, &trees[0], &out);
	for (i = 0, at = 0; i < out.size; i++)
		at += out.data[i] == '\n';
	CU_ASSERT_EQUAL(at, 20000 + 2 + 2 + 3 + 3);
	CU_ASSERT(test_run_holds(&run, &trees[0], "/media/a/r2/x/19901", "r2/x/19901"));
	CU_ASSERT(test_run_restic_agrees(&run, &trees[0]));
	buffer_release(&out);
	test_run_end(&run);
}

/* ---- rooms ---- */

static int
put_line(unsigned number)
{
	struct hf_line line = {0};
	char data[100];
	int known, n;

	line.rest_offset = strlen("{\"op\":\"message\",");
	line.id_offset = line.rest_offset + strlen("\"id\":\"");
	n = snprintf(data, sizeof(data), "{\"op\":\"message\",\"id\":\"m%u\"}", number);
	line.id_size = strcspn(data + line.id_offset, "\"");
	line.data = data;
	line.size = (uint64_t)n;
	line.time_ns = number;
	known = archive_unit_log_known(archive, &line, NULL);
	return known == HF_KNOWN_NEW ? archive_unit_log_append(archive, &line, NULL) : known;
}

/* A room with the messages from first to before end. */
static void
put_room(const char *path, unsigned first, unsigned end)
{
	uint64_t appended;
	int64_t newest;
	unsigned i;

	CU_ASSERT_EQUAL_FATAL(archive_unit_begin(archive, path, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(archive_unit_log_open(archive, "messages", NULL), HF_OK);
	for (i = first; i < end; i++)
		if (put_line(i) < 0)
			CU_FAIL("a line was not taken");
	CU_ASSERT_EQUAL(archive_unit_log_close(archive, &appended, &newest, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "room.json", "{}\n", 3, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
}

static int
add_name(void *ctx, const struct hf_entry *entry, struct hf_error *err)
{
	struct buffer *out = ctx;

	(void)err;
	buffer_appendf(out, "%s%s %llu\n", entry->name, entry->is_folder ? "/" : "", (unsigned long long)entry->size);
	return HF_OK;
}

struct wanted {
	const char *name;
	uint8_t version[32];
};

static int
take_version(void *ctx, const struct hf_entry *entry, struct hf_error *err)
{
	struct wanted *wanted = ctx;

	(void)err;
	if (strcmp(entry->name, wanted->name) == 0)
		memcpy(wanted->version, entry->version, sizeof(wanted->version));
	return HF_OK;
}

static bool
shows(const char *path, const char *text)
{
	struct buffer out = BUFFER_INIT(1u << 20);
	bool good;

	CU_ASSERT_EQUAL(archive_list(archive, path, add_name, &out, NULL), HF_OK);
	good = strcmp(buffer_string(&out), text) == 0;
	if (!good)
		(void)fprintf(stderr, "%s shows:\n%swanted:\n%s", path, buffer_string(&out), text);
	buffer_release(&out);
	return good;
}

/* Takes lines of a log, of which each must be the next number. */
struct taker {
	unsigned next;
	unsigned stop_at;
};

static int
take_line(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct taker *taker = ctx;
	char wanted[100];

	(void)err;
	(void)snprintf(wanted, sizeof(wanted), "{\"op\":\"message\",\"id\":\"m%u\"}\n", taker->next);
	if (size != strlen(wanted) || memcmp(data, wanted, (size_t)size) != 0)
		CU_FAIL_FATAL("a line is not the next one");
	taker->next++;
	return taker->next == taker->stop_at ? HF_ESTOP : HF_OK;
}

static int
no_damage(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err_ret)
{
	(void)ctx;
	(void)path;
	(void)err_ret;
	(void)fprintf(stderr, "%s\n", why->msg);
	CU_FAIL("a log is damaged");
	return HF_OK;
}

static const struct archive_damage damage = {NULL, no_damage};

/* How many lines come from first on. */
static int
lines_from(const char *path, unsigned first, unsigned *ret_count)
{
	struct taker taker = {first, 0};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &taker, take_line};
	int r = archive_log(archive, path, first, &sink, &damage, NULL);

	*ret_count = taker.next - first;
	return r;
}

static void
check_log(unsigned whole)
{
	static const unsigned firsts[] = {1, 499, 500, 501, 1999, 2500};
	unsigned i, count;

	for (i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		if (firsts[i] > whole)
			continue;
		CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/x/messages", firsts[i], &count), HF_OK);
		CU_ASSERT_EQUAL(count, whole - firsts[i]);
	}
	CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/x/messages", 0, &count), HF_OK);
	CU_ASSERT_EQUAL(count, whole);
	CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/x/messages", whole, &count), HF_OK);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/x/messages", whole + 1, &count), HF_ERANGE);
	CU_ASSERT_EQUAL(count, 0);
}

static void
test_look(void)
{
	struct buffer out = BUFFER_INIT(1000);
	struct taker taker = {0, 700};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &taker, take_line};
	struct wanted first = {"x", {0}}, second = {"x", {0}}, y = {"y", {0}}, y_again = {"y", {0}};
	struct repository_id tree;
	unsigned count, i, at;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(archive_list(archive, "/chats", add_name, &out, NULL), HF_ENOTFOUND);
	CU_ASSERT(shows("/", ""));
	CU_ASSERT_EQUAL(archive_list(archive, "chats", add_name, &out, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_list(archive, "/chats/..", add_name, &out, NULL), HF_EINVAL);
	put_room("/chats/a/rooms/x", 0, 2600);
	put_room("/chats/a/rooms/y", 0, 3);
	CU_ASSERT_EQUAL(archive_file(archive, "/chats/a/account.json", "{\"a\":1}", 7, 1, NULL), HF_OK);
	/* All of it lies in the spool alone. */
	CU_ASSERT(shows("/", "chats/ 0\n"));
	CU_ASSERT(shows("/chats/a", "account.json 7\nrooms/ 0\n"));
	CU_ASSERT(shows("/chats/a/rooms", "x/ 0\ny/ 0\n"));
	CU_ASSERT(shows("/chats/a/rooms/x", "messages/ 0\nroom.json 3\n"));
	CU_ASSERT_EQUAL(archive_read(archive, "/chats/a/account.json", &out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), "{\"a\":1}");
	buffer_clear(&out);
	CU_ASSERT_EQUAL(archive_read(archive, "/chats/a/rooms/x/room.json", &out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), "{}\n");
	CU_ASSERT_EQUAL(archive_read(archive, "/chats/a/rooms/x", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_read(archive, "/chats/a/rooms/x/none", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_read(archive, "/chats/a/rooms/z/none", &out, NULL), HF_ENOTFOUND);
	check_log(2600);
	CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/z/messages", 0, &count), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_log(archive, "/chats/a/rooms/x/messages", 0, &sink, &damage, NULL), HF_ESTOP);
	CU_ASSERT_EQUAL(taker.next, 700);
	finish_job(&tree);

	/* Now all of it is in the previous snapshot. */
	must_open(&tree);
	CU_ASSERT(shows("/chats/a", "account.json 7\nrooms/ 0\n"));
	CU_ASSERT(shows("/chats/a/rooms", "x/ 0\ny/ 0\n"));
	CU_ASSERT_EQUAL(archive_list(archive, "/chats/a/rooms", take_version, &first, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_list(archive, "/chats/a/rooms", take_version, &y, NULL), HF_OK);
	check_log(2600);
	/* In small steps, whose files are merged in between. */
	for (i = 0, at = 2600; i < 20; i++) {
		put_room("/chats/a/rooms/x", at, at + 1 + 13 * i);
		at += 1 + 13 * i;
		check_log(at);
		finish_job(&tree);
		must_open(&tree);
		check_log(at);
	}
	put_room("/chats/a/rooms/w", 0, 2);
	CU_ASSERT(shows("/chats/a/rooms", "w/ 0\nx/ 0\ny/ 0\n"));
	CU_ASSERT_EQUAL(archive_list(archive, "/chats/a/rooms", take_version, &second, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_list(archive, "/chats/a/rooms", take_version, &y_again, NULL), HF_OK);
	CU_ASSERT_NOT_EQUAL(memcmp(first.version, second.version, 32), 0);
	CU_ASSERT_EQUAL(memcmp(y.version, y_again.version, 32), 0);
	CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/w/messages", 1, &count), HF_OK);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(lines_from("/chats/a/rooms/y/messages", 0, &count), HF_OK);
	CU_ASSERT_EQUAL(count, 3);
	finish_job(&tree);
	buffer_release(&out);
	test_run_end(&run);
}

/* ---- going on after a crash ---- */

#define FILES 40u

/*
 * Does a unit of FILES files and lines, where stop says until it is killed; the files that are there already are
 * known by the cursor.  *ret_did: how many it did itself.
 */
static int
live(unsigned stop, unsigned *ret_did)
{
	struct archive_resumed resumed;
	struct text_reader reader;
	struct hf_blob cursor;
	char path[60], text[60], note[60];
	unsigned i = 0, done = 0;
	uint64_t appended;
	int64_t newest;
	bool failed;
	int r = archive_unit_resume(archive, "/media/a", &resumed, NULL);

	*ret_did = 0;
	if (r != HF_OK)
		return r;
	if (resumed.cursor.size > 0) {
		memcpy(&i, resumed.cursor.data, sizeof(i));
		CU_ASSERT_PTR_NOT_NULL_FATAL(resumed.note);
		(void)snprintf(note, sizeof(note), "{\"done\":%u}", i);
		CU_ASSERT_STRING_EQUAL(resumed.note, note);
		CU_ASSERT_EQUAL(resumed.lines, i);
	}
	for (; r >= 0 && i < FILES; i++) {
		if (i == stop)
			return HF_ESTOPPING;
		if (i == 0 || *ret_did == 0)
			r = archive_unit_log_open(archive, "index", NULL);
		(void)snprintf(path, sizeof(path), "room/%u", i);
		(void)snprintf(text, sizeof(text), "text of %u", i);
		if (r == HF_OK)
			r = archive_unit_file_from(archive, path,
			    reader_of(&reader, (const uint8_t *)text, strlen(text), 5), i, &failed, NULL);
		if (r == HF_OK)
			r = put_line(i);
		/* A line of this run is known, as is one of the run that was killed. */
		if (r == HF_OK)
			CU_ASSERT_EQUAL(put_line(i), HF_KNOWN_UNCHANGED);
		if (i > 0)
			CU_ASSERT_EQUAL(put_line(0), HF_KNOWN_UNCHANGED);
		++*ret_did;
		done = i + 1;
		cursor = (struct hf_blob){&done, sizeof(done)};
		(void)snprintf(note, sizeof(note), "{\"done\":%u}", done);
		if (r == HF_OK && i % 3 == 0)
			r = archive_unit_checkpoint(archive, &cursor, note, NULL);
		if (r == HF_OK && i % 6 == 0)
			r = archive_checkpoint(archive, NULL);
	}
	if (r == HF_OK && *ret_did > 0)
		r = archive_unit_log_close(archive, &appended, &newest, NULL);
	if (r == HF_OK && *ret_did > 0)
		CU_ASSERT_EQUAL(appended, *ret_did);
	return r == HF_OK ? archive_unit_end(archive, "{}", NULL) : r;
}

static void
test_resume(void)
{
	struct repository_id wanted, tree;
	unsigned stop, did, first;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(FILES, &did), HF_OK);
	CU_ASSERT_EQUAL(did, FILES);
	finish_job(&wanted);
	for (stop = 1; stop < FILES; stop += 4) {
		must_open(NULL);
		CU_ASSERT_EQUAL(live(stop, &did), HF_ESTOPPING);
		CU_ASSERT_EQUAL(did, stop);
		crash(NULL);
		CU_ASSERT_EQUAL(live(stop + 1, &did), HF_ESTOPPING);
		/* The last whole checkpoint was at the last multiple of six. */
		first = (stop - 1) / 6 * 6 + 1;
		CU_ASSERT_EQUAL(did, stop + 1 - first);
		crash(NULL);
		CU_ASSERT_EQUAL(live(FILES, &did), HF_OK);
		first = stop / 6 * 6 + 1;
		CU_ASSERT_EQUAL(did, FILES - first);
		finish_job(&tree);
		CU_ASSERT(same(&tree, &wanted));
	}
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	/* Over another snapshot nothing of it counts. */
	must_open(&tree);
	CU_ASSERT_EQUAL(live(20, &did), HF_ESTOPPING);
	crash(NULL);
	CU_ASSERT_EQUAL(live(FILES, &did), HF_OK);
	CU_ASSERT_EQUAL(did, FILES);
	finish_job(&tree);
	CU_ASSERT(same(&tree, &wanted));
	test_run_end(&run);
}

/* All of a unit was done before the crash, so nobody opens its log again. */
static void
test_resume_whole(void)
{
	struct archive_resumed resumed;
	struct hf_blob cursor = {"end", 3};
	struct repository_id tree;
	struct buffer out = BUFFER_INIT(1000);
	unsigned i;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(archive_unit_resume(archive, "/media/a", &resumed, NULL), HF_OK);
	CU_ASSERT_PTR_NULL(resumed.note);
	CU_ASSERT_EQUAL(archive_unit_log_open(archive, "index", NULL), HF_OK);
	for (i = 0; i < 700; i++)
		CU_ASSERT_EQUAL(put_line(i), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_checkpoint(archive, &cursor, "{}", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	crash(NULL);
	/* Another unit is not that one. */
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/media/b", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_resume(archive, "/media/a", &resumed, NULL), HF_OK);
	CU_ASSERT(resumed.cursor.size == 3 && memcmp(resumed.cursor.data, "end", 3) == 0);
	CU_ASSERT_EQUAL(resumed.lines, 700);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	finish_job(&tree);
	test_run_list(&run, &tree, &out);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out),
	    "media/ 699\nmedia/a/ 699\nmedia/a/index/ 699\nmedia/a/index/000001.jsonl 499 14390\n"
	    "media/a/index/000002.jsonl 699 5800\n");
	buffer_release(&out);
	test_run_end(&run);
}

/* What the journal names is gone, or the journal is damaged: then the unit begins anew. */
static void
test_resume_lost(void)
{
	struct repository_id tree;
	char path[1200];
	unsigned did;
	FILE *file;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(30, &did), HF_ESTOPPING);
	archive_close(archive);
	archive = NULL;
	test_run_reopen(&run);
	(void)snprintf(path, sizeof(path), "%s/journal", run.spool);
	CU_ASSERT_EQUAL(unlink(path), 0);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(20, &did), HF_ESTOPPING);
	CU_ASSERT_EQUAL(did, 20);
	archive_close(archive);
	archive = NULL;
	test_run_reopen(&run);
	(void)snprintf(path, sizeof(path), "%s/unit.journal", run.job);
	file = fopen(path, "r+");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fseek(file, 700, SEEK_SET), 0);
	CU_ASSERT_EQUAL(fputc('#', file), '#');
	CU_ASSERT_EQUAL(fclose(file), 0);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(FILES, &did), HF_OK);
	CU_ASSERT(did > FILES - 19);
	finish_job(&tree);
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"stream", test_stream}, {"bad reader", test_bad_reader}, {"many files", test_many_files},
	    {"look", test_look}, {"resume", test_resume}, {"resume a whole one", test_resume_whole},
	    {"resume what is lost", test_resume_lost}, CU_TEST_INFO_NULL};

	state = 20261127;
	return unit_run("look", tests);
}

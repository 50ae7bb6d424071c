/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/archive.h"
#include "archive/test-random.h"
#include "archive/test-run.h"
#include "base/path.h"
#include "base/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct test_run run;
static uint64_t state;
static struct archive *archive;

static int
open_archive(const struct repository_id *previous, struct hf_error *err)
{
	struct snapshot snapshot = {.time_ns = 1};
	struct archive_options options = {run.job, run.seen, previous == NULL ? NULL : &snapshot};

	if (previous != NULL)
		snapshot.tree = *previous;
	if (run.writer == NULL)
		test_run_open_writer(&run);
	return archive_open(run.repository, run.writer, &options, &archive, err);
}

static void
must_open(const struct repository_id *previous)
{
	struct hf_error err = HF_ERROR_INIT;

	if (open_archive(previous, &err) != HF_OK) {
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
}

static void
close_archive(void)
{
	archive_close(archive);
	archive = NULL;
}

static void
journal_path(char out[1200])
{
	(void)snprintf(out, 1200, "%s/units.journal", run.job);
}

/* The job's end: the tree is in the repository, and what the job kept is taken away. */
static void
finish_job(struct repository_id *ret)
{
	char path[1200];

	CU_ASSERT_EQUAL_FATAL(archive_finish(archive, ret, NULL), HF_OK);
	close_archive();
	test_run_finish_writer(&run);
	journal_path(path);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

/* ---- units ---- */

static int
put_line(unsigned number, const char *text)
{
	struct hf_line line = {0};
	char data[600];
	int known, n;

	line.rest_offset = strlen("{\"op\":\"message\",");
	line.id_offset = line.rest_offset + strlen("\"id\":\"");
	n = snprintf(data, sizeof(data), "{\"op\":\"message\",\"id\":\"m%u\",\"text\":\"%s\"}", number, text);
	line.id_size = strcspn(data + line.id_offset, "\"");
	line.data = data;
	line.size = (uint64_t)n;
	line.time_ns = number;
	known = archive_unit_log_known(archive, &line, NULL);
	if (known == HF_KNOWN_UNCHANGED || known < 0)
		return known;
	return archive_unit_log_append(archive, &line, NULL);
}

/* The unit of a room up to its end: the first count messages, and room.json. */
static int
do_room(const char *path, unsigned count, const char *text)
{
	char room[100];
	uint64_t appended;
	int64_t newest;
	unsigned i;
	int r = archive_unit_begin(archive, path, NULL);

	if (r == HF_OK)
		r = archive_unit_log_open(archive, "messages", NULL);
	for (i = 0; r >= 0 && i < count; i++)
		r = put_line(i, text);
	if (r >= 0)
		r = archive_unit_log_close(archive, &appended, &newest, NULL);
	(void)snprintf(room, sizeof(room), "{\"messages\":%u}\n", count);
	if (r == HF_OK)
		r = archive_unit_file(archive, "room.json", room, strlen(room), count, NULL);
	return r;
}

static int
room(const char *path, unsigned count, const char *text)
{
	char note[40];
	int r = do_room(path, count, text);

	(void)snprintf(note, sizeof(note), "{\"items\":%u}", count);
	return r == HF_OK ? archive_unit_end(archive, note, NULL) : r;
}

static bool
lists(const struct repository_id *tree, const char *wanted)
{
	struct buffer out = BUFFER_INIT(1 << 20);
	bool same;

	test_run_list(&run, tree, &out);
	same = strcmp(buffer_string(&out), wanted) == 0;
	if (!same)
		(void)fprintf(stderr, "got:\n%swanted:\n%s", buffer_string(&out), wanted);
	buffer_release(&out);
	return same;
}

static bool
same(const struct repository_id *a, const struct repository_id *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* How many lines the log of a room has; each message of it must stand there once, in order. */
static unsigned
count_once(const struct repository_id *tree, const char *room_path)
{
	struct buffer all = BUFFER_INIT((size_t)64 << 20);
	unsigned file, count = 0;
	char path[300];
	const char *at;

	for (file = 1;; file++) {
		(void)snprintf(path, sizeof(path), "%s/messages/%06u.jsonl", room_path, file);
		if (!test_run_read(&run, tree, path, &all))
			break;
	}
	for (at = buffer_string(&all); at != NULL && (at = strstr(at, "\"id\":\"m")) != NULL; at += 7, count++)
		if (strtoul(at + 7, NULL, 10) != count)
			CU_FAIL("a message is lost, doubled or not in its place");
	buffer_release(&all);
	return count;
}

/* ---- runs ---- */

static void
report(void *ctx, int level, const char *path, const char *msg)
{
	(void)ctx;
	if (level < HF_LOG_INFO)
		(void)fprintf(stderr, "%s: %s\n", path, msg);
}

/* Both restores give the same files. */
static void
compare_restores(const struct repository_id *tree)
{
	struct snapshot snapshot = {.tree = *tree, .time_ns = 1};
	struct restore_stats stats;
	char ours[2200], theirs[2200], line[5000];

	CU_ASSERT(test_run_restic_agrees(&run, tree));
	(void)snprintf(ours, sizeof(ours), "%s/ours", run.place.directory);
	(void)snprintf(theirs, sizeof(theirs), "%s/theirs", run.place.directory);
	CU_ASSERT_EQUAL(repository_restore(run.repository, &snapshot, "/", ours, report, NULL, &stats, NULL), HF_OK);
	CU_ASSERT(stats.files > 0 && stats.failed == 0);
	if (!test_restic_is_there())
		return;
	(void)snprintf(line, sizeof(line), "restore --no-lock latest --target '%s' >/dev/null", theirs);
	CU_ASSERT_EQUAL(test_restic(&run.place, line, NULL), 0);
	(void)snprintf(line, sizeof(line), "diff -r '%s' '%s'", ours, theirs);
	CU_ASSERT_EQUAL(system(line), 0);
}

static void
test_runs(void)
{
	struct repository_id first, second, third, a, b;
	struct repository_writer_stats stats;
	struct buffer out = BUFFER_INIT(1000);

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(archive_previous(archive, "/holdfast.json", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 3, "one"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 0, "one"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/b/rooms/z", 2, "one"), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/device", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_previous(archive, "device.json", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "device.json", "{}", 2, HF_NO_TIME, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "a/b.json", "[]", 2, 8, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "null", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_file(archive, "/holdfast.json", "{\"run\":1}", 9, 50, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_file(archive, "/chats/a/account.json", "{}", 2, 1, NULL), HF_OK);
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/a/rooms/x"));
	finish_job(&first);
	CU_ASSERT(lists(&first,
	    "chats/ 3\nchats/a/ 3\nchats/a/account.json 1 2\nchats/a/rooms/ 3\nchats/a/rooms/x/ 3\n"
	    "chats/a/rooms/x/messages/ 2\nchats/a/rooms/x/messages/000001.jsonl 2 120\n"
	    "chats/a/rooms/x/room.json 3 15\nchats/a/rooms/y/ 0\nchats/a/rooms/y/room.json 0 15\n"
	    "chats/b/ 2\nchats/b/rooms/ 2\nchats/b/rooms/z/ 2\nchats/b/rooms/z/messages/ 1\n"
	    "chats/b/rooms/z/messages/000001.jsonl 1 80\nchats/b/rooms/z/room.json 2 15\n"
	    "device/ 8\ndevice/a/ 8\ndevice/a/b.json 8 2\ndevice/device.json 0 2\nholdfast.json 50 9\n"));

	/* x is run, z fails half way, y and device are not run. */
	must_open(&first);
	CU_ASSERT_EQUAL(archive_previous(archive, "/holdfast.json", &out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), "{\"run\":1}");
	buffer_clear(&out);
	CU_ASSERT_EQUAL(archive_previous(archive, "/chats/a/account.json", &out, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_previous(archive, "/chats/a/none", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_previous(archive, "/none/a", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_previous(archive, "/chats/../holdfast.json", &out, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_previous(archive, "holdfast.json", &out, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(do_room("/chats/b/rooms/z", 5, "changed"), HF_OK);
	archive_unit_abandon(archive);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 5, "one"), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/chats/b/rooms/z", NULL), HF_OK);
	buffer_clear(&out);
	CU_ASSERT_EQUAL(archive_unit_previous(archive, "room.json", &out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), "{\"messages\":2}\n");
	CU_ASSERT_EQUAL(archive_unit_previous(archive, "messages/000001.jsonl", &out, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_previous(archive, "messages", &out, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(archive_unit_log_open(archive, "messages", NULL), HF_OK);
	CU_ASSERT_EQUAL(put_line(7, "half"), HF_OK);
	archive_unit_abandon(archive);
	CU_ASSERT_EQUAL(archive_file(archive, "/holdfast.json", "{\"run\":2}", 9, 60, NULL), HF_OK);
	finish_job(&second);
	CU_ASSERT(lists(&second,
	    "chats/ 5\nchats/a/ 5\nchats/a/account.json 1 2\nchats/a/rooms/ 5\nchats/a/rooms/x/ 5\n"
	    "chats/a/rooms/x/messages/ 4\nchats/a/rooms/x/messages/000001.jsonl 4 200\n"
	    "chats/a/rooms/x/room.json 5 15\nchats/a/rooms/y/ 0\nchats/a/rooms/y/room.json 0 15\n"
	    "chats/b/ 2\nchats/b/rooms/ 2\nchats/b/rooms/z/ 2\nchats/b/rooms/z/messages/ 1\n"
	    "chats/b/rooms/z/messages/000001.jsonl 1 80\nchats/b/rooms/z/room.json 2 15\n"
	    "device/ 8\ndevice/a/ 8\ndevice/a/b.json 8 2\ndevice/device.json 0 2\nholdfast.json 60 9\n"));
	CU_ASSERT_EQUAL(count_once(&second, "/chats/a/rooms/x"), 5);
	CU_ASSERT(test_run_folder(&run, &first, "/chats/b", &a) && test_run_folder(&run, &second, "/chats/b", &b));
	CU_ASSERT(same(&a, &b));
	CU_ASSERT(test_run_folder(&run, &first, "/device", &a) && test_run_folder(&run, &second, "/device", &b));
	CU_ASSERT(same(&a, &b));

	/* Everything again, nothing new: the same tree, and nothing stored. */
	must_open(&second);
	CU_ASSERT_EQUAL(room("/chats/b/rooms/z", 2, "one"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 5, "one"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 0, "one"), HF_OK);
	CU_ASSERT_EQUAL(archive_finish(archive, &third, NULL), HF_OK);
	CU_ASSERT(same(&second, &third));
	repository_writer_stats(run.writer, &stats);
	CU_ASSERT_EQUAL(stats.data_blobs + stats.tree_blobs, 0);
	/* What comes after a first finish counts, too. */
	CU_ASSERT_EQUAL(archive_file(archive, "/holdfast.json", "{\"run\":3}", 9, 70, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_finish(archive, &third, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_file(archive, "/holdfast.json", "{\"run\":4}", 9, 80, NULL), HF_OK);
	finish_job(&third);
	CU_ASSERT(test_run_holds(&run, &third, "/holdfast.json", "{\"run\":4}"));
	CU_ASSERT(test_run_holds(&run, &second, "/holdfast.json", "{\"run\":2}"));
	compare_restores(&third);
	buffer_release(&out);
	test_run_end(&run);
}

/* The order of the units, and the repository's key, say nothing in the tree. */
static void
test_deterministic(void)
{
	static const char *const rooms[] = {"/chats/b/rooms/a", "/chats/a/rooms/x-y", "/chats/b/rooms/%41",
	    "/chats/a/rooms/x.z", "/chats/a/rooms/x", "/chats/a-/rooms/x"};
	struct repository_id trees[2];
	unsigned i, at, round;

	for (round = 0; round < 2; round++) {
		test_run_begin(&run);
		must_open(NULL);
		for (i = 0; i < 6; i++) {
			at = round == 0 ? i : 5 - i;
			CU_ASSERT_EQUAL(room(rooms[at], 600 * at, "text"), HF_OK);
		}
		finish_job(&trees[round]);
		for (i = 0; i < 6; i++)
			CU_ASSERT_EQUAL(count_once(&trees[round], rooms[i]), 600 * i);
		/* Back and forth between folders, and nothing new but a file: what was there stays. */
		must_open(&trees[round]);
		for (i = 0; i < 6; i++) {
			at = (i * 5 + round) % 6;
			CU_ASSERT_EQUAL(archive_unit_begin(archive, rooms[at], NULL), HF_OK);
			CU_ASSERT_EQUAL(archive_unit_file(archive, "extra.json", "{}", 2, at, NULL), HF_OK);
			CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
		}
		finish_job(&trees[round]);
		for (i = 0; i < 6; i++)
			CU_ASSERT_EQUAL(count_once(&trees[round], rooms[i]), 600 * i);
		test_run_end(&run);
	}
	CU_ASSERT(same(&trees[0], &trees[1]));
}

/* ---- resuming ---- */

#define ROOMS 4u
#define LINES 1300u

static void
room_path(unsigned number, char out[100])
{
	(void)snprintf(out, 100, "/chats/family/rooms/room-%u", number);
}

/* A life of a job, from where the last one left it, to its end or until it is killed. */
static int
live(unsigned rooms, unsigned lines, bool checkpoints)
{
	char path[100];
	unsigned i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < rooms; i++) {
		room_path(i, path);
		if (archive_unit_finished(archive, path) != NULL)
			continue;
		r = room(path, lines + i, "the text of a message, which is long enough to be one");
		if (r == HF_OK && checkpoints)
			r = archive_checkpoint(archive, NULL);
	}
	return r;
}

/* The tree of a job that nothing happened to. */
static void
undisturbed(unsigned rooms, unsigned lines, struct repository_id *ret)
{
	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(rooms, lines, false), HF_OK);
	finish_job(ret);
	test_run_end(&run);
}

static void
test_resume(void)
{
	struct repository_id wanted, tree;
	char path[100];
	unsigned i;

	undisturbed(ROOMS, LINES, &wanted);
	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(2, LINES, false), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	/* After the checkpoint, a whole unit and a half one: not promised. */
	room_path(2, path);
	CU_ASSERT_EQUAL(room(path, LINES + 2, "another text"), HF_OK);
	room_path(3, path);
	CU_ASSERT_EQUAL(do_room(path, 700, "the text of a message, which is long enough to be one"), HF_OK);
	close_archive();
	test_run_reopen(&run);

	must_open(NULL);
	CU_ASSERT_STRING_EQUAL(archive_unit_finished(archive, "/chats/family/rooms/room-0"), "{\"items\":1300}");
	CU_ASSERT_STRING_EQUAL(archive_unit_finished(archive, "/chats/family/rooms/room-1"), "{\"items\":1301}");
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/family/rooms/room-2"));
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/family/rooms/room-3"));
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/family/rooms/room"));
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, ""));
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/"));
	CU_ASSERT_EQUAL(live(ROOMS, LINES, true), HF_OK);
	/* Killed after the last checkpoint: everything is there. */
	close_archive();
	test_run_reopen(&run);
	must_open(NULL);
	for (i = 0; i < ROOMS; i++) {
		room_path(i, path);
		CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, path));
	}
	finish_job(&tree);
	CU_ASSERT(same(&tree, &wanted));
	for (i = 0; i < ROOMS; i++) {
		room_path(i, path);
		CU_ASSERT_EQUAL(count_once(&tree, path), LINES + i);
	}
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
}

/* The snapshot that a job goes on from is another one than when it was killed. */
static void
test_other_previous(void)
{
	struct repository_id first, second, tree;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 10, "t"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 10, "t"), HF_OK);
	finish_job(&first);
	must_open(&first);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 30, "t"), HF_OK);
	finish_job(&second);
	/* A job over the first one is killed; meanwhile the second came. */
	must_open(&first);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 20, "t"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 20, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	close_archive();
	test_run_reopen(&run);
	must_open(&second);
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/a/rooms/x"));
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 20, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	close_archive();
	test_run_reopen(&run);
	must_open(&second);
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/a/rooms/x"));
	CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, "/chats/a/rooms/y"));
	finish_job(&tree);
	CU_ASSERT_EQUAL(count_once(&tree, "/chats/a/rooms/x"), 30);
	CU_ASSERT_EQUAL(count_once(&tree, "/chats/a/rooms/y"), 20);
	test_run_end(&run);
}

/* A spool that is gone takes the units in it along; one that was unchanged needs none. */
static void
test_lost_spool(void)
{
	struct repository_id first, tree;
	char moved[1200];

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 10, "t"), HF_OK);
	finish_job(&first);
	must_open(&first);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 10, "t"), HF_OK);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 20, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	close_archive();
	test_run_reopen(&run);
	(void)snprintf(moved, sizeof(moved), "%s/moved", run.place.directory);
	CU_ASSERT_EQUAL(rename(run.spool, moved), 0);
	must_open(&first);
	CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, "/chats/a/rooms/x"));
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/chats/a/rooms/y"));
	CU_ASSERT_EQUAL(room("/chats/a/rooms/y", 21, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	close_archive();
	test_run_reopen(&run);
	must_open(&first);
	CU_ASSERT_STRING_EQUAL(archive_unit_finished(archive, "/chats/a/rooms/y"), "{\"items\":21}");
	finish_job(&tree);
	CU_ASSERT_EQUAL(count_once(&tree, "/chats/a/rooms/x"), 10);
	CU_ASSERT_EQUAL(count_once(&tree, "/chats/a/rooms/y"), 21);
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
}

/* The journal cut or flipped anywhere only costs work. */
static void
test_damaged_journal(void)
{
	struct buffer whole = BUFFER_INIT(100000), damaged = BUFFER_INIT(100000);
	struct repository_id wanted, tree;
	unsigned i, finished, all = 0, none = 0;
	char journal[1200], path[100];
	size_t at;

	undisturbed(3, 5, &wanted);
	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(3, 5, true), HF_OK);
	close_archive();
	test_run_reopen(&run);
	journal_path(journal);
	CU_ASSERT_EQUAL_FATAL(path_read(journal, 100000, &whole, NULL), HF_OK);
	for (at = 0; at < 2 * whole.size; at++) {
		buffer_clear(&damaged);
		buffer_append(&damaged, whole.data, at < whole.size ? at : whole.size);
		if (at >= whole.size)
			damaged.data[at - whole.size] ^= (uint8_t)(1u << at % 8);
		CU_ASSERT_EQUAL(path_write(journal, damaged.data, damaged.size, 0600, NULL), HF_OK);
		must_open(NULL);
		for (i = finished = 0; i < 3; i++) {
			room_path(i, path);
			finished += archive_unit_finished(archive, path) != NULL;
		}
		if (finished == 3)
			CU_FAIL("a damaged journal was taken for whole");
		all += finished;
		none += finished == 0;
		if (at % 16 == 0 || at == whole.size - 1) {
			CU_ASSERT_EQUAL(live(3, 5, false), HF_OK);
			CU_ASSERT_EQUAL(archive_finish(archive, &tree, NULL), HF_OK);
			CU_ASSERT(same(&tree, &wanted));
		}
		close_archive();
	}
	CU_ASSERT(all > 0 && none > 0);
	buffer_release(&whole);
	buffer_release(&damaged);
	test_run_end(&run);
}

/* ---- kill -9 ---- */

static void
crash_child(const struct repository_id *previous, unsigned lines, int tell)
{
	struct repository_id tree;

	(void)alarm(300);
	test_run_reopen(&run);
	must_open(previous);
	if (write(tell, "", 1) != 1)
		_exit(2);
	if (live(ROOMS, lines, true) != HF_OK || archive_finish(archive, &tree, NULL) != HF_OK)
		_exit(3);
	close_archive();
	if (repository_writer_finish(run.writer, NULL) != HF_OK)
		_exit(4);
	_exit(write(tell, &tree, sizeof(tree)) == (ssize_t)sizeof(tree) ? 0 : 5);
}

#define LIVES 60u

/* Lives until one reaches the end; each but the last is killed at a random moment. */
static void
crash_until_done(const struct repository_id *previous, unsigned lines, struct repository_id *ret)
{
	struct timespec pause = {0, 0};
	int tell[2], status = 0;
	unsigned lives;
	char byte;
	pid_t pid;

	for (lives = 0; lives <= LIVES; lives++) {
		CU_ASSERT_EQUAL_FATAL(pipe(tell), 0);
		pid = fork();
		if (pid == 0) {
			(void)close(tell[0]);
			crash_child(previous, lines, tell[1]);
		}
		(void)close(tell[1]);
		/* Later lives get longer, so that it ends. */
		pause.tv_nsec = (long)(test_random(&state) % (2000000 + lives * 1000000));
		CU_ASSERT_EQUAL(read(tell[0], &byte, 1), 1);
		/* Where everything takes long, the last one is spared. */
		if (lives < LIVES) {
			(void)nanosleep(&pause, NULL);
			(void)kill(pid, SIGKILL);
		}
		(void)waitpid(pid, &status, 0);
		if (read(tell[0], ret, sizeof(*ret)) == (ssize_t)sizeof(*ret)) {
			(void)close(tell[0]);
			return;
		}
		CU_ASSERT(WIFSIGNALED(status));
		(void)close(tell[0]);
	}
	CU_FAIL_FATAL("never done");
}

static void
test_crash(void)
{
	const char *given = getenv("HOLDFAST_TEST_SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), i, round;
	struct repository_id wanted[2], tree;
	char path[100], journal[1200];

	(void)printf("seed %u ", seed);
	state = seed | 1;
	test_run_begin(&run);
	for (round = 0; round < 2; round++) {
		must_open(round == 0 ? NULL : &wanted[0]);
		CU_ASSERT_EQUAL(live(ROOMS, LINES + round * 300, false), HF_OK);
		finish_job(&wanted[round]);
	}
	test_run_end(&run);
	test_run_begin(&run);
	repository_close(run.repository);
	run.repository = NULL;
	for (round = 0; round < 2; round++) {
		crash_until_done(round == 0 ? NULL : &wanted[0], LINES + round * 300, &tree);
		CU_ASSERT(same(&tree, &wanted[round]));
		test_run_reopen(&run);
		for (i = 0; i < ROOMS; i++) {
			room_path(i, path);
			CU_ASSERT_EQUAL(count_once(&tree, path), LINES + round * 300 + i);
		}
		CU_ASSERT(test_run_restic_agrees(&run, &tree));
		repository_close(run.repository);
		run.repository = NULL;
		journal_path(journal);
		CU_ASSERT_EQUAL(unlink(journal), 0);
	}
	test_run_reopen(&run);
	test_run_end(&run);
}

/* ---- what is refused ---- */

static void
test_hostile(void)
{
	static const char *const bad[] = {"..", ".", "", "a/..", "../a", "a//b", "a/", "/a", "a/./b", "a/../../b"};
	static const char *const notes[] = {"", "{", "{}\n", "{\n}", "\"a\nb\"", "{} {}", "x", "\"\xff\"",
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ",\"path\":\"x\""};
	struct repository_id tree, empty;
	char path[1200], name[300];
	uint64_t appended;
	int64_t newest;
	unsigned i;

	test_run_begin(&run);
	must_open(NULL);
	/* Nothing is open. */
	CU_ASSERT_EQUAL(archive_unit_file(archive, "a", "a", 1, 1, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_previous(archive, "a", NULL, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_log_open(archive, "messages", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(put_line(1, "t"), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_log_close(archive, &appended, &newest, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_EINVAL);
	archive_unit_abandon(archive);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(path, sizeof(path), "/%s", bad[i]);
		CU_ASSERT_EQUAL(archive_unit_begin(archive, path, NULL), HF_EINVAL);
		CU_ASSERT_EQUAL(archive_file(archive, path, "a", 1, 1, NULL), HF_EINVAL);
		CU_ASSERT_EQUAL(archive_unit_begin(archive, "/good", NULL), HF_OK);
		CU_ASSERT_EQUAL(archive_unit_file(archive, bad[i], "a", 1, 1, NULL), HF_EINVAL);
		CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_EINVAL);
		CU_ASSERT_EQUAL(archive_unit_begin(archive, "/good", NULL), HF_OK);
		CU_ASSERT_EQUAL(archive_unit_log_open(archive, bad[i], NULL), HF_EINVAL);
		CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_EINVAL);
	}
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "good", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/a\xff", NULL), HF_EINVAL);
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[257] = '\0';
	CU_ASSERT_EQUAL(archive_unit_begin(archive, name, NULL), HF_EINVAL);
	for (i = 0; i < 33; i++)
		memcpy(path + 2 * i, "/d", 3);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, path, NULL), HF_EINVAL);
	path[64] = '\0';
	CU_ASSERT_EQUAL(room(path, 1, "t"), HF_OK);
	/* A note that the journal could not give back would block the job for good. */
	for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		CU_ASSERT_EQUAL(do_room("/notes", 1, "t"), HF_OK);
		if (archive_unit_end(archive, notes[i], NULL) == HF_OK)
			CU_FAIL("a note that cannot be read again was taken");
	}
	/* A log that is still open, two logs, things in the log's folder. */
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/logs", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_log_open(archive, "messages", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(do_room("/logs", 1, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_log_open(archive, "messages", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_log_open(archive, "others", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "messages/000002.jsonl", "{}\n", 3, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(do_room("/logs", 1, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "messages", "{}\n", 3, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(do_room("/logs", 1, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "messages.json", "{}\n", 3, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	close_archive();
	test_run_reopen(&run);
	must_open(NULL);
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/good"));
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/notes"));
	CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, "/logs"));
	/* A unit inside another's folder: told, and not laid over something else. */
	CU_ASSERT_EQUAL(room("/inner", 3, "t"), HF_OK);
	CU_ASSERT_EQUAL(room("/inner/most", 4, "t"), HF_OK);
	CU_ASSERT_EQUAL(archive_finish(archive, &tree, NULL), HF_EINVAL);
	close_archive();
	test_run_reopen(&run);
	must_open(NULL);
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/inner"));
	finish_job(&tree);
	CU_ASSERT(!test_run_folder(&run, &tree, "/good", &empty));
	CU_ASSERT(!test_run_folder(&run, &tree, "/notes", &empty));
	CU_ASSERT(test_run_folder(&run, &tree, "/logs/messages", &empty));
	test_run_end(&run);
}

/* A previous snapshot that is not whole must not be taken for an empty one. */
static void
test_damaged_previous(void)
{
	static const char *const paths[] = {"/chats", "/chats/a", "/chats/a/rooms", "/chats/a/rooms/x",
	    "/chats/a/rooms/x/messages"};
	struct repository_id first, tree, lost = {{9}};
	struct buffer out = BUFFER_INIT(1000), blob = BUFFER_INIT(10000);
	struct node node;
	unsigned i;

	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 3, "t"), HF_OK);
	finish_job(&first);
	must_open(&lost);
	CU_ASSERT_EQUAL(archive_previous(archive, "/holdfast.json", &out, NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/chats/a/rooms/x", NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "a", "a", 1, 1, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(archive_finish(archive, &tree, NULL), HF_ECORRUPT);
	close_archive();
	test_run_reopen(&run);
	for (i = 0; i < 5; i++) {
		/* One folder of the path leads nowhere. */
		char parent[100];
		const char *name = strrchr(paths[i], '/') + 1;

		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(name - paths[i]), paths[i]);
		node = (struct node){.type = NODE_DIR, .name = name, .name_size = strlen(name), .mode = 0700,
		    .subtree = lost};
		buffer_clear(&blob);
		tree_begin(&blob);
		CU_ASSERT_EQUAL(tree_add(&blob, &node, NULL), HF_OK);
		tree_end(&blob);
		test_run_open_writer(&run);
		CU_ASSERT_EQUAL(repository_save_blob(run.writer, BLOB_TREE, blob.data, blob.size, &tree, NULL, NULL),
		    HF_OK);
		/* Around it the folders above. */
		while (strlen(parent) > 1) {
			parent[strlen(parent) - 1] = '\0';
			name = strrchr(parent, '/') + 1;
			node = (struct node){.type = NODE_DIR, .name = name, .name_size = strlen(name), .mode = 0700,
			    .subtree = tree};
			buffer_clear(&blob);
			tree_begin(&blob);
			CU_ASSERT_EQUAL(tree_add(&blob, &node, NULL), HF_OK);
			tree_end(&blob);
			CU_ASSERT_EQUAL(repository_save_blob(run.writer, BLOB_TREE, blob.data, blob.size, &tree,
			    NULL, NULL), HF_OK);
			parent[name - parent] = '\0';
		}
		test_run_finish_writer(&run);
		must_open(&tree);
		CU_ASSERT_EQUAL(room("/chats/a/rooms/x", 3, "t"), HF_ECORRUPT);
		CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), i == 4 ? HF_ECORRUPT : HF_EINVAL);
		close_archive();
		test_run_reopen(&run);
	}
	buffer_release(&out);
	buffer_release(&blob);
	test_run_end(&run);
}

/* No room in the job's folder: an error that says so, and what was safe before is safe after. */
static void
test_full(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct repository_id wanted, tree;
	struct rlimit old, small;
	char path[100];

	undisturbed(3, 5, &wanted);
	(void)signal(SIGXFSZ, SIG_IGN);
	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(live(1, 5, true), HF_OK);
	CU_ASSERT_EQUAL(live(2, 5, false), HF_OK);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 1;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
	CU_ASSERT(archive_checkpoint(archive, &err) < 0);
	CU_ASSERT(strlen(err.msg) > 0);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
	close_archive();
	test_run_reopen(&run);
	must_open(NULL);
	room_path(0, path);
	CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, path));
	CU_ASSERT_EQUAL(live(3, 5, true), HF_OK);
	finish_job(&tree);
	CU_ASSERT(same(&tree, &wanted));
	test_run_end(&run);
}

static void
remove_first(uint32_t type, const char *folder)
{
	char name[HASH_HEX_SIZE], object[100], path[4096];

	CU_ASSERT_FATAL(test_place_first(&run.place, type, name));
	(void)snprintf(object, sizeof(object), "%s/%.*s%s%s", folder, type == HF_OBJECT_DATA ? 2 : 0, name,
	    type == HF_OBJECT_DATA ? "/" : "", name);
	test_place_file(&run.place, object, path);
	CU_ASSERT_EQUAL_FATAL(unlink(path), 0);
}

/* Between two lives of a job nothing is locked: what no snapshot names yet may be pruned. */
static void
test_pruned(void)
{
	size_t size = (size_t)18 << 20, i;
	char *big = malloc(size);
	struct repository_id tree;

	CU_ASSERT_FATAL(big != NULL);
	for (i = 0; i < size; i++)
		big[i] = (char)test_random(&state);
	test_run_begin(&run);
	must_open(NULL);
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/big", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "a/big", big, size, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	CU_ASSERT_EQUAL(room("/small", 3, "text"), HF_OK);
	CU_ASSERT_EQUAL(archive_checkpoint(archive, NULL), HF_OK);
	close_archive();
	CU_ASSERT_EQUAL(test_place_count(&run.place, HF_OBJECT_DATA), 1);
	/* The second life writes the index of the pack, and is killed, too. */
	test_run_reopen(&run);
	must_open(NULL);
	CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, "/big"));
	close_archive();
	CU_ASSERT_EQUAL(test_place_count(&run.place, HF_OBJECT_INDEX), 1);
	remove_first(HF_OBJECT_INDEX, "index");
	remove_first(HF_OBJECT_DATA, "data");
	test_run_reopen(&run);
	must_open(NULL);
	CU_ASSERT_PTR_NULL(archive_unit_finished(archive, "/big"));
	CU_ASSERT_PTR_NOT_NULL(archive_unit_finished(archive, "/small"));
	CU_ASSERT_EQUAL(archive_unit_begin(archive, "/big", NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_file(archive, "a/big", big, size, 1, NULL), HF_OK);
	CU_ASSERT_EQUAL(archive_unit_end(archive, "{}", NULL), HF_OK);
	finish_job(&tree);
	CU_ASSERT(test_run_restic_agrees(&run, &tree));
	test_run_end(&run);
	free(big);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"runs", test_runs}, {"deterministic", test_deterministic}, {"resume", test_resume},
	    {"other previous", test_other_previous}, {"lost spool", test_lost_spool},
	    {"damaged journal", test_damaged_journal}, {"crash", test_crash}, {"hostile", test_hostile},
	    {"damaged previous", test_damaged_previous}, {"full", test_full},
	    {"pruned", test_pruned}, CU_TEST_INFO_NULL};

	return unit_run("archive", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "job/queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/unit.h"

static char directory[64];
static unsigned warnings;

static void
count_warning(void *ctx, int level, const char *msg)
{
	(void)ctx;
	/* The second half of a warning of two lines. */
	if (level <= HF_LOG_WARNING && strstr(msg, "a new job queue was made") == NULL)
		warnings++;
}

static char *
in_directory(const char *name)
{
	static char path[2][sizeof(directory) + 257];
	static int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

static void
empty_directory(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		(void)unlink(in_directory(entry->d_name));
	(void)closedir(dir);
	warnings = 0;
}

static unsigned
count_files(const char *start)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	unsigned n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir)) != NULL)
		n += strncmp(entry->d_name, start, strlen(start)) == 0;
	(void)closedir(dir);
	return n;
}

static struct job *
make_job(const char *plan, const char *types)
{
	struct job *job = job_new();

	CU_ASSERT_EQUAL_FATAL(job_set_text(&job->plan, plan, JOB_TEXT_MAX, "plan", NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(job_set_types(job, types, NULL), HF_OK);
	return job;
}

static struct queue *
open_queue(void)
{
	struct queue *queue = NULL;
	struct hf_error err = HF_ERROR_INIT;

	if (queue_open(directory, &queue, &err) != HF_OK)
		(void)fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(queue);
	return queue;
}

static void
test_refused(void)
{
	struct queue *queue;
	struct job *job = make_job("a", "chats");
	bool existing;
	char *text = malloc(JOB_TEXT_MAX + 2);

	empty_directory();
	queue = open_queue();
	memset(text, 'x', JOB_TEXT_MAX + 1);
	text[JOB_TEXT_MAX + 1] = '\0';
	free(job->plan);
	job->plan = text;
	CU_ASSERT_EQUAL(queue_add(queue, job, &existing, NULL), HF_ERANGE);
	text[JOB_TEXT_MAX] = '\0';
	CU_ASSERT_EQUAL(queue_add(queue, job, &existing, NULL), HF_OK);
	job->id[0] = 'x';
	CU_ASSERT_EQUAL(queue_update(queue, job, NULL), HF_EINVAL);
	queue_close(queue);
	queue = open_queue();
	CU_ASSERT_EQUAL(warnings, 0);
	queue_close(queue);
	job_free(job);
}

static int
count_job(void *ctx, const struct job *job)
{
	(void)job;
	(*(unsigned *)ctx)++;
	return HF_OK;
}

static unsigned
count_jobs(struct queue *queue, bool unfinished)
{
	unsigned n = 0;

	CU_ASSERT_EQUAL(queue_each(queue, unfinished, count_job, &n, NULL), HF_OK);
	return n;
}

static void
add(struct queue *queue, const char *plan, char id[JOB_ID_SIZE])
{
	struct job *job = make_job(plan, "chats");
	bool existing = true;

	CU_ASSERT_EQUAL(queue_add(queue, job, &existing, NULL), HF_OK);
	CU_ASSERT_FALSE(existing);
	if (id != NULL)
		memcpy(id, job->id, JOB_ID_SIZE);
	job_free(job);
}

static void
test_round_trip(void)
{
	struct queue *queue;
	struct job *job, *read = NULL;
	bool existing = true;

	empty_directory();
	queue = open_queue();
	job = make_job("everything", "media,chats");
	job->full = true;
	job->retry.backoff = RETRY_LINEAR;
	job->next_attempt = INT64_MIN;
	job->error_code = HF_ENET;
	job->checkpoints = 77;
	CU_ASSERT_EQUAL(job_set_text(&job->options, "{}", JOB_JSON_MAX, "", NULL), HF_OK);
	CU_ASSERT_EQUAL(job_set_text(&job->error, "\xc3\xa4 \xff bad", JOB_TEXT_MAX, "", NULL), HF_OK);
	CU_ASSERT_EQUAL(queue_add(queue, job, &existing, NULL), HF_OK);
	CU_ASSERT_FALSE(existing);
	queue_close(queue);
	queue = open_queue();
	CU_ASSERT_EQUAL_FATAL(queue_get(queue, job->id, &read, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(read->plan, "everything");
	CU_ASSERT_STRING_EQUAL(read->types, "chats,media");
	CU_ASSERT_STRING_EQUAL(read->error, "\xc3\xa4 \xff bad");
	CU_ASSERT_STRING_EQUAL(read->options, "{}");
	CU_ASSERT_PTR_NULL(read->result);
	CU_ASSERT(read->full);
	CU_ASSERT_EQUAL(read->retry.backoff, RETRY_LINEAR);
	CU_ASSERT_EQUAL(read->next_attempt, INT64_MIN);
	CU_ASSERT_EQUAL(read->error_code, HF_ENET);
	CU_ASSERT_EQUAL(read->checkpoints, 77);
	CU_ASSERT_EQUAL(read->created_at, job->created_at);
	job_free(read);
	CU_ASSERT_EQUAL(queue_get(queue, "backup_1_00000000", &read, NULL), HF_ENOTFOUND);
	queue_close(queue);
	job_free(job);
	CU_ASSERT_EQUAL(warnings, 0);
}

static void
test_unique(void)
{
	struct queue *queue;
	struct job *again;
	char id[JOB_ID_SIZE];
	bool existing = false;

	empty_directory();
	queue = open_queue();
	add(queue, "a", id);
	again = make_job("a", "chats,chats");
	CU_ASSERT_EQUAL(queue_add(queue, again, &existing, NULL), HF_OK);
	CU_ASSERT(existing);
	CU_ASSERT_STRING_EQUAL(again->id, id);
	/* Finished, it no longer counts. */
	again->status = JOB_COMPLETED;
	CU_ASSERT_EQUAL(queue_update(queue, again, NULL), HF_OK);
	add(queue, "a", NULL);
	job_free(again);
	again = make_job("a", "chats");
	again->full = true;
	CU_ASSERT_EQUAL(queue_add(queue, again, &existing, NULL), HF_OK);
	CU_ASSERT_FALSE(existing);
	job_free(again);
	again = make_job("a", "chats,media");
	CU_ASSERT_EQUAL(queue_add(queue, again, &existing, NULL), HF_OK);
	CU_ASSERT_FALSE(existing);
	job_free(again);
	CU_ASSERT_EQUAL(count_jobs(queue, true), 3);
	CU_ASSERT_EQUAL(count_jobs(queue, false), 4);
	queue_close(queue);
}

static void
test_recover_and_prune(void)
{
	struct queue *queue;
	struct job *job = NULL;
	char id[JOB_ID_SIZE], first[JOB_ID_SIZE] = "";
	int i;

	empty_directory();
	queue = open_queue();
	for (i = 0; i < QUEUE_FINISHED_MAX + 3; i++) {
		add(queue, "a", id);
		if (i == 0)
			memcpy(first, id, sizeof(first));
		CU_ASSERT_EQUAL_FATAL(queue_get(queue, id, &job, NULL), HF_OK);
		job->status = i % 2 ? JOB_FAILED : JOB_PARTIAL;
		CU_ASSERT_EQUAL(queue_update(queue, job, NULL), HF_OK);
		job_free(job);
	}
	CU_ASSERT_EQUAL(count_jobs(queue, false), QUEUE_FINISHED_MAX);
	CU_ASSERT_EQUAL(queue_get(queue, first, &job, NULL), HF_ENOTFOUND);
	add(queue, "b", id);
	CU_ASSERT_EQUAL_FATAL(queue_get(queue, id, &job, NULL), HF_OK);
	job->status = JOB_RUNNING;
	job->crashes = 2;
	CU_ASSERT_EQUAL(queue_update(queue, job, NULL), HF_OK);
	job_free(job);
	CU_ASSERT_EQUAL(queue_recover(queue, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(queue_get(queue, id, &job, NULL), HF_OK);
	CU_ASSERT_EQUAL(job->status, JOB_QUEUED);
	CU_ASSERT_EQUAL(job->crashes, 2);
	CU_ASSERT_EQUAL(job->attempts, 0);
	job_free(job);
	queue_close(queue);
}

/* Changes the closed database by SQL, as damage that SQLite itself does not see. */
static void
change(const char *sql)
{
	sqlite3 *db = NULL;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(in_directory(QUEUE_FILE), &db), SQLITE_OK);
	CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static void
test_row_damage(void)
{
	static const char *const sql[] = {
	    "UPDATE job SET status = 'completed' WHERE plan = 'a'",
	    "UPDATE job SET attempts = 1 WHERE plan = 'a'",
	    "UPDATE job SET checksum = x'00' WHERE plan = 'a'",
	    "UPDATE job SET checksum = NULL WHERE plan = 'a'",
	    "UPDATE job SET error = 'x' WHERE plan = 'a'",
	    "UPDATE job SET plan = x'61' WHERE plan = 'a'",
	    "DELETE FROM job WHERE plan = 'a'",
	};
	struct queue *queue;
	char id[JOB_ID_SIZE];
	struct job *job;
	size_t i;

	for (i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		empty_directory();
		queue = open_queue();
		add(queue, "b", id);
		add(queue, "a", NULL);
		queue_close(queue);
		change(sql[i]);
		queue = open_queue();
		CU_ASSERT_EQUAL(warnings, 1);
		/* The old one is kept, its whole row taken over. */
		CU_ASSERT_EQUAL(count_files("queue.damaged-"), 2);
		job = NULL;
		CU_ASSERT_EQUAL(queue_get(queue, id, &job, NULL), HF_OK);
		job_free(job);
		CU_ASSERT_EQUAL(count_jobs(queue, false), 1);
		queue_close(queue);
		queue = open_queue();
		CU_ASSERT_EQUAL(warnings, 1);
		queue_close(queue);
	}
}

static void
test_other_damage(void)
{
	static const char *const sql[] = {
	    "DELETE FROM state",
	    "UPDATE state SET generation = 9999",
	    "UPDATE state SET schema = 2",
	    "CREATE TRIGGER t AFTER UPDATE ON job BEGIN DELETE FROM job; END",
	    "CREATE VIEW v AS SELECT 1",
	    "PRAGMA user_version = 2",
	    "PRAGMA user_version = 0",
	    "DROP TABLE state",
	};
	struct queue *queue;
	size_t i;

	for (i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		empty_directory();
		queue = open_queue();
		add(queue, "a", NULL);
		queue_close(queue);
		change(sql[i]);
		queue = open_queue();
		CU_ASSERT_EQUAL(warnings, 1);
		CU_ASSERT_EQUAL(count_files("queue.damaged-"), 2);
		add(queue, "z", NULL);
		queue_close(queue);
	}
}

static void
read_whole(const char *name, struct buffer *out)
{
	CU_ASSERT_EQUAL_FATAL(path_read(in_directory(name), out->max, out, NULL), HF_OK);
}

static void
test_newer_schema(void)
{
	struct buffer before = BUFFER_INIT(1 << 20), after = BUFFER_INIT(1 << 20);
	struct hf_error err = HF_ERROR_INIT;
	struct queue *queue;

	empty_directory();
	queue = open_queue();
	add(queue, "a", NULL);
	queue_close(queue);
	change("ALTER TABLE job ADD COLUMN colour; PRAGMA user_version = 2");
	read_whole(QUEUE_FILE, &before);
	queue = NULL;
	CU_ASSERT_EQUAL(queue_open(directory, &queue, &err), HF_ENOTSUP);
	CU_ASSERT_PTR_NULL(queue);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "newer holdfast"));
	read_whole(QUEUE_FILE, &after);
	CU_ASSERT(before.size == after.size && memcmp(before.data, after.data, after.size) == 0);
	CU_ASSERT_EQUAL(count_files("queue.damaged-"), 0);
	buffer_release(&before);
	buffer_release(&after);
}

static void
test_old_copy(void)
{
	struct buffer copy = BUFFER_INIT(1 << 20);
	struct queue *queue;
	struct job *job = NULL;
	char id[JOB_ID_SIZE];

	empty_directory();
	queue = open_queue();
	add(queue, "a", id);
	queue_close(queue);
	read_whole(QUEUE_FILE, &copy);
	queue = open_queue();
	add(queue, "b", NULL);
	queue_close(queue);
	CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_FILE), copy.data, copy.size, 0600, NULL), HF_OK);
	queue = open_queue();
	CU_ASSERT_EQUAL(warnings, 1);
	CU_ASSERT_EQUAL(count_files("queue.damaged-"), 2);
	/* What the old copy knows is done again rather than lost. */
	CU_ASSERT_EQUAL(queue_get(queue, id, &job, NULL), HF_OK);
	job_free(job);
	queue_close(queue);

	/* A deleted database is noticed by the second file, too. */
	CU_ASSERT_EQUAL(unlink(in_directory(QUEUE_FILE)), 0);
	queue = open_queue();
	CU_ASSERT_EQUAL(warnings, 2);
	queue_close(queue);

	/* A missing second file is no reason to give up a whole database. */
	queue = open_queue();
	add(queue, "c", NULL);
	queue_close(queue);
	CU_ASSERT_EQUAL(unlink(in_directory(QUEUE_GENERATION_FILE)), 0);
	queue = open_queue();
	CU_ASSERT_EQUAL(count_jobs(queue, true), 1);
	CU_ASSERT_EQUAL(warnings, 3);
	queue_close(queue);
	buffer_release(&copy);
}

static void
flip(const char *name, size_t at)
{
	int fd = open(in_directory(name), O_RDWR | O_CLOEXEC);
	uint8_t byte = 0;

	CU_ASSERT_EQUAL(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0xff;
	CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, (off_t)at), 1);
	(void)close(fd);
}

struct expectation {
	char id[3][JOB_ID_SIZE];
	unsigned seen;
	bool foreign;
};

/* Whatever is shown must be one of the jobs that were put in, unchanged. */
static int
expect_job(void *ctx, const struct job *job)
{
	static const char *const plans[3] = {"one", "two", "three"};
	struct expectation *expectation = ctx;
	int i;

	for (i = 0; i < 3; i++) {
		if (strcmp(job->id, expectation->id[i]) == 0 && strcmp(job->plan, plans[i]) == 0 &&
		    strcmp(job->types, "chats") == 0 && job->status == JOB_QUEUED) {
			expectation->seen++;
			return HF_OK;
		}
	}
	expectation->foreign = true;
	return HF_OK;
}

/* Any byte wrong: no crash, no changed job shown, nothing missing without a warning. */
static void
test_flips(void)
{
	static const char *const strange[] = {"", "0123456789abcdef", "0123456789abcdef \n",
	    "0123456789abcdef 99999999999999999999\n", "0123456789abcdef 1", "0123456789abcdef 1\n\n", "nothing 1\n",
	    "0123456789abcdef0123456789abcdef0 1\n"};
	struct buffer database = BUFFER_INIT(1 << 20), generation = BUFFER_INIT(1 << 10);
	struct expectation expectation = {.seen = 0};
	struct queue *queue;
	size_t at, step;
	unsigned silent = 0, foreign = 0, failed = 0;

	empty_directory();
	queue = open_queue();
	add(queue, "one", expectation.id[0]);
	add(queue, "two", expectation.id[1]);
	add(queue, "three", expectation.id[2]);
	queue_close(queue);
	read_whole(QUEUE_FILE, &database);
	read_whole(QUEUE_GENERATION_FILE, &generation);
	step = getenv("HOLDFAST_TEST_FULL") != NULL ? 1 : 37;
	for (at = 0; at < database.size; at += at < 100 ? 1 : step) {
		empty_directory();
		CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_FILE), database.data, database.size, 0600, NULL), HF_OK);
		CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_GENERATION_FILE), generation.data, generation.size, 0600,
		    NULL), HF_OK);
		flip(QUEUE_FILE, at);
		queue = NULL;
		if (queue_open(directory, &queue, NULL) != HF_OK) {
			failed++;
			continue;
		}
		expectation.seen = 0;
		expectation.foreign = false;
		CU_ASSERT_EQUAL(queue_each(queue, false, expect_job, &expectation, NULL), HF_OK);
		foreign += expectation.foreign;
		silent += expectation.seen != 3 && warnings == 0;
		queue_close(queue);
	}
	CU_ASSERT_EQUAL(silent, 0);
	CU_ASSERT_EQUAL(foreign, 0);
	CU_ASSERT_EQUAL(failed, 0);
	/* Cut anywhere. */
	for (at = 0; at < database.size; at += 512) {
		empty_directory();
		CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_FILE), database.data, at, 0600, NULL), HF_OK);
		CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_GENERATION_FILE), generation.data, generation.size, 0600,
		    NULL), HF_OK);
		queue = open_queue();
		expectation.foreign = false;
		CU_ASSERT_EQUAL(queue_each(queue, false, expect_job, &expectation, NULL), HF_OK);
		CU_ASSERT_FALSE(expectation.foreign);
		CU_ASSERT(warnings > 0);
		queue_close(queue);
	}
	/* The second file holds something else: told, and nothing is lost. */
	for (at = 0; at < sizeof(strange) / sizeof(strange[0]); at++) {
		empty_directory();
		CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_FILE), database.data, database.size, 0600, NULL), HF_OK);
		CU_ASSERT_EQUAL(path_write(in_directory(QUEUE_GENERATION_FILE), strange[at], strlen(strange[at]), 0600,
		    NULL), HF_OK);
		queue = open_queue();
		expectation.seen = 0;
		CU_ASSERT_EQUAL(queue_each(queue, false, expect_job, &expectation, NULL), HF_OK);
		CU_ASSERT_EQUAL(expectation.seen, 3);
		CU_ASSERT_EQUAL(warnings, 1);
		queue_close(queue);
	}
	buffer_release(&database);
	buffer_release(&generation);
}

/* Killed at random moments, every job whose adding was acknowledged is there. */
static void
test_kill(void)
{
	struct queue *queue;
	char byte, plan[32];
	unsigned acknowledged, total = 0, found = 0;
	int round, pair[2], i, status;
	pid_t pid;

	empty_directory();
	for (round = 0; round < 8; round++) {
		acknowledged = 0;
		CU_ASSERT_EQUAL_FATAL(pipe(pair), 0);
		pid = fork();
		if (pid == 0) {
			queue = NULL;
			if (queue_open(directory, &queue, NULL) != HF_OK)
				_exit(1);
			for (i = 0; i < 1000; i++) {
				struct job *job = job_new();
				bool existing;

				(void)snprintf(plan, sizeof(plan), "%d-%d", round, i);
				(void)job_set_text(&job->plan, plan, JOB_TEXT_MAX, "", NULL);
				if (queue_add(queue, job, &existing, NULL) != HF_OK || write(pair[1], "x", 1) != 1)
					_exit(1);
				job_free(job);
			}
			_exit(0);
		}
		(void)close(pair[1]);
		while (acknowledged < (unsigned)(round * 3 + 2) && read(pair[0], &byte, 1) == 1)
			acknowledged++;
		(void)usleep((useconds_t)(round * 700));
		(void)kill(pid, SIGKILL);
		while (read(pair[0], &byte, 1) == 1)
			acknowledged++;
		(void)close(pair[0]);
		(void)waitpid(pid, &status, 0);
		CU_ASSERT(WIFSIGNALED(status));
		total += acknowledged;
	}
	queue = open_queue();
	found = count_jobs(queue, true);
	CU_ASSERT(found >= total && found <= total + 8);
	CU_ASSERT_EQUAL(warnings, 0);
	CU_ASSERT_EQUAL(count_files("queue.damaged-"), 0);
	queue_close(queue);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"round trip", test_round_trip}, {"unique", test_unique},
	    {"recover and prune", test_recover_and_prune}, {"refused", test_refused}, {"row damage", test_row_damage},
	    {"other damage", test_other_damage}, {"newer schema", test_newer_schema},
	    {"old copy", test_old_copy}, {"flips", test_flips}, {"kill", test_kill}, CU_TEST_INFO_NULL};
	int r;

	(void)snprintf(directory, sizeof(directory), "/tmp/test-queue.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return 99;
	log_set_sink(count_warning, NULL);
	r = unit_run("queue", tests);
	empty_directory();
	(void)rmdir(directory);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/archive.h"
#include "archive/test-run.h"
#include "base/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Every allocation of the archive, and every read of the storage, fails once, and once for good: the
 * archive says so, loses nothing, and the next try of the job gives the same tree as if nothing had been.
 */

/* ---- memory: the linker puts these in place of the library's ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
char *__real_strdup(const char *string);
char *__real_strndup(const char *string, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t size);

static bool armed, for_good;
static unsigned long calls, fail_at;

/* The lock's thread allocates too, but seldom: what it takes of the count does no harm. */
static bool
fails(void)
{
	if (!armed)
		return false;
	calls++;
	return for_good ? calls >= fail_at : calls == fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *data, size_t size)
{
	return fails() ? NULL : __real_realloc(data, size);
}

char *
__wrap_strdup(const char *string)
{
	return fails() ? NULL : __real_strdup(string);
}

char *
__wrap_strndup(const char *string, size_t size)
{
	return fails() ? NULL : __real_strndup(string, size);
}

/* ---- a job ---- */

static struct test_run run;

static int
put_line(struct archive *archive, unsigned number, const char *text)
{
	struct hf_line line = {0};
	struct hf_error err = HF_ERROR_INIT;
	char data[300];
	int r;

	line.rest_offset = strlen("{\"op\":\"message\",");
	line.id_offset = line.rest_offset + strlen("\"id\":\"");
	line.size = (uint64_t)snprintf(data, sizeof(data), "{\"op\":\"message\",\"id\":\"m%u\",\"text\":\"%s\"}",
	    number, text);
	line.id_size = strcspn(data + line.id_offset, "\"");
	line.data = data;
	line.time_ns = number;
	r = archive_unit_log_known(archive, &line, &err);
	if (r == HF_KNOWN_NEW || r == HF_KNOWN_CHANGED)
		r = archive_unit_log_append(archive, &line, &err);
	return r < 0 ? r : HF_OK;
}

static int
room(struct archive *archive, const char *path, unsigned count, const char *text, const char *some)
{
	struct buffer old = BUFFER_INIT(1000);
	struct hf_error err = HF_ERROR_INIT;
	uint64_t appended;
	int64_t newest;
	unsigned i;
	int r = archive_unit_begin(archive, path, &err);

	if (r == HF_OK) {
		r = archive_unit_previous(archive, "room.json", &old, &err);
		r = r == HF_ENOTFOUND ? HF_OK : r;
	}
	if (r == HF_OK)
		r = archive_unit_log_open(archive, "messages", &err);
	for (i = 0; r == HF_OK && i < count; i++)
		r = put_line(archive, i, i % 10 == 0 ? some : text);
	if (r == HF_OK)
		r = archive_unit_log_close(archive, &appended, &newest, &err);
	if (r == HF_OK)
		r = archive_unit_file(archive, "room.json", "{}", 2, count, &err);
	if (r == HF_OK)
		r = archive_unit_end(archive, "{\"a\":1}", &err);
	else
		archive_unit_abandon(archive);
	buffer_release(&old);
	return r;
}

/*
 * All of a job, as far as it gets; units that fail are tried once more.  some: the text of each tenth
 * message.
 */
static int
job(const struct repository_id *previous, unsigned more, const char *some, struct repository_id *ret)
{
	static const char *const paths[] = {"/chats/a/rooms/x", "/chats/a/rooms/y", "/chats/b/rooms/x"};
	struct snapshot snapshot = {.time_ns = 1};
	struct archive_options options = {run.job, run.seen, previous == NULL ? NULL : &snapshot};
	struct archive *archive = NULL;
	struct hf_error err = HF_ERROR_INIT;
	struct buffer old = BUFFER_INIT(1000);
	unsigned i;
	int r;

	if (previous != NULL)
		snapshot.tree = *previous;
	r = archive_open(run.repository, run.writer, &options, &archive, &err);
	if (r == HF_OK) {
		r = archive_previous(archive, "/holdfast.json", &old, &err);
		r = r == HF_ENOTFOUND && previous == NULL ? HF_OK : r;
	}
	for (i = 0; r == HF_OK && i < 3; i++) {
		if (archive_unit_finished(archive, paths[i]) != NULL)
			continue;
		r = room(archive, paths[i], (i + 1) * more, i == 1 ? "other" : "text", some);
		if (r != HF_OK)
			r = room(archive, paths[i], (i + 1) * more, i == 1 ? "other" : "text", some);
		if (r == HF_OK && i != 1)
			r = archive_checkpoint(archive, &err);
	}
	if (r == HF_OK)
		r = archive_file(archive, "/holdfast.json", "{}", 2, more, &err);
	if (r == HF_OK)
		r = archive_finish(archive, ret, &err);
	archive_close(archive);
	buffer_release(&old);
	if (r != HF_OK && err.code == 0)
		err.code = r;
	return r;
}

static unsigned
open_files(void)
{
	unsigned count = 0;
	int fd;

	for (fd = 0; fd < 1000; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

/* A job's folders of its own. */
static void
fresh(unsigned long number)
{
	repository_writer_close(run.writer);
	run.writer = NULL;
	(void)snprintf(run.spool, sizeof(run.spool), "%s/spool-%lu", run.place.directory, number);
	(void)snprintf(run.job, sizeof(run.job), "%s/job-%lu", run.place.directory, number);
	test_run_open_writer(&run);
}

/* Two jobs, which are stored, and what the next one is to give: messages that are as they were at first. */
static void
prepare(struct repository_id *first, struct repository_id *wanted)
{
	struct repository_id older;

	test_run_begin(&run);
	fresh(0);
	CU_ASSERT_EQUAL_FATAL(job(NULL, 180, "one", &older), HF_OK);
	test_run_finish_writer(&run);
	fresh(1);
	CU_ASSERT_EQUAL_FATAL(job(&older, 200, "two", first), HF_OK);
	test_run_finish_writer(&run);
	fresh(2);
	CU_ASSERT_EQUAL_FATAL(job(first, 220, "one", wanted), HF_OK);
	CU_ASSERT(memcmp(first, wanted, sizeof(*wanted)) != 0);
}

static void
test_memory(void)
{
	struct repository_id first, wanted, tree;
	unsigned long n, failures = 0;
	unsigned round, files;
	int r;

	prepare(&first, &wanted);
	files = open_files();
	for (round = 0; round < 2; round++) {
		for (n = 1;; n++) {
			/* All at first, then about one of seven: there is little new in them. */
			if (n > 150)
				n += (n * 31 + round) % 13;
			fresh(2 + n + round * 1000000);
			calls = 0;
			fail_at = n;
			for_good = round == 1;
			armed = true;
			r = job(&first, 220, "one", &tree);
			armed = false;
			if (calls < n)
				break;
			failures += r != HF_OK;
			if (r != HF_OK && r != HF_ENOMEM)
				(void)fprintf(stderr, "allocation %lu: %d\n", n, r);
			CU_ASSERT(r == HF_OK || r == HF_ENOMEM);
			/* For good: it cannot have ended well. */
			CU_ASSERT(round == 0 || r != HF_OK || calls < n + 3);
			if (r == HF_OK)
				CU_ASSERT_EQUAL(memcmp(&tree, &wanted, sizeof(tree)), 0);
			/* As another process would go on. */
			repository_writer_close(run.writer);
			run.writer = NULL;
			test_run_open_writer(&run);
			CU_ASSERT_EQUAL(job(&first, 220, "one", &tree), HF_OK);
			CU_ASSERT_EQUAL(memcmp(&tree, &wanted, sizeof(tree)), 0);
		}
		(void)printf("%lu allocations ", calls);
	}
	CU_ASSERT(failures > 50);
	CU_ASSERT_EQUAL(open_files(), files);
	test_run_end(&run);
}

/* ---- the storage ---- */

static struct hf_storage_ops failing_ops;
static const struct hf_storage_ops *real_ops;

static int
failing_get(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
    const struct hf_sink *sink, struct hf_error *err)
{
	calls++;
	if (for_good ? calls >= fail_at : calls == fail_at)
		return hf_error_set(err, HF_ENET, 0, "the network is down");
	return real_ops->get(handle, key, offset, length, sink, err);
}

static void
test_storage(void)
{
	struct repository_id first, wanted, tree;
	unsigned long n, bad = 0;
	unsigned round, files;
	int r;

	prepare(&first, &wanted);
	files = open_files();
	real_ops = run.repository->storage.ops;
	failing_ops = *real_ops;
	failing_ops.get = failing_get;
	for (round = 0; round < 2; round++) {
		for (n = 1;; n++) {
			fresh(2 + n + round * 1000000);
			calls = 0;
			fail_at = n;
			for_good = round == 1;
			run.repository->storage.ops = &failing_ops;
			r = job(&first, 220, "one", &tree);
			run.repository->storage.ops = real_ops;
			if (calls < n)
				break;
			/* Absence is something else than an error. */
			CU_ASSERT(r == HF_OK || r == HF_ENET);
			CU_ASSERT(r == HF_OK || round == 1 || bad++ < 20);
			CU_ASSERT(r != HF_OK || memcmp(&tree, &wanted, sizeof(tree)) == 0);
			CU_ASSERT_EQUAL(job(&first, 220, "one", &tree), HF_OK);
			CU_ASSERT_EQUAL(memcmp(&tree, &wanted, sizeof(tree)), 0);
		}
		(void)printf("%lu reads ", calls);
	}
	CU_ASSERT_EQUAL(open_files(), files);
	test_run_end(&run);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"memory", test_memory}, {"storage", test_storage}, CU_TEST_INFO_NULL};

	return unit_run("archive's faults", tests);
}

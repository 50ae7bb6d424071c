/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "base/unit.h"
#include "repository/pack.h"
#include "repository/recent.h"
#include "repository/test-place.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- content ---- */

/* Bytes that only the number decides: text for even numbers, incompressible for odd ones. */
static size_t
content_of(unsigned number, size_t size, uint8_t *out)
{
	uint64_t x = number * 2654435761u + 88172645463325252ull;
	size_t i;

	size = size - number % 1000;
	for (i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = number & 1 ? (uint8_t)(x >> 32) : (uint8_t)("conversation"[(x >> 40) % 12]);
	}
	return size;
}

static bool
loads(struct repository *repository, enum blob_type type, unsigned number, size_t size)
{
	struct buffer out = BUFFER_INIT((size_t)64 << 20);
	struct repository_id id;
	uint8_t *data = malloc(size);
	uint64_t told = 0;
	bool good;

	size = content_of(number, size, data);
	(void)hash_bytes(data, size, id.bytes, NULL);
	good = repository_has_blob(repository, type, &id) &&
	       repository_blob_size(repository, type, &id, &told, NULL) == HF_OK && told == size &&
	       repository_load_blob(repository, type, &id, &out, NULL) == HF_OK && out.size == size &&
	       memcmp(out.data, data, size) == 0;
	buffer_release(&out);
	free(data);
	return good;
}

static int
save(struct repository_writer *writer, enum blob_type type, unsigned number, size_t size, bool *ret_new)
{
	struct repository_id id;
	uint8_t *data = malloc(size);
	int r;

	size = content_of(number, size, data);
	r = repository_save_blob(writer, type, data, size, &id, ret_new, NULL);
	free(data);
	return r;
}

/* ---- a repository with a lock, an index and a writer ---- */

static char spool[2000];

static struct repository *
open_again(struct test_place *place)
{
	struct repository *repository = NULL;
	struct hf_error err = HF_ERROR_INIT;

	if (repository_open(&place->storage, &place->options, &repository, &err) != HF_OK ||
	    repository_lock(repository, &err) != HF_OK || repository_load_index(repository, &err) != HF_OK) {
		CU_FAIL(err.msg);
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	return repository;
}

static struct repository_writer *
open_writer(struct repository *repository)
{
	struct repository_writer *writer = NULL;
	struct hf_error err = HF_ERROR_INIT;

	if (repository_writer_open(repository, spool, &writer, &err) != HF_OK) {
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	return writer;
}

static struct repository *
begin(struct test_place *place)
{
	test_place_open(place);
	(void)snprintf(spool, sizeof(spool), "%s/spool", place->directory);
	repository_close(test_place_weak_repository(place));
	return open_again(place);
}

static void
end(struct test_place *place, struct repository *repository)
{
	repository_close(repository);
	test_place_close(place);
}

static bool
spool_has(const char *name)
{
	char *path = path_join(spool, name);
	struct stat st;
	bool there = stat(path, &st) == 0;

	free(path);
	return there;
}

/* restic's own check of every byte; true also where restic is not installed. */
static bool
restic_agrees(struct test_place *place)
{
	struct buffer out = BUFFER_INIT(1 << 20);
	bool good = true;

	if (test_restic_is_there()) {
		good = test_restic(place, "check --no-lock --read-data 2>&1", &out) == 0;
		if (!good)
			(void)fprintf(stderr, "%s\n", buffer_string(&out));
	}
	buffer_release(&out);
	return good;
}

/* ---- tests ---- */

static void
test_recent(void)
{
	struct recent *recent;
	struct repository_id id[200];
	unsigned i, round;

	CU_ASSERT_EQUAL_FATAL(recent_new(200, &recent, NULL), HF_OK);
	for (i = 0; i < 200; i++) {
		(void)hash_bytes(&i, sizeof(i), id[i].bytes, NULL);
		id[i].bytes[0] &= 3; /* many share a home */
		id[i].bytes[1] = id[i].bytes[2] = 0;
		CU_ASSERT_EQUAL(recent_add(recent, BLOB_DATA, &id[i]), HF_OK);
	}
	CU_ASSERT_EQUAL(recent_add(recent, BLOB_TREE, &id[0]), HF_ERANGE);
	for (round = 0; round < 200; round++) {
		recent_remove(recent, BLOB_DATA, &id[(round * 77) % 200]);
		for (i = 0; i < 200; i++) {
			bool gone = false;
			unsigned j;

			for (j = 0; j <= round; j++)
				gone = gone || (j * 77) % 200 == i;
			if (recent_has(recent, BLOB_DATA, &id[i]) == gone)
				CU_FAIL_FATAL("a member is lost, or one removed is found");
		}
	}
	CU_ASSERT(!recent_has(recent, BLOB_TREE, &id[0]));
	recent_free(recent);
}

static void
test_round(void)
{
	struct repository_writer_stats stats;
	struct repository_writer *writer;
	struct repository *repository;
	struct test_place place;
	bool fresh;
	unsigned i;

	repository = begin(&place);
	writer = open_writer(repository);
	for (i = 0; i < 120; i++) {
		CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 300000, &fresh), HF_OK);
		CU_ASSERT(fresh);
		CU_ASSERT_EQUAL(save(writer, i & 2 ? BLOB_TREE : BLOB_DATA, i, 2000, &fresh), HF_OK);
		CU_ASSERT(fresh);
		CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i / 2, 300000, &fresh), HF_OK);
		CU_ASSERT(!fresh);
	}
	CU_ASSERT(test_place_count(&place, HF_OBJECT_DATA) >= 1);
	CU_ASSERT_EQUAL(test_place_count(&place, HF_OBJECT_INDEX), 0);
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_OK);
	repository_writer_stats(writer, &stats);
	CU_ASSERT_EQUAL(stats.data_blobs, 180);
	CU_ASSERT_EQUAL(stats.tree_blobs, 60);
	CU_ASSERT(stats.bytes_sealed > 60 * 300000 && stats.bytes_sealed < stats.bytes_stored);
	CU_ASSERT(stats.bytes_stored > 60 * 300000 && stats.bytes_stored < stats.bytes_added);
	CU_ASSERT_EQUAL(save(writer, BLOB_DATA, 1000, 2000, &fresh), HF_EINVAL);
	repository_writer_close(writer);
	CU_ASSERT(!spool_has("journal"));
	CU_ASSERT(!spool_has("data.pack"));
	CU_ASSERT_EQUAL(test_place_count(&place, HF_OBJECT_INDEX), 1);
	for (i = 0; i < 120; i++) {
		CU_ASSERT(loads(repository, BLOB_DATA, i, 300000));
		CU_ASSERT(loads(repository, i & 2 ? BLOB_TREE : BLOB_DATA, i, 2000));
	}
	repository_close(repository);
	/* Again from the storage alone. */
	repository = open_again(&place);
	for (i = 0; i < 120; i++)
		CU_ASSERT(loads(repository, BLOB_DATA, i, 300000));
	writer = open_writer(repository);
	CU_ASSERT_EQUAL(save(writer, BLOB_DATA, 3, 300000, &fresh), HF_OK);
	CU_ASSERT(!fresh);
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_OK);
	repository_writer_close(writer);
	CU_ASSERT_EQUAL(test_place_count(&place, HF_OBJECT_INDEX), 1); /* nothing new, nothing written */
	CU_ASSERT(restic_agrees(&place));
	end(&place, repository);
}

/* A whole snapshot that restic lists, checks and dumps. */
static void
test_snapshot(void)
{
	static char path[] = "/", *paths[] = {path, NULL}, *tags[] = {NULL};
	struct buffer ids = BUFFER_INIT(10000), tree = BUFFER_INIT(100000), out = BUFFER_INIT((size_t)64 << 20);
	size_t size = (size_t)5 << 20;
	uint8_t *data = malloc(size);
	struct node node = {.type = NODE_FILE, .name = "a<b>\xff.bin", .name_size = 9, .mode = 0600,
	    .mtime_ns = INT64_C(1700000000123456789)};
	struct snapshot snapshot = {.time_ns = INT64_C(1700000001000000000), .hostname = "here", .paths = paths,
	    .tags = tags};
	struct repository_writer *writer;
	struct repository *repository;
	struct repository_id id;
	struct test_place place;

	repository = begin(&place);
	writer = open_writer(repository);
	size = content_of(1, size, data);
	CU_ASSERT_EQUAL(repository_save_content(writer, data, size, &ids, NULL), HF_OK);
	CU_ASSERT(ids.size >= 2 * HASH_SIZE);
	node.size = size;
	node.content = ids.data;
	node.content_count = ids.size / HASH_SIZE;
	tree_begin(&tree);
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_OK);
	node = (struct node){.type = NODE_FILE, .name = "empty", .name_size = 5, .mode = 0600};
	CU_ASSERT_EQUAL(tree_add(&tree, &node, NULL), HF_OK);
	tree_end(&tree);
	CU_ASSERT_EQUAL(repository_save_blob(writer, BLOB_TREE, tree.data, tree.size, &snapshot.tree, NULL, NULL),
	    HF_OK);
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_OK);
	repository_writer_close(writer);
	CU_ASSERT_EQUAL(repository_save_snapshot(repository, &snapshot, &id, NULL), HF_OK);
	CU_ASSERT(restic_agrees(&place));
	if (test_restic_is_there()) {
		CU_ASSERT_EQUAL(test_restic(&place, "dump --no-lock latest $(printf '/a<b>\\377.bin')", &out), 0);
		CU_ASSERT_EQUAL(out.size, size);
		CU_ASSERT(out.size == size && memcmp(out.data, data, size) == 0);
	}
	free(data);
	buffer_release(&ids);
	buffer_release(&tree);
	buffer_release(&out);
	end(&place, repository);
}

/* Work may begin before the lock is proved to be held; nothing of it is stored when another holds the repository. */
static void
test_refused(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct repository_writer *writer = NULL;
	struct repository *repository;
	struct test_place place;
	char name[HASH_HEX_SIZE];
	bool fresh;

	repository = begin(&place);
	repository_unlock(repository);
	CU_ASSERT_EQUAL(repository_writer_open(repository, spool, &writer, &err), HF_EINVAL);
	CU_ASSERT_EQUAL_FATAL(repository_lock_begin(repository, &err), HF_OK);
	test_place_put_json(repository, HF_OBJECT_LOCK,
	    "{\"time\":\"2026-11-23T06:00:00Z\",\"exclusive\":true,\"hostname\":\"h\",\"pid\":1}", name);
	writer = open_writer(repository);
	CU_ASSERT_EQUAL(save(writer, BLOB_DATA, 1, 2000, &fresh), HF_OK);
	CU_ASSERT_EQUAL(repository_writer_finish(writer, &err), HF_EBUSY);
	CU_ASSERT_EQUAL(test_place_count(&place, HF_OBJECT_DATA) + test_place_count(&place, HF_OBJECT_INDEX), 0);
	repository_writer_close(writer);
	end(&place, repository);
}

/* ---- a storage that fails ---- */

static struct hf_storage_ops failing_ops;
static const struct hf_storage_ops *real_ops;
static int puts_to_fail;

static int
failing_put(void *handle, const struct hf_object_key *key, const struct hf_reader *data, const uint8_t *sha256,
    uint32_t flags, struct hf_error *err)
{
	if (key->type != HF_OBJECT_LOCK && puts_to_fail > 0) {
		puts_to_fail--;
		return hf_error_set(err, HF_ENET, 0, "the network is down");
	}
	return real_ops->put(handle, key, data, sha256, flags, err);
}

static void
test_failing_storage(void)
{
	struct repository_writer *writer;
	struct repository *repository;
	struct test_place place;
	unsigned i, failures = 0;
	bool fresh;
	int r;

	repository = begin(&place);
	real_ops = repository->storage.ops;
	failing_ops = *real_ops;
	failing_ops.put = failing_put;
	repository->storage.ops = &failing_ops;
	writer = open_writer(repository);
	puts_to_fail = 3;
	for (i = 1; i < 400; i += 2) {
		r = save(writer, BLOB_DATA, i, 300000, &fresh);
		if (r != HF_OK) {
			CU_ASSERT_EQUAL(r, HF_ENET);
			failures++;
			/* A checkpoint in between must not lose what waits. */
			CU_ASSERT_EQUAL(repository_writer_checkpoint(writer, NULL), HF_OK);
			i -= 2;
		}
	}
	CU_ASSERT_EQUAL(failures, 3);
	puts_to_fail = 1;
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_ENET);
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_OK);
	repository_writer_close(writer);
	repository->storage.ops = real_ops;
	for (i = 1; i < 400; i += 2)
		CU_ASSERT(loads(repository, BLOB_DATA, i, 300000));
	CU_ASSERT(restic_agrees(&place));
	end(&place, repository);
}

/* ---- resuming ---- */

static void
test_resume(void)
{
	struct repository_writer *writer, *second;
	struct repository *repository;
	struct test_place place;
	unsigned i;
	bool fresh;

	repository = begin(&place);
	writer = open_writer(repository);
	for (i = 0; i < 90; i++) {
		CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 400000, NULL), HF_OK);
		CU_ASSERT_EQUAL(save(writer, BLOB_TREE, i, 3000, NULL), HF_OK);
	}
	CU_ASSERT_EQUAL(repository_writer_open(repository, spool, &second, NULL), HF_EBUSY);
	CU_ASSERT_EQUAL(repository_writer_checkpoint(writer, NULL), HF_OK);
	CU_ASSERT_EQUAL(repository_writer_checkpoint(writer, NULL), HF_OK);
	/* After the checkpoint: not promised. */
	CU_ASSERT_EQUAL(save(writer, BLOB_DATA, 1001, 100000, NULL), HF_OK);
	repository_writer_close(writer);
	repository_close(repository);

	repository = open_again(&place);
	writer = open_writer(repository);
	for (i = 0; i < 90; i++) {
		CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 400000, &fresh), HF_OK);
		CU_ASSERT(!fresh);
		CU_ASSERT_EQUAL(save(writer, BLOB_TREE, i, 3000, &fresh), HF_OK);
		CU_ASSERT(!fresh);
	}
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_OK);
	repository_writer_close(writer);
	for (i = 0; i < 90; i++) {
		CU_ASSERT(loads(repository, BLOB_DATA, i, 400000));
		CU_ASSERT(loads(repository, BLOB_TREE, i, 3000));
	}
	CU_ASSERT(restic_agrees(&place));
	end(&place, repository);
}

static void
flip(const char *name, off_t at)
{
	char *path = path_join(spool, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
	free(path);
}

static void
spool_some(struct repository *repository, unsigned first, unsigned last)
{
	struct repository_writer *writer = open_writer(repository);
	unsigned i;

	for (i = first; i < last; i++)
		CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 100000, NULL), HF_OK);
	CU_ASSERT_EQUAL(repository_writer_checkpoint(writer, NULL), HF_OK);
	repository_writer_close(writer);
}

static void
test_damaged_spool(void)
{
	struct repository_writer *writer;
	struct repository *repository;
	struct hf_error err = HF_ERROR_INIT;
	struct test_place place;
	char *path;

	repository = begin(&place);
	spool_some(repository, 0, 4);
	flip("data.pack", 120000);
	CU_ASSERT_EQUAL(repository_writer_open(repository, spool, &writer, &err), HF_ECORRUPT);
	CU_ASSERT(spool_has("journal.damaged"));
	/* Then it begins empty. */
	spool_some(repository, 0, 4);
	path = path_join(spool, "data.pack");
	CU_ASSERT_EQUAL(truncate(path, 1000), 0);
	free(path);
	CU_ASSERT_EQUAL(repository_writer_open(repository, spool, &writer, &err), HF_ECORRUPT);
	spool_some(repository, 0, 4);
	flip("journal", 30); /* the repository's id */
	CU_ASSERT_EQUAL(repository_writer_open(repository, spool, &writer, &err), HF_ECORRUPT);
	spool_some(repository, 0, 4);
	writer = open_writer(repository);
	CU_ASSERT_EQUAL(repository_writer_finish(writer, NULL), HF_OK);
	repository_writer_close(writer);
	CU_ASSERT(loads(repository, BLOB_DATA, 3, 100000));
	CU_ASSERT(restic_agrees(&place));
	end(&place, repository);
}

/* A journal cut anywhere opens, with what its last whole checkpoint says. */
static void
test_torn_journal(void)
{
	struct repository_writer *writer;
	struct repository *repository;
	struct test_place place;
	struct stat st;
	unsigned i, known, last = 10;
	char *path;
	off_t cut;
	bool fresh;

	repository = begin(&place);
	path = path_join(spool, "journal");
	for (cut = 1; last > 0; cut += 41) {
		spool_some(repository, 0, 3);
		spool_some(repository, 3, 6);
		writer = open_writer(repository);
		for (i = 6; i < 9; i++)
			CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 100000, NULL), HF_OK);
		CU_ASSERT_EQUAL(repository_writer_checkpoint(writer, NULL), HF_OK);
		repository_writer_close(writer);
		CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
		if (st.st_size - cut < 62) /* its beginning is damage, not a tear */
			break;
		CU_ASSERT_EQUAL(truncate(path, st.st_size - cut), 0);
		writer = open_writer(repository);
		for (i = known = 0; i < 9; i++) {
			CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 100000, &fresh), HF_OK);
			known += !fresh;
		}
		CU_ASSERT(known <= last);
		last = known;
		repository_writer_close(writer);
		CU_ASSERT_EQUAL(unlink(path), 0);
	}
	CU_ASSERT_EQUAL(last, 0);
	free(path);
	end(&place, repository);
}

static void
test_pruned(void)
{
	struct repository_writer *writer;
	struct repository *repository;
	struct hf_error err = HF_ERROR_INIT;
	struct test_place place;
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_DATA, 0, name};
	unsigned i;

	repository = begin(&place);
	writer = open_writer(repository);
	for (i = 1; i < 101; i += 2) /* more than a pack */
		CU_ASSERT_EQUAL(save(writer, BLOB_DATA, i, 400000, NULL), HF_OK);
	CU_ASSERT_EQUAL(repository_writer_checkpoint(writer, NULL), HF_OK);
	repository_writer_close(writer);
	CU_ASSERT_FATAL(test_place_first(&place, HF_OBJECT_DATA, name));
	CU_ASSERT_EQUAL(repository->storage.ops->remove(repository->storage.handle, &key, NULL), HF_OK);
	repository_close(repository);
	repository = open_again(&place);
	CU_ASSERT_EQUAL(repository_writer_open(repository, spool, &writer, &err), HF_ECORRUPT);
	writer = open_writer(repository);
	repository_writer_close(writer);
	end(&place, repository);
}

/* ---- kill -9 ---- */

#define CRASH_BLOBS 240u
#define CRASH_SIZE  ((size_t)250000)

/* Saves from first on, tells each checkpoint over the pipe. */
static void
crash_child(struct test_place *place, unsigned first, int tell)
{
	struct repository *repository = open_again(place);
	struct repository_writer *writer = open_writer(repository);
	unsigned i;

	if (write(tell, &first, sizeof(first)) != (ssize_t)sizeof(first))
		_exit(2);
	for (i = first; i < CRASH_BLOBS; i++) {
		if (save(writer, i % 7 == 0 ? BLOB_TREE : BLOB_DATA, i, CRASH_SIZE, NULL) != HF_OK)
			_exit(3);
		if (i % 5 == 4) {
			unsigned done = i + 1;

			if (repository_writer_checkpoint(writer, NULL) != HF_OK ||
			    write(tell, &done, sizeof(done)) != (ssize_t)sizeof(done))
				_exit(4);
		}
	}
	if (repository_writer_finish(writer, NULL) != HF_OK)
		_exit(5);
	repository_writer_close(writer);
	repository_close(repository);
	_exit(0);
}

/* One life of a writer; returns its wait status, *done goes on to its last checkpoint. */
static int
one_life(struct test_place *place, unsigned *done, long kill_after_us)
{
	struct timespec pause = {0, kill_after_us * 1000};
	unsigned told;
	int tell[2], status = 0;
	pid_t pid;

	if (pipe(tell) != 0)
		abort();
	pid = fork();
	if (pid == 0) {
		(void)close(tell[0]);
		crash_child(place, *done, tell[1]);
	}
	(void)close(tell[1]);
	if (read(tell[0], &told, sizeof(told)) == (ssize_t)sizeof(told) && kill_after_us >= 0) {
		(void)nanosleep(&pause, NULL);
		(void)kill(pid, SIGKILL);
	}
	while (read(tell[0], &told, sizeof(told)) == (ssize_t)sizeof(told))
		*done = told;
	(void)close(tell[0]);
	(void)waitpid(pid, &status, 0);
	return status;
}

static void
test_crash(void)
{
	const char *given = getenv("HOLDFAST_TEST_SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), done = 0, i, lives;
	struct repository *repository;
	struct test_place place;
	int status = -1;

	(void)printf("seed %u ", seed);
	srand(seed);
	repository = begin(&place);
	repository_close(repository);
	for (lives = 0; lives < 12 && done < CRASH_BLOBS; lives++) {
		status = one_life(&place, &done, rand() % 60000);
		CU_ASSERT(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	}
	status = one_life(&place, &done, -1);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	repository = open_again(&place);
	for (i = 0; i < CRASH_BLOBS; i++) {
		if (!loads(repository, i % 7 == 0 ? BLOB_TREE : BLOB_DATA, i, CRASH_SIZE))
			CU_FAIL("a blob of before a checkpoint is lost");
	}
	CU_ASSERT(restic_agrees(&place));
	end(&place, repository);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"recent", test_recent}, {"round", test_round}, {"snapshot", test_snapshot},
	    {"refused", test_refused}, {"failing storage", test_failing_storage}, {"resume", test_resume}, {"damaged spool", test_damaged_spool},
	    {"torn journal", test_torn_journal}, {"pruned pack", test_pruned}, {"crash", test_crash}, CU_TEST_INFO_NULL};

	return unit_run("writer", tests);
}

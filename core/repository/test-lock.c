/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"
#include "base/unit.h"
#include "repository/origin.h"
#include "repository/test-place.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)

static struct test_place place;
static struct repository *repository;
static struct hf_error err = HF_ERROR_INIT;

static void
set_up(void)
{
	test_place_open(&place);
	repository = test_place_weak_repository(&place);
}

static void
tear_down(void)
{
	repository_close(repository);
	test_place_close(&place);
}

static unsigned
locks(void)
{
	return test_place_count(&place, HF_OBJECT_LOCK);
}

static void
test_take(void)
{
	struct repository *other;
	struct buffer json = BUFFER_INIT(10000);
	char name[HASH_HEX_SIZE], wanted[100];

	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EINVAL);
	CU_ASSERT_EQUAL_FATAL(repository_lock(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock(repository, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(locks(), 1);
	CU_ASSERT(test_place_first(&place, HF_OBJECT_LOCK, name));
	CU_ASSERT_EQUAL(object_load_json(repository, HF_OBJECT_LOCK, name, 10000, &json, &err), HF_OK);
	(void)snprintf(wanted, sizeof(wanted), "\"pid\":%ld,", (long)getpid());
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&json), wanted));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&json), "\"exclusive\":false"));
	/* Shared locks live together, and each goes alone. */
	CU_ASSERT_EQUAL_FATAL(repository_open(&place.storage, &place.options, &other, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock(other, &err), HF_OK);
	CU_ASSERT_EQUAL(locks(), 2);
	repository_unlock(repository);
	CU_ASSERT_EQUAL(locks(), 1);
	CU_ASSERT_EQUAL(repository_lock_held(other, &err), HF_OK);
	repository_close(other);
	CU_ASSERT_EQUAL(locks(), 0);
	buffer_release(&json);
}

static void
put_lock(const char *json)
{
	char name[HASH_HEX_SIZE];

	test_place_put_json(repository, HF_OBJECT_LOCK, json, name);
}

static void
test_exclusive(void)
{
	put_lock("{\"time\":\"2026-11-23T06:00:00Z\",\"exclusive\":true,\"hostname\":\"far\\naway\",\"username\":\"joe\","
	    "\"pid\":4711}");
	CU_ASSERT_EQUAL(repository_lock(repository, &err), HF_EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "4711"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "far?away"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "joe"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "2026-11-23T06:00:00Z"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "restic unlock"));
	CU_ASSERT_EQUAL(locks(), 1);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EINVAL);
}

/* Another's exclusive lock that appears between the look and the second look wins. */
struct racing {
	struct hf_storage_ops ops;
	struct repository_storage real;
	struct repository *writer;
	bool done, slow;
};

static int
racing_put(void *handle, const struct hf_object_key *key, const struct hf_reader *data, const uint8_t *sha256,
    uint32_t flags, struct hf_error *e)
{
	struct racing *racing = handle;
	const struct timespec pause = {0, racing->slow ? 120000000 : 0};

	(void)nanosleep(&pause, NULL);
	return racing->real.ops->put(racing->real.handle, key, data, sha256, flags, e);
}

static int
racing_get(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
    const struct hf_sink *sink, struct hf_error *e)
{
	struct racing *racing = handle;

	return racing->real.ops->get(racing->real.handle, key, offset, length, sink, e);
}

static int
racing_list(void *handle, uint32_t type, hf_list_fn fn, void *ctx, struct hf_error *e)
{
	struct racing *racing = handle;
	int r = racing->real.ops->list(racing->real.handle, type, fn, ctx, e);

	if (!racing->done)
		put_lock("{\"time\":\"2026-11-23T06:00:00Z\",\"exclusive\":true,\"hostname\":\"h\",\"pid\":1}");
	racing->done = true;
	return r;
}

static int
racing_stat(void *handle, const struct hf_object_key *key, uint64_t *ret, struct hf_error *e)
{
	struct racing *racing = handle;

	return racing->real.ops->stat(racing->real.handle, key, ret, e);
}

static int
racing_remove(void *handle, const struct hf_object_key *key, struct hf_error *e)
{
	struct racing *racing = handle;

	return racing->real.ops->remove(racing->real.handle, key, e);
}

/* Opens the repository once more, through a storage in which another takes it alone behind the first look. */
static struct repository *
open_racing(struct racing *racing, bool slow)
{
	struct repository *other;

	CU_ASSERT_EQUAL_FATAL(repository_open(&place.storage, &place.options, &other, &err), HF_OK);
	memset(racing, 0, sizeof(*racing));
	racing->real = place.storage;
	racing->ops.put = racing_put;
	racing->ops.get = racing_get;
	racing->ops.list = racing_list;
	racing->ops.stat = racing_stat;
	racing->ops.remove = racing_remove;
	racing->slow = slow;
	other->storage.ops = &racing->ops;
	other->storage.handle = racing;
	return other;
}

static void
test_race(void)
{
	struct racing racing;
	struct repository *other = open_racing(&racing, false);

	CU_ASSERT_EQUAL(repository_lock(other, &err), HF_EBUSY);
	CU_ASSERT(racing.done);
	CU_ASSERT_EQUAL(locks(), 1); /* ours is gone again */
	repository_close(other);
}

/* A lock that took long to be there may not have been seen by the other: nothing is read before the second look. */
static void
test_slow(void)
{
	struct racing racing;
	struct repository *other = open_racing(&racing, true);

	CU_ASSERT_EQUAL(repository_lock_begin(other, &err), HF_EBUSY);
	CU_ASSERT_FALSE(repository_is_locked(other));
	CU_ASSERT_EQUAL(locks(), 1);
	repository_close(other);
}

/* Who begins to read before that is known hears of it before the first write, and as often as it asks. */
static void
test_begin(void)
{
	CU_ASSERT_EQUAL_FATAL(repository_lock_begin(repository, &err), HF_OK);
	CU_ASSERT(repository_is_locked(repository));
	put_lock("{\"time\":\"2026-11-23T06:00:00Z\",\"exclusive\":true,\"hostname\":\"h\",\"pid\":1}");
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "locked"));
	CU_ASSERT_EQUAL(locks(), 1); /* the other's */
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EBUSY);
	repository_unlock(repository);
	CU_ASSERT_FALSE(repository_is_locked(repository));
	CU_ASSERT_EQUAL(locks(), 1);
}

/* One that is given back before it settled leaves nothing. */
static void
test_begin_short(void)
{
	CU_ASSERT_EQUAL_FATAL(repository_lock_begin(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(locks(), 1);
	repository_unlock(repository);
	CU_ASSERT_EQUAL(locks(), 0);
	CU_ASSERT_EQUAL_FATAL(repository_lock_begin(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_OK);
}

/* A process that has ended: its id is free. */
static pid_t
dead_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	CU_ASSERT_FATAL(pid > 0);
	(void)waitpid(pid, NULL, 0);
	return pid;
}

/* Puts a shared lock with proof; NULL: this process's own value. */
static void
put_proof(long pid, uint64_t start, const char *boot, const char *space, const char *machine, int64_t age_ns)
{
	char own_boot[ORIGIN_PROOF_SIZE], own_space[ORIGIN_PROOF_SIZE], host[ORIGIN_NAME_SIZE];
	char time[TIME_RFC3339_SIZE], json[2000];

	origin_boot_id(own_boot);
	origin_pid_space(own_space);
	(void)time_format(time_now() - age_ns, time);
	(void)snprintf(json, sizeof(json),
	    "{\"time\":\"%s\",\"exclusive\":false,\"hostname\":\"%s\",\"username\":\"me\",\"pid\":%ld,"
	    "\"holdfast\":{\"boot\":\"%s\",\"machine\":\"%s\",\"pid_space\":\"%s\",\"pid_start\":%llu}}",
	    time, origin_hostname(host), pid, boot != NULL ? boot : own_boot, machine,
	    space != NULL ? space : own_space, (unsigned long long)start);
	put_lock(json);
}

/* How many locks are left of those that were put, when the repository is locked. */
static unsigned
left_after_lock(void)
{
	unsigned count;

	CU_ASSERT_EQUAL(repository_lock(repository, &err), HF_OK);
	repository_unlock(repository);
	count = locks();
	return count;
}

static void
remove_all(void)
{
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_LOCK, 0, name};

	while (test_place_first(&place, HF_OBJECT_LOCK, name))
		CU_ASSERT_EQUAL_FATAL(place.storage.ops->remove(place.storage.handle, &key, &err), HF_OK);
}

static void
test_stale(void)
{
	char own[ORIGIN_PROOF_SIZE];
	uint64_t start = 0, ended = 0;
	siginfo_t info;
	pid_t zombie;

	origin_boot_id(own);
	CU_ASSERT_FATAL(origin_process_start(getpid(), &start));
	/* Proved: its process is dead, or its number belongs to another process now. */
	put_proof((long)dead_process(), 1, NULL, NULL, "", 0);
	CU_ASSERT_EQUAL(left_after_lock(), 0);
	put_proof((long)getpid(), start + 1, NULL, NULL, "", 0);
	CU_ASSERT_EQUAL(left_after_lock(), 0);
	/* Ended, but nobody has asked how. */
	zombie = fork();
	if (zombie == 0)
		_exit(0);
	CU_ASSERT_EQUAL_FATAL(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
	CU_ASSERT_FATAL(origin_process_start(zombie, &ended));
	put_proof((long)zombie, ended, NULL, NULL, "", 0);
	CU_ASSERT_EQUAL(left_after_lock(), 0);
	(void)waitpid(zombie, NULL, 0);
	/* Not proved: alive, of another container, of another boot without machine, without any proof. */
	put_proof((long)getpid(), start, NULL, NULL, "", 0);
	put_proof((long)dead_process(), 1, NULL, "pid:[1]", "", 0);
	put_proof((long)dead_process(), 1, "other-boot", NULL, "", 1000 * MINUTE);
	put_proof((long)dead_process(), 1, "", "", "", 0);
	put_lock("{\"time\":\"2001-01-01T00:00:00Z\",\"exclusive\":false,\"hostname\":\"h\",\"pid\":1}");
	CU_ASSERT_EQUAL(left_after_lock(), 5);
	remove_all();
}

/* The proof of this machine is what its own lock says. */
static void
test_stale_boot(void)
{
	struct buffer json = BUFFER_INIT(10000);
	char name[HASH_HEX_SIZE], machine[ORIGIN_PROOF_SIZE] = "";
	const char *at;

	CU_ASSERT_EQUAL_FATAL(repository_lock(repository, &err), HF_OK);
	CU_ASSERT(test_place_first(&place, HF_OBJECT_LOCK, name));
	CU_ASSERT_EQUAL(object_load_json(repository, HF_OBJECT_LOCK, name, 10000, &json, &err), HF_OK);
	repository_unlock(repository);
	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_string(&json));
	at = strstr((const char *)json.data, "\"machine\":\"");
	if (at == NULL)
		abort();
	(void)snprintf(machine, sizeof(machine), "%.*s", (int)strcspn(at + 11, "\""), at + 11);
	buffer_release(&json);
	if (machine[0] == '\0') /* a system without a machine id */
		return;
	CU_ASSERT_EQUAL(strlen(machine), 32);
	put_proof(1, 1, "other-boot", NULL, machine, time_boot() + MINUTE + 23 * MINUTE);
	CU_ASSERT_EQUAL(left_after_lock(), 0);
	/* Written a moment ago: that is a running copy of this machine. */
	put_proof(1, 1, "other-boot", NULL, machine, MINUTE);
	put_proof(1, 1, "other-boot", NULL, "00000000000000000000000000000000", time_boot() + 24 * MINUTE);
	CU_ASSERT_EQUAL(left_after_lock(), 2);
}

static void
test_refresh(void)
{
	char before[HASH_HEX_SIZE], after[HASH_HEX_SIZE];

	CU_ASSERT_EQUAL_FATAL(repository_lock(repository, &err), HF_OK);
	CU_ASSERT(test_place_first(&place, HF_OBJECT_LOCK, before));
	CU_ASSERT_EQUAL(lock_refresh(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(locks(), 1);
	CU_ASSERT(test_place_first(&place, HF_OBJECT_LOCK, after));
	CU_ASSERT_STRING_NOT_EQUAL(before, after);
	/* A lease that ran out while the machine slept comes back with the next refresh. */
	lock_backdate(repository, 22 * MINUTE);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_OK);
	lock_backdate(repository, MINUTE);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EBUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "23 minutes"));
	CU_ASSERT_EQUAL(lock_refresh(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock_prove(repository, &err), HF_OK);
	/* But not where somebody removed the lock: that may have been before an exclusive one. */
	remove_all();
	CU_ASSERT_EQUAL(lock_refresh(repository, &err), HF_EBUSY);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EBUSY);
	CU_ASSERT_EQUAL(locks(), 0);
	CU_ASSERT_EQUAL(lock_refresh(repository, &err), HF_EBUSY);
	repository_unlock(repository);
	CU_ASSERT_EQUAL(locks(), 0);
}

/* Not refreshed for long, a lock that was removed counts as held; the look before the snapshot finds out. */
static void
test_prove(void)
{
	CU_ASSERT_EQUAL_FATAL(repository_lock(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock_prove(repository, &err), HF_OK);
	remove_all();
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(repository_lock_prove(repository, &err), HF_EBUSY);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_EBUSY);
	repository_unlock(repository);
}

static void
test_unreadable(void)
{
	char name[HASH_HEX_SIZE];

	test_place_put_raw(&place, HF_OBJECT_LOCK, "", 0, name);
	CU_ASSERT_EQUAL(repository_lock(repository, &err), HF_OK);
	repository_unlock(repository);
	test_place_put_raw(&place, HF_OBJECT_LOCK, "garbage", 7, name);
	CU_ASSERT_EQUAL(repository_lock(repository, &err), HF_ECORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, name));
	CU_ASSERT_EQUAL(locks(), 2);
}

static void
test_restic_locks(void)
{
	struct buffer out = BUFFER_INIT(100000);
	char name[HASH_HEX_SIZE], command[200];

	if (!test_restic_is_there())
		return;
	CU_ASSERT_EQUAL_FATAL(repository_lock(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(test_restic(&place, "--no-lock list locks", &out), 0);
	CU_ASSERT(test_place_first(&place, HF_OBJECT_LOCK, name));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), name));
	(void)snprintf(command, sizeof(command), "--no-lock cat lock %s", name);
	CU_ASSERT_EQUAL(test_restic(&place, command, &out), 0);
	/* A shared lock keeps restic's exclusive commands away, and lets the others in. */
	CU_ASSERT_NOT_EQUAL(test_restic(&place, "check >/dev/null 2>&1", NULL), 0);
	CU_ASSERT_EQUAL(test_restic(&place, "snapshots >/dev/null", NULL), 0);
	/* restic sends SIGHUP to see whether we live, and leaves the lock of a living process alone. */
	CU_ASSERT_EQUAL(test_restic(&place, "unlock >/dev/null", NULL), 0);
	CU_ASSERT_EQUAL(repository_lock_held(repository, &err), HF_OK);
	CU_ASSERT_EQUAL(locks(), 1);
	repository_unlock(repository);
	CU_ASSERT_EQUAL(test_restic(&place, "check >/dev/null", NULL), 0);
	buffer_release(&out);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"take", test_take}, {"exclusive", test_exclusive}, {"race", test_race},
	    {"begin", test_begin}, {"begin and end", test_begin_short},
	    {"stale", test_stale}, {"stale of an earlier boot", test_stale_boot}, {"refresh", test_refresh},
	    {"prove", test_prove}, {"slow", test_slow},
	    {"unreadable", test_unreadable}, {"with restic", test_restic_locks}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"lock", NULL, NULL, set_up, tear_down, tests}, CU_SUITE_INFO_NULL};
	unsigned failures, run;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 99;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	(void)CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	run = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	return failures == 0 && run > 0 ? 0 : 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/log.h"
#include "base/time.h"
#include "repository/origin.h"
#include "repository/repository-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)

/* The times of restic's lock protocol (format section 11). */
#define REFRESH_EVERY (5 * MINUTE)
#define LEASE         (MINUTE * 45 / 2)
#define SETTLE_NS     (SECOND / 5)

/* How often the thread looks at the clock, so that it notices a sleep of the machine soon. */
#define LOOK_EVERY (30 * SECOND)

#define LOCK_FILE_MAX  ((size_t)64 << 10)
#define LOCK_COUNT_MAX 10000u
/* Old locks of ours whose removal failed; they are tried again. */
#define LEFTOVER_MAX 16u

/* What a lock file says; texts are "" where it is silent. */
struct lock_info {
	int64_t time_ns;
	bool exclusive;
	int64_t pid;
	char hostname[ORIGIN_NAME_SIZE], username[ORIGIN_NAME_SIZE];
	/* holdfast's own members, which prove that a lock is dead. */
	bool ours;
	int64_t pid_start;
	char boot[ORIGIN_PROOF_SIZE], machine[ORIGIN_PROOF_SIZE], pid_space[ORIGIN_PROOF_SIZE];
};

struct lock_state {
	/* The thread's own seal and compressor, on the same storage and key. */
	struct repository view;
	struct lock_info self;
	pthread_t thread;
	bool running;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t wake;    /* the thread is to stop */
	pthread_cond_t settled_cond;
	/* No exclusive lock is there that was written at the same time, or refused says why not. */
	bool settled;
	struct hf_error refused;
	bool stop;
	bool lost; /* for good: somebody else removed the lock */
	int64_t refreshed; /* time_boot() before the newest lock was written */
	/* Of the thread alone while it runs. */
	struct repository_id id;
	struct repository_id leftovers[LEFTOVER_MAX];
	size_t leftover_count;
};

/* ---- this process's own proof ---- */

/* The machine's id is nobody's business: what goes into the lock is a hash made for this purpose alone. */
static void
hash_machine_id(char out[ORIGIN_PROOF_SIZE])
{
	char id[ORIGIN_PROOF_SIZE], text[ORIGIN_PROOF_SIZE + 32];
	uint8_t sum[HASH_SIZE];
	int n;

	out[0] = '\0';
	origin_machine_id(id);
	n = snprintf(text, sizeof(text), "holdfast lock of %s", id);
	if (id[0] != '\0' && hash_bytes(text, (size_t)n, sum, NULL) == HF_OK)
		hex_encode(sum, 16, out);
}

static void
describe_self(struct lock_info *self)
{
	uint64_t start;

	memset(self, 0, sizeof(*self));
	self->pid = (int64_t)getpid();
	self->ours = true;
	(void)origin_hostname(self->hostname);
	(void)origin_username(self->username);
	origin_boot_id(self->boot);
	origin_pid_space(self->pid_space);
	hash_machine_id(self->machine);
	if (origin_process_start(getpid(), &start))
		self->pid_start = (int64_t)start;
}

static int
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (value == NULL || json_object_object_add(object, name, value) != 0) {
		json_object_put(value);
		return HF_ENOMEM;
	}
	return HF_OK;
}

static int
add_proof(struct json_object *object, const struct lock_info *self)
{
	struct json_object *proof = json_object_new_object();
	int r;

	r = add(object, "holdfast", proof);
	if (r == HF_OK)
		r = add(proof, "boot", json_object_new_string(self->boot));
	if (r == HF_OK)
		r = add(proof, "machine", json_object_new_string(self->machine));
	if (r == HF_OK)
		r = add(proof, "pid_space", json_object_new_string(self->pid_space));
	if (r == HF_OK)
		r = add(proof, "pid_start", json_object_new_int64(self->pid_start));
	return r;
}

/* In restic's order of members; readers ignore the last. */
static int
add_members(struct json_object *object, const struct lock_info *self)
{
	char now[TIME_RFC3339_SIZE];
	int r;

	(void)time_format(time_now(), now);
	r = add(object, "time", json_object_new_string(now));
	if (r == HF_OK)
		r = add(object, "exclusive", json_object_new_boolean(0));
	if (r == HF_OK)
		r = add(object, "hostname", json_object_new_string(self->hostname));
	if (r == HF_OK)
		r = add(object, "username", json_object_new_string(self->username));
	if (r == HF_OK)
		r = add(object, "pid", json_object_new_int64(self->pid));
	if (r == HF_OK && geteuid() != 0)
		r = add(object, "uid", json_object_new_int64((int64_t)geteuid()));
	if (r == HF_OK && getegid() != 0)
		r = add(object, "gid", json_object_new_int64((int64_t)getegid()));
	if (r == HF_OK)
		r = add_proof(object, self);
	return r;
}

static int
write_lock(struct repository *view, const struct lock_info *self, struct repository_id *ret_id,
    struct hf_error *err)
{
	struct json_object *object = json_object_new_object();
	const char *text = NULL;
	size_t size = 0;
	int r;

	if (object != NULL && add_members(object, self) == HF_OK)
		text = json_object_to_json_string_length(object,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	if (text == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "lock: out of memory");
	else
		r = object_save_json(view, HF_OBJECT_LOCK, text, size, ret_id, err);
	json_object_put(object);
	/* Needed every five minutes for some hundred bytes: not worth its memory in between. */
	compressor_free(view->compressor);
	view->compressor = NULL;
	return r;
}

static int
remove_lock(const struct repository *view, const struct repository_id *id, struct hf_error *err)
{
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_LOCK, 0, name};
	int r;

	hex_encode(id->bytes, sizeof(id->bytes), name);
	r = view->storage.ops->remove(view->storage.handle, &key, err);
	return r == HF_ENOTFOUND ? HF_OK : r;
}

/* HF_ENOTFOUND: it is not there. */
static int
stat_lock(const struct repository *view, const struct repository_id *id, struct hf_error *err)
{
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_LOCK, 0, name};
	uint64_t size;

	hex_encode(id->bytes, sizeof(id->bytes), name);
	return view->storage.ops->stat(view->storage.handle, &key, &size, err);
}

/* ---- others' locks ---- */

/* Copies a text that may come from anybody into one line for a person. */
static void
read_text(struct json_object *object, const char *name, char *out, size_t size)
{
	struct json_object *member;
	char *p;

	out[0] = '\0';
	if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_string))
		return;
	(void)snprintf(out, size, "%s", json_object_get_string(member));
	for (p = out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static int64_t
read_int(struct json_object *object, const char *name)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_int))
		return 0;
	return json_object_get_int64(member);
}

static int
read_info(struct json_object *object, const char *path, struct lock_info *info, struct hf_error *err)
{
	struct json_object *member;

	memset(info, 0, sizeof(*info));
	if (!json_object_object_get_ex(object, "time", &member) || !json_object_is_type(member, json_type_string) ||
	    time_parse(json_object_get_string(member), (size_t)json_object_get_string_len(member),
	        &info->time_ns) == HF_EINVAL)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: it has no time", path);
	/* Whoever does not say that it shares does not. */
	if (json_object_object_get_ex(object, "exclusive", &member))
		info->exclusive = !json_object_is_type(member, json_type_boolean) ||
		    json_object_get_boolean(member);
	read_text(object, "hostname", info->hostname, sizeof(info->hostname));
	read_text(object, "username", info->username, sizeof(info->username));
	info->pid = read_int(object, "pid");
	if (json_object_object_get_ex(object, "holdfast", &member) &&
	    json_object_is_type(member, json_type_object)) {
		info->ours = true;
		info->pid_start = read_int(member, "pid_start");
		read_text(member, "boot", info->boot, sizeof(info->boot));
		read_text(member, "machine", info->machine, sizeof(info->machine));
		read_text(member, "pid_space", info->pid_space, sizeof(info->pid_space));
	}
	return HF_OK;
}

static int
load_info(struct repository *view, const char *name, struct lock_info *ret, struct hf_error *err)
{
	struct buffer json = BUFFER_INIT(LOCK_FILE_MAX);
	struct json_object *object = NULL;
	char path[OBJECT_PATH_SIZE];
	int r;

	(void)object_path(HF_OBJECT_LOCK, name, path);
	r = object_load_json(view, HF_OBJECT_LOCK, name, LOCK_FILE_MAX, &json, err);
	if (r == HF_OK)
		r = object_parse(path, json.data, json.size, &object, err);
	if (r == HF_OK)
		r = read_info(object, path, ret, err);
	json_object_put(object);
	buffer_release(&json);
	return r;
}

static bool
same_text(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

/* In this boot and this space of process ids. */
static bool
process_is_dead(const struct lock_info *info)
{
	uint64_t start;

	if (info->pid <= 0 || info->pid > INT32_MAX)
		return false;
	if (kill((pid_t)info->pid, 0) != 0 && errno == ESRCH)
		return true;
	if (info->pid_start <= 0 || !origin_process_start((pid_t)info->pid, &start))
		return false;
	return start != (uint64_t)info->pid_start || origin_process_ended((pid_t)info->pid);
}

/*
 * Whether it is proved that a lock's holder is gone.  Of another boot of this machine, only where the
 * lock is older than this boot and than any holder may go without refreshing it: machine ids and host
 * names are copied with disk images.
 */
static bool
is_provably_stale(const struct lock_info *info, const struct lock_info *self)
{
	int64_t now = time_now();

	if (!info->ours)
		return false;
	if (same_text(info->boot, self->boot))
		return same_text(info->pid_space, self->pid_space) && process_is_dead(info);
	return info->boot[0] != '\0' && self->boot[0] != '\0' && same_text(info->machine, self->machine) &&
	    same_text(info->hostname, self->hostname) && info->time_ns < now - time_boot() &&
	    info->time_ns < now - LEASE;
}

static int
busy(const struct lock_info *info, const struct lock_info *self, struct hf_error *err)
{
	char time[TIME_RFC3339_SIZE];
	const char *hint = "";

	(void)time_format(info->time_ns, time);
	/* Without a proof it is only a hint: the name may be that of another machine. */
	if (same_text(info->hostname, self->hostname) && info->pid > 0 && info->pid <= INT32_MAX &&
	    kill((pid_t)info->pid, 0) != 0 && errno == ESRCH)
		hint = " (no such process here now)";
	return hf_error_set(err, HF_EBUSY, 0,
	    "the repository is locked exclusively by process %lld%s of %.60s on %.100s since %s: wait until it "
	    "ends; if it is gone already, \"restic unlock\" removes its lock",
	    (long long)info->pid, hint, info->username[0] != '\0' ? info->username : "an unknown user",
	    info->hostname[0] != '\0' ? info->hostname : "an unknown host", time);
}

struct names {
	struct buffer ids; /* of struct repository_id */
};

static int
add_name(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	struct names *names = ctx;
	struct repository_id id;

	/* An empty file is what a writer without atomic renames left: it locks nothing. */
	if (size == 0 || hex_decode(name, strlen(name), id.bytes, sizeof(id.bytes)) != HF_OK)
		return HF_OK;
	buffer_append(&names->ids, &id, sizeof(id));
	return buffer_status(&names->ids, "the list of locks", err);
}

/* own may be NULL.  The first lock that conflicts, or that cannot be read, ends it. */
static int
scan_once(struct repository *view, const struct lock_info *self, const struct repository_id *own,
    struct hf_error *err)
{
	struct names names = {BUFFER_INIT(LOCK_COUNT_MAX * sizeof(struct repository_id))};
	const struct repository_id *id;
	char name[HASH_HEX_SIZE];
	struct lock_info info;
	size_t at;
	int r;

	r = view->storage.ops->list(view->storage.handle, HF_OBJECT_LOCK, add_name, &names, err);
	for (at = 0; r == HF_OK && at < names.ids.size; at += sizeof(*id)) {
		id = (const struct repository_id *)(const void *)(names.ids.data + at);
		if (own != NULL && memcmp(id, own, sizeof(*id)) == 0)
			continue;
		hex_encode(id->bytes, sizeof(id->bytes), name);
		r = load_info(view, name, &info, err);
		if (r == HF_ENOTFOUND)
			r = HF_OK; /* removed since the listing */
		else if (r == HF_OK && is_provably_stale(&info, self)) {
			r = remove_lock(view, id, err);
			if (r == HF_OK)
				log_message(HF_LOG_INFO, "removed the lock of process %lld, which is gone",
				    (long long)info.pid);
		} else if (r == HF_OK && info.exclusive)
			r = busy(&info, self, err);
	}
	buffer_release(&names.ids);
	return r;
}

static void
sleep_ms(long ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* A lock that cannot be read may be half written: it gets some seconds. */
static int
scan(struct repository *view, const struct lock_info *self, const struct repository_id *own, struct hf_error *err)
{
	static const long waits_ms[] = {500, 1500, 3000};
	char reason[sizeof(err->msg)];
	size_t i;
	int r;

	for (i = 0;; i++) {
		r = scan_once(view, self, own, err);
		if (r != HF_ECORRUPT && r != HF_ERANGE)
			return r;
		if (i == sizeof(waits_ms) / sizeof(waits_ms[0]))
			break;
		sleep_ms(waits_ms[i]);
	}
	if (err == NULL)
		return r;
	memcpy(reason, err->msg, sizeof(reason));
	return hf_error_set(err, r, 0,
	    "a lock cannot be read, so nobody knows what it guards: %.250s; \"restic unlock --remove-all\" removes "
	    "it when nothing else uses the repository", reason);
}

/* ---- refreshing ---- */

static void
add_leftover(struct lock_state *lock, const struct repository_id *id)
{
	if (lock->leftover_count < LEFTOVER_MAX)
		lock->leftovers[lock->leftover_count++] = *id;
}

/* Removes a lock of ours now, or when the storage answers again. */
static void
drop_lock(struct lock_state *lock, const struct repository_id *id)
{
	struct hf_error err = HF_ERROR_INIT;

	if (remove_lock(&lock->view, id, &err) == HF_OK)
		return;
	log_message(HF_LOG_WARNING, "an old lock could not be removed: %s", err.msg);
	add_leftover(lock, id);
}

static void
drop_leftovers(struct lock_state *lock)
{
	size_t i, kept = 0;

	for (i = 0; i < lock->leftover_count; i++)
		if (remove_lock(&lock->view, &lock->leftovers[i], NULL) != HF_OK)
			lock->leftovers[kept++] = lock->leftovers[i];
	lock->leftover_count = kept;
}

static int
set_lost(struct lock_state *lock, struct hf_error *err)
{
	(void)pthread_mutex_lock(&lock->mutex);
	lock->lost = true;
	(void)pthread_mutex_unlock(&lock->mutex);
	return hf_error_set(err, HF_EBUSY, 0, "this job's lock was removed by somebody else");
}

/*
 * New before old.  The old one must be there before and after the new one is written: where somebody
 * removed it, an exclusive holder may have begun meanwhile, and may have deleted what is not indexed yet.
 */
static int
refresh(struct lock_state *lock, struct hf_error *err)
{
	int64_t started = time_boot();
	struct repository_id id, old;
	int r;

	drop_leftovers(lock);
	r = stat_lock(&lock->view, &lock->id, err);
	if (r == HF_ENOTFOUND)
		return set_lost(lock, err);
	if (r == HF_OK)
		r = write_lock(&lock->view, &lock->self, &id, err);
	if (r != HF_OK)
		return r;
	r = stat_lock(&lock->view, &lock->id, err);
	if (r != HF_OK) {
		drop_lock(lock, &id);
		return r == HF_ENOTFOUND ? set_lost(lock, err) : r;
	}
	old = lock->id;
	(void)pthread_mutex_lock(&lock->mutex);
	lock->id = id;
	lock->refreshed = started;
	(void)pthread_mutex_unlock(&lock->mutex);
	drop_lock(lock, &old);
	return HF_OK;
}

/* Waits with the mutex held, at most so long. */
static void
wait_a_while(struct lock_state *lock, int64_t ns)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	ns += until.tv_nsec;
	until.tv_sec += (time_t)(ns / SECOND);
	until.tv_nsec = (long)(ns % SECOND);
	(void)pthread_cond_timedwait(&lock->wake, &lock->mutex, &until);
}

/*
 * Two that write their locks at the same time see each other after a while.  Called and left with the mutex
 * held.
 */
static void
settle(struct lock_state *lock)
{
	int64_t until = time_boot() + SETTLE_NS, now;
	struct hf_error err = HF_ERROR_INIT;
	int r;

	while (!lock->stop && (now = time_boot()) < until)
		wait_a_while(lock, until - now);
	if (lock->stop)
		return;
	(void)pthread_mutex_unlock(&lock->mutex);
	r = scan(&lock->view, &lock->self, &lock->id, &err);
	if (r != HF_OK)
		drop_lock(lock, &lock->id);
	(void)pthread_mutex_lock(&lock->mutex);
	lock->refused = err;
	lock->refused.code = r;
	lock->lost = r != HF_OK;
	lock->settled = true;
	(void)pthread_cond_broadcast(&lock->settled_cond);
}

static void *
run_thread(void *ctx)
{
	struct hf_error err = HF_ERROR_INIT;
	struct lock_state *lock = ctx;

	(void)pthread_mutex_lock(&lock->mutex);
	settle(lock);
	while (!lock->stop && !lock->lost) {
		wait_a_while(lock, LOOK_EVERY);
		if (lock->stop || time_boot() - lock->refreshed < REFRESH_EVERY)
			continue;
		(void)pthread_mutex_unlock(&lock->mutex);
		if (refresh(lock, &err) != HF_OK)
			log_message(HF_LOG_WARNING, "the repository's lock could not be refreshed: %s", err.msg);
		(void)pthread_mutex_lock(&lock->mutex);
	}
	(void)pthread_mutex_unlock(&lock->mutex);
	return NULL;
}

/* Signals are for the threads that were there before. */
static int
start_thread(struct lock_state *lock, struct hf_error *err)
{
	sigset_t all, before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&lock->thread, NULL, run_thread, lock);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return hf_error_set(err, HF_ENOMEM, error, "lock: no thread: %s", strerror(error));
	lock->running = true;
	return HF_OK;
}

/* ---- taking and giving back ---- */

static void
free_lock(struct lock_state *lock)
{
	if (lock == NULL)
		return;
	(void)pthread_mutex_destroy(&lock->mutex);
	(void)pthread_cond_destroy(&lock->wake);
	(void)pthread_cond_destroy(&lock->settled_cond);
	compressor_free(lock->view.compressor);
	seal_free(lock->view.seal);
	explicit_bzero(lock, sizeof(*lock));
	free(lock);
}

/* NULL without memory. */
static struct lock_state *
new_lock(const struct repository *repository, struct hf_error *err)
{
	struct lock_state *lock = calloc(1, sizeof(*lock));
	pthread_condattr_t attributes;

	if (lock == NULL || pthread_mutex_init(&lock->mutex, NULL) != 0) {
		free(lock);
		(void)hf_error_set(err, HF_ENOMEM, 0, "lock: out of memory");
		return NULL;
	}
	/* The wall clock may jump. */
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&lock->wake, &attributes);
	(void)pthread_cond_init(&lock->settled_cond, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	lock->view.storage = repository->storage;
	lock->view.version = repository->version;
	lock->view.key = repository->key;
	describe_self(&lock->self);
	if (seal_new(&lock->view.key, &lock->view.seal, err) != HF_OK) {
		free_lock(lock);
		return NULL;
	}
	return lock;
}

/* restic sends SIGHUP to the holders of locks, to see whether they live; its default kills. */
static void
ignore_hangup(void)
{
	struct sigaction action;

	if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
		memset(&action, 0, sizeof(action));
		action.sa_handler = SIG_IGN;
		(void)sigaction(SIGHUP, &action, NULL);
	}
}

int
repository_lock_begin(struct repository *repository, struct hf_error *err)
{
	struct lock_state *lock;
	int64_t looked, started;
	int r;

	if (repository->lock != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "the repository is locked already");
	ignore_hangup();
	lock = new_lock(repository, err);
	if (lock == NULL)
		return HF_ENOMEM;
	looked = time_boot();
	r = scan(&lock->view, &lock->self, NULL, err);
	started = time_boot();
	if (r == HF_OK)
		r = write_lock(&lock->view, &lock->self, &lock->id, err);
	if (r != HF_OK) {
		free_lock(lock);
		return r;
	}
	lock->refreshed = started;
	r = start_thread(lock, err);
	if (r != HF_OK) {
		drop_lock(lock, &lock->id);
		free_lock(lock);
		return r;
	}
	repository->lock = lock;
	/*
	 * Who takes the repository alone looks once more 200 ms after he wrote his lock.  One who began behind the look
	 * above has seen this lock only if it was there sooner than that; otherwise he may delete what is read now, and
	 * be gone before the second look.
	 */
	if (time_boot() - looked < SETTLE_NS / 2)
		return HF_OK;
	r = repository_lock_held(repository, err);
	if (r != HF_OK)
		repository_unlock(repository);
	return r;
}

int
repository_lock(struct repository *repository, struct hf_error *err)
{
	int r = repository_lock_begin(repository, err);

	if (r != HF_OK)
		return r;
	r = repository_lock_held(repository, err);
	if (r != HF_OK)
		repository_unlock(repository);
	return r;
}

void
repository_unlock(struct repository *repository)
{
	struct lock_state *lock = repository->lock;

	if (lock == NULL)
		return;
	(void)pthread_mutex_lock(&lock->mutex);
	lock->stop = true;
	(void)pthread_cond_signal(&lock->wake);
	(void)pthread_mutex_unlock(&lock->mutex);
	if (lock->running)
		(void)pthread_join(lock->thread, NULL);
	drop_lock(lock, &lock->id);
	drop_leftovers(lock);
	free_lock(lock);
	repository->lock = NULL;
}

bool
repository_is_locked(const struct repository *repository)
{
	return repository->lock != NULL;
}

int
repository_lock_held(struct repository *repository, struct hf_error *err)
{
	struct lock_state *lock = repository->lock;
	struct hf_error refused;
	int64_t age;
	bool lost;

	if (lock == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "the repository is not locked");
	(void)pthread_mutex_lock(&lock->mutex);
	while (!lock->settled)
		(void)pthread_cond_wait(&lock->settled_cond, &lock->mutex);
	refused = lock->refused;
	lost = lock->lost;
	age = time_boot() - lock->refreshed;
	(void)pthread_mutex_unlock(&lock->mutex);
	if (refused.code != HF_OK)
		return hf_error_set(err, refused.code, refused.os_errno, "%s", refused.msg);
	if (lost)
		return hf_error_set(err, HF_EBUSY, 0,
		    "the repository's lock was removed by somebody else: nothing more is written");
	if (age >= LEASE)
		return hf_error_set(err, HF_EBUSY, 0,
		    "the repository's lock could not be refreshed for %lld minutes: nothing more is written",
		    (long long)(age / MINUTE));
	return HF_OK;
}

int
repository_lock_prove(struct repository *repository, struct hf_error *err)
{
	struct lock_state *lock = repository->lock;
	struct repository_id id;
	unsigned tries;
	int r = HF_ENOTFOUND;

	/* Another try: it may have been refreshed meanwhile, which gives it another name. */
	for (tries = 0; r == HF_ENOTFOUND && tries < 3; tries++) {
		r = repository_lock_held(repository, err);
		if (r != HF_OK)
			return r;
		(void)pthread_mutex_lock(&lock->mutex);
		id = lock->id;
		(void)pthread_mutex_unlock(&lock->mutex);
		r = stat_lock(&lock->view, &id, err);
	}
	return r == HF_ENOTFOUND ? set_lost(lock, err) : r;
}

/* ---- for tests ---- */

int
lock_refresh(struct repository *repository, struct hf_error *err)
{
	return refresh(repository->lock, err);
}

void
lock_backdate(struct repository *repository, int64_t ns)
{
	(void)pthread_mutex_lock(&repository->lock->mutex);
	repository->lock->refreshed -= ns;
	(void)pthread_mutex_unlock(&repository->lock->mutex);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/key-derivation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

/*
 * A key file is not authenticated before the derivation it asks for: whoever can write to the storage
 * chooses these numbers.  Memory is restic's own limit; N * r * p, sixteen times and more what restic chooses
 * (2^22 at most), bounds the time to a minute.
 */
#define MEMORY_MAX ((uint64_t)1 << 30)
#define WORK_MAX   ((uint64_t)1 << 26)
#define INT_LIMIT  ((uint64_t)INT32_MAX)

/*
 * A quarter of a second for each opening; on a slow machine as much more as it takes for the least that OWASP's
 * Password Storage Cheat Sheet names for N = 2^15, r = 8.
 */
#define CHOOSE_NS    INT64_C(250000000)
#define CHOOSE_P_MIN 3
#define CHOOSE_P_MAX 16

struct answer {
	uint32_t status; /* 1: derived */
	uint32_t p;
	uint8_t key[DERIVED_SIZE];
};

int
derivation_check(const struct derivation *d, const char *what, struct hf_error *err)
{
	if (d->n < 2 || (d->n & (d->n - 1)) != 0)
		return hf_error_set(err, HF_ERANGE, 0, "%s: scrypt's N is %" PRIu64 ", not a power of two", what,
		    d->n);
	if (d->r < 1 || d->p < 1 || d->r > INT_LIMIT || d->p > INT_LIMIT || d->r * d->p >= (uint64_t)1 << 30 ||
	    d->r > INT_LIMIT / 128 / d->p || d->n > INT_LIMIT / 128 / d->r ||
	    d->n * d->r * 128 > MEMORY_MAX || d->r * d->p * 128 > MEMORY_MAX / 16)
		return hf_error_set(err, HF_ERANGE, 0,
		    "%s: scrypt with N=%" PRIu64 " r=%" PRIu64 " p=%" PRIu64 " needs more memory than allowed (1 GiB)",
		    what, d->n, d->r, d->p);
	if (d->n * d->r > WORK_MAX / d->p)
		return hf_error_set(err, HF_ERANGE, 0,
		    "%s: scrypt with N=%" PRIu64 " r=%" PRIu64 " p=%" PRIu64 " would take too long", what, d->n,
		    d->r, d->p);
	return HF_OK;
}

/* ---- in the child ---- */

static int
derive(const struct derivation *d, const char *password, size_t size, uint8_t out[DERIVED_SIZE])
{
	/* Finds out what the processor can do; without that its slowest code is used. */
	if (sodium_init() < 0)
		return 0;
	return crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)password, size, d->salt, sizeof(d->salt), d->n,
	           (uint32_t)d->r, (uint32_t)d->p, out, DERIVED_SIZE) == 0;
}

static int64_t
cpu_time(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* CPU time, not the clock's: a busy machine must not choose a weaker key. */
static uint64_t
choose_p(struct derivation *d, const char *password, size_t size, uint8_t scratch[DERIVED_SIZE])
{
	int64_t start = cpu_time(), taken, p;

	d->p = 1;
	if (!derive(d, password, size, scratch))
		return CHOOSE_P_MIN;
	taken = cpu_time() - start;
	p = taken > 0 ? (CHOOSE_NS + taken / 2) / taken : 1;
	return p < CHOOSE_P_MIN ? CHOOSE_P_MIN : p > CHOOSE_P_MAX ? CHOOSE_P_MAX : (uint64_t)p;
}

static bool
write_all(int fd, const void *data, size_t size)
{
	const uint8_t *p = data;
	ssize_t n;

	for (; size > 0; p += n, size -= (size_t)n) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return false;
	}
	return true;
}

static void
run_child(int fd, const struct derivation *derivation, const char *password, size_t size)
{
	struct rlimit none = {0, 0};
	struct derivation d = *derivation;
	struct answer answer;
	bool written;

	(void)setrlimit(RLIMIT_CORE, &none);
	memset(&answer, 0, sizeof(answer));
	if (d.p == 0)
		d.p = choose_p(&d, password, size, answer.key);
	answer.p = (uint32_t)d.p;
	answer.status = derive(&d, password, size, answer.key) ? 1 : 0;
	written = write_all(fd, &answer, sizeof(answer));
	explicit_bzero(&answer, sizeof(answer));
	_exit(written ? 0 : 1);
}

/* ---- in the parent ---- */

static bool
read_all(int fd, void *data, size_t size)
{
	uint8_t *p = data;
	ssize_t n;

	for (; size > 0; p += n, size -= (size_t)n) {
		n = read(fd, p, size);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return false;
	}
	return true;
}

static int
open_pipe(int fds[2], struct hf_error *err)
{
	if (pipe(fds) != 0)
		return hf_error_set(err, HF_ENOMEM, errno, "key derivation: pipe: %s", strerror(errno));
	(void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	return HF_OK;
}

static int
ask_child(const struct derivation *d, const char *password, size_t password_size, const char *what,
    struct answer *answer, struct hf_error *err)
{
	int fds[2], r, status = 0;
	bool whole;
	pid_t pid;

	r = open_pipe(fds, err);
	if (r != HF_OK)
		return r;
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		run_child(fds[1], d, password, password_size);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		r = hf_error_set(err, HF_ENOMEM, errno, "key derivation: fork: %s", strerror(errno));
		(void)close(fds[0]);
		return r;
	}
	whole = read_all(fds[0], answer, sizeof(*answer));
	(void)close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (whole && answer->status == 1)
		return HF_OK;
	explicit_bzero(answer, sizeof(*answer));
	if (!whole && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return hf_error_set(err, HF_EIO, 0, "%s: the process that derives the key died of signal %d", what,
		    WTERMSIG(status));
	return hf_error_set(err, HF_ENOMEM, 0,
	    "%s: deriving the key failed: it needs %" PRIu64 " MiB of memory for a moment", what,
	    (128 * d->n * d->r >> 20) + 2);
}

int
derivation_run(const struct derivation *derivation, const char *password, size_t password_size,
    const char *what, uint8_t out[DERIVED_SIZE], struct hf_error *err)
{
	struct answer answer = {0};
	int r;

	r = derivation_check(derivation, what, err);
	if (r != HF_OK)
		return r;
	r = ask_child(derivation, password, password_size, what, &answer, err);
	if (r == HF_OK)
		memcpy(out, answer.key, DERIVED_SIZE);
	explicit_bzero(&answer, sizeof(answer));
	return r;
}

int
derivation_choose(struct derivation *derivation, const char *password, size_t password_size,
    uint8_t out[DERIVED_SIZE], struct hf_error *err)
{
	struct answer answer = {0};
	int r;

	derivation->p = 0;
	r = ask_child(derivation, password, password_size, "the new key", &answer, err);
	if (r == HF_OK) {
		derivation->p = answer.p;
		memcpy(out, answer.key, DERIVED_SIZE);
	}
	explicit_bzero(&answer, sizeof(answer));
	return r;
}

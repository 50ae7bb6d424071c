/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/shell.h"
#include "base/time.h"

extern char **environ;

#define SECRET_NO_LIMIT INT64_MAX
#define MILLISECOND     INT64_C(1000000)

static int
secret_too_slow(struct hf_error *err)
{
	return hf_error_set(err, HF_EIO, 0,
	    "password command: it did not end in time and was stopped; it must not wait for input from a terminal");
}

/* Waits until there is something to read.  HF_EIO when the deadline, of the boot clock, comes first. */
static int
secret_await(int fd, int64_t deadline, struct hf_error *err)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	int64_t left;
	int n;

	if (deadline == SECRET_NO_LIMIT)
		return HF_OK;
	do {
		left = (deadline - time_boot() + MILLISECOND - 1) / MILLISECOND;
		if (left <= 0)
			return secret_too_slow(err);
		/* A machine that slept in between is looked at again after. */
		n = poll(&wanted, 1, left > 1000 ? 1000 : (int)left);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return HF_OK;
}

/* Reads to the end, one byte over the limit at most.  HF_ERANGE past it. */
static int
secret_read_fd(int fd, const char *what, int64_t deadline, struct buffer *out, struct hf_error *err)
{
	uint8_t part[SECRET_MAX + 1];
	size_t size = 0;
	ssize_t n = 1;
	int rc = HF_OK;

	while (rc == HF_OK && n != 0) {
		rc = secret_await(fd, deadline, err);
		if (rc != HF_OK)
			break;
		n = read(fd, part + size, sizeof(part) - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = hf_error_set(err, HF_EIO, errno, "%s: %s", what, strerror(errno));
		else if ((size += (size_t)n) > SECRET_MAX)
			rc = hf_error_set(err, HF_ERANGE, 0,
			    "%s: a password longer than %u bytes", what, SECRET_MAX);
	}
	if (rc == HF_OK) {
		buffer_append(out, part, size);
		rc = buffer_status(out, what, err);
	}
	explicit_bzero(part, sizeof(part));
	return rc;
}

/* systemd shows its credentials to the service alone, whatever the mode says. */
static bool
secret_is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t n = folder != NULL ? strlen(folder) : 0;

	return n > 1 && strncmp(path, folder, n) == 0 && path[n] == '/' &&
	    strstr(path + n, "/../") == NULL;
}

static int
secret_check_mode(const char *path, mode_t mode, struct hf_error *err)
{
	mode_t others = secret_is_credential(path) ? 022 : 077;
	struct shell_word word;

	if ((mode & others) == 0)
		return HF_OK;
	return hf_error_set(err, HF_EPERM, 0, "%s: other users can get at it (mode %04o); run: chmod 600 %s", path,
	    (unsigned)(mode & 07777), shell_quote(&word, path));
}

static int
secret_check_file(int fd, const char *path, struct hf_error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: a password file must be a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return hf_error_set(err, HF_EPERM, 0,
		    "%s: belongs to another user (uid %lu); a password file must be your own", path,
		    (unsigned long)st.st_uid);
	return secret_check_mode(path, st.st_mode, err);
}

int
secret_check_readers(const char *path, struct hf_error *err)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? secret_check_mode(path, st.st_mode, err) : HF_OK;
}

static int
secret_open(const char *path, int *ret_fd, struct hf_error *err)
{
	/* Not to wait on a FIFO, nor to become a terminal's owner. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc, code = HF_EIO;

	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			code = HF_ENOTFOUND;
		else if (errno == EACCES || errno == EPERM)
			code = HF_EPERM;
		return hf_error_set(
		    err, code, errno, "%s: %s (the password file)", path, strerror(errno));
	}
	rc = secret_check_file(fd, path, err);
	if (rc == HF_OK)
		*ret_fd = fd;
	else
		(void)close(fd);
	return rc;
}

static int
secret_from_file(const char *path, struct buffer *out, struct hf_error *err)
{
	int fd = -1, rc = secret_open(path, &fd, err);

	if (rc != HF_OK)
		return rc;
	rc = secret_read_fd(fd, path, SECRET_NO_LIMIT, out, err);
	(void)close(fd);
	return rc;
}

/* Starts the shell with its output in a pipe, whose read end is *ret_fd. */
static int
secret_spawn(const char *command, pid_t *ret_pid, int *ret_fd, struct hf_error *err)
{
	char *argv[] = {(char *)"sh", (char *)"-c", NULL, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return hf_error_set(err, HF_EIO, errno, "pipe: %s", strerror(errno));
	/* posix_spawn wants it writable and does not write. */
	argv[2] = (char *)(uintptr_t)command;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGKILL);
	(void)sigdelset(&all, SIGSTOP);
	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		goto close_pipe;
	rc = posix_spawnattr_init(&attributes);
	if (rc != 0)
		goto destroy_actions;
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(&attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&attributes, &all);
	if (rc == 0)
		rc = posix_spawnattr_setflags(
		    &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
destroy_actions:
	(void)posix_spawn_file_actions_destroy(&actions);
close_pipe:
	(void)close(ends[1]);
	if (rc != 0) {
		(void)close(ends[0]);
		return hf_error_set(err, HF_EIO, rc, "/bin/sh: %s", strerror(rc));
	}
	*ret_fd = ends[0];
	return HF_OK;
}

/* The command itself is never told: it may hold more than it should. */
static int
secret_judge(int status, struct hf_error *err)
{
	if (WIFSIGNALED(status))
		return hf_error_set(err, HF_EIO, 0, "password command: ended by signal %d",
		    WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return hf_error_set(err, HF_EIO, 0, "password command: failed with exit status %d",
		    WEXITSTATUS(status));
	return HF_OK;
}

/* It has said all, so it is about to end; one that stays is killed at the deadline. */
static int
secret_wait(pid_t pid, int64_t deadline, struct hf_error *err)
{
	static const struct timespec pause = {0, 5 * MILLISECOND};
	int status = 0, rc = HF_OK;
	pid_t got;

	for (;;) {
		got = waitpid(pid, &status, rc == HF_OK ? WNOHANG : 0);
		if (got == pid)
			return rc == HF_OK ? secret_judge(status, err) : rc;
		if (got < 0 && errno != EINTR)
			return hf_error_set(
			    err, HF_EIO, errno, "password command: %s", strerror(errno));
		if (got == 0 && time_boot() >= deadline) {
			rc = secret_too_slow(err);
			(void)kill(pid, SIGKILL);
		} else if (got == 0)
			(void)nanosleep(&pause, NULL);
	}
}

static int
secret_from_command(const char *command, int limit_ms, struct buffer *out, struct hf_error *err)
{
	int64_t deadline = time_boot() + limit_ms * MILLISECOND;
	pid_t pid = -1;
	int fd = -1, rc;

	rc = secret_spawn(command, &pid, &fd, err);
	if (rc != HF_OK)
		return rc;
	rc = secret_read_fd(fd, "password command", deadline, out, err);
	(void)close(fd);
	if (rc != HF_OK) {
		(void)kill(pid, SIGKILL);
		(void)secret_wait(pid, deadline, NULL);
		return rc;
	}
	return secret_wait(pid, deadline, err);
}

/*
 * The length of the white space that text starts with, as Go's strings.TrimSpace sees it, which
 * restic uses: another idea of white space here would be another password there.
 */
static size_t
space_length(const uint8_t *text, size_t size)
{
	unsigned c;

	if (size == 0)
		return 0;
	if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))
		return 1;
	if (size >= 2 && text[0] == 0xc2 && (text[1] == 0x85 || text[1] == 0xa0))
		return 2;
	if (size < 3 || text[0] < 0xe1 || text[0] > 0xe3 || (text[1] & 0xc0) != 0x80 ||
	    (text[2] & 0xc0) != 0x80)
		return 0;
	c = (text[0] & 0x0fu) << 12 | (text[1] & 0x3fu) << 6 | (text[2] & 0x3fu);
	if (c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	    c == 0x202f || c == 0x205f || c == 0x3000)
		return 3;
	return 0;
}

static void
secret_trim(struct buffer *secret)
{
	size_t start = 0, end = secret->size, n;

	if (end >= 3 && memcmp(secret->data, "\xef\xbb\xbf", 3) == 0)
		start = 3;
	while ((n = space_length(secret->data + start, end - start)) > 0)
		start += n;
	for (n = 1; n <= 3; n++) {
		if (end - start >= n && space_length(secret->data + end - n, n) == n) {
			end -= n;
			n = 0;
		}
	}
	memmove(secret->data, secret->data + start, end - start);
	secret->size = end - start;
}

static int
secret_check_text(const struct buffer *secret, const char *what, struct hf_error *err)
{
	if (secret->size >= 2 && (memcmp(secret->data, "\xff\xfe", 2) == 0 ||
	    memcmp(secret->data, "\xfe\xff", 2) == 0))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: UTF-16; write the password as UTF-8", what);
	if (secret->size > 0 && memchr(secret->data, '\0', secret->size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: a NUL byte in the password", what);
	return HF_OK;
}

int
secret_read_within(
    const struct config_secret *secret, int limit_ms, struct buffer *ret, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(SECRET_MAX);
	const char *what = secret->file != NULL ? secret->file : "password command";
	int rc;

	if (secret->file != NULL)
		rc = secret_from_file(secret->file, &text, err);
	else if (secret->command != NULL)
		rc = secret_from_command(secret->command, limit_ms, &text, err);
	else
		rc = hf_error_set(err, HF_EINVAL, 0, "neither a password file nor a password command");
	if (rc == HF_OK)
		rc = secret_check_text(&text, what, err);
	if (rc == HF_OK && text.size > 0)
		secret_trim(&text);
	if (rc == HF_OK && text.size == 0)
		rc = hf_error_set(err, HF_EINVAL, 0, "%s: the password is empty", what);
	if (rc == HF_OK) {
		buffer_append(ret, text.data, text.size);
		rc = buffer_status(ret, what, err);
	}
	buffer_wipe(&text);
	return rc;
}

int
secret_read(const struct config_secret *secret, struct buffer *ret, struct hf_error *err)
{
	return secret_read_within(secret, SECRET_COMMAND_MS, ret, err);
}

int
secret_check(const struct config_secret *secret, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(SECRET_MAX);
	int rc;

	if (secret->file == NULL)
		return HF_OK;
	/* All at once beforehand, so that no copy stays behind in a block that moved. */
	rc = buffer_reserve(&text, SECRET_MAX) == HF_OK ? secret_read(secret, &text, err)
	                                                : buffer_status(&text, secret->file, err);
	buffer_wipe(&text);
	return rc;
}

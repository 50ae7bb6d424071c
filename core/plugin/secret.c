/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"

extern char **environ;

/* Reads to the end into memory that is there beforehand, so that no copy stays behind in a moved block. */
static int
read_all(int fd, const char *what, struct buffer *out, struct hf_error *err)
{
	ssize_t n;
	int rc;

	if (buffer_reserve(out, out->max) != HF_OK)
		return buffer_status(out, what, err);
	for (;;) {
		n = read(fd, out->data + out->size, out->max - out->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = errno;
			return hf_error_set(err, HF_EIO, rc, "%s: %s", what, strerror(rc));
		}
		if (n == 0)
			return HF_OK;
		out->size += (size_t)n;
		if (out->size == out->max)
			return hf_error_set(
			    err, HF_ERANGE, 0, "%s: longer than %d bytes", what, SECRET_SIZE_MAX);
	}
}

static int
read_file(const char *path, struct buffer *out, struct hf_error *err)
{
	int fd, rc;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s", path,
		    strerror(errno));
	rc = read_all(fd, path, out, err);
	(void)close(fd);
	return rc;
}

static int
start_command(const char *command, int output, pid_t *ret_pid, struct hf_error *err)
{
	char shell[] = "sh", dash_c[] = "-c";
	char *argv[] = {shell, dash_c, NULL, NULL};
	posix_spawn_file_actions_t actions;
	union {
		const char *in;
		char *out;
	} word = {command}; /* posix_spawn does not change its arguments */
	int rc;

	argv[2] = word.out;
	if ((rc = posix_spawn_file_actions_init(&actions)) != 0)
		return hf_error_set(err, HF_ENOMEM, rc, "a secret's command: %s", strerror(rc));
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn(ret_pid, "/bin/sh", &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return hf_error_set(err, HF_EIO, rc, "a secret's command cannot be started: %s", strerror(rc));
	return HF_OK;
}

static int
finish_command(pid_t pid, struct hf_error *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return hf_error_set(err, HF_EIO, errno, "a secret's command: %s", strerror(errno));
	}
	if (WIFSIGNALED(status))
		return hf_error_set(
		    err, HF_EIO, 0, "a secret's command was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return hf_error_set(
		    err, HF_EIO, 0, "a secret's command failed with exit status %d", WEXITSTATUS(status));
	return HF_OK;
}

static int
close_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 ? -1 : fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

static int
read_command(const char *command, struct buffer *out, struct hf_error *err)
{
	int ends[2], rc, ended;
	pid_t pid = -1;

	if (pipe(ends) != 0)
		return hf_error_set(err, HF_EIO, errno, "a secret's command: %s", strerror(errno));
	if (close_on_exec(ends[0]) != 0 || close_on_exec(ends[1]) != 0)
		rc = hf_error_set(err, HF_EIO, errno, "a secret's command: %s", strerror(errno));
	else
		rc = start_command(command, ends[1], &pid, err);
	(void)close(ends[1]);
	if (rc == HF_OK)
		rc = read_all(ends[0], "a secret's command", out, err);
	(void)close(ends[0]);
	if (pid > 0) {
		ended = finish_command(pid, rc == HF_OK ? err : NULL);
		if (rc == HF_OK)
			rc = ended;
	}
	return rc;
}

int
secret_read(const struct option_secret *secret, const struct hf_sink *sink, struct hf_error *err)
{
	struct buffer data = BUFFER_INIT(SECRET_SIZE_MAX + 1);
	const char *what;
	int rc;

	if (secret->way == OPTION_SECRET_FILE) {
		what = secret->text;
		rc = read_file(what, &data, err);
	} else {
		what = "a secret's command";
		rc = read_command(secret->text, &data, err);
	}
	if (rc != HF_OK)
		goto out;
	if (data.size > 0 && data.data[data.size - 1] == '\n')
		data.size--;
	if (data.size > 0 && data.data[data.size - 1] == '\r')
		data.size--;
	if (data.size == 0)
		rc = hf_error_set(err, HF_EINVAL, 0, "%s: the secret is empty", what);
	else
		rc = sink->write(sink->ctx, data.data, data.size, err);
out:
	buffer_wipe(&data);
	return rc;
}

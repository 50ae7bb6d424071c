/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/frame.h"
#include "supervisor/os.h"

/* Between fork and exec: only what is safe in a signal handler. */
static void
run_child(const char *program, const char *const *arguments, int channel)
{
	struct sigaction action;
	sigset_t none;
	int null, n;

	(void)setpgid(0, 0);
	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	for (n = 1; n < NSIG; n++)
		(void)sigaction(n, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* The result goes over the channel; standard output belongs to the command. */
	null = open("/dev/null", O_RDONLY);
	/* The channel last: /dev/null may have got the number that it is to have. */
	if (null < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0 || dup2(channel, PROCESS_CHANNEL_FD) < 0)
		_exit(127);
	os_close_from(PROCESS_CHANNEL_FD + 1);
	/* dup2 onto itself would keep close-on-exec. */
	if (fcntl(PROCESS_CHANNEL_FD, F_SETFD, 0) != 0)
		_exit(127);
	(void)execv(program, (char *const *)(uintptr_t)arguments);
	_exit(127);
}

static int
set_up_socket(int fd, int nonblocking)
{
	int size = (int)(2 * (FRAME_MAX + FRAME_HEADER)), flags = fcntl(fd, F_GETFL);

	/* Room for a frame in flight; systems whose default is 8 KiB would only be slower without. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	return nonblocking ? fcntl(fd, F_SETFL, flags | O_NONBLOCK) : 0;
}

int
process_start(const char *program, const char *const *arguments, pid_t *ret_pid, int *ret_fd, struct hf_error *err)
{
	int pair[2], r = HF_OK;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return hf_error_set(err, HF_EIO, errno, "worker: no socket pair: %s", strerror(errno));
	if (pair[0] <= STDERR_FILENO || pair[1] <= STDERR_FILENO) {
		r = hf_error_set(err, HF_EINVAL, 0, "standard input, output or error is closed; give them /dev/null");
		goto out;
	}
	if (set_up_socket(pair[0], 1) != 0 || set_up_socket(pair[1], 0) != 0) {
		r = hf_error_set(err, HF_EIO, errno, "worker: socket pair: %s", strerror(errno));
		goto out;
	}
	pid = fork();
	if (pid < 0) {
		r = hf_error_set(err, HF_EAGAIN, errno, "worker: no new process: %s", strerror(errno));
		goto out;
	}
	if (pid == 0)
		run_child(program, arguments, pair[1]);
	/* In both processes, so that neither has to wait for the other; fails after the exec, which is fine. */
	(void)setpgid(pid, pid);
	*ret_pid = pid;
	*ret_fd = pair[0];
out:
	(void)close(pair[1]);
	if (r != HF_OK)
		(void)close(pair[0]);
	return r;
}

void
process_signal(pid_t pid, int number)
{
	if (pid > 1 && kill(-pid, number) != 0)
		(void)kill(pid, number);
}

int
process_reap(pid_t pid, int *ret_status)
{
	siginfo_t info;
	pid_t got;

	memset(&info, 0, sizeof(info));
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return errno == EINTR ? 0 : HF_ENOTFOUND;
	if (info.si_pid != pid)
		return 0;
	/* Before reaping: as long as the dead leader is there, its number cannot be somebody else's. */
	(void)kill(-pid, SIGKILL);
	do
		got = waitpid(pid, ret_status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? 1 : HF_ENOTFOUND;
}

void
process_describe(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(out, size, "was killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		(void)snprintf(out, size, "could not be started");
	else
		(void)snprintf(out, size, "ended with status %d without a result", WEXITSTATUS(status));
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/picture.h"
#include "image/sandbox.h"

/* The picture's process: it can reach the two files and the page for its reply, and nothing else. */
static void
run_picture(const struct picture_job *job, struct picture_reply *reply)
{
	struct picture_reply result;

	(void)close(HELPER_CHANNEL_FD);
	if (sandbox_enter(job->size) != 0) {
		reply->reason = IMAGE_NO_HELPER;
		_exit(0);
	}
	picture_shrink(HELPER_IN_FD, HELPER_OUT_FD, job, &result);
	*reply = result;
	_exit(0);
}

static void
died(int status, struct picture_reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->reason = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU ? IMAGE_TIME_LIMIT : IMAGE_HELPER_DIED;
}

static void
do_job(const struct picture_job *job, struct picture_reply *page, struct picture_reply *ret_reply)
{
	struct rusage usage;
	int status = 0;
	pid_t pid, got;

	memset(page, 0, sizeof(*page));
	page->reason = IMAGE_HELPER_DIED;
	pid = fork();
	if (pid == 0)
		run_picture(job, page);
	if (pid < 0) {
		memset(ret_reply, 0, sizeof(*ret_reply));
		ret_reply->reason = IMAGE_NO_HELPER;
		return;
	}
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	*ret_reply = *page;
	if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		died(status, ret_reply);
	if (getrusage(RUSAGE_CHILDREN, &usage) == 0)
		ret_reply->peak_kib = (uint32_t)usage.ru_maxrss;
}

static bool
read_job(struct picture_job *ret)
{
	size_t done = 0;
	ssize_t n;

	while (done < sizeof(*ret)) {
		n = read(HELPER_CHANNEL_FD, (char *)ret + done, sizeof(*ret) - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool
send_reply(const struct picture_reply *reply)
{
	/* It is far smaller than a socket's buffer. */
	return send(HELPER_CHANNEL_FD, reply, sizeof(*reply), MSG_NOSIGNAL) == (ssize_t)sizeof(*reply);
}

int
helper_main(void)
{
	struct picture_reply *page, reply;
	struct picture_job job;

	if (sandbox_prepare() != 0)
		return 1;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	if (page == MAP_FAILED)
		return 1;
	while (read_job(&job)) {
		do_job(&job, page, &reply);
		if (!send_reply(&reply))
			break;
	}
	(void)munmap(page, sizeof(*page));
	return 0;
}

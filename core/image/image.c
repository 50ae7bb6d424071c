/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "image/helper.h"
#include "image/picture.h"
#include "plugin/host.h"
#include "supervisor/os.h"

#define COPY_SIZE ((size_t)64 << 10)
/* What pictures have left in the files is given back to the file system above this. */
#define SPOOL_KEPT ((uint64_t)8 << 20)
/* The helper's limit of CPU time ends it long before, unless the machine is very busy. */
#define TICK_MS    100
#define TICKS_MAX  3000
/* Helpers that cannot be started one after another, before no more is tried. */
#define FAILURES_MAX 3

#define COMMAND "image-helper"

struct image {
	char *directory;
	char *program;
	int in, in_reading; /* the old picture; the second descriptor is the helper's, which may not write */
	int out;
	pid_t pid; /* of the helper, 0: none */
	int channel;
	unsigned failures;
	uint32_t peak_kib;
	uint8_t copy[COPY_SIZE];
};

/* ---- the two files ---- */

static int
open_file(struct image *image, int *ret, int *ret_reading, struct hf_error *err)
{
	char *path = path_join(image->directory, "image-XXXXXX");
	int fd, reading = -1, r = HF_OK;

	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	fd = mkstemp(path);
	if (fd >= 0 && ret_reading != NULL)
		reading = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || (ret_reading != NULL && reading < 0) || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		r = hf_error_set(err, HF_EIO, errno, "%s: no room for a picture: %s", image->directory,
		    strerror(errno));
	if (fd >= 0)
		(void)unlink(path);
	free(path);
	if (r != HF_OK) {
		if (fd >= 0)
			(void)close(fd);
		if (reading >= 0)
			(void)close(reading);
		return r;
	}
	*ret = fd;
	if (ret_reading != NULL)
		*ret_reading = reading;
	return HF_OK;
}

static int
open_files(struct image *image, struct hf_error *err)
{
	int r = HF_OK;

	if (image->in < 0)
		r = open_file(image, &image->in, &image->in_reading, err);
	if (r == HF_OK && image->out < 0)
		r = open_file(image, &image->out, NULL, err);
	return r;
}

static int
spool(struct image *image, uint64_t offset, size_t size, struct hf_error *err)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < size; done += (size_t)n) {
		n = pwrite(image->in, image->copy + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return hf_error_set(err, errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO, errno,
			    "%s: a picture's copy: %s", image->directory, strerror(errno));
	}
	return HF_OK;
}

static void
give_back(struct image *image, uint64_t size)
{
	if (size <= SPOOL_KEPT)
		return;
	/* Only room is at stake. */
	if (ftruncate(image->in, 0) != 0 || ftruncate(image->out, 0) != 0)
		log_message(HF_LOG_DEBUG, "%s: %s", image->directory, strerror(errno));
}

/* ---- the helper ---- */

static void
stop_helper(struct image *image)
{
	if (image->pid == 0)
		return;
	(void)close(image->channel);
	(void)kill(image->pid, SIGKILL);
	while (waitpid(image->pid, NULL, 0) < 0 && errno == EINTR)
		;
	image->pid = 0;
}

/* After its end of the channel was closed: whether it ended by itself, so it could not work at all. */
static bool
ended_by_itself(struct image *image)
{
	const struct timespec nap = {0, 10 * 1000000};
	int status = 0, tries;
	pid_t got = 0;

	for (tries = 0; tries < 100 && got == 0; tries++) {
		if (tries > 0)
			(void)nanosleep(&nap, NULL);
		got = waitpid(image->pid, &status, WNOHANG);
	}
	if (got != image->pid) {
		stop_helper(image);
		return false;
	}
	(void)close(image->channel);
	image->pid = 0;
	return WIFEXITED(status);
}

/* Moves a descriptor out of the way of those that dup2 is to make. */
static int
move_up(int fd)
{
	return fcntl(fd, F_DUPFD, HELPER_OUT_FD + 1);
}

/* Between fork and exec: only what is safe in a signal handler. */
static void
run_child(const struct image *image, int channel)
{
	static char *const no_environment[] = {NULL};
	char name[] = "holdfast", command[] = COMMAND, *arguments[] = {name, command, NULL};
	struct sigaction action;
	sigset_t none;
	int null, in, out, n;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	for (n = 1; n < NSIG; n++)
		(void)sigaction(n, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR);
	null = null < 0 ? -1 : move_up(null);
	channel = move_up(channel);
	in = move_up(image->in_reading);
	out = move_up(image->out);
	/* dup2 clears close-on-exec. */
	if (null < 0 || channel < 0 || in < 0 || out < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || dup2(channel, HELPER_CHANNEL_FD) < 0 || dup2(in, HELPER_IN_FD) < 0 ||
	    dup2(out, HELPER_OUT_FD) < 0)
		_exit(127);
	os_close_from(HELPER_OUT_FD + 1);
	(void)execve(image->program, arguments, no_environment);
	_exit(127);
}

static bool
start_helper(struct image *image)
{
	int pair[2];
	pid_t pid;

	if (image->pid != 0)
		return true;
	if (image->failures >= FAILURES_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return false;
	if (fcntl(pair[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(pair[1], F_SETFD, FD_CLOEXEC) != 0)
		pid = -1;
	else
		pid = fork();
	if (pid == 0)
		run_child(image, pair[1]);
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return false;
	}
	image->pid = pid;
	image->channel = pair[0];
	return true;
}

/* Waits until something can be read: HF_OK, HF_ESTOPPING, or HF_EAGAIN when it took too long. */
static int
wait_readable(const struct image *image, image_stop_fn stop, void *stop_ctx)
{
	struct pollfd poll_fd = {image->channel, POLLIN, 0};
	int ticks;

	for (ticks = 0; ticks < TICKS_MAX; ticks++) {
		if (stop != NULL && stop(stop_ctx) != 0)
			return HF_ESTOPPING;
		if (poll(&poll_fd, 1, TICK_MS) > 0)
			return HF_OK;
	}
	return HF_EAGAIN;
}

/* HF_OK, as wait_readable, or HF_ENOTFOUND: the helper is gone. */
static int
read_reply(const struct image *image, image_stop_fn stop, void *stop_ctx, struct picture_reply *ret)
{
	size_t done = 0;
	ssize_t n;
	int r;

	while (done < sizeof(*ret)) {
		r = wait_readable(image, stop, stop_ctx);
		if (r != HF_OK)
			return r;
		n = recv(image->channel, (char *)ret + done, sizeof(*ret) - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return HF_ENOTFOUND;
		done += (size_t)n;
	}
	return HF_OK;
}

/* What the helper says of a picture has to fit what it was asked; else it is not to be trusted. */
static bool
is_possible(const struct picture_job *job, const struct picture_reply *reply)
{
	if (reply->reason >= IMAGE_REASON_COUNT)
		return false;
	if (reply->reason == IMAGE_RECOMPRESSED)
		return reply->new_size > 4 && reply->new_size <= job->size / 10 * 9 + job->size % 10 * 9 / 10;
	if (reply->reason == IMAGE_LOCATION_REMOVED)
		return reply->new_size == job->size && (job->flags & PICTURE_STRIP_LOCATION) != 0;
	return true;
}

static void
helper_failed(struct image *image, struct picture_reply *reply)
{
	reply->reason = IMAGE_NO_HELPER;
	image->failures++;
	if (image->failures == FAILURES_MAX)
		log_message(HF_LOG_WARNING,
		    "pictures are kept as they are: the process that makes them smaller cannot be started or confined");
}

/* The helper's word about the picture in the file; HF_ESTOPPING is all that can fail. */
static int
ask_helper(struct image *image, const struct picture_job *job, image_stop_fn stop, void *stop_ctx,
    struct picture_reply *ret, struct hf_error *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->reason = IMAGE_NO_HELPER;
	if (!start_helper(image))
		return HF_OK;
	if (send(image->channel, job, sizeof(*job), MSG_NOSIGNAL) == (ssize_t)sizeof(*job))
		r = read_reply(image, stop, stop_ctx, ret);
	else
		r = HF_ENOTFOUND;
	if (r == HF_OK && is_possible(job, ret)) {
		if (ret->peak_kib > image->peak_kib)
			image->peak_kib = ret->peak_kib;
		if (ret->reason == IMAGE_NO_HELPER)
			helper_failed(image, ret);
		else
			image->failures = 0;
		/* A picture that was stronger than its process must not find the next one at the same addresses. */
		if (ret->reason == IMAGE_HELPER_DIED)
			stop_helper(image);
		return HF_OK;
	}
	memset(ret, 0, sizeof(*ret));
	ret->reason = r == HF_EAGAIN ? IMAGE_TIME_LIMIT : IMAGE_HELPER_DIED;
	if (r == HF_ENOTFOUND && ended_by_itself(image))
		helper_failed(image, ret);
	else
		stop_helper(image);
	return r == HF_ESTOPPING ? hf_error_set(err, HF_ESTOPPING, 0, "asked to stop") : HF_OK;
}

/* ---- one picture ---- */

static int
read_some(struct image *image, const struct hf_reader *in, size_t *ret_size, struct hf_error *err)
{
	size_t size = 0;
	int64_t n;

	while (size < COPY_SIZE) {
		n = in->read(in->ctx, image->copy + size, COPY_SIZE - size, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*ret_size = size;
	return HF_OK;
}

/* Copies the old picture; HF_OK with ret_reason other than IMAGE_RECOMPRESSED when it is not for the helper. */
static int
take_in(struct image *image, const struct hf_reader *in, uint64_t *ret_size, enum image_reason *ret_reason,
    struct hf_error *err)
{
	static const uint8_t start[] = {0xff, 0xd8, 0xff};
	uint64_t size = 0;
	size_t n = 0;
	int r;

	*ret_reason = IMAGE_RECOMPRESSED;
	for (;;) {
		r = read_some(image, in, &n, err);
		if (r != HF_OK || n == 0)
			break;
		if (size == 0 && (n < sizeof(start) || memcmp(image->copy, start, sizeof(start)) != 0)) {
			*ret_reason = IMAGE_NOT_A_JPEG;
			break;
		}
		if (size + n > IMAGE_FILE_MAX) {
			*ret_reason = IMAGE_TOO_LARGE;
			break;
		}
		r = spool(image, size, n, err);
		if (r != HF_OK)
			break;
		size += n;
	}
	if (r == HF_OK && size == 0)
		*ret_reason = IMAGE_NOT_A_JPEG;
	*ret_size = size;
	return r;
}

static int
give_out(struct image *image, uint64_t size, const struct hf_sink *out, struct hf_error *err)
{
	uint64_t done;
	size_t want;
	ssize_t n;
	int r = HF_OK;

	for (done = 0; r == HF_OK && done < size; done += (uint64_t)n) {
		want = size - done < COPY_SIZE ? (size_t)(size - done) : COPY_SIZE;
		do
			n = pread(image->out, image->copy, want, (off_t)done);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return hf_error_set(err, HF_EIO, n < 0 ? errno : 0, "%s: a picture's copy: %s",
			    image->directory, n < 0 ? strerror(errno) : "it is too short");
		r = out->write(out->ctx, image->copy, (uint64_t)n, err);
	}
	return r;
}

/* Whether the new file is as long as the helper said, and begins and ends as one does. */
static bool
is_whole(const struct image *image, const struct picture_reply *reply)
{
	uint8_t start[3], end[2];

	return pread(image->out, start, sizeof(start), 0) == (ssize_t)sizeof(start) && start[0] == 0xff &&
	    start[1] == 0xd8 && start[2] == 0xff &&
	    pread(image->out, end, sizeof(end), (off_t)(reply->new_size - 2)) == (ssize_t)sizeof(end) &&
	    (reply->reason != IMAGE_RECOMPRESSED || (end[0] == 0xff && end[1] == 0xd9));
}

static void
fill_result(struct hf_image_result *result, enum image_reason reason, uint64_t old_size,
    const struct picture_reply *reply)
{
	memset(result, 0, sizeof(*result));
	result->struct_size = (uint32_t)sizeof(*result);
	result->used = reason == IMAGE_RECOMPRESSED || reason == IMAGE_LOCATION_REMOVED;
	result->flags = (reply->flags & PICTURE_LOCATION_LEFT) != 0 ? HF_IMAGE_LOCATION_LEFT : 0;
	result->width = reply->width;
	result->height = reply->height;
	result->old_size = old_size;
	result->new_size = result->used ? reply->new_size : 0;
	(void)snprintf(result->reason, sizeof(result->reason), "%s", image_reason_name(reason));
}

static int
process(struct image *image, const struct picture_job *job, image_stop_fn stop, void *stop_ctx,
    const struct hf_sink *out, struct picture_reply *reply, struct hf_error *err)
{
	int r = ask_helper(image, job, stop, stop_ctx, reply, err);

	if (r != HF_OK)
		return r;
	if (reply->os_errno != 0)
		return hf_error_set(err, reply->os_errno == ENOSPC || reply->os_errno == EDQUOT ? HF_ENOSPC : HF_EIO,
		    (int)reply->os_errno, "%s: a picture's copy: %s", image->directory, strerror((int)reply->os_errno));
	if (reply->reason == IMAGE_RECOMPRESSED || reply->reason == IMAGE_LOCATION_REMOVED) {
		if (is_whole(image, reply))
			return give_out(image, reply->new_size, out, err);
		reply->reason = IMAGE_DIFFERS;
	}
	/* Whatever was in it is in it still. */
	if ((job->flags & PICTURE_STRIP_LOCATION) != 0 &&
	    (reply->reason == IMAGE_DIFFERS || reply->reason >= IMAGE_TIME_LIMIT))
		reply->flags |= PICTURE_LOCATION_LEFT;
	return HF_OK;
}

static int
check_request(const struct hf_image_request *request, struct hf_error *err)
{
	if ((request->flags & ~HF_IMAGE_STRIP_LOCATION) != 0)
		return hf_error_set(err, HF_EINVAL, 0, "a picture's flags are not known: %" PRIu32, request->flags);
	if (request->quality > 100 || (request->quality == 0 && request->flags == 0))
		return hf_error_set(err, HF_EINVAL, 0, "a picture's quality is 1 to 100, not %" PRIu32,
		    request->quality);
	return HF_OK;
}

int
image_recompress(struct image *image, const struct hf_image_request *request, const struct hf_reader *in,
    const struct hf_sink *out, image_stop_fn stop, void *stop_ctx, struct hf_image_result *ret, struct hf_error *err)
{
	struct picture_job job = {0, request->quality, 0};
	struct picture_reply reply;
	enum image_reason reason;
	int r = check_request(request, err);

	memset(&reply, 0, sizeof(reply));
	if (r == HF_OK)
		r = open_files(image, err);
	if (r != HF_OK)
		return r;
	if ((request->flags & HF_IMAGE_STRIP_LOCATION) != 0)
		job.flags |= PICTURE_STRIP_LOCATION;
	r = take_in(image, in, &job.size, &reason, err);
	if (r == HF_OK && reason == IMAGE_RECOMPRESSED) {
		r = process(image, &job, stop, stop_ctx, out, &reply, err);
		reason = (enum image_reason)reply.reason;
	} else if (reason == IMAGE_TOO_LARGE) {
		reply.flags = job.flags != 0 ? PICTURE_LOCATION_LEFT : 0;
	}
	give_back(image, job.size);
	/* Such a file was not read to its end. */
	if (reason == IMAGE_NOT_A_JPEG || reason == IMAGE_TOO_LARGE)
		job.size = in->length;
	if (r == HF_OK)
		fill_result(ret, reason, job.size, &reply);
	return r;
}

uint32_t
image_peak_kib(const struct image *image)
{
	return image->peak_kib;
}

int
image_open(const char *directory, const char *program, struct image **ret, struct hf_error *err)
{
	struct image *image = calloc(1, sizeof(*image));
	char own[4096];

	if (image == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	image->in = image->in_reading = image->out = -1;
	if (program == NULL) {
		if (os_program(own, sizeof(own)) != 0) {
			free(image);
			return hf_error_set(err, HF_EIO, errno, "cannot find the running program: %s", strerror(errno));
		}
		program = own;
	}
	image->directory = strdup(directory);
	image->program = strdup(program);
	if (image->directory == NULL || image->program == NULL) {
		image_close(image);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	*ret = image;
	return HF_OK;
}

void
image_close(struct image *image)
{
	if (image == NULL)
		return;
	stop_helper(image);
	if (image->in >= 0)
		(void)close(image->in);
	if (image->in_reading >= 0)
		(void)close(image->in_reading);
	if (image->out >= 0)
		(void)close(image->out);
	free(image->directory);
	free(image->program);
	free(image);
}

/* ---- for plugins ---- */

static int
host_recompress(void *host_ctx, const struct hf_image_request *request, const struct hf_reader *in,
    const struct hf_sink *out, struct hf_image_result *ret, struct hf_error *err)
{
	const struct hf_host *table = host_table(host_ctx);
	struct image *image = host_image(host_ctx);

	if (image == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "pictures cannot be made smaller here");
	return image_recompress(image, request, in, out, table->stop_requested, table->ctx, ret, err);
}

const struct hf_host_image image_host_extension = {(uint32_t)sizeof(image_host_extension), 0, host_recompress};

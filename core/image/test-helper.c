/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Not a test of its own: a helper for test-image that does what no helper should.  What, the quality says, as there are
 * neither arguments nor an environment.
 */
#include "compat/compat.h"

#include "image/helper.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image/picture.h"

static void
say(const struct picture_reply *reply, size_t size)
{
	(void)send(HELPER_CHANNEL_FD, reply, size, MSG_NOSIGNAL);
}

static void
put(const char *data, size_t size, uint64_t offset)
{
	if (pwrite(HELPER_OUT_FD, data, size, (off_t)offset) != (ssize_t)size)
		_exit(1);
}

/* A file that looks whole, of the size that the reply says. */
static void
write_file(uint64_t size)
{
	put("\xff\xd8\xff", 3, 0);
	put("\xff\xd9", 2, size - 2);
}

static void
misbehave(const struct picture_job *job, struct picture_reply *reply)
{
	reply->new_size = job->size / 2;
	switch (job->quality) {
	case 1: /* in the middle of writing */
		put("\xff\xd8\xff", 3, 0);
		(void)raise(SIGKILL);
		break;
	case 2: /* in the middle of the reply */
		write_file(reply->new_size);
		say(reply, sizeof(*reply) / 2);
		(void)raise(SIGKILL);
		break;
	case 3:
		reply->reason = IMAGE_REASON_COUNT;
		break;
	case 4: /* hardly smaller */
		reply->new_size = job->size;
		write_file(reply->new_size);
		break;
	case 5:
		reply->new_size = UINT64_MAX;
		break;
	case 6: /* as the last one left it: not a file */
		put("nothing", 7, 0);
		break;
	case 7: /* shorter than said */
		if (ftruncate(HELPER_OUT_FD, 3) != 0)
			_exit(1);
		break;
	case 8: /* not asked for */
		reply->reason = IMAGE_LOCATION_REMOVED;
		reply->new_size = job->size;
		write_file(reply->new_size);
		break;
	case 9: /* for as long as the test wants */
		for (;;)
			(void)pause();
	default:
		write_file(reply->new_size);
		break;
	}
	say(reply, sizeof(*reply));
}

int
main(void)
{
	struct picture_reply reply;
	struct picture_job job;

	while (read(HELPER_CHANNEL_FD, &job, sizeof(job)) == (ssize_t)sizeof(job)) {
		memset(&reply, 0, sizeof(reply));
		misbehave(&job, &reply);
	}
	return 0;
}

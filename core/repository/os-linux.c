/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int
target_openat(int directory, const char *name, int flags, mode_t mode)
{
	struct open_how how;
	long fd;
	int tries;

	memset(&how, 0, sizeof(how));
	how.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW | O_LARGEFILE);
	how.mode = (flags & O_CREAT) != 0 ? mode : 0;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	/* EAGAIN: something was renamed while the kernel looked. */
	for (tries = 0; tries < 100; tries++) {
		fd = syscall(SYS_openat2, directory, name, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	/* Before Linux 5.6, and under a system call filter that does not know it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return target_openat_plain(directory, name, flags, mode);
	return (int)fd;
}

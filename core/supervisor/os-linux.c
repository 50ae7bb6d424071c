/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/os.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int
os_peer_uid(int fd, uid_t *ret)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return -1;
	*ret = peer.uid;
	return 0;
}

void
os_close_from(int lowest)
{
	long limit;
	int fd;

	if (close_range((unsigned)lowest, ~0u, 0) == 0)
		return;
	/* A kernel before 5.9. */
	limit = sysconf(_SC_OPEN_MAX);
	for (fd = lowest; fd < (limit > 0 && limit < 65536 ? (int)limit : 65536); fd++)
		(void)close(fd);
}

#define OWN_PROGRAM "/proc/self/exe"

int
os_program(char *out, size_t size)
{
	struct stat running, named;
	ssize_t n = readlink(OWN_PROGRAM, out, size);

	if (n < 0)
		return -1;
	if ((size_t)n < size) {
		out[n] = '\0';
		if (stat(OWN_PROGRAM, &running) == 0 && stat(out, &named) == 0 && running.st_dev == named.st_dev &&
		    running.st_ino == named.st_ino)
			return 0;
	}
	/* An update took the file's place: the link itself still leads to the version that runs. */
	if (size < sizeof(OWN_PROGRAM)) {
		errno = ERANGE;
		return -1;
	}
	memcpy(out, OWN_PROGRAM, sizeof(OWN_PROGRAM));
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/os.h"

#include <sys/socket.h>
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

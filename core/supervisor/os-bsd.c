/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/os.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the BSDs have alike: getpeereid(3) and closefrom(2). */

int
os_peer_uid(int fd, uid_t *ret)
{
	gid_t group;

	return getpeereid(fd, ret, &group);
}

void
os_close_from(int lowest)
{
	(void)closefrom(lowest);
}

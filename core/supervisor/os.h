/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_OS_H
#define SUPERVISOR_OS_H

#include <sys/types.h>

/* The user at the other end of a connected local socket; 0, or -1 with errno. */
int os_peer_uid(int fd, uid_t *ret);
/* Closes every descriptor from lowest up; for use between fork and exec. */
void os_close_from(int lowest);

#endif

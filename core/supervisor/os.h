/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_OS_H
#define SUPERVISOR_OS_H

#include <stddef.h>
#include <sys/types.h>

/* The user at the other end of a connected local socket; 0, or -1 with errno. */
int os_peer_uid(int fd, uid_t *ret);
/* Closes every descriptor from lowest up; for use between fork and exec. */
void os_close_from(int lowest);
/*
 * The path that starts the running program once more, NUL-terminated; 0, or -1 with errno.  Also right when
 * the program was started by a relative path, and, where the system can, when its file was replaced since.
 */
int os_program(char *out, size_t size);

#endif

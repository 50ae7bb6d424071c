/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

/*
 * What a worker process does: takes one job from the supervisor at the other end of the socket fd, runs it
 * and tells how it ended.  Returns the exit status, which is for a look at the process list only.
 */
int worker_main(int fd);

#endif

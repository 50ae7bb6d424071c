/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_PROCESS_H
#define SUPERVISOR_PROCESS_H

#include <sys/types.h>

#include <holdfast/error.h>

#define PROCESS_CHANNEL_FD 3 /* the worker's end of the socket pair */

/*
 * Starts a program in a process group of its own, with nothing open but /dev/null as input, standard error
 * as output and error, and a socket as descriptor 3, whose other end is *ret_fd (non-blocking, the
 * caller's).  All signals have their default action.
 */
int process_start(const char *program, const char *const *arguments, pid_t *ret_pid, int *ret_fd,
    struct hf_error *err);
/* Sends a signal to the whole process group of a child that has not been reaped. */
void process_signal(pid_t pid, int signal);
/*
 * If the child has ended: kills what is left of its group, reaps it, and returns 1 with its status as of
 * waitpid.  0 while it runs, negative when there is no such child.
 */
int process_reap(pid_t pid, int *ret_status);
/* "ended with status 3", "was killed by signal 9". */
void process_describe(int status, char *out, size_t size);

#endif

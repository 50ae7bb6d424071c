/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IMAGE_HELPER_H
#define IMAGE_HELPER_H

/* What the helper finds open, beside /dev/null as 0, 1 and 2. */
#define HELPER_CHANNEL_FD 3 /* a stream socket: struct picture_job in, struct picture_reply out, in turn */
#define HELPER_IN_FD      4 /* the old picture, for reading */
#define HELPER_OUT_FD     5 /* room for the new one */

/*
 * The helper process: for each job it forks a process that looks at one picture and ends, so that nothing a
 * picture does, not even taking the process over, can reach the next one.  Returns the exit status when the channel
 * is closed.
 */
int helper_main(void);

#endif

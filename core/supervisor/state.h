/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SUPERVISOR_STATE_H
#define SUPERVISOR_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include <holdfast/error.h>

/*
 * Where the state directory is or would be: $HOLDFAST_STATE_DIR, else $XDG_STATE_HOME/holdfast, else
 * ~/.local/state/holdfast.  The caller frees the path.
 */
int state_path(char **ret, struct hf_error *err);
/*
 * The same, made with mode 0700 when missing; refused when it belongs to somebody else or is open to
 * others.
 */
int state_directory(char **ret, struct hf_error *err);
/* Makes and checks the given directory in the same way. */
int state_prepare(const char *directory, struct hf_error *err);
/*
 * Takes the supervisor's lock; the caller closes the descriptor to give it back.  HF_EBUSY when another
 * process holds it, with its number in err.
 */
int state_lock(const char *directory, int *ret_fd, struct hf_error *err);
/*
 * Takes the lock that a worker holds as long as it lives, also past its supervisor's death.
 * HF_EBUSY when another worker is still there.
 */
int worker_lock(const char *directory, int *ret_fd, struct hf_error *err);

/* What a job keeps on this machine while it is under way, in jobs/ID: the spool and the journal. */

/* Removes such a directory with all that is in it; absent is fine. */
int state_forget_job(const char *job_directory, struct hf_error *err);
/* Removes those of all jobs but the ones that are wanted. */
int state_sweep_jobs(const char *directory, bool (*wanted)(void *ctx, const char *id), void *ctx,
    struct hf_error *err);

#endif

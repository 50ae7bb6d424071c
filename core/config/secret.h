/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "base/buffer.h"

#define SECRET_MAX        4096u  /* bytes, surrounding white space included */
#define SECRET_COMMAND_MS 300000 /* that a command may take: a person may have to type something */

/* Where a secret comes from; exactly one of the two is set. */
struct config_secret {
	const char *file;    /* absolute path */
	const char *command; /* for /bin/sh -c; the secret is its standard output */
};

/*
 * Puts the secret into *ret, which was empty; the caller wipes it with buffer_wipe.  As restic does,
 * a byte order mark and the white space around it (Unicode's) are no part of it.
 * HF_EPERM: the file is not the user's or root's own, or others can read or write it.
 * HF_ENOTFOUND, HF_EINVAL (not a regular file, empty, UTF-16, NUL inside), HF_ERANGE (over
 * SECRET_MAX), HF_EIO (the command failed, or reading did), HF_ENOMEM.
 * The command runs with standard input from /dev/null and the default signal actions; after
 * SECRET_COMMAND_MS it is killed, which is HF_EIO too.
 */
int secret_read(const struct config_secret *secret, struct buffer *ret, struct hf_error *err);
/*
 * Whether the file is there, may be read by nobody else, and has a secret in it; HF_OK for a command, which is not
 * run.  Errors as above.
 */
int secret_check(const struct config_secret *secret, struct hf_error *err);
/* HF_EPERM where other users can get at a file that has a secret in it; HF_OK also where there is none. */
int secret_check_readers(const char *path, struct hf_error *err);
/* secret_read with another limit for the command, in milliseconds. */
int secret_read_within(const struct config_secret *secret, int limit_ms, struct buffer *ret,
    struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KEY_H
#define KEY_H

#include <holdfast/host.h>

#include "text.h"

/* A service account's key file (JSON, as the console gives it). */
struct key {
	struct text email;
	struct text id;        /* of the key; may be empty */
	struct text token_uri; /* may be empty */
	struct text pem;
};

/* Reads and checks; HF_EINVAL or HF_EIO names the file.  ret is to be released in any case. */
int key_read(struct key *ret, const struct hf_host *host, const char *path, struct hf_error *err);
void key_release(struct key *key);
/*
 * A JWT (RFC 7519) signed with RS256 (RFC 7518), good for an hour from now (seconds since 1970), that asks for
 * scope at audience.
 */
int key_sign(const struct key *key, const char *scope, const char *audience, int64_t now, struct text *ret_jwt,
    struct hf_error *err);

#endif

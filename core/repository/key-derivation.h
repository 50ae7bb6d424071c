/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KEY_DERIVATION_H
#define KEY_DERIVATION_H

/* scrypt (RFC 7914) in a child process of its own, so that its memory never counts in this one. */

#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

#define DERIVED_SIZE 64
#define SALT_SIZE    64

struct derivation {
	uint64_t n, r, p;
	uint8_t salt[SALT_SIZE];
};

/* HF_ERANGE unless the parameters are within what restic takes and this machine can do in minutes. */
int derivation_check(const struct derivation *derivation, const char *what, struct hf_error *err);
/* Derives 64 bytes from a password; what: the key's name for messages. */
int derivation_run(const struct derivation *derivation, const char *password, size_t password_size,
    const char *what, uint8_t out[DERIVED_SIZE], struct hf_error *err);
/* The same with a p, set in derivation, for which one derivation takes about 250 ms: 1 to 16. */
int derivation_choose(struct derivation *derivation, const char *password, size_t password_size,
    uint8_t out[DERIVED_SIZE], struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

#define HASH_SIZE 32     /* bytes of a SHA-256 */
#define HASH_HEX_SIZE 65 /* its hex digits and NUL */

/* A running SHA-256. */
struct hash;

int hash_new(struct hash **ret, struct hf_error *err);
void hash_free(struct hash *hash);
int hash_update(struct hash *hash, const void *data, size_t size, struct hf_error *err);
/* The sum of everything so far; the hash goes on from there if more is added. */
int hash_sum(const struct hash *hash, uint8_t out[HASH_SIZE], struct hf_error *err);
/* Forgets what was added. */
int hash_reset(struct hash *hash, struct hf_error *err);
/* Forgets what was added; the sum of just these bytes.  For many short ones. */
int hash_again(struct hash *hash, const void *data, size_t size, uint8_t out[HASH_SIZE], struct hf_error *err);
/* SHA-256 of bytes in memory. */
int hash_bytes(const void *data, size_t size, uint8_t out[HASH_SIZE], struct hf_error *err);

/* size bytes as lower-case hex digits and NUL; out holds 2 * size + 1. */
void hex_encode(const uint8_t *data, size_t size, char *out);
/* Exactly 2 * size lower-case hex digits into size bytes; HF_EINVAL for anything else. */
int hex_decode(const char *hex, size_t hex_size, uint8_t *out, size_t size);

/* size bytes from the system's random number generator; never a generator of our own. */
int random_bytes(void *out, size_t size, struct hf_error *err);

#endif

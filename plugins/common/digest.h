/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <holdfast/host.h>

#define DIGEST_SIZE  32u
#define DIGEST_BLOCK 65536u

/*
 * What stands for any number of bytes: SHA-256 over the result so far and the next block, block by block, as the
 * host hashes whole texts only.  Nobody who can write a part of the bytes can make others that look the same.
 */
struct digest {
	const struct hf_host_write *write;
	size_t used; /* of block, in which the result so far comes first */
	int status;  /* HF_OK, or why there is no result */
	uint8_t block[DIGEST_SIZE + DIGEST_BLOCK];
};

void digest_begin(struct digest *digest, const struct hf_host_write *write);
void digest_add(struct digest *digest, const void *data, size_t size);
int digest_end(struct digest *digest, uint8_t out[DIGEST_SIZE], struct hf_error *err);
/* 64 digits and a NUL. */
void digest_hex(const uint8_t digest[DIGEST_SIZE], char out[2 * DIGEST_SIZE + 1]);

#endif

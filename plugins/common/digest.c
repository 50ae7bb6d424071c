/* SPDX-License-Identifier: BSD-2-Clause */
#include "digest.h"

#include <string.h>

void
digest_begin(struct digest *d, const struct hf_host_write *write)
{
	d->write = write;
	d->used = DIGEST_SIZE;
	d->status = HF_OK;
	memset(d->block, 0, DIGEST_SIZE);
}

static void
close_block(struct digest *d)
{
	uint8_t result[DIGEST_SIZE];

	if (d->status == HF_OK)
		d->status = d->write->sha256(d->block, d->used, result, NULL);
	if (d->status == HF_OK)
		memcpy(d->block, result, DIGEST_SIZE);
	d->used = DIGEST_SIZE;
}

void
digest_add(struct digest *d, const void *data, size_t size)
{
	const uint8_t *from = data;
	size_t n;

	while (size > 0) {
		n = sizeof(d->block) - d->used < size ? sizeof(d->block) - d->used : size;
		memcpy(d->block + d->used, from, n);
		d->used += n;
		from += n;
		size -= n;
		if (d->used == sizeof(d->block))
			close_block(d);
	}
}

int
digest_end(struct digest *d, uint8_t out[DIGEST_SIZE], struct hf_error *err)
{
	close_block(d);
	if (d->status != HF_OK)
		return hf_error_set(err, d->status, 0, "cannot compute a SHA-256");
	memcpy(out, d->block, DIGEST_SIZE);
	return HF_OK;
}

void
digest_hex(const uint8_t digest[DIGEST_SIZE], char out[2 * DIGEST_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < DIGEST_SIZE; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * i] = '\0';
}

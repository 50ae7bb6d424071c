/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

struct hash {
	EVP_MD_CTX *running;
	EVP_MD_CTX *copy; /* what hash_sum finishes, so that running goes on */
};

static int
crypto_failed(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "SHA-256: the crypto library failed, most likely out of memory");
}

int
hash_new(struct hash **ret, struct hf_error *err)
{
	struct hash *hash = calloc(1, sizeof(*hash));

	if (hash == NULL)
		return crypto_failed(err);
	hash->running = EVP_MD_CTX_new();
	hash->copy = EVP_MD_CTX_new();
	if (hash->running == NULL || hash->copy == NULL ||
	    EVP_DigestInit_ex(hash->running, EVP_sha256(), NULL) != 1) {
		hash_free(hash);
		return crypto_failed(err);
	}
	*ret = hash;
	return HF_OK;
}

void
hash_free(struct hash *hash)
{
	if (hash == NULL)
		return;
	EVP_MD_CTX_free(hash->running);
	EVP_MD_CTX_free(hash->copy);
	free(hash);
}

int
hash_update(struct hash *hash, const void *data, size_t size, struct hf_error *err)
{
	return EVP_DigestUpdate(hash->running, data, size) == 1 ? HF_OK : crypto_failed(err);
}

int
hash_sum(const struct hash *hash, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	if (EVP_MD_CTX_copy_ex(hash->copy, hash->running) != 1 || EVP_DigestFinal_ex(hash->copy, out, NULL) != 1)
		return crypto_failed(err);
	return HF_OK;
}

/* Without an algorithm the one it has stays, which spares looking it up. */
int
hash_reset(struct hash *hash, struct hf_error *err)
{
	return EVP_DigestInit_ex(hash->running, NULL, NULL) == 1 ? HF_OK : crypto_failed(err);
}

int
hash_again(struct hash *hash, const void *data, size_t size, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	if (EVP_DigestInit_ex(hash->running, NULL, NULL) != 1 || EVP_DigestUpdate(hash->running, data, size) != 1 ||
	    EVP_DigestFinal_ex(hash->running, out, NULL) != 1)
		return crypto_failed(err);
	return hash_reset(hash, err);
}

int
hash_bytes(const void *data, size_t size, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	return EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL) == 1 ? HF_OK : crypto_failed(err);
}

void
hex_encode(const uint8_t *data, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < size; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * size] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
hex_decode(const char *hex, size_t hex_size, uint8_t *out, size_t size)
{
	size_t i;
	int high, low;

	if (hex_size != 2 * size)
		return HF_EINVAL;
	for (i = 0; i < size; i++) {
		high = hex_value(hex[2 * i]);
		low = hex_value(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return HF_EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return HF_OK;
}

int
random_bytes(void *out, size_t size, struct hf_error *err)
{
	uint8_t *p = out;
	size_t part;

	for (; size > 0; p += part, size -= part) {
		part = size < 256 ? size : 256;
		if (getentropy(p, part) != 0)
			return hf_error_set(err, HF_EIO, errno, "random numbers: %s", strerror(errno));
	}
	return HF_OK;
}

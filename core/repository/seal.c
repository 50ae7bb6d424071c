/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/vector.h"

#define IV_SIZE  16u
#define TAG_SIZE 16u

/* Bytes are encrypted and summed in pieces that stay in the first-level cache; a multiple of a block. */
#define PIECE_SIZE 16384u

/* Fetching from the crypto library's providers is slow, so everything fetched lives as long as this. */
struct seal {
	EVP_CIPHER *ctr_cipher, *ecb_cipher;
	EVP_CIPHER_CTX *ctr; /* AES-256-CTR with the encryption key: the same call encrypts and decrypts */
	EVP_CIPHER_CTX *ecb; /* AES-128-ECB with k */
	EVP_MAC *poly1305;
	EVP_MAC_CTX *mac;
	uint8_t r[16];
};

static int
seal_failed(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "encryption: the crypto library failed, most likely out of memory");
}

int
seal_new(const struct key_set *key, struct seal **ret, struct hf_error *err)
{
	struct seal *seal = calloc(1, sizeof(*seal));

	if (seal == NULL)
		return seal_failed(err);
	seal->ctr_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	seal->ecb_cipher = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	seal->poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	seal->ctr = EVP_CIPHER_CTX_new();
	seal->ecb = EVP_CIPHER_CTX_new();
	if (seal->poly1305 != NULL)
		seal->mac = EVP_MAC_CTX_new(seal->poly1305);
	if (seal->ctr_cipher == NULL || seal->ecb_cipher == NULL || seal->ctr == NULL || seal->ecb == NULL ||
	    seal->mac == NULL)
		goto failed;
	if (EVP_EncryptInit_ex2(seal->ctr, seal->ctr_cipher, key->encrypt, NULL, NULL) != 1 ||
	    EVP_EncryptInit_ex2(seal->ecb, seal->ecb_cipher, key->mac_k, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(seal->ecb, 0) != 1)
		goto failed;
	memcpy(seal->r, key->mac_r, sizeof(seal->r));
	*ret = seal;
	return HF_OK;
failed:
	seal_free(seal);
	return seal_failed(err);
}

void
seal_free(struct seal *seal)
{
	if (seal == NULL)
		return;
	EVP_CIPHER_CTX_free(seal->ctr);
	EVP_CIPHER_CTX_free(seal->ecb);
	EVP_MAC_CTX_free(seal->mac);
	EVP_CIPHER_free(seal->ctr_cipher);
	EVP_CIPHER_free(seal->ecb_cipher);
	EVP_MAC_free(seal->poly1305);
	explicit_bzero(seal, sizeof(*seal));
	free(seal);
}

/* Starts Poly1305 with r || AES(k, iv), which the library clamps. */
static int
mac_begin(struct seal *seal, const uint8_t iv[IV_SIZE])
{
	uint8_t key[32];
	int n = 0, ok;

	memcpy(key, seal->r, 16);
	ok = EVP_EncryptUpdate(seal->ecb, key + 16, &n, iv, IV_SIZE) == 1 && n == 16 &&
	    EVP_MAC_init(seal->mac, key, sizeof(key), NULL) == 1;
	explicit_bzero(key, sizeof(key));
	return ok;
}

static int
mac_end(struct seal *seal, uint8_t tag[TAG_SIZE])
{
	size_t n = 0;
	int ok = EVP_MAC_final(seal->mac, tag, &n, TAG_SIZE) == 1 && n == TAG_SIZE;

	vector_rest();
	return ok;
}

static int
seal_into(struct seal *seal, const uint8_t iv[IV_SIZE], const uint8_t *plain, size_t size, uint8_t *out)
{
	size_t part;
	int n;

	memcpy(out, iv, IV_SIZE);
	out += IV_SIZE;
	if (!mac_begin(seal, iv) || EVP_EncryptInit_ex2(seal->ctr, NULL, NULL, iv, NULL) != 1)
		return 0;
	for (; size > 0; plain += part, out += part, size -= part) {
		part = size < PIECE_SIZE ? size : PIECE_SIZE;
		if (EVP_EncryptUpdate(seal->ctr, out, &n, plain, (int)part) != 1 || (size_t)n != part ||
		    EVP_MAC_update(seal->mac, out, part) != 1)
			return 0;
	}
	return mac_end(seal, out);
}

int
seal_append_iv(struct seal *seal, const uint8_t iv[16], const void *plain, size_t size, struct buffer *out,
    struct hf_error *err)
{
	if (size > SIZE_MAX - SEAL_OVERHEAD)
		return hf_error_set(err, HF_ERANGE, 0, "encryption: the data is too long");
	if (buffer_reserve(out, size + SEAL_OVERHEAD) != HF_OK)
		return buffer_status(out, "encryption", err);
	if (!seal_into(seal, iv, plain, size, out->data + out->size))
		return seal_failed(err);
	out->size += size + SEAL_OVERHEAD;
	return HF_OK;
}

int
seal_append(struct seal *seal, const void *plain, size_t size, struct buffer *out, struct hf_error *err)
{
	static const uint8_t zero[IV_SIZE];
	uint8_t iv[IV_SIZE];
	int r;

	/* Readers refuse an all-zero IV.  It never comes; a broken generator must not pass unseen either. */
	r = random_bytes(iv, sizeof(iv), err);
	if (r != HF_OK)
		return r;
	if (memcmp(iv, zero, sizeof(iv)) == 0)
		return hf_error_set(err, HF_EIO, 0, "random numbers: the system gave only zeros");
	return seal_append_iv(seal, iv, plain, size, out, err);
}

int
seal_open(struct seal *seal, const void *sealed, size_t size, struct buffer *out, struct hf_error *err)
{
	static const uint8_t zero[IV_SIZE];
	const uint8_t *iv = sealed, *in;
	uint8_t tag[TAG_SIZE], *to;
	size_t left, part;
	int n;

	if (size < SEAL_OVERHEAD)
		return hf_error_set(err, HF_ECORRUPT, 0, "only %zu bytes, shorter than any encrypted data", size);
	in = iv + IV_SIZE;
	left = size - SEAL_OVERHEAD;
	if (!mac_begin(seal, iv) || EVP_MAC_update(seal->mac, in, left) != 1 || !mac_end(seal, tag))
		return seal_failed(err);
	if (CRYPTO_memcmp(tag, in + left, TAG_SIZE) != 0 || memcmp(iv, zero, IV_SIZE) == 0)
		return hf_error_set(err, HF_ECORRUPT, 0,
		    "wrong key or damaged data: the authentication code does not match");
	if (left == 0)
		return HF_OK;
	if (buffer_reserve(out, left) != HF_OK)
		return buffer_status(out, "decryption", err);
	if (EVP_EncryptInit_ex2(seal->ctr, NULL, NULL, iv, NULL) != 1)
		return seal_failed(err);
	/* The library counts in int. */
	for (to = out->data + out->size; left > 0; in += part, to += part, left -= part) {
		part = left < (1u << 30) ? left : 1u << 30;
		if (EVP_EncryptUpdate(seal->ctr, to, &n, in, (int)part) != 1 || (size_t)n != part)
			return seal_failed(err);
	}
	out->size += size - SEAL_OVERHEAD;
	return HF_OK;
}

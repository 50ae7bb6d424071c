/* SPDX-License-Identifier: BSD-2-Clause */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX (64u << 10)
#define LIFE_SECONDS 3600

/* ---- the file ---- */

static int
read_all(int fd, const char *path, struct text *out, struct hf_error *err)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
		text_put(out, piece, (size_t)n);
	}
	OPENSSL_cleanse(piece, sizeof(piece));
	return text_status(out, path, err);
}

static int
read_file(const char *path, struct text *out, struct hf_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s", path,
		    strerror(errno));
	/* At once beforehand, so that no copy stays behind in a block that moved. */
	text_put(out, "", 0);
	r = read_all(fd, path, out, err);
	(void)close(fd);
	return r;
}

static void
take(const struct hf_host_json *json, const struct hf_json_value *value, struct text *out)
{
	char decoded[KEY_FILE_MAX];
	uint64_t n;

	if (value->type != HF_JSON_STRING || value->size > sizeof(decoded))
		return;
	n = json->decode(value->data, value->size, decoded);
	text_put(out, decoded, (size_t)n);
	OPENSSL_cleanse(decoded, sizeof(decoded));
}

int
key_read(struct key *ret, const struct hf_host *host, const char *path, struct hf_error *err)
{
	static const char *const names[] = {"client_email", "private_key_id", "token_uri", "private_key"};
	const struct hf_host_json *json = host->get_extension(host->ctx, HF_HOST_JSON);
	struct text file = TEXT_INIT(KEY_FILE_MAX);
	struct hf_error why = HF_ERROR_INIT;
	struct hf_json_value v[4];
	int r;

	*ret = (struct key){TEXT_INIT(1024), TEXT_INIT(1024), TEXT_INIT(2048), TEXT_INIT(KEY_FILE_MAX)};
	r = read_file(path, &file, err);
	if (r == HF_OK && json->object(file.data, file.size, names, 4, v, &why) != HF_OK)
		r = hf_error_set(err, HF_EINVAL, 0, "%s: %s", path, why.msg);
	if (r == HF_OK) {
		take(json, &v[0], &ret->email);
		take(json, &v[1], &ret->id);
		take(json, &v[2], &ret->token_uri);
		take(json, &v[3], &ret->pem);
		if (ret->email.size == 0 || ret->pem.size == 0)
			r = hf_error_set(err, HF_EINVAL, 0,
			    "%s: no \"client_email\" and \"private_key\": that is no service account's key file", path);
	}
	text_wipe(&file);
	return r;
}

void
key_release(struct key *key)
{
	text_release(&key->email);
	text_release(&key->id);
	text_release(&key->token_uri);
	text_wipe(&key->pem);
}

/* ---- signing ---- */

static EVP_PKEY *
parse_pem(const struct key *key)
{
	BIO *bio = BIO_new_mem_buf(key->pem.data, (int)key->pem.size);
	/* An empty passphrase, so that nobody is asked for one. */
	EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");

	BIO_free(bio);
	return pkey;
}

static int
sign(EVP_PKEY *pkey, const struct text *text, struct text *out, struct hf_error *err)
{
	unsigned char signature[1024];
	size_t size = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	    EVP_DigestSign(ctx, signature, &size, (const unsigned char *)text->data, text->size) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return hf_error_set(err, HF_EINVAL, 0, "the service account's key cannot sign");
	text_base64(out, signature, size, true);
	return HF_OK;
}

static void
put_part(struct text *out, struct text *part)
{
	if (part->failed != HF_OK)
		out->failed = part->failed;
	else
		text_base64(out, part->data, part->size, true);
	text_clear(part);
}

int
key_sign(const struct key *key, const char *scope, const char *audience, int64_t now, struct text *ret_jwt,
    struct hf_error *err)
{
	struct text part = TEXT_INIT(8192), signature = TEXT_INIT(2048);
	EVP_PKEY *pkey = parse_pem(key);
	int r = HF_OK;

	if (pkey == NULL || !EVP_PKEY_is_a(pkey, "RSA"))
		r = hf_error_set(err, HF_EINVAL, 0, "the service account's private key is no RSA key in PEM");
	text_string(&part, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
	if (key->id.size > 0) {
		text_string(&part, ",\"kid\":");
		text_json(&part, key->id.data, key->id.size);
	}
	text_string(&part, "}");
	put_part(ret_jwt, &part);
	text_string(&part, "{\"iss\":");
	text_json(&part, key->email.data, key->email.size);
	text_string(&part, ",\"scope\":");
	text_json(&part, scope, strlen(scope));
	text_string(&part, ",\"aud\":");
	text_json(&part, audience, strlen(audience));
	text_printf(&part, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now, now + LIFE_SECONDS);
	text_string(ret_jwt, ".");
	put_part(ret_jwt, &part);
	if (r == HF_OK)
		r = text_status(ret_jwt, "the sign-in", err);
	if (r == HF_OK)
		r = sign(pkey, ret_jwt, &signature, err);
	text_string(ret_jwt, ".");
	text_put(ret_jwt, signature.data, signature.size);
	if (r == HF_OK)
		r = text_status(ret_jwt, "the sign-in", err);
	EVP_PKEY_free(pkey);
	text_release(&part);
	text_release(&signature);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define BITS_LEAST 112 /* RSA of 2048 bits, SHA-224 */
#define HOST_SIZE  256

static const char label[] = "Cert:";

/* The certificate itself among what is told of it. */
static X509 *
find(const struct curl_slist *told)
{
	X509 *certificate = NULL;
	BIO *text;

	while (told != NULL && strncmp(told->data, label, sizeof(label) - 1) != 0)
		told = told->next;
	if (told == NULL)
		return NULL;
	text = BIO_new_mem_buf(told->data + sizeof(label) - 1, -1);
	if (text != NULL)
		certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
	BIO_free(text);
	return certificate;
}

static int
check_host(X509 *certificate, const char *host, struct hf_error *err)
{
	const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	char bare[HOST_SIZE];
	size_t n = strlen(host);

	if (n >= 2 && n < sizeof(bare) && host[0] == '[') {
		memcpy(bare, host + 1, n - 2);
		bare[n - 2] = '\0';
		host = bare;
	} else if (n >= 2 && n < sizeof(bare) && host[n - 1] == '.') {
		/* The root's dot is in no certificate. */
		memcpy(bare, host, n - 1);
		bare[n - 1] = '\0';
		host = bare;
	}
	if (X509_check_host(certificate, host, 0, flags, NULL) == 1 || X509_check_ip_asc(certificate, host, 0) == 1)
		return HF_OK;
	return hf_error_set(err, HF_EPERM, 0, "TLS: the host is not among the certificate's alternative names");
}

static int
check_strength(X509 *certificate, struct hf_error *err)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	int bits = 0;

	if (X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) != 1 || bits < BITS_LEAST)
		return hf_error_set(err, HF_EPERM, 0, "TLS: the certificate's signature is weak");
	if (key == NULL || EVP_PKEY_get_security_bits(key) < BITS_LEAST)
		return hf_error_set(err, HF_EPERM, 0, "TLS: the certificate's key is weak");
	return HF_OK;
}

int
certificate_check(const struct curl_certinfo *chain, const char *host, struct hf_error *err)
{
	X509 *certificate = chain->num_of_certs < 1 ? NULL : find(chain->certinfo[0]);
	int r;

	if (certificate == NULL)
		return hf_error_set(err, HF_EPERM, 0, "TLS: the server's certificate cannot be read");
	r = check_host(certificate, host, err);
	if (r == HF_OK)
		r = check_strength(certificate, err);
	X509_free(certificate);
	return r;
}

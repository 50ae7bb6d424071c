/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_HTTP_H
#define HOLDFAST_HTTP_H

#include <holdfast/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The host's HTTP client, so that no plugin speaks to sockets itself.  TLS is always verified.  The host follows
 * redirects (credentials are not sent to another host, and a server of the public Internet leads to no other server
 * at an address that is not public), tries again what may pass (with Retry-After and growing
 * pauses), keeps to the account's rate limit, stops when the job is to stop, counts bytes into the job's
 * progress, and keeps secrets out of its logs.
 */
#define HF_HOST_HTTP "holdfast.host.http/1"

#define HF_HTTP_SECRET 1u /* a credential: goes to the first URL's host alone, and into no log */

struct hf_http_header {
	struct hf_text name;  /* HF_TEXT_UTF8, as all text here */
	struct hf_text value; /* HF_EINVAL with a CR, LF or NUL in it */
	uint32_t flags;
	uint32_t reserved;
};

/*
 * The URL comes from a message: https alone, and to no address that is not public, after each look-up and each
 * redirect; no header that is HF_HTTP_SECRET, no proxy, no cookies.  Except for origin.
 */
#define HF_HTTP_STRICT     1u
#define HF_HTTP_ONCE       2u /* it changes something, so there is no second try once it was sent */
#define HF_HTTP_ANY_STATUS 4u /* an answer of any status is one: it goes to begin and write, and end says HF_OK */
/* What is sent is for the first URL's origin alone: a redirect to another one, or that makes it a GET, is HF_EPERM. */
#define HF_HTTP_STAY       8u

struct hf_http_request {
	uint32_t struct_size;
	uint32_t flags;
	uint64_t token;     /* whoever asks knows it by this; what is pointed to below is copied, but for body */
	const char *method; /* NULL: GET */
	struct hf_text url;
	const struct hf_http_header *headers;
	uint64_t header_count;
	struct hf_blob body; /* valid until the end */
	uint64_t max_size;   /* of the answer's body, decoded; more is HF_ERANGE; 0: 16 MiB */
	uint64_t offset;     /* GET: so many bytes are there already, of what validator stands for */
	struct hf_text validator;
	/* HF_HTTP_STRICT: "https://chat.example:8443", which is configured and may have any address; data NULL: none */
	struct hf_text origin;
};

/* Pointers are valid until the call returns. */
struct hf_http_response {
	uint32_t struct_size;
	uint32_t status;
	const struct hf_http_header *headers; /* names in lower case */
	uint64_t header_count;
	int64_t size;    /* of the whole body; -1: not known */
	uint64_t offset; /* where the bytes that follow begin: as asked for, or 0 */
	struct hf_text validator; /* a strong ETag, else Last-Modified; data NULL: none */
	struct hf_text mime;      /* without parameters */
	struct hf_text url;       /* where the redirects led */
};

/*
 * As struct hf_media_exchange: what is said of its functions there holds here.  None of them is called any more once
 * exchange has returned, so when it was to stop, requests that were under way have no end.
 */
struct hf_http_exchange {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	uint32_t parallel;
	uint32_t reserved;
	int (*next)(void *ctx, struct hf_http_request *ret_request, struct hf_error *err);
	int (*begin)(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err);
	int (*write)(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err);
	/*
	 * HF_OK: the answer is whole, and of status 2xx unless HF_HTTP_ANY_STATUS.  Else, with why->http_status where
	 * there was an answer: HF_EAUTH (401), HF_EPERM (403, or the policy), HF_EINVAL (either of them from another
	 * host, where it was redirected and credentials are not sent), HF_ENOTFOUND (404, 410), HF_ERATE (429),
	 * HF_EAGAIN (408, 425, 500, 502, 503, 504, after all tries), HF_ENET (no answer), HF_ENOSPC (507), HF_ERANGE
	 * (too large), HF_ECORRUPT (not HTTP, or not as long as it said), HF_EINVAL (any other status, or the request).
	 */
	int (*end)(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err);
};

struct hf_host_http {
	uint32_t struct_size;
	uint32_t flags;
	/*
	 * host_ctx: the ctx of the instance's struct hf_host.  HF_OK when next had no more; what end refused with;
	 * HF_ESTOPPING.
	 */
	int (*exchange)(void *host_ctx, const struct hf_http_exchange *exchange, struct hf_error *err);
	/*
	 * One request, its whole body into sink (NULL: nowhere); *ret_status (or NULL) gets the status.  Returns what
	 * end would have been told.  For HTTP that is a dialogue.
	 */
	int (*request)(void *host_ctx, const struct hf_http_request *request, const struct hf_sink *sink,
	    uint32_t *ret_status, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif

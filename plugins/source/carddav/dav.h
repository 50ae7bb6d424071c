/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DAV_H
#define DAV_H

#include <holdfast/http.h>
#include <holdfast/source.h>

#include "common/bytes.h"
#include "multistatus.h"

#define DAV_CARD_MAX (12u << 20) /* of a card with its pictures */
#define DAV_PATH_MAX 4000u

/* A server and who we are there.  Paths are of its origin: "/alice/book/", percent-encoded. */
struct dav {
	const struct hf_host *host;
	const struct hf_host_http *http;
	struct bytes origin;        /* "https://dav.example:8443" */
	struct bytes authorization; /* a header's value; size 0: none */
};

/* What else an answer says. */
struct dav_answer {
	unsigned status;
	struct bytes path; /* where redirects led */
	struct bytes etag; /* size 0: none */
};

void dav_answer_init(struct dav_answer *answer);
void dav_answer_release(struct dav_answer *answer);

/*
 * Splits "https://dav.example/alice/" into the origin, which it keeps, and a path, which it appends to out.
 * HF_EINVAL: it is no such URL, or names a user.
 */
int dav_set_url(struct dav *dav, const char *url, struct bytes *out, struct hf_error *err);
/* Whether what is sent there is sent to this machine, or encrypted. */
bool dav_is_private(const struct dav *dav);
/*
 * Appends what an href in an answer from path means, as a path of the server.  HF_EPERM: it is somewhere else, where
 * the password must not be sent.
 */
int dav_resolve(const struct dav *dav, const struct bytes *path, const struct bytes *href, struct bytes *out,
    struct hf_error *err);
/* Whether two paths are the same, however they are percent-encoded. */
bool dav_same_path(const char *a, size_t a_size, const char *b, size_t b_size);
/* Whether a path begins with that of a folder, which ends with "/". */
bool dav_is_below(const char *path, size_t size, const char *folder, size_t folder_size);
/* Appends text to XML. */
void dav_put_xml(struct bytes *out, const char *text, size_t size);

/*
 * PROPFIND and REPORT with the XML body.  fn gets each response; reset is called before the first, and again when the
 * answer broke off and comes anew.  Any status but 207 is a failure with answer->status set; HF_ERANGE: the answer
 * is longer than max.  *ret_token (NULL: not wanted) gets the report's sync-token.
 */
struct dav_query {
	const char *method;
	const char *path;
	const char *depth; /* "0", "1" */
	const struct bytes *body;
	uint64_t max;
	multistatus_fn fn;
	void (*reset)(void *ctx);
	void *ctx;
};
/*
 * Whether an error of dav_resolve or dav_ask says that the server leads to another one, where the password is not
 * sent, or may not be asked at all; not that the user may not read something.
 */
bool dav_is_elsewhere(const struct hf_error *why);
int dav_ask(const struct dav *dav, const struct dav_query *query, struct dav_answer *answer, struct bytes *ret_token,
    struct hf_error *err);
/* Gets a card with its ETag. */
int dav_get(const struct dav *dav, const char *path, struct dav_answer *answer, struct bytes *out,
    struct hf_error *err);
/*
 * Puts a card: a new one where etag is NULL, else in place of the one that has it.  HF_EEXIST: that does not hold
 * any more (412).  HF_ENET and HF_EAGAIN: nobody knows whether it was done.
 */
int dav_put(const struct dav *dav, const char *path, const char *etag, const struct hf_blob *card,
    struct dav_answer *answer, struct hf_error *err);

#endif

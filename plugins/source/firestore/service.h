/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVICE_H
#define SERVICE_H

#include "auth.h"

#define TIME_TEXT_SIZE 64

/* The most bytes of one answer; a page that is larger is asked for in smaller ones. */
#define PAGE_MAX (4u << 20)

/* Firestore's REST API v1 for one database. */
struct service {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	const struct hf_host_http *http;
	const struct settings *settings;
	struct auth auth;
	struct text root; /* "projects/P/databases/D/documents" */
	struct text url;
	struct text body;  /* of the request */
	struct text reply; /* {"p":REPLY}, so that one pass validates it whatever it is */
	char read_time[TIME_TEXT_SIZE]; /* at which this run reads; empty: the next answer tells */
	int64_t read_taken_ns;          /* when, on the host's clock */
	bool read_worked;               /* an answer was got with it */
	int64_t newest_ns;              /* the newest reading time of an answer, nanoseconds since 1970 */
	unsigned reasons;               /* how often an answer was asked for a second time for its reason */
	uint64_t documents;             /* read, as the bill counts them */
};

/* HF_ENOTSUP: the host lacks something; release it in any case. */
int service_init(struct service *service, const struct hf_host *host, const struct settings *settings,
    struct hf_error *err);
void service_release(struct service *service);
/*
 * POST to the place below documents (UTF-8, "" or "rooms/x") and verb (":runQuery") what is in body; *ret_reply is the
 * JSON value that came, valid until the next call.  Tokens are renewed on the way.  HF_EPERM, HF_ENOTFOUND, HF_EINVAL
 * with what the service says; HF_ERANGE: longer than PAGE_MAX; HF_ECORRUPT: not JSON.
 */
int service_post(struct service *service, const char *place, const char *verb, struct hf_json_value *ret_reply,
    struct hf_error *err);
/* The reading time as a member behind a comma, or nothing. */
void service_put_read_time(struct service *service, struct text *out);
/*
 * Takes the reading time of an answer, where none is in use.  HF_ECORRUPT: it is from before an earlier
 * answer, as of one that somebody has kept.
 */
int service_take_read_time(struct service *service, const struct hf_json_value *text, struct hf_error *err);
/*
 * What to do about a failure: true when the reading time may be its reason, which is forgotten then, and the same
 * may be asked again.
 */
bool service_drop_read_time(struct service *service, int code);
/* HF_ESTOPPING once the job is to pause. */
int service_go_on(const struct service *service, struct hf_error *err);
/* Documents that may be read yet; UINT64_MAX: any number. */
uint64_t service_budget(const struct service *service);

#endif

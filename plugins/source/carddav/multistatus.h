/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MULTISTATUS_H
#define MULTISTATUS_H

#include <stdint.h>

#include <holdfast/stream.h>

#include "common/bytes.h"

/* One response of a multistatus (RFC 4918, 14.24), with the properties that matter here.  Empty: not told. */
struct dav_response {
	struct bytes href;
	unsigned status;         /* of the response as a whole; 0: none, there are properties */
	bool has_etag, has_data; /* with status 200 */
	bool is_collection, is_addressbook;
	struct bytes etag;
	struct bytes data;       /* address-data */
	struct bytes name;       /* displayname */
	struct bytes sync_token; /* of the collection, as a property */
	struct bytes ctag;
	struct bytes principal;  /* current-user-principal */
	struct bytes home;       /* addressbook-home-set, the first */
};

/* Nonzero: stop and return it.  It may keep the bytes of data, and leave it empty. */
typedef int (*multistatus_fn)(void *ctx, struct dav_response *response, struct hf_error *err);

/* The answer to a PROPFIND or REPORT, read piece by piece. */
struct multistatus;

/* data_max: of one card.  HF_ENOMEM. */
int multistatus_open(size_t data_max, multistatus_fn fn, void *ctx, struct multistatus **ret, struct hf_error *err);
void multistatus_close(struct multistatus *multistatus);
/*
 * HF_ECORRUPT: it is not XML, has a document type, is nested too deeply, or tells something of more bytes than is
 * plausible; or what fn answered.
 */
int multistatus_write(struct multistatus *multistatus, const void *data, size_t size, struct hf_error *err);
/* The text is whole.  HF_ECORRUPT: it is not, or no multistatus. */
int multistatus_end(struct multistatus *multistatus, struct hf_error *err);
/* The sync-token of a report, NUL-terminated; "": none. */
const char *multistatus_token(struct multistatus *multistatus);

#endif

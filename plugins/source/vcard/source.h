/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SOURCE_H
#define SOURCE_H

#include <holdfast/source.h>

#include "common/match.h"

/* The source's instance. */
struct vcard {
	const struct hf_host *host;
	const struct hf_host_write *write;
	const char *path;
	struct match match; /* what is there, for put_contact; empty until its first call */
	bool matched;
};

int read_contacts(struct vcard *vcard, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err);
int put_card(struct vcard *vcard, const struct hf_contact *card, uint32_t flags, uint32_t *done, struct hf_error *err);

#endif

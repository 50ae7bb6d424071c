/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DEVICE_INFO_DOCUMENT_H
#define DEVICE_INFO_DOCUMENT_H

#include <holdfast/about.h>

#include "facts.h"

/* device.json as it is made and compared. */
struct document {
	const struct hf_host_write *write;
	char *data;
	size_t size, capacity;
	int failed; /* HF_OK, HF_ENOMEM or HF_ERANGE */
};

#define DOCUMENT_MAX ((size_t)1 << 20)

/* The caller releases it, also on failure.  about may be NULL: then holdfast is left out. */
int document_make(struct document *document, const char *host, const struct facts *facts,
    const struct hf_host_about *about, struct hf_error *err);
void document_release(struct document *document);
/* Appends bytes. */
void document_put(struct document *document, const void *data, size_t size);

/*
 * Gives each disk the figures that an older device.json has of it, while they are near enough: so that the
 * file stays the same from run to run.  One that cannot be read is of no use, and no error.
 */
void document_settle(struct facts *facts, const struct hf_host_json *json, const char *text, size_t size);

#endif

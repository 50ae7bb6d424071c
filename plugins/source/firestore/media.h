/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEDIA_H
#define MEDIA_H

#include <holdfast/source.h>

#include "service.h"

/*
 * Gets what lies in Firebase Storage: URLs of its endpoint, and gs://BUCKET/PATH.  One that brings its own token is
 * asked for with that, others with the account's.  All others end with HF_ENOTSUP, so that the host gets them.
 */
int media_fetch(struct service *service, const struct hf_media_exchange *exchange, struct hf_error *err);

#endif

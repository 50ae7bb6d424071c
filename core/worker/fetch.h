/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_FETCH_H
#define WORKER_FETCH_H

#include <holdfast/source.h>

#include "plugin/instance.h"

/*
 * Gets media for a strategy: what the source can get by its fetch_media, and everything else that has an https URL
 * by the host's own HTTP client, which takes such a URL for what it is: anybody's (HF_HTTP_STRICT).  account: for
 * messages.
 */
int fetch_media(const struct instance *source, const char *account, const struct hf_media_exchange *media,
    struct hf_error *err);

#endif

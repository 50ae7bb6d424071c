/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEDIA_H
#define MEDIA_H

#include <holdfast/files.h>
#include <holdfast/host.h>

/* Answers a request for an attachment that is neither at a path nor for the host to get: ends it with HF_ENOTFOUND. */
int media_refuse(const struct hf_media_request *request, const struct hf_media_exchange *exchange,
    struct hf_error *err);
/*
 * A fetch_media for media that lie in files below folder: requests without a path are for the host (HF_ENOTSUP)
 * where they have an address.  files NULL: the host does not open any.
 */
int media_push_files(const struct hf_host *host, const struct hf_host_files *files, const char *folder,
    const struct hf_media_exchange *exchange, struct hf_error *err);

#endif

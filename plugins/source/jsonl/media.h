/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEDIA_H
#define MEDIA_H

#include <holdfast/files.h>

/*
 * Answers what the exchange asks for with files below folder, of which an attachment tells the path or a relative
 * URL; the rest is HF_ENOTSUP, for the host to get.  files: NULL where the host does not offer them.
 */
int media_fetch(const struct hf_host *host, const struct hf_host_json *json, const struct hf_host_files *files,
    const char *folder, const struct hf_media_exchange *exchange, struct hf_error *err);

#endif

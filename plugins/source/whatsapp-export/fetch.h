/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FETCH_H
#define FETCH_H

#include <holdfast/files.h>

#include "chats.h"

/* A fetch_media for media that lie beside a chat's text, in its folder or in its zip ("CHAT.zip/PHOTO.jpg"). */
int fetch_media(const struct hf_host *host, const struct hf_host_json *json, const struct hf_host_files *files,
    const struct chats *chats, const struct hf_media_exchange *exchange, struct hf_error *err);

#endif

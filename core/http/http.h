/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <holdfast/http.h>

#include "config/config.h"
#include "http/retry.h"

/*
 * The one HTTP client of a process: its connections, and what each account is allowed.  It is reached through
 * the host table of an instance (host_services.http), whose account's settings (host_http) then hold.  Its
 * functions may be called from any thread, and from the functions that an exchange calls.
 */
struct http;

/* limits: NULL for the usual ones (3 tries; pauses of 1 s at first and 60 s at most); copied. */
int http_open(const struct retry_limits *limits, struct http **ret, struct hf_error *err);
/* When no exchange is under way any more.  NULL is fine. */
void http_close(struct http *http);

/* HF_HOST_HTTP, for host_set_extension; without a client in the host's services it says HF_ENOTSUP. */
extern const struct hf_host_http http_host_extension;

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_CERTIFICATE_H
#define HTTP_CERTIFICATE_H

#include <curl/curl.h>

#include <holdfast/error.h>

/*
 * What is asked of a server's own certificate beyond what a TLS library asks: that the host is one of its subject
 * alternative names (RFC 9525: the common name counts no more), and that neither its signature nor its key is weaker
 * than 112 bits.  chain: of CURLINFO_CERTINFO.  host: as in a URL, "[::1]" with brackets.  HF_EPERM with a reason.
 */
int certificate_check(const struct curl_certinfo *chain, const char *host, struct hf_error *err);

#endif

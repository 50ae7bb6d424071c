/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIB_SOURCE_H
#define LIB_SOURCE_H

#include <stdbool.h>

#include <holdfast/source.h>

/* What sources do alike that read what lies on this machine. */

/* For ops.caps: what was read before is passed, and no server limits the rate.  The second also tells deletions. */
int source_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err);
int source_caps_deletions(void *handle, struct hf_source_caps *caps, struct hf_error *err);
/* Whether the rest can be read although this went wrong. */
bool source_is_item_failure(int code);
/* Tells of a failed item; of one that the sink does not take only the log knows. */
int source_failed(const struct hf_host *host, const struct hf_record_sink *sink, const char *where,
    const struct hf_error *why, struct hf_error *err);
/* HF_ESTOPPING when the host asks for that; what: that is being read. */
int source_go_on(const struct hf_host *host, const char *what, struct hf_error *err);
/* Tells of an account of which nothing but its service is known. */
int source_account(const struct hf_record_sink *sink, const char *service, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RELAY_H
#define WORKER_RELAY_H

#include <holdfast/source.h>

/*
 * Lets the network go on while the strategy stores what came: whoever gets the bytes does so in a thread of its own,
 * and all functions of media are called in the caller's, as if there were no other.  A few MiB may be between the two.
 */
typedef int (*relay_fn)(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err);

/* Runs fn with an exchange that stands for media; returns what fn does, or what media's end or next refused with. */
int relay_run(const struct hf_media_exchange *media, relay_fn fn, void *ctx, struct hf_error *err);

#endif

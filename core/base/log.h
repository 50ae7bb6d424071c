/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <holdfast/host.h>

/* Takes one message; the default writes "holdfast: MESSAGE" to standard error. */
typedef void (*log_sink_fn)(void *ctx, int level, const char *msg);

/* The one sink of the process.  Messages above level (HF_LOG_...) are left out; at first HF_LOG_INFO. */
void log_set_sink(log_sink_fn fn, void *ctx);
void log_set_level(int level);
/* One line without newline; control characters are replaced, so untrusted text cannot forge a line. */
HF_PRINTF(2, 3) void log_message(int level, const char *fmt, ...);

#endif

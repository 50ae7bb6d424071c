/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/log.h"

#include <stdio.h>

static void
log_to_stderr(void *ctx, int level, const char *msg)
{
	static const char *const prefix[] = {"", "error: ", "warning: ", "", "debug: "};

	(void)ctx;
	(void)fprintf(stderr, "holdfast: %s%s\n", prefix[level], msg);
}

static log_sink_fn sink = log_to_stderr;
static void *sink_ctx = NULL;
static int max_level = HF_LOG_INFO;

void
log_set_sink(log_sink_fn fn, void *ctx)
{
	sink = fn != NULL ? fn : log_to_stderr;
	sink_ctx = ctx;
}

void
log_set_level(int level)
{
	max_level = level;
}

void
log_message(int level, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;
	char *p;

	if (level > max_level || level < HF_LOG_ERROR || level > HF_LOG_DEBUG)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	for (p = msg; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	sink(sink_ctx, level, msg);
}

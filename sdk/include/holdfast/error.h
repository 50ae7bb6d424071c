/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_ERROR_H
#define HOLDFAST_ERROR_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Results.  Every call returns HF_OK or one of the negative codes below.  The band tells an
 * older host what to do with a code it does not know:
 *   -101 .. -199  transient   the host may try again
 *   -201 .. -299  permanent   trying again cannot help
 *   -301 .. -399  control     somebody asked to stop; not a failure
 */
#define HF_OK 0

#define HF_EAGAIN (-101) /* try again soon */
#define HF_ENET   (-102) /* network out of reach */
#define HF_ERATE  (-103) /* told to slow down; see retry_after_ms */
#define HF_EBUSY  (-104) /* held by somebody else */

#define HF_ENOTFOUND (-201) /* known to be absent */
#define HF_ERANGE    (-202) /* shorter than asked for, or over a limit */
#define HF_EPERM     (-203) /* not allowed */
#define HF_EAUTH     (-204) /* wrong password or credentials */
#define HF_ECORRUPT  (-205) /* not what was stored, or not in its format */
#define HF_EINVAL    (-206) /* the caller, or its configuration, is wrong */
#define HF_ENOSPC    (-207) /* no space, or over quota */
#define HF_ENOTSUP   (-208) /* not offered */
#define HF_ENOMEM    (-209)
#define HF_EIO       (-210) /* reading or writing failed */
#define HF_EEXIST    (-211) /* already there, and must not be replaced */

#define HF_ESTOPPING (-301) /* the host is pausing or shutting down */
#define HF_ESTOP     (-302) /* a sink asked the caller to stop */

#define HF_IS_TRANSIENT(code) ((code) <= -100 && (code) > -200)
#define HF_IS_PERMANENT(code) ((code) <= -200 && (code) > -300)
#define HF_IS_CONTROL(code)   ((code) <= -300 && (code) > -400)

/* What went wrong, in a form a person can act on.  Owned by the caller; untouched on success. */
struct hf_error {
	uint32_t struct_size;
	int32_t code;
	int32_t os_errno;     /* 0 if the system had no part in it */
	uint32_t http_status; /* of the answer that was the reason; 0: none */
	int64_t retry_after_ms;
	char msg[480]; /* one line, UTF-8, NUL-terminated */
};

/* clang-format off */
#define HF_ERROR_INIT { (uint32_t)sizeof(struct hf_error), 0, 0, 0, 0, { 0 } }
/* clang-format on */

#if defined(__GNUC__)
#define HF_PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#else
#define HF_PRINTF(fmt, args)
#endif

/* As HF_ERROR_INIT, but leaves the room for the message as it is: for what is called for each record. */
static inline void
hf_error_init(struct hf_error *err)
{
	err->struct_size = (uint32_t)sizeof(*err);
	err->code = 0;
	err->os_errno = 0;
	err->http_status = 0;
	err->retry_after_ms = 0;
	err->msg[0] = '\0';
}

HF_PRINTF(4, 0)
static inline int
hf_error_vset(struct hf_error *err, int code, int os_errno, const char *fmt, va_list ap)
{
	if (err != NULL) {
		err->code = code;
		err->os_errno = os_errno;
		err->http_status = 0;
		err->retry_after_ms = 0;
		(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	}
	return code;
}

/* Fills *err (which may be NULL) and returns code, so that "return hf_error_set(...)" reads well. */
HF_PRINTF(4, 5)
static inline int
hf_error_set(struct hf_error *err, int code, int os_errno, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)hf_error_vset(err, code, os_errno, fmt, ap);
	va_end(ap);
	return code;
}

#ifdef __cplusplus
}
#endif
#endif

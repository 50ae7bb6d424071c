/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/*
 * The typed values of the configuration, for the host's own keys and for the tables of plugins.
 * Each reads text as it stands in the file: HF_OK and *ret, or HF_EINVAL and a sentence that
 * starts with what was written ("100 has no unit; ...") to put behind "KEY: ".
 */

/* Only a plain true or false; "true" in quotes is text. */
int scalar_bool(const char *text, bool quoted, int64_t *ret, struct hf_error *err);
/* Decimal digits with an optional minus. */
int scalar_int(const char *text, int64_t *ret, struct hf_error *err);
/* "100 MB", "1.5GiB": bytes; the unit (B kB MB GB KiB MiB GiB) is mandatory. */
int scalar_size(const char *text, int64_t *ret_bytes, struct hf_error *err);
/* "30 s", "1.5h": nanoseconds; the unit (ms s min h d) is mandatory. */
int scalar_duration(const char *text, int64_t *ret_ns, struct hf_error *err);
/*
 * A path made absolute: "~" and "~/..." are the home of the user, a relative one starts at folder.
 * *ret is the caller's to free.  HF_EINVAL, or HF_ENOMEM.
 */
int scalar_path(const char *text, const char *folder, char **ret, struct hf_error *err);
/* [a-z][a-z0-9_-]{0,31}: names become parts of paths and tags. */
bool scalar_is_name(const char *text);

#define SCALAR_FORMAT_SIZE 32
/* The shortest exact spelling with a unit, as scalar_size and scalar_duration read it. */
const char *scalar_format_size(int64_t bytes, char out[SCALAR_FORMAT_SIZE]);
const char *scalar_format_duration(int64_t ns, char out[SCALAR_FORMAT_SIZE]);

/* $HOME, or the password database's entry; NULL if the user has neither.  Static memory. */
const char *scalar_home(void);

#endif

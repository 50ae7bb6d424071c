/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STORE_H
#define STORE_H

#include "text.h"

/*
 * A file with the newest refresh token and the one before it, a line each.  The new one is on the disk before it
 * is used, and the old one stays until another new one came: whenever the power fails, one of the two works.
 */

/* HF_ENOTFOUND: there is no such file yet. */
int store_read(const char *path, struct text *ret_newest, struct text *ret_before, struct hf_error *err);
int store_write(const char *path, const struct text *newest, const struct text *before, struct hf_error *err);

#endif

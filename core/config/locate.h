/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_LOCATE_H
#define CONFIG_LOCATE_H

#include <holdfast/error.h>

/*
 * The configuration file that holds: file (from -c) if not NULL, else $HOLDFAST_CONFIG, else the
 * first that exists of $XDG_CONFIG_HOME/holdfast/holdfast.yaml (~/.config without that variable) and
 * SYSCONFDIR/holdfast/holdfast.yaml.  *ret is the caller's to free.  A file that was named is
 * returned unseen: reading it tells what is wrong with it.  HF_ENOTFOUND lists the places that
 * were looked at; HF_EPERM, HF_EIO: a file is there and cannot be reached, so the next one must not
 * take its place; HF_ENOMEM.
 */
int config_locate(const char *file, char **ret, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_SHOW_H
#define CONFIG_SHOW_H

#include "base/buffer.h"
#include "config/config.h"

/*
 * The effective configuration, with defaults filled in, absolute paths of the host's own keys and
 * all lists written out.  The YAML reads back as the same configuration; the JSON is the same tree,
 * sizes and durations with their units.  Secrets are in neither: the file holds none.
 * HF_OK, HF_ENOMEM or HF_ERANGE (over out->max).
 */
int config_show_yaml(const struct config *config, struct buffer *out, struct hf_error *err);
int config_show_json(const struct config *config, struct buffer *out, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_SECRET_H
#define PLUGIN_SECRET_H

#include <holdfast/stream.h>

#include "plugin/options.h"

#define SECRET_SIZE_MAX 65536

/*
 * Pushes a secret in one piece: what is in the file, or what the shell command prints, without the line
 * end at its end; the memory is wiped afterwards.  An empty one, one over SECRET_SIZE_MAX bytes, and a
 * command that fails are errors.  The message never holds the secret or the command.
 */
int secret_read(const struct option_secret *secret, const struct hf_sink *sink, struct hf_error *err);

#endif

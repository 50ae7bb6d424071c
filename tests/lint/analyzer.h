/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before everything else by the static analysers alone.  They cannot see into a function with
 * variable arguments, so they take it for possible that hf_error_set returns HF_OK.
 */
#include "config.h"
#include <holdfast/error.h>

#define hf_error_set(err, code, ...) ((void)hf_error_set(err, code, __VA_ARGS__), (code))

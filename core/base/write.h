/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_WRITE_H
#define BASE_WRITE_H

#include <holdfast/host.h>

/* The writers that plugins get from the host; told at struct hf_host_write in <holdfast/host.h>. */
extern const struct hf_host_write write_host_extension;

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <holdfast/files.h>

/* Safe reading beside an export, that plugins get from the host; told at struct hf_host_files. */
extern const struct hf_host_files files_host_extension;

#endif

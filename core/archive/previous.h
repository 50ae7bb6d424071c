/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_PREVIOUS_H
#define ARCHIVE_PREVIOUS_H

#include "repository/repository.h"

/*
 * Appends a blob that the previous snapshot names.  One that the repository does not have is
 * HF_ECORRUPT, never HF_ENOTFOUND: what is lost must not look like what never was.
 */
int previous_load(struct repository *repository, enum blob_type type, const struct repository_id *id,
    struct buffer *out, struct hf_error *err);

#endif

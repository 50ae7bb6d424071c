/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_RECENT_H
#define REPOSITORY_RECENT_H

#include "repository/repository-internal.h"

/* The blobs that a writer has taken and that no index knows yet: a set of (type, id) of fixed size. */
struct recent;

int recent_new(size_t capacity, struct recent **ret, struct hf_error *err);
void recent_free(struct recent *recent);
bool recent_has(const struct recent *recent, enum blob_type type, const struct repository_id *id);
/* Adds one that is not there; HF_ERANGE when the set is full. */
int recent_add(struct recent *recent, enum blob_type type, const struct repository_id *id);
void recent_remove(struct recent *recent, enum blob_type type, const struct repository_id *id);

#endif

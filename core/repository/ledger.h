/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_LEDGER_H
#define REPOSITORY_LEDGER_H

#include "repository/repository.h"

/*
 * The snapshots this machine has seen in a repository, in a file of its cache directory.  Nothing in
 * a restic repository tells that a snapshot was taken away; this does.  Lines "ID NANOSECONDS".
 */
struct ledger_entry {
	struct repository_id id;
	int64_t seen_ns; /* when first */
};

/* Adds those ids that it does not know.  Without a cache directory: nothing, HF_OK. */
int ledger_add(struct repository *repository, const struct repository_id *ids, size_t count, struct hf_error *err);
/* Appends all entries (struct ledger_entry) to out, in order of their id. */
int ledger_load(struct repository *repository, struct buffer *out, struct hf_error *err);
/* Forgets one, which a person has taken away on purpose. */
int ledger_remove(struct repository *repository, const struct repository_id *id, struct hf_error *err);

#endif

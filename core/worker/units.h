/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_UNITS_H
#define WORKER_UNITS_H

#include <holdfast/strategy.h>

#include "worker/pace.h"

/*
 * The units a strategy planned for one account.  They lie in a nameless file, so that memory does not
 * grow with the number of rooms.
 */
struct units;

/* directory: where the file is made. */
int units_open(const char *directory, struct units **ret, struct hf_error *err);
/* Everything unit points to is copied.  HF_EINVAL: over a limit. */
int units_add(struct units *units, const struct hf_unit *unit, struct hf_error *err);
/* To be called once after the last add.  HF_EINVAL: two units own the same folder. */
int units_seal(struct units *units, struct hf_error *err);
/* The next unit, in the order they were added; good until the next call.  HF_ENOTFOUND after the last. */
int units_next(struct units *units, struct hf_unit *ret, struct hf_error *err);
uint64_t units_count(const struct units *units);
/* What they are estimated to have. */
const struct pace_units *units_estimates(const struct units *units);
void units_close(struct units *units);

#endif

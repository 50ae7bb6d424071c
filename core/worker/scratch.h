/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_SCRATCH_H
#define WORKER_SCRATCH_H

#include <holdfast/scratch.h>

/*
 * What plugins get from the host for work that outlives a crash; told at struct hf_host_scratch.  It lies in the
 * folder of the instance's host_services.
 */
extern const struct hf_host_scratch scratch_host_extension;

#endif

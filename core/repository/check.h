/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REPOSITORY_CHECK_H
#define REPOSITORY_CHECK_H

/* What check.c and check-pack.c share. */

#include "repository/idset.h"
#include "repository/repository-internal.h"

struct check {
	struct repository *repository;
	struct compressor *compressor;
	repository_report_fn report;
	void *report_ctx;
	bool read_data;
	struct check_stats stats;
	struct id_set bad_blobs; /* of which no good copy is known */
	struct id_set trees;     /* that were walked */
};

/* An object of a listing. */
struct check_object {
	struct repository_id id;
	uint64_t size;
};

/* Tells one problem and counts it: HF_LOG_ERROR, HF_LOG_WARNING; HF_LOG_INFO is a note. */
HF_PRINTF(4, 5)
void check_report(struct check *check, int level, const char *path, const char *fmt, ...);
/* Whether an error says nothing about the object: the check cannot go on. */
bool check_is_fatal(int code);
/* Appends the type's objects (struct check_object) in order of their id. */
int check_list(struct check *check, uint32_t type, struct buffer *out, struct hf_error *err);
/* Compares packs with the index, and with read_data their content. */
int check_packs(struct check *check, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_RESULT_H
#define WORKER_RESULT_H

#include <stdbool.h>

#include <holdfast/error.h>

struct json_object;

/*
 * What a run did, type by type and account by account, with the errors in it: it becomes the job's
 * result and the better part of /holdfast.json.
 */
struct result;

/* Items are what the strategy counts: messages, cards, files. */
struct result_counts {
	uint64_t units;   /* folders looked at */
	uint64_t kept;    /* of these: left as they were in the previous snapshot, because they failed */
	uint64_t items;   /* looked at, failed ones included */
	uint64_t failed;
	uint64_t added;   /* records written */
	uint64_t bytes_read;
	uint64_t missing;    /* still not backed up, those of earlier runs too */
	int64_t next_try_ns; /* when the first of these is tried again; 0: not known */
	uint64_t left_out;   /* of the items: on purpose, such as too large ones */
};

void result_counts_add(struct result_counts *sum, const struct result_counts *counts);

/* A time as results and manifests have it; NULL without memory. */
struct json_object *result_time(int64_t ns);

/* previous: the newest snapshot's /holdfast.json, or NULL; borrowed.  NULL without memory. */
struct result *result_new(struct json_object *previous);
void result_free(struct result *result);
/*
 * Adds what became of one account.  readable: it could be read at all; if not, what it had before stays.
 * HF_ENOMEM.
 */
int result_account(struct result *result, const char *type, const char *account, const char *source,
    bool readable, const struct result_counts *counts, struct hf_error *err);
/* Bytes that a type put into the repository, sealed. */
int result_stored(struct result *result, const char *type, uint64_t bytes, struct hf_error *err);
/* Adds an error; beyond RESULT_ERRORS_MAX they are only counted. */
#define RESULT_ERRORS_MAX 1000u
int result_error(struct result *result, const char *type, const char *account, const char *item,
    const char *message, struct hf_error *err);
/* Adds what the previous run had of this type and account, when this run did not look at it. */
int result_carry_over(struct result *result, struct hf_error *err);
/* How many units the previous run saw of it; 0: not known. */
uint64_t result_previous_units(const struct result *result, const char *type, const char *account);
/* What the previous run counted of it; false: it could not read it, or did not look. */
bool result_previous(const struct result *result, const char *type, const char *account,
    struct result_counts *ret);
/* Whether anything failed. */
bool result_partial(const struct result *result);

/* Whether the previous run had something of a type. */
bool result_had_type(const struct result *result, const char *type);

/* Adds "types", "errors" and "error_count" to object, at most errors_max of the errors. */
int result_to_json(const struct result *result, size_t errors_max, struct json_object *object, struct hf_error *err);

/*
 * Leaves out what can be missed of an object with the above, until its JSON text is at most max bytes: errors, then
 * the accounts, then the types.  Of the last snapshot, and of names, nobody knows how long they are.
 */
int result_fit(struct json_object *object, size_t max, struct hf_error *err);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DATABASE_H
#define DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include <holdfast/host.h>

#include "text.h"

enum copy_mode { COPY_AUTO, COPY_ALWAYS, COPY_NEVER };

/* One value is at most so many bytes: a file may be made to fill memory. */
#define DATABASE_VALUE_MAX (4 << 20)

struct database_options {
	const char *path;
	enum copy_mode copy;
	bool views;           /* those of the file may be read, and columns that it computes */
	const char *optional; /* "TABLE.COLUMN\n" each: NULL where the file has no such column; may be NULL */
	int64_t timeout_ns;   /* the longest that a query may take for a row */
};

/*
 * One state of a database file that somebody may be writing to, for reading alone: a copy without a name, or a read
 * transaction.  Whatever the file holds, SQL on it can do nothing but read it.
 */
struct database {
	sqlite3 *db;
	const struct hf_host *host;
	uint64_t state; /* a fingerprint of size and times of the files it was read from; 0: they may be changing */
	bool is_copy;
	int64_t timeout_ns;
	int64_t row_began_ns;
	int interrupted; /* HF_ESTOPPING or HF_ERANGE: why a query was ended */
	struct text computed; /* columns that the file computes and may not: of each, table and name with NULs */
	bool refused;         /* one of them was asked for */
};

/*
 * HF_ENOTFOUND, HF_EPERM: the file; HF_ECORRUPT: it is no SQLite database; HF_EBUSY: somebody holds it; HF_ENOSPC:
 * for the copy; HF_ESTOPPING.
 */
int database_open(const struct database_options *options, const struct hf_host *host, struct database **ret,
    struct hf_error *err);
/* NULL is fine. */
void database_close(struct database *database);
/* What SQLite's result code means, with its message behind "WHAT: ". */
int database_error(const struct database *database, int code, const char *what, struct hf_error *err);
/* A query is about to be asked for its next row. */
void database_begin_row(struct database *database);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef QUERY_H
#define QUERY_H

#include "cell.h"
#include "database.h"

#define QUERY_FIELDS 32

/* A SELECT whose columns are told by their names.  Zeroed: there is none. */
struct query {
	struct database *database;
	const char *name; /* "queries.rooms", for errors */
	sqlite3_stmt *stmt;
	int columns;
	struct cell *cells; /* of the row */
	struct text *names; /* of each column, as JSON with a colon */
	bool *apart;        /* the column is "=FIELD": not a part of the row as JSON */
	int fields[QUERY_FIELDS]; /* which column is the field; -1: none */
};

/*
 * fields: names of which the first is a column that must be there, up to NULL.  Of two columns with one name the later
 * one is the field, and "=FIELD" comes before "FIELD".  HF_EINVAL: sql is wrong, with the reason.  name stays the
 * caller's.
 */
int query_open(struct database *database, const char *name, const char *sql, const char *const *fields,
    struct query *ret, struct hf_error *err);
/* Also for a zeroed one. */
void query_close(struct query *query);
bool query_has_parameter(const struct query *query, const char *name);
/* Starts again with these parameters; those that sql does not have are passed over.  What they point to stays. */
void query_begin(struct query *query);
void query_bind(struct query *query, const char *name, const struct cell *value);
void query_bind_text(struct query *query, const char *name, const struct hf_text *text);
/* 1: a row is in cells; 0: that was the last; or a negative code. */
int query_step(struct query *query, struct hf_error *err);
/* After the last step; frees SQLite's locks and memory. */
void query_end(struct query *query);
/* The field's cell; one of NULL where there is no such column. */
const struct cell *query_cell(const struct query *query, int field);
/* The row as a JSON object without its closing brace: each column that is not apart. */
void query_row(const struct query *query, struct text *out);

#endif

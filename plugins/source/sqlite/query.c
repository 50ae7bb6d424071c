/* SPDX-License-Identifier: BSD-2-Clause */
#include "query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 4096

static const struct cell null_cell = {SQLITE_NULL, 0, 0, NULL, 0};

/* How many columns before have the same name. */
static int
same_before(const struct query *query, int column)
{
	const char *name = sqlite3_column_name(query->stmt, column), *other;
	int i, count = 0;

	for (i = 0; i < column && name != NULL; i++) {
		other = sqlite3_column_name(query->stmt, i);
		count += other != NULL && strcmp(name, other) == 0;
	}
	return count;
}

/* Whether a column is for a field alone. */
static bool
is_apart(const struct query *query, int column)
{
	const char *name = column >= 0 ? sqlite3_column_name(query->stmt, column) : NULL;

	return name != NULL && name[0] == '=';
}

/* Names in a JSON object differ: the second "id" is "id:2". */
static int
name_columns(struct query *query, struct hf_error *err)
{
	struct text plain = TEXT_INIT(NAME_MAX_SIZE);
	const char *name;
	int i, before;

	for (i = 0; i < query->columns; i++) {
		name = sqlite3_column_name(query->stmt, i);
		before = same_before(query, i);
		query->apart[i] = is_apart(query, i);
		query->names[i] = (struct text)TEXT_INIT(8 * NAME_MAX_SIZE);
		text_clear(&plain);
		text_string(&plain, name != NULL && utf8_is_valid(name, strlen(name)) ? name : "?");
		if (before > 0) {
			text_byte(&plain, ':');
			text_int(&plain, before + 1);
		}
		text_json(&query->names[i], plain.data, plain.size);
		text_byte(&query->names[i], ':');
		if (plain.failed != HF_OK || query->names[i].failed != HF_OK)
			break;
	}
	text_release(&plain);
	return i == query->columns ? HF_OK : hf_error_set(err, HF_ERANGE, 0, "%s: the name of column %d is too long",
	    query->name, i + 1);
}

static int
find_fields(struct query *query, const char *const *fields, struct hf_error *err)
{
	const char *name;
	int i, column;

	for (i = 0; i < QUERY_FIELDS; i++)
		query->fields[i] = -1;
	for (i = 0; fields != NULL && fields[i] != NULL; i++)
		for (column = 0; column < query->columns; column++) {
			name = sqlite3_column_name(query->stmt, column);
			if (name == NULL || (name[0] != '=' && is_apart(query, query->fields[i])))
				continue;
			if (sqlite3_stricmp(name[0] == '=' ? name + 1 : name, fields[i]) == 0)
				query->fields[i] = column;
		}
	if (fields != NULL && query->fields[0] < 0)
		return hf_error_set(err, HF_EINVAL, 0, "%s: no column is named \"%s\"", query->name, fields[0]);
	return HF_OK;
}

static bool
is_blank(const char *sql)
{
	for (; *sql != '\0'; sql++)
		if (!isspace((unsigned char)*sql) && *sql != ';')
			return false;
	return true;
}

static int
check(const struct query *query, const char *tail, struct hf_error *err)
{
	if (query->stmt == NULL || !sqlite3_stmt_readonly(query->stmt) || query->columns == 0 ||
	    sqlite3_stmt_isexplain(query->stmt) != 0)
		return hf_error_set(err, HF_EINVAL, 0, "%s: it is not a SELECT", query->name);
	if (tail != NULL && !is_blank(tail))
		return hf_error_set(err, HF_EINVAL, 0, "%s: there is more than one statement", query->name);
	return HF_OK;
}

int
query_open(struct database *database, const char *name, const char *sql, const char *const *fields,
    struct query *ret, struct hf_error *err)
{
	struct query query = {.database = database, .name = name};
	const char *tail = NULL;
	int code, r;

	database_begin_row(database);
	code = sqlite3_prepare_v3(database->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &query.stmt, &tail);
	if (code != SQLITE_OK)
		return database_error(database, code, name, err);
	query.columns = sqlite3_column_count(query.stmt);
	r = check(&query, tail, err);
	if (r == HF_OK) {
		query.cells = calloc((size_t)query.columns, sizeof(*query.cells));
		query.names = calloc((size_t)query.columns, sizeof(*query.names));
		query.apart = calloc((size_t)query.columns, sizeof(*query.apart));
		if (query.cells == NULL || query.names == NULL || query.apart == NULL)
			r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	if (r == HF_OK)
		r = name_columns(&query, err);
	if (r == HF_OK)
		r = find_fields(&query, fields, err);
	if (r != HF_OK)
		query_close(&query);
	else
		*ret = query;
	return r;
}

void
query_close(struct query *query)
{
	int i;

	for (i = 0; query->names != NULL && i < query->columns; i++)
		text_release(&query->names[i]);
	free(query->names);
	free(query->cells);
	free(query->apart);
	(void)sqlite3_finalize(query->stmt);
	memset(query, 0, sizeof(*query));
}

bool
query_has_parameter(const struct query *query, const char *name)
{
	return query->stmt != NULL && sqlite3_bind_parameter_index(query->stmt, name) > 0;
}

void
query_begin(struct query *query)
{
	(void)sqlite3_reset(query->stmt);
	(void)sqlite3_clear_bindings(query->stmt);
}

void
query_bind(struct query *query, const char *name, const struct cell *value)
{
	int at = sqlite3_bind_parameter_index(query->stmt, name);

	switch (at > 0 ? value->type : SQLITE_NULL) {
	case SQLITE_INTEGER:
		(void)sqlite3_bind_int64(query->stmt, at, value->integer);
		break;
	case SQLITE_FLOAT:
		(void)sqlite3_bind_double(query->stmt, at, value->real);
		break;
	case SQLITE_TEXT:
		(void)sqlite3_bind_text(query->stmt, at, value->data, (int)value->size, SQLITE_STATIC);
		break;
	case SQLITE_BLOB:
		(void)sqlite3_bind_blob(query->stmt, at, value->data, (int)value->size, SQLITE_STATIC);
		break;
	}
}

void
query_bind_text(struct query *query, const char *name, const struct hf_text *text)
{
	struct cell value = {SQLITE_TEXT, 0, 0, text->data, (size_t)text->size};

	if (text->data != NULL)
		query_bind(query, name, &value);
}

/* False: out of memory. */
static bool
take_cell(struct query *query, int column)
{
	struct cell *cell = &query->cells[column];

	*cell = null_cell;
	cell->type = sqlite3_column_type(query->stmt, column);
	switch (cell->type) {
	case SQLITE_INTEGER:
		cell->integer = sqlite3_column_int64(query->stmt, column);
		break;
	case SQLITE_FLOAT:
		cell->real = sqlite3_column_double(query->stmt, column);
		break;
	case SQLITE_TEXT:
		cell->data = (const char *)sqlite3_column_text(query->stmt, column);
		cell->size = (size_t)sqlite3_column_bytes(query->stmt, column);
		return cell->data != NULL;
	case SQLITE_BLOB:
		cell->data = sqlite3_column_blob(query->stmt, column);
		cell->size = (size_t)sqlite3_column_bytes(query->stmt, column);
		return cell->data != NULL || cell->size == 0;
	}
	return true;
}

int
query_step(struct query *query, struct hf_error *err)
{
	int code, i;

	database_begin_row(query->database);
	code = sqlite3_step(query->stmt);
	if (code == SQLITE_DONE)
		return 0;
	if (code != SQLITE_ROW)
		return database_error(query->database, code, query->name, err);
	for (i = 0; i < query->columns; i++)
		if (!take_cell(query, i))
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", query->name);
	return 1;
}

void
query_end(struct query *query)
{
	(void)sqlite3_reset(query->stmt);
}

const struct cell *
query_cell(const struct query *query, int field)
{
	return query->fields[field] < 0 ? &null_cell : &query->cells[query->fields[field]];
}

void
query_row(const struct query *query, struct text *out)
{
	bool first = true;
	int i;

	text_byte(out, '{');
	for (i = 0; i < query->columns; i++) {
		if (query->apart[i])
			continue;
		if (!first)
			text_byte(out, ',');
		first = false;
		text_put(out, query->names[i].data, query->names[i].size);
		cell_json(&query->cells[i], out);
	}
}

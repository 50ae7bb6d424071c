/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "job/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"
#include "base/plural.h"
#include "base/time.h"

#define SCHEMA_VERSION   1
#define APPLICATION_ID   0x68667131 /* "hfq1" */
#define DATABASE_ID_SIZE 33         /* 32 hex digits and NUL */
#define GENERATION_MAX   128        /* bytes of the second file */
#define UNFINISHED       "status IN ('queued', 'waiting', 'running')"

struct queue {
	char *directory;
	char *path;
	char *generation_path;
	sqlite3 *db;
	char database[DATABASE_ID_SIZE];
	int64_t generation;
};

enum column_kind { COLUMN_ID, COLUMN_TEXT, COLUMN_STATUS, COLUMN_BOOL, COLUMN_U32, COLUMN_I32, COLUMN_I64 };

/* A job's row, in the order of the table's columns; the checksum follows. */
static const struct column {
	const char *name;
	enum column_kind kind;
	size_t offset;
	size_t max;
} columns[] = {
    {"sequence INTEGER PRIMARY KEY", COLUMN_I64, offsetof(struct job, sequence), 0},
    {"id", COLUMN_ID, offsetof(struct job, id), JOB_ID_SIZE - 1},
    {"status", COLUMN_STATUS, offsetof(struct job, status), 0},
    {"complete", COLUMN_BOOL, offsetof(struct job, full), 0},
    {"plan", COLUMN_TEXT, offsetof(struct job, plan), JOB_TEXT_MAX},
    {"types", COLUMN_TEXT, offsetof(struct job, types), JOB_TEXT_MAX},
    {"config_path", COLUMN_TEXT, offsetof(struct job, config_path), JOB_TEXT_MAX},
    {"options", COLUMN_TEXT, offsetof(struct job, options), JOB_JSON_MAX},
    {"backoff", COLUMN_I32, offsetof(struct job, retry.backoff), 0},
    {"max_attempts", COLUMN_U32, offsetof(struct job, retry.max_attempts), 0},
    {"initial", COLUMN_I64, offsetof(struct job, retry.initial), 0},
    {"maximum", COLUMN_I64, offsetof(struct job, retry.maximum), 0},
    {"created_at", COLUMN_I64, offsetof(struct job, created_at), 0},
    {"started_at", COLUMN_I64, offsetof(struct job, started_at), 0},
    {"finished_at", COLUMN_I64, offsetof(struct job, finished_at), 0},
    {"next_attempt", COLUMN_I64, offsetof(struct job, next_attempt), 0},
    {"attempts", COLUMN_U32, offsetof(struct job, attempts), 0},
    {"crashes", COLUMN_U32, offsetof(struct job, crashes), 0},
    {"checkpoints", COLUMN_I64, offsetof(struct job, checkpoints), 0},
    {"checkpoint_at", COLUMN_I64, offsetof(struct job, checkpoint_at), 0},
    {"checkpoint", COLUMN_TEXT, offsetof(struct job, checkpoint), JOB_JSON_MAX},
    {"result", COLUMN_TEXT, offsetof(struct job, result), JOB_RESULT_MAX},
    {"error_code", COLUMN_I32, offsetof(struct job, error_code), 0},
    {"error", COLUMN_TEXT, offsetof(struct job, error), JOB_TEXT_MAX},
};

#define COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

_Static_assert(sizeof(enum job_status) == sizeof(int), "columns read enums as int");
_Static_assert(sizeof(enum retry_backoff) == sizeof(int), "columns read enums as int");

/* What sqlite_schema must hold, and nothing else: a changed schema could hide or change rows. */
static const char state_sql[] = "CREATE TABLE state(one INTEGER PRIMARY KEY, schema INTEGER, "
                                "database TEXT, generation INTEGER, checksum BLOB)";

static int
job_sql(char *sql, size_t size)
{
	size_t used = (size_t)snprintf(sql, size, "CREATE TABLE job(");
	int i;

	for (i = 0; i < COLUMNS; i++)
		used += (size_t)snprintf(sql + used, size - used, "%s, ", columns[i].name);
	(void)snprintf(sql + used, size - used, "checksum BLOB)");
	return HF_OK;
}

/* The result for what SQLite said.  HF_ECORRUPT: the file is not what was written. */
static int
fail(struct queue *queue, int rc, struct hf_error *err)
{
	int code;

	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* unknown table or file format: the statements are constant */
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
		code = HF_ECORRUPT;
		break;
	case SQLITE_FULL:
		code = HF_ENOSPC;
		break;
	case SQLITE_NOMEM:
		code = HF_ENOMEM;
		break;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		code = HF_EPERM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		code = HF_EBUSY;
		break;
	default:
		code = HF_EIO;
		break;
	}
	return hf_error_set(err, code, 0, "job queue %s: %s", queue->path,
	    queue->db != NULL ? sqlite3_errmsg(queue->db) : sqlite3_errstr(rc));
}

static int
damaged(struct queue *queue, const char *what, struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "job queue %s: %s", queue->path, what);
}

static int
run(struct queue *queue, const char *sql, struct hf_error *err)
{
	int rc = sqlite3_exec(queue->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? HF_OK : fail(queue, rc, err);
}

static int
prepare(struct queue *queue, const char *sql, sqlite3_stmt **ret, struct hf_error *err)
{
	int rc = sqlite3_prepare_v2(queue->db, sql, -1, ret, NULL);

	return rc == SQLITE_OK ? HF_OK : fail(queue, rc, err);
}

/* Runs a statement that gives no rows, and ends it. */
static int
finish(struct queue *queue, sqlite3_stmt *statement, struct hf_error *err)
{
	int rc = sqlite3_step(statement), r = HF_OK;

	if (rc != SQLITE_DONE)
		r = fail(queue, rc, err);
	sqlite3_finalize(statement);
	return r;
}

/* A pragma's one value as text. */
static int
pragma(struct queue *queue, const char *sql, char *out, size_t size, struct hf_error *err)
{
	sqlite3_stmt *statement;
	const char *text;
	int rc, r = prepare(queue, sql, &statement, err);

	if (r != HF_OK)
		return r;
	rc = sqlite3_step(statement);
	text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (text == NULL)
		r = rc == SQLITE_ROW ? damaged(queue, "a setting has no value", err) : fail(queue, rc, err);
	else
		(void)snprintf(out, size, "%s", text);
	sqlite3_finalize(statement);
	return r;
}

/* ---- rows ---- */

static int
hash_integer(struct hash *hash, char tag, int64_t value, struct hf_error *err)
{
	uint8_t bytes[9];
	int i;

	bytes[0] = (uint8_t)tag;
	for (i = 0; i < 8; i++)
		bytes[i + 1] = (uint8_t)((uint64_t)value >> (8 * i));
	return hash_update(hash, bytes, sizeof(bytes), err);
}

static int
hash_text(struct hash *hash, const char *text, struct hf_error *err)
{
	int r;

	if (text == NULL)
		return hash_integer(hash, 'n', 0, err);
	r = hash_integer(hash, 't', (int64_t)strlen(text), err);
	return r == HF_OK ? hash_update(hash, text, strlen(text), err) : r;
}

static int64_t
column_integer(const struct column *column, const struct job *job)
{
	const char *field = (const char *)job + column->offset;
	uint32_t u32;
	int32_t i32;
	int64_t i64;

	switch (column->kind) {
	case COLUMN_BOOL:
		return *(const bool *)field;
	case COLUMN_U32:
		memcpy(&u32, field, sizeof(u32));
		return u32;
	case COLUMN_I32:
		memcpy(&i32, field, sizeof(i32));
		return i32;
	default:
		memcpy(&i64, field, sizeof(i64));
		return i64;
	}
}

/* A column's text, or NULL; false for a column of integers. */
static bool
column_text(const struct column *column, const struct job *job, const char **ret)
{
	switch (column->kind) {
	case COLUMN_ID:
		*ret = job->id;
		return true;
	case COLUMN_STATUS:
		*ret = job_status_name(job->status);
		return true;
	case COLUMN_TEXT:
		*ret = *(char *const *)(const void *)((const char *)job + column->offset);
		return true;
	default:
		return false;
	}
}

static int
row_checksum(const struct job *job, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	struct hash *hash;
	const char *text;
	int i, r = hash_new(&hash, err);

	if (r != HF_OK)
		return r;
	for (i = 0; i < COLUMNS && r == HF_OK; i++) {
		if (column_text(&columns[i], job, &text))
			r = hash_text(hash, text, err);
		else
			r = hash_integer(hash, 'i', column_integer(&columns[i], job), err);
	}
	if (r == HF_OK)
		r = hash_sum(hash, out, err);
	hash_free(hash);
	return r;
}

/* What would not be read again is not written. */
static int
row_check(const struct job *job, struct hf_error *err)
{
	const char *text;
	int i;

	if (!job_id_valid(job->id) || job->retry.backoff < RETRY_EXPONENTIAL ||
	    job->retry.backoff > RETRY_LINEAR || job->checkpoints > INT64_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "the job has no valid id or settings");
	for (i = 0; i < COLUMNS; i++) {
		if (columns[i].max > 0 && column_text(&columns[i], job, &text) && text != NULL &&
		    strlen(text) > columns[i].max)
			return hf_error_set(err, HF_ERANGE, 0, "the job's %s is longer than %zu bytes",
			    columns[i].name, columns[i].max);
	}
	return HF_OK;
}

/* Inserts or replaces a job's row. */
static int
row_write(struct queue *queue, const struct job *job, struct hf_error *err)
{
	char sql[64 + 3 * (sizeof(columns) / sizeof(columns[0]))] = "INSERT OR REPLACE INTO job VALUES(";
	uint8_t checksum[HASH_SIZE];
	sqlite3_stmt *statement;
	const char *text;
	int i, r, rc = SQLITE_OK;

	for (i = 0; i < COLUMNS; i++)
		strncat(sql, "?,", sizeof(sql) - strlen(sql) - 1);
	strncat(sql, "?)", sizeof(sql) - strlen(sql) - 1);
	r = row_check(job, err);
	if (r == HF_OK)
		r = row_checksum(job, checksum, err);
	if (r == HF_OK)
		r = prepare(queue, sql, &statement, err);
	if (r != HF_OK)
		return r;
	for (i = 0; i < COLUMNS && rc == SQLITE_OK; i++) {
		if (column_text(&columns[i], job, &text))
			rc = text == NULL ? sqlite3_bind_null(statement, i + 1)
			                  : sqlite3_bind_text(statement, i + 1, text, -1, SQLITE_STATIC);
		else
			rc = sqlite3_bind_int64(statement, i + 1, column_integer(&columns[i], job));
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(statement, COLUMNS + 1, checksum, HASH_SIZE, SQLITE_STATIC);
	if (rc != SQLITE_OK) {
		r = fail(queue, rc, err);
		sqlite3_finalize(statement);
		return r;
	}
	return finish(queue, statement, err);
}

static int
column_read_text(const struct column *column, sqlite3_stmt *statement, int i, struct job *job)
{
	const char *text = (const char *)sqlite3_column_text(statement, i);
	size_t size = (size_t)sqlite3_column_bytes(statement, i);

	if (text == NULL)
		return column->kind == COLUMN_TEXT ? HF_OK : HF_ECORRUPT;
	if (strlen(text) != size)
		return HF_ECORRUPT;
	switch (column->kind) {
	case COLUMN_ID:
		if (size > column->max)
			return HF_ECORRUPT;
		memcpy(job->id, text, size + 1);
		return HF_OK;
	case COLUMN_STATUS:
		return job_status_parse(text, &job->status) == HF_OK ? HF_OK : HF_ECORRUPT;
	default:
		if (size > column->max)
			return HF_ECORRUPT;
		return job_set_text((char **)(void *)((char *)job + column->offset), text, column->max, "", NULL);
	}
}

static int
column_read_integer(const struct column *column, int64_t value, struct job *job)
{
	char *field = (char *)job + column->offset;
	uint32_t u32 = (uint32_t)value;
	int32_t i32 = (int32_t)value;

	switch (column->kind) {
	case COLUMN_BOOL:
		if (value != 0 && value != 1)
			return HF_ECORRUPT;
		*(bool *)field = value != 0;
		return HF_OK;
	case COLUMN_U32:
		if (value < 0 || value > UINT32_MAX)
			return HF_ECORRUPT;
		memcpy(field, &u32, sizeof(u32));
		return HF_OK;
	case COLUMN_I32:
		if (value < INT32_MIN || value > INT32_MAX)
			return HF_ECORRUPT;
		memcpy(field, &i32, sizeof(i32));
		return HF_OK;
	default:
		memcpy(field, &value, sizeof(value));
		return HF_OK;
	}
}

/* The row under the statement as a job, if its checksum fits. */
static int
row_read(struct queue *queue, sqlite3_stmt *statement, struct job **ret, struct hf_error *err)
{
	struct job *job = job_new();
	uint8_t checksum[HASH_SIZE];
	int i, type, r = HF_OK;
	const char *unused;

	if (job == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "job queue %s: out of memory", queue->path);
	for (i = 0; i < COLUMNS && r == HF_OK; i++) {
		type = sqlite3_column_type(statement, i);
		if (column_text(&columns[i], job, &unused))
			r = type == SQLITE_TEXT || type == SQLITE_NULL
			        ? column_read_text(&columns[i], statement, i, job) : HF_ECORRUPT;
		else
			r = type == SQLITE_INTEGER
			        ? column_read_integer(&columns[i], sqlite3_column_int64(statement, i), job)
			    : HF_ECORRUPT;
	}
	if (r == HF_OK && (job->retry.backoff < RETRY_EXPONENTIAL || job->retry.backoff > RETRY_LINEAR ||
	        !job_id_valid(job->id) || sqlite3_column_bytes(statement, COLUMNS) != HASH_SIZE))
		r = HF_ECORRUPT;
	if (r == HF_OK)
		r = row_checksum(job, checksum, err);
	if (r == HF_OK && memcmp(checksum, sqlite3_column_blob(statement, COLUMNS), HASH_SIZE) != 0)
		r = HF_ECORRUPT;
	if (r == HF_OK) {
		*ret = job;
		return HF_OK;
	}
	job_free(job);
	return r == HF_ECORRUPT ? damaged(queue, "a job's row is damaged", err)
	                        : hf_error_set(err, r, 0, "job queue %s: reading a job failed", queue->path);
}

/* Shows each row that where selects. */
static int
each(struct queue *queue, const char *where, queue_job_fn fn, void *ctx, struct hf_error *err)
{
	char sql[256];
	sqlite3_stmt *statement;
	struct job *job;
	int r, rc;

	(void)snprintf(sql, sizeof(sql), "SELECT * FROM job %s ORDER BY sequence", where);
	r = prepare(queue, sql, &statement, err);
	if (r != HF_OK)
		return r;
	while (r == HF_OK && (rc = sqlite3_step(statement)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW) {
			r = fail(queue, rc, err);
			break;
		}
		r = row_read(queue, statement, &job, err);
		if (r == HF_OK) {
			r = fn(ctx, job);
			job_free(job);
		}
	}
	sqlite3_finalize(statement);
	return r;
}

/* ---- state row and generation ---- */

/* Checksum of the state row and of all rows' checksums, so that no row can go missing unseen. */
static int
state_checksum(struct queue *queue, int64_t generation, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	sqlite3_stmt *statement;
	struct hash *hash;
	int rc = SQLITE_DONE, r = hash_new(&hash, err);

	if (r != HF_OK)
		return r;
	r = hash_integer(hash, 's', SCHEMA_VERSION, err);
	if (r == HF_OK)
		r = hash_text(hash, queue->database, err);
	if (r == HF_OK)
		r = hash_integer(hash, 'g', generation, err);
	if (r == HF_OK)
		r = prepare(queue, "SELECT checksum FROM job ORDER BY sequence", &statement, err);
	if (r != HF_OK)
		goto out;
	while (r == HF_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		r = hash_update(hash, sqlite3_column_blob(statement, 0),
		    (size_t)sqlite3_column_bytes(statement, 0), err);
	if (r == HF_OK && rc != SQLITE_DONE)
		r = fail(queue, rc, err);
	sqlite3_finalize(statement);
	if (r == HF_OK)
		r = hash_sum(hash, out, err);
out:
	hash_free(hash);
	return r;
}

static int
state_write(struct queue *queue, int64_t generation, struct hf_error *err)
{
	uint8_t checksum[HASH_SIZE];
	sqlite3_stmt *statement;
	int r = state_checksum(queue, generation, checksum, err);

	if (r == HF_OK)
		r = prepare(queue, "INSERT OR REPLACE INTO state VALUES(1, ?, ?, ?, ?)", &statement, err);
	if (r != HF_OK)
		return r;
	if (sqlite3_bind_int(statement, 1, SCHEMA_VERSION) != SQLITE_OK ||
	    sqlite3_bind_text(statement, 2, queue->database, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(statement, 3, generation) != SQLITE_OK ||
	    sqlite3_bind_blob(statement, 4, checksum, HASH_SIZE, SQLITE_STATIC) != SQLITE_OK) {
		sqlite3_finalize(statement);
		return fail(queue, SQLITE_NOMEM, err);
	}
	return finish(queue, statement, err);
}

static int
state_read(struct queue *queue, struct hf_error *err)
{
	uint8_t checksum[HASH_SIZE];
	sqlite3_stmt *statement;
	const char *database;
	int r, rc;

	r = prepare(queue, "SELECT schema, database, generation, checksum FROM state", &statement, err);
	if (r != HF_OK)
		return r;
	rc = sqlite3_step(statement);
	database = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 1) : NULL;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		r = fail(queue, rc, err);
	} else if (database == NULL || strlen(database) != DATABASE_ID_SIZE - 1 ||
	    sqlite3_column_int64(statement, 0) != SCHEMA_VERSION ||
	    sqlite3_column_bytes(statement, 3) != HASH_SIZE) {
		r = damaged(queue, "its state row is damaged", err);
	} else {
		memcpy(queue->database, database, DATABASE_ID_SIZE);
		queue->generation = sqlite3_column_int64(statement, 2);
		r = state_checksum(queue, queue->generation, checksum, err);
		if (r == HF_OK && memcmp(checksum, sqlite3_column_blob(statement, 3), HASH_SIZE) != 0)
			r = damaged(queue, "jobs are missing or its state row is damaged", err);
	}
	sqlite3_finalize(statement);
	return r;
}

static int
generation_write(struct queue *queue, struct hf_error *err)
{
	char text[GENERATION_MAX];
	int n = snprintf(text, sizeof(text), "%s %" PRId64 "\n", queue->database, queue->generation);

	return path_write(queue->generation_path, text, (size_t)n, 0600, err);
}

/* Takes apart what generation_write wrote. */
static bool
generation_parse(const char *text, char database[DATABASE_ID_SIZE], int64_t *ret)
{
	size_t size = text == NULL ? 0 : strspn(text, "0123456789abcdef");
	const char *number;
	char *end;

	if (size == 0 || size >= DATABASE_ID_SIZE || text[size] != ' ')
		return false;
	number = text + size + 1;
	errno = 0;
	*ret = (int64_t)strtoll(number, &end, 10);
	if (errno != 0 || end == number || strcmp(end, "\n") != 0)
		return false;
	memcpy(database, text, size);
	database[size] = '\0';
	return true;
}

/*
 * Compares the database with the second file, which is written after each commit: a database that is
 * behind it, or another one, is an old copy that was put back.  One that is ahead of it was killed in
 * between.
 */
static int
generation_check(struct queue *queue, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(GENERATION_MAX);
	char database[DATABASE_ID_SIZE] = "";
	int64_t generation = 0;
	int r;

	r = path_read(queue->generation_path, GENERATION_MAX - 1, &text, err);
	if (r == HF_ENOTFOUND) {
		r = HF_OK;
		if (queue->generation > 1)
			log_message(HF_LOG_WARNING, "%s is missing; it is written again",
			    queue->generation_path);
	} else if (r == HF_ERANGE ||
	    (r == HF_OK && !generation_parse(buffer_string(&text), database, &generation))) {
		/* The database is whole by its own checksums; only this guard is lost. */
		log_message(HF_LOG_WARNING, "%s is damaged; it is written again", queue->generation_path);
		r = HF_OK;
	} else if (r == HF_OK && (strcmp(database, queue->database) != 0 || generation > queue->generation)) {
		r = damaged(queue, "it is an old copy: a newer one was in use here", err);
	}
	buffer_release(&text);
	if (r == HF_OK && (generation != queue->generation || strcmp(database, queue->database) != 0))
		r = generation_write(queue, err);
	return r;
}

static void
rollback(struct queue *queue)
{
	if (!sqlite3_get_autocommit(queue->db))
		(void)sqlite3_exec(queue->db, "ROLLBACK", NULL, NULL, NULL);
}

static int
begin(struct queue *queue, struct hf_error *err)
{
	return run(queue, "BEGIN IMMEDIATE", err);
}

/* Ends a transaction: state row, commit, second file; or undoes it if r is an error. */
static int
commit(struct queue *queue, int r, struct hf_error *err)
{
	if (r == HF_OK)
		r = state_write(queue, queue->generation + 1, err);
	if (r == HF_OK)
		r = run(queue, "COMMIT", err);
	if (r != HF_OK) {
		rollback(queue);
		return r;
	}
	queue->generation++;
	return generation_write(queue, err);
}

/* ---- opening ---- */

static int
check_schema(struct queue *queue, struct hf_error *err)
{
	char sql[2048];
	sqlite3_stmt *statement;
	const char *text;
	bool job = false, state = false;
	int rc, r = prepare(queue, "SELECT sql FROM sqlite_schema", &statement, err);

	if (r != HF_OK)
		return r;
	(void)job_sql(sql, sizeof(sql));
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(statement, 0);
		if (text != NULL && strcmp(text, sql) == 0)
			job = true;
		else if (text != NULL && strcmp(text, state_sql) == 0)
			state = true;
		else
			r = damaged(queue, "it has other tables than holdfast makes", err);
	}
	if (rc != SQLITE_DONE)
		r = fail(queue, rc, err);
	else if (r == HF_OK && (!job || !state))
		r = damaged(queue, "a table is missing", err);
	sqlite3_finalize(statement);
	return r;
}

static int
ignore_job(void *ctx, const struct job *job)
{
	(void)ctx;
	(void)job;
	return HF_OK;
}

static int
check(struct queue *queue, struct hf_error *err)
{
	char text[256];
	int r = check_schema(queue, err);

	if (r == HF_OK)
		r = pragma(queue, "PRAGMA quick_check(1)", text, sizeof(text), err);
	if (r == HF_OK && strcmp(text, "ok") != 0)
		r = damaged(queue, text, err);
	if (r == HF_OK)
		r = state_read(queue, err);
	if (r == HF_OK)
		r = each(queue, "", ignore_job, NULL, err);
	return r;
}

static int
create(struct queue *queue, struct hf_error *err)
{
	uint8_t id[(DATABASE_ID_SIZE - 1) / 2];
	char sql[2048];
	int r = random_bytes(id, sizeof(id), err);

	if (r != HF_OK)
		return r;
	hex_encode(id, sizeof(id), queue->database);
	queue->generation = 0;
	(void)job_sql(sql, sizeof(sql));
	r = begin(queue, err);
	if (r == HF_OK)
		r = run(queue, sql, err);
	if (r == HF_OK)
		r = run(queue, state_sql, err);
	if (r == HF_OK) {
		(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		    APPLICATION_ID, SCHEMA_VERSION);
		r = run(queue, sql, err);
	}
	return commit(queue, r, err);
}

/* Settings that hold for the connection only, then those that touch the file. */
static int
set_up(struct queue *queue, struct hf_error *err)
{
	char mode[16];
	int r, off;

	(void)sqlite3_extended_result_codes(queue->db, 1);
	(void)sqlite3_limit(queue->db, SQLITE_LIMIT_LENGTH, 1 << 20);
	(void)sqlite3_db_config(queue->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &off);
	(void)sqlite3_db_config(queue->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, &off);
	(void)sqlite3_db_config(queue->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, &off);
	r = run(queue, "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0; PRAGMA cache_size=-512; "
	               "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON", err);
	if (r == HF_OK)
		r = pragma(queue, "PRAGMA journal_mode=DELETE", mode, sizeof(mode), err);
	if (r == HF_OK && strcmp(mode, "delete") != 0)
		r = hf_error_set(err, HF_EIO, 0, "job queue %s: journal mode %s instead of delete", queue->path,
		    mode);
	if (r == HF_OK)
		r = run(queue, "PRAGMA synchronous=EXTRA", err);
	return r;
}

/* A newer schema is not ours to touch, unless the number is only a damaged header's. */
static int
check_version(struct queue *queue, bool *ret_empty, struct hf_error *err)
{
	char version[32], tables[32];
	long number;
	int r;

	r = pragma(queue, "PRAGMA user_version", version, sizeof(version), err);
	if (r == HF_OK)
		r = pragma(queue, "SELECT count(*) FROM sqlite_schema", tables, sizeof(tables), err);
	if (r != HF_OK)
		return r;
	number = strtol(version, NULL, 10);
	*ret_empty = number == 0 && strcmp(tables, "0") == 0;
	if (*ret_empty || number == SCHEMA_VERSION)
		return HF_OK;
	if (number > SCHEMA_VERSION && check_schema(queue, NULL) != HF_OK)
		return hf_error_set(err, HF_ENOTSUP, 0, "job queue %s: made by a newer holdfast (schema %s, this one "
		    "knows %d); use that version, or another HOLDFAST_STATE_DIR", queue->path, version, SCHEMA_VERSION);
	return damaged(queue, "its schema version is damaged", err);
}

static int
check_writable(struct queue *queue, struct hf_error *err)
{
	if (sqlite3_db_readonly(queue->db, "main") == 0)
		return HF_OK;
	if (access(queue->path, W_OK) == 0)
		return damaged(queue, "its header asks for reading only", err);
	return hf_error_set(err, HF_EPERM, errno, "job queue %s: %s", queue->path, strerror(errno));
}

static int
open_once(struct queue *queue, struct hf_error *err)
{
	bool empty = false;
	int r, rc;

	rc = sqlite3_open_v2(queue->path, &queue->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK)
		return fail(queue, rc, err);
	r = check_version(queue, &empty, err);
	if (r == HF_OK)
		r = check_writable(queue, err);
	if (r == HF_OK && empty && access(queue->generation_path, F_OK) == 0)
		r = damaged(queue, "it is gone or empty", err);
	if (r == HF_OK)
		r = set_up(queue, err);
	if (r == HF_OK && empty)
		return create(queue, err);
	if (r == HF_OK)
		r = check(queue, err);
	if (r == HF_OK)
		r = generation_check(queue, err);
	return r;
}

static void
disconnect(struct queue *queue)
{
	(void)sqlite3_close(queue->db);
	queue->db = NULL;
}

/* Moves PATH to a new name beside it, if there is such a file. */
static int
move_file(struct queue *queue, const char *path, const char *suffix, const char *stamp, char *target,
    size_t size, struct hf_error *err)
{
	struct stat status;
	unsigned n;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? HF_ENOTFOUND :
		    hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	for (n = 0; n < 1000; n++) {
		(void)snprintf(target, size, "%s/queue.damaged-%s%s%.0u%s", queue->directory, stamp, n ? "." : "", n,
		    suffix);
		/* link() and not rename(): it never replaces an earlier one. */
		if (link(path, target) == 0)
			return unlink(path) == 0 ? HF_OK
			                         : hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
		if (errno != EEXIST)
			break;
	}
	return hf_error_set(err, HF_EIO, errno, "%s: cannot be moved aside to %s: %s", path, target, strerror(errno));
}

/*
 * Moves database, journal and second file aside.  The journal goes first: a new database must never
 * meet the old one's journal, which SQLite would play back into it.
 */
static int
move_aside(struct queue *queue, char *target, size_t size, struct hf_error *err)
{
	char stamp[TIME_RFC3339_SIZE], other[4096], *journal;
	size_t length = strlen(queue->path) + sizeof("-journal");
	int r;

	(void)snprintf(stamp, sizeof(stamp), "%" PRId64, time_now() / 1000000);
	journal = malloc(length);
	if (journal == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "job queue: out of memory");
	(void)snprintf(journal, length, "%s-journal", queue->path);
	r = move_file(queue, journal, ".sqlite-journal", stamp, other, sizeof(other), err);
	free(journal);
	if (r == HF_OK || r == HF_ENOTFOUND)
		r = move_file(queue, queue->path, ".sqlite", stamp, target, size, err);
	if (r == HF_OK || r == HF_ENOTFOUND)
		r = move_file(queue, queue->generation_path, ".generation", stamp, other, sizeof(other), err);
	return r == HF_OK || r == HF_ENOTFOUND ? path_sync_directory(queue->directory, err) : r;
}

struct salvage {
	struct queue *to;
	unsigned jobs;
};

static int
salvage_job(void *ctx, const struct job *job)
{
	struct salvage *salvage = ctx;
	struct job copy = *job;
	int r;

	/* Doing a job again that an old copy calls unfinished costs time only: runs are incremental. */
	if (copy.status == JOB_RUNNING)
		copy.status = JOB_QUEUED;
	r = begin(salvage->to, NULL);
	if (r == HF_OK)
		r = commit(salvage->to, row_write(salvage->to, &copy, NULL), NULL);
	if (r == HF_OK)
		salvage->jobs++;
	return r;
}

/* Takes over unfinished jobs from a database that was moved aside, as far as they can be read. */
static unsigned
salvage(struct queue *queue, const char *path)
{
	struct salvage state = {queue, 0};
	struct queue old = {.path = (char *)(uintptr_t)path};
	char uri[4200];

	(void)snprintf(uri, sizeof(uri), "%s", path);
	if (sqlite3_open_v2(uri, &old.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK) {
		(void)sqlite3_limit(old.db, SQLITE_LIMIT_LENGTH, 1 << 20);
		(void)sqlite3_exec(old.db, "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON",
		    NULL, NULL, NULL);
		if (check_schema(&old, NULL) == HF_OK)
			(void)each(&old, "WHERE " UNFINISHED, salvage_job, &state, NULL);
	}
	disconnect(&old);
	return state.jobs;
}

static int
replace_damaged(struct queue *queue, struct hf_error *err)
{
	struct hf_error why = *err;
	char target[4096] = "";
	unsigned jobs;
	int r;

	disconnect(queue);
	r = move_aside(queue, target, sizeof(target), err);
	if (r == HF_OK)
		r = open_once(queue, err);
	if (r != HF_OK)
		return r;
	jobs = target[0] != '\0' ? salvage(queue, target) : 0;
	if (target[0] != '\0')
		log_message(HF_LOG_WARNING, "%s; the old one was kept as %s", why.msg, target);
	else
		log_message(HF_LOG_WARNING, "%s", why.msg);
	log_message(HF_LOG_WARNING, "a new job queue was made, with %u unfinished job%s of the old one; a backup that "
	    "\"holdfast status\" does not show has to be started again", jobs, plural_s(jobs));
	return HF_OK;
}

int
queue_open(const char *directory, struct queue **ret, struct hf_error *err)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	struct hf_error local = HF_ERROR_INIT;
	int r = HF_ENOMEM;

	if (err == NULL)
		err = &local;
	if (queue == NULL || (queue->directory = strdup(directory)) == NULL ||
	    (queue->path = path_join(directory, QUEUE_FILE)) == NULL ||
	    (queue->generation_path = path_join(directory, QUEUE_GENERATION_FILE)) == NULL) {
		queue_close(queue);
		return hf_error_set(err, HF_ENOMEM, 0, "job queue: out of memory");
	}
	r = open_once(queue, err);
	if (r == HF_ECORRUPT)
		r = replace_damaged(queue, err);
	if (r != HF_OK) {
		queue_close(queue);
		return r;
	}
	*ret = queue;
	return HF_OK;
}

void
queue_close(struct queue *queue)
{
	if (queue == NULL)
		return;
	disconnect(queue);
	free(queue->directory);
	free(queue->path);
	free(queue->generation_path);
	free(queue);
}

/* ---- jobs ---- */

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

struct search {
	const struct job *wanted;
	char id[JOB_ID_SIZE];
	unsigned unfinished;
};

static int
search_job(void *ctx, const struct job *job)
{
	struct search *search = ctx;

	search->unfinished++;
	if (search->id[0] == '\0' && job->full == search->wanted->full &&
	    same_text(job->plan, search->wanted->plan) && same_text(job->types, search->wanted->types) &&
	    same_text(job->config_path, search->wanted->config_path))
		memcpy(search->id, job->id, sizeof(search->id));
	return HF_OK;
}

static int
next_sequence(struct queue *queue, int64_t *ret, struct hf_error *err)
{
	char text[32];
	int r = pragma(queue, "SELECT coalesce(max(sequence), 0) + 1 FROM job", text, sizeof(text), err);

	if (r == HF_OK)
		*ret = (int64_t)strtoll(text, NULL, 10);
	return r;
}

static int
prune(struct queue *queue, struct hf_error *err)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
	    "DELETE FROM job WHERE NOT " UNFINISHED " AND sequence NOT IN (SELECT sequence "
	    "FROM job WHERE NOT " UNFINISHED " ORDER BY finished_at DESC, sequence DESC LIMIT %d)",
	    QUEUE_FINISHED_MAX);
	return run(queue, sql, err);
}

int
queue_add(struct queue *queue, struct job *job, bool *ret_existing, struct hf_error *err)
{
	struct search search = {.wanted = job};
	struct job *found;
	int r = each(queue, "WHERE " UNFINISHED, search_job, &search, err);

	if (r != HF_OK)
		return r;
	if (search.id[0] != '\0') {
		r = queue_get(queue, search.id, &found, err);
		if (r != HF_OK)
			return r;
		job_clear(job);
		*job = *found;
		free(found);
		*ret_existing = true;
		return HF_OK;
	}
	if (search.unfinished >= QUEUE_UNFINISHED_MAX)
		return hf_error_set(err, HF_ENOSPC, 0, "%d jobs wait already; the next backup finishes them first",
		    QUEUE_UNFINISHED_MAX);
	r = job_make_id(job, err);
	if (r == HF_OK)
		r = begin(queue, err);
	if (r != HF_OK)
		return r;
	r = next_sequence(queue, &job->sequence, err);
	if (r == HF_OK)
		r = row_write(queue, job, err);
	if (r == HF_OK)
		r = prune(queue, err);
	r = commit(queue, r, err);
	if (r == HF_OK)
		*ret_existing = false;
	return r;
}

int
queue_update(struct queue *queue, const struct job *job, struct hf_error *err)
{
	int r = begin(queue, err);

	if (r != HF_OK)
		return r;
	r = row_write(queue, job, err);
	if (r == HF_OK && job_finished(job))
		r = prune(queue, err);
	return commit(queue, r, err);
}

int
queue_get(struct queue *queue, const char *id, struct job **ret, struct hf_error *err)
{
	sqlite3_stmt *statement;
	int rc, r = prepare(queue, "SELECT * FROM job WHERE id = ?", &statement, err);

	if (r != HF_OK)
		return r;
	rc = sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		r = row_read(queue, statement, ret, err);
	else if (rc == SQLITE_DONE)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "no job %s; \"holdfast status\" lists them", id);
	else
		r = fail(queue, rc, err);
	sqlite3_finalize(statement);
	return r;
}

int
queue_each(struct queue *queue, bool unfinished, queue_job_fn fn, void *ctx, struct hf_error *err)
{
	return each(queue, unfinished ? "WHERE " UNFINISHED : "", fn, ctx, err);
}

int
queue_recover(struct queue *queue, struct hf_error *err)
{
	struct job *job;
	sqlite3_stmt *statement;
	int rc, r;

	for (;;) {
		r = prepare(queue, "SELECT * FROM job WHERE status = 'running' LIMIT 1", &statement, err);
		if (r != HF_OK)
			return r;
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			r = row_read(queue, statement, &job, err);
		else if (rc != SQLITE_DONE)
			r = fail(queue, rc, err);
		sqlite3_finalize(statement);
		if (rc != SQLITE_ROW || r != HF_OK)
			return r;
		job->status = JOB_QUEUED;
		r = queue_update(queue, job, err);
		job_free(job);
		if (r != HF_OK)
			return r;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "database.h"

#include "typedstream.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  1000000000ll
#define NS_PER_MS 1000000ll

/* A lock is waited for so long; a program that writes for longer is better asked again later. */
#define BUSY_NS (10 * NS_PER_S)
#define NAP_NS  (20 * NS_PER_MS)

/* Pages copied between two looks at whether to go on. */
#define STEP_PAGES 1000

/* After so many writes during the copy, writers have to wait for the rest of it. */
#define RESTARTS_MAX 3

/* A database with a write-ahead log that is larger is read where it is: its writers need not wait. */
#define COPY_MAX (1ll << 30)

/* A file changed this shortly ago may change again within the same time stamp. */
#define RACY_NS (2 * NS_PER_S)

/* For all of SQLite in this process. */
#define HEAP_MAX (16ll << 20)

/* Steps of SQLite's machine between two looks at the clock. */
#define PROGRESS_STEPS 20000

#define PATH_SIZE 4096

/* Names of columns that a file computes. */
#define COMPUTED_MAX (256u << 10)

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts = {0, 0};

	(void)clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void
nap(void)
{
	struct timespec ts = {0, NAP_NS};

	(void)nanosleep(&ts, NULL);
}

static bool
stopping(const struct hf_host *host)
{
	return host->stop_requested(host->ctx) != 0;
}

/* ---- errors ---- */

static const struct {
	int sqlite, code;
	const char *hint;
} meanings[] = {
	{SQLITE_BUSY, HF_EBUSY, "a program is writing to it"},
	{SQLITE_LOCKED, HF_EBUSY, "a program is writing to it"},
	{SQLITE_CORRUPT, HF_ECORRUPT, NULL},
	{SQLITE_NOTADB, HF_ECORRUPT, "or it is encrypted"},
	{SQLITE_FORMAT, HF_ECORRUPT, NULL},
	{SQLITE_NOMEM, HF_ENOMEM, NULL},
	{SQLITE_IOERR, HF_EIO, NULL},
	{SQLITE_FULL, HF_ENOSPC, "of the folder for temporary files (TMPDIR)"},
	{SQLITE_TOOBIG, HF_ERANGE, "a value, or what an expression makes of it, is larger than 4 MiB"},
	{SQLITE_AUTH, HF_EPERM, "a query may only read"},
	{SQLITE_PERM, HF_EPERM, NULL},
	{SQLITE_CANTOPEN, HF_EPERM, NULL},
	{SQLITE_READONLY, HF_EBUSY,
	    "the program that it is of was cut off while it wrote; start it once, so that it repairs it"},
};

int
database_error(const struct database *database, int code, const char *what, struct hf_error *err)
{
	const char *hint = NULL;
	char message[300];
	size_t i;
	int r = HF_EINVAL;

	if (database->interrupted == HF_ESTOPPING)
		return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	if (database->interrupted != HF_OK)
		return hf_error_set(err, database->interrupted, 0, "%s: no row after %lld s (query_timeout)", what,
		    (long long)(database->timeout_ns / NS_PER_S));
	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if ((code & 0xff) == meanings[i].sqlite) {
			r = meanings[i].code;
			hint = meanings[i].hint;
		}
	(void)snprintf(message, sizeof(message), "%s", database->db != NULL ? sqlite3_errmsg(database->db) :
	    sqlite3_errstr(code));
	if (strstr(message, "access to view") != NULL || (database->refused && (code & 0xff) == SQLITE_AUTH))
		hint = "set views: true if you trust the file";
	if (strstr(message, "vtable constructor") != NULL)
		hint = "virtual tables are not read";
	/* It quotes names from the file. */
	for (i = 0; message[i] != '\0'; i++)
		if (message[i] < ' ' || message[i] > '~')
			message[i] = '?';
	return hf_error_set(err, r, r == HF_EIO || (code & 0xff) == SQLITE_CANTOPEN ?
	    (database->db != NULL ? sqlite3_system_errno(database->db) : 0) : 0, "%s: %s%s%s%s", what, message,
	    hint != NULL ? " (" : "", hint != NULL ? hint : "", hint != NULL ? ")" : "");
}

/* ---- what a query may do ---- */

/*
 * Virtual tables are code that reads what the file holds in a way of its own.  As connecting one takes what authorize
 * refuses, those there are to be are connected before.
 */
static void
connect_functions(sqlite3 *db)
{
	static const char *const names[] = {"SELECT 1 FROM json_each('')", "SELECT 1 FROM json_tree('')"};
	sqlite3_stmt *stmt;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sqlite3_prepare_v2(db, names[i], -1, &stmt, NULL) == SQLITE_OK)
			(void)sqlite3_finalize(stmt);
}

static bool
is_computed(const struct text *computed, const char *table, const char *column)
{
	const char *at = computed->data, *end, *name;

	if (computed->size == 0)
		return false;
	for (end = at + computed->size; at < end; at = name + strlen(name) + 1) {
		name = at + strlen(at) + 1;
		if (sqlite3_stricmp(at, table) == 0 && sqlite3_stricmp(name, column) == 0)
			return true;
	}
	return false;
}

static int
authorize(void *ctx, int action, const char *first, const char *second, const char *schema, const char *via)
{
	struct database *database = ctx;
	static const char *const refused[] = {"load_extension", "fts3_tokenizer", "sqlite_log", "zeroblob",
		"randomblob"};
	size_t i;

	(void)schema;
	(void)via;
	switch (action) {
	case SQLITE_READ:
		if (first == NULL || second == NULL || !is_computed(&database->computed, first, second))
			return SQLITE_OK;
		database->refused = true;
		return SQLITE_DENY;
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			if (second != NULL && sqlite3_stricmp(second, refused[i]) == 0)
				return SQLITE_DENY;
		return SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

/* While temporary views are made: as above, what connecting a virtual table takes. */
static int
authorize_views(void *ctx, int action, const char *first, const char *second, const char *schema, const char *via)
{
	(void)ctx;
	(void)first;
	(void)second;
	(void)via;
	return action == SQLITE_UPDATE && (schema == NULL || strcmp(schema, "temp") != 0) ? SQLITE_DENY : SQLITE_OK;
}

static int
watch(void *ctx)
{
	struct database *database = ctx;

	if (stopping(database->host))
		database->interrupted = HF_ESTOPPING;
	else if (now_ns(CLOCK_MONOTONIC) - database->row_began_ns > database->timeout_ns)
		database->interrupted = HF_ERANGE;
	return database->interrupted != HF_OK;
}

void
database_begin_row(struct database *database)
{
	database->row_began_ns = now_ns(CLOCK_MONOTONIC);
	database->interrupted = HF_OK;
}

static int
execute(struct database *database, const char *sql, struct hf_error *err)
{
	int code = sqlite3_exec(database->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? HF_OK : database_error(database, code, "the database", err);
}

/* What holds for every connection, also while it is copied. */
static void
restrain(sqlite3 *db)
{
	static const struct {
		int id, value;
	} limits[] = {
		{SQLITE_LIMIT_LENGTH, DATABASE_VALUE_MAX},
		{SQLITE_LIMIT_SQL_LENGTH, 256 << 10},
		{SQLITE_LIMIT_COLUMN, 500},
		{SQLITE_LIMIT_EXPR_DEPTH, 100},
		{SQLITE_LIMIT_COMPOUND_SELECT, 50},
		{SQLITE_LIMIT_VDBE_OP, 50000},
		{SQLITE_LIMIT_FUNCTION_ARG, 100},
		{SQLITE_LIMIT_ATTACHED, 0},
		{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
		{SQLITE_LIMIT_VARIABLE_NUMBER, 10},
		{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
		{SQLITE_LIMIT_WORKER_THREADS, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		(void)sqlite3_limit(db, limits[i].id, limits[i].value);
	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
}

/*
 * A page is looked at before it is trusted, and no file that shrinks is mapped.  Reads the database, so that files may
 * come to lie beside it.
 */
static void
restrain_pages(sqlite3 *db)
{
	(void)sqlite3_exec(db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=FILE;"
	    "PRAGMA cache_size=-1024", NULL, NULL, NULL);
}

/* ---- columns that may be missing ---- */

static void
put_name(sqlite3_str *sql, const char *name, size_t size)
{
	char *copy = sqlite3_mprintf("%.*s", (int)size, name);

	if (copy != NULL)
		sqlite3_str_appendf(sql, "\"%w\"", copy);
	sqlite3_free(copy);
}

/* What the file has of that name: SQLITE_ROW and whether it is a table, or SQLITE_DONE: nothing. */
static int
find_object(sqlite3 *db, const char *name, size_t size, bool *ret_is_table)
{
	static const char sql[] = "SELECT type = 'table' FROM main.sqlite_schema WHERE type IN ('table', 'view') AND "
	    "name = ?1 COLLATE NOCASE";
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(stmt, 1, name, (int)size, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret_is_table = sqlite3_column_int(stmt, 0) != 0;
	(void)sqlite3_finalize(stmt);
	return code;
}

/*
 * Whether a table has a column; not asked with sqlite3_table_column_metadata, which connects a virtual table without
 * asking the authorizer.
 */
static int
has_column(struct database *database, const char *table, size_t table_size, const char *column, size_t column_size,
    bool *ret, struct hf_error *err)
{
	sqlite3_str *sql = sqlite3_str_new(database->db);
	sqlite3_stmt *stmt = NULL;
	char *text;
	int code;

	sqlite3_str_appendall(sql, "SELECT ");
	put_name(sql, column, column_size);
	sqlite3_str_appendall(sql, " FROM main.");
	put_name(sql, table, table_size);
	text = sqlite3_str_finish(sql);
	code = text == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(database->db, text, -1, &stmt, NULL);
	(void)sqlite3_finalize(stmt);
	sqlite3_free(text);
	*ret = code == SQLITE_OK;
	if (code == SQLITE_OK)
		return HF_OK;
	if (code == SQLITE_ERROR && strncmp(sqlite3_errmsg(database->db), "no such column", 14) == 0)
		return HF_OK;
	return database_error(database, code, "optional", err);
}

/* One item "TABLE.COLUMN" of the list, which ends with a newline. */
static const char *
next_item(const char *at, const char **ret_table, size_t *ret_table_size, const char **ret_column,
    size_t *ret_column_size)
{
	const char *end = strchr(at, '\n');
	const char *dot = end != NULL ? memchr(at, '.', (size_t)(end - at)) : NULL;

	*ret_table = at;
	*ret_table_size = dot != NULL ? (size_t)(dot - at) : 0;
	*ret_column = dot != NULL ? dot + 1 : NULL;
	*ret_column_size = dot != NULL ? (size_t)(end - dot - 1) : 0;
	return end != NULL ? end + 1 : NULL;
}

/* Whether an earlier item names the same table. */
static bool
came_before(const char *list, const char *table, size_t size)
{
	const char *t, *c;
	size_t ts, cs;

	while (list < table) {
		list = next_item(list, &t, &ts, &c, &cs);
		if (list == NULL || t == table)
			return false;
		if (ts == size && sqlite3_strnicmp(t, table, (int)size) == 0)
			return true;
	}
	return false;
}

/*
 * A temporary view in front of a table, with NULL for each column that the table does not have; in front of no table
 * at all, a view without rows.  SQLite looks through it, so that indexes are used as before.
 */
static int
add_view(struct database *database, const char *list, const char *table, size_t table_size, struct hf_error *err)
{
	const char *at = list, *t, *c;
	size_t ts, cs, missing = 0;
	bool is_table = true, exists, has = false;
	sqlite3_str *sql;
	char *text;
	int r = HF_OK, code = find_object(database->db, table, table_size, &is_table);

	exists = code == SQLITE_ROW;
	if (!exists && code != SQLITE_DONE)
		return database_error(database, code, "the list of tables", err);
	if (!is_table)
		return HF_OK;
	sql = sqlite3_str_new(database->db);
	sqlite3_str_appendall(sql, "CREATE TEMP VIEW ");
	put_name(sql, table, table_size);
	sqlite3_str_appendall(sql, exists ? " AS SELECT *" : " AS SELECT NULL");
	while (r == HF_OK && at != NULL && *at != '\0') {
		at = next_item(at, &t, &ts, &c, &cs);
		if (c == NULL || ts != table_size || sqlite3_strnicmp(t, table, (int)ts) != 0)
			continue;
		if (exists)
			r = has_column(database, t, ts, c, cs, &has, err);
		if (r != HF_OK || has)
			continue;
		sqlite3_str_appendall(sql, ", NULL AS ");
		put_name(sql, c, cs);
		missing++;
	}
	if (exists) {
		sqlite3_str_appendall(sql, " FROM main.");
		put_name(sql, table, table_size);
	} else {
		sqlite3_str_appendall(sql, " WHERE 0");
	}
	text = sqlite3_str_finish(sql);
	if (text == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	if (r == HF_OK && missing > 0)
		r = execute(database, text, err);
	sqlite3_free(text);
	return r;
}

static int
add_views(struct database *database, const char *list, struct hf_error *err)
{
	const char *at = list, *t, *c;
	size_t ts, cs;
	int r = HF_OK;

	while (r == HF_OK && at != NULL && *at != '\0') {
		at = next_item(at, &t, &ts, &c, &cs);
		if (c == NULL || ts == 0 || cs == 0)
			return hf_error_set(err, HF_EINVAL, 0, "optional: each is TABLE.COLUMN");
		if (!came_before(list, t, ts))
			r = add_view(database, list, t, ts, err);
	}
	return r;
}

/* ---- columns that the file computes ---- */

static int
add_computed(struct database *database, const char *table, struct hf_error *err)
{
	char *sql = sqlite3_mprintf("PRAGMA main.table_xinfo(\"%w\")", table);
	sqlite3_stmt *stmt = NULL;
	const char *name;
	int code = sql == NULL ? SQLITE_NOMEM : sqlite3_prepare_v2(database->db, sql, -1, &stmt, NULL);

	sqlite3_free(sql);
	while (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		code = SQLITE_OK;
		name = (const char *)sqlite3_column_text(stmt, 1);
		/* 2: a virtual one; what is stored was computed long ago. */
		if (name == NULL || sqlite3_column_int(stmt, 6) != 2)
			continue;
		text_put(&database->computed, table, strlen(table) + 1);
		text_put(&database->computed, name, strlen(name) + 1);
		code = database->computed.failed == HF_OK ? SQLITE_OK : SQLITE_NOMEM;
	}
	(void)sqlite3_finalize(stmt);
	return code == SQLITE_DONE || code == SQLITE_OK ? HF_OK : database_error(database, code, "the tables", err);
}

/*
 * Lists the columns that are expressions of whoever made the file: like a view one is a program, and while a function
 * of it runs, for hours with the right arguments, nobody can interrupt SQLite.  A table without pages of its own is a
 * virtual one.
 */
static int
list_computed(struct database *database, struct hf_error *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *table;
	int r = HF_OK, code = sqlite3_prepare_v2(database->db, "SELECT name FROM main.sqlite_schema WHERE "
	    "type = 'table' AND rootpage > 0 AND sql LIKE '%AS%(%'", -1, &stmt, NULL);

	while (r == HF_OK && code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		code = SQLITE_OK;
		table = (const char *)sqlite3_column_text(stmt, 0);
		if (table != NULL)
			r = add_computed(database, table, err);
	}
	if (r == HF_OK && code != SQLITE_DONE)
		r = database_error(database, code, "the tables", err);
	(void)sqlite3_finalize(stmt);
	return r;
}

/* ---- the files ---- */

struct files {
	struct stat main, wal, journal;
	bool has_wal, has_shm, has_journal; /* with anything in them; the shm may be empty */
};

static bool
look_beside(const char *path, const char *suffix, struct stat *ret)
{
	char name[PATH_SIZE + 16];

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	memset(ret, 0, sizeof(*ret));
	return stat(name, ret) == 0;
}

static int
look(const char *path, struct files *ret, struct hf_error *err)
{
	struct stat shm;

	if (strlen(path) >= PATH_SIZE)
		return hf_error_set(err, HF_EINVAL, 0, "the path is too long");
	if (stat(path, &ret->main) != 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO, errno,
		    "%s", path);
	if (!S_ISREG(ret->main.st_mode))
		return hf_error_set(err, HF_EINVAL, 0, "%s is not a file: name the database file itself", path);
	ret->has_wal = look_beside(path, "-wal", &ret->wal) && ret->wal.st_size > 0;
	ret->has_shm = look_beside(path, "-shm", &shm);
	ret->has_journal = look_beside(path, "-journal", &ret->journal) && ret->journal.st_size > 0;
	return HF_OK;
}

static int64_t
mtime_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	int i;

	/* FNV-1a */
	for (i = 0; i < 8; i++, value >>= 8)
		hash = (hash ^ (value & 0xff)) * 0x100000001b3u;
	return hash;
}

/* 0 where a change could go unseen. */
static uint64_t
fingerprint(const struct files *files)
{
	const struct stat *stats[3];
	uint64_t hash = 0xcbf29ce484222325u;
	int64_t now = now_ns(CLOCK_REALTIME);
	size_t i;

	stats[0] = &files->main;
	stats[1] = &files->wal;
	stats[2] = &files->journal;
	for (i = 0; i < 3; i++) {
		if (mtime_of(stats[i]) > now - RACY_NS)
			return 0;
		hash = mix(hash, (uint64_t)stats[i]->st_size);
		hash = mix(hash, (uint64_t)mtime_of(stats[i]));
		hash = mix(hash, (uint64_t)stats[i]->st_ino);
	}
	return hash != 0 ? hash : 1;
}

static bool
same_files(const struct files *a, const struct files *b)
{
	return a->main.st_size == b->main.st_size && mtime_of(&a->main) == mtime_of(&b->main) &&
	    a->main.st_ino == b->main.st_ino && a->has_wal == b->has_wal && a->has_shm == b->has_shm &&
	    a->has_journal == b->has_journal;
}

/* ---- opening ---- */

static int
on_busy(void *ctx, int count)
{
	struct database *database = ctx;

	if (count == 0)
		database->row_began_ns = now_ns(CLOCK_MONOTONIC);
	if (stopping(database->host) || now_ns(CLOCK_MONOTONIC) - database->row_began_ns > BUSY_NS)
		return 0;
	nap();
	return 1;
}

/* Opens the user's file itself; unchanging: nobody has it open, so that locks are not needed. */
static int
open_file(struct database *database, const char *path, bool unchanging, struct hf_error *err)
{
	char uri[3 * PATH_SIZE + 40];
	size_t i, n;
	int code;

	n = (size_t)snprintf(uri, sizeof(uri), "file:");
	for (i = 0; i < PATH_SIZE && path[i] != '\0'; i++)
		n += (size_t)snprintf(uri + n, sizeof(uri) - n, strchr("%?#", path[i]) != NULL ? "%%%02x" : "%c",
		    (unsigned char)path[i]);
	(void)snprintf(uri + n, sizeof(uri) - n, "?mode=ro%s", unchanging ? "&immutable=1" : "");
	code = sqlite3_open_v2(uri, &database->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_PRIVATECACHE, NULL);
	if (code != SQLITE_OK)
		return database_error(database, code, path, err);
	restrain(database->db);
	(void)sqlite3_busy_handler(database->db, on_busy, database);
	return HF_OK;
}

static void
close_file(struct database *database)
{
	(void)sqlite3_close(database->db);
	database->db = NULL;
}

/*
 * Whether the file says that it has a write-ahead log (bytes 18 and 19 of its header are 2).  Read through SQLite's own
 * descriptor: closing another one of the same file would drop this process's locks on it.
 */
static int
read_header(struct database *database, const char *path, bool *ret_wal, struct hf_error *err)
{
	static const char magic[] = "SQLite format 3";
	unsigned char header[100] = {0};
	sqlite3_file *file = NULL;
	int code = sqlite3_file_control(database->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

	if (code == SQLITE_OK && file != NULL && file->pMethods != NULL)
		code = file->pMethods->xRead(file, header, sizeof(header), 0);
	if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
		return hf_error_set(err, HF_EIO, 0, "%s: its beginning cannot be read", path);
	if (memcmp(header, magic, sizeof(magic)) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s is no SQLite database%s", path,
		    code == SQLITE_OK ? ", or it is encrypted" : ": it is too short");
	*ret_wal = header[18] == 2 || header[19] == 2;
	return HF_OK;
}

static int
begin_reading(struct database *database, const char *path, struct hf_error *err)
{
	int code;

	restrain_pages(database->db);
	code = sqlite3_exec(database->db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);

	return code == SQLITE_OK ? HF_OK : database_error(database, code, path, err);
}

/* ---- copying ---- */

struct copying {
	struct database *from;
	sqlite3 *to;
	const char *path;
	bool hold; /* the source is in a read transaction */
	int left;
	int restarts;
	int64_t busy_since_ns;
};

/* Looks after a step that went well: whether somebody wrote, so that SQLite begins anew. */
static int
after_step(struct copying *copying, sqlite3_backup *backup, struct hf_error *err)
{
	int left = sqlite3_backup_remaining(backup);

	copying->busy_since_ns = 0;
	if (copying->left > 0 && left > copying->left)
		copying->restarts++;
	copying->left = left;
	if (copying->hold || copying->restarts < RESTARTS_MAX)
		return HF_OK;
	copying->hold = true;
	return begin_reading(copying->from, copying->path, err);
}

static int
wait_for_writer(struct copying *copying, int code, struct hf_error *err)
{
	int64_t now = now_ns(CLOCK_MONOTONIC);

	if (copying->busy_since_ns == 0)
		copying->busy_since_ns = now;
	if (now - copying->busy_since_ns > BUSY_NS)
		return database_error(copying->from, code, copying->path, err);
	nap();
	return HF_OK;
}

static int
copy_pages(struct copying *copying, sqlite3_backup *backup, struct hf_error *err)
{
	int code, r = HF_OK;

	while (r == HF_OK) {
		if (stopping(copying->from->host))
			return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
		code = sqlite3_backup_step(backup, STEP_PAGES);
		if (code == SQLITE_DONE)
			return HF_OK;
		if (code == SQLITE_OK)
			r = after_step(copying, backup, err);
		else if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
			r = wait_for_writer(copying, code, err);
		else
			r = database_error(&(struct database){.db = NULL}, code, copying->path, err);
	}
	return r;
}

/* Puts a copy in the place of the file's connection. */
static int
copy_database(struct database *database, const char *path, bool hold, struct hf_error *err)
{
	struct copying copying = {.from = database, .path = path, .hold = hold};
	sqlite3_backup *backup;
	int r = HF_OK;

	/* SQLite gives the file of "" no name: it is gone with this process, whatever ends that. */
	if (sqlite3_open_v2("", &copying.to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		r = hf_error_set(err, HF_EIO, 0, "%s: no place for a copy: %s", path, sqlite3_errmsg(copying.to));
		(void)sqlite3_close(copying.to);
		return r;
	}
	restrain(copying.to);
	restrain_pages(copying.to);
	restrain_pages(database->db);
	(void)sqlite3_exec(copying.to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
	if (hold)
		r = begin_reading(database, path, err);
	backup = r == HF_OK ? sqlite3_backup_init(copying.to, "main", database->db, "main") : NULL;
	if (r == HF_OK && backup == NULL)
		r = hf_error_set(err, HF_EIO, 0, "%s: %s", path, sqlite3_errmsg(copying.to));
	if (backup != NULL) {
		r = copy_pages(&copying, backup, err);
		(void)sqlite3_backup_finish(backup);
	}
	if (r != HF_OK) {
		(void)sqlite3_close(copying.to);
		return r;
	}
	close_file(database);
	database->db = copying.to;
	database->is_copy = true;
	return HF_OK;
}

/*
 * A database with a write-ahead log, whose log is not there: no program has it open.  It is read without locks, as
 * taking them would make files beside it; that nobody began to write meanwhile is seen afterwards, and then *ret_again
 * is true.
 */
static int
copy_idle(struct database *database, const char *path, const struct files *before, bool *ret_again,
    struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct files after;
	int r;

	close_file(database);
	r = open_file(database, path, true, err);
	if (r != HF_OK)
		return r;
	r = copy_database(database, path, false, &why);
	*ret_again = r != HF_ESTOPPING && (look(path, &after, NULL) != HF_OK || !same_files(before, &after));
	if (*ret_again) {
		close_file(database);
		database->is_copy = false;
		return open_file(database, path, false, err);
	}
	if (r != HF_OK && err != NULL)
		*err = why;
	return r;
}

static int
fix_state(struct database *database, const struct database_options *options, struct hf_error *err)
{
	struct files files;
	bool wal = false, again = true;
	int r = look(options->path, &files, err);

	if (r == HF_OK)
		r = open_file(database, options->path, false, err);
	if (r == HF_OK)
		r = read_header(database, options->path, &wal, err);
	if (r != HF_OK)
		return r;
	database->state = fingerprint(&files);
	if (options->copy == COPY_NEVER)
		return begin_reading(database, options->path, err);
	if (wal && !files.has_wal && !files.has_shm && !files.has_journal)
		r = copy_idle(database, options->path, &files, &again, err);
	if (r != HF_OK || !again)
		return r;
	if (wal && options->copy == COPY_AUTO && files.main.st_size > COPY_MAX)
		return begin_reading(database, options->path, err);
	return copy_database(database, options->path, wal, err);
}

/* Makes what was opened ready for queries. */
static int
make_ready(struct database *database, const struct database_options *options, struct hf_error *err)
{
	int r = HF_OK;

	(void)sqlite3_db_config(database->db, SQLITE_DBCONFIG_ENABLE_VIEW, options->views ? 1 : 0, NULL);
	if (typedstream_register(database->db) != SQLITE_OK)
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	database_begin_row(database);
	sqlite3_progress_handler(database->db, PROGRESS_STEPS, watch, database);
	connect_functions(database->db);
	(void)sqlite3_set_authorizer(database->db, authorize_views, NULL);
	if (r == HF_OK && !options->views)
		r = list_computed(database, err);
	if (r == HF_OK && options->optional != NULL)
		r = add_views(database, options->optional, err);
	if (r == HF_OK)
		r = execute(database, "PRAGMA query_only=ON; PRAGMA cache_size=-2048", err);
	(void)sqlite3_set_authorizer(database->db, authorize, database);
	return r;
}

int
database_open(const struct database_options *options, const struct hf_host *host, struct database **ret,
    struct hf_error *err)
{
	struct database *database = calloc(1, sizeof(*database));
	int r;

	if (database == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	database->host = host;
	database->timeout_ns = options->timeout_ns;
	database->computed = (struct text)TEXT_INIT(COMPUTED_MAX);
	/* A hostile file may make SQLite ask for any amount. */
	if (sqlite3_hard_heap_limit64(-1) == 0)
		(void)sqlite3_hard_heap_limit64(HEAP_MAX);
	r = fix_state(database, options, err);
	if (r == HF_OK)
		r = make_ready(database, options, err);
	if (r != HF_OK)
		database_close(database);
	else
		*ret = database;
	return r;
}

void
database_close(struct database *database)
{
	if (database == NULL)
		return;
	if (database->db != NULL)
		close_file(database);
	text_release(&database->computed);
	free(database);
}

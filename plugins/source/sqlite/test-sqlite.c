/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../common/test-source.h"

#include "card.h"
#include "cell.h"
#include "typedstream.h"

#include <fcntl.h>

#include <sqlite3.h>

/* ---- the host ---- */

static char pushed[200]; /* path that files->push was asked for */

static int
files_push(void *host_ctx, const char *top, const struct hf_text *path, const struct hf_media_request *request,
    const struct hf_media_exchange *exchange, struct hf_error *err)
{
	(void)host_ctx;
	(void)snprintf(pushed, sizeof(pushed), "%s:%.*s", top, (int)path->size, path->data);
	return exchange->end(exchange->ctx, request->token, HF_OK, NULL, err);
}

static const struct hf_host_files files = {.struct_size = sizeof(files), .push = files_push};

static const void *
files_extension(void *ctx, const char *id)
{
	return strcmp(id, HF_HOST_FILES) == 0 ? &files : host_extension(ctx, id);
}

static const struct hf_host files_host = {
	.struct_size = sizeof(struct hf_host),
	.log = host_log,
	.stop_requested = host_stop,
	.get_extension = files_extension,
};

/* ---- configuring and asking ---- */

static struct hf_value values[40];

static uint32_t
option_at(const char *name)
{
	uint32_t i;

	for (i = 0; component->options[i].name != NULL; i++)
		if (strcmp(component->options[i].name, name) == 0)
			return i;
	CU_FAIL_FATAL("no such option");
	return 0;
}

static void
set(const char *name, const char *text, int64_t number)
{
	uint32_t i = option_at(name);

	values[i] = (struct hf_value){component->options[i].type, 1, number, text};
}

static void
query(const char *name, const char *sql)
{
	char full[60];

	(void)snprintf(full, sizeof(full), "queries.%s", name);
	set(full, sql, 0);
}

/* The options as the table's defaults have them, and queries of the tables that make() makes. */
static void
set_usual(void)
{
	static char path[500];

	memset(values, 0, sizeof(values));
	(void)snprintf(path, sizeof(path), "%s/a.db", folder);
	set("path", path, 0);
	set("copy", "auto", 0);
	set("time", "unix-s", 0);
	set("query_timeout", NULL, 600000000000);
	query("rooms", "SELECT id, title AS name, 'group' AS kind, made AS created FROM room ORDER BY id");
	query("messages", "SELECT * FROM msg WHERE room = :room ORDER BY id");
}

static int
try_open(void **ret)
{
	struct hf_error err = HF_ERROR_INIT;
	uint32_t count = 0;
	int r;

	while (component->options[count].name != NULL)
		count++;
	r = source->open(&files_host, values, count, ret, &err);
	(void)snprintf(seen.error, sizeof(seen.error), "%s", err.msg);
	return r;
}

static void *
opened(void)
{
	void *handle = NULL;

	CU_ASSERT_EQUAL_FATAL(try_open(&handle), HF_OK);
	return handle;
}

/* Opens, asks, closes. */
static int
ask_once(uint32_t what, const char *room, const char *cursor)
{
	void *handle = opened();
	int r = ask(handle, what, room, cursor, 0);

	source->close(handle);
	return r;
}

static bool
said(const char *expect)
{
	bool found = strstr(seen.error, expect) != NULL;

	if (!found)
		(void)printf("not said: %s\nbut: %s\n", expect, seen.error);
	return found;
}

/* ---- databases ---- */

static void
begin_folder(void)
{
	make_folder();
	set_usual();
}

static void
run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		(void)printf("%s: %s\n", sql, sqlite3_errmsg(db));
		CU_FAIL_FATAL("SQL");
	}
}

static sqlite3 *
database(const char *name)
{
	sqlite3 *db = NULL;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path_of(name), &db), SQLITE_OK);
	return db;
}

static void
change(const char *sql)
{
	sqlite3 *db = database("a.db");

	run(db, sql);
	(void)sqlite3_close(db);
}

static void
make(void)
{
	begin_folder();
	change("CREATE TABLE room(id INTEGER PRIMARY KEY, title TEXT, made INTEGER);"
	    "CREATE TABLE msg(id INTEGER PRIMARY KEY, room INTEGER, sender TEXT, text, sent, edited, deleted, reply_to,"
	    "  upd INTEGER);"
	    "CREATE TABLE react(msg INTEGER, emoji TEXT, who TEXT);"
	    "CREATE TABLE file(id INTEGER PRIMARY KEY, msg INTEGER, name TEXT, path TEXT, mime TEXT, size INTEGER);"
	    "INSERT INTO room VALUES(1, 'one', 1600000000), (2, NULL, 0);"
	    "INSERT INTO msg VALUES(10, 1, 'ann', 'hi \"you\"', 1600000001, NULL, NULL, NULL, 1),"
	    "  (11, 1, 'bob', x'00ff', 1600000002.5, 1600000009, 0, 10, 2), (12, 1, 'ann', '', '2026-11-23 06:00', NULL, 1, NULL, 3);"
	    "INSERT INTO react VALUES(10, '+', 'bob'), (10, '-', 'ann'), (10, '+', 'cat');"
	    "INSERT INTO file VALUES(1, 10, 'p.jpg', 'd/p.jpg', 'image/jpeg', 9), (2, 10, 'q', NULL, NULL, NULL);");
}

/* ---- tests of parts ---- */

static int64_t
time_of_text(const char *text)
{
	struct cell cell = {SQLITE_TEXT, 0, 0, text, strlen(text)};

	return cell_time(&cell, TIME_ISO);
}

static void
test_times(void)
{
	struct cell cell = {SQLITE_INTEGER, 1763877600, 0, NULL, 0};

	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_S), 1763877600000000000);
	cell.integer = 1763877600123;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_MS), 1763877600123000000);
	cell.integer = 1763877600123456;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_US), 1763877600123456000);
	cell.integer = 1763877600123456789;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_NS), 1763877600123456789);
	cell.integer = 785570400;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_APPLE), 1763877600000000000);
	cell.integer = 785570400123456789;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_APPLE), 1763877600123456789);
	cell.integer = INT64_MAX;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_S), HF_NO_TIME);
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_APPLE), HF_NO_TIME);
	cell.integer = 0;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_MS), HF_NO_TIME);
	cell = (struct cell){SQLITE_FLOAT, 0, 1763877600.25, NULL, 0};
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_S), 1763877600250000000);
	cell.real = 785570400.5;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_APPLE), 1763877600500000000);
	cell.real = -1.5;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_S), -1500000000);
	cell.real = 1e300;
	CU_ASSERT_EQUAL(cell_time(&cell, TIME_UNIX_S), HF_NO_TIME);
	CU_ASSERT_EQUAL(time_of_text("2025-11-23T06:00:00Z"), 1763877600000000000);
	CU_ASSERT_EQUAL(time_of_text("2025-11-23 06:00"), 1763877600000000000);
	CU_ASSERT_EQUAL(time_of_text("2025-11-23 07:00:00.123456789+01:00"), 1763877600123456789);
	CU_ASSERT_EQUAL(time_of_text("2025-11-23T00:30:00.5-0530"), 1763877600500000000);
	CU_ASSERT_EQUAL(time_of_text("2024-02-29"), 1709164800000000000);
	CU_ASSERT_EQUAL(time_of_text("2000-03-01"), 951868800000000000);
	CU_ASSERT_EQUAL(time_of_text("1969-12-31 23:59:59"), -1000000000);
	CU_ASSERT_EQUAL(time_of_text("2025-13-01"), HF_NO_TIME);
	CU_ASSERT_EQUAL(time_of_text("2025-11-23T06:00:00Q"), HF_NO_TIME);
	CU_ASSERT_EQUAL(time_of_text("0000-01-01"), HF_NO_TIME);
	CU_ASSERT_EQUAL(time_of_text("2025-11-23T06:00:00+"), HF_NO_TIME);
	CU_ASSERT_EQUAL(time_of_text(""), HF_NO_TIME);
	CU_ASSERT_EQUAL(time_format_of("unix-ms"), TIME_UNIX_MS);
	CU_ASSERT_EQUAL(time_format_of("x"), -1);
}

static bool
is_json(const struct cell *cell, const char *expect)
{
	struct text out = TEXT_INIT(1000);
	bool same;

	cell_json(cell, &out);
	same = out.size == strlen(expect) && memcmp(out.data, expect, out.size) == 0;
	if (!same)
		(void)printf("%.*s is not %s\n", (int)out.size, out.data, expect);
	text_release(&out);
	return same;
}

static bool
is_json_text(int type, const char *data, size_t size, const char *expect)
{
	struct cell cell = {type, 0, 0, data, size};

	return is_json(&cell, expect);
}

static bool
is_json_real(double number, const char *expect)
{
	struct cell cell = {SQLITE_FLOAT, 0, number, NULL, 0};

	return is_json(&cell, expect);
}

static void
test_json(void)
{
	struct cell cell = {SQLITE_INTEGER, INT64_MIN, 0, NULL, 0};

	CU_ASSERT_TRUE(is_json(&cell, "-9223372036854775808"));
	CU_ASSERT_TRUE(is_json_real(0.1, "0.1"));
	CU_ASSERT_TRUE(is_json_real(1.0 / 3, "0.33333333333333331"));
	CU_ASSERT_TRUE(is_json_real(5, "5.0"));
	CU_ASSERT_TRUE(is_json_real(1e300, "1e+300"));
	CU_ASSERT_TRUE(is_json_real(-(1e300 * 1e300), "-9e999"));
	CU_ASSERT_TRUE(is_json_text(SQLITE_TEXT, "a\"\\\n\x01\0\xc3\xa4", 8, "\"a\\\"\\\\\\n\\u0001\\u0000\xc3\xa4\""));
	CU_ASSERT_TRUE(is_json_text(SQLITE_TEXT, "\xff\xfe", 2, "{\"text_base64\":\"//4=\"}"));
	CU_ASSERT_TRUE(is_json_text(SQLITE_TEXT, "\xed\xa0\x80", 3, "{\"text_base64\":\"7aCA\"}"));
	CU_ASSERT_TRUE(is_json_text(SQLITE_BLOB, "abcd", 4, "{\"base64\":\"YWJjZA==\"}"));
	CU_ASSERT_TRUE(is_json_text(SQLITE_BLOB, NULL, 0, "{\"base64\":\"\"}"));
	CU_ASSERT_TRUE(is_json_text(SQLITE_NULL, NULL, 0, "null"));
}

static void
test_texts(void)
{
	struct pool pool = {NULL, 0, 0};
	struct cell cell = {SQLITE_TEXT, 0, 0, "a\xff" "b", 3};
	struct hf_text text;

	CU_ASSERT_TRUE(cell_text(&cell, &pool, &text));
	CU_ASSERT_EQUAL(text.size, 5);
	CU_ASSERT_EQUAL(memcmp(text.data, "a\xef\xbf\xbd" "b", 5), 0);
	CU_ASSERT_TRUE(cell_id(&cell, &pool, &text));
	CU_ASSERT_EQUAL(text.size, 6);
	CU_ASSERT_EQUAL(memcmp(text.data, "61ff62", 6), 0);
	cell.size = 0;
	CU_ASSERT_TRUE(cell_id(&cell, &pool, &text));
	CU_ASSERT_PTR_NULL(text.data);
	CU_ASSERT_TRUE(cell_text(&cell, &pool, &text));
	CU_ASSERT_PTR_NOT_NULL(text.data);
	CU_ASSERT_PTR_NULL(pool_take(&pool, (size_t)-1));
	CU_ASSERT_PTR_NOT_NULL(pool_take(&pool, 1u << 20));
	pool_clear(&pool);
	CU_ASSERT_PTR_NOT_NULL(pool_take(&pool, 7u << 20));
	CU_ASSERT_PTR_NULL(pool_take(&pool, 2u << 20));
	pool_release(&pool);
}

/* What NSArchiver writes of an attributed string, up to its text. */
#define STREAM                                                                                                  \
	"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x12NSAttributedString\x00\x84\x84\x08NSObject\x00\x85" \
	"\x92\x84\x84\x84\x08NSString\x01\x94\x84\x01+"
#define MUTABLE                                                                                                 \
	"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x19NSMutableAttributedString\x00\x84\x84\x12"          \
	"NSAttributedString\x00\x84\x84\x08NSObject\x00\x85\x92\x84\x84\x84\x0fNSMutableString\x01\x84\x84\x08"      \
	"NSString\x01\x95\x84\x01+"

static bool
stream_has(const char *head, size_t head_size, const char *rest, size_t rest_size, const char *expect)
{
	char data[2000];
	const char *text;
	size_t size;

	memcpy(data, head, head_size);
	memcpy(data + head_size, rest, rest_size);
	if (!typedstream_text(data, head_size + rest_size, &text, &size))
		return expect == NULL;
	return expect != NULL && size == strlen(expect) && memcmp(text, expect, size) == 0;
}

static void
test_typedstream(void)
{
	char rest[1000], long_text[600];

	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, "\x05hello\x86\x84", 8, "hello"));
	CU_ASSERT_TRUE(stream_has(MUTABLE, sizeof(MUTABLE) - 1, "\x02\xc3\xa4\x86", 4, "\xc3\xa4"));
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, "\x00\x86", 2, ""));
	memset(long_text, 'x', 599);
	long_text[599] = '\0';
	memcpy(rest, "\x81\x57\x02", 3);
	memcpy(rest + 3, long_text, 599);
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, rest, 602, long_text));
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, rest, 601, NULL));
	memcpy(rest, "\x82\x03\x00\x00\x00" "abc", 8);
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, rest, 8, "abc"));
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, "\x82\xff\xff\xff\xff" "abc", 8, NULL));
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, "\x02\xff\xff", 3, NULL));
	CU_ASSERT_TRUE(stream_has(STREAM, sizeof(STREAM) - 1, "", 0, NULL));
	CU_ASSERT_TRUE(stream_has("bplist00", 8, "x", 1, NULL));
}

/* Whatever the bytes, what is found lies within them; under a sanitizer, nothing else is read. */
static void
test_typedstream_fuzz(void)
{
	unsigned seed = 1;
	char *data, *whole;
	const char *text;
	size_t size, i, found = 0, text_size;

	for (i = 0; i < 20000; i++) {
		size = sizeof(MUTABLE) - 1 + 6;
		data = malloc(size);
		memcpy(data, MUTABLE "\x05hello", size);
		seed = seed * 1103515245u + 12345u;
		data[seed / 65536 % size] = (char)(seed >> 8);
		seed = seed * 1103515245u + 12345u;
		size = i % 3 == 0 ? seed / 65536 % size : size;
		/* Memory of just that size, so that a sanitizer sees what is read behind it. */
		whole = data;
		data = malloc(size + (size == 0));
		memcpy(data, whole, size);
		free(whole);
		if (typedstream_text(data, size, &text, &text_size)) {
			CU_ASSERT_TRUE(text >= data && text_size <= (size_t)(data + size - text));
			found++;
		}
		free(data);
	}
	CU_ASSERT_TRUE(found > 1000 && found < 20000);
}

static void
test_card(void)
{
	struct card card = {.id = {"x1", 2, 0, 0},
		.name = {"Li, \"A\"; B\\\nC\x01", 14, 0, 0},
		.phone = {"+49 1\n+49 2\n", 12, 0, 0},
		.email = {"a@example.org", 13, 0, 0}};
	struct text out = TEXT_INIT(4000);
	struct hf_text wide;
	char wide_text[200];
	size_t i, line;

	card_put(&card, &out);
	text_byte(&out, '\0');
	CU_ASSERT_STRING_EQUAL(out.data, "BEGIN:VCARD\r\nVERSION:4.0\r\nUID;VALUE=text:x1\r\n"
	    "FN:Li\\, \"A\"\\; B\\\\\\nC\r\nTEL;VALUE=text:+49 1\r\nTEL;VALUE=text:+49 2\r\nEMAIL:a@example.org\r\n"
	    "END:VCARD\r\n");
	/* Folded without cutting a character. */
	for (i = 0; i < 198; i += 3)
		memcpy(wide_text + i, "\xe2\x82\xac", 3);
	wide = (struct hf_text){wide_text, 198, 0, 0};
	card = (struct card){.id = {"x", 1, 0, 0}, .name = wide};
	text_clear(&out);
	card_put(&card, &out);
	CU_ASSERT_TRUE(utf8_is_valid(out.data, out.size));
	for (i = line = 0; i < out.size; i++) {
		CU_ASSERT_TRUE(i - line <= 76);
		if (out.data[i] == '\n')
			line = i + 1;
	}
	text_byte(&out, '\0');
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "\xac\r\n \xe2"));
	/* There is always a name to show. */
	card = (struct card){.id = {"x", 1, 0, 0}, .family = {"F", 1, 0, 0}, .given = {"G", 1, 0, 0}};
	text_clear(&out);
	card_put(&card, &out);
	text_byte(&out, '\0');
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "FN:G F\r\nN:F;G;;;\r\n"));
	text_release(&out);
}

/* ---- tests of the source ---- */

static void
test_rows(void)
{
	void *handle;

	make();
	query("account", "SELECT 'me' AS id, 'Me' AS name");
	query("participants", "SELECT DISTINCT sender AS id FROM msg WHERE room = :room ORDER BY 1");
	query("people", "SELECT DISTINCT sender AS id, upper(sender) AS name FROM msg ORDER BY 1");
	query("attachments", "SELECT * FROM file WHERE msg = :message ORDER BY id");
	query("reactions", "SELECT emoji AS key, who AS sender FROM react WHERE msg = :message ORDER BY rowid");
	set("identity.service", "test", 0);
	handle = opened();
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged(" service=\"test\" id=\"me\" name=\"Me\""));
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 2);
	CU_ASSERT_TRUE(logged("room id=\"1\" name=\"one\" kind=\"group\" created=1600000000000000000 count=0 "));
	CU_ASSERT_TRUE(logged("room id=\"2\" name=null kind=\"group\" count=0 "));
	CU_ASSERT_TRUE(has_raw("{\"id\":2,\"name\":null,\"kind\":\"group\",\"created\":0}\n"));
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_PARTICIPANTS, "1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 2);
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("person id=\"ann\" name=\"ANN\"\nperson id=\"bob\" name=\"BOB\"\n"));
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_MESSAGES, "1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_TRUE(logged("message id=\"10\" sender=\"ann\" kind=\"text\" text=\"hi \\\"you\\\"\" "
	    "reply=null thread=null sent=1600000001000000000 flags=2 key=\"+\"*2 by=\"bob\" "
	    "by=\"cat\" key=\"-\"*1 by=\"ann\" file=\"p.jpg\" is=\"image\" url=null "
	    "path=\"d/p.jpg\" mime=\"image/jpeg\" 9b -1x-1 file=\"q\" is=\"file\" url=null mime=null -1b -1x-1\n"));
	CU_ASSERT_TRUE(logged("message id=\"11\" sender=\"bob\" kind=\"text\" text=\"00ff\" reply=\"10\" "
	    "thread=null sent=1600000002500000000 edited=1600000009000000000 flags=2\n"));
	CU_ASSERT_TRUE(logged("message id=\"12\" sender=\"ann\" kind=\"text\" text=\"\" "
	    "reply=null thread=null sent=1795413600000000000 flags=3\n"));
	CU_ASSERT_TRUE(has_raw("{\"id\":10,\"room\":1,\"sender\":\"ann\",\"text\":\"hi \\\"you\\\"\",\"sent\":1600000001,"
	    "\"edited\":null,\"deleted\":null,\"reply_to\":null,\"upd\":1,\"attachments:rows\":[{\"id\":1,\"msg\":10,"
	    "\"name\":\"p.jpg\",\"path\":\"d/p.jpg\",\"mime\":\"image/jpeg\",\"size\":9},{\"id\":2,\"msg\":10,\"name\":\"q\","
	    "\"path\":null,\"mime\":null,\"size\":null}],\"reactions:rows\":[{\"key\":\"+\",\"sender\":\"bob\"},{\"key\":\"-\","
	    "\"sender\":\"ann\"},{\"key\":\"+\",\"sender\":\"cat\"}]}\n"));
	CU_ASSERT_TRUE(has_raw("\"text\":{\"base64\":\"AP8=\"},\"sent\":1600000002.5"));
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_MESSAGES, "7", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_CONTACTS, NULL, NULL, 0), HF_ENOTSUP);
	source->close(handle);
	remove_folder();
}

static void
test_columns(void)
{
	make();
	/* "=NAME" is for the field alone; of two "id" the later one counts. */
	query("messages", "SELECT id, room, 'x' || id AS id, sender AS \"=sender\", 'no' AS sender, text AS [=text], "
	    "'{\"\\u2764\":[\"a\",\"b\"],\"ok\":3}' AS reactions, 'u' AS media_url, 'video/mp4' AS media_mime, 7 AS media_size, "
	    "9 AS ref FROM msg WHERE room = :room AND id = 10");
	query("reactions", "SELECT :message AS key");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_TRUE(logged("message id=\"x10\" sender=\"ann\" kind=\"text\" text=\"hi \\\"you\\\"\" "
	    "reply=null thread=null flags=2 key=\"\\u2764\"*2 by=\"a\" "
	    "by=\"b\" key=\"ok\"*3 key=\"9\"*1 is=\"video\" url=\"u\" mime=\"video/mp4\" 7b -1x-1\n"));
	CU_ASSERT_TRUE(has_raw("{\"id\":10,\"room\":1,\"id:2\":\"x10\",\"sender\":\"no\",\"reactions\":"));
	remove_folder();
}

static void
test_contacts(void)
{
	begin_folder();
	memset(values, 0, sizeof(values));
	set("path", path_of("a.db"), 0);
	set("query_timeout", NULL, 1000000000);
	change("CREATE TABLE c(id, name, phone, card, at); INSERT INTO c VALUES(1, 'Ann', '+1', NULL, 5),"
	    "(2, 'x', 'y', 'BEGIN:VCARD', NULL), (NULL, 'z', 'z', NULL, NULL)");
	query("contacts", "SELECT id, name, phone, card AS vcard, at AS updated FROM c");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_CONTACTS, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.contacts, 2);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_TRUE(logged("contact id=\"1\" updated=5000000000\nBEGIN:VCARD\r\nVERSION:4.0\r\n"
	    "UID;VALUE=text:1\r\nFN:Ann\r\nTEL;VALUE=text:+1\r\nEND:VCARD\r\ncontact id=\"2\"\nBEGIN:VCARD"));
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_ENOTSUP);
	remove_folder();
}

static void
test_cursor(void)
{
	char first[4000];

	make();
	query("messages", "SELECT *, upd AS [=cursor] FROM msg WHERE room = :room AND upd > :after ORDER BY id");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"after\":3}"));
	(void)snprintf(first, sizeof(first), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_STRING_EQUAL(seen.cursor, first);
	change("UPDATE msg SET text = 'new', upd = 4 WHERE id = 10");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"after\":4}"));
	set("cursor.look_back", NULL, 2);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	/* Another query makes the cursor useless. */
	query("messages", "SELECT *, upd AS cursor FROM msg WHERE room = :room AND upd > :after");
	set("cursor.look_back", NULL, 0);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	/* Text, with what JSON escapes. */
	query("messages", "SELECT id, char(34) || '2026-0' || upd AS cursor FROM msg WHERE room = :room AND "
	    "char(34) || '2026-0' || upd >= :after");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3); /* without a column's affinity, numbers sort before text */
	query("messages", "SELECT id, char(34) || '2026-0' || upd AS cursor FROM msg WHERE room = :room AND "
	    "char(34) || '2026-0' || upd >= CAST(:after AS TEXT)");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0); /* '"' sorts before '-' */
	query("messages", "SELECT id, '2026\"0' || upd AS cursor FROM msg WHERE room = :room AND "
	    "'2026\"0' || upd >= CAST(:after AS TEXT)");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	(void)snprintf(first, sizeof(first), "%s", seen.cursor);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"after\":\"2026\\\"04\"}"));
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1);
	query("messages", "SELECT id, x'00' AS cursor FROM msg WHERE room = :room AND 1 >= :after");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_EINVAL);
	CU_ASSERT_TRUE(said("must be a number or a text"));
	remove_folder();
}

static void
test_ordered(void)
{
	char first[4000];
	void *handle;

	make();
	change("UPDATE msg SET upd = 5 WHERE id IN (10, 11); UPDATE msg SET upd = 6 WHERE id = 12;"
	    "INSERT INTO msg VALUES(13, 1, 'a', 'x', 1, 0, 0, 0, 7)");
	query("messages", "SELECT *, upd AS [=cursor] FROM msg WHERE room = :room AND upd > :after ORDER BY upd");
	set("cursor.ordered", NULL, 1);
	handle = opened();
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_MESSAGES, "1", NULL, 1), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	/* Not before the last with a cursor of 5 was seen. */
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.first_cursor, "\"after\":5}"));
	(void)snprintf(first, sizeof(first), "%s", seen.first_cursor);
	CU_ASSERT_EQUAL(seen.checkpoints, 3);
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_MESSAGES, "1", first, 1), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 2);
	source->close(handle);
	query("messages", "SELECT *, upd AS [=cursor] FROM msg WHERE room = :room AND upd > :after ORDER BY upd DESC");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_EINVAL);
	CU_ASSERT_TRUE(said("do not come sorted"));
	/* Where they are not ordered, a checkpoint under way moves nothing. */
	set("cursor.ordered", NULL, 0);
	handle = opened();
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_MESSAGES, "1", NULL, 1), HF_OK);
	CU_ASSERT_PTR_NULL(strstr(seen.first_cursor, "after"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"after\":7}"));
	source->close(handle);
	remove_folder();
}

static void
test_version(void)
{
	char first[4000];

	make();
	query("version", "SELECT count(*), max(upd) FROM msg WHERE room = :room");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, ",\"version\":{\"count(*)\":3,\"max(upd)\":3}}"));
	(void)snprintf(first, sizeof(first), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_STRING_EQUAL(seen.cursor, first);
	change("UPDATE msg SET upd = 9 WHERE id = 10");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	/* A room with a failed message is never told to be unchanged. */
	change("UPDATE msg SET text = zeroblob(2900000) WHERE id = 11; UPDATE msg SET reply_to = zeroblob(2900000) WHERE id = 11");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 2);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_STRING_EQUAL(seen.where, "room 1: message 11");
	CU_ASSERT_PTR_NULL(strstr(seen.cursor, "version"));
	remove_folder();
}

/* Without a version and a cursor, a file that has not changed is proof enough. */
static void
test_state(void)
{
	struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
	char first[4000];

	make();
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_PTR_NULL(strstr(seen.cursor, "state")); /* it was changed just now */
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path_of("a.db"), times, 0), 0);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "state"));
	(void)snprintf(first, sizeof(first), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	change("UPDATE msg SET upd = 9 WHERE id = 10");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", first), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	remove_folder();
}

static void
test_damaged_cursors(void)
{
	static const char *const cursors[] = {"", "x", "{}", "[1]", "{\"q\":1,\"after\":7}", "{\"q\":\"0\",\"after\":{}}",
		"{\"after\":\"a\"}"};
	size_t i;

	make();
	query("messages", "SELECT *, upd AS [=cursor] FROM msg WHERE room = :room AND upd > :after");
	for (i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
		CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", cursors[i]), HF_OK);
		CU_ASSERT_EQUAL(seen.messages, 3);
	}
	remove_folder();
}

static bool
is_refused(const char *name, const char *sql, int code, const char *sentence)
{
	int r;

	query(name, sql);
	r = ask_once(HF_QUERY_ROOMS, NULL, NULL);
	if (r != code)
		(void)printf("%s: %d %s\n", sql, r, seen.error);
	return r == code && said(sentence);
}

/* Queries can do nothing but read. */
static void
test_refused(void)
{
	static const char *const sql[] = {"DELETE FROM msg", "DELETE FROM msg RETURNING id", "INSERT INTO room(id) VALUES(3)",
		"UPDATE sqlite_master SET sql = 'x'", "ATTACH '/tmp/x' AS x", "PRAGMA query_only", "PRAGMA table_info(msg)",
		"SELECT load_extension('x') AS id", "SELECT id FROM pragma_table_info('msg')", "CREATE TABLE x(y)", "VACUUM",
		"CREATE TEMP TABLE x AS SELECT 1", "BEGIN", "COMMIT", "DROP TABLE msg", "REINDEX", "SAVEPOINT x",
		"SELECT randomblob(10) AS id", "EXPLAIN SELECT 1 AS id"};
	size_t i;
	int r;

	make();
	for (i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		query("people", sql[i]);
		r = ask_once(HF_QUERY_ROOMS, NULL, NULL);
		if (r != HF_EPERM && r != HF_EINVAL)
			(void)printf("%s: %d %s\n", sql[i], r, seen.error);
		CU_ASSERT_TRUE((r == HF_EPERM || r == HF_EINVAL) && said("queries.people: "));
	}
	CU_ASSERT_TRUE(is_refused("people", "SELECT 1 AS id; SELECT 2", HF_EINVAL, "there is more than one statement"));
	CU_ASSERT_TRUE(is_refused("people", "SELECT 1 AS name", HF_EINVAL, "no column is named \"id\""));
	CU_ASSERT_TRUE(is_refused("people", "", HF_EINVAL, "it is not a SELECT"));
	CU_ASSERT_TRUE(is_refused("people", "SELECT nowhere AS id FROM msg", HF_EINVAL, "no such column: nowhere"));
	CU_ASSERT_TRUE(is_refused("people", "SELECT \"nowhere\" AS id FROM msg", HF_EINVAL, "no such column: nowhere"));
	query("people", "SELECT id FROM msg;\n;  ");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_OK);
	remove_folder();
}

static void
test_options(void)
{
	void *handle = NULL;

	make();
	set("copy", "sometimes", 0);
	CU_ASSERT_EQUAL(try_open(&handle), HF_EINVAL);
	CU_ASSERT_TRUE(said("copy: it is auto, always or never"));
	set("copy", "never", 0);
	set("time", "unix", 0);
	CU_ASSERT_EQUAL(try_open(&handle), HF_EINVAL);
	CU_ASSERT_TRUE(said("time: it is unix-s"));
	set("time", "iso", 0);
	values[option_at("queries.rooms")].set = 0;
	CU_ASSERT_EQUAL(try_open(&handle), HF_EINVAL);
	CU_ASSERT_TRUE(said("need each other"));
	values[option_at("queries.messages")].set = 0;
	CU_ASSERT_EQUAL(try_open(&handle), HF_EINVAL);
	CU_ASSERT_TRUE(said("no queries"));
	CU_ASSERT_PTR_NULL(handle);
	remove_folder();
}

static void
test_no_database(void)
{
	FILE *file;

	make();
	set("path", path_of("none.db"), 0);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_ENOTFOUND);
	set("path", folder, 0);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_EINVAL);
	CU_ASSERT_TRUE(said("name the database file itself"));
	file = fopen(path_of("text"), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE(fputs("hello", file) >= 0);
	CU_ASSERT_EQUAL(fclose(file), 0);
	set("path", path_of("text"), 0);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_ECORRUPT);
	CU_ASSERT_TRUE(said("is no SQLite database: it is too short"));
	/* Characters that mean something in a URI. */
	CU_ASSERT_EQUAL(rename(path_of("text"), folder), -1);
	remove_folder();
	make();
	{
		char from[500], to[500];

		(void)snprintf(from, sizeof(from), "%s", path_of("a.db"));
		(void)snprintf(to, sizeof(to), "%s", path_of("a?mode=rw&x=1#%20.db"));
		CU_ASSERT_EQUAL(rename(from, to), 0);
		set("path", to, 0);
		CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_OK);
		CU_ASSERT_EQUAL(seen.rooms, 2);
	}
	remove_folder();
}

static void
test_optional(void)
{
	make();
	query("messages", "SELECT m.id, m.text, m.colour, t.note FROM msg AS m LEFT JOIN tags AS t ON t.msg = m.id "
	    "WHERE m.room = :room");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_EINVAL);
	set("optional", "msg.colour\nmsg.text\ntags.msg\ntags.note\nroom.id\n", 5);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	CU_ASSERT_TRUE(has_raw("{\"id\":10,\"text\":\"hi \\\"you\\\"\",\"colour\":null,\"note\":null}\n"));
	change("ALTER TABLE msg ADD COLUMN colour DEFAULT 'red'; CREATE TABLE tags(msg, note); INSERT INTO tags VALUES(10, 'n')");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_TRUE(has_raw("\"colour\":\"red\",\"note\":\"n\"}\n"));
	set("optional", "msg\n", 1);
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_EINVAL);
	CU_ASSERT_TRUE(said("each is TABLE.COLUMN"));
	remove_folder();
}

/* ---- a database in use ---- */

static bool
exists(const char *name)
{
	struct stat st;

	return stat(path_of(name), &st) == 0;
}

static void
test_in_use(void)
{
	sqlite3 *writer;
	void *handle;

	make();
	writer = database("a.db");
	run(writer, "PRAGMA journal_mode=WAL; INSERT INTO room VALUES(3, 'three', 1)");
	run(writer, "BEGIN IMMEDIATE; INSERT INTO room VALUES(4, 'four', 1)");
	/* What is committed, in the log too; not what is under way. */
	handle = opened();
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 3);
	run(writer, "COMMIT");
	/* One state for all that is asked. */
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 3);
	source->close(handle);
	set("copy", "never", 0);
	handle = opened();
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 4);
	run(writer, "INSERT INTO room VALUES(5, 'five', 1)");
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 4);
	source->close(handle);
	set("copy", "auto", 0);
	(void)sqlite3_close(writer);
	/* Nobody has it open: nothing is left beside it. */
	CU_ASSERT_FALSE(exists("a.db-wal"));
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 5);
	CU_ASSERT_FALSE(exists("a.db-wal"));
	CU_ASSERT_FALSE(exists("a.db-shm"));
	/* A rollback journal: the one who writes is waited for, then asked again later. */
	writer = database("a.db");
	run(writer, "PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE; INSERT INTO room VALUES(6, 'six', 1)");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_EBUSY);
	CU_ASSERT_TRUE(said("a program is writing to it"));
	run(writer, "ROLLBACK");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 5);
	/* A copy leaves the writer free. */
	handle = opened();
	CU_ASSERT_EQUAL(ask(handle, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	run(writer, "INSERT INTO room VALUES(7, 'seven', 1)");
	source->close(handle);
	(void)sqlite3_close(writer);
	remove_folder();
}

/* ---- hostile files ---- */

/* What the queries of a file with this schema in place of the table "room" end with. */
static bool
room_is(const char *schema, int code, const char *sentence)
{
	int r;

	change("DROP VIEW IF EXISTS room");
	change(schema);
	r = ask_once(HF_QUERY_ROOMS, NULL, NULL);
	if (r != code)
		(void)printf("%s: %d %s\n", schema, r, seen.error);
	return r == code && said(sentence);
}

static void
test_hostile_schema(void)
{
	static const char endless[] = "CREATE VIEW room AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
	    "SELECT x AS id, NULL AS title, 0 AS made FROM n WHERE x < 0";

	make();
	change("ALTER TABLE room RENAME TO hidden");
	CU_ASSERT_TRUE(room_is("CREATE VIEW room AS SELECT * FROM hidden", HF_EINVAL, "set views: true if you trust the file"));
	CU_ASSERT_TRUE(room_is(endless, HF_EINVAL, "queries.rooms"));
	/* A column that is computed is a program of the file, too, which nothing could interrupt. */
	change("DROP VIEW room; CREATE TABLE room(id, title AS (instr(hex(id), 'x')), made)");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_EPERM);
	CU_ASSERT_TRUE(said("set views: true if you trust the file"));
	change("DROP TABLE room; CREATE TABLE room(id, title AS (instr(hex(id), 'x')) STORED, made, other AS (1))");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_OK);
	set("views", NULL, 1);
	change("DROP TABLE room; CREATE TABLE room(id, title AS (instr(hex(id), 'x')), made)");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_OK);
	set("views", NULL, 0);
	change("DROP TABLE room");
	/* Nor does a view take the place of a table that may be missing. */
	set("optional", "room.id\nroom.title\nroom.made\n", 3);
	CU_ASSERT_TRUE(room_is("CREATE VIEW room AS SELECT * FROM hidden", HF_EINVAL, "set views: true if you trust the file"));
	set("views", NULL, 1);
	CU_ASSERT_TRUE(room_is("CREATE VIEW room AS SELECT * FROM hidden", HF_OK, ""));
	CU_ASSERT_EQUAL(seen.rooms, 2);
	/* One that never gives a row ends after a while. */
	set("query_timeout", NULL, 1000000000);
	CU_ASSERT_TRUE(room_is(endless, HF_ERANGE, "no row after 1 s"));
	/* A view cannot do what a query must not. */
	CU_ASSERT_TRUE(room_is("CREATE VIEW room AS SELECT load_extension('x') AS id, 1 AS title, 1 AS made", HF_EINVAL,
	    "load_extension"));
	/* A value that fills memory. */
	CU_ASSERT_TRUE(room_is("CREATE VIEW room AS SELECT 1 AS id, replace(printf('%1000000d', 1), ' ', 'xxxxxxxxxx') AS title, 1 AS made",
	    HF_ERANGE, "larger than 4 MiB"));
	/* A virtual table is not even connected. */
	change("DROP VIEW room; CREATE VIRTUAL TABLE room USING fts4(id, title, made)");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_ROOMS, NULL, NULL), HF_EINVAL);
	CU_ASSERT_TRUE(said("virtual tables are not read"));
	remove_folder();
}

static void
test_large_value(void)
{
	make();
	change("UPDATE msg SET text = zeroblob(6000000) WHERE id = 11");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_STRING_EQUAL(seen.where, "room 1: the rest");
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "larger than 4 MiB"));
	query("messages", "SELECT id, CASE WHEN length(text) < 4000000 THEN text END AS text FROM msg WHERE room = :room");
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	remove_folder();
}

static void
flip_bytes(const char *path, unsigned *seed)
{
	unsigned char bytes[16];
	struct stat st;
	int fd = open(path, O_RDWR), i;
	off_t at;

	CU_ASSERT_TRUE_FATAL(fd >= 0 && fstat(fd, &st) == 0);
	*seed = *seed * 1103515245u + 12345u;
	at = (off_t)(*seed / 64 % (unsigned)(st.st_size - 16));
	for (i = 0; i < 16; i++) {
		*seed = *seed * 1103515245u + 12345u;
		bytes[i] = (unsigned char)(*seed >> 16);
	}
	CU_ASSERT_EQUAL(pwrite(fd, bytes, sizeof(bytes), at), (ssize_t)sizeof(bytes));
	CU_ASSERT_EQUAL(close(fd), 0);
}

/* Bytes anywhere: no crash, and what cannot be read is told. */
static void
test_corrupt(void)
{
	unsigned seed = 7;
	int i, told = 0, r;
	char command[1100], good[500];

	make();
	change("WITH RECURSIVE n(x) AS (SELECT 100 UNION ALL SELECT x + 1 FROM n WHERE x < 2100)"
	    "INSERT INTO msg SELECT x, 1, 'a', 'text of ' || x, x, NULL, NULL, NULL, x FROM n");
	change("CREATE INDEX i ON msg(room, sent); PRAGMA journal_mode=DELETE");
	(void)snprintf(good, sizeof(good), "%s", path_of("a.db"));
	set("path", path_of("b.db"), 0);
	set("query_timeout", NULL, 2000000000);
	query("messages", "SELECT * FROM msg WHERE room = :room ORDER BY sent");
	for (i = 0; i < 150; i++) {
		(void)snprintf(command, sizeof(command), "cp '%s' '%s'", good, path_of("b.db"));
		CU_ASSERT_EQUAL_FATAL(system(command), 0);
		set("path", path_of("b.db"), 0);
		flip_bytes(path_of("b.db"), &seed);
		if (i % 2 == 0)
			flip_bytes(path_of("b.db"), &seed);
		if (i % 10 == 0)
			CU_ASSERT_EQUAL(truncate(path_of("b.db"), 4096 * (1 + i / 10) + i), 0);
		r = ask_once(HF_QUERY_ROOMS, NULL, NULL);
		if (r == HF_OK)
			r = ask_once(HF_QUERY_MESSAGES, "1", NULL);
		told += r != HF_OK || seen.failed > 0;
		CU_ASSERT_TRUE(r != HF_OK || seen.failed > 0 || seen.messages > 0);
	}
	(void)printf("%d of 150 told ", told);
	CU_ASSERT_TRUE(told > 20);
	remove_folder();
}

/* ---- media ---- */

struct exchange {
	const struct hf_attachment *attachments;
	uint64_t next, count;
	int codes[8];
};

static int
exchange_next(void *ctx, struct hf_media_request *ret, struct hf_error *err)
{
	struct exchange *e = ctx;

	if (e->next == e->count)
		return hf_error_set(err, HF_ENOTFOUND, 0, "none");
	ret->token = e->next;
	ret->attachment = &e->attachments[e->next++];
	return HF_OK;
}

static int
exchange_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct exchange *e = ctx;

	(void)why;
	(void)err;
	e->codes[token] = code;
	return HF_OK;
}

static void
test_media(void)
{
	struct hf_attachment a[3];
	struct exchange e = {a, 0, 3, {1, 1, 1}};
	struct hf_media_exchange exchange = {.struct_size = sizeof(exchange), .ctx = &e, .parallel = 2, .next = exchange_next,
	    .end = exchange_end};
	struct hf_error err = HF_ERROR_INIT;
	void *handle;

	make();
	memset(a, 0, sizeof(a));
	a[0].path = (struct hf_text){"d/p.jpg", 7, HF_TEXT_UTF8, 0};
	a[1].url = (struct hf_text){"https://x", 9, HF_TEXT_UTF8, 0};
	a[2].path = a[0].path;
	handle = opened();
	CU_ASSERT_EQUAL(source->fetch_media(handle, &exchange, &err), HF_OK);
	CU_ASSERT_EQUAL(e.codes[0], HF_ENOTFOUND);
	CU_ASSERT_EQUAL(e.codes[1], HF_ENOTSUP);
	source->close(handle);
	set("media_folder", "/media", 0);
	handle = opened();
	e.next = 0;
	CU_ASSERT_EQUAL(source->fetch_media(handle, &exchange, &err), HF_OK);
	CU_ASSERT_EQUAL(e.codes[0], HF_OK);
	CU_ASSERT_EQUAL(e.codes[1], HF_ENOTSUP);
	CU_ASSERT_STRING_EQUAL(pushed, "/media:d/p.jpg");
	source->close(handle);
	remove_folder();
}

static void
test_stop(void)
{
	make();
	change("WITH RECURSIVE n(x) AS (SELECT 100 UNION ALL SELECT x + 1 FROM n WHERE x < 1100)"
	    "INSERT INTO msg SELECT x, 1, 'a', 'x', x, NULL, NULL, NULL, x FROM n");
	seen.stop_after = 200;
	CU_ASSERT_EQUAL(ask_once(HF_QUERY_MESSAGES, "1", NULL), HF_ESTOPPING);
	CU_ASSERT_TRUE(seen.messages < 300);
	seen.stop_after = 0;
	remove_folder();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"times", test_times}, {"json", test_json}, {"texts", test_texts},
	    {"typedstream", test_typedstream}, {"typedstream, any bytes", test_typedstream_fuzz}, {"card", test_card},
	    {"rows", test_rows}, {"columns", test_columns}, {"contacts", test_contacts}, {"cursor", test_cursor},
	    {"ordered", test_ordered}, {"version", test_version}, {"state", test_state},
	    {"damaged cursors", test_damaged_cursors}, {"refused", test_refused}, {"options", test_options},
	    {"no database", test_no_database}, {"optional", test_optional}, {"in use", test_in_use},
	    {"hostile schema", test_hostile_schema}, {"large value", test_large_value}, {"corrupt", test_corrupt},
	    {"media", test_media}, {"stop", test_stop}, CU_TEST_INFO_NULL};

	return source_run("sqlite", TEST_PLUGIN, tests);
}

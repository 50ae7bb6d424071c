/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"
#include "base/unit.h"

#include <sys/stat.h>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <holdfast/plugin.h>

/* A host that notes what the plugin under test pushes. */
static struct {
	int rooms, people, messages, checkpoints, failed;
	struct buffer log; /* what was pushed, a line each */
	struct buffer raw; /* the raw values, a line each */
	char cursor[400];
	char first_cursor[400];
	char where[2000];
	char why[480];
	char warning[1024]; /* logged last */
	int warnings;
	int stop_after; /* messages; 0: never */
} seen;

static char folder[200];
static const struct hf_component *component;
static const struct hf_source_ops *source;

static void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	if (level == HF_LOG_WARNING) {
		seen.warnings++;
		(void)snprintf(seen.warning, sizeof(seen.warning), "%.*s", (int)size, msg);
	}
	(void)printf("%.*s\n", (int)size, msg);
}

static int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return seen.stop_after > 0 && seen.messages >= seen.stop_after;
}

static const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	return strcmp(id, HF_HOST_JSON) == 0 ? &json_host_extension : NULL;
}

static const struct hf_host host = {
	.struct_size = sizeof(struct hf_host),
	.log = host_log,
	.stop_requested = host_stop,
	.get_extension = host_extension,
};

static void
note(const char *name, const struct hf_text *text)
{
	buffer_appendf(&seen.log, " %s=", name);
	json_put_text(&seen.log, text);
}

static void
note_time(const char *name, int64_t ns)
{
	if (ns != HF_NO_TIME)
		buffer_appendf(&seen.log, " %s=%lld", name, (long long)ns);
}

static void
note_raw(const struct hf_blob *raw)
{
	buffer_append(&seen.raw, raw->data, raw->size);
	buffer_append_byte(&seen.raw, '\n');
}

static int
on_account(void *ctx, const struct hf_account *account, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	note("service", &account->service);
	return HF_OK;
}

static int
on_room(void *ctx, const struct hf_room *room, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.rooms++;
	buffer_append_string(&seen.log, "room");
	note("id", &room->id);
	note("name", &room->name);
	note("kind", &room->kind);
	note_time("created", room->created_ns);
	buffer_appendf(&seen.log, " count=%llu bytes=%llu\n", (unsigned long long)room->estimated_messages,
	    (unsigned long long)room->estimated_bytes);
	note_raw(&room->raw);
	return HF_OK;
}

static int
on_participant(void *ctx, const struct hf_participant *participant, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.people++;
	buffer_append_string(&seen.log, "person");
	note("id", &participant->id);
	note("name", &participant->name);
	buffer_append_byte(&seen.log, '\n');
	note_raw(&participant->raw);
	return HF_OK;
}

static int
on_message(void *ctx, const struct hf_message *m, struct hf_error *err)
{
	const struct hf_attachment *a;
	uint64_t i, k;

	(void)ctx;
	(void)err;
	seen.messages++;
	buffer_append_string(&seen.log, "message");
	note("id", &m->id);
	note("sender", &m->sender);
	note("kind", &m->kind);
	note("text", &m->text);
	note("reply", &m->reply_to);
	note("thread", &m->thread);
	note_time("sent", m->sent_ns);
	note_time("edited", m->edited_ns);
	note_time("deleted", m->deleted_ns);
	buffer_appendf(&seen.log, " flags=%u", m->flags);
	for (i = 0; i < m->reaction_count; i++) {
		note("key", &m->reactions[i].key);
		buffer_appendf(&seen.log, "*%llu", (unsigned long long)m->reactions[i].count);
		for (k = 0; k < m->reactions[i].sender_count; k++)
			note("by", &m->reactions[i].senders[k]);
	}
	for (i = 0; i < m->attachment_count; i++) {
		a = &m->attachments[i];
		note("url", &a->url);
		note("mime", &a->mime);
		buffer_appendf(&seen.log, " %lldb %lldx%lld", (long long)a->size, (long long)a->width,
		    (long long)a->height);
	}
	buffer_append_byte(&seen.log, '\n');
	note_raw(&m->raw);
	return HF_OK;
}

static int
on_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT_FATAL(cursor->size < sizeof(seen.cursor));
	memcpy(seen.cursor, cursor->data, cursor->size);
	seen.cursor[cursor->size] = '\0';
	if (seen.checkpoints++ == 0)
		memcpy(seen.first_cursor, seen.cursor, sizeof(seen.cursor));
	return HF_OK;
}

static int
on_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.failed++;
	(void)snprintf(seen.where, sizeof(seen.where), "%s", where);
	(void)snprintf(seen.why, sizeof(seen.why), "%s", why->msg);
	return HF_OK;
}

static const struct hf_record_sink sink = {.struct_size = sizeof(struct hf_record_sink), .account = on_account, .room = on_room,
    .participant = on_participant, .message = on_message, .checkpoint = on_checkpoint,
    .failed = on_failed};

static void
forget(void)
{
	seen.rooms = seen.people = seen.messages = seen.checkpoints = seen.failed = 0;
	seen.warnings = 0;
	seen.warning[0] = seen.where[0] = seen.why[0] = seen.cursor[0] = '\0';
	buffer_clear(&seen.log);
	buffer_clear(&seen.raw);
}

static void *
open_at(const char *path)
{
	struct hf_value value = {HF_OPTION_PATH, 1, 0, path};
	struct hf_error err = HF_ERROR_INIT;
	void *handle = NULL;

	if (source->open(&host, &value, 1, &handle, &err) != HF_OK)
		(void)printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(handle);
	return handle;
}

static int
ask(void *handle, uint32_t what, const char *room, const char *cursor, uint32_t page)
{
	struct hf_query query = {.struct_size = sizeof(query), .what = what, .page = page};
	struct hf_error err = HF_ERROR_INIT;
	char kept[400] = "";
	int r;

	if (room != NULL)
		query.room = (struct hf_text){room, strlen(room), HF_TEXT_UTF8, 0};
	if (cursor != NULL) {
		(void)snprintf(kept, sizeof(kept), "%s", cursor);
		query.cursor = (struct hf_blob){kept, strlen(kept)};
	}
	forget();
	r = source->enumerate(handle, &query, &sink, &err);
	if (r != HF_OK)
		(void)printf("%s\n", err.msg);
	return r;
}

static bool
logged(const char *expect)
{
	bool found = strstr(buffer_string(&seen.log), expect) != NULL;

	if (!found)
		(void)printf("not there: %s\nin: %.2000s\n", expect, buffer_string(&seen.log));
	return found;
}

static char *
path_of(const char *name)
{
	static char path[500];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Writes a file whose times lie age seconds in the past (its ctime does not). */
static void
write_file(const char *name, const void *data, size_t size, int age)
{
	struct timespec times[2];
	FILE *file = fopen(path_of(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(fwrite(data, 1, size, file), size);
	CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
	(void)clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age;
	times[1] = times[0];
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void
write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text), 0);
}

static void
remove_all(const char *name)
{
	char command[600];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", path_of(name));
	CU_ASSERT_EQUAL(system(command), 0);
}

static void
make_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(folder, sizeof(folder), "%s/test-jsonl.XXXXXX", tmp != NULL ? tmp : "/tmp");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	CU_ASSERT_EQUAL_FATAL(mkdir(path_of("messages"), 0700), 0);
}

/* The lines of a file, as the sink has to see them. */
static char *
slurp(const char *path, size_t *ret_size)
{
	struct stat st;
	char *data;
	FILE *file = fopen(path, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(fstat(fileno(file), &st), 0);
	data = malloc((size_t)st.st_size + 1);
	*ret_size = fread(data, 1, (size_t)st.st_size, file);
	data[*ret_size] = '\0';
	(void)fclose(file);
	return data;
}

static void
test_generated(void)
{
	char path[600], id[300], *data;
	struct dirent *entry;
	int rooms = 0, messages = 0;
	size_t size;
	void *j = open_at(TEST_DATA "/chat-jsonl");
	DIR *dir;

	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("service=\"jsonl\""));
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 5);
	data = slurp(TEST_DATA "/chat-jsonl/rooms.jsonl", &size);
	CU_ASSERT_TRUE(seen.raw.size >= size && memcmp(seen.raw.data, data, size) == 0);
	free(data);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_OK);
	data = slurp(TEST_DATA "/chat-jsonl/participants.jsonl", &size);
	CU_ASSERT_TRUE(seen.people > 0 && seen.raw.size == size && memcmp(seen.raw.data, data, size) == 0);
	free(data);
	dir = opendir(TEST_DATA "/chat-jsonl/messages");
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strstr(entry->d_name, ".jsonl") == NULL)
			continue;
		rooms++;
		(void)snprintf(id, sizeof(id), "%.*s", (int)strlen(entry->d_name) - 6, entry->d_name);
		(void)snprintf(path, sizeof(path), TEST_DATA "/chat-jsonl/messages/%s", entry->d_name);
		data = slurp(path, &size);
		CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, id, NULL, 0), HF_OK);
		CU_ASSERT_TRUE(seen.raw.size == size && memcmp(seen.raw.data, data, size) == 0);
		CU_ASSERT_EQUAL(seen.checkpoints, 1);
		CU_ASSERT_EQUAL(seen.failed, 0);
		messages += seen.messages;
		free(data);
		CU_ASSERT_EQUAL(ask(j, HF_QUERY_PARTICIPANTS, id, NULL, 0), HF_OK);
		CU_ASSERT_TRUE(seen.people >= 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&seen.raw), "\"email\""));
	}
	(void)closedir(dir);
	CU_ASSERT_EQUAL(rooms, 5);
	CU_ASSERT_EQUAL(messages, 300);
	source->close(j);
}

static void
test_fields(void)
{
	void *j;

	make_folder();
	write_text("messages/a.jsonl",
	    "\xef\xbb\xbf  {\"id\":\"m\\u0031\",\"sender_id\":\"s\",\"type\":\"image\",\"text\":\"x\\ny\",\"sent_at\":"
	    "\"2022-05-28T08:12:50.754Z\",\"edited_at\":\"2022-05-28T10:12:50+02:00\",\"reply_to\":\"r\",\"thread\":\"t\","
	    "\"reactions\":{\"+\":[\"a\",\"b\"],\"-\":3},\"media\":{\"url\":\"u\",\"mime\":\"m/x\",\"size\":5,\"width\":1,"
	    "\"height\":2}}\r\n\n \r\n"
	    "{\"id\":7,\"sent_at\":1653725570.5,\"deleted\":true,\"text\":null,\"reactions\":[{\"name\":\"k\",\"count\":4,"
	    "\"users\":[\"z\"]},5],\"attachments\":[{\"url\":\"1\"},{\"url\":\"2\",\"size\":-5}]}\n"
	    "{\"id\":\"c\",\"sent_at\":1653725570754,\"deleted_at\":\"1969-12-31T23:59:59Z\",\"edited_at\":\"soon\"}\n"
	    "{\"id\":\"d\", \"text\":\"a b\"}\n");
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_TRUE(logged(
	    "message id=\"m\\u0031\" sender=\"s\" kind=\"image\" text=\"x\\ny\" reply=\"r\" thread=\"t\" "
	    "sent=1653725570754000000 edited=1653725570000000000 flags=2 key=\"+\"*2 by=\"a\" by=\"b\" key=\"-\"*3 "
	    "url=\"u\" mime=\"m/x\" 5b 1x2\n"));
	CU_ASSERT_TRUE(logged("message id=\"7\" sender=null kind=\"text\" text=null reply=null thread=null "
	                      "sent=1653725570500000000 flags=3 key=\"k\"*4 by=\"z\" url=\"1\" mime=null -1b -1x-1 "
	                      "url=\"2\" mime=null -1b -1x-1\n"));
	CU_ASSERT_TRUE(logged("id=\"c\" sender=null kind=\"text\" text=null reply=null thread=null "
	                      "sent=1653725570754000000 deleted=-1000000000 flags=3\n"));
	CU_ASSERT_TRUE(logged("id=\"d\" sender=null kind=\"text\" text=\"a b\" reply=null thread=null flags=0\n"));
	CU_ASSERT_EQUAL(((char *)seen.raw.data)[0], '{');
	source->close(j);
	remove_all("");
}

static void
test_rooms(void)
{
	void *j;

	make_folder();
	write_text("rooms.jsonl", "{\"id\":\"a\",\"name\":\"old\"}\n{\"id\":\"..\",\"name\":\"dots\"}\nnot json\n"
	                          "{\"name\":\"no id\"}\n{\"id\":\"\\u0061\",\"name\":\"new\",\"message_count\":3,\"kind\":\"group\","
	                          "\"member_ids\":[\"p\",\"q\\u0000\",\"gone\"]}\n{\"id\":\"\"}\n{\"id\":\"../x\"}\n");
	write_text("participants.jsonl", "{\"id\":\"p\",\"name\":\"first\"}\n{\"id\":\"q\\u0000\",\"name\":\"Q\"}\n"
	                                 "{\"id\":\"p\",\"name\":\"P\"}\n");
	write_text("messages/a.jsonl", "{\"id\":1}\n");
	write_text("messages/b.jsonl", "{\"id\":1}\n");
	write_text("messages/%2E..jsonl", "{\"id\":\"inside\"}\n");
	write_text("messages/%2E.%2Fx.jsonl", "{\"id\":\"slash\"}\n");
	write_text("messages/100%.jsonl", "{\"id\":\"percent\"}\n");
	write_text("messages/notes.txt", "x");
	write_text("x.jsonl", "{\"id\":\"outside\"}\n");
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 3);
	CU_ASSERT_EQUAL(seen.rooms, 5);
	CU_ASSERT_TRUE(logged("room id=\"\\u0061\" name=\"new\" kind=\"group\" count=3 bytes=9\n"));
	CU_ASSERT_TRUE(logged("room id=\"..\" name=\"dots\" kind=null count=1 bytes=16\n"));
	CU_ASSERT_TRUE(logged("room id=\"b\" name=null kind=null count=1 bytes=9\n"));
	CU_ASSERT_TRUE(logged("room id=\"100%\" name=null"));
	CU_ASSERT_PTR_NULL(strstr(buffer_string(&seen.log), "old"));
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "..", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 1 && logged("\"inside\""));
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "../x", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 1 && logged("\"slash\""));
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "nowhere/../../x", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(seen.checkpoints, 1);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_PARTICIPANTS, "a", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 3);
	CU_ASSERT_TRUE(logged("person id=\"p\" name=\"P\"\nperson id=\"q\\u0000\" name=\"Q\"\nperson id=\"gone\" name=null\n"));
	/* A file whose name spells its id another way would be a room that is never read. */
	write_text("messages/%41.jsonl", "{\"id\":1}\n");
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "messages/%41.jsonl"));
	source->close(j);
	remove_all("");
}

static void
test_broken_lines(void)
{
	static const char text[] = "{\"id\":1}\n{\"id\":2\n\xff\n{\"id\":3,\"text\":\"\xc0\"}\n[1]\n{}\n{\"id\":4}\n{\"id\":5";
	void *j;

	make_folder();
	write_text("messages/a.jsonl", text);
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 2);
	CU_ASSERT_EQUAL(seen.failed, 6);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "messages/a.jsonl:8"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "being written"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	source->close(j);
	remove_all("");
}

static void
test_long_lines(void)
{
	size_t n = 0, size = 40u << 20;
	char *text = malloc(size);
	void *j;

	make_folder();
	memset(text, 'x', size);
	memcpy(text, "{\"id\":1}\n{\"id\":2,\"text\":\"", 25);
	n = 3u << 20;
	memcpy(text + n, "\"}\n{\"id\":3}\n{\"id\":4,\"text\":\"", 28);
	n += 20u << 20;
	memcpy(text + n, "\"}\n{\"id\":5}\n", 12);
	n += 12;
	write_file("messages/a.jsonl", text, n, 0);
	j = open_at(folder);
	seen.raw.max = size;
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "a.jsonl:4"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "16 MiB"));
	source->close(j);
	remove_all("");
	free(text);
}

static void
test_cursor(void)
{
	static const char one[] = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n{\"id\":5}\n";
	struct timespec pause = {2, 100000000};
	char cursor[400], partial[400];
	struct stat st;
	struct timespec times[2];
	void *j;

	make_folder();
	write_text("messages/a.jsonl", one);
	j = open_at(folder);
	/* Just written: what is read now may change within the same time stamp. */
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	(void)snprintf(cursor, sizeof(cursor), "%s", seen.cursor);
	(void)nanosleep(&pause, NULL);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":true"));
	(void)snprintf(cursor, sizeof(cursor), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(seen.checkpoints, 1);
	CU_ASSERT_STRING_EQUAL(seen.cursor, cursor);
	/* Pages: reading goes on where the last checkpoint was. */
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 2), HF_OK);
	CU_ASSERT_EQUAL(seen.checkpoints, 3);
	CU_ASSERT_STRING_EQUAL(seen.cursor, cursor);
	memcpy(partial, seen.first_cursor, sizeof(partial));
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", partial, 2), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	CU_ASSERT_TRUE(logged("id=\"3\""));
	CU_ASSERT_STRING_EQUAL(seen.cursor, cursor);
	/* Garbage for a cursor is no cursor. */
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", "{\"size\":1", 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	/* The same size and mtime, another content: ctime tells. */
	CU_ASSERT_EQUAL_FATAL(stat(path_of("messages/a.jsonl"), &st), 0);
	write_text("messages/a.jsonl", "{\"id\":6}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n{\"id\":5}\n");
	times[0] = times[1] = st.st_mtim;
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path_of("messages/a.jsonl"), times, 0), 0);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	CU_ASSERT_TRUE(logged("id=\"6\""));
	source->close(j);
	remove_all("");
}

static void
test_odd_files(void)
{
	struct hf_value value = {HF_OPTION_PATH, 1, 0, "/nonexistent/folder"};
	struct hf_error err = HF_ERROR_INIT;
	void *j = NULL;

	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &j, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NULL(j);
	value.text = "";
	CU_ASSERT_EQUAL(source->configure(&value, 1, &err), HF_EINVAL);
	make_folder();
	remove_all("messages");
	write_text("rooms.jsonl", "");
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_PARTICIPANTS, "x", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "x", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(j, 99, NULL, NULL, 0), HF_ENOTSUP);
	CU_ASSERT_EQUAL_FATAL(mkdir(path_of("messages"), 0700), 0);
	CU_ASSERT_EQUAL_FATAL(mkfifo(path_of("messages/f.jsonl"), 0600), 0);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "f", NULL, 0), HF_EINVAL);
	write_text("messages/empty.jsonl", "");
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "empty", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.checkpoints, 1);
	source->close(j);
	remove_all("");
}

/* Opening a path must fail, with these words. */
static void
refused(const char *name, int code, const char *words)
{
	struct hf_value value = {HF_OPTION_PATH, 1, 0, path_of(name)};
	struct hf_error err = HF_ERROR_INIT;
	void *j = NULL;

	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &j, &err), code);
	CU_ASSERT_PTR_NULL_FATAL(j);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, folder));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, words));
	if (strstr(err.msg, words) == NULL)
		(void)printf("not there: %s\nin: %s\n", words, err.msg);
}

/* What exists but holds no chats must not pass for chats that are empty. */
static void
test_wrong_folder(void)
{
	void *j;

	make_folder();
	write_text("messages/garden.jsonl", "{\"id\":1}\n");
	/* One level too deep: the path must be the one above. */
	refused("messages", HF_EINVAL, "garden.jsonl; files with messages belong into messages/");
	refused("messages/garden.jsonl", HF_EINVAL, "not a folder");
	remove_all("messages");
	refused("", HF_ENOTFOUND, "neither a folder \"messages\" nor a file \"rooms.jsonl\" in it");
	write_text("participants.jsonl", "{\"id\":1}\n");
	refused("", HF_ENOTFOUND, "neither a folder");
	write_text("messages", "x");
	refused("", HF_EINVAL, "messages: not a folder");
	remove_all("messages");
	write_text("garden.jsonl", "{\"id\":1}\n");
	write_text("b.jsonl", "{\"id\":1}\n");
	write_text(".hidden.jsonl", "{\"id\":1}\n");
	refused("", HF_EINVAL, "but b.jsonl and 1 more; files with messages belong into messages/");
	/* These rooms would all be empty. */
	write_text("rooms.jsonl", "{\"id\":\"garden\"}\n");
	refused("", HF_EINVAL, "but b.jsonl and 1 more; files with messages belong into messages/");
	/* Empty, but well-formed. */
	CU_ASSERT_EQUAL(mkdir(path_of("messages"), 0700), 0);
	remove_all("rooms.jsonl");
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 0);
	source->close(j);
	remove_all("");
}

static void
test_unread_times(void)
{
	void *j;

	make_folder();
	write_text("rooms.jsonl", "{\"id\":\"a\",\"created_at\":null}\n{\"id\":\"b\",\"created_at\":\"last year\"}\n");
	write_text("messages/a.jsonl",
	    "{\"id\":1,\"sent_at\":\"2024-01-01\",\"edited_at\":\"\",\"deleted_at\":null}\n"
	    "{\"id\":2,\"sent_at\":\"2024-01-01T00:00Z\",\"edited_at\":false}\n{\"id\":3,\"sent_at\":-5}\n"
	    "{\"id\":4,\"sent_at\":\"yesterday\",\"edited_at\":true,\"media\":{\"expires_at\":\"soon\"}}\n");
	write_text("messages/b.jsonl", "{\"id\":1,\"sent_at\":1}\n{\"id\":2,\"edited_at\":\"\"}\n{\"id\":3}\n");
	write_text("messages/c.jsonl", "\n{\"id\":1,\"sent_at\":\"yesterday\"}\n");
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 1), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_EQUAL(seen.warnings, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.warning, "messages/a.jsonl:1: a time that cannot be read (in this file: 5)"));
	CU_ASSERT_TRUE(logged("message id=\"4\" sender=null kind=\"text\" text=null reply=null thread=null flags=2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&seen.raw), "\"sent_at\":\"yesterday\""));
	/* The next room starts anew. */
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "b", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	CU_ASSERT_EQUAL(seen.warnings, 0);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "c", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.warnings, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.warning, "messages/c.jsonl:2: a time that cannot be read (in this file: 1)"));
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 3);
	CU_ASSERT_EQUAL(seen.warnings, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.warning, "rooms.jsonl:2: a time that cannot be read (in this file: 1)"));
	/* Asking for a room's members reads its line again, which is no message's. */
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_PARTICIPANTS, "b", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "b", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.warnings, 0);
	source->close(j);
	remove_all("");
}

static void
test_estimates(void)
{
	char text[3001];
	void *j;

	make_folder();
	memset(text, ' ', sizeof(text));
	write_text("rooms.jsonl", "{\"id\":\"told\",\"message_count\":7}\n{\"id\":\"sized\"}\n{\"id\":\"gone\"}\n"
	                          "{\"id\":\"empty\",\"message_count\":\"x\"}\n");
	write_file("messages/told.jsonl", text, 3000, 0);
	write_file("messages/sized.jsonl", text, 3000, 0);
	write_file("messages/found.jsonl", text, 299, 0);
	write_text("messages/empty.jsonl", "");
	j = open_at(folder);
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"told\" name=null kind=null count=7 bytes=3000\n"));
	CU_ASSERT_TRUE(logged("room id=\"sized\" name=null kind=null count=10 bytes=3000\n"));
	CU_ASSERT_TRUE(logged("room id=\"found\" name=null kind=null count=1 bytes=299\n"));
	CU_ASSERT_TRUE(logged("room id=\"empty\" name=null kind=null count=0 bytes=0\n"));
	CU_ASSERT_TRUE(logged("room id=\"gone\" name=null kind=null count=0 bytes=0\n"));
	source->close(j);
	remove_all("");
}

static void
test_stop(void)
{
	char text[20000];
	size_t n = 0;
	void *j;
	int i;

	make_folder();
	for (i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "{\"id\":%d}\n", i);
	write_file("messages/a.jsonl", text, n, 0);
	j = open_at(folder);
	seen.stop_after = 100;
	CU_ASSERT_EQUAL(ask(j, HF_QUERY_MESSAGES, "a", NULL, 0), HF_ESTOPPING);
	seen.stop_after = 0;
	CU_ASSERT_TRUE(seen.messages < 600);
	CU_ASSERT_EQUAL(seen.checkpoints, 0);
	source->close(j);
	remove_all("");
}

int
main(void)
{
	CU_TestInfo tests[] = {{"generated chats", test_generated}, {"fields", test_fields}, {"rooms", test_rooms},
	    {"broken lines", test_broken_lines}, {"long lines", test_long_lines}, {"cursor", test_cursor},
	    {"odd files", test_odd_files}, {"wrong folder", test_wrong_folder},
	    {"unread times", test_unread_times}, {"estimates", test_estimates}, {"stop", test_stop}, CU_TEST_INFO_NULL};
	const struct hf_plugin *(*entry)(void);
	void *module = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	int failed;

	if (module == NULL) {
		(void)fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&entry = dlsym(module, "holdfast_plugin_v1");
	if (entry == NULL) {
		(void)dlclose(module);
		return 1;
	}
	component = entry()->components[0];
	source = component->ops;
	seen.log.max = 1u << 20;
	seen.raw.max = 4u << 20;
	failed = unit_run("jsonl", tests);
	buffer_release(&seen.log);
	buffer_release(&seen.raw);
	(void)dlclose(module);
	return failed;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../common/test-source.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

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
remove_all(const char *name)
{
	char command[600];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", path_of(name));
	CU_ASSERT_EQUAL(system(command), 0);
}

/* A folder with the one for messages in it. */
static void
make_folders(void)
{
	make_folder();
	CU_ASSERT_EQUAL_FATAL(mkdir(path_of("messages"), 0700), 0);
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

	make_folders();
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

	make_folders();
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

	make_folders();
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

	make_folders();
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
	char cursor[sizeof(seen.cursor)], partial[sizeof(seen.cursor)];
	struct stat st;
	struct timespec times[2];
	void *j;

	make_folders();
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
	make_folders();
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

	make_folders();
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

	make_folders();
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

	make_folders();
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

	make_folders();
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

	return source_run("jsonl", TEST_PLUGIN, tests);
}

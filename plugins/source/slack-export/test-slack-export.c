/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../common/test-source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <time.h>

#include <holdfast/http.h>

/* A zip as programs write it that do not know a file's size before its end, like Slack's. */
static void
write_zip(const char *name, const char *const files[][2])
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry;
	size_t i;

	CU_ASSERT_EQUAL(archive_write_set_format_zip(archive), ARCHIVE_OK);
	CU_ASSERT_EQUAL_FATAL(archive_write_open_filename(archive, path_of(name)), ARCHIVE_OK);
	for (i = 0; files[i][0] != NULL; i++) {
		entry = archive_entry_new();
		archive_entry_set_pathname(entry, files[i][0]);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		CU_ASSERT_EQUAL(archive_write_header(archive, entry), ARCHIVE_OK);
		CU_ASSERT_EQUAL(archive_write_data(archive, files[i][1], strlen(files[i][1])), (ssize_t)strlen(files[i][1]));
		archive_entry_free(entry);
	}
	CU_ASSERT_EQUAL(archive_write_close(archive), ARCHIVE_OK);
	CU_ASSERT_EQUAL(archive_write_free(archive), ARCHIVE_OK);
}

/* A file's JSON array, one compact element a line: what a sink has to see, made in another way. */
static void
expect_file(struct buffer *expect, const char *path)
{
	struct hf_json_value value, array;
	static const char *const names[] = {"a"};
	struct buffer text = BUFFER_INIT(1u << 20);
	uint64_t pos = 0;
	char block[4096];
	FILE *file = fopen(path, "r");
	size_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	buffer_append_string(&text, "{\"a\":");
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		buffer_append(&text, block, n);
	(void)fclose(file);
	buffer_append_byte(&text, '}');
	CU_ASSERT_EQUAL_FATAL(json_slice_object((char *)text.data, text.size, names, 1, &array, NULL), HF_OK);
	while (json_next(&array, &pos, NULL, &value, NULL) > 0) {
		json_put_compact(expect, value.data, value.size);
		buffer_append_byte(expect, '\n');
	}
	buffer_release(&text);
}

static bool
same_raw(const struct buffer *expect)
{
	return expect->size > 0 && seen.raw.size == expect->size && memcmp(seen.raw.data, expect->data, expect->size) == 0;
}

/* One room of a real export, message for message in the order of its days. */
static int
check_room(void *slack, const char *id, const char *export, const char *room, const char *const *days)
{
	struct buffer expect = BUFFER_INIT(1u << 20);
	char path[600];

	for (; *days != NULL; days++) {
		(void)snprintf(path, sizeof(path), TEST_DATA "/chat-slack-export/%s/%s/%s.json", export, room, *days);
		expect_file(&expect, path);
	}
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, id, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(same_raw(&expect));
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_EQUAL(seen.checkpoints, 1);
	buffer_release(&expect);
	return seen.messages;
}

static void
check_viewer(const char *path)
{
	static const char *const enrique[] = {"2016-01-14", "2016-01-15", "2016-01-16", "2016-02-07", "2016-02-08",
	    "2016-03-17", "2016-03-25", "2016-03-26", "2016-03-28", NULL};
	static const char *const sailor[] = {"2016-01-16", "2016-02-07", "2016-02-08", "2016-03-25", "2016-03-26",
	    "2016-03-27", "2016-03-28", "2016-03-29", NULL};
	struct buffer expect = BUFFER_INIT(1u << 20);
	void *slack = open_at(path);
	int messages;

	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("service=\"slack\" id=\"T0BMHLSRH\""));
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 2);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_TRUE(logged("room id=\"C0JGLMMNX\" name=\"enrique\" kind=\"channel\" "
	                      "created=1452837318000000000"));
	expect_file(&expect, TEST_DATA "/chat-slack-export/slack-export-viewer/channels.json");
	CU_ASSERT_TRUE(same_raw(&expect));
	messages = check_room(slack, "C0JGLMMNX", "slack-export-viewer", "enrique", enrique);
	messages += check_room(slack, "C0JL6CGQ2", "slack-export-viewer", "traveling-sailor", sailor);
	CU_ASSERT_EQUAL(messages, 158);
	/* A comment says who wrote it in an object of its own. */
	CU_ASSERT_TRUE(logged("sender=\"U0BMS113R\" kind=\"file_comment\" text=\"<@U0BMS113R>"));
	CU_ASSERT_TRUE(logged("file=\"100_cities.js\" is=\"file\""));
	buffer_clear(&expect);
	expect_file(&expect, TEST_DATA "/chat-slack-export/slack-export-viewer/users.json");
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(same_raw(&expect));
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_PARTICIPANTS, "C0JGLMMNX", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 4);
	CU_ASSERT_TRUE(logged("person id=\"U0BMYT2FL\" name=\"Harry Potter\""));
	buffer_release(&expect);
	source->close(slack);
}

static void
check_langchain(const char *path)
{
	static const char *const days[] = {"2023-04-13", NULL};
	void *slack = open_at(path);
	int messages;

	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 4);
	messages = check_room(slack, "C05019B47SB", "langchain", "general", days);
	messages += check_room(slack, "C050FR57M8S", "langchain", "random", days);
	messages += check_room(slack, "C0535BV3C6P", "langchain", "example-channel", days);
	/* A member that users.json does not list has its id at least. */
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_PARTICIPANTS, "C05019B47SB", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 3);
	CU_ASSERT_TRUE(logged("person id=\"U030FOOW10\" name=null"));
	CU_ASSERT_TRUE(messages == 5);
	source->close(slack);
}

static void
test_real_folders(void)
{
	check_viewer(TEST_DATA "/chat-slack-export/slack-export-viewer");
	check_langchain(TEST_DATA "/chat-slack-export/langchain");
}

static void
test_real_zips(void)
{
	check_viewer(TEST_DATA "/chat-slack-export/slack-export-viewer.zip");
	check_langchain(TEST_DATA "/chat-slack-export/langchain.zip");
}

static const char channels[] =
    "[{\"id\":\"C1\",\"name\":\"a\",\"created\":0,\"topic\":{\"value\":\"\"},\"purpose\":{\"value\":\"why\"}},"
    "{\"name\":\"no id\"},{\"id\":\"C2\",\"name\":\"../out\"},{\"id\":\"C1\",\"name\":\"again\"}]";
static const char one_day[] =
    "[\n {\"ts\":\"1.000100\",\"user\":\"U1\",\"text\":\"x\",\"thread_ts\":\"1.000100\",\"edited\":{\"ts\":\"2\"},"
    "\"reactions\":[{\"name\":\"ok\",\"users\":[\"U1\",\"U2\"],\"count\":5}]},\n"
    " {\"ts\":\"3.0\",\"user\":\"U2\",\"text\":\"\",\"thread_ts\":\"1.000100\",\"files\":[{\"id\":\"F1\",\"name\":\"p.jpg\","
    "\"mimetype\":\"image\\/jpeg\",\"size\":9,\"original_w\":3,\"original_h\":4,\"url_private\":\"u\"}]} ,\n"
    " {\"user\":\"U3\",\"text\":\"no ts\"},7,\n"
    " {\"ts\":\"4.0\",\"subtype\":\"bot_message\",\"bot_id\":\"B\",\"text\":\"\",\"attachments\":[{\"fallback\":\"fall\"}]},\n"
    " {\"ts\":\"5.0\",\"subtype\":\"tombstone\",\"text\":\"This message was deleted.\"},\n"
    " {\"ts\":\"7.0\",\"subtype\":\"message_deleted\",\"deleted_ts\":\"6.5\"}\n]\n";

static void
check_made_up(const char *path)
{
	void *slack = open_at(path);

	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_EQUAL(seen.rooms, 4);
	CU_ASSERT_TRUE(logged("room id=\"C1\" name=\"a\" kind=\"channel\" topic=\"why\" count=0 bytes="));
	CU_ASSERT_TRUE(logged("room id=\"C2\" name=\"../out\""));
	CU_ASSERT_TRUE(logged("room id=\"D1\" name=null kind=\"direct\""));
	CU_ASSERT_TRUE(logged("room id=\"unlisted\" name=\"unlisted\" kind=null"));
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "C1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	CU_ASSERT_EQUAL(seen.failed, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "a/2020-01-02.json: element 4"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	CU_ASSERT_TRUE(logged("message id=\"1.000100\" sender=\"U1\" kind=\"text\" text=\"x\" reply=null thread=\"1.000100\" "
	                      "sent=1000100000 edited=2000000000 flags=0 key=\"ok\"*5 by=\"U1\" by=\"U2\"\n"));
	CU_ASSERT_TRUE(logged("message id=\"3.0\" sender=\"U2\" kind=\"text\" text=\"\" reply=\"1.000100\" thread=\"1.000100\" "
	                      "sent=3000000000 flags=0 file=\"p.jpg\" is=\"image\" url=\"u\" mime=\"image\\/jpeg\" 9b 3x4\n"));
	CU_ASSERT_TRUE(logged("message id=\"4.0\" sender=\"B\" kind=\"bot_message\" text=\"fall\""));
	CU_ASSERT_TRUE(logged("message id=\"5.0\" sender=null kind=\"tombstone\" text=\"This message was deleted.\" reply=null "
	                      "thread=null sent=5000000000 flags=1\n"));
	CU_ASSERT_TRUE(logged("message id=\"6.5\" sender=null kind=\"message_deleted\" text=null reply=null thread=null "
	                      "sent=6500000000 deleted=7000000000 flags=1\n"));
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "C2", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "../out", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "unlisted", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 2);
	/* The day that is damaged is told, those around it are read. */
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "unlisted/2020-01-02.json"));
	CU_ASSERT_EQUAL(ask(slack, 99, NULL, NULL, 0), HF_ENOTSUP);
	source->close(slack);
}

static void
test_made_up(void)
{
	static const char dms[] = "[{\"id\":\"D1\",\"members\":[\"U1\"]}]";
	static const char message[] = "[{\"ts\":\"9.0\"}]";

	make_folder();
	write_text("channels.json", channels);
	write_text("dms.json", dms);
	write_text("a/2020-01-02.json", one_day);
	write_text("a/notes.json", "not a day");
	write_text("D1/2020-01-02.json", message);
	write_text("unlisted/2020-01-01.json", message);
	write_text("unlisted/2020-01-02.json", "[{\"ts\":");
	write_text("unlisted/2020-01-03.json", message);
	write_text("empty/x", "");
	check_made_up(folder);
	remove_folder();
}

static void
test_made_up_zip(void)
{
	static const char *const files[][2] = {{"a/channels.json", "[]"}, {"Acme/channels.json", channels},
	    {"Acme/a/2020-01-02.json", one_day}, {"Acme/unlisted/2020-01-03.json", "[{\"ts\":\"9.0\"}]"},
	    {"Acme/dms.json", "[{\"id\":\"D1\",\"members\":[\"U1\"]}]"}, {"__MACOSX/._channels.json", "x"},
	    {"Acme/unlisted/2020-01-01.json", "[{\"ts\":\"9.0\"}]"}, {"Acme/D1/2020-01-02.json", "[{\"ts\":\"9.0\"}]"},
	    {"Acme/unlisted/2020-01-02.json", "[{\"ts\":"}, {NULL, NULL}};
	struct hf_value value = {HF_OPTION_PATH, 1, 0, NULL};
	struct hf_error err = HF_ERROR_INIT;
	void *slack = NULL;

	make_folder();
	write_zip("good.zip", files + 1);
	check_made_up(path_of("good.zip"));
	write_zip("empty.zip", files + 8);
	value.text = path_of("empty.zip");
	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &slack, &err), HF_EINVAL);
	write_text("not.zip", "PK\003\004 but not more");
	value.text = path_of("not.zip");
	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &slack, &err), HF_ECORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "not.zip is not a zip, or an incomplete download: "));
	CU_ASSERT_EQUAL(truncate(path_of("good.zip"), 900), 0);
	value.text = path_of("good.zip");
	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &slack, &err), HF_ECORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "good.zip is not a zip, or an incomplete download: "));
	value.text = path_of("none.zip");
	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &slack, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NULL(slack);
	remove_folder();
}

/* A list that is cut off must not make the rooms behind the cut look gone. */
static void
test_broken_list(void)
{
	void *slack;

	make_folder();
	write_text("channels.json", "[{\"id\":\"C1\",\"name\":\"a\"},{\"id\":\"C2\"");
	write_text("a/2020-01-01.json", "[]");
	slack = open_at(folder);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_ROOMS, NULL, NULL, 0), HF_ECORRUPT);
	CU_ASSERT_EQUAL(seen.rooms, 0);
	source->close(slack);
	remove_folder();
}

static void
test_cursor(void)
{
	struct timespec pause = {2, 100000000};
	char cursor[sizeof(seen.cursor)], partial[sizeof(seen.cursor)];
	void *slack;

	make_folder();
	write_text("dms.json", "[{\"id\":\"D1\"}]");
	write_text("D1/2020-01-02.json", "[{\"ts\":\"3\"},{\"ts\":\"4\"},{\"ts\":\"5\"}]");
	write_text("D1/2020-01-01.json", "[{\"ts\":\"1\"},{\"ts\":\"2\"}]");
	slack = open_at(folder);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	(void)nanosleep(&pause, NULL);
	(void)snprintf(cursor, sizeof(cursor), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 5);
	(void)snprintf(cursor, sizeof(cursor), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(seen.checkpoints, 1);
	CU_ASSERT_STRING_EQUAL(seen.cursor, cursor);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", NULL, 3), HF_OK);
	CU_ASSERT_EQUAL(seen.checkpoints, 2);
	CU_ASSERT_STRING_EQUAL(seen.cursor, cursor);
	memcpy(partial, seen.first_cursor, sizeof(partial));
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", partial, 3), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 2);
	CU_ASSERT_TRUE(logged("id=\"4\""));
	/* A day more. */
	write_text("D1/2020-01-03.json", "[{\"ts\":\"6\"}]");
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 6);
	source->close(slack);
	remove_folder();
}

/* A day file that is larger than any buffer, with one message that is too long at its end. */
static void
test_large_day(void)
{
	static char text[1001];
	FILE *file;
	void *slack;
	int i;

	make_folder();
	write_text("dms.json", "[{\"id\":\"D1\"}]");
	write_text("D1/2020-01-01.json", "");
	memset(text, 'x', sizeof(text) - 1);
	file = fopen(path_of("D1/2020-01-01.json"), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (i = 0; i < 3000; i++)
		(void)fprintf(file, "%c{\"ts\":\"%d.0\",\"text\":\"%s\"}\n", i == 0 ? '[' : ',', i + 1, text);
	(void)fprintf(file, ",{\"ts\":\"3001.0\",\"text\":\"");
	for (i = 0; i < 3000; i++)
		(void)fputs(text, file);
	(void)fprintf(file, "\"},{\"ts\":\"3002.0\",\"text\":\"");
	for (i = 0; i < 17000; i++)
		(void)fputs(text, file);
	(void)fputs("\"}]", file);
	CU_ASSERT_EQUAL(fclose(file), 0);
	slack = open_at(folder);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3001);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "16 MiB"));
	source->close(slack);
	remove_folder();
}

static void
test_links(void)
{
	void *slack;

	make_folder();
	write_text("dms.json", "[{\"id\":\"D1\"}]");
	write_text("secret", "[{\"ts\":\"1\"}]");
	CU_ASSERT_EQUAL(mkdir(path_of("D1"), 0700), 0);
	CU_ASSERT_EQUAL(symlink("../secret", path_of("D1/2020-01-01.json")), 0);
	CU_ASSERT_EQUAL(mkfifo(path_of("D1/2020-01-02.json"), 0600), 0);
	slack = open_at(folder);
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_MESSAGES, "D1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(seen.failed, 2);
	source->close(slack);
	remove_folder();
}

/* Opening a path must fail, with these words. */
static void
refused(const char *name, int code, const char *words)
{
	struct hf_value value = {HF_OPTION_PATH, 1, 0, path_of(name)};
	struct hf_error err = HF_ERROR_INIT;
	void *slack = NULL;

	CU_ASSERT_EQUAL(source->open(&host, &value, 1, &slack, &err), code);
	CU_ASSERT_PTR_NULL_FATAL(slack);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, folder));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, words));
	if (strstr(err.msg, words) == NULL)
		(void)printf("not there: %s\nin: %s\n", words, err.msg);
}

/* What exists but is no export must not pass for one without messages. */
static void
test_wrong_folder(void)
{
	void *slack;

	make_folder();
	refused("", HF_EINVAL, "none of channels.json, groups.json, dms.json, mpims.json, users.json in it");
	write_text("messages/2020-01-01.json", one_day);
	refused("", HF_EINVAL, "none of channels.json");
	refused("messages", HF_EINVAL, "none of channels.json");
	write_text("Acme/channels.json", "[]");
	refused("", HF_EINVAL, "there is one in its folder Acme: give that one's path");
	refused("Acme", HF_EINVAL, "it has lists, but no folder");
	write_text("slack-export.ZIP", "x");
	write_text("an.zip", "x");
	write_text(".an.zip", "x");
	refused("", HF_EINVAL, "there is an.zip in it: give its path");
	write_text("Acme/whole.zip", "x");
	refused("Acme", HF_EINVAL, "there is whole.zip in it");
	/* A folder that is a link leads elsewhere and is never read. */
	CU_ASSERT_EQUAL(symlink("../messages", path_of("Acme/link")), 0);
	refused("Acme", HF_EINVAL, "it has lists, but no folder");
	CU_ASSERT_EQUAL(mkdir(path_of("Acme/general"), 0700), 0);
	slack = open_at(path_of("Acme"));
	CU_ASSERT_EQUAL(ask(slack, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 0);
	source->close(slack);
	/* One list is enough, whichever it is. */
	write_text("users.json", "[]");
	source->close(open_at(folder));
	remove_folder();
}

static void
test_wrong_zip(void)
{
	static const char *const lists[][2] = {{"Acme/", ""}, {"Acme/users.json", "[]"}, {NULL, NULL}};
	static const char *const other[][2] = {{"photo.jpg", "x"}, {"a/2020-01-02.json", "[]"}, {NULL, NULL}};
	static const char *const quiet[][2] = {{"Acme/users.json", "[]"}, {"Acme/general/", ""}, {NULL, NULL}};

	make_folder();
	write_zip("lists.zip", lists);
	refused("lists.zip", HF_EINVAL, "it has lists, but no folder");
	write_zip("other.zip", other);
	refused("other.zip", HF_EINVAL, "none of channels.json");
	write_text("empty.zip", "");
	refused("empty.zip", HF_ECORRUPT, "empty.zip is not a zip, or an incomplete download");
	write_text("page.zip", "<html>please log in</html>");
	refused("page.zip", HF_ECORRUPT, "page.zip is not a zip, or an incomplete download");
	write_zip("quiet.zip", quiet);
	source->close(open_at(path_of("quiet.zip")));
	remove_folder();
}

/* ---- files ---- */

static struct {
	const char *token; /* NULL: none is configured */
	int refused;       /* what reading it fails with */
	int code;          /* what each request ends with */
	unsigned exchanges, requests;
	uint32_t flags, header_flags;
	char url[200], header[200], origin[200];
} web;

static int
web_secret(void *ctx, uint32_t option, const struct hf_sink *to, struct hf_error *err)
{
	(void)ctx;
	CU_ASSERT_EQUAL(option, 1);
	if (web.refused != HF_OK)
		return hf_error_set(err, web.refused, 0, "no");
	return web.token == NULL ? HF_ENOTFOUND : to->write(to->ctx, web.token, strlen(web.token), err);
}

static void
keep_text(const struct hf_text *text, char out[200])
{
	(void)snprintf(out, 200, "%.*s", (int)text->size, text->data);
}

static int
web_exchange(void *ctx, const struct hf_http_exchange *exchange, struct hf_error *err)
{
	const struct hf_http_response response = {.struct_size = sizeof(response), .status = 200, .size = 5};
	struct hf_http_request request;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	(void)ctx;
	web.exchanges++;
	for (;;) {
		memset(&request, 0, sizeof(request));
		request.struct_size = sizeof(request);
		r = exchange->next(exchange->ctx, &request, err);
		if (r != HF_OK)
			return r == HF_ENOTFOUND ? HF_OK : r;
		web.requests++;
		keep_text(&request.url, web.url);
		keep_text(&request.origin, web.origin);
		web.flags = request.flags;
		CU_ASSERT_EQUAL_FATAL(request.header_count, 1);
		web.header_flags = request.headers->flags;
		keep_text(&request.headers->value, web.header);
		r = web.code;
		if (r == HF_OK)
			r = exchange->begin(exchange->ctx, request.token, &response, &why);
		if (r == HF_OK)
			r = exchange->write(exchange->ctx, request.token, "slack", 5, &why);
		r = exchange->end(exchange->ctx, request.token, r, &why, err);
		if (r != HF_OK)
			return r;
	}
}

static const struct hf_host_http client = {(uint32_t)sizeof(client), 0, web_exchange, NULL};

static const void *
web_extension(void *ctx, const char *id)
{
	return strcmp(id, HF_HOST_HTTP) == 0 ? &client : host_extension(ctx, id);
}

static const struct hf_host web_host = {.struct_size = sizeof(struct hf_host), .log = host_log,
    .stop_requested = host_stop, .get_extension = web_extension, .secret = web_secret};

/* What fetch_media returns for one attachment; media tells the rest. */
static int
get(void *slack, const char *id, const char *name, const char *url)
{
	static const struct hf_media_exchange exchange = {.struct_size = sizeof(struct hf_media_exchange), .parallel = 1,
	    .next = media_next, .begin = media_begin, .write = media_write, .end = media_end};
	struct hf_attachment attachment;
	struct hf_error err = HF_ERROR_INIT;

	memset(&attachment, 0, sizeof(attachment));
	attachment.id = (struct hf_text){id, strlen(id), HF_TEXT_UTF8, 0};
	attachment.name = (struct hf_text){name, strlen(name), HF_TEXT_UTF8, 0};
	attachment.url = (struct hf_text){url, strlen(url), HF_TEXT_JSON, 0};
	media.attachment = &attachment;
	media.ends = 0;
	media.code = 1;
	media.bytes.max = 1u << 20;
	buffer_clear(&media.bytes);
	return source->fetch_media(slack, &exchange, &err);
}

static bool
got(const char *bytes)
{
	return media.ends == 1 && media.code == HF_OK && media.bytes.size == strlen(bytes) &&
	    memcmp(media.bytes.data, bytes, media.bytes.size) == 0;
}

static void *
open_with_web(void)
{
	const struct hf_value values[] = {{HF_OPTION_PATH, 1, 0, folder}, {HF_OPTION_STRING, 0, 0, NULL},
	    {HF_OPTION_STRING, 1, 0, "https://files.slack.com"}};
	void *slack = NULL;

	CU_ASSERT_EQUAL_FATAL(source->open(&web_host, values, 3, &slack, NULL), HF_OK);
	return slack;
}

static void
test_files(void)
{
	/* The token is for none of them, whatever they begin with. */
	static const char *const others[] = {"http://files.slack.com/x", "https://files.slack.com.example/x",
	    "https://files.slack.com@example/x", "https://files.slack.com:444/x", "https://example/https://files.slack.com/",
	    "HTTPS://example/x", "x", ""};
	void *slack;
	size_t i;

	make_folder();
	write_text("users.json", "[]");
	write_text("secret", "not for anybody");
	CU_ASSERT_EQUAL(mkdir(path_of("__uploads"), 0700), 0);
	write_text("__uploads/F1/a.png", "uploaded");
	write_text("attachments/F2-b.png", "attached");
	memset(&web, 0, sizeof(web));
	slack = open_with_web();
	/* Without a token: what lies in the folder; the rest is for the host. */
	CU_ASSERT_EQUAL(get(slack, "F1", "a.png", "https://files.slack.com/F1"), HF_OK);
	CU_ASSERT_TRUE(got("uploaded"));
	CU_ASSERT_EQUAL(get(slack, "F2", "b.png", "https://files.slack.com/F2"), HF_OK);
	CU_ASSERT_TRUE(got("attached"));
	CU_ASSERT_EQUAL(get(slack, "F3", "c.png", "https://files.slack.com/F3"), HF_OK);
	CU_ASSERT(media.ends == 1 && media.code == HF_ENOTSUP);
	/* No name leads out of the places for files. */
	CU_ASSERT_EQUAL(get(slack, "..", "secret", "https://files.slack.com/F3"), HF_OK);
	CU_ASSERT(media.ends == 1 && media.code == HF_ENOTSUP);
	CU_ASSERT_EQUAL(get(slack, "F1", "../../secret", "https://files.slack.com/F3"), HF_OK);
	CU_ASSERT(media.ends == 1 && media.code == HF_ENOTSUP);
	CU_ASSERT_EQUAL(web.exchanges, 0);
	/* With a token, from a file that ends with a newline. */
	web.token = "xoxb-12\n";
	CU_ASSERT_EQUAL(get(slack, "F3", "c.png", "https:\\/\\/files.slack.com\\/F3?t=1"), HF_OK);
	CU_ASSERT_TRUE(got("slack"));
	CU_ASSERT_STRING_EQUAL(web.url, "https://files.slack.com/F3?t=1");
	CU_ASSERT_STRING_EQUAL(web.header, "Bearer xoxb-12");
	CU_ASSERT_STRING_EQUAL(web.origin, "https://files.slack.com");
	CU_ASSERT_EQUAL(web.flags, HF_HTTP_STRICT);
	CU_ASSERT_EQUAL(web.header_flags, HF_HTTP_SECRET);
	CU_ASSERT_EQUAL(get(slack, "F1", "a.png", "https://files.slack.com/F1"), HF_OK);
	CU_ASSERT_TRUE(got("uploaded"));
	CU_ASSERT_EQUAL(web.requests, 1);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		CU_ASSERT_EQUAL(get(slack, "F3", "c.png", others[i]), HF_OK);
		CU_ASSERT(media.ends == 1 && media.code == HF_ENOTSUP);
	}
	CU_ASSERT_EQUAL(web.requests, 1);
	/* What it answers is told, and a token that cannot be read is not taken for none. */
	web.code = HF_EAUTH;
	CU_ASSERT_EQUAL(get(slack, "F3", "c.png", "https://files.slack.com/F3"), HF_OK);
	CU_ASSERT(media.ends == 1 && media.code == HF_EAUTH);
	web.refused = HF_EPERM;
	CU_ASSERT_EQUAL(get(slack, "F3", "c.png", "https://files.slack.com/F3"), HF_EPERM);
	CU_ASSERT_EQUAL(media.ends, 0);
	source->close(slack);
	remove_folder();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"real folders", test_real_folders}, {"real zips", test_real_zips},
	    {"made up", test_made_up}, {"made up zip", test_made_up_zip}, {"broken list", test_broken_list},
	    {"cursor", test_cursor}, {"large day", test_large_day}, {"links", test_links},
	    {"wrong folder", test_wrong_folder}, {"wrong zip", test_wrong_zip}, {"files", test_files},
	    CU_TEST_INFO_NULL};

	return source_run("slack-export", TEST_PLUGIN, tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../common/test-source.h"

#include <fcntl.h>
#include <time.h>

#define DATA TEST_DATA "/chat-discord"

#define HEAD                                                                                                  \
	"{\n  \"guild\": {\"id\": \"7\", \"name\": \"G\", \"iconUrl\": \"x\"},\n  \"channel\": {\"id\": \"70\", \"type\": "       \
	"\"GuildTextChat\", \"category\": \"C\", \"name\": \"general\", \"topic\": \"why\"},\n"                              \
	"  \"dateRange\": {\"after\": null, \"before\": null},\n  \"exportedAt\": \"2024-01-0"
#define HEAD_END "T00:00:00+00:00\",\n  \"messages\": ["
#define END(count) "],\n  \"messageCount\": " count "\n}\n"
#define AUTHOR(id) "\"author\": {\"id\": \"" id "\", \"name\": \"n" id "\", \"nickname\": \"Nick " id "\"}"

static const char whole[] = HEAD "1" HEAD_END
    "{\"id\": \"100\", \"type\": \"Default\", \"timestamp\": \"2023-01-06T14:03:03.853+00:00\", \"timestampEdited\": "
    "\"2023-01-06T16:03:04+02:00\", \"isPinned\": true, \"content\": \"a\\nb\", " AUTHOR("1") ", \"attachments\": "
    "[{\"id\": \"5\", \"url\": \"https://cdn.discordapp.com/attachments/1/2/a.PNG?ex=65f1a2b3&is=1\", \"fileName\": "
    "\"a.PNG\", \"fileSizeBytes\": 9}, {\"id\": \"6\", \"url\": \"x.json_Files\\\\b-1.mp4\", \"fileName\": \"b.mp4\", "
    "\"fileSizeBytes\": 10}, {\"id\": \"7\", \"url\": \"../../out\", \"fileName\": \"o\"}, 7, {}], \"embeds\": [], "
    "\"stickers\": [{\"id\": \"8\", \"name\": \"wave\", \"format\": \"Png\", \"sourceUrl\": "
    "\"https://cdn.discordapp.com/stickers/8.png\"}], \"reactions\": [{\"emoji\": {\"id\": \"\", \"name\": \"+\"}, \"count\": "
    "3, \"users\": [{\"id\": \"1\"}, {\"id\": \"2\"}]}, {\"emoji\": {\"id\": \"77\", \"name\": \"odd\"}, \"count\": 1}]},\n"
    "{\"id\": \"101\", \"type\": \"Reply\", \"timestamp\": \"2023-01-06T14:04:00+00:00\", \"timestampEdited\": null, "
    "\"content\": \"\", " AUTHOR("2") ", \"attachments\": [], \"embeds\": [{\"title\": \"T\", \"description\": \"D\", "
    "\"thumbnail\": {\"url\": \"https://e.example/t.jpg\", \"width\": 3, \"height\": 4}, \"image\": {\"url\": \"i\"}, "
    "\"images\": [{\"url\": \"i.jpg\", \"width\": 1, \"height\": 2}]}], \"reference\": {\"messageId\": \"100\", "
    "\"channelId\": \"70\"}},\n"
    "{\"id\": \"102\", \"type\": \"Default\", \"timestamp\": \"2023-01-06T14:05:00+00:00\", \"content\": \"\", " AUTHOR("1")
    ", \"reference\": {\"messageId\": \"9\", \"channelId\": \"71\"}, \"forwardedMessage\": {\"content\": \"from there\", "
    "\"attachments\": [{\"id\": \"9\", \"url\": \"https://cdn.discordapp.com/f.ogg\", \"fileName\": \"f.ogg\"}]}},\n"
    "5, {\"type\": \"Default\"},\n"
    "{\"id\": \"103\", \"type\": \"Call\", \"timestamp\": \"soon\", \"callEndedTimestamp\": \"2023-01-06T15:00:00+00:00\", "
    "\"content\": \"Started a call\", " AUTHOR("2") "}\n" END("99");

static void
test_messages(void)
{
	void *discord;

	make_folder();
	CU_ASSERT_EQUAL(mkdir(path_of("sub"), 0700), 0);
	write_text("sub/x.json", whole);
	discord = open_at(folder);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("service=\"discord\""));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 1 && seen.failed == 0);
	CU_ASSERT_TRUE(logged("room id=\"70\" name=\"general\" kind=\"channel\" topic=\"why\" count=0 bytes="));
	CU_ASSERT_TRUE(has_raw("{\"guild\":{\"id\":\"7\",\"name\":\"G\",\"iconUrl\":\"x\"},\"channel\":{\"id\":\"70\","));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	CU_ASSERT_EQUAL(seen.failed, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "/sub/x.json: byte "));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	CU_ASSERT_TRUE(logged(
	    "message id=\"100\" sender=\"1\" kind=\"image\" text=\"a\\nb\" reply=null thread=null sent=1673013783853000000 "
	    "edited=1673013784000000000 flags=0 key=\"+\"*3 by=\"1\" by=\"2\" key=\"odd\"*1 file=\"a.PNG\" is=\"image\" "
	    "url=\"https://cdn.discordapp.com/attachments/1/2/a.PNG?ex=65f1a2b3&is=1\" mime=null 9b -1x-1 file=\"b.mp4\" "
	    "is=\"video\" url=null path=\"sub/x.json_Files/b-1.mp4\" mime=null 10b -1x-1 file=\"o\" is=\"file\" url=null "
	    "path=\"../out\" mime=null -1b -1x-1 file=\"wave\" is=\"sticker\" "
	    "url=\"https://cdn.discordapp.com/stickers/8.png\" mime=null -1b -1x-1\n"));
	CU_ASSERT_TRUE(logged("message id=\"101\" sender=\"2\" kind=\"text\" text=\"D\" reply=\"100\" thread=null "
	                      "sent=1673013840000000000 flags=0 is=\"image\" url=\"https://e.example/t.jpg\" mime=null -1b "
	                      "3x4 is=\"image\" url=null path=\"sub/i.jpg\" mime=null -1b 1x2\n"));
	CU_ASSERT_TRUE(logged("message id=\"102\" sender=\"1\" kind=\"audio\" text=\"from there\" reply=null"));
	CU_ASSERT_TRUE(logged("message id=\"103\" sender=\"2\" kind=\"Call\" text=\"Started a call\" reply=null thread=null "
	                      "flags=0\n"));
	CU_ASSERT_TRUE(has_raw("\"callEndedTimestamp\":\"2023-01-06T15:00:00+00:00\""));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_PARTICIPANTS, "70", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("person id=\"1\" name=\"Nick 1\"\nperson id=\"2\" name=\"Nick 2\"\n"));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_ENOTSUP);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "7", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.checkpoints == 1);
	CU_ASSERT_EQUAL(ask(discord, 99, NULL, NULL, 0), HF_ENOTSUP);
	source->close(discord);
	remove_folder();
}

/* A file of a channel with one message. */
static void
write_part(const char *name, const char *day, const char *message)
{
	char text[2000];

	(void)snprintf(text, sizeof(text), HEAD "%s" HEAD_END "{\"id\": \"%s\", \"content\": \"%s\"}" END("1"), day, message, day);
	write_text(name, text);
}

/* Parts, and a later export of the same: in the order of export and of the messages. */
static void
test_parts(void)
{
	char cursor[sizeof(seen.cursor)];
	void *discord;

	make_folder();
	write_part("g [70] [part 10].json", "1", "1100");
	write_part("g [70] [part 2].json", "1", "200");
	write_part("g [70].json", "1", "90");
	write_part("A later one.json", "2", "100");
	write_text("notes.json", "{\"a\": 1}");
	write_text("list.json", "[1]");
	write_text("g [70].json_Files/x.json", whole);
	CU_ASSERT_EQUAL(symlink("/etc", path_of("link")), 0);
	CU_ASSERT_EQUAL(symlink("g [70].json_Files/x.json", path_of("link.json")), 0);
	discord = open_at(folder);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 1 && seen.failed == 0);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 3), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	CU_ASSERT_EQUAL(seen.checkpoints, 2);
	CU_ASSERT_STRING_EQUAL(buffer_string(&seen.raw),
	    "{\"id\":\"90\",\"content\":\"1\"}\n{\"id\":\"200\",\"content\":\"1\"}\n{\"id\":\"1100\",\"content\":\"1\"}\n"
	    "{\"id\":\"100\",\"content\":\"2\"}\n");
	/* Files this young may change again within the same time stamp, so they are not trusted. */
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", seen.cursor, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	(void)sleep(3);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 3), HF_OK);
	(void)snprintf(cursor, sizeof(cursor), "%s", seen.first_cursor);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", seen.cursor, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.checkpoints == 1);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_PARTICIPANTS, "70", NULL, 0), HF_ENOTSUP);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", cursor, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 1 && logged("message id=\"100\""));
	/* A part that is another one now, and one more. */
	write_part("g [70].json", "1", "91");
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", cursor, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 4 && logged("message id=\"91\""));
	source->close(discord);
	remove_folder();
}

static void
test_cut(void)
{
	struct hf_value value = {HF_OPTION_PATH, 1, 0, folder};
	struct hf_error err = HF_ERROR_INIT;
	char *text = strdup(whole);
	size_t size = strlen(whole), i;
	void *discord;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	make_folder();
	write_text("b.json", "{\"guild\": 5, \"channel\": {\"id\": \"2\"}, \"messages\": [{\"id\": \"1\"}]}");
	/* No footer. */
	write_bytes("a.json", whole, (size_t)(strstr(whole, "\n  \"messageCount") - whole));
	discord = open_at(folder);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 2 && seen.failed == 0);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 4 && seen.failed == 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "the file ends in the middle"));
	/* Before the messages. */
	write_bytes("a.json", whole, (size_t)(strstr(whole, "\"messages\"") - whole));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 2 && seen.failed == 1);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.failed == 1);
	write_text("a.json", "");
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 1 && seen.failed == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "the file is empty"));
	source->close(discord);
	for (i = 1; i < 2 * size; i += 5) {
		if (i >= size)
			text[i - size] ^= 0x15;
		write_bytes("a.json", text, i < size ? i : size);
		if (i >= size)
			text[i - size] ^= 0x15;
		CU_ASSERT_EQUAL_FATAL(source->open(&host, &value, 1, &discord, &err), HF_OK);
		CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
		(void)ask(discord, HF_QUERY_MESSAGES, "70", NULL, 0);
		CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "2", NULL, 0), HF_OK);
		CU_ASSERT_EQUAL(seen.messages, 1);
		source->close(discord);
	}
	free(text);
	remove_folder();
}

static void
test_hostile(void)
{
	size_t size = 10u << 20, used;
	char *text = malloc(size);
	void *discord;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	make_folder();
	used = (size_t)snprintf(text, size, HEAD "1" HEAD_END "{\"id\": \"1\", \"a\": ");
	memset(text + used, '[', 50000);
	memset(text + used + 50000, ']', 50000);
	used += 100000;
	used += (size_t)snprintf(text + used, size - used, "}, {\"id\": \"2\", \"attachments\": [{\"url\": \"");
	memset(text + used, 'x', 9u << 20);
	used += 9u << 20;
	used += (size_t)snprintf(text + used, size - used, "\"}]}, {\"id\": \"3\", \"author\": 5, \"attachments\": {}, "
	                                                 "\"embeds\": [[], 1], \"reactions\": [{\"emoji\": 5}], \"reference\": [], "
	                                                 "\"forwardedMessage\": 1, \"timestamp\": 7, \"content\": []}" END("0"));
	write_bytes("a.json", text, used);
	free(text);
	write_text("b.json", "{\"channel\": {\"id\": \"a\\u0000b\"}, \"messages\": []}");
	write_text("c.json", "{\"channel\": {\"id\": \"c\"}, \"messages\": {}}");
	discord = open_at(folder);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 2 && seen.failed == 1);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 1 && seen.failed == 2);
	CU_ASSERT_TRUE(logged("message id=\"3\" sender=null kind=\"text\" text=null reply=null thread=null flags=0\n"));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "c", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.failed == 1);
	source->close(discord);
	remove_folder();
}

static void
test_media(void)
{
	void *discord;

	make_folder();
	write_text("x.json", whole);
	write_text("x.json_Files/b-1.mp4", "bytes");
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path_of("x.json_Files/l")), 0);
	discord = open_at(path_of("x.json"));
	CU_ASSERT_EQUAL(fetch(discord, "x.json_Files/b-1.mp4", NULL), HF_OK);
	CU_ASSERT_TRUE(media.bytes.size == 5 && memcmp(media.bytes.data, "bytes", 5) == 0);
	CU_ASSERT_EQUAL(fetch(discord, NULL, "https://cdn.discordapp.com/a"), HF_ENOTSUP);
	CU_ASSERT_EQUAL(fetch(discord, "x.json_Files/l", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(discord, "../x", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(discord, "gone", NULL), HF_ENOTFOUND);
	source->close(discord);
	remove_folder();
}

static void
test_real(void)
{
	void *discord = open_at(DATA "/chatpack/discord_export.json");

	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"987654321\" name=\"general\" kind=\"channel\" count=0 "));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "987654321", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 7 && seen.failed == 0);
	CU_ASSERT_TRUE(logged("text=\"No, what happened?\" reply=\"1004\""));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_PARTICIPANTS, "987654321", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 2);
	source->close(discord);
}

static void
test_wrong_place(void)
{
	struct hf_error err = HF_ERROR_INIT;
	void *discord;

	make_folder();
	CU_ASSERT_TRUE(refuses(path_of("nothing"), HF_ENOTFOUND, "\"path\" must be a JSON file"));
	CU_ASSERT_TRUE(refuses("/dev/null", HF_EINVAL, "neither a folder nor a file"));
	CU_ASSERT_EQUAL(source->configure(NULL, 0, &err), HF_EINVAL);
	write_text("other.json", "{\"a\": {}}");
	discord = open_at(folder);
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "no export of DiscordChatExporter in JSON in it"));
	write_text("g.html", "x");
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_MESSAGES, "70", NULL, 0), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "choose the format JSON"));
	source->close(discord);
	discord = open_at(path_of("other.json"));
	CU_ASSERT_EQUAL(ask(discord, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	source->close(discord);
	remove_folder();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"messages", test_messages}, {"parts", test_parts}, {"cut off", test_cut},
	    {"hostile", test_hostile}, {"media", test_media}, {"real export", test_real},
	    {"wrong place", test_wrong_place}, CU_TEST_INFO_NULL};

	return source_run("discord-export", TEST_PLUGIN, tests);
}

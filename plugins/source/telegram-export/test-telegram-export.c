/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../common/test-source.h"

#define DATA TEST_DATA "/chat-telegram"

/* A whole account, with one of each. */
static const char account[] =
    "\xef\xbb\xbf{\n \"about\": \"x\",\n \"personal_information\": {\"user_id\": 1, \"first_name\": \"Ada\", "
    "\"last_name\": \"L\\u00e9\"},\n"
    " \"profile_pictures\": [{\"photo\": \"p\"}],\n"
    " \"contacts\": {\"about\": \"\", \"list\": [\n"
    "  {\"user_id\": 2, \"first_name\": \"Bo\", \"last_name\": \"\", \"phone_number\": \"+1 2\", \"date_unixtime\": \"7\"},\n"
    "  {\"first_name\": \"a;b,c\\\\\\n\", \"last_name\": \"\\u0001\", \"phone_number\": \"\"},\n"
    "  {\"date\": \"1970-01-01T00:00:00\"}, 5 ]},\n"
    " \"frequent_contacts\": {\"list\": [{\"id\": 2, \"type\": \"user\", \"name\": \"Bo\"}, "
    "{\"id\": 3, \"category\": \"people\", \"type\": \"user\", \"name\": \"Cy\"}, "
    "{\"id\": 9, \"type\": \"private_group\", \"name\": \"G\"}]},\n"
    " \"chats\": {\"about\": \"\", \"list\": [\n"
    "  {\"name\": \"Bo\", \"type\": \"personal_chat\", \"id\": 2, \"messages\": [\n"
    "   {\"id\": 5, \"type\": \"message\", \"date\": \"2020-11-12T12:54:07\", \"date_unixtime\": \"1605182047\", \"from\": "
    "\"Bo\", \"from_id\": \"user2\", \"reply_to_message_id\": 4, \"text\": [\"a\\\"\", {\"type\": \"bold\", \"text\": "
    "\"b\"}, 7, {}], \"reactions\": [{\"type\": \"emoji\", \"count\": 3, \"emoji\": \"+\", \"recent\": [{\"from_id\": "
    "\"user1\"}]}, {\"type\": \"paid\", \"count\": 2}]},\n"
    "   {\"id\": 6, \"type\": \"message\", \"date\": \"2020-11-12T12:54:07\", \"edited\": \"1970-01-01T01:00:00\", \"from\": "
    "null, \"from_id\": \"user2\", \"text\": \"\", \"poll\": {\"question\": \"why?\", \"closed\": false}},\n"
    "   7, {\"type\": \"message\", \"text\": \"no id\"},\n"
    "   {\"id\": 8, \"type\": \"message\", \"from\": \"Ada\", \"from_id\": \"user1\", \"text\": \"\\x1B[0m \\\\x41\"},\n"
    "   {\"id\": 9, \"type\": \"unsupported\"}\n  ]},\n"
    "  {\"type\": \"saved_messages\", \"id\": 1, \"odd\": [1,  2], \"messages\": []},\n"
    "  {\"name\": \"no id\", \"messages\": [{\"id\": 1}]},\n"
    "  {\"name\": \"F\", \"type\": \"private_supergroup\", \"messages\": [\n"
    "   {\"id\": 1, \"type\": \"service\", \"actor\": \"Cy\", \"actor_id\": \"user3\", \"action\": \"topic_created\", \"title\": "
    "\"T\", \"text\": \"\"},\n"
    "   {\"id\": 2, \"type\": \"message\", \"from_id\": \"user3\", \"reply_to_message_id\": 1, \"text\": \"in it\"},\n"
    "   {\"id\": 3, \"type\": \"message\", \"from_id\": \"user3\", \"reply_to_message_id\": 1, \"reply_to_peer_id\": \"channel7\","
    " \"forwarded_from\": \"Z\", \"text\": \"of another chat\"}], \"id\": 2}\n ]},\n"
    " \"left_chats\": {\"about\": \"\", \"list\": [\n"
    "  {\"name\": \"M\", \"type\": \"public_channel\", \"id\": 4, \"messages\": [\n"
    "   {\"id\": 1, \"text\": \"\", \"photo\": \"photos\\/p.jpg\", \"photo_file_size\": 9, \"width\": 3, \"height\": 4},\n"
    "   {\"id\": 2, \"text\": \"\", \"file\": \"(File not included. Change data exporting settings to download.)\", "
    "\"file_name\": \"v.mp4\", \"file_size\": 10, \"thumbnail\": \"video_files/t.jpg\", \"thumbnail_file_size\": 2, "
    "\"media_type\": \"video_file\", \"mime_type\": \"video/mp4\", \"duration_seconds\": 61},\n"
    "   {\"id\": 3, \"text\": \"\", \"file\": \"voice_messages/a (1).ogg\", \"media_type\": \"voice_message\", \"mime_type\": "
    "\"audio/ogg\"},\n"
    "   {\"id\": 4, \"text\": \"\", \"contact_information\": {\"first_name\": \"x\"}, \"contact_vcard\": \"contacts/c.vcf\"},\n"
    "   {\"id\": 5, \"text\": \"\", \"location_information\": {\"latitude\": 1}}, {\"id\": 6, \"text\": 5, \"photo\": 6, "
    "\"reactions\": {}, \"poll\": [], \"file\": null}\n  ]}\n ]}\n}\n";

static void
check_account(void *telegram)
{
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("service=\"telegram\" id=\"user1\" name=\"Ada L\xc3\xa9\""));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("person id=\"user1\" name=\"Ada L\xc3\xa9\"\nperson id=\"user2\" name=\"Bo\"\n"
	                      "person id=\"user3\" name=\"Cy\"\n"));
	CU_ASSERT_EQUAL(seen.people, 3);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_TRUE(has_raw("{\"id\":3,\"category\":\"people\",\"type\":\"user\",\"name\":\"Cy\"}\n"));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_CONTACTS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.contacts, 2);
	CU_ASSERT_TRUE(logged("contact id=\"user2\" updated=7000000000\nBEGIN:VCARD\r\nVERSION:3.0\r\nN:;Bo;;;\r\nFN:Bo\r\n"
	                      "TEL;TYPE=cell:+1 2\r\nUID:telegram-user2\r\nEND:VCARD\r\n"));
	CU_ASSERT_TRUE(logged("N: ;a\\;b\\,c\\\\\\n;;;\r\nFN:a\\;b\\,c\\\\\\n  \r\nEND:VCARD\r\n"));
}

static void
test_account(void)
{
	void *telegram;

	make_folder();
	write_text("result.json", account);
	telegram = open_at(folder);
	check_account(telegram);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 4);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_TRUE(logged("room id=\"channel2\" name=\"F\" kind=\"group\" count=3 "));
	CU_ASSERT_TRUE(logged("room id=\"channel4\" name=\"M\" kind=\"channel\" count=6 "));
	CU_ASSERT_TRUE(logged("room id=\"user1\" name=null kind=\"direct\" count=0 bytes=2\n"));
	CU_ASSERT_TRUE(logged("room id=\"user2\" name=\"Bo\" kind=\"direct\" count=6 "));
	CU_ASSERT_TRUE(has_raw("{\"type\":\"saved_messages\",\"id\":1,\"odd\":[1,2]}\n"));
	CU_ASSERT_TRUE(has_raw("{\"name\":\"F\",\"type\":\"private_supergroup\",\"id\":2}\n"));
	CU_ASSERT_EQUAL(ask(telegram, 99, NULL, NULL, 0), HF_ENOTSUP);
	source->close(telegram);
	remove_folder();
}

static void
test_messages(void)
{
	static const struct hf_value berlin = {HF_OPTION_STRING, 1, 0, "+01:00"};
	void *telegram;

	make_folder();
	write_text("result.json", account);
	telegram = open_with(path_of("result.json"), &berlin, 1);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "user2", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	CU_ASSERT_EQUAL(seen.failed, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "result.json: byte "));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	CU_ASSERT_TRUE(logged("message id=\"5\" sender=\"user2\" kind=\"text\" text=\"a\\\"b\" reply=\"4\" thread=null "
	                      "sent=1605182047000000000 flags=0 key=\"+\"*3 by=\"user1\" key=\"paid\"*2\n"));
	CU_ASSERT_TRUE(logged("message id=\"6\" sender=\"user2\" kind=\"poll\" text=\"why?\" reply=null thread=null "
	                      "sent=1605182047000000000 flags=0\n"));
	/* Control characters are no JSON as Telegram Desktop spells them. */
	CU_ASSERT_TRUE(logged("message id=\"8\" sender=\"user1\" kind=\"text\" text=\"\\u001B[0m \\\\x41\""));
	CU_ASSERT_TRUE(has_raw("\"text\":\"\\u001B[0m \\\\x41\"}"));
	CU_ASSERT_TRUE(logged("message id=\"9\" sender=null kind=\"unsupported\" text=null"));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_PARTICIPANTS, "user2", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("person id=\"user2\" name=\"Bo\"\nperson id=\"user1\" name=\"Ada\"\n"));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "channel2", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("message id=\"1\" sender=\"user3\" kind=\"topic_created\" text=\"\" reply=null thread=\"1\""));
	CU_ASSERT_TRUE(logged("message id=\"2\" sender=\"user3\" kind=\"text\" text=\"in it\" reply=null thread=\"1\""));
	CU_ASSERT_TRUE(logged("text=\"of another chat\" reply=null thread=null"));
	/* Without having read the messages. */
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_PARTICIPANTS, "user2", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 2);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "user", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.checkpoints == 1);
	source->close(telegram);
	remove_folder();
}

static void
test_attachments(void)
{
	void *telegram;

	make_folder();
	write_text("result.json", account);
	telegram = open_at(folder);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "channel4", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("kind=\"image\" text=\"\" reply=null thread=null flags=0 file=\"p.jpg\" is=\"image\" url=null "
	                      "path=\"photos\\/p.jpg\" mime=null 9b 3x4\n"));
	CU_ASSERT_TRUE(logged("kind=\"video\" text=\"\" reply=null thread=null flags=0 file=\"v.mp4\" is=\"video\" url=null "
	                      "missing=\"(File not included. Change data exporting settings to download.)\" "
	                      "mime=\"video/mp4\" 10b -1x-1 61000ms file=\"t.jpg\" is=\"thumbnail\" url=null "
	                      "path=\"video_files/t.jpg\" mime=null 2b -1x-1\n"));
	CU_ASSERT_TRUE(logged("kind=\"audio\" text=\"\" reply=null thread=null flags=0 file=\"a (1).ogg\" is=\"audio\" url=null "
	                      "path=\"voice_messages/a (1).ogg\" mime=\"audio/ogg\" -1b -1x-1\n"));
	CU_ASSERT_TRUE(logged("kind=\"contact\" text=\"\" reply=null thread=null flags=0 file=\"c.vcf\" is=\"file\" url=null "
	                      "path=\"contacts/c.vcf\" mime=\"text/vcard\" -1b -1x-1\n"));
	CU_ASSERT_TRUE(logged("message id=\"5\" sender=null kind=\"location\""));
	CU_ASSERT_TRUE(logged("message id=\"6\" sender=null kind=\"text\" text=null reply=null thread=null flags=0\n"));
	source->close(telegram);
	remove_folder();
}

/* How often a text comes in what was pushed. */
static int
count_of(const char *text)
{
	const char *at = buffer_string(&seen.log);
	int n = 0;

	for (; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

static void
test_real(void)
{
	void *telegram = open_at(DATA "/tg2md");
	char *bytes;
	size_t size;

	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&seen.log), " service=\"telegram\"");
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_PARTICIPANTS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people + seen.failed, 0);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"channel1292077344\" name=\"test\" kind=\"channel\" count=19 "));
	CU_ASSERT_TRUE(has_raw("{\"name\":\"test\",\"type\":\"private_channel\",\"id\":1292077344}\n"));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "channel1292077344", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 19);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_EQUAL(count_of(" path="), 10);
	CU_ASSERT_EQUAL(count_of(" edited="), 5);
	CU_ASSERT_TRUE(logged("text=\"bold in text\\nbold below"));
	CU_ASSERT_EQUAL(fetch(telegram, "files/dice.svg_thumb.jpg", NULL), HF_OK);
	bytes = slurp(DATA "/tg2md/files/dice.svg_thumb.jpg", &size);
	CU_ASSERT_TRUE(media.bytes.size == size && memcmp(media.bytes.data, bytes, size) == 0);
	CU_ASSERT_EQUAL(media.size, (int64_t)size);
	free(bytes);
	CU_ASSERT_EQUAL(fetch(telegram, "files/LICENSE.md", NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(fetch(telegram, "../tg2md/result.json", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(telegram, "/etc/passwd", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(telegram, NULL, NULL), HF_ENOTFOUND);
	source->close(telegram);
	telegram = open_at(DATA "/chatpack/telegram_export.json");
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"user123456789\" name=\"Test Chat\" kind=\"direct\" count=7 "));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "user123456789", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 7);
	CU_ASSERT_TRUE(logged("text=\"No, what happened?\" reply=\"4\""));
	source->close(telegram);
}

/* A chat of that many messages of a text, and one more chat. */
static void
write_chats(int count, const char *text)
{
	static char file[200000];
	size_t n = 0;
	int i;

	n += (size_t)snprintf(file, sizeof(file), "{\"chats\":{\"list\":[{\"type\":\"private_group\",\"id\":1,\"messages\":[");
	for (i = 0; i < count; i++)
		n += (size_t)snprintf(file + n, sizeof(file) - n,
		    "%s{\"id\":%d,\"from\":\"N%d\",\"from_id\":\"user%d\",\"text\":\"%s\"}", i > 0 ? ", " : "", i, i % 7, i % 7, text);
	(void)snprintf(file + n, sizeof(file) - n,
	    "]},{\"type\":\"private_group\",\"id\":2,\"messages\":[{\"id\":1},{\"id\":2}]}]}}");
	write_text("result.json", file);
}

static void
test_cursor(void)
{
	char first[sizeof(seen.cursor)], last[sizeof(seen.cursor)];
	void *telegram;

	make_folder();
	write_chats(1000, "x");
	telegram = open_at(folder);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", NULL, 300), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1000);
	CU_ASSERT_EQUAL(seen.checkpoints, 4);
	(void)snprintf(first, sizeof(first), "%s", seen.first_cursor);
	(void)snprintf(last, sizeof(last), "%s", seen.cursor);
	/* Unchanged: nothing is read, and nothing is said of who is in it. */
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", last, 300), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.checkpoints == 1);
	CU_ASSERT_STRING_EQUAL(seen.cursor, last);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_PARTICIPANTS, "chat1", NULL, 0), HF_ENOTSUP);
	/* From the middle on, with all people. */
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", first, 300), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 700 && logged("message id=\"300\""));
	CU_ASSERT_STRING_EQUAL(seen.cursor, last);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_PARTICIPANTS, "chat1", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 7);
	/* A newer export, while this one is open: the other chat is the same. */
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat2", NULL, 0), HF_OK);
	(void)snprintf(first, sizeof(first), "%s", seen.cursor);
	write_chats(1001, "x");
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat2", first, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", last, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1001);
	/* The same size and another text. */
	(void)snprintf(last, sizeof(last), "%s", seen.cursor);
	write_chats(1001, "y");
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", last, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1001);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", "{\"digest\":5", 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1001);
	seen.stop_after = 100;
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "chat1", NULL, 0), HF_ESTOPPING);
	seen.stop_after = 0;
	source->close(telegram);
	remove_folder();
}

/* Cut off anywhere, and with any byte another one: a sentence or a failed item, and what lies before is there. */
static void
test_broken(void)
{
	static const char *const rooms[] = {"user1", "user2", "channel2", "channel4"};
	char *text = strdup(account);
	struct hf_value value = {HF_OPTION_PATH, 1, 0, folder};
	struct hf_error err = HF_ERROR_INIT;
	size_t size = strlen(account), i, k;
	void *telegram;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	make_folder();
	for (i = 1; i < 2 * size; i += 3) {
		if (i >= size)
			text[i - size] ^= 0x15;
		write_bytes("result.json", text, i < size ? i : size);
		if (i >= size)
			text[i - size] ^= 0x15;
		CU_ASSERT_EQUAL_FATAL(source->open(&host, &value, 1, &telegram, &err), HF_OK);
		k = ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0) == HF_OK;
		CU_ASSERT_TRUE(i >= size - 1 || k == 0 || seen.failed > 0);
		for (k = 0; k < 4; k++)
			(void)ask(telegram, HF_QUERY_MESSAGES, rooms[k], NULL, 0);
		(void)ask(telegram, HF_QUERY_PARTICIPANTS, NULL, NULL, 0);
		(void)ask(telegram, HF_QUERY_CONTACTS, NULL, NULL, 0);
		source->close(telegram);
	}
	free(text);
	remove_folder();
}

static void
test_cut(void)
{
	void *telegram;

	make_folder();
	write_bytes("result.json", account, (size_t)(strstr(account, "\"no id\"}") - account));
	telegram = open_at(folder);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 1);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "the file ends in the middle"));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "user2", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 2);
	CU_ASSERT_EQUAL(seen.failed, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	source->close(telegram);
	remove_folder();
}

/* Deep, long, and everything of the wrong type. */
static void
test_hostile(void)
{
	size_t size = 10u << 20, used = 0;
	char *text = malloc(size);
	void *telegram;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	make_folder();
	used += (size_t)snprintf(text, size, "{\"type\":\"personal_chat\",\"id\":\"\\u0031\",\"messages\":[{\"id\":1},{\"id\":2,\"a\":");
	memset(text + used, '[', 100000);
	memset(text + used + 100000, ']', 100000);
	used += 200000;
	used += (size_t)snprintf(text + used, size - used, "},{\"id\":3,\"text\":\"");
	memset(text + used, 'x', 9u << 20);
	used += 9u << 20;
	used += (size_t)snprintf(text + used, size - used, "\"},{\"id\":4}]}");
	write_bytes("result.json", text, used);
	telegram = open_at(folder);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"user1\" name=null kind=\"direct\" count=4 "));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "user1", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 2 && seen.failed == 2);
	CU_ASSERT_TRUE(logged("message id=\"4\""));
	source->close(telegram);
	free(text);
	write_text("result.json", "{\"chats\":{\"list\":[5,{\"id\":{},\"type\":[],\"messages\":{\"id\":1}},{\"id\":7,\"messages\":8},"
	                          "[],null,{\"id\":\"\\u0000\",\"messages\":[]}],\"list\":9},\"chats\":5,\"contacts\":[],"
	                          "\"frequent_contacts\":{\"list\":{}},\"personal_information\":7}");
	telegram = open_at(folder);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 1 && seen.failed == 3);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "peer7", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_CONTACTS, NULL, NULL, 0), HF_OK);
	source->close(telegram);
	remove_folder();
}

/* One chat in two places is one room. */
static void
test_twice(void)
{
	char cursor[sizeof(seen.cursor)];
	void *telegram;

	make_folder();
	write_text("result.json",
	    "{\"left_chats\":{\"list\":[{\"type\":\"public_supergroup\",\"id\":1,\"messages\":[{\"id\":1}]}]},"
	    "\"chats\":{\"list\":[{\"type\":\"public_supergroup\",\"id\":1,\"messages\":[{\"id\":2},{\"id\":3}]}]}}");
	telegram = open_at(folder);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.rooms, 1);
	CU_ASSERT_TRUE(logged("count=3 "));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "channel1", NULL, 2), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 3);
	(void)snprintf(cursor, sizeof(cursor), "%s", seen.first_cursor);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "channel1", seen.cursor, 2), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 0);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_MESSAGES, "channel1", cursor, 2), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 1 && logged("message id=\"3\""));
	source->close(telegram);
	remove_folder();
}

static void
test_wrong_place(void)
{
	struct hf_value values[] = {{HF_OPTION_PATH, 1, 0, folder}, {HF_OPTION_STRING, 1, 0, "../x"}};
	struct hf_error err = HF_ERROR_INIT;
	void *telegram;

	make_folder();
	CU_ASSERT_TRUE(refuses(path_of("nothing"), HF_ENOTFOUND, "\"path\" must be the folder"));
	CU_ASSERT_TRUE(refuses(folder, HF_EINVAL, "no result.json in it"));
	CU_ASSERT_EQUAL(mkdir(path_of("DataExport_2026-11-01"), 0700), 0);
	write_text("DataExport_2026-11-02/result.json", "{}");
	CU_ASSERT_TRUE(refuses(folder, HF_EINVAL, "in its folder DataExport_2026-11-02"));
	write_text("messages.html", "");
	CU_ASSERT_TRUE(refuses(folder, HF_EINVAL, "an export in HTML"));
	telegram = open_at(path_of("DataExport_2026-11-02"));
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "neither \"chats\" nor \"messages\" in it"));
	write_text("DataExport_2026-11-02/result.json", "not json");
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "not an export of Telegram Desktop in JSON: no JSON object"));
	CU_ASSERT_EQUAL(unlink(path_of("DataExport_2026-11-02/result.json")), 0);
	CU_ASSERT_EQUAL(mkdir(path_of("DataExport_2026-11-02/result.json"), 0700), 0);
	CU_ASSERT_EQUAL(ask(telegram, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	source->close(telegram);
	CU_ASSERT_EQUAL(source->configure(values, 0, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(source->configure(values, 2, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "\"timezone\""));
	remove_folder();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"account", test_account}, {"messages", test_messages}, {"attachments", test_attachments},
	    {"real exports", test_real}, {"cursor", test_cursor}, {"broken", test_broken}, {"cut off", test_cut},
	    {"hostile", test_hostile}, {"a chat in two places", test_twice}, {"wrong place", test_wrong_place},
	    CU_TEST_INFO_NULL};

	return source_run("telegram-export", TEST_PLUGIN, tests);
}

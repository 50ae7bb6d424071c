/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../common/test-source.h"

#include <archive.h>
#include <archive_entry.h>

#define DATA TEST_DATA "/chat-whatsapp"

static const struct hf_value utc[] = {{HF_OPTION_STRING, 0, 0, NULL}, {HF_OPTION_STRING, 0, 0, NULL},
    {HF_OPTION_STRING, 1, 0, "UTC"}};

/* Opens the folder, with times as they are written. */
static void *
open_folder(void)
{
	return open_with(folder, utc, 3);
}

/* A number that was logged behind a name; 0: there is none. */
static long long
logged_number(const char *name)
{
	const char *at = strstr(buffer_string(&seen.log), name);

	return at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* 2024-12-31 15:04, in the spellings of many telephones; seconds where they have them are 5. */
static void
test_stamps(void)
{
	static const char *const stamps[] = {
		"31/12/2024, 15:04 - ", "[31/12/2024, 15:04:05] ", "12/31/24, 3:04\xe2\x80\xafPM - ",
		"\xe2\x80\x8e[12/31/24, 3:04:05\xe2\x80\xafPM] ", "31/12/24, 3:04 pm - ", "31/12/2024, 3:04 p. m. - ",
		"31/12/24 3:04\xc2\xa0p.\xc2\xa0m. - ", "31.12.24, 15:04 - ", "[31.12.24, 15:04:05] ", "31.12.2024, 15.04 - ",
		"31.12.2024 klo 15.04 - ", "31-12-2024 15:04 - ", "2024-12-31 15:04 - ", "[2024-12-31, 15:04:05] ",
		"2024/12/31 15:04 - ", "2024/12/31 \344\270\213\345\215\2103:04 - ", "[2024/12/31 \344\270\213\345\215\2103:04:05] ",
		"2024. 12. 31. 15:04 - ", "[2024. 12. 31. \xec\x98\xa4\xed\x9b\x84 3:04:05] ",
		"2024\xeb\x85\x84 12\xec\x9b\x94 31\xec\x9d\xbc \xec\x98\xa4\xed\x9b\x84 3:04, ",
		"[\xd9\xa3\xd9\xa1\xe2\x80\x8f/\xd9\xa1\xd9\xa2\xe2\x80\x8f/\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa4\xd8\x8c \xd9\xa3:\xd9\xa0\xd9\xa4:\xd9\xa0\xd9\xa5 \xd9\x85] ",
		"\xe2\x80\x8f\xdb\xb2\xdb\xb0\xdb\xb2\xdb\xb4/\xdb\xb1\xdb\xb2/\xdb\xb3\xdb\xb1\xd8\x8c \xdb\xb1\xdb\xb5:\xdb\xb0\xdb\xb4 - ",
		"15:04, 31/12/2024 - ", "31.12.24 \xd0\xb3., 15:04 - ", "31/12/2567 15:04 - ", "31. 12. 2024 15:04 - ",
		"31/12/2024 \xc3\xa0s 15:04 - ", "31.12.2024 \xc3\x96S 3:04 - ", "12/31/24, 3:04_PM - "};
	char text[200];
	size_t i;
	void *whatsapp;

	make_folder();
	for (i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		(void)snprintf(text, sizeof(text), "%sAda: hello\n", stamps[i]);
		write_text("x/_chat.txt", text);
		whatsapp = open_folder();
		CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0), HF_OK);
		CU_ASSERT_EQUAL(seen.failed, 0);
		CU_ASSERT_TRUE(seen.messages == 1 && logged(" sender=\"Ada\" kind=\"text\" text=\"hello\" "));
		if (logged_number(" sent=") / 60000000000ll != 1735657440ll / 60) {
			(void)printf("%s: %lld\n", stamps[i], logged_number(" sent="));
			CU_FAIL("not that time");
		}
		source->close(whatsapp);
	}
	remove_folder();
}

/* What does not begin a message belongs to the one before. */
static void
test_lines(void)
{
	static const char *const others[] = {"", "[1] 2", "12 monkeys", "31/12/2024", "31/12/2024, 15:04", "32/12/2024, 15:04 - x: y",
	    "31/13/2024, 15:04 - x: y", "31/12/2024, 25:04 - x: y", "31/12/2024, 15:64 - x: y", "31/12-2024, 15:04 - x: y",
	    "[31/12/2024, 15:04:05 or so] x: y", "1/2/3/4/5, 15:04 - x", "https://x/31/12/2024, 15:04 - ", "1.2.3.4 - x: y",
	    "[31/12/2024, noon 12:00] x: y"};
	char text[4000];
	size_t i, n;
	void *whatsapp;

	make_folder();
	n = (size_t)snprintf(text, sizeof(text), "31/12/2024, 15:04 - Ada: first");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n%s", others[i]);
	(void)snprintf(text + n, sizeof(text) - n, "\r\n\r\n31/12/2024, 15:04 - Ada: last");
	write_text("WhatsApp Chat with Bo (1).txt", text);
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"Bo\" name=\"Bo\" kind=null count=2 "));
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "Bo", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 2 && seen.failed == 0);
	CU_ASSERT_TRUE(logged("text=\"first\\n\\n[1] 2\\n12 monkeys\\n"));
	CU_ASSERT_TRUE(logged("text=\"last\""));
	CU_ASSERT_TRUE(has_raw("\"31/12/2024, 15:04 - Ada: first\\r\\n\\r\\n[1] 2\\r\\n"));
	CU_ASSERT_TRUE(has_raw("\n\"31/12/2024, 15:04 - Ada: last\"\n"));
	source->close(whatsapp);
	remove_folder();
}

static void
test_bodies(void)
{
	void *whatsapp;

	make_folder();
	write_text("g/_chat.txt",
	    "\xef\xbb\xbf[31/12/2024, 15:04:00] Messages are end-to-end encrypted.\r\n"
	    "[31/12/2024, 15:04:01] ~\xe2\x80\xaf" "Bo: \xe2\x80\x8e<attached: 00000001-PHOTO-2024.jpg>\r\n"
	    "[31/12/2024, 15:04:02] Ada: \xe2\x80\x8e<Anhang: 2-VIDEO.mp4>\r\na caption\r\n"
	    "[31/12/2024, 15:04:03] Ada: \xe2\x80\x8eimage omitted\r\n"
	    "[31/12/2024, 15:04:04] Ada: \xe2\x80\x8eLocation: https://maps.google.com/?q=1,2\r\n"
	    "[31/12/2024, 15:04:05] Ada: <attached: ../../etc/passwd.txt>\r\n"
	    "[31/12/2024, 15:04:06] Ada: I <3 you: really>\r\n"
	    "[31/12/2024, 15:04:07] Ada changed the subject to \xe2\x80\x9cx: y\xe2\x80\x9d\r\n"
	    "[31/12/2024, 15:04:08] \xe2\x80\xaa+31 6 1\xe2\x80\xac:\r\nbelow\r\n"
	    "[31/12/2024, 15:04:09] Ada: 3: 2: 1\n");
	write_text("h/WhatsApp Chat with H.txt",
	    "31/12/2024, 15:04 - Bo: IMG-20241231-WA0001.jpg (file attached)\nlook\n"
	    "31/12/2024, 15:04 - Bo: report (1).pdf (Datei angeh\xc3\xa4ngt)\n"
	    "31/12/2024, 15:04 - Bo: <Media omitted>\n31/12/2024, 15:04 - Bo: <Medien ausgeschlossen>\n"
	    "31/12/2024, 15:04 - Bo: a.jpg (not attached)\n");
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "g", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 10 && seen.failed == 0);
	CU_ASSERT_TRUE(logged("sender=null kind=\"system\" text=\"Messages are end-to-end encrypted.\""));
	CU_ASSERT_TRUE(logged("sender=\"Bo\" kind=\"image\" text=\"\" reply=null thread=null sent=1735657441000000000 flags=2 "
	                      "file=\"00000001-PHOTO-2024.jpg\" is=\"image\" url=null path=\"g/00000001-PHOTO-2024.jpg\" "
	                      "mime=null -1b -1x-1\n"));
	CU_ASSERT_TRUE(logged("kind=\"video\" text=\"a caption\" reply=null thread=null sent=1735657442000000000 flags=2 "
	                      "file=\"2-VIDEO.mp4\" is=\"video\" url=null path=\"g/2-VIDEO.mp4\""));
	CU_ASSERT_TRUE(logged("kind=\"image\" text=\"\" reply=null thread=null sent=1735657443000000000 flags=2 is=\"image\" "
	                      "url=null missing=\"image omitted\""));
	CU_ASSERT_TRUE(logged("kind=\"location\" text=\"Location: https"));
	CU_ASSERT_TRUE(logged("kind=\"text\" text=\"<attached: ../../etc/passwd.txt>\""));
	CU_ASSERT_TRUE(logged("kind=\"text\" text=\"I <3 you: really>\""));
	CU_ASSERT_TRUE(logged("sender=null kind=\"system\" text=\"Ada changed the subject to \xe2\x80\x9cx: y\xe2\x80\x9d\""));
	CU_ASSERT_TRUE(logged("sender=\"+31 6 1\" kind=\"text\" text=\"\\nbelow\""));
	CU_ASSERT_TRUE(logged("sender=\"Ada\" kind=\"text\" text=\"3: 2: 1\""));
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_PARTICIPANTS, "g", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 3);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "H", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 5 && seen.failed == 0);
	CU_ASSERT_TRUE(logged("kind=\"image\" text=\"look\" reply=null thread=null sent=1735657440000000000 flags=2 "
	                      "file=\"IMG-20241231-WA0001.jpg\" is=\"image\" url=null path=\"h/IMG-20241231-WA0001.jpg\""));
	CU_ASSERT_TRUE(logged("file=\"report (1).pdf\" is=\"file\" url=null path=\"h/report (1).pdf\""));
	CU_ASSERT_TRUE(logged("missing=\"<Media omitted>\"") && logged("missing=\"<Medien ausgeschlossen>\""));
	CU_ASSERT_TRUE(logged("kind=\"text\" text=\"a.jpg (not attached)\""));
	source->close(whatsapp);
	remove_folder();
}

/* The id of the message with that number, from 0; to be compared at once. */
static const char *
id_of(int number)
{
	static char ids[8][40];
	static int next;
	const char *at = buffer_string(&seen.log);
	char *id = ids[next++ % 8];

	for (; at != NULL && number >= 0; number--)
		at = strstr(at + 1, " id=\"");
	(void)snprintf(id, sizeof(ids[0]), "%.32s", at != NULL ? at + 5 : "none");
	return id;
}

/* Ids are the same in a later export, with media or seconds or another clock, and differ where messages do. */
static void
test_ids(void)
{
	static const char *const same[] = {"31/12/2024, 15:04 - Ada: ok\n31/12/2024, 15:04 - Ada: ok\n"
	                                   "31/12/2024, 15:04 - Ada: <Media omitted>\n",
	    "[31/12/24, 3:04:59\xe2\x80\xafPM] Ada: ok \r\n[31/12/24, 3:04:59\xe2\x80\xafPM] ~ Ada: ok\r\n"
	    "\xe2\x80\x8e[31/12/24, 3:04:59\xe2\x80\xafPM] Ada: \xe2\x80\x8e<attached: 1.jpg>\r\n[31/12/24, 3:05:01\xe2\x80\xafPM] "
	    "Bo: more"};
	char ids[3][40];
	void *whatsapp;
	int i;

	make_folder();
	write_text("x/_chat.txt", same[0]);
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0), HF_OK);
	for (i = 0; i < 3; i++)
		(void)snprintf(ids[i], sizeof(ids[i]), "%s", id_of(i));
	CU_ASSERT_TRUE(strlen(ids[0]) == 32 && strcmp(ids[0], ids[1]) != 0 && strcmp(ids[1], ids[2]) != 0);
	write_text("x/_chat.txt", same[1]);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 4);
	for (i = 0; i < 3; i++)
		CU_ASSERT_STRING_EQUAL(id_of(i), ids[i]);
	source->close(whatsapp);
	remove_folder();
}

/* Whether an ambiguous text is read as March (3) or April (4) with some more text, or not at all (0). */
static int
month_of(const char *more, const char *other, const char *order)
{
	struct hf_value values[] = {{HF_OPTION_STRING, 0, 0, NULL}, {HF_OPTION_STRING, order != NULL, 0, order}, utc[2]};
	char text[500];
	long long sent;
	void *whatsapp;

	make_folder();
	(void)snprintf(text, sizeof(text), "3/4/2024, 15:04 - Ada: x\n%s", more);
	write_text("x/_chat.txt", text);
	write_text("y/_chat.txt", other);
	whatsapp = open_with(folder, values, 3);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0), HF_OK);
	sent = logged_number(" sent=") / 1000000000;
	if (sent == 0) {
		CU_ASSERT_TRUE(seen.failed == 1 && seen.messages > 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "set \"date_order\" to dmy or mdy"));
		CU_ASSERT_PTR_NOT_NULL(strstr(seen.cursor, "\"trusted\":false"));
	}
	source->close(whatsapp);
	remove_folder();
	return sent == 1712156640 ? 4 : sent == 1709564640 ? 3 : sent == 0 ? 0 : -1;
}

static void
test_order(void)
{
	struct hf_value bad[] = {{HF_OPTION_PATH, 1, 0, "x"}, {HF_OPTION_STRING, 0, 0, NULL}, {HF_OPTION_STRING, 1, 0, "dym"}};
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL(month_of("", "", NULL), 0);
	CU_ASSERT_EQUAL(month_of("", "", "dmy"), 4);
	CU_ASSERT_EQUAL(month_of("", "", "mdy"), 3);
	CU_ASSERT_EQUAL(month_of("13/4/2024, 15:04 - Ada: y\n", "", NULL), 4);
	CU_ASSERT_EQUAL(month_of("3/14/2024, 15:04 - Ada: y\n", "", NULL), 3);
	/* Time goes on. */
	CU_ASSERT_EQUAL(month_of("1/5/2024, 15:04 - Ada: y\n", "", NULL), 4);
	CU_ASSERT_EQUAL(month_of("4/1/2024, 15:04 - Ada: y\n", "", NULL), 3);
	/* As in the other chat. */
	CU_ASSERT_EQUAL(month_of("", "31/12/2024, 15:04 - Ada: z\n", NULL), 4);
	CU_ASSERT_EQUAL(month_of("", "12/31/2024, 15:04 - Ada: z\n", NULL), 3);
	CU_ASSERT_EQUAL(month_of("", "31.12.2024, 15:04 - Ada: z\n", NULL), 4);
	CU_ASSERT_EQUAL(source->configure(bad, 3, &err), HF_EINVAL);
}

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

static const char *const zipped[][2] = {{"_chat.txt", "[31/12/2024, 15:04:05] Ada: \xe2\x80\x8e<attached: p.jpg>\r\n"},
    {"__MACOSX/._chat.txt", "[31/12/2024, 15:04:05] Ada: no\r\n"}, {"p.jpg", "a picture"}, {"notes.txt", "no chat"},
    {NULL, NULL}};

static void
test_zip(void)
{
	void *whatsapp;

	make_folder();
	write_zip("WhatsApp Chat - Zip.zip", zipped);
	write_text("broken.zip", "PK");
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 1 && seen.failed == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "broken.zip"));
	CU_ASSERT_TRUE(logged("room id=\"Zip\" name=\"Zip\" kind=null count=1 "));
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "Zip", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("path=\"WhatsApp Chat - Zip.zip/p.jpg\""));
	source->close(whatsapp);
	/* Another instance, which has read nothing. */
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(fetch(whatsapp, "WhatsApp Chat - Zip.zip/p.jpg", NULL), HF_OK);
	CU_ASSERT_TRUE(media.bytes.size == 9 && memcmp(media.bytes.data, "a picture", 9) == 0);
	CU_ASSERT_EQUAL(fetch(whatsapp, "WhatsApp Chat - Zip.zip/q.jpg", NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(fetch(whatsapp, "../x.zip/q.jpg", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(whatsapp, "/x.zip/q.jpg", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(whatsapp, "broken.zip/q.jpg", NULL), HF_ECORRUPT);
	CU_ASSERT_EQUAL(fetch(whatsapp, "nothing.zip/q.jpg", NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(fetch(whatsapp, NULL, NULL), HF_ENOTFOUND);
	source->close(whatsapp);
	/* The zip alone. */
	whatsapp = open_with(path_of("WhatsApp Chat - Zip.zip"), utc, 3);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "Zip", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1);
	CU_ASSERT_EQUAL(fetch(whatsapp, "WhatsApp Chat - Zip.zip/p.jpg", NULL), HF_OK);
	source->close(whatsapp);
	remove_folder();
}

static void
test_folder_media(void)
{
	void *whatsapp;

	make_folder();
	write_text("g/_chat.txt", zipped[0][1]);
	write_text("g/p.jpg", "another");
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path_of("g/l.jpg")), 0);
	whatsapp = open_with(path_of("g/_chat.txt"), utc, 3);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "g", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged(" path=\"p.jpg\""));
	CU_ASSERT_EQUAL(fetch(whatsapp, "p.jpg", NULL), HF_OK);
	CU_ASSERT_TRUE(media.bytes.size == 7 && memcmp(media.bytes.data, "another", 7) == 0);
	CU_ASSERT_EQUAL(fetch(whatsapp, "l.jpg", NULL), HF_EPERM);
	CU_ASSERT_EQUAL(fetch(whatsapp, "../g/p.jpg", NULL), HF_EPERM);
	source->close(whatsapp);
	remove_folder();
}

static void
test_cursor(void)
{
	char text[60000], first[sizeof(seen.cursor)], last[sizeof(seen.cursor)];
	size_t n = 0;
	void *whatsapp;
	int i;

	make_folder();
	for (i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "31/12/2024, 15:04 - P%d: message %d\n", i % 5, i);
	write_text("x/_chat.txt", text);
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 300), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 1000 && seen.checkpoints == 4);
	(void)snprintf(first, sizeof(first), "%s", seen.first_cursor);
	(void)snprintf(last, sizeof(last), "%s", seen.cursor);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", last, 300), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 0 && seen.checkpoints == 1);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_PARTICIPANTS, "x", NULL, 0), HF_ENOTSUP);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", first, 300), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 700 && logged("text=\"message 300\""));
	CU_ASSERT_STRING_EQUAL(seen.cursor, last);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_PARTICIPANTS, "x", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.people, 5);
	/* A second part of the same chat. */
	write_text("WhatsApp Chat with x.txt", "31/12/2025, 15:04 - P0: later\n");
	source->close(whatsapp);
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 1 && logged("count=1001 "));
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", last, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 1001);
	seen.stop_after = 100;
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0), HF_ESTOPPING);
	seen.stop_after = 0;
	source->close(whatsapp);
	remove_folder();
}

static void
test_hostile(void)
{
	size_t size = 5u << 20, used, i;
	char *text = malloc(size);
	uint64_t random = 4711;
	void *whatsapp;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	make_folder();
	used = (size_t)snprintf(text, size, "junk\n31/12/2024, 15:04 - Ada: one\n31/12/2024, 15:04 - Ada: ");
	memset(text + used, 'x', 3u << 20);
	used += 3u << 20;
	used += (size_t)snprintf(text + used, size - used, "\nmore\n31/12/2024, 15:05 - Ada: \xff\xfe" "bad\n31/12/2024, 15:06 - "
	                                                 "Ada: last");
	write_bytes("x/_chat.txt", text, used);
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 3 && seen.failed == 3);
	CU_ASSERT_TRUE(logged("text=\"\xef\xbf\xbd\xef\xbf\xbd" "bad\"") && logged("text=\"last\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.where, "/x/_chat.txt:5"));
	source->close(whatsapp);
	/* Any bytes behind a stamp, and before one. */
	for (i = 0; i < 300; i++) {
		used = (size_t)snprintf(text, size, "31/12/2024, 15:04 - A: ");
		while (used < 23 + i) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			text[used++] = i % 2 == 0 ? (char)(random >> 40) : "0123/:,[]-<> .\n\xe2\x80\x8e:APM"[(random >> 40) % 22];
		}
		write_bytes("x/_chat.txt", i % 3 == 0 ? text + 3 : text, used - (i % 3 == 0 ? 3 : 0));
		whatsapp = open_folder();
		(void)ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0);
		(void)ask(whatsapp, HF_QUERY_MESSAGES, "x", NULL, 0);
		source->close(whatsapp);
	}
	free(text);
	remove_folder();
}

static void
test_real(void)
{
	void *whatsapp = open_with(DATA "/port-whatsapp", utc, 3);

	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ACCOUNT, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("service=\"whatsapp\""));
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.rooms == 4 && seen.failed == 0);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "_chat_file2", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 10);
	CU_ASSERT_TRUE(logged("text=\"Hi \\n\\nshiva!\""));
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "whatsapp_chat", NULL, 0), HF_OK);
	CU_ASSERT_EQUAL(seen.messages, 10);
	CU_ASSERT_EQUAL(ask(whatsapp, 99, NULL, NULL, 0), HF_ENOTSUP);
	source->close(whatsapp);
	whatsapp = open_with(DATA "/langchain/whatsapp_chat.txt", utc, 3);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_MESSAGES, "whatsapp_chat", NULL, 0), HF_OK);
	CU_ASSERT_TRUE(seen.messages == 10 && seen.failed == 0);
	CU_ASSERT_TRUE(logged("sent=1636364492000000000"));
	source->close(whatsapp);
}

static void
test_wrong_place(void)
{
	struct hf_value values[] = {{HF_OPTION_STRING, 1, 0, "Named"}};
	struct hf_error err = HF_ERROR_INIT;
	void *whatsapp;

	make_folder();
	CU_ASSERT_TRUE(refuses(path_of("nothing"), HF_ENOTFOUND, "\"path\" must be a chat"));
	CU_ASSERT_TRUE(refuses("/dev/null", HF_EINVAL, "neither a folder nor a file"));
	CU_ASSERT_EQUAL(source->configure(NULL, 0, &err), HF_EINVAL);
	write_text("notes.txt", "no chat\n");
	whatsapp = open_folder();
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "no chat that WhatsApp exported"));
	source->close(whatsapp);
	write_text("_chat.txt", "31/12/2024, 15:04 - Ada: one\n");
	whatsapp = open_with(folder, values, 1);
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_OK);
	CU_ASSERT_TRUE(logged("room id=\"Named\""));
	write_text("other.txt", "31/12/2024, 15:04 - Ada: two\n");
	CU_ASSERT_EQUAL(ask(whatsapp, HF_QUERY_ROOMS, NULL, NULL, 0), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.why, "\"chat\" names one chat, but 2 are there"));
	source->close(whatsapp);
	remove_folder();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"stamps", test_stamps}, {"lines", test_lines}, {"bodies", test_bodies}, {"ids", test_ids},
	    {"order of dates", test_order}, {"zip", test_zip}, {"media in folders", test_folder_media},
	    {"cursor", test_cursor}, {"hostile", test_hostile}, {"real exports", test_real},
	    {"wrong place", test_wrong_place}, CU_TEST_INFO_NULL};

	return source_run("whatsapp-export", TEST_PLUGIN, tests);
}

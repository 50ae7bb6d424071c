/* SPDX-License-Identifier: BSD-2-Clause */
#include "jcard.h"

#include "base/unit.h"

#include <dirent.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "[\"vcard\",[[\"version\",{},\"text\",\"4.0\"]"

static struct bytes out = BYTES_INIT(16u << 20);

/* The properties of a card with these lines, without the version. */
static const char *
convert(const char *version, const char *lines)
{
	struct bytes card = BYTES_INIT(1u << 20);
	const char *text;

	bytes_format(&card, "BEGIN:VCARD\r\nVERSION:%s\r\n", version);
	bytes_string(&card, lines);
	bytes_string(&card, "\r\nEND:VCARD\r\n");
	bytes_clear(&out);
	CU_ASSERT_EQUAL(jcard_put(card.data, card.size, &out, NULL), HF_OK);
	bytes_release(&card);
	text = bytes_text(&out);
	CU_ASSERT_FATAL(strncmp(text, HEAD, strlen(HEAD)) == 0 && out.size >= strlen(HEAD) + 2);
	out.data[out.size - 2] = '\0';
	return text + strlen(HEAD) + (out.size > strlen(HEAD) + 2);
}

#define IS(version, lines, json) CU_ASSERT_STRING_EQUAL(convert(version, lines), json)

/* RFC 7095, 3.3 to 3.5. */
static void
test_values(void)
{
	IS("4.0", "FN:John\\, \\nDoe\\\\", "[\"fn\",{},\"text\",\"John, \\nDoe\\\\\"]");
	IS("4.0", "N:Perreault;Simon;;;ing. jr,M.Sc.",
	    "[\"n\",{},\"text\",[\"Perreault\",\"Simon\",\"\",\"\",[\"ing. jr\",\"M.Sc.\"]]]");
	IS("4.0", "ADR:;;12\\;3;a", "[\"adr\",{},\"text\",[\"\",\"\",\"12;3\",\"a\"]]");
	IS("4.0", "ORG:ABC\\, Inc.", "[\"org\",{},\"text\",\"ABC, Inc.\"]");
	IS("4.0", "CATEGORIES:a,b\\,c", "[\"categories\",{},\"text\",\"a\",\"b,c\"]");
	IS("4.0", "BDAY:19850412", "[\"bday\",{},\"date-and-or-time\",\"1985-04-12\"]");
	IS("4.0", "BDAY:--0412", "[\"bday\",{},\"date-and-or-time\",\"--04-12\"]");
	IS("4.0", "BDAY:---12", "[\"bday\",{},\"date-and-or-time\",\"---12\"]");
	IS("4.0", "BDAY;VALUE=text:circa 1800", "[\"bday\",{},\"text\",\"circa 1800\"]");
	IS("3.0", "BDAY:spring", "[\"bday\",{},\"text\",\"spring\"]");
	IS("4.0", "ANNIVERSARY:20090808T1430-0500",
	    "[\"anniversary\",{},\"date-and-or-time\",\"2009-08-08T14:30-05:00\"]");
	IS("4.0", "REV:19951031T222710Z", "[\"rev\",{},\"timestamp\",\"1995-10-31T22:27:10Z\"]");
	IS("4.0", "X-A;VALUE=boolean:TRUE", "[\"x-a\",{},\"boolean\",true]");
	IS("4.0", "X-A:a\\,b", "[\"x-a\",{},\"unknown\",\"a\\\\,b\"]");
	IS("4.0", "UID:urn:uuid:1", "[\"uid\",{},\"uri\",\"urn:uuid:1\"]");
	IS("3.0", "UID:1", "[\"uid\",{},\"text\",\"1\"]");
	IS("3.0", "GEO:37.38;-122.08", "[\"geo\",{},\"uri\",\"geo:37.38,-122.08\"]");
	IS("3.0", "URL:www.x.org", "[\"url\",{},\"text\",\"www.x.org\"]");
	IS("4.0", "NOTE:", "[\"note\",{},\"text\",\"\"]");
	IS("4.0", "PHOTO:data:,x\r\nitem.KEY:y", "");
}

static void
test_params(void)
{
	IS("4.0", "item1.TEL;TYPE=\"home,voice\";PREF=1:1",
	    "[\"tel\",{\"group\":\"item1\",\"type\":[\"home\",\"voice\"],\"pref\":\"1\"},\"text\",\"1\"]");
	IS("4.0", "N;SORT-AS=\"Harten,Rene\":x", "[\"n\",{\"sort-as\":[\"Harten\",\"Rene\"]},\"text\",[\"x\"]]");
	IS("4.0", "FN;X-N=a^nb^'c^^d:x", "[\"fn\",{\"x-n\":\"a\\nb\\\"c^d\"},\"text\",\"x\"]");
	IS("3.0", "EMAIL;TYPE=INTERNET;TYPE=PREF:a@b", "[\"email\",{\"type\":\"internet\",\"pref\":\"1\"},\"text\",\"a@b\"]");
	IS("3.0", "EMAIL;TYPE=pref:a@b", "[\"email\",{\"pref\":\"1\"},\"text\",\"a@b\"]");
	IS("2.1", "TEL;WORK;PREF;VOICE:1", "[\"tel\",{\"type\":[\"work\",\"voice\"],\"pref\":\"1\"},\"text\",\"1\"]");
	IS("2.1", "URL;VALUE=URL:http://x", "[\"url\",{},\"uri\",\"http://x\"]");
	IS("4.0", "FN;X=\"a;b:c\":x", "[\"fn\",{\"x\":\"a;b:c\"},\"text\",\"x\"]");
	IS("4.0", "FN;;X=:x", "[\"fn\",{\"x\":\"\"},\"text\",\"x\"]");
}

static void
test_encodings(void)
{
	IS("2.1", "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen=\r\n=20X", "[\"fn\",{},\"text\",\"J\xc3\xbcrgen X\"]");
	IS("2.1", "FN;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:J=FCrgen", "[\"fn\",{},\"text\",\"J\xc3\xbcrgen\"]");
	/* No charset, and no UTF-8. */
	IS("2.1", "FN;ENCODING=QUOTED-PRINTABLE:Iksi=F1ski =", "[\"fn\",{},\"text\",\"Iksi\xc3\xb1ski =\"]");
	IS("3.0", "FN:J\xfcrgen", "[\"fn\",{},\"text\",\"J\xc3\xbcrgen\"]");
	IS("3.0", "FN:J\xc3\xbcrgen", "[\"fn\",{},\"text\",\"J\xc3\xbcrgen\"]");
	IS("2.1", "FN;CHARSET=windows-1252:\x80", "[\"fn\",{},\"text\",\"\xe2\x82\xac\"]");
	/* The second byte is a backslash elsewhere. */
	IS("2.1", "N;CHARSET=SHIFT_JIS:\x95\x5c;\x83\x5c", "[\"n\",{},\"text\",[\"\xe8\xa1\xa8\",\"\xe3\x82\xbd\"]]");
	IS("2.1", "FN;CHARSET=no/../such:\xff", "[\"fn\",{},\"text\",\"\xc3\xbf\"]");
	IS("2.1", "FN;CHARSET=UTF-16:ab", "[\"fn\",{},\"text\",\"ab\"]");
	IS("2.1", "N:a\\;b;c\\\\d", "[\"n\",{},\"text\",[\"a;b\",\"c\\\\d\"]]");
	IS("3.0", "X-B;ENCODING=b:AA\r\n AA", "[\"x-b\",{},\"uri\",\"data:application/octet-stream;base64,AAAA\"]");
	IS("3.0", "FN:\x01\x1f\"", "[\"fn\",{},\"text\",\"\\u0001\\u001f\\\"\"]");
}

static void
test_odd(void)
{
	IS("2.1", "FN", "[\"x-holdfast-line\",{},\"text\",\"FN\"]");
	IS("2.1", "AGENT:\r\nBEGIN:VCARD\r\nFN:y\r\nEND:VCARD\r\nTEL:1",
	    "[\"agent\",{},\"text\",\"BEGIN:VCARD\\u000d\\nFN:y\\u000d\\nEND:VCARD\\u000d\\n\"],[\"tel\",{},\"text\",\"1\"]");
	IS("3.0", "AGENT:BEGIN:VCARD\\nFN:y\\nEND:VCARD\\n", "[\"agent\",{},\"text\",\"BEGIN:VCARD\\nFN:y\\nEND:VCARD\\n\"]");
	IS("2.1", "AGENT:words", "[\"agent\",{},\"text\",\"words\"]");
	IS("4.0", "", "");
	IS("4.0", ":x", "[\"x-holdfast-line\",{},\"text\",\":x\\u000d\\n\"]");
}

/* Whatever the tests of others hold becomes JSON. */
static void
test_data(void)
{
	static const char *const folders[] = {TEST_DATA "/vcards/android", TEST_DATA "/vcards/ez-vcard",
	    TEST_DATA "/vcards/whatsapp-chat-exporter"};
	static char card[1 << 20];
	struct json_object *json;
	struct dirent *entry;
	char path[600];
	unsigned files = 0;
	size_t i, size;
	FILE *file;
	DIR *folder;

	for (i = 0; i < 3; i++) {
		folder = opendir(folders[i]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
		while ((entry = readdir(folder)) != NULL) {
			if (strstr(entry->d_name, ".vcf") == NULL)
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", folders[i], entry->d_name);
			file = fopen(path, "rb");
			CU_ASSERT_PTR_NOT_NULL_FATAL(file);
			size = fread(card, 1, sizeof(card), file);
			(void)fclose(file);
			bytes_clear(&out);
			CU_ASSERT_EQUAL(jcard_put(card, size, &out, NULL), HF_OK);
			json = json_tokener_parse(bytes_text(&out));
			CU_ASSERT_PTR_NOT_NULL(json);
			json_object_put(json);
			files++;
		}
		(void)closedir(folder);
	}
	CU_ASSERT_EQUAL(files, 34);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"values", test_values}, {"params", test_params}, {"encodings", test_encodings},
	    {"odd", test_odd}, {"data", test_data}, CU_TEST_INFO_NULL};
	int r = unit_run("jcard", tests);

	bytes_release(&out);
	return r;
}

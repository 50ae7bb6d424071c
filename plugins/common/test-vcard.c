/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unit.h"
#include "base/write.h"
#include "common/match.h"
#include "common/vcard.h"

#include <stdlib.h>
#include <string.h>

static struct bytes out = BYTES_INIT(8u << 20);

static const char *
strip(const char *card)
{
	bytes_clear(&out);
	CU_ASSERT_EQUAL(vcard_strip(card, strlen(card), &out, NULL), HF_OK);
	return bytes_text(&out);
}

/* "NAME(params)=value" of each property, each followed by a bar. */
static const char *
read_all(const char *card)
{
	struct vcard_reader reader;
	struct vcard_property p;
	int r;

	bytes_clear(&out);
	vcard_open(&reader, card, strlen(card), false);
	while ((r = vcard_next(&reader, &p, NULL)) > 0) {
		bytes_put(&out, p.group.data, p.group.size);
		bytes_string(&out, p.group.size > 0 ? "." : "");
		bytes_put(&out, p.name.data, p.name.size);
		bytes_put(&out, p.params.data, p.params.size);
		bytes_string(&out, p.nested.data != NULL ? "=[" : p.broken ? "?" : "=");
		if (p.nested.data != NULL)
			bytes_format(&out, "%zu]", p.nested.size);
		else
			bytes_put(&out, p.value.data, p.value.size);
		bytes_char(&out, '|');
	}
	CU_ASSERT_EQUAL(r, 0);
	vcard_close(&reader);
	return bytes_text(&out);
}

static void
test_read(void)
{
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\r\nVERSION:3.0\r\nitem1.TEL;TYPE=\"a:b\",c:12\r\n 3\r\n\t4\r\nEND:VCARD\r\n"),
	    "BEGIN=VCARD|VERSION=3.0|item1.TEL;TYPE=\"a:b\",c=1234|END=VCARD|");
	/* A fold in the middle of a name, and line ends that are CR. */
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\rVERSION:4.0\rNO\r TE:x\rEND:VCARD\r"),
	    "BEGIN=VCARD|VERSION=4.0|NOTE=x|END=VCARD|");
	/* In 2.1 the white space of a fold belongs to the text. */
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\nVERSION:2.1\nNOTE:a\n b\nEND:VCARD\n"),
	    "BEGIN=VCARD|VERSION=2.1|NOTE=a b|END=VCARD|");
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\nVERSION:2.1\nNOTE;QUOTED-PRINTABLE:a=\n=41=\nX:b\nTEL:1\nEND:VCARD\n"),
	    "BEGIN=VCARD|VERSION=2.1|NOTE;QUOTED-PRINTABLE=a=41X:b|TEL=1|END=VCARD|");
	/* A soft line break never eats the end. */
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\nEND:VCARD\n"),
	    "BEGIN=VCARD|NOTE;ENCODING=QUOTED-PRINTABLE=a=|END=VCARD|");
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\nFN\nX-A:1\nEND:VCARD"), "BEGIN=VCARD|?FN|X-A=1|END=VCARD|");
	CU_ASSERT_STRING_EQUAL(read_all("BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nFN:x\nEND:VCARD\nTEL:1\nEND:VCARD\n"),
	    "BEGIN=VCARD|AGENT=[27]|TEL=1|END=VCARD|");
	CU_ASSERT_STRING_EQUAL(read_all(""), "");
}

static void
test_strip(void)
{
	static const char *const plain[] = {
	    "BEGIN:VCARD\r\nFN:x\r\nX-PHOTO:1\r\nPHOTOS:2\r\nNOTE:PHOTO:3\r\n PHOTO:4\r\nEND:VCARD\r\n",
	    "BEGIN:VCARD\r\r\nVERSION:3.0\r\r\nFN:x\r\r\nEND:VCARD\r", "BEGIN:VCARD\rFN:x\rEND:VCARD\r", "\n\n", ""};
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		CU_ASSERT_STRING_EQUAL(strip(plain[i]), plain[i]);
	/* 4.0 and 3.0, folded, with groups, in any case. */
	CU_ASSERT_STRING_EQUAL(strip("BEGIN:VCARD\r\nVERSION:4.0\r\nitem1.PHOTO:data:image/gif;base64,R0lG\r\n ODlh\r\n"
	                             "TEL:1\r\nlogo;VALUE=uri:http://x/\r\nSound;ENCODING=b:AAAA\r\nKEY:\r\nEND:VCARD\r\n"),
	    "BEGIN:VCARD\r\nVERSION:4.0\r\nTEL:1\r\nEND:VCARD\r\n");
	/* 2.1: an empty line ends base64, and lines need no indentation. */
	CU_ASSERT_STRING_EQUAL(strip("BEGIN:VCARD\nVERSION:2.1\nPHOTO;GIF;BASE64:\n    R0lGODdhfgA4\n    AOMAAAAA\n\nTEL:1\n"
	                             "KEY;ENCODING=BASE64:AAAABBBBCCCCDDDD\nAAAABBBBCCCCDDDD\nAA==\n\nFN:x\nEND:VCARD\n"),
	    "BEGIN:VCARD\nVERSION:2.1\nTEL:1\nFN:x\nEND:VCARD\n");
	/* Quoted-printable media. */
	CU_ASSERT_STRING_EQUAL(strip("BEGIN:VCARD\nVERSION:2.1\nSOUND;QUOTED-PRINTABLE:a=\n=41=\nb\nFN:x\nEND:VCARD\n"),
	    "BEGIN:VCARD\nVERSION:2.1\nFN:x\nEND:VCARD\n");
	/* In a card inside of the card. */
	CU_ASSERT_STRING_EQUAL(strip("BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nPHOTO;BASE64:AAAA\n\nFN:y\nEND:VCARD\nFN:x\nEND:VCARD\n"),
	    "BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nFN:y\nEND:VCARD\nFN:x\nEND:VCARD\n");
	CU_ASSERT_STRING_EQUAL(strip("BEGIN:VCARD\r\nAGENT:BEGIN:VCARD\\nFN:A\\, B\\nPHOTO\\;ENCODING=b:AA\r\n AA\\nEND:VCARD\\n\r\n"
	                             "FN:x\r\nEND:VCARD\r\n"),
	    "BEGIN:VCARD\r\nAGENT:BEGIN:VCARD\\nFN:A\\, B\\nEND:VCARD\\n\r\nFN:x\r\nEND:VCARD\r\n");
	/* One without media stays as it is, however it is folded. */
	CU_ASSERT_STRING_EQUAL(strip("BEGIN:VCARD\nAGENT:BEGIN:VCARD\\nFN:\n A\\nEND:VCARD\\n\nEND:VCARD\n"),
	    "BEGIN:VCARD\nAGENT:BEGIN:VCARD\\nFN:\n A\\nEND:VCARD\\n\nEND:VCARD\n");
}

/* The card as the text of an AGENT in another one. */
static void
put_agent(const struct bytes *card, struct bytes *agent)
{
	size_t i;

	bytes_clear(agent);
	bytes_string(agent, "BEGIN:VCARD\nAGENT:");
	for (i = 0; i < card->size; i++) {
		if (card->data[i] == '\n')
			bytes_string(agent, "\\n");
		else if (card->data[i] == '\\')
			bytes_string(agent, "\\\\");
		else
			bytes_char(agent, card->data[i]);
	}
	bytes_string(agent, "\nEND:VCARD\n");
}

/* Cards in cards in cards are not opened for ever, nor large ones, which would all be in memory at once. */
static void
test_agents(void)
{
	struct bytes cards[2] = {BYTES_INIT(4u << 20), BYTES_INIT(4u << 20)};
	size_t i, size;

	for (size = 0; size < (3u << 20); size += (3u << 20) - 1) {
		bytes_clear(&cards[0]);
		bytes_string(&cards[0], "BEGIN:VCARD\nPHOTO:here\nNOTE:");
		for (i = 0; i < size; i++)
			bytes_char(&cards[0], 'x');
		bytes_string(&cards[0], "\nEND:VCARD\n");
		for (i = 1; i <= 5; i++) {
			put_agent(&cards[(i - 1) % 2], &cards[i % 2]);
			bytes_clear(&out);
			CU_ASSERT_EQUAL(vcard_strip(cards[i % 2].data, cards[i % 2].size, &out, NULL), HF_OK);
			CU_ASSERT_EQUAL(strstr(bytes_text(&out), "PHOTO") == NULL, size == 0 && i <= 3);
		}
	}
	bytes_release(&cards[0]);
	bytes_release(&cards[1]);
}

static int
check(const char *card)
{
	return vcard_check(card, strlen(card), NULL);
}

static void
test_check(void)
{
	CU_ASSERT_EQUAL(check("BEGIN:VCARD\nEND:VCARD"), HF_OK);
	CU_ASSERT_EQUAL(check("\r\nbegin:vcard \r\nEND:vCard\r\n\r\n"), HF_OK);
	CU_ASSERT_EQUAL(check("BEGIN:VCARD\nBEGIN:VCARD\nEND:VCARD\nEND:VCARD\n"), HF_OK);
	CU_ASSERT_EQUAL(check(""), HF_ECORRUPT);
	CU_ASSERT_EQUAL(check("BEGIN:VCARD\nBEGIN:VCARD\nEND:VCARD\n"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(check("BEGIN:VCARD\nEND:VCARD\nBEGIN:VCARD\nEND:VCARD\n"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(check("x\nBEGIN:VCARD\nEND:VCARD\n"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(check("<html><body>502</body></html>"), HF_ECORRUPT);
}

static void
test_uid(void)
{
	static const char card[] = "BEGIN:VCARD\nAGENT:\nBEGIN:VCARD\nUID:inner\nEND:VCARD\nUID:\nitem1.uid: a\n b \nEND:VCARD\n";

	bytes_clear(&out);
	CU_ASSERT_EQUAL(vcard_uid(card, sizeof(card) - 1, &out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(bytes_text(&out), "ab");
	bytes_clear(&out);
	CU_ASSERT_EQUAL(vcard_uid("BEGIN:VCARD\nEND:VCARD\n", 22, &out, NULL), HF_OK);
	CU_ASSERT_EQUAL(out.size, 0);
}

static bool
same(const char *a, const char *b)
{
	struct match_found found = {NULL, NULL, false, false};
	struct match match;
	int r;

	match_init(&match, &write_host_extension);
	CU_ASSERT_EQUAL(match_add(&match, a, strlen(a), "here", "v1", NULL), HF_OK);
	r = match_find(&match, b, strlen(b), &found, NULL);
	CU_ASSERT(r == HF_OK || r == HF_ENOTFOUND);
	if (r == HF_OK)
		CU_ASSERT(strcmp(found.where, "here") == 0 && strcmp(found.version, "v1") == 0);
	match_release(&match);
	return r == HF_OK && found.same;
}

static void
test_match(void)
{
	static const char card[] = "BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:A B\nPHOTO:x\nEND:VCARD\n";
	static const char *const texts[] = {"BEGIN:VCARD\nUID:2\nFN:x\nEND:VCARD\n", "BEGIN:VCARD\nFN:x\nEND:VCARD\n"};
	struct match_found found;
	struct match match;

	CU_ASSERT_TRUE(same(card, "BEGIN:VCARD\r\nVERSION:3.0\r\nfn:A\r\n  B\r\nUID:1\r\nREV:2\r\nEND:VCARD\r\n"));
	CU_ASSERT_FALSE(same(card, "BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:a B\nEND:VCARD\n"));
	CU_ASSERT_FALSE(same(card, "BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:A B\nFN:A B\nEND:VCARD\n"));
	CU_ASSERT_FALSE(same(card, "BEGIN:VCARD\nVERSION:3.0\nUID:2\nFN:A B\nEND:VCARD\n"));
	CU_ASSERT_TRUE(same(texts[1], texts[1]));
	CU_ASSERT_FALSE(same(texts[0], texts[1]));
	/* After a put it is there. */
	match_init(&match, &write_host_extension);
	CU_ASSERT_EQUAL(match_find(&match, card, strlen(card), &found, NULL), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(match_set(&match, card, strlen(card), "there", "", NULL), HF_OK);
	CU_ASSERT_EQUAL(match_find(&match, card, strlen(card), &found, NULL), HF_OK);
	CU_ASSERT(found.same && found.put && strcmp(found.where, "there") == 0);
	match_release(&match);
	bytes_clear(&out);
	CU_ASSERT_EQUAL(match_merge(texts[0], strlen(texts[0]), card, strlen(card), &out, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(bytes_text(&out), "BEGIN:VCARD\nUID:2\nFN:x\nPHOTO:x\nEND:VCARD\n");
}

/* No text, however broken, is more than it was, or stays unread. */
static void
test_random(void)
{
	static const char *const pieces[] = {"BEGIN:VCARD", "END:VCARD", "\n", "\r\n", "\r", " ", "PHOTO;BASE64:", "AAAA",
	    "=", ":", ";", "\"", "NOTE;QUOTED-PRINTABLE:", "AGENT:", "AGENT:BEGIN:VCARD\\n", "\\n", "item1.KEY:x", "\xff",
	    "VERSION:2.1\n", "VERSION:4.0\n"};
	struct vcard_property p;
	struct vcard_reader reader;
	char text[4000];
	size_t size, raw;
	int round, i, r;

	srand(4711);
	for (round = 0; round < 20000; round++) {
		size = 0;
		for (i = rand() % 60; i > 0; i--)
			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s",
			    pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		vcard_open(&reader, text, size, round % 2 == 0);
		for (raw = 0; (r = vcard_next(&reader, &p, NULL)) > 0; raw += p.raw.size)
			CU_ASSERT(p.raw.data == text + raw && p.raw.size > 0);
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_EQUAL(raw, size);
		vcard_close(&reader);
		bytes_clear(&out);
		CU_ASSERT_EQUAL(vcard_strip(text, size, &out, NULL), HF_OK);
		CU_ASSERT(out.size <= 2 * size + 2);
		(void)vcard_check(text, size, NULL);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {{"read", test_read}, {"strip", test_strip}, {"agents", test_agents}, {"check", test_check}, {"uid", test_uid},
	    {"match", test_match}, {"random", test_random}, CU_TEST_INFO_NULL};
	int r = unit_run("vcard", tests);

	bytes_release(&out);
	return r;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"
#include "progress/escape.h"

static void
expect(const char *text, size_t size, const char *expected)
{
	struct buffer out = BUFFER_INIT(4096);

	escape_text(&out, text, size);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), expected);
	buffer_release(&out);
}

#define EXPECT(text, expected) expect((text), sizeof(text) - 1, (expected))

static void
test_known(void)
{
	EXPECT("", "");
	EXPECT("Gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x90\x8b", "Gr\xc3\xbc\xc3\x9f" "e \xf0\x9f\x90\x8b");
	EXPECT("a\nb\r\t\x7f", "a\\x0ab\\x0d\\x09\\x7f");
	EXPECT("\x1b[2J", "\\x1b[2J");
	EXPECT("a\0b", "a\\x00b");
	EXPECT("\\x1b", "\\\\x1b");
	EXPECT("\xc2\x9b" "31m", "\\u{9b}31m");
	EXPECT("\x9b" "31m", "\\x9b31m");
	EXPECT("exe.\xe2\x80\xaegpj", "exe.\\u{202e}gpj");
	EXPECT("\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c", "\\u{2066}\\u{2028}\\u{61c}");
	EXPECT("\xc0\x9b", "\\xc0\\x9b");                 /* overlong ESC */
	EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80");        /* surrogate */
	EXPECT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* over U+10FFFF */
	EXPECT("\xe2\x82", "\\xe2\\x82");                 /* cut */
}

/* A fixed sequence of hostile bytes: what comes out has no control character, and is the longer for it. */
static void
test_random(void)
{
	struct buffer out = BUFFER_INIT(1 << 12);
	uint32_t state = 4711, round;
	char text[64];
	size_t i;
	unsigned bad = 0;

	for (round = 0; round < 20000; round++) {
		for (i = 0; i < sizeof(text); i++) {
			state = state * 1664525 + 1013904223;
			text[i] = (char)(state >> 24);
		}
		buffer_clear(&out);
		escape_text(&out, text, sizeof(text));
		for (i = 0; i < out.size; i++)
			bad += out.data[i] < 0x20 || out.data[i] == 0x7f ||
			    (out.data[i] == 0xc2 && out.data[i + 1] < 0xa0);
		bad += out.failed != HF_OK || out.size < sizeof(text);
	}
	CU_ASSERT_EQUAL(bad, 0);
	buffer_release(&out);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"known", test_known}, {"random", test_random}, CU_TEST_INFO_NULL};

	return unit_run("escape", tests);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/shell.h"
#include "base/unit.h"

#include <stdio.h>
#include <string.h>

static void
test_quote(void)
{
	static const struct {
		const char *word, *quoted;
	} cases[] = {{"/home/a/x-1.yaml", "/home/a/x-1.yaml"}, {"", "''"}, {"my file", "'my file'"},
	    {"it's", "'it'\"'\"'s'"}, {"~/x", "'~/x'"}, {"$HOME", "'$HOME'"}, {"a;b", "'a;b'"}, {"#a", "'#a'"},
	    {"a\nb", "'a\nb'"}, {"\xc3\xa4", "'\xc3\xa4'"}, {"a=b", "'a=b'"}, {"*", "'*'"}, {"'", "''\"'\"''"}};
	struct shell_word word;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_STRING_EQUAL(shell_quote(&word, cases[i].word), cases[i].quoted);
}

/* Up to the room there is, and not one byte beyond. */
static void
test_long(void)
{
	struct {
		struct shell_word word;
		char guard[8];
	} room;
	char text[sizeof(room.word.text) + 8];
	const char *quoted;
	size_t size;

	for (size = 1; size < sizeof(text); size++) {
		memset(&room, 'g', sizeof(room));
		memset(text, size % 2 == 0 ? '\'' : ' ', size);
		text[size] = '\0';
		quoted = shell_quote(&room.word, text);
		CU_ASSERT(quoted == text || (quoted == room.word.text && memchr(quoted, '\0', sizeof(room.word.text))));
		CU_ASSERT_EQUAL(memcmp(room.guard, "gggggggg", 8), 0);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {{"quote", test_quote}, {"long", test_long}, CU_TEST_INFO_NULL};

	return unit_run("shell", tests);
}

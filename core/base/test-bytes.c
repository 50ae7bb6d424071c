/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/bytes.h"
#include "base/unit.h"

#include <stdlib.h>

#define LONGEST 70

static const char *
skip_plain_slowly(const char *p, const char *end)
{
	while (p < end && bytes_is_plain(*p))
		p++;
	return p;
}

static const char *
find_quote_slowly(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

static bool
agree(const char *p, const char *end)
{
	const char *plain = skip_plain_slowly(p, end), *quote = find_quote_slowly(p, end);

	return bytes_skip_plain(p, end) == plain && bytes_skip_plain_by8(p, end) == plain &&
	    bytes_find_quote(p, end) == quote && bytes_find_quote_by8(p, end) == quote;
}

/* Each byte at each place of texts of each length and alignment, with nothing to spare behind them. */
static void
test_each_byte(void)
{
	size_t size, at, shift, wrong = 0;
	char *text;
	int c;

	for (size = 0; size <= LONGEST; size++) {
		shift = size % 17;
		text = malloc(shift + size + 1);
		memset(text, 'x', shift + size + 1);
		wrong += !agree(text + shift, text + shift + size);
		for (at = 0; at < size; at++) {
			for (c = 0; c < 256; c++) {
				text[shift + at] = (char)c;
				wrong += !agree(text + shift, text + shift + size);
			}
			text[shift + at] = 'x';
		}
		free(text);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Many hits in one word: the lowest must win. */
static void
test_crowded(void)
{
	static const char alphabet[] = {'a', '"', '\\', 0x1f, ' ', '!', '#', '[', ']', 0x7f, (char)0x80, (char)0xff, 0};
	char *text = malloc(LONGEST);
	uint32_t x = 1;
	size_t round, i, size, wrong = 0;

	for (round = 0; round < 20000; round++) {
		for (i = 0; i < LONGEST; i++) {
			x = x * 1664525u + 1013904223u;
			text[i] = x >> 24 < 150 ? 'a' : alphabet[(x >> 16) % sizeof(alphabet)];
		}
		size = round % LONGEST;
		wrong += !agree(text + LONGEST - size, text + LONGEST);
	}
	free(text);
	CU_ASSERT_EQUAL(wrong, 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"each byte", test_each_byte}, {"crowded", test_crowded}, CU_TEST_INFO_NULL};

	return unit_run("bytes", tests);
}

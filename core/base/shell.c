/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/shell.h"

#include <stddef.h>
#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,";

const char *
shell_quote(struct shell_word *out, const char *word)
{
	/* Without a backslash, which is written twice where text is shown to a person. */
	static const char apostrophe[] = "'\"'\"'";
	size_t used = 0;
	const char *p;

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0')
		return word;
	out->text[used++] = '\'';
	for (p = word; *p != '\0'; p++) {
		/* What has to follow: the longest, a quote, and the end. */
		if (used + sizeof(apostrophe) + 2 > sizeof(out->text))
			return word;
		if (*p == '\'') {
			memcpy(out->text + used, apostrophe, sizeof(apostrophe) - 1);
			used += sizeof(apostrophe) - 1;
		} else {
			out->text[used++] = *p;
		}
	}
	out->text[used++] = '\'';
	out->text[used] = '\0';
	return out->text;
}

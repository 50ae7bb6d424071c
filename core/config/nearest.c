/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/nearest.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 48u /* longer words have no neighbours */

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

static unsigned char
fold(char c)
{
	if (c == '-')
		return '_';
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Insertions, deletions, replacements and swaps of neighbours; case, - and _ count as the same. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t i, j, m = strlen(a), n = strlen(b);

	if (m > WORD_MAX || n > WORD_MAX)
		return WORD_MAX;
	for (j = 0; j <= n; j++)
		above[j] = (unsigned)j;
	for (i = 1; i <= m; i++) {
		row[0] = (unsigned)i;
		for (j = 1; j <= n; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
			    above[j - 1] + (fold(a[i - 1]) != fold(b[j - 1])));
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[n];
}

void
nearest_offer(struct nearest *nearest, const char *known)
{
	unsigned d = distance(nearest->word, known);

	if (nearest->best == NULL || d < nearest->distance) {
		nearest->best = known;
		nearest->distance = d;
	}
}

const char *
nearest_found(const struct nearest *nearest)
{
	size_t length = strlen(nearest->word);

	/* A third of the word may be wrong: more is no typing mistake. */
	if (nearest->best == NULL || nearest->distance > (length + 2) / 3)
		return NULL;
	/* Every letter replaced is another word, however short. */
	return nearest->distance < strlen(nearest->best) ? nearest->best : NULL;
}

const char *
nearest_in(const char *word, const char *const *known)
{
	struct nearest nearest = NEAREST_INIT(word);

	for (; *known != NULL; known++)
		nearest_offer(&nearest, *known);
	return nearest_found(&nearest);
}

const char *
nearest_hint(struct nearest_hint *out, const char *best)
{
	out->text[0] = '\0';
	if (best != NULL)
		(void)snprintf(out->text, sizeof(out->text), ", did you mean %s?", best);
	return out->text;
}

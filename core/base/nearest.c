/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_MAX 64

static char
fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' ? '-' : c;
}

static size_t
smallest(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* The optimal string alignment distance, by rows: before last, last and current. */
size_t
nearest_distance(const char *a, const char *b)
{
	size_t rows[3][LENGTH_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2], *turn;
	size_t a_size = strlen(a), b_size = strlen(b), i, j, cost;

	if (a_size > LENGTH_MAX || b_size > LENGTH_MAX)
		return SIZE_MAX;
	for (j = 0; j <= b_size; j++)
		before[j] = last[j] = j;
	for (i = 1; i <= a_size; i++) {
		now[0] = i;
		for (j = 1; j <= b_size; j++) {
			cost = fold(a[i - 1]) != fold(b[j - 1]);
			now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		turn = before;
		before = last;
		last = now;
		now = turn;
	}
	return last[b_size];
}

void
nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t distance = nearest_distance(nearest->name, candidate);
	size_t longer = strlen(nearest->name), limit;

	if (strlen(candidate) > longer)
		longer = strlen(candidate);
	/* A third of the letters wrong is still a slip; more is another word. */
	limit = longer < 3 ? 1 : longer / 3;
	if (distance > limit || distance >= longer || (nearest->best != NULL && distance >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = distance;
}

const char *
nearest_in(const char *word, const char *const *known)
{
	struct nearest nearest = NEAREST_INIT(word);

	for (; *known != NULL; known++)
		nearest_offer(&nearest, *known);
	return nearest.best;
}

const char *
nearest_hint(struct nearest_hint *out, const char *best)
{
	out->text[0] = '\0';
	if (best != NULL)
		(void)snprintf(out->text, sizeof(out->text), ", did you mean %s?", best);
	return out->text;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/*
 * What somebody may have meant.  A search over any number of candidates: start with NEAREST_INIT and
 * the wrong name, offer each right one, and look at best.
 */
struct nearest {
	const char *name;
	const char *best; /* one of the candidates, or NULL: none is near enough to be worth naming */
	size_t distance;
};

#define NEAREST_INIT(wrong) {(wrong), NULL, 0}

/* Of equally near candidates the first offered stays. */
void nearest_offer(struct nearest *nearest, const char *candidate);
/*
 * How many single letters have to be changed, left out, put in or swapped with their neighbour to make
 * b of a; '-' and '_', and upper and lower case, count as equal.  Names over 64 bytes are far from all.
 */
size_t nearest_distance(const char *a, const char *b);
/* The best of a list that ends with NULL, or NULL. */
const char *nearest_in(const char *word, const char *const *known);
/* ", did you mean BEST?", or nothing where best is NULL: the end of a sentence. */
struct nearest_hint {
	char text[96];
};
const char *nearest_hint(struct nearest_hint *out, const char *best);

#endif

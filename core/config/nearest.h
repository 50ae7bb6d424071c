/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

/*
 * Finds the known word that a mistyped one was meant to be: start with NEAREST_INIT(word), offer
 * each known word, then ask.
 */
struct nearest {
	const char *word;
	const char *best;
	unsigned distance;
};

#define NEAREST_INIT(mistyped) {(mistyped), NULL, 0}

void nearest_offer(struct nearest *nearest, const char *known);
/* The nearest known word, or NULL where none is near enough to be worth a question. */
const char *nearest_found(const struct nearest *nearest);
/* The same for a list that ends with NULL. */
const char *nearest_in(const char *word, const char *const *known);
/*
 * ", did you mean best?" in out, or nothing where best is NULL: the end of a sentence.
 */
struct nearest_hint {
	char text[96];
};
const char *nearest_hint(struct nearest_hint *out, const char *best);

#endif

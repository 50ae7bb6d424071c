/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include "config/arena.h"

/* A place in the configuration file; both count from 1, columns in characters. */
struct mark {
	unsigned line;
	unsigned column;
};

struct problem {
	struct mark mark;
	const char *text; /* "FILE:LINE:COLUMN: sentence" */
	struct problem *next;
};

/* What is wrong with one file, in the order of the file, at most PROBLEM_MAX. */
struct problem_list {
	struct arena *arena; /* owns the texts */
	const char *file;
	struct problem *first;
	size_t count;
};

#define PROBLEM_MAX 100u

/* Adds a sentence about the place; always HF_EINVAL, so that "return problem_add(...)" reads well. */
HF_PRINTF(3, 4)
int problem_add(struct problem_list *list, struct mark mark, const char *fmt, ...);
/* HF_OK without problems; else HF_EINVAL (HF_ENOMEM) and the first of them in err. */
int problem_status(const struct problem_list *list, struct hf_error *err);

/*
 * A copy of text for a message: at most 60 bytes of it, "..." where cut, every control character
 * a "?".  Good for as long as out.
 */
struct problem_word {
	char text[64];
};
const char *problem_quote(struct problem_word *out, const char *text);

#endif

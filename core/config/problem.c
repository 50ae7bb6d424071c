/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/problem.h"

#include <stdbool.h>
#include <string.h>

static bool
mark_before(struct mark a, struct mark b)
{
	return a.line < b.line || (a.line == b.line && a.column < b.column);
}

int
problem_add(struct problem_list *list, struct mark mark, const char *fmt, ...)
{
	struct problem *problem, **place = &list->first;
	const char *sentence;
	va_list ap;

	if (list->count >= PROBLEM_MAX)
		return HF_EINVAL;
	va_start(ap, fmt);
	sentence = arena_vprintf(list->arena, fmt, ap);
	va_end(ap);
	problem = arena_alloc(list->arena, sizeof(*problem));
	if (sentence == NULL || problem == NULL)
		return HF_EINVAL;
	problem->mark = mark;
	problem->text = arena_printf(
	    list->arena, "%s:%u:%u: %s", list->file, mark.line, mark.column, sentence);
	if (problem->text == NULL)
		return HF_EINVAL;
	while (*place != NULL && !mark_before(mark, (*place)->mark))
		place = &(*place)->next;
	problem->next = *place;
	*place = problem;
	list->count++;
	return HF_EINVAL;
}

int
problem_status(const struct problem_list *list, struct hf_error *err)
{
	if (list->arena->failed)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", list->file);
	if (list->first == NULL)
		return HF_OK;
	return hf_error_set(err, HF_EINVAL, 0, "%s", list->first->text);
}

const char *
problem_quote(struct problem_word *out, const char *text)
{
	size_t i, n = strlen(text), max = sizeof(out->text) - 4;

	if (n > max) {
		/* Not in the middle of a character. */
		for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	}
	for (i = 0; i < n; i++)
		out->text[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	(void)memcpy(out->text + n, text[n] != '\0' ? "..." : "", text[n] != '\0' ? 4 : 1);
	return out->text;
}

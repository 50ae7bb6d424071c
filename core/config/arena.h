/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

#include <holdfast/error.h>

/* Memory that is freed all at once.  A zeroed struct is an empty arena. */
struct arena {
	struct arena_block *blocks;
	size_t size;  /* bytes handed out */
	int failed;   /* memory ran out, or ARENA_MAX was reached; stays until arena_release */
};

#define ARENA_MAX (16u << 20)

/* Zeroed memory, aligned for any type; NULL (and failed set) without memory. */
void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy of size bytes; NULL without memory. */
char *arena_copy(struct arena *arena, const char *text, size_t size);
/* A formatted string; NULL without memory. */
HF_PRINTF(2, 3) char *arena_printf(struct arena *arena, const char *fmt, ...);
HF_PRINTF(2, 0) char *arena_vprintf(struct arena *arena, const char *fmt, va_list ap);
/* Frees everything; the arena is empty again. */
void arena_release(struct arena *arena);

#endif

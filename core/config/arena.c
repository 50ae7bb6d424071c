/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "config/arena.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 4000u

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t capacity;
	max_align_t data[];
};

static struct arena_block *
arena_block_add(struct arena *arena, size_t size)
{
	size_t capacity = size > ARENA_BLOCK ? size : ARENA_BLOCK;
	struct arena_block *block = calloc(1, sizeof(*block) + capacity);

	if (block == NULL)
		return NULL;
	block->capacity = capacity;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	char *data;

	if (size > ARENA_MAX || arena->size > ARENA_MAX - size) {
		arena->failed = 1;
		return NULL;
	}
	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (block == NULL || size > block->capacity - block->used)
		block = arena_block_add(arena, size);
	if (block == NULL) {
		arena->failed = 1;
		return NULL;
	}
	data = (char *)block->data + block->used;
	block->used += size;
	arena->size += size;
	return data;
}

char *
arena_copy(struct arena *arena, const char *text, size_t size)
{
	char *copy = arena_alloc(arena, size + 1);

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

char *
arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
	va_list again;
	char *text = NULL;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0)
		text = arena_alloc(arena, (size_t)n + 1);
	if (text != NULL)
		(void)vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	return text;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return text;
}

void
arena_release(struct arena *arena)
{
	struct arena_block *block, *next;

	for (block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	memset(arena, 0, sizeof(*arena));
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/problem.h"

#define NODE_MAX_FILE  (64u << 10) /* bytes */
#define NODE_MAX_DEPTH 64u
#define NODE_MAX_KEYS  1000u /* in one map */

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

/* One value of a YAML file.  A list's and a map's values hang off first, in the file's order. */
struct node {
	enum node_kind kind;
	struct mark mark;
	bool quoted;      /* TEXT: written in quotes or as a block */
	const char *text; /* TEXT; UTF-8 without control characters but \n and \t */
	const char *key;  /* in a map; else NULL */
	struct mark key_mark;
	size_t count;
	struct node *first;
	struct node *last;
	struct node *next;
};

/*
 * Parses one YAML document.  Takes what a configuration needs and no more: no aliases, anchors,
 * tags, second documents, keys that are not text or that come twice, no other encoding than UTF-8.
 * *ret (in the list's arena) is set only if nothing was added to the list.  HF_OK, HF_EINVAL or
 * HF_ENOMEM; what is wrong is in the list.
 */
int node_parse(const void *data, size_t size, struct problem_list *list, struct node **ret);
/* The map's value of that key, or NULL. */
struct node *node_get(const struct node *map, const char *key);
/* True for a value that is not there, as in "key:" and nothing after it. */
bool node_empty(const struct node *node);

#endif

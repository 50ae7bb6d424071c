/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "config/problem.h"

/* Keys that a plugin's option table has to know, as the file has them. */

#define CONFIG_OPTION_NAME_MAX 255u /* bytes of a name, dots included */

/* One of several values of a key. */
struct config_item {
	const char *text; /* without newline */
	struct mark mark;
};

struct config_option {
	const char *name;          /* of a key inside of a map "MAP.KEY", whatever the depth */
	const char *text;          /* "" for a list */
	bool quoted;               /* in quotes: "true" is no boolean */
	unsigned line, column;     /* of the value */
	unsigned name_line, name_column;
	const struct config_item *items; /* NULL: one value and no list */
	size_t count;                    /* of items */
	const char *file;                /* that it is in; NULL: the configuration's */
};

struct config_options {
	const struct config_option *items;
	size_t count;
};

#endif

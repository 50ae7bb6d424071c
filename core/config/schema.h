/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdint.h>

#include "config/node.h"
#include "config/option.h"

/* What a key's value is, and the C type that it becomes at offset. */
enum schema_type {
	SCHEMA_STRING,   /* const char * */
	SCHEMA_BOOL,     /* bool */
	SCHEMA_INT,      /* int64_t */
	SCHEMA_SIZE,     /* int64_t, bytes */
	SCHEMA_DURATION, /* int64_t, nanoseconds */
	SCHEMA_PATH,     /* const char *, absolute */
	SCHEMA_NAME,     /* const char *, [a-z][a-z0-9_-]{0,31} */
	SCHEMA_CRON,     /* const char *, in cron's syntax */
	SCHEMA_ENUM,     /* int, index into words */
	SCHEMA_SET,      /* unsigned, bit n for words[n]; a list */
	SCHEMA_NAMES,    /* struct schema_names; a list of names, each once */
	SCHEMA_MAP,      /* the struct that fields describes; missing: its defaults */
	SCHEMA_SKIP      /* the caller looks at this key itself */
};

#define SCHEMA_REQUIRED 1u
#define SCHEMA_KEEP     2u /* kept among the keys that the table does not know, as well */
#define SCHEMA_OPEN     4u /* of a MAP: keys that its table does not know are kept at others */

struct schema_name {
	const char *text;
	struct mark mark;
};

struct schema_names {
	const struct schema_name *items; /* NULL: the key was not given */
	size_t count;
};

/* One key of a map; the table ends with a NULL name. */
struct schema_field {
	const char *name;
	enum schema_type type;
	unsigned flags;
	size_t offset;
	const char *default_value;         /* as it would be written; NULL: zero */
	int64_t min, max;                  /* INT, SIZE, DURATION; both 0: no limits */
	const char *const *words;          /* ENUM, SET; ends with NULL */
	const struct schema_field *fields; /* MAP */
	size_t others;                     /* MAP, SCHEMA_OPEN: offset of its struct config_options */
};

struct schema_reader {
	struct problem_list *list; /* its arena owns what is read */
	const char *folder;        /* where relative paths start; absolute */
};

/*
 * Reads a map into the struct at target after the table, defaults included.  Everything wrong goes
 * into the list, and reading goes on.  where ("plan everything") starts the sentences about
 * missing keys.  With rest NULL, an unknown key is wrong; else these keys are kept there: values, lists of
 * values, and both inside of maps.
 */
void schema_read(const struct schema_reader *reader, const struct node *map, const char *where,
    const struct schema_field *fields, void *target, struct config_options *rest);
/* Adds what is wrong if node is no map; an empty value passes for an empty map. */
bool schema_is_map(const struct schema_reader *reader, const struct node *node, const char *where);
/* True for a key whose value would be a secret: password, api_token, ... */
bool schema_is_secret(const char *key);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_OPTIONS_H
#define PLUGIN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/options.h>

#include "base/nearest.h"

/* One line of the configuration: the option's name and its value as written there. */
struct option_text {
	const char *name;
	const char *text;
};

/* How the secret of a SECRET option is got. */
#define OPTION_SECRET_FILE    1u
#define OPTION_SECRET_COMMAND 2u

struct option_secret {
	uint32_t way; /* 0: not set */
	uint32_t reserved;
	const char *text; /* the file's path, or the shell command */
};

/* A component's options, checked; one entry each in the order of the table.  Owns its strings. */
struct options {
	uint32_t count;
	struct hf_value *values;        /* what the plugin gets; a SECRET has set, and no text */
	struct option_secret *secrets;  /* parallel to values */
	char **strings;                 /* parallel too: the memory behind both */
};

/*
 * Checks texts against a table that ends with a NULL name (NULL: no options at all) and fills in
 * defaults.  base: the folder that relative paths start from.  On HF_EINVAL *ret_bad (may be NULL) is
 * the index of the text that is wrong, or count when the fault is one of absence.  *ret_options is
 * freed with options_free.
 */
int options_parse(const struct hf_option *table, const char *base, const struct option_text *texts,
    size_t count, struct options **ret_options, size_t *ret_bad, struct hf_error *err);
void options_free(struct options *options);

/*
 * Reads one value of a type: *ret_number for BOOL, INT, SIZE (bytes) and DURATION (nanoseconds).
 * STRING and PATH take any text without NUL.  The message says what is allowed, not where it was.
 */
int options_value(uint32_t type, const char *text, int64_t *ret_number, struct hf_error *err);
/*
 * ~ and ~/x become the home folder, other relative paths start at base (NULL: the current folder).
 * *ret_path is the caller's to free.
 */
int options_path(const char *text, const char *base, char **ret_path, struct hf_error *err);
/* Offers every name that may be written for the table: its options, with _file and _command for secrets. */
void options_offer(struct nearest *nearest, const struct hf_option *table);
/* "string", "size", ...: the type's name for people; "?" for one not known here. */
const char *options_type_name(uint32_t type);
/* Writes a SIZE or DURATION the way the configuration spells it: "100 MB", "30 s". */
void options_format(uint32_t type, int64_t number, char *out, size_t size);

#endif

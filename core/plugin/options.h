/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_OPTIONS_H
#define PLUGIN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/options.h>

#include "base/nearest.h"
#include "config/config.h"

/* A component's options, checked; one entry each in the order of the table.  Owns its strings. */
struct options {
	uint32_t count;
	struct hf_value *values;       /* for the plugin; a secret has set, and no text */
	struct config_secret *secrets; /* parallel; both NULL where it is no secret */
	char **strings;                /* parallel; the memory behind both */
};

/* Where options are written, for messages and for relative paths. */
struct options_place {
	const char *file;   /* NULL: messages have no place in front */
	const char *folder; /* absolute; relative paths start here */
	struct mark mark;   /* of the repository or account, for what is missing in it */
};

/*
 * Checks what is given against a component's table, which ends with an entry without name (NULL: no
 * options), and fills in defaults.  A SECRET is given as NAME_file or NAME_command, and read by
 * nobody yet.  HF_EINVAL: err tells "FILE:LINE:COLUMN: " and what is allowed there; HF_ENOMEM.
 * *ret_options is freed with options_free.
 */
int options_parse(const struct hf_option *table, const struct options_place *place,
    const struct config_options *given, struct options **ret_options, struct hf_error *err);
/* The same with what the options are of, such as "account work", behind the place in messages. */
int options_parse_in(const char *where, const struct hf_option *table, const struct options_place *place,
    const struct config_options *given, struct options **ret_options, struct hf_error *err);
/* Whether a table has the option that a name in the configuration is for. */
bool options_know(const struct hf_option *table, const char *name);
/* NULL is fine. */
void options_free(struct options *options);

/* Offers every name that may be given: secrets under both of their names, for as long as names. */
struct options_names {
	char secrets[32][2][80];
};
void options_offer(
    struct nearest *nearest, const struct hf_option *table, struct options_names *names);
/* "string", "size", ...: the type's name for people; "?" for one not known here. */
const char *options_type_name(uint32_t type);
/* Writes a number the way the configuration spells it: "100 MB", "30 s", "7". */
#define OPTIONS_FORMAT_SIZE 32
const char *options_format(uint32_t type, int64_t number, char out[OPTIONS_FORMAT_SIZE]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_COMMON_H
#define COMMAND_COMMON_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "command/command.h"

/* ---- options ---- */

/* An option of one command; the table ends with a NULL name. */
struct command_option {
	const char *name;  /* without "--" */
	char letter;       /* 0: none */
	const char *value; /* what stands for its value in the help; NULL: it takes none */
	const char *help;
	void *target; /* bool *, or const char ** with a value */
};

/* Which of the common options a command takes, besides -c, -v and -h. */
#define COMMON_JSON       1u
#define COMMON_REPOSITORY 2u

struct common {
	const char *config;     /* -c */
	const char *repository; /* -r; NULL: the only one */
	bool json;
	bool verbose;
};

/* Room for a command that is proposed to the person. */
#define COMMON_HINT_SIZE 2200
/*
 * "holdfast COMMAND" with the options that say which configuration and repository this command works on, in words
 * that a shell takes: what is proposed works as it stands, in the same directory.
 */
const char *common_hint(const struct common *common, const char *command, char out[COMMON_HINT_SIZE]);

#define COMMON_GO_ON (-1)

/*
 * Reads the options wherever they stand; afterwards argv[1..*argc - 1] are the operands, of which there
 * must be at least least and at most most.  COMMON_GO_ON, or the exit status (--help, wrong usage).
 */
int common_parse(const struct command *command, unsigned takes, const struct command_option *options,
    int least, int most, int *argc, char **argv, struct common *ret);

/* ---- messages ---- */

/* "holdfast: MESSAGE" on standard error; nothing in it can drive the terminal. */
HF_PRINTF(1, 2) void common_message(const char *fmt, ...);
/* The same for an error; returns STATUS_FAILED. */
int common_error(const struct hf_error *err);
/* The same where it may be a mistake of the configuration or the environment; returns STATUS_USAGE for such a code. */
int common_config_error(const struct hf_error *err);
/* The state directory, to be freed; STATUS_DONE, or what common_config_error says. */
int common_state_directory(char **ret);
/* Prints untrusted text: escaped when the stream is a terminal, else as it is. */
void common_put(FILE *stream, const char *text, size_t size);
/* "2026-11-23 06:00:00" of the local zone. */
#define COMMON_TIME_SIZE 32
const char *common_time(int64_t ns, char out[COMMON_TIME_SIZE]);
/* "1.5 MiB" */
#define COMMON_SIZE_SIZE 32
const char *common_size(uint64_t bytes, char out[COMMON_SIZE_SIZE]);
/* Writes what is in the buffer to standard output and empties it. */
int common_flush(struct buffer *buffer);
/* Appends "name":"value" with json's rules, a comma before it where one is needed. */
void common_json_string(struct buffer *buffer, const char *name, const char *value, size_t size);

/* ---- interruption ---- */

/* Lets SIGINT and SIGTERM be answered at the next call of the storage, and SIGPIPE be a write error. */
void common_catch_signals(void);
bool common_interrupted(void);

#endif

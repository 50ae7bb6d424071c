/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command/common.h"
#include "base/nearest.h"

static const struct command *const commands[] = {
    &command_init,
    &command_backup,
    &command_status,
    &command_watch,
    &command_snapshots,
    &command_rooms,
    &command_ls,
    &command_dump,
    &command_restore,
    &command_check,
    &command_plugins,
    &command_config,
    &command_worker,
    &command_image_helper,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *
find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static void
print_commands(FILE *stream)
{
	size_t i;

	(void)fputs("usage: holdfast COMMAND [OPTION]... [OPERAND]...\n\n", stream);
	for (i = 0; i < COMMAND_COUNT; i++) {
		if (commands[i]->summary != NULL)
			(void)fprintf(stream, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
	}
	(void)fputs("\n\"holdfast help COMMAND\" tells more of one, \"man holdfast\" of all.\n", stream);
}

static int
unknown_command(const char *name)
{
	struct nearest nearest = NEAREST_INIT(name);
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		if (commands[i]->summary != NULL)
			nearest_offer(&nearest, commands[i]->name);
	}
	if (nearest.best != NULL)
		common_message("no command %s, did you mean %s?", name, nearest.best);
	else
		common_message("no command %s; \"holdfast help\" lists them", name);
	return STATUS_USAGE;
}

static int
help(int argc, char **argv)
{
	char option[] = "--help", *args[] = {NULL, option, NULL};
	const struct command *command;

	if (argc < 2) {
		print_commands(stdout);
		return STATUS_DONE;
	}
	command = find_command(argv[1]);
	if (command == NULL)
		return unknown_command(argv[1]);
	args[0] = argv[1];
	return command->run(2, args);
}

/* The common options may come first: "holdfast -c FILE backup" becomes "holdfast backup -c FILE". */
static void
put_command_first(int argc, char **argv)
{
	static const char *const with_value[] = {"-c", "--config", "-r", "--repository", NULL};
	char *name;
	int at, i;

	for (at = 1; at < argc && argv[at][0] == '-'; at++) {
		for (i = 0; with_value[i] != NULL; i++) {
			if (strcmp(argv[at], with_value[i]) == 0) {
				at++;
				break;
			}
		}
	}
	if (at >= argc)
		return;
	name = argv[at];
	for (; at > 1; at--)
		argv[at] = argv[at - 1];
	argv[1] = name;
}

static int
run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_commands(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help(argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		(void)printf("holdfast %s\n", PACKAGE_VERSION);
		return STATUS_DONE;
	}
	put_command_first(argc, argv);
	if (argv[1][0] == '-') {
		common_message("there is no command behind %s; \"holdfast help\" lists them", argv[1]);
		return STATUS_USAGE;
	}
	command = find_command(argv[1]);
	return command != NULL ? command->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}

int
main(int argc, char **argv)
{
	int status;

	/* For the order and form of dates only; numbers stay as the formats need them. */
	(void)setlocale(LC_TIME, "");
	(void)setlocale(LC_CTYPE, "");
	(void)umask(077);
	status = run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		common_message("cannot write to standard output: %s", strerror(errno));
		if (status == STATUS_DONE)
			status = STATUS_FAILED;
	}
	return status;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

/* What "holdfast NAME" does.  run gets the name in argv[0]; it returns the exit status. */
struct command {
	const char *name;
	const char *usage;   /* operands and options of its own, after the name */
	const char *summary; /* one line; NULL: not in the list of commands */
	int (*run)(int argc, char **argv);
};

extern const struct command command_init;
extern const struct command command_backup;
extern const struct command command_status;
extern const struct command command_watch;
extern const struct command command_snapshots;
extern const struct command command_ls;
extern const struct command command_rooms;
extern const struct command command_dump;
extern const struct command command_restore;
extern const struct command command_check;
extern const struct command command_plugins;
extern const struct command command_config;
extern const struct command command_worker;
extern const struct command command_image_helper;

/* Exit statuses, after restic's. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2, /* command line or configuration */
	STATUS_PARTIAL = 3,
	STATUS_NO_REPOSITORY = 10,
	STATUS_LOCKED = 11,
	STATUS_PASSWORD = 12,
	STATUS_INTERRUPTED = 130
};

#endif

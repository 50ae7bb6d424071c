/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_SCAN_H
#define PLUGIN_SCAN_H

#include "plugin/note.h"

/* A plugin file that passed every check that needs no running of it. */
struct plugin_file {
	char *path; /* real path: no symbolic link in it */
	char name[PLUGIN_NAME_SIZE];
	char version[PLUGIN_VERSION_SIZE];
	uint32_t kinds;
	uint64_t dev; /* which file it was when it was looked at */
	uint64_t ino;
	uint64_t size;
	int64_t mtime_ns;
};

/* A file or directory that was not used, and one sentence that says why, the path in it. */
struct plugin_refused {
	char *path;
	char *reason;
};

/* What was found; by name, the first directory that has a name wins. */
struct plugin_scan {
	struct plugin_file *files;
	size_t file_count;
	struct plugin_refused *refused;
	size_t refused_count;
	char *directories; /* colon list of what was searched, for messages */
};

/*
 * Looks for plugins in $HOLDFAST_PLUGIN_PATH (a colon list of absolute paths; not obeyed in a set-uid
 * or otherwise privileged process), or else in the directory holdfast was built for.  Runs no plugin
 * code.  *ret_scan is freed with scan_free.  HF_ENOMEM; HF_ERANGE: more than SCAN_FILES_MAX files.
 */
int scan_open(struct plugin_scan **ret_scan, struct hf_error *err);
/* The same for a colon list of directories. */
int scan_directories(const char *directories, struct plugin_scan **ret_scan, struct hf_error *err);
void scan_free(struct plugin_scan *scan);

#define SCAN_FILES_MAX 1024

/*
 * Checks a real path: every directory above it and the file itself belong to root or to the user
 * running this, and nobody else may write to them; a sticky directory of root's (/tmp) is passed
 * through.  HF_EPERM names the first that fails and what to do; HF_ENOTFOUND, HF_EIO.
 */
int scan_trusted(const char *path, struct hf_error *err);
/* True when st is still the very file that was scanned. */
struct stat;
bool scan_same_file(const struct plugin_file *file, const struct stat *st);

#endif

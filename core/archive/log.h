/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_LOG_H
#define ARCHIVE_LOG_H

#include <holdfast/strategy.h>

#include "repository/repository.h"

/*
 * An append-only log: a folder of files 000001.jsonl, ... of at most 500 lines, or one line more than
 * 1 MiB.  New lines go to new files; small files at the end are merged geometrically (DESIGN.md
 * section 3), so a line is written at most 9 times and a full file never again.
 */
struct log;

#define LOG_FILE_LINES 500u
#define LOG_FILE_BYTES (1u << 20)
#define LOG_LINE_BYTES (64u << 20) /* the longest line that is taken */

struct log_place {
	struct repository *repository;
	struct repository_writer *writer;
	const char *path;                    /* of the log's folder, for messages */
	const char *directory;               /* for temporary files */
	const char *seen_path;               /* where the list of known records is kept between runs */
	const struct repository_id *before;  /* the folder in the previous snapshot; NULL: none */
	bool exact;                          /* lines of this run are known as those before it are */
};

struct log_result {
	bool changed;              /* false: tree is the one before, or none */
	struct repository_id tree; /* the folder as it is now */
	int64_t mtime_ns;          /* when changed */
	uint64_t appended;  /* lines */
	int64_t newest_ns;  /* of the appended lines; HF_NO_TIME */
};

/*
 * What place points to must outlive the log.  Files of the log before that the repository lost stay
 * named in it; their records count as new, so that they are written again where the source has them.
 */
int log_open(const struct log_place *place, struct log **ret, struct hf_error *err);
/*
 * HF_KNOWN_NEW, _CHANGED, _UNCHANGED, or a negative code.  A log that begins with this run and is not exact
 * compares nothing: every line of it is new, and of an id that comes twice the later line counts.
 */
int log_known(struct log *log, const struct hf_line *line, struct hf_error *err);
/*
 * The newest line of the record asked for last.  HF_ENOTFOUND: it is lost, or this run wrote it to a log that began
 * with it and is not exact.
 */
int log_before(struct log *log, const struct hf_sink *sink, struct hf_error *err);
/*
 * Appends the line that was asked for last.  HF_EINVAL, HF_ERANGE: of a line that cannot be one of a
 * log, which is as it was; after every other failure the log only fails.
 */
int log_append(struct log *log, const struct hf_line *line, struct hf_error *err);
/* Saves what is left and the folder's tree. */
int log_finish(struct log *log, struct log_result *ret, struct hf_error *err);
void log_free(struct log *log);

#endif

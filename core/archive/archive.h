/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <holdfast/strategy.h>

#include "repository/repository.h"

/*
 * The snapshot that one job makes: the previous one with the finished units laid over it.  A unit
 * owns a folder; what it does not write stays as it was, and a unit that fails changes nothing.
 * Units that were finished at a checkpoint are finished for the job, however often it is killed.
 */
struct archive;

struct archive_options {
	const char *directory;      /* of the job: its journal, which is good for this repository and previous */
	const char *seen_directory; /* of the repository: lists of known records, made again when missing */
	const struct snapshot *previous; /* NULL: the first one */
};

int archive_open(struct repository *repository, struct repository_writer *writer,
    const struct archive_options *options, struct archive **ret, struct hf_error *err);
void archive_close(struct archive *archive);

/* Appends a file of the previous snapshot; HF_ENOTFOUND.  path is absolute. */
int archive_previous(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err);
/* Writes a file outside of units, such as "/holdfast.json". */
int archive_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err);
/* A durable point: what was saved and finished so far survives a crash. */
int archive_checkpoint(struct archive *archive, struct hf_error *err);
/*
 * Saves the whole tree; the writer is to be finished after it, and then the snapshot saved.  HF_EINVAL: a
 * path was written as two things.
 */
int archive_finish(struct archive *archive, struct repository_id *ret_tree, struct hf_error *err);

/* ---- units: one at a time ---- */

/*
 * The note of a unit that was finished, over the same previous snapshot, before a crash of this job;
 * NULL: it was not.
 */
const char *archive_unit_finished(const struct archive *archive, const char *path);
int archive_unit_begin(struct archive *archive, const char *path, struct hf_error *err);
int archive_unit_previous(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err);
/* The same of a file of any size, pushed in pieces; what the sink refuses with is returned. */
int archive_unit_previous_push(struct archive *archive, const char *path, const struct hf_sink *sink,
    struct hf_error *err);
int archive_unit_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err);
int archive_unit_log_open(struct archive *archive, const char *path, struct hf_error *err);
int archive_unit_log_known(struct archive *archive, const struct hf_line *line, struct hf_error *err);
int archive_unit_log_before(struct archive *archive, const struct hf_sink *sink, struct hf_error *err);
int archive_unit_log_append(struct archive *archive, const struct hf_line *line, struct hf_error *err);
int archive_unit_log_close(struct archive *archive, uint64_t *ret_appended, int64_t *ret_newest_ns,
    struct hf_error *err);
/*
 * Saves the unit's folder.  note: JSON text on one line, for archive_unit_finished.  Fails when a file,
 * the log or its close failed before, and when its log is still open; then the folder stays as it was in
 * the previous snapshot.  No unit is open after it, whatever it returns.
 */
int archive_unit_end(struct archive *archive, const char *note, struct hf_error *err);
/* Leaves the folder as it was in the previous snapshot. */
void archive_unit_abandon(struct archive *archive);

#endif

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
/*
 * The snapshot under way: the previous one with what this run has finished.  Told at struct hf_snapshot_view; a
 * strategy may call them while a unit is open.
 */
int archive_list(struct archive *archive, const char *path, hf_entry_fn fn, void *ctx, struct hf_error *err);
int archive_read(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err);
/* Who is told of a file that cannot be read any more; what it returns ends the reading unless HF_OK. */
struct archive_damage {
	void *ctx;
	int (*damaged)(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err);
};
/*
 * HF_ECORRUPT: lines cannot be counted, as a file of the log is damaged.  From line 0 on there is no such failure:
 * damaged files are left out, and each is told to damage.
 */
int archive_log(struct archive *archive, const char *path, uint64_t first, const struct hf_sink *sink,
    const struct archive_damage *damage, struct hf_error *err);
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
/*
 * The same for a unit that goes on after a crash from its last checkpoint: what it had done by then is there again.
 * cursor and note are empty where there is none, else as they were given; they are good until the unit ends.
 */
struct archive_resumed {
	struct hf_blob cursor;
	const char *note; /* NULL: nothing was taken up */
	uint64_t lines;   /* of the log */
};
int archive_unit_resume(struct archive *archive, const char *path, struct archive_resumed *ret, struct hf_error *err);
/*
 * Notes a point to go on from, which counts from the next archive_checkpoint on; nothing where the unit was not begun
 * by archive_unit_resume.  note: JSON text on one line.
 */
int archive_unit_checkpoint(struct archive *archive, const struct hf_blob *cursor, const char *note,
    struct hf_error *err);
int archive_unit_previous(struct archive *archive, const char *path, struct buffer *out, struct hf_error *err);
/* The same of a file of any size, pushed in pieces; what the sink refuses with is returned. */
int archive_unit_previous_push(struct archive *archive, const char *path, const struct hf_sink *sink,
    struct hf_error *err);
int archive_unit_file(struct archive *archive, const char *path, const void *data, size_t size, int64_t mtime_ns,
    struct hf_error *err);
/*
 * Writes a file of any size from a reader, which has to give its length of bytes.  *ret_reader: whether it was the
 * reader that failed, after which the unit is as it was.
 */
int archive_unit_file_from(struct archive *archive, const char *path, const struct hf_reader *data, int64_t mtime_ns,
    bool *ret_reader, struct hf_error *err);
/* Puts the content of a file that this unit has, of this run or before, at another path.  HF_ENOTFOUND. */
int archive_unit_file_same(struct archive *archive, const char *path, const char *as, int64_t mtime_ns,
    struct hf_error *err);
int archive_unit_log_open(struct archive *archive, const char *path, struct hf_error *err);
int archive_unit_log_known(struct archive *archive, const struct hf_line *line, struct hf_error *err);
int archive_unit_log_before(struct archive *archive, const struct hf_sink *sink, struct hf_error *err);
int archive_unit_log_append(struct archive *archive, const struct hf_line *line, struct hf_error *err);
/* ret_appended: without lines that archive_unit_resume has told of. */
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

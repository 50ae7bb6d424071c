/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_RESUME_H
#define ARCHIVE_RESUME_H

#include "archive/archive.h"
#include "archive/overlay.h"

/*
 * What a unit under way has done up to its last checkpoint, so that the next worker of the job goes on there: its
 * files, the lines of its log and its cursor.  One file in the job's folder, of one unit at a time.
 */
struct resume;

/* What is found there of the unit; answers of the functions as those of archive.h. */
struct resume_target {
	void *ctx;
	int (*file)(void *ctx, const struct change *file, struct hf_error *err);
	int (*log_open)(void *ctx, const char *path, struct hf_error *err);
	int (*line)(void *ctx, const struct hf_line *line, struct hf_error *err);
};

/* head: what the unit was begun on; nothing of another head is taken up.  directory: of the job. */
int resume_new(const char *directory, const char *head, struct resume **ret, struct hf_error *err);
void resume_free(struct resume *resume);
/*
 * Hands what is there to target, up to the last checkpoint.  HF_ENOTFOUND: nothing; HF_ECORRUPT: it is of no use,
 * and target has to forget what it got.  After HF_OK resume_cursor and resume_note tell of that checkpoint.
 */
int resume_replay(struct resume *resume, const struct resume_target *target, struct hf_error *err);
const struct buffer *resume_cursor(const struct resume *resume);
const char *resume_note(const struct resume *resume);

/*
 * Each notes one thing that was done; what cannot be noted (too long) ends the noting, and the last checkpoint before
 * it stays the one to go on from.
 */
int resume_add_file(struct resume *resume, const struct change *file, struct hf_error *err);
int resume_add_log(struct resume *resume, const char *path, struct hf_error *err);
int resume_add_line(struct resume *resume, const struct hf_line *line, struct hf_error *err);
int resume_add_checkpoint(struct resume *resume, const struct hf_blob *cursor, const char *note, struct hf_error *err);
/* Whether a checkpoint was noted or found. */
bool resume_is_used(const struct resume *resume);
/* All of it is on disk after this; what it names has to be before. */
int resume_sync(struct resume *resume, struct hf_error *err);

#endif

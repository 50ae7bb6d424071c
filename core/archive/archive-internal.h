/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCHIVE_INTERNAL_H
#define ARCHIVE_INTERNAL_H

/* What archive.c shares with the files that do a part of its work; nobody else includes it. */

#include "archive/archive.h"
#include "archive/journal.h"
#include "archive/layer.h"
#include "archive/log.h"
#include "archive/resume.h"

/* A unit that an earlier run of this job finished. */
struct finished {
	char *path;
	char *note;
	size_t sequence;
};

/* The unit under way. */
struct unit {
	char *path; /* relative; NULL: none */
	int broken; /* HF_OK, or why it cannot be ended: something of it was not taken */
	bool has_before;
	struct repository_id before;
	struct buffer tree; /* the folder in the previous snapshot */
	struct buffer blobs; /* that it consists of, apart from those of the previous snapshot */
	struct changes changes;
	struct log *log;
	char *log_path;
	struct repository_id log_before;
	char *seen_path;
	struct listing listing;  /* of a folder in it */
	bool compacted;          /* folders of it were saved, which may have changed since */
	struct resume *resume;   /* NULL: it begins anew after a crash */
	bool log_taken_up;       /* the log is open from before a crash, and nobody asked for it yet */
	uint64_t taken_up;       /* lines from before a crash */
};

struct archive {
	struct repository *repository;
	struct repository_writer *writer;
	char *directory, *seen_directory;
	bool has_previous;
	struct repository_id previous;
	struct journal *journal;
	struct buffer head;  /* the journal's first line: what it is good for */
	bool head_found;
	bool blobs_lost;     /* while it is read: of those the next unit consists of */
	struct finished *finished;
	size_t finished_count, finished_capacity;
	struct changes none;
	struct listing before;  /* of the previous snapshot */
	struct listing listing; /* of the snapshot under way */
	struct changes changes;
	struct unit unit;
	bool resume_used; /* a checkpoint of an earlier unit is kept, whose end may not be on disk */
};

/* Every component of a relative path is a name, and none is "." or "..". */
int archive_check_path(const char *path, struct hf_error *err);
/* The snapshot under way: the previous one, with what this run has finished. */
struct layer archive_layer(struct archive *archive);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_RUN_H
#define TEST_RUN_H

#include "repository/test-place.h"

/* A repository with what one job's run needs around it, for the unit tests of this directory. */
struct test_run {
	struct test_place place;
	struct repository *repository;
	struct repository_writer *writer; /* NULL: not open */
	char spool[1100], job[1100], seen[1100];
};

/* All of these abort when the machine does not let them. */
void test_run_begin(struct test_run *run);
void test_run_end(struct test_run *run);
/* Closes what is open without finishing it, and opens the repository as another process would. */
void test_run_reopen(struct test_run *run);
void test_run_open_writer(struct test_run *run);
/* Everything saved is in the repository after it. */
void test_run_finish_writer(struct test_run *run);

/* Appends a line for each node below the tree: "path/ mtime" and "path mtime size", in tree order. */
void test_run_list(struct test_run *run, const struct repository_id *tree, struct buffer *out);
/* Appends the file's content; false: not there, or not readable. */
bool test_run_read(struct test_run *run, const struct repository_id *tree, const char *path, struct buffer *out);
/* Whether the file there holds this text. */
bool test_run_holds(struct test_run *run, const struct repository_id *tree, const char *path, const char *text);
/* The tree of a folder in a tree; false: not there. */
bool test_run_folder(struct test_run *run, const struct repository_id *tree, const char *path,
    struct repository_id *ret);
/* restic's own check of every byte of a snapshot with this tree; true also where restic is not installed. */
bool test_run_restic_agrees(struct test_run *run, const struct repository_id *tree);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORT_H
#define EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/* An export as Slack made it: a zip file, or the folder somebody unpacked it to. */
struct export;

/* A file of it that is read from its start to its end. */
struct stream;

/* The messages of one day in one room. */
struct day {
	uint32_t date;   /* 20160131 */
	uint32_t folder; /* zip: its number */
	uint64_t offset; /* zip: where its local header begins */
	uint64_t size;   /* bytes when unpacked */
};

/* The days of a room, in order, and what tells whether anything in them has changed. */
struct days {
	struct day *days;
	size_t count;
	uint64_t bytes;
	uint64_t state; /* a hash of sizes, times and inodes */
	bool settled;   /* nothing was written so late that it may change again unseen */
};

/* The most day files that a zip may hold, at 24 bytes each. */
#define EXPORT_DAYS_MAX 500000u

/* HF_ENOTFOUND: nothing there; HF_ECORRUPT: no whole zip; HF_EINVAL: something else than an export. */
int export_open(const char *path, struct export **ret_export, struct hf_error *err);
void export_close(struct export *export);
/* A file at the top, "users.json"; *ret_stream is NULL when there is none. */
int export_file(struct export *export, const char *name, struct stream **ret_stream, struct hf_error *err);
/* Lists a folder's days; none where there is no such folder.  To be released with days_release. */
int export_days(struct export *export, const char *folder, struct days *ret_days, struct hf_error *err);
void days_release(struct days *days);
int export_day(struct export *export, const char *folder, const struct day *day, struct stream **ret_stream,
    struct hf_error *err);
/* Whether there is a folder that may hold days. */
bool export_has_folder(struct export *export, const char *folder);
/* Called with the name of each folder that may hold days; nonzero: stop and return it. */
typedef int (*export_folder_fn)(void *ctx, const char *folder, struct hf_error *err);
int export_folders(struct export *export, export_folder_fn fn, void *ctx, struct hf_error *err);

/* Whether a name is one plain path component. */
bool export_is_folder_name(const char *name, size_t size);

/* Reads up to size bytes: how many, 0 at the end, or a negative code. */
int64_t stream_read(struct stream *stream, void *data, size_t size, struct hf_error *err);
/* The file's name, for messages. */
const char *stream_path(const struct stream *stream);
void stream_close(struct stream *stream);

#endif

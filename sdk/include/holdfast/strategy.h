/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_STRATEGY_H
#define HOLDFAST_STRATEGY_H

#include <holdfast/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A strategy backs up one type.  It sees one account at a time through a view that the host stands
 * behind, and never a source's own pointer.
 */
struct hf_source_view {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	const char *account; /* its name in the configuration */
	const char *source;  /* the plugin's name */
	int (*caps)(void *ctx, struct hf_source_caps *ret_caps, struct hf_error *err);
	int (*enumerate)(void *ctx, const struct hf_query *query, const struct hf_record_sink *sink,
	    struct hf_error *err);
	int (*fetch_media)(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err);
};

/*
 * Flags of a strategy's struct hf_component.  HF_STRATEGY_HOST: it backs up this machine, not accounts; plan and
 * execute are called once with a view whose account is the machine's name and that offers no records.
 */
#define HF_STRATEGY_HOST     1u
/* It works with sources that have these records; none of these flags: HF_STRATEGY_CHATS. */
#define HF_STRATEGY_CHATS    2u
#define HF_STRATEGY_CONTACTS 4u

/* A name in a folder of the snapshot that is being made. */
struct hf_entry {
	uint32_t struct_size;
	uint32_t is_folder;
	const char *name; /* NUL-terminated */
	uint64_t size;    /* of a file */
	uint8_t version[32]; /* of a folder: the same means that nothing in it is different */
};

/* Nonzero: stop and return it. */
typedef int (*hf_entry_fn)(void *ctx, const struct hf_entry *entry, struct hf_error *err);

/*
 * What the snapshot under way holds so far, of all types: the previous one with what this job has finished.
 * Paths are absolute, "/chats/family/rooms/x/messages".  HF_ENOTFOUND: no such thing.
 */
struct hf_snapshot_view {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	int (*list)(void *ctx, const char *path, hf_entry_fn fn, void *fn_ctx, struct hf_error *err);
	/* For small files: at most 16 MiB. */
	int (*file)(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err);
	/*
	 * Pushes the lines of a log, each whole and with its newline in one write, from line number first (0 is
	 * the oldest) on.  Lines keep their numbers for good.  HF_ERANGE: the log has fewer than first.
	 * HF_ECORRUPT: a part of it is damaged, so that they cannot be counted; from 0 on, what is left of it comes.
	 */
	int (*log)(void *ctx, const char *path, uint64_t first, const struct hf_sink *sink, struct hf_error *err);
};

/*
 * A unit that is worth going on with after a crash: its checkpoints' cursors are kept, and files and lines from
 * before them are not asked for again.  In its log, lines of this job are known as those of earlier ones are, and
 * log_before has them.
 */
#define HF_UNIT_RESUMABLE 1u

/* One piece of work: it is run, checkpointed, retried and carried over as a whole. */
struct hf_unit {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_text id;  /* what execute gets back; HF_TEXT_UTF8 */
	const char *path;   /* the folder it owns in the snapshot, "/chats/family/rooms/x" */
	struct hf_blob data; /* opaque, for execute; at most 1 MiB */
	uint64_t items;     /* estimates; 0: not known */
	uint64_t bytes;
};

struct hf_planner {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	int (*unit)(void *ctx, const struct hf_unit *unit, struct hf_error *err);
	/*
	 * Writes a small file (at most 16 MiB) that belongs to no unit.  path: of the snapshot, below the
	 * folder of the type and account, "/chats/family/account.json".  mtime_ns: of the newest record in it.
	 */
	int (*file)(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns,
	    struct hf_error *err);
	/* One item that cannot become a unit; planning goes on, the job ends "partial". */
	int (*failed)(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err);
	const struct hf_snapshot_view *snapshot;
};

/* What the host knows of a record with this id in this log. */
#define HF_KNOWN_NEW       1
#define HF_KNOWN_CHANGED   2
#define HF_KNOWN_UNCHANGED 3

/*
 * One line of a log, without its newline: a JSON object whose first two members are "op" and "id",
 * both strings.  Two lines are the same state of a record when all that follows "op" is equal byte
 * for byte.
 */
struct hf_line {
	const char *data;
	uint64_t size;
	uint64_t id_offset;   /* of the id's text, between its quotes */
	uint64_t id_size;
	uint64_t rest_offset; /* of what follows the "op" member: "\"id\":..." */
	int64_t time_ns;      /* of the state the line describes */
};

/*
 * Where a unit's results go.  Everything a unit does not write it keeps as it was in the previous
 * snapshot.  Paths are relative to the unit's folder, '/' between components; the host checks them
 * again and refuses "..", "." and empty components.
 */
struct hf_emitter {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	/*
	 * Pushes a file of the previous snapshot in pieces, or HF_ENOTFOUND; HF_ECORRUPT, perhaps after some of
	 * them: it is damaged.
	 */
	int (*previous)(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err);
	/* Writes a small file whole.  mtime_ns: of the newest record in it. */
	int (*file)(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns,
	    struct hf_error *err);
	/* Opens the append-only log in a folder ("messages").  One log at a time is open. */
	int (*log_open)(void *ctx, const char *path, struct hf_error *err);
	/* HF_KNOWN_..., or a negative code. */
	int (*log_known)(void *ctx, const struct hf_line *line, struct hf_error *err);
	/* Of the record asked for last, when it was HF_KNOWN_CHANGED: the newest line there is, to see what differs. */
	int (*log_before)(void *ctx, const struct hf_sink *sink, struct hf_error *err);
	/* Appends the line that was asked for last. */
	int (*log_append)(void *ctx, const struct hf_line *line, struct hf_error *err);
	/* Closes the log; ret_appended: lines this run added, ret_newest_ns: their newest time or HF_NO_TIME. */
	int (*log_close)(void *ctx, uint64_t *ret_appended, int64_t *ret_newest_ns, struct hf_error *err);
	/* A point to resume from: everything so far, and cursor for the strategy itself. */
	int (*checkpoint)(void *ctx, const struct hf_blob *cursor, struct hf_error *err);
	/* Counts: items looked at (unchanged ones too) and bytes read. */
	int (*done)(void *ctx, uint64_t items, uint64_t bytes, struct hf_error *err);
	/* One item that could not be backed up; the unit goes on, the job ends "partial". */
	int (*failed)(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err);
	/*
	 * Writes a file of any size; what the reader gives has to be length bytes.  What the reader fails with is
	 * returned, as is HF_ECORRUPT for another length, and then the unit is as it was.
	 */
	int (*file_from)(void *ctx, const char *path, const struct hf_reader *data, int64_t mtime_ns,
	    struct hf_error *err);
	const struct hf_snapshot_view *snapshot;
	/* Counts records of files that are new or different; those of logs the host counts itself. */
	int (*added)(void *ctx, uint64_t records, struct hf_error *err);
	/* Puts the content of a file that the unit has, of this run or before, at another path.  HF_ENOTFOUND. */
	int (*file_same)(void *ctx, const char *path, const char *as, int64_t mtime_ns, struct hf_error *err);
	/*
	 * Says, once and last, how many items the unit knows of that are still not backed up, those of earlier runs
	 * that were not due in this one too, and when the first of them is: HF_NO_TIME where that is not known, and a
	 * time that has come where the next run tries them whenever it is.
	 */
	int (*missing)(void *ctx, uint64_t items, int64_t next_try_ns, struct hf_error *err);
	/* Of the items that done has counted, so many were left out on purpose: they are not saved, and no failure. */
	int (*left_out)(void *ctx, uint64_t items, struct hf_error *err);
	/* As log_append, of a line that is the strategy's own note and no new record: it is not counted. */
	int (*log_note)(void *ctx, const struct hf_line *line, struct hf_error *err);
};

#define HF_RUN_FULL 1u /* read everything again, whatever the cursors say */

struct hf_run {
	uint32_t struct_size;
	uint32_t flags;
	struct hf_blob cursor; /* of the last checkpoint of this unit in this job; size 0: none */
};

struct hf_strategy_ops {
	uint32_t struct_size;
	uint32_t flags;
	int (*configure)(const struct hf_value *values, uint32_t count, struct hf_error *err);
	int (*open)(const struct hf_host *host, const struct hf_value *values, uint32_t count,
	    void **ret_handle, struct hf_error *err);
	void (*close)(void *handle);
	/* Cheap: no message is read.  Pushes the units of one account in any order. */
	int (*plan)(void *handle, const struct hf_source_view *view, const struct hf_planner *planner,
	    struct hf_error *err);
	int (*execute)(void *handle, const struct hf_source_view *view, const struct hf_unit *unit,
	    const struct hf_run *run, const struct hf_emitter *emitter, struct hf_error *err);
	int (*restore)(void *handle, struct hf_error *err); /* reserved: NULL */
};

#ifdef __cplusplus
}
#endif
#endif

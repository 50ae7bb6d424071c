/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEDIA_H
#define MEDIA_H

#include <holdfast/image.h>
#include <holdfast/scratch.h>
#include <holdfast/strategy.h>

#include "ref.h"

/* The strategy's instance. */
struct media {
	const struct hf_host *host;
	struct tools tools;
	const struct hf_host_scratch *scratch;
	const struct hf_host_image *image; /* NULL: pictures stay as they are */
	bool compress, strip_location;
	uint32_t quality;
	uint64_t max_size;
};

/* How many there are in each state; what a run changes of it. */
struct counts {
	int64_t stored, skipped, failed;
};

struct list;

/* An account's unit under way. */
struct work {
	const struct media *media;
	const struct hf_source_view *view;
	const struct hf_emitter *emitter;
	const char *path;   /* of the unit */
	bool full;
	int64_t now_ns;     /* when it began, of the wall clock */
	bool log_open;
	struct counts counts;
	bool counted;       /* counts are all there are, not only what this run changes */
	int64_t next_try_ns; /* of those that failed; HF_NO_TIME: none */
	struct list *refs;  /* what is to be looked at */
	struct list *rooms; /* records of rooms for the end */
	struct bytes room_record;
	int64_t checkpoint_at;
	uint64_t checkpoint_bytes;
	uint64_t bytes;
};

/* ---- list.c: lines that outlive a crash, and take no memory ---- */

int list_open(const struct media *media, const char *account, const char *name, struct list **ret,
    struct hf_error *err);
/* Takes the list away. */
void list_free(struct list *list);
int list_add(struct list *list, const struct bytes *line, struct hf_error *err);
/* The next line, without its newline, good until the next call; HF_ENOTFOUND at the end.  Nothing is added after it. */
int list_next(struct list *list, const char **ret_line, size_t *ret_size, struct hf_error *err);

/* ---- gather.c: what there is to look at ---- */

/*
 * Fills work->refs and work->rooms from the account's chats in the snapshot, or from the source where there are none.
 * *ret_digest: 64 digits that are the same when nothing in the chats is different, "" without chats; *ret_same: they
 * are those given, and nothing was read.
 */
int gather(struct work *work, const char *digest_before, char ret_digest[65], bool *ret_same, struct hf_error *err);
/* Adds what the index says is to be tried again. */
int gather_again(struct work *work, struct hf_error *err);

/* ---- index.c: what became of each ---- */

#define STATE_NONE    0
#define STATE_STORED  1
#define STATE_SKIPPED 2
#define STATE_FAILED  3

/* A record of the index, as far as it decides what to do. */
struct entry {
	int state;
	bool too_large; /* why it was skipped */
	int64_t limit;  /* that it was larger than, as far as was known */
	int64_t size;   /* of it; -1: not known */
	int64_t attempts;
	int64_t next_try_ns, tried_ns;
	struct ref ref; /* lies in text */
	struct bytes text;
};

/*
 * The path of a reference, and what became of it; STATE_NONE: nothing yet.  path and ret->text are the caller's to
 * release.
 */
int index_find(struct work *work, const struct ref *ref, struct bytes *path, struct entry *ret, struct hf_error *err);
/* The newest line of a record; HF_ENOTFOUND. */
int index_before(struct work *work, const char *op, const char *id, struct bytes *out, struct hf_error *err);
/* Appends a record: {"op":OP,"id":ID and the rest, which begins with a comma and ends with "}". */
int index_add(struct work *work, const char *op, const char *id, const struct bytes *rest, int64_t time_ns,
    struct hf_error *err);
/* What a line of the index tells. */
int index_take(const struct tools *tools, const char *line, size_t size, struct entry *ret, struct hf_error *err);
/* Counts a change of state. */
void index_count(struct work *work, int before, int now);

/* ---- outcome.c: records of what became of a reference ---- */

struct outcome {
	const char *reason;   /* a word; NULL: none */
	const char *done;     /* stored: "original", "recompressed", ... */
	char kept[32];        /* why the original was kept; "": there is nothing to say */
	bool location_left;
	int64_t size;         /* of the original; -1 */
	int64_t stored_size;
	uint8_t sha256[32];   /* of the original */
	uint32_t http_status;
	const char *mime;     /* as it came; NULL */
	const char *detail;   /* for people; NULL */
	bool transient;       /* failed: through no fault of its own, so the next run tries it at once */
};

int outcome_stored(struct work *work, const struct ref *ref, const struct entry *before, const char *path,
    const struct outcome *outcome, struct hf_error *err);
int outcome_skipped(struct work *work, const struct ref *ref, const struct entry *before, const char *path,
    const struct outcome *outcome, struct hf_error *err);
/* Also tells the host, and says when it is tried again. */
int outcome_failed(struct work *work, const struct ref *ref, const struct entry *before, const char *path,
    const struct outcome *outcome, const struct hf_error *why, struct hf_error *err);

/* ---- store.c ---- */

/* Stores what was fetched at path, made smaller if that is wanted and possible. */
int store(struct work *work, const char *path, int64_t mtime_ns, struct hf_scratch *scratch, struct outcome *ret,
    struct hf_error *err);

/* ---- reach.c: whether it is the network that is out of reach, or one server ---- */

/*
 * What nobody answered to is put aside.  At the end it is known whether anybody answered after it was asked for: if so,
 * the network was there, and it failed like any other; if not, it did not fail by itself and is tried by the next run.
 * What took long not to answer failed by itself in any case, as a message may name any number of servers that do so,
 * and would make every run long.
 */
struct reach;

#define REACH_MISSES  20u /* so often in turn a server may not answer before it is left alone for this run */
#define REACH_SLOW    INT64_C(10000000000) /* ns for no answer: longer than where there is no network at all */
#define REACH_SILENCE INT64_C(300000000000) /* ns without an answer of anybody, after which nobody is asked any more */

int reach_open(const struct media *media, const char *account, struct reach **ret, struct hf_error *err);
void reach_free(struct reach *reach);
/* How often anybody has answered. */
int64_t reach_answers(const struct reach *reach);
void reach_asked(struct reach *reach, const struct ref *ref, int64_t now_ns);
void reach_answered(struct reach *reach, const struct tools *tools, const struct ref *ref);
/* Why it is not to be asked for in this run, or NULL. */
const char *reach_refuses(struct reach *reach, const struct tools *tools, const struct ref *ref, int64_t now_ns);
/*
 * Puts one aside.  line: of the list; answers: as there were when it was asked for.  REACH_NEVER: whoever else has
 * answered, it is tried by the next run; REACH_OWN: whoever has not, it failed by itself.
 */
#define REACH_NEVER INT64_MAX
#define REACH_OWN   INT64_C(-1)
int reach_missed(struct reach *reach, const struct tools *tools, const struct ref *ref, const struct bytes *line,
    int64_t answers, const char *message, struct hf_error *err);
/* Tells of all that were put aside. */
int reach_tell(struct reach *reach, struct work *work, struct hf_error *err);

/* ---- fetch.c ---- */

/* Looks at all of work->refs, and gets what is to be got. */
int fetch_all(struct work *work, struct hf_error *err);

/* ---- work.c ---- */

int work_execute(const struct media *media, const struct hf_source_view *view, const struct hf_unit *unit,
    const struct hf_run *run, const struct hf_emitter *emitter, struct hf_error *err);
/* Opens the index when it is needed. */
int work_open_log(struct work *work, struct hf_error *err);
/* A point to go on from, now and then. */
int work_checkpoint(struct work *work, struct hf_error *err);
/* HF_ESTOPPING when the host wants to stop. */
int work_go_on(const struct work *work, struct hf_error *err);

#endif

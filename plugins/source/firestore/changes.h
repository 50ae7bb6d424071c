/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CHANGES_H
#define CHANGES_H

#include <holdfast/source.h>

#include "pager.h"

/*
 * Which rooms have changed, found with one query over the messages of all rooms by their time of update, of which only
 * that time is asked for.  It tells when each room was last changed (by the service's clock, which no app sets); a room
 * that was read later than that needs no request.  Two cursors work together: the account's has the times, a room's
 * when it was read; so a room that failed, or was read by a run that was cut off, is found again.
 */
struct changes {
	struct service *service;
	bool found;      /* something has changed since the account's cursor */
	bool known;      /* whether the times are known from base on; false: every room has to be asked */
	bool whole;      /* all was looked through, and not the budget's part only */
	bool complete;   /* every message has the field that says when it was updated */
	int64_t lacking; /* messages without; -1: not known */
	char base[TIME_TEXT_SIZE];    /* changes after it are in the times */
	char through[TIME_TEXT_SIZE]; /* everything was looked through that was there then */
	struct text at;   /* JSON: where the last look ended, or a sample of what the field has */
	struct text name; /* of the document there; empty with a sample */
	struct times *times;
	size_t count;
	size_t capacity;
};

void changes_init(struct changes *changes, struct service *service);
void changes_release(struct changes *changes);
/* Looks for changes since the account's cursor (size 0: none, or not a valid one: from now on). */
int changes_find(struct changes *changes, const struct hf_blob *cursor, const struct hf_record_sink *sink,
    struct hf_error *err);
/* Whether a room has not changed since it was read (nanoseconds since 1970). */
bool changes_has_not(const struct changes *changes, const char *room, size_t size, int64_t read_ns);
/*
 * The account's next cursor, where there is one.  It is the one before where nothing has changed, so that a backup of
 * nothing new writes nothing, and where changes could not be looked for.
 */
void changes_put_cursor(const struct changes *changes, const struct hf_blob *before, struct text *out);

/*
 * The value of the order's field from which to read again what was read at read_ns: no later than at (JSON, of that
 * field), and the look-back before read_ns in the same kind and unit.
 */
void changes_put_start(const struct service *service, const struct text *at, bool sample, int64_t read_ns,
    struct text *out);

#endif

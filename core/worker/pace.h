/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_PACE_H
#define WORKER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Work in items and in bytes.  As an estimate, 0: not known. */
struct pace_work {
	uint64_t items, bytes;
};

/* Units that are to come. */
struct pace_units {
	uint64_t count;
	struct pace_work known;     /* the sum of the estimates there are */
	uint64_t no_items;          /* how many have bytes alone, and these */
	uint64_t bytes_of_no_items;
	uint64_t no_bytes;          /* how many have items alone, and these */
	uint64_t items_of_no_bytes;
	uint64_t nothing;           /* how many have neither */
};

/* One account of one type. */
struct pace_part {
	struct pace_work last; /* what the last run found there */
	uint64_t last_units;
	bool has_last;
	uint64_t weight; /* its share of the run, among the others; 0: not known yet */
};

/*
 * How far a run is, and how much it will have done when it ends.  The run has parts, which have units.  What
 * the units' plans estimate counts, and before a part is planned what the last run found there.  How far
 * it is does not hang on whether the estimates were right: a unit that is finished has done its share.
 * Zeroed: nothing is known.
 */
struct pace {
	struct pace_part *parts;
	size_t count, begun; /* of parts; the one under way is the last that was begun */
	bool in_part, in_unit;
	struct pace_work done; /* of the whole run */
	/* Of the part under way. */
	struct pace_work part_done, unit_done, unit_estimate;
	uint64_t units_done;
	struct pace_units left;
	uint64_t planned, finished; /* weights of its units */
	double most;                /* pace_share never says less than it has */
};

/* ---- before the run: its parts, in the order they will come ---- */

/* last: what the last run did there, in so many units; NULL: it had no such part.  False without memory. */
bool pace_expect(struct pace *pace, const struct pace_work *last, uint64_t last_units);
void pace_release(struct pace *pace);

/* ---- the run ---- */

void pace_part_begin(struct pace *pace);
/* The part's units. */
void pace_plan(struct pace *pace, const struct pace_units *units);
void pace_units_add(struct pace_units *units, const struct pace_work *estimate);
void pace_unit_begin(struct pace *pace, const struct pace_work *estimate);
/* What was done, of the unit under way or outside of units. */
void pace_done(struct pace *pace, uint64_t items, uint64_t bytes);
void pace_unit_end(struct pace *pace);
void pace_part_end(struct pace *pace);

/* What there will be at the end, as it looks now; a 0 while nobody can tell. */
struct pace_work pace_total(const struct pace *pace);
/* How far the run is, from 0 to 1; it never goes back. */
double pace_share(struct pace *pace);

#endif

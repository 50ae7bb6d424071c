/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WORKER_PACE_H
#define WORKER_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many items a run will have looked at when it ends, from what the units' plans estimate and from what
 * the finished ones turned out to hold.  Zeroed: nothing is planned yet.
 */
struct pace {
	uint64_t finished_items, finished_units;
	uint64_t known;   /* the estimates of the units that are still to come */
	uint64_t unknown; /* how many of those have none */
	bool in_unit;
	uint64_t unit_items, unit_estimate; /* of the one under way */
};

/* Adds units that are to come: the sum of their estimates, and how many have none. */
void pace_plan(struct pace *pace, uint64_t items, uint64_t unknown);
/* One of them begins; its estimate, 0: none. */
void pace_begin(struct pace *pace, uint64_t estimate);
/* Items that were looked at, of the unit under way or outside of units. */
void pace_items(struct pace *pace, uint64_t items);
void pace_end(struct pace *pace);
/* The total as it looks now; 0 while nobody can tell. */
uint64_t pace_total(const struct pace *pace);

#endif

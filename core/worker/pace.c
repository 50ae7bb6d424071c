/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/pace.h"

#include <stdlib.h>
#include <string.h>

/* What an item weighs beside its bytes, and a unit and a part beside their items: all cost some time. */
#define ITEM_WEIGHT 1024u
#define UNIT_WEIGHT 4096u
#define PART_WEIGHT 65536u

static uint64_t
weight_of(const struct pace_work *work, uint64_t units)
{
	return work->bytes + work->items * ITEM_WEIGHT + units * UNIT_WEIGHT;
}

/* a * b / c without overflow, roughly. */
static uint64_t
scale(uint64_t a, uint64_t b, uint64_t c)
{
	return c == 0 ? 0 : (uint64_t)((double)a * (double)b / (double)c);
}

/* ---- parts ---- */

bool
pace_expect(struct pace *pace, const struct pace_work *last, uint64_t last_units)
{
	struct pace_part *more = realloc(pace->parts, (pace->count + 1) * sizeof(*more)), *part;

	if (more == NULL)
		return false;
	pace->parts = more;
	part = &more[pace->count++];
	memset(part, 0, sizeof(*part));
	if (last != NULL) {
		part->last = *last;
		part->last_units = last_units;
		part->has_last = true;
		part->weight = PART_WEIGHT + weight_of(last, last_units);
	}
	return true;
}

void
pace_release(struct pace *pace)
{
	free(pace->parts);
	memset(pace, 0, sizeof(*pace));
}

void
pace_part_begin(struct pace *pace)
{
	/* One that nobody announced, as there was no memory for it. */
	if (pace->begun == pace->count && !pace_expect(pace, NULL, 0))
		return;
	pace->begun++;
	pace->in_part = true;
	memset(&pace->part_done, 0, sizeof(pace->part_done));
	memset(&pace->left, 0, sizeof(pace->left));
	pace->units_done = pace->planned = pace->finished = 0;
}

void
pace_part_end(struct pace *pace)
{
	struct pace_part *part;

	if (!pace->in_part)
		return;
	part = &pace->parts[pace->begun - 1];
	/* It failed before it was planned. */
	if (part->weight == 0)
		part->weight = PART_WEIGHT;
	pace->in_part = false;
}

/* ---- units ---- */

static void
units_count(struct pace_units *units, const struct pace_work *estimate, bool add)
{
	/* Modulo arithmetic takes away what was added. */
	const uint64_t one = add ? 1 : UINT64_MAX;
	const uint64_t items = add ? estimate->items : 0 - estimate->items;
	const uint64_t bytes = add ? estimate->bytes : 0 - estimate->bytes;

	units->count += one;
	units->known.items += items;
	units->known.bytes += bytes;
	if (estimate->items == 0 && estimate->bytes == 0) {
		units->nothing += one;
	} else if (estimate->items == 0) {
		units->no_items += one;
		units->bytes_of_no_items += bytes;
	} else if (estimate->bytes == 0) {
		units->no_bytes += one;
		units->items_of_no_bytes += items;
	}
}

void
pace_units_add(struct pace_units *units, const struct pace_work *estimate)
{
	units_count(units, estimate, true);
}

void
pace_plan(struct pace *pace, const struct pace_units *units)
{
	struct pace_part *part;

	if (!pace->in_part)
		return;
	part = &pace->parts[pace->begun - 1];
	pace->left = *units;
	pace->planned = weight_of(&units->known, units->count);
	if (part->weight == 0)
		part->weight = PART_WEIGHT + pace->planned;
}

void
pace_unit_begin(struct pace *pace, const struct pace_work *estimate)
{
	pace->in_unit = true;
	pace->unit_estimate = *estimate;
	memset(&pace->unit_done, 0, sizeof(pace->unit_done));
	if (pace->left.count > 0)
		units_count(&pace->left, estimate, false);
}

void
pace_done(struct pace *pace, uint64_t items, uint64_t bytes)
{
	pace->done.items += items;
	pace->done.bytes += bytes;
	pace->part_done.items += items;
	pace->part_done.bytes += bytes;
	if (pace->in_unit) {
		pace->unit_done.items += items;
		pace->unit_done.bytes += bytes;
	}
}

void
pace_unit_end(struct pace *pace)
{
	pace->in_unit = false;
	memset(&pace->unit_done, 0, sizeof(pace->unit_done));
	pace->units_done++;
	pace->finished += weight_of(&pace->unit_estimate, 1);
}

/* ---- what there will be ---- */

/* What the units that are to come will have of one kind of work. */
struct guess {
	uint64_t known;     /* the sum of estimates */
	uint64_t lacking;   /* units that have only the other kind, and how much of it */
	uint64_t other;
	uint64_t done, other_done; /* of this part, or the last run's */
	uint64_t units_done;
};

/* Those that told nothing are taken to be like those that are done.  False: nobody can tell. */
static bool
guess(const struct guess *guess, uint64_t nothing, uint64_t *ret)
{
	uint64_t sum = guess->known;

	if (guess->lacking > 0) {
		if (guess->done == 0 || guess->other_done == 0)
			return false;
		sum += scale(guess->other, guess->done, guess->other_done);
	}
	if (nothing > 0) {
		if (guess->units_done == 0 || guess->done == 0)
			return false;
		sum += scale(nothing, guess->done, guess->units_done);
	}
	*ret = sum;
	return true;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What some units of the part under way will have; false where it cannot be told. */
static bool
guess_items(const struct pace *pace, const struct pace_units *units, uint64_t *ret)
{
	const struct pace_part *part = &pace->parts[pace->begun - 1];
	struct guess of = {units->known.items, units->no_items, units->bytes_of_no_items,
	    pace->part_done.items - pace->unit_done.items, pace->part_done.bytes - pace->unit_done.bytes,
	    pace->units_done};

	if (pace->units_done == 0 && part->has_last) {
		of.done = part->last.items;
		of.other_done = part->last.bytes;
		of.units_done = part->last_units;
	}
	return guess(&of, units->nothing, ret);
}

static bool
guess_bytes(const struct pace *pace, const struct pace_units *units, uint64_t *ret)
{
	const struct pace_part *part = &pace->parts[pace->begun - 1];
	struct guess of = {units->known.bytes, units->no_bytes, units->items_of_no_bytes,
	    pace->part_done.bytes - pace->unit_done.bytes, pace->part_done.items - pace->unit_done.items,
	    pace->units_done};

	if (pace->units_done == 0 && part->has_last) {
		of.done = part->last.bytes;
		of.other_done = part->last.items;
		of.units_done = part->last_units;
	}
	return guess(&of, units->nothing, ret);
}

/* What the part under way still has to do: what is left of the unit under way, and the units after it. */
static void
add_part(const struct pace *pace, struct pace_work *total, bool *items, bool *bytes)
{
	struct pace_units with = pace->left;
	struct pace_work after = {0, 0}, all = {0, 0};

	if (pace->in_unit)
		pace_units_add(&with, &pace->unit_estimate);
	*items = guess_items(pace, &pace->left, &after.items) && guess_items(pace, &with, &all.items) && *items;
	*bytes = guess_bytes(pace, &pace->left, &after.bytes) && guess_bytes(pace, &with, &all.bytes) && *bytes;
	total->items += after.items + larger(all.items - after.items, pace->unit_done.items) - pace->unit_done.items;
	total->bytes += after.bytes + larger(all.bytes - after.bytes, pace->unit_done.bytes) - pace->unit_done.bytes;
}

struct pace_work
pace_total(const struct pace *pace)
{
	struct pace_work total = pace->done;
	bool items = true, bytes = true;
	size_t i;

	for (i = pace->begun; i < pace->count; i++) {
		items = items && pace->parts[i].has_last;
		bytes = bytes && pace->parts[i].has_last;
		total.items += pace->parts[i].last.items;
		total.bytes += pace->parts[i].last.bytes;
	}
	if (pace->in_part)
		add_part(pace, &total, &items, &bytes);
	return (struct pace_work){items ? total.items : 0, bytes ? total.bytes : 0};
}

/* ---- how far it is ---- */

/* How much of its estimate the unit under way has done. */
static double
unit_share(const struct pace *pace)
{
	uint64_t estimate = weight_of(&pace->unit_estimate, 0), done = weight_of(&pace->unit_done, 0);

	/* With one kind of estimate, the other kind of work says nothing. */
	if (pace->unit_estimate.bytes == 0)
		done -= pace->unit_done.bytes;
	if (pace->unit_estimate.items == 0)
		done -= pace->unit_done.items * ITEM_WEIGHT;
	if (!pace->in_unit || estimate == 0)
		return 0;
	return done >= estimate ? 1 : (double)done / (double)estimate;
}

static double
part_share(const struct pace *pace)
{
	double done = (double)pace->finished + unit_share(pace) * (double)weight_of(&pace->unit_estimate, 1);

	if (!pace->in_part || pace->planned == 0)
		return 0;
	return done >= (double)pace->planned ? 1 : done / (double)pace->planned;
}

double
pace_share(struct pace *pace)
{
	double sum = 0, done = 0, weight, unknown, share;
	size_t i, known = 0;

	for (i = 0; i < pace->count; i++) {
		sum += (double)pace->parts[i].weight;
		known += pace->parts[i].weight > 0;
	}
	/* Those of which nothing is known are taken to be like the others. */
	unknown = known > 0 ? sum / (double)known : 1;
	sum += unknown * (double)(pace->count - known);
	for (i = 0; i < pace->begun; i++) {
		weight = pace->parts[i].weight > 0 ? (double)pace->parts[i].weight : unknown;
		done += i + 1 == pace->begun && pace->in_part ? weight * part_share(pace) : weight;
	}
	share = sum > 0 ? done / sum : 0;
	if (share > pace->most)
		pace->most = share < 1 ? share : 1;
	return pace->most;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/pace.h"

void
pace_plan(struct pace *pace, uint64_t items, uint64_t unknown)
{
	pace->known += items;
	pace->unknown += unknown;
}

void
pace_begin(struct pace *pace, uint64_t estimate)
{
	pace->in_unit = true;
	pace->unit_items = 0;
	pace->unit_estimate = estimate;
	if (estimate == 0 && pace->unknown > 0)
		pace->unknown--;
	else
		pace->known -= estimate < pace->known ? estimate : pace->known;
}

void
pace_items(struct pace *pace, uint64_t items)
{
	if (pace->in_unit)
		pace->unit_items += items;
	else
		pace->finished_items += items;
}

void
pace_end(struct pace *pace)
{
	pace->in_unit = false;
	pace->finished_items += pace->unit_items;
	pace->finished_units++;
}

uint64_t
pace_total(const struct pace *pace)
{
	uint64_t total = pace->finished_items + pace->known, unknown = pace->unknown;

	if (pace->in_unit) {
		total += pace->unit_items > pace->unit_estimate ? pace->unit_items : pace->unit_estimate;
		unknown += pace->unit_estimate == 0;
	}
	if (unknown == 0)
		return total;
	/* Those that told nothing are taken to be like those that are done. */
	if (pace->finished_items == 0)
		return 0;
	return total + pace->unknown * (pace->finished_items / pace->finished_units);
}

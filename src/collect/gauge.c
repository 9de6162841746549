/* SPDX-License-Identifier: Apache-2.0 */
/* gauge.c -- a table of live blocks with open addressing
 *
 * Called by: streams.c for every row, recording.c at an exec.
 *
 *   balance  1   live                                        what the figure holds
 *            0   gone if a release was the latest, and taken out of the table; else the row between is still to be seen
 *           -1   released by a thread that was drained early; the allocation is still to be seen
 *            2   allocated again by one; the release between is still to be seen
 *
 * Always true: at most half full; an entry is where its hash says or in the unbroken run behind it (removal
 * moves the run up).
 */
#include "collect/gauge.h"

#include <stdlib.h>

#define FIRST_ENTRIES (1u << 12)
#define ENTRIES_MAX (1u << 25)

static size_t home(const struct ht_gauge *g, uint64_t address)
{
	return (size_t)((address * 0x9e3779b97f4a7c15ull) >> 32) & g->mask;
}

static struct ht_gauge_entry *find(const struct ht_gauge *g, uint64_t address)
{
	size_t at = home(g, address);

	while (g->entry[at].address && g->entry[at].address != address)
		at = (at + 1) & g->mask;
	return &g->entry[at];
}

void ht_gauge_fini(struct ht_gauge *g)
{
	free(g->entry);
	*g = (struct ht_gauge){ 0 };
}

void ht_gauge_clear(struct ht_gauge *g)
{
	bool lost_track = g->lost_track;

	ht_gauge_fini(g);
	g->lost_track = lost_track;
}

static void give_up(struct ht_gauge *g)
{
	ht_gauge_fini(g);
	g->lost_track = true;
}

static bool grow(struct ht_gauge *g)
{
	size_t entries = g->entry ? (g->mask + 1) * 2 : FIRST_ENTRIES;
	struct ht_gauge old = *g;

	if (g->entry && g->used * 2 <= g->mask)
		return true;
	g->entry = entries > ENTRIES_MAX ? NULL : calloc(entries, sizeof(*g->entry));
	if (!g->entry) {
		g->entry = old.entry;
		give_up(g);
		return false;
	}
	g->mask = entries - 1;
	for (size_t i = 0; old.entry && i <= old.mask; i++)
		if (old.entry[i].address)
			*find(g, old.entry[i].address) = old.entry[i];
	free(old.entry);
	return true;
}

static void take_out(struct ht_gauge *g, struct ht_gauge_entry *e)
{
	size_t hole = (size_t)(e - g->entry);

	for (size_t at = (hole + 1) & g->mask; g->entry[at].address; at = (at + 1) & g->mask) {
		if (((at - home(g, g->entry[at].address)) & g->mask) < ((at - hole) & g->mask))
			continue; /* it may not stand before its home */
		g->entry[hole] = g->entry[at];
		hole = at;
	}
	g->entry[hole].address = 0;
	g->used--;
}

static struct ht_gauge_entry *enter(struct ht_gauge *g, uint64_t address)
{
	struct ht_gauge_entry *e;

	if (g->lost_track || !address || !grow(g))
		return NULL;
	e = find(g, address);
	if (!e->address) {
		*e = (struct ht_gauge_entry){ .address = address };
		g->used++;
	}
	return e;
}

static void settle(struct ht_gauge *g, struct ht_gauge_entry *e)
{
	if (e->balance > 0)
		g->live_bytes += e->size;
	else if (e->balance == 0 && e->released_ticks >= e->allocated_ticks)
		take_out(g, e);
}

static struct ht_gauge_entry *unsettle(struct ht_gauge *g, uint64_t address)
{
	struct ht_gauge_entry *e = enter(g, address);

	if (e && e->balance > 0)
		g->live_bytes -= e->size;
	return e;
}

void ht_gauge_alloc(struct ht_gauge *g, uint64_t address, uint64_t size, uint64_t ticks)
{
	struct ht_gauge_entry *e = unsettle(g, address);

	if (!e)
		return;
	if (ticks >= e->allocated_ticks) {
		e->allocated_ticks = ticks;
		e->size = size;
	}
	e->balance++;
	settle(g, e);
}

void ht_gauge_free(struct ht_gauge *g, uint64_t address, uint64_t ticks)
{
	struct ht_gauge_entry *e = unsettle(g, address);

	if (!e)
		return;
	if (ticks > e->released_ticks)
		e->released_ticks = ticks;
	e->balance--;
	settle(g, e);
}

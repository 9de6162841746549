/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c -- straight lines between pairs of ticks and nanoseconds
 *
 * Questions come nearly in order, so the search begins at the pair that answered the last one.
 * The pairs are untrusted: products of two 64-bit numbers are taken without sign, where they always fit.
 */
#include "inspect/clock.h"

#include <stdlib.h>

static int by_ticks(const void *a, const void *b)
{
	const struct ht_clock_pair *x = a, *y = b;

	if (x->ticks != y->ticks)
		return x->ticks < y->ticks ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

void ht_clock_prepare(struct ht_clock *c, uint64_t start_ticks)
{
	size_t kept = 0;

	if (c->pairs.count)
		qsort(c->pairs.at, c->pairs.count, sizeof(*c->pairs.at), by_ticks);
	for (size_t i = 0; i < c->pairs.count; i++)
		if (!kept || c->pairs.at[kept - 1].ticks != c->pairs.at[i].ticks)
			c->pairs.at[kept++] = c->pairs.at[i];
	c->pairs.count = kept;
	c->latest = 0;
	c->start_ns = ht_clock_ns(c, start_ticks);
}

/* The last pair not behind `ticks`, but one that has a next. */
static const struct ht_clock_pair *pair_for(struct ht_clock *c, uint64_t ticks)
{
	size_t from = c->latest, to = c->pairs.count - 1;

	if (ticks < c->pairs.at[from].ticks)
		from = 0;
	else if (ticks < c->pairs.at[from + 1].ticks)
		to = from + 1;
	while (to - from > 1) {
		size_t middle = from + (to - from) / 2;

		if (ticks < c->pairs.at[middle].ticks)
			to = middle;
		else
			from = middle;
	}
	c->latest = from;
	return &c->pairs.at[from];
}

__int128 ht_clock_ns(struct ht_clock *c, uint64_t ticks)
{
	const struct ht_clock_pair *p;
	uint64_t run, rise, step;
	unsigned __int128 product, part;
	bool before, falling;

	if (c->pairs.count < 2)
		return (__int128)ticks + (c->pairs.count ? (__int128)c->pairs.at[0].ns - c->pairs.at[0].ticks : 0);
	p = pair_for(c, ticks);
	before = ticks < p[0].ticks;
	falling = p[1].ns < p[0].ns;
	step = before ? p[0].ticks - ticks : ticks - p[0].ticks;
	rise = falling ? p[0].ns - p[1].ns : p[1].ns - p[0].ns;
	run = p[1].ticks - p[0].ticks;
	product = (unsigned __int128)step * rise;
	part = product / run;
	if (part >> 126)
		part = (unsigned __int128)1 << 126;
	else if (before != falling && product % run)
		part++;
	return before != falling ? (__int128)p[0].ns - (__int128)part : (__int128)p[0].ns + (__int128)part;
}

uint64_t ht_clock_time_ns(struct ht_clock *c, uint64_t ticks)
{
	__int128 ns = ht_clock_ns(c, ticks) - c->start_ns;

	if (ns < 0)
		return 0;
	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

uint64_t ht_clock_ticks_at(struct ht_clock *c, uint64_t time_ns)
{
	uint64_t from = 0, to = UINT64_MAX;

	while (from < to) {
		uint64_t middle = from + (to - from) / 2;

		if (ht_clock_time_ns(c, middle) < time_ns)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

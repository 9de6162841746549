/* SPDX-License-Identifier: Apache-2.0 */
/* live.c -- an open-addressed table of live blocks, linear from the hash, with no tombstones
 *
 * Taking a block moves later ones of its run back into the gap, so a run is never longer than its blocks:
 *
 *   [ A ][ B ][ C ][   ]    take A, B hashes to its own place, C to A's:    [ C ][ B ][   ][   ]
 *
 * The hash is one multiplication: addresses differ in their middle bits, the product's top bits mix all of them.
 */
#include "inspect/live.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 10

static inline size_t home_of(const struct ht_live *l, uint64_t address)
{
	return (size_t)(address * 0x9e3779b97f4a7c15u >> l->shift);
}

static inline size_t mask_of(const struct ht_live *l)
{
	return ((size_t)1 << (64 - l->shift)) - 1;
}

/* The place of this address, or the empty one where it would go. */
static inline size_t place_of(const struct ht_live *l, uint64_t address)
{
	size_t mask = mask_of(l), i = home_of(l, address);

	while (l->place[i].address && l->place[i].address != address)
		i = (i + 1) & mask;
	return i;
}

void ht_live_fini(struct ht_live *l)
{
	free(l->place);
	*l = (struct ht_live){ 0 };
}

static bool grow(struct ht_live *l)
{
	struct ht_live bigger = *l;
	size_t places = l->place ? mask_of(l) + 1 : 0;

	bigger.shift = l->place ? l->shift - 1 : 64 - FIRST_BITS;
	bigger.place = calloc(mask_of(&bigger) + 1, sizeof(*bigger.place));
	if (!bigger.place)
		return false;
	for (size_t i = 0; i < places; i++)
		if (l->place[i].address)
			bigger.place[place_of(&bigger, l->place[i].address)] = l->place[i];
	free(l->place);
	*l = bigger;
	return true;
}

bool ht_live_copy(const struct ht_live *l, struct ht_live *ret)
{
	*ret = *l;
	if (!l->place)
		return true;
	ret->place = malloc((mask_of(l) + 1) * sizeof(*ret->place));
	if (!ret->place) {
		*ret = (struct ht_live){ 0 };
		return false;
	}
	memcpy(ret->place, l->place, (mask_of(l) + 1) * sizeof(*ret->place));
	return true;
}

bool ht_live_put(struct ht_live *l, const struct ht_live_block *new)
{
	struct ht_live_block *b;

	if (!new->address) {
		l->bytes += new->size - (l->has_zero ? l->zero.size : 0);
		l->has_zero = true;
		l->zero = *new;
		return true;
	}
	if ((!l->place || l->count >= (mask_of(l) + 1) / 4 * 3) && !grow(l))
		return false;
	b = &l->place[place_of(l, new->address)];
	if (!b->address)
		l->count++;
	else
		l->bytes -= b->size;
	*b = *new;
	l->bytes += new->size;
	return true;
}

const struct ht_live_block *ht_live_find(const struct ht_live *l, uint64_t address)
{
	const struct ht_live_block *b;

	if (!address)
		return l->has_zero ? &l->zero : NULL;
	if (!l->place)
		return NULL;
	b = &l->place[place_of(l, address)];
	return b->address ? b : NULL;
}

/* Moves back what may not stand behind an empty place. */
static void close_gap(struct ht_live *l, size_t gap)
{
	size_t mask = mask_of(l);

	for (size_t i = (gap + 1) & mask; l->place[i].address; i = (i + 1) & mask) {
		size_t from_home = (i - home_of(l, l->place[i].address)) & mask;

		if (from_home < ((i - gap) & mask))
			continue;
		l->place[gap] = l->place[i];
		gap = i;
	}
	l->place[gap].address = 0;
}

bool ht_live_take(struct ht_live *l, uint64_t address, struct ht_live_block *ret)
{
	size_t i;

	if (!address) {
		if (!l->has_zero)
			return false;
		l->has_zero = false;
		l->bytes -= l->zero.size;
		*ret = l->zero;
		return true;
	}
	if (!l->place)
		return false;
	i = place_of(l, address);
	if (!l->place[i].address)
		return false;
	*ret = l->place[i];
	l->bytes -= ret->size;
	l->count--;
	close_gap(l, i);
	return true;
}

const struct ht_live_block *ht_live_next(const struct ht_live *l, size_t *at)
{
	size_t places = l->place ? mask_of(l) + 1 : 0;

	if (!*at) {
		++*at;
		if (l->has_zero)
			return &l->zero;
	}
	while (*at <= places) {
		const struct ht_live_block *b = &l->place[*at - 1];

		++*at;
		if (b->address)
			return b;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* index.h -- from a pair of numbers to a small number: the hash table behind sites and places
 *
 * Used by: sites.c, places.c, growth.c and others, to find in a list what they have put there.
 *
 *   (a, b) ──hash──► place: a, b, value        a value of 0 is a place that was just made, for the caller to fill
 *
 * Always true:
 *   at most half of the places are taken; what is taken out leaves no gap in the run of places behind it
 */
#ifndef HT_INDEX_H
#define HT_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct ht_index_place {
	uint64_t a, b;
	uint32_t value; /* 0: empty */
};

struct ht_index {
	struct ht_index_place *place;
	size_t places, count;
};

void ht_index_fini(struct ht_index *x);

/* Where the value of (a, b) stands, until the next call; NULL when memory ran out. Whoever finds a 0 there has to fill it. */
uint32_t *ht_index_at(struct ht_index *x, uint64_t a, uint64_t b);

/* Takes (a, b) out; returns its value, 0 if it was not there. */
uint32_t ht_index_take(struct ht_index *x, uint64_t a, uint64_t b);

#endif

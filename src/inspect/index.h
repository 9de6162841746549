/* SPDX-License-Identifier: Apache-2.0 */
/* index.h -- from a pair of numbers to a small number: the hash table behind sites and places
 *
 * Used by: sites.c, places.c and tree.c, to find in a list what they have put there.
 *
 *   (a, b) ──hash──► place: a, b, value        a value of 0 is a place that was just made, for the caller to fill
 *
 * Always true:
 *   at most half of the places are taken; nothing is ever taken out
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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.h -- a set of 64-bit numbers that come from a file nobody should trust
 *
 * Used by: format/read.c, for the block numbers of a file.
 *
 *   place = hash(number, seed); it stands there or in the next places, up to the first empty one
 *
 * Always true:
 *   at most half of the places are taken; the seed is random, so that no file can be made to fill one run of places
 */
#ifndef HT_NUMBERS_H
#define HT_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_numbers {
	uint64_t *place; /* 0: empty; the number 0 itself is has_zero */
	size_t places, count;
	uint64_t seed;
	bool has_zero;
};

void ht_numbers_fini(struct ht_numbers *s);
bool ht_numbers_has(const struct ht_numbers *s, uint64_t number);
bool ht_numbers_put(struct ht_numbers *s, uint64_t number); /* false: no memory */

#endif

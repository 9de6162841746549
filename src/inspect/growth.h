/* SPDX-License-Identifier: Apache-2.0 */
/* growth.h -- blocks that realloc made larger, again and again
 *
 * Caller: sizes.c.
 *
 *   malloc(16) ─realloc(32)─ realloc(64) ─realloc(60)─ free       one chain: grown twice; moved as often as the address changed
 *
 * A chain lasts as long as the block, through all its addresses. It belongs to the place of the last realloc, which is where it
 * grows. A block that nothing reallocated is no chain.
 *
 * Always true:
 *   memory grows with the live blocks that were reallocated: a chain that is over makes room for another
 */
#ifndef HT_GROWTH_H
#define HT_GROWTH_H

#include "inspect/ends.h"

struct ht_chain {
	uint64_t first_bytes;
	uint64_t grown, moved, copied_bytes; /* copied: of what was moved, at most the old size */
};

struct ht_chain_slot {
	struct ht_chain chain;
	uint32_t next; /* unused slot + 1 */
};

struct ht_growth {
	HT_LIST(struct ht_chain_slot) slots;
	uint32_t unused;            /* the first unused slot + 1; 0: all are in use */
	struct ht_index by_address; /* (image, address) to slot + 1 */
};

/* To be told every end. 1: a chain is over, *ret; 0: none; or HT_ESYSTEM. */
int ht_growth_see(struct ht_growth *g, const struct ht_ended *e, struct ht_chain *ret, struct ht_err *err);
void ht_growth_fini(struct ht_growth *g);

#endif

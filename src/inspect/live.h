/* SPDX-License-Identifier: Apache-2.0 */
/* live.h -- the blocks that are live at a moment of replay: by address, each with its birth
 *
 * Owner: replay.c, which asks once for every event, so it is one flat table:
 *
 *   place = hash(address); the block stands there or in the next places, up to the first empty one
 *
 * A forked process begins with a copy of its parent's. Places lie in pages, and a copy has the same pages until one of the
 * two writes to them:
 *
 *   parent   [ p0 | p1 | p2 | p3 ]
 *   child    [ p0 | p1'| p2 | p3 ]      p1' is the child's own, since it freed a block there
 *
 * Always true:
 *   at most three quarters are full; 40 bytes a place; nothing is left behind by a block that was taken
 *   an empty place has address 0; a block at address 0 (a strange trace may have one) stands beside the table
 *   who has a page together with others does not write to it
 */
#ifndef HT_LIVE_H
#define HT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_live_block {
	uint64_t address, size;
	uint64_t born_ticks, born_seq; /* of the row that made it, in the stream that did */
	uint32_t context;
	uint32_t stream; /* its place in the model's list */
};

struct ht_live_page;

struct ht_live {
	struct ht_live_page **page;
	unsigned shift; /* 64 - log2 of the number of places */
	bool is_shared; /* a copy was made, of it or as it: pages may be another table's too */
	uint64_t count; /* blocks in the table, the one at 0 not counted */
	bool has_zero;
	struct ht_live_block zero;
	uint64_t bytes; /* sizes of all blocks together, modulo 2^64 */
};

void ht_live_fini(struct ht_live *l); /* empty again, and as good as new */

/* `ret` becomes another table with the same blocks; false when memory ran out. */
bool ht_live_copy(struct ht_live *l, struct ht_live *ret);

/* Replaces a block that is there already; false when memory ran out. */
bool ht_live_put(struct ht_live *l, const struct ht_live_block *b);

/* Puts a block where none is: 1; 0 if there is one at its address, which stays. HT_ESYSTEM: memory ran out. */
int ht_live_add(struct ht_live *l, const struct ht_live_block *b);

/* This address will be asked for soon: its place is fetched meanwhile. */
void ht_live_expect(const struct ht_live *l, uint64_t address);

/* The block at this address, or NULL; valid until the table changes. */
const struct ht_live_block *ht_live_find(const struct ht_live *l, uint64_t address);

/* Takes the block out: 1; 0 if there is none, *ret is untouched then. HT_ESYSTEM: it is there, but memory ran out for a page of
 * its own; never for a table that was not copied. */
int ht_live_take(struct ht_live *l, uint64_t address, struct ht_live_block *ret);

/* All blocks one after another, in no order that means anything: *place begins as 0. NULL: no more. */
const struct ht_live_block *ht_live_next(const struct ht_live *l, size_t *place);

static inline uint64_t ht_live_blocks(const struct ht_live *l)
{
	return l->count + l->has_zero;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* live.h -- the blocks that are live at a moment of replay: by address, each with its birth
 *
 * Owner: replay.c, which asks once or twice for every event, so it is one flat table:
 *
 *   place = hash(address); the block stands there or in the next places, up to the first empty one
 *
 * Always true:
 *   at most three quarters are full; 40 bytes a place; nothing is left behind by a block that was taken
 *   an empty place has address 0; a block at address 0 (a strange trace may have one) stands beside the table
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

struct ht_live {
	struct ht_live_block *place;
	unsigned shift; /* 64 - log2 of the number of places */
	uint64_t count; /* blocks in the table, the one at 0 not counted */
	bool has_zero;
	struct ht_live_block zero;
	uint64_t bytes; /* sizes of all blocks together, modulo 2^64 */
};

void ht_live_fini(struct ht_live *l); /* empty again, and as good as new */

/* `ret` becomes another table with the same blocks; false when memory ran out. */
bool ht_live_copy(const struct ht_live *l, struct ht_live *ret);

/* Replaces a block that is there already; false when memory ran out. */
bool ht_live_put(struct ht_live *l, const struct ht_live_block *b);

/* The block at this address, or NULL; valid until the table changes. */
const struct ht_live_block *ht_live_find(const struct ht_live *l, uint64_t address);

/* Takes the block out; false if there is none, *ret is untouched then. */
bool ht_live_take(struct ht_live *l, uint64_t address, struct ht_live_block *ret);

/* All blocks one after another, in no order that means anything: *at begins as 0. NULL: no more. */
const struct ht_live_block *ht_live_next(const struct ht_live *l, size_t *at);

static inline uint64_t ht_live_blocks(const struct ht_live *l)
{
	return l->count + l->has_zero;
}

#endif

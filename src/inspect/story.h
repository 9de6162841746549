/* SPDX-License-Identifier: Apache-2.0 */
/* story.h -- what became of a block: every lifetime that one address had, or the way of one block through its reallocs
 *
 * Caller: show/block.c.
 *
 *   of an address    each block that held the byte at this address, one after another
 *   of an event      the block that this event (its line in `heaptap script`) made or released, from its first allocation
 *                    through all reallocs to its end
 *
 * A lifetime is told when it ends, so in the order of the ends. The story of an event takes two replays: a release only
 * knows its block, and what the block was before its reallocs is in the past.
 *
 * Always true: memory grows with the lifetimes that are open at the same time and, for an event, with the live blocks
 */
#ifndef HT_STORY_H
#define HT_STORY_H

#include "inspect/moment.h"

enum ht_life_end { HT_LIFE_FREED, HT_LIFE_MOVED, HT_LIFE_KEPT, HT_LIFE_EXEC, HT_LIFE_FORGOTTEN };

struct ht_lifetime {
	uint64_t event; /* number of the one that made it */
	uint64_t address, size;
	enum ht_event_kind made_by;
	struct ht_moment born;
	uint64_t from_address; /* made by a realloc: what it was */
	bool has_from;
	enum ht_life_end end;
	struct ht_moment ended; /* freed and moved only */
	uint64_t to_address;    /* moved */
};

struct ht_listener {
	int (*lifetime)(void *state, const struct ht_lifetime *l, struct ht_err *err);
	void *state;
};

struct ht_story {
	uint64_t lifetimes, events;
	bool has_below, has_above; /* of an address: the nearest blocks that were ever beside it */
	uint64_t below, below_size, above;
};

int ht_story_of_address(struct ht_model *t, uint64_t address, const struct ht_listener *to, struct ht_story *ret,
			struct ht_err *err);

/* HT_EUSAGE: there is no such event. */
int ht_story_of_event(struct ht_model *t, uint64_t number, const struct ht_listener *to, struct ht_story *ret,
		      struct ht_err *err);

#endif

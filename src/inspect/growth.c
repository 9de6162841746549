/* SPDX-License-Identifier: Apache-2.0 */
/* growth.c -- hands a chain on from address to address
 *
 * growth.h has the picture. Where a forked child reallocates what it inherited, a chain begins anew: the old one is its parent's.
 */
#include "inspect/growth.h"

#include <stdlib.h>

/* Takes the chain of this block out; false if it has none. */
static bool take(struct ht_growth *g, uint64_t image, uint64_t address, struct ht_chain *ret)
{
	uint32_t number = ht_index_take(&g->by_address, image, address);

	if (!number)
		return false;
	*ret = g->slots.at[number - 1].chain;
	g->slots.at[number - 1].next = g->unused;
	g->unused = number;
	return true;
}

/* The number of a slot that nobody uses; 0: no memory. */
static uint32_t free_slot(struct ht_growth *g)
{
	uint32_t number = g->unused;
	struct ht_chain_slot *new;

	if (number) {
		g->unused = g->slots.at[number - 1].next;
		return number;
	}
	new = HT_LIST_ADD(&g->slots);
	return new ? (uint32_t)g->slots.count : 0;
}

static int put(struct ht_growth *g, uint64_t image, uint64_t address, const struct ht_chain *c, struct ht_err *err)
{
	uint32_t *number = ht_index_at(&g->by_address, image, address);

	if (number && !*number) /* else the end of the block that was there is not in the trace */
		*number = free_slot(g);
	if (!number || !*number)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu reallocated blocks", g->slots.count);
	g->slots.at[*number - 1].chain = *c;
	return 0;
}

int ht_growth_see(struct ht_growth *g, const struct ht_ended *e, struct ht_chain *ret, struct ht_err *err)
{
	const struct ht_event *r = e->event;
	struct ht_chain c = { .first_bytes = e->block->size };
	uint64_t image = e->maker->image;
	bool had = take(g, image, e->block->address, &c);

	if (e->how != HT_ENDED_REALLOCATED) {
		if (had)
			*ret = c;
		return had;
	}
	c.grown += r->size > e->block->size;
	if (r->address != e->block->address) {
		c.moved++;
		c.copied_bytes += r->size < e->block->size ? r->size : e->block->size;
	}
	return put(g, image, r->address, &c, err);
}

void ht_growth_fini(struct ht_growth *g)
{
	free(g->slots.at);
	ht_index_fini(&g->by_address);
	*g = (struct ht_growth){ 0 };
}

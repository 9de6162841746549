/* SPDX-License-Identifier: Apache-2.0 */
/* modules.c -- the table of loaded code in the channel: entering, leaving, finding
 *
 * Called by: loader.c, with the loader's lock held, so that one thread of the process changes the list at a time; rows.c for addresses that
 * the cache has not got.
 *
 *   ht_gate.modules ──► newest ──► ... ──► oldest, each LIVE             GONE ones have left the list; the collector frees them
 *
 * Always true: an entry that ht_modules_find reports was LIVE after its fields were read; whoever stands on an entry that leaves the list is
 * sent back to the start by the generation, which moves first.
 * Not done here: nothing is looked up in the loader; an address outside the table has no unwind information.
 */
#include "agent/modules.h"

#define TRIES 4

static struct ht_module *table(void)
{
	return (struct ht_module *)((char *)ht_gate.channel + ht_gate.channel->modules_at);
}

static bool search(uint64_t address, struct ht_code *ret)
{
	/* acquire: pairs with the release in ht_modules_enter(); here and below the entry behind the number is filled */
	uint32_t n = atomic_load_explicit(&ht_gate.modules, memory_order_acquire);

	for (uint32_t i = 0; n && i < HT_MODULE_COUNT; i++) {
		struct ht_module *m = &table()[n - 1];
		uint32_t state = atomic_load_explicit(&m->state, memory_order_acquire);

		if (address >= m->start && address < m->end && HT_SLOT_STATE(state) == HT_MODULE_LIVE &&
		    m->image == ht_gate.image) {
			*ret = (struct ht_code){ m->start,       m->end,       m->unwind_at,
						 m->unwind_from, m->unwind_to, m->generation };
			/* pairs with the compare-and-swaps that change the state: what was read belongs to it */
			atomic_thread_fence(memory_order_acquire);
			return atomic_load_explicit(&m->state, memory_order_relaxed) == state;
		}
		n = atomic_load_explicit(&m->next, memory_order_acquire);
	}
	return false;
}

bool ht_modules_find(uint64_t address, struct ht_code *ret)
{
#ifdef HT_BLOB
	if (ht_blob_code(address, ret))
		return true;
#endif
	for (int i = 0; i < TRIES; i++) {
		/* acquire: pairs with the release in ht_modules_change() */
		uint32_t generation = atomic_load_explicit(&ht_gate.generation, memory_order_acquire);

		if (search(address, ret))
			return true;
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&ht_gate.generation, memory_order_relaxed) == generation)
			return false;
	}
	return false;
}

/* ---- changes: one thread at a time ------------------------------------------------------------------------- */

void ht_modules_change(void)
{
	atomic_store_explicit(&ht_gate.generation, atomic_load_explicit(&ht_gate.generation, memory_order_relaxed) + 1,
			      memory_order_release);
	ht_gate.left_out_before = ht_gate.left_out;
	ht_gate.left_out = 0;
}

static struct ht_module *seize(uint32_t n)
{
	struct ht_module *m = &table()[n];
	uint32_t word = atomic_load_explicit(&m->state, memory_order_relaxed); /* the compare-and-swap decides */

	if (HT_SLOT_STATE(word) != HT_MODULE_FREE ||
	    !atomic_compare_exchange_strong_explicit(&m->state, &word, HT_SLOT_NEXT(word, HT_MODULE_TAKING),
						     memory_order_acq_rel, memory_order_relaxed))
		return NULL;
	return m;
}

/* A free entry: one that was used before, or the next one. */
static struct ht_module *take(void)
{
	struct ht_channel *ch = ht_gate.channel;
	uint32_t top = atomic_load_explicit(&ch->module_top, memory_order_relaxed);
	/* acquire: pairs with the release in collect/modules.c that raises the limit after touching the pages */
	uint32_t limit = atomic_load_explicit(&ch->module_limit, memory_order_acquire);
	struct ht_module *m;

	for (uint32_t n = 0; n < top && n < limit; n++) {
		m = seize(n);
		if (m)
			return m;
	}
	for (; top < limit; top++) {
		m = seize(top);
		/* relaxed: only ever grows; the entry's own state tells what is in it */
		atomic_fetch_add_explicit(&ch->module_top, m ? 1 : 0, memory_order_relaxed);
		if (m)
			return m;
	}
	return NULL;
}

/* Its code has no unwind information then, and says so. Of those that an earlier change left out, and that were tried again, each is counted
 * already. */
static void leave_out(void)
{
	if (++ht_gate.left_out > ht_gate.left_out_before)
		/* relaxed: a count, read when all is over */
		atomic_fetch_add_explicit(&ht_gate.channel->modules_left_out, 1, memory_order_relaxed);
}

void ht_modules_enter(const struct ht_module *filled)
{
	uint32_t generation = atomic_load_explicit(&ht_gate.generation, memory_order_relaxed), state;
	struct ht_module *m = generation <= HT_GENERATION_MAX ? take() : NULL;

	if (!m) {
		leave_out();
		return;
	}
	state = atomic_load_explicit(&m->state, memory_order_relaxed); /* ours while TAKING */
	m->image = ht_gate.image;
	m->generation = generation;
	m->start = filled->start;
	m->end = filled->end;
	m->offset = filled->offset;
	m->unwind_at = filled->unwind_at;
	m->unwind_from = filled->unwind_from;
	m->unwind_to = filled->unwind_to;
	m->key = filled->key;
	m->loaded_ticks = ht_ticks();
	m->unloaded_ticks = 0;
	m->build_id_len = filled->build_id_len;
	for (size_t i = 0; i < sizeof(m->build_id); i++)
		m->build_id[i] = filled->build_id[i];
	for (size_t i = 0; i < sizeof(m->path); i++)
		m->path[i] = filled->path[i];
	atomic_store_explicit(&m->next, atomic_load_explicit(&ht_gate.modules, memory_order_relaxed),
			      memory_order_relaxed);
	/* release: pairs with the acquire in collect/modules.c */
	atomic_store_explicit(&m->state, HT_SLOT_NEXT(state, HT_MODULE_LIVE), memory_order_release);
	atomic_store_explicit(&ht_gate.modules, (uint32_t)(m - table()) + 1,
			      memory_order_release); /* pairs with search() */
	atomic_fetch_add_explicit(&ht_gate.channel->module_changes, 1,
				  memory_order_release); /* pairs with collect/modules.c */
}

/* Out of the list, then GONE. */
static void leave(_Atomic uint32_t *link, struct ht_module *m)
{
	uint32_t state = atomic_load_explicit(&m->state, memory_order_relaxed); /* ours until it is GONE */

	m->unloaded_ticks = ht_ticks();
	m->key = atomic_load_explicit(&ht_gate.generation, memory_order_relaxed);
	atomic_store_explicit(link, atomic_load_explicit(&m->next, memory_order_relaxed),
			      memory_order_release); /* pairs with search() */
	ht_rows_forget(m->start, m->end);
	/* release: pairs with the acquire in collect/modules.c */
	atomic_store_explicit(&m->state, HT_SLOT_NEXT(state, HT_MODULE_GONE), memory_order_release);
	atomic_fetch_add_explicit(&ht_gate.channel->module_changes, 1,
				  memory_order_release); /* pairs with collect/modules.c */
}

bool ht_modules_have(uint64_t key)
{
	for (uint32_t n = atomic_load_explicit(&ht_gate.modules, memory_order_relaxed); n;
	     n = atomic_load_explicit(&table()[n - 1].next, memory_order_relaxed))
		if (table()[n - 1].key == key)
			return true;
	return false;
}

bool ht_modules_are_all(bool (*stays)(const struct ht_module *m))
{
	for (uint32_t n = atomic_load_explicit(&ht_gate.modules, memory_order_relaxed); n;
	     n = atomic_load_explicit(&table()[n - 1].next, memory_order_relaxed))
		if (!stays(&table()[n - 1]))
			return false;
	return true;
}

void ht_modules_leave_unless(bool (*stays)(const struct ht_module *m))
{
	_Atomic uint32_t *link = &ht_gate.modules;

	for (uint32_t n; (n = atomic_load_explicit(link, memory_order_relaxed));) {
		struct ht_module *m = &table()[n - 1];

		if (stays(m))
			link = &m->next;
		else
			leave(link, m);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* context.c -- finds or makes the nodes of the context tree
 *
 * Called by: memo.c, for each frame that is not remembered, and for the function, which is the leaf.
 *
 *   root ── main ── parse ── eval ── malloc        the leaf's number is the event's context
 *
 * The tree lies in the channel and is shared by all threads. A node remembers, by some bits of their pc, the children that were found last; that
 * is where nearly all searches end. Behind it is a hash index of open addressing; a node is filled first and entered into the index by
 * compare-and-swap, so that nobody waits. Who loses the race leaves a node that no index entry names; it is counted (node_retries) and
 * harmless.
 *
 * Always true: a number returned here names a filled node (C5). When tree or index are full, the context says that it was cut, and why, and
 * contexts_cut counts it.
 */
#include "agent/stack.h"

#define PROBES 256 /* of a full index; clusters of a linear search are far longer than its load suggests */

static uint32_t hash(uint32_t parent, uint64_t pc, uint32_t meaning)
{
	uint64_t h = (pc ^ (uint64_t)meaning << 40 ^ (uint64_t)parent << 27) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32);
}

/* Takes a number and fills the node; HT_NONE when there is no memory behind more. */
static uint32_t make(uint32_t parent, uint64_t pc, uint32_t meaning)
{
	struct ht_channel *ch = ht_gate.channel;
	/* acquire: pairs with the release in collect/contexts.c that raises the limit after touching the pages */
	uint32_t limit = atomic_load_explicit(&ch->node_limit, memory_order_acquire);
	uint32_t n = atomic_load_explicit(&ch->node_count, memory_order_relaxed);

	do {
		if (n >= limit)
			return HT_NONE;
	} while (!atomic_compare_exchange_weak_explicit(&ch->node_count, &n, n + 1, memory_order_relaxed,
							memory_order_relaxed));
	ht_gate.nodes[n].pc = pc;
	ht_gate.nodes[n].meaning = meaning;
	/* release: pairs with the acquire in is() below and in collect/contexts.c */
	atomic_store_explicit(&ht_gate.nodes[n].parent, parent + 1, memory_order_release);
	return n;
}

static inline bool is(uint32_t n, uint32_t parent, uint64_t pc, uint32_t meaning)
{
	const struct ht_node *node = &ht_gate.nodes[n];

	return atomic_load_explicit(&node->parent, memory_order_acquire) == parent + 1 && node->pc == pc &&
	       node->meaning == meaning;
}

static uint32_t find_or_make(uint32_t parent, uint64_t pc, uint32_t meaning)
{
	uint32_t mask = ht_gate.channel->node_index_mask;
	uint32_t at = hash(parent, pc, meaning) & mask;
	uint32_t mine = HT_NONE;

	for (int i = 0; i < PROBES; i++, at = (at + 1) & mask) {
		/* acquire: pairs with the compare-and-swap below; the node it names is filled */
		uint32_t n = atomic_load_explicit(&ht_gate.node_index[at], memory_order_acquire);

		if (n == 0) {
			if (mine == HT_NONE)
				mine = make(parent, pc, meaning);
			if (mine == HT_NONE)
				return HT_NONE;
			if (atomic_compare_exchange_strong_explicit(&ht_gate.node_index[at], &n, mine,
								    memory_order_acq_rel, memory_order_acquire))
				return mine;
		}
		if (is(n, parent, pc, meaning)) {
			if (mine != HT_NONE)
				atomic_fetch_add_explicit(&ht_gate.channel->node_retries, 1, memory_order_relaxed);
			return n;
		}
	}
	return HT_NONE;
}

static HT_NOINLINE uint32_t search(uint32_t parent, uint64_t pc, uint32_t meaning, _Atomic uint32_t *hint)
{
	uint32_t n = find_or_make(parent, pc, meaning);

	if (n != HT_NONE)
		atomic_store_explicit(hint, n, memory_order_relaxed); /* checked whenever it is used */
	return n;
}

uint32_t ht_context_find(uint32_t parent, uint64_t pc, uint32_t meaning)
{
	_Atomic uint32_t *hint = &ht_gate.nodes[parent].child[(pc ^ pc >> 3) & 3];
	uint32_t n = atomic_load_explicit(hint, memory_order_relaxed); /* is() acquires what it names */

	if (ht_likely(n && is(n, parent, pc, meaning)))
		return n;
	return search(parent, pc, meaning, hint);
}

uint32_t ht_context_cut(enum ht_function function)
{
	atomic_fetch_add_explicit(&ht_gate.channel->contexts_cut, 1, memory_order_relaxed);
	return HT_CONTEXT_CUT + function;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* context.c -- finds or makes the node of the context tree that an event names
 *
 * Called by: hooks.c and operators.c through ht_context_of(), inside a recorded call.
 *
 *   root ── caller (return address) ── function        the leaf's number is the event's context
 *
 * The tree lies in the channel and is shared by all threads. Nodes are found through a hash index of open addressing; a node is filled
 * first and entered into the index by compare-and-swap, so that nobody waits. Who loses the race leaves a node that no index entry
 * names; it is counted (node_retries) and harmless.
 *
 * Always true: a number returned here names a filled node (C5). When tree or index are full, the function alone is the context,
 * and contexts_cut counts it.
 */
#include "agent/agent.h"

#define PROBES 32

static uint32_t hash(uint32_t parent, uint64_t pc, uint32_t kind)
{
	uint64_t h = (pc ^ (uint64_t)kind << 60 ^ (uint64_t)parent << 27) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32);
}

/* Takes a number and fills the node; HT_NONE when there is no memory behind more. */
static uint32_t make(uint32_t parent, uint64_t pc, uint32_t kind)
{
	struct ht_channel *ch = ht_gate.channel;
	/* acquire: pairs with the release in collect/contexts.c that raises the limit after touching the pages */
	uint32_t limit = atomic_load_explicit(&ch->node_limit, memory_order_acquire);
	uint32_t n = atomic_load_explicit(&ch->node_count, memory_order_relaxed);

	do {
		if (n >= limit)
			return HT_NONE;
	} while (!atomic_compare_exchange_weak_explicit(&ch->node_count, &n, n + 1, memory_order_relaxed, memory_order_relaxed));
	ht_gate.nodes[n].pc = pc;
	ht_gate.nodes[n].kind = (uint16_t)kind;
	ht_gate.nodes[n].generation = 0;
	/* release: pairs with the acquire in find() below and in collect/contexts.c */
	atomic_store_explicit(&ht_gate.nodes[n].parent, parent + 1, memory_order_release);
	return n;
}

static bool is(uint32_t n, uint32_t parent, uint64_t pc, uint32_t kind)
{
	const struct ht_node *node = &ht_gate.nodes[n];

	return node->pc == pc && node->kind == kind &&
	       atomic_load_explicit(&node->parent, memory_order_acquire) == parent + 1;
}

/* The child of `parent` for (pc, kind), made if it is new. */
static uint32_t find(uint32_t parent, uint64_t pc, uint32_t kind)
{
	uint32_t mask = ht_gate.channel->node_index_mask;
	uint32_t at = hash(parent, pc, kind) & mask;
	uint32_t mine = HT_NONE;

	for (int i = 0; i < PROBES; i++, at = (at + 1) & mask) {
		/* acquire: pairs with the compare-and-swap below; the node it names is filled */
		uint32_t n = atomic_load_explicit(&ht_gate.node_index[at], memory_order_acquire);

		if (n == 0) {
			if (mine == HT_NONE)
				mine = make(parent, pc, kind);
			if (mine == HT_NONE)
				return HT_NONE;
			if (atomic_compare_exchange_strong_explicit(&ht_gate.node_index[at], &n, mine, memory_order_acq_rel,
								    memory_order_acquire))
				return mine;
		}
		if (is(n, parent, pc, kind)) {
			if (mine != HT_NONE)
				atomic_fetch_add_explicit(&ht_gate.channel->node_retries, 1, memory_order_relaxed);
			return n;
		}
	}
	return HT_NONE;
}

uint32_t ht_context_of(enum ht_function function, const void *caller)
{
	uint32_t parent, leaf = HT_NONE;

	if (!ht_gate.stacks)
		return function; /* nodes 1 .. HT_FN_COUNT-1 are the functions themselves */
	parent = find(0, (uint64_t)(uintptr_t)caller, HT_NODE_CALLER);
	if (parent != HT_NONE)
		leaf = find(parent, function, HT_NODE_FUNCTION);
	if (leaf != HT_NONE)
		return leaf;
	atomic_fetch_add_explicit(&ht_gate.channel->contexts_cut, 1, memory_order_relaxed);
	return function;
}

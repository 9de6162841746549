/* SPDX-License-Identifier: Apache-2.0 */
/* contexts.c -- brings nodes of the context tree into the trace when an event first names them
 *
 * Called by: streams.c (learn), recording.c (refill).
 *
 *   event names 907 ──► known? ──no──► 907 ─► 412 ─► 88 ─► 3 (known): copied out, checked, then put: 88, 412, 907
 *
 * Only what events name is looked at: a node that lost a race (agent/context.c) or is half made is no concern of ours.
 *
 * Always true: a parent's number is below its child's, so that no chain can be a circle; a node that breaks the
 * rule, or is not there, is refused, and with it the event (C5: an honest thread's event never names such a
 * node).
 */
#include "collect/contexts.h"

#include <stdlib.h>

#define DEPTH_MAX 4200 /* frames of the deepest stack, its function and its end */
#define AHEAD 131072u  /* nodes; 4 MiB: what a program makes in the milliseconds between two looks */

int ht_contexts_init(struct ht_contexts *c, struct ht_session *s, struct ht_trace *t, struct ht_modules *m,
		     struct ht_err *err)
{
	*c = (struct ht_contexts){ .session = s, .trace = t, .modules = m };
	c->known = calloc(s->node_capacity, 1);
	if (!c->known)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	ht_contexts_refill(c);
	return 0;
}

void ht_contexts_fini(struct ht_contexts *c)
{
	free(c->known);
	*c = (struct ht_contexts){ 0 };
}

void ht_contexts_refill(struct ht_contexts *c)
{
	struct ht_session *s = c->session;
	uint32_t count = atomic_load_explicit(&s->channel->node_count, memory_order_relaxed); /* a hint */
	uint32_t more = s->node_capacity - c->limit;
	struct ht_err err;

	if (!more || (uint64_t)count + AHEAD / 2 < c->limit)
		return;
	if (more > AHEAD)
		more = AHEAD;
	if (ht_session_back(s, s->nodes_at + (uint64_t)c->limit * sizeof(struct ht_node),
			    (uint64_t)more * sizeof(struct ht_node), &err))
		return; /* the tree stays as it is; contexts_cut counts what does not fit */
	c->limit += more;
	/* release: pairs with the acquire in agent/context.c:make() */
	atomic_store_explicit(&s->channel->node_limit, c->limit, memory_order_release);
}

/* C3: copied, then checked. */
static bool read_node(const struct ht_contexts *c, uint32_t n, struct ht_meta_context *ret)
{
	const struct ht_node *node = &c->session->nodes[n];
	/* acquire: pairs with the release in agent/context.c:make() */
	uint32_t parent = atomic_load_explicit(&node->parent, memory_order_acquire), meaning;

	ret->context = n;
	ret->parent = parent - 1;
	ret->pc = *(const volatile uint64_t *)&node->pc;
	meaning = *(const volatile uint32_t *)&node->meaning;
	ret->kind = HT_NODE_KIND(meaning);
	ret->generation = HT_NODE_GENERATION(meaning);
	if (parent == 0 || ret->parent >= n || ret->kind > HT_NODE_POINTER)
		return false;
	return ret->kind != HT_NODE_FUNCTION || (ret->pc > HT_FN_NONE && ret->pc < HT_FN_COUNT);
}

bool ht_contexts_learn(struct ht_contexts *c, uint32_t context)
{
	struct ht_meta_context chain[DEPTH_MAX];
	uint32_t depth = 0;

	if (context == 0 || context >= c->limit || c->known[context])
		return false; /* known here: but as no function */
	for (uint32_t n = context; n && !c->known[n]; n = (uint32_t)chain[depth++].parent)
		if (depth == DEPTH_MAX || !read_node(c, n, &chain[depth]))
			return false;
	if (chain[0].kind != HT_NODE_FUNCTION)
		return false;
	ht_modules_read(c->modules); /* T1 in trace.h */
	while (depth--) {
		const struct ht_meta_context *m = &chain[depth];

		ht_trace_put_context(c->trace, m);
		c->known[m->context] = (uint8_t)(m->kind + 1);
		if (c->mappings && m->generation == 0 &&
		    (m->kind == HT_NODE_CALLER || m->kind == HT_NODE_EXACT || m->kind == HT_NODE_POINTER))
			ht_mappings_want(c->mappings, m->pc);
	}
	return true;
}

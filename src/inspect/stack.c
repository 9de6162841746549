/* SPDX-License-Identifier: Apache-2.0 */
/* stack.c -- follows a context to the root of the tree, with a bound on the way
 *
 * stack.h has the picture. A node of kind "end" stands where the root would be, and its pc is the reason.
 */
#include "inspect/stack.h"

static enum ht_stack_cut reason_of(const struct ht_node_at *n)
{
	return n && n->kind == HT_CONTEXT_END && n->pc && n->pc < HT_STACK_CUT_UNKNOWN ? (enum ht_stack_cut)n->pc
										       : HT_STACK_CUT_UNKNOWN;
}

/* Goes from the function node outwards; `to` may be NULL. */
static enum ht_stack_cut follow(const struct ht_model *t, uint32_t context, struct ht_step *to, size_t *depth)
{
	const struct ht_node_at *n = ht_model_node(t, context);

	*depth = 0;
	if (!context)
		return HT_STACK_WHOLE;
	if (!n || n->kind != HT_CONTEXT_FUNCTION)
		return HT_STACK_CUT_UNKNOWN;
	while (n->parent) {
		n = ht_model_node(t, n->parent);
		if (!n ||
		    (n->kind != HT_CONTEXT_CALLER && n->kind != HT_CONTEXT_EXACT && n->kind != HT_CONTEXT_POINTER))
			return reason_of(n);
		if (*depth == HT_STACK_MOST)
			return HT_STACK_CUT_DEPTH;
		if (to)
			to[*depth] = (struct ht_step){ n->pc, n->generation, n->kind == HT_CONTEXT_EXACT };
		++*depth;
	}
	return HT_STACK_WHOLE;
}

void ht_stack_read(const struct ht_model *t, uint32_t context, struct ht_stack *ret)
{
	ret->function = ht_model_function(t, context);
	ret->cut = follow(t, context, ret->step, &ret->depth);
}

enum ht_stack_cut ht_stack_cut_of(const struct ht_model *t, uint32_t context)
{
	size_t depth;

	return follow(t, context, NULL, &depth);
}

const char *ht_stack_cut_name(enum ht_stack_cut cut)
{
	static const char *const names[HT_STACK_CUTS] = {
		[HT_STACK_CUT_DEPTH] = "depth",
		[HT_STACK_CUT_NO_UNWIND] = "no_unwind",
		[HT_STACK_CUT_BAD_POINTER] = "bad_pointer",
		[HT_STACK_CUT_TREE_FULL] = "tree_full",
		[HT_STACK_CUT_UNKNOWN] = "unknown",
	};

	return cut < HT_STACK_CUTS ? names[cut] : NULL;
}

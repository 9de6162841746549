/* SPDX-License-Identifier: Apache-2.0 */
/* check.c -- every stack a second time: the check build (make CHECK=1) compares what is recorded with a plain walk, and shows it to a checker
 *
 * Called by: ht_stack_context() in memo.c, at its end, only in the check build.
 *
 *   context ── up the tree ──► addresses, meanings  ==  a walk from the hook's caller that remembers nothing    else: mismatch
 *                                     └──► heaptap_check_stack(), which asks another unwinder (tests/targets/libchkstack.c)
 *
 * The functions of the checker are looked up behind the agent, as the allocator is; without a checker nothing is compared. It runs inside the
 * hook and may use the stack freely; the addresses lie there too, so that a signal handler's event does not disturb them.
 */
#ifdef HT_CHECK
#include "agent/stack.h"

#define DEPTH (HT_DEPTH_MAX + 8)

struct path {
	uint64_t pc[DEPTH];
	uint32_t meaning[DEPTH];
	uint32_t count, reason;
};

typedef void check_stack(const uint64_t *pcs, uint32_t count, uint32_t reason, uint64_t sp);
typedef void check_memo(uint32_t same, uint32_t at, uint64_t remembered, uint64_t walked);

static struct {
	_Atomic uint32_t sought;
	check_stack *stack;
	check_memo *memo;
} checker;

static void seek(void)
{
	if (atomic_load(&checker.sought))
		return;
	checker.stack = (check_stack *)ht_next_symbol("heaptap_check_stack");
	checker.memo = (check_memo *)ht_next_symbol("heaptap_check_memo");
	atomic_store(&checker.sought, 1);
}

/* What the tree says, innermost first. */
static void climb(uint32_t node, struct path *p)
{
	p->count = p->reason = 0;
	for (node = atomic_load(&ht_gate.nodes[node].parent) - 1; node;
	     node = atomic_load(&ht_gate.nodes[node].parent) - 1) {
		const struct ht_node *n = &ht_gate.nodes[node];

		if (HT_NODE_KIND(n->meaning) == HT_NODE_END) {
			p->reason = (uint32_t)n->pc;
		} else if (p->count < DEPTH) {
			p->pc[p->count] = n->pc;
			p->meaning[p->count++] = n->meaning;
		}
	}
}

/* Compares frame after frame with a walk that remembers nothing. */
static void compare(const struct path *p, uint64_t frame)
{
	const uint64_t *words = (const uint64_t *)frame;
	struct ht_walk w = { .at = { words[1], frame + 16, words[0] }, .frame = frame };
	unsigned rc = HT_STEP_ON;
	uint32_t i;

	ht_region_begin(&w.region, w.at.sp);
	for (i = 0; i < p->count && rc == HT_STEP_ON; i++) {
		struct ht_row row = ht_rows_find(w.at.pc);
		enum ht_node_kind kind = w.at.pc & HT_PC_EXACT     ? HT_NODE_EXACT
					 : w.at.pc & HT_PC_POINTER ? HT_NODE_POINTER
								   : HT_NODE_CALLER;

		if (p->pc[i] != HT_PC(w.at.pc) || p->meaning[i] != HT_NODE_MEANING(row.generation, kind))
			break;
		rc = ht_walk_step(&w, row.word);
	}
	if (i < p->count)
		checker.memo(0, i, p->pc[i], w.at.pc);
	else if (p->reason == HT_CUT_DEPTH ? p->count != HT_DEPTH_MAX : rc != (p->reason ? p->reason : HT_STEP_ROOT))
		checker.memo(0, i, p->reason, rc);
	else
		checker.memo(1, i, 0, 0);
}

HT_NOINLINE void ht_check_context(uint32_t context, enum ht_function function, uint64_t frame)
{
	struct path p;

	seek();
	if (!checker.stack || !checker.memo)
		return;
	if (context >= HT_CONTEXT_CUT && context < HT_CONTEXT_CUT + HT_FN_COUNT) {
		checker.stack(NULL, 0, HT_CUT_TREE, frame + 16);
		return;
	}
	if (ht_gate.nodes[context].pc != function)
		checker.memo(0, 0, ht_gate.nodes[context].pc, function);
	climb(context, &p);
	compare(&p, frame);
	checker.stack(p.pc, p.count, p.reason, frame + 16);
}

/* For a test that interrupts a program anywhere: the walk from a state of registers. Returns the number of addresses. */
__attribute__((visibility("default"))) uint32_t heaptap_check_walk(const uint64_t registers[3], uint64_t *pcs,
								   uint32_t most, uint32_t *reason);
uint32_t heaptap_check_walk(const uint64_t registers[3], uint64_t *pcs, uint32_t most, uint32_t *reason)
{
	struct ht_walk w = { .at = { registers[0] | HT_PC_EXACT, registers[1], registers[2] } };
	unsigned rc = HT_STEP_ON;
	uint32_t n = 0;

	ht_region_begin(&w.region, w.at.sp);
	while (rc == HT_STEP_ON && n < most) {
		pcs[n++] = HT_PC(w.at.pc);
		rc = ht_walk_step(&w, ht_rows_find(w.at.pc).word);
	}
	*reason = rc == HT_STEP_ROOT ? 0 : rc;
	return n;
}
#endif

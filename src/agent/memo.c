/* SPDX-License-Identifier: Apache-2.0 */
/* memo.c -- the context of an event: its stack, as far as it is not the one remembered from the last event
 *
 * Called by: hooks through ht_stack_context(). docs/stacks.md has the proof that the answer is what a full walk would give.
 *
 *   memo    [ main ][ parse ][ eval ][ alloc ]   frames, outermost first: state, node of the tree, how many of the slots it stands on
 *           [ s0 s1 ][ s2   ][ s3   ][ ...   ]   slots: the words that were read on the way from it to the root, and where
 *
 *   now     start at the hook's caller ──► frame remembered? ──► all its slots still hold? ──► the rest is the same: take its node
 *             └── no: one step out, pending; pending frames are named and remembered from the outside in
 *
 * A memo is a segment of the channel, of the slot; a thread has up to HT_MEMOS, one for each stack it runs on.
 *
 * Always true:
 *   N1  frames [0, count) are whole at every instruction, so that a signal handler may leave by a jump; they hold for one image and generation
 *   N2  a frame stands only on slots that were read, in the order of the walk; they are compared innermost first
 *   N3  what was cut is not remembered; nor what is inside a frame that takes all registers
 */
#include "agent/stack.h"

#define CHUNK 64u
#define CHUNKS (HT_DEPTH_MAX / CHUNK)
#define SLOTS_MOST 3u /* of a frame */
#define MATCHED 0x20u /* beside enum ht_cut, HT_STEP_ON and HT_STEP_ROOT: the rest is the remembered stack */

struct frame {
	struct ht_state at;
	uint32_t node;
	uint16_t slots;    /* it stands on slots [0, slots) */
	uint16_t need_rbp; /* at.rbp matters: it is the frame's base, or a frame's further out */
};

struct slot {
	const uint64_t *address;
	uint64_t value;
};

struct pending {
	struct ht_state at;
	struct ht_row row;
};

struct ht_memo {
	uint32_t image, generation;
	uint32_t count;
	uint32_t chosen; /* when; less is longer ago, 0 never */
	struct ht_region region;
	struct pending pending[CHUNK];
	struct ht_state checkpoint[CHUNKS]; /* of each CHUNK pending frames, the first */
	struct frame frames[];              /* slots grow from the end of the segment towards them */
};

static struct slot *slots_end(struct ht_memo *m)
{
	return (struct slot *)((char *)m + HT_SEGMENT_BYTES); /* slot i is [-1 - i] */
}

/* ---- what still stands --------------------------------------------------------------------------------------- */

/* The index of a slot that changed, innermost first; `slots` if none did. */
static uint32_t changed(struct ht_memo *m, uint32_t slots)
{
	const struct slot *s = slots_end(m) - slots, *end = slots_end(m);

	for (; s + 4 <= end; s += 4) {
		if (*s[0].address != s[0].value)
			return (uint32_t)(end - s) - 1;
		if (*s[1].address != s[1].value)
			return (uint32_t)(end - s) - 2;
		if (*s[2].address != s[2].value)
			return (uint32_t)(end - s) - 3;
		if (*s[3].address != s[3].value)
			return (uint32_t)(end - s) - 4;
	}
	for (; s < end; s++)
		if (*s->address != s->value)
			return (uint32_t)(end - s) - 1;
	return slots;
}

static void keep_only(struct ht_memo *m, uint32_t count)
{
	ht_signal_fence();
	m->count = count; /* N1 */
	ht_signal_fence();
}

/* Whether the walk has come to a remembered frame that still stands. Frames that cannot be met any more are forgotten. */
static inline bool stands(struct ht_memo *m, const struct ht_state *at)
{
	uint32_t n = m->count, slots, bad;
	const struct frame *top;

	while (n && m->frames[n - 1].at.sp < at->sp)
		n--;
	keep_only(m, n);
	if (!n)
		return false;
	top = &m->frames[n - 1];
	if (top->at.sp != at->sp || top->at.pc != at->pc || (top->need_rbp && top->at.rbp != at->rbp))
		return false;
	slots = top->slots;
	bad = changed(m, slots);
	if (ht_likely(bad == slots))
		return true;
	while (n && m->frames[n - 1].slots > bad)
		n--;
	keep_only(m, n);
	return false;
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

static void put_pending(struct ht_memo *m, uint32_t i, const struct ht_state *at, struct ht_row row)
{
	if (i % CHUNK == 0)
		m->checkpoint[i / CHUNK] = *at;
	m->pending[i % CHUNK] = (struct pending){ *at, row };
}

/* From the innermost frame to one that is remembered, or to the end. `count`: of the pending frames. */
static unsigned follow(struct ht_memo *m, struct ht_walk *w, uint32_t *count)
{
	unsigned rc = HT_STEP_ON;

	for (*count = 0; rc == HT_STEP_ON; ++*count) {
		struct ht_row row;

		if (stands(m, &w->at))
			return m->count + *count > HT_DEPTH_MAX ? HT_CUT_DEPTH : MATCHED;
		if (*count == HT_DEPTH_MAX)
			return HT_CUT_DEPTH;
		row = ht_rows_find(w->at.pc);
		put_pending(m, *count, &w->at, row);
		rc = ht_walk_step(w, row.word);
	}
	return rc;
}

/* Pending frames beyond one chunk were overwritten: walks through this one again, from its checkpoint. */
static HT_NOINLINE bool refill(struct ht_memo *m, const struct ht_walk *from, uint32_t chunk)
{
	struct ht_walk w = { m->checkpoint[chunk], m->region, from->frame };

	if (!ht_region_holds(&w.region, w.at.sp))
		ht_region_begin(&w.region, w.at.sp);
	for (uint32_t i = 0; i < CHUNK; i++) {
		struct ht_row row = ht_rows_find(w.at.pc);

		m->pending[i] = (struct pending){ w.at, row };
		if (ht_walk_step(&w, row.word) != HT_STEP_ON)
			return false;
	}
	return true;
}

/* ---- remembering --------------------------------------------------------------------------------------------- */

static inline void push_slot(struct slot **s, uint64_t address, uint64_t value)
{
	*--*s = (struct slot){ (const uint64_t *)address, value };
}

/* The words that the step from `p` to `outer` has read; those it read last come first. `need`: rbp matters in `outer`. Returns whether it
 * matters in `p`. */
static inline bool push_slots(struct slot **s, const struct pending *p, const struct ht_state *outer, bool need)
{
	uint64_t saved = ht_row_saved(p->row.word) * 8, sp = p->at.sp, rbp = p->at.rbp;

	switch (ht_row_kind(p->row.word)) {
	case HT_ROW_SP:
	case HT_ROW_RBP:
		if (saved && need)
			push_slot(s, outer->sp - saved, outer->rbp);
		push_slot(s, outer->sp - 8, outer->pc);
		return ht_row_kind(p->row.word) == HT_ROW_RBP || (need && !saved);
	case HT_ROW_DEREF:
		if (need)
			push_slot(s, rbp, outer->rbp);
		push_slot(s, outer->sp - 8, outer->pc);
		push_slot(s, rbp - ht_row_cfa(p->row.word) * 8, outer->sp);
		return true;
	case HT_ROW_SIGNAL:
		push_slot(s, sp + HT_SIGNAL_RIP, HT_PC(outer->pc));
		push_slot(s, sp + HT_SIGNAL_RSP, outer->sp);
		if (need)
			push_slot(s, sp + HT_SIGNAL_RBP, outer->rbp);
		return false;
	case HT_ROW_BARE:
		push_slot(s, rbp + 8, HT_PC(outer->pc));
		if (need)
			push_slot(s, rbp, outer->rbp);
		return true;
	default:
		return false;
	}
}

/* False: there is no room, or no way to tell whether it stands: nothing further in is remembered. */
static inline bool remember(struct ht_memo *m, const struct pending *p, const struct ht_state *outer, uint32_t node)
{
	uint32_t n = m->count;
	struct frame *f = &m->frames[n];
	struct slot *s = slots_end(m) - (n ? f[-1].slots : 0);
	bool need = n && f[-1].need_rbp;

	if (ht_unlikely((char *)(f + 1) > (char *)(s - SLOTS_MOST) || ht_row_kind(p->row.word) == HT_ROW_FULL))
		return false;
	f->at = p->at;
	f->node = node;
	f->need_rbp = push_slots(&s, p, outer, need);
	f->slots = (uint16_t)(slots_end(m) - s);
	keep_only(m, n + 1);
	return true;
}

/* ---- naming -------------------------------------------------------------------------------------------------- */

static uint32_t meaning_of(const struct pending *p)
{
	enum ht_node_kind kind = p->at.pc & HT_PC_EXACT     ? HT_NODE_EXACT
				 : p->at.pc & HT_PC_POINTER ? HT_NODE_POINTER
							    : HT_NODE_CALLER;

	return HT_NODE_MEANING(p->row.generation, kind);
}

/* Nodes for the pending frames, from the outermost in. HT_NONE: the tree is full. */
static uint32_t name(struct ht_memo *m, const struct ht_walk *w, uint32_t count, unsigned rc)
{
	bool whole = rc == MATCHED || rc == HT_STEP_ROOT;
	struct ht_state outer = w->at;
	uint32_t node = 0;

	if (rc == MATCHED)
		node = m->frames[m->count - 1].node;
	else
		keep_only(m, 0);
	if (!whole)
		node = ht_context_find(0, rc, HT_NODE_MEANING(0, HT_NODE_END));
	for (uint32_t i = count; i-- && node != HT_NONE;) {
		const struct pending *p = &m->pending[i % CHUNK];

		if (ht_unlikely(i % CHUNK == CHUNK - 1 && i != count - 1 && !refill(m, w, i / CHUNK)))
			return HT_NONE;
		node = ht_context_find(node, HT_PC(p->at.pc), meaning_of(p));
		if (ht_unlikely(node == HT_NONE))
			break;
		whole = whole && remember(m, p, &outer, node);
		outer = p->at;
	}
	return node;
}

/* ---- memos --------------------------------------------------------------------------------------------------- */

static bool is_near(const struct ht_memo *m, uint64_t sp)
{
	return sp - 8 >= m->region.from && sp <= m->region.to;
}

static void begin(struct ht_memo *m, uint64_t sp)
{
	keep_only(m, 0);
	m->image = ht_gate.image;
	m->generation = 0;
	ht_region_begin(&m->region, sp);
}

/* One for this stack; else a new one; else the one that was chosen longest ago. */
static struct ht_memo *choose(struct ht_thread *t, uint64_t sp)
{
	struct ht_memo *oldest = NULL;

	if (t->memo && t->memo->image == ht_gate.image && ht_region_holds(&t->memo->region, sp))
		return t->memo;
	for (uint32_t i = 0; i < HT_MEMOS; i++) {
		bool found = false;
		struct ht_memo *m = ht_thread_memo(t, i, &found);

		if (!m)
			break;
		if (!found || m->image != ht_gate.image)
			m->chosen = 0;
		else if (is_near(m, sp))
			return t->memo = m;
		if (!oldest || m->chosen < oldest->chosen)
			oldest = m;
		if (!m->chosen)
			break;
	}
	if (oldest)
		begin(oldest, sp);
	return t->memo = oldest;
}

/* ---- the event ----------------------------------------------------------------------------------------------- */

static HT_NOINLINE struct ht_memo *prepare(struct ht_thread *t, uint64_t sp, uint32_t generation)
{
	struct ht_memo *m =
		t->memo && is_near(t->memo, sp) && t->memo->image == ht_gate.image ? t->memo : choose(t, sp);

	if (m)
		m->chosen = ++t->slot->memo_clock;
	if (m && m->generation != generation) {
		keep_only(m, 0);
		m->generation = generation;
	}
	return m;
}

HT_NOINLINE uint32_t ht_stack_context(struct ht_thread *t, enum ht_function function, uint64_t frame)
{
	const uint64_t *words = (const uint64_t *)frame;
	struct ht_walk w = { .at = { words[1], frame + 16, words[0] }, .frame = frame };
	/* acquire: pairs with the release in ht_modules_change(): what is remembered of before is not looked at */
	uint32_t generation = atomic_load_explicit(&ht_gate.generation, memory_order_acquire), count, node;
	struct ht_memo *m = t->memo;
	unsigned rc;

	if (ht_unlikely(!m || !is_near(m, w.at.sp) || m->generation != generation || m->image != ht_gate.image)) {
		m = prepare(t, w.at.sp, generation);
		if (!m)
			return ht_context_cut(function);
	}
	w.region = m->region;
	if (ht_unlikely(!w.region.settled)) { /* what was readable above may be gone */
		w.region.from = (w.at.sp - 8) & ~4095ull;
		w.region.to = w.region.from + 4096;
	}
	rc = follow(m, &w, &count);
	if (ht_unlikely(rc == HT_CUT_DEPTH &&
			count < HT_DEPTH_MAX)) { /* remembered and pending frames together: again, without memory */
		keep_only(m, 0);
		w.at = (struct ht_state){ words[1], frame + 16, words[0] };
		rc = follow(m, &w, &count);
	}
	node = name(m, &w, count, rc);
	if (ht_likely(node != HT_NONE))
		node = ht_context_find(node, function, HT_NODE_MEANING(0, HT_NODE_FUNCTION));
	node = ht_likely(node != HT_NONE) ? node : ht_context_cut(function);
#ifdef HT_CHECK
	ht_check_context(node, frame);
#endif
	return node;
}

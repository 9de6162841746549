/* SPDX-License-Identifier: Apache-2.0 */
/* memo.c -- the context of an event: its stack, as far as it is not the one remembered from the last event
 *
 * Called by: hooks through ht_stack_context(). docs/stacks.md has the proof that the answer is what a full walk would give.
 *
 *   memo    [ main ][ parse ][ eval ][ alloc ]   frames, outermost first: state, node of the tree, how many of the slots it stands on
 *           [ s0 s1 ][ s2   ][ s3   ][ ...   ]   slots: the words that were read on the way from it to the root, and where
 *
 *   now     start at the hook's caller ──► came this way before (path.c)? ──► take the context
 *             └── frame remembered? ──► all its slots still hold? ──► the rest is the same: take its node
 *                   └── no: one step out, pending; pending frames are named and remembered from the outside in
 *
 * A memo is a segment of the channel, of the slot; a thread has up to HT_MEMOS, one for each stack it runs on. memo.h has its layout, and what
 * is always true of it.
 */
#include "agent/memo.h"

#define SLOTS_MOST 3u /* of a frame */
#define MATCHED 0x20u /* beside enum ht_cut, HT_STEP_ON and HT_STEP_ROOT: the rest is the remembered stack */

static void keep_only(struct ht_memo *m, uint32_t count)
{
	ht_signal_fence();
	m->count = count; /* N1 */
	ht_signal_fence();
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

/* Whether frame n - 1, which is where the walk is, still stands. If not, returns how many do, in *left. */
static inline bool stands(struct ht_memo *m, uint32_t n, const struct ht_state *at, uint32_t *left)
{
	const struct ht_frame *top = &m->frames[n - 1];
	uint32_t bad;

	*left = n;
	if (top->at.pc != at->pc || (top->need_rbp && top->at.rbp != at->rbp))
		return false;
	bad = ht_memo_changed(m, top->slots);
	if (ht_likely(bad == top->slots))
		return true;
	while (n && m->frames[n - 1].slots > bad)
		n--;
	*left = n;
	return false;
}

/* From the innermost frame to one that is remembered, or to the end. `count`: of the pending frames. Frames that cannot be met any more are
 * forgotten. */
static inline unsigned follow(struct ht_memo *m, struct ht_walk *w, uint32_t *count)
{
	uint32_t n = m->count, i;
	unsigned rc = HT_STEP_ON;

	for (i = 0; rc == HT_STEP_ON; i++) {
		struct ht_pending *p = &m->pending[i % HT_MEMO_CHUNK];

		while (n && m->frames[n - 1].at.sp < w->at.sp)
			n--;
		if (n && m->frames[n - 1].at.sp == w->at.sp && stands(m, n, &w->at, &n)) {
			rc = n + i > HT_DEPTH_MAX ? HT_CUT_DEPTH : MATCHED;
			break;
		}
		if (i % HT_MEMO_CHUNK == 0) {
			if (i == HT_DEPTH_MAX) {
				rc = HT_CUT_DEPTH;
				break;
			}
			m->checkpoint[i / HT_MEMO_CHUNK] = w->at;
		}
		p->at = w->at;
		p->row = ht_rows_find(w->at.pc);
		rc = ht_walk_step(w, p->row.word);
	}
	*count = i;
	keep_only(m, n);
	return rc;
}

/* Pending frames beyond one chunk were overwritten: walks through this one again, from its checkpoint. */
static HT_NOINLINE bool refill(struct ht_memo *m, const struct ht_walk *from, uint32_t chunk)
{
	struct ht_walk w = { m->checkpoint[chunk], m->region, from->frame };

	if (!ht_region_holds(&w.region, w.at.sp))
		ht_region_begin(&w.region, w.at.sp);
	for (uint32_t i = 0; i < HT_MEMO_CHUNK; i++) {
		struct ht_row row = ht_rows_find(w.at.pc);

		m->pending[i] = (struct ht_pending){ w.at, row };
		if (ht_walk_step(&w, row.word) != HT_STEP_ON)
			return false;
	}
	return true;
}

/* ---- remembering --------------------------------------------------------------------------------------------- */

static inline void push_slot(struct ht_held **s, uint64_t address, uint64_t value)
{
	*--*s = (struct ht_held){ (const uint64_t *)address, value };
}

/* As push_slots(), for steps that few frames take. */
static HT_NOINLINE bool push_seldom(struct ht_held **s, const struct ht_pending *p, const struct ht_state *outer,
				    bool need)
{
	uint64_t sp = p->at.sp, rbp = p->at.rbp;

	switch (ht_row_kind(p->row.word)) {
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

/* The words that the step from `p` to `outer` has read; those it read last come first. `need`: rbp matters in `outer`. Returns whether it
 * matters in `p`. */
static inline bool push_slots(struct ht_held **s, const struct ht_pending *p, const struct ht_state *outer, bool need)
{
	enum ht_row_kind kind = ht_row_kind(p->row.word);
	uint64_t saved = ht_row_saved(p->row.word) * 8;

	if (ht_unlikely(kind > HT_ROW_RBP))
		return push_seldom(s, p, outer, need);
	if (saved && need)
		push_slot(s, outer->sp - saved, outer->rbp);
	push_slot(s, outer->sp - 8, outer->pc);
	return kind == HT_ROW_RBP || (need && !saved);
}

/* False: there is no room, or no way to tell whether it stands: nothing further in is remembered. The frame counts when keep_only() says so. */
static inline bool remember(struct ht_memo *m, uint32_t n, const struct ht_pending *p, const struct ht_state *outer,
			    uint32_t node)
{
	struct ht_frame *f = &m->frames[n];
	struct ht_held *s = ht_memo_slots_end(m) - (n ? f[-1].slots : 0);
	bool need = n && f[-1].need_rbp;

	if (ht_unlikely((char *)(f + 1) > (char *)(s - SLOTS_MOST) || ht_row_kind(p->row.word) == HT_ROW_FULL))
		return false;
	f->at = p->at;
	f->node = node;
	f->need_rbp = push_slots(&s, p, outer, need);
	f->slots = (uint16_t)(ht_memo_slots_end(m) - s);
	return true;
}

/* ---- naming -------------------------------------------------------------------------------------------------- */

static inline uint32_t meaning_of(const struct ht_pending *p)
{
	if (ht_likely(!(p->at.pc & (HT_PC_EXACT | HT_PC_POINTER))))
		return HT_NODE_MEANING(p->row.generation, HT_NODE_CALLER);
	return HT_NODE_MEANING(p->row.generation, p->at.pc & HT_PC_EXACT ? HT_NODE_EXACT : HT_NODE_POINTER);
}

/* Nodes for the pending frames, from the outermost in. HT_NONE: the tree is full. `whole`: all are remembered. */
static inline uint32_t name(struct ht_memo *m, const struct ht_walk *w, uint32_t count, unsigned rc, bool *whole)
{
	struct ht_state outer = w->at;
	uint32_t node = 0, n = m->count;

	*whole = rc == MATCHED || rc == HT_STEP_ROOT;
	if (rc == MATCHED)
		node = m->frames[n - 1].node;
	else
		n = 0;
	if (!*whole)
		node = ht_context_find(0, rc, HT_NODE_MEANING(0, HT_NODE_END));
	for (uint32_t i = count; i-- && node != HT_NONE;) {
		const struct ht_pending *p = &m->pending[i % HT_MEMO_CHUNK];

		if (ht_unlikely(i % HT_MEMO_CHUNK == HT_MEMO_CHUNK - 1 && i != count - 1 &&
				!refill(m, w, i / HT_MEMO_CHUNK))) {
			node = HT_NONE;
			break;
		}
		node = ht_context_find(node, HT_PC(p->at.pc), meaning_of(p));
		*whole = *whole && node != HT_NONE && remember(m, n, p, &outer, node);
		n += *whole;
		outer = p->at;
	}
	keep_only(m, n);
	return node;
}

/* ---- memos --------------------------------------------------------------------------------------------------- */

static inline bool is_near(const struct ht_memo *m, uint64_t sp)
{
	return sp - 8 >= m->region.from && sp <= m->region.to;
}

static void begin(struct ht_memo *m, uint64_t sp)
{
	keep_only(m, 0);
	m->image = ht_gate.image;
	m->generation = m->turn = m->kept = 0;
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

	if (!m)
		return NULL;
	m->chosen = ++t->slot->memo_clock;
	if (m->generation != generation) {
		keep_only(m, 0);
		m->generation = generation;
	}
	ht_path_begin(t, m);
	return m;
}

/* By a walk, as far as nothing is remembered. */
static HT_NOINLINE uint32_t walk(struct ht_thread *t, struct ht_memo *m, const struct ht_state *from,
				 enum ht_function function, uint64_t frame)
{
	struct ht_walk w = { *from, m->region, frame };
	uint32_t count, node, outer;
	bool whole;
	unsigned rc;

	if (ht_unlikely(!w.region.settled)) { /* what was readable above may be gone */
		w.region.from = (w.at.sp - 8) & ~4095ull;
		w.region.to = w.region.from + 4096;
	}
	rc = follow(m, &w, &count);
	if (ht_unlikely(rc == HT_CUT_DEPTH &&
			count < HT_DEPTH_MAX)) { /* remembered and pending frames together: again, without memory */
		keep_only(m, 0);
		w.at = *from;
		rc = follow(m, &w, &count);
	}
	outer = m->count - 1;
	node = name(m, &w, count, rc, &whole);
	if (ht_likely(node != HT_NONE))
		node = ht_context_find(node, function, HT_NODE_MEANING(0, HT_NODE_FUNCTION));
	if (ht_unlikely(node == HT_NONE))
		return ht_context_cut(function);
	if (rc == MATCHED && count && whole && m->path_segments)
		ht_path_keep(t, m, outer, function, node);
	return node;
}

/* The node of the frame remembered last, if the event is at the same place and that stands. HT_NONE: not so. */
static inline uint32_t same_place(struct ht_memo *m, const struct ht_state *at)
{
	const struct ht_frame *top = &m->frames[m->count - 1];

	if (!m->count || top->at.sp != at->sp || top->at.pc != at->pc || (top->need_rbp && top->at.rbp != at->rbp) ||
	    ht_memo_changed(m, top->slots) != top->slots)
		return HT_NONE;
	return top->node;
}

HT_NOINLINE uint32_t ht_stack_context(struct ht_thread *t, enum ht_function function, uint64_t frame)
{
	const uint64_t *words = (const uint64_t *)frame;
	struct ht_state at = { words[1], frame + 16, words[0] };
	/* acquire: pairs with the release in ht_modules_change(): what is remembered of before is not looked at */
	uint32_t generation = atomic_load_explicit(&ht_gate.generation, memory_order_acquire), node = HT_NONE;
	struct ht_memo *m = t->memo;

	if (ht_unlikely(!m || !is_near(m, at.sp) || m->generation != generation || m->image != ht_gate.image)) {
		m = prepare(t, at.sp, generation);
		if (!m)
			return ht_context_cut(function);
	}
	node = same_place(m, &at);
	if (node != HT_NONE)
		node = ht_context_find(node, function, HT_NODE_MEANING(0, HT_NODE_FUNCTION));
	else if (ht_likely(m->path_segments))
		node = ht_path_find(m, &at, function);
	if (node == HT_NONE)
		node = walk(t, m, &at, function, frame);
#ifdef HT_CHECK
	ht_check_context(node, function, frame);
#endif
	return node;
}

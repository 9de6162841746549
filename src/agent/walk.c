/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c -- which memory a walk may read, and the steps that ht_walk_step() in stack.h leaves to it
 *
 * Called by: memo.c, full.c.
 *
 *   hook ── sp ──► page ─► page ─► ...  ─► the thread's stack ends: at its thread control block, or at the arguments of main
 *                   each page is asked for once, before the first read in it
 *
 * Wrong unwind information, a clobbered frame pointer, a stack of unknown size: a walk must never read what is not mapped. Whether a page can be
 * read is asked of the kernel: rt_sigprocmask(2) with an impossible `how` reads the new mask first and changes nothing (EFAULT, or EINVAL).
 *
 * Always true: W1  every word that is read lies in a region, or in memory that unwind information lies in;  W2  a step out of a frame goes up,
 * except from a signal frame to the stack that the signal interrupted.
 */
#include "agent/stack.h"

#define PAGE 4096ull
#define NEAR (1ull << 20)       /* within it, two stack pointers may be on one stack */
#define FRAME_MAX (16ull << 20) /* a larger frame is taken for a wrong pointer */

bool ht_readable(uint64_t address)
{
	return ht_syscall6(HT_SYS_rt_sigprocmask, -1, (long)(address & ~7ull), 0, 8, 0, 0) != -14 /* EFAULT */;
}

/* Extends the region so that what lies below `to` can be read. */
bool ht_region_reach(struct ht_region *r, uint64_t to)
{
	if (to > r->to && to - r->to > FRAME_MAX)
		return false;
	while (r->to < to) {
		if (!ht_readable(r->to))
			return false;
		r->to += PAGE;
	}
	return true;
}

static uint64_t thread_pointer(void)
{
	uint64_t tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

/* `top` bounds this stack if there is no hole between. */
static bool ends_at(struct ht_region *r, uint64_t top)
{
	return top > r->from && top - r->from < NEAR && ht_region_reach(r, top);
}

void ht_region_begin(struct ht_region *r, uint64_t sp)
{
	r->from = (sp - 8) & ~(PAGE - 1); /* sp may be the very end; the frame of who asks lies below it */
	r->to = r->from + PAGE;
	r->settled = ends_at(r, thread_pointer()) || ends_at(r, ht_gate.stack_top);
	if (!r->settled)
		r->to = r->from + PAGE;
}

/* Whether sp is on the stack that the region is part of; if so, it is extended. */
bool ht_region_holds(struct ht_region *r, uint64_t sp)
{
	uint64_t from = (sp - 8) & ~(PAGE - 1);

	if (sp > r->to)
		return sp - r->to <= NEAR && ht_region_reach(r, sp);
	if (from < r->from && r->from - from > NEAR)
		return false;
	while (from < r->from) {
		if (!ht_readable(r->from - PAGE))
			return false;
		r->from -= PAGE;
	}
	return true;
}

static uint64_t word(uint64_t address)
{
	return *(const uint64_t *)address;
}

static unsigned from_signal(struct ht_walk *w)
{
	uint64_t frame = w->at.sp;

	if (frame & 7 || !ht_region_reach(&w->region, frame + HT_SIGNAL_END))
		return HT_CUT_POINTER;
	w->at = (struct ht_state){ HT_PC(word(frame + HT_SIGNAL_RIP)) | HT_PC_EXACT, word(frame + HT_SIGNAL_RSP),
				   word(frame + HT_SIGNAL_RBP) };
	if (w->at.sp - 8 >= w->region.from && w->at.sp <= w->region.to)
		return HT_STEP_ON;
	if (!ht_readable(w->at.sp - 8))
		return HT_CUT_POINTER;
	ht_region_begin(&w->region, w->at.sp);
	return HT_STEP_ON;
}

static unsigned from_realigned(struct ht_walk *w, uint32_t row)
{
	uint64_t at = w->at.rbp - ht_row_cfa(row) * 8, cfa;

	if (at & 7 || at < w->region.from || w->at.rbp < at || !ht_region_reach(&w->region, w->at.rbp + 8))
		return HT_CUT_POINTER;
	cfa = word(at);
	if (cfa <= w->at.sp || cfa & 7 || !ht_region_reach(&w->region, cfa))
		return HT_CUT_POINTER;
	w->at = (struct ht_state){ word(cfa - 8), cfa, word(w->at.rbp) };
	return w->at.pc ? HT_STEP_ON : HT_STEP_ROOT;
}

/* Where there is no unwind information, rbp may point to the caller's rbp and return address. */
bool ht_walk_pointer(struct ht_region *r, struct ht_state *at)
{
	uint64_t rbp = at->rbp;

	if (rbp < at->sp || rbp & 7 || rbp < r->from || rbp > r->to + FRAME_MAX || !ht_region_reach(r, rbp + 16) ||
	    !word(rbp + 8))
		return false;
	*at = (struct ht_state){ HT_PC(word(rbp + 8)) | HT_PC_POINTER, rbp + 16, word(rbp) };
	return true;
}

HT_NOINLINE unsigned ht_walk_seldom(struct ht_walk *w, uint32_t row)
{
	switch (ht_row_kind(row)) {
	case HT_ROW_DEREF:
		return from_realigned(w, row);
	case HT_ROW_SIGNAL:
		return from_signal(w);
	case HT_ROW_ROOT:
		return HT_STEP_ROOT;
	case HT_ROW_FULL:
		return ht_walk_full(w);
	default:
		return ht_walk_pointer(&w->region, &w->at) ? HT_STEP_ON : HT_CUT_UNKNOWN;
	}
}

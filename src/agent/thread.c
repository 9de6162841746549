/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c -- a thread's slot and ring: claiming them, moving on to the next segment, waiting for room
 *
 * Called by: ht_call_enter() in agent.h, when its quick tests fail. The protocol is docs/channel.md, sections 2 to 6.
 *
 *   make_room ── session over, collector dead ──► fuse: the whole process goes dormant
 *      ├── no slot yet ──► claim: take over the slot that has this thread pointer, or a free one
 *      ├── segment full ─► take one from the pool, link it behind
 *      └── pool empty ───► policy: drop at once, or wait, at most HT_WAIT_LIMIT_NS
 *
 * Always true: every call that comes through here is counted, as entered or as unassigned; one that finds no room is counted as lost.
 * The only wait is wait_for_segment().
 */
#include "agent/agent.h"

#define SLOT_PROBES 1024
#define POP_TRIES 64
#define SAME_STACK (1u << 20) /* frames of one stack lie closer than this, or are not compared */
#define PROT_READ_WRITE 3
#define MAP_PRIVATE_FIXED_ANON (0x02 | 0x10 | 0x20 | 0x4000 /* MAP_NORESERVE */)
#define SPINS 2000 /* with a pause of some 10 ns each: about 20 us */

#ifndef HT_BLOB
__thread struct ht_thread ht_self __attribute__((tls_model("initial-exec")));
#endif

static uint64_t thread_pointer(void)
{
	uint64_t tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

static struct ht_cell *segment_cells(uint32_t segment)
{
	return ht_gate.segments + (size_t)segment * HT_SEGMENT_CELLS;
}

/* Of the two that a slot names. The ring goes on in the other one when head comes to its end: one store, so that a jump out of a signal handler
 * leaves either the old segment and its head, or the new ones. */
static _Atomic uint32_t *segment_at(struct ht_slot *slot, uint64_t head)
{
	return &slot->segment[head / HT_SEGMENT_CELLS % 2];
}

static struct ht_cell *cells_at(struct ht_slot *slot, uint64_t head)
{
	return segment_cells(atomic_load_explicit(segment_at(slot, head), memory_order_relaxed)); /* own */
}

/* Points the thread's words at where the slot's head stands. */
static void resume(struct ht_thread *t)
{
	uint64_t head = atomic_load_explicit(&t->slot->head, memory_order_relaxed); /* own counter */
	struct ht_cell *cells = cells_at(t->slot, head);

	t->cell = cells + head % HT_SEGMENT_CELLS;
	t->limit = cells + HT_SEGMENT_CELLS - HT_CALL_CELLS;
}

static bool collector_is_dead(void)
{
	/* relaxed: the kernel sets the bit; a late look costs one more wait slice */
	return atomic_load_explicit(&ht_gate.channel->collector, memory_order_relaxed) & HT_OWNER_DIED;
}

static bool session_is_over(void)
{
	/* relaxed: see ht_recording */
	return !atomic_load_explicit(&ht_gate.channel->recording, memory_order_relaxed) || collector_is_dead();
}

static uint32_t pop_segment(void)
{
	struct ht_channel *ch = ht_gate.channel;
	/* acquire: pairs with the release of whoever pushed or popped last: the link below is the one that goes with this top */
	uint64_t top = atomic_load_explicit(&ch->free_top, memory_order_acquire);

	for (int i = 0; i < POP_TRIES; i++) {
		uint32_t segment = (uint32_t)top - 1;
		uint64_t next;

		if (segment >= ch->segment_count) /* empty: 0 - 1 wraps */
			return HT_NONE;
		next = atomic_load_explicit(&ht_gate.seg_next[segment],
					    memory_order_relaxed); /* checked by the tag below */
		next |= ((top >> 32) + 1) << 32;
		if (atomic_compare_exchange_weak_explicit(&ch->free_top, &top, next, memory_order_acq_rel,
							  memory_order_acquire)) {
			atomic_fetch_sub_explicit(&ch->free_count, 1, memory_order_relaxed); /* a hint */
			atomic_store_explicit(&ht_gate.seg_next[segment], 0,
					      memory_order_relaxed); /* ours until linked */
			return segment;
		}
	}
	return HT_NONE;
}

/* Gives back what was taken but not used. */
static void push_segment(uint32_t segment)
{
	struct ht_channel *ch = ht_gate.channel;
	uint64_t top = atomic_load_explicit(&ch->free_top, memory_order_acquire); /* as in pop_segment */

	for (int i = 0; i < POP_TRIES; i++) {
		atomic_store_explicit(&ht_gate.seg_next[segment], (uint32_t)top,
				      memory_order_relaxed); /* released below */
		if (atomic_compare_exchange_weak_explicit(&ch->free_top, &top, ((top >> 32) + 1) << 32 | (segment + 1),
							  memory_order_acq_rel, memory_order_acquire)) {
			atomic_fetch_add_explicit(&ch->free_count, 1, memory_order_relaxed); /* a hint */
			return;
		}
	}
}

/* A short spin, then sleep in slices, which are the longer the more wait: thousands that look each 50 ms would leave the collector no
 * processor to make room with. Gives up at the limit, when the session is over, or under another policy. */
static uint32_t wait_for_segment(struct ht_thread *t)
{
	struct ht_channel *ch = ht_gate.channel;
	uint64_t since, ticks = ht_ticks();
	uint32_t segment = HT_NONE;

	for (int i = 0; i < SPINS && segment == HT_NONE; i++) {
		__asm__ volatile("pause");
		if (i % 16 == 0)
			segment = pop_segment();
	}
	since = segment == HT_NONE ? ht_sys_monotonic_ns() : 0;
	while (segment == HT_NONE && !session_is_over() &&
	       atomic_load_explicit(&ch->policy, memory_order_relaxed) == HT_POLICY_BLOCK) {
		uint32_t room =
			atomic_load_explicit(&ch->room, memory_order_acquire); /* pairs with collect/pool.c's bump */
		/* seq_cst: announced before the last look, so that the collector either sees us or has pushed already */
		uint32_t others = atomic_fetch_add(&ch->waiters, 1);

		segment = pop_segment();
		if (segment == HT_NONE)
			ht_sys_futex_wait(&ch->room, room, HT_WAIT_SLICE_NS * (1 + others / HT_WAIT_CROWD));
		atomic_fetch_sub(&ch->waiters, 1);
		if (segment == HT_NONE)
			segment = pop_segment();
		if (segment == HT_NONE && ht_sys_monotonic_ns() - since >= HT_WAIT_LIMIT_NS) {
			t->stalled = 1;
			break;
		}
	}
	if (t->slot)
		ht_bump(&t->slot->blocked_ticks, ht_ticks() - ticks);
	return segment;
}

static uint32_t take_segment(struct ht_thread *t)
{
	uint32_t segment = pop_segment();

	if (segment != HT_NONE) {
		t->stalled = 0;
		return segment;
	}
	if (atomic_load_explicit(&ht_gate.channel->policy, memory_order_relaxed) != HT_POLICY_BLOCK)
		return HT_NONE;
	return t->stalled ? HT_NONE : wait_for_segment(t);
}

/* ---- slots ------------------------------------------------------------------------------------------------- */

/* The slot this thread pointer belongs to, if its last thread was of this image; else, with `fresh`, a free one. NULL: none. */
static struct ht_slot *find_slot(uint64_t tp, bool fresh, uint32_t *word)
{
	uint32_t mask = ht_gate.channel->slot_count - 1;
	/* forked children have their parent's thread pointers */
	uint32_t home = (uint32_t)(((tp ^ (uint64_t)ht_gate.image << 32) * 0x9e3779b97f4a7c15ull) >> 40);

	for (uint32_t i = 0; i < SLOT_PROBES; i++) {
		struct ht_slot *slot = &ht_gate.slots[(home + i) & mask];

		/* acquire: pairs with the release that made it LIVE or FREE; identity and counters are readable */
		*word = atomic_load_explicit(&slot->state, memory_order_acquire);
		if (fresh && HT_SLOT_STATE(*word) == HT_SLOT_FREE)
			return slot;
		if (!fresh && HT_SLOT_STATE(*word) == HT_SLOT_LIVE && slot->thread_pointer == tp &&
		    slot->image == ht_gate.image)
			return slot;
		if (*word == 0)
			return NULL; /* never used: nobody went further */
	}
	return NULL;
}

static bool seize(struct ht_slot *slot, uint32_t word)
{
	return atomic_compare_exchange_strong_explicit(&slot->state, &word, HT_SLOT_NEXT(word, HT_SLOT_TAKING),
						       memory_order_acq_rel, memory_order_acquire);
}

static void emit_thread(struct ht_slot *slot, uint64_t ticks)
{
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_relaxed); /* ours while TAKING */
	struct ht_cell *c = cells_at(slot, head) + head % HT_SEGMENT_CELLS;
	/* relaxed: the slot is ours, and the acquire of seize_slot saw its last owner's counters */
	uint64_t counters[6] = {
		atomic_load_explicit(&slot->entered, memory_order_relaxed),
		atomic_load_explicit(&slot->counted_only, memory_order_relaxed),
		atomic_load_explicit(&slot->lost, memory_order_relaxed),
		atomic_load_explicit(&slot->nested, memory_order_relaxed),
		atomic_load_explicit(&slot->blocked_ticks, memory_order_relaxed),
		atomic_load_explicit(&slot->passed, memory_order_relaxed),
	};

	c[0] = (struct ht_cell){ { ht_cell_word0(HT_CELL_THREAD, 0, slot->tid), ticks } };
	for (int i = 0; i < 3; i++)
		c[1 + i] = (struct ht_cell){ { counters[2 * i], counters[2 * i + 1] } };
	ht_bump(&slot->head, HT_THREAD_CELLS); /* publish: C2 */
	ht_slot_settle(slot);
}

static uint32_t tid_of_thread(void)
{
#ifdef HT_BLOB
	return ht_blob_tid();
#else
	/* a child by vfork calls as the thread that made it, whose number it cannot ask for */
	return ht_sys_getpid() == ht_gate.pid ? ht_sys_gettid() : 0;
#endif
}

/* Gives a seized slot, whose ring stands ready, its new identity. The thread has it last: one that leaves by a jump before that claims again. */
static void settle(struct ht_thread *t, struct ht_slot *slot, uint64_t tp)
{
	uint32_t word = atomic_load_explicit(&slot->state, memory_order_relaxed); /* ours while TAKING */

	uint32_t number = (uint32_t)(slot - ht_gate.slots);

	t->memo = NULL;
	slot->unreported = 0;
	slot->tid = tid_of_thread();
	slot->thread_pointer = tp;
	slot->image = ht_gate.image;
	t->last_ticks = ht_ticks();
	emit_thread(slot, t->last_ticks);
	/* release: pairs with the acquire in collect/drain.c and in seize_slot */
	atomic_store_explicit(&slot->state, HT_SLOT_NEXT(word, HT_SLOT_LIVE), memory_order_release);
	/* release: both pair with collect/drain.c:look_for_slots() */
	atomic_fetch_or_explicit(&ht_gate.channel->claimed[number / 64], 1ull << number % 64, memory_order_release);
	atomic_fetch_add_explicit(&ht_gate.channel->claims, 1, memory_order_release);
	ht_signal_fence();
	t->slot = slot;
}

static void link_segment(struct ht_slot *slot, uint32_t segment)
{
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_relaxed); /* own counter */
	uint32_t old = atomic_load_explicit(segment_at(slot, head), memory_order_relaxed);

	/* relaxed: published with head below */
	atomic_store_explicit(&ht_gate.seg_next[old], segment + 1, memory_order_relaxed);
	segment_cells(old)[head % HT_SEGMENT_CELLS] =
		(struct ht_cell){ { ht_cell_word0(HT_CELL_LINK, 0, 0), segment } };
	atomic_store_explicit(segment_at(slot, head + HT_SEGMENT_CELLS), segment, memory_order_relaxed);
	ht_bump(&slot->head, HT_SEGMENT_CELLS - head % HT_SEGMENT_CELLS); /* publish: C2 */
	ht_slot_settle(slot);
}

static bool has_room(const struct ht_slot *slot)
{
	/* relaxed: the thread that wrote it is gone, and find_slot's acquire saw its last store */
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_relaxed);

	return head % HT_SEGMENT_CELLS < HT_SEGMENT_CELLS - HT_CALL_CELLS;
}

/* The ring of a thread that ended goes on with this one. */
static bool take_over(struct ht_thread *t, uint64_t tp)
{
	uint32_t word, segment = HT_NONE;
	struct ht_slot *slot = find_slot(tp, false, &word);

	if (!slot)
		return false;
	if (!has_room(slot)) {
		segment = take_segment(t);
		if (segment == HT_NONE)
			return false;
	}
	if (!seize(slot, word)) {
		if (segment != HT_NONE)
			push_segment(segment);
		return false;
	}
	if (segment != HT_NONE)
		link_segment(slot, segment);
	settle(t, slot, tp);
	return true;
}

/* False: no slot or no segment; the thread stays without. */
static bool claim(struct ht_thread *t)
{
	uint64_t head, tp = thread_pointer();
	uint32_t word, segment;
	struct ht_slot *slot;

	if (take_over(t, tp))
		return true;
	segment = take_segment(t);
	if (segment == HT_NONE)
		return false;
	do {
		slot = find_slot(tp, true, &word);
		if (!slot) {
			push_segment(segment);
			return false;
		}
	} while (!seize(slot, word)); /* lost to another thread, which took it: at most SLOT_PROBES times */
	head = atomic_load_explicit(&slot->head, memory_order_relaxed); /* ours while TAKING */
	head = (head + HT_SEGMENT_CELLS - 1) / HT_SEGMENT_CELLS * HT_SEGMENT_CELLS;
	for (uint32_t i = 0; i < HT_MEMOS + HT_PATHS; i++) /* relaxed: all released by settle() */
		atomic_store_explicit(&slot->memo[i], 0, memory_order_relaxed);
	slot->first_segment = segment;
	slot->first_head = head;
	atomic_store_explicit(segment_at(slot, head), segment, memory_order_relaxed); /* likewise */
	atomic_store_explicit(&slot->head, head, memory_order_relaxed);
	settle(t, slot, tp);
	return true;
}

/* ---- what ht_call_enter asks ------------------------------------------------------------------------------- */

static void mark(struct ht_thread *t, enum ht_cell_kind kind, uint64_t value)
{
	*t->cell++ = (struct ht_cell){ { ht_cell_word0(kind, 0, 0), value } };
	ht_bump(&t->slot->head, 1); /* publish: C2 */
	ht_slot_settle(t->slot);
}

/* What stands between this thread's last event and the next. */
static void report(struct ht_thread *t)
{
	uint64_t now = ht_ticks();
	uint32_t lost = t->slot->unreported;

	if (t->astray) {
		t->astray = 0;
		t->last_ticks = now > t->last_ticks
					? now
					: t->last_ticks; /* written before it is published: never behind the reader */
		mark(t, HT_CELL_TIME, t->last_ticks);
	}
	if (lost) {
		t->slot->unreported = 0;
		ht_signal_fence(); /* a jump here leaves it to the counter, which tells it at the end; told twice it would be too much */
		mark(t, HT_CELL_LOSS, lost);
	}
}

static void lose_unassigned(void)
{
	atomic_fetch_add_explicit(&ht_gate.channel->unassigned_entered, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&ht_gate.channel->unassigned_lost, 1, memory_order_relaxed);
}

/* One counter, for a call that comes while another is anywhere in the agent: it tears nothing that one reads, ht_slot_balance() least of all. */
bool ht_thread_pass(struct ht_thread *t)
{
	if (t->slot) {
		ht_bump(&t->slot->passed, 1);
		t->slot->unreported++;
	} else {
		lose_unassigned();
	}
	return false;
}

/* The call that `inside` names finds no room. */
static bool lose(struct ht_thread *t, enum ht_function function)
{
	if (t->slot) {
		ht_bump(&t->slot->entered, 1);
		ht_bump(&t->slot->lost, 1);
		t->slot->unreported++;
	} else {
		lose_unassigned();
	}
	ht_call_goes(t, function, HT_CALLING_ACCOUNTED);
	return false;
}

/* A row that does not fit in a cell: with escapes in front. */
HT_NOINLINE void ht_thread_emit_long(struct ht_thread *t, enum ht_cell_kind kind, uint32_t context, enum ht_place place,
				     uint64_t address, uint64_t size)
{
	bool begins = kind == HT_CELL_REALLOC_BEGIN;
	struct ht_cell *c = t->cell;
	uint64_t cells, now = ht_ticks();
	uint64_t delta = now - t->last_ticks;

	if (delta > HT_CELL_DELTA_MAX) {
		if ((int64_t)delta < 0)
			now = t->last_ticks; /* another CPU's counter is behind: a thread's time never goes back */
		*c++ = (struct ht_cell){ { ht_cell_word0(HT_CELL_TIME, 0, 0), now } };
		delta = 0;
	}
	if (!ht_cell_address_fits(address)) {
		*c++ = (struct ht_cell){ { ht_cell_word0(HT_CELL_ADDRESS, 0, 0), address } };
		address = 0;
	}
	if (size > HT_CELL_SIZE_MAX) {
		*c++ = (struct ht_cell){ { ht_cell_word0(HT_CELL_SIZE, 0, 0), size } };
		size = 0;
	}
	c->word[0] = ht_cell_word0(kind, delta, context);
	c->word[1] = ht_cell_word1(place, size, address);
	c++;
	t->last_ticks = now;
	cells = (uint64_t)(c - t->cell);
	if (begins)
		ht_slot_spare(t->slot, cells);
	ht_bump(&t->slot->head, cells); /* publish: C2 */
	if (!begins)
		ht_slot_spare(t->slot, cells - 1);
	t->cell = c;
}

/* The session is over: this call, and all that follow, are none of it. */
static bool leave(struct ht_thread *t)
{
	/* relaxed: whoever sees it late comes here too */
	atomic_store_explicit(&ht_door.state, HT_DOOR_DORMANT, memory_order_relaxed);
	ht_call_done(t);
	return false;
}

/* `inside` is already set to this call's frame. */
HT_NOINLINE bool ht_thread_make_room(struct ht_thread *t, enum ht_function function)
{
	if (session_is_over())
		return leave(t);
	if (!t->slot && !claim(t))
		return lose(t, function);
	resume(t);
	if (t->cell >= t->limit) {
		uint32_t segment = take_segment(t);

		if (segment == HT_NONE) {
			t->limit = t->cell;
			return session_is_over() ? leave(t) : lose(t, function); /* it may have ended while we waited */
		}
		link_segment(t->slot, segment);
		resume(t);
	}
	report(t);
	ht_bump(&t->slot->entered, 1);
	return true;
}

void ht_thread_find_room(struct ht_thread *t)
{
	uint32_t segment = t->slot && t->cell >= t->limit ? pop_segment() : HT_NONE;

	if (segment != HT_NONE) {
		link_segment(t->slot, segment);
		resume(t);
	}
}

/* Whether the frame that `inside` names still stands. A jump out of a signal handler leaves it behind: then either this call's frame lies at
 * or above it, or something else has been written over the return address that stood beside it. */
static bool outer_stands(const struct ht_thread *t, uintptr_t frame)
{
	const void *beside;

	if (frame >= t->inside)
		return false;
	if (t->inside - frame > SAME_STACK)
		return true; /* a handler on a stack of its own: not ours to read there */
	beside = ((const void *const *)t->inside)[1];
	return beside == t->caller ||
	       (t->calling == HT_CALLING_SWITCHING && (uintptr_t)beside == t->slot->outer.caller);
}

/* ---- calls that interrupt others --------------------------------------------------------------------------- */

/* Whether a call was counted as entered, and nothing more. */
static bool is_open(const struct ht_slot *slot)
{
	return (int64_t)(ht_slot_balance(slot) - slot->even) > 0;
}

/* The call that `inside` names was left by a jump, and with it the one it interrupted. What was entered and stands nowhere is lost. */
static void give_up_outer(struct ht_thread *t)
{
	struct ht_slot *slot = t->slot;
	uint32_t open = t->interrupted == HT_CALLING_OPEN;

	if (slot && !(t->calling == HT_CALLING_SWITCHING && t->interrupted))
		open += is_open(slot);
	t->calling = HT_CALLING_NOT;
	t->throwing = HT_THROWING_NOT;
	t->interrupted = HT_CALLING_NOT;
	t->side = 0;
	if (!slot)
		return;
	t->astray = 1;
	t->limit = NULL; /* the slow way next, which puts it right and reports it */
	ht_bump(&slot->lost, open);
	ht_slot_settle(slot);
	t->slot->unreported += open;
}

/* Whether the outer call is in the allocator, with nothing half written here. Not inside a realloc: its two rows stand together. */
static bool may_interrupt(const struct ht_thread *t)
{
	return t->slot && t->calling != HT_CALLING_NOT && t->calling != HT_CALLING_SWITCHING && !t->interrupted &&
	       t->function != HT_FN_REALLOC && t->function != HT_FN_REALLOCARRAY;
}

/* Whether the outer call, whose frame does not seem to stand, may be one that has not come beyond `inside` (A5). If it is not, it was left by
 * a jump when it stood in a row or a counter, or nowhere yet; then nobody misses it. */
static bool may_be_entering(const struct ht_thread *t, uintptr_t frame)
{
	return frame < t->inside && t->calling == HT_CALLING_NOT && !t->interrupted && !(t->slot && is_open(t->slot));
}

/* Sets the outer call aside. `calling`: its. */
static void interrupt_outer(struct ht_thread *t, uintptr_t frame, const void *caller, uint8_t calling)
{
	struct ht_slot *slot = t->slot;

	slot->outer = (struct ht_outer){
		.inside = t->inside,
		.caller = calling == HT_CALLING_ENTERING ? ((const uintptr_t *)t->inside)[1] : (uintptr_t)t->caller,
		.asked = slot->asked,
		.side_address = slot->side_address,
		.side_size = slot->side_size,
		.context = slot->context,
		.side_function = slot->side_function,
		.calling = calling,
		.function = t->function,
		.side = t->side,
		.throwing = t->throwing,
	};
	ht_signal_fence();
	t->calling = HT_CALLING_SWITCHING;
	ht_signal_fence();
	t->interrupted = calling;
	ht_signal_fence();
	ht_slot_settle(slot);
	t->throwing = HT_THROWING_NOT;
	t->side = 0;
	if (calling == HT_CALLING_ENTERING) {
		t->astray = 1;
		t->limit = NULL;
	}
	t->caller = caller;
	ht_signal_fence();
	t->inside = frame;
	ht_signal_fence();
	t->calling = HT_CALLING_NOT;
	ht_signal_fence();
}

/* The call that interrupted is done. Until `calling` is the outer call's again, a handler's call here is a lost one. */
HT_NOINLINE void ht_thread_resume_outer(struct ht_thread *t)
{
	struct ht_slot *slot = t->slot;
	const struct ht_outer *outer = &slot->outer;
	bool entering = outer->calling == HT_CALLING_ENTERING;

	t->calling = HT_CALLING_SWITCHING;
	ht_signal_fence();
	t->inside = outer->inside;
	ht_signal_fence();
	/* one that was entering has still to write it, or never will: this is no address that lies on a stack */
	t->caller = entering ? (const void *)&ht_door : (const void *)(uintptr_t)outer->caller;
	t->function = outer->function;
	slot->context = outer->context;
	t->side = outer->side;
	t->throwing = outer->throwing;
	slot->asked = outer->asked;
	slot->side_address = outer->side_address;
	slot->side_size = outer->side_size;
	slot->side_function = outer->side_function;
	ht_slot_settle(slot);
	if (outer->calling == HT_CALLING_OPEN)
		ht_slot_spare(slot, 1);
	ht_signal_fence();
	t->interrupted = HT_CALLING_NOT;
	ht_signal_fence();
	t->calling = entering ? HT_CALLING_NOT : outer->calling;
}

/* A hook is entered while `inside` is set. True: this call is recorded like any other, because the outer one is gone, or was set aside: a
 * signal handler interrupted it in the allocator, or the allocator called a new-handler. False: this call is made by the module that
 * serves the outer one, and is one with it (operator new calls malloc); or it comes where none can be recorded, and is lost, and says so. */
HT_NOINLINE bool ht_thread_reenter(struct ht_thread *t, uintptr_t frame, const void *caller)
{
	bool stands = outer_stands(t, frame), entering = !stands && may_be_entering(t, frame);

	if (!stands && !entering) {
		give_up_outer(t);
		return true;
	}
	if (entering && t->slot) {
		interrupt_outer(t, frame, caller, HT_CALLING_ENTERING);
		return true;
	}
	if (t->calling && t->calling != HT_CALLING_SWITCHING && ht_next_serves(t->function, caller)) {
		if (t->slot)
			ht_bump(&t->slot->nested, 1);
		return false;
	}
	if (may_interrupt(t)) {
		interrupt_outer(t, frame, caller, t->calling);
		return true;
	}
	t->limit = NULL;
	return ht_thread_pass(t);
}

/* ---- memos ------------------------------------------------------------------------------------------------- */

/* The slot's memo i, or from HT_MEMOS on a segment for paths; `found`: it had it. A new one is from the pool, if memos have not had their share of
 * it; of that share paths take the first half only. */
void *ht_thread_memo(struct ht_thread *t, uint32_t i, bool *found)
{
	struct ht_channel *ch = ht_gate.channel;
	uint32_t limit = i < HT_MEMOS ? ch->memo_limit : ch->memo_limit / 2;
	uint32_t segment = atomic_load_explicit(&t->slot->memo[i], memory_order_relaxed); /* the thread's own */

	*found = segment != 0;
	if (segment)
		return segment_cells(segment - 1);
	if (atomic_fetch_add_explicit(&ch->memo_count, 1, memory_order_relaxed) < limit) {
		segment = pop_segment();
		if (segment != HT_NONE) {
			/* release: pairs with the acquire in collect/drain.c; nothing but the number */
			atomic_store_explicit(&t->slot->memo[i], segment + 1, memory_order_release);
			return segment_cells(segment);
		}
	}
	atomic_fetch_sub_explicit(&ch->memo_count, 1, memory_order_relaxed);
	return NULL;
}

/* ---- blocks allocated inside a call ------------------------------------------------------------------------ */

/* A nested call returned a block. Most often the outer call hands out the very same (operator new does what malloc gave it), and then it is one
 * event. But a bad_alloc's exception object lives on when the call is over: then it is an event of its own, told as soon as that is known. */
void ht_thread_side_block(struct ht_thread *t, enum ht_function function, const void *p, uint64_t size)
{
	struct ht_slot *slot = t->slot;

	if (!slot)
		return;
	if (t->side && slot->side_address != (uintptr_t)p)
		ht_thread_settle_side(t, NULL);
	slot->side_address = (uintptr_t)p;
	slot->side_size = size;
	slot->side_function = function;
	t->side = 1;
}

void ht_thread_side_freed(struct ht_thread *t, const void *p)
{
	if (t->side && t->slot->side_address == (uintptr_t)p)
		t->side = 0;
}

/* The outer call is over and gave `result`; or it was left by an exception, NULL. */
HT_NOINLINE void ht_thread_settle_side(struct ht_thread *t, const void *result)
{
	struct ht_slot *slot = t->slot;

	t->side = 0;
	if (slot->side_address == (uintptr_t)result)
		return;
	ht_bump(&slot->entered, 1);
	ht_emit(t, HT_CELL_ALLOC, slot->side_function, ht_place_of((const void *)slot->side_address),
		slot->side_address, slot->side_size);
}

/* ---- children ---------------------------------------------------------------------------------------------- */

/* Memory of nobody in place of the channel: what an interrupted call may still write goes there. */
void ht_thread_cut_off(struct ht_channel *ch)
{
	uint32_t slots = ch->slot_count, segments = ch->segment_count, mask = ch->node_index_mask;

	ht_syscall6(HT_SYS_mmap, (long)ch, (long)ch->bytes, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANON, -1, 0);
	ch->slot_count = slots;
	ch->segment_count = segments;
	ch->node_index_mask = mask;
}

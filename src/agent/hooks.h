/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.h -- what is the same in every hook: begin, then the real call, then what came of it
 *
 * Used by: hooks.c (C functions) and operators.c (C++ operators).
 *
 *   h = begin        decides once whether this call is recorded; everything after asks h
 *   real call        between begin and end `calling` is set: whatever enters a hook now is nested in this call
 *   allocated / reallocated / freed
 *
 * Always true: H1  begin and end run in the frame of the same hook; H2  a call that the thread has left by a jump (its frame is no
 * longer in `inside`) records nothing more: ht_thread_reenter has counted it as lost. Nor does one that a fork copied into the child.
 * H3  what is tail-called from a hook has the hook's frame
 */
#ifndef HT_HOOKS_H
#define HT_HOOKS_H

#include "agent/agent.h"

#define HT_EXPORT __attribute__((visibility("default")))

/* The hook's frame: at it lies the program's rbp, above it the address the program goes on at. In the blob that is the frame of the entry
 * (blob.c), which keeps the registers and calls the hook; the hook's own begins with a pointer to it. */
#ifdef HT_BLOB
#define HT_FRAME() (*(uintptr_t *)__builtin_frame_address(0))
#define HT_CALLER() (((const void **)HT_FRAME())[1])
#else
#define HT_FRAME() ((uintptr_t)__builtin_frame_address(0))
#define HT_CALLER() __builtin_return_address(0)
#endif
#define HT_INLINE static inline __attribute__((always_inline))

/* A call by the allocator itself, which only the blob can meet: B7. */
#ifdef HT_BLOB
#define HT_IS_OWN() ht_unlikely((uint64_t)HT_CALLER() - ht_blob.own.start < ht_blob.own.end - ht_blob.own.start)
#else
#define HT_IS_OWN() false
#endif

struct ht_hook {
	struct ht_thread *thread;
	uintptr_t frame;
	const void *caller;
	enum ht_function function;
	uint32_t context; /* 0: not known yet */
	bool recorded;
};

HT_INLINE struct ht_hook ht_hook_enter(enum ht_function fn)
{
	struct ht_hook h = {
		.thread = ht_thread_self(),
		.frame = HT_FRAME(),
		.caller = HT_CALLER(),
		.function = fn,
	};

	h.recorded = ht_call_enter(h.thread, fn, h.frame, h.caller);
	return h;
}

HT_INLINE void ht_hook_call(struct ht_hook *h, enum ht_calling how)
{
	if (ht_likely(h->recorded))
		ht_call_goes(h->thread, h->function, how);
	ht_signal_fence();
}

/* True: the call's outcome is to be recorded. */
HT_INLINE bool ht_hook_returned(struct ht_hook *h)
{
	ht_signal_fence();
	if (ht_likely(h->recorded && h->thread->inside == h->frame) && ht_likely(ht_door_state() != HT_DOOR_LOOK)) {
		h->thread->calling = HT_CALLING_NOT;
		ht_signal_fence();
		return true;
	}
	ht_call_leave(h->thread, h->frame);
	return false;
}

HT_INLINE uint32_t ht_hook_context(const struct ht_hook *h)
{
	if (h->context)
		return h->context;
	return ht_gate.stacks ? ht_stack_context(h->thread, h->function, h->frame) : (uint32_t)h->function;
}

/* Neither recorded nor outermost: part of the call that is. (A signal handler's call that was lost is not.) */
HT_INLINE bool ht_hook_is_nested(const struct ht_hook *h)
{
	return !h->recorded && h->thread->inside && h->thread->calling == HT_CALLING_OPEN &&
	       ht_next_serves(h->thread->function, h->caller);
}

HT_INLINE struct ht_hook ht_hook_begin(enum ht_function fn)
{
	struct ht_hook h = ht_hook_enter(fn);

	ht_hook_call(&h, HT_CALLING_OPEN);
	return h;
}

HT_INLINE void ht_hook_allocated(struct ht_hook *h, void *p, uint64_t size)
{
	if (!ht_hook_returned(h)) {
		if (p && ht_hook_is_nested(h))
			ht_thread_side_block(h->thread, h->function, p, size);
		return;
	}
	if (ht_unlikely(h->thread->side))
		ht_thread_settle_side(h->thread, p);
	if (ht_likely(p != NULL))
		ht_emit(h->thread, HT_CELL_ALLOC, ht_hook_context(h), ht_place_of(p), (uintptr_t)p, size);
	else
		ht_emit(h->thread, HT_CELL_ALLOC_FAILED, ht_hook_context(h), HT_PLACE_UNKNOWN, 0, size);
	ht_call_done(h->thread);
}

/* A release has no stack of its own unless the session asks for it. */
HT_INLINE uint32_t ht_hook_free_context(const struct ht_hook *h)
{
	return ht_gate.free_stacks ? ht_hook_context(h) : (uint32_t)h->function;
}

HT_INLINE struct ht_hook ht_hook_begin_realloc(enum ht_function fn, void *old)
{
	struct ht_hook h = ht_hook_enter(fn);

	if (ht_likely(h.recorded) && old)
		ht_emit(h.thread, HT_CELL_REALLOC_BEGIN, fn, ht_place_of(old), (uintptr_t)old, 0);
	ht_hook_call(&h, HT_CALLING_OPEN);
	return h;
}

HT_INLINE void ht_hook_reallocated(struct ht_hook *h, void *old, void *p, uint64_t size)
{
	uint32_t context;

	if (!old) {
		ht_hook_allocated(h, p, size);
		return;
	}
	if (!ht_hook_returned(h))
		return;
	context = ht_hook_context(h);
	if (p)
		ht_emit(h->thread, HT_CELL_REALLOC_END, context, ht_place_of(p), (uintptr_t)p, size);
	else if (size == 0)
		ht_emit(h->thread, HT_CELL_REALLOC_FREED, context, HT_PLACE_UNKNOWN, 0, 0);
	else
		ht_emit(h->thread, HT_CELL_REALLOC_FAILED, context, HT_PLACE_UNKNOWN, 0, size);
	ht_call_done(h->thread);
}

HT_INLINE void ht_hook_free_row(struct ht_hook *h, void *p)
{
	if (p)
		ht_emit(h->thread, HT_CELL_FREE, ht_hook_free_context(h), ht_place_of(p), (uintptr_t)p, 0);
	else
		ht_bump(&h->thread->slot->counted_only, 1);
}

HT_INLINE struct ht_hook ht_hook_begin_free(enum ht_function fn, void *p)
{
	struct ht_hook h = ht_hook_enter(fn);

#ifndef HT_PLANT_LATE_FREE
	if (ht_likely(h.recorded))
		ht_hook_free_row(&h, p);
	else if (ht_hook_is_nested(&h))
		ht_thread_side_freed(h.thread, p);
#else
	(void)p;
#endif
	ht_hook_call(&h, HT_CALLING_ACCOUNTED);
	return h;
}

HT_INLINE void ht_hook_freed(struct ht_hook *h, void *p)
{
	if (!ht_hook_returned(h))
		return;
#ifdef HT_PLANT_LATE_FREE /* the mistake that tests/e2e must notice: stamping a release after the address may be reborn */
	ht_hook_free_row(h, p);
#else
	(void)p;
#endif
	ht_call_done(h->thread);
}

/* ---- the short way ----------------------------------------------------------------------------------------------
 *
 * Nearly every call is nobody's inner one, finds room, and fits in one cell. It is recorded in as few instructions as the compiler can be brought
 * to. Whatever else comes, before the real call or after it, goes the whole way, which is above. That is always a tail call, so that it has the
 * frame of the hook, and the short way need not keep a register for it. */

/* As ht_hook_enter, or false, and nothing has happened. */
HT_INLINE bool ht_hook_enter_short(struct ht_thread *t, uintptr_t frame, const void *caller)
{
#ifdef HT_BLOB
	if (ht_unlikely(t == &ht_nobody))
		return false;
#endif
	if (ht_unlikely(t->inside))
		return false;
	ht_call_is(t, frame, caller); /* a handler's own calls take cells: before this, not after */
	if (ht_unlikely(t->cell >= t->limit) || ht_unlikely(!ht_recording())) {
		t->inside = 0;
		return false;
	}
	ht_bump(&t->slot->entered, 1);
	return true;
}

/* One cell, stamped by rdtsc; the address fits, as those that glibc gives do. False: it does not fit, or the clock has gone far; nothing was written. */
HT_INLINE bool ht_hook_emit_short(struct ht_thread *t, enum ht_cell_kind kind, enum ht_function fn, const void *p,
				  uint64_t size)
{
	struct ht_cell *c = t->cell;
	struct ht_slot *slot = t->slot;
	uint64_t now = ht_rdtsc(), delta = now - t->last_ticks;

	if (ht_unlikely(delta > HT_CELL_DELTA_MAX))
		return false;
	ht_cell_tell(c, kind, delta, fn);
	c->word[1] = ht_cell_word1_by_header(((const size_t *)p)[-1], size, (uintptr_t)p);
	t->last_ticks = now;
	ht_bump(&slot->head, 1); /* publish: C2 */
	t->cell++;
	ht_signal_fence();
	t->inside = 0;
	ht_signal_fence();
	return true;
}

/* The rest of a call that was entered by the short way and has returned `p`; returns it. */
HT_NOINLINE void *ht_hook_allocated_seldom(void *p, uint64_t size, enum ht_function fn);

HT_INLINE void *ht_hook_allocated_short(enum ht_function fn, uintptr_t frame, void *p, uint64_t size)
{
	struct ht_thread *t = ht_thread_self();

	ht_signal_fence();
	if (ht_unlikely(!p) || ht_unlikely(size > HT_CELL_SIZE_MAX) || ht_unlikely(!ht_gate.short_alloc) ||
	    ht_unlikely(!ht_door_is(HT_DOOR_ACTIVE)) || ht_unlikely(t->inside != frame) ||
	    ht_unlikely(t->alone != ht_going(fn, HT_CALLING_OPEN)))
		return ht_hook_allocated_seldom(p, size, fn);
	t->calling = HT_CALLING_NOT;
	ht_signal_fence();
	if (ht_unlikely(!ht_hook_emit_short(t, HT_CELL_ALLOC, fn, p, size)))
		return ht_hook_allocated_seldom(p, size, fn);
	return p;
}

/* The exported function `name`, and the head of traced_<name>, whose body follows: the way of a call while events are recorded. All are
 * tail calls, so that the traced function sees the program's frame as its caller, and the dormant way is five instructions. */
#define HT_HOOK(type, name, fn, parameters, arguments)                                                                 \
	static HT_NOINLINE type traced_##name parameters;                                                              \
	HT_EXPORT type name parameters;                                                                                \
	static HT_NOINLINE __attribute__((cold)) type first_##name parameters                                          \
	{                                                                                                              \
		ht_start(fn);                                                                                          \
		if (ht_door_state() == HT_DOOR_ACTIVE)                                                                 \
			return traced_##name arguments;                                                                \
		return HT_NEXT(type, fn, parameters) arguments;                                                        \
	}                                                                                                              \
	HT_EXPORT type name parameters                                                                                 \
	{                                                                                                              \
		if (ht_door_is(HT_DOOR_ACTIVE) && (HT_ALWAYS_THERE(fn) || ht_likely(ht_next[fn])))                     \
			return traced_##name arguments;                                                                \
		if (ht_unlikely(!ht_next[fn]) || ht_unlikely(ht_door_is(HT_DOOR_LOOK)))                                \
			return first_##name arguments;                                                                 \
		return HT_NEXT(type, fn, parameters) arguments;                                                        \
	}                                                                                                              \
	static HT_NOINLINE type traced_##name parameters

/* No image that lacks these records: session.c. */
#define HT_ALWAYS_THERE(fn) ((fn) == HT_FN_MALLOC || (fn) == HT_FN_FREE)

#define HT_NEXT(type, fn, parameters) ((type(*) parameters)ht_next[fn])

/* A function that releases its first parameter, `p`. */
#define HT_FREE_HOOK(name, fn, parameters, arguments)                                                                  \
	HT_HOOK(void, name, fn, parameters, arguments)                                                                 \
	{                                                                                                              \
		struct ht_hook h = ht_hook_begin_free(fn, p);                                                          \
                                                                                                                       \
		HT_NEXT(void, fn, parameters) arguments;                                                               \
		ht_hook_freed(&h, p);                                                                                  \
	}

/* A function that returns a block of `bytes`. */
#define HT_ALLOC_HOOK(name, fn, parameters, arguments, bytes)                                                          \
	static HT_NOINLINE void *whole_##name parameters;                                                              \
	HT_HOOK(void *, name, fn, parameters, arguments)                                                               \
	{                                                                                                              \
		uintptr_t frame = HT_FRAME();                                                                          \
		struct ht_thread *t = ht_thread_self();                                                                \
		void *p;                                                                                               \
                                                                                                                       \
		if (ht_unlikely(!ht_hook_enter_short(t, frame, HT_CALLER())))                                          \
			return whole_##name arguments;                                                                 \
		t->alone = ht_going(fn, HT_CALLING_OPEN); /* nothing came of it yet */                                 \
		ht_signal_fence();                                                                                     \
		p = HT_NEXT(void *, fn, parameters) arguments;                                                         \
		return ht_hook_allocated_short(fn, HT_FRAME(), p, bytes);                                              \
	}                                                                                                              \
	static HT_NOINLINE void *whole_##name parameters                                                               \
	{                                                                                                              \
		struct ht_hook h = ht_hook_begin(fn);                                                                  \
		void *p = HT_NEXT(void *, fn, parameters) arguments;                                                   \
                                                                                                                       \
		ht_hook_allocated(&h, p, bytes);                                                                       \
		return p;                                                                                              \
	}

/* A function that makes `bytes` of its first parameter, `old`. */
#define HT_REALLOC_HOOK(name, fn, parameters, arguments, bytes)                                                        \
	HT_HOOK(void *, name, fn, parameters, arguments)                                                               \
	{                                                                                                              \
		struct ht_hook h = ht_hook_begin_realloc(fn, old);                                                     \
		void *p = HT_NEXT(void *, fn, parameters) arguments;                                                   \
                                                                                                                       \
		ht_hook_reallocated(&h, old, p, bytes);                                                                \
		return p;                                                                                              \
	}

#endif

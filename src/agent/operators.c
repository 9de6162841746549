/* SPDX-License-Identifier: Apache-2.0 */
/* operators.c -- every form of C++ operator new and delete
 *
 * Called by: C++ programs. Hooked for themselves, not only through the malloc they may end in: so that an event names the operator, a
 * new freed by free() can be told, and allocators whose new does not call malloc (jemalloc, tcmalloc, mimalloc) are seen.
 *
 *   new ──► next new ──► returns: alloc row          ──► throws bad_alloc: the unwinder passes our frame,
 *                                                        ht_personality closes the call as a failed allocation, the
 *                                                        exception goes on
 *
 * Always true: no exception is caught, delayed or made here; there is no landing pad. The frames of throwing operators name
 * ht_personality in their unwind information, by one assembler directive, so that no C++ runtime is needed.
 */
#include "agent/hooks.h"

#define SIZE (size_t size)
#define SIZE_TAG (size_t size, const void *tag)
#define SIZE_ALIGN (size_t size, size_t align)
#define SIZE_ALIGN_TAG (size_t size, size_t align, const void *tag)

/* The throwing forms. The unwinder does not know the blob, so that nothing may throw through it: its own are in blob.c. */
#ifndef HT_BLOB
enum { PHASE_CLEANUP = 2, CONTINUE_UNWIND = 8 };

/* A personality routine of the Itanium C++ ABI: asks to search on; in the cleanup phase closes the call that is being left. */
__attribute__((used)) int ht_personality(int version, int actions, uint64_t class, void *exception, void *context);
__attribute__((used)) int ht_personality(int version, int actions, uint64_t class, void *exception, void *context)
{
	struct ht_thread *t = ht_thread_self();

	(void)version;
	(void)class;
	(void)exception;
	(void)context;
	if (actions & PHASE_CLEANUP && t->inside && t->throwing && ht_door_state() != HT_DOOR_LOOK) {
		t->calling = HT_CALLING_NOT;
		ht_signal_fence();
		if (t->side)
			ht_thread_settle_side(t, NULL);
		if (t->throwing == HT_THROWING_RECORDED)
			ht_emit(t, HT_CELL_ALLOC_FAILED, t->slot->context, HT_PLACE_UNKNOWN, 0, t->slot->asked);
		t->throwing = HT_THROWING_NOT;
		ht_call_done(t);
	}
	return CONTINUE_UNWIND;
}

/* 0x1b: a signed 32-bit offset from the place of the reference. */
#define PASSES_EXCEPTIONS() __asm__ volatile(".cfi_personality 0x1b, ht_personality")

/* What ht_personality needs, written down before the real function may throw. A nested call leaves it as the outer call had it. */
HT_INLINE void expect_throw(struct ht_hook *h, uint64_t size)
{
	if (h->thread->inside != h->frame)
		return;
	if (h->recorded) {
		h->thread->slot->asked = size;
		h->thread->slot->context = h->context = ht_hook_context(h);
	}
	h->thread->throwing = h->recorded ? HT_THROWING_RECORDED : HT_THROWING_UNRECORDED;
}

HT_INLINE void did_not_throw(struct ht_hook *h)
{
	if (h->thread->inside == h->frame)
		h->thread->throwing = HT_THROWING_NOT;
}

#define NEW(name, fn, parameters, arguments)                                                                           \
	HT_HOOK(void *, name, fn, parameters, arguments)                                                               \
	{                                                                                                              \
		struct ht_hook h = ht_hook_enter(fn);                                                                  \
		void *p;                                                                                               \
                                                                                                                       \
		PASSES_EXCEPTIONS();                                                                                   \
		expect_throw(&h, size);                                                                                \
		ht_hook_call(&h, HT_CALLING_OPEN);                                                                     \
		p = HT_NEXT(void *, fn, parameters) arguments;                                                         \
		did_not_throw(&h);                                                                                     \
		ht_hook_allocated(&h, p, size);                                                                        \
		return p;                                                                                              \
	}

NEW(_Znwm, HT_FN_NEW, SIZE, (size))
NEW(_Znam, HT_FN_NEW_ARRAY, SIZE, (size))
NEW(_ZnwmSt11align_val_t, HT_FN_NEW_ALIGNED, SIZE_ALIGN, (size, align))
NEW(_ZnamSt11align_val_t, HT_FN_NEW_ARRAY_ALIGNED, SIZE_ALIGN, (size, align))
#endif

HT_ALLOC_HOOK(_ZnwmRKSt9nothrow_t, HT_FN_NEW_NOTHROW, SIZE_TAG, (size, tag), size)
HT_ALLOC_HOOK(_ZnamRKSt9nothrow_t, HT_FN_NEW_ARRAY_NOTHROW, SIZE_TAG, (size, tag), size)
HT_ALLOC_HOOK(_ZnwmSt11align_val_tRKSt9nothrow_t, HT_FN_NEW_ALIGNED_NOTHROW, SIZE_ALIGN_TAG, (size, align, tag), size)
HT_ALLOC_HOOK(_ZnamSt11align_val_tRKSt9nothrow_t, HT_FN_NEW_ARRAY_ALIGNED_NOTHROW, SIZE_ALIGN_TAG, (size, align, tag),
	      size)

#define BLOCK (void *p)
#define BLOCK_TAG (void *p, const void *tag)
#define BLOCK_N (void *p, size_t n)
#define BLOCK_N_TAG (void *p, size_t n, const void *tag)
#define BLOCK_N_M (void *p, size_t n, size_t m)

HT_FREE_HOOK(_ZdlPv, HT_FN_DELETE, BLOCK, (p))
HT_FREE_HOOK(_ZdaPv, HT_FN_DELETE_ARRAY, BLOCK, (p))
HT_FREE_HOOK(_ZdlPvRKSt9nothrow_t, HT_FN_DELETE_NOTHROW, BLOCK_TAG, (p, tag))
HT_FREE_HOOK(_ZdaPvRKSt9nothrow_t, HT_FN_DELETE_ARRAY_NOTHROW, BLOCK_TAG, (p, tag))
HT_FREE_HOOK(_ZdlPvm, HT_FN_DELETE_SIZED, BLOCK_N, (p, n))
HT_FREE_HOOK(_ZdaPvm, HT_FN_DELETE_ARRAY_SIZED, BLOCK_N, (p, n))
HT_FREE_HOOK(_ZdlPvSt11align_val_t, HT_FN_DELETE_ALIGNED, BLOCK_N, (p, n))
HT_FREE_HOOK(_ZdaPvSt11align_val_t, HT_FN_DELETE_ARRAY_ALIGNED, BLOCK_N, (p, n))
HT_FREE_HOOK(_ZdlPvmSt11align_val_t, HT_FN_DELETE_SIZED_ALIGNED, BLOCK_N_M, (p, n, m))
HT_FREE_HOOK(_ZdaPvmSt11align_val_t, HT_FN_DELETE_ARRAY_SIZED_ALIGNED, BLOCK_N_M, (p, n, m))
HT_FREE_HOOK(_ZdlPvSt11align_val_tRKSt9nothrow_t, HT_FN_DELETE_ALIGNED_NOTHROW, BLOCK_N_TAG, (p, n, tag))
HT_FREE_HOOK(_ZdaPvSt11align_val_tRKSt9nothrow_t, HT_FN_DELETE_ARRAY_ALIGNED_NOTHROW, BLOCK_N_TAG, (p, n, tag))

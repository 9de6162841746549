/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.c -- malloc and its family: what the program calls when the agent is loaded
 *
 * Called by: everybody in the process, through the dynamic linker.     Calls: the next function in lookup order.
 *
 *   malloc ──► dormant: jump to the next malloc            free ──► dormant: jump
 *          └─► active:  next malloc, then record                └─► active:  record, then next free
 *
 * A free is stamped before the allocator runs, an allocation after: between the two nobody else can hold the address. A realloc is both:
 * a begin row before, an end row after, because the old address may be reborn elsewhere before it returns.
 *
 * Always true: result, errno and memory are the allocator's own; the outermost hook names the event, hooks below it are one with it;
 * the frame that __builtin_frame_address names lies on the caller's side of everything the real function does.
 */
#include "agent/hooks.h"

#define SIZE (size_t size)
#define COUNT_SIZE (size_t count, size_t size)
#define ALIGN_SIZE (size_t alignment, size_t size)

static uint64_t product(size_t count, size_t size)
{
	uint64_t all;

	return __builtin_mul_overflow(count, size, &all) ? UINT64_MAX : all;
}

void *ht_hook_allocated_seldom(void *p, uint64_t size, enum ht_function fn)
{
	struct ht_hook h = { .thread = ht_thread_self(),
			     .frame = HT_FRAME(), /* the hook's: H3 */
			     .function = fn,
			     .recorded = true };

	ht_hook_allocated(&h, p, size);
	return p;
}

HT_ALLOC_HOOK(malloc, HT_FN_MALLOC, SIZE, (size), size)
HT_ALLOC_HOOK(calloc, HT_FN_CALLOC, COUNT_SIZE, (count, size), product(count, size))
HT_ALLOC_HOOK(aligned_alloc, HT_FN_ALIGNED_ALLOC, ALIGN_SIZE, (alignment, size), size)
HT_ALLOC_HOOK(memalign, HT_FN_MEMALIGN, ALIGN_SIZE, (alignment, size), size)
HT_ALLOC_HOOK(valloc, HT_FN_VALLOC, SIZE, (size), size)
HT_ALLOC_HOOK(pvalloc, HT_FN_PVALLOC, SIZE, (size), size)

#define RET_ALIGN_SIZE (void **ret, size_t alignment, size_t size)
HT_HOOK(int, posix_memalign, HT_FN_POSIX_MEMALIGN, RET_ALIGN_SIZE, (ret, alignment, size))
{
	struct ht_hook h = ht_hook_begin(HT_FN_POSIX_MEMALIGN);
	int rc = HT_NEXT(int, HT_FN_POSIX_MEMALIGN, RET_ALIGN_SIZE)(ret, alignment, size);

	ht_hook_allocated(&h, rc ? NULL : *ret, size);
	return rc;
}

#define OLD_SIZE (void *old, size_t size)
#define OLD_COUNT_SIZE (void *old, size_t count, size_t size)
HT_REALLOC_HOOK(realloc, HT_FN_REALLOC, OLD_SIZE, (old, size), size)
HT_REALLOC_HOOK(reallocarray, HT_FN_REALLOCARRAY, OLD_COUNT_SIZE, (old, count, size), product(count, size))

#define BLOCK (void *p)
#define BLOCK_SIZE (void *p, size_t size)
#define BLOCK_ALIGN_SIZE (void *p, size_t alignment, size_t size)

/* glibc's free calls nothing that is hooked: the call is over for us before it begins. */
static HT_NOINLINE void whole_free(void *p);
static HT_NOINLINE void late_free(void *p);
HT_HOOK(void, free, HT_FN_FREE, BLOCK, (p))
{
	uintptr_t frame = HT_FRAME();
	struct ht_thread *t = ht_thread_self();

	if (HT_IS_OWN()) {
		HT_NEXT(void, HT_FN_FREE, BLOCK)(p);
		return;
	}
	if (ht_unlikely(!ht_gate.short_free) || ht_unlikely(!p) || ht_unlikely(!ht_cell_address_fits((uintptr_t)p)) ||
	    ht_unlikely(!ht_hook_enter_short(t, frame, HT_CALLER()))) {
		whole_free(p);
		return;
	}
	if (ht_unlikely(!ht_hook_emit_short(t, HT_CELL_FREE, HT_FN_FREE, p, 0))) {
		late_free(p);
		return;
	}
	HT_NEXT(void, HT_FN_FREE, BLOCK)(p);
}

static void whole_free(void *p)
{
	struct ht_hook h = ht_hook_begin_free(HT_FN_FREE, p);

	HT_NEXT(void, HT_FN_FREE, BLOCK)(p);
	ht_hook_freed(&h, p);
}

/* Entered by the short way; the thread's last event is long ago. */
static void late_free(void *p)
{
	struct ht_thread *t = ht_thread_self();

	ht_emit(t, HT_CELL_FREE, HT_FN_FREE, ht_place_of(p), (uintptr_t)p, 0);
	ht_call_done(t);
	HT_NEXT(void, HT_FN_FREE, BLOCK)(p);
}

HT_FREE_HOOK(free_sized, HT_FN_FREE_SIZED, BLOCK_SIZE, (p, size))
HT_FREE_HOOK(free_aligned_sized, HT_FN_FREE_ALIGNED_SIZED, BLOCK_ALIGN_SIZE, (p, alignment, size))

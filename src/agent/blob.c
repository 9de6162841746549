/* SPDX-License-Identifier: Apache-2.0 */
/* blob.c -- what is different in the form of the agent that is written into a running process
 *
 * Called by: the patched entries of the allocator's functions, through the table at the head; hooks.c for a thread's state.
 * channel/blob.h tells what lies where; without HT_BLOB this file is empty.
 *
 *   malloc: jmp ──► entry_malloc ── dormant ──► next[]: malloc's own beginning, elsewhere ──► malloc + 5
 *                        └─ else: keep the registers ──► hook (hooks.c) ──► next[] ... ──► registers back ──► the program
 *
 * A hook's frame is the entry's: the program's rbp and return address lie where they would if the hook had been called itself.
 *
 * A thread's state is found by its thread pointer. The entry of the table also has the thread's id: libc hands the memory of a thread that ended,
 * and so its thread pointer, to a new one, which begins with nothing.
 *
 * Always true:
 *   E1  an entry of the table belongs to the thread with its thread pointer, until the collector has freed that thread's slot: then it may
 *       have another
 *   E2  a thread's own handlers may find its entry half made at any instruction: they finish it, and what is done twice is the same
 *   E3  nothing throws through this code: it is not in any unwind table that the process knows
 */
#include "agent/hooks.h"
#include "agent/stack.h"

#ifdef HT_BLOB

/* ---- entries ----------------------------------------------------------------------------------------------- */

#define NEXT_AT 16
#define DOOR_AT 4096
#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

static_assert(offsetof(struct ht_blob, next) == NEXT_AT, "the entries below");
static_assert(offsetof(struct ht_blob, door) == DOOR_AT, "the entries below");
static_assert(HT_DOOR_ACTIVE == 1 && HT_DOOR_LOOK == 0, "the entries below");

extern const uint8_t ht_blob_unwind[]; /* blob.ld */

struct ht_blob ht_blob __attribute__((aligned(4096), section(".bss.blob")));

/* Callers in the allocator's own module may know which registers a function leaves alone. The hook's result is in rax. With `throws`, a hook
 * that gives nothing has the call made anew, by the original. */
__asm__(".set NEXT_AT, " STRING(NEXT_AT) "\n");
__asm__(".set DOOR_AT, " STRING(DOOR_AT) "\n");
__asm__(".macro BACK\n"
	"	pop %r11\n"
	"	pop %r10\n"
	"	pop %r9\n"
	"	pop %r8\n"
	"	pop %rdi\n"
	"	pop %rsi\n"
	"	pop %rdx\n"
	"	pop %rcx\n"
	"	pop %rbp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	.cfi_restore %rbp\n"
	".endm\n"
	".macro ENTRY name, function, throws=0\n"
	".section .text.entries, \"ax\", @progbits\n"
	".balign 16\n"
	"entry_\\name:\n"
	"	.cfi_startproc\n"
	"	cmpb $1, ht_blob+DOOR_AT(%rip)\n"
	"	jne 2f\n"
	"1:	push %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbp, -16\n"
	"	mov %rsp, %rbp\n"
	"	.cfi_def_cfa_register %rbp\n"
	"	push %rcx\n"
	"	push %rdx\n"
	"	push %rsi\n"
	"	push %rdi\n"
	"	push %r8\n"
	"	push %r9\n"
	"	push %r10\n"
	"	push %r11\n"
	"	call \\name\n"
	".if \\throws\n"
	"	test %rax, %rax\n"
	"	jz 3f\n"
	".endif\n"
	"	BACK\n"
	"	ret\n"
	"2:	cmpb $0, ht_blob+DOOR_AT(%rip)\n"
	"	je 1b\n"
	"	jmp *ht_blob+NEXT_AT+8*\\function(%rip)\n"
	".if \\throws\n"
	"3:	.cfi_def_cfa %rbp, 16\n"
	"	.cfi_offset %rbp, -16\n"
	"	BACK\n"
	"	jmp *ht_blob+NEXT_AT+8*\\function(%rip)\n"
	".endif\n"
	"	.cfi_endproc\n"
	".section .blob.head, \"a\", @progbits\n"
	"	.long entry_\\name - ht_blob_start\n"
	".endm\n");

/* struct ht_blob_head; the functions in their order. Where the parts begin is the linker's to say: blob.ld. */
static_assert(HT_FN_COUNT == 33, "the table below");
__asm__(".section .blob.head, \"a\", @progbits\n"
	"ht_blob_start:\n"
	"	.quad " STRING(
		HT_BLOB_MAGIC_DIGITS) "\n"
				      "	.long " STRING(
					      HT_BLOB_VERSION) "\n"
							       "	.long ht_blob_data - ht_blob_start\n"
							       "	.long ht_blob_end - ht_blob_start\n"
							       "	.long ht_loader_hook - ht_blob_start\n"
							       "ENTRY malloc, 1\n"
							       "ENTRY calloc, 2\n"
							       "ENTRY realloc, 3\n"
							       "ENTRY reallocarray, 4\n"
							       "ENTRY free, 5\n"
							       "ENTRY posix_memalign, 6\n"
							       "ENTRY aligned_alloc, 7\n"
							       "ENTRY memalign, 8\n"
							       "ENTRY valloc, 9\n"
							       "ENTRY pvalloc, 10\n"
							       "ENTRY free_sized, 11\n"
							       "ENTRY free_aligned_sized, 12\n"
							       "ENTRY _Znwm, 13, 1\n"
							       "ENTRY _Znam, 14, 1\n"
							       "ENTRY _ZnwmRKSt9nothrow_t, 15\n"
							       "ENTRY _ZnamRKSt9nothrow_t, 16\n"
							       "ENTRY _ZnwmSt11align_val_t, 17, 1\n"
							       "ENTRY _ZnamSt11align_val_t, 18, 1\n"
							       "ENTRY _ZnwmSt11align_val_tRKSt9nothrow_t, 19\n"
							       "ENTRY _ZnamSt11align_val_tRKSt9nothrow_t, 20\n"
							       "ENTRY _ZdlPv, 21\n"
							       "ENTRY _ZdaPv, 22\n"
							       "ENTRY _ZdlPvRKSt9nothrow_t, 23\n"
							       "ENTRY _ZdaPvRKSt9nothrow_t, 24\n"
							       "ENTRY _ZdlPvm, 25\n"
							       "ENTRY _ZdaPvm, 26\n"
							       "ENTRY _ZdlPvSt11align_val_t, 27\n"
							       "ENTRY _ZdaPvSt11align_val_t, 28\n"
							       "ENTRY _ZdlPvmSt11align_val_t, 29\n"
							       "ENTRY _ZdaPvmSt11align_val_t, 30\n"
							       "ENTRY _ZdlPvSt11align_val_tRKSt9nothrow_t, 31\n"
							       "ENTRY _ZdaPvSt11align_val_tRKSt9nothrow_t, 32\n"
							       ".text\n");

/* ---- a thread's state -------------------------------------------------------------------------------------- */

#define BITS 15
#define ENTRIES (1u << BITS) /* as many as there are slots */
#define PROBES 64u

struct entry {
	struct ht_thread thread;
	_Atomic uint64_t tp; /* 0: never used */
	_Atomic uint32_t tid;
	uint32_t pad[13];
};
static_assert(sizeof(struct entry) == 128, "two lines");

static struct entry entries[ENTRIES] __attribute__((aligned(64)));
struct ht_thread ht_nobody;

static uint64_t thread_pointer(void)
{
	uint64_t tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

uint32_t ht_blob_tid(void)
{
	uint32_t tid;

	__asm__ volatile("mov %%fs:(%1), %0" : "=r"(tid) : "r"((uint64_t)ht_blob.tid_offset));
	return tid;
}

static struct entry *probe(uint64_t tp, uint32_t i)
{
	return &entries[((uint32_t)(tp * 0x9e3779b97f4a7c15ull >> (64 - BITS)) + i) & (ENTRIES - 1)];
}

/* E1: whether the thread that the entry belonged to has ended. Its slot is the collector's word for it. A thread notes a slot when it is LIVE and
 * carries its thread pointer; on x86-64 whoever sees it in the entry sees that too. */
static bool is_over(const struct entry *e, uint64_t tp)
{
	struct ht_slot *slot = *(struct ht_slot *const volatile *)&e->thread.slot;
	unsigned state;

	ht_signal_fence();
	if (!slot)
		return false;
	/* acquire: pairs with the release in thread.c:settle(), the thread pointer is not older */
	state = HT_SLOT_STATE(atomic_load_explicit(&slot->state, memory_order_acquire));
	return state == HT_SLOT_FREE || (state == HT_SLOT_LIVE && slot->thread_pointer != tp);
}

/* The entry of this thread pointer, or with `fresh` one that it may have now. NULL: there is none. */
static struct entry *find(uint64_t tp, bool fresh)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		struct entry *e = probe(tp, i);
		/* relaxed: only this thread makes it its own; of others' entries nothing but the slot is read */
		uint64_t other = atomic_load_explicit(&e->tp, memory_order_relaxed);

		if (other == tp)
			return e;
		if (fresh ? (!other || is_over(e, other)) &&
				    atomic_compare_exchange_strong_explicit(&e->tp, &other, tp, memory_order_acq_rel,
									    memory_order_relaxed)
			  : !other)
			return fresh ? e : NULL;
	}
	return NULL;
}

/* E2. From the end: the slot is gone before the words that say there is room in it, whoever comes between. */
static void begin(struct entry *e, uint32_t tid)
{
	volatile uint64_t *words = (volatile uint64_t *)&e->thread;

	for (size_t i = sizeof(e->thread) / 8; i--;)
		words[i] = 0;
	ht_signal_fence();
	atomic_store_explicit(&e->tid, tid, memory_order_relaxed); /* the thread's own */
}

static_assert(offsetof(struct ht_thread, slot) > offsetof(struct ht_thread, limit), "begin()");

static HT_NOINLINE struct ht_thread *first_call(uint64_t tp, uint32_t tid)
{
	struct entry *e = find(tp, false);

	if (!e)
		e = find(tp, true);
	if (!e)
		return &ht_nobody;
	if (atomic_load_explicit(&e->tid, memory_order_relaxed) != tid) /* the thread's own */
		begin(e, tid);
	return &e->thread;
}

struct ht_thread *ht_blob_self(void)
{
	uint64_t tp = thread_pointer();
	uint32_t tid = ht_blob_tid();
	struct entry *e = probe(tp, 0);

	/* relaxed: both are the thread's own, or another's */
	if (ht_likely(atomic_load_explicit(&e->tp, memory_order_relaxed) == tp &&
		      atomic_load_explicit(&e->tid, memory_order_relaxed) == tid))
		return &e->thread;
	return first_call(tp, tid);
}

/* ---- what the preloaded form asks the loader --------------------------------------------------------------- */

bool ht_next_serves(enum ht_function fn, const void *pc)
{
	uint64_t at = (uint64_t)pc;

	return (at >= ht_blob.serves[fn].start && at < ht_blob.serves[fn].end) ||
	       (at >= ht_blob.head_at && at < (uint64_t)&ht_blob); /* a call from there returns straight to a hook */
}

const struct r_debug *ht_next_debug(void)
{
	return (const struct r_debug *)ht_blob.debug_at;
}

/* The blob's own frames: full.c begins its way in them. */
bool ht_blob_code(uint64_t address, struct ht_code *ret)
{
	uint64_t end = (uint64_t)&ht_blob;

	if (address < ht_blob.head_at || address >= end)
		return false;
	*ret = (struct ht_code){ .start = ht_blob.head_at,
				 .end = end,
				 .unwind_at = (uint64_t)ht_blob_unwind,
				 .unwind_from = ht_blob.head_at,
				 .unwind_to = end };
	return true;
}

/* The door says LOOK: this is a child that fork made, which has the patched entries, and takes no part. It finds its parent's state of the thread
 * that forked under the same thread pointer. */
HT_NOINLINE void ht_start(enum ht_function fn)
{
	struct ht_channel *ch = ht_gate.channel;
	const struct entry *e;

	(void)fn;
	/* relaxed: the child's first thread is alone, others pass meanwhile */
	if (ht_door_state() != HT_DOOR_LOOK || atomic_exchange_explicit(&ht_door.looking, 1, memory_order_relaxed))
		return;
	e = find(thread_pointer(), false);
	atomic_fetch_add_explicit(&ch->forked_children, 1, memory_order_relaxed);
	if (e && e->thread.inside && !e->thread.calling)
		ht_thread_cut_off(ch);
	ht_signal_fence();
	atomic_store_explicit(&ht_door.state, HT_DOOR_DORMANT, memory_order_relaxed);
}

/* ---- operators that throw ---------------------------------------------------------------------------------- */

/* The nothrow form had nothing. What the original will say is not seen: B4. */
static HT_NOINLINE void not_seen(struct ht_hook *h)
{
	struct ht_thread *t = h->thread;

	if (!ht_hook_returned(h))
		return;
	if (t->side)
		ht_thread_settle_side(t, NULL);
	ht_bump(&t->slot->lost, 1);
	t->slot->unreported++;
	t->limit = NULL; /* the slow way next, which reports it */
	ht_call_done(t);
}

#define NEW(name, fn, parameters, next_parameters, next_arguments)                                                     \
	void *name parameters;                                                                                         \
	void *name parameters                                                                                          \
	{                                                                                                              \
		struct ht_hook h;                                                                                      \
		void *p;                                                                                               \
                                                                                                                       \
		if (!ht_door_is(HT_DOOR_ACTIVE)) {                                                                     \
			if (ht_door_state() == HT_DOOR_LOOK)                                                           \
				ht_start(fn);                                                                          \
			return NULL; /* the original, then */                                                          \
		}                                                                                                      \
		h = ht_hook_begin(fn);                                                                                 \
		p = HT_NEXT(void *, (fn) + 2, next_parameters) next_arguments;                                         \
		if (p)                                                                                                 \
			ht_hook_allocated(&h, p, size);                                                                \
		else                                                                                                   \
			not_seen(&h);                                                                                  \
		return p;                                                                                              \
	}

static_assert(HT_FN_NEW + 2 == HT_FN_NEW_NOTHROW && HT_FN_NEW_ARRAY + 2 == HT_FN_NEW_ARRAY_NOTHROW &&
		      HT_FN_NEW_ALIGNED + 2 == HT_FN_NEW_ALIGNED_NOTHROW &&
		      HT_FN_NEW_ARRAY_ALIGNED + 2 == HT_FN_NEW_ARRAY_ALIGNED_NOTHROW,
	      "NEW above");

#define SIZE (size_t size)
#define SIZE_TAG (size_t size, const void *tag)
#define SIZE_ALIGN (size_t size, size_t align)
#define SIZE_ALIGN_TAG (size_t size, size_t align, const void *tag)
#define TAG &ht_nobody /* std::nothrow is an object without content */

NEW(_Znwm, HT_FN_NEW, SIZE, SIZE_TAG, (size, TAG))
NEW(_Znam, HT_FN_NEW_ARRAY, SIZE, SIZE_TAG, (size, TAG))
NEW(_ZnwmSt11align_val_t, HT_FN_NEW_ALIGNED, SIZE_ALIGN, SIZE_ALIGN_TAG, (size, align, TAG))
NEW(_ZnamSt11align_val_t, HT_FN_NEW_ARRAY_ALIGNED, SIZE_ALIGN, SIZE_ALIGN_TAG, (size, align, TAG))

#endif

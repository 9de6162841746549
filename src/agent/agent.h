/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h -- the agent's whole state, and the way of one call through it
 *
 * Called by: hooks.c and operators.c for every allocation call of the program.
 *
 *   hook ──► door? ──dormant──► the next function in lookup order (a tail call; nothing else happens)
 *            │ active      └─look──► ht_start: a new image, or a forked child, finds out what it is
 *               ▼
 *      ht_call_enter ──► real call ──► ht_record_* (stamp, cells, publish) ──► return to the program
 *               │                         a free is recorded before the real call
 *               └── nested in another hook, no room, session over: the real call alone, counted
 *
 * Always true:
 *   A1  nothing here locks, allocates, prints, exits or touches errno; the only wait is ht_thread_make_room's, bounded
 *   A2  `inside` is the frame of the hook whose call is recorded now; a call that the allocator makes inside is one with it, and
 *       one that a signal handler makes there sets it aside (`interrupted`) and puts it back when it is done
 *   A3  room for all cells of a call is had before the real call is made
 *   A4  ht_door lies in a page that a forked child sees as zeros, which is HT_DOOR_LOOK: a child knows that it is one, whoever made it
 *   A5  `inside` comes first: what else belongs to a call is written when its handlers' calls no longer touch it. Between `inside` and
 *       `caller` is one instruction; a handler's call there sets the call aside too, which has done nothing yet
 *
 * The state is zero when the library is mapped, needs no relocation, and is filled by session.c.
 */
#ifndef HT_AGENT_H
#define HT_AGENT_H

#include <stdbool.h>

#include "agent/sys.h"
#include "channel/blob.h"

/* Nothing here is another library's: addresses need no table. */
#pragma GCC visibility push(hidden)

#define ht_likely(x) __builtin_expect(!!(x), 1)
#define ht_unlikely(x) __builtin_expect(!!(x), 0)
#define HT_NOINLINE __attribute__((noinline))

/* The compiler may not move memory accesses across; against the thread's own signal handlers that is all it takes. */
#define ht_signal_fence() atomic_signal_fence(memory_order_seq_cst)

/* The state of the whole image; in the blob it lies where attach/ writes it. */
#ifdef HT_BLOB
extern struct ht_blob ht_blob;
#define ht_door ht_blob.door
#define ht_gate ht_blob.gate
#define ht_next ht_blob.next
#else
extern struct ht_door ht_door;
extern struct ht_gate ht_gate;
#endif

/* Of each thread; static TLS, zero in a new thread. 64 bytes. */
struct ht_thread {
	struct ht_cell *cell;  /* the next one to write */
	struct ht_cell *limit; /* a call may begin below it */
	struct ht_slot *slot;
	uint64_t last_ticks;
	uintptr_t inside; /* A2 */
	const void *
		caller; /* the return address beside the frame that `inside` names: tells whether that frame still stands. A5 */
	struct ht_memo *memo; /* the remembered stack it uses now; memo.c */
	union {
		struct {
			uint8_t calling; /* enum ht_calling */
			uint8_t function; /* enum ht_function, of the call that `inside` names; holds while `calling` is set */
			uint8_t side; /* the slot holds a block that was allocated inside this call */
			uint8_t interrupted; /* enum ht_calling, of the call that slot->outer keeps for when this one is done; 0: there is none */
		};
		uint16_t goes;  /* calling and function, by one instruction: ht_going() */
		uint32_t alone; /* all four: ht_going(), if nothing else came of the call */
	};
	uint8_t stalled;  /* a wait ran out; no call waits again before room was found */
	uint8_t throwing; /* enum ht_throwing: what operators.c does when the real function throws */
	uint8_t astray;   /* a call was left by a jump: cell and last_ticks may not be what was published */
};

/* How a thread finds its state is the form's: static TLS in the preloaded library, a table in the blob (blob.c), where a thread that found
 * no place in it gets ht_nobody. */
#ifdef HT_BLOB
extern struct ht_thread ht_nobody;
struct ht_thread *ht_blob_self(void);
uint32_t ht_blob_tid(void);
static inline struct ht_thread *ht_thread_self(void)
{
	return ht_blob_self();
}
#else
extern __thread struct ht_thread ht_self;
static inline struct ht_thread *ht_thread_self(void)
{
	return &ht_self;
}
#endif

/* Where a recorded call is: in our own code, or in the real function; and then, whether it already stands in a row or a counter. SWITCHING:
 * a call that interrupts another takes its place, or gives it back. ENTERING: only of a call that was interrupted, between A5's instructions. */
enum ht_calling {
	HT_CALLING_NOT = 0,
	HT_CALLING_OPEN = 1,
	HT_CALLING_ACCOUNTED = 2,
	HT_CALLING_SWITCHING = 3,
	HT_CALLING_ENTERING = 4
};
enum ht_throwing { HT_THROWING_NOT = 0, HT_THROWING_RECORDED = 1, HT_THROWING_UNRECORDED = 2 };
static_assert(sizeof(struct ht_thread) == 64, "static TLS is scarce: fault catalogue G11");

bool ht_thread_reenter(struct ht_thread *t, uintptr_t frame, const void *caller);
void ht_thread_resume_outer(struct ht_thread *t);
bool ht_thread_make_room(struct ht_thread *t, enum ht_function function);
void ht_thread_find_room(struct ht_thread *t); /* without a wait, and for no call; `inside` is set */
void ht_thread_emit_long(struct ht_thread *t, enum ht_cell_kind kind, uint32_t context, enum ht_place place,
			 uint64_t address, uint64_t size);
bool ht_thread_pass(
	struct ht_thread *t); /* counts a call that none can be recorded beside as entered and lost; false */
void ht_thread_side_block(struct ht_thread *t, enum ht_function function, const void *p, uint64_t size);
void ht_thread_side_freed(struct ht_thread *t, const void *p);
void ht_thread_settle_side(struct ht_thread *t, const void *result);
void *ht_thread_memo(struct ht_thread *t, uint32_t i, bool *found);

/* The context of a call: its stack and its function. `frame` is the hook's. */
uint32_t ht_stack_context(struct ht_thread *t, enum ht_function function, uint64_t frame);

/* The functions behind ours in lookup order, by enum ht_function; ht_next_resolve fills those it finds. */
#ifndef HT_BLOB
extern void *ht_next[HT_FN_COUNT];
#endif
void ht_next_resolve(void);
bool ht_next_serves(enum ht_function fn,
		    const void *pc);    /* pc lies in the module of ht_next[fn], or of the hook that called it */
void *ht_next_symbol(const char *name); /* any other symbol of the modules behind us; NULL: none has it */

struct ht_next_facts {
	const char *allocator; /* the module that serves malloc; lives as long as the module */
	bool glibc;            /* it is glibc itself: blocks have its chunk header */
	bool plain_free;       /* ... and so is free, of a version without __free_hook: it calls no hook */
	bool own;              /* the executable, or something else in front of us, defines malloc: we are not asked */
};
struct ht_next_facts ht_next_facts(void);
const struct r_debug *ht_next_debug(void); /* the loader's list of what it has mapped; NULL: there is none */

/* Enters what the loader has mapped into the channel's table, and whatever it maps and unmaps from now on. */
void ht_loader_begin(void);

/* The first call of each function comes here, and every call while the door says LOOK: resolves, joins the session if there is one.
 * ht_next[function] is callable afterwards. */
void ht_start(enum ht_function function);

void ht_thread_cut_off(struct ht_channel *ch);

/* fork.c. A child that fork made is another image of the session, or of none. */
void ht_fork_watch(void);               /* the image has joined: its forks are of interest */
enum ht_door_state ht_fork_adopt(void); /* this process is a child that nobody has looked at yet */

/* session.c. Takes the next image number; the description is the caller's to fill, then to be announced. NULL: the collector is too far
 * behind, and was told so. */
struct ht_image *ht_session_announce(struct ht_channel *ch, uint32_t *ret);
void ht_session_announced(struct ht_image *image, uint32_t number);
bool ht_session_same_pids(const struct ht_channel *ch); /* a pid is the same process here and to the collector */

/* One instruction; an atomic load would take three. Relaxed, as ht_door_state(). */
static inline bool ht_door_is(enum ht_door_state state)
{
	bool is;

	__asm__ volatile("cmpb %2, %1" : "=@cce"(is) : "m"(ht_door.state), "i"(state));
	return is;
}

static inline unsigned ht_door_state(void)
{
	/* relaxed: what ACTIVE stands for was written before there were other threads, or is theirs to find out */
	return atomic_load_explicit(&ht_door.state, memory_order_relaxed);
}

/* One instruction, so that a signal handler on this thread never sees half of it. x86-64 stores are not reordered with earlier
 * stores: for `head` this is the release that pairs with the acquire in collect/drain.c. */
static inline void ht_bump(_Atomic uint64_t *counter, uint64_t by)
{
	__asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(by) : "memory", "cc");
}

/* One more when a call comes in, and one less when it stands in a cell or a counter: against `even`, which it is between calls, it tells
 * between any two instructions whether the call that a jump has left is still to be counted. Nearly every call leaves it as it was. Of one
 * that takes more cells, or of cells that belong to no call, `even` hears afterwards: until then it looks like one that is counted, as it
 * is. The first row of a realloc is the exception, after which the call is still to be counted: of that it hears before. Relaxed: the
 * thread's own counters. */
static inline uint64_t ht_slot_balance(const struct ht_slot *s)
{
	return atomic_load_explicit(&s->entered, memory_order_relaxed) -
	       atomic_load_explicit(&s->head, memory_order_relaxed) -
	       atomic_load_explicit(&s->counted_only, memory_order_relaxed) -
	       atomic_load_explicit(&s->lost, memory_order_relaxed);
}

/* No call is under way. */
static inline void ht_slot_settle(struct ht_slot *s)
{
	s->even = ht_slot_balance(s);
}

/* So many cells are no call's whole row. One instruction: A5. */
static inline void ht_slot_spare(struct ht_slot *s, uint64_t cells)
{
	__asm__ volatile("subq %1, %0" : "+m"(s->even) : "er"(cells) : "memory", "cc");
}

/* The collector still wants events. Relaxed: a call that sees the old value is one in flight; collect/drain.c waits for it when it closes the
 * account. */
static inline bool ht_recording(void)
{
	bool is;

	__asm__ volatile("cmpl $0, %1" : "=@ccne"(is) : "m"(ht_gate.channel->recording));
	return is;
}

static inline uint64_t ht_rdtsc(void)
{
	uint64_t lo, hi; /* the instruction clears their upper halves */

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return hi << 32 | lo;
}

static inline uint64_t ht_ticks(void)
{
	return ht_likely(ht_gate.tsc) ? ht_rdtsc() : ht_sys_monotonic_ns();
}

/* From here on the thread is inside this call: A5. */
static inline void ht_call_is(struct ht_thread *t, uintptr_t frame, const void *caller)
{
	t->inside = frame;
	ht_signal_fence();
	t->caller = caller;
	ht_signal_fence();
}

static inline uint16_t ht_going(enum ht_function function, enum ht_calling how)
{
	return (uint16_t)((unsigned)function << 8 | (unsigned)how);
}

/* The call goes to the real function, or stands in a counter already. */
static inline void ht_call_goes(struct ht_thread *t, enum ht_function function, enum ht_calling how)
{
	t->goes = ht_going(function, how);
	ht_signal_fence();
}

/* True: the call is to be recorded, `inside` is set, there is room. False: make the real call, then ht_call_leave. */
static inline bool ht_call_enter(struct ht_thread *t, enum ht_function function, uintptr_t frame, const void *caller)
{
#ifdef HT_BLOB
	if (ht_unlikely(t == &ht_nobody))
		return ht_thread_pass(t);
#endif
	if (ht_unlikely(t->inside) && !ht_thread_reenter(t, frame, caller))
		return false;
	ht_call_is(t, frame, caller);
	if (ht_unlikely(t->cell >= t->limit) || ht_unlikely(!ht_recording()))
		return ht_thread_make_room(t, function);
	ht_bump(&t->slot->entered, 1);
	return true;
}

static inline void ht_call_done(struct ht_thread *t)
{
	ht_signal_fence();
	if (ht_unlikely(t->interrupted))
		ht_thread_resume_outer(t);
	else
		t->inside = 0;
}

static inline void ht_call_leave(struct ht_thread *t, uintptr_t frame)
{
	if (t->inside == frame) {
		t->calling = HT_CALLING_NOT;
		ht_call_done(t);
	}
}

/* Where a live block comes from, by the flag bits of its own chunk header. Nothing derived from the block is looked at. */
static inline enum ht_place ht_place_by_header(const void *block)
{
	return (enum ht_place)(~((const size_t *)block)[-1] >> 1 & 3);
}

static inline enum ht_place ht_place_of(const void *block)
{
	return ht_gate.glibc ? ht_place_by_header(block) : HT_PLACE_UNKNOWN;
}

/* The event cell's first word, in two halves: the compiler would need two instructions more to put them together. */
static inline void ht_cell_tell(struct ht_cell *c, enum ht_cell_kind kind, uint64_t delta, uint32_t context)
{
	typedef volatile uint32_t __attribute__((may_alias)) half;
	half *halves = (half *)&c->word[0];

	static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half comes first");
	halves[0] = context;
	halves[1] = (uint32_t)(ht_cell_word0(kind, delta, 0) >> 32);
}

/* One row: stamps it, writes the event cell at t->cell, publishes. The caller has made sure of `inside`. */
static inline void ht_emit(struct ht_thread *t, enum ht_cell_kind kind, uint32_t context, enum ht_place place,
			   uint64_t address, uint64_t size)
{
	struct ht_cell *c = t->cell;
	uint64_t now = ht_ticks();
	uint64_t delta = now - t->last_ticks;

	if (ht_unlikely(delta > HT_CELL_DELTA_MAX) || ht_unlikely(!ht_cell_address_fits(address)) ||
	    ht_unlikely(size > HT_CELL_SIZE_MAX)) {
		ht_thread_emit_long(t, kind, context, place, address, size);
		return;
	}
	ht_cell_tell(c, kind, delta, context);
	c->word[1] = ht_cell_word1(place, size, address);
	t->last_ticks = now;
	if (kind == HT_CELL_REALLOC_BEGIN)
		ht_slot_spare(t->slot, 1);
	ht_bump(&t->slot->head, 1); /* publish: C2 */
	t->cell = c + 1;
}

#pragma GCC visibility pop

#endif

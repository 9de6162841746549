/* SPDX-License-Identifier: Apache-2.0 */
/* stack.h -- following a stack from the caller of a hook to its root: what the files that do it share
 *
 * Called by: hooks.c and operators.c through ht_stack_context(). docs/stacks.md tells why the answer is exact.
 *
 *   memo.c      remembers the last stack, finds how much of it still stands, and names the context
 *     path.c    remembers how events came to frames of it
 *     walk.c    one step: from the state of a frame to that of its caller, reading only what is known to be readable
 *       full.c    the same with all registers, for the few frames that need them
 *       rows.c    what a step has to do, by the address of the code: a lock-free cache
 *         cfi.c     decodes it out of .eh_frame when the cache has not got it
 *           modules.c  which module an address lies in (the table is in the channel)
 *     context.c  the tree of contexts
 *   loader.c    tells modules.c what the dynamic linker has mapped
 *
 * Always true: K1  a step is a function of state, row and the words read;  K2  a row is a function of the address and of the module there.
 */
#ifndef HT_STACK_H
#define HT_STACK_H

#include "agent/agent.h"

#pragma GCC visibility push(hidden)

/* What is known of a frame: where it will go on, and with which stack and frame pointer. The address carries two marks in its upper bits,
 * so that states, and the nodes made of them, differ by them. */
struct ht_state {
	uint64_t pc, sp, rbp;
};
#define HT_PC_EXACT (1ull << 63)   /* the next instruction of an interrupted frame; else a return address */
#define HT_PC_POINTER (1ull << 62) /* found by a frame pointer */
#define HT_PC(pc) ((pc) & ~(HT_PC_EXACT | HT_PC_POINTER))

/* ---- rows -------------------------------------------------------------------------------------------------- */

enum ht_row_kind {
	HT_ROW_NONE = 0,
	HT_ROW_SP = 1,     /* CFA = sp + cfa */
	HT_ROW_RBP = 2,    /* CFA = rbp + cfa */
	HT_ROW_DEREF = 3,  /* CFA = the word at rbp - cfa; rbp was saved at rbp: a realigned stack */
	HT_ROW_SIGNAL = 4, /* the kernel's signal frame lies at sp */
	HT_ROW_ROOT = 5,   /* nobody called this */
	HT_ROW_FULL = 6,   /* takes all registers */
	HT_ROW_BARE = 7,   /* no unwind information */
};

/* The return address is at CFA - 8; the caller's rbp at CFA - saved, or, if that is 0, still in rbp. Both are multiples of 8. */
struct ht_row {
	uint32_t word; /* kind 3, cfa / 8 16, saved / 8 13 */
	uint32_t generation;
};
#define HT_ROW_CFA_MAX (0xffffu * 8)
#define HT_ROW_SAVED_MAX (0x1fffu * 8)

static inline enum ht_row_kind ht_row_kind(uint32_t word)
{
	return (enum ht_row_kind)(word & 7);
}

static inline uint64_t ht_row_cfa(uint32_t word)
{
	return word >> 3 & 0xffff;
}

static inline uint64_t ht_row_saved(uint32_t word)
{
	return word >> 19;
}

/* Offsets in the kernel's struct ucontext, which lies where sp points when a signal handler has returned. */
enum { HT_SIGNAL_RBP = 120, HT_SIGNAL_RSP = 160, HT_SIGNAL_RIP = 168, HT_SIGNAL_END = 176 };

struct ht_row ht_rows_find(uint64_t pc);
void ht_rows_forget(uint64_t start, uint64_t end);

/* ---- unwind information ------------------------------------------------------------------------------------ */

#define HT_REGISTERS 17 /* DWARF's numbers: rax rdx rcx rbx rsi rdi rbp rsp r8 to r15, return address */
enum { HT_RBX = 3, HT_RBP = 6, HT_RSP = 7, HT_RA = 16 };

enum ht_rule_kind {
	HT_RULE_SAME = 0,
	HT_RULE_UNDEFINED,
	HT_RULE_AT,       /* saved at CFA + value */
	HT_RULE_IS,       /* is CFA + value */
	HT_RULE_REGISTER, /* is in register `value` */
	HT_RULE_AT_EXPR,  /* saved at what the expression at unwind_from + value gives */
	HT_RULE_IS_EXPR,
};

struct ht_rule {
	int32_t value;
	uint8_t kind;
};

struct ht_cfi {
	struct ht_rule cfa; /* IS: register `cfa_register` + value; IS_EXPR */
	uint8_t cfa_register;
	uint8_t signal; /* the CIE says: a signal frame */
	uint64_t start; /* of the function */
	struct ht_rule of[HT_REGISTERS];
};

struct ht_code; /* the module, as far as cfi.c needs it */
bool ht_cfi_find(const struct ht_code *code, uint64_t address, struct ht_cfi *ret);
struct ht_row ht_cfi_row(const struct ht_code *code, const struct ht_cfi *cfi, uint64_t address);

/* ---- modules ----------------------------------------------------------------------------------------------- */

struct ht_code {
	uint64_t start, end, unwind_at, unwind_from, unwind_to;
	uint32_t generation;
};

bool ht_modules_find(uint64_t address, struct ht_code *ret);
bool ht_blob_code(uint64_t address, struct ht_code *ret); /* the agent's own, which is in no module; blob.c */

/* ---- steps ------------------------------------------------------------------------------------------------- */

/* Readable memory around a stack pointer: whole pages, without a hole. `settled`: it is the thread's own stack, which stays where it is. */
struct ht_region {
	uint64_t from, to;
	bool settled;
};

void ht_region_begin(struct ht_region *r, uint64_t sp);
bool ht_region_holds(struct ht_region *r, uint64_t sp);
bool ht_region_reach(struct ht_region *r, uint64_t to);
bool ht_readable(uint64_t address);

#define HT_STEP_ON 0u
#define HT_STEP_ROOT 0x10u /* the stack is complete; else an enum ht_cut */

struct ht_walk {
	struct ht_state at;
	struct ht_region region; /* that at.sp lies in */
	uint64_t frame;          /* of the hook */
};

unsigned ht_walk_seldom(struct ht_walk *w, uint32_t row);
unsigned ht_walk_full(struct ht_walk *w);
bool ht_walk_pointer(struct ht_region *r, struct ht_state *at);

/* From the frame at w->at to its caller's. */
static inline unsigned ht_walk_step(struct ht_walk *w, uint32_t row)
{
	enum ht_row_kind kind = ht_row_kind(row);
	uint64_t cfa = (kind == HT_ROW_SP ? w->at.sp : w->at.rbp) + ht_row_cfa(row) * 8, saved = ht_row_saved(row) * 8;

	if (ht_unlikely(kind > HT_ROW_RBP))
		return ht_walk_seldom(w, row);
	if (ht_unlikely(cfa <= w->at.sp || cfa & 7 || (cfa > w->region.to && !ht_region_reach(&w->region, cfa))))
		return HT_CUT_POINTER;
	if (saved) {
		if (ht_unlikely(cfa - saved < w->region.from))
			return HT_CUT_POINTER;
		w->at.rbp = *(const uint64_t *)(cfa - saved);
	}
	w->at.pc = *(const uint64_t *)(cfa - 8);
	w->at.sp = cfa;
	return ht_likely(w->at.pc != 0) ? HT_STEP_ON : HT_STEP_ROOT;
}

/* ---- contexts ---------------------------------------------------------------------------------------------- */

uint32_t ht_context_find(uint32_t parent, uint64_t pc, uint32_t meaning);
uint32_t ht_context_cut(enum ht_function function);

#ifdef HT_CHECK
void ht_check_context(uint32_t context, enum ht_function function, uint64_t frame); /* check.c */
#endif

#pragma GCC visibility pop

#endif

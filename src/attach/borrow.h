/* SPDX-License-Identifier: Apache-2.0 */
/* borrow.h -- system calls made by a thread of the process that is visited, which finds back by itself
 *
 * Used by: patch.c, during a visit.
 *
 *   the thread's stack while it is borrowed                    registers: rip ──► syscall; ret       (both found in the process's own code)
 *   ┌────────────┬────┬────────────┬───────────────────────┐
 *   │ pop rax;ret│ 15 │ syscall;ret│ frame of rt_sigreturn │   all registers, floating point, the signal mask: as they were, and where they were
 *   └────────────┴────┴────────────┴───────────────────────┘
 *     rsp: below the thread's own stack and what it may use without moving it
 *
 * The visitor lets it make one call after another, and then gives it back its registers; the frame is not used. But if the visitor dies, at whatever
 * moment, the thread comes from the call to `ret`, and the frame takes it back to what it was doing.
 *
 * Always true:
 *   T1  at every moment the thread's registers are its own, or lead back to them without us
 *   T2  a call it was in is made again, with the time that was left; only if the visitor was killed may one with a time limit return EINTR
 *   T3  never a thread inside a restartable sequence (rseq), nor one whose stack has no room
 *   T4  whoever finds, in a later visit, a thread that has still to make a call for a visitor that died, changes nothing and comes again
 */
#ifndef HT_BORROW_H
#define HT_BORROW_H

#include "attach/visit.h"

/* Where in the process's code these stand. */
struct ht_gadgets {
	uint64_t call;    /* syscall; ret */
	uint64_t pop_rax; /* pop rax; ret */
};

struct ht_borrow {
	struct ht_visit *visit;
	struct ht_visited *thread;
	struct ht_gadgets gadgets;
	struct user_regs_struct own; /* what it goes on with */
	uint64_t mask, stack;
};

/* While it runs. HT_ETARGET: its code has none. */
int ht_gadgets_find(const struct ht_process *p, struct ht_gadgets *ret, struct ht_err *err);

/* T4: a thread stands before a call that was not ours. */
bool ht_borrow_is_left(const struct ht_visit *v, const struct ht_gadgets *g);

int ht_borrow_begin(struct ht_visit *v, const struct ht_gadgets *g, struct ht_borrow *ret, struct ht_err *err);

/* What the kernel returned; or HT_BORROW_BROKEN, when the thread has ended, or the time is up. */
#define HT_BORROW_BROKEN INT64_MIN
int64_t ht_borrow_call(struct ht_borrow *b, long call, const uint64_t arg[6]);

void ht_borrow_end(struct ht_borrow *b);

#endif

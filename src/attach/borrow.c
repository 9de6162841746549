/* SPDX-License-Identifier: Apache-2.0 */
/* borrow.c -- builds the way back on a thread's stack, then makes it call
 *
 * Called by: patch.c.
 *
 *   frame written ──► registers ──► signals blocked ──► call, call, ... ──► signals as they were ──► registers
 *
 * In this order, so that T1 holds between any two steps: signals are blocked only once the frame unblocks them again.
 */
#include "attach/borrow.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define RED_ZONE 128u
#define FLOAT_MOST 16384u
#define FLOAT_SOFTWARE 464u /* in the area of the legacy format: for whoever saves it */
#define FLOAT_MAGIC1 0x46505853u
#define FLOAT_MAGIC2 0x46505845u
#define WINDOW_BYTES 16384u
#define RESTART_BLOCK                                                                                                  \
	(-516L) /* the kernel's ERESTART_RESTARTBLOCK; -514 to -512 are those that make the call as it was */
#define RESTART_FIRST (-514L)
#define RESTART_LAST (-512L)

#define GET_RSEQ 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION, of Linux 5.13 */
struct rseq_configuration {
	uint64_t area;
	uint32_t bytes, signature, flags, pad;
};
#define RSEQ_SECTION 8u /* where in its area the sequence is named that it is in */

/* ---- gadgets ----------------------------------------------------------------------------------------------- */

struct search {
	uint8_t bytes[3];
	size_t len;
	uint64_t *ret;
};

static void look_in(const uint8_t *text, size_t len, uint64_t at, const struct search *s)
{
	const uint8_t *found = *s->ret ? NULL : memmem(text, len, s->bytes, s->len);

	if (found)
		*s->ret = at + (uint64_t)(found - text);
}

int ht_gadgets_find(const struct ht_process *p, struct ht_gadgets *ret, struct ht_err *err)
{
	struct ht_gadgets g = { 0, 0 };
	const struct search wanted[] = { { { 0x0f, 0x05, 0xc3 }, 3, &g.call }, { { 0x58, 0xc3 }, 2, &g.pop_rax } };
	uint8_t text[WINDOW_BYTES];

	for (size_t i = 0; i < p->regions && !(g.call && g.pop_rax); i++) {
		const struct ht_region *r = &p->region[i];

		if (!r->executable || r->writable || (!r->inode && strcmp(r->path, "[vdso]") != 0))
			continue;
		for (uint64_t at = r->start; at < r->end && !(g.call && g.pop_rax); at += WINDOW_BYTES) {
			size_t n = r->end - at < WINDOW_BYTES ? (size_t)(r->end - at) : WINDOW_BYTES;

			if (!ht_process_read(p, at, text, n))
				break;
			for (size_t k = 0; k < sizeof(wanted) / sizeof(*wanted); k++)
				look_in(text, n, at, &wanted[k]);
		}
	}
	if (!g.call || !g.pop_rax)
		return ht_err_set(
			err, HT_ETARGET,
			"process %d cannot be entered: its code has no place from which a system call returns",
			(int)p->pid);
	*ret = g;
	return 0;
}

/* orig_rax tells a thread that has made its call, or is in one of its own. One may be held up in the middle of it. */
bool ht_borrow_is_left(const struct ht_visit *v, const struct ht_gadgets *g)
{
	for (size_t i = 0; i < v->threads; i++) {
		const struct ht_visited *t = &v->thread[i];

		if (t->state == HT_VISIT_HELD && t->regs.rip == g->call && (long)t->regs.orig_rax < 0)
			return true;
		if (t->state == HT_VISIT_CAUGHT && t->regs.rip == g->call + 2)
			return true;
	}
	return false;
}

/* ---- which thread ------------------------------------------------------------------------------------------ */

static bool is_in_sequence(const struct ht_visit *v, const struct ht_visited *t)
{
	struct rseq_configuration c = { 0 };
	uint64_t section = 0;

	if (ptrace((enum __ptrace_request)GET_RSEQ, t->tid, sizeof(c), &c) < 0 || !c.area)
		return false;
	return !ht_process_read(v->process, c.area + RSEQ_SECTION, &section, sizeof(section)) || section;
}

static bool has_room(const struct ht_visit *v, const struct ht_visited *t)
{
	const struct ht_region *r = ht_process_at(v->process, t->regs.rsp);

	return r && r->writable && t->regs.rsp - r->start > RED_ZONE + 2 * FLOAT_MOST;
}

static bool restarts_by_block(const struct ht_visited *t)
{
	return (long)t->regs.orig_rax >= 0 && (long)t->regs.rax == RESTART_BLOCK;
}

/* T2: one whose call has a time limit only if there is no other. */
static struct ht_visited *choose(struct ht_visit *v)
{
	struct ht_visited *best = NULL;

	for (size_t i = 0; i < v->threads; i++) {
		struct ht_visited *t = &v->thread[i];

		if (t->state != HT_VISIT_HELD || !has_room(v, t) || is_in_sequence(v, t))
			continue;
		if (!best || (restarts_by_block(best) && !restarts_by_block(t)))
			best = t;
		if (!restarts_by_block(best))
			break;
	}
	return best;
}

/* The registers with which it makes the interrupted call again; what the kernel would do, had it not been borrowed. */
static struct user_regs_struct again(const struct user_regs_struct *regs)
{
	struct user_regs_struct r = *regs;
	long result = (long)r.rax;

	if ((long)r.orig_rax >= 0 && ((result >= RESTART_FIRST && result <= RESTART_LAST) || result == RESTART_BLOCK)) {
		r.rax = result == RESTART_BLOCK ? SYS_restart_syscall : r.orig_rax;
		r.rip -= 2;
	}
	r.orig_rax = (unsigned long)-1;
	return r;
}

/* ---- the way back ------------------------------------------------------------------------------------------ */

struct way_back {
	uint64_t pop_rax, number, call;
	ucontext_t
		context; /* as the kernel lays it out, but for its mask, which is the first eight bytes of uc_sigmask */
};

static void fill_context(ucontext_t *c, const struct user_regs_struct *r, uint64_t mask, uint64_t float_at)
{
	greg_t *g = c->uc_mcontext.gregs;

	*c = (ucontext_t){ .uc_flags = 7 }; /* there is floating point; the stack segment is to be believed */
	c->uc_stack.ss_flags = 0x7f;        /* no such thing: its alternative stack stays */
	memcpy(&c->uc_sigmask, &mask, sizeof(mask));
	g[REG_R8] = (greg_t)r->r8;
	g[REG_R9] = (greg_t)r->r9;
	g[REG_R10] = (greg_t)r->r10;
	g[REG_R11] = (greg_t)r->r11;
	g[REG_R12] = (greg_t)r->r12;
	g[REG_R13] = (greg_t)r->r13;
	g[REG_R14] = (greg_t)r->r14;
	g[REG_R15] = (greg_t)r->r15;
	g[REG_RDI] = (greg_t)r->rdi;
	g[REG_RSI] = (greg_t)r->rsi;
	g[REG_RBP] = (greg_t)r->rbp;
	g[REG_RBX] = (greg_t)r->rbx;
	g[REG_RDX] = (greg_t)r->rdx;
	g[REG_RAX] = (greg_t)r->rax;
	g[REG_RCX] = (greg_t)r->rcx;
	g[REG_RSP] = (greg_t)r->rsp;
	g[REG_RIP] = (greg_t)r->rip;
	g[REG_EFL] = (greg_t)r->eflags;
	g[REG_CSGSFS] = (greg_t)(r->cs | r->ss << 48);
	c->uc_mcontext.fpregs = (fpregset_t)(uintptr_t)float_at; /* NOLINT: an address in the other process */
}

/* Floating point as ptrace gives it, made into what rt_sigreturn takes. How many bytes; 0: it cannot be had. */
static size_t read_float(pid_t tid, uint8_t to[FLOAT_MOST])
{
	struct iovec v = { to, FLOAT_MOST - 64 };
	uint32_t head[2], size, end = FLOAT_MAGIC2;
	uint64_t kinds;

	if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &v) || v.iov_len < FLOAT_SOFTWARE + 48)
		return 0;
	size = (uint32_t)v.iov_len;
	memcpy(&kinds, to + FLOAT_SOFTWARE, sizeof(kinds));
	head[0] = FLOAT_MAGIC1;
	head[1] = size + (uint32_t)sizeof(end);
	memset(to + FLOAT_SOFTWARE, 0, 48);
	memcpy(to + FLOAT_SOFTWARE, head, sizeof(head));
	memcpy(to + FLOAT_SOFTWARE + 8, &kinds, sizeof(kinds));
	memcpy(to + FLOAT_SOFTWARE + 16, &size, sizeof(size));
	memcpy(to + size, &end, sizeof(end));
	return size + sizeof(end);
}

static bool write_way_back(struct ht_borrow *b)
{
	const struct ht_process *p = b->visit->process;
	uint64_t float_at, top = b->thread->regs.rsp - RED_ZONE;
	struct way_back w = { b->gadgets.pop_rax, SYS_rt_sigreturn, b->gadgets.call, { 0 } };
	uint8_t floats[FLOAT_MOST];
	size_t bytes = read_float(b->thread->tid, floats);

	if (!bytes)
		return false;
	float_at = (top - bytes) & ~63ull;
	/* as a call leaves it: rt_sigreturn wants nothing, but what interrupts it here may */
	b->stack = ((float_at - sizeof(w)) & ~15ull) - 8;
	fill_context(&w.context, &b->own, b->mask, float_at);
	return ht_process_write(p, float_at, floats, bytes) && ht_process_write(p, b->stack, &w, sizeof(w));
}

/* ---- calls ------------------------------------------------------------------------------------------------- */

int ht_borrow_begin(struct ht_visit *v, const struct ht_gadgets *g, struct ht_borrow *ret, struct ht_err *err)
{
	struct ht_borrow b = { .visit = v, .thread = choose(v), .gadgets = *g };

	while (!b.thread && ht_visit_rouse(v))
		b.thread = choose(v);
	if (!b.thread)
		return ht_err_set(err, HT_ETARGET,
				  "process %d has no thread that can be borrowed just now; try again in a moment",
				  (int)v->process->pid);
	b.own = again(&b.thread->regs);
	if (ptrace(PTRACE_GETSIGMASK, b.thread->tid, sizeof(b.mask), &b.mask) || !write_way_back(&b))
		return ht_err_sys(err, "thread %d of process %d cannot be borrowed", (int)b.thread->tid,
				  (int)v->process->pid);
	*ret = b;
	return 0;
}

/* Runs it up to the next beginning or end of a call. Signals are blocked; one that cannot be is passed on, and the stop it brings passed over. */
static bool run_to_call(struct ht_borrow *b)
{
	long sig = 0;
	int status;

	do {
		if (ptrace(PTRACE_SYSCALL, b->thread->tid, NULL, sig))
			return false;
		status = ht_visit_wait(b->visit, b->thread);
		if (status < 0 || !WIFSTOPPED(status))
			return false;
		sig = status >> 16 ? 0 : WSTOPSIG(status);
	} while (WSTOPSIG(status) != (SIGTRAP | 0x80));
	return true;
}

static bool block_signals(const struct ht_borrow *b)
{
	uint64_t all = ~0ull;

	return !ptrace(PTRACE_SETSIGMASK, b->thread->tid, sizeof(all), &all);
}

int64_t ht_borrow_call(struct ht_borrow *b, long call, const uint64_t arg[6])
{
	struct user_regs_struct r = b->own;

	r.rip = b->gadgets.call;
	r.rsp = b->stack;
	r.rax = (unsigned long)call;
	r.rdi = arg[0];
	r.rsi = arg[1];
	r.rdx = arg[2];
	r.r10 = arg[3];
	r.r8 = arg[4];
	r.r9 = arg[5];
	if (ptrace(PTRACE_SETREGS, b->thread->tid, NULL, &r) || !block_signals(b) || !run_to_call(b) ||
	    !run_to_call(b) || ptrace(PTRACE_GETREGS, b->thread->tid, NULL, &r))
		return HT_BORROW_BROKEN;
	return (int64_t)r.rax;
}

void ht_borrow_end(struct ht_borrow *b)
{
	if (b->thread->state != HT_VISIT_HELD)
		return;
	ptrace(PTRACE_SETSIGMASK, b->thread->tid, sizeof(b->mask), &b->mask);
	ptrace(PTRACE_SETREGS, b->thread->tid, NULL, &b->own);
	b->thread->regs = b->own;
}

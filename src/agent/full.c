/* SPDX-License-Identifier: Apache-2.0 */
/* full.c -- a step with all registers: for frames whose caller depends on more than sp and rbp
 *
 * Called by: walk.c for rows of kind FULL: hand-written assembly, mostly.
 *
 *   here ──► frames of the agent itself ──► the hook's caller ──► ... ──► the frame in question ──► its caller
 *
 * The registers of the frame in question are not kept anywhere; so they are won by walking there from here, where they can be read, with
 * every rule of every frame on the way. That is slow, and seldom.
 *
 * Always true: F1  a rule that needs a register nobody saved is not followed: the stack is cut there, never guessed.  F2  as W1 in walk.c.
 */
#include "agent/bytes.h"
#include "agent/stack.h"

#define OWN_FRAMES 16
#define EXPRESSION_DEPTH 8
#define CALLEE_SAVED 0xf0c8u /* rbx, rbp, rsp, r12 to r15 */

struct registers {
	uint64_t of[HT_REGISTERS];
	uint32_t known;
	bool exact;
	struct ht_region region;
};

static bool read(struct registers *r, uint64_t address, uint64_t *ret)
{
	if (address & 7 || address < r->region.from || !ht_region_reach(&r->region, address + 8))
		return false;
	*ret = *(const uint64_t *)address;
	return true;
}

static bool get(const struct registers *r, unsigned reg, uint64_t *ret)
{
	*ret = r->of[reg];
	return r->known >> reg & 1;
}

/* ---- DWARF expressions ------------------------------------------------------------------------------------- */

struct stack {
	uint64_t at[EXPRESSION_DEPTH];
	unsigned depth;
	bool bad;
};

static void push(struct stack *s, uint64_t v)
{
	if (s->depth == EXPRESSION_DEPTH)
		s->bad = true;
	else
		s->at[s->depth++] = v;
}

static uint64_t pop(struct stack *s)
{
	if (!s->depth) {
		s->bad = true;
		return 0;
	}
	return s->at[--s->depth];
}

static void evaluate_binary(struct stack *s, unsigned op)
{
	uint64_t b = pop(s), a = pop(s);

	switch (op) {
	case 0x1a:
		push(s, a & b);
		return;
	case 0x1c:
		push(s, a - b);
		return;
	case 0x1e:
		push(s, a * b);
		return;
	case 0x21:
		push(s, a | b);
		return;
	case 0x22:
		push(s, a + b);
		return;
	case 0x24:
		push(s, b < 64 ? a << b : 0);
		return;
	case 0x25:
		push(s, b < 64 ? a >> b : 0);
		return;
	case 0x2a:
		push(s, (int64_t)a >= (int64_t)b);
		return;
	default:
		s->bad = true;
	}
}

static void evaluate_one(struct registers *r, struct ht_bytes *b, struct stack *s, unsigned op)
{
	uint64_t v = 0;

	if (op >= 0x30 && op <= 0x4f) { /* lit */
		push(s, op - 0x30);
	} else if (op >= 0x70 && op <= 0x80) { /* breg */
		s->bad = !get(r, op - 0x70, &v);
		push(s, v + (uint64_t)ht_bytes_sleb(b));
	} else if (op == 0x06) { /* deref */
		s->bad = !read(r, pop(s), &v) || s->bad;
		push(s, v);
	} else if (op == 0x08 || op == 0x0a || op == 0x0c || op == 0x0e) { /* const1u, 2u, 4u, 8u */
		push(s, ht_bytes_fixed(b, 1u << (op - 0x08) / 2));
	} else if (op == 0x09) {
		push(s, (uint64_t)(int8_t)ht_bytes_fixed(b, 1));
	} else if (op == 0x0b) {
		push(s, (uint64_t)(int16_t)ht_bytes_fixed(b, 2));
	} else if (op == 0x0d) {
		push(s, (uint64_t)(int32_t)ht_bytes_fixed(b, 4));
	} else if (op == 0x23) { /* plus_uconst */
		push(s, pop(s) + ht_bytes_uleb(b));
	} else if (op == 0x12) { /* dup */
		v = pop(s);
		push(s, v);
		push(s, v);
	} else {
		evaluate_binary(s, op);
	}
}

/* `at`: of the expression's length, from unwind_from on. `first` is pushed before, if there is one. */
static bool evaluate(struct registers *r, const struct ht_code *code, int32_t at, const uint64_t *first, uint64_t *ret)
{
	struct ht_bytes b = { code->unwind_from + (uint32_t)at, code->unwind_to, false };
	struct stack s = { .depth = 0 };
	uint64_t length = ht_bytes_uleb(&b);

	if (b.bad || length > b.end - b.at)
		return false;
	b.end = b.at + length;
	if (first)
		push(&s, *first);
	while (b.at < b.end && !b.bad && !s.bad)
		evaluate_one(r, &b, &s, (unsigned)ht_bytes_fixed(&b, 1));
	*ret = pop(&s);
	return !b.bad && !s.bad;
}

/* ---- a step ------------------------------------------------------------------------------------------------ */

static bool find_cfa(struct registers *r, const struct ht_code *code, const struct ht_cfi *cfi, uint64_t *ret)
{
	if (cfi->cfa.kind == HT_RULE_IS_EXPR)
		return evaluate(r, code, cfi->cfa.value, NULL, ret);
	if (cfi->cfa.kind != HT_RULE_IS || !get(r, cfi->cfa_register, ret))
		return false;
	*ret += (uint64_t)(int64_t)cfi->cfa.value;
	return true;
}

/* The caller's value of one register. */
static bool follow(struct registers *r, const struct ht_code *code, struct ht_rule rule, uint64_t cfa, uint64_t *ret)
{
	uint64_t value = cfa + (uint64_t)(int64_t)rule.value;

	switch (rule.kind) {
	case HT_RULE_AT:
		return read(r, value, ret);
	case HT_RULE_IS:
		*ret = value;
		return true;
	case HT_RULE_REGISTER:
		return get(r, (unsigned)rule.value, ret);
	case HT_RULE_AT_EXPR:
		return evaluate(r, code, rule.value, &cfa, &value) && read(r, value, ret);
	case HT_RULE_IS_EXPR:
		return evaluate(r, code, rule.value, &cfa, ret);
	default:
		return false;
	}
}

static unsigned step_by_rules(struct registers *r, const struct ht_code *code, const struct ht_cfi *cfi)
{
	struct registers next = { .known = 0, .region = r->region };
	uint64_t cfa;

	if (cfi->of[HT_RA].kind == HT_RULE_UNDEFINED)
		return HT_STEP_ROOT;
	if (!find_cfa(r, code, cfi, &cfa))
		return HT_CUT_UNKNOWN;
	for (unsigned reg = 0; reg < HT_REGISTERS; reg++) {
		bool found = cfi->of[reg].kind == HT_RULE_SAME ? CALLEE_SAVED >> reg & 1 && get(r, reg, &next.of[reg])
							       : follow(r, code, cfi->of[reg], cfa, &next.of[reg]);

		next.known |= found ? 1u << reg : 0;
	}
	if (cfi->of[HT_RSP].kind == HT_RULE_SAME) {
		next.of[HT_RSP] = cfa;
		next.known |= 1u << HT_RSP;
	}
	next.region = r->region;
	if (next.of[HT_RSP] <= r->of[HT_RSP] || !ht_region_reach(&next.region, next.of[HT_RSP]))
		return HT_CUT_POINTER;
	if (~next.known & (1u << HT_RA | 1u << HT_RSP))
		return HT_CUT_UNKNOWN;
	*r = next;
	return r->of[HT_RA] ? HT_STEP_ON : HT_STEP_ROOT;
}

/* The kernel saved them all. */
static unsigned step_from_signal(struct registers *r)
{
	static const uint8_t saved[HT_REGISTERS] = {
		[0] = 144, [1] = 136, [2] = 152, [3] = 128, [4] = 112, [5] = 104, [6] = 120, [7] = 160, [8] = 40,
		[9] = 48,  [10] = 56, [11] = 64, [12] = 72, [13] = 80, [14] = 88, [15] = 96, [16] = 168
	};
	uint64_t frame = r->of[HT_RSP];

	for (unsigned reg = 0; reg < HT_REGISTERS; reg++)
		if (!read(r, frame + saved[reg], &r->of[reg]))
			return HT_CUT_POINTER;
	r->known = (1u << HT_REGISTERS) - 1;
	r->exact = true;
	if (r->of[HT_RSP] - 8 >= r->region.from && r->of[HT_RSP] <= r->region.to)
		return HT_STEP_ON;
	if (!ht_readable(r->of[HT_RSP] - 8))
		return HT_CUT_POINTER;
	ht_region_begin(&r->region, r->of[HT_RSP]);
	return HT_STEP_ON;
}

static unsigned step_by_pointer(struct registers *r)
{
	struct ht_state at = { r->of[HT_RA], r->of[HT_RSP], r->of[HT_RBP] };

	if (!(r->known >> HT_RBP & 1) || !ht_walk_pointer(&r->region, &at))
		return HT_CUT_UNKNOWN;
	r->of[HT_RA] = HT_PC(at.pc);
	r->of[HT_RSP] = at.sp;
	r->of[HT_RBP] = at.rbp;
	r->known = 1u << HT_RA | 1u << HT_RSP | 1u << HT_RBP;
	r->exact = false;
	return HT_STEP_ON;
}

static unsigned step(struct registers *r)
{
	uint64_t address = r->of[HT_RA] - !r->exact;
	struct ht_code code;
	struct ht_cfi cfi;

	if (!ht_modules_find(address, &code) || !ht_cfi_find(&code, address, &cfi))
		return step_by_pointer(r);
	return cfi.signal ? step_from_signal(r) : step_by_rules(r, &code, &cfi);
}

/* The registers as they are here; those that calls destroy are not known. */
static inline __attribute__((always_inline)) void capture(struct registers *r)
{
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
			 "1: mov %%rax, 128(%0)\n\t"
			 "mov %%rbx, 24(%0)\n\t"
			 "mov %%rbp, 48(%0)\n\t"
			 "mov %%rsp, 56(%0)\n\t"
			 "mov %%r12, 96(%0)\n\t"
			 "mov %%r13, 104(%0)\n\t"
			 "mov %%r14, 112(%0)\n\t"
			 "mov %%r15, 120(%0)"
			 :
			 : "d"(r->of)
			 : "rax", "memory");
	r->known = CALLEE_SAVED | 1u << HT_RA;
	r->exact = true;
}

HT_NOINLINE unsigned ht_walk_full(struct ht_walk *w)
{
	struct registers r = { .known = 0 };
	unsigned rc = HT_STEP_ON;

	capture(&r);
	r.region = w->region;
	if (r.of[HT_RSP] < w->at.sp) /* else the frame is on another stack, beyond a signal */
		ht_region_begin(&r.region, r.of[HT_RSP]);
	for (uint32_t i = 0; i < HT_DEPTH_MAX + OWN_FRAMES; i++) {
		bool there = r.of[HT_RSP] == w->at.sp && r.of[HT_RA] == HT_PC(w->at.pc);

		rc = step(&r);
		if (there || rc != HT_STEP_ON)
			break;
	}
	if (rc == HT_STEP_ON)
		w->at = (struct ht_state){ r.of[HT_RA] | (r.exact ? HT_PC_EXACT : 0), r.of[HT_RSP], r.of[HT_RBP] };
	w->region = r.region;
	return rc;
}

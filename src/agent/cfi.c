/* SPDX-License-Identifier: Apache-2.0 */
/* cfi.c -- decodes the unwind information of one address: .eh_frame_hdr, FDE, CIE, and the call frame program up to the address
 *
 * Called by: rows.c on a miss; walk.c for frames that take all registers.
 *
 *   .eh_frame_hdr, or one that was made: sorted table ──► FDE ──► its CIE: factors, initial rules ──► the FDE's program, until its location passes the address
 *
 * The layout is that of the x86-64 psABI and DWARF 4, section 6.4, as compilers and hand-written assembly use it in .eh_frame.
 *
 * Always true: no byte outside [unwind_from, unwind_to) is read, whatever the information says; every loop is bounded by the bytes it
 * consumes; what is not understood is no information, never a guess.
 */
#include "agent/bytes.h"
#include "agent/stack.h"

#define REMEMBERED 3 /* nested DW_CFA_remember_state; more is not understood */

/* A pointer in one of the encodings of DW_EH_PE; `base` is what data-relative ones count from. */
static uint64_t encoded(struct ht_bytes *b, unsigned encoding, uint64_t base)
{
	uint64_t place = b->at, v;

	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c:
		v = ht_bytes_fixed(b, 8);
		break;
	case 0x01:
		v = ht_bytes_uleb(b);
		break;
	case 0x02:
		v = ht_bytes_fixed(b, 2);
		break;
	case 0x03:
		v = ht_bytes_fixed(b, 4);
		break;
	case 0x09:
		v = (uint64_t)ht_bytes_sleb(b);
		break;
	case 0x0a:
		v = (uint64_t)(int16_t)ht_bytes_fixed(b, 2);
		break;
	case 0x0b:
		v = (uint64_t)(int32_t)ht_bytes_fixed(b, 4);
		break;
	default:
		b->bad = true;
		return 0;
	}
	switch (encoding & 0x70) {
	case 0x00:
		return v;
	case 0x10:
		return v + place;
	case 0x30:
		return v + base;
	default:
		b->bad = true;
		return 0;
	}
}

/* ---- finding the FDE --------------------------------------------------------------------------------------- */

/* The linker's entries are distances from the table, of four bytes; in a table that was made (attach/frames.c), addresses. */
struct table {
	uint64_t at, base;
	bool made;
};

static uint64_t in_table(const struct table *t, uint64_t entry, unsigned which)
{
	if (t->made)
		return ((const uint64_t(*)[2])t->at)[entry][which];
	return t->base + (uint64_t)(int64_t)((const int32_t(*)[2])t->at)[entry][which];
}

static bool open_table(const struct ht_code *code, struct table *t, uint64_t *count)
{
	const struct ht_channel *ch = ht_gate.channel;
	struct ht_bytes b = { code->unwind_at, code->unwind_to, false };
	uint64_t version, at_encoding, count_encoding, encoding;

	t->made = code->unwind_at & HT_MODULE_TABLE;
	if (t->made) {
		b.at = (uint64_t)ch + (code->unwind_at & ~HT_MODULE_TABLE);
		b.end = (uint64_t)ch + ch->table_at + ch->table_bytes;
	}
	t->base = b.at;
	version = ht_bytes_fixed(&b, 1);
	at_encoding = ht_bytes_fixed(&b, 1);
	count_encoding = ht_bytes_fixed(&b, 1);
	encoding = ht_bytes_fixed(&b, 1);
	encoded(&b, (unsigned)at_encoding, t->base);
	*count = encoded(&b, (unsigned)count_encoding, t->base);
	t->at = b.at;
	return !b.bad && version == 1 && encoding == (t->made ? 0x04 : 0x3b) &&
	       *count <= (b.end - b.at) / (t->made ? 16 : 8);
}

/* The FDE of the last entry that begins at or before the address; 0: none. Only the layout that every linker writes is known, and ours. */
static uint64_t find_fde(const struct ht_code *code, uint64_t address)
{
	struct table t;
	uint64_t low = 0, count;

	if (!open_table(code, &t, &count))
		return 0;
	while (count) {
		uint64_t half = count / 2;

		if (in_table(&t, low + half, 0) <= address) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return low ? in_table(&t, low - 1, 1) : 0;
}

/* The content of the CIE or FDE at `at`: the bytes behind its length. */
static struct ht_bytes open_entry(const struct ht_code *code, uint64_t at)
{
	struct ht_bytes b = { at, code->unwind_to, at < code->unwind_from };
	uint64_t length = ht_bytes_fixed(&b, 4);

	if (length == 0xffffffff)
		length = ht_bytes_fixed(&b, 8);
	if (!length || length > b.end - b.at)
		b.bad = true;
	b.end = b.at + length;
	return b;
}

struct cie {
	uint64_t code_factor;
	int64_t data_factor;
	unsigned encoding;
	bool augmented, signal;
	struct ht_bytes program;
};

static bool read_augmentation(struct ht_bytes *b, const char *text, struct cie *cie)
{
	uint64_t length = ht_bytes_uleb(b);
	struct ht_bytes data = { b->at, b->at + length, b->bad };

	if (length > b->end - b->at)
		return false;
	b->at += length;
	cie->augmented = true;
	for (text++; *text; text++) {
		if (*text == 'R')
			cie->encoding = (unsigned)ht_bytes_fixed(&data, 1);
		else if (*text == 'P')
			encoded(&data, (unsigned)ht_bytes_fixed(&data, 1), 0);
		else if (*text == 'L')
			ht_bytes_fixed(&data, 1);
		else if (*text == 'S')
			cie->signal = true;
		else
			return false;
	}
	return !data.bad;
}

static bool read_cie(const struct ht_code *code, uint64_t at, struct cie *cie)
{
	struct ht_bytes b = open_entry(code, at);
	uint64_t id = ht_bytes_fixed(&b, 4), version = ht_bytes_fixed(&b, 1);
	const char *text = (const char *)b.at;

	*cie = (struct cie){ .code_factor = 1 };
	while (!b.bad && ht_bytes_fixed(&b, 1))
		;
	if (id || b.bad || (version != 1 && version != 3))
		return false;
	cie->code_factor = ht_bytes_uleb(&b);
	cie->data_factor = ht_bytes_sleb(&b);
	if ((version == 1 ? ht_bytes_fixed(&b, 1) : ht_bytes_uleb(&b)) != HT_RA)
		return false;
	if (*text && (*text != 'z' || !read_augmentation(&b, text, cie)))
		return false;
	cie->program = b;
	return !b.bad;
}

/* ---- the program ------------------------------------------------------------------------------------------- */

struct run {
	const struct ht_code *code;
	const struct cie *cie;
	struct ht_cfi *now;
	struct ht_cfi initial, remembered[REMEMBERED];
	unsigned depth;
	uint64_t location;
};

static void set_rule(struct run *r, uint64_t reg, enum ht_rule_kind kind, int64_t value, struct ht_bytes *b)
{
	if (value != (int32_t)value)
		b->bad = true;
	else if (reg < HT_REGISTERS) /* others, the vector registers among them, do not lead to a caller */
		r->now->of[reg] = (struct ht_rule){ (int32_t)value, (uint8_t)kind };
}

/* Remembers where the expression is: at its length. */
static int64_t expression(struct run *r, struct ht_bytes *b)
{
	uint64_t at = b->at, length = ht_bytes_uleb(b);

	if (length > b->end - b->at)
		b->bad = true;
	else
		b->at += length;
	return (int64_t)(at - r->code->unwind_from);
}

static void set_cfa(struct run *r, uint64_t reg, enum ht_rule_kind kind, int64_t value, struct ht_bytes *b)
{
	if (reg >= HT_REGISTERS || value != (int32_t)value)
		b->bad = true;
	r->now->cfa_register = (uint8_t)reg;
	r->now->cfa = (struct ht_rule){ (int32_t)value, (uint8_t)kind };
}

static void restore(struct run *r, uint64_t reg)
{
	if (reg < HT_REGISTERS)
		r->now->of[reg] = r->initial.of[reg];
}

static void run_rule(struct run *r, unsigned op, struct ht_bytes *b)
{
	uint64_t reg = ht_bytes_uleb(b), other;

	switch (op) {
	case 0x05: /* offset_extended */
		set_rule(r, reg, HT_RULE_AT, (int64_t)ht_bytes_uleb(b) * r->cie->data_factor, b);
		return;
	case 0x06:
		restore(r, reg);
		return;
	case 0x07:
		set_rule(r, reg, HT_RULE_UNDEFINED, 0, b);
		return;
	case 0x08:
		set_rule(r, reg, HT_RULE_SAME, 0, b);
		return;
	case 0x09:
		other = ht_bytes_uleb(b);
		set_rule(r, reg, HT_RULE_REGISTER, (int64_t)other, b);
		b->bad = b->bad || other >= HT_REGISTERS;
		return;
	case 0x10:
		set_rule(r, reg, HT_RULE_AT_EXPR, expression(r, b), b);
		return;
	case 0x11: /* offset_extended_sf */
		set_rule(r, reg, HT_RULE_AT, ht_bytes_sleb(b) * r->cie->data_factor, b);
		return;
	case 0x14: /* val_offset */
		set_rule(r, reg, HT_RULE_IS, (int64_t)ht_bytes_uleb(b) * r->cie->data_factor, b);
		return;
	case 0x15:
		set_rule(r, reg, HT_RULE_IS, ht_bytes_sleb(b) * r->cie->data_factor, b);
		return;
	case 0x16:
		set_rule(r, reg, HT_RULE_IS_EXPR, expression(r, b), b);
		return;
	case 0x2f: /* GNU_negative_offset_extended */
		set_rule(r, reg, HT_RULE_AT, -((int64_t)ht_bytes_uleb(b) * r->cie->data_factor), b);
		return;
	default:
		b->bad = true;
	}
}

static void run_cfa(struct run *r, unsigned op, struct ht_bytes *b)
{
	uint64_t reg;

	switch (op) {
	case 0x0c:
		reg = ht_bytes_uleb(b);
		set_cfa(r, reg, HT_RULE_IS, (int64_t)ht_bytes_uleb(b), b);
		return;
	case 0x0d:
		set_cfa(r, ht_bytes_uleb(b), (enum ht_rule_kind)r->now->cfa.kind, r->now->cfa.value, b);
		return;
	case 0x0e:
		set_cfa(r, r->now->cfa_register, HT_RULE_IS, (int64_t)ht_bytes_uleb(b), b);
		return;
	case 0x0f:
		set_cfa(r, 0, HT_RULE_IS_EXPR, expression(r, b), b);
		return;
	case 0x12:
		reg = ht_bytes_uleb(b);
		set_cfa(r, reg, HT_RULE_IS, ht_bytes_sleb(b) * r->cie->data_factor, b);
		return;
	default: /* 0x13 */
		set_cfa(r, r->now->cfa_register, HT_RULE_IS, ht_bytes_sleb(b) * r->cie->data_factor, b);
	}
}

static void run_state(struct run *r, unsigned op, struct ht_bytes *b)
{
	if (op == 0x0a && r->depth < REMEMBERED)
		r->remembered[r->depth++] = *r->now;
	else if (op == 0x0b && r->depth)
		*r->now = r->remembered[--r->depth];
	else
		b->bad = true;
}

static void run_extended(struct run *r, unsigned op, struct ht_bytes *b)
{
	switch (op) {
	case 0x00:
		return;
	case 0x01:
		r->location = encoded(b, r->cie->encoding, 0);
		return;
	case 0x02:
	case 0x03:
	case 0x04:
		r->location += ht_bytes_fixed(b, op == 4 ? 4 : op - 1) * r->cie->code_factor;
		return;
	case 0x0a:
	case 0x0b:
		run_state(r, op, b);
		return;
	case 0x0c:
	case 0x0d:
	case 0x0e:
	case 0x0f:
	case 0x12:
	case 0x13:
		run_cfa(r, op, b);
		return;
	case 0x2e: /* GNU_args_size */
		ht_bytes_uleb(b);
		return;
	default:
		run_rule(r, op, b);
	}
}

/* Stops where the location passes the address. */
static bool run(struct run *r, struct ht_bytes b, uint64_t address)
{
	while (!b.bad && b.at < b.end) {
		unsigned byte = (unsigned)ht_bytes_fixed(&b, 1), op = byte >> 6, low = byte & 0x3f;

		if (op == 1)
			r->location += low * r->cie->code_factor;
		else if (op == 2)
			set_rule(r, low, HT_RULE_AT, (int64_t)ht_bytes_uleb(&b) * r->cie->data_factor, &b);
		else if (op == 3)
			restore(r, low);
		else
			run_extended(r, low, &b);
		if (r->location > address)
			break;
	}
	return !b.bad;
}

bool ht_cfi_find(const struct ht_code *code, uint64_t address, struct ht_cfi *ret)
{
	uint64_t fde = code->unwind_at ? find_fde(code, address) : 0, at, back, begin, length;
	struct ht_bytes b;
	struct cie cie;
	struct run r = { .code = code, .cie = &cie, .now = ret };

	if (!fde)
		return false;
	b = open_entry(code, fde);
	at = b.at;
	back = ht_bytes_fixed(&b, 4);
	if (b.bad || !back || back > at || !read_cie(code, at - back, &cie))
		return false;
	begin = encoded(&b, cie.encoding, 0);
	length = encoded(&b, cie.encoding & 0x0f, 0);
	if (cie.augmented) {
		uint64_t skip = ht_bytes_uleb(&b);

		b.bad = b.bad || skip > b.end - b.at;
		b.at += skip;
	}
	if (b.bad || address < begin || address - begin >= length)
		return false;
	*ret = (struct ht_cfi){ .signal = cie.signal, .start = begin };
	r.location = begin;
	if (!run(&r, cie.program, UINT64_MAX))
		return false;
	r.initial = *ret;
	r.location = begin;
	return run(&r, b, address);
}

/* ---- what the quick step needs of it ------------------------------------------------------------------------ */

static bool bytes_are(uint64_t at, const uint8_t *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((const uint8_t *)at)[i] != wanted[i])
			return false;
	return true;
}

/* The expression of procedure linkage tables, which linkers write: sp + base, and 8 more from some instruction of each 16 bytes on. */
static uint64_t plt_offset(const struct ht_code *code, int32_t at, uint64_t address)
{
	static const uint8_t before[] = { 0x80, 0x00, 0x3f, 0x1a }, after[] = { 0x2a, 0x33, 0x24, 0x22 };
	uint64_t e = code->unwind_from + (uint32_t)at;
	const uint8_t *b = (const uint8_t *)e;

	if (code->unwind_to - e < 12 || b[0] != 11 || b[1] != 0x77 || b[2] & 0x87 || !bytes_are(e + 3, before, 4) ||
	    b[7] < 0x30 || b[7] > 0x4f || !bytes_are(e + 8, after, 4))
		return 0;
	return b[2] + ((address & 15) >= b[7] - 0x30u ? 8 : 0);
}

/* CFA = the word at rbp + a small negative offset: how compilers find the frame again after they have aligned the stack. */
static uint64_t deref_offset(const struct ht_code *code, int32_t at)
{
	uint64_t e = code->unwind_from + (uint32_t)at;
	const uint8_t *b = (const uint8_t *)e;

	if (code->unwind_to - e < 4 || b[0] != 3 || b[1] != 0x76 || (b[2] & 0xc7) != 0x40 || b[3] != 0x06)
		return 0;
	return 128u - b[2];
}

/* "rbp was saved where rbp points", as an expression. */
static bool saved_at_rbp(const struct ht_code *code, const struct ht_rule *rbp)
{
	static const uint8_t wanted[] = { 2, 0x76, 0x00 };
	uint64_t e = code->unwind_from + (uint32_t)rbp->value;

	return rbp->kind == HT_RULE_AT_EXPR && code->unwind_to - e >= sizeof(wanted) &&
	       bytes_are(e, wanted, sizeof(wanted));
}

static uint32_t pack(enum ht_row_kind kind, uint64_t cfa, uint64_t saved)
{
	return (uint32_t)(saved / 8 << 19 | cfa / 8 << 3 | kind);
}

static uint32_t simple_row(enum ht_row_kind kind, int64_t cfa, const struct ht_rule *rbp)
{
	int64_t saved = rbp->kind == HT_RULE_AT ? -(int64_t)rbp->value : 0;

	if ((rbp->kind != HT_RULE_SAME && rbp->kind != HT_RULE_AT) || (rbp->kind == HT_RULE_AT && saved <= 8) ||
	    cfa < 8 || cfa > (int64_t)HT_ROW_CFA_MAX || cfa & 7 || saved > (int64_t)HT_ROW_SAVED_MAX || saved & 7)
		return HT_ROW_FULL;
	return pack(kind, (uint64_t)cfa, (uint64_t)saved);
}

static uint32_t expression_row(const struct ht_code *code, const struct ht_cfi *cfi, uint64_t address)
{
	uint64_t plt = plt_offset(code, cfi->cfa.value, address), deref = deref_offset(code, cfi->cfa.value);

	if (plt)
		return simple_row(HT_ROW_SP, (int64_t)plt, &cfi->of[HT_RBP]);
	if (deref && saved_at_rbp(code, &cfi->of[HT_RBP]))
		return pack(HT_ROW_DEREF, deref, 0);
	return HT_ROW_FULL;
}

struct ht_row ht_cfi_row(const struct ht_code *code, const struct ht_cfi *cfi, uint64_t address)
{
	const struct ht_rule *ra = &cfi->of[HT_RA];
	struct ht_row row = { HT_ROW_FULL, code->generation };

	if (cfi->signal)
		row.word = HT_ROW_SIGNAL;
	else if (ra->kind == HT_RULE_UNDEFINED)
		row.word = HT_ROW_ROOT;
	else if (ra->kind != HT_RULE_AT || ra->value != -8 || cfi->of[HT_RSP].kind != HT_RULE_SAME)
		row.word = HT_ROW_FULL;
	else if (cfi->cfa.kind == HT_RULE_IS_EXPR)
		row.word = expression_row(code, cfi, address);
	else if (cfi->cfa_register == HT_RSP)
		row.word = simple_row(HT_ROW_SP, cfi->cfa.value, &cfi->of[HT_RBP]);
	else if (cfi->cfa_register == HT_RBP)
		row.word = simple_row(HT_ROW_RBP, cfi->cfa.value, &cfi->of[HT_RBP]);
	return row;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* relocate.c -- decodes with Zydis, copies, makes distances anew
 *
 * Called by: patch.c. Why Zydis: docs/decisions/0024.
 *
 * Always true: an instruction is copied unchanged, or is one of three kinds that are made here: memory at a distance from the instruction, a jump, a jump on
 * a condition. Everything else that is relative is refused.
 */
#include "attach/relocate.h"

#include <Zydis/Zydis.h>
#include <inttypes.h>
#include <string.h>

#define LONG_JUMP 0xe9
#define FUNCTIONS_AT 16u    /* where compilers have functions begin */
#define LONG_CONDITION 0x80 /* behind 0x0f; the condition is the low four bits, as in the short form */

struct instruction {
	ZydisDecodedInstruction is;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode(const struct ht_function_bytes *f, size_t at, struct instruction *ret)
{
	ZydisDecoder d;

	return ZYAN_SUCCESS(ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, f->code + at, f->bytes - at, &ret->is, ret->operand));
}

static bool is_relative(const struct instruction *i)
{
	return i->is.attributes & ZYDIS_ATTRIB_IS_RELATIVE;
}

static bool is_branch(const struct instruction *i)
{
	return is_relative(i) && i->is.raw.imm[0].is_relative;
}

static uint64_t branch_target(const struct ht_function_bytes *f, size_t at, const struct instruction *i)
{
	return f->at + at + i->is.length + (uint64_t)i->is.raw.imm[0].value.s;
}

static bool fits(int64_t distance)
{
	return distance == (int32_t)distance;
}

static void put_distance(uint8_t *to, int64_t distance)
{
	int32_t d = (int32_t)distance;

	memcpy(to, &d, sizeof(d));
}

bool ht_relocate_jump(uint8_t code[HT_JUMP_BYTES], uint64_t at, uint64_t target)
{
	int64_t distance = (int64_t)(target - at - HT_JUMP_BYTES);

	code[0] = LONG_JUMP;
	put_distance(code + 1, distance);
	return fits(distance);
}

static int refuse(const struct ht_function_bytes *f, size_t at, const char *why, struct ht_err *err)
{
	return ht_err_set(err, HT_ETARGET, "the function at %#" PRIx64 " cannot be entered: %s (byte %zu)", f->at, why,
			  at);
}

/* Appends a jump that the function has at `from`, and where it led. */
static bool move_branch(const struct ht_function_bytes *f, size_t from, const struct instruction *i, uint64_t to,
			struct ht_relocated *r)
{
	uint64_t target = branch_target(f, from, i);
	uint8_t *code = r->code + r->bytes;
	int64_t distance;

	if (i->is.meta.category == ZYDIS_CATEGORY_UNCOND_BR) {
		r->bytes += HT_JUMP_BYTES;
		return ht_relocate_jump(code, to, target);
	}
	distance = (int64_t)(target - to - 6);
	code[0] = 0x0f;
	code[1] = (uint8_t)(LONG_CONDITION | (i->is.opcode & 0x0f));
	put_distance(code + 2, distance);
	r->bytes += 6;
	return fits(distance);
}

static bool is_condition(const struct instruction *i)
{
	return i->is.meta.category == ZYDIS_CATEGORY_COND_BR &&
	       ((i->is.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (i->is.opcode & 0xf0) == 0x70) ||
		(i->is.opcode_map == ZYDIS_OPCODE_MAP_0F && (i->is.opcode & 0xf0) == 0x80));
}

/* Copies it; memory that lies at a distance from it lies at another distance from the copy. */
static bool move_plain(const struct ht_function_bytes *f, size_t from, const struct instruction *i, uint64_t to,
		       struct ht_relocated *r)
{
	uint8_t *code = r->code + r->bytes;
	int64_t distance = i->is.raw.disp.value + (int64_t)(f->at + from - to);

	memcpy(code, f->code + from, i->is.length);
	r->bytes += i->is.length;
	if (!is_relative(i))
		return true;
	put_distance(code + i->is.raw.disp.offset, distance);
	return fits(distance);
}

static int move_one(const struct ht_function_bytes *f, const struct instruction *i, uint64_t base,
		    struct ht_relocated *r, struct ht_err *err)
{
	uint64_t to = base + r->bytes;
	size_t from = r->taken;
	bool jump = i->is.meta.category == ZYDIS_CATEGORY_UNCOND_BR, near;

	if (i->is.meta.category == ZYDIS_CATEGORY_CALL || i->is.meta.category == ZYDIS_CATEGORY_SYSCALL ||
	    i->is.meta.category == ZYDIS_CATEGORY_INTERRUPT)
		return refuse(f, from, "it begins with a call", err);
	if (is_branch(i) && !jump && !is_condition(i))
		return refuse(f, from, "it begins with a jump that has no long form", err);
	if (is_relative(i) && !is_branch(i) && i->is.raw.disp.size != 32)
		return refuse(f, from, "it begins with an instruction that names its own place in an unusual way", err);
	r->from[r->count] = (uint8_t)from;
	r->to[r->count++] = r->bytes;
	near = is_branch(i) ? move_branch(f, from, i, to, r) : move_plain(f, from, i, to, r);
	r->taken += i->is.length;
	return near ? 0 : refuse(f, from, "what it refers to is more than 2 GiB away", err);
}

static bool ends(const struct instruction *i)
{
	return i->is.meta.category == ZYDIS_CATEGORY_UNCOND_BR || i->is.meta.category == ZYDIS_CATEGORY_RET;
}

/* What lies between the end of a function, whose size is not known, and the next one: nobody comes there. */
static bool is_padding(const struct ht_function_bytes *f, const struct instruction *i)
{
	return !f->whole && f->at % FUNCTIONS_AT == 0 &&
	       (i->is.meta.category == ZYDIS_CATEGORY_NOP || i->is.meta.category == ZYDIS_CATEGORY_WIDENOP);
}

/* L2. What is no instruction is stepped over: the next one is found again soon. */
static int check_ways_back(const struct ht_function_bytes *f, size_t taken, struct ht_err *err)
{
	struct instruction i;
	uint64_t target;

	for (size_t at = 0; f->whole && at < f->bytes;) {
		if (!decode(f, at, &i)) {
			at++;
			continue;
		}
		target = is_branch(&i) ? branch_target(f, at, &i) : f->at;
		if (target > f->at && target < f->at + taken)
			return refuse(f, at, "it leads back into its own beginning", err);
		at += i.is.length;
	}
	return 0;
}

int ht_relocate(const struct ht_function_bytes *f, uint64_t to, struct ht_relocated *ret, struct ht_err *err)
{
	struct ht_relocated r = { .taken = 0 };
	struct instruction i;
	bool ended = false;
	int rc;

	while (r.taken < HT_JUMP_BYTES) {
		if (r.taken >= f->bytes)
			return refuse(f, r.taken, "it is shorter than a jump", err);
		if (!decode(f, r.taken, &i))
			return refuse(f, r.taken, "it begins with what is no instruction", err);
		if (ended && !is_padding(f, &i))
			return refuse(f, r.taken, "it is shorter than a jump", err);
		rc = move_one(f, &i, to, &r, err);
		if (rc)
			return rc;
		ended = ended || ends(&i);
	}
	if (!ended && !ht_relocate_jump(r.code + r.bytes, to + r.bytes, f->at + r.taken))
		return refuse(f, r.taken, "it is more than 2 GiB away", err);
	r.bytes += ended ? 0 : HT_JUMP_BYTES;
	rc = check_ways_back(f, r.taken, err);
	if (!rc)
		*ret = r;
	return rc;
}

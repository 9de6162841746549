/* SPDX-License-Identifier: Apache-2.0 */
/* relocate.h -- the first instructions of a function, written anew for another place
 *
 * Used by: patch.c, for each entry that becomes a jump. Called while the process runs: it needs bytes, not the process.
 *
 *   function                            elsewhere, within 2 GiB
 *   ┌──────────────────────┐            ┌──────────────────────┐
 *   │ push %r12            │            │ push %r12            │     an instruction is copied as it is, unless it says where it is:
 *   │ test %rdi,%rdi       │  ───────►  │ test %rdi,%rdi       │     then its distance is made anew, a short jump becoming a long one
 *   │ je   1f              │            │ je   1f (long)       │
 *   ├──────────────────────┤            │ jmp  back            │
 *   │ ...                  │  ◄───────  └──────────────────────┘
 *
 * Always true:
 *   L1  whole instructions, at least the five bytes that the jump takes
 *   L2  nothing in the function leads to a place among those bytes but the first
 *   L3  what cannot be moved is refused, with the reason: a call (its return address would lie elsewhere), a system call, a function that is
 *       shorter than the jump and the padding behind it
 */
#ifndef HT_RELOCATE_H
#define HT_RELOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define HT_JUMP_BYTES 5u
#define HT_RELOCATED_MOST 96u

struct ht_relocated {
	uint8_t code[HT_RELOCATED_MOST];
	uint8_t bytes; /* of code, with the jump back */
	uint8_t taken; /* of the function */
	uint8_t count; /* instructions that were moved: where each begins */
	uint8_t from[HT_JUMP_BYTES], to[HT_JUMP_BYTES];
};

struct ht_function_bytes {
	const uint8_t *code; /* the function as it stands in memory */
	size_t bytes;        /* readable; as many as the function has, if that is known */
	bool whole;          /* it is known */
	uint64_t at;         /* its address */
};

/* For the address `to`. HT_ETARGET: why it cannot be. */
int ht_relocate(const struct ht_function_bytes *f, uint64_t to, struct ht_relocated *ret, struct ht_err *err);

/* Writes `jmp target` for the address `at`; false: it is too far. */
bool ht_relocate_jump(uint8_t code[HT_JUMP_BYTES], uint64_t at, uint64_t target);

#endif

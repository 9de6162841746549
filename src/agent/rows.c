/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c -- what a step has to do at an address of the code: a lock-free cache in front of the unwind information
 *
 * Called by: walk.c and memo.c for every frame that is not remembered; modules.c when code was unloaded.
 *
 *   address ──► [ tag 32 | row 32 ] [ tag 32 | generation 24 ]       place: low bits of the address, tag: all others. Both tags fit: found.
 *                   └── else: modules.c, cfi.c, about a quarter of a microsecond; stored for the next one
 *
 * Always true: R1  an entry is written in two single stores and read in two single loads; each carries the whole address, so that two
 * writers at once never make a row of one address and a generation of another. R2  rows of addresses outside all modules carry the
 * generation of the moment, and hold no longer than that. Rows of a module go when it is unloaded.
 */
#include "agent/stack.h"

#define BITS 15
#define ENTRIES (1u << BITS)

struct entry {
	_Atomic uint64_t row, meaning;
};
static struct entry cache[ENTRIES] __attribute__((aligned(64)));

static struct ht_row decode(uint64_t address)
{
	struct ht_row bare = { HT_ROW_BARE, 0 };
	struct ht_code code;
	struct ht_cfi cfi;

	if (!ht_modules_find(address, &code))
		return bare;
	bare.generation = code.generation;
	if (!ht_cfi_find(&code, address, &cfi)) {
		/* A return address that no call has pushed: the first byte of a function, with nothing in front of it. makecontext() writes
		 * such a one at the bottom of a coroutine's stack; what lies above it is no frame. */
		if (ht_cfi_find(&code, address + 1, &cfi) && cfi.start == address + 1)
			bare.word = HT_ROW_ROOT;
		return bare;
	}
	return ht_cfi_row(&code, &cfi, address);
}

static HT_NOINLINE struct ht_row miss(uint64_t address)
{
	struct entry *e = &cache[address & (ENTRIES - 1)];
	uint64_t tag = address >> BITS << 32;
	/* acquire: pairs with the release in ht_modules_change(): the row is not older than this */
	uint32_t generation = atomic_load_explicit(&ht_gate.generation, memory_order_acquire);
	struct ht_row row = decode(address);

	if (address >> (BITS + 32))
		return row;
	/* relaxed: R1. The upper bit of the second word tells that the row holds for this generation only */
	if (!row.generation)
		atomic_store_explicit(&e->meaning, tag | 1u << 31 | (generation & HT_GENERATION_MAX),
				      memory_order_relaxed);
	else
		atomic_store_explicit(&e->meaning, tag | row.generation, memory_order_relaxed);
	atomic_store_explicit(&e->row, tag | row.word, memory_order_relaxed);
	if (atomic_load_explicit(&ht_gate.generation, memory_order_acquire) != generation)
		atomic_store_explicit(&e->row, 0,
				      memory_order_relaxed); /* it may have been forgotten before it was there */
	return row;
}

/* A return address is looked up as the call before it, which may be the last instruction of its function. */
struct ht_row ht_rows_find(uint64_t pc)
{
	uint64_t address = HT_PC(pc) - !(pc & HT_PC_EXACT);
	const struct entry *e = &cache[address & (ENTRIES - 1)];
	uint64_t row = atomic_load_explicit(&e->row, memory_order_relaxed); /* R1 */
	uint64_t meaning = atomic_load_explicit(&e->meaning, memory_order_relaxed);
	uint64_t tag = address >> BITS;

	if (ht_unlikely(row >> 32 != tag || meaning >> 32 != tag || !(uint32_t)row))
		return miss(address);
	if (ht_unlikely(meaning & 1u << 31)) {
		/* relaxed: a change that is not seen yet did not happen before this address came onto the stack */
		uint32_t generation = atomic_load_explicit(&ht_gate.generation, memory_order_relaxed);

		if ((meaning & HT_GENERATION_MAX) != (generation & HT_GENERATION_MAX))
			return miss(address);
		meaning = 0;
	}
	return (struct ht_row){ (uint32_t)row, (uint32_t)meaning };
}

void ht_rows_forget(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < ENTRIES; i++) {
		uint64_t row = atomic_load_explicit(&cache[i].row, memory_order_relaxed); /* R1 */
		uint64_t address = row >> 32 << BITS | i;

		if ((uint32_t)row && address >= start && address < end)
			atomic_store_explicit(&cache[i].row, 0, memory_order_relaxed);
	}
}

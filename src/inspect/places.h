/* SPDX-License-Identifier: Apache-2.0 */
/* places.h -- sites with names: stacks of frames, folded into one tree, so that equal names are one place
 *
 * Callers: show/report.c and every command that names where.
 *
 *   contexts (pc, generation)           frames (function, file, line, module)        places
 *
 *   malloc ─ 0x401136 ─ 0x4011b0 ─┐     fill (a.c:7) ─ inlined in ─ main (a.c:20) ─┐
 *                                 root                                             root
 *   calloc ─ 0x401139 ────────────┘     fill (a.c:7) ─ main (a.c:31) ──────────────┘
 *
 * A return address may stand for several frames, as functions are inlined; each is a node. Two addresses that have the same
 * names are the same node: what people would read as one place is one. Frames of the allocator and of the agent at the
 * inner end are left out.
 *
 * Always true:
 *   P1  a parent's number is lower than its children's; nodes 0 to HT_STACK_CUTS - 1 are the roots
 *   P2  the work is one step per context and site; each address is looked up once
 */
#ifndef HT_PLACES_H
#define HT_PLACES_H

#include "inspect/sites.h"
#include "inspect/stack.h"
#include "inspect/symbols.h"

struct ht_place_frame {
	const char *function, *file, *module; /* NULL: unknown; they live as long as the symbols */
	uint32_t line;                        /* 0: unknown */
	bool inlined;
	uint64_t offset; /* in the module (the address, if that is unknown too); only where the function is unknown */
};

struct ht_place_node {
	uint32_t parent; /* the caller; the root's is the root */
	uint32_t frame;  /* a root has none */
};

/* A root is an enum ht_stack_cut: the one where whole stacks end, and one for each reason to end before. */
static inline bool ht_place_is_root(uint32_t node)
{
	return node < HT_STACK_CUTS;
}

struct ht_places {
	HT_LIST(struct ht_place_frame) frames;
	HT_LIST(struct ht_place_node) nodes;
	uint32_t *site; /* of each site: its node; a root if there is no caller */
};

int ht_places_make(struct ht_model *t, struct ht_symbols *symbols, const struct ht_sites *sites, struct ht_places *ret,
		   struct ht_err *err);
void ht_places_fini(struct ht_places *p);

#endif

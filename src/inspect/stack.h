/* SPDX-License-Identifier: Apache-2.0 */
/* stack.h -- the callers behind a context, innermost first
 *
 * Callers: show/script.c and info.c, and whoever looks at a single stack; places.c folds whole trees on its own.
 *
 *   context   function node ──► innermost caller ──► its caller ──► ... ──► root, or a node that says why not
 *   stack     .function         .step[0]             .step[1]               .cut
 *
 * Always true, whatever the file says: it ends, after HT_STACK_MOST steps if not before.
 */
#ifndef HT_STACK_H
#define HT_STACK_H

#include "inspect/model.h"

#define HT_STACK_MOST 4096

enum ht_stack_cut {
	HT_STACK_WHOLE,
	/* The reasons of docs/trace-format.md, section 5.5. */
	HT_STACK_CUT_DEPTH = 1,
	HT_STACK_CUT_NO_UNWIND,
	HT_STACK_CUT_BAD_POINTER,
	HT_STACK_CUT_TREE_FULL,
	HT_STACK_CUT_UNKNOWN, /* a node is missing, or of a kind this program does not know */
	HT_STACK_CUTS,
};

struct ht_step {
	uint64_t pc;
	uint32_t generation;
	bool exact; /* pc is the interrupted instruction, not the one behind a call */
};

struct ht_stack {
	const char *function; /* that was called; NULL: unknown */
	enum ht_stack_cut cut;
	size_t depth;
	struct ht_step step[HT_STACK_MOST];
};

void ht_stack_read(const struct ht_model *t, uint32_t context, struct ht_stack *ret);

/* Why the stack of a context is not whole, without reading its steps. */
enum ht_stack_cut ht_stack_cut_of(const struct ht_model *t, uint32_t context);

/* "no_unwind", ...; NULL: it is whole. */
const char *ht_stack_cut_name(enum ht_stack_cut cut);

#endif

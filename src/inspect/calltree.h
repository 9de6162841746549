/* SPDX-License-Identifier: Apache-2.0 */
/* calltree.h -- the places as a tree of calls, with what each branch is worth; only as much of it as is wanted
 *
 * Caller: show/branches.c.
 *
 *   stacks       4 KiB  main > load > fill          top-down    main 7 ─┬─ load 7 ─┬─ fill 4
 *                3 KiB  main > load > grow                              │          └─ grow 3
 *                1 KiB  main > fill                 bottom-up   fill 5 ─┬─ load 4 ── main 4
 *                                                               grow 3  └─ main 1
 *
 * Lines make no difference here: a function is one branch, wherever in it the next one is called.
 * The heaviest branch is opened first, and so on until `most` are there: those are the most heavy ones of all, and how large
 * the rest is does not matter. A branch that is worth what the one it grows on is worth only leads on: it is there, and not counted.
 *
 * Always true:
 *   B1  a branch stands behind the one it grows on, all of its own branches behind it, the heaviest first
 *   B2  memory is bounded by the nodes of the places and the branches that were opened, not by the lengths of stacks
 */
#ifndef HT_CALLTREE_H
#define HT_CALLTREE_H

#include "inspect/ranking.h"

enum ht_direction { HT_TOP_DOWN, HT_BOTTOM_UP };

struct ht_calltree_options {
	enum ht_direction direction;
	enum ht_measure by;
	size_t most;   /* SIZE_MAX: all */
	bool cut_main; /* what lies outside of main is left out */
};

struct ht_branch {
	uint32_t
		node; /* of the places: its frame is this node's; a root: where stacks end early, or no caller is known */
	bool has_lines;            /* it is called at, or calls from, several lines: that of the frame is one of them */
	uint32_t depth;            /* 0: on the stem */
	uint32_t level;            /* likewise, but branches that only lead on are on the level of what they grow on */
	struct ht_amount all, own; /* own: of the stacks that end here */
};

struct ht_calltree {
	HT_LIST(struct ht_branch) list;
	struct ht_amount whole;
	bool is_part; /* there are more branches */
};

int ht_calltree_make(const struct ht_sites *sites, const struct ht_places *places, const struct ht_calltree_options *o,
		     struct ht_calltree *ret, struct ht_err *err);
void ht_calltree_fini(struct ht_calltree *t);

#endif

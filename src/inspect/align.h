/* SPDX-License-Identifier: Apache-2.0 */
/* align.h -- the places of two traces side by side, by what their functions are called
 *
 * Callers: show/diff.c, and budget.c, which compares with a baseline.
 *
 *   before   fill (a.c:7) ─ inlined in ─ main (a.c:20) ─┐
 *                                                       ├─► fill ─ main    one common node, with a figure of each side
 *   after    fill (a.c:9) ─ main (a.c:31) ──────────────┘
 *
 * Two programs are never the same: addresses move, lines move, compilers inline differently and split functions. So of a frame
 * only the function's name counts, without what a compiler hangs on (.part.0, .isra.1, .constprop.2, .cold); where there is no
 * name, the module's file name, and neighbours in the same nameless module are one. What lies outside of main does not count.
 *
 * Always true:
 *   each node of either side has exactly one common node, so no byte is counted twice and none is left out
 */
#ifndef HT_ALIGN_H
#define HT_ALIGN_H

#include "inspect/places.h"
#include "inspect/strings.h"

enum { HT_BEFORE, HT_AFTER, HT_SIDES };

struct ht_alignment {
	uint32_t *node[HT_SIDES]; /* of each node of that side's places: the common one */
	size_t nodes;
	struct ht_strings names;
};

int ht_align(const struct ht_places *before, const struct ht_places *after, struct ht_alignment *ret,
	     struct ht_err *err);
void ht_align_fini(struct ht_alignment *a);

#define HT_NO_PLACE UINT32_MAX

struct ht_change {
	struct ht_tally value[HT_SIDES];
	uint32_t place[HT_SIDES]; /* the node that holds most of it there; HT_NO_PLACE where there is nothing */
};

struct ht_changes {
	HT_LIST(struct ht_change) list; /* those whose main figure differs, the largest difference first */
	struct ht_tally whole[HT_SIDES];
	size_t equal; /* places where it is the same */
};

/* What one side puts in: a figure for each of its sites. */
struct ht_side {
	const struct ht_places *places;
	const struct ht_tally *value;
	size_t sites;
};

/* by_count: blocks count, not bytes. */
int ht_changes_make(const struct ht_alignment *a, const struct ht_side side[HT_SIDES], bool by_count,
		    struct ht_changes *ret, struct ht_err *err);
void ht_changes_fini(struct ht_changes *c);

static inline uint64_t ht_tally_main(const struct ht_tally *t, bool by_count)
{
	return by_count ? t->count : t->bytes;
}

#endif

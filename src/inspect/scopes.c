/* SPDX-License-Identifier: Apache-2.0 */
/* scopes.c -- walks the entries of a compilation unit once and keeps those that stand for code
 *
 * scopes.h draws the result.
 *
 *   walk    every entry that may hold functions, with the scope it stands in
 *   sort    by start, the longer first
 *   nest    each span learns which one is around it
 *
 * The walk believes nothing: entries must come in rising order, as they do in a file that was not tampered with (a
 * sibling reference may point anywhere), they nest to a limit, and there are not more spans than the unit has bytes.
 */
#include "inspect/scopes.h"

#include <dwarf.h>
#include <stdlib.h>

#define DEPTH_MAX 512u
#define STEPS_MAX 4096u /* outward, in a search: only spans that are not properly nested need more */
#define SPANS_MAX (16u << 20)
#define SPANS_SPARE 1024u /* a small unit may have more ranges than bytes */

struct walk {
	struct ht_scopes *scopes;
	Dwarf_Off last; /* entry seen */
	size_t spans_left;
};

static bool may_hold_code(int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_entry_point:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type: /* Rust: methods of an enum */
	case DW_TAG_variant_part:
	case DW_TAG_variant:
		return true;
	default:
		return false;
	}
}

static bool add_spans(struct walk *w, Dwarf_Die *die, uint32_t scope)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0) {
		struct ht_span *s;

		if (lo >= hi)
			continue;
		if (!w->spans_left--)
			return false;
		s = HT_LIST_ADD(&w->scopes->spans);
		if (!s)
			return false;
		*s = (struct ht_span){ lo, hi, scope, HT_SCOPE_NONE };
	}
	return true;
}

/* The scope that the children of this entry stand in; false: give up. */
static bool enter(struct walk *w, Dwarf_Die *die, uint32_t *scope)
{
	int tag = dwarf_tag(die);
	size_t spans = w->scopes->spans.count;
	struct ht_scope *new;

	if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
		return true;
	if (!add_spans(w, die, (uint32_t)w->scopes->list.count))
		return false;
	if (w->scopes->spans.count == spans && tag == DW_TAG_subprogram) {
		*scope = HT_SCOPE_NONE; /* a declaration, or the form that others are copies of */
		return true;
	}
	/* What was inlined and has no code of its own may still be around others that have: gcc writes lists of ranges that begin with
	 * an empty one at 0, which ends the list. */
	if (w->scopes->spans.count == spans && !dwarf_haschildren(die))
		return true;
	new = HT_LIST_ADD(&w->scopes->list);
	if (!new)
		return false;
	*new = (struct ht_scope){ dwarf_dieoffset(die), tag == DW_TAG_subprogram ? HT_SCOPE_NONE : *scope };
	*scope = (uint32_t)(w->scopes->list.count - 1);
	return true;
}

static bool is_next(struct walk *w, Dwarf_Die *die)
{
	Dwarf_Off at = dwarf_dieoffset(die);

	if (at <= w->last)
		return false;
	w->last = at;
	return true;
}

/* In order, without recursion: path[depth] is the entry on the way, scope[depth] the one that it stands in. */
static bool walk(struct walk *w, Dwarf_Die *unit)
{
	Dwarf_Die path[DEPTH_MAX];
	uint32_t scope[DEPTH_MAX + 1];
	size_t depth = 0;
	int rc;

	w->last = dwarf_dieoffset(unit);
	scope[0] = HT_SCOPE_NONE;
	rc = dwarf_child(unit, &path[0]);
	while (rc == 0) {
		Dwarf_Die *at = &path[depth];

		if (!is_next(w, at))
			return false;
		scope[depth + 1] = scope[depth];
		if (may_hold_code(dwarf_tag(at))) {
			if (!enter(w, at, &scope[depth + 1]))
				return false;
			if (depth + 1 == DEPTH_MAX)
				return false;
			rc = dwarf_child(at, &path[depth + 1]);
			if (rc < 0)
				return false;
			if (rc == 0) {
				depth++;
				continue;
			}
		}
		while ((rc = dwarf_siblingof(&path[depth], &path[depth])) == 1 && depth)
			depth--;
	}
	return rc == 1;
}

static int by_start(const void *a, const void *b)
{
	const struct ht_span *x = a, *y = b;

	if (x->lo != y->lo)
		return (x->lo > y->lo) - (x->lo < y->lo);
	if (x->hi != y->hi)
		return (x->hi < y->hi) - (x->hi > y->hi);
	return (x->scope > y->scope) - (x->scope < y->scope);
}

static void nest(struct ht_scopes *s)
{
	for (size_t i = 1; i < s->spans.count; i++) {
		uint32_t around = (uint32_t)(i - 1);

		while (around != HT_SCOPE_NONE && s->spans.at[around].hi <= s->spans.at[i].lo)
			around = s->spans.at[around].around;
		s->spans.at[i].around = around;
	}
}

bool ht_scopes_build(struct ht_scopes *s, Dwarf_Die *unit, uint64_t unit_bytes)
{
	struct walk w = { .scopes = s };

	*s = (struct ht_scopes){ 0 };
	w.spans_left = unit_bytes < SPANS_MAX - SPANS_SPARE ? unit_bytes + SPANS_SPARE : SPANS_MAX;
	if (!walk(&w, unit)) {
		ht_scopes_fini(s);
		return false;
	}
	if (s->spans.count)
		qsort(s->spans.at, s->spans.count, sizeof(*s->spans.at), by_start);
	nest(s);
	return true;
}

void ht_scopes_fini(struct ht_scopes *s)
{
	free(s->list.at);
	free(s->spans.at);
	*s = (struct ht_scopes){ 0 };
}

uint32_t ht_scopes_find(const struct ht_scopes *s, uint64_t address)
{
	size_t low = 0, high = s->spans.count;
	uint32_t span;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->spans.at[mid].lo <= address)
			low = mid + 1;
		else
			high = mid;
	}
	span = low ? (uint32_t)(low - 1) : HT_SCOPE_NONE;
	for (size_t steps = 0; span != HT_SCOPE_NONE && s->spans.at[span].hi <= address; steps++)
		span = steps < STEPS_MAX ? s->spans.at[span].around : HT_SCOPE_NONE;
	return span == HT_SCOPE_NONE ? HT_SCOPE_NONE : s->spans.at[span].scope;
}

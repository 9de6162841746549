/* SPDX-License-Identifier: Apache-2.0 */
/* branches.c -- one line a branch
 *
 * branches.h has a picture. The list says by itself where a branch ends: the next one does not stand deeper.
 */
#include "show/branches.h"

#include <inttypes.h>
#include <stdio.h>

#include "show/figures.h"
#include "show/out.h"
#include "show/stacks.h"

#define INDENT_MOST 24

/* Where there are several lines none is shown. */
static struct ht_place_frame frame_of(const struct ht_branch *b, const struct ht_places *p)
{
	struct ht_place_frame f = p->frames.at[p->nodes.at[b->node].frame];

	if (b->has_lines)
		f.line = 0;
	return f;
}

static const char *nameless(uint32_t node)
{
	const char *cut = ht_stacks_cut_word((enum ht_stack_cut)node);

	return cut ? cut : "caller unknown";
}

void ht_branches_text(const struct ht_calltree *t, const struct ht_places *p, enum ht_measure by)
{
	char bytes[HT_FIGURE_BYTES], share[HT_FIGURE_BYTES];
	bool counts = ht_measure_counts(by);

	ht_outf("%12s %8s %9s\n", "bytes", "share", by == HT_BY_CALLS ? "calls" : "blocks");
	for (size_t i = 0; i < t->list.count && !ht_out_failed(); i++) {
		const struct ht_branch *b = &t->list.at[i];
		struct ht_place_frame frame;
		uint32_t indent = 2 * b->level < INDENT_MOST ? 2 * b->level : INDENT_MOST;

		ht_figure_part(share, counts ? b->all.count : b->all.bytes, counts ? t->whole.count : t->whole.bytes);
		ht_outf("%12s %8s %9" PRId64 "  %*s", ht_figure_signed_bytes(bytes, b->all.bytes), share, b->all.count,
			(int)indent, "");
		if (ht_place_is_root(b->node)) {
			ht_outf("(%s)\n", nameless(b->node));
			continue;
		}
		frame = frame_of(b, p);
		ht_stacks_frame(&frame, 33 + indent);
	}
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void put_branch(const struct ht_branch *b, const struct ht_places *p)
{
	struct ht_place_frame frame;
	const char *cut = ht_place_is_root(b->node) ? ht_stack_cut_name((enum ht_stack_cut)b->node) : NULL;

	ht_outf("{\"bytes\":%" PRId64 ",\"count\":%" PRId64 ",\"own_bytes\":%" PRId64 ",\"own_count\":%" PRId64
		",\"frame\":",
		b->all.bytes, b->all.count, b->own.bytes, b->own.count);
	if (ht_place_is_root(b->node)) {
		ht_out_text("null");
	} else {
		frame = frame_of(b, p);
		ht_stacks_frame_json(&frame);
	}
	ht_outf(",\"cut\":%s%s%s,\"children\":[", cut ? "\"" : "", cut ? cut : "null", cut ? "\"" : "");
}

void ht_branches_json(const struct ht_calltree *t, const struct ht_places *p)
{
	uint32_t open = 0; /* branches that are not closed yet */

	ht_out_text("[");
	for (size_t i = 0; i < t->list.count && !ht_out_failed(); i++) {
		bool is_next = open > t->list.at[i].depth;

		for (; open > t->list.at[i].depth; open--)
			ht_out_text("]}");
		ht_out_text(is_next ? "," : "");
		put_branch(&t->list.at[i], p);
		open++;
	}
	for (; open; open--)
		ht_out_text("]}");
	ht_out_text("]");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* calltree.c -- opens the heaviest branch, then the next, until enough are there
 *
 *   knots     the nodes of the places, those that differ in lines only joined
 *   twigs     all branches that were seen, opened or not; each knows what it grows on
 *   heap      those that are not opened yet, the heaviest on top
 *
 * Top-down, a twig is a knot, and what grows on it are the knot's children. Bottom-up, it is a slice of
 * the list of stacks: those that have the same inner end so far; what grows on it are the parts of this slice, after it was
 * sorted by the next frame outwards.
 */
#include "inspect/calltree.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define NONE UINT32_MAX

/* The first HT_STACK_CUTS are the roots, as in places.h; a parent's number is lower. */
struct knot {
	uint32_t parent, function; /* function: the frame that was met first with this name */
	uint32_t node;             /* the one that was met first */
	bool has_lines;
};

struct twig {
	struct ht_branch b;
	uint32_t knot;
	uint32_t on; /* NONE: the stem */
	bool chosen, is_leaf;
	uint32_t first, last, next; /* its chosen ones, in a chain */
	uint32_t from, to;          /* bottom-up: its slice */
};

/* A stack on its way outwards. */
struct walker {
	uint32_t start, at;
};

struct tree {
	const struct ht_places *places;
	const struct ht_calltree_options *options;
	HT_LIST(struct knot) knots;
	uint32_t *knot_of;           /* of each node */
	struct ht_amount *own, *all; /* of each knot; all: with what is inside of it */
	uint8_t *outside;            /* of main, of each knot */
	uint32_t *child, *sibling;   /* of each knot, in lists */
	struct walker *walker;
	HT_LIST(struct twig) twigs;
	HT_LIST(uint32_t) heap;
	uint32_t first, last; /* chosen twigs on the stem */
};

static bool is_nothing(const struct ht_amount *a)
{
	return !a->bytes && !a->count;
}

static void add(struct ht_amount *to, const struct ht_amount *a)
{
	to->bytes += a->bytes;
	to->count += a->count;
}

static bool is_main(const struct tree *t, uint32_t knot)
{
	const char *function;

	if (!t->options->cut_main || ht_place_is_root(knot))
		return false;
	function = t->places->frames.at[t->knots.at[knot].function].function;
	return function && !strcmp(function, "main");
}

/* ---- knots ------------------------------------------------------------------------------------------------- */

static void hash_string(XXH3_state_t *h, const char *s)
{
	XXH3_128bits_update(h, s ? s : "", s ? strlen(s) + 1 : 0);
	XXH3_128bits_update(h, "\1", 1);
}

/* Of each frame the first one with the same function, module and file. NULL: no memory. */
static uint32_t *name_frames(const struct ht_places *p)
{
	uint32_t *function = malloc((p->frames.count + 1) * sizeof(*function));
	struct ht_index known = { 0 };
	bool ok = function;

	for (uint32_t i = 0; ok && i < p->frames.count; i++) {
		const struct ht_place_frame *f = &p->frames.at[i];
		uint64_t numbers[] = { f->inlined, f->offset };
		XXH128_hash_t hash;
		XXH3_state_t h;
		uint32_t *first;

		XXH3_128bits_reset(&h);
		hash_string(&h, f->function);
		hash_string(&h, f->module);
		hash_string(&h, f->file);
		XXH3_128bits_update(&h, numbers, sizeof(numbers));
		hash = XXH3_128bits_digest(&h);
		first = ht_index_at(&known, hash.high64, hash.low64);
		ok = first;
		if (ok && !*first)
			*first = i + 1;
		function[i] = ok ? *first - 1 : 0;
	}
	ht_index_fini(&known);
	if (ok)
		return function;
	free(function);
	return NULL;
}

static bool tie(struct tree *t, struct ht_index *by_step, const uint32_t *function, uint32_t node)
{
	const struct ht_places *p = t->places;
	bool is_root = ht_place_is_root(node);
	uint32_t parent = is_root ? node : t->knot_of[p->nodes.at[node].parent];
	uint32_t frame = is_root ? 0 : p->nodes.at[node].frame;
	uint32_t *known = is_root ? NULL : ht_index_at(by_step, parent, function[frame]);
	struct knot *new;

	if (known && *known) {
		struct knot *k = &t->knots.at[*known - 1];

		t->knot_of[node] = *known - 1;
		k->has_lines |= p->frames.at[p->nodes.at[k->node].frame].line != p->frames.at[frame].line;
		return true;
	}
	new = known || is_root ? HT_LIST_ADD(&t->knots) : NULL;
	if (!new)
		return false;
	*new = (struct knot){ parent, is_root ? 0 : function[frame], node, false };
	t->knot_of[node] = (uint32_t)t->knots.count - 1;
	if (known)
		*known = (uint32_t)t->knots.count;
	return true;
}

static bool tie_all(struct tree *t)
{
	uint32_t *function = name_frames(t->places);
	struct ht_index by_step = { 0 };
	bool ok = function;

	t->knot_of = malloc(t->places->nodes.count * sizeof(*t->knot_of));
	ok = ok && t->knot_of;
	for (uint32_t node = 0; ok && node < t->places->nodes.count; node++)
		ok = tie(t, &by_step, function, node);
	ht_index_fini(&by_step);
	free(function);
	return ok;
}

/* ---- the heap ---------------------------------------------------------------------------------------------- */

static bool leads_on(const struct tree *t, const struct twig *w)
{
	const struct ht_amount *on = w->on == NONE ? NULL : &t->twigs.at[w->on].b.all;

	return on && on->bytes == w->b.all.bytes && on->count == w->b.all.count;
}

static bool heavier(const struct tree *t, uint32_t x, uint32_t y)
{
	const struct twig *a = &t->twigs.at[x], *b = &t->twigs.at[y];
	struct ht_amount p = { llabs(a->b.all.bytes), llabs(a->b.all.count) };
	struct ht_amount q = { llabs(b->b.all.bytes), llabs(b->b.all.count) };
	int order = ht_measure_compare(t->options->by, &p, &q);

	if (order)
		return order < 0;
	return leads_on(t, a) != leads_on(t, b) ? leads_on(t, a) : x < y;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t c = *a;

	*a = *b;
	*b = c;
}

static bool push(struct tree *t, uint32_t twig)
{
	uint32_t *to = HT_LIST_ADD(&t->heap);
	size_t at = t->heap.count - 1;

	if (!to)
		return false;
	*to = twig;
	for (; at && heavier(t, t->heap.at[at], t->heap.at[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&t->heap.at[at], &t->heap.at[(at - 1) / 2]);
	return true;
}

static uint32_t pop(struct tree *t)
{
	uint32_t top = t->heap.at[0];
	size_t at = 0, child;

	t->heap.at[0] = t->heap.at[--t->heap.count];
	while ((child = 2 * at + 1) < t->heap.count) {
		if (child + 1 < t->heap.count && heavier(t, t->heap.at[child + 1], t->heap.at[child]))
			child++;
		if (!heavier(t, t->heap.at[child], t->heap.at[at]))
			break;
		swap(&t->heap.at[at], &t->heap.at[child]);
		at = child;
	}
	return top;
}

/* ---- twigs ------------------------------------------------------------------------------------------------- */

/* A new twig that is worth something, on `on`. False: no memory. */
static bool grow(struct tree *t, uint32_t on, const struct twig *w)
{
	struct twig *new;

	if (is_nothing(&w->b.all))
		return true;
	new = HT_LIST_ADD(&t->twigs);
	if (!new)
		return false;
	*new = *w;
	new->b.node = t->knots.at[w->knot].node;
	new->b.has_lines |= t->knots.at[w->knot].has_lines;
	new->on = on;
	new->first = new->last = new->next = NONE;
	if (on != NONE) {
		new->b.depth = t->twigs.at[on].b.depth + 1;
		new->b.level = t->twigs.at[on].b.level + !leads_on(t, new);
	}
	return push(t, (uint32_t)t->twigs.count - 1);
}

static void choose(struct tree *t, uint32_t number)
{
	struct twig *w = &t->twigs.at[number];
	uint32_t *first = w->on == NONE ? &t->first : &t->twigs.at[w->on].first;
	uint32_t *last = w->on == NONE ? &t->last : &t->twigs.at[w->on].last;

	w->chosen = true;
	if (*last == NONE)
		*first = number;
	else
		t->twigs.at[*last].next = number;
	*last = number;
}

/* ---- top-down ---------------------------------------------------------------------------------------------- */

static bool grow_knot(struct tree *t, uint32_t on, uint32_t knot, bool is_leaf)
{
	struct twig w = { .knot = knot, .is_leaf = is_leaf };

	w.b.own = t->own[knot];
	w.b.all = is_leaf ? t->own[knot] : t->all[knot];
	return grow(t, on, &w);
}

static bool open_knot(struct tree *t, uint32_t twig)
{
	if (t->twigs.at[twig].is_leaf)
		return true;
	for (uint32_t c = t->child[t->twigs.at[twig].knot]; c != NONE; c = t->sibling[c])
		if (!grow_knot(t, twig, c, false))
			return false;
	return true;
}

/* Frames around main tell nothing about the program. What was called there, but not through main, grows on the stem itself. */
static void find_outside(struct tree *t, uint8_t *within)
{
	for (uint32_t knot = 0; knot < t->knots.count; knot++)
		within[knot] = is_main(t, knot) || (!ht_place_is_root(knot) && within[t->knots.at[knot].parent]);
	for (uint32_t knot = (uint32_t)t->knots.count; knot-- > HT_STACK_CUTS;)
		if (is_main(t, knot) || t->outside[knot])
			t->outside[t->knots.at[knot].parent] = !within[t->knots.at[knot].parent];
	t->outside[HT_STACK_WHOLE] = true;
}

static bool start_top_down(struct tree *t)
{
	uint8_t *within = calloc(t->knots.count, 1);

	if (!within)
		return false;
	find_outside(t, within);
	free(within);
	for (uint32_t knot = (uint32_t)t->knots.count; knot-- > HT_STACK_CUTS;) {
		uint32_t parent = t->knots.at[knot].parent;

		add(&t->all[parent], &t->all[knot]);
		t->sibling[knot] = t->child[parent];
		t->child[parent] = knot;
	}
	for (uint32_t knot = 0; knot < t->knots.count; knot++) {
		bool is_stem = ht_place_is_root(knot) || t->outside[t->knots.at[knot].parent];

		if ((t->outside[knot] || is_stem) && !grow_knot(t, NONE, knot, t->outside[knot]))
			return false;
	}
	return true;
}

/* ---- bottom-up --------------------------------------------------------------------------------------------- */

/* What tells stacks apart that have come equally far: the frame, or that there is none. */
static uint64_t step_of(const struct tree *t, uint32_t knot)
{
	return ht_place_is_root(knot) ? knot : (uint64_t)HT_STACK_CUTS + t->knots.at[knot].function;
}

static int by_step(const void *a, const void *b, void *tree)
{
	const struct walker *x = a, *y = b;
	uint64_t p = step_of(tree, x->at), q = step_of(tree, y->at);

	if (p != q)
		return p < q ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

/* Whether the stack has no frame further out that is shown. */
static bool has_arrived(const struct tree *t, uint32_t knot)
{
	return ht_place_is_root(knot) || is_main(t, knot) || t->knots.at[knot].parent == HT_STACK_WHOLE;
}

static uint32_t line_of(const struct tree *t, uint32_t knot)
{
	return ht_place_is_root(knot) ? 0
				      : t->places->frames.at[t->places->nodes.at[t->knots.at[knot].node].frame].line;
}

/* Parts the walkers of [from, to) by where they stand. */
static bool part(struct tree *t, uint32_t on, uint32_t from, uint32_t to)
{
	if (to > from)
		qsort_r(&t->walker[from], to - from, sizeof(*t->walker), by_step, t);
	while (from < to) {
		struct twig w = { .knot = t->walker[from].at, .from = from };
		uint64_t step = step_of(t, t->walker[from].at);
		uint32_t line = line_of(t, w.knot);

		for (; from < to && step_of(t, t->walker[from].at) == step; from++) {
			w.b.has_lines |= t->knots.at[t->walker[from].at].has_lines;
			w.b.has_lines |= line_of(t, t->walker[from].at) != line;
			add(&w.b.all, &t->own[t->walker[from].start]);
			if (has_arrived(t, t->walker[from].at))
				add(&w.b.own, &t->own[t->walker[from].start]);
		}
		w.to = from;
		if (!grow(t, on, &w))
			return false;
	}
	return true;
}

static bool open_slice(struct tree *t, uint32_t twig)
{
	uint32_t from = t->twigs.at[twig].from, to = t->twigs.at[twig].to, going = from;

	for (uint32_t i = from; i < to; i++) {
		struct walker w = t->walker[i];

		if (has_arrived(t, w.at))
			continue;
		t->walker[i] = t->walker[going];
		t->walker[going++] = (struct walker){ w.start, t->knots.at[w.at].parent };
	}
	return part(t, twig, from, going);
}

static bool start_bottom_up(struct tree *t)
{
	uint32_t count = 0;

	for (uint32_t knot = 0; knot < t->knots.count; knot++)
		if (!is_nothing(&t->own[knot]))
			t->walker[count++] = (struct walker){ knot, knot };
	return part(t, NONE, 0, count);
}

/* ---- the tree ---------------------------------------------------------------------------------------------- */

static bool fill(struct tree *t)
{
	bool is_up = t->options->direction == HT_BOTTOM_UP;
	size_t counted = 0;

	if (!(is_up ? start_bottom_up(t) : start_top_down(t)))
		return false;
	while (t->heap.count) {
		if (!leads_on(t, &t->twigs.at[t->heap.at[0]]) && counted++ == t->options->most)
			break;
		uint32_t twig = pop(t);

		choose(t, twig);
		if (!(is_up ? open_slice(t, twig) : open_knot(t, twig)))
			return false;
	}
	return true;
}

/* In the order of B1. */
static bool list(const struct tree *t, struct ht_calltree *ret)
{
	uint32_t at = t->first;

	while (at != NONE) {
		const struct twig *w = &t->twigs.at[at];
		struct ht_branch *new = HT_LIST_ADD(&ret->list);

		if (!new)
			return false;
		*new = w->b;
		if (w->first != NONE) {
			at = w->first;
			continue;
		}
		while (at != NONE && t->twigs.at[at].next == NONE)
			at = t->twigs.at[at].on;
		if (at != NONE)
			at = t->twigs.at[at].next;
	}
	ret->is_part = t->heap.count;
	return true;
}

static bool prepare(struct tree *t, const struct ht_sites *sites, struct ht_amount *whole)
{
	size_t count;

	if (!tie_all(t))
		return false;
	count = t->knots.count;
	t->own = calloc(count, sizeof(*t->own));
	t->all = calloc(count, sizeof(*t->all));
	t->outside = calloc(count, 1);
	t->child = malloc(count * sizeof(*t->child));
	t->sibling = malloc(count * sizeof(*t->sibling));
	t->walker = calloc(count, sizeof(*t->walker));
	if (!t->own || !t->all || !t->outside || !t->child || !t->sibling || !t->walker)
		return false;
	memset(t->child, 0xff, count * sizeof(*t->child));
	memset(t->sibling, 0xff, count * sizeof(*t->sibling));
	for (size_t i = 0; i < sites->list.count; i++) {
		struct ht_amount value = ht_measure_amount(&sites->list.at[i], t->options->by);

		add(&t->own[t->knot_of[t->places->site[i]]], &value);
		add(&t->all[t->knot_of[t->places->site[i]]], &value);
		add(whole, &value);
	}
	return true;
}

int ht_calltree_make(const struct ht_sites *sites, const struct ht_places *places, const struct ht_calltree_options *o,
		     struct ht_calltree *ret, struct ht_err *err)
{
	struct tree t = { .places = places, .options = o, .first = NONE, .last = NONE };
	struct ht_calltree tree = { 0 };
	bool ok = prepare(&t, sites, &tree.whole) && fill(&t) && list(&t, &tree);

	free(t.knots.at);
	free(t.knot_of);
	free(t.own);
	free(t.all);
	free(t.outside);
	free(t.child);
	free(t.sibling);
	free(t.walker);
	free(t.twigs.at);
	free(t.heap.at);
	if (!ok) {
		ht_calltree_fini(&tree);
		return ht_err_set(err, HT_ESYSTEM, "out of memory for a tree of %zu places", places->nodes.count);
	}
	*ret = tree;
	return 0;
}

void ht_calltree_fini(struct ht_calltree *t)
{
	free(t->list.at);
	*t = (struct ht_calltree){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* places.c -- folds the context tree into a tree of names
 *
 *   context ──► its caller ──► ... until one that was folded before, or the root; then back inwards:
 *   (parent node, frame) ──► node, made on first sight; a context with k inlined frames goes k nodes inwards
 *
 * Frames are told apart by a 128-bit hash of all they say.
 */
#include "inspect/places.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "inspect/allocator.h"

/* The frames of one address: frames[chain[from .. from + count)], innermost first. */
struct chain {
	uint32_t from, count;
};

struct folding {
	struct ht_model *model;
	struct ht_symbols *symbols;
	struct ht_places *places;
	HT_LIST(uint32_t) chain_frames;
	HT_LIST(struct chain) chains;
	HT_LIST(const struct ht_node_at *) way; /* from a context outwards */
	struct ht_index by_context;             /* (image, context) to node + 1 */
	struct ht_index by_address;             /* (image and generation, pc) to chain + 1 */
	struct ht_index by_frame;               /* hash to frame + 1 */
	struct ht_index by_step;                /* (parent node, frame) to node + 1 */
	struct ht_err *err;
};

static int no_memory(struct folding *f)
{
	return ht_err_set(f->err, HT_ESYSTEM, "out of memory for %zu frames", f->places->nodes.count);
}

/* ---- frames ------------------------------------------------------------------------------------------------ */

static void hash_string(XXH3_state_t *h, const char *s)
{
	XXH3_128bits_update(h, s ? s : "", s ? strlen(s) + 1 : 0);
	XXH3_128bits_update(h, "\1", 1);
}

static XXH128_hash_t hash_of(const struct ht_place_frame *f)
{
	uint64_t numbers[] = { f->line, f->inlined, f->offset };
	XXH3_state_t h;

	XXH3_128bits_reset(&h);
	hash_string(&h, f->function);
	hash_string(&h, f->file);
	hash_string(&h, f->module);
	XXH3_128bits_update(&h, numbers, sizeof(numbers));
	return XXH3_128bits_digest(&h);
}

/* The number of this frame, or -1. */
static int64_t frame_of(struct folding *f, const struct ht_place_frame *frame)
{
	XXH128_hash_t hash = hash_of(frame);
	uint32_t *known = ht_index_at(&f->by_frame, hash.high64, hash.low64);
	struct ht_place_frame *new;

	if (known && *known)
		return *known - 1;
	new = known ? HT_LIST_ADD(&f->places->frames) : NULL;
	if (!new)
		return no_memory(f);
	*new = *frame;
	*known = (uint32_t)f->places->frames.count;
	return *known - 1;
}

static int look_up(struct folding *f, uint64_t image, const struct ht_node_at *n, struct chain *ret)
{
	const struct ht_frame *frame;
	struct ht_place place = { image, n->generation, n->pc, n->kind == HT_CONTEXT_EXACT };
	size_t count = ht_symbols_frames(f->symbols, &place, &frame);
	struct chain c = { (uint32_t)f->chain_frames.count, (uint32_t)count };

	for (size_t i = 0; i < count; i++) {
		struct ht_place_frame named = {
			.function = frame[i].function,
			.file = frame[i].file,
			.module = frame[i].module,
			.line = frame[i].line,
			.inlined = frame[i].inlined,
			.offset = frame[i].function ? 0
				  : frame[i].module ? frame[i].offset
						    : n->pc,
		};
		int64_t number = frame_of(f, &named);
		uint32_t *to = number < 0 ? NULL : HT_LIST_ADD(&f->chain_frames);

		if (!to)
			return no_memory(f);
		*to = (uint32_t)number;
	}
	*ret = c;
	return 0;
}

static int chain_of(struct folding *f, uint64_t image, const struct ht_node_at *n, struct chain *ret)
{
	uint64_t space = image << 33 | (uint64_t)n->generation << 1 | (n->kind == HT_CONTEXT_EXACT);
	uint32_t *known = ht_index_at(&f->by_address, space, n->pc);
	struct chain *new;

	if (known && *known) {
		*ret = f->chains.at[*known - 1];
		return 0;
	}
	new = known ? HT_LIST_ADD(&f->chains) : NULL;
	if (!new)
		return no_memory(f);
	*known = (uint32_t)f->chains.count;
	if (look_up(f, image, n, new))
		return HT_ESYSTEM;
	*ret = *new;
	return 0;
}

/* ---- nodes ------------------------------------------------------------------------------------------------- */

static int step(struct folding *f, uint32_t parent, uint32_t frame, uint32_t *ret)
{
	uint32_t *known = ht_index_at(&f->by_step, parent, frame);
	struct ht_place_node *new;

	if (known && *known) {
		*ret = *known - 1;
		return 0;
	}
	new = known ? HT_LIST_ADD(&f->places->nodes) : NULL;
	if (!new)
		return no_memory(f);
	*new = (struct ht_place_node){ parent, frame };
	*ret = (uint32_t)f->places->nodes.count - 1;
	*known = *ret + 1;
	return 0;
}

static enum ht_stack_cut reason_of(const struct ht_node_at *n)
{
	return n && n->kind == HT_CONTEXT_END && n->pc && n->pc < HT_STACK_CUT_UNKNOWN ? (enum ht_stack_cut)n->pc
										       : HT_STACK_CUT_UNKNOWN;
}

/* Collects the way outwards, and returns in *ret the node it ends at. */
static int go_out(struct folding *f, uint64_t image, uint32_t context, uint32_t *ret)
{
	f->way.count = 0;
	while (context) {
		const struct ht_node_at *n = ht_model_node(f->model, context);
		uint32_t *known = ht_index_at(&f->by_context, image, context);
		const struct ht_node_at **to;

		if (!known)
			return no_memory(f);
		if (*known) {
			*ret = *known - 1;
			return 0;
		}
		*known = HT_STACK_CUT_UNKNOWN + 1; /* until it is folded: then a loop ends here */
		if (!n ||
		    (n->kind != HT_CONTEXT_CALLER && n->kind != HT_CONTEXT_EXACT && n->kind != HT_CONTEXT_POINTER)) {
			*known = reason_of(n) + 1;
			continue;
		}
		to = HT_LIST_ADD(&f->way);
		if (!to)
			return no_memory(f);
		*to = n;
		context = n->parent;
	}
	*ret = HT_STACK_WHOLE;
	return 0;
}

static int node_of(struct folding *f, uint64_t image, uint32_t context, uint32_t *ret)
{
	uint32_t node = 0;

	if (go_out(f, image, context, &node))
		return HT_ESYSTEM;
	for (size_t i = f->way.count; i-- > 0;) {
		const struct ht_node_at *n = f->way.at[i];
		uint32_t *known;
		struct chain c = { 0 };

		if (chain_of(f, image, n, &c))
			return HT_ESYSTEM;
		for (uint32_t k = c.count; k-- > 0;)
			if (step(f, node, f->chain_frames.at[c.from + k], &node))
				return HT_ESYSTEM;
		known = ht_index_at(&f->by_context, image, n->context);
		if (!known)
			return no_memory(f);
		*known = node + 1;
	}
	*ret = node;
	return 0;
}

/* ---- sites ------------------------------------------------------------------------------------------------- */

static bool is_allocator(const struct folding *f, uint64_t image, uint32_t node)
{
	const struct ht_place_frame *frame = &f->places->frames.at[f->places->nodes.at[node].frame];

	return ht_allocator_owns(f->model, image, frame->function, frame->module);
}

static int fold_site(struct folding *f, const struct ht_site *site, uint32_t *ret)
{
	const struct ht_places *p = f->places;
	const struct ht_node_at *n = ht_model_node(f->model, site->context);
	uint32_t node = 0;

	*ret = site->context ? HT_STACK_CUT_UNKNOWN : HT_STACK_WHOLE;
	if (!n || n->kind != HT_CONTEXT_FUNCTION)
		return 0;
	if (node_of(f, site->image, n->parent, &node))
		return HT_ESYSTEM;
	*ret = node;
	while (!ht_place_is_root(node) && is_allocator(f, site->image, node))
		node = p->nodes.at[node].parent;
	if (!ht_place_is_root(node))
		*ret = node;
	return 0;
}

static int fold(struct folding *f, const struct ht_sites *sites)
{
	struct ht_places *p = f->places;

	for (uint32_t root = 0; root < HT_STACK_CUTS; root++) {
		struct ht_place_node *new = HT_LIST_ADD(&p->nodes);

		if (!new)
			return no_memory(f);
		new->parent = root;
	}
	p->site = calloc(sites->list.count + 1, sizeof(*p->site));
	if (!p->site)
		return no_memory(f);
	for (size_t i = 0; i < sites->list.count; i++)
		if (fold_site(f, &sites->list.at[i], &p->site[i]))
			return HT_ESYSTEM;
	return 0;
}

int ht_places_make(struct ht_model *t, struct ht_symbols *symbols, const struct ht_sites *sites, struct ht_places *ret,
		   struct ht_err *err)
{
	struct ht_places places = { 0 };
	struct folding f = { .model = t, .symbols = symbols, .places = &places, .err = err };
	int rc = fold(&f, sites);

	free(f.chain_frames.at);
	free(f.chains.at);
	free(f.way.at);
	ht_index_fini(&f.by_context);
	ht_index_fini(&f.by_address);
	ht_index_fini(&f.by_frame);
	ht_index_fini(&f.by_step);
	if (rc)
		ht_places_fini(&places);
	else
		*ret = places;
	return rc;
}

void ht_places_fini(struct ht_places *p)
{
	free(p->frames.at);
	free(p->nodes.at);
	free(p->site);
	*p = (struct ht_places){ 0 };
}

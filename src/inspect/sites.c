/* SPDX-License-Identifier: Apache-2.0 */
/* sites.c -- adds every block up where it was born
 *
 * sites.h says what is added up and how the peak stays exact. Sites are found by hash, and in the end put in order, so that
 * equal questions give equal answers. Contexts that are made together are used together, but a hash scatters them: so the site
 * that a context had last is remembered beside its neighbours', and nearly always it is the one.
 */
#include "inspect/sites.h"

#include <stdlib.h>

struct pass {
	struct ht_model *model;
	const struct ht_sites_options *options;
	struct ht_filter *filter;
	bool restricts, restricts_life, entered; /* entered: the window */
	struct ht_sites *sites;
	uint32_t
		*latest; /* by the low bits of a context: number in the list of the site that was found last, 0: none */
	size_t latest_mask;
};

uint32_t ht_sites_size_class(uint64_t size)
{
	return size < 2 ? (uint32_t)size : 65 - (uint32_t)__builtin_clzll(size - 1);
}

void ht_sites_size_bounds(uint32_t class, uint64_t *least, uint64_t *most)
{
	*least = class < 2 ? class : ((uint64_t)1 << (class - 2)) + 1;
	*most = class < 2 ? class : class == 65 ? UINT64_MAX : (uint64_t)1 << (class - 1);
}

static uint32_t part_of(const struct pass *p, const struct ht_filter_block *b)
{
	switch (p->options->split) {
	case HT_SPLIT_THREAD:
		return b->stream;
	case HT_SPLIT_SIZE:
		return ht_sites_size_class(b->size);
	default:
		return 0;
	}
}

static struct ht_site *site_of(struct pass *p, const struct ht_filter_block *b, struct ht_err *err)
{
	struct ht_sites *s = p->sites;
	uint64_t image = p->model->streams.at[b->stream].image;
	uint32_t part = part_of(p, b), *latest = &p->latest[b->context & p->latest_mask], *number;
	struct ht_site *site = *latest ? &s->list.at[*latest - 1] : NULL;

	if (site && site->context == b->context && site->image == image && site->part == part)
		return site;
	number = ht_index_at(&s->by_context, image << 32 | part, b->context);
	if (number && *number) {
		*latest = *number;
		return &s->list.at[*number - 1];
	}
	site = number ? HT_LIST_ADD(&s->list) : NULL;
	if (!site) {
		ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", s->list.count);
		return NULL;
	}
	site->image = image;
	site->context = b->context;
	site->part = part;
	*latest = *number = (uint32_t)s->list.count;
	return site;
}

/* ---- sums -------------------------------------------------------------------------------------------------- */

static void add(struct ht_tally *site, struct ht_tally *whole, uint64_t bytes)
{
	site->bytes += bytes;
	site->count++;
	whole->bytes += bytes;
	whole->count++;
}

static void take(struct ht_tally *site, struct ht_tally *whole, uint64_t bytes)
{
	site->bytes -= bytes;
	site->count--;
	whole->bytes -= bytes;
	whole->count--;
}

/* To be called before `live` changes. */
static void keep_peak(struct ht_site *s, const struct ht_totals *whole)
{
	if (s->epoch == whole->epoch)
		return;
	s->peak = s->live;
	s->epoch = whole->epoch;
}

static void set_peak(struct ht_totals *whole, uint64_t ticks)
{
	whole->peak = whole->live;
	whole->peak_ticks = ticks;
	whole->epoch++;
}

/* What is live when the window opens is its first height. */
static void look_at_time(struct pass *p, uint64_t ticks)
{
	if (p->entered || ticks < p->filter->from_ticks)
		return;
	p->entered = true;
	if (p->sites->totals.live.count)
		set_peak(&p->sites->totals, p->filter->from_ticks);
}

static void grow_live(struct pass *p, struct ht_site *site, uint64_t size, uint64_t ticks)
{
	struct ht_totals *whole = &p->sites->totals;

	keep_peak(site, whole);
	add(&site->live, &whole->live, size);
	if (whole->live.bytes > whole->peak.bytes && !ht_filter_side(p->filter, ticks))
		set_peak(whole, ticks);
}

static void count_call(struct pass *p, struct ht_site *site, bool failed, bool realloc)
{
	site->calls++;
	p->sites->totals.calls++;
	p->sites->totals.failed += failed;
	p->sites->totals.reallocs += realloc;
}

/* ---- a block's end ----------------------------------------------------------------------------------------- */

static struct ht_filter_block seen(const struct ht_live_block *b)
{
	return (struct ht_filter_block){ b->stream, b->context, b->size };
}

static uint64_t lifetime_ns(const struct pass *p, const struct ht_live_block *b, uint64_t end_ticks)
{
	__int128 ns = ht_clock_ns(&p->model->clock, end_ticks) - ht_clock_ns(&p->model->clock, b->born_ticks);

	return ns > 0 ? (uint64_t)ns : 0;
}

/* Freed or gone by exec; never freed, and gone with its process before the recording ended; never freed, and there to the last. */
enum manner { LEAVES, LEAKS, STAYS };

static void classify(struct pass *p, struct ht_site *site, const struct ht_live_block *b, uint64_t end_ticks,
		     enum manner manner)
{
	struct ht_totals *whole = &p->sites->totals;
	int born = ht_filter_side(p->filter, b->born_ticks);
	int ended = manner == STAYS ? 1 : ht_filter_side(p->filter, end_ticks);
	enum ht_nature n = born ? (ended ? HT_AOFO : HT_AOFI) : (ended ? HT_AIFO : HT_AIFI);

	if (born > 0 || ended < 0)
		return;
	add(&site->nature[n], &whole->nature[n], b->size);
	if (born < 0)
		return;
	if (p->restricts_life) {
		count_call(p, site, false, false);
		add(&site->allocated, &whole->allocated, b->size);
	}
	if (manner == LEAVES)
		return;
	if (!p->options->late_ticks || b->born_ticks < p->options->late_ticks) {
		add(&site->leaked, &whole->leaked, b->size);
	} else {
		whole->late.bytes += b->size;
		whole->late.count++;
	}
}

/* The site of a block that passes, or NULL if it does not: < 0 if memory ran out. */
static int end_block(struct pass *p, const struct ht_live_block *b, uint64_t end_ticks, enum manner manner,
		     struct ht_site **ret, struct ht_err *err)
{
	struct ht_filter_block shown = seen(b);
	struct ht_site *site;
	int passes = p->restricts ? ht_filter_again(p->filter, &shown, err) : 1;

	*ret = NULL;
	if (passes <= 0)
		return passes;
	if (p->restricts_life && !ht_filter_life(p->filter, lifetime_ns(p, b, end_ticks), manner == LEAVES))
		return 0;
	site = site_of(p, &shown, err);
	if (!site)
		return HT_ESYSTEM;
	if (!p->restricts_life) {
		keep_peak(site, &p->sites->totals);
		take(&site->live, &p->sites->totals.live, b->size);
	}
	classify(p, site, b, end_ticks, manner);
	*ret = site;
	return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------ */

/* A realloc that began has two rows, and the event has the number of the second one. */
static uint64_t rows_of(const struct ht_event *e)
{
	return e->kind == HT_EVENT_REALLOC && e->has_old ? 2 : 1;
}

static bool is_temporary(const struct pass *p, const struct ht_event *e)
{
	const struct ht_live_block *b = e->block;

	if (ht_filter_side(p->filter, b->born_ticks) || ht_filter_side(p->filter, e->ticks))
		return false;
	if (&p->model->streams.at[b->stream] == e->stream && e->seq == b->born_seq + rows_of(e))
		return true;
	return p->options->temporary_ns && lifetime_ns(p, b, e->ticks) <= p->options->temporary_ns;
}

static int take_release(struct pass *p, const struct ht_event *e, struct ht_err *err)
{
	bool is_free = e->kind == HT_EVENT_FREE, freed = is_free || !e->has_address;
	struct ht_site *site = NULL;
	int rc = e->block && !e->inherited ? end_block(p, e->block, e->ticks, LEAVES, &site, err) : 0;

	if (rc)
		return rc;
	if (is_free && !ht_filter_side(p->filter, e->ticks) && (site || (!e->block && !p->restricts)))
		p->sites->totals.frees++;
	if (site && freed && is_temporary(p, e))
		add(&site->temporary, &p->sites->totals.temporary, e->block->size);
	return 0;
}

static int take_birth(struct pass *p, const struct ht_event *e, struct ht_err *err)
{
	struct ht_filter_block b = { (uint32_t)(e->stream - p->model->streams.at), e->context, e->size };
	struct ht_totals *whole = &p->sites->totals;
	struct ht_site *site;
	bool counts = e->kind != HT_EVENT_EXISTING && !ht_filter_side(p->filter, e->ticks);
	int passes = 1;

	if (p->restricts)
		passes = e->has_address ? ht_filter_birth(p->filter, &b, err) : ht_filter_again(p->filter, &b, err);
	if (passes <= 0 || p->restricts_life)
		return passes < 0 ? passes : 0;
	site = site_of(p, &b, err);
	if (!site)
		return HT_ESYSTEM;
	if (counts)
		count_call(p, site, e->failed, e->kind == HT_EVENT_REALLOC);
	if (!e->has_address)
		return 0;
	if (counts)
		add(&site->allocated, &whole->allocated, e->size);
	grow_live(p, site, e->size, e->ticks);
	return 0;
}

static int take_event(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct pass *p = state;
	int rc = 0;

	look_at_time(p, e->ticks);
	if (e->kind == HT_EVENT_FREE || (e->kind == HT_EVENT_REALLOC && !e->failed))
		rc = take_release(p, e, err);
	return rc || e->kind == HT_EVENT_FREE ? rc : take_birth(p, e, err);
}

static int take_left(void *state, const struct ht_left *l, struct ht_err *err)
{
	struct pass *p = state;
	struct ht_site *site;
	uint64_t last_ticks = p->model->last_ticks;

	if (l->why == HT_LEFT_AT_END && l->ticks >= last_ticks) {
		if (!p->entered)
			look_at_time(p, p->filter->from_ticks);
		return end_block(p, l->block, last_ticks, STAYS, &site, err);
	}
	look_at_time(p, l->ticks);
	return end_block(p, l->block, l->ticks, l->why == HT_LEFT_AT_END ? LEAKS : LEAVES, &site, err);
}

/* Whether anything of it counts. */
static bool counts(const struct ht_site *s)
{
	uint64_t any =
		s->calls | s->live.count | s->peak.count | s->allocated.count | s->temporary.count | s->leaked.count;

	for (int n = 0; n < HT_NATURES; n++)
		any |= s->nature[n].count;
	return any;
}

static int by_place(const void *a, const void *b)
{
	const struct ht_site *x = a, *y = b;

	if (x->image != y->image)
		return x->image < y->image ? -1 : 1;
	if (x->context != y->context)
		return x->context < y->context ? -1 : 1;
	return (x->part > y->part) - (x->part < y->part);
}

/* Those that count, in an order that does not depend on what came before the window. */
static int put_in_order(struct ht_sites *s, struct ht_err *err)
{
	size_t kept = 0;
	uint32_t *number;

	for (size_t i = 0; i < s->list.count; i++) {
		keep_peak(&s->list.at[i], &s->totals);
		if (counts(&s->list.at[i]))
			s->list.at[kept++] = s->list.at[i];
	}
	s->list.count = kept;
	if (kept)
		qsort(s->list.at, kept, sizeof(*s->list.at), by_place);
	ht_index_fini(&s->by_context);
	for (size_t i = 0; i < kept; i++) {
		number = ht_index_at(&s->by_context, s->list.at[i].image << 32 | s->list.at[i].part,
				     s->list.at[i].context);
		if (!number)
			return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", kept);
		*number = (uint32_t)i + 1;
	}
	return 0;
}

int ht_sites_take(struct ht_model *t, const struct ht_sites_options *o, struct ht_sites *ret, struct ht_err *err)
{
	struct ht_sites sites = { 0 };
	struct pass p = {
		.model = t,
		.options = o,
		.filter = o->filter,
		.restricts = ht_filter_restricts(o->filter),
		.restricts_life = ht_filter_restricts_life(o->filter),
		.entered = !o->filter->from_ticks,
		.sites = &sites,
	};
	struct ht_observer observer = { .event = take_event, .state = &p, .left = take_left };
	int rc;

	while (p.latest_mask < t->contexts.count)
		p.latest_mask = p.latest_mask << 1 | 1;
	p.latest = calloc(p.latest_mask + 1, sizeof(*p.latest));
	if (!p.latest)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for the places of %zu contexts", t->contexts.count);
	rc = ht_replay_run(t, &observer, 1, &sites.history, err);
	free(p.latest);
	if (!rc)
		rc = put_in_order(&sites, err);
	if (rc) {
		ht_sites_fini(&sites);
		return rc;
	}
	*ret = sites;
	return 0;
}

void ht_sites_fini(struct ht_sites *s)
{
	free(s->list.at);
	ht_index_fini(&s->by_context);
	*s = (struct ht_sites){ 0 };
}

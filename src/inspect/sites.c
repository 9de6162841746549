/* SPDX-License-Identifier: Apache-2.0 */
/* sites.c -- adds every event up where its block was born
 *
 * sites.h says what is added up and how the peak stays exact. Sites are found by hash; the list keeps the order in which
 * they first allocated, so equal traces give equal answers.
 */
#include "inspect/sites.h"

#include <stdlib.h>

struct pass {
	struct ht_model *model;
	const struct ht_sites_options *options;
	struct ht_sites *sites;
	struct ht_first_process first;
};

static struct ht_site *site_of(struct pass *p, uint64_t image, uint32_t context, struct ht_err *err)
{
	struct ht_sites *s = p->sites;
	uint32_t *number = ht_index_at(&s->by_context, image, context);
	struct ht_site *new;

	if (number && *number)
		return &s->list.at[*number - 1];
	new = number ? HT_LIST_ADD(&s->list) : NULL;
	if (!new) {
		ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", s->list.count);
		return NULL;
	}
	new->image = image;
	new->context = context;
	*number = (uint32_t)s->list.count;
	return new;
}

/* ---- sums -------------------------------------------------------------------------------------------------- */

static void add(struct ht_tally *t, uint64_t bytes)
{
	t->bytes += bytes;
	t->count++;
}

static void take(struct ht_tally *t, uint64_t bytes)
{
	t->bytes -= bytes;
	t->count--;
}

/* To be called before `live` changes. */
static void keep_peak(struct ht_site *s, const struct ht_totals *whole)
{
	if (s->epoch == whole->epoch)
		return;
	s->peak = s->live;
	s->epoch = whole->epoch;
}

static void born(struct pass *p, struct ht_site *site, uint64_t size, uint64_t ticks)
{
	struct ht_totals *whole = &p->sites->totals;

	keep_peak(site, whole);
	add(&site->live, size);
	add(&whole->live, size);
	if (whole->live.bytes <= whole->peak.bytes)
		return;
	whole->peak = whole->live;
	whole->peak_ticks = ticks;
	whole->epoch++;
}

static int died(struct pass *p, const struct ht_live_block *b, struct ht_site **ret, struct ht_err *err)
{
	struct ht_site *site = site_of(p, p->model->streams.at[b->stream].image, b->context, err);

	if (!site)
		return HT_ESYSTEM;
	keep_peak(site, &p->sites->totals);
	take(&site->live, b->size);
	take(&p->sites->totals.live, b->size);
	*ret = site;
	return 0;
}

/* ---- events ------------------------------------------------------------------------------------------------ */

static bool is_temporary(const struct pass *p, const struct ht_event *e)
{
	const struct ht_live_block *b = e->block;

	if (&p->model->streams.at[b->stream] == e->stream && e->seq == b->born_seq + 1)
		return true;
	return p->options->temporary_ns &&
	       ht_clock_ns(&p->model->clock, e->ticks) - ht_clock_ns(&p->model->clock, b->born_ticks) <=
		       (__int128)p->options->temporary_ns;
}

static int take_release(struct pass *p, const struct ht_event *e, struct ht_err *err)
{
	struct ht_site *site;
	int rc = e->block ? died(p, e->block, &site, err) : 0;

	if (rc || !e->block || e->kind != HT_EVENT_FREE || !is_temporary(p, e))
		return rc;
	add(&site->temporary, e->block->size);
	add(&p->sites->totals.temporary, e->block->size);
	return 0;
}

static int take_birth(struct pass *p, const struct ht_event *e, struct ht_err *err)
{
	struct ht_totals *whole = &p->sites->totals;
	struct ht_site *site = site_of(p, e->stream->image, e->context, err);

	if (!site)
		return HT_ESYSTEM;
	if (e->kind != HT_EVENT_EXISTING) {
		site->calls++;
		whole->calls++;
		whole->failed += e->failed;
	}
	if (!e->has_address)
		return 0;
	if (e->kind != HT_EVENT_EXISTING) {
		add(&site->allocated, e->size);
		add(&whole->allocated, e->size);
	}
	born(p, site, e->size, e->ticks);
	return 0;
}

static int take_event(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct pass *p = state;
	int rc = 0;

	if (!ht_model_is_first(p->model, &p->first, e->stream->image)) {
		p->sites->other_calls++;
		return 0;
	}
	if (e->kind == HT_EVENT_FREE) {
		p->sites->totals.frees++;
		return take_release(p, e, err);
	}
	if (e->kind == HT_EVENT_REALLOC && !e->failed)
		rc = take_release(p, e, err);
	return rc ? rc : take_birth(p, e, err);
}

static int take_left(void *state, const struct ht_live_block *b, enum ht_leaving why, struct ht_err *err)
{
	struct pass *p = state;
	struct ht_site *site;
	int rc;

	if (!p->first.counts)
		return 0;
	rc = died(p, b, &site, err);
	if (rc || why != HT_LEFT_AT_END)
		return rc;
	add(&site->leaked, b->size);
	add(&p->sites->totals.leaked, b->size);
	return 0;
}

int ht_sites_take(struct ht_model *t, const struct ht_sites_options *o, struct ht_sites *ret, struct ht_err *err)
{
	struct ht_sites sites = { 0 };
	struct pass p = { .model = t, .options = o, .sites = &sites };
	struct ht_observer observer = { .event = take_event, .state = &p, .left = take_left };
	int rc = ht_replay_run(t, &observer, 1, &sites.history, err);

	if (rc) {
		ht_sites_fini(&sites);
		return rc;
	}
	for (size_t i = 0; i < sites.list.count; i++)
		keep_peak(&sites.list.at[i], &sites.totals);
	*ret = sites;
	return 0;
}

void ht_sites_fini(struct ht_sites *s)
{
	free(s->list.at);
	ht_index_fini(&s->by_context);
	*s = (struct ht_sites){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c -- follows what is live of each part, and what its sites held when it was most
 *
 * The way is that of sites.c: each new height of a part starts an epoch of it, and before a site changes, it looks whether
 * there was a new height since it changed last. What it holds until then is what it held at that height.
 */
#include "inspect/parts.h"

#include <stdlib.h>

struct watch {
	struct ht_part *part;
	struct ht_tally live;
	uint64_t epoch, *site_epoch;
};

struct pass {
	struct ht_model *model;
	struct ht_sites *sites;
	struct watch *watch;
	size_t parts;
	struct ht_tally *site_live;
};

/* The place in the list, which the first pass has made. */
static int find_site(struct pass *p, uint64_t image, uint32_t context, size_t *ret, struct ht_err *err)
{
	uint32_t *number = ht_index_at(&p->sites->by_context, image << 32, context);

	if (!number || !*number)
		return ht_err_set(err, HT_ESYSTEM, "the trace changed while it was read");
	*ret = *number - 1;
	return 0;
}

static void keep_peak(struct watch *w, size_t site, const struct ht_tally *live)
{
	if (w->site_epoch[site] == w->epoch)
		return;
	w->part->held[site] = *live;
	w->site_epoch[site] = w->epoch;
}

static int born(struct pass *p, const struct ht_event *e, struct ht_err *err)
{
	size_t site = 0;

	if (find_site(p, e->stream->image, e->context, &site, err))
		return HT_ESYSTEM;
	for (size_t i = 0; i < p->parts; i++) {
		struct watch *w = &p->watch[i];

		if (!w->part->has[site])
			continue;
		keep_peak(w, site, &p->site_live[site]);
		w->live.bytes += e->size;
		w->live.count++;
		if (w->live.bytes <= w->part->peak.bytes)
			continue;
		w->part->peak = w->live;
		w->epoch++;
	}
	p->site_live[site].bytes += e->size;
	p->site_live[site].count++;
	return 0;
}

static int died(struct pass *p, const struct ht_live_block *b, struct ht_err *err)
{
	size_t site = 0;

	if (find_site(p, p->model->streams.at[b->stream].image, b->context, &site, err))
		return HT_ESYSTEM;
	for (size_t i = 0; i < p->parts; i++) {
		struct watch *w = &p->watch[i];

		if (!w->part->has[site])
			continue;
		keep_peak(w, site, &p->site_live[site]);
		w->live.bytes -= b->size;
		w->live.count--;
	}
	p->site_live[site].bytes -= b->size;
	p->site_live[site].count--;
	return 0;
}

static int see_event(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct pass *p = state;
	int rc = 0;

	if (e->block && !e->failed && !e->inherited)
		rc = died(p, e->block, err);
	if (rc || e->kind == HT_EVENT_FREE || !e->has_address)
		return rc;
	return born(p, e, err);
}

static int see_left(void *state, const struct ht_left *l, struct ht_err *err)
{
	return died(state, l->block, err);
}

int ht_parts_peak(struct ht_model *t, struct ht_sites *sites, struct ht_part *part, size_t parts, struct ht_err *err)
{
	struct pass p = { .model = t, .sites = sites, .parts = parts };
	struct ht_observer observer = { see_event, &p, see_left };
	struct ht_history history;
	size_t count = sites->list.count;
	int rc = 0;

	p.watch = calloc(parts, sizeof(*p.watch));
	p.site_live = calloc(count + 1, sizeof(*p.site_live));
	for (size_t i = 0; p.watch && i < parts; i++) {
		p.watch[i].part = &part[i];
		p.watch[i].site_epoch = calloc(count + 1, sizeof(uint64_t));
		part[i].held = calloc(count + 1, sizeof(*part[i].held));
		if (!p.watch[i].site_epoch || !part[i].held)
			rc = HT_ESYSTEM;
	}
	if (rc || !p.watch || !p.site_live)
		rc = ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places in %zu parts", count, parts);
	else
		rc = ht_replay_run(t, &observer, 1, &history, err);
	for (size_t i = 0; p.watch && i < parts; i++) {
		for (size_t site = 0; !rc && site < count; site++)
			keep_peak(&p.watch[i], site, &p.site_live[site]);
		free(p.watch[i].site_epoch);
	}
	free(p.watch);
	free(p.site_live);
	return rc;
}

void ht_part_fini(struct ht_part *p)
{
	free(p->has);
	free(p->held);
	*p = (struct ht_part){ 0 };
}

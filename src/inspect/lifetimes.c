/* SPDX-License-Identifier: Apache-2.0 */
/* lifetimes.c -- puts every block, at its end, into its class
 *
 * Distances in calls are distances of sequence numbers: a realloc has two, its begin, which releases, and its end, which makes.
 */
#include "inspect/lifetimes.h"

#include <stdlib.h>

struct pass {
	struct ht_model *model;
	const struct ht_lifetimes_options *options;
	struct ht_lifetimes *l;
	struct ht_index by_pair; /* (from, to) to hand-over + 1 */
};

uint64_t ht_lifetimes_bound_ns(uint32_t class)
{
	uint64_t ns = 1000;

	if (class + 1 >= HT_LIFE_TIMES)
		return UINT64_MAX;
	while (class --)
		ns *= 10;
	return ns;
}

static uint32_t class_of(const struct ht_ended *e)
{
	uint32_t class = 0;

	if (e->existed)
		return HT_LIFE_EXISTED;
	switch (e->how) {
	case HT_ENDED_KEPT:
		return HT_LIFE_KEPT;
	case HT_ENDED_REPLACED:
		return HT_LIFE_REPLACED;
	case HT_ENDED_FORGOTTEN:
		return HT_LIFE_FORGOTTEN;
	default:
		while (e->lifetime_ns >= ht_lifetimes_bound_ns(class))
			class ++;
		return class;
	}
}

static void count(struct ht_lifetimes *l, struct ht_life *site, enum ht_life_figure f, uint64_t bytes)
{
	site->figure[f].bytes += bytes;
	site->figure[f].count++;
	l->whole.figure[f].bytes += bytes;
	l->whole.figure[f].count++;
}

/* The sequence number of the row that released it. */
static uint64_t release_seq(const struct ht_event *e)
{
	return e->kind == HT_EVENT_REALLOC ? e->seq - 1 : e->seq;
}

static int hand_over(struct pass *p, const struct ht_ended *e, struct ht_err *err)
{
	uint32_t from = e->block->stream, to = (uint32_t)(e->event->stream - p->model->streams.at);
	uint32_t *number = ht_index_at(&p->by_pair, from, to);
	struct ht_hand_over *h;

	if (number && !*number) {
		h = HT_LIST_ADD(&p->l->hand_overs);
		if (!h)
			number = NULL;
		else
			*h = (struct ht_hand_over){ .from = from, .to = to };
		if (h)
			*number = (uint32_t)p->l->hand_overs.count;
	}
	if (!number)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu pairs of threads", p->l->hand_overs.count);
	h = &p->l->hand_overs.at[*number - 1];
	h->tally.bytes += e->block->size;
	h->tally.count++;
	return 0;
}

/* Freed or reallocated: after how many calls, by whom. */
static int judge_release(struct pass *p, const struct ht_ended *e, struct ht_life *site, struct ht_err *err)
{
	struct ht_lifetimes *l = p->l;
	bool own = e->event->stream == e->maker, brief;
	uint64_t distance = own ? release_seq(e->event) - e->block->born_seq : 0;

	if (own) {
		struct ht_tally *t = &l->calls[ht_sites_size_class(distance)];

		t->bytes += e->block->size;
		t->count++;
	} else {
		count(l, site, HT_LIFE_ELSEWHERE, e->block->size);
		if (hand_over(p, e, err))
			return HT_ESYSTEM;
	}
	brief = p->options->brief_ns ? e->lifetime_ns <= p->options->brief_ns
				     : own && distance <= p->options->brief_calls;
	if (brief)
		count(l, site, HT_LIFE_BRIEF, e->block->size);
	return 0;
}

static int see_end(void *state, const struct ht_ended *e, struct ht_err *err)
{
	struct pass *p = state;
	struct ht_lifetimes *l = p->l;
	uint64_t bytes = e->block->size;
	struct ht_life *life;
	size_t site = 0;

	if (!e->passes)
		return 0;
	if (ht_spread_add(&l->spread, e->maker->image, e->block, class_of(e), &site, err))
		return HT_ESYSTEM;
	life = site < l->lives.count ? &l->lives.at[site] : HT_LIST_ADD(&l->lives);
	if (!life)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", l->lives.count);
	count(l, life, HT_LIFE_ALL, bytes);
	if (e->how == HT_ENDED_KEPT)
		count(l, life, HT_LIFE_AT_END, bytes);
	return e->event && !e->existed ? judge_release(p, e, life, err) : 0;
}

static int by_blocks(const void *a, const void *b)
{
	const struct ht_hand_over *x = a, *y = b;

	if (x->tally.count != y->tally.count)
		return x->tally.count < y->tally.count ? 1 : -1;
	if (x->from != y->from)
		return x->from > y->from ? 1 : -1;
	return (x->to > y->to) - (x->to < y->to);
}

int ht_lifetimes_take(struct ht_model *t, struct ht_filter *f, const struct ht_lifetimes_options *o,
		      struct ht_lifetimes *ret, struct ht_err *err)
{
	struct ht_lifetimes l = { 0 };
	struct pass p = { .model = t, .options = o, .l = &l };
	int rc = ht_ends_run(t, f, see_end, &p, err);

	ht_index_fini(&p.by_pair);
	if (rc) {
		ht_lifetimes_fini(&l);
		return rc;
	}
	if (l.hand_overs.count)
		qsort(l.hand_overs.at, l.hand_overs.count, sizeof(*l.hand_overs.at), by_blocks);
	*ret = l;
	return 0;
}

struct ht_tally *ht_lifetimes_values(const struct ht_lifetimes *l, enum ht_life_figure f)
{
	struct ht_tally *value = calloc(l->lives.count + 1, sizeof(*value));

	for (size_t i = 0; value && i < l->lives.count; i++)
		value[i] = l->lives.at[i].figure[f];
	return value;
}

void ht_lifetimes_fini(struct ht_lifetimes *l)
{
	ht_spread_fini(&l->spread);
	free(l->lives.at);
	free(l->hand_overs.at);
	*l = (struct ht_lifetimes){ 0 };
}

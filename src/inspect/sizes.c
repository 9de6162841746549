/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.c -- puts every block into the class of its size, and every chain to the place where it grew
 *
 * sizes.h says what a class is.
 */
#include "inspect/sizes.h"

#include <stdlib.h>

struct pass {
	struct ht_sizes *s;
	struct ht_growth growth;
};

static void add_chain(struct ht_grown *g, const struct ht_chain *c)
{
	g->chains++;
	g->grown += c->grown;
	g->moved += c->moved;
	g->copied_bytes += c->copied_bytes;
	if (c->grown > g->most)
		g->most = c->grown;
}

static int see_end(void *state, const struct ht_ended *e, struct ht_err *err)
{
	struct pass *p = state;
	struct ht_sizes *s = p->s;
	struct ht_chain chain;
	struct ht_grown *grown;
	size_t site = 0;
	int over = ht_growth_see(&p->growth, e, &chain, err);

	if (over < 0 || !e->passes)
		return over < 0 ? over : 0;
	if (ht_spread_add(&s->spread, e->maker->image, e->block, ht_sites_size_class(e->block->size), &site, err))
		return HT_ESYSTEM;
	grown = site < s->grown.count ? &s->grown.at[site] : HT_LIST_ADD(&s->grown);
	if (!grown)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", s->grown.count);
	if (!over)
		return 0;
	add_chain(grown, &chain);
	add_chain(&s->whole, &chain);
	s->chains[ht_sites_size_class(chain.grown)]++;
	return 0;
}

int ht_sizes_take(struct ht_model *t, struct ht_filter *f, struct ht_sizes *ret, struct ht_err *err)
{
	struct ht_sizes s = { 0 };
	struct pass p = { .s = &s };
	int rc = ht_ends_run(t, f, see_end, &p, err);

	ht_growth_fini(&p.growth);
	if (rc)
		ht_sizes_fini(&s);
	else
		*ret = s;
	return rc;
}

void ht_sizes_fini(struct ht_sizes *s)
{
	ht_spread_fini(&s->spread);
	free(s->grown.at);
	*s = (struct ht_sizes){ 0 };
}

struct ht_tally *ht_sizes_values(const struct ht_sizes *s, bool copied)
{
	struct ht_tally *value = calloc(s->grown.count + 1, sizeof(*value));

	for (size_t i = 0; value && copied && i < s->grown.count; i++)
		value[i] =
			(struct ht_tally){ s->grown.at[i].copied_bytes, s->grown.at[i].grown + s->grown.at[i].moved };
	for (size_t i = 0; value && !copied && i < s->spread.entries.count; i++) {
		const struct ht_spread_entry *e = &s->spread.entries.at[i];

		value[e->site].bytes += e->tally.bytes;
		value[e->site].count += e->tally.count;
	}
	return value;
}

int ht_sizes_grown_by_place(const struct ht_sizes *s, const struct ht_places *p, struct ht_grown **ret,
			    struct ht_err *err)
{
	struct ht_grown *at = calloc(p->nodes.count, sizeof(*at));

	if (!at)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", p->nodes.count);
	for (size_t i = 0; i < s->grown.count; i++) {
		const struct ht_grown *g = &s->grown.at[i];
		struct ht_grown *to = &at[p->site[i]];

		to->chains += g->chains;
		to->grown += g->grown;
		to->moved += g->moved;
		to->copied_bytes += g->copied_bytes;
		if (g->most > to->most)
			to->most = g->most;
	}
	*ret = at;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* spread.c -- counts blocks by site and class, sparsely: a site uses few classes
 *
 * spread.h says for whom.
 */
#include "inspect/spread.h"

#include <stdlib.h>

static int no_memory(const struct ht_spread *s, struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", s->sites.list.count);
}

static void count(struct ht_tally *t, uint64_t bytes)
{
	t->bytes += bytes;
	t->count++;
}

static int site_of(struct ht_spread *s, uint64_t image, uint32_t context, size_t *ret, struct ht_err *err)
{
	uint32_t *number = ht_index_at(&s->sites.by_context, image << 32, context);
	struct ht_site *new;

	if (number && *number) {
		*ret = *number - 1;
		return 0;
	}
	new = number ? HT_LIST_ADD(&s->sites.list) : NULL;
	if (!new)
		return no_memory(s, err);
	new->image = image;
	new->context = context;
	*number = (uint32_t)s->sites.list.count;
	*ret = *number - 1;
	return 0;
}

int ht_spread_add(struct ht_spread *s, uint64_t image, const struct ht_live_block *b, uint32_t class, size_t *ret,
		  struct ht_err *err)
{
	struct ht_spread_entry *entry;
	uint32_t *number;
	size_t site = 0;

	if (site_of(s, image, b->context, &site, err))
		return HT_ESYSTEM;
	number = ht_index_at(&s->by_class, site, class);
	if (!number)
		return no_memory(s, err);
	if (!*number) {
		entry = HT_LIST_ADD(&s->entries);
		if (!entry)
			return no_memory(s, err);
		entry->site = (uint32_t)site;
		entry->class = class;
		*number = (uint32_t)s->entries.count;
	}
	count(&s->entries.at[*number - 1].tally, b->size);
	count(&s->whole[class], b->size);
	count(&s->all, b->size);
	*ret = site;
	return 0;
}

void ht_spread_fini(struct ht_spread *s)
{
	ht_sites_fini(&s->sites);
	free(s->entries.at);
	ht_index_fini(&s->by_class);
	*s = (struct ht_spread){ 0 };
}

/* ---- by place ---------------------------------------------------------------------------------------------- */

static int by_node(const void *a, const void *b, void *places)
{
	const struct ht_spread_entry *x = a, *y = b;
	const uint32_t *node = ((const struct ht_places *)places)->site;

	return (node[x->site] > node[y->site]) - (node[x->site] < node[y->site]);
}

void ht_spread_sort(struct ht_spread *s, const struct ht_places *p)
{
	if (s->entries.count)
		qsort_r(s->entries.at, s->entries.count, sizeof(*s->entries.at), by_node, (void *)p);
	ht_index_fini(&s->by_class); /* it leads to where they were */
}

void ht_spread_place(const struct ht_spread *s, const struct ht_places *p, uint32_t node,
		     struct ht_tally ret[HT_SPREAD_CLASSES])
{
	size_t from = 0, to = s->entries.count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (p->site[s->entries.at[middle].site] < node)
			from = middle + 1;
		else
			to = middle;
	}
	for (int class = 0; class < HT_SPREAD_CLASSES; class ++)
		ret[class] = (struct ht_tally){ 0 };
	for (; from < s->entries.count && p->site[s->entries.at[from].site] == node; from++) {
		const struct ht_spread_entry *e = &s->entries.at[from];

		ret[e->class].bytes += e->tally.bytes;
		ret[e->class].count += e->tally.count;
	}
}

/* ---- ranking ----------------------------------------------------------------------------------------------- */

static int descending(uint64_t x, uint64_t y)
{
	return (x < y) - (x > y);
}

static int by_figure(const void *a, const void *b, void *by_count)
{
	const struct ht_spread_ranked *x = a, *y = b;
	int counts = descending(x->value.count, y->value.count), bytes = descending(x->value.bytes, y->value.bytes);
	bool count_first = *(bool *)by_count;

	if (count_first ? counts : bytes)
		return count_first ? counts : bytes;
	if (count_first ? bytes : counts)
		return count_first ? bytes : counts;
	return descending(y->node, x->node);
}

int ht_spread_rank(const struct ht_spread *s, const struct ht_places *p, const struct ht_tally *value, bool by_count,
		   struct ht_spread_ranking *ret, struct ht_err *err)
{
	struct ht_tally *at = calloc(p->nodes.count, sizeof(*at));
	struct ht_spread_ranking r = { 0 };

	if (!at)
		return no_memory(s, err);
	for (size_t i = 0; i < s->sites.list.count; i++) {
		at[p->site[i]].bytes += value[i].bytes;
		at[p->site[i]].count += value[i].count;
		r.all.bytes += value[i].bytes;
		r.all.count += value[i].count;
	}
	for (uint32_t node = 0; node < p->nodes.count; node++) {
		struct ht_spread_ranked *new;

		if (!at[node].count)
			continue;
		new = HT_LIST_ADD(&r.list);
		if (!new) {
			free(at);
			ht_spread_unrank(&r);
			return no_memory(s, err);
		}
		*new = (struct ht_spread_ranked){ node, at[node] };
	}
	free(at);
	if (r.list.count)
		qsort_r(r.list.at, r.list.count, sizeof(*r.list.at), by_figure, &by_count);
	*ret = r;
	return 0;
}

void ht_spread_unrank(struct ht_spread_ranking *r)
{
	free(r->list.at);
	*r = (struct ht_spread_ranking){ 0 };
}

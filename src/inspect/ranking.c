/* SPDX-License-Identifier: Apache-2.0 */
/* ranking.c -- adds sites up by place, and sorts
 *
 * ranking.h says in which order.
 */
#include "inspect/ranking.h"

#include <stdlib.h>

const char *ht_measure_name(enum ht_measure by)
{
	static const char *const names[HT_MEASURES] = {
		[HT_BY_LEAKED] = "leaked", [HT_BY_PEAK] = "peak",           [HT_BY_ALLOCATED] = "allocated",
		[HT_BY_CALLS] = "calls",   [HT_BY_TEMPORARY] = "temporary",
	};

	return names[by];
}

bool ht_measure_counts(enum ht_measure by)
{
	return by == HT_BY_CALLS || by == HT_BY_TEMPORARY;
}

struct ht_tally ht_measure_of(const struct ht_site *s, enum ht_measure by)
{
	switch (by) {
	case HT_BY_LEAKED:
		return s->leaked;
	case HT_BY_PEAK:
		return s->peak;
	case HT_BY_ALLOCATED:
		return s->allocated;
	case HT_BY_CALLS:
		return (struct ht_tally){ s->allocated.bytes, s->calls };
	default:
		return s->temporary;
	}
}

struct ht_tally *ht_measure_values(const struct ht_sites *sites, enum ht_measure by)
{
	struct ht_tally *value = calloc(sites->list.count + 1, sizeof(*value));

	for (size_t i = 0; value && i < sites->list.count; i++)
		value[i] = ht_measure_of(&sites->list.at[i], by);
	return value;
}

static int descending(uint64_t x, uint64_t y)
{
	return (x < y) - (x > y);
}

static int by_bytes(const void *a, const void *b)
{
	const struct ht_ranked *x = a, *y = b;
	int order = descending(x->value.bytes, y->value.bytes);

	if (!order)
		order = descending(x->value.count, y->value.count);
	return order ? order : descending(y->node, x->node);
}

static int by_count(const void *a, const void *b)
{
	const struct ht_ranked *x = a, *y = b;
	int order = descending(x->value.count, y->value.count);

	if (!order)
		order = descending(x->value.bytes, y->value.bytes);
	return order ? order : descending(y->node, x->node);
}

int ht_ranking_make(const struct ht_sites *sites, const struct ht_places *places, enum ht_measure by,
		    struct ht_ranking *ret, struct ht_err *err)
{
	struct ht_tally *at = calloc(places->nodes.count + 1, sizeof(*at));
	struct ht_ranking r = { 0 };

	if (!at)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu frames", places->nodes.count);
	for (size_t i = 0; i < sites->list.count; i++) {
		struct ht_tally value = ht_measure_of(&sites->list.at[i], by);

		at[places->site[i]].bytes += value.bytes;
		at[places->site[i]].count += value.count;
		r.whole.bytes += value.bytes;
		r.whole.count += value.count;
	}
	for (size_t node = 0; node < places->nodes.count; node++) {
		struct ht_ranked *new;

		if (!at[node].count)
			continue;
		new = HT_LIST_ADD(&r.list);
		if (!new) {
			free(at);
			ht_ranking_fini(&r);
			return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", places->nodes.count);
		}
		*new = (struct ht_ranked){ (uint32_t)node, at[node] };
	}
	free(at);
	if (r.list.count)
		qsort(r.list.at, r.list.count, sizeof(*r.list.at), ht_measure_counts(by) ? by_count : by_bytes);
	*ret = r;
	return 0;
}

void ht_ranking_fini(struct ht_ranking *r)
{
	free(r->list.at);
	*r = (struct ht_ranking){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ranking.c -- adds sites up by group, and sorts
 *
 * ranking.h says in which order.
 */
#include "inspect/ranking.h"

#include <stdlib.h>

const char *ht_measure_name(enum ht_measure by)
{
	static const char *const names[HT_MEASURES] = {
		[HT_BY_LEAKED] = "leaked", [HT_BY_PEAK] = "peak",           [HT_BY_ALLOCATED] = "allocated",
		[HT_BY_CALLS] = "calls",   [HT_BY_TEMPORARY] = "temporary", [HT_BY_LIVE] = "live",
		[HT_BY_GROWTH] = "growth", [HT_BY_AIFO] = "aifo",           [HT_BY_AIFI] = "aifi",
		[HT_BY_AOFI] = "aofi",     [HT_BY_AOFO] = "aofo",
	};

	return names[by];
}

bool ht_measure_counts(enum ht_measure by)
{
	return by == HT_BY_CALLS || by == HT_BY_TEMPORARY;
}

/* a + sign * b, modulo 2^64. */
static struct ht_tally both(struct ht_tally a, struct ht_tally b, int sign)
{
	return (struct ht_tally){ a.bytes + (uint64_t)sign * b.bytes, a.count + (uint64_t)sign * b.count };
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
	case HT_BY_TEMPORARY:
		return s->temporary;
	case HT_BY_LIVE:
		return both(s->nature[HT_AIFO], s->nature[HT_AOFO], 1);
	case HT_BY_GROWTH:
		return both(s->nature[HT_AIFO], s->nature[HT_AOFI], -1);
	case HT_BY_AIFO:
		return s->nature[HT_AIFO];
	case HT_BY_AIFI:
		return s->nature[HT_AIFI];
	case HT_BY_AOFI:
		return s->nature[HT_AOFI];
	default:
		return s->nature[HT_AOFO];
	}
}

struct ht_tally *ht_measure_values(const struct ht_sites *sites, enum ht_measure by)
{
	struct ht_tally *value = calloc(sites->list.count + 1, sizeof(*value));

	for (size_t i = 0; value && i < sites->list.count; i++)
		value[i] = ht_measure_of(&sites->list.at[i], by);
	return value;
}

struct ht_amount ht_measure_amount(const struct ht_site *s, enum ht_measure by)
{
	struct ht_tally t = ht_measure_of(s, by);

	return (struct ht_amount){ (int64_t)t.bytes, (int64_t)t.count };
}

static int descending(int64_t x, int64_t y)
{
	return (x < y) - (x > y);
}

int ht_measure_compare(enum ht_measure by, const struct ht_amount *x, const struct ht_amount *y)
{
	int bytes = descending(x->bytes, y->bytes), count = descending(x->count, y->count);

	if (ht_measure_counts(by))
		return count ? count : bytes;
	return bytes ? bytes : count;
}

static int compare(const void *a, const void *b, void *by)
{
	const struct ht_ranked *x = a, *y = b;
	int order = ht_measure_compare(*(const enum ht_measure *)by, &x->value, &y->value);

	return order ? order : (x->group > y->group) - (x->group < y->group);
}

int ht_ranking_make(const struct ht_sites *sites, const struct ht_groups *groups, enum ht_measure by,
		    struct ht_ranking *ret, struct ht_err *err)
{
	struct ht_amount *at = calloc(groups->list.count + 1, sizeof(*at));
	struct ht_ranking r = { 0 };

	if (!at)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", groups->list.count);
	for (size_t i = 0; i < sites->list.count; i++) {
		struct ht_amount value = ht_measure_amount(&sites->list.at[i], by);

		at[groups->site[i]].bytes += value.bytes;
		at[groups->site[i]].count += value.count;
		r.whole.bytes += value.bytes;
		r.whole.count += value.count;
	}
	for (size_t group = 0; group < groups->list.count; group++) {
		struct ht_ranked *new;

		if (!at[group].count && !at[group].bytes)
			continue;
		new = HT_LIST_ADD(&r.list);
		if (!new) {
			free(at);
			ht_ranking_fini(&r);
			return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", groups->list.count);
		}
		*new = (struct ht_ranked){ (uint32_t)group, at[group] };
	}
	free(at);
	if (r.list.count)
		qsort_r(r.list.at, r.list.count, sizeof(*r.list.at), compare, &by);
	*ret = r;
	return 0;
}

void ht_ranking_fini(struct ht_ranking *r)
{
	free(r->list.at);
	*r = (struct ht_ranking){ 0 };
}

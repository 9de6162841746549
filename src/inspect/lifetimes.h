/* SPDX-License-Identifier: Apache-2.0 */
/* lifetimes.h -- how long blocks live, which are thrown away at once, and which change hands
 *
 * Caller: show/lifetimes.c. man/heaptap-lifetimes.1 says what the figures mean.
 *
 *   by time     under 1 us, 10 us, ... 100 s, longer; kept, replaced, forgotten; existed before
 *   by calls    how many calls of its thread after its birth it was released: 1, 2, 3-4, 5-8, ...; or by another thread
 *   brief       released within so many calls of its own thread, or within a time by whomever
 *   hand-over   made by one thread, released by another: how many, for each pair
 *
 * Always true:
 *   each block that passes is in exactly one class by time; the memory grows with sites and pairs of threads
 */
#ifndef HT_LIFETIMES_H
#define HT_LIFETIMES_H

#include "inspect/ends.h"
#include "inspect/spread.h"

#define HT_LIFE_TIMES 10 /* class k: less than 10^k us; the last: all that is longer */

enum {
	HT_LIFE_KEPT = HT_LIFE_TIMES,
	HT_LIFE_REPLACED,
	HT_LIFE_FORGOTTEN,
	HT_LIFE_EXISTED,
	HT_LIFE_CLASSES,
};

#define HT_LIFE_CALLS 66 /* by calls: classes as of ht_sites_size_class() */

struct ht_hand_over {
	uint32_t from, to; /* places in the model's list of streams */
	struct ht_tally tally;
};

enum ht_life_figure { HT_LIFE_BRIEF, HT_LIFE_ELSEWHERE, HT_LIFE_AT_END, HT_LIFE_ALL, HT_LIFE_FIGURES };

/* Of a site: what was brief, what another thread released, what was kept to the end; and all. */
struct ht_life {
	struct ht_tally figure[HT_LIFE_FIGURES];
};

struct ht_lifetimes {
	struct ht_spread spread;       /* by time */
	HT_LIST(struct ht_life) lives; /* of each site of the spread */
	struct ht_life whole;
	struct ht_tally calls[HT_LIFE_CALLS];    /* released by the own thread */
	HT_LIST(struct ht_hand_over) hand_overs; /* most blocks first */
};

/* One of the two is 0. */
struct ht_lifetimes_options {
	uint64_t brief_calls, brief_ns;
};

/* Nanoseconds that class k does not reach; UINT64_MAX: no bound. */
uint64_t ht_lifetimes_bound_ns(uint32_t class);

int ht_lifetimes_take(struct ht_model *t, struct ht_filter *f, const struct ht_lifetimes_options *o,
		      struct ht_lifetimes *ret, struct ht_err *err);

/* Of each site, in memory of malloc; NULL: there is none. */
struct ht_tally *ht_lifetimes_values(const struct ht_lifetimes *l, enum ht_life_figure f);

void ht_lifetimes_fini(struct ht_lifetimes *l);

#endif

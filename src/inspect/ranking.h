/* SPDX-License-Identifier: Apache-2.0 */
/* ranking.h -- what matters most by one measure: sites added up by group, and sorted
 *
 * Callers: show/report.c, and whoever wants to name the worst.
 *
 *   sites with a value ──groups──► one value for each group ──► sorted: the largest first, all of them
 *
 * The order is a rule, not an accident: the measure's main figure, the other one, then the group with the lower context. A growth may
 * be below zero; such groups come last.
 */
#ifndef HT_RANKING_H
#define HT_RANKING_H

#include "inspect/groups.h"

enum ht_measure {
	HT_BY_LEAKED,
	HT_BY_PEAK,
	HT_BY_ALLOCATED,
	HT_BY_CALLS,
	HT_BY_TEMPORARY,
	HT_MEASURES_OF_ALL,              /* those before make sense without a window */
	HT_BY_LIVE = HT_MEASURES_OF_ALL, /* when the window ends: AIFO and AOFO */
	HT_BY_GROWTH,                    /* over the window: AIFO less AOFI */
	HT_BY_AIFO,
	HT_BY_AIFI,
	HT_BY_AOFI,
	HT_BY_AOFO,
	HT_MEASURES,
};

struct ht_amount {
	int64_t bytes, count;
};

struct ht_ranked {
	uint32_t group;
	struct ht_amount value;
};

struct ht_ranking {
	HT_LIST(struct ht_ranked) list;
	struct ht_amount whole; /* of all in the list together */
};

/* "leaked", "peak", ...: as the user writes it. */
const char *ht_measure_name(enum ht_measure by);

/* Whether blocks count more than bytes. */
bool ht_measure_counts(enum ht_measure by);

/* by calls: the bytes are those allocated. A growth may be below zero: the tally holds it modulo 2^64, the amount with its sign. */
struct ht_tally ht_measure_of(const struct ht_site *s, enum ht_measure by);
struct ht_amount ht_measure_amount(const struct ht_site *s, enum ht_measure by);

/* Of each site, in memory of malloc; NULL: there is none. */
struct ht_tally *ht_measure_values(const struct ht_sites *sites, enum ht_measure by);

/* < 0: x comes before y. */
int ht_measure_compare(enum ht_measure by, const struct ht_amount *x, const struct ht_amount *y);

int ht_ranking_make(const struct ht_sites *sites, const struct ht_groups *groups, enum ht_measure by,
		    struct ht_ranking *ret, struct ht_err *err);
void ht_ranking_fini(struct ht_ranking *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* ranking.h -- the places that matter most by one measure
 *
 * Callers: show/report.c, and whoever wants to name the worst.
 *
 *   sites with a value ──places──► nodes, added up ──► sorted: the largest first, all of them
 *
 * The order is a rule, not an accident: the measure's main figure, the other one, then the place that was met first.
 */
#ifndef HT_RANKING_H
#define HT_RANKING_H

#include "inspect/places.h"

enum ht_measure {
	HT_BY_LEAKED,
	HT_BY_PEAK,
	HT_BY_ALLOCATED,
	HT_BY_CALLS,
	HT_BY_TEMPORARY,
	HT_MEASURES,
};

struct ht_ranked {
	uint32_t node;
	struct ht_tally value;
};

struct ht_ranking {
	HT_LIST(struct ht_ranked) list;
	struct ht_tally whole; /* of all in the list together */
};

/* "leaked", "peak", ...: as the user writes it. */
const char *ht_measure_name(enum ht_measure by);

/* Whether blocks count more than bytes. */
bool ht_measure_counts(enum ht_measure by);

/* by calls: the bytes are those allocated. */
struct ht_tally ht_measure_of(const struct ht_site *s, enum ht_measure by);

/* Of each site, in memory of malloc; NULL: there is none. */
struct ht_tally *ht_measure_values(const struct ht_sites *sites, enum ht_measure by);

int ht_ranking_make(const struct ht_sites *sites, const struct ht_places *places, enum ht_measure by,
		    struct ht_ranking *ret, struct ht_err *err);
void ht_ranking_fini(struct ht_ranking *r);

#endif

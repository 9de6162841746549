/* SPDX-License-Identifier: Apache-2.0 */
/* summary.h -- a whole trace, added up by site and named: what answers about places begin with
 *
 * Callers: the commands that compare with something: another trace, a budget.
 *
 *   model ──► sites ──► places ──► what the runtime keeps, set apart
 */
#ifndef HT_SUMMARY_H
#define HT_SUMMARY_H

#include "inspect/places.h"

struct ht_summary {
	struct ht_model *model; /* borrowed, as the symbols behind the places are */
	struct ht_sites sites;
	struct ht_places places;
};

int ht_summary_take(struct ht_model *t, struct ht_symbols *symbols, const struct ht_sites_options *o,
		    struct ht_summary *ret, struct ht_err *err);
void ht_summary_fini(struct ht_summary *s);

/* Calls of the whole trace that are in no sum. */
uint64_t ht_summary_lost(const struct ht_summary *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h -- parts of a program, each with a peak of its own
 *
 * Caller: budget.c. A part is a set of sites, usually all that allocate within one function; parts may overlap.
 *
 *   whole      __/''\_____/'\__        its peak says nothing about a part's:
 *   part       ______/'\_______
 *
 * Always true:
 *   the sites are those of ht_sites_take() on the same trace, neither split nor restricted; a part of all of them has the peak that the totals have
 */
#ifndef HT_PARTS_H
#define HT_PARTS_H

#include "inspect/sites.h"

struct ht_part {
	bool *has; /* of each site: whether it belongs to it */
	struct ht_tally peak;
	struct ht_tally *held; /* of each site: what it held then */
};

/* Replays the trace once for all of them. `has` is given, the rest is filled in; held is of malloc. */
int ht_parts_peak(struct ht_model *t, struct ht_sites *sites, struct ht_part *part, size_t parts, struct ht_err *err);
void ht_part_fini(struct ht_part *p);

#endif

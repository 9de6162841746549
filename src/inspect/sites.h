/* SPDX-License-Identifier: Apache-2.0 */
/* sites.h -- who allocated what: one pass over the history, a few sums for each site
 *
 * Callers: places.c, which puts names to the sites, and every command that adds up.
 *
 *   site = (image, context)       a call of an allocator function, with its whole stack
 *
 *   event ──► the site of the block, by its birth ──► live, allocated, temporary, ...     and the same for the whole
 *
 * The peak is exact for every site, at one step per event:
 *
 *   whole     ____/'\__/''''\___        each new height starts an epoch
 *   site      a ──── b ──────── c       before it changes, a site looks: was there a new height since it changed last?
 *                                       then what it holds now is what it held at that height
 *
 * Always true:
 *   I1  memory is bounded by sites and live blocks, never by events
 *   I2  a sum of the whole is the sum of the sites'
 *   I3  at the end: allocated = freed + left, block by block, as the replay told them
 *
 * What counts as leaked, temporary and peak: man/heaptap-report.1.
 */
#ifndef HT_SITES_H
#define HT_SITES_H

#include "inspect/index.h"
#include "inspect/replay.h"

struct ht_tally {
	uint64_t bytes, count;
};

struct ht_site {
	uint64_t image;
	uint32_t context;
	struct ht_tally live, peak;
	struct ht_tally allocated; /* reallocations with their whole new size */
	struct ht_tally temporary;
	struct ht_tally leaked;
	uint64_t calls; /* allocations and reallocations, failed ones too */
	uint64_t epoch; /* of the whole's peak when the site was brought up to date */
};

struct ht_totals {
	struct ht_tally live, peak, allocated, temporary, leaked;
	struct ht_tally runtime; /* leaked blocks that runtime.c set apart */
	uint64_t calls, frees, failed;
	uint64_t peak_ticks, epoch;
};

struct ht_sites {
	HT_LIST(struct ht_site) list;
	struct ht_index by_context; /* (image, context) to number in the list + 1 */
	struct ht_totals totals;
	uint64_t other_calls; /* of processes that the first one made: not in any sum */
	struct ht_history history;
};

struct ht_sites_options {
	uint64_t temporary_ns; /* also temporary: freed within this time, by whomever; 0: no */
};

/* Replays the whole trace. */
int ht_sites_take(struct ht_model *t, const struct ht_sites_options *o, struct ht_sites *ret, struct ht_err *err);
void ht_sites_fini(struct ht_sites *s);

#endif

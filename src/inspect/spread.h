/* SPDX-License-Identifier: Apache-2.0 */
/* spread.h -- how blocks are spread over classes, in all and by place: the histograms
 *
 * Callers: lifetimes.c, sizes.c; their commands print it.
 *
 *   (site, class) += block          site: image and context of its birth; class: a small number that the caller knows
 *        └──► whole[class]
 *        └──► by place, when the sites have names: ht_spread_sort(), then ht_spread_place()
 *
 * Always true:
 *   memory grows with the sites and the classes that each of them uses, never with the blocks
 */
#ifndef HT_SPREAD_H
#define HT_SPREAD_H

#include "inspect/places.h"

#define HT_SPREAD_CLASSES 72

struct ht_spread_entry {
	uint32_t site, class;
	struct ht_tally tally;
};

struct ht_spread {
	struct ht_sites sites; /* those that were met, without sums: what places.h puts names to */
	struct ht_tally all, whole[HT_SPREAD_CLASSES];
	HT_LIST(struct ht_spread_entry) entries;
	struct ht_index by_class; /* (site, class) to entry + 1 */
};

/* The number of the site in *ret. */
int ht_spread_add(struct ht_spread *s, uint64_t image, const struct ht_live_block *b, uint32_t class, size_t *ret,
		  struct ht_err *err);
void ht_spread_fini(struct ht_spread *s);

/* By place: to be called when nothing is added any more. */
void ht_spread_sort(struct ht_spread *s, const struct ht_places *p);

/* What the sites of one place have in each class. */
void ht_spread_place(const struct ht_spread *s, const struct ht_places *p, uint32_t node,
		     struct ht_tally ret[HT_SPREAD_CLASSES]);

/* A place and what it has of some figure. */
struct ht_spread_ranked {
	uint32_t node;
	struct ht_tally value;
};

struct ht_spread_ranking {
	HT_LIST(struct ht_spread_ranked)
	list; /* those that have any, the largest first; then the place that was met first */
	struct ht_tally all;
};

/* value: of each site. by_count: the count is the figure, else the bytes. */
int ht_spread_rank(const struct ht_spread *s, const struct ht_places *p, const struct ht_tally *value, bool by_count,
		   struct ht_spread_ranking *ret, struct ht_err *err);
void ht_spread_unrank(struct ht_spread_ranking *r);

#endif

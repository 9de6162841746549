/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.h -- how large blocks are, and which of them realloc made larger
 *
 * Caller: show/sizes.c. man/heaptap-sizes.1 says what the figures mean.
 *
 *   by size    0, 1, 2, 3-4, 5-8, ...: ht_sites_size_class()
 *   grown      chains of reallocations (growth.h): how often each made its block larger, and what was copied for it
 *
 * Always true:
 *   each block that passes is in exactly one class; a chain counts if its last block passes
 */
#ifndef HT_SIZES_H
#define HT_SIZES_H

#include "inspect/growth.h"
#include "inspect/spread.h"

#define HT_SIZES_CLASSES 66

/* Chains of a site, or of all. */
struct ht_grown {
	uint64_t chains, grown, most, moved, copied_bytes; /* most: of one chain */
};

struct ht_sizes {
	struct ht_spread spread;
	HT_LIST(struct ht_grown) grown; /* of each site of the spread */
	struct ht_grown whole;
	uint64_t chains[HT_SIZES_CLASSES]; /* by how often they grew: 0, 1, 2, 3-4, ... */
};

int ht_sizes_take(struct ht_model *t, struct ht_filter *f, struct ht_sizes *ret, struct ht_err *err);
void ht_sizes_fini(struct ht_sizes *s);

/* Of each site, in memory of malloc (NULL: there is none): its blocks; or what its chains copied, the count being how often they grew
 * or moved. */
struct ht_tally *ht_sizes_values(const struct ht_sizes *s, bool copied);

/* The chains of each node of the places, in memory of malloc. */
int ht_sizes_grown_by_place(const struct ht_sizes *s, const struct ht_places *p, struct ht_grown **ret,
			    struct ht_err *err);

#endif

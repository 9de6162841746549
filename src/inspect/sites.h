/* SPDX-License-Identifier: Apache-2.0 */
/* sites.h -- who allocated what: one pass over the history, a few sums for each site
 *
 * Callers: places.c, which puts names to the sites, and every command that adds up.
 *
 *   site = (image, context, part)  a call of an allocator function, with its whole stack; by thread or size if asked
 *
 *   event ──► the site of the block, by its birth ──► live, peak     a block's end ──► all the other sums
 *
 * A block is an interval of time, and the question may be about a window of it:
 *
 *            from          to
 *   ──────────┤            ├──────────
 *       ●─────┼─────●      |             AOFI  allocated before, freed inside          shrinks
 *       ●─────┼────────────┼───●         AOFO  allocated before, lives across
 *             |  ●────●    |             AIFI  allocated inside, freed inside          transient
 *             |  ●─────────┼──────●      AIFO  allocated inside, still there           grows
 *
 * The peak is exact for every site, at one step per event: each new height of the whole starts an epoch, and before a site
 * changes it looks whether there was a new height since it changed last; then what it holds now it held at that height.
 *
 * Always true:
 *   I1  memory is bounded by sites and live blocks, never by events
 *   I2  a sum of the whole is the sum of the sites'
 *   I3  every block that passes the filter is in exactly one of the natures, or lay wholly outside of the window
 *   I4  of several processes the sums are those of all together, each block where it was made: what a child inherited is its
 *       parent's, and a process's blocks are live until it ends
 */
#ifndef HT_SITES_H
#define HT_SITES_H

#include "inspect/filter.h"
#include "inspect/index.h"
#include "inspect/replay.h"

struct ht_tally {
	uint64_t bytes, count;
};

enum ht_nature { HT_AIFO, HT_AIFI, HT_AOFI, HT_AOFO, HT_NATURES };

struct ht_site {
	uint64_t image;
	uint32_t context;
	uint32_t part; /* by thread: place of the stream in the model's list; by size: the class; else 0 */
	struct ht_tally live, peak;
	struct ht_tally allocated; /* reallocations with their whole new size */
	struct ht_tally temporary;
	struct ht_tally leaked;
	struct ht_tally nature[HT_NATURES];
	uint64_t calls; /* allocations and reallocations, failed ones too */
	uint64_t epoch; /* of the whole's peak when the site was brought up to date */
};

struct ht_totals {
	struct ht_tally live, peak, allocated, temporary, leaked;
	struct ht_tally nature[HT_NATURES];
	struct ht_tally runtime;                 /* leaked blocks that runtime.c set apart */
	struct ht_tally suppressed;              /* ... that suppress.c did */
	struct ht_tally late;                    /* ... that were made too late to be judged */
	uint64_t calls, reallocs, frees, failed; /* reallocs: of the calls */
	uint64_t peak_ticks, epoch;
};

struct ht_sites {
	HT_LIST(struct ht_site) list; /* of those that count, by image, context, part */
	struct ht_index by_context;   /* (image and part, context) to number in the list + 1 */
	struct ht_totals totals;
	struct ht_history history;
};

enum ht_split { HT_SPLIT_NOT, HT_SPLIT_THREAD, HT_SPLIT_SIZE };

struct ht_sites_options {
	struct ht_filter *filter; /* bound */
	enum ht_split split;
	uint64_t temporary_ns; /* also temporary: freed within this time, by whomever; 0: no */
	uint64_t late_ticks;   /* what was made from then on counts as late, not as leaked */
};

/* Class 0 holds size 0, class 1 size 1, class k sizes above 2^(k-2), up to 2^(k-1). */
uint32_t ht_sites_size_class(uint64_t size);
void ht_sites_size_bounds(uint32_t class, uint64_t *least, uint64_t *most);

/* Replays the whole trace. With a restriction of lifetimes there is no peak, and no failed call. */
int ht_sites_take(struct ht_model *t, const struct ht_sites_options *o, struct ht_sites *ret, struct ht_err *err);
void ht_sites_fini(struct ht_sites *s);

#endif

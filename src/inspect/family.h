/* SPDX-License-Identifier: Apache-2.0 */
/* family.h -- the processes of a trace side by side: what each allocated, held at most, and never freed; and all together
 *
 * Caller: show/info.c.
 *
 *   process 1   ___/^^\______        each its own peak, at its own time
 *   process 2   ______/^^\_|
 *   all         ___/^^^^^\___        the peak of the sum, at most the sum of the peaks
 *
 * Always true:
 *   K1  a block counts for the process that made it, until it leaves there (replay.h): what a child inherited is its parent's
 *   K2  live bytes of all are the sum of the processes'
 */
#ifndef HT_FAMILY_H
#define HT_FAMILY_H

#include "inspect/replay.h"

struct ht_member {
	uint64_t allocated_bytes, allocated_blocks;
	uint64_t live_bytes, live_blocks;
	uint64_t peak_bytes, peak_blocks, peak_ticks; /* blocks: at that moment; the first of several equal ones */
	uint64_t unfreed_bytes, unfreed_blocks;       /* when the process ended */
};

struct ht_family {
	struct ht_member *member; /* of each of the model's processes, in their order */
	struct ht_member all;     /* of those too that have no record */
};

/* Replays the whole trace. */
int ht_family_take(struct ht_model *t, struct ht_family *ret, struct ht_err *err);
void ht_family_fini(struct ht_family *f);

#endif

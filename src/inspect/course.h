/* SPDX-License-Identifier: Apache-2.0 */
/* course.h -- live bytes and blocks in the course of time, in equal steps, with the exact peak
 *
 * Caller: show/timeline.c.
 *
 *   bytes        _/'\__              point   what is live when the step ends, the most within it, and what was done in it
 *   time    0 |-----|-----|-----|    step    all are equally long; the last event of the trace is in the last
 *
 * Always true:
 *   V1  an event belongs to the first step, from that of the event before it on, that is not over at its time; so a step never
 *       goes back, and the most of all steps is the peak
 *   V2  peak: the first moment with the most live bytes. A block that a realloc is moving counts until the realloc is over
 *   V3  a point without events repeats what was live before it
 *   V4  a place is followed as the whole is: V1 and V3 hold for its share
 *   V5  of several processes all count together, each block where it was made, until its process ends; those that end with
 *       the last event or later keep their blocks to the end
 */
#ifndef HT_COURSE_H
#define HT_COURSE_H

#include "inspect/sites.h"

struct ht_course_point {
	uint64_t bytes, blocks; /* live when the step ends */
	uint64_t most_bytes, most_blocks;
	uint64_t allocs, frees; /* calls that made and that released a block; a realloc is both */
	uint64_t allocated_bytes, released_bytes;
};

/* Places whose share is followed, too. */
struct ht_course_parts {
	struct ht_sites *sites; /* of the whole trace */
	const uint32_t *part;   /* of each site: the number of its place, or `count` if it belongs to none of them */
	uint32_t count;
};

/* What a place has live when a step ends, and the most within it. */
struct ht_course_share {
	uint64_t bytes, most_bytes;
};

struct ht_course {
	struct ht_course_point *point;
	size_t points;
	uint64_t step_ns;
	uint64_t peak_bytes, peak_blocks, peak_ns; /* peak_blocks: at that moment */
	size_t peak_point;
	bool has_peak;                 /* anything was ever live */
	struct ht_course_share *share; /* of place p in step i: share[p * points + i] */
};

int ht_course_take(struct ht_model *t, size_t points, const struct ht_course_parts *parts, struct ht_course *ret,
		   struct ht_err *err);
void ht_course_fini(struct ht_course *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h -- ticks of a session's clock to nanoseconds
 *
 * Filled by model.c from CLOCK blocks; asked by replay.c (is it within a microsecond?) and by show/ (time_ns).
 *
 *   ns
 *    |              x''''   after the last pair: as between the last two
 *    |        x''''
 *    |  '''x''              between two pairs: a straight line
 *    +------------------ ticks
 *
 * docs/trace-format.md, section 5.6. Every result is rounded down to whole nanoseconds.
 */
#ifndef HT_CLOCK_H
#define HT_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "inspect/arena.h"

struct ht_clock_pair {
	uint64_t ticks, ns;
	size_t order; /* of two pairs with the same ticks the first one counts */
};

struct ht_clock {
	HT_LIST(struct ht_clock_pair) pairs;
	__int128 start_ns;
	size_t latest; /* the pair in front of the latest question: the next one is near it */
};

/* Sorts the pairs; afterwards questions may be asked. */
void ht_clock_prepare(struct ht_clock *c, uint64_t start_ticks);

/* On the scale of the pairs' ns; may be below 0 or beyond 64 bits if the pairs are odd. */
__int128 ht_clock_ns(struct ht_clock *c, uint64_t ticks);

/* Nanoseconds since the start of the session, at least 0. */
uint64_t ht_clock_time_ns(struct ht_clock *c, uint64_t ticks);

/* The lowest ticks whose time is not below `time_ns`; UINT64_MAX if there are none. */
uint64_t ht_clock_ticks_at(struct ht_clock *c, uint64_t time_ns);

#endif

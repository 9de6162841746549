/* SPDX-License-Identifier: Apache-2.0 */
/* ticker.h -- ticks, and what they are in nanoseconds
 *
 * Used by: recording.c, which stores a pair at the start, every second and at the end; streams.c for times waited.
 *
 *   ticks  --born, last pair-->  nanoseconds     the time stamp counter if invariant, else CLOCK_MONOTONIC
 */
#ifndef HT_TICKER_H
#define HT_TICKER_H

#include <stdint.h>

#include "channel/channel.h"
#include "format/meta.h"

struct ht_ticker {
	enum ht_clock clock;
	struct ht_meta_clock born, first, last; /* when it was made; where the trace's time counts from; the latest */
};

void ht_ticker_init(struct ht_ticker *t); /* chooses the clock and takes the first pair */
void ht_ticker_mark(struct ht_ticker *t); /* takes the last pair */
uint64_t ht_ticker_now(const struct ht_ticker *t);
uint64_t ht_ticker_ns(const struct ht_ticker *t, uint64_t ticks);        /* of a span */
uint64_t ht_ticker_at(const struct ht_ticker *t, uint64_t monotonic_ns); /* the ticks of a moment */
uint64_t ht_ticker_monotonic_ns(void);
uint64_t ht_ticker_boottime_ns(void); /* the clock of process start times */

#endif

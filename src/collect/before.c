/* SPDX-License-Identifier: Apache-2.0 */
/* before.c -- puts the blocks from before into the trace
 *
 * Called by: recording.c.
 */
#include "collect/before.h"

#include "collect/streams.h"

#define ROWS_AT_ONCE 16384u /* between two looks at the pool */

uint64_t ht_before_put(struct ht_streams *ss, struct ht_pool *pool, ht_before_next *next, void *with)
{
	static const struct ht_counters none;
	uint64_t ticks = ss->ticker->first.ticks, count = 0;
	struct ht_stream *st = NULL;
	struct ht_before_block b;

	while (next(with, &b)) {
		if (!st)
			st = ht_streams_open(ss, 0, 1, ticks, &none);
		if (!st)
			return 0;
		ht_streams_row(ss, st,
			       &(struct ht_row){
				       .kind = HT_ROW_EXISTING,
				       .time_ticks = ticks,
				       .address = b.address,
				       .size = b.bytes,
				       .heap = b.heap,
			       });
		if (++count % ROWS_AT_ONCE == 0)
			ht_pool_refill(pool);
	}
	if (st)
		ht_streams_close(ss, st, &none, false);
	return count;
}
